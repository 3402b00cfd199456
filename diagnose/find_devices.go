package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// everyDevice is that of every host, in the host's order.
func (f *facts) everyDevice() []*device {
	var all []*device
	for _, h := range f.hosts {
		all = append(all, h.all...)
	}
	return all
}

// business reports a device that is of one of our pools, or of no volume.
func (d *device) business() bool {
	return d.volume == nil || (d.volume.pool != nil && d.volume.pool.judged)
}

func (f *facts) mixedMaps() []draft {
	var found []draft
	for _, d := range f.everyDevice() {
		why := d.mixed()
		if why == "" || !f.concerned(d) {
			continue
		}
		out := f.ofDevice(d)
		out.Detail = why + f.calledToo(d)
		if u := d.usage(); len(u.certain) > 0 {
			out.Detail += "; " + list(u.certain)
		} else {
			out.Detail += "; no use of it seen"
		}
		out.Cause = "the array gave the LUN number of a volume that was disconnected to another one while the old paths were still there"
		found = append(found, out)
	}
	return found
}

// concerned reports a device that may be, or whose paths may lead to, a volume
// of a pool that is asked about. The host alone shows that data is at risk, so
// only what is known to be another pool's is left out: an array that does not
// answer must not hide it.
func (f *facts) concerned(d *device) bool {
	if d.business() {
		return true
	}
	return slices.ContainsFunc(d.disks, func(disk *evidence.Disk) bool {
		return slices.ContainsFunc(identities(disk), func(serial evidence.Serial) bool {
			return d.host.devices[serial].business()
		})
	})
}

// inUseWithoutConnection lists what a host uses and can't reach: the array
// has taken the connection away, or the device itself is gone.
func (f *facts) inUseWithoutConnection() []draft {
	var found []draft
	for _, d := range f.everyDevice() {
		uses := d.usage().certain
		if len(uses) == 0 || d.mixed() != "" || d.intrudes() || !d.business() {
			continue
		}
		answer, why := f.connected(d)
		if !answer.IsNot() {
			continue
		}
		out := f.ofDevice(d)
		if d.volume != nil {
			out.Object = d.volume.Name
			if d.volume.Destroyed.Is() {
				why = "its volume is destroyed"
			}
		}
		out.Detail = strings.TrimPrefix(out.LXD.String()+", ", ", ") + list(uses) + "; " + why + ": writes fail or hang"
		out.Cause = "somebody disconnected or destroyed it on the array, or LXD unmapped it while it was mounted in another mount namespace"
		if d.volume != nil && len(d.volume.hostNames()) > 0 {
			out.Detail += " (it is connected to " + list(d.volume.hostNames()) + ")"
		}
		found = append(found, out)
	}
	for v := range f.judged() {
		for _, gone := range v.gone[:min(1, len(v.gone))] { // one finding for all of its mounts
			out := ofVolume(v)
			out.LXD, out.Host = lxdName(v.record), gone.host.Name
			out.Detail = strings.TrimPrefix(out.LXD.String()+", ", ", ") + useWords(gone.use) + ", from a device that is gone from " + gone.host.Name + ": writes fail"
			out.Cause = "the array took the volume away while it was mounted; a device that comes back later is a new one, the old mount never recovers"
			out.Remedy = []string{"stop what uses " + shell(gone.use.Where) + " and unmount it", "then start it again: LXD maps the volume anew"}
			found = append(found, out)
		}
	}
	found = append(found, f.runsWithout()...)
	for _, h := range f.hosts {
		found = append(found, h.strayUses()...)
	}
	return found
}

// strayUses are uses of devices that are gone, of nobody knows which volume,
// if of a Pure volume at all.
func (h *hostFacts) strayUses() []draft {
	if !h.Disks.IsComplete() || !h.Maps.IsComplete() || !h.Namespaces.IsComplete() {
		return nil // what was not listed may be there
	}
	var found []draft
	var names []string
	words := map[string][]string{}
	for _, use := range h.stray {
		name := goneName(use)
		if h.disks[name] != nil || slices.Contains(h.strange, name) {
			continue // it is there, only what it is is not known
		}
		if words[name] == nil {
			names = append(names, name)
		}
		words[name] = append(words[name], useWords(use))
	}
	for _, name := range names {
		found = append(found, h.strayUse(name, words[name]))
	}
	return found
}

