package diagnose

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

const (
	host2 = "lxd02-iscsi"
	nvme2 = "lxd02-nvme-tcp"
)

// third adds one more member that answered.
func third(s *scene) {
	const iqn3 = "iqn.1993-08.org.debian:01:lxd03"
	s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd03", Online: evidence.Yes, Status: "Online"})
	s.Hosts = append(s.Hosts, machine("lxd03", iqn3, "nqn.three"))
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: "lxd03-iscsi", Local: evidence.Yes, IQNs: []string{iqn3}, ConnectionCount: evidence.CountOf(9), Destroyed: evidence.No})
}

// mountedOn mounts a map of a host.
func (s *scene) mountedOn(host, m int, where string) {
	h := &s.Hosts[host]
	h.Maps.Items[m].OpenCount = evidence.CountOf(1)
	h.Uses = appendTo(h.Uses, evidence.Use{Kind: evidence.UseMount, Device: h.Maps.Items[m].Kernel, Dev: h.Maps.Items[m].Dev, Serial: h.Maps.Items[m].Serial, Where: where})
}

// openedOn lets a process of a host open a map.
func (s *scene) openedOn(host, m int, process string) {
	h := &s.Hosts[host]
	h.Maps.Items[m].OpenCount = evidence.CountOf(1)
	h.Uses = appendTo(h.Uses, evidence.Use{Kind: evidence.UseOpener, Device: h.Maps.Items[m].Kernel, Dev: h.Maps.Items[m].Dev, Process: process, PID: 77})
}

// runsThere is a custom volume that a container on the second member has
// mounted and does I/O on, and of which the first has a connection and a map
// that nothing uses.
func runsThere(s *scene) {
	second(s)
	s.record(s.volume("p1", name(evidence.TypeContainer, "", 9)), "c5")
	s.run("c5", "lxd02", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
	v := s.volume("p1", name(evidence.TypeCustom, "", 102))
	s.record(v, "kill1")
	s.connect(v, hostName)
	s.connect(v, host2)
	s.attach(0, v, 2)
	s.mountedOn(1, s.attach(1, v, 2), "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_kill1")
	s.Hosts[1].Maps.Items[0].IO.Inflight = evidence.CountOf(7)
	s.busy(evidence.Yes)
}

// bareThere is the same without a device on the first.
func bareThere(s *scene) {
	runsThere(s)
	h := &s.Hosts[0]
	serial := last(s).Serial
	h.Maps.Items = slices.DeleteFunc(h.Maps.Items, func(m evidence.Map) bool { return m.Serial == serial })
	h.Disks.Items = slices.DeleteFunc(h.Disks.Items, func(d evidence.Disk) bool { return d.Serial == serial })
}

// runsThereNVMe is the same over NVMe.
func runsThereNVMe(s *scene) {
	second(s)
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: nvme2, Local: evidence.Yes, NQNs: []string{"nqn.two"}, ConnectionCount: evidence.CountOf(9), Destroyed: evidence.No})
	s.record(s.volume("p1", name(evidence.TypeContainer, "", 9)), "c5")
	s.run("c5", "lxd02", evidence.InstanceDisk{Device: "d", Pool: "n1", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
	v := s.volume("n1", name(evidence.TypeCustom, "", 102))
	s.record(v, "kill1")
	s.connect(v, nvmeName)
	s.connect(v, nvme2)
	s.namespace(0, v)
	n := s.namespace(1, v)
	s.Hosts[1].Uses = appendTo(s.Hosts[1].Uses, evidence.Use{Kind: evidence.UseMount, Device: n.Name, Dev: n.Dev, Serial: n.Serial, Where: "/mnt"})
	s.busy(evidence.Yes)
}

// vmThere is a virtual machine that runs on the second member, with both of its
// halves still connected to the first. The block half is the last volume.
func vmThere(s *scene) {
	second(s)
	for _, content := range []string{evidence.ContentFilesystem, evidence.ContentBlock} {
		v := s.volume("p1", name(evidence.TypeVM, content, 102))
		s.connect(v, host2)
		s.attach(0, v, 2)
		m := s.attach(1, v, 2)
		if content == evidence.ContentFilesystem {
			s.mountedOn(1, m, "/var/snap/lxd/common/lxd/storage-pools/p1/virtual-machines/vm5")
		} else {
			s.openedOn(1, m, "qemu-system-x86")
			s.record(v, "vm5")
			s.connect(v, hostName)
		}
		s.busy(evidence.Yes)
	}
	s.run("vm5", "lxd02")
}

func lastRecord(s *scene) *evidence.Record {
	return &s.LXD.Records.Items[len(s.LXD.Records.Items)-1]
}

func mapOf(s *scene, host int) *evidence.Map {
	maps := s.Hosts[host].Maps.Items
	return &maps[slices.IndexFunc(maps, func(m evidence.Map) bool { return m.Serial == last(s).Serial })]
}

func kill1(snapshot string) evidence.InstanceDisk {
	return evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "kill1", Type: evidence.TypeCustom, Project: "default", Snapshot: snapshot}
}

