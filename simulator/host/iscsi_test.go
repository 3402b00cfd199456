package host_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

func TestHealthy(t *testing.T) {
	w := newWorld(t, host.Options{IQN: "iqn.2004-10.com.ubuntu:01:abc", ServerUUID: "0198ccbf-f421-71bd-9bf0-d71e6af8e308"})
	w.attach(vol1)
	w.MakeDirectory("purepool", "containers", "c1")
	w.must(w.Mount(vol1, w.MountPath("purepool", "containers", "c1"), host.LXDNamespace))
	e := w.observe()

	want(t, "disks", disks(e), "sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 running says 0A is 0A")
	want(t, "maps", maps(e), "dm-0 0A open 1 [sda A ready, sdb A ready]")
	want(t, "uses", uses(e),
		"mount dm-0 0A /var/snap/lxd/common/lxd/storage-pools/purepool/containers/c1", "superblock dm-0 0A ext4")
	if e.Name != "lxd01" || e.Boot == "" || e.Kernel != host.Kernel || e.Recorded {
		t.Errorf("name %q, boot %q, kernel %q, recorded %v", e.Name, e.Boot, e.Kernel, e.Recorded)
	}
	want(t, "iqns", e.IQNs.Items, "iqn.2004-10.com.ubuntu:01:abc")
	want(t, "nqns", e.NQNs.Items, "nqn.2014-08.org.nvmexpress:uuid:0198ccbf-f421-71bd-9bf0-d71e6af8e308")
	wantSessions := []evidence.Session{
		{ID: 1, Target: iqnTarget, State: "LOGGED_IN", ConnState: "up", Address: "10.77.1.1", Port: "3260", Iface: "default", RecoveryTmo: evidence.CountOf(10)},
		{ID: 2, Target: iqnTarget, State: "LOGGED_IN", ConnState: "up", Address: "10.77.0.1", Port: "3260", Iface: "default", RecoveryTmo: evidence.CountOf(10)},
	}
	if diff := cmp.Diff(wantSessions, e.Sessions.Items); diff != "" {
		t.Error(diff)
	}
	d, m := e.Disks.Items[1], e.Maps.Items[0]
	if d.Dev != "8:16" || d.Transport != "iscsi" || d.Session != 2 || d.Vendor != "PURE" || d.Bytes != evidence.CountOf(64<<20) ||
		d.WWID != evidence.Serial(vol1).NAA() || !cmp.Equal(d.Holders, []string{"dm-0"}) || !d.IO.Reads.Known {
		t.Errorf("disk: %+v", d)
	}
	if m.Name != "mpatha" || m.Dev != "253:0" || m.UUID != evidence.Serial(vol1).MapUUID() || !m.Suspended.IsNot() ||
		!m.Queueing.IsNot() || m.Bytes != evidence.CountOf(64<<20) {
		t.Errorf("map: %+v", m)
	}
	wantDirectories := []evidence.Directory{{
		Path: "/var/snap/lxd/common/lxd/storage-pools/purepool/containers/c1",
		Pool: "purepool", Kind: "containers", Name: "c1", Empty: evidence.Yes, Mounted: evidence.Yes,
	}}
	if diff := cmp.Diff(wantDirectories, e.Directories.Items); diff != "" {
		t.Error(diff)
	}
	links := map[string]string{}
	for _, l := range e.Links.Items {
		if !l.Dangling.IsNot() {
			t.Errorf("link %s dangles: %v", l.Path, l.Dangling)
		}
		links[l.Path] = l.Target
	}
	for name, target := range map[string]string{
		"/dev/disk/by-id/scsi-3624a9370d5bc07893d61b51b0001100a":          "../../dm-0",
		"/dev/disk/by-id/wwn-0x624a9370d5bc07893d61b51b0001100a":          "../../dm-0",
		"/dev/disk/by-id/dm-uuid-mpath-3624a9370d5bc07893d61b51b0001100a": "../../dm-0",
		"/dev/disk/by-id/scsi-SPURE_FlashArray_D5BC07893D61B51B0001100A":  "../../sdb",
		"/dev/mapper/mpatha":             "../dm-0",
		"/dev/disk/by-id/dm-name-mpatha": "../../dm-0",
		"/dev/disk/by-path/ip-10.77.1.1:3260-iscsi-" + iqnTarget + "-lun-1": "",
	} {
		if links[name] != target {
			t.Errorf("%s leads to %q, not to %q", name, links[name], target)
		}
	}
}

