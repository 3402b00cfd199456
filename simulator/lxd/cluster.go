package lxd

import (
	"maps"
	"slices"
)

// PowerFail takes the power from the member's machine: its daemon and its
// instances are gone with it. PowerOn brings it back.
func (m *Member) PowerFail() {
	m.KillDaemon()
	// The power of a real machine is not ours to take.
	if machine, ok := m.Host.(interface{ PowerCycle() }); ok {
		machine.PowerCycle()
	}
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, i := range s.db.instances {
		if i.Member == m.Name && i.Running {
			i.Running = false
			s.db.instances[key] = i
		}
	}
}

// PowerOn starts the daemon after PowerFail. Instances that shall run must be
// started; what was connected on the array still is.
func (m *Member) PowerOn() { m.StartDaemon() }

// RemoveMember takes a member out of the cluster. With force nobody asks it,
// and the records of its instances and of their volumes are deleted so that
// they can be recovered elsewhere; the array and the machine are not touched.
func (m *Member) RemoveMember(name string, force bool) error {
	s := m.server
	gone, err := s.On(name)
	if err != nil {
		return err
	}
	return m.flow("", "", "/1.0/cluster/members/"+name, func(r *run) error {
		return r.write("remove member "+name, func(db *Database) error {
			for key, i := range maps.Clone(db.instances) {
				if i.Member != name {
					continue
				}
				if !force {
					return worded("Node still has the following instances: %s", i.Name)
				}
				for _, d := range i.disks() {
					if d.isRoot() {
						for _, snapshot := range db.snapshotsOf(d.volume) {
							delete(db.volumes, snapshot.key())
						}
						delete(db.volumes, d.volume)
					}
				}
				delete(db.instances, key)
			}
			s.members = slices.DeleteFunc(s.members, func(o *Member) bool { return o == gone })
			gone.up = false
			gone.life++
			return nil
		})
	})
}
