package devices_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

func TestInitiators(t *testing.T) {
	const iscsi, uuid = "etc/iscsi/initiatorname.iscsi", "var/snap/lxd/common/lxd/server.uuid"
	const nqn = "nqn.2014-08.org.nvmexpress:uuid:01a20254-5dd0-759a-ae85-b31b1b5a0dee"
	cases := []struct {
		name, file, text string
		iqns, nqns       []string
		iqnsOK, nqnsOK   bool
	}{
		{"a file without end", iscsi, "InitiatorName=iqn.x\n" + strings.Repeat("#\n", 1<<20), nil, nil, false, true},
		{"no file, no LXD", "", "", nil, nil, true, true},
		{"the first line counts", iscsi, "## comment\nInitiatorName=IQN.1993-08.org.debian:01:A \nInitiatorName=iqn.other\n", []string{"iqn.1993-08.org.debian:01:a"}, nil, true, true},
		{"not made yet", iscsi, "GenerateName=yes\n", nil, nil, true, true},
		{"no name", iscsi, "## InitiatorName=iqn.x\n", nil, nil, false, true},
		{"LXD's", uuid, "01a20254-5dd0-759a-ae85-b31b1b5a0dee", nil, []string{nqn}, true, true},
		{"not a UUID", uuid, "hello", nil, nil, true, false},
		{"LXD without its file", "var/lib/lxd/database/x", "", nil, nil, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine()
			if c.file != "" {
				m.AddFile(c.file, []byte(c.text))
			}
			h := m.observe(t)
			if !slices.Equal(h.IQNs.Items, c.iqns) || h.IQNs.IsComplete() != c.iqnsOK {
				t.Errorf("IQNs %q, %q", h.IQNs.Items, h.IQNs.Why())
			}
			if !slices.Equal(h.NQNs.Items, c.nqns) || h.NQNs.IsComplete() != c.nqnsOK {
				t.Errorf("NQNs %q, %q", h.NQNs.Items, h.NQNs.Why())
			}
		})
	}
}

func TestSessions(t *testing.T) {
	m := newMachine()
	for _, id := range []string{"1", "10", "11", "12"} {
		dir := "sys/class/iscsi_session/session" + id
		m.AddFile(dir+"/targetname", []byte("iqn.2010-06.com.purestorage:flasharray.1\n"))
		m.AddFile(dir+"/state", []byte("LOGGED_IN\n"))
		m.AddFile(dir+"/initiatorname", []byte("iqn.here\n"))
		m.AddFile(dir+"/username", []byte("chap-user"))
		m.AddFile(dir+"/password", []byte("chap-password"))
	}
	// Session 10's connection, whose name begins like one of session 1.
	m.AddFile("sys/class/iscsi_connection/connection10:0/state", []byte("up\n"))
	m.AddFile("sys/class/iscsi_connection/connection10:0/persistent_address", []byte("10.0.0.1\n"))
	m.AddFile("sys/class/iscsi_connection/connection10:0/persistent_port", []byte("3260\n"))
	m.AddFile("sys/class/iscsi_session/session10/recovery_tmo", []byte("120\n"))
	// Made by a host name, of which the kernel tells the address while it is up.
	for _, c := range []string{"11", "12"} {
		dir := "sys/class/iscsi_connection/connection" + c + ":0"
		m.AddFile(dir+"/persistent_address", []byte("fa-ct0.example.com\n"))
		m.AddFile(dir+"/persistent_port", []byte("3260\n"))
	}
	m.AddFile("sys/class/iscsi_connection/connection11:0/address", []byte("10.0.0.2\n"))
	m.AddFile("sys/class/iscsi_connection/connection11:0/port", []byte("3261\n"))
	for _, name := range []string{"sessionX", "session-5", "5"} {
		m.AddDir("sys/class/iscsi_session/" + name)
	}
	h := m.observe(t)
	want := []evidence.Session{
		{ID: 1, Target: "iqn.2010-06.com.purestorage:flasharray.1", State: "LOGGED_IN"},
		{ID: 10, Target: "iqn.2010-06.com.purestorage:flasharray.1", State: "LOGGED_IN", ConnState: "up", Address: "10.0.0.1", Port: "3260", RecoveryTmo: evidence.CountOf(120)},
		{ID: 11, Target: "iqn.2010-06.com.purestorage:flasharray.1", State: "LOGGED_IN", Address: "10.0.0.2", Port: "3261"},
		{ID: 12, Target: "iqn.2010-06.com.purestorage:flasharray.1", State: "LOGGED_IN", Address: "fa-ct0.example.com", Port: "3260"},
	}
	if diff := cmp.Diff(want, h.Sessions.Items); diff != "" {
		t.Error(diff)
	}
	if h.Sessions.IsComplete() {
		t.Error("a session that is not understood left the list complete")
	}
	if !slices.Equal(h.IQNs.Items, []string{"iqn.here"}) {
		t.Errorf("IQNs %v", h.IQNs.Items)
	}
}