// LXD rescans only the first session that it finds, so a volume that comes
// later gets one path.
func TestOnePathForLaterVolumes(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.array.connect(w.IQN(), vol2)
	w.RescanFirst()
	if dev, ok := w.Device(vol2); dev != "dm-1" || !ok {
		t.Fatal(dev, ok)
	}
	want(t, "maps", maps(w.observe()), "dm-0 0A open 0 [sda A ready, sdb A ready]", "dm-1 04 open 0 [sdc A ready]")

	// Names are compared as text: of sessions 1, 2 and 10 the first is 1. With
	// that one down, nothing is scanned at all.
	w.CutPortal(iscsiPortals[0])
	w.array.connect(w.IQN(), vol3)
	w.RescanFirst()
	if dev, ok := w.Device(vol3); ok {
		t.Errorf("%s appeared through a session that is down", dev)
	}
}

// The device that comes too late: no map is made of it, because nobody but
// LXD asks for one.
func TestLateDevice(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.HoldDevices(1)
	w.array.connect(w.IQN(), vol2)
	w.Rescan()
	if dev, ok := w.Device(vol2); ok {
		t.Fatalf("%s appeared", dev)
	}
	if err := w.Mount(vol2, "/mnt", host.FirstNamespace); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("mounting without a device: %v", err)
	}
	w.HoldDevices(0)
	want(t, "disks before a scan", disks(w.observe()),
		"sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 running says 0A is 0A")
	w.RescanFirst()
	e := w.observe()
	want(t, "disks after it", disks(e), "sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 running says 0A is 0A",
		"sdc 0:0:0:2 running says 04 is 04")
	want(t, "maps", maps(e), "dm-0 0A open 0 [sda A ready, sdb A ready]")
	for _, l := range e.Links.Items {
		if l.Path == "/dev/disk/by-id/scsi-"+evidence.Serial(vol2).WWID() && l.Target != "../../sdc" {
			t.Errorf("link of the bare disk leads to %s", l.Target)
		}
	}

	w.NeverAppear(func(serial string) bool { return serial == vol3 })
	w.array.connect(w.IQN(), vol3)
	w.Rescan()
	if dev, ok := w.Device(vol3); ok {
		t.Errorf("%s appeared", dev)
	}
}

// A logical unit that is gone changes nothing in sysfs: only the checker and
// the device's own answer tell.
func TestDisconnectedOnTheArray(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.Mount(vol1, "/srv", host.FirstNamespace))
	w.array.disconnect(w.IQN(), vol1)
	e := w.observe()
	want(t, "disks", disks(e), "sda 0:0:0:1 running says 0A is gone", "sdb 1:0:0:1 running says 0A is gone")
	want(t, "maps", maps(e), "dm-0 0A open 1 [sda F faulty, sdb F faulty]")
	if !w.InUse(vol1) {
		t.Error("the oracle forgot the mount")
	}
	if _, ok := w.Device(vol1); ok {
		t.Error("a map without a live path is no device that LXD would use")
	}

	w.Rescan() // finds the size gone, keeps the identity, removes nothing
	for _, d := range w.observe().Disks.Items {
		if d.Bytes != evidence.CountOf(0) || d.Serial != vol1 {
			t.Errorf("after a rescan: %+v", d)
		}
	}

	w.array.connect(w.IQN(), vol1)
	want(t, "maps when it is back", maps(w.observe()), "dm-0 0A open 1 [sda A ready, sdb A ready]")
}

// On a queueing map the same leaves a udev worker that never ends.
func TestQueueingMapIsHeldByUdev(t *testing.T) {
	w := newWorld(t, host.Options{Queueing: true})
	w.attach(vol1)
	w.array.disconnect(w.IQN(), vol1)
	e := w.observe()
	want(t, "maps", maps(e), "dm-0 0A open 1 [sda F faulty, sdb F faulty]")
	want(t, "uses", uses(e), "opener dm-0 0A /dev/dm-0 (udev-worker)")
	if !e.Maps.Items[0].Queueing.Is() {
		t.Error("the map does not queue")
	}
	if err := w.FlushMap(vol1); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("flushing it: %v", err)
	}
	w.SetQueueing(false)
	w.must(w.FlushMap(vol1))
	if err := w.FlushMap(vol1); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("flushing it twice: %v", err)
	}
}

