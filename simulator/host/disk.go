package host

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/pureclean/pureclean/simulator/fabric"
)

const (
	running          = "running"
	offline          = "offline"
	blocked          = "blocked"
	transportOffline = "transport-offline"
)

// disk is a SCSI disk: one path to a volume. Its block's serial and bytes are
// what sysfs says: from when it was added or last rescanned, whatever volume
// the array has put behind the number since.
type disk struct {
	block
	index   int
	generic int // the N of sgN
	session *session
	lun     int
	state   string
	// udev is the serial when udev last looked, which is when the disk was
	// added: a rescan sends no event. The by-id links and multipathd go by it.
	udev string
}

func (d *disk) hctl() string { return fmt.Sprintf("%d:0:0:%d", d.session.host, d.lun) }

func (d *disk) answer(v view) (fabric.Export, bool) {
	e, ok := v.scsi[d.session.target][d.lun]
	return e, ok
}

// rescan refreshes what sysfs says. If there is no such logical unit any
// more the size becomes 0, and the identity stays: its page can't be read.
func (d *disk) rescan(v view) {
	if e, ok := d.answer(v); ok {
		d.serial, d.bytes = e.Serial, e.Bytes
	} else {
		d.bytes = 0
	}
}

// present are the disks that have not gone.
func (h *Host) present() []*disk {
	return slices.DeleteFunc(slices.Clone(h.disks), func(d *disk) bool { return d.gone })
}

func (h *Host) diskAt(s *session, lun int) *disk {
	return first(h.disks, func(d *disk) bool { return d.session == s && d.lun == lun && !d.gone })
}

func (h *Host) diskNamed(name string) *disk {
	return first(h.disks, func(d *disk) bool { return d.name == name && !d.gone })
}

func (h *Host) addDisk(s *session, e fabric.Export) {
	index := lowest(0, h.disks, func(d *disk) int { return d.index })
	major, minor := sdNumbers(index)
	d := &disk{
		block: h.newBlock(sdName(index), major, minor, e.Bytes, e.Serial),
		index: index, generic: lowest(0, h.present(), func(d *disk) int { return d.generic }), session: s, lun: e.LUN, state: running, udev: e.Serial,
	}
	d.block.dir = d.device() + "/block/" + d.name
	h.disks = append(h.disks, d)
	h.known[e.Serial] = true
	h.saysDisk(d, e)
	// find_multipaths "strict": multipathd makes a map by itself only of a
	// WWID that it has had a map of.
	if h.multipathd && (h.mapOf(e.Serial) != nil || slices.Contains(h.wwids, e.Serial)) {
		h.assemble(e.Serial)
	}
}

func (h *Host) removeDisk(d *disk) {
	d.gone = true
	if h.multipathd {
		for _, m := range slices.Clone(h.maps) {
			h.removePath(m, d)
		}
	}
}

// OfflinePath writes "offline" to the disk's state. It keeps its place, so no
// scan can add the logical unit again.
func (h *Host) OfflinePath(name string) error { return h.setState(name, running, offline) }

func (h *Host) OnlinePath(name string) error { return h.setState(name, offline, running) }

// UdevLooks has udev look at a disk again, as "udevadm trigger
// --action=change" does: it asks the disk itself, and its names are right.
func (h *Host) UdevLooks(name string) error {
	return h.onDisk("triggering", name, func(d *disk, v view) error {
		if e, ok := d.answer(v); ok && d.state == running {
			d.udev = e.Serial
		}
		return nil
	})
}

func (h *Host) onDisk(doing, name string, f func(*disk, view) error) error {
	return h.change(func(v view) error {
		d := h.diskNamed(name)
		if d == nil {
			return fmt.Errorf("host %s: %s %s: %w", h.Name(), doing, name, syscall.ENOENT)
		}
		return f(d, v)
	})
}

func (h *Host) setState(name, from, to string) error {
	return h.onDisk("setting the state of", name, func(d *disk, _ view) error {
		if d.state != from && d.state != to {
			return fmt.Errorf("host %s: setting the state of %s, which is %s: %w", h.Name(), name, d.state, syscall.EINVAL)
		}
		d.state = to
		return nil
	})
}

// DeletePath writes to the disk's delete file: it goes, whatever uses it, and
// the next scan adds it again if the array still shows it.
func (h *Host) DeletePath(name string) error {
	return h.onDisk("deleting", name, func(d *disk, _ view) error { h.removeDisk(d); return nil })
}
