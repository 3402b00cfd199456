package array

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const minVolume = 1 << 20

type newVolume struct {
	bytes    int64
	source   *volume
	snapshot *snapshot // a snapshot of source
	created  time.Time
	serial   string // empty is the next one
}

// origin finds what a copy is made from: a volume or a snapshot, by name.
func (s *state) origin(name string) (*volume, *snapshot, error) {
	if v := s.volumes.names[key(name)]; v != nil {
		if v.destroyed {
			return nil, nil, refuse(volumeDestroyed, v.name)
		}
		return v, nil, nil
	}
	if n := s.snapshots.names[key(name)]; n != nil {
		if n.destroyed {
			return nil, nil, refuse(snapshotDestroyed, n.name())
		}
		return n.volume, n, nil
	}
	return nil, nil, refuse(noVolumeOrSnapshot, name)
}

// createVolume makes a volume. A name is taken until its volume is eradicated.
func (s *state) createVolume(now time.Time, full string, o newVolume) (*volume, error) {
	p, local, err := s.container(full)
	if err != nil {
		return nil, err
	}
	full = join(p, local)
	if s.volumes.has(full) {
		return nil, refuse(volumeExists, full)
	}
	switch {
	case o.snapshot != nil:
		o.bytes = o.snapshot.provisioned
	case o.source != nil:
		o.bytes = o.source.provisioned
	case o.bytes == 0:
		o.bytes = minVolume
	}
	if o.created.IsZero() {
		o.created = now
	}
	v := &volume{
		rank: s.next(), id: s.newID(), name: full, pod: p, provisioned: o.bytes, created: o.created.UnixMilli(),
		promoted: "promoted", source: o.source,
	}
	serial, count := s.newSerial()
	v.serial, v.nsid = serial, int64(count)
	if o.serial != "" {
		v.serial = o.serial
	}
	switch {
	case o.snapshot != nil:
		v.used, v.written = o.snapshot.used, o.snapshot.volume.written
	case o.source != nil:
		v.used, v.written = o.source.used, o.source.written
	}
	if p != nil {
		v.promoted = p.promoted
	}
	s.volumes.put(full, v)
	s.volumeIDs[v.id] = v
	return v, nil
}

// overwriteVolume gives the target the content of the source, and makes the
// target if there is none: LXD restores and mounts snapshots this way. The
// volume keeps its id and serial.
func (s *state) overwriteVolume(now time.Time, full string, source *volume, from *snapshot) (*volume, error) {
	v := s.volumes.names[key(full)]
	if v == nil {
		return s.createVolume(now, full, newVolume{source: source, snapshot: from})
	}
	if v.destroyed {
		return nil, refuse(volumeDestroyed, v.name)
	}
	bytes, used := source.provisioned, source.used
	if from != nil {
		bytes, used = from.provisioned, from.used
	}
	s.undoSnapshot(now, v)
	v.provisioned, v.used, v.written = bytes, used, source.written
	if v != source {
		v.source = source
	}
	return v, nil
}

// undoSnapshot keeps the content before an overwrite as a destroyed snapshot.
func (s *state) undoSnapshot(now time.Time, v *volume) {
	n := s.addSnapshot(now, v, fmt.Sprintf("undo-%d", s.next()))
	n.destroy(now, s.delay, 0)
}

// destroyVolume puts a volume and its snapshots into the time before eradication.
func (s *state) destroyVolume(now time.Time, v *volume) error {
	if v.destroyed {
		return refuse(volumeDeleted, v.name)
	}
	if len(v.connections) > 0 && !s.config.Unverified.AllowDestroyConnected {
		return refuse(cmp.Or(s.config.Unverified.ConnectedText, destroyConnected), v.name)
	}
	v.destroy(now, s.delay, 0)
	for _, n := range v.snapshots {
		if !n.destroyed {
			n.destroy(now, s.delay, v.rank)
		}
	}
	return nil
}

// recoverVolume brings a volume back, and the snapshots destroyed with it.
func (s *state) recoverVolume(v *volume) error {
	if !v.destroyed {
		return refuse("Volume"+recoverLive, v.name)
	}
	v.recover()
	for _, n := range v.snapshots {
		if n.with == v.rank {
			n.recover()
		}
	}
	return nil
}

// eradicable refuses what is alive and, under SafeMode, everything.
func (s *state) eradicable(l life, kind, name string) error {
	switch {
	case !l.destroyed:
		return refuse(kind+eradicateLive, name)
	case s.safeMode:
		return refuseAll(eradicationOff)
	}
	return nil
}

func (s *state) eradicateVolume(v *volume) error {
	if err := s.eradicable(v.life, "Volume", v.name); err != nil {
		return err
	}
	s.dropVolumes(func(one *volume) bool { return one == v })
	return nil
}

// dropVolumes takes volumes and all that hangs on them out of the state.
func (s *state) dropVolumes(doomed func(*volume) bool) {
	s.volumes.rows = slices.DeleteFunc(s.volumes.rows, func(v *volume) bool {
		if !doomed(v) {
			return false
		}
		v.gone = true
		for _, c := range slices.Clone(v.connections) {
			s.removeRow(c)
			if c.group != nil {
				c.group.shared = without(c.group.shared, v)
			}
		}
		for _, m := range slices.Clone(v.memberships) {
			s.removeMember(m)
		}
		for _, n := range slices.Clone(v.snapshots) {
			s.dropSnapshot(n)
		}
		delete(s.volumes.names, key(v.name))
		delete(s.volumeIDs, v.id)
		return true
	})
}

func (s *state) setVolumeName(v *volume, full string) {
	delete(s.volumes.names, key(v.name))
	for _, n := range v.snapshots {
		delete(s.snapshots.names, key(n.name()))
	}
	v.name = full
	s.volumes.names[key(full)] = v
	for _, n := range v.snapshots {
		s.snapshots.names[key(n.name())] = n
	}
}

// checkMove refuses moves into and out of stretched pods: the peer has the same
// volume.
func (s *state) checkMove(v *volume, p *pod) error {
	switch {
	case p == v.pod:
		return nil
	case p != nil && len(p.arrays) > 1:
		return refuse(intoStretched, v.name)
	case v.pod != nil && len(v.pod.arrays) > 1:
		return refuse(outOfStretched, v.name)
	}
	return nil
}

// connectionCount is the number of distinct hosts and host groups.
func (v *volume) connectionCount() int64 {
	var n int64
	for i, c := range v.connections {
		if c.group == nil || !slices.ContainsFunc(v.connections[:i], func(e *connection) bool { return e.group == c.group }) {
			n++
		}
	}
	return n
}
