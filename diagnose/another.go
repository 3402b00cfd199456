package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Another LXD that has attached the pod and is idle leaves nothing to see now:
// its volumes are connected to nothing, and LXD deletes an array host with its
// last connection. All that it has looks leaked to us. What tells is who had a
// volume connected when it was made, and since: LXD connects what it makes a
// filesystem on, and names the array host after its server.

// hostIsOurs says whether an array host that the audit trail names is a
// member's. One that is gone by now is told by its name alone; that of a server
// that was a member once is not told from another LXD's.
func (f *facts) hostIsOurs(a *arrayFacts, name string) evidence.Answer {
	object := a.hosts[strings.ToLower(name)]
	server, ok := serverOf(name)
	named := ok && f.members.has(server)
	switch {
	case name == "", !a.Hosts.IsComplete():
		return evidence.Unknown
	case object != nil && object.owner.ours != evidence.Unknown:
		return object.owner.ours
	case named:
		return evidence.Yes
	case object != nil || !f.members.whole:
		return evidence.Unknown
	}
	return evidence.No
}

// anothers says which array host that is no member's had a volume connected,
// and when, and whether that was LXD's way and not somebody's at the array;
// empty for none. The other half of a volume counts for it.
func (f *facts) anothers(v *volume) (why string, lxd bool) {
	for _, t := range []*evidence.Trail{f.trailOf(v.ID), f.trails[evidence.OtherHalf(v.Name)]} {
		if t == nil {
			continue
		}
		for _, d := range t.Deeds.Items {
			if d.Ours.Is() || (d.Verb != evidence.DeedConnect && d.Verb != evidence.DeedDisconnect) {
				continue
			}
			for _, host := range d.Hosts {
				byHand := d.Interface == "CLI" || d.Interface == "GUI"
				if f.hostIsOurs(v.array, host).IsNot() && (why == "" || (!lxd && !byHand)) {
					why = "another LXD or server, " + quoted(host) + ", had " + v.Name + " connected on " + day(d.At) + ", by the array's audit trail"
					lxd = !byHand
				}
			}
		}
	}
	return why, lxd
}

// noteAnother keeps, for the pool, an example of a volume without a record that
// another LXD had connected: it may have all the others made as well.
func (f *facts) noteAnother(v *volume) {
	if len(f.trails) == 0 || v.Destroyed.Is() || !v.LXD.IsLXD() || (v.record != nil && !v.LXD.Snapshot) {
		return
	}
	why, lxd := f.anothers(v)
	v.another = why
	if lxd && v.pool.another == "" {
		v.pool.another = why
	}
}

// madeHere says why a running LXD proves nothing of a volume: that it has run
// for long shows that it never had a record, and not that it, and no other LXD in
// the pod, made it. Empty where the array's audit trail has one of our hosts
// connected when the volume, or its other half, was made; and where it was never
// connected and holds nothing.
func (s Subject) madeHere(p past) string {
	host, connected := s.madeOn(p)
	made := "that LXD has been running since before it was made shows only that this LXD had no record of it: by the array's audit trail " +
		either(p.made.User, "somebody") + " made it on " + day(p.made.At) + ", and "
	switch {
	case host != "", !connected && s.volume.Written == evidence.CountOf(0):
		return ""
	case connected:
		return made + "no member's array host was connected then, so another LXD in the pod may have made it"
	}
	return made + "nothing was connected to write what it may hold, so another LXD in the pod may have made it"
}

// madeOn is the array host of ours to which a volume, or its other half, was
// connected while it was made; connected reports that there was any connection.
func (s Subject) madeOn(p past) (host string, connected bool) {
	deeds := p.later
	if twins := s.f.twins(s.volume); paired(s.volume.LXD) && len(twins) > 0 {
		if t := s.f.trails[twins[0].ID]; t != nil {
			deeds = append(slices.Clip(deeds), t.Deeds.Items...)
		}
	} else if t := s.f.trails[evidence.OtherHalf(s.volume.Name)]; t != nil {
		deeds = append(slices.Clip(deeds), t.Deeds.Items...)
	}
	for _, d := range deeds {
		if d.Verb != evidence.DeedConnect || d.Ours.Is() {
			continue
		}
		connected = true
		for _, name := range d.Hosts {
			if host == "" && d.At.Sub(s.volume.Created).Abs() <= making && s.f.hostIsOurs(s.array, name).Is() {
				host = name
			}
		}
	}
	return host, connected
}

// connectedSomewhere says that a volume was connected, and not to what; empty
// where that is not so.
func (s Subject) connectedSomewhere() string {
	p, _ := s.past()
	for _, d := range p.later {
		ours := slices.ContainsFunc(d.Hosts, func(host string) bool { return s.f.hostIsOurs(s.array, host).Is() })
		if !ours && !d.Ours.Is() && (d.Verb == evidence.DeedConnect || d.Verb == evidence.DeedDisconnect) {
			return "by the array's audit trail it was connected on " + day(d.At) + ", and whose array host that was is not known"
		}
	}
	return ""
}

// since is ranSince, and what it is worth.
func (s Subject) since() string {
	ran := s.ranSince()
	if ran == "" || s.volume == nil || s.snapshot != nil {
		return ran
	}
	if p, told := s.past(); told {
		if host, _ := s.madeOn(p); host != "" {
			return ran + "; the array's audit trail has it connected to " + host + " when it was made"
		}
	}
	return ran + "; that no other LXD in the pod made it is not shown"
}
