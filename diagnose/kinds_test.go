package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

func TestHealthyWorldHasNoFindings(t *testing.T) {
	r := healthy().judge()
	if got := found(r); len(got) > 0 {
		t.Errorf("found %q", got)
	}
	if !r.Complete || len(r.Doubts) > 0 {
		t.Errorf("incomplete: %q", r.Doubts)
	}
	want := []PoolSummary{
		{Name: "p1", Array: "fa1", ArrayID: arrayID, Mode: "iscsi", Volumes: 6, Snapshots: 1, Records: 6, Listed: true, Recorded: true, Counted: true},
		{Name: "n1", Array: "fa1", ArrayID: arrayID, Mode: "nvme/tcp", Volumes: 1, Records: 1, Listed: true, Recorded: true, Counted: true},
	}
	if diff := cmp.Diff(want, r.Pools); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
}

// offers lets the array tell its ports, which are those that the host is
// logged in to, and the host by which of them.
func (s *scene) offers() {
	const nqn = "nqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071"
	s.array().Ports = evidence.Complete([]evidence.Port{
		{Name: "CT0.ETH4", IQN: targetQN, Portal: "10.0.0.1:3260"},
		{Name: "CT1.ETH4", IQN: targetQN, Portal: "10.0.1.1:3260"},
		{Name: "CT0.ETH14", NQN: nqn, Portal: "10.0.0.1:4420"},
		{Name: "CT1.ETH14", NQN: nqn, Portal: "10.0.1.1:4420"},
	})
	h := &s.Hosts[0]
	h.Subsystems.Items[0].NQN = nqn
	for i := range h.Controllers.Items {
		h.Controllers.Items[i].Address, h.Controllers.Items[i].Port = []string{"10.0.0.1", "10.0.1.1"}[i], "4420"
	}
}

// TestOffered: a portal that LXD has no use for, or that a session may well
// lead to, is no path that is missing.
func TestOffered(t *testing.T) {
	third := func(s *scene) {
		s.offers()
		s.array().Ports.Items = append(s.array().Ports.Items, evidence.Port{Name: "CT0.ETH5", IQN: targetQN, Portal: "10.0.2.1:3260"})
	}
	for name, c := range map[string]struct {
		change func(*scene)
		missed bool
	}{
		"each has a session": {(*scene).offers, false},
		"a third has none":   {third, true},
		"a third has none, and pure.target leaves it out": {func(s *scene) {
			third(s)
			s.LXD.Pools.Items[0].Targets = []string{"10.0.0.1", "10.0.1.1:3260"}
		}, false},
		"a session by a host name": {func(s *scene) { third(s); s.Hosts[0].Sessions.Items[1].Address = "fa1.example.com" }, false},
		"a login that was redirected": {func(s *scene) {
			s.offers()
			s.Hosts[0].Sessions.Items[1].Address = "10.9.9.9"
		}, false},
		"sessions that are not all known": {func(s *scene) { third(s); s.Hosts[0].Sessions = s.Hosts[0].Sessions.Doubt("EIO") }, false},
		"another target's portal": {func(s *scene) {
			s.offers()
			s.array().Ports.Items = append(s.array().Ports.Items, evidence.Port{Name: "CT0.ETH5", IQN: "iqn.2010-06.com.purestorage:flasharray.0", Portal: "10.0.2.1:3260"})
		}, false},
		"portals spelled otherwise": {func(s *scene) {
			s.offers()
			s.array().Ports.Items[1].Portal = "[::ffff:10.0.1.1]:3260"
			s.array().Ports.Items[0].IQN = strings.ToUpper(targetQN)
		}, false},
	} {
		s := healthy()
		c.change(s)
		if got := found(s.judge()); slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "degraded-paths") }) != c.missed {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// leak adds a leaked custom volume, connected, with a bare path.
func leak(s *scene) int {
	v := s.volume("p1", name(evidence.TypeCustom, "", 100))
	s.connect(v, hostName)
	s.path(0, v, 1)
	return v
}

func leakNVMe(s *scene) int {
	v := s.volume("n1", name(evidence.TypeCustom, evidence.ContentBlock, 101))
	s.connect(v, nvmeName)
	s.namespace(0, v)
	return v
}

func leakCopy(s *scene) int {
	v := s.volume("p1", copyOf(evidence.TypeCustom, "", 3))
	s.connect(v, hostName)
	s.attach(0, v, 2)
	return v
}

func stale(s *scene) int {
	v := s.volume("p1", name(evidence.TypeCustom, "", 102))
	s.record(v, "kill1")
	s.connect(v, hostName)
	s.path(0, v, 1)
	return v
}

// deadMap is a map whose volume is recorded and not connected any more.
func deadMap(s *scene) int {
	v := s.volume("p1", name(evidence.TypeCustom, "", 103))
	s.record(v, "was-here")
	s.attach(0, v, 2)
	s.gone(0, v)
	return v
}

// orphanSnapshot is a snapshot without a record of the volume "data".
func orphanSnapshot(s *scene) { s.snapshot(1, copyOf(evidence.TypeCustom, "", 104), "") }

// elsewhere connects a volume to a machine that nobody knows.
func (s *scene) elsewhere(v int, host string) {
	a := s.array()
	a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: host, Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), IQNs: []string{"iqn.x:" + host}, Destroyed: evidence.No})
	s.connect(v, host)
}

// deviceless takes from the first host what it has of the volume data.
func (s *scene) deviceless() {
	h := &s.Hosts[0]
	h.Maps.Items, h.Disks.Items = h.Maps.Items[:1], h.Disks.Items[:2]
	h.Uses.Items = slices.Delete(slices.Clone(h.Uses.Items), 1, 2)
}

// strangersObject adds an array host that is no member's and has no connection.
func strangersObject(connectivity string, chap evidence.Answer) func(*scene) {
	return func(s *scene) {
		a := s.array()
		a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{
			Name: "oldnode-iscsi", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), IQNs: []string{"iqn.x:old"}, Destroyed: evidence.No,
			Connectivity: connectivity, CHAP: chap, Personality: evidence.No, Preferred: evidence.No, VLAN: evidence.No,
		})
	}
}

// kindCase is a world in which something is wrong, and all that is found.
type kindCase struct {
	name string
	make func(*scene)
	// want lists "code object" of everything that is found.
	want []string
	// verdict is that of the first of them.
	verdict Verdict
	// says are words that the first one's detail, cause, effect or remedy
	// has.
	says []string
}

const u100, u101, u102, u103 = "u-00000064000040008000000000000000", "u-00000065000040008000000000000000-b", "u-00000066000040008000000000000000", "u-00000067000040008000000000000000"

