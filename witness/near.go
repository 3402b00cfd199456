package witness

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// kept are the hosts of the earlier look that are not asked again, by name: a
// look at what is near to some volumes is about the machines that may have
// something of them. Those are the ones that whoever looks names, every one that
// an array connects one of the volumes to, and every one that had something of
// them when it was last asked, or of which not everything was known then.
//
// What another one has now, it has through a connection that was made since and
// is gone already: nothing that is done to a machine which is asked, or to its
// connection, takes that away from it. Whoever destroys a volume asks all.
func (p *part) kept(arrays []evidence.Array) map[string]*evidence.Host {
	if p == nil || !p.scope.Near {
		return nil
	}
	serials := p.serials(arrays)
	if len(serials) == 0 {
		return nil
	}
	ours := setOf(serials, func(serial *evidence.Serial) evidence.Serial { return *serial })
	connected := map[string]bool{}
	for a := range evidence.Refs(arrays) {
		if !strings.EqualFold(a.ID, p.scope.ArrayID) {
			continue
		}
		ids := related(a, p.scope.Volumes)
		if !a.Connections.IsComplete() || !a.Hosts.IsComplete() {
			return nil
		}
		for c := range evidence.Refs(a.Connections.Items) {
			if !slices.Contains(ids, c.VolumeID) {
				continue
			}
			at := slices.IndexFunc(a.Hosts.Items, func(h evidence.ArrayHost) bool { return strings.EqualFold(h.Name, c.Host) })
			if at < 0 {
				return nil // to whom it is connected is not known
			}
			for _, initiator := range a.Hosts.Items[at].Initiators() {
				connected[evidence.Initiator(initiator)] = true
			}
		}
	}
	kept := map[string]*evidence.Host{}
	for h := range evidence.Refs(p.base.world.Hosts) {
		isConnected := slices.ContainsFunc(slices.Concat(h.IQNs.Items, h.NQNs.Items, h.WWPNs.Items), func(own string) bool { return connected[evidence.Initiator(own)] })
		if !named(p.scope.Members, h.Name) && !isConnected && hasNothing(h, ours) {
			kept[strings.ToLower(h.Name)] = h
		}
	}
	return kept
}

// serials are those of the volumes that a look is about; none where one of them is
// not known, and for a look at everything.
func (p *part) serials(arrays []evidence.Array) []evidence.Serial {
	if p == nil {
		return nil
	}
	var serials []evidence.Serial
	found := map[string]bool{}
	for a := range evidence.Refs(arrays) {
		if !strings.EqualFold(a.ID, p.scope.ArrayID) {
			continue
		}
		ids := related(a, p.scope.Volumes)
		for v := range evidence.Refs(a.Volumes.Items) {
			if slices.Contains(ids, v.ID) && v.Serial != "" {
				found[v.ID] = true
				serials = append(serials, v.Serial)
			}
		}
	}
	for _, id := range p.scope.Volumes {
		if !found[id] {
			return nil
		}
	}
	return serials
}

// hasNothing reports a machine that told everything, and had nothing that is one
// of the volumes, or could be.
func hasNothing(h *evidence.Host, ours map[evidence.Serial]bool) bool {
	for _, why := range []string{
		h.Trouble, h.IQNs.Why(), h.NQNs.Why(), h.WWPNs.Why(), h.Sessions.Why(), h.RemotePorts.Why(), h.Disks.Why(), h.Maps.Why(), h.Subsystems.Why(),
		h.Controllers.Why(), h.Namespaces.Why(), h.Links.Why(), h.Uses.Why(), h.Directories.Why(),
	} {
		if why != "" {
			return false
		}
	}
	may := func(serial evidence.Serial) bool { return serial == "" || ours[serial] }
	return !h.Recorded && h.AllProcesses.Is() &&
		!slices.ContainsFunc(h.Disks.Items, func(d evidence.Disk) bool {
			return may(d.Serial) || ours[d.Live.Serial] || d.Live.Kind == evidence.IdentityUnknown
		}) &&
		!slices.ContainsFunc(h.Maps.Items, func(m evidence.Map) bool { return may(m.Serial) }) &&
		!slices.ContainsFunc(h.Controllers.Items, func(c evidence.Controller) bool { return c.State != "live" }) &&
		!slices.ContainsFunc(h.Namespaces.Items, func(n evidence.Namespace) bool { return may(n.Serial) }) &&
		!slices.ContainsFunc(h.Links.Items, func(l evidence.Link) bool { return may(l.Serial) }) &&
		!slices.ContainsFunc(h.Uses.Items, func(u evidence.Use) bool { return may(u.Serial) })
}
