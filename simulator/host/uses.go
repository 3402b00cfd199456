package host

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Where says in which mount namespace a mount is made.
type Where int

const (
	// FirstNamespace is that of the first process.
	FirstNamespace Where = iota
	// LXDNamespace is the LXD snap's own, in which LXD's processes are. Where
	// LXD is no snap it is the first one.
	LXDNamespace
	// HiddenNamespace has no process: only a bind keeps it.
	HiddenNamespace
)

type mount struct {
	*block
	id    int
	path  string
	where Where
}

type process struct {
	pid   int
	name  string
	where Where
	files []*block
	// reads is set for one that ends with an error when its I/O does.
	reads bool
}

// loop is a loop device on a block device. Device-mapper and sysfs show no
// holder for it.
type loop struct {
	block
	backing *block
}

// with finds the device of the volume with this serial, to add a user to, and
// fails as LXD would when there is none.
func (h *Host) with(doing, serial string, f func(*block) error) error {
	serial = strings.ToUpper(serial)
	return h.change(func(v view) error {
		b := h.device(serial, v)
		if b == nil {
			return fmt.Errorf("host %s: %s volume %s: no usable device appeared: %w", h.Name(), doing, serial, syscall.ENODEV)
		}
		return f(b)
	})
}

func (h *Host) take(doing, serial string, users *[]*block) error {
	return h.with(doing, serial, func(b *block) error { *users = append(*users, b); return nil })
}

func (h *Host) Format(serial string) { h.wrote(serial) }

// wrote tells the arrays that a volume was written to, if they want to know.
func (h *Host) wrote(serial string) {
	for _, target := range h.targets() {
		if a, ok := target.(interface{ Written(serial string) }); ok {
			a.Written(serial)
		}
	}
}

// Mount mounts a volume's filesystem at an absolute path of the namespace,
// which writes to it.
func (h *Host) Mount(serial, where string, namespace Where) error {
	defer h.wrote(serial)
	return h.with("mounting", serial, func(b *block) error {
		at := path.Clean("/" + where)
		if slices.ContainsFunc(h.mounts, func(m *mount) bool { return m.path == at && m.where == namespace }) {
			return fmt.Errorf("host %s: mounting volume %s: %s is taken: %w", h.Name(), serial, at, syscall.EBUSY)
		}
		h.mounts = append(h.mounts, &mount{block: b, id: h.nextMountID, path: at, where: namespace})
		h.nextMountID++
		b.reads += 16
		return nil
	})
}

// Unmount unmounts the path, also when the device has gone. What is mounted
// there in a hidden namespace stays.
func (h *Host) Unmount(where string) error {
	at := path.Clean("/" + where)
	return h.change(func(view) error {
		before := len(h.mounts)
		h.mounts = slices.DeleteFunc(h.mounts, func(m *mount) bool { return m.path == at && m.where != HiddenNamespace })
		if len(h.mounts) == before {
			return fmt.Errorf("host %s: unmounting %s: it is no mount point: %w", h.Name(), at, syscall.EINVAL)
		}
		return nil
	})
}

// EndHidden ends the hidden namespace, and with it what is mounted there.
func (h *Host) EndHidden() {
	h.do(func(view) {
		h.mounts = slices.DeleteFunc(h.mounts, func(m *mount) bool { return m.where == HiddenNamespace })
	})
}

// Open lets a process open a volume's device; the process is started when
// there is none with this id.
func (h *Host) Open(serial, name string, pid int) error {
	return h.with("opening", serial, func(b *block) error {
		p := first(h.processes, func(p *process) bool { return p.pid == pid })
		if p == nil {
			// Most that opens a volume is a virtual machine, LXD's child.
			p = &process{pid: pid, name: name, where: LXDNamespace}
			h.processes = append(h.processes, p)
		}
		p.files = append(p.files, b)
		return nil
	})
}

// Read is Open for a process that reads the device: it ends with the first
// error.
func (h *Host) Read(serial, name string, pid int) error {
	if err := h.Open(serial, name, pid); err != nil {
		return err
	}
	h.do(func(view) {
		for _, p := range h.processes {
			p.reads = p.reads || p.pid == pid
		}
	})
	return nil
}