var kindCases = []kindCase{
	{
		"leaked volume, its path came late",
		func(s *scene) { leak(s) },
		[]string{"leaked-volume p1::" + u100},
		Safe,
		[]string{"no LXD record; connected to lxd01-iscsi; sdf without a map on lxd01, idle", "30 seconds", "remove sdf without a map on lxd01", "disconnect it from lxd01-iscsi", "recoverable for 24 hours"},
	},
	{
		"leaked volume, never connected",
		func(s *scene) { s.volume("p1", name(evidence.TypeCustom, "", 100)) },
		[]string{"leaked-volume p1::" + u100},
		Safe,
		[]string{"no LXD record; not connected", "never got the answer"},
	},
	{
		"leaked volume with a live map",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.connect(v, hostName)
			s.attach(0, v, 2)
		},
		[]string{"leaked-volume p1::" + u100},
		Safe,
		[]string{"map mpathc with paths sdf and sdg on lxd01, idle", "could not take the volume's device away"},
	},
	{
		"leaked volume on NVMe",
		func(s *scene) { leakNVMe(s) },
		[]string{"leaked-volume n1::" + u101},
		Safe,
		[]string{"nvme0n2 on lxd01, idle"},
	},
	{
		"both halves of a virtual machine",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100))
			s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
		},
		[]string{"leaked-volume p1::v-00000064000040008000000000000000", "leaked-volume p1::v-00000064000040008000000000000000-b"},
		Safe,
		[]string{"instance"},
	},
	{
		"one half of a virtual machine",
		func(s *scene) { s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100)) },
		[]string{"leaked-half p1::v-00000064000040008000000000000000"},
		Safe,
		[]string{"its other half is gone", "its next try found the volume gone"},
	},
	{
		"one half, the other destroyed",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
			twin := s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100))
			s.vol(twin).Destroyed, s.vol(twin).Remaining = evidence.Yes, time.Hour
		},
		[]string{"leaked-half p1::v-00000064000040008000000000000000", "pending-eradication p1::v-00000064000040008000000000000000-b"},
		Blocked, nil,
	},
	{
		"the block half of an image alone",
		func(s *scene) { s.volume("p1", name(evidence.TypeImage, evidence.ContentBlock, 100)) },
		[]string{"leaked-half p1::i-00000064000040008000000000000000-b"},
		Safe, nil,
	},
	{
		"an image without a record",
		func(s *scene) { s.volume("p1", name(evidence.TypeImage, "", 100)) },
		[]string{"leaked-image p1::i-00000064000040008000000000000000"},
		Safe,
		[]string{"stopped while it unpacked"},
	},
	{
		"images without a record, LXD 6.9",
		func(s *scene) {
			s.LXD.Version = "6.9"
			s.volume("p1", name(evidence.TypeImage, "", 100))
		},
		[]string{"unsafe-setting LXD 6.9", "leaked-image p1::i-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"1 copy without a record"},
	},
	{
		"temporary copy of a snapshot",
		func(s *scene) { leakCopy(s) },
		[]string{"leaked-snapshot-volume p1::su-00000003000040008000000000000000"},
		Safe,
		[]string{"copy of snapshot data/snap0, used by nothing", "existing connections", "exported, copied or mounted", "leave the volume to LXD, which deletes it together with snapshot data/snap0"},
	},
	{
		"temporary copy of a snapshot, connected to nothing: LXD deletes it with the snapshot",
		func(s *scene) { s.volume("p1", copyOf(evidence.TypeCustom, "", 3)) },
		[]string{"leaked-snapshot-volume p1::su-00000003000040008000000000000000"},
		ReportOnly,
		[]string{"copy of snapshot data/snap0, used by nothing; not connected", "if nothing connects it until then", "leave it to LXD", "lxc storage volume delete p1 data/snap0"},
	},
	{
		"temporary copy of a snapshot, perhaps connected",
		func(s *scene) {
			s.volume("p1", copyOf(evidence.TypeCustom, "", 3))
			s.array().Connections = s.array().Connections.Doubt("page 2")
		},
		[]string{"leaked-snapshot-volume p1::su-00000003000040008000000000000000"},
		Blocked, nil,
	},
	{
		"temporary copy of a snapshot, connected to nothing, its device left",
		func(s *scene) {
			v := s.volume("p1", copyOf(evidence.TypeCustom, "", 3))
			s.attach(0, v, 2)
			s.gone(0, v)
		},
		[]string{"leaked-snapshot-volume p1::su-00000003000040008000000000000000", "stale-map mpathc"},
		Safe, nil,
	},
	{
		"temporary copy of a snapshot that has no record either",
		func(s *scene) { s.volume("p1", copyOf(evidence.TypeCustom, "", 100)) },
		[]string{"leaked-volume p1::su-00000064000040008000000000000000"},
		Safe,
		[]string{"copy of a snapshot of which LXD has no record either"},
	},
	{
		"temporary copy that a running instance uses",
		func(s *scene) {
			leakCopy(s)
			s.run("c2", "lxd01", evidence.InstanceDisk{Device: "old", Pool: "p1", Source: "data", Type: evidence.TypeCustom, Project: "default", Snapshot: "snap0"})
			c2 := s.volume("p1", name(evidence.TypeContainer, "", 9))
			s.record(c2, "c2")
		},
		[]string{},
		"", nil,
	},
	{
		"temporary copy that an operation uses",
		func(s *scene) {
			leakCopy(s)
			s.operate("Creating custom volume backup", "/1.0/storage-pools/p1/volumes/custom/data?project=default")
		},
		[]string{},
		"", nil,
	},
	{
		"temporary copy while an operation works on something else",
		func(s *scene) {
			leakCopy(s)
			s.operate("Creating instance", "/1.0/instances/c9")
		},
		[]string{"leaked-snapshot-volume p1::su-00000003000040008000000000000000"},
		Blocked, nil,
	},
	{
		"snapshot without a record",
		orphanSnapshot,
		[]string{"leaked-snapshot p1::u-00000002000040008000000000000000.su-00000068000040008000000000000000"},
		Safe,
		[]string{"no LXD record of this snapshot of custom/data (default)"},
	},
	{
		"snapshot without a record of a leaked volume goes with it",
		func(s *scene) { leak(s); s.copied(1) },
		[]string{"leaked-volume p1::" + u100},
		Safe, nil,
	},
	{
		"safety copy of a refresh",
		func(s *scene) {
			snap := s.snapshot(1, copyOf(evidence.TypeCustom, "", 104), "")
			snap.LXD, snap.Suffix = evidence.Name{}, "lxd-reverter-snapshot"
			snap.Name = snap.SourceName + ".lxd-reverter-snapshot"
		},
		[]string{"leaked-snapshot p1::u-00000002000040008000000000000000.lxd-reverter-snapshot"},
		Safe,
		[]string{"before a refresh of custom/data (default)"},
	},
	{
		"safety copy while LXD is busy with the volume",
		func(s *scene) {
			snap := s.snapshot(1, copyOf(evidence.TypeCustom, "", 104), "")
			snap.LXD, snap.Suffix = evidence.Name{}, "lxd-reverter-snapshot"
			s.operate("Copying storage volume")
		},
		[]string{},
		"", nil,
	},
	{
		"a protection group's snapshot is nobody's business",
		func(s *scene) {
			snap := s.snapshot(1, copyOf(evidence.TypeCustom, "", 104), "")
			snap.LXD, snap.Suffix = evidence.Name{}, "pgroup-auto-12"
		},
		[]string{},
		"", nil,
	},
	{
		"connection that nothing uses",
		func(s *scene) { stale(s) },
		[]string{"stale-connection p1::" + u102},
		Safe,
		[]string{"custom/kill1 (default), used by nothing; connected to lxd01-iscsi; sdf without a map on lxd01, idle", "disconnect it from lxd01-iscsi"},
	},
	{
		"connection of a volume that is attached to a stopped container",
		func(s *scene) {
			stale(s)
			s.stop("c3", "lxd01", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
			c3 := s.volume("p1", name(evidence.TypeContainer, "", 9))
			s.record(c3, "c3")
		},
		[]string{"stale-connection p1::" + u102},
		Safe, nil,
	},
	{
		"connection of a volume that LXD uses for itself",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 102))
			s.record(v, "kill1")
			s.connect(v, hostName)
			s.attach(0, v, 2)
			s.LXD.DaemonVolumes = appendTo(s.LXD.DaemonVolumes, evidence.DaemonVolume{Member: "lxd01", Key: "storage.images_volume", Pool: "p1", Volume: "kill1"})
		},
		[]string{},
		"", nil,
	},
	{
		"connection of a volume that is mounted though LXD knows nothing of it",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 102))
			s.record(v, "kill1")
			s.connect(v, hostName)
			s.mounted(s.attach(0, v, 2), "/mnt")
		},
		[]string{},
		"", nil,
	},
	{
		"map without a connection",
		func(s *scene) { deadMap(s) },
		[]string{"stale-map mpathc"},
		Safe,
		[]string{"p1::" + u103 + ": the array does not connect it to lxd01; map mpathc with paths sdf and sdg on lxd01, idle", "by its uuid"},
	},
	{
		"map of a destroyed volume",
		func(s *scene) {
			v := deadMap(s)
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.vol(v).Destroyed, s.vol(v).Remaining = evidence.Yes, 3*time.Hour
		},
		[]string{"stale-map mpathc", "pending-eradication p1::" + u103},
		Safe,
		[]string{"its volume is destroyed"},
	},
	{
		"map of a volume that the array has not",
		func(s *scene) {
			v := deadMap(s)
			serial := s.vol(v).Serial
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
			s.array().Lookups = []evidence.Lookup{{Serial: serial, Found: evidence.No}}
		},
		[]string{"stale-map mpathc"},
		Safe,
		[]string{"the array has no volume with this serial, live or destroyed"},
	},
	{
		"map of a volume outside the pods is nobody's business",
		func(s *scene) {
			v := deadMap(s)
			serial := s.vol(v).Serial
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
			s.array().Lookups = []evidence.Lookup{{Serial: serial, Found: evidence.Yes, VolumeID: "x", Name: "plainvol", Destroyed: evidence.No}}
		},
		[]string{},
		"", nil,
	},
	{
		"map of a volume that the array was not asked for",
		func(s *scene) {
			v := deadMap(s)
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
		},
		[]string{},
		"", nil,
	},
	{
		"map that queues without a path",
		func(s *scene) {
			deadMap(s)
			s.Hosts[0].Maps.Items[2].Queueing = evidence.Yes
		},
		[]string{"unsafe-setting mpathc", "stale-map mpathc"},
		ReportOnly,
		[]string{"beyond kill -9", "multipathd disablequeueing map mpathc"},
	},
	{
		"path without a map or a connection",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 103))
			s.record(v, "was-here")
			s.path(0, v, 1)
			s.gone(0, v)
		},
		[]string{"ghost-path sdf"},
		Safe,
		[]string{"sdf without a map, idle"},
	},
	{
		"namespace without a connection",
		func(s *scene) {
			v := s.volume("n1", name(evidence.TypeCustom, evidence.ContentBlock, 103))
			s.record(v, "was-here")
			s.namespace(0, v)
		},
		[]string{"ghost-namespace nvme0n2"},
		Safe,
		[]string{"rescan_controller"},
	},
	{
		"map with a path of another volume",
		func(s *scene) {
			other := s.volume("p1", name(evidence.TypeCustom, "", 105))
			s.record(other, "new")
			s.connect(other, hostName)
			d := &s.Hosts[0].Disks.Items[2] // the first path of data's map
			d.Serial, d.WWID = s.vol(other).Serial, s.vol(other).Serial.NAA()
			d.Live.Serial = d.Serial
		},
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"mpathb: path sdd is of volume", "mounted at"},
	},
	{
		"map with a path of another volume, and the array is silent",
		func(s *scene) {
			s.Hosts[0].Disks.Items[2].Live.Serial = serialNo(999)
			s.Arrays = []evidence.Array{{Source: evidence.Source{Name: "https://fa1", Trouble: "connection refused"}, Gateway: "https://fa1"}}
		},
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"sdd answers as volume " + string(serialNo(999)), "mounted at"},
	},
	{
		"map with a path of another volume, in a pool that was not asked for",
		func(s *scene) {
			s.Hosts[0].Disks.Items[2].Live.Serial = serialNo(1)
			s.policy.Pools = []string{"n1"}
		},
		[]string{},
		"", nil,
	},
	{
		"map in use with a path of a volume that the array has not",
		func(s *scene) {
			leak(s)
			s.into(1, 4)
			s.array().Volumes.Items = s.array().Volumes.Items[:len(s.array().Volumes.Items)-1]
			s.array().Connections.Items = s.array().Connections.Items[:len(s.array().Connections.Items)-1]
			s.array().Lookups = []evidence.Lookup{{Serial: s.Hosts[0].Disks.Items[4].Serial, Found: evidence.No}}
		},
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"path sdf is of volume"},
	},
	{
		"path that answers as another volume, all else as before",
		func(s *scene) { s.Hosts[0].Disks.Items[2].Live.Serial = serialNo(999) },
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"sdd answers as volume " + string(serialNo(999))},
	},
	{
		"bare path that answers as another volume",
		func(s *scene) {
			leak(s)
			s.Hosts[0].Disks.Items[4].Live.Serial = ""
		},
		[]string{"mixed-map sdf", "leaked-volume p1::" + u100},
		ReportOnly,
		[]string{"answers as something that is no Pure volume"},
	},
	{
		"path beside its volume's map that answers as another volume",
		func(s *scene) {
			s.path(0, 1, 2).Live.Serial = serialNo(999)
		},
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"sdf answers as volume " + string(serialNo(999))},
	},
	{
		"path beside its volume's map, held by another, that answers as another volume",
		func(s *scene) {
			d := s.path(0, 1, 2)
			d.Live.Serial, d.Holders = serialNo(999), []string{"dm-99"}
		},
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"sdf answers as volume " + string(serialNo(999))},
	},
	{
		"map that would queue without a path, and has one",
		func(s *scene) { s.Hosts[0].Maps.Items[1].Queueing = evidence.Yes },
		[]string{},
		"", nil,
	},
	{
		"connected to a member's array host that has a stranger's initiator, too",
		func(s *scene) { s.object(hostName).IQNs = append(s.object(hostName).IQNs, "iqn.x:other") },
		[]string{"hijacked-host lxd01-iscsi", "foreign-connection p1::" + spell(name(evidence.TypeContainer, "", 1)), "foreign-connection p1::" + spell(name(evidence.TypeCustom, "", 2))},
		ReportOnly,
		[]string{"iqn.x:other"},
	},
	{
		"leaked volume whose path sits in another volume's map",
		func(s *scene) {
			leak(s)
			s.into(1, 4)
		},
		[]string{"mixed-map mpathb", "leaked-volume p1::" + u100},
		ReportOnly,
		[]string{"mpathb: path sdf is of volume " + string(serialNo(9)), "mounted at"},
	},
	{
		"names of a leak that lead to another volume's path",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.named(-1, "scsi-", "sde")
			s.named(-1, "wwn-", "sde")
		},
		[]string{"misleading-name p1::" + u100, "leaked-volume p1::" + u100},
		ReportOnly,
		[]string{"on lxd01 /dev/disk/by-id/scsi-3624a9370", " (and 1 more name) leads to sde, which answers as volume " + string(serialNo(2)) + " (p1::u-", "in use: mounted at"},
	},
	{
		"name of a volume that the array has not, which leads to a namespace",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.named(v, "nvme-", "nvme0n1")
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
		},
		[]string{"misleading-name /dev/disk/by-id/nvme-" + serialNo(9).EUI()},
		ReportOnly,
		[]string{"leads to nvme0n1, which is volume " + string(serialNo(8)) + " (n1::"},
	},
	{
		"name that leads to another volume, and the array is silent",
		func(s *scene) {
			s.named(0, "scsi-", "sde")
			s.Arrays = []evidence.Array{{Source: evidence.Source{Name: "https://fa1", Trouble: "connection refused"}, Gateway: "https://fa1"}}
		},
		[]string{"misleading-name /dev/disk/by-id/scsi-" + serialNo(1).WWID()},
		ReportOnly,
		[]string{"leads to sde, which answers as volume " + string(serialNo(2))},
	},
	{
		"name that leads to another volume, in a pool that was not asked for",
		func(s *scene) {
			s.named(0, "scsi-", "sde")
			s.policy.Pools = []string{"n1"}
		},
		[]string{},
		"", nil,
	},
	{
		"names that lead where they say, or nowhere",
		func(s *scene) {
			s.named(1, "scsi-", "dm-1")
			s.named(1, "wwn-", "sde")
			s.named(0, "scsi-", "sdzz").Dangling = evidence.Yes
			s.named(0, "wwn-", "sdzz").Dangling = evidence.Unknown
		},
		[]string{},
		"", nil,
	},
	{
		"name of a map whose path answers as another volume: the map comes first",
		func(s *scene) {
			s.Hosts[0].Disks.Items[2].Live.Serial = serialNo(999)
			s.named(1, "wwn-", "sdd")
		},
		[]string{"mixed-map mpathb"},
		ReportOnly,
		[]string{"sdd answers as volume"},
	},
	{
		"mounted without a connection",
		func(s *scene) {
			a := s.array()
			a.Connections.Items = a.Connections.Items[:1]
			s.vol(1).ConnectionCount = evidence.CountOf(0)
			s.gone(0, 1)
		},
		[]string{"in-use-without-connection p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"custom/data (default), mounted at /var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data; the array does not connect it to lxd01: writes fail"},
	},
	{
		"somebody waits in a map without a path",
		waiting,
		[]string{"in-use-without-connection p1::u-00000064000040008000000000000000", "unsafe-setting mpathc", "leaked-volume p1::u-00000064000040008000000000000000", "waiting-io mpathc"},
		ReportOnly,
		[]string{"open in dd (pid 14658); the array does not connect it to lxd01"},
	},
	{
		"mounted from a namespace that is gone",
		func(s *scene) {
			v := s.volume("n1", name(evidence.TypeCustom, "", 106))
			s.record(v, "gone")
			h := &s.Hosts[0]
			h.Uses = appendTo(
				h.Uses,
				evidence.Use{Kind: evidence.UseMount, Device: "nvme0n9", Dev: "259:9", Where: "/var/snap/lxd/common/lxd/storage-pools/n1/custom/default_gone"},
				evidence.Use{Kind: evidence.UseSuperblock, Device: "nvme0n9", Where: "ext4"},
			)
		},
		[]string{"in-use-without-connection n1::u-0000006a000040008000000000000000"},
		ReportOnly,
		[]string{"custom/gone (default), mounted at", "from a device that is gone from lxd01"},
	},
	{
		"in use, gone, and nobody knows what it was",
		func(s *scene) {
			h := &s.Hosts[0]
			h.Uses = appendTo(
				h.Uses,
				evidence.Use{Kind: evidence.UseMount, Device: "nvme0n9", Dev: "259:9", Where: "/mnt"},
				evidence.Use{Kind: evidence.UseSuperblock, Device: "nvme0n9", Where: "ext4"},
			)
		},
		[]string{"in-use-without-connection nvme0n9"},
		ReportOnly,
		[]string{"nvme0n9 is gone from lxd01 and still in use: mounted at /mnt"},
	},
	{
		"one path where there are two sessions",
		func(s *scene) {
			h := &s.Hosts[0]
			h.Maps.Items[1].Paths = h.Maps.Items[1].Paths[:1]
			h.Disks.Items = h.Disks.Items[:3]
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb on lxd01 has 1 of 2 paths: no path through session 2 to 10.0.1.1", "first session that it finds"},
	},
	{
		"the array offers a second portal, and no session is left to it",
		func(s *scene) {
			s.offers()
			h := &s.Hosts[0]
			h.Sessions.Items = h.Sessions.Items[:1]
			h.Disks.Items = slices.DeleteFunc(h.Disks.Items, func(d evidence.Disk) bool { return d.Session == 2 })
			for i := range h.Maps.Items {
				h.Maps.Items[i].Paths = h.Maps.Items[i].Paths[:1]
			}
		},
		[]string{"degraded-paths p1::c-00000001000040008000000000000000", "degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"has 1 of 2 paths: nothing leads to the array's portal 10.0.1.1:3260 (CT1.ETH4)", "given up its way"},
	},
	{
		"the array offers a second portal, and the kernel has given up the controller",
		func(s *scene) {
			s.offers()
			h := &s.Hosts[0]
			h.Controllers.Items = h.Controllers.Items[:1]
			h.Namespaces.Items[0].Paths = h.Namespaces.Items[0].Paths[:1]
		},
		[]string{"degraded-paths n1::u-00000007000040008000000000000000"},
		ReportOnly,
		[]string{"has 1 of 2 paths: nothing leads to the array's portal 10.0.1.1:4420 (CT1.ETH14)", "given up its way"},
	},
	{
		"a path that says that its LUN is gone",
		func(s *scene) { s.Hosts[0].Disks.Items[3].Live = evidence.Identity{Kind: evidence.IdentityGone} },
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb on lxd01 has 1 of 2 paths: sde says that its LUN is gone"},
	},
	{
		"a path that device-mapper has failed, and of which the checker has seen nothing yet",
		func(s *scene) {
			path := &s.Hosts[0].Maps.Items[1].Paths[1]
			path.Checker, path.Active = "ready", evidence.No
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb on lxd01 has 1 of 2 paths: sde has failed"},
	},
	{
		"a session that is down",
		func(s *scene) {
			h := &s.Hosts[0]
			h.Sessions.Items[1].State, h.Sessions.Items[1].ConnState = "FAILED", "failed"
			h.Disks.Items[1].State, h.Disks.Items[3].State = "transport-offline", "blocked"
		},
		[]string{"degraded-paths p1::c-00000001000040008000000000000000", "degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"sdc is transport-offline", "portals is down"},
	},
	{
		"one of two remote ports shows the volume, over Fibre Channel",
		func(s *scene) {
			s.fibre()
			h := &s.Hosts[0]
			h.Disks.Items = slices.Delete(h.Disks.Items, 3, 4)
			h.Maps.Items[1].Paths = h.Maps.Items[1].Paths[:1]
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb on lxd01 has 1 of 2 paths: no path through rport-8:0-0 to 524a937000000011", "the LUN was not found through each"},
	},
	{
		"a path that is missing through a remote port that still carries I/O",
		func(s *scene) {
			s.fibre()
			h := &s.Hosts[0]
			h.RemotePorts.Items[1].State = "Marginal"
			h.Disks.Items = slices.Delete(h.Disks.Items, 3, 4)
			h.Maps.Items[1].Paths = h.Maps.Items[1].Paths[:1]
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb on lxd01 has 1 of 2 paths: no path through rport-8:0-0 to 524a937000000011", "the LUN was not found through each"},
	},
	{
		"remote ports that serve NVMe only have no disks behind them",
		func(s *scene) {
			s.fibre()
			h := &s.Hosts[0]
			h.RemotePorts.Items = append(h.RemotePorts.Items,
				evidence.RemotePort{Name: "rport-7:0-5", Adapter: "host7", WWPN: "524a937000000004", State: "Online", Link: "Online", NVMeOnly: true})
		},
		[]string{},
		"",
		nil,
	},
	{
		"a remote port that is blocked",
		func(s *scene) {
			s.fibre()
			h := &s.Hosts[0]
			h.RemotePorts.Items[1].State = "Blocked"
			h.Disks.Items[1].State, h.Disks.Items[3].State = "blocked", "blocked"
		},
		[]string{"degraded-paths p1::c-00000001000040008000000000000000", "degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"rport-8:0-0 to 524a937000000011 is Blocked", "the fabric has lost the way"},
	},
	{
		"no path at all while connected",
		func(s *scene) { s.gone(0, 1) },
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"has 0 of 2 paths"},
	},
	{
		"a map that has lost its paths",
		func(s *scene) {
			h := &s.Hosts[0]
			h.Maps.Items[1].Paths = nil
			h.Disks.Items = h.Disks.Items[:2]
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb on lxd01 has 0 of 2 paths: no path through session 1 to 10.0.0.1 and no path through session 2 to 10.0.1.1", "its paths were deleted under the map"},
	},
	{
		"no device of a volume that runs",
		func(s *scene) { s.deviceless() },
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"custom/data (default), attached to container c1 (running on lxd01) as device data; connected to lxd01-iscsi, and lxd01 has no device of it, though 2 iSCSI sessions to fa1 are up", "the sessions never showed the LUN"},
	},
	{
		"no device of a volume that runs, and no session",
		func(s *scene) {
			s.deviceless()
			s.Hosts[0].Sessions.Items = nil
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"has no device of it: no iSCSI session to fa1 is up", "lost its way to the array"},
	},
	{
		"no namespace of a volume that runs",
		func(s *scene) {
			s.Hosts[0].Namespaces.Items, s.Hosts[0].Uses.Items = nil, s.Hosts[0].Uses.Items[:2]
		},
		[]string{"degraded-paths n1::u-00000007000040008000000000000000"},
		ReportOnly,
		[]string{"though 2 NVMe controllers of fa1 are live", "never showed the namespace"},
	},
	{
		"no device of a volume that runs, and another vendor's session only",
		func(s *scene) {
			s.deviceless()
			s.Hosts[0].Sessions.Items = []evidence.Session{{ID: 7, Target: "iqn.1992-08.com.netapp:sn.abc", State: "LOGGED_IN", ConnState: "up", Address: "10.7.7.7", Port: "3260"}}
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"has no device of it: no iSCSI session to fa1 is up", "lost its way to the array"},
	},
	{
		"no map has a path, and another vendor's session has failed",
		func(s *scene) {
			h := &s.Hosts[0]
			for i := range h.Maps.Items {
				h.Maps.Items[i].Paths = nil
			}
			h.Disks.Items = nil
			h.Sessions.Items = append(h.Sessions.Items, evidence.Session{ID: 7, Target: "iqn.1992-08.com.netapp:sn.abc", State: "FAILED", ConnState: "failed", Address: "10.7.7.7", Port: "3260"})
		},
		[]string{"degraded-paths p1::c-00000001000040008000000000000000", "degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpatha on lxd01 has 0 of 2 paths: no path through session 1 to 10.0.0.1 and no path through session 2 to 10.0.1.1"},
	},
	{
		"no namespace of a volume that runs, and another array's controllers only",
		func(s *scene) {
			s.Hosts[0].Namespaces.Items, s.Hosts[0].Uses.Items = nil, s.Hosts[0].Uses.Items[:2]
			s.Hosts[0].Subsystems.Items[0].NQN = "nqn.2010-06.com.purestorage:flasharray.ffffffffffffffff"
			s.array().Ports = evidence.Complete([]evidence.Port{{Name: "CT0.ETH14", NQN: "nqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071", Portal: "10.0.0.1:4420"}})
		},
		[]string{"degraded-paths n1::u-00000007000040008000000000000000"},
		ReportOnly,
		[]string{"no NVMe controller of fa1 is live", "lost its way to the array"},
	},
	{
		"no device of a volume that runs over Fibre Channel, and another array's ports only",
		func(s *scene) {
			s.deviceless()
			s.fibre()
			s.LXD.Pools.Items[0].Mode = evidence.ModeFC
			s.array().Ports = evidence.Complete([]evidence.Port{{Name: "CT0.FC0", WWN: "52:4A:93:70:99:99:99:00"}})
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"has no device of it", "no path showed the LUN: zoning"},
	},
	{
		"no device of a volume on a machine that could not tell",
		func(s *scene) {
			s.deviceless()
			s.Hosts[0].Disks = s.Hosts[0].Disks.Doubt("EIO")
		},
		[]string{},
		"", nil,
	},
	{
		"no device of a volume that LXD works on",
		func(s *scene) {
			s.deviceless()
			s.operate("Starting instance")
		},
		[]string{},
		"", nil,
	},
	{
		"no device, and what was mounted is gone",
		func(s *scene) {
			s.deviceless()
			s.use(evidence.Use{Kind: evidence.UseMount, Device: "dm-1", Dev: "253:1", Where: "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data"})
		},
		[]string{"in-use-without-connection p1::u-00000002000040008000000000000000"},
		ReportOnly, nil,
	},
	{
		"two paths and no map",
		func(s *scene) {
			h := &s.Hosts[0]
			h.Maps.Items = h.Maps.Items[:1]
			h.Uses.Items[1].Device, h.Uses.Items[1].Dev = "sdd", "8:48"
			for i := range h.Disks.Items {
				h.Disks.Items[i].Holders = nil
			}
		},
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"sdd and sde on lxd01 have no map: what uses one of them stops with it", "multipathd"},
	},
	{
		"a path that was scanned while its LUN was gone",
		func(s *scene) { s.Hosts[0].Disks.Items[2].Bytes = evidence.CountOf(0) },
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"sdd has size 0"},
	},
	{
		"a suspended map",
		func(s *scene) { s.Hosts[0].Maps.Items[1].Suspended = evidence.Yes },
		[]string{"degraded-paths p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"mpathb is suspended, all I/O waits"},
	},
	{
		"an NVMe controller that is connecting",
		func(s *scene) {
			s.Hosts[0].Namespaces.Items[0].Paths[1].State = "connecting"
		},
		[]string{"degraded-paths n1::u-00000007000040008000000000000000"},
		ReportOnly,
		[]string{"has 1 of 2 paths: nvme1: connecting (ANA optimized)", "lost its way"},
	},
	{
		"record without a volume",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.record(v, "lost")
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
		},
		[]string{"missing-volume p1/custom/lost"},
		ReportOnly,
		[]string{"the array has no volume with uuid " + uuid(107).String(), "lxc storage volume delete p1 lost"},
	},
	{
		"volume that was moved out of the pod",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.record(v, "lost")
			was := s.array().Volumes.Items[v]
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
			_, last, _ := strings.Cut(was.Name, "::")
			s.array().Elsewhere.Items = []evidence.Other{{ID: was.ID, Name: "prod/" + last, Serial: was.Serial, Destroyed: evidence.No}}
		},
		[]string{"moved-volume prod/u-" + uuid(107).Hex()},
		ReportOnly,
		[]string{"is prod/u-" + uuid(107).Hex() + " now", "purevol move prod/u-" + uuid(107).Hex() + " p1", "do not delete the record"},
	},
	{
		"recorded volumes whose names were exchanged, and one is mounted",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.record(v, "archive")
			a, b := s.vol(1), s.vol(v)
			a.Name, b.Name, a.LXD, b.LXD = b.Name, a.Name, b.LXD, a.LXD
		},
		[]string{"moved-volume p1::u-" + uuid(107).Hex()},
		ReportOnly,
		[]string{"custom/data (default) is p1::u-" + uuid(107).Hex() + " now", "the next start or mount takes the other volume", "nor either of the two"},
	},
	{
		"recorded volume with the name of another one, which was seen under that",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.record(v, "archive")
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, Pod: "p1", VolumeID: s.vol(3).ID, Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/install (default)", Name: s.vol(3).Name}}
			a, b := s.vol(3), s.vol(v)
			a.Name, b.Name, a.LXD, b.LXD = b.Name, a.Name, b.LXD, a.LXD
		},
		[]string{"moved-volume p1::u-" + uuid(107).Hex()},
		ReportOnly,
		[]string{"custom/install (default) is p1::u-" + uuid(107).Hex() + " now", "it was custom/install (default) when it was last seen"},
	},
	{
		"renamed volume, of whose record's name LXD has made another one since",
		func(s *scene) {
			v := s.vol(s.volume("p1", name(evidence.TypeCustom, "", 107)))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, Pod: "p1", VolumeID: v.ID, Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/install (default)", Name: "p1::u-" + uuid(99).Hex()}}
		},
		[]string{"disappeared-record p1::u-" + uuid(107).Hex()},
		ReportOnly, nil,
	},
	{
		"volume outside of the pods that is mounted in place of the one that is there",
		func(s *scene) {
			was := *s.vol(1)
			s.vol(1).ID, s.vol(1).Serial = "vol-clone", creator+"0BADC10E"
			s.array().Connections.Items = slices.DeleteFunc(s.array().Connections.Items, func(c evidence.Connection) bool { return c.VolumeID == was.ID })
			s.array().Lookups = []evidence.Lookup{{Serial: was.Serial, Found: evidence.Yes, VolumeID: was.ID, Name: "data-broken", Destroyed: evidence.No}}
			s.array().Elsewhere = evidence.List[evidence.Other]{}
		},
		[]string{"moved-volume data-broken"},
		ReportOnly,
		[]string{"custom/data (default) is data-broken now"},
	},
	{
		"old mount beside that of the record's own volume",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.connect(v, hostName)
			s.mounted(s.attach(0, v, 2), "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data")
		},
		[]string{"leaked-volume p1::u-" + uuid(107).Hex()},
		Blocked, nil,
	},
	{
		"record of which nobody knows where its volume is",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.record(v, "lost")
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
			s.array().Elsewhere = evidence.Incomplete[evidence.Other](nil, "timeout")
		},
		[]string{"missing-volume p1/custom/lost"},
		ReportOnly,
		[]string{"do not delete the record before that is known", "timeout"},
	},
	{
		"record of a virtual machine with one half missing",
		func(s *scene) { s.array().Volumes.Items = slices.Delete(s.array().Volumes.Items, 5, 6) },
		[]string{"missing-volume p1/virtual-machine/vm1"},
		ReportOnly,
		[]string{"no filesystem volume", "lxc delete vm1"},
	},
	{
		"record of a snapshot without a snapshot",
		func(s *scene) { s.array().Snapshots.Items = nil },
		[]string{"missing-volume p1/custom/data/snap0"},
		ReportOnly,
		[]string{"no snapshot with uuid"},
	},
	{
		"record that was written after the array was read",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 107))
			s.record(v, "new").Created = s.LXD.Began.Add(-time.Second)
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
		},
		[]string{},
		"", nil,
	},
	{
		"destroyed and recorded",
		func(s *scene) { s.vol(3).Destroyed, s.vol(3).Remaining = evidence.Yes, 90*time.Minute },
		[]string{"destroyed-but-recorded p1::u-00000005000040008000000000000000-i"},
		ReportOnly,
		[]string{"its data will be lost at 2026-11-22 13:30 UTC", "purevol recover p1::u-00000005000040008000000000000000-i"},
	},
	{
		"destroyed and recorded under SafeMode",
		func(s *scene) {
			s.vol(3).Destroyed, s.vol(3).Remaining = evidence.Yes, 90*time.Minute
			s.array().ManualEradication = "all-disabled"
		},
		[]string{"destroyed-but-recorded p1::u-00000005000040008000000000000000-i"},
		ReportOnly,
		[]string{"SafeMode"},
	},
	{
		"snapshot destroyed and recorded",
		func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Yes },
		[]string{"destroyed-but-recorded p1::u-00000002000040008000000000000000.su-00000003000040008000000000000000"},
		ReportOnly,
		[]string{"custom/data/snap0 (default) is destroyed"},
	},
	{
		"copy of a snapshot that is there, destroyed",
		func(s *scene) { s.vol(s.volume("p1", copyOf(evidence.TypeCustom, "", 3))).Destroyed = evidence.Yes },
		[]string{"pending-eradication p1::su-00000003000040008000000000000000"},
		ReportOnly,
		[]string{"LXD keeps no record of such a copy"},
	},
	{
		"only copy of a snapshot, destroyed",
		func(s *scene) {
			v := s.vol(s.volume("p1", copyOf(evidence.TypeCustom, "", 3)))
			v.Destroyed, v.Remaining = evidence.Yes, 90*time.Minute
			s.array().Snapshots.Items = s.array().Snapshots.Items[1:]
		},
		[]string{"destroyed-but-recorded p1::su-00000003000040008000000000000000", "missing-volume p1/custom/data/snap0"},
		ReportOnly,
		[]string{"a copy of custom/data/snap0 (default), which may be the only one, is destroyed: its data will be lost at 2026-11-22 13:30 UTC", "purevol recover p1::su-"},
	},
	{
		"record that an earlier run saw",
		func(s *scene) {
			v := leak(s)
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/important (default)"}}
		},
		[]string{"disappeared-record p1::" + u100},
		ReportOnly,
		[]string{"LXD had custom/important (default) for it on 2026-11-21 12:00 UTC"},
	},
	{
		"half whose twin went with the record",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-24 * time.Hour)}}
		},
		[]string{"disappeared-record p1::v-00000064000040008000000000000000"},
		ReportOnly, nil,
	},
	{
		"half whose twin has its uuid in another kind of name",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100))
			twin := s.vol(s.volume("p1", name(evidence.TypeCustom, "", 100)))
			twin.Created = twin.Created.AddDate(-1, 0, 0)
		},
		[]string{"disappeared-record p1::v-00000064000040008000000000000000-b", "leaked-volume p1::u-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"its other half is, or may be, p1::u-00000064000040008000000000000000 now"},
	},
	{
		"half whose twin was renamed to a name of LXD's, as is remembered",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100))
			twin := s.vol(s.volume("p1", name(evidence.TypeCustom, "", 101)))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: twin.ID, Recorded: clock.Add(-24 * time.Hour), Name: "p1::v-00000064000040008000000000000000"}}
		},
		[]string{"disappeared-record p1::u-00000065000040008000000000000000", "disappeared-record p1::v-00000064000040008000000000000000-b"},
		ReportOnly, nil,
	},
	{
		"temporary copy's name on what had another, as is remembered",
		func(s *scene) {
			v := s.vol(s.volume("p1", copyOf(evidence.TypeCustom, "", 100)))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: v.ID, Recorded: clock.Add(-24 * time.Hour), Name: "p1::u-00000065000040008000000000000000", LXDName: "custom/sales (default)"}}
		},
		[]string{"disappeared-record p1::su-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"LXD had custom/sales (default) for it"},
	},
	{
		"temporary copy's name on what LXD has a record of, as is remembered",
		func(s *scene) {
			at := s.volume("p1", name(evidence.TypeCustom, "", 101))
			s.record(at, "sales")
			v, n := s.vol(at), copyOf(evidence.TypeCustom, "", 100)
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: v.ID, Recorded: clock.Add(-24 * time.Hour), Name: v.Name, LXDName: "custom/sales (default)"}}
			v.Name, v.LXD = "p1::"+spell(n), n
		},
		[]string{"moved-volume p1::su-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"custom/sales (default) is p1::su-00000064000040008000000000000000 now"},
	},
	{
		"image's name on what had another, as is remembered",
		func(s *scene) {
			v := s.vol(s.volume("p1", name(evidence.TypeImage, evidence.ContentFilesystem, 100)))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: v.ID, Recorded: clock.Add(-24 * time.Hour), Name: "p1::u-00000065000040008000000000000000", LXDName: "image/2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757 (default)"}}
		},
		[]string{"disappeared-record p1::i-00000064000040008000000000000000"},
		ReportOnly, nil,
	},
	{
		"temporary copy of a snapshot that had a record",
		func(s *scene) {
			v := s.vol(s.volume("p1", copyOf(evidence.TypeCustom, "", 100)))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: v.ID, Recorded: clock.Add(-24 * time.Hour), Name: v.Name, LXDName: "custom/sales/s0 (default)"}}
		},
		[]string{"leaked-volume p1::su-00000064000040008000000000000000"},
		Safe, nil,
	},
	{
		"half whose twin was renamed, as is remembered",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
			twin := s.vol(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100)))
			s.Seen = []evidence.Sighting{
				{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-24 * time.Hour), Name: s.vol(v).Name},
				{ArrayID: arrayID, VolumeID: twin.ID, Recorded: clock.Add(-24 * time.Hour), Name: twin.Name},
			}
			twin.Name, twin.LXD, twin.Created = "p1::keep", evidence.Name{}, twin.Created.AddDate(-1, 0, 0)
		},
		[]string{"disappeared-record p1::v-00000064000040008000000000000000", "foreign-volume p1::keep"},
		ReportOnly, nil,
	},
	{
		"half beside a volume with another name, made together with it",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
			twin := s.vol(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100)))
			twin.Name, twin.LXD = "p1::keep", evidence.Name{}
		},
		[]string{"disappeared-record p1::v-00000064000040008000000000000000", "foreign-volume p1::keep"},
		ReportOnly,
		[]string{"its other half is, or may be, p1::keep now"},
	},
	{
		"half whose twin is outside of the pod",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
			twin := s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100))
			s.array().Elsewhere = evidence.Complete([]evidence.Other{{ID: s.vol(twin).ID, Name: "kept/" + leaf(s.vol(twin).Name), Serial: s.vol(twin).Serial, Destroyed: evidence.No}})
			s.array().Volumes.Items = s.array().Volumes.Items[:twin]
		},
		[]string{"disappeared-record p1::v-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"its other half is, or may be, kept/v-00000064000040008000000000000000-b now"},
	},
	{
		"half beside a volume with another name, made long before",
		func(s *scene) {
			s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100))
			twin := s.vol(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100)))
			twin.Name, twin.LXD, twin.Created = "p1::keep", evidence.Name{}, twin.Created.AddDate(-1, 0, 0)
		},
		[]string{"leaked-half p1::v-00000064000040008000000000000000", "foreign-volume p1::keep"},
		Safe, nil,
	},
	{
		"image whose record went to a newer copy",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeImage, "", 100))
			s.Seen = []evidence.Sighting{{
				ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-24 * time.Hour),
				LXDName: "image/2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757 (default)",
			}}
		},
		[]string{"leaked-image p1::i-00000064000040008000000000000000"},
		Safe, nil,
	},
	{
		"instance volume of a member that was removed by force",
		func(s *scene) {
			s.LXD.Clustered = evidence.Yes
			s.elsewhere(s.volume("p1", name(evidence.TypeContainer, "", 100)), "lxd09-iscsi")
		},
		[]string{"disappeared-record p1::c-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"lxd09 is no member any more", "lxd recover"},
	},
	{
		"the same of a virtual machine",
		func(s *scene) {
			s.LXD.Clustered = evidence.Yes
			s.elsewhere(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100)), "lxd09-iscsi")
			s.elsewhere(s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100)), "lxd09-iscsi")
		},
		[]string{"disappeared-record p1::v-00000064000040008000000000000000", "disappeared-record p1::v-00000064000040008000000000000000-b"},
		ReportOnly,
		[]string{"lxd09 is no member any more"},
	},
	{
		"instance volume of a server, where it is not known whether there is a cluster",
		func(s *scene) {
			s.LXD.Clustered = evidence.Unknown
			s.elsewhere(s.volume("p1", name(evidence.TypeContainer, "", 100)), "lxd09-iscsi")
		},
		[]string{"disappeared-record p1::c-00000064000040008000000000000000"},
		ReportOnly, nil,
	},
	{
		"instance volume of another LXD: there is no cluster that it could have been a member of",
		func(s *scene) { s.elsewhere(s.volume("p1", name(evidence.TypeContainer, "", 100)), "edge01-iscsi") },
		[]string{"foreign-connection p1::c-00000064000040008000000000000000"},
		ReportOnly,
		[]string{"no LXD record; connected to edge01-iscsi: edge01-iscsi belongs to no member", "another LXD (edge01"},
	},
	{
		"custom volume of another machine, in a cluster",
		func(s *scene) {
			second(s)
			s.elsewhere(s.volume("p1", name(evidence.TypeCustom, "", 100)), "backup")
		},
		[]string{"foreign-connection p1::" + u100},
		ReportOnly,
		[]string{"no LXD record", "another LXD or another tool"},
	},
	{
		"half of a virtual machine of another LXD",
		func(s *scene) {
			s.elsewhere(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100)), "edge01-iscsi")
		},
		[]string{"foreign-connection p1::v-00000064000040008000000000000000-b"},
		ReportOnly, nil,
	},
	{
		"leaked volume that another machine has besides",
		func(s *scene) { s.elsewhere(leak(s), "edge01-iscsi") },
		[]string{"foreign-connection p1::" + u100, "leaked-volume p1::" + u100},
		ReportOnly, nil,
	},
	{
		"volume of a record that was lost, now another LXD's",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeContainer, "", 100))
			s.elsewhere(v, "edge01-iscsi")
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-24 * time.Hour), LXDName: "container/web1 (default)"}}
		},
		[]string{"disappeared-record p1::c-00000064000040008000000000000000"},
		ReportOnly, nil,
	},
	{
		"array host without connections", strangersObject("critical None", evidence.No),
		[]string{"idle-host oldnode-iscsi"},
		ReportOnly,
		[]string{"no connections; initiators iqn.x:old", "if its machine is gone for good, on fa1: purehost delete oldnode-iscsi"},
	},
	{
		"array host without connections, logged in", strangersObject("healthy Redundant", evidence.No),
		[]string{"idle-host oldnode-iscsi"},
		ReportOnly,
		[]string{"leave it to whoever runs its machine: something is logged in as it"},
	},
	{
		"array host without connections, with CHAP", strangersObject("critical None", evidence.Yes),
		[]string{"idle-host oldnode-iscsi"},
		ReportOnly,
		[]string{"leave it to whoever made it: somebody has set CHAP on it"},
	},
	{
		"array host without connections that is not named like LXD's",
		func(s *scene) {
			a := s.array()
			a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "esx-07", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), IQNs: []string{"iqn.x:esx"}, Destroyed: evidence.No})
		},
		[]string{},
		"", nil,
	},
	{
		"array host of a member with another machine's initiators",
		func(s *scene) {
			a := s.array()
			a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "lxd01-nvme", Local: evidence.Yes, NQNs: []string{"nqn.other"}, ConnectionCount: evidence.CountOf(1), Destroyed: evidence.No})
		},
		[]string{"hijacked-host lxd01-nvme"},
		ReportOnly,
		[]string{"has initiator nqn.other, which is not lxd01's"},
	},
	{
		"empty directories",
		func(s *scene) {
			h := &s.Hosts[0]
			base := "/var/snap/lxd/common/lxd/storage-pools/p1/"
			for _, d := range []struct{ kind, name string }{
				{"containers", "c1"},
				{"containers", "c1-gone"},
				{"containers-snapshots", "c1"},
				{"custom", "default_data"},
				{"custom", "data"},
				{"custom-snapshots", "default_data/snap0"},
				{"custom-snapshots", "default_data/snap1"},
				{"images", "2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757"},
				{"virtual-machines", "vm1"},
			} {
				h.Directories = appendTo(h.Directories, evidence.Directory{Path: base + d.kind + "/" + d.name, Pool: "p1", Kind: d.kind, Name: d.name, Empty: evidence.Yes, Mounted: evidence.No})
			}
			h.Directories = appendTo(
				h.Directories,
				evidence.Directory{Path: base + "custom/full", Pool: "p1", Kind: "custom", Name: "full", Empty: evidence.No, Mounted: evidence.No},
				evidence.Directory{Path: base + "custom/busy", Pool: "p1", Kind: "custom", Name: "busy", Empty: evidence.Yes, Mounted: evidence.Yes},
				evidence.Directory{Path: base + "custom/what", Pool: "p1", Kind: "custom", Name: "what", Empty: evidence.Yes},
				evidence.Directory{Path: "/var/snap/lxd/common/lxd/storage-pools/zfs/custom/x", Pool: "zfs", Kind: "custom", Name: "x", Empty: evidence.Yes, Mounted: evidence.No},
			)
		},
		[]string{
			"leftover-directory /var/snap/lxd/common/lxd/storage-pools/p1/containers/c1-gone",
			"leftover-directory /var/snap/lxd/common/lxd/storage-pools/p1/custom-snapshots/default_data/snap1",
			"leftover-directory /var/snap/lxd/common/lxd/storage-pools/p1/custom/data",
		},
		ReportOnly,
		[]string{"on lxd01: rmdir /var/snap/"},
	},
	{
		"volume whose name is not LXD's",
		func(s *scene) { s.volume("p1", evidence.Name{}) },
		[]string{"foreign-volume p1::manual-vol"},
		ReportOnly,
		[]string{"not one that LXD gives"},
	},
	{
		"volume outside the pods is nobody's business",
		func(s *scene) {
			v := s.volume("p1", evidence.Name{})
			s.vol(v).Pod, s.vol(v).Name = "", "plainvol"
		},
		[]string{},
		"", nil,
	},
	{
		"connection to a machine that is no member",
		func(s *scene) {
			a := s.array()
			a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "backup-7", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), IQNs: []string{"iqn.x:backup"}, Destroyed: evidence.No})
			s.connect(1, "backup-7")
		},
		[]string{"foreign-connection p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"connected to backup-7: backup-7 belongs to no member: iqn.x:backup"},
	},
	{
		"connection through a host group",
		func(s *scene) {
			s.connect(1, hostName)
			rows := s.array().Connections.Items
			rows[len(rows)-1].Group = "all-esx"
		},
		[]string{"foreign-connection p1::u-00000002000040008000000000000000"},
		ReportOnly,
		[]string{"host group all-esx, which LXD never makes"},
	},
	{
		"destroyed, without a record",
		func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.vol(v).Destroyed, s.vol(v).Remaining = evidence.Yes, 2*time.Hour
		},
		[]string{"pending-eradication p1::" + u100},
		ReportOnly,
		[]string{"its space returns at 2026-11-22 14:00 UTC"},
	},
	{
		"LXD with the bug of issue 15210",
		func(s *scene) { s.LXD.Version = "6.3" },
		[]string{"unsafe-setting LXD 6.3"},
		ReportOnly,
		[]string{"15210"},
	},
	{
		"LXD 6.9 without a leaked image",
		func(s *scene) { s.LXD.Version = "6.9" },
		[]string{},
		"", nil,
	},
	{
		"multipath that queues",
		func(s *scene) {
			s.Hosts[0].Settings = evidence.Complete([]evidence.Setting{
				{Name: "multipath no_path_retry", Value: "queue", Section: "elsewhere", File: "/etc/multipath.conf", Line: 3},
				{Name: "multipath no_path_retry", Value: "queue", Section: "defaults", File: "/etc/multipath.conf", Line: 9, Applies: evidence.No},
				{Name: "multipath features", Value: "1 queue_if_no_path", Section: "overrides", File: "/etc/multipath.conf", Line: 12, Applies: evidence.Yes},
			})
		},
		[]string{"unsafe-setting multipath features", "unsafe-setting multipath no_path_retry"},
		ReportOnly,
		[]string{"/etc/multipath.conf (overrides) on lxd01", "multipathd reconfigure"},
	},
	{
		"an array that keeps nothing for long",
		func(s *scene) { s.array().EradicationDelay = time.Hour },
		[]string{"unsafe-setting eradication delay"},
		ReportOnly, nil,
	},
}

