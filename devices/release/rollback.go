package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// Rollback takes back what Release did, after a disconnect that failed or was
// not tried: the paths run again, multipathd makes the map again, and I/O to a
// map that was not removed waits again. Each is done only where it is not so,
// and it tries all before it reports. It goes on when ctx is cancelled; each
// of its writes has a limit. The error wraps ErrHalfway when something is not
// as it was.
//
// While a path was offline nobody asked where it leads. If the array has
// disconnected the volume meanwhile and connects it again, the path's number
// may be another volume's, and a path that says that it is one volume and leads
// to another ruins both. So a path of another number than done.Numbers is
// deleted, and one that runs again must answer as the volume, or it does not
// stay.
//
// When what was Released is lost it is called with the serial alone: then it
// lets the volume's paths run that are offline and have nothing on them, and
// leaves making a map to whoever wants one, which LXD does by itself.
func (r *Releaser) Rollback(ctx context.Context, done Released) error {
	if err := errors.Join(usable(done.Serial), done.Of(done.Serial)); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	// A note that can't be made stops nothing here, and is told at the end.
	var unnoted error
	undo := *r
	undo.Note = func(a Action) error {
		a.Back = true
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
	for _, target := range r.pathsToRun(v, done) {
		var err error
		if state, _ := r.stateOf(target); state == stateOffline && !done.numbered(target) {
			err = r.deletePath(ctx, target)
		} else {
			err = r.setRunning(ctx, target, done.Connected)
		}
		if err != nil {
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

// pathsToRun are the paths that were set offline: by what was done, or when that
// is lost by what is seen.
func (r *Releaser) pathsToRun(v *view, done Released) []Target {
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

// numbered reports a path at a number with which the array connects the volume
// now, as far as that is known.
func (d *Released) numbered(target Target) bool {
	number, known := evidence.LUN(target.HCTL)
	return len(d.Numbers) == 0 || !known || slices.Contains(d.Numbers, number)
}

// setRunning lets one path run again, and asks it then where it leads. To nothing is
// right for one that was not connected before either.
func (r *Releaser) setRunning(ctx context.Context, target Target, connected bool) error {
	right := func(answer evidence.Identity) bool {
		return answer.Serial == target.Serial || (answer.Kind == evidence.IdentityGone && !connected)
	}
	state, gone := r.stateOf(target)
	if gone.Is() {
		return fmt.Errorf("%s (%s) has gone; the next scan of its session brings it back", target.Name, target.HCTL)
	}
	if state == stateRunning {
		// Perhaps this was done before, and killed before it asked.
		answer := r.answer(ctx, target)
		if answer.Kind == evidence.IdentityUnknown || right(answer) {
			return nil
		}
		return r.handleWrongAnswer(ctx, target, answer, false)
	}
	var answer evidence.Identity
	// The question is a part of the write: a run that is killed in front of
	// the answer has not set it running.
	act := Action{Do: DoRunning, Name: target.Name, Disk: &target}
	err := r.act(ctx, act, func(ctx context.Context) error {
		err := r.Writer.SetState(ctx, target, stateRunning)
		if state, _ = r.stateOf(target); state != stateRunning {
			return cmp.Or(err, fmt.Errorf("%s (%s) was set running and is not", target.Name, target.HCTL))
		}
		if answer = r.answer(ctx, target); !right(answer) {
			return fmt.Errorf("%s (%s) does not answer as the volume", target.Name, target.HCTL)
		}
		return nil
	})
	if state != stateRunning || right(answer) {
		return err
	}
	return r.handleWrongAnswer(ctx, target, answer, true)
}

// handleWrongAnswer deals with a path that runs and does not answer as its volume: what
// leads to another one, or to nothing, is deleted, and what does not say is
// offline again. The kernel may have asked too, and call it the other volume's
// by now: that is deleted only when proved is set, because right before it was
// the volume's and this run let it run. Else it is a path of the other volume,
// and coherent.
func (r *Releaser) handleWrongAnswer(ctx context.Context, target Target, answer evidence.Identity, proved bool) error {
	where := "nothing"
	switch answer.Kind {
	case evidence.IdentityUnknown:
		act := Action{Do: DoOffline, Name: target.Name, Disk: &target}
		failed := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.SetState(ctx, target, stateOffline) })
		return errors.Join(fmt.Errorf("%s (%s) was set running, did not say which volume it is (%s), and has to be offline",
			target.Name, target.HCTL, answer.Why), failed)
	case evidence.IdentityKnown:
		where = cmp.Or(string(answer.Serial), "something that is no Pure volume")
	}
	failed := r.deletePath(ctx, target)
	if proved && errors.Is(failed, ErrOther) && answer.Serial != "" {
		target.Serial = answer.Serial
		failed = r.deletePath(ctx, target)
	}
	return errors.Join(fmt.Errorf("%s (%s) leads to %s by now, and has to go; the next scan brings what is there",
		target.Name, target.HCTL, where), failed)
}

// deletePath deletes a path that is not to run again. The writer refuses when anything
// stands on it.
func (r *Releaser) deletePath(ctx context.Context, target Target) error {
	if _, gone := r.stateOf(target); gone.Is() {
		return nil
	}
	act := Action{Do: DoDelete, Name: target.Name, Disk: &target}
	err := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.DeleteDisk(ctx, target) })
	if err != nil {
		if _, gone := r.stateOf(target); gone.Is() {
			return nil
		}
	}
	return err
}

// answer is what a path says of itself now.
func (r *Releaser) answer(ctx context.Context, target Target) evidence.Identity {
	return r.System.Identify(ctx, target.HCTL, target.Name)
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
		return r.act(ctx, act, func(ctx context.Context) error { return r.Writer.SetQueueing(ctx, m.UUID, true) })
	case there || !done.Connected:
		// Without a connection no path lives, and a map of dead paths helps
		// nobody.
		return nil
	}
	act := Action{Do: DoAddMap, Name: m.Name, UUID: m.UUID}
	err = r.act(ctx, act, func(ctx context.Context) error { return r.Writer.AddMap(ctx, done.Serial.WWID()) })
	if err == nil {
		return nil
	}
	if there, asked := r.mapExists(ctx, m.UUID); asked == nil && there {
		return nil
	}
	return err
}
