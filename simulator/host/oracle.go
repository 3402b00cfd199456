package host

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/release"
)

// Mount is a mounted filesystem as the simulator knows it, for judging what a
// reader found.
type Mount struct {
	Serial string
	Device string
	Dev    string
	// Gone is set when the device was taken away under the mount.
	Gone  bool
	Path  string
	Where Where
}

func (h *Host) Mounts() []Mount {
	h.mu.Lock()
	defer h.mu.Unlock()
	var mounts []Mount
	for _, m := range h.mounts {
		mounts = append(mounts, Mount{
			Serial: m.serial, Device: m.name, Dev: m.dev(), Gone: m.gone, Path: m.path, Where: m.where,
		})
	}
	return mounts
}

// DevicesOf lists the kernel's names of all devices that lead to a volume or
// that say they do: disks whose WWID in sysfs is the volume's or that answer
// with it now, its map with partitions, its NVMe head with paths.
func (h *Host) DevicesOf(serial string) []string {
	serial = strings.ToUpper(serial)
	v := h.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, d := range h.disks {
		e, there := d.answer(v)
		if !d.gone && (d.serial == serial || (there && d.session.live() && e.Serial == serial)) {
			names = append(names, d.name)
		}
	}
	for _, m := range h.maps {
		if m.serial == serial && (m.multipath() || m.partition > 0) {
			names = append(names, m.name)
		}
	}
	for _, c := range h.subsystem.controllers {
		for _, p := range c.paths {
			if p.serial == serial {
				names = append(names, p.name)
			}
		}
	}
	if n := h.headOf(serial); n != nil {
		names = append(names, n.name)
	}
	slices.Sort(names)
	return names
}

// Bystanders lists those of DevicesOf through which nothing can reach the
// volume: disks that are offline, in no map and not used. Perhaps the array has
// given their number to this volume since, perhaps the volume was disconnected
// and is connected again. No scan asks them who they are, and none adds a device
// for the volume at their address before they are deleted.
func (h *Host) Bystanders(serial string) []string {
	serial = strings.ToUpper(serial)
	v := h.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, d := range h.disks {
		if d.leads(serial, v) && !d.gone && d.state == offline && !h.isPath(d) && h.inUse(&d.block) == 0 {
			names = append(names, d.name)
		}
	}
	slices.Sort(names)
	return names
}

// Strays lists the disks that run, say that they are one volume and lead to
// another: what is written to the one can reach the other.
func (h *Host) Strays() []release.Target {
	v := h.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []release.Target
	for _, d := range h.disks {
		if e, there := d.answer(v); there && e.Serial != d.serial && !d.gone && d.state == running {
			all = append(all, d.target())
		}
	}
	return all
}

// InUse reports whether anything uses a device of the volume, one that was the
// volume's and has gone, or one that the array has put before the volume
// since: what its user writes goes to the volume.
func (h *Host) InUse(serial string) bool {
	serial = strings.ToUpper(serial)
	v := h.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	leads := func(p *mapPath) bool { return p.disk.leads(serial, v) }
	return slices.ContainsFunc(h.blocks(), func(b *block) bool { return b.serial == serial && h.inUse(b) > 0 }) ||
		slices.ContainsFunc(h.present(), func(d *disk) bool { return d.leads(serial, v) && h.inUse(&d.block) > 0 }) ||
		slices.ContainsFunc(h.maps, func(m *dmap) bool { return slices.ContainsFunc(m.paths, leads) && h.inUse(&m.block) > 0 })
}

// blocks are all block devices that can be used, those that have gone too.
func (h *Host) blocks() []*block {
	var all []*block
	for _, d := range h.disks {
		all = append(all, &d.block)
	}
	for _, m := range h.maps {
		all = append(all, &m.block)
	}
	for _, n := range h.subsystem.heads {
		all = append(all, &n.block)
	}
	return all
}

// leads reports a disk that says it is the volume, or that the array has put it
// behind.
func (d *disk) leads(serial string, v view) bool {
	e, there := d.answer(v)
	return d.serial == serial || (there && e.Serial == serial)
}