// The array gives the number to another volume. Until a scan nothing shows
// it; after one, sysfs names the new volume and the map still the old.
func TestLUNReuse(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.Mount(vol1, "/srv", host.LXDNamespace))
	w.array.disconnect(w.IQN(), vol1)
	w.array.connect(w.IQN(), vol2)
	e := w.observe()
	want(t, "disks before a scan", disks(e), "sda 0:0:0:1 running says 0A is 04", "sdb 1:0:0:1 running says 0A is 04")
	want(t, "maps", maps(e), "dm-0 0A open 1 [sda A ready, sdb A ready]")
	if !w.InUse(vol2) {
		t.Error("what is written to the old map goes to the new volume, so that is in use")
	}

	w.RescanFirst()
	e = w.observe()
	want(t, "disks after a scan", disks(e), "sda 0:0:0:1 running says 04 is 04", "sdb 1:0:0:1 running says 0A is 04")
	want(t, "maps", maps(e), "dm-0 0A open 1 [sda A ready, sdb A ready]")
	if dev, ok := w.Device(vol2); ok {
		t.Errorf("udev made a link to %s though nothing told it of the change", dev)
	}
	for _, l := range e.Links.Items {
		if l.Serial == vol2 {
			t.Errorf("there is a link %s", l.Path)
		}
	}
}

func TestFlushAndDelete(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.Open(vol1, "qemu-system-x86", 3000))
	if err := w.RemoveDevice(vol1); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("removing a device in use: %v", err)
	}
	w.Close(3000)
	w.must(w.Partitions(vol1, 2))
	want(t, "maps", maps(w.observe()), "dm-0 0A open 2 [sda A ready, sdb A ready]", "dm-1 0A open 0 []", "dm-2 0A open 0 []")
	if w.InUse(vol1) {
		t.Error("partitions that nobody uses are no use")
	}
	w.must(w.FlushMap(vol1))
	e := w.observe()
	want(t, "maps after the flush", maps(e))
	want(t, "disks after the flush", disks(e), "sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 running says 0A is 0A")

	// An offline disk keeps its place: a scan brings nothing back.
	w.must(w.OfflinePath("sda"))
	w.must(w.OfflinePath("sdb"))
	w.Rescan()
	e = w.observe()
	want(t, "offline disks", disks(e), "sda 0:0:0:1 offline says 0A is ?", "sdb 1:0:0:1 offline says 0A is ?")
	want(t, "maps with offline disks", maps(e))
	w.array.disconnect(w.IQN(), vol1)
	w.must(w.DeletePath("sda"))
	w.must(w.DeletePath("sdb"))
	w.Rescan()
	want(t, "after the disconnect", disks(w.observe()))
	if err := w.DeletePath("sda"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("deleting what is gone: %v", err)
	}
}

// Deleting a disk that the array still shows is undone by the next scan, map
// and all, for multipath knows the WWID.
func TestDeletedPathComesBack(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	before := w.observe()
	w.must(w.RemoveDevice(vol1))
	want(t, "disks", disks(w.observe()))
	w.Rescan()
	e := w.observe()
	want(t, "maps", maps(e), "dm-0 0A open 0 [sda A ready, sdb A ready]")
	for i, d := range e.Disks.Items {
		if d.Name != before.Disks.Items[i].Name || d.Seq.N <= before.Disks.Items[i].Seq.N {
			t.Errorf("%s has seq %v, before it was %v: names are used again, numbers are not", d.Name, d.Seq, before.Disks.Items[i].Seq)
		}
	}
	if e.Maps.Items[0].Name != "mpatha" {
		t.Errorf("the WWID did not keep its name: %s", e.Maps.Items[0].Name)
	}
}

func TestPathsDeletedUnderAnOpenMap(t *testing.T) {
	w := newWorld(t, host.Options{Queueing: true})
	w.attach(vol1)
	w.must(w.Mount(vol1, "/srv", host.FirstNamespace))
	w.must(w.DeletePath("sda"))
	w.must(w.DeletePath("sdb"))
	e := w.observe()
	want(t, "maps", maps(e), "dm-0 0A open 1 []")
	w.must(w.Unmount("/srv"))
	w.must(w.FlushMap(vol1))
	if err := w.Unmount("/srv"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("unmounting twice: %v", err)
	}
}

