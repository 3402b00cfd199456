package witness_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// fate is what the array and LXD say of one of the lab's volumes.
type fate string

const (
	// absent: the array has no volume of this serial, in any pod.
	absent fate = "absent"
	// attached: recorded, connected to the host, a disk of a running container.
	attached fate = "attached"
	// detached: recorded, connected to nothing, used by no instance.
	detached fate = "detached"
	// destroyed: waiting for eradication, connected to nothing, not recorded.
	destroyed fate = "destroyed"
	// unrecorded: connected to the host, and LXD has no record.
	unrecorded fate = "unrecorded"
)

// What the lab's volumes are called. A map is named after its WWID.
const (
	vol1 = "p1::u-00000000000000000000000000000001"
	vol2 = "p1::u-00000000000000000000000000000002"
	vol3 = "p1::u-00000000000000000000000000000003"
	map1 = "3624a93707a9ad0a2ce6b4c5a00011010"
	map2 = "3624a93707a9ad0a2ce6b4c5a00011011"
	map3 = "3624a93707a9ad0a2ce6b4c5a00011012"
)

// hostTrees is every recorded host of the lab, put beside an array and an LXD
// that say this of the volumes S1, S2 and S3 and nothing else. want is the
// whole report: severity, code, object, host. That a map queues without a path
// is one unsafe-setting per host, which is named after the first such map.
var hostTrees = []struct {
	tree  string
	fates [3]fate
	want  []string
}{
	{"01-iscsi-healthy", [3]fate{attached, attached, detached}, nil},
	// Its paths answer: another array has taken it over. What a look can't tell
	// is no finding.
	{"01-iscsi-healthy", [3]fate{absent, attached, detached}, nil},

	// Opened by udev alone, which waits for ever; the recording shows the
	// open count and not the process, so it may be anybody.
	{"02-iscsi-lun-unmapped-queueing", [3]fate{detached, attached, detached}, []string{
		"critical in-use-without-connection " + vol1 + " lab",
		"warning unsafe-setting " + map1 + " lab",
	}},
	{"02-iscsi-lun-unmapped-queueing", [3]fate{absent, attached, detached}, []string{
		"critical in-use-without-connection " + map1 + " lab",
		"warning unsafe-setting " + map1 + " lab",
	}},
	// The array's list says connected, the disks say gone.
	{"02-iscsi-lun-unmapped-queueing", [3]fate{attached, attached, detached}, []string{
		"critical degraded-paths " + vol1 + " lab",
		"warning unsafe-setting " + map1 + " lab",
	}},

	{"03-iscsi-lun-unmapped-notqueueing", [3]fate{detached, attached, detached}, []string{"warning stale-map " + map1 + " lab"}},
	{"03-iscsi-lun-unmapped-notqueueing", [3]fate{absent, attached, detached}, []string{"warning stale-map " + map1 + " lab"}},
	{"03-iscsi-lun-unmapped-notqueueing", [3]fate{destroyed, attached, detached}, []string{
		"warning stale-map " + map1 + " lab",
		"info pending-eradication " + vol1 + " ",
	}},
	{"03-iscsi-lun-unmapped-notqueueing", [3]fate{attached, attached, detached}, []string{"critical degraded-paths " + vol1 + " lab"}},

	// sysfs knows nothing of it: the INQUIRY alone tells. Not even the loss
	// of the first volume may make it a map that can be removed.
	{"04-iscsi-lun-reuse-before-rescan", [3]fate{detached, attached, attached}, []string{"critical mixed-map " + map1 + " lab"}},
	{"04-iscsi-lun-reuse-before-rescan", [3]fate{absent, attached, attached}, []string{"critical mixed-map " + map1 + " lab"}},
	{"04-iscsi-lun-reuse-before-rescan", [3]fate{attached, attached, attached}, []string{"critical mixed-map " + map1 + " lab"}},
	{"05-iscsi-lun-reuse-after-rescan-mixed-map", [3]fate{detached, attached, attached}, []string{"critical mixed-map " + map1 + " lab"}},
	{"05-iscsi-lun-reuse-after-rescan-mixed-map", [3]fate{absent, attached, attached}, []string{"critical mixed-map " + map1 + " lab"}},
	// The paths' volume is lost too: they are still no ghost-path.
	{"05-iscsi-lun-reuse-after-rescan-mixed-map", [3]fate{absent, attached, absent}, []string{"critical mixed-map " + map1 + " lab"}},

	{"06-iscsi-map-without-paths-in-use", [3]fate{detached, attached, detached}, []string{
		"critical in-use-without-connection " + vol1 + " lab",
		"warning unsafe-setting " + map1 + " lab",
	}},
	{"06-iscsi-map-without-paths-in-use", [3]fate{attached, attached, detached}, []string{
		"critical degraded-paths " + vol1 + " lab",
		"warning unsafe-setting " + map1 + " lab",
	}},

	// One finding for both disks, which is named after the first.
	{"07-iscsi-orphan-sd-no-map-no-daemon", [3]fate{detached, attached, detached}, []string{"warning ghost-path sdb lab"}},
	{"07-iscsi-orphan-sd-no-map-no-daemon", [3]fate{detached, attached, absent}, nil}, // sdb answers, too
	// Connected, so the disks are live: the volume is what leaked.
	{"07-iscsi-orphan-sd-no-map-no-daemon", [3]fate{detached, attached, unrecorded}, []string{"warning leaked-volume " + vol3 + " "}},
	// Both paths work, and what uses one of them stops with it.
	{"07-iscsi-orphan-sd-no-map-no-daemon", [3]fate{detached, attached, attached}, []string{"warning degraded-paths " + vol3 + " lab"}},

	// The map's idle partitions are its only openers: no use.
	{"08-iscsi-partitions-on-map", [3]fate{detached, attached, attached}, nil},
	{"08-iscsi-partitions-on-map", [3]fate{detached, attached, detached}, []string{"warning stale-map " + map3 + " lab"}},

	{"09-iscsi-session-failed-blocked", [3]fate{attached, attached, detached}, []string{
		"critical degraded-paths " + vol1 + " lab",
		"critical degraded-paths " + vol2 + " lab",
	}},
	// A lost session says nothing of the volume; the array says it.
	{"09-iscsi-session-failed-blocked", [3]fate{detached, attached, detached}, []string{
		"critical degraded-paths " + vol2 + " lab",
		"warning stale-map " + map1 + " lab",
	}},
	{"10-iscsi-session-free-transport-offline", [3]fate{detached, attached, attached}, []string{
		"critical degraded-paths " + vol2 + " lab",
		"critical degraded-paths " + vol3 + " lab",
		"warning unsafe-setting " + map2 + " lab",
	}},

	{"11-iscsi-logged-in-no-lun", [3]fate{absent, absent, absent}, []string{"info idle-host lab-iscsi lab-iscsi"}},
	{"11-iscsi-logged-in-no-lun", [3]fate{detached, detached, detached}, []string{"info idle-host lab-iscsi lab-iscsi"}},
	// A volume that should be there and has no device at all.
	{"11-iscsi-logged-in-no-lun", [3]fate{attached, detached, detached}, []string{"critical degraded-paths " + vol1 + " lab"}},

	{"12-iscsi-map-suspended", [3]fate{attached, attached, detached}, []string{"critical degraded-paths " + vol1 + " lab"}},
	{"12-iscsi-map-suspended", [3]fate{detached, attached, detached}, []string{"warning stale-map " + map1 + " lab"}},

	// No process shows the mount: the superblock and the open count do.
	{"13-iscsi-mounted-in-persisted-ns", [3]fate{attached, attached, detached}, nil},
	{"13-iscsi-mounted-in-persisted-ns", [3]fate{detached, attached, detached}, []string{"critical in-use-without-connection " + vol1 + " lab"}},
	{"13-iscsi-mounted-in-persisted-ns", [3]fate{absent, attached, detached}, []string{"critical in-use-without-connection " + map1 + " lab"}},

	// Only sdb is offline, sdd still runs.
	{"14-iscsi-flushed-and-offline", [3]fate{detached, attached, attached}, []string{"warning degraded-paths " + vol3 + " lab"}},
	{"14-iscsi-flushed-and-offline", [3]fate{detached, attached, detached}, []string{"warning ghost-path sdb lab"}},

	{"20-nvme-healthy", [3]fate{attached, attached, detached}, nil},
	{"20-nvme-healthy", [3]fate{detached, attached, detached}, []string{"warning ghost-namespace nvme0n1 lab"}},
	// A controller that is gone leaves nothing behind, and nobody says how
	// many portals the array has: the one that is left looks complete.
	{"21-nvme-one-path", [3]fate{attached, attached, detached}, nil},
	{"22-nvme-one-connecting", [3]fate{attached, attached, detached}, []string{
		"warning degraded-paths " + vol1 + " lab",
		"warning degraded-paths " + vol2 + " lab",
	}},
	{"23-nvme-all-connecting", [3]fate{attached, attached, detached}, []string{
		"critical degraded-paths " + vol1 + " lab",
		"critical degraded-paths " + vol2 + " lab",
	}},
	{"24-nvme-mounted", [3]fate{attached, attached, detached}, nil},
	{"24-nvme-mounted", [3]fate{attached, detached, detached}, []string{"critical in-use-without-connection " + vol2 + " lab"}},
	// The mount is not at a path of LXD's, and sysfs forgot the namespace: the
	// volume can't be named, and the finding is only a warning.
	{"25-nvme-ns-removed-still-mounted", [3]fate{attached, detached, detached}, []string{"warning in-use-without-connection nvme0n2 lab"}},
	// Connected again, and the host has not seen it come back.
	{"25-nvme-ns-removed-still-mounted", [3]fate{attached, attached, detached}, []string{
		"critical degraded-paths " + vol2 + " lab",
		"warning in-use-without-connection nvme0n2 lab",
	}},
	// The subsystem itself is no finding, what holds it is.
	{"26-nvme-zombie-subsystem", [3]fate{detached, detached, detached}, []string{
		"warning in-use-without-connection nvme0n2 lab",
		"info idle-host lab-nvme-tcp lab-nvme-tcp",
	}},
}

