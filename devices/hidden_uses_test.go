package devices_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
)

// withDisk is a machine with volume 1 as a disk without a map.
func withDisk() *machine {
	m := newMachine()
	m.disk("sda", "8:0", 1)
	return m
}

// Uses that a process's own list of open files does not show.
func TestUsesBesideTheLeader(t *testing.T) {
	cases := []struct {
		name string
		add  func(m *machine)
		want []string
	}{
		{
			"a thread with a file table of its own",
			func(m *machine) {
				m.process(300, "java", firstNamespace)
				m.open(300, 0, "/dev/null")
				m.AddLink("proc/300/task/300/fd/0", "/dev/null")
				m.AddLink("proc/300/task/301/fd/5", "/dev/sda")
			},
			[]string{"opener of sda is 01: /dev/sda by java"},
		},
		{
			"a thread with a mount namespace of its own",
			func(m *machine) {
				m.process(300, "java", firstNamespace)
				m.open(300, 0, "/dev/null")
				m.AddLink("proc/300/task/301/ns/mnt", "mnt:[4026532999]")
				m.AddFile("proc/301/mountinfo", []byte("50 24 8:0 / /mnt rw - vfat /dev/sda rw\n"))
			},
			[]string{"mount of sda is 01: /mnt in mnt:[4026532999]"},
		},
		{
			"a namespace that a thread's open file keeps",
			func(m *machine) {
				m.process(300, "java", firstNamespace)
				m.open(300, 0, "/dev/null")
				m.AddLink("proc/300/task/301/fd/7", "mnt:[4026532138]")
				m.kernel.namespaces = map[string]string{"/proc/300/task/301/fd/7": "51 24 8:0 / /mnt rw - ext4 /dev/sda rw\n"}
			},
			[]string{"mount of sda is 01: /mnt in /proc/300/task/301/fd/7"},
		},
		{
			"a mount outside of the root of all that are in the namespace",
			func(m *machine) {
				m.process(300, "named", "mnt:[4026532999]")
				m.AddLink("proc/300/root", "/srv/chroot")
				m.AddFile("proc/300/mountinfo", []byte("50 24 0:9 / / rw - tmpfs none rw\n"))
				m.kernel.namespaces = map[string]string{"/proc/300/ns/mnt": "51 24 8:0 / /mnt rw - ext4 /dev/sda rw\n"}
			},
			[]string{"mount of sda is 01: /mnt in /proc/300/ns/mnt"},
		},
		{
			"a mount outside of the root of the first that is in the namespace",
			func(m *machine) {
				m.process(300, "named", "mnt:[4026532999]")
				m.AddLink("proc/300/root", "/srv/chroot")
				m.AddFile("proc/300/mountinfo", []byte("50 24 0:9 / / rw - tmpfs none rw\n"))
				m.process(301, "init", "mnt:[4026532999]")
				m.AddLink("proc/301/root", "/")
				m.AddFile("proc/301/mountinfo", []byte("51 24 8:0 / /mnt rw - ext4 /dev/sda rw\n"))
			},
			[]string{"mount of sda is 01: /mnt in mnt:[4026532999]"},
		},
		{
			"memory that a closed file is mapped to",
			func(m *machine) {
				m.process(300, "mysqld", firstNamespace)
				m.AddFile("proc/300/maps", []byte("55d0-55e0 r-xp 00000000 fd:01 1234   /usr/sbin/mysqld\n"+
					"7f00-7f10 rw-s 00000000 00:05 385                        /dev/sda\n7f20-7f30 rw-p 00000000 00:00 0 \n"))
			},
			[]string{"opener of sda is 01: /dev/sda by mysqld"},
		},
		{
			"mapped memory, whatever the node is called",
			func(m *machine) {
				m.process(300, "mysqld", firstNamespace)
				m.AddDevice("proc/300/map_files/7f00-7f10", 8, 0, false)
				m.AddFile("proc/300/maps", []byte("7f00-7f10 rw-s 00000000 00:2e 99                /srv/a disk\n"))
			},
			[]string{"opener of sda is 01: /srv/a disk by mysqld"},
		},
		{
			"mapped memory of a process whose first thread has ended",
			func(m *machine) {
				m.process(300, "mysqld", firstNamespace)
				m.AddFile("proc/300/maps", nil)
				m.AddDir("proc/300/task/300")
				m.AddFile("proc/300/task/301/maps", []byte("7f00-7f10 rw-s 00000000 00:05 385 /dev/sda\n"))
			},
			[]string{"opener of sda is 01: /dev/sda by mysqld"},
		},
		{
			"files that an io_uring holds",
			func(m *machine) {
				m.process(300, "fio", firstNamespace)
				m.open(300, 3, "anon_inode:[io_uring]")
				m.AddFile("proc/300/fdinfo/3", []byte("SqMask:\t0x7\nUserFiles:\t3\n    0: <none>\n    1: sda\n    2: data.img\nUserBufs:\t0\n"))
			},
			[]string{"opener of sda is 01: io_uring, sda by fio"},
		},
		{
			"the same as newer kernels show it",
			func(m *machine) {
				m.process(300, "fio", firstNamespace)
				m.open(300, 3, "anon_inode:[io_uring]")
				m.AddFile("proc/300/fdinfo/3", []byte("UserFiles:\t1\n    0: /dev/sda\n"))
			},
			[]string{"opener of sda is 01: io_uring, /dev/sda by fio"},
		},
		{
			"bcache that does not run",
			func(m *machine) { m.AddDir(m.dir("sda") + "/bcache") },
			[]string{"holder of sda is 01: bcache"},
		},
		{
			"a zpool whose devices its cache file names",
			func(m *machine) {
				m.AddDir("proc/spl/kstat/zfs/tank")
				m.AddFile("proc/spl/kstat/zfs/tank/guid", []byte("77\n"))
				m.AddFile("etc/zfs/zpool.cache", zpoolCache(cachedPool{"tank", 77, []string{"/dev/sda"}}))
			},
			[]string{"holder of sda is 01: zpool tank"},
		},
		{
			"a zpool on other devices",
			func(m *machine) {
				m.AddDir("proc/spl/kstat/zfs/tank")
				m.AddFile("etc/zfs/zpool.cache", zpoolCache(cachedPool{"tank", 77, []string{"/dev/vdb", "/dev/vdc"}}))
				m.block("vdb", "253:16", "devices/virtual/block/vdb")
				m.block("vdc", "253:32", "devices/virtual/block/vdc")
			},
			nil,
		},
		{
			"a zpool that says nothing of its devices",
			func(m *machine) { m.AddDir("proc/spl/kstat/zfs/tank") },
			[]string{"unclear of sda is 01: zpool tank"},
		},
		{
			"a zpool whose name another one has in the cache file",
			func(m *machine) {
				m.AddFile("proc/spl/kstat/zfs/tank/guid", []byte("78\n"))
				m.AddFile("etc/zfs/zpool.cache", zpoolCache(cachedPool{"tank", 77, []string{"/dev/vdb"}}))
			},
			[]string{"unclear of sda is 01: zpool tank"},
		},
		{
			"a zpool on a device of which nothing is known",
			func(m *machine) {
				m.AddDir("proc/spl/kstat/zfs/tank")
				m.AddFile("etc/zfs/zpool.cache", zpoolCache(cachedPool{"tank", 77, []string{"/dev/disk/by-id/gone"}}))
			},
			[]string{"unclear of sda is 01: zpool tank"},
		},
		{
			"a DRBD that does not say on what it stands",
			func(m *machine) { m.block("drbd0", "147:0", "devices/virtual/block/drbd0") },
			[]string{"unclear of sda is 01: drbd0"},
		},
		{
			"SCST",
			func(m *machine) {
				m.AddFile("sys/kernel/scst_tgt/devices/disk1/filename", []byte("/dev/sda\n[key]\n"))
			},
			[]string{"export of sda is 01: SCST disk1"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := withDisk()
			c.add(m)
			h := m.observe(t)
			if diff := cmp.Diff(append([]string{}, c.want...), usesOf(h)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !h.Uses.IsComplete() || !h.AllProcesses.Is() {
				t.Errorf("incomplete: %s; all processes: %s", h.Uses.Why(), h.AllProcessesWhy)
			}
		})
	}
}

// Of a map the kernel counts who has it open, whoever that is: what can't be
// seen through is no doubt there.
func TestUnclearIsNotOfMaps(t *testing.T) {
	m := withMap()
	m.AddDir("proc/spl/kstat/zfs/tank")
	if got := usesOf(m.observe(t)); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// What holds a device out of sight, and can't be seen through, is a doubt.
func TestHiddenHoldersAreDoubts(t *testing.T) {
	cases := []struct {
		name, want string
		hide       func(m *machine)
	}{
		{"descriptors in flight", "2 descriptors are on their way to dbus-daemon (pid 300)", func(m *machine) {
			m.process(300, "dbus-daemon", firstNamespace)
			m.open(300, 4, "socket:[77]")
			m.AddFile("proc/300/fdinfo/4", []byte("pos:\t0\nscm_fds: 2\n"))
		}},
		{"an io_uring that does not list its files", "files of an io_uring of fio (pid 300)", func(m *machine) {
			m.process(300, "fio", firstNamespace)
			m.open(300, 4, "anon_inode:[io_uring]")
			m.AddFile("proc/300/fdinfo/4", []byte("UserFiles:\t3\n"))
		}},
		{"memory that can't be read", "1 of 4 processes", func(m *machine) {
			m.process(300, "dd", firstNamespace)
			m.AddDir("proc/300/maps") // no file can be read there
		}},
		{"a namespace of which only a part can be seen", "could not be read", func(m *machine) {
			m.process(300, "named", "mnt:[4026532999]")
			m.AddLink("proc/300/root", "/srv/chroot")
			m.AddFile("proc/300/mountinfo", []byte("50 24 0:9 / / rw - tmpfs none rw\n"))
		}},
		{"exports while configfs is not mounted", "configfs", func(m *machine) { m.AddDir("sys/module/target_core_mod") }},
		{"exports over NVMe while configfs is not mounted", "configfs", func(m *machine) { m.AddDir("sys/module/nvmet") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := withDisk()
			c.hide(m)
			h := m.observe(t)
			if h.Uses.IsComplete() || !strings.Contains(h.Uses.Why(), c.want) {
				t.Errorf("complete %v, why %q; want %q", h.Uses.IsComplete(), h.Uses.Why(), c.want)
			}
		})
	}
	t.Run("descriptors that have arrived since", func(t *testing.T) {
		m := withDisk()
		m.process(300, "dbus-daemon", firstNamespace)
		m.open(300, 4, "socket:[77]")
		m.AddFile("proc/300/fdinfo/4", []byte("scm_fds: 0\n"))
		if h := m.observe(t); !h.Uses.IsComplete() {
			t.Error(h.Uses.Why())
		}
	})
}

// tableKernel knows which threads share their leader's open files.
type tableKernel struct {
	devices.Kernel
	asked atomic.Int64
	same  func(a, b int) (bool, error)
}

func (k *tableKernel) SameFiles(a, b int) (bool, error) {
	k.asked.Add(1)
	return k.same(a, b)
}

// A process of five thousand threads is looked at as quickly as one of one:
// the kernel says who has the leader's table, and nobody's is read twice. Where
// it does not say, each is read.
func TestManyThreads(t *testing.T) {
	const threads = 5000
	m := withDisk()
	m.process(300, "java", firstNamespace)
	for fd := range 20 {
		m.open(300, fd, "/dev/null")
	}
	for tid := 301; tid < 300+threads; tid++ {
		m.AddLink(fmt.Sprintf("proc/300/task/%d/ns/mnt", tid), firstNamespace)
		m.AddLink(fmt.Sprintf("proc/300/task/%d/fd/1", tid), "/dev/null")
	}
	m.AddLink("proc/300/task/4000/fd/9", "/dev/sda")
	spy := newSpy(m.FS)
	s := m.system()
	s.FS = spy
	kernel := &tableKernel{Kernel: m.kernel, same: func(a, b int) (bool, error) { return (a == 4000) == (b == 4000), nil }}
	s.Kernel = kernel
	began := time.Now()
	h := observeSystem(t, s)
	want := []string{"opener of sda is 01: /dev/sda by java"}
	if diff := cmp.Diff(want, usesOf(h)); diff != "" {
		t.Error(diff)
	}
	if spy.touched["proc/300/task/301/fd"] || !spy.touched["proc/300/task/4000/fd"] {
		t.Error("the table of a thread that has the leader's was read, or the one that differs was not")
	}
	if took := time.Since(began); took > 20*time.Second || kernel.asked.Load() < threads-1 {
		t.Errorf("%d questions took %s", kernel.asked.Load(), took)
	}
	for _, err := range []error{syscall.EPERM, syscall.ENOSYS, errors.ErrUnsupported} {
		kernel.same = func(int, int) (bool, error) { return true, err }
		if diff := cmp.Diff(want, usesOf(observeSystem(t, s))); diff != "" {
			t.Errorf("%v: %s", err, diff)
		}
	}
}

// cachedPool is a pool of a cache file.
type cachedPool struct {
	name  string
	guid  uint64
	paths []string
}

// packed builds a list of name-value pairs as libnvpair packs it in XDR.
type packed struct{ bytes.Buffer }

func (p *packed) words(words ...uint32) {
	for _, w := range words {
		p.Write(binary.BigEndian.AppendUint32(nil, w))
	}
}

func text(s string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(s)))
	return append(append(b, s...), make([]byte, (4-len(s)%4)%4)...)
}