type apartCase struct {
	gateCase
	// also are gates that refuse by the same evidence.
	also []string
}

// apartCases are the ways in which a connection to one member is kept that LXD
// needs on another, each with the gate that keeps it.
var apartCases = map[string][]apartCase{
	"not-expected": {
		{gateCase{"an instance that is stopped has it on the first", runsThere, "stale-connection", func(s *scene) {
			s.stop("c6", "lxd01", kill1(""))
		}, Fail, "container c6 on lxd01 has it, and LXD starts instances by itself", ""}, nil},
		{gateCase{"an instance that is stopped nobody knows where", runsThere, "stale-connection", func(s *scene) {
			s.stop("c6", "lxd99", kill1(""))
		}, Uncertain, `on which member "c6" is`, ""}, nil},
		{gateCase{"a running instance nobody knows where", runsThere, "stale-connection", func(s *scene) {
			s.run("c6", "lxd99", kill1(""))
		}, Fail, "attached to container c5 (running on lxd02)", ""}, []string{"not-in-use", "no-io"}},
		{gateCase{"a running instance has it on the first, too", runsThere, "stale-connection", func(s *scene) {
			s.run("c6", "lxd01", kill1(""))
		}, Fail, "attached to container c6 (running on lxd01)", ClassDisconnect}, []string{"not-in-use", "no-io"}},
		{gateCase{"an instance on the first does not show its disks", runsThere, "stale-connection", func(s *scene) {
			s.stop("c6", "lxd01")
			s.LXD.Instances.Items[len(s.LXD.Instances.Items)-1].Disks = nil
		}, Uncertain, `of instance "c6" it is not known which disks it has`, ""}, nil},
		{gateCase{"its root disk is attached to an instance on the first", vmThere, "stale-connection", func(s *scene) {
			s.stop("vm6", "lxd01", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "vm5", Type: evidence.TypeVM, Project: "default"})
		}, Fail, "virtual-machine vm6 on lxd01 has it", ""}, nil},
		{gateCase{"a profile has it", runsThere, "stale-connection", func(s *scene) {
			lastRecord(s).UsedBy = []string{"/1.0/instances/c5", "/1.0/profiles/web?project=default"}
		}, Fail, `profile "web" has it`, ""}, nil},
		{gateCase{"a third member uses it, too", runsThere, "stale-connection", func(s *scene) {
			third(s)
			s.run("c6", "lxd03", kill1(""))
			v := len(s.array().Volumes.Items) - 1
			s.connect(v, "lxd03-iscsi")
			s.mountedOn(2, s.attach(2, v, 2), "/mnt")
		}, Fail, "what several members use at the same time", ""}, nil},
		{gateCase{"it is shared", runsThere, "stale-connection", func(s *scene) { lastRecord(s).Shared = evidence.Yes }, Fail, "it is shared (security.shared)", ""}, nil},
		{gateCase{"it may be shared", runsThere, "stale-connection", func(s *scene) { lastRecord(s).Shared = evidence.Unknown }, Uncertain, "not known whether it is shared", ""}, nil},
		{gateCase{"an ISO volume", runsThere, "stale-connection", func(s *scene) {
			v := last(s)
			v.LXD.Content, v.Name = evidence.ContentISO, v.Name+"-i"
			lastRecord(s).Content = evidence.ContentISO
			u := &s.Hosts[1].Uses.Items[len(s.Hosts[1].Uses.Items)-1]
			u.Kind, u.Process = evidence.UseOpener, "qemu-system-x86"
		}, Fail, "an ISO volume", ""}, nil},
		{gateCase{"an image", runsThere, "stale-connection", func(s *scene) {
			v := last(s)
			v.LXD.Type, v.Name = evidence.TypeImage, strings.Replace(v.Name, "::u-", "::i-", 1)
			lastRecord(s).Type, lastRecord(s).UsedBy = evidence.TypeImage, []string{"/1.0/instances/c5"}
		}, Fail, "it is an image", ""}, []string{"not-in-use"}},
		{gateCase{"LXD itself uses it there", runsThere, "stale-connection", func(s *scene) {
			s.LXD.Instances.Items[len(s.LXD.Instances.Items)-1].Disks = s.LXD.Instances.Items[0].Disks[:1]
			s.LXD.DaemonVolumes = evidence.Complete([]evidence.DaemonVolume{{Member: "lxd02", Key: "storage.images_volume", Pool: "p1", Volume: "kill1"}})
		}, Fail, "LXD names no instance", ""}, nil},
		{gateCase{"not known to be stopped there", runsThere, "stale-connection", func(s *scene) {
			s.LXD.Instances.Items[len(s.LXD.Instances.Items)-1].Running = evidence.Unknown
		}, Uncertain, "not known to be stopped on lxd02", ""}, nil},
		{gateCase{"a member is evacuated", runsThere, "stale-connection", func(s *scene) {
			s.LXD.Members.Items[0].Status = "Evacuated"
		}, Fail, "member lxd01 is Evacuated", ""}, nil},
		{gateCase{"another member is evacuated", runsThere, "stale-connection", func(s *scene) {
			third(s)
			s.LXD.Members.Items[2].Status = "Evacuated"
		}, Fail, "member lxd03 is Evacuated", ""}, nil},
		{gateCase{"instances are not all known", runsThere, "stale-connection", func(s *scene) {
			s.LXD.Instances = s.LXD.Instances.Doubt("project x")
		}, Fail, "attached to container c5", ""}, []string{"lists-complete", "not-in-use", "no-io"}},
		{gateCase{"an operation works on it", runsThere, "stale-connection", func(s *scene) {
			s.operate("Migrating instance", "/1.0/instances/c5", "/1.0/storage-volumes/custom/kill1")
		}, Fail, "attached to container c5", ClassDisconnect}, []string{"no-operation", "not-in-use", "no-io"}},
		{gateCase{"the machine of the connection is down", runsThere, "stale-connection", func(s *scene) {
			s.Hosts = s.Hosts[1:]
		}, Fail, "attached to container c5", ""}, []string{"pod-ownership", "connections-ours", "hosts-answered", "not-in-use", "no-io"}},
	},
	"no-operation": {
		{gateCase{"anything is going on anywhere", runsThere, "stale-connection", func(s *scene) {
			s.operate("Migrating instance", "/1.0/instances/x")
		}, Fail, "Migrating instance", ""}, nil},
	},
	"seen-before": {
		{gateCase{"in a batch, never", runsThere, "stale-connection", func(s *scene) { s.policy.Batch = true }, Fail, "no check or fix before this", ""}, nil},
	},
	"connections-ours": {
		{gateCase{"its object is in a host group", runsThere, "stale-connection", func(s *scene) {
			s.array().Hosts.Items[0].Group = "all"
		}, Fail, "lxd01-iscsi is in host group all", ""}, nil},
		{gateCase{"the other connection is made through a host group", runsThere, "stale-connection", func(s *scene) {
			rows := s.array().Connections.Items
			rows[len(rows)-1].Group = "all"
		}, Fail, "through host group all", ""}, nil},
		{gateCase{"the other object has initiators of two members", runsThere, "stale-connection", func(s *scene) {
			third(s)
			h := &s.array().Hosts.Items[2]
			h.IQNs = append(h.IQNs, "iqn.1993-08.org.debian:01:lxd03")
		}, Uncertain, "has initiators of both lxd02 and lxd03", ""}, []string{"pod-ownership"}},
		{gateCase{"a stretched pod", func(s *scene) {
			runsThere(s)
			s.array().Volumes.Items = slices.DeleteFunc(s.array().Volumes.Items, func(v evidence.Volume) bool { return v.Pod != "p1" })
		}, "stale-connection", func(s *scene) { s.stretch() }, Fail, "more than one array", ""}, nil},
	},
	"hosts-answered": {
		{gateCase{"the member on which it runs was not read", runsThere, "stale-connection", func(s *scene) {
			s.Hosts[1].Trouble = "timeout"
		}, Uncertain, "lxd02: timeout", ""}, nil},
		{gateCase{"a third member was not read", runsThere, "stale-connection", func(s *scene) {
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd03", Online: evidence.Yes, Status: "Online"})
		}, Uncertain, "member lxd03 were not read", ""}, nil},
		{gateCase{"the first was not read whole", runsThere, "stale-connection", func(s *scene) {
			s.Hosts[0].Maps = s.Hosts[0].Maps.Doubt("EIO")
		}, Uncertain, "lxd01: multipath maps", ""}, nil},
	},
	"not-in-use": {
		{gateCase{"mounted on the first", runsThere, "stale-connection", func(s *scene) {
			s.mountedOn(0, len(s.Hosts[0].Maps.Items)-1, "/mnt/rescue")
		}, Fail, "lxd01: mounted at /mnt/rescue", ClassDisconnect}, nil},
		{gateCase{"open on the first", runsThere, "stale-connection", func(s *scene) {
			mapOf(s, 0).OpenCount = evidence.CountOf(1)
		}, Fail, "is open (1 times)", ClassDisconnect}, nil},
		{gateCase{"perhaps open on the first", runsThere, "stale-connection", func(s *scene) {
			mapOf(s, 0).OpenCount = evidence.Count{}
		}, Uncertain, "lxd01: it is not known how often", ""}, nil},
		{gateCase{"mounted on the first from a namespace", runsThereNVMe, "stale-connection", func(s *scene) {
			n := &s.Hosts[0].Namespaces.Items[1]
			s.use(evidence.Use{Kind: evidence.UseMount, Device: n.Name, Dev: n.Dev, Serial: n.Serial, Where: "/mnt/rescue"})
		}, Fail, "lxd01: mounted at /mnt/rescue", ClassDisconnect}, nil},
		{gateCase{"the first does not show all of its processes", runsThere, "stale-connection", func(s *scene) {
			s.Hosts[0].AllProcesses, s.Hosts[0].AllProcessesWhy = evidence.No, "not root"
		}, Uncertain, "lxd01: processes are not all visible", ""}, nil},
		{gateCase{"in use on a member where LXD does not expect it", func(s *scene) { runsThere(s); third(s) }, "stale-connection", func(s *scene) {
			v := len(s.array().Volumes.Items) - 1
			s.connect(v, "lxd03-iscsi")
			s.mountedOn(2, s.attach(2, v, 2), "/mnt/rescue")
		}, Fail, "lxd03: mounted at /mnt/rescue", ""}, nil},
		{gateCase{"nothing uses it where LXD expects it", runsThere, "stale-connection", func(s *scene) {
			s.Hosts[1].Uses.Items = nil
			mapOf(s, 1).OpenCount = evidence.CountOf(0)
			s.busy(evidence.No)
		}, Uncertain, "LXD expects it on lxd02, and it is not seen to use it there", ""}, []string{"no-io"}},
		{gateCase{"only somebody else has it open where LXD expects it", vmThere, "stale-connection", func(s *scene) {
			s.Hosts[1].Uses.Items[len(s.Hosts[1].Uses.Items)-1].Process = "dd"
		}, Uncertain, "LXD expects it on lxd02, and it is not seen to use it there", ""}, []string{"no-io"}},
		{gateCase{"only somebody else uses its filesystem where LXD expects it", runsThere, "stale-connection", func(s *scene) {
			u := &s.Hosts[1].Uses.Items[len(s.Hosts[1].Uses.Items)-1]
			u.Kind, u.Process = evidence.UseOpener, "qemu-system-x86"
		}, Uncertain, "LXD expects it on lxd02, and it is not seen to use it there", ""}, []string{"no-io"}},
		{gateCase{"its other half is not there", vmThere, "stale-connection", func(s *scene) {
			v := s.vol(len(s.array().Volumes.Items) - 2)
			v.LXD.UUID = uuid(103)
			v.Name = "p1::" + spell(v.LXD)
		}, Uncertain, "its other half is not known", ""}, nil},
		{gateCase{"its other half has no serial", vmThere, "stale-connection", func(s *scene) {
			s.vol(len(s.array().Volumes.Items) - 2).Serial = ""
		}, Fail, "it has no serial", ""}, nil},
		{gateCase{"the other is not connected", runsThere, "stale-connection", func(s *scene) {
			s.array().Connections.Items = s.array().Connections.Items[:len(s.array().Connections.Items)-1]
			last(s).ConnectionCount = evidence.CountOf(1)
		}, Fail, "lxd02: mounted at", ""}, []string{"no-io"}},
		{gateCase{"LXD has only begun to use it elsewhere", func(s *scene) { staleOne(s); second(s) }, "stale-connection", func(s *scene) {
			s.run("c5", "lxd02", kill1(""))
			s.record(s.volume("p1", name(evidence.TypeContainer, "", 9)), "c5")
		}, Uncertain, "LXD expects it on lxd02, which the array is not known to connect", ""}, []string{"no-io"}},
		{gateCase{"its other half is in use on the first", vmThere, "stale-connection", func(s *scene) {
			s.mountedOn(0, len(s.Hosts[0].Maps.Items)-2, "/mnt/rescue")
		}, Fail, "lxd01: its other half", ""}, nil},
		{gateCase{"its other half may be in use on the first", vmThere, "stale-connection", func(s *scene) {
			s.Hosts[0].Maps.Items[len(s.Hosts[0].Maps.Items)-2].OpenCount = evidence.Count{}
		}, Fail, "lxd01: its other half", ""}, nil},
	},
	"no-io": {
		{gateCase{"under way on the first", runsThere, "stale-connection", func(s *scene) {
			mapOf(s, 0).IO.Inflight = evidence.CountOf(1)
		}, Fail, "lxd01: 1 request of mpathc under way", ""}, nil},
		{gateCase{"perhaps under way on the first", runsThere, "stale-connection", func(s *scene) {
			mapOf(s, 0).IO.Inflight = evidence.Count{}
		}, Uncertain, "lxd01: it is not known whether I/O of mpathc", ""}, nil},
		{gateCase{"under way on a third", func(s *scene) {
			runsThere(s)
			third(s)
			v := len(s.array().Volumes.Items) - 1
			s.connect(v, "lxd03-iscsi")
			s.attach(2, v, 2)
		}, "stale-connection", func(s *scene) { mapOf(s, 2).IO.Inflight = evidence.CountOf(3) }, Fail, "lxd03: 3 requests", ""}, nil},
		{gateCase{"what the first has read is not known", runsThere, "stale-connection", func(s *scene) {
			s.Hosts[0].Disks.Items[len(s.Hosts[0].Disks.Items)-1].IO.Reads = evidence.Count{}
		}, Uncertain, "not known how much was read and written through sdg", ""}, nil},
		{gateCase{"what the first has written is not known", runsThereNVMe, "stale-connection", func(s *scene) {
			s.Hosts[0].Namespaces.Items[1].IO.Writes = evidence.Count{}
		}, Uncertain, "not known how much was read and written through nvme0n2", ""}, nil},
		{gateCase{"the array has not measured it", runsThere, "stale-connection", func(s *scene) { s.busy(evidence.Unknown) }, Uncertain, "does not mean that it is idle", ""}, nil},
		{gateCase{"the array measured it, and nobody is seen to do it", runsThere, "stale-connection", func(s *scene) {
			s.Hosts[1].Uses.Items = nil
			mapOf(s, 1).OpenCount = evidence.CountOf(0)
		}, Uncertain, "nothing is seen to use it on lxd02", ""}, []string{"not-in-use"}},
	},
	"path-identity": {
		{gateCase{"a path on the first leads elsewhere", runsThere, "stale-connection", func(s *scene) {
			h := &s.Hosts[0]
			h.Disks.Items[len(h.Disks.Items)-1].Live.Serial = serialNo(999)
		}, Fail, "answers as volume", ""}, nil},
	},
}

