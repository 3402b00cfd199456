package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

const (
	serial10  = evidence.Serial("7A9AD0A2CE6B4C5A00011010")
	naaPure10 = "\x62\x4a\x93\x70\x7a\x9a\xd0\xa2\xce\x6b\x4c\x5a\x00\x01\x10\x10"
)

// sysfs is a tree of real files, laid out as the kernel's.
type sysfs struct {
	*testing.T
	root string
}

func (s sysfs) put(name, value string) {
	s.Helper()
	name = filepath.Join(s.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(value), 0o644)); err != nil {
		s.Fatal(err)
	}
}

func (s sysfs) get(name string) string {
	s.Helper()
	data, err := os.ReadFile(filepath.Join(s.root, name))
	if err != nil {
		s.Fatal(err)
	}
	return string(data)
}

// disk adds a SCSI disk and returns its directory.
func (s sysfs) disk(target release.Target) string {
	s.Helper()
	host, _, _ := strings.Cut(target.HCTL, ":")
	dir := fmt.Sprintf("devices/platform/host%s/session1/target%s:0:0/%s", host, host, target.HCTL)
	s.put(dir+"/state", "running\n")
	s.put(dir+"/delete", "")
	s.put(dir+"/wwid", target.Serial.NAA()+"\n")
	block := dir + "/block/" + target.Name
	s.put(block+"/dev", target.Dev+"\n")
	s.put(block+"/diskseq", fmt.Sprintf("%d\n", target.Seq))
	link := filepath.Join(s.root, "class/scsi_device", target.HCTL)
	if err := errors.Join(os.MkdirAll(filepath.Join(s.root, block, "holders"), 0o755), os.MkdirAll(link, 0o755),
		os.Symlink("../../../"+dir, filepath.Join(link, "device"))); err != nil {
		s.Fatal(err)
	}
	return dir
}

func (s sysfs) remove(name string) {
	s.Helper()
	if err := os.RemoveAll(filepath.Join(s.root, name)); err != nil {
		s.Fatal(err)
	}
}

// diskRig is a writer over a tree with one disk.
func diskRig(t *testing.T) (*rig, sysfs, release.Target, string) {
	t.Helper()
	r, s := newRig(), sysfs{t, t.TempDir()}
	r.writer.sysfs = s.root
	target := release.Target{Name: "sdb", HCTL: "3:0:0:7", Dev: "8:16", Seq: 41, Serial: serial10}
	return r, s, target, s.disk(target)
}

func TestSetState(t *testing.T) {
	r, s, sdb, dir := diskRig(t)
	var written []string
	r.write = func(dir int, name, value string) error {
		written = append(written, name+" "+value)
		return writeAttribute(dir, name, value)
	}
	for _, state := range []string{"offline", "offline", "running"} {
		if err := r.SetState(t.Context(), sdb, state); err != nil {
			t.Fatal(err)
		}
		if got := s.get(dir + "/state"); got != state+"\n" {
			t.Errorf("the state is %q", got)
		}
	}
	// Without the newline the kernel answers EINVAL.
	wants(t, "written", written, "state offline\n", "state running\n")
}

// What is so already is not written again: writing "running" makes the
// kernel scan the device.
func TestSetStateWritesOnce(t *testing.T) {
	r, _, sdb, _ := diskRig(t)
	writes := 0
	r.write = func(dir int, name, value string) error {
		writes++
		return writeAttribute(dir, name, value)
	}
	for range 3 {
		if err := r.SetState(t.Context(), sdb, "running"); err != nil {
			t.Fatal(err)
		}
	}
	if writes != 0 {
		t.Errorf("%d writes", writes)
	}
}