func pair(name string, kind, count uint32, value []byte) []byte {
	var p packed
	p.Write(text(name))
	p.words(kind, count)
	p.Write(value)
	size := uint32(p.Len() + 8)
	return append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, size), size), p.Bytes()...)
}

func nvlist(pairs ...[]byte) []byte {
	var p packed
	p.words(0, 1)
	for _, one := range pairs {
		p.Write(one)
	}
	p.words(0, 0)
	return p.Bytes()
}

func zpoolCache(pools ...cachedPool) []byte {
	var all [][]byte
	for _, pool := range pools {
		var disks []byte
		for _, path := range pool.paths {
			disks = append(disks, nvlist(pair("path", 9, 1, text(path)), pair("type", 9, 1, text("disk")))...)
		}
		tree := nvlist(pair("type", 9, 1, text("root")), pair("children", 20, uint32(len(pool.paths)), disks))
		all = append(all, pair(pool.name, 19, 1, nvlist(
			pair("version", 8, 1, make([]byte, 8)), pair("name", 9, 1, text(pool.name)),
			pair("pool_guid", 8, 1, binary.BigEndian.AppendUint64(nil, pool.guid)), pair("vdev_tree", 19, 1, tree))))
	}
	return append([]byte{1, 1, 0, 0}, nvlist(all...)...)
}

