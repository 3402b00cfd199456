// Package release takes the devices of one volume off one host, and is all that
// changes a host: package devices only reads it. Each write is one call of
// a DeviceWriter, proved right before.
package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// Releaser takes the devices of one volume off one host, around the array's
// disconnect, in the only order that loses no race:
//
//	Release     remove the map, set every path offline; on NVMe nothing
//	            (the array disconnects)
//	Clear       delete the paths, and look again for what a scan brought back
//	Detached    is it really gone? To be asked twice, five seconds apart
//
// A path that is offline keeps its address, so no scan finds the logical unit
// again and makes a new path, and nothing can open it, so nothing hangs on it
// when the array takes the unit away. Deleting first loses to the next scan;
// disconnecting first leaves dead paths that udev reads for ever.
//
// It judges one host and one moment. Whether the volume may be touched at all
// is for the gates to say.
type Releaser struct {
	// System is read, Writer acts.
	System devices.System
	Writer DeviceWriter
	// Sleep waits; nil really does.
	Sleep func(context.Context, time.Duration) error
	// Note is told of each single write: before it, and after it with Done
	// set and what became of it. If it fails before, the write is not made;
	// if it fails after, nothing more is. Taking back what was done goes on
	// without it: a volume that is half released is worse than a missing
	// line. Nil is told nothing.
	Note func(Action) error
	// Elsewhere reports a use of a device that has gone which is known to be
	// of another volume: a mount at LXD's path of one. Nil knows none, and
	// then each such use may be this volume's.
	Elsewhere func(evidence.Use) bool
}

// Expect is what the array says of the volume and this host.
type Expect struct {
	// StillConnected is set while the array connects them. Then each path
	// must prove that it is this volume, or say that it has gone. Without,
	// none may still answer as it.
	StillConnected bool
}

// Released is what Release did, enough to take it back or to go on.
type Released struct {
	Serial evidence.Serial `json:"serial"`
	// Host is the host's name, Boot its boot id: after another boot nothing
	// of this holds.
	Host string `json:"host"`
	Boot string `json:"boot"`
	// Connected is what was expected.
	Connected bool `json:"connected"`
	// Maps were removed, or at least changed.
	Maps []ReleasedMap `json:"maps"`
	// Offline are the paths that were set offline. Found were so already,
	// with no map on them: an earlier run was interrupted.
	Offline []Target `json:"offline"`
	Found   []Target `json:"found"`
	// Left are paths that were left as they were: offline before, under a
	// map, or in a state in which no other can be set, because their session
	// is down. Of the latter a scan can bring the unit back once they are
	// deleted.
	Left []Target `json:"left"`
	// Namespaces are the kernel's names of the volume's NVMe namespaces.
	// They go by themselves after the array's disconnect.
	Namespaces []string `json:"namespaces"`
	// Numbers are the LUNs with which the array connects the volume to this
	// host by now, for a Rollback after a time in which it may have been
	// disconnected; none is not known.
	Numbers []int64 `json:"numbers,omitempty"`
}

// ReleasedMap is what was done to one map.
type ReleasedMap struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
	// Removed is set when it has gone, QueueingOff when its queueing was on
	// and was turned off.
	Removed     bool `json:"removed"`
	QueueingOff bool `json:"queueing_off"`
}

// changed reports whether there is anything to take back.
func (d *Released) changed() bool { return len(d.Maps)+len(d.Offline) > 0 }

// What Release, Clear and RemoveStale end with when they do not succeed.
var (
	// ErrRefused: the host's state does not allow it; see Refusal. Nothing
	// is changed.
	ErrRefused = errors.New("it is not safe to touch")
	// ErrTakenBack: it failed on the way, and what had been done was taken
	// back.
	ErrTakenBack = errors.New("what had been done was taken back")
	// ErrHalfway: it failed on the way, and not all that had been done could
	// be taken back.
	ErrHalfway = errors.New("not all that had been done could be taken back")
	// ErrUnrecorded: the note of a write could not be made.
	ErrUnrecorded = errors.New("it could not be recorded")
	// ErrComesBack: what was removed appears again and again.
	ErrComesBack = errors.New("it comes back")
	// ErrStillShown: the array still shows the volume to this host.
	ErrStillShown = errors.New("the array still shows it to this host")
	// ErrStillThere: what should go by itself has not gone in time.
	ErrStillThere = errors.New("it is still there")
)