func (h *Host) Close(pid int) {
	h.do(func(view) {
		h.processes = slices.DeleteFunc(h.processes, func(p *process) bool { return p.pid == pid })
	})
}

func (h *Host) Swap(serial string) error { return h.take("swapping on", serial, &h.swaps) }

// Hold puts another device-mapper device on a volume's: holder is its uuid,
// such as "LVM-…" or "CRYPT-LUKS2-…-name".
func (h *Host) Hold(serial, holder string) error {
	return h.with("holding", serial, func(b *block) error {
		if slices.ContainsFunc(h.maps, func(m *dmap) bool { return m.uuid == holder }) {
			return fmt.Errorf("host %s: holding volume %s: there is a device with uuid %s: %w", h.Name(), serial, holder, syscall.EBUSY)
		}
		name := holder[strings.LastIndex(holder, "-")+1:]
		if strings.HasPrefix(holder, "LVM-") {
			name = "guest-root"
		}
		h.newMap(name, holder, b.bytes, b.serial).base = b
		return nil
	})
}

// Partitions has kpartx make maps of n partitions of a volume's map.
func (h *Host) Partitions(serial string, n int) error {
	return h.with("partitioning", serial, func(b *block) error {
		m := h.mapOf(b.serial)
		if m == nil || slices.ContainsFunc(h.maps, func(m *dmap) bool { return m.base == b && m.partition > 0 }) {
			return fmt.Errorf("host %s: partitioning volume %s: %s has partitions, or is no map: %w", h.Name(), serial, b.name, syscall.EEXIST)
		}
		for i := 1; i <= n; i++ {
			part := h.newMap(fmt.Sprintf("%s-part%d", m.title, i), fmt.Sprintf("part%d-%s", i, m.uuid), b.bytes/int64(n+1), b.serial)
			part.base, part.partition = b, i
		}
		return nil
	})
}

func (h *Host) Loop(serial string) error {
	return h.with("looping", serial, func(b *block) error {
		n := lowest(1, h.loops, func(l *loop) int { return l.minor }) // the snap's base has the first
		h.loops = append(h.loops, &loop{
			block:   h.newBlock(fmt.Sprintf("loop%d", n), majorLoop, n, b.bytes, b.serial),
			backing: b,
		})
		return nil
	})
}

// Export gives a volume's device on to others, through the kernel's own SCSI
// target.
func (h *Host) Export(serial string) error { return h.take("exporting", serial, &h.exports) }

// Claim opens a volume's device exclusively from within the kernel, as a zpool
// does: no process, no mount and no holder shows it.
func (h *Host) Claim(serial string) error { return h.take("claiming", serial, &h.claims) }

// Release ends every use of a volume except mounts: openers (their processes
// end), swap, loop devices, exports, claims, holders and partitions. It also ends uses
// of a device of this volume that has gone.
func (h *Host) Release(serial string) {
	serial = strings.ToUpper(serial)
	h.do(func(view) {
		mine := func(b *block) bool { return b.serial == serial }
		h.processes = slices.DeleteFunc(h.processes, func(p *process) bool { return slices.ContainsFunc(p.files, mine) })
		h.swaps = slices.DeleteFunc(h.swaps, mine)
		h.exports, h.claims = slices.DeleteFunc(h.exports, mine), slices.DeleteFunc(h.claims, mine)
		h.loops = slices.DeleteFunc(h.loops, func(l *loop) bool { return mine(l.backing) })
		h.maps = slices.DeleteFunc(h.maps, func(m *dmap) bool { return !m.multipath() && mine(&m.block) })
	})
}

// Write writes n blocks of 4 KiB to a volume through its device: the counters
// of the device and of one path move.
func (h *Host) Write(serial string, n int) error {
	defer h.wrote(serial)
	return h.with("writing to", serial, func(b *block) error {
		b.writes += int64(n)
		if m := h.mapOf(b.serial); m != nil {
			if p := first(m.paths, func(p *mapPath) bool { return !p.failed }); p != nil {
				p.disk.writes += int64(n)
			}
			return nil
		}
		for _, c := range h.subsystem.controllers {
			for _, p := range c.paths {
				if &p.head.block == b && c.state == live {
					p.writes += int64(n)
					return nil
				}
			}
		}
		return nil
	})
}
