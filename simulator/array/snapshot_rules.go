package array

import "time"

func (s *state) createSnapshot(now time.Time, v *volume, suffix string) (*snapshot, error) {
	switch full := v.name + "." + suffix; {
	case v.destroyed:
		return nil, refuse(volumeDestroyed, v.name)
	case s.snapshots.has(full):
		return nil, refuse(snapshotExists, full)
	}
	return s.addSnapshot(now, v, suffix), nil
}

func (s *state) addSnapshot(now time.Time, v *volume, suffix string) *snapshot {
	serial, _ := s.newSerial()
	n := &snapshot{
		rank: s.next(), id: s.newID(), suffix: suffix, serial: serial,
		volume: v, provisioned: v.provisioned, created: now.UnixMilli(),
	}
	s.snapshots.put(n.name(), n)
	v.snapshots = append(v.snapshots, n)
	return n
}

func (s *state) destroySnapshot(now time.Time, n *snapshot) error {
	if n.destroyed {
		return refuse(snapshotDestroyed, n.name())
	}
	n.destroy(now, s.delay, 0)
	return nil
}

func (s *state) recoverSnapshot(n *snapshot) error {
	switch {
	case !n.destroyed:
		return refuse("Volume snapshot"+recoverLive, n.name())
	case n.volume.destroyed:
		return refuse(volumeDestroyed, n.volume.name)
	}
	n.recover()
	return nil
}

func (s *state) eradicateSnapshot(n *snapshot) error {
	if err := s.eradicable(n.life, "Volume snapshot", n.name()); err != nil {
		return err
	}
	s.dropSnapshot(n)
	return nil
}

func (s *state) dropSnapshot(n *snapshot) {
	s.snapshots.drop(n.name(), n)
	n.volume.snapshots = without(n.volume.snapshots, n)
}
