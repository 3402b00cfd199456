package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Rollback takes back what Release did, after a disconnect that failed or was
// not tried: the paths run again, multipathd makes the map again, and I/O to a
// map that was not removed waits again. Each is done only where it is not so,
// and it tries all before it reports. It goes on when ctx is cancelled; each
// of its writes has a limit. The error wraps ErrHalfway when something is not
// as it was.
//
// When what was Released is lost it is called with the serial alone: then it
// lets the volume's paths run that are offline and have nothing on them, and
// leaves making a map to whoever wants one, which LXD does by itself.
func (r *Releaser) Rollback(ctx context.Context, done Released) error {
	if err := usable(done.Serial); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	// A note that can't be made stops nothing here, and is told at the end.
	var unnoted error
	undo := *r
	undo.Note = func(a Action) error {
		unnoted = errors.Join(unnoted, r.note(a))
		return nil
	}
	left := undo.rollback(ctx, done)
	if left != nil {
		left = fmt.Errorf("volume %s on %s: %w: %w", done.Serial, done.Host, ErrHalfway, left)
	}
	if unnoted != nil {
		unnoted = fmt.Errorf("taking it back: %w: %w", ErrUnrecorded, unnoted)
	}
	return errors.Join(left, unnoted)
}

func (r *Releaser) rollback(ctx context.Context, done Released) error {
	v := r.look(ctx, done.Serial)
	if done.Boot != "" && v.host.Boot != "" && done.Boot != v.host.Boot {
		return nil // all of it was forgotten by the kernel
	}
	var left []error
	for _, target := range r.toRun(v, done) {
		if err := r.run(ctx, target); err != nil {
			left = append(left, err)
		}
	}
	for _, m := range done.Maps {
		if err := r.restore(ctx, m, done); err != nil {
			left = append(left, err)
		}
	}
	return errors.Join(left...)
}

// toRun are the paths that were set offline: by what was done, or when that
// is lost by what is seen.
func (r *Releaser) toRun(v *view, done Released) []Target {
	if done.changed() || len(done.Found)+len(done.Left) > 0 {
		return slices.Concat(done.Offline, done.Found)
	}
	var targets []Target
	for _, d := range v.disks {
		if d.Serial == v.serial && d.State == stateOffline && len(d.Holders) == 0 && d.Seq.Known {
			targets = append(targets, targetOf(d, v.serial))
		}
	}
	return targets
}

func (r *Releaser) run(ctx context.Context, target Target) error {
	state, gone := r.stateOf(target)
	if state == stateRunning {
		return nil
	}
	if gone.Is() {
		return fmt.Errorf("%s (%s) has gone; the next scan of its session brings it back", target.Name, target.HCTL)
	}
	act := Action{Do: DoRunning, Name: target.Name, Disk: &target}
	err := r.act(ctx, act, func(ctx context.Context) error { return r.Hands.SetState(ctx, target, stateRunning) })
	if state, _ := r.stateOf(target); state == stateRunning {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s (%s) was set running and is not", target.Name, target.HCTL)
	}
	return err
}

// restore brings a map back, or the queueing of one that is still there. A
// map that is made anew has its queueing from multipathd's configuration.
func (r *Releaser) restore(ctx context.Context, m ReleasedMap, done Released) error {
	there, err := r.mapExists(ctx, m.UUID)
	switch {
	case err != nil:
		return err
	case there && m.QueueingOff:
		act := Action{Do: DoQueueingOn, Name: m.Name, UUID: m.UUID}
		return r.act(ctx, act, func(ctx context.Context) error { return r.Hands.SetQueueing(ctx, m.UUID, true) })
	case there || !done.Connected:
		// Without a connection no path lives, and a map of dead paths helps
		// nobody.
		return nil
	}
	act := Action{Do: DoAddMap, Name: m.Name, UUID: m.UUID}
	err = r.act(ctx, act, func(ctx context.Context) error { return r.Hands.AddMap(ctx, done.Serial.WWID()) })
	if err == nil {
		return nil
	}
	if there, asked := r.mapExists(ctx, m.UUID); asked == nil && there {
		return nil
	}
	return err
}
