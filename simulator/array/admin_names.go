package array

import (
	"fmt"
	"strings"
	"time"
)

// RelocateVolume gives a volume another full name, as an administrator does
// who renames it, moves it into a volume group ("pod::group/name"), or moves
// it out of its pod or into another. Serial, id and connections stay.
func (a *Array) RelocateVolume(name, to string) error {
	return a.onVolume("move to "+to+" volume", name, func(s *state, now time.Time, v *volume) error {
		s.byHand(now, "rename", v.name+" "+to)
		var p *pod
		local := to
		if before, after, inPod := strings.Cut(to, "::"); inPod {
			var err error
			if p, err = s.pod(before); err != nil {
				return err
			}
			local = after
		}
		switch other := s.volumes.names[key(to)]; {
		case v.destroyed:
			return refuse(volumeDestroyed, v.name)
		case other != nil && other != v:
			return refuse(volumeExists, to)
		}
		if err := s.checkMove(v, p); err != nil {
			return err
		}
		v.pod = p
		s.setVolumeName(v, join(p, local))
		return nil
	})
}

func (a *Array) RenamePod(name, to string) error {
	return a.onPod("rename pod", name, func(s *state, _ time.Time, p *pod) error {
		if s.pods.has(to) {
			return refuse(podExists, to)
		}
		delete(s.pods.names, key(p.name))
		p.name = to
		s.pods.names[key(to)] = p
		for _, v := range s.volumes.rows {
			if v.pod == p {
				s.setVolumeName(v, join(p, localName(v.name)))
			}
		}
		return nil
	})
}

func (a *Array) RenameSnapshot(name, suffix string) error {
	return on(a, "rename snapshot", name, (*state).snapshot, func(s *state, _ time.Time, n *snapshot) error {
		if full := n.volume.name + "." + suffix; s.snapshots.has(full) {
			return refuse(snapshotExists, full)
		}
		delete(s.snapshots.names, key(n.name()))
		n.suffix = suffix
		s.snapshots.names[key(n.name())] = n
		return nil
	})
}

// volumeGroup is the group that a volume's name says it is in.
func volumeGroup(v *volume) (name, id string) {
	group, _, grouped := strings.Cut(localName(v.name), "/")
	if !grouped {
		return "", ""
	}
	return join(v.pod, group), fmt.Sprintf("%08x-0000-4000-8000-766f6c677270", len(group))
}
