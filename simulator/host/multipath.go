package host

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/pureclean/pureclean/evidence"
)

// dmap is a device-mapper device: a multipath map, a partition of one, or
// something else that stands on a device.
type dmap struct {
	block
	title string // device-mapper's name
	uuid  string
	paths []*mapPath
	// base is what a map that is not multipath stands on, and partition its
	// number if it is a partition.
	base      *block
	partition int
	queueing  bool
	suspended bool
	// stuck is a udev worker that reads a queueing map without a path and so
	// keeps it open for ever.
	stuck  bool
	events int
}

type mapPath struct {
	disk *disk
	// failed is device-mapper's word, checker multipathd's.
	failed  bool
	fails   int
	checker string
}

func (m *dmap) multipath() bool { return m.base == nil }

func (m *dmap) active() int {
	return count(m.paths, func(p *mapPath) bool { return !p.failed })
}

func wwid(serial string) string { return evidence.Serial(serial).WWID() }

func (h *Host) mapOf(serial string) *dmap {
	return first(h.maps, func(m *dmap) bool { return m.multipath() && m.serial == serial })
}

func (h *Host) isPath(d *disk) bool {
	return slices.ContainsFunc(h.maps, func(m *dmap) bool {
		return slices.ContainsFunc(m.paths, func(p *mapPath) bool { return p.disk == d })
	})
}

func (h *Host) newMap(title, uuid string, bytes int64, serial string) *dmap {
	minor := lowest(0, h.maps, func(m *dmap) int { return m.minor })
	m := &dmap{
		block: h.newBlock(fmt.Sprintf("dm-%d", minor), majorDM, minor, bytes, serial),
		title: title, uuid: uuid,
	}
	h.maps = append(h.maps, m)
	return m
}

// assemble makes or completes the multipath map of a volume from the disks
// that udev knows by its WWID and that are in no other map.
func (h *Host) assemble(serial string) *dmap {
	m := h.mapOf(serial)
	for _, d := range h.disks {
		if d.udev != serial || d.gone || h.isPath(d) || d.state == offline {
			continue
		}
		if m == nil {
			m = h.newMap(h.friendlyName(serial), "mpath-"+wwid(serial), d.bytes, serial)
			m.queueing = h.queueing
			if !slices.Contains(h.wwids, serial) {
				h.wwids = append(h.wwids, serial)
			}
		}
		m.paths = append(m.paths, &mapPath{disk: d, checker: "ready"})
		m.events++
	}
	return m
}

// friendlyName is the map's name from /etc/multipath/bindings, where a WWID
// keeps it for ever.
func (h *Host) friendlyName(serial string) string {
	if name, ok := h.bindings[wwid(serial)]; ok {
		return name
	}
	name := "mpath" + mapLetters(len(h.bindings))
	h.bindings[wwid(serial)] = name
	return name
}

// check lets multipathd's path checkers run. They test whether a logical unit
// answers, not which one it is.
func (h *Host) check(v view) {
	if !h.multipathd {
		return
	}
	for _, m := range h.maps {
		gone := len(m.paths) > 0
		for _, p := range m.paths {
			d := p.disk
			_, there := d.answer(v)
			switch {
			case d.gone || d.state == offline || d.state == transportOffline:
				p.fail("faulty")
				gone = false
			case d.state == blocked:
				// The check waits with all other I/O, and device-mapper
				// still believes in the path.
				p.checker = "i/o pending"
				gone = false
			case !there:
				p.fail("faulty")
			default:
				p.failed, p.checker = false, "ready"
				gone = false
			}
		}
		// udev looks at a map whose paths failed, and on a queueing map its
		// read ends only with a path or with the queueing.
		if len(m.paths) > 0 {
			m.stuck = gone
		}
		m.stuck = m.stuck && m.queueing
	}
}

func (p *mapPath) fail(checker string) {
	if !p.failed {
		p.fails++
	}
	p.failed, p.checker = true, checker
}

// removePath takes a disk out of a map. With the last one the map goes too,
// unless somebody has it open.
func (h *Host) removePath(m *dmap, d *disk) {
	before := len(m.paths)
	m.paths = slices.DeleteFunc(m.paths, func(p *mapPath) bool { return p.disk == d })
	if len(m.paths) == before {
		return
	}
	m.events++
	if len(m.paths) == 0 && h.inUse(&m.block) == 0 {
		h.removeMap(m)
	}
}

func (h *Host) removeMap(m *dmap) {
	h.maps = slices.DeleteFunc(h.maps, func(o *dmap) bool {
		return o == m || (o.base == &m.block && o.partition > 0)
	})
}

// FlushMap is "multipath -f" for the volume's map: partitions that nobody
// uses go with it. A map that is in use stays, and the error wraps EBUSY; if
// there is none it wraps ENXIO. The disks stay.
func (h *Host) FlushMap(serial string) error {
	return h.change(func(view) error { return h.flush(strings.ToUpper(serial)) })
}

func (h *Host) flush(serial string) error {
	m := h.mapOf(serial)
	if m == nil {
		return fmt.Errorf("host %s: flushing %s: there is no such map: %w", h.Name(), wwid(serial), syscall.ENXIO)
	}
	if n := h.inUse(&m.block); n > 0 {
		return fmt.Errorf("host %s: flushing %s: map in use: %w", h.Name(), m.title, syscall.EBUSY)
	}
	h.removeMap(m)
	return nil
}

// Suspend suspends a volume's map, as a flush that failed half-way leaves it,
// or resumes it.
func (h *Host) Suspend(serial string, suspended bool) {
	h.do(func(view) {
		if m := h.mapOf(strings.ToUpper(serial)); m != nil {
			m.suspended = suspended
		}
	})
}

// StopMultipathd stops the daemon: maps stay as they are, failures are no
// longer noticed and new disks get no map.
func (h *Host) StopMultipathd() { h.do(func(view) { h.multipathd = false }) }

// StartMultipathd starts the daemon, which takes up what it finds.
func (h *Host) StartMultipathd() {
	h.do(func(view) {
		h.multipathd = true
		for _, m := range slices.Clone(h.maps) {
			for _, p := range slices.Clone(m.paths) {
				if p.disk.gone {
					h.removePath(m, p.disk)
				}
			}
		}
		for _, serial := range slices.Clone(h.wwids) {
			h.assemble(serial)
		}
	})
}

// SetQueueing sets or clears queue_if_no_path on all maps, now and for those
// to come.
func (h *Host) SetQueueing(on bool) {
	h.do(func(view) {
		h.queueing = on
		for _, m := range h.maps {
			if m.multipath() {
				m.queueing = on
			}
		}
	})
}