func TestSetStateNotAllowed(t *testing.T) {
	for _, now := range []string{"blocked", "transport-offline", "quiesce", "cancel", "deleted", "created", ""} {
		r, s, sdb, dir := diskRig(t)
		s.put(dir+"/state", now+"\n")
		for _, state := range []string{"offline", "running"} {
			if err := r.SetState(t.Context(), sdb, state); !errors.Is(err, release.ErrState) {
				t.Errorf("%q to %q: %v", now, state, err)
			}
		}
		if got := s.get(dir + "/state"); got != now+"\n" {
			t.Errorf("%q was written over %q", got, now)
		}
	}
	r, s, sdb, dir := diskRig(t)
	for _, state := range []string{"", "deleted", "blocked", "offline\n", "running "} {
		if err := r.SetState(t.Context(), sdb, state); !errors.Is(err, release.ErrState) {
			t.Errorf("to %q: %v", state, err)
		}
	}
	if got := s.get(dir + "/state"); got != "running\n" {
		t.Errorf("written: %q", got)
	}
	// It changed between the look and the write.
	r.write = func(int, string, string) error { return unix.EINVAL }
	if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, release.ErrState) {
		t.Error(err)
	}
	r.write = func(int, string, string) error { return unix.EPERM }
	if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	// The kernel took it and it is not so.
	r.write = func(int, string, string) error { s.put(dir+"/state", "transport-offline\n"); return nil }
	if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, release.ErrState) {
		t.Error(err)
	}
}

func TestDeleteDisk(t *testing.T) {
	for _, state := range []string{"running", "offline", "blocked", "transport-offline"} {
		r, s, sdb, dir := diskRig(t)
		s.put(dir+"/state", state+"\n")
		if err := r.DeleteDisk(t.Context(), sdb); err != nil || s.get(dir+"/delete") != "1" {
			t.Errorf("%s: %v, %q", state, err, s.get(dir+"/delete"))
		}
	}
}

// A disk whose state can't be read is not written to: it may be running and in
// use.
func TestStateThatIsNotRead(t *testing.T) {
	r, s, sdb, dir := diskRig(t)
	s.remove(dir + "/state")
	if err := os.Symlink("wwid", filepath.Join(s.root, dir, "state")); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteDisk(t.Context(), sdb); err == nil || s.get(dir+"/delete") != "" {
		t.Errorf("%v, %q", err, s.get(dir+"/delete"))
	}
	if err := r.SetState(t.Context(), sdb, "offline"); err == nil {
		t.Error("it was set offline")
	}
}

