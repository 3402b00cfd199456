package array

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file changes and shows the array without HTTP: as its administrator
// would, to build worlds fast, and for tests to know the truth. The rules are
// the same as over HTTP; errors are the array's refusals.

// VolumeOptions are what CreateVolume can be told besides name and size.
type VolumeOptions struct {
	// Created is the time of creation; zero is now.
	Created time.Time
	Used    int64
	// Serial is for a volume that another array has made; empty is the next.
	Serial string
	// LXD is set for what LXD made, as the audit trail then has it; else the
	// administrator made it by hand.
	LXD bool
}

type PodArray struct {
	ID, Name string
	// Status is "online" or "offline" and so on.
	Status string
}

type Volume struct {
	ID, Name, Serial, Pod string
	Provisioned, Used     int64
	// Written is set once a host has written to it.
	Written   bool
	Created   time.Time
	Destroyed bool
	NSID      int
	// Snapshots are the full names of its snapshots, destroyed ones too.
	Snapshots []string
}

type Connection struct {
	Volume, Serial, Host, Group string
	LUN, NSID                   int
}

type Host struct {
	Name, Group      string
	IQNs, NQNs, WWNs []string
	// Connections is the number of volumes it sees.
	Connections int
}

// edit is a change by the administrator.
func (a *Array) edit(what, name string, f func(s *state, now time.Time) error) error {
	if err := a.change(f); err != nil {
		return fmt.Errorf("array %s: %s %s: %w", a.options.Name, what, name, err)
	}
	return nil
}

// on is a change of what has that name.
func on[T any](a *Array, what, name string, find func(*state, string) (T, error), f func(*state, time.Time, T) error) error {
	return a.edit(what, name, func(s *state, now time.Time) error {
		one, err := find(s, name)
		if err != nil {
			return err
		}
		return f(s, now, one)
	})
}

func (a *Array) onPod(what, name string, f func(*state, time.Time, *pod) error) error {
	return on(a, what, name, (*state).pod, f)
}

func (a *Array) onVolume(what, name string, f func(*state, time.Time, *volume) error) error {
	return on(a, what, name, (*state).volume, f)
}

func (a *Array) onHost(what, name string, f func(*state, time.Time, *host) error) error {
	return on(a, what, name, (*state).host, f)
}

// byHand is a change of a volume that the audit trail tells of.
func (a *Array) byHand(what, name string, f func(*state, time.Time, *volume) error) error {
	return a.onVolume(what+" volume", name, func(s *state, now time.Time, v *volume) error {
		err := f(s, now, v)
		if err == nil {
			s.byHand(now, what, v.name)
		}
		return err
	})
}

func (a *Array) CreatePod(name string) error {
	return a.edit("create pod", name, func(s *state, _ time.Time) error { _, err := s.createPod(name); return err })
}

// StretchPod sets the arrays besides this one that hold a pod.
func (a *Array) StretchPod(name string, peers ...PodArray) error {
	return a.onPod("stretch pod", name, func(_ *state, _ time.Time, p *pod) error {
		p.arrays = append(p.arrays[:1:1], peers...)
		return nil
	})
}

// SetPodPromotion sets a pod's requested_promotion_state and
// promotion_status: "promoted" or "demoted".
func (a *Array) SetPodPromotion(name, requested, status string) error {
	return a.onPod("promote pod", name, func(s *state, _ time.Time, p *pod) error { s.promote(p, requested, status); return nil })
}

func (a *Array) SetPodLinks(name string, sources, targets int) error {
	return a.onPod("set links of pod", name, func(_ *state, _ time.Time, p *pod) error {
		p.linkSources, p.linkTargets = int64(sources), int64(targets)
		return nil
	})
}

// CreateVolume makes a volume by its full name ("pod::volume") and size in
// bytes. It joins no protection group unless told to.
func (a *Array) CreateVolume(name string, bytes int64, o VolumeOptions) (Volume, error) {
	var made Volume
	err := a.edit("create volume", name, func(s *state, now time.Time) error {
		v, err := s.createVolume(now, name, newVolume{bytes: bytes, used: o.Used, created: o.Created, serial: o.Serial})
		if err != nil {
			return err
		}
		made = v.shown()
		if o.LXD {
			s.record(audit{time: v.created, user: adminUser, by: "REST", command: "purevol", subcommand: "create", arguments: v.name})
		} else {
			s.byHand(made.Created, "create", v.name)
		}
		return nil
	})
	return made, err
}

