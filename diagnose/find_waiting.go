package diagnose

import (
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// freeing is the one thing that frees what waits in a map without a path, as
// a command and as words: a process there is in a sleep that no signal ends, so
// it can't be stopped, and while it is there nothing can be removed. Only where
// the array certainly gives the map no path any more, and where nothing but
// open files is in the way: I/O of a mounted volume that may be connected again
// would go on then, and ending it loses what is not written.
func (s Subject) freeing() (command, words string) {
	if s.volume == nil && (s.device == nil || s.class != ClassHost) || s.class == ClassWaiting {
		return "", "" // an array host, a snapshot of nothing, or the finding itself
	}
	for _, h := range s.machines() {
		d := s.on(h)
		if d == nil || !s.cutOff(h) || !d.onlyOpen() {
			continue
		}
		m, who := d.waiters()
		if m == nil || !s.f.usedOn(d).IsNot() || s.f.maybeWanted(d) != "" || slices.ContainsFunc(m.Paths, func(p evidence.Path) bool { return !p.Active.IsNot() }) {
			continue
		}
		fix := fixWaiting(d, m)
		return fix, fmt.Sprintf("%s, or on %s: multipathd disablequeueing map %s; it ends the I/O that waits in this map, and in no other: %s gets an error, and what it had to write is lost",
			fix, h.Name, shell(m.Name), list(who))
	}
	return "", ""
}

const codeWaiting = "waiting-io"

// waitingIO finds maps in which somebody waits for a path that will not come.
// Of a volume that LXD uses there, or somebody may want, nothing is said here: its
// connection has to come back, and its I/O goes on then.
func (f *facts) waitingIO() []draft {
	var found []draft
	for _, d := range f.everyDevice() {
		m, who := d.waiters()
		if m == nil || !d.onlyOpen() || !d.business() {
			continue
		}
		connected, why := f.connected(d)
		if connected.Is() || (d.volume == nil && !connected.IsNot()) || f.usedOn(d).Is() || f.maybeWanted(d) != "" {
			continue
		}
		out := f.ofDevice(d)
		out.Object, out.Next = m.Name, fixWaiting(d, m)
		out.Detail = "map " + m.Name + inParentheses(f.nameOf(m.Serial)) + " on " + d.host.Name + " queues I/O and has no path, and " + list(who) + " has it open; " + why
		out.Cause = "the volume was disconnected on the array while the map was read or written"
		out.Remedy = []string{
			fixWaiting(d, m) + ": it ends the I/O that waits in this map, and in no other; " +
				list(who) + " gets an error, and what is not written yet is lost",
		}
		found = append(found, out)
	}
	return found
}

// FixCommand is what to type to repair it, with the name that is wanted again
// of what can't be undone.
func (f Finding) FixCommand() string {
	kind, _ := KindOf(f.Code)
	switch kind.Class {
	case ClassWaiting:
		return f.Next
	case ClassArrayHost:
		return fixArrayHost(f.Object)
	default:
		return "pureclean fix --volume " + shell(f.Object)
	}
}

func fixArrayHost(name string) string {
	return "pureclean fix --volume " + shell(name) + " --confirm " + shell(name)
}

func fixWaiting(d *device, m *evidence.Map) string {
	return "pureclean fix --volume " + shell(d.host.Name+":"+m.Name) + " --confirm " + shell(m.Name)
}

// waiters are the device's own map that queues without a path, and who has it
// open, in words; but for udev, which a repair lets go by itself.
func (d *device) waiters() (*evidence.Map, []string) {
	for _, m := range d.ownMaps() {
		if !m.Queueing.Is() || m.Partition || !d.host.pathless(m) {
			continue
		}
		var who []string
		for _, use := range d.uses {
			if use.Kind == evidence.UseOpener && !use.Waits && use.Device == m.Kernel && !d.routine(use) {
				who = append(who, fmt.Sprintf("%s (pid %d)", either(use.Process, "a process"), use.PID))
			}
		}
		if len(who) > 0 {
			return m, who
		}
	}
	return nil, nil
}

// usedOn says whether LXD uses the device's volume on the device's host.
func (f *facts) usedOn(d *device) evidence.Answer {
	if d.volume == nil {
		return evidence.No
	}
	e, member := f.expected(d.volume), either(f.memberOf(d.host), d.host.Name)
	if e.byPathOn(member) {
		return evidence.Yes
	}
	return e.on(member)
}

// maybeWanted says why somebody may want what waits in the device's map, so that it
// is to go on when the volume is connected again; empty where nothing says so, and
// where the array has no such volume that could be connected. LXD's word that it
// does not use a volume is worth nothing where LXD may have lost its record.
func (f *facts) maybeWanted(d *device) string {
	v := d.volume
	switch {
	case v == nil:
		return ""
	case d.inVirtualMachine() != nil:
		return "a virtual machine has it open"
	case v.record != nil && !v.LXD.Snapshot:
		return ""
	case v.pool == nil || !v.LXD.IsLXD():
		return "it is no leftover of LXD's"
	}
	if result, why := explained(Subject{f: f, class: ClassDestroy, array: v.array, pool: v.pool, volume: v}); result != Pass && result != Waived {
		return why
	}
	return ""
}

// onlyWaits: to end what waits in a map is right only where it can't go on, and
// where everybody whom it ends is known.
func onlyWaits(s Subject) (Result, string) {
	d := s.device
	m, who := d.waiters()
	switch used, wanted := s.f.usedOn(d), s.f.maybeWanted(d); {
	case m == nil || len(d.ownMaps()) != 1:
		return Uncertain, "it is not known which map it is"
	case !d.onlyOpen():
		return Fail, "it is mounted, held or swap, and that would go on if it were connected again"
	case used.Is():
		return Fail, "LXD uses it on " + d.host.Name + ", and its I/O goes on when it is connected again"
	case !used.IsNot():
		return Uncertain, "whether LXD uses it on " + d.host.Name + " is not known"
	case wanted != "":
		return Fail, "its I/O goes on when it is connected again, and may be wanted: " + wanted
	}
	for _, p := range m.Paths {
		if !p.Active.IsNot() {
			return Uncertain, "it is not certain that path " + either(p.Disk, p.Dev, "without a name") + " of " + m.Name + " has failed"
		}
	}
	if why := d.host.blindness(); why != "" {
		return Uncertain, d.host.Name + ": " + why
	}
	for _, one := range append([]*evidence.Map{m}, d.parts...) {
		openers := howMany(d.uses, func(use *evidence.Use) bool { return use.Kind == evidence.UseOpener && use.Device == one.Kernel })
		if one == m {
			openers += len(d.parts)
		}
		if !one.OpenCount.Known || one.OpenCount.N > int64(openers) {
			return Uncertain, "not everybody is known who has " + one.Name + " open: it is open " + one.OpenCount.String() + " times"
		}
	}
	return Pass, "only " + list(who) + " has " + m.Name + " open, and it has no path"
}

// onlyOpen reports a device that is used, and by processes that have it open
// alone.
func (d *device) onlyOpen() bool {
	return len(d.uses) > 0 && !slices.ContainsFunc(d.uses, func(use *evidence.Use) bool { return use.Kind != evidence.UseOpener && !d.routine(use) })
}