const (
	// releaseRounds is how often a map is removed that multipathd makes
	// again before the last path is offline.
	releaseRounds = 3
	// drainLimit is how long a reader that waited for a path takes to leave
	// once nothing waits any more; it takes a second or two.
	drainLimit = 10 * time.Second
	drainPause = 500 * time.Millisecond
)

// Release makes the array's disconnect safe for this host. It looks, refuses
// on any doubt (see Refusal), removes the volume's map and sets its paths
// offline, each proved right before. A namespace, for which that can't be done,
// is claimed for a moment. Without a device there is nothing to do.
//
// If it fails on the way it takes back what it did, and the error says
// whether that went well: it wraps ErrRefused when nothing was changed,
// ErrTakenBack or ErrHalfway. Only with ErrHalfway is Released not empty.
// After a kill at any point it can be called again: it goes by the host's
// state alone.
func (r *Releaser) Release(ctx context.Context, serial evidence.Serial, expect Expect) (Released, error) {
	if err := usable(serial); err != nil {
		return Released{}, err
	}
	v, err := r.ready(ctx, serial, expect, watched)
	if err != nil {
		return Released{Serial: serial}, err
	}
	done := Released{Serial: serial, Host: v.host.Name, Boot: v.host.Boot, Connected: expect.StillConnected}
	for _, n := range v.namespaces {
		done.Namespaces = append(done.Namespaces, n.Name)
	}
	if v.empty() {
		return done, nil
	}
	if expect.StillConnected {
		if err := r.claim(ctx, v); err != nil {
			return Released{Serial: serial}, err
		}
	}
	if err := r.release(ctx, v, expect, &done); err != nil {
		return r.takeBack(ctx, done, err)
	}
	return done, nil
}

// release does it, round by round, until a look finds it done.
func (r *Releaser) release(ctx context.Context, v *view, expect Expect, done *Released) error {
	for range releaseRounds {
		for _, m := range v.maps {
			if err := r.removeMap(ctx, v, m, expect, done); err != nil {
				return err
			}
		}
		for _, d := range v.disks {
			if err := r.setOffline(ctx, v, d, expect, done); err != nil {
				return err
			}
		}
		if v.released() {
			return nil // nothing was written since the look
		}
		var err error
		if v, err = r.ready(ctx, v.serial, expect, watched); err != nil {
			return err
		}
		if v.released() {
			return nil
		}
	}
	return fmt.Errorf("volume %s on %s: %s after %d attempts: %w", v.serial, v.host.Name, v.words(), releaseRounds, ErrComesBack)
}

// removeMap removes one map. If nothing flows through it and I/O to it waits,
// that is ended first, for this map only: whoever looks at it would never
// come back.
func (r *Releaser) removeMap(ctx context.Context, v *view, m evidence.Map, expect Expect, done *Released) error {
	if m.Dead() && m.Queueing.Is() {
		if err := r.endQueueing(ctx, v, m, done); err != nil {
			return err
		}
	}
	if err := r.prove(ctx, v.serial, expect, v.targets()...); err != nil {
		return err
	}
	entry := done.entry(m)
	act := Action{Do: DoRemoveMap, Name: m.Name, UUID: m.UUID}
	err := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.RemoveMap(ctx, m.UUID) })
	if err == nil {
		entry.Removed = true
		return nil
	}
	// A lost answer is not asked for again: the kernel is.
	there, asked := r.mapExists(ctx, m.UUID)
	entry.Removed = asked == nil && !there
	if entry.Removed && !errors.Is(err, ErrUnrecorded) {
		return nil
	}
	return errors.Join(err, asked)
}

