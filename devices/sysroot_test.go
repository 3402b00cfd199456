package devices_test

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// onDisk writes a recorded host into a directory.
func onDisk(t *testing.T, name string) string {
	t.Helper()
	dir, tree := t.TempDir(), load(t, name)
	for _, file := range namesIn(tree) {
		// Hundreds of files that nobody reads.
		if base := path.Base(file); strings.Contains(file, "/queue/") && base != "iostats" || base == "uevent" || base == "udev" {
			tree.Remove(file)
		}
	}
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fromDir(t *testing.T, dir string) evidence.Host {
	t.Helper()
	s, err := devices.FromDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return devices.Observe(t.Context(), s)
}

// A host read from a directory is the host read from memory.
func TestFromDir(t *testing.T) {
	for _, name := range []string{"capture-05-stale-array-side", "lab-08-iscsi-partitions-on-map", "lab-25-nvme-ns-removed-still-mounted"} {
		t.Run(name, func(t *testing.T) {
			dir := onDisk(t, name)
			got, want := fromDir(t, dir), observe(t, load(t, name))
			if diff := cmp.Diff(listsOf(want), listsOf(got), cmp.AllowUnexported(list{})); diff != "" {
				t.Errorf("(-memory +disk)\n%s", diff)
			}
			if !got.Recorded || got.Name != dir || got.AllProcesses != want.AllProcesses {
				t.Errorf("%+v", got.Source)
			}
		})
	}
}

func TestFromDirWithoutSys(t *testing.T) {
	dir := t.TempDir()
	if _, err := devices.FromDir(dir); err == nil || !strings.Contains(err.Error(), "no directory sys") {
		t.Errorf("empty directory: %v", err)
	}
	if _, err := devices.FromDir(filepath.Join(dir, "missing")); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("no directory: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sys"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := devices.FromDir(dir); err == nil {
		t.Error("a file called sys was accepted")
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, "sys")), os.Symlink("sys", filepath.Join(dir, "sys"))); err != nil {
		t.Fatal(err)
	}
	if _, err := devices.FromDir(dir); err == nil || strings.Contains(err.Error(), "no directory") {
		t.Errorf("a circle called sys: %v", err)
	}
}

// Links that lead out of the directory lead to the same place inside it, or
// nowhere; they never lead to the running machine.
func TestFromDirStaysInside(t *testing.T) {
	dir := t.TempDir()
	outside := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "initiatorname.iscsi"), "InitiatorName=iqn.outside\n")
	write(filepath.Join(outside, "hostname"), "outside\n")
	write(filepath.Join(dir, "real/iscsi/initiatorname.iscsi"), "InitiatorName=iqn.inside\n")
	write(filepath.Join(dir, "real/platform/host0/session1/target0:0:0/0:0:0:1/vendor"), "PURE\n")
	write(filepath.Join(dir, "real/platform/host0/session1/target0:0:0/0:0:0:1/block/sda/dev"), "8:0\n")
	link("/real/iscsi", filepath.Join(dir, "etc/iscsi"))           // absolute: starts at dir
	link("../../../../../real", filepath.Join(dir, "sys/devices")) // ".." ends at dir
	link("/etc/passwd", filepath.Join(dir, "etc/multipath.conf"))  // exists outside only
	link(outside+"/hostname", filepath.Join(dir, "etc/hostname"))  // outside altogether
	link("/sys/class", filepath.Join(dir, "sys/class"))            // a circle
	link("circle2", filepath.Join(dir, "var/lib/lxd"))             // a circle of two
	link("../lib/lxd", filepath.Join(dir, "var/lib/circle2"))      //
	link("../devices/platform/host0/session1/target0:0:0/0:0:0:1/block/sda", filepath.Join(dir, "sys/block/sda"))

	h := fromDir(t, dir)
	if got := h.IQNs.Items; len(got) != 1 || got[0] != "iqn.inside" {
		t.Errorf("IQNs %v", got)
	}
	if h.Name != dir {
		t.Errorf("named %q by a file outside", h.Name)
	}
	for _, s := range h.Settings.Items {
		t.Errorf("a setting from outside: %+v", s)
	}
	if len(h.Disks.Items) != 1 || h.Disks.Items[0].HCTL != "0:0:0:1" {
		t.Errorf("disks %+v", h.Disks)
	}
	if h.Sessions.IsComplete() || h.Subsystems.IsComplete() {
		t.Error("lists below a circle of links claim to be complete")
	}
	if h.NQNs.IsComplete() {
		t.Error("LXD's directory is a circle of links, and yet its NQN is known")
	}
	s, err := devices.FromDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sys/class/x", "var/lib/lxd/x"} {
		if _, err := fs.Lstat(s.FS, name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("below a circle of links %s: %v", name, err)
		}
		if _, err := fs.ReadLink(s.FS, name); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a link below a circle of links %s: %v", name, err)
		}
	}
}