func TestPortalLost(t *testing.T) {
	clock := fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, host.Options{Clock: clock})
	w.attach(vol1)
	w.CutPortal(iscsiPortals[1])
	e := w.observe()
	want(t, "disks", disks(e), "sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 blocked says 0A is ?")
	want(t, "maps", maps(e), "dm-0 0A open 0 [sda A ready, sdb A i/o pending]")
	if s := e.Sessions.Items[1]; s.State != "FAILED" || s.ConnState != "failed" || s.Address != "10.77.0.1" || s.Live() {
		t.Errorf("session: %+v", s)
	}
	if err := w.OfflinePath("sdb"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("setting the state of a blocked disk: %v", err)
	}

	clock.Advance(10 * time.Second)
	e = w.observe()
	want(t, "disks after the recovery time", disks(e),
		"sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 transport-offline says 0A is ?")
	want(t, "maps", maps(e), "dm-0 0A open 0 [sda A ready, sdb F faulty]")
	if s := e.Sessions.Items[1]; s.State != "FREE" {
		t.Errorf("session: %+v", s)
	}

	w.array.disconnect(w.IQN(), vol1) // the lost path can't notice
	w.RestorePortal(iscsiPortals[1])
	e = w.observe()
	want(t, "disks when it is back", disks(e), "sda 0:0:0:1 running says 0A is gone", "sdb 1:0:0:1 running says 0A is gone")
	if !e.Sessions.Items[1].Live() {
		t.Errorf("session: %+v", e.Sessions.Items[1])
	}
}

func TestNoPortal(t *testing.T) {
	w := newWorld(t, host.Options{})
	for _, portal := range append(append([]string{}, iscsiPortals...), nvmePortals...) {
		w.CutPortal(portal)
	}
	if w.Login(evidence.ModeISCSI) == nil || w.Login(evidence.ModeNVMeTCP) == nil {
		t.Error("a login without a portal succeeded")
	}
	if w.Login(evidence.ModeFC) == nil {
		t.Error("a login over a transport that the machine does not have succeeded")
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1, vol2)
	w.must(w.Mount(vol2, "/srv", host.FirstNamespace))
	w.Logout(evidence.ModeISCSI)
	e := w.observe()
	want(t, "disks", disks(e))
	want(t, "maps", maps(e), "dm-1 04 open 1 []")
	if len(e.Sessions.Items) != 0 {
		t.Errorf("sessions: %+v", e.Sessions.Items)
	}
}

func TestWithoutMultipathd(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.StopMultipathd()
	w.array.disconnect(w.IQN(), vol1)
	want(t, "nobody notices the loss", maps(w.observe()), "dm-0 0A open 0 [sda A, sdb A]")
	w.array.connect(w.IQN(), vol1)
	w.must(w.FlushMap(vol1))
	w.array.connect(w.IQN(), vol2)
	w.Rescan()
	want(t, "no map is made", maps(w.observe()))
	if dev, ok := w.Device(vol2); !ok || dev != "sdd" {
		t.Errorf("the link leads to %s, %v", dev, ok)
	}
	w.StartMultipathd()
	want(t, "what it knows gets a map again", maps(w.observe()), "dm-0 0A open 0 [sda A ready, sdb A ready]")

	bare := newWorld(t, host.Options{NoMultipath: true})
	bare.array.connect(bare.IQN(), vol1)
	bare.must(bare.Login(evidence.ModeISCSI))
	bare.must(bare.Mount(vol1, "/srv", host.FirstNamespace))
	want(t, "mounted without a map", uses(bare.observe()), "mount sdb 0A /srv", "superblock sdb 0A ext4")
	bare.must(bare.DeletePath("sdb"))
	want(t, "its disk deleted", uses(bare.observe()), "mount sdb none /srv", "superblock sdb none ext4")
}

func TestSuspend(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.Suspend(vol1, true)
	if m := w.observe().Maps.Items[0]; !m.Suspended.Is() {
		t.Errorf("map: %+v", m)
	}
}

func TestPowerCycle(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.MakeDirectory("purepool", "custom", "default_fs1")
	w.must(w.Mount(vol1, w.MountPath("purepool", "custom", "default_fs1"), host.LXDNamespace))
	before := w.observe()
	w.PowerCycle()
	e := w.observe()
	if e.Boot == before.Boot || e.Boot == "" {
		t.Errorf("the boot id %q was %q before", e.Boot, before.Boot)
	}
	if len(e.Sessions.Items)+len(e.Disks.Items)+len(e.Maps.Items)+len(e.Uses.Items)+len(e.Links.Items) != 0 || w.InUse(vol1) {
		t.Errorf("something survived: %v %v %v", disks(e), maps(e), uses(e))
	}
	if len(e.Directories.Items) != 1 || !e.Directories.Items[0].Mounted.IsNot() || !e.Directories.Items[0].Empty.Is() {
		t.Errorf("directories: %+v", e.Directories.Items)
	}
	w.must(w.Login(evidence.ModeISCSI))
	want(t, "multipath still knows the WWID", maps(w.observe()), "dm-0 0A open 0 [sda A ready, sdb A ready]")
}