// endQueueing lets the readers that wait for a path go, and waits until they
// have gone. Those that were there are udev's.
func (r *Releaser) endQueueing(ctx context.Context, v *view, m evidence.Map, done *Released) error {
	done.entry(m).QueueingOff = true
	act := Action{Do: DoQueueingOff, Name: m.Name, UUID: m.UUID}
	err := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.SetQueueing(ctx, m.UUID, false) })
	if err != nil {
		still, asked := r.queues(ctx, m.UUID)
		if asked != nil || still || errors.Is(err, ErrUnrecorded) {
			return errors.Join(err, asked)
		}
	}
	for waited := time.Duration(0); ; waited += drainPause {
		open, err := r.openersOf(ctx, m.UUID)
		if err != nil || open == 0 {
			return err
		}
		if waited >= drainLimit {
			return v.refuse(Reason{CodeInUse, fmt.Sprintf("%s is still open (%d times) though nothing waits for a path any more", m.Name, open)})
		}
		if err := r.sleep(ctx, drainPause); err != nil {
			return err
		}
	}
}

// entry is what is told of one map.
func (d *Released) entry(m evidence.Map) *ReleasedMap {
	for i := range d.Maps {
		if d.Maps[i].UUID == m.UUID {
			return &d.Maps[i]
		}
	}
	d.Maps = append(d.Maps, ReleasedMap{Name: m.Name, UUID: m.UUID})
	return &d.Maps[len(d.Maps)-1]
}

// setOffline sets one path offline. One that is so already stays; one whose
// session is down can't be set, and is left.
func (r *Releaser) setOffline(ctx context.Context, v *view, d evidence.Disk, expect Expect, done *Released) error {
	target := targetOf(d, v.serial)
	switch {
	case d.State == stateRunning:
	case done.knows(target):
		return nil
	case d.State == stateOffline && len(d.Holders) == 0:
		done.Found = append(done.Found, target)
		return nil
	default:
		done.Left = append(done.Left, target)
		return nil
	}
	if err := r.prove(ctx, v.serial, expect, target); err != nil {
		return err
	}
	if !slices.Contains(done.Offline, target) {
		done.Offline = append(done.Offline, target)
	}
	act := Action{Do: DoOffline, Name: d.Name, Disk: &target}
	err := r.act(ctx, act, func(ctx context.Context) error { return r.Writer.SetState(ctx, target, stateOffline) })
	if err == nil || errors.Is(err, ErrUnrecorded) {
		return err
	}
	// A lost answer is not asked for again: the state tells. One that got a
	// map on it meanwhile has its turn in the next round.
	state, gone := r.stateOf(target)
	switch {
	case state == stateOffline:
		return nil
	case gone.Is() && !expect.StillConnected && !errors.Is(err, ErrOther):
		// It was about to go anyway. While it is connected, whoever took it
		// away is at work here, and so it is with a disk that is another now.
		return nil
	case errors.Is(err, ErrInUse) && state == stateRunning:
		return nil
	case !expect.StillConnected && errors.Is(err, ErrState) && state != stateRunning && state != "":
		// Its session went down since the look.
		done.Offline = slices.DeleteFunc(done.Offline, func(t Target) bool { return t == target })
		done.Left = append(done.Left, target)
		return nil
	}
	return err
}

// knows reports a path that was dealt with before.
func (d *Released) knows(target Target) bool {
	return slices.Contains(slices.Concat(d.Offline, d.Found, d.Left), target)
}

// takeBack ends a Release that failed.
func (r *Releaser) takeBack(ctx context.Context, done Released, failed error) (Released, error) {
	none := Released{Serial: done.Serial}
	if !done.changed() {
		return none, failed
	}
	if err := r.Rollback(ctx, done); err != nil {
		if errors.Is(err, ErrHalfway) {
			return done, fmt.Errorf("%w; %w", failed, err)
		}
		return none, fmt.Errorf("%w; %w: %w", failed, ErrTakenBack, err)
	}
	return none, fmt.Errorf("%w; %w", failed, ErrTakenBack)
}