// TestApart: each of them alone keeps the connection.
func TestApart(t *testing.T) {
	for gate, cases := range apartCases {
		for _, c := range cases {
			t.Run(gate+"/"+c.name, func(t *testing.T) { c.run(t, gate, c.also...) })
		}
	}
}

// Nothing that is taken away lets a connection be cut that is kept, in any of
// these worlds.
func TestTakingAwayNeverCuts(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves it out")
	}
	for gate, cases := range apartCases {
		for _, c := range cases {
			if c.name == "a profile has it" {
				continue // the instances say it too; LXD's list of users is a second opinion
			}
			t.Run(gate+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				s := healthy()
				c.make(s)
				c.spoil(s)
				s.policy.Codes = []string{"stale-connection"}
				before := safe(s.judge())
				leaves(reflect.ValueOf(&s.World).Elem(), "World", "World", func(path string, take func() func()) {
					restore := take()
					if more := grown(before, safe(s.judge())); len(more) > 0 {
						t.Errorf("without %s %v is safe", path, more)
					}
					restore()
				})
			})
		}
	}
}

// What may be cut says which member it is about, and leaves the other alone.
func TestApartWords(t *testing.T) {
	for what, c := range map[string]struct {
		make func(*scene)
		host string
	}{
		"iSCSI": {runsThere, hostName}, "without a device": {bareThere, hostName}, "NVMe": {runsThereNVMe, nvmeName}, "a virtual machine": {vmThere, hostName},
	} {
		s := healthy()
		c.make(s)
		f := only(t, s.judge(), "stale-connection")
		if f.Verdict != Safe || f.Host != c.host || !slices.Equal(f.RunsOn, []string{"lxd02"}) {
			t.Errorf("%s: %s %s %v: %v", what, f.Host, f.Verdict, f.RunsOn, f.Reasons())
		}
		for gate, says := range map[string]string{
			"not-expected": "LXD expects it on lxd02 only",
			"not-in-use":   "not swap on lxd01; in use on lxd02 (",
			"no-io":        "I/O of it, which is in use on lxd02; ",
		} {
			if got := only2(t, f, gate); !strings.Contains(got, says) {
				t.Errorf("%s: %s: %q, want %q", what, gate, got, says)
			}
		}
		for _, step := range f.Remedy {
			if strings.Contains(step, "lxd02") {
				t.Errorf("%s: %q", what, step)
			}
		}
	}
}

func only2(t *testing.T, f Finding, name string) string {
	t.Helper()
	return gate(t, f, name).Why
}

// An object of both members is nobody's stale connection, whoever runs what.
func TestApartOfOneObjectForTwo(t *testing.T) {
	for what, make := range map[string]func(*scene){"iSCSI": runsThere, "NVMe": runsThereNVMe} {
		s := healthy()
		make(s)
		for i := range s.array().Hosts.Items {
			switch h := &s.array().Hosts.Items[i]; h.Name {
			case hostName:
				h.IQNs = append(h.IQNs, iqn2)
			case nvmeName:
				h.NQNs = append(h.NQNs, "nqn.two")
			}
		}
		for _, f := range s.judge().Findings {
			if f.Code == "stale-connection" {
				t.Errorf("%s: %s is stale", what, f.Host)
			}
		}
	}
}