// Each thing that tells a disk from another is enough to refuse.
func TestOtherDisks(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(s sysfs, dir string, target *release.Target)
	}{
		{"another disk at the address", func(s sysfs, dir string, _ *release.Target) {
			if err := os.Rename(filepath.Join(s.root, dir, "block/sdb"), filepath.Join(s.root, dir, "block/sdc")); err != nil {
				s.Fatal(err)
			}
		}},
		{"two disks", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/block/sdc/dev", "8:32\n") }},
		{"no disk", func(s sysfs, dir string, _ *release.Target) { s.remove(dir + "/block") }},
		{"another number", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/block/sdb/dev", "8:160\n") }},
		{"added anew", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/block/sdb/diskseq", "42\n") }},
		{"no sequence number", func(s sysfs, dir string, _ *release.Target) { s.remove(dir + "/block/sdb/diskseq") }},
		{"no number", func(s sysfs, dir string, _ *release.Target) { s.remove(dir + "/block/sdb/dev") }},
		{"another volume", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/wwid", serial11.NAA()+"\n") }},
		{"another vendor's", func(s sysfs, dir string, _ *release.Target) {
			s.put(dir+"/wwid", "naa.600508b4"+strings.ToLower(string(serial10))+"\n")
		}},
		{"no identity", func(s sysfs, dir string, _ *release.Target) { s.remove(dir + "/wwid") }},
		{"an empty identity", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/wwid", "\n") }},
		{"the page of another", func(s sysfs, dir string, _ *release.Target) {
			s.put(dir+"/wwid", "\n")
			s.put(dir+"/vpd_pg83", string(page(0, named(1, 3, naaPure11))))
		}},
		{"no partitions to see", func(s sysfs, dir string, _ *release.Target) {
			// Its attributes can be read through the link, and it can't be listed.
			s.put(dir+"/elsewhere/sdb1/holders/dm-4", "")
			if err := errors.Join(os.Rename(filepath.Join(s.root, dir, "block/sdb/dev"), filepath.Join(s.root, dir, "elsewhere/dev")),
				os.Rename(filepath.Join(s.root, dir, "block/sdb/diskseq"), filepath.Join(s.root, dir, "elsewhere/diskseq")),
				os.Mkdir(filepath.Join(s.root, dir, "elsewhere/holders"), 0o755)); err != nil {
				s.Fatal(err)
			}
			s.remove(dir + "/block/sdb")
			if err := os.Symlink("../elsewhere", filepath.Join(s.root, dir, "block/sdb")); err != nil {
				s.Fatal(err)
			}
		}},
		{"no holders to see", func(s sysfs, dir string, _ *release.Target) { s.remove(dir + "/block/sdb/holders") }},
		{"a target without serial", func(_ sysfs, _ string, d *release.Target) { d.Serial = "" }},
		{"neither has a Pure serial", func(s sysfs, dir string, d *release.Target) {
			d.Serial = ""
			s.put(dir+"/wwid", "naa.600508b400105e210000900000490000\n")
		}},
		{"a target with half a serial", func(_ sysfs, _ string, d *release.Target) { d.Serial = "7A9AD0A2" }},
		{"a target spelled otherwise", func(_ sysfs, _ string, d *release.Target) {
			d.Serial = evidence.Serial(strings.ToLower(string(d.Serial)))
		}},
		{"a target without sequence", func(s sysfs, dir string, d *release.Target) { d.Seq = 0; s.put(dir+"/block/sdb/diskseq", "0\n") }},
		{"a target without number", func(s sysfs, dir string, d *release.Target) { d.Dev = ""; s.put(dir+"/block/sdb/dev", "\n") }},
		{"a target without address", func(_ sysfs, _ string, d *release.Target) { d.HCTL = "" }},
		{"a path for an address", func(_ sysfs, _ string, d *release.Target) { d.HCTL = "3:0:0:7/../3:0:0:7" }},
		{"a path for a name", func(_ sysfs, _ string, d *release.Target) { d.Name = "../block/sdb" }},
		{"a name that is no SCSI disk's", func(s sysfs, dir string, d *release.Target) {
			d.Name = "dm-1"
			if err := os.Rename(filepath.Join(s.root, dir, "block/sdb"), filepath.Join(s.root, dir, "block/dm-1")); err != nil {
				s.Fatal(err)
			}
		}},
		{"an identity from elsewhere", func(s sysfs, dir string, _ *release.Target) {
			s.put("elsewhere", serial10.NAA()+"\n")
			s.remove(dir + "/wwid")
			if err := os.Symlink(filepath.Join(s.root, "elsewhere"), filepath.Join(s.root, dir, "wwid")); err != nil {
				s.Fatal(err)
			}
		}},
		{"not a SCSI disk's name", func(_ sysfs, _ string, d *release.Target) { d.Name = "dm-1" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, s, sdb, dir := diskRig(t)
			test.change(s, dir, &sdb)
			if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, release.ErrOther) {
				t.Errorf("offline: %v", err)
			}
			if err := r.DeleteDisk(t.Context(), sdb); !errors.Is(err, release.ErrOther) {
				t.Errorf("delete: %v", err)
			}
			if s.get(dir+"/state") != "running\n" || s.get(dir+"/delete") != "" {
				t.Errorf("written: state %q, delete %q", s.get(dir+"/state"), s.get(dir+"/delete"))
			}
		})
	}
}

// Where the kernel shows no wwid it shows the page.
func TestIdentityFromThePage(t *testing.T) {
	r, s, sdb, dir := diskRig(t)
	s.remove(dir + "/wwid")
	s.put(dir+"/vpd_pg83", string(page(0, named(1, 3, naaPure10))))
	if err := r.DeleteDisk(t.Context(), sdb); err != nil || s.get(dir+"/delete") != "1" {
		t.Error(err)
	}
}

func TestDiskInUse(t *testing.T) {
	for _, test := range []struct {
		name   string
		holder string
		claim  error
	}{
		{"a map on it", "block/sdb/holders/dm-3", nil},
		{"LVM on its partition", "block/sdb/sdb1/holders/dm-4", nil},
		{"mounted somewhere", "", fmt.Errorf("claimed: %w", release.ErrInUse)},
	} {
		r, s, sdb, dir := diskRig(t)
		if test.holder != "" {
			s.put(dir+"/"+test.holder, "")
		}
		r.claim = func(name, dev string) error {
			if name != "sdb" || dev != "8:16" {
				t.Errorf("asked for %s %s", name, dev)
			}
			return test.claim
		}
		if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, release.ErrInUse) {
			t.Errorf("%s: offline: %v", test.name, err)
		}
		if err := r.DeleteDisk(t.Context(), sdb); !errors.Is(err, release.ErrInUse) {
			t.Errorf("%s: delete: %v", test.name, err)
		}
		if s.get(dir+"/state") != "running\n" || s.get(dir+"/delete") != "" {
			t.Errorf("%s: written", test.name)
		}
		// Going back is always allowed.
		s.put(dir+"/state", "offline\n")
		if err := r.SetState(t.Context(), sdb, "running"); err != nil {
			t.Errorf("%s: back: %v", test.name, err)
		}
	}
}

// A disk that is not running can't be opened, or the open would wait.
func TestClaimOnlyRunningDisks(t *testing.T) {
	for _, state := range []string{"offline", "blocked", "transport-offline"} {
		r, s, sdb, dir := diskRig(t)
		s.put(dir+"/state", state+"\n")
		r.claim = func(string, string) error { t.Errorf("%s was opened", state); return nil }
		if err := r.DeleteDisk(t.Context(), sdb); err != nil {
			t.Error(err)
		}
	}
}

func TestDiskGone(t *testing.T) {
	r, s, sdb, dir := diskRig(t)
	s.remove("class/scsi_device/" + sdb.HCTL)
	if err := r.DeleteDisk(t.Context(), sdb); err != nil {
		t.Errorf("deleting what has gone: %v", err)
	}
	if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("setting what has gone: %v", err)
	}
	if s.get(dir+"/delete") != "" {
		t.Error("it was deleted")
	}

	// On its way: the disk goes before its SCSI device.
	r, s, sdb, dir = diskRig(t)
	s.remove(dir + "/block/sdb")
	s.put(dir+"/state", "cancel\n")
	if err := r.DeleteDisk(t.Context(), sdb); err != nil || s.get(dir+"/delete") != "" {
		t.Errorf("%v, %q", err, s.get(dir+"/delete"))
	}
	spelled := sdb
	spelled.Serial = evidence.Serial(strings.ToLower(string(sdb.Serial)))
	if err := r.DeleteDisk(t.Context(), spelled); !errors.Is(err, release.ErrOther) {
		t.Errorf("a target spelled otherwise: %v", err)
	}
	s.remove(dir + "/block")
	if err := r.DeleteDisk(t.Context(), sdb); err != nil {
		t.Errorf("on its way without a list of disks: %v", err)
	}
	// One that can't be read may hold any disk.
	s.put(dir+"/block", "")
	if err := r.DeleteDisk(t.Context(), sdb); !errors.Is(err, release.ErrOther) {
		t.Errorf("a list of disks that can't be read: %v", err)
	}
	s.remove(dir + "/block")
	// Going, and not ours.
	s.put(dir+"/block/sdx/dev", "8:99\n")
	if err := r.DeleteDisk(t.Context(), sdb); !errors.Is(err, release.ErrOther) {
		t.Error(err)
	}

	// Gone between the opening and the proof.
	r, s, sdb, dir = diskRig(t)
	s.remove(dir + "/state")
	if err := r.DeleteDisk(t.Context(), sdb); err != nil || s.get(dir+"/delete") != "" {
		t.Errorf("%v, %q", err, s.get(dir+"/delete"))
	}
	if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}

	// Gone between the proof and the write.
	for _, gone := range []error{unix.ENOENT, unix.ENODEV} {
		r, _, sdb, _ = diskRig(t)
		r.write = func(int, string, string) error { return &os.PathError{Op: "write", Path: "delete", Err: gone} }
		if err := r.DeleteDisk(t.Context(), sdb); err != nil {
			t.Error(err)
		}
	}
	r.write = func(int, string, string) error { return unix.EPERM }
	if err := r.DeleteDisk(t.Context(), sdb); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "only root") {
		t.Error(err)
	}
}

