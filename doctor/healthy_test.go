package doctor_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

func fromRecord(t *testing.T, name string) *treefs.FS {
	t.Helper()
	tree, err := treefs.ReadTarGz("../devices/testdata/" + name + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// fabric is a tree that was put together from public reports.
func fabric(t *testing.T, name string) *treefs.FS {
	t.Helper()
	f, err := os.Open("../devices/testdata/fabric/" + name + ".tree")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	tree, err := treefs.FromListing(f)
	if err != nil {
		t.Fatal(err)
	}
	// What device-mapper says of its one map.
	m, ok := map[string]struct{ name, paths string }{
		"qla2xxx":    {"3624a93701b07343bc7f64e4400014c26", "4 2 8:160 A 0 0 1 8:176 A 0 0 1 8:192 A 0 0 1 8:208 A 0 0 1"},
		"lpfc":       {"mpatha", "2 2 8:16 A 0 0 1 8:32 F 1 0 1"},
		"nvme-fc-dm": {"eui.001b07343bc7f64e24a9374400014c26", "2 2 259:1 A 0 0 1 259:2 A 0 0 1"},
	}[name]
	if !ok {
		return tree
	}
	wwid := strings.Replace(m.name, "mpatha", "3624a93701b07343bc7f64e4400014c26", 1)
	tree.AddFile("commands/dmsetup_info.out", []byte("Name:              "+m.name+"\nState:             ACTIVE\nOpen count:        0\nMajor, minor:      253, 0\nUUID: mpath-"+wwid+"\n\n"))
	tree.AddFile("commands/dmsetup_status.out", []byte(m.name+": 0 67108864 multipath 2 0 1 0 1 1 A 0 "+m.paths+" \n"))
	table := regexp.MustCompile(` [AF] \d+ 0 1`).ReplaceAllString(m.paths, " 1 1")
	tree.AddFile("commands/dmsetup_table.out", []byte(m.name+": 0 67108864 multipath 0 1 alua 1 1 service-time 0 "+table+" \n"))
	return tree
}

// debian is the open-iscsi of Debian and Ubuntu as it is installed, ubuntu the
// multipath.conf of Ubuntu.
const (
	debian = "node.startup = manual\nnode.leading_login = No\nnode.session.timeo.replacement_timeout = 120\nnode.conn[0].timeo.login_timeout = 15\n" +
		"node.session.initial_login_retry_max = 8\nnode.session.scan = auto\n"
	ubuntu = "defaults {\n    user_friendly_names yes\n}\n"
)

// TestHealthyHosts: of hosts that are well, recorded and as distributions
// install them, only what is so is said. What may be said of each is here.
func TestHealthyHosts(t *testing.T) {
	for _, c := range []struct {
		name   string
		tree   func() *treefs.FS
		mode   string
		change func(*evidence.World)
		may    []string
	}{
		{name: "Debian, iSCSI", tree: func() *treefs.FS { return fromRecord(t, "lab-01-iscsi-healthy") }, mode: evidence.ModeISCSI},
		{name: "Debian, iSCSI, captured", tree: func() *treefs.FS { return fromRecord(t, "capture-01-healthy-attached") }, mode: evidence.ModeISCSI},
		{name: "Debian, NVMe", tree: func() *treefs.FS { return fromRecord(t, "lab-20-nvme-healthy") }, mode: evidence.ModeNVMeTCP},
		{name: "Ubuntu with the snap, iSCSI", tree: func() *treefs.FS {
			tree := good()
			tree.AddFile("etc/multipath.conf", []byte(ubuntu))
			tree.AddFile("etc/iscsi/iscsid.conf", []byte(debian))
			return tree
			// A login that takes longer than LXD's patience, and recheck_wwid off by
			// default: both are hints, and true.
		}, mode: evidence.ModeISCSI, may: []string{"iscsi-login-timeout", "multipath-recheck-wwid"}},
		{name: "Fibre Channel, qla2xxx", tree: func() *treefs.FS { return fabric(t, "qla2xxx") }, mode: evidence.ModeFC, may: []string{"multipath-recheck-wwid"}},
		{name: "NVMe over Fibre Channel", tree: func() *treefs.FS { return fabric(t, "nvme-fc") }, mode: evidence.ModeNVMeFC},
		{name: "Fibre Channel", tree: func() *treefs.FS {
			tree := good()
			for host, port := range map[string]string{"host7": "rport-7:0-0", "host8": "rport-8:0-0"} {
				tree.AddFile("sys/class/fc_host/"+host+"/port_name", []byte("0x21000024ff12345"+host[4:]+"\n"))
				tree.AddFile("sys/class/fc_host/"+host+"/port_state", []byte("Online\n"))
				dir := "sys/class/fc_remote_ports/" + port
				tree.AddFile(dir+"/port_name", []byte("0x524a93712345670"+host[4:]+"\n"))
				tree.AddFile(dir+"/port_state", []byte("Online\n"))
				tree.AddFile(dir+"/roles", []byte("FCP Target\n"))
				// The kernel's own values, before there is a volume.
				tree.AddFile(dir+"/fast_io_fail_tmo", []byte("off\n"))
				tree.AddFile(dir+"/dev_loss_tmo", []byte("30\n"))
			}
			return tree
		}, mode: evidence.ModeFC},
	} {
		w := world(t, c.tree())
		w.LXD.Pools.Items[0].Mode = c.mode
		for i := range w.Hosts[0].Tools.Items {
			w.Hosts[0].Tools.Items[i].Present, w.Hosts[0].Tools.Items[i].Running = evidence.Yes, evidence.Yes
		}
		w.Arrays[0].Ports = evidence.Complete[evidence.Port](nil)
		for _, a := range examine(w).Advice {
			if !slices.Contains(c.may, a.Check) {
				t.Errorf("%s: %s (%s): %s [%s]", c.name, a.Check, a.Weight, a.Observed, a.Source)
			}
		}
	}
}

// TestFabricTroubles: what is not as it should be on Fibre Channel is told in
// its words, and no more.
func TestFabricTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		mode string
		want []string
	}{
		"lpfc":       {evidence.ModeFC, []string{"fc-fast-io-fail: fc fast_io_fail_tmo off", "session-lost: rport-17:0-0 to 524a937a1b2c3d01 is Blocked"}},
		"nvme-fc-dm": {evidence.ModeNVMeFC, []string{"nvme-multipath: nvme multipath N"}},
	} {
		w := world(t, fabric(t, name))
		w.LXD.Pools.Items[0].Mode = c.mode
		for i := range w.Hosts[0].Tools.Items {
			w.Hosts[0].Tools.Items[i].Present, w.Hosts[0].Tools.Items[i].Running = evidence.Yes, evidence.Yes
		}
		// The array has the volume, and connects it.
		v := evidence.Volume{ID: "v", Name: "p1::u-00000000000040008000000000000001", Serial: "1B07343BC7F64E4400014C26", Destroyed: evidence.No, Created: now.AddDate(0, -1, 0), Provisioned: 1 << 30}
		w.Arrays[0].Volumes = evidence.Complete([]evidence.Volume{v})
		w.Arrays[0].Ports = evidence.Complete([]evidence.Port{{Name: "CT0.FC0", WWN: "524a937a1b2c3d00"}, {Name: "CT1.FC0", WWN: "524a937a1b2c3d01"}})
		var got []string
		for _, a := range examine(w).Advice {
			got = append(got, a.Check+": "+a.Observed)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// TestNVMeUnderMultipath: while the kernel's own multipath is off multipath's
// settings count for NVMe, by the names that it gives to such a device. With it
// they count for nothing.
func TestNVMeUnderMultipath(t *testing.T) {
	for _, c := range []struct {
		name, text string
		native     bool
		want       []string
	}{
		{
			"for the device", "devices {\n device {\n  vendor \"NVME\"\n  product \"Pure Storage FlashArray\"\n  revision \"x\"\n  no_path_retry queue\n }\n}\n", false,
			[]string{"multipath-queueing: no_path_retry queue from /etc/multipath.conf:6, devices/device NVME Pure Storage FlashArray x"},
		},
		{
			"for every protocol", "overrides {\n no_path_retry queue\n}\n", false,
			[]string{"multipath-queueing: no_path_retry queue from /etc/multipath.conf:2, overrides"},
		},
		{
			"by default, where a version of multipath has a value of its own", "defaults {\n no_path_retry queue\n}\n", false,
			[]string{"multipath-queueing: no_path_retry queue from /etc/multipath.conf:2, defaults (where it may not count)"},
		},
		{"for the array over SCSI", "devices {\n device {\n  vendor PURE\n  product FlashArray\n  no_path_retry queue\n }\n}\n", false, nil},
		{
			"left out by name", "blacklist {\n devnode \"^nvme\"\n}\n", false,
			[]string{"multipath-blacklist: blacklist devnode \"^nvme\" from /etc/multipath.conf:2, blacklist"},
		},
		{
			"left out by the protocol", "blacklist {\n protocol \"nvme:.*\"\n}\n", false,
			[]string{"multipath-blacklist: blacklist protocol \"nvme:.*\" from /etc/multipath.conf:2, blacklist"},
		},
		{
			"left out by the WWID", "blacklist {\n wwid \"^eui\"\n}\n", false,
			[]string{"multipath-blacklist: blacklist wwid \"^eui\" from /etc/multipath.conf:2, blacklist"},
		},
		{
			"left out by the model", "blacklist {\n device {\n  vendor NVME\n  product Pure\n }\n}\n", false,
			[]string{"multipath-blacklist: blacklist device { vendor \"NVME\" product \"Pure\" } from /etc/multipath.conf:3, blacklist/device"},
		},
		{"excepted as doctor says", "blacklist {\n devnode \"^nvme\"\n wwid \"^eui\"\n}\nblacklist_exceptions {\n devnode \"^nvme[0-9]\"\n wwid \"eui[.]00[0-9a-f]{14}24a937\"\n}\n", false, nil},
		{"left out, and native", "blacklist {\n devnode \"^nvme\"\n}\n", true, nil},
		{"for the device, and native", "devices {\n device {\n  vendor NVME\n  product \"Pure Storage FlashArray\"\n  no_path_retry queue\n }\n}\n", true, nil},
	} {
		tree := fabric(t, "nvme-fc-dm")
		if c.native {
			tree = fabric(t, "nvme-fc")
			tree.AddFile("sys/module/nvme_core/parameters/multipath", []byte("Y\n"))
		}
		tree.AddFile("etc/multipath.conf", []byte(c.text))
		w := world(t, tree)
		w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeFC
		var got []string
		for _, a := range examine(w).Advice {
			if strings.HasPrefix(a.Check, "multipath-") {
				got = append(got, a.Check+": "+a.Observed+" from "+a.Source)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
