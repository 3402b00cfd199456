package host_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// Every kind of use is seen, counts as open, and keeps the map from going.
func TestUses(t *testing.T) {
	for name, test := range map[string]struct {
		use  func(world) error
		want []string
	}{
		"open":  {func(w world) error { return w.Open(vol1, "qemu-system-x86", 3000) }, []string{"opener dm-0 0A /dev/dm-0 qemu-system-x86"}},
		"swap":  {func(w world) error { return w.Swap(vol1) }, []string{"swap dm-0 0A /dev/dm-0", "system sda 0A swap", "system sdb 0A swap", "system dm-0 0A swap"}},
		"loop":  {func(w world) error { return w.Loop(vol1) }, []string{"loop dm-0 0A loop1"}},
		"lvm":   {func(w world) error { return w.Hold(vol1, "LVM-abcdef") }, []string{"holder dm-0 0A dm-1 (guest-root)"}},
		"crypt": {func(w world) error { return w.Hold(vol1, "CRYPT-LUKS2-0123-secret") }, []string{"holder dm-0 0A dm-1 (secret)"}},
		"export": {
			func(w world) error { return w.Export(vol1) },
			[]string{"export dm-0 0A iblock_0/dm-0"},
		},
		"mount": {
			func(w world) error { return w.Mount(vol1, "/srv/with space", host.FirstNamespace) },
			[]string{"mount dm-0 0A /srv/with space", "superblock dm-0 0A ext4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, host.Options{})
			w.attach(vol1)
			if w.InUse(vol1) {
				t.Error("in use before anything uses it")
			}
			w.must(test.use(w))
			e := w.observe()
			want(t, "uses", uses(e), test.want...)
			if n := e.Maps.Items[0].OpenCount; n != evidence.CountOf(1) {
				t.Errorf("open count %v", n)
			}
			if !w.InUse(vol1) || w.InUse(vol2) {
				t.Error("the oracle disagrees")
			}
			if err := w.RemoveDevice(vol1); !errors.Is(err, syscall.EBUSY) {
				t.Errorf("removing it: %v", err)
			}
			w.Release(vol1)
			if name == "mount" {
				w.must(w.Unmount("/srv/with space"))
			}
			want(t, "uses afterwards", uses(w.observe()))
			w.must(w.RemoveDevice(vol1))
		})
	}
}

// What a mount namespace shows depends on who is in it; open count and
// superblock are always there.
func TestMountNamespaces(t *testing.T) {
	for name, test := range map[string]struct {
		where host.Where
		stop  bool
		bind  string
		want  string // the namespace
	}{
		"first":                  {where: host.FirstNamespace},
		"the snap's":             {where: host.LXDNamespace, want: "mnt:[4026532281]"},
		"the snap's, LXD not up": {where: host.LXDNamespace, stop: true, bind: "/run/snapd/ns/lxd.mnt", want: "mnt:[4026532281]"},
		"hidden":                 {where: host.HiddenNamespace, bind: "/run/snapd/ns/lxd.0.mnt", want: "mnt:[4026532346]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, host.Options{})
			w.attach(vol1)
			w.must(w.Mount(vol1, "/srv", test.where))
			if test.stop {
				w.StopLXD()
			}
			e := w.observe()
			want(t, "uses", uses(e), "mount dm-0 0A /srv", "superblock dm-0 0A ext4")
			if got := e.Uses.Items[0].Namespace; got != test.want && got != test.bind {
				t.Errorf("it is in %q, not in %q", got, test.want)
			}
			if e.Maps.Items[0].OpenCount != evidence.CountOf(1) {
				t.Errorf("open count %v", e.Maps.Items[0].OpenCount)
			}
			info, err := w.Kernel().MountInfo(t.Context(), "/run/snapd/ns/lxd.mnt")
			if err != nil {
				t.Errorf("the namespace at lxd.mnt: %q, %v", info, err)
			}
			m := w.Mounts()
			if len(m) != 1 || m[0].Serial != vol1 || m[0].Device != "dm-0" || m[0].Gone || m[0].Path != "/srv" {
				t.Errorf("mounts: %+v", m)
			}
			if err := w.Mount(vol1, "/srv", test.where); !errors.Is(err, syscall.EBUSY) {
				t.Errorf("mounting there again: %v", err)
			}
			err = w.Unmount("/srv")
			if (err == nil) != (test.where != host.HiddenNamespace) {
				t.Errorf("unmounting it: %v", err)
			}
			w.EndHidden()
			want(t, "uses afterwards", uses(w.observe()))
		})
	}
}

// Without its namespace being read, a hidden mount is in no mountinfo at all.
func TestHiddenMountIsInNoMountinfo(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.Mount(vol1, "/srv", host.HiddenNamespace))
	tree := w.System()
	tree.Kernel = nil
	if e := observeOnly(tree); e.Uses.IsComplete() || !contains(uses(e), "superblock dm-0 0A ext4") || contains(uses(e), "mount dm-0 0A /srv") {
		t.Errorf("complete %v, uses %v", e.Uses.IsComplete(), uses(e))
	}
}

func TestPartitionsAndHeads(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attachNVMe(vol1)
	w.must(w.Open(vol1, "dd", 3001))
	want(t, "uses", uses(w.observe()), "opener nvme0n1 0A /dev/nvme0n1 dd")
	want(t, "devices", w.DevicesOf(vol1), "nvme0c0n1", "nvme0c1n1", "nvme0n1")

	w.attach(vol2)
	w.must(w.Partitions(vol2, 1))
	want(t, "devices", w.DevicesOf(vol2), "dm-0", "dm-1", "sda", "sdb")

	bare := newWorld(t, host.Options{NoMultipath: true})
	bare.array.connect(bare.IQN(), vol1)
	bare.must(bare.Login(evidence.ModeISCSI))
	bare.must(bare.Hold(vol1, "LVM-abc"))
	want(t, "a holder of a bare disk", uses(bare.observe()), "holder sdb 0A dm-0 (guest-root)")
}

func TestDirectories(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.MakeDirectory("purepool", "containers", "c1")
	w.MakeDirectory("purepool", "containers", "c2")
	w.MakeDirectory("purepool", "custom-snapshots", "default_fs1/snap0")
	w.must(w.Mount(vol1, w.MountPath("purepool", "containers", "c1"), host.FirstNamespace))
	w.RemoveDirectory("purepool", "containers", "c2")
	got := []string{}
	for _, d := range w.observe().Directories.Items {
		got = append(got, d.Path+" empty "+d.Empty.String()+" mounted "+d.Mounted.String())
	}
	want(t, "directories", got,
		"/var/snap/lxd/common/lxd/storage-pools/purepool/containers/c1 empty unknown mounted yes",
		"/var/snap/lxd/common/lxd/storage-pools/purepool/custom-snapshots/default_fs1/snap0 empty yes mounted no")
}
