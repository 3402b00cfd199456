package array

import (
	"math/bits"
	"slices"
)

const maxLUN = 4095

// lunSet is the LUNs that one host sees, private and shared.
type lunSet [(maxLUN + 1) / 64]uint64

func (l *lunSet) has(n int) bool { return n > maxLUN || l[n/64]&(1<<(n%64)) != 0 }
func (l *lunSet) add(n int)      { l[n/64] |= 1 << (n % 64) }
func (l *lunSet) remove(n int)   { l[n/64] &^= 1 << (n % 64) }

// lowest is the first free LUN from 1 up, or 0: none. A LUN is free again as soon
// as its volume is disconnected.
func (l *lunSet) lowest() int {
	for i, word := range l {
		if i == 0 {
			word |= 1
		}
		if free := bits.TrailingZeros64(^word); free < 64 {
			return i*64 + free
		}
	}
	return 0
}

// shared is the LUN that a group's connection gets: the highest that is free
// from 254 down, or 0.
func (l *lunSet) shared() int {
	for n := 254; n > 0; n-- {
		if !l.has(n) {
			return n
		}
	}
	return 0
}

// luns is what is taken on any member.
func (g *group) luns() lunSet {
	var taken lunSet
	for _, h := range g.hosts {
		for i := range taken {
			taken[i] |= h.luns[i]
		}
	}
	return taken
}

// connected is the row of a volume and a host, private or shared, or nil.
func connected(v *volume, h *host) *connection {
	// A volume has few rows and a host many, or the other way round.
	rows := v.connections
	if len(h.connections) < len(rows) {
		rows = h.connections
	}
	for _, c := range rows {
		if c.host == h && c.volume == v {
			return c
		}
	}
	return nil
}

func (s *state) addRow(v *volume, h *host, g *group, lun int) *connection {
	c := &connection{rank: s.next(), volume: v, host: h, group: g, lun: lun}
	s.connections.add(c)
	v.connections = append(v.connections, c)
	h.connections = append(h.connections, c)
	h.luns.add(lun)
	return c
}

func (s *state) removeRow(c *connection) {
	s.connections.remove(c)
	c.volume.connections = without(c.volume.connections, c)
	c.host.connections = without(c.host.connections, c)
	c.host.luns.remove(c.lun)
}

// connectHost makes a private connection; lun 0 takes the lowest free one.
func (s *state) connectHost(v *volume, h *host, lun int) (*connection, error) {
	switch {
	case v.destroyed:
		return nil, refuse(volumeDestroyed, v.name)
	case h.remote():
		return nil, refuse(remoteHost, h.name)
	case connected(v, h) != nil:
		return nil, refuse(connectionExists, v.name)
	}
	if lun == 0 {
		lun = h.luns.lowest()
	}
	if lun < 1 || h.luns.has(lun) {
		return nil, refuse(lunInUse, v.name)
	}
	return s.addRow(v, h, nil, lun), nil
}

// connectGroup makes a shared connection for all hosts of a group.
func (s *state) connectGroup(v *volume, g *group, lun int) error {
	if v.destroyed {
		return refuse(volumeDestroyed, v.name)
	}
	if slices.ContainsFunc(v.connections, func(c *connection) bool { return c.host.group == g }) {
		return refuse(connectionExists, v.name)
	}
	taken := g.luns()
	if lun == 0 {
		lun = taken.shared()
	}
	if lun < 1 || taken.has(lun) {
		return refuse(lunInUse, v.name)
	}
	g.shared = append(g.shared, v)
	for _, h := range g.hosts {
		s.addRow(v, h, g, lun)
	}
	return nil
}

// disconnectHost cuts a private connection. A shared one is the group's.
func (s *state) disconnectHost(v *volume, h *host) error {
	if v.destroyed {
		return refuse(volumeDestroyed, v.name)
	}
	c := connected(v, h)
	switch {
	case h.remote():
		return refuse(remoteHost, h.name)
	case c == nil:
		return refuse(noConnection, v.name)
	case c.group == nil:
		s.removeRow(c)
		return nil
	case s.config.Unverified.DisconnectSharedByHost:
		s.disconnectGroup(v, c.group)
		return nil
	default:
		return refuse(noConnection, v.name)
	}
}

func (s *state) disconnectGroup(v *volume, g *group) {
	g.shared = without(g.shared, v)
	for _, c := range slices.Clone(v.connections) {
		if c.group == g {
			s.removeRow(c)
		}
	}
}
