package array

import (
	"maps"
	"slices"
)

// clone copies the state so deeply that neither sees the other's changes.
func (s *state) clone() *state {
	c := *s
	var (
		pods        = map[*pod]*pod{nil: nil}
		volumes     = map[*volume]*volume{nil: nil}
		snapshots   = map[*snapshot]*snapshot{nil: nil}
		hosts       = map[*host]*host{nil: nil}
		groups      = map[*group]*group{nil: nil}
		connections = map[*connection]*connection{}
		protections = map[*protection]*protection{}
		memberships = map[*membership]*membership{}
	)
	c.pods.rows = copies(s.pods.rows, pods)
	c.volumes.rows = copies(s.volumes.rows, volumes)
	c.snapshots.rows = copies(s.snapshots.rows, snapshots)
	c.hosts.rows = copies(s.hosts.rows, hosts)
	c.groups.rows = copies(s.groups.rows, groups)
	c.connections.rows = copies(s.connections.rows, connections)
	c.protections.rows = copies(s.protections.rows, protections)
	c.memberships.rows = copies(s.memberships.rows, memberships)
	c.audits.rows = slices.Clone(s.audits.rows)
	c.defaults = slices.Clone(s.defaults)

	for _, p := range c.pods.rows {
		p.arrays, p.preferences, p.defaults = slices.Clone(p.arrays), slices.Clone(p.preferences), slices.Clone(p.defaults)
	}
	for _, v := range c.volumes.rows {
		// A source that has been eradicated is not in the list any more and
		// becomes nil, which is what a row shows for it.
		v.pod, v.source = pods[v.pod], volumes[v.source]
		v.connections = mapped(v.connections, connections)
		v.snapshots = mapped(v.snapshots, snapshots)
		v.memberships = mapped(v.memberships, memberships)
		v.activity = slices.Clone(v.activity)
	}
	for _, n := range c.snapshots.rows {
		n.volume = volumes[n.volume]
	}
	for _, h := range c.hosts.rows {
		h.group, h.connections = groups[h.group], mapped(h.connections, connections)
		h.iqns, h.nqns, h.wwns = slices.Clone(h.iqns), slices.Clone(h.nqns), slices.Clone(h.wwns)
	}
	for _, g := range c.groups.rows {
		g.hosts = mapped(g.hosts, hosts)
		g.shared = slices.Clone(g.shared)
		for i, e := range g.shared {
			g.shared[i] = &shared{volumes[e.volume], e.lun}
		}
	}
	for _, r := range c.connections.rows {
		r.volume, r.host, r.group = volumes[r.volume], hosts[r.host], groups[r.group]
	}
	for _, g := range c.protections.rows {
		g.pod, g.members = pods[g.pod], mapped(g.members, memberships)
	}
	for _, m := range c.memberships.rows {
		m.group, m.volume = protections[m.group], volumes[m.volume]
	}

	c.podNames = index(s.podNames, pods)
	c.volumeNames, c.volumeIDs = index(s.volumeNames, volumes), index(s.volumeIDs, volumes)
	c.snapshotNames = index(s.snapshotNames, snapshots)
	c.hostNames, c.initiators = index(s.hostNames, hosts), index(s.initiators, hosts)
	c.groupNames = index(s.groupNames, groups)
	c.protectNames = index(s.protectNames, protections)
	return &c
}

// copies copies each row and notes which copy is whose.
func copies[T any](rows []*T, seen map[*T]*T) []*T {
	all := make([]*T, len(rows))
	for i, r := range rows {
		c := *r
		all[i], seen[r] = &c, &c
	}
	return all
}

func mapped[T any](all []*T, to map[*T]*T) []*T {
	out := make([]*T, len(all))
	for i, e := range all {
		out[i] = to[e]
	}
	return out
}

func index[T any](names map[string]*T, to map[*T]*T) map[string]*T {
	out := maps.Clone(names)
	for k, v := range out {
		out[k] = to[v]
	}
	return out
}
