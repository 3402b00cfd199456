package array

import (
	"slices"
	"time"
)

func (s *state) protection(name string) (*protection, error) {
	if g := s.protectNames[key(name)]; g != nil {
		return g, nil
	}
	return nil, refuse(noProtection, name)
}

func (s *state) createProtection(full string) (*protection, error) {
	p, local, err := s.container(full)
	if err != nil {
		return nil, err
	}
	full = join(p, local)
	if err := s.checkName("Protection group", local, full); err != nil {
		return nil, err
	}
	if s.protectNames[key(full)] != nil {
		return nil, refuse(protectExists, full)
	}
	return s.addProtection(full, p), nil
}

func (s *state) addProtection(full string, p *pod) *protection {
	g := &protection{rank: s.next(), id: s.newID(), name: full, pod: p}
	s.protections.add(g)
	s.protectNames[key(full)] = g
	return g
}

// defaultGroups are the protection groups that a new volume joins.
func (s *state) defaultGroups(p *pod) []*protection {
	names := s.defaults
	if p != nil {
		names = p.defaults
	}
	var groups []*protection
	for _, n := range names {
		if g := s.protectNames[key(n)]; g != nil && !g.destroyed {
			groups = append(groups, g)
		}
	}
	return groups
}

func (s *state) destroyProtection(now time.Time, g *protection) error {
	if g.destroyed {
		return refuse(protectDeleted, g.name)
	}
	if g.ratchet {
		return refuse(protectionLocked, g.name)
	}
	g.destroy(now, s.delay, 0)
	return nil
}

func (s *state) recoverProtection(g *protection) error {
	switch {
	case !g.destroyed:
		return refuse("Protection group"+recoverLive, g.name)
	case g.pod != nil && g.pod.destroyed:
		return refuse(podDestroyed, g.pod.name)
	}
	g.recover()
	return nil
}

func (s *state) eradicateProtection(g *protection) error {
	switch {
	case !g.destroyed:
		return refuse("Protection group"+eradicateLive, g.name)
	case s.safeMode:
		return refuseAll(eradicationOff)
	}
	s.dropProtection(g)
	return nil
}

func (s *state) dropProtection(g *protection) {
	for _, m := range slices.Clone(g.members) {
		s.removeMember(m)
	}
	s.protections.remove(g)
	delete(s.protectNames, key(g.name))
}

func (s *state) renameProtection(g *protection, full string) error {
	if g.destroyed {
		return refuse(protectDestroyed, g.name)
	}
	p, local, err := s.container(full)
	if err != nil {
		return err
	}
	full = join(p, local)
	if p != g.pod {
		return refuse(badCombination, g.name)
	}
	if err := s.checkName("Protection group", local, full); err != nil {
		return err
	}
	if other := s.protectNames[key(full)]; other != nil && other != g {
		return refuse(protectExists, full)
	}
	delete(s.protectNames, key(g.name))
	g.name = full
	s.protectNames[key(full)] = g
	return nil
}

// addMember puts a volume into a group; one that is in it stays as it is.
func (s *state) addMember(g *protection, v *volume) *membership {
	for _, m := range v.memberships {
		if m.group == g {
			return m
		}
	}
	m := &membership{rank: s.next(), group: g, volume: v}
	s.memberships.add(m)
	g.members = append(g.members, m)
	v.memberships = append(v.memberships, m)
	return m
}

func (s *state) joinProtection(g *protection, v *volume) (*membership, error) {
	switch {
	case g.destroyed:
		return nil, refuse(protectDestroyed, g.name)
	case v.destroyed:
		return nil, refuse(volumeDestroyed, v.name)
	}
	return s.addMember(g, v), nil
}

// leaveProtection takes a volume out, unless the group's retention is locked.
func (s *state) leaveProtection(g *protection, v *volume) error {
	if g.ratchet {
		return refuse(protectionLocked, g.name)
	}
	for _, m := range v.memberships {
		if m.group == g {
			s.removeMember(m)
			return nil
		}
	}
	return refuse(noMembership, v.name)
}

func (s *state) removeMember(m *membership) {
	s.memberships.remove(m)
	m.group.members = without(m.group.members, m)
	m.volume.memberships = without(m.volume.memberships, m)
}
