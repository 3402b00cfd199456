package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// answer asks one gate about the last volume, about the last snapshot, or
// about the first host's device of the last volume.
func (s *scene) answer(gateName string, class Class) GateResult {
	f := newFacts(&s.World, s.policy)
	a := f.arrays[0]
	subject := Subject{f: f, class: class, array: a}
	if n := len(a.volumes); n > 0 {
		subject.volume = &a.volumes[n-1]
		subject.pool = subject.volume.pool
	}
	switch class {
	case ClassSnapshot:
		i := len(a.Snapshots.Items) - 1
		subject.snapshot, subject.volume = &a.Snapshots.Items[i], a.source(i)
		subject.pool = subject.volume.pool
	case ClassHost:
		subject.device = f.hosts[0].of(subject.volume)
	}
	i := slices.IndexFunc(Gates, func(g Gate) bool { return g.Name == gateName })
	return Gates[i].ask(subject)
}

// What one gate says, where another one holds the same evidence back as well:
// each has to hold by itself, for the other may be asked about something else.
func TestGateAnswers(t *testing.T) {
	doubt := func(set func(*scene)) func(*scene) {
		return func(s *scene) { leak(s); set(s) }
	}
	for _, c := range []struct {
		gate  string
		class Class
		name  string
		set   func(*scene)
		want  Result
		says  string
	}{
		{"array-identity", ClassDestroy, "pinned", doubt(func(s *scene) { s.policy.Pins = map[string]string{"p1": strings.ToUpper(arrayID)} }), Pass, "is the pinned array"},
		{"array-identity", ClassDestroy, "not pinned", doubt(func(*scene) {}), Pass, "no array is pinned"},
		{"array-identity", ClassDestroy, "no id", doubt(func(s *scene) { s.array().ID = "" }), Uncertain, "did not say which one"},
		{"pod-ownership", ClassDestroy, "no pool", doubt(func(s *scene) { s.LXD.Pools.Items = s.LXD.Pools.Items[1:] }), Uncertain, "LXD lists no pool"},
		{"pod-ownership", ClassDestroy, "not known whether replicated", doubt(func(s *scene) { s.array().Pods.Items[0].Links = evidence.Count{} }), Uncertain, "whether pod p1 is replicated"},
		{"read-order", ClassDestroy, "no beginning of the array's answers", doubt(func(s *scene) { s.array().Began = time.Time{} }), Uncertain, "not known when"},
		{"read-order", ClassDestroy, "no end of the array's answers", doubt(func(s *scene) { s.array().Ended = time.Time{} }), Uncertain, "not known when"},
		{"read-order", ClassDestroy, "no beginning of LXD's answers", doubt(func(s *scene) { s.LXD.Began = time.Time{} }), Uncertain, "not known when"},
		{"read-order", ClassDestroy, "no end of LXD's answers", doubt(func(s *scene) { s.LXD.Ended = time.Time{} }), Uncertain, "not known when"},
		{"no-io", ClassDestroy, "not measured, and connections are missing", func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.busy(evidence.Unknown)
			s.array().Connections = s.array().Connections.Doubt("page 2")
		}, Uncertain, "the array has not measured it"},
		{"ordinary", ClassDestroy, "a uuid of no kind", doubt(func(s *scene) { last(s).LXD = evidence.Name{UUID: uuid(100)} }), Fail, "not a name that LXD gives"},
		{"ordinary", ClassDestroy, "a kind without uuid", doubt(func(s *scene) { last(s).LXD.UUID = evidence.UUID{} }), Fail, "not a name that LXD gives"},
		{"ordinary", ClassSnapshot, "another pod's", func(s *scene) {
			s.snapshot(leak(s), copyOf(evidence.TypeCustom, "", 200), "").Pod = "p2"
		}, Uncertain, "is not what its volume"},
		{"ordinary", ClassSnapshot, "of no volume", func(s *scene) {
			snap := s.snapshot(leak(s), copyOf(evidence.TypeCustom, "", 200), "")
			snap.Pod, snap.SourceName, snap.Name = "", "", "."+snap.Suffix
		}, Uncertain, "is not what its volume"},
		{"pod-ownership", ClassDestroy, "replicated", doubt(func(s *scene) { s.array().Pods.Items[0].Links = evidence.CountOf(1) }), Pass, "replicated over 1 link"},
		{"pod-ownership", ClassDestroy, "stretched to an array that was read", doubt(func(s *scene) {
			s.stretch()
		}), Pass, "stretched, and all of its arrays were read"},
		{"pod-ownership", ClassDestroy, "a connection of a volume that is not listed", doubt(func(s *scene) {
			s.array().Connections = appendTo(s.array().Connections, evidence.Connection{VolumeID: "?", VolumeName: "P1::u-x", Host: hostName})
		}), Uncertain, "which the array does not list"},
		{"pod-ownership", ClassDestroy, "a foreign volume of another machine", doubt(func(s *scene) { stranger(s, s.volume("p1", evidence.Name{})) }), Fail, "p1::manual-vol is connected to \"other\""},
		{"lists-complete", ClassDestroy, "connections", doubt(func(s *scene) { s.array().Connections = s.array().Connections.Doubt("page 2") }), Uncertain, "connections: page 2"},
		{"lists-complete", ClassDestroy, "members", doubt(func(s *scene) { s.LXD.Members = s.LXD.Members.Doubt("x") }), Uncertain, "members: x"},
		{"lists-complete", ClassDestroy, "operations", doubt(func(s *scene) { s.LXD.Operations = s.LXD.Operations.Doubt("x") }), Uncertain, "operations: x"},
		{"lists-complete", ClassDestroy, "the array's trouble", doubt(func(s *scene) { s.array().Trouble = "401" }), Uncertain, "401"},
		{"lists-complete", ClassDestroy, "an array without a name", doubt(func(s *scene) { s.array().ID = "" }), Uncertain, "did not say which one"},
		{"records-not-empty", ClassDestroy, "no pool", doubt(func(s *scene) { s.LXD.Pools.Items = s.LXD.Pools.Items[1:] }), Uncertain, "no such pool"},
		{"members-online", ClassDestroy, "not all known", doubt(func(s *scene) { s.LXD.Members = s.LXD.Members.Doubt("x") }), Uncertain, "not all known: x"},
		{"members-online", ClassDestroy, "none", doubt(func(s *scene) { s.LXD.Members = evidence.Complete[evidence.Member](nil) }), Uncertain, "names no member"},
		{"no-operation", ClassDestroy, "not all known", doubt(func(s *scene) { s.LXD.Operations = s.LXD.Operations.Doubt("x") }), Uncertain, "not all known: x"},
		{"no-operation", ClassDestroy, "harmless ones", doubt(func(s *scene) {
			s.operate("Executing command", "/1.0/instances/c1")
			s.operate("A join token")
			s.LXD.Operations.Items[2].Class = "token"
		}), Pass, "no LXD operation"},
		{"no-record", ClassDestroy, "records not all known", doubt(func(s *scene) { s.LXD.Records = s.LXD.Records.Doubt("x") }), Uncertain, "records are not all known: x"},
		{"no-record", ClassDestroy, "rights", doubt(func(s *scene) { s.LXD.SeesAll = evidence.Unknown }), Uncertain, "may hide records"},
		{"no-record", ClassDestroy, "recorded", func(s *scene) { stale(s) }, Fail, "custom/kill1 (default)"},
		{"no-record", ClassDestroy, "no uuid in the name", func(s *scene) { s.volume("p1", evidence.Name{}) }, Uncertain, "holds no uuid"},
		{"no-record", ClassDestroy, "a copy of something else", func(s *scene) { s.volume("p1", copyOf(evidence.TypeCustom, evidence.ContentBlock, 3)) }, Fail, "of a snapshot that is not this copy's"},
		{"no-record", ClassSnapshot, "recorded", func(*scene) {}, Fail, "custom/data/snap0 (default)"},
		{"not-expected", ClassDestroy, "on a member that is not known", func(s *scene) {
			stale(s)
			s.LXD.Clustered = evidence.Yes
			s.run("c5", "elsewhere", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
		}, Uncertain, `not known where instance "c5" runs`},
		{"not-expected", ClassDestroy, "LXD's own", func(s *scene) {
			stale(s)
			s.LXD.DaemonVolumes = appendTo(s.LXD.DaemonVolumes, evidence.DaemonVolume{Member: "lxd01", Pool: "p1", Volume: "kill1"})
		}, Fail, "LXD on lxd01 uses it for itself"},
		{"not-expected", ClassDestroy, "by the record's word only", func(s *scene) {
			stale(s)
			s.LXD.Records.Items[len(s.LXD.Records.Items)-1].UsedBy = []string{"/1.0/instances/c1?project=default"}
		}, Fail, "LXD says that container c1"},
		{"not-expected", ClassDestroy, "LXD's own by the record's word only", func(s *scene) {
			stale(s)
			s.LXD.Records.Items[len(s.LXD.Records.Items)-1].UsedBy = []string{"/1.0"}
		}, Fail, "uses it for itself"},
		{"not-expected", ClassDestroy, "another machine's disk", func(s *scene) {
			s.run("vm2", "lxd01", evidence.InstanceDisk{Device: "other", Pool: "p1", Source: "vm9", Type: evidence.TypeVM, Project: "default"})
			s.record(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 60)), "vm9")
			s.stop("vm9", "lxd01")
		}, Fail, "attached to virtual-machine vm2"},
		{"not-expected", ClassDestroy, "instances not all known", func(s *scene) { stale(s); s.LXD.Instances = s.LXD.Instances.Doubt("x") }, Uncertain, "instances are not all known: x"},
		{"not-expected", ClassDestroy, "its own volumes not all known", func(s *scene) { stale(s); s.LXD.DaemonVolumes = s.LXD.DaemonVolumes.Doubt("x") }, Uncertain, "that LXD itself uses are not all known"},
		{"not-expected", ClassDestroy, "a disk without a volume", func(s *scene) {
			stale(s)
			s.run("c5", "lxd01", evidence.InstanceDisk{Device: "d", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
		}, Uncertain, `of disk "d" of instance "c5" the volume is not known`},
		{"explained", ClassDestroy, "recorded now", func(s *scene) {
			stale(s)
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID, Recorded: clock}}
		}, Pass, "LXD has its record"},
		{"ordinary", ClassDestroy, "a name that is not LXD's", func(s *scene) { s.volume("p1", evidence.Name{}) }, Fail, "not a name that LXD gives"},
		{"ordinary", ClassDestroy, "destroyed", doubt(func(s *scene) { last(s).Destroyed = evidence.Yes }), Fail, "already destroyed"},
		{"ordinary", ClassDestroy, "promoted or not", doubt(func(s *scene) { last(s).Promotion = "" }), Uncertain, "not known to be promoted"},
		{"ordinary", ClassDestroy, "a name that was misread", doubt(func(s *scene) { last(s).LXD.UUID = uuid(999) }), Uncertain, "is not what pod"},
		{"ordinary", ClassDestroy, "a content that was misread", doubt(func(s *scene) { last(s).LXD.Content = "" }), Uncertain, "is not what pod"},
		{"ordinary", ClassDestroy, "another pod's", doubt(func(s *scene) { last(s).Name = "p2" + strings.TrimPrefix(last(s).Name, "p1") }), Uncertain, "is not what pod"},
		{"ordinary", ClassDestroy, "no id", doubt(func(s *scene) { last(s).ID = "" }), Uncertain, "no id"},
		{"ordinary", ClassSnapshot, "live", func(*scene) {}, Pass, "live snapshot of p1::"},
		{"ordinary", ClassSnapshot, "destroyed", func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Yes }, Fail, "already destroyed"},
		{"ordinary", ClassSnapshot, "destroyed or not", func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Unknown }, Uncertain, "not known whether"},
		{"ordinary", ClassSnapshot, "not LXD's", func(s *scene) {
			snap := &s.array().Snapshots.Items[0]
			snap.LXD, snap.Suffix = evidence.Name{}, "daily-3"
		}, Fail, `"daily-3" is not a name`},
		{"ordinary", ClassSnapshot, "misread", func(s *scene) { s.array().Snapshots.Items[0].LXD.UUID = uuid(999) }, Fail, "is not a name that LXD gives"},
		{"ordinary", ClassSnapshot, "of another volume", func(s *scene) { s.array().Snapshots.Items[0].SourceName = "p1::u-x" }, Uncertain, "is not what its volume"},
		{"ordinary", ClassSnapshot, "no id", func(s *scene) { s.array().Snapshots.Items[0].ID = "" }, Uncertain, "no id"},
		{"connections-ours", ClassDestroy, "a member's", doubt(func(*scene) {}), Pass, "connected to lxd01-iscsi only: lxd01-iscsi is lxd01"},
		{"connections-ours", ClassDestroy, "more are counted than listed", doubt(func(s *scene) {
			s.array().Volumes.Items[len(s.array().Volumes.Items)-1].ConnectionCount = evidence.CountOf(3)
		}), Uncertain, "counts connections to 3 hosts and lists 1"},
		{"connections-ours", ClassDestroy, "nothing", func(s *scene) { s.volume("p1", name(evidence.TypeCustom, "", 100)) }, Pass, "connected to nothing"},
		{"connections-ours", ClassDestroy, "another machine's", doubt(func(s *scene) { stranger(s, len(s.array().Volumes.Items)-1) }), Fail, "other belongs to no member"},
		{"connections-ours", ClassDestroy, "perhaps a member's", doubt(func(s *scene) {
			stranger(s, len(s.array().Volumes.Items)-1)
			s.Hosts[0].IQNs = s.Hosts[0].IQNs.Doubt("EACCES")
		}), Uncertain, "may be lxd01"},
		{"connections-ours", ClassDestroy, "not all known", func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.array().Connections = s.array().Connections.Doubt("page 2")
		}, Uncertain, "not all known: page 2"},
		{"not-protected", ClassDestroy, "groups not all known", doubt(func(s *scene) { s.array().Protections = s.array().Protections.Doubt("403") }), Uncertain, "not all known: 403"},
		{"not-protected", ClassDestroy, "snapshots not all known", doubt(func(s *scene) { s.array().Snapshots = s.array().Snapshots.Doubt("403") }), Uncertain, "not all known: 403"},
		{"not-protected", ClassDestroy, "its own snapshots", doubt(func(s *scene) { s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 104), "") }), Pass, "1 snapshot that LXD made of it"},
		{"not-protected", ClassDestroy, "somebody's snapshot, destroyed", doubt(func(s *scene) {
			snap := s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 104), "")
			snap.LXD, snap.Suffix, snap.Destroyed = evidence.Name{}, "daily-1", evidence.Yes
		}), Pass, "no snapshot"},
		{"hosts-answered", ClassDestroy, "members not all known", doubt(func(s *scene) { s.LXD.Members = s.LXD.Members.Doubt("x") }), Uncertain, "not known whom to ask"},
		{"hosts-answered", ClassDestroy, "no host", doubt(func(s *scene) { s.LXD.Members.Items, s.Hosts = nil, nil }), Uncertain, "not known whom to ask"},
		{"hosts-answered", ClassHost, "a machine without a name", doubt(func(s *scene) { s.Hosts[0].Name = "" }), Uncertain, "not known which machine"},
		{"not-in-use", ClassDestroy, "mounted from a device that is gone", func(s *scene) {
			v := s.volume("n1", name(evidence.TypeCustom, "", 106))
			s.record(v, "gone")
			s.use(evidence.Use{Kind: evidence.UseMount, Device: "nvme0n9", Dev: "259:9", Where: "/var/snap/lxd/common/lxd/storage-pools/n1/custom/default_gone"})
		}, Fail, "from a device that is gone"},
		{"not-in-use", ClassDestroy, "its own partitions and paths", func(s *scene) {
			leakCopy(s)
			partition(s, 0)
			s.use(evidence.Use{Kind: evidence.UseHolder, Device: "sdf", Where: "dm-2"})
			s.use(evidence.Use{Kind: evidence.UseOpener, Device: "sdf", Process: "multipathd", PID: 77})
		}, Pass, "not mounted in any mount namespace"},
		{"not-in-use", ClassDestroy, "multipathd on the map itself", func(s *scene) {
			leakCopy(s)
			s.use(evidence.Use{Kind: evidence.UseOpener, Device: "dm-2", Process: "multipathd", PID: 77})
		}, Fail, "open in multipathd"},
		{"not-in-use", ClassDestroy, "udev waits for a path of what is not connected", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.attach(0, v, 2)
			s.gone(0, v)
			udevWaits(s)
		}, Pass, "not mounted in any mount namespace"},
		{"not-in-use", ClassDestroy, "udev waits, and another has it open", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.attach(0, v, 2)
			s.gone(0, v)
			udevWaits(s)
			s.Hosts[0].Maps.Items[2].OpenCount = evidence.CountOf(2)
		}, Fail, "mpathc is open (2 times)"},
		{"not-in-use", ClassDestroy, "udev waits for a path of what is connected", func(s *scene) {
			s.gone(0, leakCopy(s))
			udevWaits(s)
		}, Fail, "udev (pid 539) waits for a path of dm-2"},
		{"not-in-use", ClassDestroy, "udev waits, and connections are not all known", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.attach(0, v, 2)
			s.gone(0, v)
			udevWaits(s)
			s.array().Connections = s.array().Connections.Doubt("x")
		}, Fail, "udev (pid 539) waits"},
		{"not-in-use", ClassDestroy, "its map is suspended", func(s *scene) {
			leakCopy(s)
			s.Hosts[0].Maps.Items[2].Suspended = evidence.Yes
		}, Uncertain, "mpathc is suspended, and it is not known by whom"},
		{"path-identity", ClassDestroy, "gone paths of a volume that is connected", func(s *scene) { v := leakCopy(s); s.gone(0, v) }, Pass, "sdf and sdg: each is this volume"},
		{"path-identity", ClassDestroy, "a path that can't be asked, not connected", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			d := s.path(0, v, 1)
			d.Live, d.State = evidence.Identity{}, "transport-offline"
		}, Pass, "sdf"},
		{"path-identity", ClassHost, "a path that can't be asked", func(s *scene) {
			v := deadMap(s)
			for i := range s.Hosts[0].Disks.Items {
				if d := &s.Hosts[0].Disks.Items[i]; d.Serial == s.vol(v).Serial {
					d.Live, d.State = evidence.Identity{}, "blocked"
				}
			}
		}, Pass, "sdf and sdg"},
		{"path-identity", ClassDestroy, "a map that is named after another volume", func(s *scene) {
			leakCopy(s)
			s.Hosts[0].Maps.Items[2].UUID = serialNo(77).MapUUID()
		}, Uncertain, "which is not volume"},
		{"no-io", ClassDestroy, "not measured, and a connection is counted that is not listed", func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.busy(evidence.Unknown)
			last(s).ConnectionCount = evidence.CountOf(1)
		}, Uncertain, "does not mean that it is idle"},
		{"path-identity", ClassDestroy, "a volume of an NVMe pool that a SCSI host has, too, and a silent disk", func(s *scene) {
			v := s.volume("n1", name(evidence.TypeCustom, "", 100))
			a := s.array()
			a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "both", Local: evidence.Yes, Destroyed: evidence.No, IQNs: []string{iqn1}, NQNs: []string{nqn1}})
			s.connect(v, "both")
			d := &s.Hosts[0].Disks.Items[0]
			d.Live, d.HCTL = evidence.Identity{}, fmt.Sprintf("1:0:0:%d", v+1)
		}, Uncertain, "may be this one"},
		{"path-identity", ClassDestroy, "an NVMe volume and a silent SCSI disk", func(s *scene) {
			leakNVMe(s)
			s.Hosts[0].Disks.Items[0].Live = evidence.Identity{}
		}, Pass, "nvme0n2"},
		{"path-identity", ClassDestroy, "a controller that connects, and no connection", func(s *scene) {
			v := s.volume("n1", name(evidence.TypeCustom, evidence.ContentBlock, 101))
			s.namespace(0, v).Paths[0].State = "connecting"
		}, Pass, "nvme0n2"},
		{"not-connected", ClassHost, "connections not all known", func(s *scene) { deadMap(s); s.array().Connections = s.array().Connections.Doubt("x") }, Uncertain, "connections are not all known"},
		{"not-connected", ClassHost, "hosts not all known", func(s *scene) { deadMap(s); s.array().Hosts = s.array().Hosts.Doubt("x") }, Uncertain, "hosts are not all known"},
		{"share", ClassDestroy, "a tenth of a large pool", doubt(func(s *scene) {
			for i := range 90 {
				s.record(s.volume("p1", name(evidence.TypeCustom, "", 300+i)), "x")
			}
			for i := range 8 {
				s.volume("p1", name(evidence.TypeCustom, "", 200+i))
			}
		}), Pass, "9 of the pool's 105"},
		{"share", ClassDestroy, "recorded", func(s *scene) { stale(s) }, Pass, "not counted"},
	} {
		t.Run(c.gate+"/"+c.name, func(t *testing.T) {
			s := healthy()
			c.set(s)
			got := s.answer(c.gate, c.class)
			if got.Result != c.want || !strings.Contains(got.Why, c.says) {
				t.Errorf("%s: %q, want %s: %q", got.Result, got.Why, c.want, c.says)
			}
		})
	}
}