// A session that does not say where it leads may be an array's, and would be a
// path that nobody misses.
func TestSessionWithoutATarget(t *testing.T) {
	m := newMachine()
	m.AddFile("sys/class/iscsi_session/session1/targetname", nil)
	m.AddFile("sys/class/iscsi_session/session1/initiatorname", []byte("iqn.here\n"))
	if h := m.observe(t); h.Sessions.IsComplete() || !strings.Contains(h.Sessions.Why(), "session1 does not say to what target it leads") {
		t.Errorf("%+v", h.Sessions)
	}
}

// Credentials beside the attributes that are read are not even opened.
func TestCredentialsAreNotRead(t *testing.T) {
	m := newMachine()
	secrets := []string{
		"sys/class/iscsi_session/session1/username", "sys/class/iscsi_session/session1/password",
		"sys/class/iscsi_session/session1/username_in", "sys/class/iscsi_session/session1/password_in",
		"sys/devices/virtual/nvme-fabrics/ctl/nvme0/dhchap_secret", "sys/devices/virtual/nvme-fabrics/ctl/nvme0/dhchap_ctrl_secret",
		"etc/iscsi/nodes/x", "var/lib/lxd/server.key", "proc/1/environ", "proc/1/mem",
	}
	m.controller("nvme0", arrayNQN, "live")
	for _, name := range secrets {
		m.AddFile(name, []byte("hunter2"))
	}
	m.AddFile("etc/iscsi/iscsid.conf", []byte("node.session.auth.password = hunter2\nnode.startup = manual\n"))
	spy := newSpy(m.FS)
	s := m.system()
	s.FS = spy
	h := observeSystem(t, s)
	if len(h.Sessions.Items) != 1 || !slices.ContainsFunc(h.Settings.Items, func(s evidence.Setting) bool { return s.Line == 2 }) {
		t.Fatalf("%+v %+v", h.Sessions, h.Settings)
	}
	for _, name := range secrets {
		if spy.wasOpened(name) {
			t.Errorf("%s was opened", name)
		}
	}
	for _, l := range listsOf(h) {
		for _, item := range append(l.items, l.why) {
			if strings.Contains(item, "hunter2") {
				t.Errorf("a secret is in %s: %s", l.name, item)
			}
		}
	}
}

