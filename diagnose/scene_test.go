package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// scene builds worlds: a healthy one to begin with, and then what is wrong.
type scene struct {
	evidence.World
	policy Policy
	n      int // objects made so far, for ids and serials
}

const (
	arrayID  = "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
	creator  = "4A1B2C3D4E5F6071"
	iqn1     = "iqn.1993-08.org.debian:01:lxd01"
	iqn2     = "iqn.1993-08.org.debian:01:lxd02"
	nqn1     = "nqn.2014-08.org.nvmexpress:uuid:01a20254-5dd0-759a-ae85-b31b1b5a0dee"
	targetQN = "iqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071"
	hostName = "lxd01-iscsi"
	nvmeName = "lxd01-nvme-tcp"
)

var clock = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// healthy is one LXD server with an iSCSI pool p1 and an NVMe pool n1: a
// running container with its root volume and a custom volume, both mounted, a
// snapshot, an image, and stopped things.
func healthy() *scene {
	s := &scene{policy: DefaultPolicy()}
	at := func(second int) time.Time { return clock.Add(time.Duration(second) * time.Second) }
	s.Arrays = []evidence.Array{{
		Source: evidence.Source{Name: "fa1", Began: at(1), Ended: at(3), Requests: 12}, Gateway: "https://fa1",
		ID: arrayID, Version: "6.6.10", API: "2.21", Clock: clock,
		EradicationDelay: 24 * time.Hour, ManualEradication: "all-enabled",
		Asked: []string{"p1", "n1"}, Pods: evidence.Complete([]evidence.Pod{pod("p1"), pod("n1")}),
		Hosts: evidence.Complete([]evidence.ArrayHost{
			{Name: hostName, Local: evidence.Yes, IQNs: []string{iqn1}, ConnectionCount: evidence.CountOf(0), Destroyed: evidence.No},
			{Name: nvmeName, Local: evidence.Yes, NQNs: []string{nqn1}, ConnectionCount: evidence.CountOf(0), Destroyed: evidence.No},
		}),
		Volumes: evidence.Complete[evidence.Volume](nil), Snapshots: evidence.Complete[evidence.Snapshot](nil),
		HostGroups: evidence.Complete[evidence.HostGroup](nil), Connections: evidence.Complete[evidence.Connection](nil),
		Protections: evidence.Complete[evidence.Protection](nil), Activity: evidence.Complete[evidence.Activity](nil),
		Elsewhere: evidence.Complete[evidence.Other](nil), ElsewhereSnapshots: evidence.Complete[evidence.Other](nil),
	}}
	s.LXD = evidence.LXD{
		Source: evidence.Source{Name: "lxd01", Began: at(4), Ended: at(6), Requests: 9}, Version: "6.8",
		Clustered: evidence.No, Server: "lxd01", Dir: "/var/snap/lxd/common/lxd", SeesAll: evidence.Yes, SeesAllWhy: "the pool's configuration is visible",
		Pools: evidence.Complete([]evidence.Pool{
			{Name: "p1", Gateway: "https://fa1", Mode: evidence.ModeISCSI, Status: "Created"},
			{Name: "n1", Gateway: "https://fa1", Mode: evidence.ModeNVMeTCP, Status: "Created"},
		}),
		Records:       evidence.Complete[evidence.Record](nil),
		Members:       evidence.Complete([]evidence.Member{{Name: "lxd01", Online: evidence.Yes, Status: "Online"}}),
		Instances:     evidence.Complete[evidence.Instance](nil),
		Operations:    evidence.Complete([]evidence.Operation{{ID: "o1", Class: "task", Description: "Creating instance", Running: evidence.No}}),
		DaemonVolumes: evidence.Complete[evidence.DaemonVolume](nil),
	}
	s.Hosts = []evidence.Host{machine("lxd01", iqn1, nqn1)}

	root := s.volume("p1", name(evidence.TypeContainer, "", 1))
	s.record(root, "c1")
	s.connect(root, hostName)
	s.mounted(s.attach(0, root, 2), "/var/snap/lxd/common/lxd/storage-pools/p1/containers/c1")
	data := s.volume("p1", name(evidence.TypeCustom, "", 2))
	s.record(data, "data")
	s.connect(data, hostName)
	s.mounted(s.attach(0, data, 2), "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data")
	s.run(
		"c1", "lxd01",
		evidence.InstanceDisk{Device: "data", Pool: "p1", Source: "data", Type: evidence.TypeCustom, Project: "default", Path: "/data"},
		evidence.InstanceDisk{Device: "fast", Pool: "n1", Source: "fast", Type: evidence.TypeCustom, Project: "default", Path: "/fast"},
	)
	s.snapshot(data, copyOf(evidence.TypeCustom, "", 3), "data/snap0")
	image := s.volume("p1", name(evidence.TypeImage, "", 4))
	s.record(image, "2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757")
	stopped := s.volume("p1", name(evidence.TypeCustom, evidence.ContentISO, 5))
	s.record(stopped, "install")
	for _, content := range []string{evidence.ContentBlock, evidence.ContentFilesystem} {
		half := s.volume("p1", name(evidence.TypeVM, content, 6))
		if content == evidence.ContentBlock {
			s.record(half, "vm1")
		}
	}
	s.stop("vm1", "lxd01")
	nvme := s.volume("n1", name(evidence.TypeCustom, "", 7))
	s.record(nvme, "fast")
	s.connect(nvme, nvmeName)
	n := s.namespace(0, nvme)
	s.Hosts[0].Uses = appendTo(s.Hosts[0].Uses, evidence.Use{
		Kind: evidence.UseMount, Device: n.Name, Dev: n.Dev, Serial: n.Serial, Where: "/var/snap/lxd/common/lxd/storage-pools/n1/custom/default_fast",
	})
	return s
}