// A device of which no array has the volume.
func TestGatesOfAnUnknownDevice(t *testing.T) {
	foreign := evidence.Serial("704FA624CF6E419600000001")
	ask := func(s *scene, serial evidence.Serial) (evidence.Answer, string) {
		f := newFacts(&s.World, s.policy)
		return f.connected(f.hosts[0].devices[serial])
	}
	base := func(serial evidence.Serial) *scene {
		s := healthy()
		v := s.volume("p1", name(evidence.TypeCustom, "", 103))
		s.vol(v).Serial = serial
		s.path(0, v, 1)
		s.array().Volumes.Items = s.array().Volumes.Items[:v]
		return s
	}
	ours := serialNo(500)
	for _, c := range []struct {
		name   string
		serial evidence.Serial
		set    func(*scene)
		want   evidence.Answer
		says   string
	}{
		{"another array's", foreign, func(*scene) {}, evidence.Unknown, "another array made"},
		{"another array's, looked up here", foreign, func(s *scene) { s.array().Lookups = []evidence.Lookup{{Serial: foreign, Found: evidence.No}} }, evidence.Unknown, "another array made"},
		{"not looked up", ours, func(*scene) {}, evidence.Unknown, "was not asked"},
		{"looked up without an answer", ours, func(s *scene) { s.array().Lookups = []evidence.Lookup{{Serial: ours}} }, evidence.Unknown, "was not asked"},
		{"elsewhere", ours, func(s *scene) {
			s.array().Lookups = []evidence.Lookup{{Serial: ours, Found: evidence.Yes, Name: "plainvol"}}
		}, evidence.Unknown, "plainvol, which is in no pod of ours"},
		{"nowhere", ours, func(s *scene) {
			s.array().Lookups = []evidence.Lookup{{Serial: ours, Found: evidence.No}}
			s.Hosts[0].Disks.Items[len(s.Hosts[0].Disks.Items)-1].Live = evidence.Identity{Kind: evidence.IdentityGone}
		}, evidence.No, "no volume with this serial"},
		{"nowhere, but a path answers", ours, func(s *scene) {
			s.array().Lookups = []evidence.Lookup{{Serial: ours, Found: evidence.No}}
		}, evidence.Unknown, "answers as it: another array"},
		{"nowhere, but the list is short", ours, func(s *scene) {
			s.array().Lookups = []evidence.Lookup{{Serial: ours, Found: evidence.No}}
			s.array().Volumes = s.array().Volumes.Doubt("page 2")
		}, evidence.Unknown, "volumes are not all known"},
		{"nowhere, but a volume has no serial", ours, func(s *scene) {
			s.array().Lookups = []evidence.Lookup{{Serial: ours, Found: evidence.No}}
			s.vol(3).Serial = ""
		}, evidence.Unknown, "volumes are not all known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := base(c.serial)
			c.set(s)
			if got, why := ask(s, c.serial); got != c.want || !strings.Contains(why, c.says) {
				t.Errorf("%s %q, want %s %q", got, why, c.want, c.says)
			}
		})
	}
	// The gates that need an array refuse without one.
	s := base(foreign)
	f := newFacts(&s.World, s.policy)
	d := f.ofDevice(f.hosts[0].devices[foreign])
	d.subject.f, d.subject.class = f, ClassHost
	for _, name := range []string{"array-identity", "lists-complete", "read-order", "not-connected"} {
		i := slices.IndexFunc(Gates, func(g Gate) bool { return g.Name == name })
		if got := Gates[i].ask(d.subject); got.Result != Uncertain {
			t.Errorf("%s: %s %q, want unknown", name, got.Result, got.Why)
		}
	}
}

// What is not known is never said to be so: without the list of connections a
// leftover is not "not connected", and an array in trouble is not another one.
func TestUnknownConnectionsAreNotNone(t *testing.T) {
	s := healthy()
	s.volume("p1", name(evidence.TypeCustom, "", 100))
	a := s.array()
	a.Connections = evidence.Incomplete[evidence.Connection](nil, "half a page")
	a.Trouble = "half a page"
	f := only(t, s.judge(), "leaked-volume")
	if strings.Contains(f.Detail, "; not connected") || !strings.Contains(f.Detail, "not known whether it is connected") {
		t.Errorf("detail %q", f.Detail)
	}
	if f.Verdict == Safe {
		t.Error("it is called safe")
	}
	for _, g := range f.Gates {
		if strings.Contains(g.Why, "stretched") {
			t.Errorf("%s: %s", g.Gate, g.Why)
		}
	}
}

// udevWaits has a worker of udev wait for a path of the third map.
func udevWaits(s *scene) {
	s.use(evidence.Use{Kind: evidence.UseOpener, Device: "dm-2", Process: "(udev-worker)", PID: 539, Waits: true})
	s.Hosts[0].Maps.Items[2].OpenCount = evidence.CountOf(1)
}