func TestLinks(t *testing.T) {
	m := withMap()
	m.disk("sdc", "8:32", 2)
	wwid := serialNo(1).WWID()
	m.AddLink("dev/disk/by-id/dm-uuid-mpath-"+wwid, "../../dm-1")
	m.AddLink("dev/disk/by-id/dm-name-mpathdm-1", "../../dm-1")
	nguid := strings.TrimPrefix(serialNo(1).EUI(), "eui.")
	m.AddLink("dev/disk/by-id/scsi-"+wwid+"-part2", "../../dm-9")
	m.partition("sdc", "sdc1", "8:33")
	m.AddLink("dev/disk/by-id/scsi-"+wwid+"-part1", "../../sdc1")
	m.AddLink("dev/disk/by-id/nvme-uuid."+nguid, "../../sr0")
	m.AddLink("dev/disk/by-id/wwn-0x"+wwid[1:], "../../sdzz")
	m.AddLink("dev/disk/by-id/scsi-SPURE_FlashArray_"+string(serialNo(2)), "../../sdc")
	m.AddLink("dev/disk/by-id/nvme-Pure_Storage_FlashArray_ABC", "../../nvme0n1")
	m.AddLink("dev/disk/by-id/ata-QEMU", "../../sr0")
	m.AddLink("dev/disk/by-id/dm-name-vg-lv", "../../dm-7")
	m.AddFile("dev/mapper/"+wwid, nil) // a node, as without udev
	m.AddFile("dev/mapper/control", nil)
	m.AddFile("dev/mapper/mpathdm-1", nil)
	var got []string
	h := m.observe(t)
	for _, l := range h.Links.Items {
		got = append(got, strings.TrimPrefix(l.Path, "/dev/")+" "+l.Target+" "+short(l.Serial)+" "+short(l.Says)+" "+l.Device+" "+strings.Join(l.On, ",")+" "+l.Dangling.String())
	}
	want := []string{
		"disk/by-id/dm-name-mpathdm-1 ../../dm-1 01 ? dm-1 dm-1 no",
		"disk/by-id/dm-uuid-mpath-" + wwid + " ../../dm-1 01 01 dm-1 dm-1 no",
		"disk/by-id/nvme-Pure_Storage_FlashArray_ABC ../../nvme0n1 ? ?   yes",
		"disk/by-id/nvme-uuid." + nguid + " ../../sr0 01 01   yes",
		"disk/by-id/scsi-" + wwid + "-part1 ../../sdc1 01 01 sdc1 sdc no",
		"disk/by-id/scsi-" + wwid + "-part2 ../../dm-9 01 01   yes",
		"disk/by-id/scsi-SPURE_FlashArray_" + string(serialNo(2)) + " ../../sdc 02 02 sdc sdc no",
		"disk/by-id/wwn-0x" + wwid[1:] + " ../../sdzz 01 01   yes",
		"mapper/" + wwid + "  01 01   no",
		"mapper/mpathdm-1  01 ? dm-1 dm-1 no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !h.Links.IsComplete() {
		t.Error(h.Links.Why())
	}
}

// Whether a link's target has gone is not known while the devices are not.
func TestLinksInDoubt(t *testing.T) {
	m := newMachine()
	m.AddLink("dev/disk/by-id/wwn-0x"+serialNo(1).WWID()[1:], "../../sdq")
	if h := m.observe(t); len(h.Links.Items) != 1 || !h.Links.Items[0].Dangling.Is() {
		t.Errorf("%+v", h.Links)
	}
	s := m.system()
	fault := newSpy(m.FS)
	fault.bad, fault.err = "sys/block", syscall.EACCES
	s.FS = fault
	if h := observeSystem(t, s); len(h.Links.Items) != 1 || h.Links.Items[0].Dangling != evidence.Unknown || h.Links.IsComplete() {
		t.Errorf("%+v", h.Links)
	}
}

