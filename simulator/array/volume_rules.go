package array

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const minVolume = 1 << 20

// newVolume is what a volume is made with: nothing yet, or the content of source
// or of one of its snapshots.
type newVolume struct {
	bytes, used int64
	written     bool
	source      *volume
	created     time.Time
	serial      string // empty is the next one
}

// origin finds what a copy is made from: a volume or a snapshot, by name.
func (s *state) origin(name string) (newVolume, error) {
	v, n := s.volumes.names[key(name)], s.snapshots.names[key(name)]
	switch {
	case v != nil && v.destroyed:
		return newVolume{}, refuse(volumeDestroyed, v.name)
	case v != nil:
		return newVolume{bytes: v.provisioned, used: v.used, written: v.written, source: v}, nil
	case n != nil && n.destroyed:
		return newVolume{}, refuse(snapshotDestroyed, n.name())
	case n != nil:
		return newVolume{bytes: n.provisioned, used: n.used, written: n.volume.written, source: n.volume}, nil
	}
	return newVolume{}, refuse(noVolumeOrSnapshot, name)
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
	if o.created.IsZero() {
		o.created = now
	}
	v := &volume{
		rank: s.next(), id: s.newID(), name: full, pod: p, provisioned: cmp.Or(o.bytes, minVolume), used: o.used, written: o.written,
		created: o.created.UnixMilli(), promoted: "promoted", source: o.source,
	}
	serial, count := s.newSerial()
	v.serial, v.nsid = cmp.Or(o.serial, serial), int64(count)
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
func (s *state) overwriteVolume(now time.Time, full string, from newVolume) (*volume, error) {
	v := s.volumes.names[key(full)]
	if v == nil {
		return s.createVolume(now, full, from)
	}
	if v.destroyed {
		return nil, refuse(volumeDestroyed, v.name)
	}
	// The content before an overwrite is kept as a destroyed snapshot.
	s.addSnapshot(now, v, fmt.Sprintf("undo-%d", s.next())).destroy(now, s.delay, 0)
	v.provisioned, v.used, v.written = from.bytes, from.used, from.written
	if v != from.source {
		v.source = from.source
	}
	return v, nil
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
