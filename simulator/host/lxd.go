package host

import (
	"fmt"
	"slices"
	"strings"
)

// hidden reports whether a volume's device does not appear, though the array
// shows it. A volume that is new takes one of the devices held by HoldDevices.
func (h *Host) hidden(serial string) bool {
	if h.held[serial] || (h.never != nil && h.never(serial)) {
		return true
	}
	if h.known[serial] || h.holdNext == 0 {
		return false
	}
	h.holdNext--
	h.held[serial], h.known[serial] = true, true
	return true
}

// HoldDevices keeps back the devices of the next n volumes that are new to
// this machine: the device that comes too late. HoldDevices(0) lets all go:
// NVMe namespaces appear at once, disks with the next scan.
func (h *Host) HoldDevices(n int) {
	h.do(func(view) {
		h.holdNext = n
		if n == 0 {
			clear(h.held)
		}
	})
}

// NeverAppear keeps the devices of the volumes that f reports from appearing;
// nil ends it. Devices that exist stay. f must not call the host.
func (h *Host) NeverAppear(f func(serial string) bool) { h.do(func(view) { h.never = f }) }

// Device finds a volume's device as LXD does: by its link below
// /dev/disk/by-id, and if that leads to a SCSI disk by having multipath make a
// map of it. It returns the kernel's name of what LXD would mount or give to
// a virtual machine; false is LXD's timeout.
func (h *Host) Device(serial string) (dev string, ok bool) {
	h.do(func(v view) {
		if b := h.device(strings.ToUpper(serial), v); b != nil {
			dev, ok = b.name, true
		}
	})
	return dev, ok
}

func (h *Host) device(serial string, v view) *block {
	if n := h.headOf(serial); n != nil {
		return &n.block
	}
	m := h.mapOf(serial)
	if m == nil {
		d := h.linked(serial)
		if d == nil || d.state != running {
			return nil
		}
		if _, there := d.answer(v); !there {
			return nil
		}
		if !h.multipathd {
			return &d.block
		}
		m = h.assemble(serial)
		h.check(v)
	}
	// LXD waits until "multipath -ll" shows a path that is active and ready.
	if m.active() == 0 {
		return nil
	}
	return &m.block
}

// Gone reports whether a device has gone from a volume. What goes by itself
// goes at once.
func (h *Host) Gone(serial, name string) bool {
	h.Follow()
	return !slices.Contains(h.DevicesOf(serial), name)
}

// Linked is where the volume's link below /dev/disk/by-id leads to: an NVMe
// namespace, a map or, while there is no map, a disk. LXD looks there when it
// unmaps a volume, and if there is no link it finds nothing to remove.
func (h *Host) Linked(serial string) (dev string, ok bool) {
	serial = strings.ToUpper(serial)
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := h.headOf(serial); n != nil {
		return n.name, true
	}
	if m := h.mapOf(serial); m != nil {
		return m.name, true
	}
	if d := h.linked(serial); d != nil {
		return d.name, true
	}
	return "", false
}

// linked is the disk that the volume's link below /dev/disk/by-id leads to
// while there is no map: the last that udev saw.
func (h *Host) linked(serial string) *disk {
	for i := len(h.disks) - 1; i >= 0; i-- {
		if d := h.disks[i]; d.udev == serial && !d.gone {
			return d
		}
	}
	return nil
}

// RemoveDevice is what LXD does on the host before it disconnects a volume:
// flush the map, then delete all disks that were its paths or whose WWID in
// sysfs is the map's. Without a device it does nothing and reports nothing.
// On NVMe there is nothing to do either: the namespace goes by itself after
// the disconnect. The error wraps EBUSY when the map is in use.
func (h *Host) RemoveDevice(serial string) error {
	serial = strings.ToUpper(serial)
	return h.change(func(view) error {
		m := h.mapOf(serial)
		if m == nil {
			if d := h.linked(serial); d != nil {
				h.removeDisk(d)
			}
			return nil
		}
		var paths []*disk
		for _, p := range m.paths {
			paths = append(paths, p.disk)
		}
		for _, d := range h.disks {
			if d.serial == serial && !slices.Contains(paths, d) {
				paths = append(paths, d)
			}
		}
		if err := h.flush(serial); err != nil {
			return fmt.Errorf("removing the device of %s: %w", serial, err)
		}
		for _, d := range paths {
			if !d.gone {
				h.removeDisk(d)
			}
		}
		return nil
	})
}

// StopLXD ends LXD's processes, as "snap stop lxd" does: instances and mounts
// stay. Of a snap's mount namespace then only the bind is left, and no process
// shows what is mounted in it.
func (h *Host) StopLXD() { h.do(func(view) { h.lxdRuns = false }) }

func (h *Host) RestartLXD() {
	h.do(func(view) { h.lxdRuns, h.lxdStarts, h.lxdSince = true, h.lxdStarts+1, h.clock.Now() })
}

func (h *Host) LXDPID() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pidLXD()
}

func (h *Host) pidLXD() int { return pidLXD + h.lxdStarts }

// MakeDirectory makes LXD's mount directory of a volume: kind is containers,
// custom, images, virtual-machines or one of those with "-snapshots".
func (h *Host) MakeDirectory(pool, kind, name string) {
	h.do(func(view) {
		dir := h.mountDirectory(pool, kind, name)
		if !slices.Contains(h.directories, dir) {
			h.directories = append(h.directories, dir)
		}
	})
}

func (h *Host) RemoveDirectory(pool, kind, name string) {
	h.do(func(view) {
		dir := h.mountDirectory(pool, kind, name)
		h.directories = slices.DeleteFunc(h.directories, func(o string) bool { return o == dir })
	})
}

// MountPath is where LXD mounts a volume: an absolute path on this machine.
func (h *Host) MountPath(pool, kind, name string) string {
	return "/" + h.mountDirectory(pool, kind, name)
}

func (h *Host) mountDirectory(pool, kind, name string) string {
	return strings.Join([]string{lxdDir, "storage-pools", pool, kind, name}, "/")
}