// Where the volume's link leads, whatever else leads to the volume.
func TestLinked(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.array.connect(w.IQN(), vol2)
	w.RescanFirst()
	w.attachNVMe(vol3)
	for serial, wanted := range map[string]string{vol1: "dm-0", vol2: "sdc", vol3: "nvme0n1", "D5BC07893D61B51B00011099": ""} {
		if got, ok := w.Linked(serial); got != wanted || ok != (wanted != "") {
			t.Errorf("%s: %q, %v; want %q", serial, got, ok, wanted)
		}
	}
	// The number is another volume's now, but udev was not told.
	w.array.disconnect(w.IQN(), vol2)
	w.array.connect(w.IQN(), "D5BC07893D61B51B00011099")
	if got, ok := w.Linked("D5BC07893D61B51B00011099"); ok {
		t.Errorf("it leads to %s", got)
	}
	want(t, "devices", w.DevicesOf("D5BC07893D61B51B00011099"), "sdc")
}

// A disk that was set offline keeps its place and its old name whatever
// happens: no scan asks it again, and multipathd makes no map of it.
func TestOfflineDiskIsLeftAlone(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.FlushMap(vol1))
	w.must(w.OfflinePath("sda"))
	w.must(w.OfflinePath("sdb"))
	w.array.disconnect(w.IQN(), vol1)
	w.array.connect(w.IQN(), vol2)
	w.Rescan()
	w.StopMultipathd()
	w.StartMultipathd()
	e := w.observe()
	want(t, "disks", disks(e), "sda 0:0:0:1 offline says 0A is ?", "sdb 1:0:0:1 offline says 0A is ?")
	want(t, "maps", maps(e))

	w.must(w.OnlinePath("sda")) // the way back asks nothing either
	want(t, "one back", disks(w.observe())[:1], "sda 0:0:0:1 running says 0A is 04")
}

// A disk that was set offline before its number went to a volume that is now
// mounted: nothing reaches that volume through it, no scan adds a device at
// its address while it is there, and deleting it is what lets that path come.
func TestBystander(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.FlushMap(vol1))
	w.must(w.OfflinePath("sdb"))
	w.must(w.DeletePath("sda"))
	w.array.disconnect(w.IQN(), vol1)
	w.attach(vol2)
	w.must(w.Mount(vol2, "/mnt/new", host.FirstNamespace))
	want(t, "devices", w.DevicesOf(vol2), "dm-0", "sda", "sdb")
	want(t, "bystanders", w.Bystanders(vol2), "sdb")
	w.must(w.OnlinePath("sdb"))
	want(t, "bystanders when it runs", w.Bystanders(vol2))
	w.must(w.OfflinePath("sdb"))
	w.Rescan()
	want(t, "maps while it is there", maps(w.observe()), "dm-0 04 open 1 [sda A ready]")

	w.must(w.DeletePath("sdb"))
	w.Rescan()
	want(t, "maps", maps(w.observe()), "dm-0 04 open 1 [sda A ready, sdb A ready]")
	want(t, "devices", w.DevicesOf(vol2), "dm-0", "sda", "sdb")
	want(t, "bystanders", w.Bystanders(vol2))
	if !w.InUse(vol2) {
		t.Error("it is not in use any more")
	}
}

// The same, when the volume is connected again at its own number.
func TestBystanderOfItsOwn(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.FlushMap(vol1))
	w.must(w.OfflinePath("sdb"))
	w.must(w.DeletePath("sda"))
	w.array.disconnect(w.IQN(), vol1)
	w.attach(vol1)
	w.must(w.Mount(vol1, "/mnt/again", host.FirstNamespace))
	want(t, "maps", maps(w.observe()), "dm-0 0A open 1 [sda A ready]")
	want(t, "bystanders", w.Bystanders(vol1), "sdb")
	w.must(w.DeletePath("sdb"))
	w.Rescan()
	want(t, "maps", maps(w.observe()), "dm-0 0A open 1 [sda A ready, sdb A ready]")
	want(t, "bystanders", w.Bystanders(vol1))
}

// A disk that was set offline, whose number another volume has, and that runs
// again, says that it is the one and is the other.
func TestStrays(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.FlushMap(vol1))
	w.must(w.OfflinePath("sda"))
	w.must(w.OfflinePath("sdb"))
	w.array.disconnect(w.IQN(), vol1)
	w.array.connect(w.IQN(), vol2)
	if strays := w.Strays(); len(strays) > 0 {
		t.Errorf("offline: %+v", strays)
	}
	w.must(w.OnlinePath("sdb"))
	if strays := w.Strays(); len(strays) != 1 || strays[0].Name != "sdb" || strays[0].Serial != vol1 {
		t.Errorf("running: %+v", strays)
	}
}