// Whatever is in a cache file, a pool that is not fully understood is unclear.
func TestTornZpoolCache(t *testing.T) {
	whole := zpoolCache(cachedPool{"tank", 77, []string{"/dev/vdb"}})
	for cut := range whole {
		m := withDisk()
		m.block("vdb", "253:16", "devices/virtual/block/vdb")
		m.AddDir("proc/spl/kstat/zfs/tank")
		m.AddFile("etc/zfs/zpool.cache", whole[:cut])
		if got := usesOf(m.observe(t)); len(got) != 1 && cut < len(whole)-8 {
			t.Errorf("%d of %d bytes: %q", cut, len(whole), got)
		}
	}
}

// A list that is not understood in one place says nothing of its pool, however
// well the rest of it is read.
func TestOddZpoolCache(t *testing.T) {
	disk := nvlist(pair("path", 9, 1, text("/dev/vdb")), pair("type", 9, 1, text("disk")))
	cache := func(pairs ...[]byte) []byte {
		whole := append([][]byte{pair("pool_guid", 8, 1, make([]byte, 8)), pair("a", 19, 1, disk)}, pairs...)
		return append([]byte{1, 1, 0, 0}, nvlist(pair("tank", 19, 1, nvlist(whole...)))...)
	}
	deep := disk
	for range 20 {
		deep = nvlist(pair("a", 19, 1, deep))
	}
	words := func(words ...uint32) []byte {
		var p packed
		p.words(words...)
		return p.Bytes()
	}
	native := cache()
	native[0] = 0
	for name, data := range map[string][]byte{
		"another encoding":             native,
		"a path without a value":       cache(pair("b", 19, 1, nvlist(pair("path", 9, 1, nil)))),
		"a path that is cut off":       cache(pair("b", 19, 1, nvlist(pair("path", 9, 1, text("/dev/sda")[:8])))),
		"a list without its end":       cache(pair("b", 19, 1, disk[:len(disk)-8])),
		"a list without its last word": cache(pair("b", 19, 1, disk[:len(disk)-4])),
		"a pair smaller than its size": cache(words(4, 4)),
		"a pair without a name":        cache(words(8, 8)),
		"lists in lists without end":   cache(pair("b", 19, 1, deep)),
	} {
		for want, data := range map[string][]byte{"": cache(), "unclear of sda is 01: zpool tank": data} {
			m := withDisk()
			m.block("vdb", "253:16", "devices/virtual/block/vdb")
			m.AddDir("proc/spl/kstat/zfs/tank")
			m.AddFile("etc/zfs/zpool.cache", data)
			if got := strings.Join(usesOf(m.observe(t)), ", "); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}