func TestFindings(t *testing.T) {
	for _, c := range kindCases {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			c.make(s)
			r := s.judge()
			if diff := cmp.Diff(c.want, found(r)); diff != "" {
				t.Fatalf("findings (-want +got):\n%s", diff)
			}
			if len(r.Findings) == 0 {
				return
			}
			f := r.Findings[0]
			if f.Verdict != c.verdict {
				t.Errorf("verdict %s, want %s: %v", f.Verdict, c.verdict, refusals(f))
			}
			text := strings.Join(append([]string{f.Detail, f.Cause, f.Effect}, f.Remedy...), "\n")
			for _, words := range c.says {
				if !strings.Contains(text, words) {
					t.Errorf("%q is missing from:\n%s", words, text)
				}
			}
			for _, f := range r.Findings {
				if f.Detail == "" || f.Cause == "" || f.Effect == "" || len(f.Remedy) == 0 {
					t.Errorf("%s %s: detail %q, cause %q, effect %q, remedy %q: none may be empty", f.Code, f.Object, f.Detail, f.Cause, f.Effect, f.Remedy)
				}
			}
		})
	}
}

// Every kind of the table is made by some case above.
func TestEveryKindIsFound(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range kindCases {
		for _, want := range c.want {
			code, _, _ := strings.Cut(want, " ")
			seen[code] = true
		}
	}
	for _, k := range Kinds {
		if !seen[k.Code] {
			t.Errorf("no case finds %s", k.Code)
		}
		if k.Meaning == "" || k.Effect == "" || len(k.Remedy) == 0 || k.Severity == "" || k.Class == "" || k.Check == nil {
			t.Errorf("%s is not filled in", k.Code)
		}
	}
}

