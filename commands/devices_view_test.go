package commands

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// TestByCount: devices stand in the order in which people count them.
func TestByCount(t *testing.T) {
	want := []string{
		"data", "dm-2", "dm-10", "mpatha", "mpathz", "mpathaa", "nvme0n1", "nvme0n2", "nvme0n10", "nvme1n1", "nvme10n1",
		"sda", "sdb", "sdz", "sdaa", "sdab", "sdba", "sdaaa", "web",
	}
	got := slices.Clone(want)
	for range 20 {
		rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		if got = byCount(got, func(name string) string { return name }); !slices.Equal(got, want) {
			t.Fatalf("%v", got)
		}
	}
}

// TestInTheMiddle: of a long path both ends are left.
func TestInTheMiddle(t *testing.T) {
	const long = "/var/snap/lxd/common/lxd/storage-pools/purepool/custom/default_uploads"
	for _, test := range []struct {
		path  string
		width int
		want  string
	}{
		{long, 80, long},
		{long, len(long), long},
		{long, len(long) - 1, "/var/snap/…/common/lxd/storage-pools/purepool/custom/default_uploads"},
		{long, 40, "/var/snap/…/custom/default_uploads"},
		{long, 30, "/var/snap/…/default_uploads"},
		{long, 24, "/var/…/default_uploads"},
		{long, 10, "/…/default_uploads"},
		{"/a", 1, "/…/a"},
		{"dm-3, which is long", 3, "dm-3, which is long"},
	} {
		if got := inTheMiddle(test.path, test.width); got != test.want {
			t.Errorf("%d: %q, want %q", test.width, got, test.want)
		}
	}
	const device = "/dev/disk/by-id/scsi-3624a9370e3437a58a527a86800011029"
	if got := shortPaths("mounted at "+long+"; "+device, 40); got != "mounted at /var/snap/…/custom/default_uploads; "+device {
		t.Error(got)
	}
}

// TestDevicesTree: a map stands above its paths, what is wrong with one beside
// it, and what uses it below; a path that a session does not have is missed.
func TestDevicesTree(t *testing.T) {
	serial, other := evidence.Serial("E3437A58A527A86800011001"), evidence.Serial("E3437A58A527A86800011002")
	host := evidence.Host{
		Sessions: evidence.List[evidence.Session]{Items: []evidence.Session{
			{ID: 1, Target: "iqn.array", State: "LOGGED_IN", ConnState: "up"},
			{ID: 2, Target: "iqn.array", State: "LOGGED_IN", ConnState: "up"},
			{ID: 3, Target: "iqn.array", State: "FAILED", ConnState: "failed"},
			{ID: 4, Target: "iqn.other", State: "LOGGED_IN", ConnState: "up"},
		}},
		Maps: evidence.List[evidence.Map]{Items: []evidence.Map{{
			Name: "mpathb", Kernel: "dm-3", Dev: "253:3", Serial: serial, Bytes: evidence.CountOf(10 << 30), OpenCount: evidence.CountOf(1), Queueing: evidence.Yes,
			Paths: []evidence.Path{{Disk: "sdaa", Active: evidence.No}, {Disk: "sdb", Active: evidence.Yes}, {Dev: "8:64", Active: evidence.No}},
		}, {Name: "mpathb1", Kernel: "dm-4", Partition: true, Serial: serial, Bytes: evidence.CountOf(1 << 30), OpenCount: evidence.CountOf(0)}}},
		Disks: evidence.Complete([]evidence.Disk{
			{Name: "sdaa", HCTL: "0:0:0:2", Session: 1, Serial: other, State: "running", Live: evidence.Identity{Kind: evidence.IdentityGone}},
			{Name: "sdb", HCTL: "1:0:0:2", Session: 1, Serial: serial, State: "running", Live: evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial}},
			{Name: "sdc", HCTL: "1:0:0:3", Session: 2, Serial: other, State: "running", Live: evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial}},
		}),
		Namespaces: evidence.Complete([]evidence.Namespace{{
			Name: "nvme0n1", Serial: serial, Paths: []evidence.NamespacePath{{Controller: "nvme0", State: "live", ANA: "optimized"}, {Controller: "nvme1", State: "connecting", ANA: "optimized"}},
		}}),
		Uses: evidence.List[evidence.Use]{Items: []evidence.Use{
			{Kind: evidence.UseMount, Device: "dm-3", Where: "/var/snap/lxd/common/lxd/storage-pools/purepool/custom/default_uploads", Namespace: "mnt:[4026532281]"},
			{Kind: evidence.UseSuperblock, Device: "dm-3", Where: "ext4"},
		}},
	}
	const want = `DEVICE            SIZE  SERIAL                    STATE
mpathb dm-3      10GiB  E3437A58A527A86800011001  1 of 5 paths, open 1, queueing
|- 8:64                                           no such device any more
|- sdb 1:0:0:2                                    running
|- sdaa 0:0:0:2         E3437A58A527A86800011002  failed, running, no such LUN
|- session2                                       no path through it
` + "`- session3                                       FAILED, failed" + `
   = mount /var/snap/…/custom/default_uploads (mount namespace mnt:[4026532281])
mpathb1 dm-4      1GiB  E3437A58A527A86800011001  a partition, open 0
sdc 1:0:0:3          ?  E3437A58A527A86800011002
  running, answers as E3437A58A527A86800011001
nvme0n1              ?  E3437A58A527A86800011001  1 of 2 paths
|- nvme0                                          live, ANA optimized
` + "`- nvme1                                          connecting, ANA optimized\n"
	var out bytes.Buffer
	if (devicesView{page: onPage(&out, 80), host: host}).print(); out.String() != want {
		t.Errorf("%s\nwant:\n%s", out.String(), want)
	}
	out.Reset()
	if (devicesView{page: onPage(&out, 0), host: host}).print(); !strings.Contains(out.String(), "storage-pools/purepool/custom/default_uploads (mount") || !strings.Contains(out.String(), "   = superblock ext4\n") {
		t.Error(out.String())
	}
}

