package array

import (
	"slices"
	"time"
)

func (s *state) pod(name string) (*pod, error) {
	if p := s.podNames[key(name)]; p != nil {
		return p, nil
	}
	return nil, refuse(noPod, name)
}

// createPod makes a pod on this array. Since Purity 6.3.5 it comes with a
// protection group and a default protection after the array's.
func (s *state) createPod(name string, quota int64) (*pod, error) {
	if err := s.checkName("Pod", name, name); err != nil {
		return nil, err
	}
	if s.podNames[key(name)] != nil {
		return nil, refuse(podExists, name)
	}
	p := &pod{
		rank: s.next(), id: s.newID(), name: name, quota: quota, requested: "promoted", promoted: "promoted",
		arrays: []PodArray{{ID: s.config.ID, Name: s.config.Name, Status: "online"}},
	}
	s.pods.add(p)
	s.podNames[key(name)] = p
	for _, d := range s.defaults {
		g := s.addProtection(join(p, localName(d)), p)
		p.defaults = append(p.defaults, g.name)
	}
	return p, nil
}

// destroyPod needs an empty pod, or takes its contents along.
func (s *state) destroyPod(now time.Time, p *pod, contents bool) error {
	switch {
	case p.destroyed:
		return refuse(podDeleted, p.name)
	case len(p.arrays) > 1:
		return refuse(podStretched, p.name)
	}
	for _, v := range s.volumes.rows {
		if v.pod != p || v.destroyed {
			continue
		}
		if !contents {
			return refuse(podNotEmpty, p.name)
		}
		if len(v.connections) > 0 && !s.config.Unverified.AllowDestroyConnected {
			return refuse(s.config.connectedText(), v.name)
		}
	}
	for _, g := range s.protections.rows {
		if g.pod == p && !g.destroyed && !contents {
			return refuse(podNotEmpty, p.name)
		}
	}
	p.destroy(now, s.delay, 0)
	for _, v := range s.volumes.rows {
		if v.pod == p && !v.destroyed {
			s.sinkVolume(now, v, p.rank)
		}
	}
	for _, g := range s.protections.rows {
		if g.pod == p && !g.destroyed {
			g.destroy(now, s.delay, p.rank)
		}
	}
	return nil
}

func (s *state) recoverPod(p *pod) error {
	if !p.destroyed {
		return refuse("Pod"+recoverLive, p.name)
	}
	p.recover()
	if s.config.Unverified.PodRestoreLeavesContents {
		return nil
	}
	for _, v := range s.volumes.rows {
		if v.pod == p && v.with == p.rank {
			s.floatVolume(v)
		}
	}
	for _, g := range s.protections.rows {
		if g.pod == p && g.with == p.rank {
			g.recover()
		}
	}
	return nil
}

func (s *state) eradicatePod(p *pod, contents bool) error {
	if !p.destroyed {
		return refuse("Pod"+eradicateLive, p.name)
	}
	if s.safeMode || !contents && slices.ContainsFunc(s.volumes.rows, func(v *volume) bool { return v.pod == p }) {
		return refuse(podEradicate, p.name)
	}
	s.dropPod(p)
	return nil
}

func (s *state) dropPod(p *pod) {
	s.dropVolumes(func(v *volume) bool { return v.pod == p })
	for _, g := range slices.Clone(s.protections.rows) {
		if g.pod == p {
			s.dropProtection(g)
		}
	}
	s.pods.remove(p)
	delete(s.podNames, key(p.name))
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
	for _, p := range slices.Clone(s.pods.rows) {
		if expired(p.life) {
			s.dropPod(p)
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

// promote sets what a pod and its volumes are.
func (s *state) promote(p *pod, requested, status string) {
	p.requested, p.promoted = requested, status
	for _, v := range s.volumes.rows {
		if v.pod == p {
			v.promoted = status
		}
	}
}