func pod(name string) evidence.Pod {
	return evidence.Pod{
		ID: "pod-" + name, Name: name, Destroyed: evidence.No, Promotion: "promoted", Links: evidence.CountOf(0),
		Arrays: []evidence.PodArray{{ID: arrayID, Name: "fa1", Status: "online"}},
	}
}

func machine(name, iqn, nqn string) evidence.Host {
	return evidence.Host{
		Source:       evidence.Source{Name: name, Began: clock.Add(5 * time.Second), Ended: clock.Add(8 * time.Second)},
		AllProcesses: evidence.Yes,
		IQNs:         evidence.Complete([]string{iqn}), NQNs: evidence.Complete([]string{nqn}), WWPNs: evidence.Complete[string](nil),
		Sessions: evidence.Complete([]evidence.Session{
			{ID: 1, Target: targetQN, State: "LOGGED_IN", ConnState: "up", Address: "10.0.0.1", Port: "3260"},
			{ID: 2, Target: targetQN, State: "LOGGED_IN", ConnState: "up", Address: "10.0.1.1", Port: "3260"},
		}),
		Disks: evidence.Complete[evidence.Disk](nil), Maps: evidence.Complete[evidence.Map](nil),
		Subsystems: evidence.Complete([]evidence.Subsystem{{Name: "nvme-subsys0", Controllers: []string{"nvme0", "nvme1"}}}),
		Controllers: evidence.Complete([]evidence.Controller{
			{Name: "nvme0", Subsystem: "nvme-subsys0", State: "live"}, {Name: "nvme1", Subsystem: "nvme-subsys0", State: "live"},
		}),
		Namespaces: evidence.Complete[evidence.Namespace](nil), Links: evidence.Complete[evidence.Link](nil),
		Uses: evidence.Complete[evidence.Use](nil), Directories: evidence.Complete[evidence.Directory](nil),
		Settings: evidence.Complete[evidence.Setting](nil),
	}
}

func uuid(n int) evidence.UUID {
	id, err := evidence.ParseUUID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", n))
	if err != nil {
		panic(err)
	}
	return id
}

// name is an array name of LXD's; without content a filesystem.
func name(kind, content string, id int) evidence.Name {
	if content == "" {
		content = evidence.ContentFilesystem
	}
	return evidence.Name{Type: kind, Content: content, UUID: uuid(id)}
}

