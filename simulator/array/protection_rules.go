package array

import (
	"slices"
	"time"
)

// autoGroup is the default protection of the array, and of a pod in it.
const autoGroup = "pgroup-auto"

func (s *state) addProtection(full string, p *pod) *protection {
	g := &protection{rank: s.next(), id: s.newID(), name: full, pod: p}
	s.protections.put(full, g)
	return g
}

func (s *state) destroyProtection(now time.Time, g *protection) error {
	if g.destroyed {
		return refuse(protectDeleted, g.name)
	}
	g.destroy(now, s.delay, 0)
	return nil
}

func (s *state) eradicateProtection(g *protection) error {
	if err := s.eradicable(g.life, "Protection group", g.name); err != nil {
		return err
	}
	s.dropProtection(g)
	return nil
}

func (s *state) dropProtection(g *protection) {
	for _, m := range slices.Clone(g.members) {
		s.removeMember(m)
	}
	s.protections.drop(g.name, g)
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
