package array

import "slices"

// initiators are the names of a host's ports, by transport.
type initiators struct{ iqns, nqns, wwns []string }

// checkInitiators refuses names that another host has.
func (s *state) checkInitiators(h *host, in initiators) error {
	for _, part := range []struct {
		kind  string
		names []string
	}{{"IQN", in.iqns}, {"NQN", in.nqns}, {"WWN", in.wwns}} {
		for _, n := range part.names {
			if other := s.initiators[key(n)]; other != nil && other != h {
				return refuse(inUse(part.kind), n)
			}
		}
	}
	return nil
}

// changeInitiators gives a host these in place of its own.
func (s *state) changeInitiators(h *host, in initiators) error {
	err := s.checkInitiators(h, in)
	if err == nil {
		s.setInitiators(h, in)
	}
	return err
}

func (s *state) setInitiators(h *host, in initiators) {
	for _, n := range h.initiators() {
		delete(s.initiators, key(n))
	}
	h.iqns, h.nqns, h.wwns = slices.Clone(in.iqns), slices.Clone(in.nqns), slices.Clone(in.wwns)
	for _, n := range h.initiators() {
		s.initiators[key(n)] = h
	}
}

func (h *host) initiators() []string { return slices.Concat(h.iqns, h.nqns, h.wwns) }

func (s *state) createHost(name string, in initiators) (*host, error) {
	if s.hosts.has(name) {
		return nil, refuse(hostExists, name)
	}
	if err := s.checkInitiators(nil, in); err != nil {
		return nil, err
	}
	h := &host{rank: s.next(), name: name}
	s.hosts.put(name, h)
	s.setInitiators(h, in)
	return h, nil
}

// deleteHost needs a host without connections, private or through a group.
func (s *state) deleteHost(h *host) error {
	switch {
	case h.remote():
		return refuse(remoteHost, h.name)
	case len(h.connections) > 0:
		return refuse(hostConnected, h.name)
	case h.group != nil:
		return refuse(groupedHost, h.name)
	}
	s.setInitiators(h, initiators{})
	s.hosts.drop(h.name, h)
	return nil
}

func (s *state) createGroup(name string, hosts []*host) error {
	if s.groups.has(name) {
		return refuse(groupExists, name)
	}
	g := &group{rank: s.next(), name: name, hosts: hosts}
	s.groups.put(name, g)
	for _, h := range hosts {
		h.group = g
	}
	return nil
}
