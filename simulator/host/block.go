package host

import (
	"fmt"
	"slices"
	"strings"
)

// The major numbers, as on the recorded machines. Those of device-mapper and
// virtio are dynamic in Linux and only usually these.
const (
	majorSD     = 8
	majorDM     = 253
	majorVirtio = 254
	majorLoop   = 7
	majorExt    = 259 // NVMe
	majorSG     = 21
	majorBSG    = 250
	majorNG     = 244
	majorNVMe   = 245
)

// block is what all block devices have in common. A block that is gone was
// taken from sysfs while somebody used it.
type block struct {
	name         string
	major, minor int
	// seq is the number of this instance, which unlike the others is never
	// used again (diskseq).
	seq   int64
	bytes int64
	// serial is the volume's, whatever lies in between.
	serial string
	// dir is its directory in sysfs; empty for a virtual device.
	dir           string
	gone          bool
	reads, writes int64
}

func (b *block) dev() string { return fmt.Sprintf("%d:%d", b.major, b.minor) }

// newBlock counts a new disk instance. Whoever looks at a new device first
// (udev, blkid, multipathd) reads a little of it.
func (h *Host) newBlock(name string, major, minor int, bytes int64, serial string) block {
	h.nextSeq++
	return block{
		name: name, major: major, minor: minor, seq: h.nextSeq, bytes: bytes,
		serial: serial, reads: 48,
	}
}

// lowest is the lowest number, not below from, that none of these has: what the
// kernel's ida gives.
func lowest[T any](from int, all []T, number func(T) int) int {
	taken := map[int]bool{}
	for _, one := range all {
		taken[number(one)] = true
	}
	for taken[from] {
		from++
	}
	return from
}

// sdName is the kernel's name of the disk with this index: sda … sdz, sdaa …
func sdName(index int) string {
	letters := ""
	for n := index; n >= 0; n = n/26 - 1 {
		letters = string(rune('a'+n%26)) + letters
	}
	return "sd" + letters
}

// sdNumbers are the device numbers of the disk with this index: 16 partitions
// each, spread over 16 majors, the rest in the minor's high bits.
func sdNumbers(index int) (major, minor int) {
	switch m := index & 0xf0 >> 4; {
	case m == 0:
		major = majorSD
	case m < 8:
		major = 65 + m - 1
	default:
		major = 128 + m - 8
	}
	return major, index&0xf<<4 | index&0xfff00
}

// mapLetters are the letters of multipath's friendly names: mpatha, mpathb, …
func mapLetters(index int) string { return strings.TrimPrefix(sdName(index), "sd") }

func (h *Host) extMinor() int {
	var all []*block
	for _, n := range h.subsystem.heads {
		all = append(all, &n.block)
	}
	for _, c := range h.subsystem.controllers {
		for _, p := range c.paths {
			all = append(all, &p.block)
		}
	}
	return lowest(0, all, func(b *block) int { return b.minor })
}

// users counts who has a device open: device-mapper's open count, and what
// keeps a device that was taken away.
func (h *Host) users(b *block) int {
	n := count(h.mounts, func(m *mount) bool { return m.block == b }) +
		count(slices.Concat(h.swaps, h.claims, h.exports), func(one *block) bool { return one == b }) +
		count(h.loops, func(l *loop) bool { return l.backing == b }) +
		count(h.maps, func(m *dmap) bool { return m.base == b }) +
		count(h.maps, func(m *dmap) bool { return m.stuck && &m.block == b })
	for _, p := range h.processes {
		n += count(p.files, func(file *block) bool { return file == b })
	}
	return n
}

// first is the first of them that is so; nil for none.
func first[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}

func count[T any](all []T, is func(T) bool) int {
	n := 0
	for _, one := range all {
		if is(one) {
			n++
		}
	}
	return n
}

// inUse counts the users of a device and of what stands on it, without
// partitions that nobody uses: multipath flushes those with the map.
func (h *Host) inUse(b *block) int {
	n := h.users(b)
	for _, m := range h.maps {
		if m.base == b && m.partition > 0 {
			n += h.inUse(&m.block) - 1
		}
	}
	return n
}