func TestRecordedIdentity(t *testing.T) {
	for text, want := range map[string]evidence.Identity{
		"36" + evidence.OUI + "07a9ad0a2ce6b4c5a00011010\n": {Kind: evidence.IdentityKnown, Serial: "7A9AD0A2CE6B4C5A00011010"},
		"360000000000000000e00000000010001\n":               {Kind: evidence.IdentityKnown},
		"0QEMU_QEMU_HARDDISK_1\n":                           {Kind: evidence.IdentityKnown},
		"gone\n":                                            {Kind: evidence.IdentityGone},
		"\n":                                                {},
		"timeout\n":                                         {},
		"3624a 9370\n":                                      {},
		"scsi_id: no\n":                                     {},
	} {
		tree := treefs.New()
		tree.AddFile("commands/scsi_id_-g_-u__dev_sda.out", []byte(text))
		got := devices.Recording(tree).Identify(t.Context(), "sda")
		if got.Kind != want.Kind || got.Serial != want.Serial || (got.Kind == "" && got.Why == "") {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
	if got := devices.Recording(treefs.New()).Identify(t.Context(), "sda"); got.Kind != "" || got.Why == "" {
		t.Errorf("not recorded: %+v", got)
	}
}

// What was recorded and can't be read or understood is an error: it is not
// what a command printed that had nothing to tell.
func TestRecordingThatDoesNotTell(t *testing.T) {
	const info = "Name: a\nState: ACTIVE\nOpen count: 0\nMajor, minor: 253, 1\n"
	maps := func(k devices.Kernel) error { _, err := k.Maps(t.Context()); return err }
	checkers := func(k devices.Kernel) error { _, err := k.Checkers(t.Context()); return err }
	for name, ask := range map[string]func(devices.Kernel) error{
		"dmsetup_info.out":              maps,
		"dmsetup_status.out":            maps,
		"dmsetup_table.out":             maps,
		"multipathd_show_maps_json.out": checkers,
		"dmesg.out": func(k devices.Kernel) error {
			_, err := devices.System{Kernel: k}.KernelLog(t.Context())
			return err
		},
		"nsenter_--mount__ns_cat__proc_self_mountinfo.out": func(k devices.Kernel) error {
			_, err := k.MountInfo(t.Context(), "/ns")
			return err
		},
	} {
		tree := treefs.New()
		tree.AddFile("commands/dmsetup_info.out", []byte(info))
		tree.AddFile("commands/"+name, []byte("rubbish\n"))
		if err := ask(devices.Recording(tree)); err == nil && (strings.HasPrefix(name, "dmsetup") || strings.HasPrefix(name, "multipathd")) {
			t.Errorf("%s was understood", name)
		}
		fault := newSpy(tree)
		fault.bad, fault.err = "commands/"+name, syscall.EIO
		if err := ask(devices.Recording(fault)); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s can't be read: %v", name, err)
		}
	}
	for name, ask := range map[string]func(devices.Kernel) error{"maps": maps, "checkers": checkers} {
		if err := ask(devices.Recording(treefs.New())); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s that were not recorded: %v", name, err)
		}
	}
	tree := treefs.New()
	tree.AddFile("commands/dmsetup_info.out", []byte(info))
	if err := maps(devices.Recording(tree)); err != nil {
		t.Errorf("without status and table: %v", err)
	}
	if text, err := newMachine().system().Journal(); text != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the journal of a host that runs: %q, %v", text, err)
	}
}

// Opening a fifo never ends, opening a device has effects.
func TestFromDirOpensFilesOnly(t *testing.T) {
	dir := onDisk(t, "lab-11-iscsi-logged-in-no-lun")
	if err := mkfifo(filepath.Join(dir, "etc/multipath.conf")); err != nil {
		t.Skipf("no fifo on %s: %v", runtime.GOOS, err)
	}
	done := make(chan evidence.Host, 1)
	go func() { done <- fromDir(t, dir) }()
	select {
	case h := <-done:
		if h.Settings.IsComplete() {
			t.Error("a fifo was taken for an empty file")
		}
	case <-time.After(time.Minute):
		t.Fatal("it hangs on a fifo")
	}
}

// What multipathd says instead of an answer is no configuration, in a recording as
// on a live host: it may be running with any.
func TestRecordedRefusalOfMultipathd(t *testing.T) {
	for text, ok := range map[string]bool{"timeout\n": false, "fail\n": false, "permission deny: need to be root\n": false, "defaults {\n}\n": true} {
		tree := treefs.New()
		tree.AddFile("commands/multipathd_show_config.out", []byte(text))
		reporter, is := devices.Recording(tree).(devices.Reporter)
		if !is {
			t.Fatal("a recording reports nothing")
		}
		if said, err := reporter.MultipathConfig(t.Context()); (err == nil) != ok {
			t.Errorf("%q: %q, %v", text, said, err)
		}
	}
}
