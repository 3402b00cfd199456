package devices_test

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// story tells a host's state in short lines, volumes by the last two digits
// of their serial. It leaves out what is the same for every state of a host.
func story(h evidence.Host) []string {
	var lines []string
	tell := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, s := range h.Sessions.Items {
		tell("session %d %s %s %s:%s", s.ID, s.State, s.ConnState, s.Address, s.Port)
	}
	for _, d := range h.Disks.Items {
		tell("%s is %s, live %s, %s, in %v", d.Name, short(d.Serial), live(d.Live), d.State, d.Holders)
	}
	for _, m := range h.Maps.Items {
		words := []string{fmt.Sprintf("%s is %s, open %s", m.Kernel, short(m.Serial), m.OpenCount)}
		if m.Partition {
			words = append(words, "a partition")
		}
		if !m.Queueing.IsNot() {
			words = append(words, "queueing "+m.Queueing.String())
		}
		if !m.Suspended.IsNot() {
			words = append(words, "suspended "+m.Suspended.String())
		}
		if !m.Deferred.IsNot() {
			words = append(words, "deferred "+m.Deferred.String())
		}
		for _, p := range m.Paths {
			words = append(words, fmt.Sprintf("%s=%s/%s", p.Disk, active(p.Active), p.Checker))
		}
		tell("%s", strings.Join(words, " "))
	}
	for _, s := range h.Subsystems.Items {
		tell("%s has %v and %v", s.Name, s.Controllers, s.Namespaces)
	}
	for _, c := range h.Controllers.Items {
		tell("%s of %s is %s at %s:%s over %s", c.Name, c.Subsystem, c.State, c.Address, c.Port, c.Transport)
	}
	for _, n := range h.Namespaces.Items {
		words := []string{fmt.Sprintf("%s is %s, nsid %s", n.Name, short(n.Serial), n.NSID)}
		for _, p := range n.Paths {
			words = append(words, fmt.Sprintf("%s=%s/%s", p.Controller, p.State, p.ANA))
		}
		tell("%s", strings.Join(words, " "))
	}
	for _, l := range h.Links.Items {
		if !l.Dangling.IsNot() {
			tell("dangling %s: %s", l.Dangling, l.Path)
		}
	}
	for _, u := range h.Uses.Items {
		tell("%s of %s (%s) is %s: %s", u.Kind, u.Device, u.Dev, short(u.Serial), u.Where)
	}
	return append(lines, gaps(h)...)
}

func short(s evidence.Serial) string {
	if len(s) != 24 {
		return "?"
	}
	return string(s[22:])
}

func live(i evidence.Identity) string {
	if i.Kind == evidence.IdentityKnown {
		return short(i.Serial)
	}
	if i.Kind == evidence.IdentityGone {
		return "gone"
	}
	return "unknown"
}

func active(a evidence.Answer) string {
	switch a {
	case evidence.Yes:
		return "active"
	case evidence.No:
		return "failed"
	default:
		return "unknown"
	}
}

// list is one of a host's lists, for tests that treat them all alike.
type list struct {
	name     string
	complete bool
	why      string
	items    []string
}

func listOf[T any](name string, l evidence.List[T]) list {
	one := list{name: name, complete: l.IsComplete(), why: l.Why()}
	for _, item := range l.Items {
		one.items = append(one.items, fmt.Sprintf("%+v", item))
	}
	return one
}

func listsOf(h evidence.Host) []list {
	return []list{
		listOf("iqns", h.IQNs), listOf("nqns", h.NQNs), listOf("wwpns", h.WWPNs), listOf("sessions", h.Sessions),
		listOf("disks", h.Disks), listOf("maps", h.Maps), listOf("subsystems", h.Subsystems),
		listOf("controllers", h.Controllers), listOf("namespaces", h.Namespaces), listOf("links", h.Links),
		listOf("uses", h.Uses), listOf("directories", h.Directories), listOf("settings", h.Settings),
	}
}

// gaps names the lists that are not complete.
func gaps(h evidence.Host) []string {
	var names []string
	for _, l := range listsOf(h) {
		if !l.complete {
			names = append(names, "incomplete: "+l.name)
		}
	}
	return names
}