func TestDirectories(t *testing.T) {
	m := withMap()
	pools := "var/snap/lxd/common/lxd/storage-pools"
	m.AddDir(pools + "/pure/containers/idle")
	m.AddFile(pools+"/pure/containers/full/rootfs/x", nil)
	m.AddDir(pools + "/pure/containers/c1")
	m.AddDir(pools + "/pure/custom/default_v1")
	m.AddFile(pools+"/pure/custom/default_v2.iso", nil)
	m.AddDir(pools + "/pure/images/0123abcd")
	m.AddDir(pools + "/pure/virtual-machines/proj_vm1")
	m.AddDir(pools + "/pure/containers-snapshots/c1/snap0")
	m.AddDir(pools + "/pure/containers-snapshots/c2")
	m.AddDir(pools + "/pure/buckets/b1")
	m.AddDir(pools + "/cephfs/custom/x")
	m.AddDir(pools + "/pure/custom-snapshots/hung/s0")
	m.mount("52 24 254:1 / /" + pools + "/pure/custom-snapshots/hung rw - ext4 /dev/dm-1 rw")
	m.mount("50 24 0:50 / /" + pools + "/cephfs rw - ceph mon:/ rw")
	m.mount("51 24 254:1 / /" + pools + "/pure/containers/c1 rw - ext4 /dev/dm-1 rw")
	m.process(300, "lxd", "mnt:[4026532999]")
	m.AddFile("proc/300/mountinfo", []byte(
		"9 1 254:9 / /var/lib/snapd/hostfs/"+pools+"/pure/custom/default_v1 rw - ext4 /dev/dm-9 rw\n"))
	spy := newSpy(m.FS)
	s := m.system()
	s.FS = spy
	h := observeSystem(t, s)
	var got []string
	for _, d := range h.Directories.Items {
		got = append(got, strings.TrimPrefix(d.Path, "/"+pools+"/")+" "+d.Pool+" "+d.Kind+" "+d.Name+" empty="+d.Empty.String()+" mounted="+d.Mounted.String())
	}
	want := []string{
		"pure/containers/c1 pure containers c1 empty=unknown mounted=yes",
		"pure/containers/full pure containers full empty=no mounted=no",
		"pure/containers/idle pure containers idle empty=yes mounted=no",
		"pure/containers-snapshots/c1/snap0 pure containers-snapshots c1/snap0 empty=yes mounted=no",
		"pure/containers-snapshots/c2 pure containers-snapshots c2 empty=yes mounted=no",
		"pure/custom/default_v1 pure custom default_v1 empty=yes mounted=yes",
		"pure/images/0123abcd pure images 0123abcd empty=yes mounted=no",
		"pure/virtual-machines/proj_vm1 pure virtual-machines proj_vm1 empty=yes mounted=no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Listing below a mount without a live path never ends.
	for _, mounted := range []string{pools + "/pure/containers/c1", pools + "/cephfs", pools + "/pure/custom-snapshots/hung"} {
		if spy.wasOpened(mounted) {
			t.Errorf("%s is mounted and was listed", mounted)
		}
	}
}

// When a namespace can't be read, nothing is known not to be mounted; when
// our own can't, nothing is listed.
func TestDirectoriesInDoubt(t *testing.T) {
	m := newMachine()
	m.AddDir("var/lib/lxd/storage-pools/p/containers/c1")
	m.mount("50 24 0:4 mnt:[4026532138] /ns rw - nsfs nsfs rw")
	h := m.observe(t)
	if len(h.Directories.Items) != 1 || h.Directories.Items[0].Mounted != evidence.Unknown {
		t.Errorf("%+v", h.Directories)
	}
	m = newMachine()
	m.AddDir("var/lib/lxd/storage-pools/p/containers/c1")
	m.Remove("proc/self")
	h = m.observe(t)
	if len(h.Directories.Items) != 0 || h.Directories.IsComplete() {
		t.Errorf("%+v", h.Directories)
	}
}

func TestSettings(t *testing.T) {
	m := newMachine()
	m.AddFile("etc/multipath.conf", []byte(`# a comment
defaults {
	user_friendly_names yes
	find_multipaths "smart"   # as said
	polling_interval 5
}
! another
blacklist {
	devnode "^vd"
}
devices {
	device {
		no_path_retry queue
		vendor "PURE"
		product "FlashArray"
		features "1 queue_if_no_path"
	}
}
overrides {
	fast_io_fail_tmo 5
}
`))
	m.AddFile("etc/multipath/conf.d/b.conf", []byte("defaults {\n no_path_retry 12\n}\n"))
	m.AddFile("etc/multipath/conf.d/a.conf", []byte("multipaths {\n multipath {\n no_path_retry fail\n}\n}\n"))
	m.AddFile("etc/multipath/conf.d/old.bak", []byte("defaults {\n no_path_retry 99\n}\n"))
	m.AddFile("etc/iscsi/iscsid.conf", []byte("# node.startup = x\nnode.startup = manual\nnode.session.scan = auto\nnode.session.auth.password = hunter2\n"))
	m.AddFile("sys/class/iscsi_session/session7/recovery_tmo", []byte("10\n"))
	m.AddFile("sys/class/iscsi_session/session7/targetname", []byte("iqn.2010-06.com.purestorage:flasharray.1\n"))
	m.AddFile("sys/class/iscsi_session/session8/recovery_tmo", []byte("300\n"))
	m.AddFile("sys/class/iscsi_session/session8/targetname", []byte("iqn.2001-05.com.equallogic:0-8a0906-vol1\n"))
	nvme := m.controller("nvme0", arrayNQN, "live")
	m.AddFile(nvme+"/ctrl_loss_tmo", []byte("off\n"))
	m.AddFile("sys/module/nvme_core/parameters/multipath", []byte("N\n"))
	want := []evidence.Setting{
		{Name: "multipath syntax", Value: "a section multipath needs a wwid, so this one does not count", File: "/etc/multipath/conf.d/a.conf", Line: 2, Applies: evidence.Yes},
		{Name: "multipath user_friendly_names", Value: "yes", Section: "defaults", File: "/etc/multipath.conf", Line: 3, Applies: evidence.Yes},
		{Name: "multipath find_multipaths", Value: "smart", Section: "defaults", File: "/etc/multipath.conf", Line: 4, Applies: evidence.Yes},
		{Name: "multipath polling_interval", Value: "5", Section: "defaults", File: "/etc/multipath.conf", Line: 5, Applies: evidence.Yes},
		{Name: "multipath no_path_retry", Value: "queue", Section: "devices/device PURE FlashArray", File: "/etc/multipath.conf", Line: 13, Applies: evidence.Yes},
		{Name: "multipath features", Value: "1 queue_if_no_path", Section: "devices/device PURE FlashArray", File: "/etc/multipath.conf", Line: 16, Applies: evidence.Yes},
		{Name: "multipath fast_io_fail_tmo", Value: "5", Section: "overrides", File: "/etc/multipath.conf", Line: 20, Applies: evidence.Yes},
		{Name: "multipath no_path_retry", Value: "fail", Section: "multipaths/multipath", File: "/etc/multipath/conf.d/a.conf", Line: 3, Applies: evidence.No},
		{Name: "multipath no_path_retry", Value: "12", Section: "defaults", File: "/etc/multipath/conf.d/b.conf", Line: 2, Applies: evidence.Unknown},
		{Name: "iscsi node.startup", Value: "manual", File: "/etc/iscsi/iscsid.conf", Line: 2, Applies: evidence.Yes},
		{Name: "iscsi node.session.scan", Value: "auto", File: "/etc/iscsi/iscsid.conf", Line: 3, Applies: evidence.Yes},
		{Name: "iscsi node.conn[0].timeo.login_timeout", Value: "30", Applies: evidence.Yes},
		{Name: "iscsi node.session.initial_login_retry_max", Value: "4", Applies: evidence.Yes},
		{Name: "iscsi node.session.nr_sessions", Value: "1", Applies: evidence.Yes},
		{Name: "iscsi node.session.timeo.replacement_timeout", Value: "120", Applies: evidence.Yes},
		{Name: "iscsi recovery_tmo", Value: "10", Section: "session7", File: "/sys/class/iscsi_session/session7/recovery_tmo", Applies: evidence.Yes},
		{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes},
		{Name: "nvme multipath", Value: "N", File: "/sys/module/nvme_core/parameters/multipath", Applies: evidence.Yes},
	}
	h := m.observe(t)
	if diff := cmp.Diff(want, h.Settings.Items); diff != "" {
		t.Error(diff)
	}
	if !h.Settings.IsComplete() {
		t.Error(h.Settings.Why())
	}
}

func TestSource(t *testing.T) {
	m := newMachine()
	m.AddFile("proc/sys/kernel/hostname", []byte("lxd01\n"))
	m.AddFile("proc/sys/kernel/osrelease", []byte("6.12.1\n"))
	m.AddFile("proc/sys/kernel/random/boot_id", []byte("b-1\n"))
	s := m.system()
	s.Hostname = ""
	h := observeSystem(t, s)
	if h.Name != "lxd01" || h.Kernel != "6.12.1" || h.Boot != "b-1" || h.Recorded || h.Trouble != "" || h.Ended.Before(h.Began) {
		t.Errorf("%+v", h.Source)
	}
	m.Remove("sys")
	if h := m.observe(t); h.Trouble == "" || h.Hint == "" || h.Disks.IsComplete() || h.Maps.IsComplete() || h.Namespaces.IsComplete() {
		t.Errorf("without sys: %+v", h.Source)
	}
}
