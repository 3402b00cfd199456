package repair

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// subject is what one look says of the object of a plan.
type subject struct {
	world  *evidence.World
	array  *evidence.Array
	pod    *evidence.Pod
	volume *evidence.Volume
	// snapshot is set for the plan of a snapshot.
	snapshot *evidence.Snapshot
	serial   evidence.Serial
	id       string
	rows     []connection
	// copies are the volume on the other arrays of a stretched pod.
	copies []peerCopy
	// fences are the operator's words that machines are down.
	fences []diagnose.Fence
}

// fenced reports an array host of a machine that is down for certain: nothing
// is to be done there.
func (s subject) fenced(c connection) bool {
	return c.array != nil && slices.ContainsFunc(s.fences, func(f diagnose.Fence) bool {
		return f.Holds && slices.ContainsFunc(f.Objects, func(o diagnose.FencedObject) bool {
			return o.ArrayID == c.array.ID && strings.EqualFold(o.Name, c.Host)
		})
	})
}

// find looks up an object by its array's and its own id.
func find(world *evidence.World, arrayID, id string, serial evidence.Serial) subject {
	s := subject{world: world, serial: serial, id: id}
	for i := range world.Arrays {
		if arrayID != "" && strings.EqualFold(world.Arrays[i].ID, arrayID) {
			s.array = &world.Arrays[i]
		}
	}
	if s.array == nil || id == "" {
		return s
	}
	for i := range s.array.Volumes.Items {
		if v := &s.array.Volumes.Items[i]; v.ID == id {
			s.volume = v
			s.pod = podOf(s.array, v.Pod)
		}
	}
	for i := range s.array.Snapshots.Items {
		if snap := &s.array.Snapshots.Items[i]; snap.ID == id {
			s.snapshot = snap
			s.pod = podOf(s.array, snap.Pod)
		}
	}
	if s.volume != nil {
		s.joinCopies()
		s.joinRows()
	}
	return s
}

// outside is what the array has of an object that its pods do not have: what was
// moved out of them is not gone. Where that can't be told, why says so.
func (s subject) outside() (other *evidence.Other, why string) {
	if s.array == nil || s.array.Trouble != "" {
		return nil, "the array was not read"
	}
	if !s.array.Volumes.IsComplete() || !s.array.Snapshots.IsComplete() {
		return nil, "the array did not list everything"
	}
	for _, list := range []evidence.List[evidence.Other]{s.array.Elsewhere, s.array.ElsewhereSnapshots} {
		if o := evidence.Find(list.Items, func(o *evidence.Other) bool {
			return o.ID != "" && o.ID == s.id || o.Serial != "" && o.Serial == s.serial
		}); o != nil {
			return o, ""
		}
		if list.Why() != "" && why == "" {
			why = "it may be outside of LXD's pods, and what the array has there is not all known: " + list.Why()
		}
	}
	return nil, why
}

// namesake says that the array has something else under the name of what it
// does not have any more; empty where nothing is called so.
func (s subject) namesake(name string) string {
	for _, r := range rowsOf(s.world) {
		switch {
		case r.array != s.array || !strings.EqualFold(r.name, name) || r.id == s.id:
		case r.destroyed.Is():
			return "another volume has its name now, and is destroyed"
		default:
			return "another volume has its name now"
		}
	}
	return ""
}

// wentAway says why what its array does not have any more may live on another
// one; empty where it was eradicated for certain.
func (s subject) wentAway(p Plan) string {
	return seek(s.world, Target{Name: p.Object, ID: p.ID, Serial: p.Serial, ArrayID: p.ArrayID}).mayHaveLeft(s.array)
}

func podOf(a *evidence.Array, name string) *evidence.Pod {
	return evidence.Find(a.Pods.Items, func(p *evidence.Pod) bool { return strings.EqualFold(p.Name, name) })
}

// member is the machine that the array host of a connection is, by its
// initiators; empty when no machine that was read has them, or more than one.
func (s subject) member(c connection) string {
	if c.array == nil {
		return ""
	}
	name := ""
	for _, host := range c.array.Hosts.Items {
		if !strings.EqualFold(host.Name, c.Host) {
			continue
		}
		for machine := range evidence.Refs(s.world.Hosts) {
			if !shares(machine, host) {
				continue
			}
			if name != "" && name != machine.Name {
				return ""
			}
			name = machine.Name
		}
	}
	return name
}

