package devices_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// faultFS is a tree in which one name can't be read, and which remembers what
// was opened. Names are compared after links were followed, as a fault of the
// file itself would strike. With below, all below the name is out of reach
// too, for stat and readlink as well.
type faultFS struct {
	*treefs.FS
	bad   string
	below bool
	err   error
	// known remembers where names lead, for all faults of one tree.
	known *sync.Map
	lock  sync.Mutex
	// touched are the names that were looked at in any way, opened those
	// that were opened or listed.
	touched, opened map[string]bool
}

// newSpy is a tree without a fault.
func newSpy(tree *treefs.FS) *faultFS { return &faultFS{FS: tree, known: &sync.Map{}} }

func (f *faultFS) real(name string, follow bool) string {
	parts := strings.Split(name, "/")
	done := ""
	for len(parts) > 0 {
		next := strings.TrimPrefix(done+"/"+parts[0], "/")
		parts = parts[1:]
		target, err := f.FS.ReadLink(next)
		switch {
		case err != nil || (len(parts) == 0 && !follow):
			done = next
		case strings.HasPrefix(target, "/"):
			parts = append(strings.Split(strings.TrimPrefix(target, "/"), "/"), parts...)
			done = ""
		default:
			up := strings.Split(target, "/")
			dir := strings.Split(done, "/")
			for len(up) > 0 && up[0] == ".." && len(dir) > 0 {
				up, dir = up[1:], dir[:len(dir)-1]
			}
			parts = append(up, parts...)
			done = strings.Join(dir, "/")
		}
	}
	return done
}

func (f *faultFS) check(op, name string) error {
	follow := op != "readlink" && op != "lstat"
	key := fmt.Sprint(follow, name)
	cached, ok := f.known.Load(key)
	if !ok {
		cached = f.real(name, follow)
		f.known.Store(key, cached)
	}
	real, _ := cached.(string)
	f.lock.Lock()
	if f.touched == nil {
		f.touched, f.opened = map[string]bool{}, map[string]bool{}
	}
	f.touched[real] = true
	f.opened[real] = f.opened[real] || op == "open"
	f.lock.Unlock()
	reached := real == f.bad && (op == "open" || f.below)
	if f.bad != "" && (reached || f.below && strings.HasPrefix(real, f.bad+"/")) {
		return &fs.PathError{Op: op, Path: name, Err: f.err}
	}
	return nil
}

func (f *faultFS) wasOpened(name string) bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	return f.opened[name]
}

func (f *faultFS) Open(name string) (fs.File, error) {
	if err := f.check("open", name); err != nil {
		return nil, err
	}
	return f.FS.Open(name)
}

func (f *faultFS) ReadFile(name string) ([]byte, error) {
	if err := f.check("open", name); err != nil {
		return nil, err
	}
	return f.FS.ReadFile(name)
}

func (f *faultFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check("open", name); err != nil {
		return nil, err
	}
	return f.FS.ReadDir(name)
}

func (f *faultFS) Stat(name string) (fs.FileInfo, error) {
	if err := f.check("stat", name); err != nil {
		return nil, err
	}
	return f.FS.Stat(name)
}

func (f *faultFS) Lstat(name string) (fs.FileInfo, error) {
	if err := f.check("lstat", name); err != nil {
		return nil, err
	}
	return f.FS.Lstat(name)
}

func (f *faultFS) ReadLink(name string) (string, error) {
	if err := f.check("readlink", name); err != nil {
		return "", err
	}
	return f.FS.ReadLink(name)
}

func observeSystem(t testing.TB, s devices.System) evidence.Host {
	t.Helper()
	return devices.Observe(t.Context(), s)
}

// namesIn lists all files, directories and links of a tree.
func namesIn(tree *treefs.FS) []string {
	var names []string
	_ = fs.WalkDir(tree, ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name != "." {
			names = append(names, name)
		}
		return nil
	})
	return names
}

