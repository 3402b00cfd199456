package array

import (
	"slices"
	"time"
)

// createPod makes a pod on this array. Since Purity 6.3.5 it comes with a
// protection group and a default protection after the array's.
func (s *state) createPod(name string) (*pod, error) {
	if s.pods.has(name) {
		return nil, refuse(podExists, name)
	}
	p := &pod{
		rank: s.next(), id: s.newID(), name: name, requested: "promoted", promoted: "promoted",
		arrays: []PodArray{{ID: s.config.ID, Name: s.config.Name, Status: "online"}},
	}
	s.pods.put(name, p)
	p.auto = s.addProtection(join(p, autoGroup), p).name
	return p, nil
}

func (s *state) dropPod(p *pod) {
	s.dropVolumes(func(v *volume) bool { return v.pod == p })
	for _, g := range slices.Clone(s.protections.rows) {
		if g.pod == p {
			s.dropProtection(g)
		}
	}
	s.pods.drop(p.name, p)
}

// expire eradicates what has been destroyed for longer than the delay. It is
// the only way out under SafeMode.
func (s *state) expire(now time.Time) (changed bool) {
	expired := func(l life) bool { return l.expired(now) }
	if slices.ContainsFunc(s.volumes.rows, func(v *volume) bool { return expired(v.life) }) {
		s.dropVolumes(func(v *volume) bool { return expired(v.life) })
		changed = true
	}
	for _, n := range slices.Clone(s.snapshots.rows) {
		if expired(n.life) {
			s.dropSnapshot(n)
			changed = true
		}
	}
	for _, g := range slices.Clone(s.protections.rows) {
		if expired(g.life) {
			s.dropProtection(g)
			changed = true
		}
	}
	return changed
}

func (s *state) promote(p *pod, requested, status string) {
	p.requested, p.promoted = requested, status
	for _, v := range s.volumes.rows {
		if v.pod == p {
			v.promoted = status
		}
	}
}