// The write goes to the device that was proven, whatever has its address and
// name by then.
func TestWriteGoesWhereTheProofWas(t *testing.T) {
	r, s, sdb, dir := diskRig(t)
	r.claim = func(string, string) error {
		if err := os.Rename(filepath.Join(s.root, dir), filepath.Join(s.root, dir+".was")); err != nil {
			t.Fatal(err)
		}
		s.remove("class/scsi_device/" + sdb.HCTL)
		s.disk(sdb)
		return nil
	}
	if err := r.DeleteDisk(t.Context(), sdb); err != nil {
		t.Fatal(err)
	}
	if s.get(dir+"/delete") != "" || s.get(dir+".was/delete") != "1" {
		t.Errorf("the new device %q, the proven one %q", s.get(dir+"/delete"), s.get(dir+".was/delete"))
	}
}

// An attribute that is a link is not sysfs's, and could lead anywhere.
func TestNoWriteThroughALink(t *testing.T) {
	r, s, sdb, dir := diskRig(t)
	s.put("elsewhere", "")
	s.remove(dir + "/delete")
	if err := os.Symlink(filepath.Join(s.root, "elsewhere"), filepath.Join(s.root, dir, "delete")); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteDisk(t.Context(), sdb); !errors.Is(err, unix.ELOOP) || s.get("elsewhere") != "" {
		t.Errorf("%v, %q", err, s.get("elsewhere"))
	}
}

func TestDeleteThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, sdb, _ := diskRig(t)
		other := release.Target{Name: "sdc", HCTL: "4:0:0:7", Dev: "8:32", Seq: 42, Serial: serial10}
		s.disk(other)
		unblock := make(chan struct{})
		hung := 0
		r.write = func(int, string, string) error {
			if hung++; hung == 1 {
				<-unblock
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.DeleteDisk(ctx, sdb); !errors.Is(err, release.ErrAbandoned) {
			t.Error(err)
		}
		// At most one for each disk, and what it does is not done twice.
		if err := r.SetState(t.Context(), sdb, "offline"); !errors.Is(err, release.ErrAbandoned) {
			t.Error(err)
		}
		if err := r.DeleteDisk(t.Context(), other); err != nil {
			t.Error(err)
		}
		close(unblock)
		synctest.Wait()
		if err := r.DeleteDisk(t.Context(), sdb); err != nil || hung != 3 {
			t.Errorf("%v after %d writes", err, hung)
		}
	})
}

// What is left behind before its write does not write any more.
func TestNoWriteAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, sdb, dir := diskRig(t)
		unblock := make(chan struct{})
		r.claim = func(string, string) error { <-unblock; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.SetState(ctx, sdb, "offline"); !errors.Is(err, release.ErrAbandoned) {
			t.Error(err)
		}
		close(unblock)
		synctest.Wait()
		if got := s.get(dir + "/state"); got != "running\n" {
			t.Errorf("written: %q", got)
		}
		late, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		unblock = make(chan struct{})
		if err := r.DeleteDisk(late, sdb); !errors.Is(err, release.ErrAbandoned) {
			t.Error(err)
		}
		close(unblock)
		synctest.Wait()
		if got := s.get(dir + "/delete"); got != "" {
			t.Errorf("deleted: %q", got)
		}
		unblock = make(chan struct{})
		if err := r.DeleteDisk(ctx, sdb); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, release.ErrAbandoned) {
			t.Errorf("not begun: %v", err)
		}
	})
}