func (h *hostFacts) strayUse(name string, uses []string) draft {
	out := draft{}
	out.Severity = Warning
	out.Object = name
	out.Host = h.Name
	out.Detail = name + " is gone from " + h.Name + " and still in use: " + list(uses) + "; it is not known which volume it was"
	out.Cause = "the array took the volume away while it was in use"
	out.Remedy = []string{"stop what uses it and unmount it", "then start it again"}
	return out
}

// staleMaps lists maps that nothing is behind any more and nothing uses.
func (f *facts) staleMaps() []draft {
	return f.orphans(func(d *device, why string) []draft {
		var found []draft
		for _, m := range d.ownMaps() {
			out := f.ofDevice(d)
			out.Object = m.Name
			out.Detail = either(d.volumeName(), "serial "+string(d.serial)) + ": " + why + "; " + d.words() + d.state()
			if m.Queueing.Is() {
				out.Effect = "it queues I/O for ever: whatever reads it, udev above all, hangs beyond kill -9"
			}
			out.Cause = "the volume was disconnected on the array before its device was removed from the host"
			disks := each(d.disks, func(disk *evidence.Disk) string { return disk.Name })
			out.Remedy = []string{"flush map " + m.Name + " by its uuid, when nothing has it open", "delete its paths: " + list(disks), "look again: a scan may have brought them back"}
			found = append(found, out)
		}
		return found
	})
}

// ghostPaths lists SCSI disks without a map that nothing is behind any more.
// Paths of a map go with their map.
func (f *facts) ghostPaths() []draft {
	return f.orphans(func(d *device, why string) []draft {
		bare := d.bare()
		if len(bare) == 0 || len(d.ownMaps()) > 0 {
			return nil
		}
		names := each(bare, func(disk *evidence.Disk) string { return disk.Name })
		out := f.ofDevice(d)
		out.Object = bare[0].Name
		out.Detail = either(d.volumeName(), "serial "+string(d.serial)) + ": " + why + "; " + list(names) + " without a map" + d.state()
		out.Cause = "the volume was disconnected on the array before its paths were deleted; LXD up to 6.7 and 5.21 leaves them when it unmaps, and a rescan can bring them back"
		out.Remedy = []string{"delete " + list(names) + " after checking again that each is serial " + string(d.serial), "look again: a scan may have brought them back"}
		return []draft{out}
	})
}

func (f *facts) ghostNamespaces() []draft {
	return f.orphans(func(d *device, why string) []draft {
		if len(d.namespaces) == 0 {
			return nil
		}
		out := f.ofDevice(d)
		out.Object = d.namespaces[0].Name
		out.Detail = either(d.volumeName(), "serial "+string(d.serial)) + ": " + why + "; " + d.words() + d.state()
		out.Cause = "the controllers did not see that the namespace went: they were not connected at that moment, or the notice was lost"
		controllers := each(d.namespaces[0].Paths, func(path evidence.NamespacePath) string { return path.Controller })
		out.Remedy = []string{"let the live ones of " + list(controllers) + " read their namespaces again (rescan_controller); it is harmless", "look again"}
		return []draft{out}
	})
}

// orphans calls do for every idle device that has certainly lost its volume.
func (f *facts) orphans(do func(d *device, why string) []draft) []draft {
	var found []draft
	for _, d := range f.everyDevice() {
		if len(d.usage().certain) > 0 || d.mixed() != "" || d.intrudes() {
			continue
		}
		if why, lost := f.orphaned(d); lost {
			found = append(found, do(d, why)...)
		}
	}
	return found
}

// intrudes reports a device of which all that is there sits in other volumes'
// maps: each such map is a finding, with all that uses it.
func (d *device) intrudes() bool {
	named := func(m *evidence.Map) bool { return m.Serial != "" && m.Serial != d.serial }
	return len(d.bare())+len(d.namespaces) == 0 && len(d.maps) > 0 && !slices.ContainsFunc(d.maps, func(m *evidence.Map) bool { return !named(m) })
}

func (d *device) volumeName() string {
	if d.volume == nil {
		return ""
	}
	return d.volume.Name
}
