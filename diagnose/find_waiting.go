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
	if s.volume == nil && (s.device == nil || s.class != ClassHost) {
		return "", "" // a host object, a snapshot of nothing
	}
	for _, h := range s.machines() {
		d := s.on(h)
		if d == nil || !s.cutOff(h) || !d.onlyOpen() {
			continue
		}
		for _, m := range d.maps {
			works := slices.ContainsFunc(m.Paths, func(p evidence.Path) bool { return !p.Active.IsNot() })
			if !m.Queueing.Is() || m.Partition || works {
				continue
			}
			var who []string
			for _, use := range d.uses {
				if use.Device == m.Kernel {
					who = append(who, fmt.Sprintf("%s (pid %d)", either(use.Process, "a process"), use.PID))
				}
			}
			if len(who) == 0 {
				continue
			}
			command = "multipathd disablequeueing map " + shell(m.Name)
			return "on " + h.Name + ": " + command, fmt.Sprintf(
				"on %s: %s; it ends the I/O that waits in this map, and in no other: %s gets an error, and what it had to write is lost", h.Name, command, list(who))
		}
	}
	return "", ""
}

// onlyOpen reports a device that is used, and by processes that have it open
// alone.
func (d *device) onlyOpen() bool {
	for _, use := range d.uses {
		if use.Kind != evidence.UseOpener && !d.routine(use) {
			return false
		}
	}
	return len(d.uses) > 0
}