// A loop device without a file can be opened by root and does no harm.
func TestClaimOfABlockDevice(t *testing.T) {
	const node = "/dev/loop0"
	first, err := open(node, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC)
	if err != nil {
		t.Skipf("no block device to try it on: %v", err)
	}
	if err := claim("loop0", "7:0"); !errors.Is(err, release.ErrInUse) {
		t.Errorf("claimed by another: %v", err)
	}
	if err := unix.Close(first); err != nil {
		t.Fatal(err)
	}
	if err := claim("loop0", "7:0"); err != nil {
		t.Error(err)
	}
	if err := claim("loop0", "7:1"); !errors.Is(err, release.ErrOther) {
		t.Errorf("another number: %v", err)
	}
}

func TestClaim(t *testing.T) {
	// Not a disk's node, and no name that leads to one.
	if err := claim("null", "1:3"); !errors.Is(err, release.ErrOther) {
		t.Errorf("a character device: %v", err)
	}
	if err := claim("no-such-node", "8:0"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestRescanController(t *testing.T) {
	add := func(t *testing.T) (*rig, sysfs) {
		r, s := newRig(), sysfs{t, t.TempDir()}
		r.writer.sysfs = s.root
		s.put("devices/virtual/nvme-fabrics/ctl/nvme3/state", "live\n")
		s.put("devices/virtual/nvme-fabrics/ctl/nvme3/subsysnqn", "nqn.2010-06.com.purestorage:flasharray.5d1a2b3c\n")
		s.put("devices/virtual/nvme-fabrics/ctl/nvme3/rescan_controller", "")
		s.put("class/nvme/x", "")
		if err := os.Symlink("../../devices/virtual/nvme-fabrics/ctl/nvme3", filepath.Join(s.root, "class/nvme/nvme3")); err != nil {
			t.Fatal(err)
		}
		return r, s
	}
	const dir = "devices/virtual/nvme-fabrics/ctl/nvme3"
	r, s := add(t)
	if err := r.RescanController(t.Context(), "nvme3"); err != nil || s.get(dir+"/rescan_controller") != "1" {
		t.Error(err)
	}
	for _, test := range []struct {
		file, value, controller string
		is                      error
	}{
		{dir + "/state", "connecting\n", "nvme3", release.ErrState},
		{dir + "/state", "deleting\n", "nvme3", release.ErrState},
		{dir + "/subsysnqn", "nqn.1992-08.com.netapp:sn.1\n", "nvme3", release.ErrOther},
		{dir + "/subsysnqn", "\n", "nvme3", release.ErrOther},
		{"y", "", "nvme4", fs.ErrNotExist},
		{"y", "", "../nvme/nvme3", release.ErrOther},
		{"y", "", "nvme3n1", release.ErrOther},
		{"y", "", "", release.ErrOther},
	} {
		r, s := add(t)
		s.put(test.file, test.value)
		if err := r.RescanController(t.Context(), test.controller); !errors.Is(err, test.is) || s.get(dir+"/rescan_controller") != "" {
			t.Errorf("%+v: %v", test, err)
		}
	}
	// What can't be read is not something else.
	for _, attribute := range []string{"subsysnqn", "state"} {
		r, s := add(t)
		s.remove(dir + "/" + attribute)
		if err := r.RescanController(t.Context(), "nvme3"); !errors.Is(err, fs.ErrNotExist) || s.get(dir+"/rescan_controller") != "" {
			t.Errorf("without %s: %v", attribute, err)
		}
	}
}
