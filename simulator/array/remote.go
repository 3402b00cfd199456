package array

import (
	"fmt"
	"slices"
	"time"
)

// Remote are the hosts of a peer array and what it connects to them, as this
// array shows them for the volumes of a stretched pod: under "peer:host", not
// local, and not for anybody to change here.
type Remote struct {
	Hosts []Host
	Rows  []Connection // Volume is its name here
}

// ShowRemote shows these and no others of the peer.
func (a *Array) ShowRemote(peer string, shown Remote) error {
	if a.remote(peer, shown) {
		return nil
	}
	return a.edit("show hosts of", peer, func(s *state, _ time.Time) error {
		for _, h := range slices.Clone(s.hosts.rows) {
			if h.of(peer) {
				for _, c := range slices.Clone(h.connections) {
					s.removeRow(c)
				}
				s.hosts.drop(h.name, h)
			}
		}
		for _, r := range shown.Hosts {
			h := &host{rank: s.next(), name: peer + ":" + r.Name, iqns: r.IQNs, nqns: r.NQNs, wwns: r.WWNs}
			s.hosts.put(h.name, h)
		}
		for _, r := range shown.Rows {
			v, h := s.volumes.names[key(r.Volume)], s.hosts.names[key(peer+":"+r.Host)]
			if v == nil || h == nil {
				return fmt.Errorf("it connects %s to %s, and one of them is not here", r.Volume, r.Host)
			}
			s.addRow(v, h, nil, r.LUN)
		}
		return nil
	})
}

func (h *host) of(peer string) bool {
	return h.remote() && key(h.name[:min(len(peer)+1, len(h.name))]) == key(peer+":")
}

// remote reports that all of it is shown already.
func (a *Array) remote(peer string, shown Remote) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var have, want []string
	for _, h := range a.state.hosts.rows {
		if h.of(peer) {
			have = append(have, fmt.Sprint(h.name, h.initiators()))
			for _, c := range h.connections {
				have = append(have, fmt.Sprint(h.name, c.volume.name, c.lun))
			}
		}
	}
	for _, r := range shown.Hosts {
		want = append(want, fmt.Sprint(peer+":"+r.Name, slices.Concat(r.IQNs, r.NQNs, r.WWNs)))
	}
	for _, r := range shown.Rows {
		want = append(want, fmt.Sprint(peer+":"+r.Host, r.Volume, r.LUN))
	}
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(have, want)
}

// DropPod takes a pod that is no longer stretched to this array away, with all
// that it holds here.
func (a *Array) DropPod(name string) error {
	return a.onPod("drop pod", name, func(s *state, _ time.Time, p *pod) error {
		s.dropPod(p)
		return nil
	})
}