// TestNVMeUnderDeviceMapper: without the kernel's own multipath each controller
// has a namespace of its own, and device-mapper's map joins them.
func TestNVMeUnderDeviceMapper(t *testing.T) {
	const object = "n1::u-00000007000040008000000000000000"
	for name, c := range map[string]struct {
		change func(h *evidence.Host, n []evidence.Namespace, m *evidence.Map)
		detail string
	}{
		"healthy": {func(*evidence.Host, []evidence.Namespace, *evidence.Map) {}, ""},
		"a controller that is connecting": {
			func(_ *evidence.Host, n []evidence.Namespace, _ *evidence.Map) { n[1].Paths[0].State = "connecting" },
			"has 1 of 2 paths: nvme1: connecting",
		},
		"a path that ANA does not let through": {
			func(_ *evidence.Host, n []evidence.Namespace, _ *evidence.Map) { n[1].Paths[0].ANA = "inaccessible" },
			"has 1 of 2 paths: nvme1: live (ANA inaccessible)",
		},
		"a path whose ANA state could not be read": {
			func(_ *evidence.Host, n []evidence.Namespace, _ *evidence.Map) { n[1].Paths[0].ANA = "unknown" },
			"has 1 of 2 paths: nvme1: live (ANA unknown)",
		},
		"a path that device-mapper has given up": {
			func(_ *evidence.Host, _ []evidence.Namespace, m *evidence.Map) { m.Paths[1].Active = evidence.No },
			"has 1 of 2 paths: nvme1n1 has failed",
		},
		"a controller without the namespace": {
			func(h *evidence.Host, _ []evidence.Namespace, m *evidence.Map) {
				h.Namespaces.Items, m.Paths = h.Namespaces.Items[:1], m.Paths[:1]
			},
			"has 1 of 2 paths: no path through nvme1",
		},
		"no map": {
			func(h *evidence.Host, _ []evidence.Namespace, _ *evidence.Map) {
				h.Maps.Items = h.Maps.Items[:len(h.Maps.Items)-1]
			},
			"nvme0n1 and nvme1n1 on lxd01 have no map",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			h := &s.Hosts[0]
			if len(h.Namespaces.Items) != 1 {
				t.Fatal(h.Namespaces.Items)
			}
			one := h.Namespaces.Items[0]
			other := one
			one.Name, other.Name, other.Dev = "nvme0n1", "nvme1n1", "259:9"
			// Such a kernel shows no ANA state.
			one.Paths = []evidence.NamespacePath{{Name: "nvme0n1", Controller: "nvme0", State: "live"}}
			other.Paths = []evidence.NamespacePath{{Name: "nvme1n1", Controller: "nvme1", State: "live"}}
			h.Namespaces = evidence.Complete([]evidence.Namespace{one, other})
			m := evidence.Map{Name: "mpathn", Kernel: "dm-9", Dev: "253:9", UUID: "mpath-" + one.Serial.EUI(), Serial: one.Serial, OpenCount: evidence.CountOf(1), Suspended: evidence.No, Queueing: evidence.No}
			for _, n := range h.Namespaces.Items {
				m.Paths = append(m.Paths, evidence.Path{Disk: n.Name, Dev: n.Dev, Active: evidence.Yes})
			}
			h.Maps = appendTo(h.Maps, m)
			c.change(h, h.Namespaces.Items, &h.Maps.Items[len(h.Maps.Items)-1])
			got := ""
			for _, f := range Judge(s.World, DefaultPolicy()).Findings {
				if f.Code == "degraded-paths" && f.Object == object {
					got = f.Detail
				}
			}
			if (got == "") != (c.detail == "") || !strings.Contains(got, c.detail) {
				t.Errorf("%q, want %q", got, c.detail)
			}
		})
	}
}