// copyOf is the name of a snapshot, and of LXD's temporary copy of it.
func copyOf(kind, content string, id int) evidence.Name {
	n := name(kind, content, id)
	n.Snapshot = true
	return n
}

func spell(n evidence.Name) string {
	text := map[string]string{evidence.TypeContainer: "c-", evidence.TypeVM: "v-", evidence.TypeImage: "i-", evidence.TypeCustom: "u-"}[n.Type] + n.UUID.Hex()
	if n.Snapshot {
		text = "s" + text
	}
	return text + map[string]string{evidence.ContentBlock: "-b", evidence.ContentISO: "-i"}[n.Content]
}

func (s *scene) array() *evidence.Array { return &s.Arrays[0] }

func (s *scene) volume(pod string, n evidence.Name) int {
	s.n++
	v := evidence.Volume{
		ID: fmt.Sprintf("vol-%d", s.n), Name: pod + "::" + spell(n), Pod: pod, PodID: "pod-" + pod,
		Serial: serialNo(s.n), LXD: n, Created: clock.Add(-72 * time.Hour), Provisioned: 64 << 20, Unique: evidence.CountOf(1 << 20), ConnectionCount: evidence.CountOf(0),
		Destroyed: evidence.No, Subtype: "regular", Promotion: "promoted",
	}
	if n.Type == "" {
		v.Name = pod + "::manual-vol"
	}
	a := s.array()
	a.Volumes = appendTo(a.Volumes, v)
	a.Activity = appendTo(a.Activity, evidence.Activity{VolumeID: v.ID, VolumeName: v.Name, Busy: evidence.No, Time: clock})
	return len(a.Volumes.Items) - 1
}

func serialNo(n int) evidence.Serial { return evidence.Serial(fmt.Sprintf("%s%08X", creator, n)) }

// appendTo keeps a list what it was, complete or not.
func appendTo[T any](l evidence.List[T], items ...T) evidence.List[T] {
	l.Items = append(l.Items, items...)
	return l
}

func (s *scene) vol(i int) *evidence.Volume { return &s.array().Volumes.Items[i] }

func (s *scene) record(volume int, lxd string) *evidence.Record {
	v := s.vol(volume)
	s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{
		Pool: v.Pod, Project: "default", Type: v.LXD.Type, Name: lxd, Content: v.LXD.Content, UUID: v.LXD.UUID, Created: v.Created, Shared: evidence.No,
	})
	return &s.LXD.Records.Items[len(s.LXD.Records.Items)-1]
}

func (s *scene) snapshot(volume int, n evidence.Name, lxd string) *evidence.Snapshot {
	s.n++
	v := s.vol(volume)
	snap := evidence.Snapshot{
		ID: fmt.Sprintf("snap-%d", s.n), Name: v.Name + "." + spell(n), Pod: v.Pod, Suffix: spell(n), LXD: n, SourceID: v.ID, SourceName: v.Name,
		Serial: serialNo(s.n), Created: clock.Add(-48 * time.Hour), Destroyed: evidence.No, Bytes: evidence.CountOf(4096), Provisioned: v.Provisioned,
	}
	if lxd != "" {
		s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{
			Pool: v.Pod, Project: "default", Type: n.Type, Name: lxd, Snapshot: true, Content: n.Content, UUID: n.UUID, Created: snap.Created,
		})
	}
	a := s.array()
	a.Snapshots = appendTo(a.Snapshots, snap)
	return &a.Snapshots.Items[len(a.Snapshots.Items)-1]
}

func (s *scene) connect(volume int, host string) {
	a, v := s.array(), s.vol(volume)
	v.ConnectionCount.N++
	a.Connections = appendTo(a.Connections, evidence.Connection{VolumeID: v.ID, VolumeName: v.Name, Host: host, LUN: int64(volume + 1)})
	for i := range a.Hosts.Items {
		if a.Hosts.Items[i].Name == host {
			a.Hosts.Items[i].ConnectionCount.N++
		}
	}
}

