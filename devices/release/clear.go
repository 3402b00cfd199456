package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// clearPauses are between the looks of Clear: at once, and after 1, 5 and 15
// seconds. A scan that ran in between brings paths back, LXD scans at each
// attach. If the last look found something, there are lateLooks more.
var clearPauses = []time.Duration{0, time.Second, 4 * time.Second, 10 * time.Second}

const (
	lateLooks = 2
	latePause = 5 * time.Second

	// goneLimit is how long a deleted disk may take to go: LXD and Cinder
	// wait as long.
	goneLimit = 30 * time.Second
	gonePause = 100 * time.Millisecond
	// After goneSoon it is no longer a matter of moments.
	goneSoon  = 2 * time.Second
	goneLater = 500 * time.Millisecond
	// A namespace goes when the array announces it. The announcement is lost
	// while a controller connects, so after rescanAfter each live one is told
	// to look.
	departureLimit = 30 * time.Second
	namespacePause = 500 * time.Millisecond
	rescanAfter    = 5 * time.Second
)

// Clear removes what is left of the volume after the array has disconnected
// it: it deletes the paths, each proved right before, waits until they have
// gone, and looks again by identity after 1, 5 and 15 seconds, to remove what
// a scan brought back. NVMe namespaces it waits for.
//
// It needs nothing but the host's state: after a kill it is called again, and
// when what was Released is lost, without it. It does not roll back: without a
// connection there is nothing to go back to. Only the queueing of a map that
// it could not remove is restored.
//
// The error wraps ErrRefused when it is not safe to go on, ErrStillShown when
// a path still answers as the volume, ErrStillThere when something did not go
// in time, ErrComesBack when something came back after each removal.
func (r *Releaser) Clear(ctx context.Context, serial evidence.Serial, done Released) error {
	if err := errors.Join(usable(serial), done.Of(serial)); err != nil {
		return err
	}
	var last error
	for i := 0; i < len(clearPauses) || (last != nil && i < len(clearPauses)+lateLooks); i++ {
		pause := latePause
		if i < len(clearPauses) {
			pause = clearPauses[i]
		}
		if pause > 0 {
			if err := r.sleep(ctx, pause); err != nil {
				return err
			}
		}
		found, err := r.clearOnce(ctx, serial)
		switch {
		case err != nil && !errors.Is(err, ErrStillShown):
			return err
		case err != nil:
			last = err
		case found != "":
			last = fmt.Errorf("volume %s on %s: %s: %w", serial, r.name(), found, ErrComesBack)
		default:
			last = nil
		}
	}
	if last != nil {
		return last
	}
	// By number and sequence too, whatever they say they are by now.
	return r.deleteAll(ctx, r.remaining(done))
}

// remaining are the paths of a Release in this boot that have not gone.
func (r *Releaser) remaining(done Released) []Target {
	if done.Boot != r.System.Boot() {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(done.Offline, done.Found, done.Left), func(t Target) bool {
		_, gone := r.stateOf(t)
		return gone.Is()
	})
}

// name is what the host is called in errors.
func (r *Releaser) name() string {
	if r.System.Hostname != "" {
		return r.System.Hostname
	}
	return "this host"
}

// clearOnce removes what one look finds, and says what that was.
func (r *Releaser) clearOnce(ctx context.Context, serial evidence.Serial) (found string, err error) {
	// A path that answers as the volume, and nothing worse, is one that the
	// array has not let go yet.
	defer func() {
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.only(CodeAnswers) {
			err = fmt.Errorf("%w: %w", ErrStillShown, err)
		}
	}()
	v, err := r.ready(ctx, serial, Expect{}, watched)
	if err != nil || v.empty() {
		return "", err
	}
	done := Released{Serial: serial, Host: v.host.Name, Boot: v.host.Boot}
	if err := r.release(ctx, v, Expect{}, &done); err != nil {
		return "", r.requeue(ctx, done, err)
	}
	if err := r.deleteAll(ctx, slices.Concat(done.Offline, done.Found, done.Left)); err != nil {
		return "", err
	}
	if len(v.namespaces) > 0 {
		return v.words(), r.awaitNamespaces(ctx, v)
	}
	return v.words(), nil
}

// only reports whether there is no reason of another kind.
func (r *Refusal) only(code Code) bool {
	return !slices.ContainsFunc(r.Reasons, func(reason Reason) bool { return reason.Code != code })
}

// requeue lets I/O to the maps that could not be removed wait again.
func (r *Releaser) requeue(ctx context.Context, done Released, failed error) error {
	done.Offline, done.Found, done.Left = nil, nil, nil
	if !slices.ContainsFunc(done.Maps, func(m ReleasedMap) bool { return m.QueueingOff }) {
		return failed
	}
	if err := r.Rollback(ctx, done); err != nil {
		return fmt.Errorf("%w; %w", failed, err)
	}
	return failed
}

