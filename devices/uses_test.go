package devices_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// usesOf tells every use of a host in a line.
func usesOf(h evidence.Host) []string {
	lines := []string{}
	for _, u := range h.Uses.Items {
		line := fmt.Sprintf("%s of %s is %s: %s", u.Kind, u.Device, short(u.Serial), u.Where)
		if u.Namespace != "" {
			line += " in " + u.Namespace
		}
		if u.PID != 0 {
			line += fmt.Sprintf(" by %s", u.Process)
		}
		lines = append(lines, line)
	}
	return lines
}

// withMap is a machine with volume 1 as dm-1 over sda and sdb.
func withMap() *machine {
	m := newMachine()
	m.disk("sda", "8:0", 1)
	m.disk("sdb", "8:16", 1)
	m.mapOf(1, 1, 0, "sda", "sdb")
	return m
}

// Each case adds one use to a machine where nobody uses dm-1.
func TestUses(t *testing.T) {
	cases := []struct {
		name string
		add  func(m *machine)
		want []string
	}{
		{"none", func(*machine) {}, nil},
		{
			"mount",
			func(m *machine) { m.mount(`50 24 254:1 / /mnt/a\040b rw shared:9 - ext4 /dev/mapper/whatever rw`) },
			[]string{"mount of dm-1 is 01: /mnt/a b"},
		},
		{
			"mount of a path",
			func(m *machine) { m.mount("50 24 8:0 / /mnt rw - ext4 /dev/sda rw") },
			[]string{"mount of sda is 01: /mnt"},
		},
		{
			"mount in another namespace",
			func(m *machine) {
				m.process(300, "sleep", "mnt:[4026532999]")
				m.AddFile("proc/300/mountinfo", []byte("50 24 254:1 / /mnt rw - xfs /dev/dm-1 rw\n"))
			},
			[]string{"mount of dm-1 is 01: /mnt in mnt:[4026532999]"},
		},
		{
			"mount in a namespace that is only mounted",
			func(m *machine) {
				m.mount("50 24 0:4 mnt:[4026532138] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw")
				m.kernel.namespaces = map[string]string{"/run/snapd/ns/lxd.mnt": "51 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw\n"}
			},
			[]string{"mount of dm-1 is 01: /mnt in /run/snapd/ns/lxd.mnt"},
		},
		{
			"mount in a namespace that another namespace keeps",
			func(m *machine) {
				m.process(300, "snap", "mnt:[4026532999]")
				m.AddFile("proc/300/mountinfo", []byte("50 24 0:4 mnt:[4026532138] /ns rw - nsfs nsfs rw\n"))
				m.kernel.namespaces = map[string]string{"/proc/300/root/ns": "51 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw\n"}
			},
			[]string{"mount of dm-1 is 01: /mnt in /proc/300/root/ns"},
		},
		{
			"mount in a namespace that an open file keeps",
			func(m *machine) {
				m.open(1, 7, "mnt:[4026532138]")
				m.kernel.namespaces = map[string]string{"/proc/1/fd/7": "51 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw\n"}
			},
			[]string{"mount of dm-1 is 01: /mnt in /proc/1/fd/7"},
		},
		{
			"mount in a thread's own namespace, whose process's first thread has ended",
			func(m *machine) {
				m.process(300, "java", firstNamespace)
				m.AddLink("proc/300/task/301/ns/mnt", "mnt:[4026532999]")
				m.AddFile("proc/301/mountinfo", []byte("50 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw\n"))
				m.Remove("proc/301/comm")
			},
			[]string{"mount of dm-1 is 01: /mnt in mnt:[4026532999]"},
		},
		{
			"btrfs mount, which has a number of its own",
			func(m *machine) { m.mount("50 24 0:99 /sub /mnt rw - btrfs /dev/mapper/mpathdm-1 rw") },
			[]string{"mount of dm-1 is 01: /mnt"},
		},
		{
			"one mount in many namespaces is told once, as the first process's",
			func(m *machine) {
				m.process(300, "sh", "mnt:[4026530000]")
				m.mount("50 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw")
				m.AddFile("proc/300/mountinfo", []byte("99 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw\n"))
			},
			[]string{"mount of dm-1 is 01: /mnt"},
		},
		{
			"live superblocks",
			func(m *machine) {
				m.AddDir("sys/fs/ext4/dm-1")
				m.AddDir("sys/fs/ext4/features")
				m.AddDir("sys/fs/xfs/dm-1")
				m.AddDir("sys/fs/xfs/stats")
				m.AddLink("sys/fs/btrfs/5c1e/devices/sdb", "../../../../devices/whatever")
				m.AddDir("sys/fs/btrfs/features")
			},
			[]string{"superblock of sdb is 01: btrfs 5c1e", "superblock of dm-1 is 01: ext4", "superblock of dm-1 is 01: xfs"},
		},
		{
			"LVM on a partition's map, mounted",
			func(m *machine) {
				m.dm(2, "mpathdm-1-part1", "part1-"+serialNo(1).MapUUID(), "dm-1")
				m.dm(3, "vg0-data", "LVM-abc", "dm-2")
				m.mount("50 24 254:3 / /mnt rw - ext4 /dev/mapper/vg0-data rw")
			},
			[]string{"holder of dm-2 is 01: dm-3 (vg0-data)", "mount of dm-3 is 01: /mnt"},
		},
		{
			"a partition's map that nobody uses is no use",
			func(m *machine) { m.dm(2, "mpathdm-1-part1", "part1-"+serialNo(1).MapUUID(), "dm-1") },
			nil,
		},
		{
			"a disk's partition, mounted",
			func(m *machine) {
				m.partition("sdb", "sdb1", "8:17")
				m.mount("50 24 8:17 / /mnt rw - ext4 /dev/sdb1 rw")
			},
			[]string{"mount of sdb1 is 01: /mnt"},
		},
		{
			"crypt on a disk's partition",
			func(m *machine) {
				m.partition("sdb", "sdb1", "8:17")
				m.dm(9, "secret", "CRYPT-LUKS2-1", "sdb1")
			},
			[]string{"holder of sdb is 01: dm-9 (secret)", "holder of sdb1 is 01: dm-9 (secret)"},
		},
		{
			"md",
			func(m *machine) {
				m.AddFile("proc/mdstat", []byte("Personalities : [raid1]\nmd0 : active raid1 sdz[1] dm-1[0](F)\n      1 blocks [2/2] [UU]\n"))
			},
			[]string{"holder of dm-1 is 01: md0"},
		},
		{
			"loop device, mounted",
			func(m *machine) {
				dir := m.block("loop3", "7:3", "devices/virtual/block/loop3")
				m.AddFile(dir+"/loop/backing_file", []byte("/dev/mapper/mpathdm-1\n"))
				m.mount("50 24 7:3 / /mnt ro - squashfs /dev/loop3 ro")
			},
			[]string{"loop of dm-1 is 01: loop3", "mount of loop3 is 01: /mnt"},
		},
		{
			"swap is the machine's own",
			func(m *machine) {
				m.AddFile("proc/swaps", []byte("Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1 partition 65532 0 -2\n/swapfile file 1 0 -3\n"))
			},
			[]string{
				"swap of dm-1 is 01: /dev/dm-1",
				"system of sda is 01: swap", "system of sdb is 01: swap", "system of dm-1 is 01: swap",
			},
		},
		{
			"root on LVM is the machine's own, down to the paths",
			func(m *machine) {
				m.dm(3, "vg0-root", "LVM-abc", "dm-1")
				m.mount("60 1 254:3 / / rw - ext4 /dev/mapper/vg0-root rw")
			},
			[]string{
				"holder of dm-1 is 01: dm-3 (vg0-root)", "mount of dm-3 is 01: /",
				"system of sda is 01: /", "system of sdb is 01: /", "system of dm-1 is 01: /", "system of dm-3 is 01: /",
			},
		},
		{
			"root on a map whose paths do not name their holder yet",
			func(m *machine) {
				m.Remove(m.dir("sda") + "/holders/dm-1")
				m.mount("60 1 254:1 / / rw - ext4 /dev/dm-1 rw")
			},
			[]string{"mount of dm-1 is 01: /", "system of sda is 01: /", "system of sdb is 01: /", "system of dm-1 is 01: /"},
		},
		{
			"a container's root is not the machine's",
			func(m *machine) {
				m.process(300, "init", "mnt:[4026532999]")
				m.AddFile("proc/300/mountinfo", []byte("50 24 254:1 /rootfs / rw - ext4 /dev/dm-1 rw\n"))
			},
			[]string{"mount of dm-1 is 01: / in mnt:[4026532999]"},
		},
		{
			"exports",
			func(m *machine) {
				m.AddFile("sys/kernel/config/target/core/iblock_0/vol/udev_path", []byte("/dev/mapper/mpathdm-1\n"))
				m.AddFile("sys/kernel/config/target/core/iblock_0/hba_info", []byte("HBA\n"))
				m.AddFile("sys/kernel/config/target/core/fileio_1/vol/info", []byte("Status: ACTIVATED TCM FILEIO ID: 0        File: /dev/sda  Size: 67108864  Mode: Buffered\n"))
				m.AddFile("sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/device_path", []byte("/dev/sdb\n"))
				m.AddFile("sys/kernel/config/nvmet/subsystems/nqn.x/attr_model", []byte("Linux\n"))
			},
			[]string{
				"export of sda is 01: fileio_1/vol", "export of sdb is 01: nqn.x/namespaces/1", "export of dm-1 is 01: iblock_0/vol",
			},
		},
		{
			"openers by path",
			func(m *machine) {
				m.process(300, "qemu-system-x86", firstNamespace)
				m.open(300, 3, "/dev/dm-1")
				m.open(300, 4, "/dev/mapper/mpathdm-1")
				m.open(300, 5, "/dev/null")
				m.open(300, 6, "socket:[123]")
				m.open(300, 7, "/dev/sda")
			},
			[]string{
				"opener of sda is 01: /dev/sda by qemu-system-x86",
				"opener of dm-1 is 01: /dev/dm-1 by qemu-system-x86",
				"opener of dm-1 is 01: /dev/mapper/mpathdm-1 by qemu-system-x86",
			},
		},
		{
			"openers by number, whatever the node is called",
			func(m *machine) {
				m.process(300, "dd", firstNamespace)
				m.AddDevice("srv/chroot/disk", 254, 1, false)
				m.open(300, 3, "/srv/chroot/disk")
				// Called like one of ours and is another.
				m.block("vdb", "253:16", "devices/virtual/block/vdb")
				m.AddDevice("srv/dev/sda", 253, 16, false)
				m.open(300, 4, "/srv/dev/sda")
			},
			[]string{"opener of dm-1 is 01: /srv/chroot/disk by dd"},
		},
		{
			"openers of generic devices",
			func(m *machine) {
				scsi, _, _ := strings.Cut(m.dir("sdb"), "/block/")
				m.AddFile(scsi+"/scsi_generic/sg2/dev", []byte("21:2\n"))
				m.AddFile(scsi+"/bsg/0:0:0:1/dev", []byte("249:2\n"))
				m.process(300, "sg_dd", firstNamespace)
				m.open(300, 3, "/dev/sg2")
				m.AddDevice("dev/other", 249, 2, true)
				m.open(300, 4, "/dev/other")
				m.open(300, 5, "/dev/sg3")
			},
			[]string{"opener of sdb is 01: /dev/other by sg_dd", "opener of sdb is 01: /dev/sg2 by sg_dd"},
		},
		{
			"multipathd has every path open, which says nothing; a map does",
			func(m *machine) {
				m.process(300, "multipathd", firstNamespace)
				m.AddLink("proc/300/exe", "/usr/sbin/multipathd")
				m.open(300, 3, "/dev/sda")
				m.open(300, 4, "/dev/dm-1")
			},
			[]string{"opener of dm-1 is 01: /dev/dm-1 by multipathd"},
		},
		{
			"who only calls itself multipathd is an opener",
			func(m *machine) {
				m.process(300, "multipathd", firstNamespace)
				m.AddLink("proc/300/exe", "/usr/bin/dd")
				m.open(300, 3, "/dev/sda")
			},
			[]string{"opener of sda is 01: /dev/sda by multipathd"},
		},
		{
			"a thread whose process's first thread has ended",
			func(m *machine) {
				m.process(300, "java", firstNamespace)
				m.AddDir("proc/300/task/300/fd")
				m.AddLink("proc/300/task/301/fd/5", "/dev/dm-1")
			},
			[]string{"opener of dm-1 is 01: /dev/dm-1 by java"},
		},
		{
			"devices that have gone",
			func(m *machine) {
				m.AddDir("sys/fs/ext4/nvme0n2")
				m.mount("50 24 259:1 / /mnt rw - ext4 /dev/nvme0n2 rw")
				m.mount("51 24 254:77 / /old rw - ext4 /dev/mapper/" + serialNo(5).WWID() + " rw")
				m.mount("52 24 0:77 / /older rw - btrfs /dev/dm-44 rw")
				m.process(300, "tail", firstNamespace)
				m.open(300, 3, "/dev/nvme0n2 (deleted)")
				m.open(300, 4, "/tmp/file (deleted)")
			},
			[]string{
				"mount of dm-44 is ?: /older", "mount of nvme0n2 is ?: /mnt",
				"mount of " + serialNo(5).WWID() + " is 05: /old",
				"opener of nvme0n2 is ?: /dev/nvme0n2 (deleted) by tail", "superblock of nvme0n2 is ?: ext4",
			},
		},
		{
			"a name that was reused does not name the volume",
			func(m *machine) {
				// The old sda was removed; the new one has another number.
				m.mount("50 24 8:99 / /mnt rw - ext4 /dev/sda rw")
				m.process(300, "tail", firstNamespace)
				m.open(300, 3, "/dev/sda (deleted)")
			},
			[]string{"mount of sda is ?: /mnt", "opener of sda is ?: /dev/sda (deleted) by tail"},
		},
		{
			"a use of a map over another volume's paths is a use of both",
			func(m *machine) {
				m.kernel.know("sda", evidence.Identity{Kind: evidence.IdentityKnown, Serial: serialNo(2)})
				m.mount("50 24 254:1 / /mnt rw - ext4 /dev/dm-1 rw")
			},
			[]string{"mount of dm-1 is 01: /mnt", "mount of dm-1 is 02: /mnt"},
		},
		{
			"what is no device of ours, called as one is",
			func(m *machine) {
				m.block("sdx", "65:112", "devices/flat/sdx")
				m.AddFile("sys/devices/flat/sdx/device/vendor", []byte("QEMU\n"))
				m.process(300, "tail", firstNamespace)
				m.open(300, 3, "/dev/sdx")
				m.open(300, 4, "/dev/sdz")
				m.open(300, 5, "/dev/shm/x (deleted)")
			},
			nil,
		},
		{
			"NVMe head, through any of its names",
			func(m *machine) {
				m.AddFile("sys/class/nvme-subsystem/nvme-subsys0/subsysnqn", []byte("nqn.2010-06.com.purestorage:flasharray.1\n"))
				dir := m.block("nvme0n1", "259:3", "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
				m.AddFile(dir+"/wwid", []byte(serialNo(7).EUI()+"\n"))
				m.AddLink(dir+"/device", "../../nvme-subsys0")
				m.AddFile("sys/devices/virtual/nvme-subsystem/nvme-subsys0/ng0n1/dev", []byte("242:0\n"))
				m.process(300, "nvme", firstNamespace)
				m.open(300, 3, "/dev/ng0n1")
				m.open(300, 4, "/dev/nvme0n1")
			},
			[]string{"opener of nvme0n1 is 07: /dev/ng0n1 by nvme", "opener of nvme0n1 is 07: /dev/nvme0n1 by nvme"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := withMap()
			c.add(m)
			h := m.observe(t)
			want := append([]string{}, c.want...)
			if diff := cmp.Diff(want, usesOf(h)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !h.Uses.IsComplete() {
				t.Errorf("incomplete: %s", h.Uses.Why())
			}
			if !h.AllProcesses.Is() {
				t.Errorf("all processes: %s, %s", h.AllProcesses, h.AllProcessesWhy)
			}
		})
	}
}

// What can't be seen makes the list of uses incomplete, never shorter in
// silence.
func TestHiddenUses(t *testing.T) {
	cases := []struct {
		name, want string
		hide       func(m *machine)
	}{
		{"namespace that can't be entered", "/run/snapd/ns/lxd.mnt could not be read", func(m *machine) {
			m.mount("50 24 0:4 mnt:[4026532138] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw")
		}},
		{"namespace that shows nothing", "it shows no mount", func(m *machine) {
			m.mount("50 24 0:4 mnt:[4026532138] /ns rw - nsfs nsfs rw")
			m.kernel.namespaces = map[string]string{"/ns": ""}
		}},
		{"mountinfo that is not understood", "not understood", func(m *machine) { m.mount("rubbish") }},
		{"no sys/fs", "sys/fs", func(m *machine) { m.Remove("sys/fs") }},
		{"no proc", "proc", func(m *machine) { m.Remove("proc") }},
		{"container", "container", func(m *machine) { m.AddLink("proc/100/ns/pid", "pid:[4026532001]") }},
		{"user namespace", "user namespace", func(m *machine) { m.AddLink("proc/100/ns/user", "user:[4026532001]") }},
		{"not root", "root", func(m *machine) {
			m.AddFile("proc/100/status", []byte("CapEff:\t0000000000000000\n"))
		}},
		{"nobody knows who looks", "proc/self", func(m *machine) { m.Remove("proc/100/status") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := withMap()
			c.hide(m)
			h := m.observe(t)
			if h.Uses.IsComplete() || !strings.Contains(h.Uses.Why(), c.want) {
				t.Errorf("complete %v, why %q; want %q", h.Uses.IsComplete(), h.Uses.Why(), c.want)
			}
		})
	}
}

// A file that refuses to tell what it is may be a device of ours, except
// where no device can be opened.
func TestFilesThatDoNotTell(t *testing.T) {
	m := withMap()
	m.process(300, "dd", firstNamespace)
	m.AddDevice("srv/fuse/disk", 254, 1, false)
	m.open(300, 3, "/srv/fuse/disk")
	fault := newSpy(m.FS)
	fault.bad, fault.below, fault.err = "srv/fuse", true, syscall.EACCES
	s := m.system()
	s.FS = fault
	h := observeSystem(t, s)
	if h.Uses.IsComplete() || !strings.Contains(h.Uses.Why(), "1 of 4 processes") || !h.AllProcesses.IsNot() {
		t.Errorf("all processes %s, uses %q", h.AllProcesses, h.Uses.Why())
	}
	m.AddFile("proc/300/fdinfo/3", []byte("pos:\t0\nflags:\t0100000\nmnt_id:\t77\n"))
	m.AddFile("proc/300/mountinfo", []byte(m.mounts+"77 24 0:60 / /srv/fuse rw,nodev,nosuid - fuse.sshfs x rw\n"))
	if h := observeSystem(t, s); !h.Uses.IsComplete() || !h.AllProcesses.Is() {
		t.Errorf("on a mount without devices: all processes %s, uses %q", h.AllProcesses, h.Uses.Why())
	}
	m.AddFile("proc/300/mountinfo", []byte(m.mounts+"77 24 0:60 / /srv/fuse rw,nosuid - fuse.sshfs x rw\n"))
	if h := observeSystem(t, s); h.Uses.IsComplete() {
		t.Error("on a mount with devices the uses are complete")
	}
	// The server of a file system that this process sees is never asked.
	m.mount("77 24 0:60 / /srv/fuse rw - nfs4 x rw")
	if h := observeSystem(t, s); !h.Uses.IsComplete() || fault.touched["srv/fuse/later"] {
		t.Errorf("on a server's file system: %q", h.Uses.Why())
	}
}

// What can't be looked at may be a use: a link may lead to a device of ours, a
// directory may be there, a number may be another one.
func TestUnreadableNames(t *testing.T) {
	for _, c := range []struct {
		bad   string
		below bool
		add   func(m *machine)
		want  string
	}{
		{"proc", false, nil, "the processes could not be read"},
		{"dev/vg0/data", true, func(m *machine) {
			m.AddFile("proc/swaps", []byte("Filename Type Size Used Priority\n/dev/vg0/data partition 65532 0 -2\n"))
		}, "which device /dev/vg0/data is"},
		{"dev/vg0/data", true, func(m *machine) {
			m.process(300, "fio", firstNamespace)
			m.open(300, 3, "anon_inode:[io_uring]")
			m.AddFile("proc/300/fdinfo/3", []byte("UserFiles:\t1\n    0: /dev/vg0/data\n"))
		}, "1 of 4 processes"},
		{"proc/300/fdinfo/3", true, func(m *machine) {
			m.process(300, "fio", firstNamespace)
			m.open(300, 3, "anon_inode:[io_uring]")
			m.AddFile("proc/300/fdinfo/3", []byte("UserFiles:\t1\n    0: /dev/sda\n"))
		}, "1 of 4 processes"},
		{"proc/300/root", true, func(m *machine) {
			m.process(300, "named", "mnt:[4026532999]")
			m.AddLink("proc/300/root", "/srv/chroot")
			m.AddFile("proc/300/mountinfo", []byte("50 24 0:9 / / rw - tmpfs none rw\n"))
		}, "mnt:[4026532999] kept at /proc/300/ns/mnt could not be read"},
		{"sys/devices/virtual/block/dm-1/bcache", true, nil, "whether dm-1 is bcache's"},
		{"sys/module", true, nil, "configfs"},
	} {
		m := withMap()
		m.AddLink("dev/vg0/data", "../dm-1")
		if c.add != nil {
			c.add(m)
		}
		fault := newSpy(m.FS)
		fault.bad, fault.below, fault.err = c.bad, c.below, syscall.EIO
		s := m.system()
		s.FS = fault
		if h := observeSystem(t, s); h.Uses.IsComplete() || !strings.Contains(h.Uses.Why(), c.want) {
			t.Errorf("without %s: complete %v, %q; want %q", c.bad, h.Uses.IsComplete(), h.Uses.Why(), c.want)
		}
	}
	// What another pool of that name has is not this one's, nor is what an old
	// cache file says.
	for _, bad := range []string{"proc/spl/kstat/zfs/tank/guid", "sys/module/zfs/parameters/spa_config_path"} {
		m := withDisk()
		m.block("vdb", "253:16", "devices/virtual/block/vdb")
		m.AddFile("proc/spl/kstat/zfs/tank/guid", []byte("77\n"))
		m.AddFile("sys/module/zfs/parameters/spa_config_path", []byte("/etc/zfs/zpool.cache\n"))
		m.AddFile("etc/zfs/zpool.cache", zpoolCache(cachedPool{"tank", 77, []string{"/dev/vdb"}}))
		if got := usesOf(m.observe(t)); len(got) > 0 {
			t.Errorf("a pool that is known: %q", got)
		}
		fault := newSpy(m.FS)
		fault.bad, fault.err = bad, syscall.EIO
		s := m.system()
		s.FS = fault
		if diff := cmp.Diff([]string{"unclear of sda is 01: zpool tank"}, usesOf(observeSystem(t, s))); diff != "" {
			t.Errorf("a pool without %s: %s", bad, diff)
		}
	}
}

// A worker of udev is one by its name and by its program, where that can be
// read or has ended.
func TestIsUdev(t *testing.T) {
	for _, c := range []struct {
		process, exe string
		want         bool
	}{
		{"(udev-worker)", "/usr/bin/udevadm", true},
		{"systemd-udevd", "/usr/lib/systemd/systemd-udevd (deleted)", true},
		{"(udev-worker)", "", true},
		{"(udev-worker)", "/usr/bin/qemu", false},
		{"qemu", "/usr/bin/udevadm", false},
		{"qemu", "", false},
	} {
		m := newMachine()
		m.process(300, c.process, firstNamespace)
		if c.exe != "" {
			m.AddLink("proc/300/exe", c.exe)
		}
		s, use := m.system(), evidence.Use{Kind: evidence.UseOpener, PID: 300, Process: c.process}
		if got := s.IsUdev(use); got != c.want {
			t.Errorf("%s, %s: %v", c.process, c.exe, got)
		}
		fault := newSpy(m.FS)
		fault.bad, fault.below, fault.err = "proc/300/exe", true, syscall.EIO
		if s.FS = fault; s.IsUdev(use) {
			t.Errorf("%s, whose program can't be read, is udev's", c.process)
		}
	}
}

// Where only root may ask a mapping for its file, and where a server would be
// asked, its path tells.
func TestMappingsThatAreNotAsked(t *testing.T) {
	m := withMap()
	m.process(300, "mysqld", firstNamespace)
	m.AddDevice("proc/300/map_files/7f00-7f10", 8, 0, false)
	m.AddFile("proc/300/maps", []byte("7f00-7f10 rw-s 00000000 00:05 385   /dev/sda\n"))
	fault := newSpy(m.FS)
	fault.bad, fault.below, fault.err = "proc/300/map_files", true, syscall.EPERM
	s := m.system()
	s.FS = fault
	h := observeSystem(t, s)
	if diff := cmp.Diff([]string{"opener of sda is 01: /dev/sda by mysqld"}, usesOf(h)); diff != "" || !h.Uses.IsComplete() {
		t.Errorf("%q %s", h.Uses.Why(), diff)
	}
	m.mount("77 24 0:46 / /net rw - nfs4 x rw")
	m.AddFile("proc/300/maps", []byte("7f00-7f10 rw-s 00000000 00:2e 385   /net/x\n"))
	fault = newSpy(m.FS)
	s.FS = fault
	if h := observeSystem(t, s); len(h.Uses.Items) > 0 || !h.Uses.IsComplete() || fault.touched["proc/300/map_files/7f00-7f10"] {
		t.Errorf("a server was asked: %q, %q", usesOf(h), h.Uses.Why())
	}
}

func TestUnreadableProcess(t *testing.T) {
	m := withMap()
	m.process(300, "dd", firstNamespace)
	fault := newSpy(m.FS)
	fault.bad, fault.err = "proc/300/fd", syscall.EACCES
	s := m.system()
	s.FS = fault
	h := observeSystem(t, s)
	const want = "the open files of 1 of 4 processes could not be read: "
	if !strings.HasPrefix(h.Uses.Why(), want) || !strings.HasPrefix(h.AllProcessesWhy, want) || !h.AllProcesses.IsNot() || h.Trouble == "" {
		t.Errorf("uses %q, all processes %s %q, trouble %q", h.Uses.Why(), h.AllProcesses, h.AllProcessesWhy, h.Trouble)
	}
}

// The lab's host with a mount that only a persisted namespace shows, once
// that namespace can be read.
func TestPersistedNamespaceOfRecording(t *testing.T) {
	tree := load(t, "lab-13-iscsi-mounted-in-persisted-ns")
	tree.AddFile("commands/nsenter_--mount__run_ns_lxd.mnt_cat__proc_self_mountinfo.out", []byte(
		"43 32 254:1 / /mnt/a rw,relatime - ext4 /dev/mapper/3624a93707a9ad0a2ce6b4c5a00011010 rw,stripe=8192\n"))
	h := observe(t, tree)
	i := slices.IndexFunc(h.Uses.Items, func(u evidence.Use) bool { return u.Kind == evidence.UseMount })
	if i < 0 || !h.Uses.IsComplete() {
		t.Fatalf("%v, %s", usesOf(h), h.Uses.Why())
	}
	want := evidence.Use{
		Kind: evidence.UseMount, Device: "dm-1", Dev: "254:1", Serial: "7A9AD0A2CE6B4C5A00011010",
		Where: "/mnt/a", Namespace: "/run/ns/lxd.mnt",
	}
	if diff := cmp.Diff(want, h.Uses.Items[i]); diff != "" {
		t.Error(diff)
	}
}