// attach gives a host a map of the volume with so many paths, through
// sessions 1, 2, …, and returns the map's index.
func (s *scene) attach(host, volume, paths int) int {
	h, v := &s.Hosts[host], s.vol(volume)
	m := evidence.Map{
		Name: "mpath" + string(rune('a'+len(h.Maps.Items))), Kernel: fmt.Sprintf("dm-%d", len(h.Maps.Items)), Dev: fmt.Sprintf("253:%d", len(h.Maps.Items)),
		UUID: v.Serial.MapUUID(), Serial: v.Serial, Suspended: evidence.No, Deferred: evidence.No, OpenCount: evidence.CountOf(0), Queueing: evidence.No,
		IO: idle(),
	}
	for session := 1; session <= paths; session++ {
		disk := s.path(host, volume, session)
		disk.Holders = []string{m.Kernel}
		m.Paths = append(m.Paths, evidence.Path{Disk: disk.Name, Dev: disk.Dev, Active: evidence.Yes, Checker: "ready"})
	}
	h.Maps = appendTo(h.Maps, m)
	return len(h.Maps.Items) - 1
}

// path gives a host a bare path of the volume.
func (s *scene) path(host, volume, session int) *evidence.Disk {
	h, v := &s.Hosts[host], s.vol(volume)
	n := len(h.Disks.Items)
	h.Disks = appendTo(h.Disks, evidence.Disk{
		Name: "sd" + string(rune('b'+n)), Dev: fmt.Sprintf("8:%d", 16*(n+1)), HCTL: fmt.Sprintf("%d:0:0:%d", session, volume+1), Transport: "iscsi", Session: session,
		Serial: v.Serial, WWID: v.Serial.NAA(), Live: evidence.Identity{Kind: evidence.IdentityKnown, Serial: v.Serial}, State: "running", Vendor: "PURE", IO: idle(),
	})
	return &h.Disks.Items[n]
}

func idle() evidence.IO {
	return evidence.IO{Reads: evidence.CountOf(10), Writes: evidence.CountOf(10), Inflight: evidence.CountOf(0)}
}

// named gives the first host a name in /dev that says the volume, the last for
// -1, and leads to a device. prefix says in which spelling.
func (s *scene) named(volume int, prefix, device string) *evidence.Link {
	if volume < 0 {
		volume += len(s.array().Volumes.Items)
	}
	h, serial := &s.Hosts[0], s.vol(volume).Serial
	spelled := prefix + serial.WWID()
	switch prefix {
	case "wwn-":
		spelled = "wwn-0x" + serial.WWID()[1:]
	case "nvme-":
		spelled = "nvme-" + serial.EUI()
	}
	h.Links = appendTo(h.Links, evidence.Link{
		Path: "/dev/disk/by-id/" + spelled, Target: "../../" + device, Serial: serial, Says: serial,
		Device: device, On: []string{device}, Dangling: evidence.No,
	})
	return &h.Links.Items[len(h.Links.Items)-1]
}

func (s *scene) namespace(host, volume int) *evidence.Namespace {
	h, v := &s.Hosts[host], s.vol(volume)
	n := len(h.Namespaces.Items)
	h.Namespaces = appendTo(h.Namespaces, evidence.Namespace{
		Name: fmt.Sprintf("nvme0n%d", n+1), Dev: fmt.Sprintf("259:%d", n), Subsystem: "nvme-subsys0", Serial: v.Serial, WWID: v.Serial.EUI(), IO: idle(),
		Paths: []evidence.NamespacePath{
			{Name: fmt.Sprintf("nvme0c0n%d", n+1), Controller: "nvme0", State: "live", ANA: "optimized"},
			{Name: fmt.Sprintf("nvme0c1n%d", n+1), Controller: "nvme1", State: "live", ANA: "optimized"},
		},
	})
	return &h.Namespaces.Items[n]
}

// mounted mounts a map of the first host.
func (s *scene) mounted(m int, where string) {
	h := &s.Hosts[0]
	h.Maps.Items[m].OpenCount = evidence.CountOf(1)
	h.Uses = appendTo(h.Uses, evidence.Use{Kind: evidence.UseMount, Device: h.Maps.Items[m].Kernel, Dev: h.Maps.Items[m].Dev, Serial: h.Maps.Items[m].Serial, Where: where})
}