// deleteAll deletes paths that are released, and waits until they have gone.
func (r *Releaser) deleteAll(ctx context.Context, targets []Target) error {
	var waiting []Target
	var failed []error
	for _, target := range targets {
		if _, gone := r.stateOf(target); gone.Is() {
			continue
		}
		err := r.prove(ctx, target.Serial, Expect{}, target)
		if err == nil {
			act := Action{Do: DoDelete, Name: target.Name, Disk: &target}
			err = r.act(ctx, act, func(ctx context.Context) error { return r.Writer.DeleteDisk(ctx, target) })
		}
		switch {
		case err == nil, errors.Is(err, ErrAbandoned):
			// It may take until the session's recovery time ends.
			waiting = append(waiting, target)
		case errors.Is(err, ErrUnrecorded), ctx.Err() != nil:
			return errors.Join(append(failed, err)...)
		default:
			if _, gone := r.stateOf(target); !gone.Is() {
				failed = append(failed, err)
			}
		}
	}
	return errors.Join(append(failed, r.awaitDisks(ctx, waiting))...)
}

// awaitDisks waits until the disks have gone, by name and sequence and by
// their SCSI address.
func (r *Releaser) awaitDisks(ctx context.Context, waiting []Target) error {
	pause := gonePause
	for waited := time.Duration(0); ; waited += pause {
		waiting = slices.DeleteFunc(waiting, func(t Target) bool {
			_, gone := r.stateOf(t)
			return gone.Is()
		})
		if len(waiting) == 0 {
			return nil
		}
		if waited >= goneLimit {
			var names []string
			for _, t := range waiting {
				names = append(names, fmt.Sprintf("%s (%s)", t.Name, t.HCTL))
			}
			return fmt.Errorf("%s was deleted %s ago: %w", strings.Join(names, ", "), goneLimit, ErrStillThere)
		}
		if waited >= goneSoon {
			pause = goneLater
		}
		if err := r.sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// awaitNamespaces waits until the volume's namespaces have gone.
func (r *Releaser) awaitNamespaces(ctx context.Context, v *view) error {
	for waited, told := time.Duration(0), false; ; waited += namespacePause {
		namespaces, controllers := devices.Namespaces(r.System)
		left := slices.DeleteFunc(namespaces.Items, func(ns evidence.Namespace) bool { return ns.Serial != v.serial })
		if len(left) == 0 && namespaces.IsComplete() {
			return nil
		}
		if waited >= departureLimit {
			return fmt.Errorf("%s should go by itself and did not within %s: %w", namespaceWords(left, namespaces.Why(), controllers.Items), departureLimit, ErrStillThere)
		}
		if waited >= rescanAfter && !told {
			told = true
			if err := r.rescan(ctx, left, controllers.Items); err != nil {
				return err
			}
		}
		if err := r.sleep(ctx, namespacePause); err != nil {
			return err
		}
	}
}

// rescan tells the live controllers of the namespaces' subsystems to look.
// What one of them can't do is no reason to stop.
func (r *Releaser) rescan(ctx context.Context, left []evidence.Namespace, controllers []evidence.Controller) error {
	for _, c := range controllers {
		ours := slices.ContainsFunc(left, func(ns evidence.Namespace) bool { return ns.Subsystem == c.Subsystem })
		if !ours || c.State != "live" {
			continue
		}
		act := Action{Do: DoRescan, Name: c.Name}
		err := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.RescanController(ctx, c.Name) })
		if errors.Is(err, ErrUnrecorded) || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// namespaceWords say which namespaces are left, and which controllers can't be
// told that they should go.
func namespaceWords(left []evidence.Namespace, doubts string, controllers []evidence.Controller) string {
	var names, deaf []string
	for _, ns := range left {
		names = append(names, ns.Name)
	}
	for _, c := range controllers {
		if c.State != "live" {
			deaf = append(deaf, fmt.Sprintf("controller %s is %s and can't be told", c.Name, c.State))
		}
	}
	words := strings.Join(names, ", ")
	if doubts != "" {
		words += " (" + doubts + ")"
	}
	if len(deaf) > 0 {
		words += " (" + strings.Join(deaf, ", ") + ")"
	}
	return words
}

// RemoveStale removes the devices of a volume that the array does not connect
// to this host: a map of dead paths, a path or a namespace without a volume.
// It refuses on any doubt, and while one path still answers as the volume.
// What was Released is returned also with an error.
func (r *Releaser) RemoveStale(ctx context.Context, serial evidence.Serial) (Released, error) {
	done, err := r.Release(ctx, serial, Expect{})
	if err != nil {
		return done, err
	}
	return done, r.Clear(ctx, serial, done)
}