// everything is a machine with one of each: what the recorded hosts lack is
// in it.
func everything() *machine {
	m := withMap()
	m.kernel.checkers = map[string]string{"sda": "ready"}
	m.partition("sdb", "sdb1", "8:17")
	m.dm(2, "mpathdm-1-part1", "part1-"+serialNo(1).MapUUID(), "dm-1")
	m.dm(3, "vg0-data", "LVM-abc", "dm-2")
	m.mount("50 24 254:3 / /mnt rw - ext4 /dev/mapper/vg0-data rw")
	loop := m.block("loop3", "7:3", "devices/virtual/block/loop3")
	m.AddFile(loop+"/loop/backing_file", []byte("/dev/mapper/mpathdm-1\n"))
	m.AddFile("proc/swaps", []byte("Filename Type\n/dev/sda partition 1 0 -2\n"))
	m.AddFile("proc/mdstat", []byte("md0 : active raid1 sdb[0]\n"))
	m.AddDir(m.dir("sdb") + "/bcache")
	m.AddDir("sys/fs/ext4/dm-3")
	m.AddLink("sys/fs/btrfs/5c1e/devices/sdb", "../../../../devices/whatever")
	m.AddFile("sys/kernel/config/target/core/iblock_0/vol/udev_path", []byte("/dev/dm-1\n"))
	m.AddFile("sys/kernel/config/target/core/fileio_0/vol/info", []byte("File: /dev/dm-1 Size\n"))
	m.AddFile("sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/device_path", []byte("/dev/sdb\n"))
	scsi, _, _ := strings.Cut(m.dir("sdb"), "/block/")
	m.AddFile(scsi+"/scsi_generic/sg2/dev", []byte("21:2\n"))
	m.process(300, "qemu", "mnt:[4026532999]")
	m.AddFile("proc/300/mountinfo", []byte("50 24 8:17 / /in rw - ext4 /dev/sdb1 rw\n"))
	m.open(300, 3, "/dev/dm-1")
	m.AddLink("dev/vg0/data", "../dm-3")
	m.open(300, 6, "anon_inode:[io_uring]")
	m.AddFile("proc/300/fdinfo/6", []byte("UserFiles:\t1\n    0: /dev/vg0/data\n"))
	m.AddDevice("dev/sgX", 21, 2, true)
	m.open(300, 4, "/dev/sgX")
	m.subsystem("nvme-subsys0", arrayNQN, "nvme0")
	m.controller("nvme0", arrayNQN, "live")
	head := m.block("nvme0n1", "259:1", "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
	m.AddFile(head+"/wwid", []byte(serialNo(7).EUI()+"\n"))
	m.AddFile("sys/devices/virtual/nvme-subsystem/nvme-subsys0/ng0n1/dev", []byte("242:0\n"))
	path := m.block("nvme0c0n1", "", "devices/virtual/nvme-fabrics/ctl/nvme0/nvme0c0n1")
	m.AddFile(path+"/hidden", []byte("1\n"))
	m.AddDevice("dev/ngX", 242, 0, true)
	m.open(300, 5, "/dev/ngX")
	m.AddFile("sys/class/iscsi_session/session1/targetname", []byte("iqn.x\n"))
	m.AddFile("sys/class/iscsi_session/session1/initiatorname", []byte("iqn.here\n"))
	m.AddFile("etc/iscsi/initiatorname.iscsi", []byte("InitiatorName=iqn.file\n"))
	m.AddFile("var/lib/lxd/server.uuid", []byte("01a20254-5dd0-759a-ae85-b31b1b5a0dee"))
	m.AddDir("var/lib/lxd/storage-pools/p/containers/c1")
	m.AddDir("var/lib/lxd/storage-pools/p/custom-snapshots/v/s")
	m.AddFile("etc/multipath.conf", []byte("defaults {\nno_path_retry 1\n}\n"))
	m.AddFile("etc/multipath/conf.d/a.conf", []byte("defaults {\nno_path_retry 1\n}\n"))
	m.AddFile("etc/iscsi/iscsid.conf", []byte("node.startup = manual\n"))
	m.AddFile("sys/module/nvme_core/parameters/multipath", []byte("Y\n"))
	m.AddFile("sys/class/fc_host/host7/port_name", []byte("0x1\n"))
	m.AddLink("dev/disk/by-id/wwn-0x"+serialNo(1).WWID()[1:], "../../dm-1")
	return m
}

// For every file and directory of every host in turn: when it can't be read,
// nothing that was seen before is missing from a list that claims to be
// complete, no unknown becomes known, and nothing panics.
func TestAnyOneFileUnreadable(t *testing.T) {
	hosts := map[string]func(t *testing.T) (*treefs.FS, devices.System){
		"everything": func(*testing.T) (*treefs.FS, devices.System) { m := everything(); return m.FS, m.system() },
	}
	for _, name := range []string{
		"capture-03-leak15210-late-device", "lab-08-iscsi-partitions-on-map",
		"lab-13-iscsi-mounted-in-persisted-ns", "lab-22-nvme-one-connecting", "lab-25-nvme-ns-removed-still-mounted",
		"lab-26-nvme-zombie-subsystem",
	} {
		hosts[name] = func(t *testing.T) (*treefs.FS, devices.System) { tree := load(t, name); return tree, recorded(tree) }
	}
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, s := host(t)
			spy := newSpy(tree)
			s.FS = spy
			s.Kernel = withoutFS(s, tree)
			before := observeSystem(t, s)
			struck := 0
			for _, file := range namesIn(tree) {
				if !spy.touched[file] {
					continue // nobody reads it: it can't matter
				}
				for _, fault := range []*faultFS{
					{FS: tree, bad: file, err: syscall.EIO, known: spy.known},
					{FS: tree, bad: file, err: syscall.EACCES, below: true, known: spy.known},
				} {
					s.FS = fault
					s.Kernel = withoutFS(s, fault)
					claimsNoMore(t, fmt.Sprintf("%s (%v)", file, fault.err), before, observeSystem(t, s))
					struck++
				}
			}
			if struck < 20 {
				t.Errorf("only %d faults: the tree was not read", struck)
			}
		})
	}
}