// TestPathsThatAreNotKnown: what was not told is no 0, and a path that is a
// namespace is there.
func TestPathsThatAreNotKnown(t *testing.T) {
	const serial = evidence.Serial("E3437A58A527A86800011001")
	paths := func(answers ...evidence.Answer) evidence.Map {
		m := evidence.Map{Name: "mpathb", Kernel: "dm-3", Serial: serial}
		for i, answer := range answers {
			m.Paths = append(m.Paths, evidence.Path{Disk: fmt.Sprintf("nvme%dn1", i), Active: answer})
		}
		return m
	}
	for want, m := range map[string]evidence.Map{
		"2 of 2 paths, open unknown":                       paths(evidence.Yes, evidence.Yes),
		"1 of 2 paths, open unknown":                       paths(evidence.Yes, evidence.No),
		"1 of 2 paths and 1 not known, open unknown":       paths(evidence.Yes, evidence.Unknown),
		"2 paths, which are up is not known, open unknown": paths(evidence.Unknown, evidence.Unknown),
		"0 of 2 paths and 1 not known, open unknown":       paths(evidence.No, evidence.Unknown),
		"0 of 0 paths, open unknown":                       paths(),
	} {
		if got := mapState(evidence.Host{}, m); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	host := evidence.Host{
		Maps: evidence.Complete([]evidence.Map{paths(evidence.Yes, evidence.Yes, evidence.No)}), Disks: evidence.Complete[evidence.Disk](nil),
		Namespaces: evidence.Complete([]evidence.Namespace{
			{Name: "nvme0n1", Serial: serial, Paths: []evidence.NamespacePath{{Controller: "nvme0", State: "live"}}},
			{Name: "nvme1n1", Serial: serial, Paths: []evidence.NamespacePath{{Controller: "nvme1", State: "live"}}},
		}),
	}
	var out bytes.Buffer
	if (devicesView{page: onPage(&out, 80), host: host}).print(); strings.Count(out.String(), "no such device any more") != 1 || !strings.Contains(out.String(), "nvme1 live") {
		t.Error(out.String())
	}
	host.Namespaces = host.Namespaces.Doubt("EIO")
	out.Reset()
	if (devicesView{page: onPage(&out, 80), host: host}).print(); strings.Contains(out.String(), "no such device any more") {
		t.Error(out.String())
	}
}
