package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// takeBack rolls releases back where the array still connects: a path that is
// offline is of no use to anybody there. Where it does not any more, the
// paths stay offline, because nothing may open them, and a resumed run
// deletes them.
func (r *run) takeBack(ctx context.Context) error {
	if len(r.released) == 0 {
		return nil
	}
	l, err := r.lookAlone(ctx) // nobody is waited for while paths are offline
	var all []error
	for member, released := range r.released {
		connected, why := evidence.Unknown, "the array could not be read"
		if err == nil {
			connected, why = r.connectedTo(l.subject, member)
		}
		if !connected.Is() {
			r.state = append(r.state, fmt.Sprintf("on %s its paths are offline and stay so (%s)", member, why))
			continue
		}
		machine, callbacks, failed := r.machine(ctx, member)
		if failed == nil {
			back := copyOf(*released)
			back.Numbers = l.numbers(member)
			failed = machine.Rollback(ctx, back, callbacks)
		}
		if failed != nil {
			r.state = append(r.state, fmt.Sprintf("on %s not all could be taken back: %v", member, failed))
			all = append(all, failed)
			continue
		}
		delete(r.released, member)
		words := "the devices are as they were"
		for i, step := range r.plan.Steps {
			switch {
			case step.Member != member:
			case r.typeOf(step.Kind).Undo == UndoRollback:
				delete(r.intended, i+1)
			case step.Kind == StepDisconnect && r.intended[i+1]:
				words = "no path stays offline: the array connects it again"
			}
		}
		r.state = append(r.state, "on "+member+" "+words)
		r.tell(RolledB, "", "on "+member+" "+words)
	}
	return errors.Join(all...)
}

func (r *run) connectedTo(s subject, member string) (evidence.Answer, string) {
	switch {
	case s.array == nil || s.array.Trouble != "":
		return evidence.Unknown, "the array was not read"
	case !s.array.Connections.IsComplete():
		return evidence.Unknown, "the array's connections are not all known"
	case s.volume == nil:
		return evidence.Unknown, "the array does not list the volume"
	}
	for _, row := range s.rows {
		if s.member(row) == member {
			return evidence.Yes, "the array connects it"
		}
	}
	if why := s.unreadCopies(); why != "" {
		return evidence.Unknown, why
	}
	return evidence.No, "the array does not connect it any more"
}

// learn keeps what one write to a device released or took back.
func (r *run) learn(member, boot string, a release.Action) {
	known := r.released[member]
	if known == nil || known.Boot != boot {
		known = &release.Released{Serial: r.plan.Serial, Host: member, Boot: boot, Connected: true}
	}
	switch a.Do {
	case release.DoOffline:
		if a.Disk != nil && !slices.Contains(known.Offline, *a.Disk) {
			known.Offline = append(known.Offline, *a.Disk)
		}
	case release.DoRunning, release.DoDelete:
		if a.Disk != nil && a.Done && a.Error == "" {
			known.Offline = slices.DeleteFunc(known.Offline, func(t release.Target) bool { return t == *a.Disk })
		}
	case release.DoRemoveMap, release.DoQueueingOff:
		i := slices.IndexFunc(known.Maps, func(m release.ReleasedMap) bool { return m.UUID == a.UUID })
		if i < 0 {
			i = len(known.Maps)
			known.Maps = append(known.Maps, release.ReleasedMap{Name: a.Name, UUID: a.UUID})
		}
		known.Maps[i].Removed = known.Maps[i].Removed || a.Do == release.DoRemoveMap
		known.Maps[i].QueueingOff = known.Maps[i].QueueingOff || a.Do == release.DoQueueingOff
	case release.DoAddMap, release.DoQueueingOn:
		if a.Done && a.Error == "" {
			known.Maps = slices.DeleteFunc(known.Maps, func(m release.ReleasedMap) bool { return m.UUID == a.UUID })
		}
	default:
		return
	}
	if len(known.Offline)+len(known.Maps) == 0 {
		delete(r.released, member)
		return
	}
	r.released[member] = known
}

func (r *run) releasedOn(member string) release.Released {
	if known := r.released[member]; known != nil {
		return copyOf(*known)
	}
	return release.Released{Serial: r.plan.Serial, Host: member}
}

// copyOf keeps what is learnt on the way out of what is being worked on.
func copyOf(released release.Released) release.Released {
	released.Offline, released.Maps = slices.Clone(released.Offline), slices.Clone(released.Maps)
	return released
}

// forget is for devices that have gone: there is nothing to take back.
func (r *run) forget(member string) { delete(r.released, member) }