// CopyVolume makes dst a copy of src, a volume or a snapshot, and overwrites
// dst if it exists.
func (a *Array) CopyVolume(src, dst string) (Volume, error) {
	var made Volume
	err := a.edit("copy to volume", dst, func(s *state, now time.Time) error {
		from, err := s.origin(src)
		if err != nil {
			return err
		}
		v, err := s.overwriteVolume(now, dst, from)
		if err != nil {
			return err
		}
		made = v.shown()
		s.byHand(now, "copy", src+" "+v.name)
		return nil
	})
	return made, err
}

func (a *Array) DestroyVolume(name string) error {
	return a.byHand("destroy", name, (*state).destroyVolume)
}

func (a *Array) Recover(name string) error {
	return a.byHand("recover", name, func(s *state, _ time.Time, v *volume) error { return s.recoverVolume(v) })
}

func (a *Array) Eradicate(name string) error {
	return a.byHand("eradicate", name, func(s *state, _ time.Time, v *volume) error { return s.eradicateVolume(v) })
}

func (a *Array) SetIO(name string, readsPerSec, writesPerSec int64) error {
	return a.onVolume("set I/O of volume", name, func(_ *state, _ time.Time, v *volume) error {
		v.io = perf{readsPerSec, writesPerSec}
		return nil
	})
}

func (a *Array) SetUsed(name string, bytes int64) error {
	return a.onVolume("set use of", name, func(_ *state, _ time.Time, v *volume) error { v.used = bytes; return nil })
}

// Written notes that a host has written to a volume. It can be asked from
// within what a host does: nobody is told.
func (a *Array) Written(serial string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.state.volumes.rows {
		if strings.EqualFold(v.serial, serial) {
			v.written = true
		}
	}
}

func (a *Array) CreateSnapshot(volumeName, suffix string) (string, error) {
	full := ""
	err := a.onVolume("snapshot volume", volumeName, func(s *state, now time.Time, v *volume) error {
		n, err := s.createSnapshot(now, v, suffix)
		if err == nil {
			full = n.name()
		}
		return err
	})
	return full, err
}

// DestroySnapshot destroys a snapshot by its full name, "volume.suffix".
func (a *Array) DestroySnapshot(name string) error {
	return on(a, "destroy snapshot", name, (*state).snapshot, (*state).destroySnapshot)
}

// CreateHost makes a host. One named "array:host" belongs to a peer array.
func (a *Array) CreateHost(name string, iqns, nqns, wwns []string) error {
	return a.edit("create host", name, func(s *state, _ time.Time) error {
		_, err := s.createHost(name, initiators{iqns, nqns, wwns})
		return err
	})
}

func (a *Array) SetInitiators(name string, iqns, nqns, wwns []string) error {
	return a.onHost("set initiators of host", name, func(s *state, _ time.Time, h *host) error {
		return s.changeInitiators(h, initiators{iqns, nqns, wwns})
	})
}

func (a *Array) DeleteHost(name string) error {
	return a.onHost("delete host", name, func(s *state, _ time.Time, h *host) error { return s.deleteHost(h) })
}

// SetConnectivity sets a host's port_connectivity, such as "critical" and
// "None"; an empty status goes back to what follows from its initiators.
func (a *Array) SetConnectivity(name, status, details string) error {
	return a.onHost("set connectivity of host", name, func(_ *state, _ time.Time, h *host) error {
		h.status, h.details = status, details
		return nil
	})
}

func (a *Array) CreateHostGroup(name string, hosts ...string) error {
	return a.edit("create host group", name, func(s *state, _ time.Time) error {
		var members []*host
		for _, n := range hosts {
			h, err := s.host(n)
			if err != nil {
				return err
			}
			if h.group != nil {
				return refuse(hostInGroup, h.name)
			}
			members = append(members, h)
		}
		return s.createGroup(name, members)
	})
}

