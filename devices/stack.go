package devices

import (
	"maps"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// stack is every device of ours and everything that stands on one: multipath
// maps on paths, partitions, LVM, dm-crypt, md, loop devices.
type stack struct {
	own   map[string][]evidence.Serial
	below map[string][]string // a device to those directly beneath it
	above map[string][]string // a device to those directly on it
	chars map[string]string   // "major:minor" of a character device to its disk
	nodes map[string]string   // its name below /dev to its disk
	holds hostfs.Doubts
}

// newStack starts with the host's own evidence and climbs from there.
func newStack(t hostfs.Tree, b blocks, h *evidence.Host, l loops, f *focus) *stack {
	s := &stack{
		own:   map[string][]evidence.Serial{},
		below: map[string][]string{}, above: map[string][]string{},
		chars: map[string]string{}, nodes: map[string]string{},
	}
	for _, disk := range h.Disks.Items {
		// Both what it says it is and what it was: a use of it may be of either.
		s.add(disk.Name, disk.Serial, disk.Live.Serial)
		s.stackOn(disk.Name, disk.Holders)
		if !f.brief[disk.Name] {
			s.addGeneric(t, disk.Name, deviceDir(t, b.byName[disk.Name]))
		}
	}
	for _, m := range h.Maps.Items {
		s.add(m.Kernel, m.Serial)
		s.stackOn(m.Kernel, m.Holders)
		for _, path := range m.Paths {
			if path.Disk != "" {
				s.stackOn(path.Disk, []string{m.Kernel})
			}
		}
	}
	for _, ns := range h.Namespaces.Items {
		s.add(ns.Name, ns.Serial)
		s.stackOn(ns.Name, ns.Holders)
		for _, path := range ns.Paths {
			if path.Name != ns.Name {
				s.add(path.Name, ns.Serial)
				s.stackOn(path.Name, []string{ns.Name})
			}
		}
		if !f.brief[ns.Name] {
			s.addNVMeGeneric(t, ns.Name, b.byName[ns.Name].dir)
		}
	}
	s.holds.Merge(l.doubts)
	s.climb(t, b, l)
	return s
}

// add names a device of ours and what volumes it may be; a device whose
// volume is not known is ours all the same.
func (s *stack) add(name string, serials ...evidence.Serial) {
	if name == "" {
		return
	}
	s.own[name] = append(s.own[name], []evidence.Serial{}...)
	for _, serial := range serials {
		if serial != "" && !slices.Contains(s.own[name], serial) {
			s.own[name] = append(s.own[name], serial)
		}
	}
}

// stackOn puts upper devices on a lower one.
func (s *stack) stackOn(lower string, uppers []string) {
	for _, upper := range uppers {
		if lower != upper && !slices.Contains(s.below[upper], lower) {
			s.below[upper] = append(s.below[upper], lower)
			s.above[lower] = append(s.above[lower], upper)
		}
	}
}

// addGeneric finds the SCSI device's other names, through which it can be
// used just as well: /dev/sgN and /dev/bsg/H:C:T:L.
func (s *stack) addGeneric(t hostfs.Tree, disk, device string) {
	for class, prefix := range map[string]string{"scsi_generic": "", "bsg": "bsg/"} {
		names, err := t.Names(device + "/" + class)
		s.holds.Check("the generic devices of "+disk+" could not be listed", err)
		for _, name := range names {
			s.addChar(t, disk, prefix+name, device+"/"+class+"/"+name)
		}
	}
}

// addNVMeGeneric finds /dev/ngXnY, which stands beside nvmeXnY.
func (s *stack) addNVMeGeneric(t hostfs.Tree, name, dir string) {
	generic := "ng" + strings.TrimPrefix(name, "nvme")
	beside := strings.TrimSuffix(dir, name) + generic
	if t.Exists(beside).IsNot() {
		beside = "sys/class/nvme-generic/" + generic
	}
	s.addChar(t, name, generic, beside)
}

func (s *stack) addChar(t hostfs.Tree, disk, node, dir string) {
	dev, err := t.Text(dir + "/dev")
	s.holds.Check("the device number of "+node, err)
	s.nodes[node] = disk
	if isDev(dev) {
		s.chars[dev] = disk
	}
}

// climb goes from device to device to all that stand on them.
func (s *stack) climb(t hostfs.Tree, b blocks, l loops) {
	todo := slices.Sorted(maps.Keys(s.own))
	seen := map[string]bool{}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if _, known := b.byName[name]; known {
			s.stackOn(name, b.parts[name])
			if _, ours := s.own[name]; !ours {
				s.stackOn(name, holdersOf(t, b, name, &s.holds))
			}
		}
		s.stackOn(name, l.on[name])
		todo = append(todo, s.above[name]...)
	}
}

// has reports whether a device is ours or stands on one of ours.
func (s *stack) has(name string) bool {
	_, ours := s.own[name]
	return ours || len(s.below[name]) > 0
}

// base returns every device at or beneath a device, itself first.
func (s *stack) base(name string) []string {
	return s.beneath(name, func(string) bool { return false })
}

// beneath is base that looks no further than isEnd.
func (s *stack) beneath(name string, isEnd func(string) bool) []string {
	all := []string{name}
	for i := 0; i < len(all); i++ {
		if isEnd(all[i]) {
			continue
		}
		for _, lower := range s.below[all[i]] {
			if !slices.Contains(all, lower) {
				all = append(all, lower)
			}
		}
	}
	return all
}

// pure returns the devices of ours that a device is or stands on, and of each
// the uppermost only: the map, not its paths.
func (s *stack) pure(name string) []string {
	isOurs := func(name string) bool { _, ours := s.own[name]; return ours }
	return slices.DeleteFunc(s.beneath(name, isOurs), func(name string) bool { return !isOurs(name) })
}

// serials returns every volume that is at or beneath a device. One empty
// serial stands for "not known".
func (s *stack) serials(name string) []evidence.Serial {
	var serials []evidence.Serial
	for _, lower := range s.base(name) {
		for _, serial := range s.own[lower] {
			if !slices.Contains(serials, serial) {
				serials = append(serials, serial)
			}
		}
	}
	if len(serials) == 0 {
		return []evidence.Serial{""}
	}
	slices.Sort(serials)
	return serials
}

// serialOf is the volume that one of our own devices was made for.
func (s *stack) serialOf(name string) (evidence.Serial, bool) {
	own, ours := s.own[name]
	if len(own) == 0 {
		return "", ours
	}
	return own[0], ours
}
