package release

import (
	"context"
	"errors"
	"fmt"

	"github.com/pureclean/pureclean/evidence"
)

// Free ends the I/O that waits in the volume's map for a path that will not
// come, and in no other map: whoever waits gets an error, and what is not
// written yet is lost. It refuses unless the map has no path, queues, is open
// and no more than that, and no path of it answers. Nothing brings back what
// it ends; that the map does not queue any more is its only trace.
func (r *Releaser) Free(ctx context.Context, serial evidence.Serial) error {
	if err := usable(serial); err != nil {
		return err
	}
	v := r.look(ctx, serial)
	if err := ctx.Err(); err != nil {
		return err
	}
	if reasons := v.freeReasons(); len(reasons) > 0 {
		return v.refuse(reasons...)
	}
	m := v.maps[0]
	act := Action{Do: DoEndWaiting, Name: m.Name, UUID: m.UUID}
	err := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.SetQueueing(ctx, m.UUID, false) })
	if errors.Is(err, ErrUnrecorded) {
		return err
	}
	// A lost answer is not asked for again: the kernel is.
	still, asked := r.queues(ctx, m.UUID)
	if asked == nil && !still {
		return nil
	}
	return errors.Join(err, asked, fmt.Errorf("whether %s still queues: %v", m.Name, still))
}

// freeReasons are those against ending what waits in the volume's map.
func (v *view) freeReasons() []Reason {
	all := append(append(v.incompleteReasons(), v.otherVolumeReasons()...), v.identityReasons(Expect{})...)
	add := func(code Code, format string, args ...any) {
		all = append(all, Reason{code, fmt.Sprintf(format, args...)})
	}
	if len(v.maps) != 1 {
		add(CodeChanged, "it has %d maps here and not one", len(v.maps))
		return all
	}
	m := v.maps[0]
	switch {
	case m.Queueing.IsNot():
		add(CodeChanged, "%s does not queue", m.Name)
	case !m.Dead():
		add(CodeSession, "it is not certain that %s has no path any more", m.Name)
	}
	for _, use := range v.uses {
		if use.Kind != evidence.UseOpener {
			add(CodeInUse, "%s", useWords(use))
		}
	}
	for _, one := range append([]evidence.Map{m}, v.parts...) {
		known := int64(0)
		for _, use := range v.uses {
			if use.Kind == evidence.UseOpener && use.Device == one.Kernel {
				known++
			}
		}
		if one.UUID == m.UUID {
			known += int64(len(v.parts))
		}
		if !one.OpenCount.Known || one.OpenCount.N > known {
			add(CodeInUse, "not everybody is known who has %s open", one.Name)
		}
	}
	return all
}
