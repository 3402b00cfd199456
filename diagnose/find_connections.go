package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// staleConnections lists connections of recorded volumes to members on which
// neither LXD nor the machine itself uses the volume.
func (f *facts) staleConnections() []draft {
	var found []draft
	var e expectation
	for v := range f.judged() {
		if v.record == nil || v.code != "" || v.conns == none || v.LXD.Snapshot {
			continue
		}
		f.expectedAgain(&e, v)
		for row := range v.connections() {
			if f.isStale(v, row, e) {
				found = append(found, f.staleConnection(v, row.Host, e))
			}
		}
	}
	return found
}

// isStale reports a connection that nobody needs. Where LXD can't tell, the
// machine itself has to say that the volume is idle there.
func (f *facts) isStale(v *volume, row *evidence.Connection, e expectation) bool {
	o := v.array.owner(row.Host)
	if row.Group != "" || row.Host == "" || o.ours.IsNot() || o.member == "" || len(o.hosts) > 1 {
		return false // of an object of several machines nobody can tell for which it is
	}
	h := f.machineOf(o)
	if h != nil {
		if d := h.of(v); d != nil && len(d.usage().certain) > 0 || len(v.goneOn(h)) > 0 {
			return false
		}
	}
	switch answer := e.on(o.member); {
	case answer.Is(), e.byPathOn(o.member):
		return false
	case answer.IsNot():
		return true
	default:
		return h != nil && f.busyWith(v.record) == nil
	}
}

// machineOf is the machine of an array host: by its initiators, and where a
// member could not show its own (only root may read some) by its name.
func (f *facts) machineOf(o owner) *hostFacts {
	if o.host != nil {
		return o.host
	}
	return f.hostOf(o.member)
}

func (f *facts) staleConnection(v *volume, host string, e expectation) draft {
	d := ofVolume(v)
	o := v.array.owner(host)
	d.Host, d.subject.connection = host, host
	d.RunsOn = slices.Clone(e.members)
	sight := f.sight()
	used := sight.unused()
	switch why := append(e.why(), e.byPath()...); {
	case len(why) > 0 && sight.unread() != "":
		used = "used elsewhere: " + list(why)
	case len(why) > 0:
		used = "used only elsewhere: " + list(why)
	case len(f.paths.unclear) > 0:
		used = "no running use known"
	}
	d.Detail = d.LXD.String() + ", " + used + "; connected to " + host
	h := f.machineOf(o)
	var here *device
	if h != nil {
		here = h.of(v)
	}
	switch {
	case here != nil && here.words() != "":
		d.Detail += "; " + here.words() + here.state()
		if len(here.namespaces) == 0 {
			d.Remedy = append(d.Remedy, "remove "+here.words())
		}
	case here != nil && here.strays() != "":
		d.Detail += "; " + here.strays() + " on " + h.Name
	case h != nil && h.partial() == "":
		d.Detail += "; no device on " + h.Name
	}
	if unread := sight.unread(); unread != "" {
		d.Detail += "; " + unread
	}
	d.Remedy = append(d.Remedy, "disconnect it from "+host, "confirm that "+o.member+" has no device of it")
	d.Cause = "LXD or the machine was stopped while the volume was mapped there, or an unmap failed; only the next mount and unmount on that machine would take the connection away"
	return d
}

// foreignConnections lists volumes that are connected to something that is
// not a member, or that can't be told to be one.
func (f *facts) foreignConnections() []draft {
	var found []draft
	for v := range f.judged() {
		if !v.LXD.IsLXD() || v.code == codeDisappeared {
			continue
		}
		var names, whys []string
		for row := range v.connections() {
			if why := f.foreign(row, v.array.owner(row.Host)); why != "" {
				names, whys = append(names, connectionName(row)), append(whys, why)
			}
		}
		v.throughPeers(func(c throughPeer) {
			if why := f.foreign(c.row, c.owner()); why != "" {
				names, whys = append(names, c.name()), append(whys, why)
			}
		})
		if len(names) == 0 {
			continue
		}
		d := ofVolume(v)
		d.Host = names[0]
		d.Detail = either(d.LXD.String(), "no LXD record") + "; connected to " + list(names) + ": " + strings.Join(whys, "; ")
		d.Cause = f.foreignCause(v, names)
		found = append(found, d)
	}
	return found
}

// foreignCause tells the likely story of a volume that others have.
func (f *facts) foreignCause(v *volume, names []string) string {
	if v.code != codeElsewhere {
		return "a member that was removed or renamed, another LXD that uses the same pod, or an operator who connected it by hand"
	}
	if server, ok := serverOf(names[0]); ok {
		return "another LXD (" + server + ", by the name of the array host) uses the same pod and has the record of it"
	}
	return "another LXD or another tool uses the same pod; this LXD knows nothing of it"
}

// foreign says why a connection is not a member's; empty for a member's, and
// for one that is a member's by name while that member has not answered.
func (f *facts) foreign(row *evidence.Connection, o owner) string {
	switch {
	case row.Group != "":
		return "host group " + row.Group + ", which LXD never makes"
	case o.ours.IsNot():
		return o.why
	case row.Host == "" || o.ours.Is() || o.member != "" || !f.members.whole:
		return ""
	default:
		return o.why
	}
}
