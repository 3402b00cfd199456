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
	g.destroy(now, s.delay, 0)
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

// addMember puts a volume into a group; one that is in it stays as it is.
func (s *state) addMember(g *protection, v *volume) {
	if slices.ContainsFunc(v.memberships, func(m *membership) bool { return m.group == g }) {
		return
	}
	m := &membership{rank: s.next(), group: g, volume: v}
	s.memberships.add(m)
	g.members = append(g.members, m)
	v.memberships = append(v.memberships, m)
}

func (s *state) removeMember(m *membership) {
	s.memberships.remove(m)
	m.group.members = without(m.group.members, m)
	m.volume.memberships = without(m.volume.memberships, m)
}