// numbers are the LUNs with which the array connects the volume to a member;
// none when one of them is not known.
func (s subject) numbers(member string) []int64 {
	var all []int64
	for _, row := range s.rows {
		switch owner := s.member(row); {
		case owner != member && owner != "":
		case row.LUN == 0:
			return nil
		default:
			all = append(all, row.LUN)
		}
	}
	return all
}

func shares(machine *evidence.Host, object evidence.ArrayHost) bool {
	own := slices.Concat(machine.IQNs.Items, machine.NQNs.Items, machine.WWPNs.Items)
	return slices.ContainsFunc(object.Initiators(), func(initiator string) bool {
		return slices.ContainsFunc(own, func(o string) bool { return evidence.Initiator(o) == evidence.Initiator(initiator) })
	})
}

// isOf reports the connection that a plan to disconnect one is about.
func (s subject) isOf(c connection, p Plan) bool {
	return c.array == s.array && strings.EqualFold(c.Host, p.Host)
}

// initiators are those of a step's array host, to know it again.
func (s subject) initiators(step Step) []string {
	if a, _ := s.at(step); a != nil {
		for _, host := range a.Hosts.Items {
			if strings.EqualFold(host.Name, step.HostObject) {
				return slices.Sorted(slices.Values(host.Initiators()))
			}
		}
	}
	return nil
}

// hostDevices is what one machine has of a volume.
type hostDevices struct {
	host       *evidence.Host
	disks      []evidence.Disk
	maps       []evidence.Map
	namespaces []evidence.Namespace
}

func (g hostDevices) empty() bool { return len(g.disks)+len(g.maps)+len(g.namespaces) == 0 }

// doubt says why there may be more than is listed.
func (g hostDevices) doubt() string {
	for _, why := range []string{g.host.Trouble, g.host.Disks.Why(), g.host.Maps.Why(), g.host.Namespaces.Why()} {
		if why != "" {
			return g.host.Name + ": " + why
		}
	}
	return ""
}

// names are the kernel's, for people.
func (g hostDevices) names() []string {
	var names []string
	for _, m := range g.maps {
		names = append(names, "map "+m.Name)
	}
	for _, d := range g.disks {
		names = append(names, "path "+d.Name)
	}
	for _, n := range g.namespaces {
		names = append(names, "namespace "+n.Name)
	}
	return names
}

// devicesOnEach is what the machines have of a serial, one for each machine.
func devicesOnEach(world *evidence.World, serial evidence.Serial) []hostDevices {
	all := make([]hostDevices, 0, len(world.Hosts))
	for i := range world.Hosts {
		g := hostDevices{host: &world.Hosts[i]}
		if serial != "" {
			g.fill(serial)
		}
		all = append(all, g)
	}
	return all
}

func (g *hostDevices) fill(serial evidence.Serial) {
	kernel := map[string]bool{}
	paths := map[string]bool{}
	for _, m := range g.host.Maps.Items {
		if m.Serial != serial {
			continue
		}
		g.maps = append(g.maps, m)
		kernel[m.Kernel] = true
		for _, p := range m.Paths {
			paths[p.Disk] = true
		}
	}
	for _, d := range g.host.Disks.Items {
		held := slices.ContainsFunc(d.Holders, func(h string) bool { return kernel[h] })
		if d.Serial == serial || d.Live.Serial == serial || held || (d.Name != "" && paths[d.Name]) {
			g.disks = append(g.disks, d)
		}
	}
	for _, n := range g.host.Namespaces.Items {
		if n.Serial == serial {
			g.namespaces = append(g.namespaces, n)
		}
	}
}

// hostNamed is a machine that was read; nil where it was not.
func hostNamed(world *evidence.World, name string) *evidence.Host {
	return evidence.Find(world.Hosts, func(h *evidence.Host) bool { return h.Name == name })
}

// devicesOn is what one member has; false when it was not read.
func devicesOn(world *evidence.World, serial evidence.Serial, member string) (hostDevices, bool) {
	for _, g := range devicesOnEach(world, serial) {
		if g.host.Name == member {
			return g, true
		}
	}
	return hostDevices{}, false
}

// isNVMe reports a pool whose volumes appear as namespaces.
func isNVMe(world *evidence.World, pool string) bool {
	p := evidence.Find(world.LXD.Pools.Items, func(p *evidence.Pool) bool { return p.Name == pool })
	return p != nil && p.IsNVMe()
}

// classOf is what the remedy of a finding changes.
func classOf(code string) diagnose.Class {
	kind, _ := diagnose.KindOf(code)
	return kind.Class
}