// withoutFS makes a recording's kernel read through the same faults.
func withoutFS(s devices.System, fsys fs.FS) devices.Kernel {
	if s.Recorded {
		return devices.Recording(fsys)
	}
	return s.Kernel
}

// claimsNoMore compares a host read with a fault to the same without.
func claimsNoMore(t *testing.T, file string, before, after evidence.Host) {
	t.Helper()
	whole := listsOf(before)
	for i, l := range listsOf(after) {
		if l.complete && !whole[i].complete {
			t.Errorf("without %s, %s became complete", file, l.name)
		}
		if l.complete && len(l.items) < len(whole[i].items) {
			t.Errorf("without %s, %s has %d of %d items and claims to be complete", file, l.name, len(l.items), len(whole[i].items))
		}
	}
	if after.AllProcesses.Is() && !before.AllProcesses.Is() {
		t.Errorf("without %s, all processes are visible", file)
	}
	// A use must still be told of each volume, or the list must be in doubt.
	if after.Uses.IsComplete() {
		for _, use := range before.Uses.Items {
			if !slices.ContainsFunc(after.Uses.Items, func(u evidence.Use) bool {
				return u.Kind == use.Kind && u.Where == use.Where && (u.Serial == use.Serial || u.Serial == "") && u.Device == use.Device
			}) {
				t.Errorf("without %s, %v is not told any more", file, use)
			}
		}
	}
	for _, m := range after.Maps.Items {
		i := slices.IndexFunc(before.Maps.Items, func(b evidence.Map) bool { return b.UUID == m.UUID && b.Kernel == m.Kernel })
		if i < 0 {
			if after.Maps.IsComplete() {
				t.Errorf("without %s, there is a new map %s", file, m.UUID)
			}
			continue
		}
		was := before.Maps.Items[i]
		if m.OpenCount.IsZero() && !was.OpenCount.IsZero() || m.Queueing.IsNot() && !was.Queueing.IsNot() ||
			m.Suspended.IsNot() && !was.Suspended.IsNot() || m.Deferred.IsNot() && !was.Deferred.IsNot() {
			t.Errorf("without %s, map %s looks better: %+v", file, m.Kernel, m)
		}
		if len(m.Paths) < len(was.Paths) && after.Maps.IsComplete() {
			t.Errorf("without %s, map %s has %d of %d paths", file, m.Kernel, len(m.Paths), len(was.Paths))
		}
	}
	for _, d := range after.Disks.Items {
		i := slices.IndexFunc(before.Disks.Items, func(b evidence.Disk) bool { return b.Name == d.Name })
		if i < 0 || d.Live.Kind == evidence.IdentityKnown && d.Live != before.Disks.Items[i].Live ||
			d.Live.Kind == evidence.IdentityGone && before.Disks.Items[i].Live.Kind != evidence.IdentityGone {
			t.Errorf("without %s, disk %s is new or knows more: %+v", file, d.Name, d.Live)
		}
		if i >= 0 && after.Disks.IsComplete() && len(d.Holders) < len(before.Disks.Items[i].Holders) {
			t.Errorf("without %s, disk %s lost holders", file, d.Name)
		}
	}
	for _, n := range after.Namespaces.Items {
		i := slices.IndexFunc(before.Namespaces.Items, func(b evidence.Namespace) bool { return b.Name == n.Name })
		if i >= 0 && after.Namespaces.IsComplete() && len(n.Paths) < len(before.Namespaces.Items[i].Paths) {
			t.Errorf("without %s, namespace %s lost paths", file, n.Name)
		}
	}
	for _, d := range after.Directories.Items {
		if d.Empty.Is() || d.Mounted.IsNot() {
			i := slices.IndexFunc(before.Directories.Items, func(b evidence.Directory) bool { return b.Path == d.Path })
			if i < 0 || d.Empty.Is() && !before.Directories.Items[i].Empty.Is() || d.Mounted.IsNot() && !before.Directories.Items[i].Mounted.IsNot() {
				t.Errorf("without %s, directory %s looks better: %+v", file, d.Path, d)
			}
		}
	}
}