func (s *scene) run(instance, location string, disks ...evidence.InstanceDisk) {
	s.instance(instance, location, evidence.Yes, disks...)
}

func (s *scene) stop(instance, location string, disks ...evidence.InstanceDisk) {
	s.instance(instance, location, evidence.No, disks...)
}

func (s *scene) instance(instance, location string, running evidence.Answer, disks ...evidence.InstanceDisk) {
	kind := evidence.TypeContainer
	if strings.HasPrefix(instance, "vm") {
		kind = evidence.TypeVM
	}
	root := evidence.InstanceDisk{Device: "root", Pool: "p1", Type: kind, Project: "default", Path: "/"}
	s.LXD.Instances = appendTo(s.LXD.Instances, evidence.Instance{
		Name: instance, Project: "default", Type: kind, Running: running, Location: location, Disks: append([]evidence.InstanceDisk{root}, disks...),
	})
}

func (s *scene) operate(description string, entities ...string) {
	s.LXD.Operations = appendTo(s.LXD.Operations, evidence.Operation{
		ID: "o2", Class: "task", Description: description, Status: "Running", Running: evidence.Yes, Location: "lxd01", Entities: entities,
	})
}

// gone makes a host's paths of a volume what they are after the array took
// the connection away.
func (s *scene) gone(host, volume int) {
	h, serial := &s.Hosts[host], s.vol(volume).Serial
	for i := range h.Disks.Items {
		if d := &h.Disks.Items[i]; d.Serial == serial {
			d.Live = evidence.Identity{Kind: evidence.IdentityGone}
		}
	}
	for i := range h.Maps.Items {
		if m := &h.Maps.Items[i]; m.Serial == serial {
			for j := range m.Paths {
				m.Paths[j].Active, m.Paths[j].Checker = evidence.No, "faulty"
			}
		}
	}
}

func (s *scene) judge() Report { return Judge(s.World, s.policy) }

// found lists "code object" of every finding, in the report's order.
func found(r Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, f.Code+" "+f.Object)
	}
	return all
}

// only returns the one finding of a code.
func only(t *testing.T, r Report, code string) Finding {
	t.Helper()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == code })
	if i < 0 {
		t.Fatalf("no %s among %v", code, found(r))
	}
	return r.Findings[i]
}

// gate returns what a gate said of a finding.
func gate(t *testing.T, f Finding, name string) GateResult {
	t.Helper()
	i := slices.IndexFunc(f.Gates, func(g GateResult) bool { return g.Gate == name })
	if i < 0 {
		t.Fatalf("gate %s was not asked of %s %s", name, f.Code, f.Object)
	}
	return f.Gates[i]
}

// refusals lists the gates that did not pass.
func refusals(f Finding) []string {
	var names []string
	for _, g := range f.Gates {
		if g.Result != Pass && g.Result != Waived {
			names = append(names, g.Gate)
		}
	}
	return names
}

// fibre makes the first host one of Fibre Channel: each session becomes a
// remote port that another adapter sees.
func (s *scene) fibre() {
	h := &s.Hosts[0]
	h.RemotePorts = evidence.Complete([]evidence.RemotePort{
		{Name: "rport-7:0-0", Adapter: "host7", WWPN: "524a937000000001", State: "Online", Link: "Online"},
		{Name: "rport-8:0-0", Adapter: "host8", WWPN: "524a937000000011", State: "Online", Link: "Online"},
		{Name: "rport-8:0-1", Adapter: "host8", WWPN: "50060e8000000011", State: "Online", Link: "Online"},
	})
	for i := range h.Disks.Items {
		disk := &h.Disks.Items[i]
		disk.RemotePort = h.RemotePorts.Items[max(disk.Session-1, 0)].Name
		disk.Session, disk.Transport = 0, "fc"
	}
	h.Sessions = evidence.Complete[evidence.Session](nil)
}