// An image's record goes to a newer copy of the same image when LXD makes one.
// Whatever else had a record and has none has lost it.
func TestReplacedImage(t *testing.T) {
	const image = "2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757"
	lost := []string{"disappeared-record"}
	for name, c := range map[string]struct {
		kind, lxd string
		change    func(*scene, *evidence.Record)
		want      []string
	}{
		"a newer copy has the record": {evidence.TypeImage, "image/" + image + " (default)", nil, []string{"leaked-image"}},
		"another image has one":       {evidence.TypeImage, "image/other (default)", nil, lost},
		"another pool's copy has one": {evidence.TypeImage, "image/" + image + " (default)", func(s *scene, r *evidence.Record) { r.Pool = "n1" }, lost},
		"a volume of that name":       {evidence.TypeImage, "image/" + image + " (default)", func(s *scene, r *evidence.Record) { r.Type = evidence.TypeCustom }, lost},
		"a record without a name":     {evidence.TypeImage, "image/other (default)", func(s *scene, r *evidence.Record) { r.Name = "" }, lost},
		"a volume is no image":        {evidence.TypeCustom, "custom/" + image + " (default)", nil, lost},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			v := s.volume("p1", evidence.Name{Type: c.kind, Content: evidence.ContentFilesystem, UUID: uuid(100)})
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-24 * time.Hour), LXDName: c.lxd}}
			for i := range s.LXD.Records.Items {
				if r := &s.LXD.Records.Items[i]; r.Name == image && c.change != nil {
					c.change(s, r)
				}
			}
			var got []string
			for _, f := range s.judge().Findings {
				if f.VolumeID == s.vol(v).ID {
					got = append(got, f.Code)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// A connection is stale only if it is just one member's: of what goes through a
// group, or to somebody else, nobody here can tell.
func TestStaleConnectionsAreMembers(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*scene, *evidence.Connection)
		want bool
	}{
		"a member's":                   {func(*scene, *evidence.Connection) {}, true},
		"through a group":              {func(_ *scene, row *evidence.Connection) { row.Group = "all" }, false},
		"of no host":                   {func(_ *scene, row *evidence.Connection) { row.Host = "" }, false},
		"of a host that is not listed": {func(_ *scene, row *evidence.Connection) { row.Host = "gone-iscsi" }, false},
		"of another's and a member's": {func(s *scene, _ *evidence.Connection) {
			s.object(hostName).IQNs = append(s.object(hostName).IQNs, "iqn.x:other")
		}, false},
		"of another's host": {func(s *scene, _ *evidence.Connection) { s.object(hostName).IQNs = []string{"iqn.x:other"} }, false},
		"a mount of it whose device is gone": {func(s *scene, _ *evidence.Connection) {
			s.Hosts[0].Uses = appendTo(s.Hosts[0].Uses, evidence.Use{
				Kind: evidence.UseMount, Device: "dm-77", Dev: "253:77", Where: "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_kill1",
			})
		}, false},
		"somebody has it mounted there": {func(s *scene, _ *evidence.Connection) {
			s.mounted(s.attach(0, len(s.array().Volumes.Items)-1, 2), "/mnt")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			v := s.volume("p1", evidence.Name{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: uuid(102)})
			s.record(v, "kill1")
			s.connect(v, hostName)
			items := s.array().Connections.Items
			c.set(s, &items[len(items)-1])
			got := slices.ContainsFunc(s.judge().Findings, func(f Finding) bool { return f.Code == "stale-connection" && f.VolumeID == s.vol(v).ID })
			if got != c.want {
				t.Errorf("stale: %v, want %v: %v", got, c.want, found(s.judge()))
			}
		})
	}
}

// TestBlocker: what a later batch passes by itself is named only where nothing
// else is in the way, and what failed before what is not known.
func TestBlocker(t *testing.T) {
	seen, old, idle := GateResult{Gate: "seen-before", Result: Fail}, GateResult{Gate: "old-enough", Result: Fail}, GateResult{Gate: "no-io", Result: Uncertain}
	passed := GateResult{Gate: "share", Result: Pass}
	for _, c := range []struct {
		gates []GateResult
		want  string
	}{
		{[]GateResult{passed, seen, old}, "old-enough"},
		{[]GateResult{seen, idle, passed}, "no-io"},
		{[]GateResult{idle, old}, "old-enough"},
		{[]GateResult{passed, seen}, "seen-before"},
		{nil, ""},
	} {
		if got, _ := (Finding{Verdict: Blocked, Gates: c.gates}).Blocker(); got.Gate != c.want {
			t.Errorf("%v: %q, want %q", c.gates, got.Gate, c.want)
		}
	}
	if got, is := (Finding{Verdict: ReportOnly, Gates: []GateResult{old}}).Blocker(); is {
		t.Errorf("what is only reported is held back by %s", got.Gate)
	}
}