// withoutDeviceMapper are the recordings that lack what dmsetup said: the host
// must admit it.
var withoutDeviceMapper = []string{"09-iscsi-session-failed-blocked", "14-iscsi-flushed-and-offline"}

// Of each recorded host exactly that is found which its name promises, and of
// none anything that may be changed.
func TestHostTrees(t *testing.T) {
	hosts := map[string]evidence.Host{}
	for _, tree := range labTrees(t) {
		hosts[tree] = observeTree(t, tree)
	}
	judged := map[string]bool{}
	for _, c := range hostTrees {
		judged[c.tree] = true
		t.Run(fmt.Sprint(c.tree, c.fates), func(t *testing.T) {
			host, there := hosts[c.tree]
			if !there {
				t.Fatal("there is no such recording")
			}
			report := diagnose.Judge(labWorld(host, c.fates), diagnose.DefaultPolicy())
			var got []string
			for _, f := range report.Findings {
				got = append(got, fmt.Sprint(f.Severity, " ", key(f)))
				if f.Verdict == diagnose.Safe {
					t.Errorf("%s is called safe on a recording", key(f))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			// Array and LXD told everything: only the recording may be in doubt.
			for _, doubt := range report.Doubts {
				if !strings.HasPrefix(doubt, "host lab: ") {
					t.Errorf("doubt %q", doubt)
				}
			}
		})
	}
	for tree := range hosts {
		if !judged[tree] {
			t.Errorf("nothing is said of %s", tree)
		}
	}
}

// Every recorded host is read whole, but for what was not recorded.
func TestHostTreesAreRead(t *testing.T) {
	for _, tree := range labTrees(t) {
		h := observeTree(t, tree)
		if silent := slices.Contains(withoutDeviceMapper, tree); silent != strings.HasPrefix(h.Trouble, "device-mapper could not be asked") || silent != (h.Trouble != "") {
			t.Errorf("%s: trouble %q", tree, h.Trouble)
		}
		for what, why := range map[string]string{
			"sessions": h.Sessions.Why(), "disks": h.Disks.Why(), "subsystems": h.Subsystems.Why(),
			"controllers": h.Controllers.Why(), "namespaces": h.Namespaces.Why(), "IQNs": h.IQNs.Why(), "NQNs": h.NQNs.Why(),
		} {
			if why != "" {
				t.Errorf("%s: %s: %s", tree, what, why)
			}
		}
		if !h.Recorded || h.AllProcesses.Is() {
			t.Errorf("%s: recorded %v, all processes %s", tree, h.Recorded, h.AllProcesses)
		}
	}
}

const (
	labArray = "7a9ad0a2-ce6b-4c5a-8a3b-1d2e3f405162" // the serials' first 16 digits are its own
	labIQN   = "iqn.2004-10.com.ubuntu:01:testhost"
	labUUID  = "0198ccbf-f421-71bd-9bf0-d71e6af8e308"
	labHost  = "lab"
)

var labTime = time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)

func labTreeFile(tree string) string {
	return filepath.Join("..", "devices", "testdata", "lab-"+tree+".tar.gz")
}

// labTrees are the names of the lab's recordings.
func labTrees(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(labTreeFile("*"))
	if err != nil || len(files) != 21 {
		t.Fatalf("%d recordings, %v; want 21", len(files), err)
	}
	for i, file := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "lab-"), ".tar.gz")
	}
	return files
}

