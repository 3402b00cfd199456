package array

import (
	"slices"
	"strings"
)

// initiators are the names of a host's ports, by transport.
type initiators struct{ iqns, nqns, wwns []string }

// initiatorKey folds an initiator's name; WWNs come with and without colons.
func initiatorKey(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if strings.HasPrefix(name, "iqn.") || strings.HasPrefix(name, "nqn.") || strings.HasPrefix(name, "eui.") {
		return name
	}
	return strings.ReplaceAll(strings.TrimPrefix(name, "0x"), ":", "")
}

// wwn is the array's spelling of a host's WWN: upper case, no colons.
func wwn(s string) string { return strings.ToUpper(initiatorKey(s)) }

// checkInitiators refuses names that another host has.
func (s *state) checkInitiators(h *host, in initiators) error {
	for _, part := range []struct {
		kind  string
		names []string
	}{{"IQN", in.iqns}, {"NQN", in.nqns}, {"WWN", in.wwns}} {
		for _, n := range part.names {
			if other := s.initiators[initiatorKey(n)]; other != nil && other != h {
				return refuse(inUse(part.kind), n)
			}
		}
	}
	return nil
}

func (s *state) setInitiators(h *host, in initiators) {
	for _, n := range h.initiators() {
		delete(s.initiators, initiatorKey(n))
	}
	h.iqns, h.nqns, h.wwns = unique(in.iqns), unique(in.nqns), nil
	for _, w := range unique(in.wwns) {
		h.wwns = append(h.wwns, wwn(w))
	}
	for _, n := range h.initiators() {
		s.initiators[initiatorKey(n)] = h
	}
}

func unique(names []string) []string {
	var kept []string
	for _, n := range names {
		if !slices.ContainsFunc(kept, func(k string) bool { return initiatorKey(k) == initiatorKey(n) }) {
			kept = append(kept, n)
		}
	}
	return kept
}

func (h *host) initiators() []string { return slices.Concat(h.iqns, h.nqns, h.wwns) }

// createHost makes a host. Only the array itself makes remote ones.
func (s *state) createHost(name string, in initiators, remote bool) (*host, error) {
	local := name
	if remote {
		_, local, _ = strings.Cut(name, ":")
	}
	if err := s.checkName("Host", local, name); err != nil {
		return nil, err
	}
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
	if err := s.checkName("Host group", name, name); err != nil {
		return err
	}
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