// Connect connects a volume to a host or, if there is none of that name, to
// a host group. LUN 0 takes the one that the array would choose.
func (a *Array) Connect(hostOrGroup, volumeName string, lun int) error {
	return a.onVolume("connect "+hostOrGroup+" to", volumeName, func(s *state, now time.Time, v *volume) error {
		s.byHand(now, "connect", "--host "+hostOrGroup+" "+v.name)
		if h := s.hosts.names[key(hostOrGroup)]; h != nil {
			_, err := s.connectHost(v, h, lun)
			return err
		}
		g, err := s.groups.find(hostOrGroup)
		if err != nil {
			return err
		}
		return s.connectGroup(v, g, lun)
	})
}

func (a *Array) Disconnect(host, volumeName string) error {
	return a.onVolume("disconnect "+host+" from", volumeName, func(s *state, now time.Time, v *volume) error {
		s.byHand(now, "disconnect", "--host "+host+" "+v.name)
		h, err := s.host(host)
		if err != nil {
			return err
		}
		return s.disconnectHost(v, h)
	})
}

// AddToProtectionGroup puts a volume into a protection group, which is made
// if it does not exist.
func (a *Array) AddToProtectionGroup(group, volumeName string) error {
	return a.onVolume("add to protection group "+group+" volume", volumeName, func(s *state, _ time.Time, v *volume) error {
		g := s.protections.names[key(group)]
		if g == nil {
			p, local, err := s.container(group)
			if err != nil {
				return err
			}
			g = s.addProtection(join(p, local), p)
		}
		s.addMember(g, v)
		return nil
	})
}

func (a *Array) SetSafeMode(on bool) { a.set(func(s *state) { s.safeMode = on }) }

// SetEradicationDelay sets how long what is destroyed from now on is kept.
func (a *Array) SetEradicationDelay(d time.Duration) { a.set(func(s *state) { s.delay = d }) }

// SetPerformanceEmpty makes /volumes/performance list nothing, as new and
// idle arrays have been seen to.
func (a *Array) SetPerformanceEmpty(empty bool) { a.set(func(s *state) { s.idlePerf = empty }) }

func (a *Array) set(f func(*state)) {
	_ = a.change(func(s *state, _ time.Time) error { f(s); return nil }) // it returns no error
}

func (v *volume) shown() Volume {
	shown := Volume{
		ID: v.id, Name: v.name, Serial: v.serial, Provisioned: v.provisioned, Used: v.used, Written: v.written,
		Created: time.UnixMilli(v.created).UTC(), Destroyed: v.destroyed, NSID: int(v.nsid),
	}
	shown.Pod, _ = v.pod.reference()
	for _, n := range v.snapshots {
		shown.Snapshots = append(shown.Snapshots, n.name())
	}
	return shown
}

func (a *Array) Volume(name string) (v Volume, found bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if v := a.state.volumes.names[key(name)]; v != nil {
		return v.shown(), true
	}
	return Volume{}, false
}

func (a *Array) Volumes() []Volume {
	return shown(a, func(s *state) []*volume { return s.volumes.rows }, (*volume).shown)
}

func (a *Array) Connections() []Connection {
	return shown(a, func(s *state) []*connection { return s.connections.rows }, func(r *connection) Connection {
		return Connection{
			Volume: r.volume.name, Serial: r.volume.serial, Host: r.host.name, Group: r.group.called(), LUN: r.lun, NSID: int(r.volume.nsid),
		}
	})
}

func (a *Array) Hosts() []Host {
	return shown(a, func(s *state) []*host { return s.hosts.rows }, func(h *host) Host {
		return Host{
			Name: h.name, Group: h.group.called(), IQNs: slices.Clone(h.iqns), NQNs: slices.Clone(h.nqns), WWNs: slices.Clone(h.wwns),
			Connections: len(h.connections),
		}
	})
}

// shown are all rows of a kind as others see them, in the order of their making.
func shown[R, S any](a *Array, rows func(*state) []R, show func(R) S) []S {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var all []S
	for _, r := range rows(a.state) {
		all = append(all, show(r))
	}
	return all
}