// observeTree reads a recorded host as --sysroot does. The lab had no LXD: its
// server.uuid is added, of which the NQN is made that the controllers show,
// and the name of the initiator that the sessions show.
func observeTree(t *testing.T, name string) evidence.Host {
	t.Helper()
	tree, err := treefs.ReadTarGz(labTreeFile(name))
	if err != nil {
		t.Fatal(err)
	}
	tree.AddFile("var/snap/lxd/common/lxd/server.uuid", []byte(labUUID+"\n"))
	tree.AddFile("etc/iscsi/initiatorname.iscsi", []byte("InitiatorName="+labIQN+"\n"))
	if err := tree.Err(); err != nil {
		t.Fatal(err)
	}
	return devices.Observe(t.Context(), devices.System{
		FS: tree, Kernel: devices.Recording(tree), Hostname: labHost, Recorded: true,
		Now: func() time.Time { return labTime },
	})
}

// labSerial is the serial of S1 (0), S2 or S3.
func labSerial(i int) evidence.Serial {
	return evidence.Serial(fmt.Sprintf("7A9AD0A2CE6B4C5A%08X", 0x11010+i))
}

func labName(i int) evidence.Name {
	return evidence.Name{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: evidence.UUID{15: byte(i + 1)}}
}

// labWorld puts a recorded host beside a complete array with the pod p1 and a
// complete LXD with one running container: whatever is then found is the
// host's own story.
func labWorld(h evidence.Host, fates [3]fate) evidence.World {
	nvme := len(h.Subsystems.Items) > 0
	source := func(name string) evidence.Source { return evidence.Source{Name: name, Began: labTime, Ended: labTime} }
	object := evidence.ArrayHost{Name: labHost + "-iscsi", IQNs: []string{labIQN}, Local: evidence.Yes, Destroyed: evidence.No, ConnectionCount: evidence.CountOf(0)}
	mode := evidence.ModeISCSI
	if nvme {
		object = evidence.ArrayHost{Name: labHost + "-nvme-tcp", NQNs: []string{"nqn.2014-08.org.nvmexpress:uuid:" + labUUID}, Local: evidence.Yes, Destroyed: evidence.No, ConnectionCount: evidence.CountOf(0)}
		mode = evidence.ModeNVMeTCP
	}
	var volumes []evidence.Volume
	var connections []evidence.Connection
	var lookups []evidence.Lookup
	var records []evidence.Record
	var disks []evidence.InstanceDisk
	for i, fate := range fates {
		serial, lxd := labSerial(i), labName(i)
		if fate == absent {
			lookups = append(lookups, evidence.Lookup{Serial: serial, Found: evidence.No})
			continue
		}
		short := fmt.Sprintf("s%d", i+1)
		v := evidence.Volume{
			ID: "id-" + short, Name: "p1::u-" + lxd.UUID.Hex(), Pod: "p1", PodID: "pod-p1", Serial: serial, LXD: lxd,
			Created: labTime.Add(-72 * time.Hour), Provisioned: 64 << 20, Destroyed: evidence.AnswerOf(fate == destroyed), ConnectionCount: evidence.CountOf(0), Subtype: "regular",
		}
		if fate == attached || fate == unrecorded {
			v.ConnectionCount = evidence.CountOf(1)
			object.ConnectionCount.N++
			connections = append(connections, evidence.Connection{VolumeID: v.ID, VolumeName: v.Name, Host: object.Name, LUN: int64(i + 1)})
		}
		if fate == attached || fate == detached {
			records = append(records, evidence.Record{
				Pool: "p1", Project: "default", Type: lxd.Type, Name: short, Content: lxd.Content, UUID: lxd.UUID, Created: v.Created,
			})
		}
		if fate == attached {
			disks = append(disks, evidence.InstanceDisk{Device: short, Pool: "p1", Source: short, Type: lxd.Type, Project: "default", Path: "/" + short})
		}
		volumes = append(volumes, v)
	}
	return evidence.World{
		Arrays: []evidence.Array{{
			Source: source("fa1"), Gateway: "https://fa1", ID: labArray, Version: "6.6.10", API: "2.21", Clock: labTime,
			EradicationDelay: 24 * time.Hour, ManualEradication: "all-enabled", Asked: []string{"p1"},
			Pods: evidence.Complete([]evidence.Pod{{
				ID: "pod-p1", Name: "p1", Destroyed: evidence.No, Promotion: "promoted", Links: evidence.CountOf(0),
				Arrays: []evidence.PodArray{{ID: labArray, Name: "fa1", Status: "online"}},
			}}),
			Volumes: evidence.Complete(volumes), Snapshots: evidence.Complete[evidence.Snapshot](nil),
			Hosts: evidence.Complete([]evidence.ArrayHost{object}), HostGroups: evidence.Complete[evidence.HostGroup](nil),
			Connections: evidence.Complete(connections), Protections: evidence.Complete[evidence.Protection](nil),
			Activity: evidence.Complete[evidence.Activity](nil), Lookups: lookups,
		}},
		LXD: evidence.LXD{
			Source: source(labHost), Version: "6.9", Clustered: evidence.No, Server: labHost, Dir: "/var/snap/lxd/common/lxd",
			SeesAll: evidence.Yes, SeesAllWhy: "the pool's configuration is visible",
			Pools:   evidence.Complete([]evidence.Pool{{Name: "p1", Gateway: "https://fa1", Mode: mode, Status: "Created"}}),
			Records: evidence.Complete(records),
			Instances: evidence.Complete([]evidence.Instance{{
				Name: "c1", Project: "default", Type: evidence.TypeContainer, Status: "Running", Running: evidence.Yes, Location: labHost, Disks: disks,
			}}),
			Members:       evidence.Complete([]evidence.Member{{Name: labHost, Online: evidence.Yes, Status: "Online"}}),
			Operations:    evidence.Complete[evidence.Operation](nil),
			DaemonVolumes: evidence.Complete[evidence.DaemonVolume](nil),
		},
		Hosts: []evidence.Host{h},
	}
}
