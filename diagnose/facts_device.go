package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// joinSerial gives a volume to the devices that carry its serial. A stretched
// volume is listed by two arrays; the one in a pool of ours counts.
func (f *facts) joinSerial(v *volume) {
	if v.Serial == "" {
		return
	}
	for _, h := range f.hosts {
		if d := h.devices[v.Serial]; d != nil && (d.volume == nil || d.volume.pool == nil) {
			d.volume = v
		}
	}
}

// devices lists what hosts have of a volume.
func (f *facts) devices(v *volume) []*device {
	if v.Serial == "" {
		return nil
	}
	var all []*device
	for _, h := range f.hosts {
		if d := h.devices[v.Serial]; d != nil {
			all = append(all, d)
		}
	}
	return all
}

// of is what one host has of a volume, nil for nothing.
func (h *hostFacts) of(v *volume) *device {
	if v.Serial == "" {
		return nil
	}
	return h.devices[v.Serial]
}

// attributeUses ties uses of vanished devices to volumes by LXD's path: of an
// NVMe namespace that was taken away while mounted nothing else remains. What
// else uses the same device follows its mounts, unless one of them is at a path
// of LXD's of which the volume is not known.
func (f *facts) attributeUses() {
	for _, h := range f.hosts {
		told := make([][]*volume, len(h.stray))
		for i, use := range h.stray {
			told[i] = f.mountedFrom(use)
		}
		var stray []*evidence.Use
		for _, use := range h.stray {
			var volumes []*volume
			doubt := false
			for j, mount := range h.stray {
				if use != mount && !use.SameGone(*mount) {
					continue
				}
				volumes = append(volumes, told[j]...)
				doubt = doubt || len(told[j]) == 0 && mount.AtLXD()
			}
			if doubt || len(volumes) == 0 {
				stray = append(stray, use)
				continue
			}
			for _, v := range volumes {
				v.use(goneUse{h, use})
			}
		}
		h.stray = stray
	}
}

// goneName is what a device that is gone was called; empty for no use of one.
func goneName(use *evidence.Use) string {
	if use == nil {
		return ""
	}
	return either(use.Device, use.Dev, use.Where)
}

// use notes a use of a device of the volume that has gone.
func (v *volume) use(use goneUse) { v.gone = including(v.gone, use) }

// MountedVolumes are the volumes that LXD mounts where something is mounted
// from a device that has gone.
func MountedVolumes(world *evidence.World, use evidence.Use) []evidence.Volume {
	return each(newFacts(world, Policy{}).mountedFrom(&use), func(v *volume) evidence.Volume { return *v.Volume })
}

// mountedFrom finds the volumes of a mount by LXD's path.
func (f *facts) mountedFrom(use *evidence.Use) []*volume {
	pool, kind, name, ok := lxdPath(use.Where)
	if !ok || use.Kind != evidence.UseMount {
		return nil
	}
	return slices.Collect(filter(f.volumes(), func(v *volume) bool {
		if v.pool == nil || v.pool.name != pool || !v.LXD.IsLXD() {
			return false
		}
		record := f.records.find(pool, v.LXD)
		return record != nil && directoryOf(record) == kind+"/"+name
	}))
}

// directories are the names of LXD's directories by volume type.
var directories = map[string]string{
	evidence.TypeContainer: "containers",
	evidence.TypeVM:        "virtual-machines",
	evidence.TypeImage:     "images",
	evidence.TypeCustom:    "custom",
}

// directoryOf is where LXD mounts a record's volume below its pool: instances
// of project default by their name, everything else with the project before
// it, images by fingerprint.
func directoryOf(record *evidence.Record) string {
	dir := directories[record.Type]
	if record.Snapshot {
		dir += "-snapshots"
	}
	return dir + "/" + directoryName(record)
}

func directoryName(record *evidence.Record) string {
	instance := record.Type == evidence.TypeContainer || record.Type == evidence.TypeVM
	if record.Type == evidence.TypeImage || (instance && record.Project == "default") {
		return record.Name
	}
	return record.Project + "_" + record.Name
}

// connected says whether the array connects a device's volume to its host.
// Everything but a certain no keeps the device from being called stale.
func (f *facts) connected(d *device) (evidence.Answer, string) {
	if d.volume == nil {
		return f.connectedElsewhere(d)
	}
	return f.connectedTo(d.volume, d.host)
}

// connectedTo says whether an array that a volume lies on connects it to a
// host.
func (f *facts) connectedTo(v *volume, h *hostFacts) (evidence.Answer, string) {
	answer, why := f.connectedHere(v, h)
	return peersTo(v, h, answer, why)
}

func (f *facts) connectedHere(v *volume, h *hostFacts) (evidence.Answer, string) {
	a, answer, why := v.array, evidence.No, ""
	for row := range v.connections() {
		o := a.owner(row.Host)
		switch {
		case answer.Is():
		case row.Host == "" && row.Group != "":
			// A group without hosts: it is connected to nobody.
		case slices.Contains(o.hosts, h):
			answer, why = evidence.Yes, connectionName(row)
		case o.host == nil && !o.fenced && !o.ours.IsNot():
			answer, why = evidence.Unknown, either(o.why, "a connection names no host")
		}
	}
	switch {
	case answer != evidence.No:
		return answer, why
	case !a.Connections.IsComplete():
		return evidence.Unknown, "the array's connections are not all known: " + a.Connections.Why()
	case !a.Hosts.IsComplete():
		return evidence.Unknown, "the array's hosts are not all known: " + a.Hosts.Why()
	case v.disagrees():
		return evidence.Unknown, "the array counts connections of the volume and does not list them"
	}
	return evidence.No, "the array does not connect it to " + h.Name
}

// connectedElsewhere answers for a device whose volume is not in our pods:
// only when the array that made it was asked for the serial and has no such
// volume at all, and no path answers all the same, is it certain that nothing is
// connected.
func (f *facts) connectedElsewhere(d *device) (evidence.Answer, string) {
	makers := f.created(d.serial)
	if len(makers) == 0 {
		return evidence.Unknown, "another array made the volume"
	}
	for _, a := range makers {
		lookup := a.lookups[d.serial]
		switch {
		case lookup == nil || (!lookup.Found.Is() && !lookup.Found.IsNot()):
			return evidence.Unknown, "the array was not asked for this serial"
		case lookup.Found.Is():
			return evidence.Unknown, "the volume is " + lookup.Name + ", which is in no pod of ours"
		case a.noSerial || !a.Volumes.IsComplete():
			return evidence.Unknown, "the array's volumes are not all known"
		}
	}
	if path := d.answering(); path != "" {
		return evidence.Unknown, "the array has no volume with this serial, but " + path + " answers as it: another array may have taken it over with its pod"
	}
	return evidence.No, "the array has no volume with this serial, live or destroyed"
}

// answering is a path that says itself that it leads to the device's volume. No
// array answers so for what it does not connect.
func (d *device) answering() string {
	for _, disk := range d.disks {
		if disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial == d.serial {
			return disk.Name
		}
	}
	return ""
}

// orphaned says why a device has lost its volume; false when it has not, or
// when that is not certain, or when the volume is nobody's business here.
func (f *facts) orphaned(d *device) (string, bool) {
	if v := d.volume; v != nil && (v.pool == nil || !v.pool.judged) {
		return "", false
	}
	answer, why := f.connected(d)
	if !answer.IsNot() {
		return "", false
	}
	if d.volume != nil && d.volume.Destroyed.Is() {
		why = "its volume is destroyed"
	}
	return why, true
}

// mixed says which path of a device leads to another volume; empty when none
// is known to.
func (d *device) mixed() string {
	for _, m := range d.maps {
		if m.Serial != d.serial {
			continue // that map is another volume's: it is told there
		}
		for _, p := range m.Paths {
			disk := d.host.path(p)
			if disk == nil {
				continue
			}
			if why := d.differs(disk); why != "" {
				return m.Name + ": path " + why
			}
		}
	}
	for _, disk := range d.disks {
		if disk.Serial != d.serial || d.mapped(disk) {
			continue
		}
		if why := d.differs(disk); why != "" {
			return why
		}
	}
	return ""
}

// differs says how a disk's identity is not the device's.
func (d *device) differs(disk *evidence.Disk) string {
	switch {
	case disk.Serial != "" && disk.Serial != d.serial:
		return disk.Name + " is of volume " + string(disk.Serial) + ", the device is " + string(d.serial)
	case disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial == "":
		return disk.Name + " answers as something that is no Pure volume, the device is " + string(d.serial)
	case disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial != d.serial:
		return disk.Name + " answers as volume " + string(disk.Live.Serial) + ", the device is " + string(d.serial)
	default:
		return ""
	}
}

// strays says which of the device's paths are part of a map that is named
// after something else; empty when none is. What uses that map uses these
// paths too, under the other volume's name.
func (d *device) strays() string {
	var words []string
	for _, m := range d.maps {
		if m.Serial == d.serial {
			continue
		}
		var paths []string
		for _, p := range m.Paths {
			if disk := d.host.path(p); disk != nil && slices.Contains(identities(disk), d.serial) {
				paths = append(paths, either(disk.Name, p.Dev, "a path without a name"))
			}
		}
		is := " is a path of "
		if len(paths) > 1 {
			is = " are paths of "
		}
		which := "of no known volume"
		if m.Serial != "" {
			which = "volume " + string(m.Serial)
		}
		words = append(words, list(paths)+is+m.Name+", which is "+which)
	}
	return strings.Join(words, "; ")
}

// mapped reports a disk that is a path of one of the device's maps.
func (d *device) mapped(disk *evidence.Disk) bool {
	isPath := func(p evidence.Path) bool { return d.host.path(p) == disk }
	return slices.ContainsFunc(d.maps, func(m *evidence.Map) bool { return slices.ContainsFunc(m.Paths, isPath) }) ||
		slices.ContainsFunc(disk.Holders, d.isOwn)
}

// ownMaps are the maps that are named after the device's own volume.
func (d *device) ownMaps() []*evidence.Map {
	return those(d.maps, func(m *evidence.Map) bool { return m.Serial == d.serial })
}

// bare are the device's own disks without a map.
func (d *device) bare() []*evidence.Disk {
	return those(d.disks, func(disk *evidence.Disk) bool { return disk.Serial == d.serial && !d.mapped(disk) })
}

// object is what an operator would call the device.
func (d *device) object() string {
	if own := d.ownMaps(); len(own) > 0 {
		return own[0].Name
	}
	if len(d.namespaces) > 0 {
		return d.namespaces[0].Name
	}
	if len(d.disks) > 0 {
		return d.disks[0].Name
	}
	return string(d.serial)
}

// words describe what the host has: "map mpathi with path sdh on lxdlab".
func (d *device) words() string {
	var parts []string
	for _, m := range d.ownMaps() {
		paths := each(m.Paths, func(p evidence.Path) string { return either(p.Disk, p.Dev) })
		switch len(paths) {
		case 0:
			parts = append(parts, "map "+m.Name+" without a path")
		case 1:
			parts = append(parts, "map "+m.Name+" with path "+paths[0])
		default:
			parts = append(parts, "map "+m.Name+" with paths "+list(paths))
		}
	}
	bare := each(d.bare(), func(disk *evidence.Disk) string { return disk.Name })
	if len(bare) > 0 {
		parts = append(parts, list(bare)+" without a map")
	}
	parts = append(parts, each(d.namespaces, func(n *evidence.Namespace) string { return n.Name })...)
	if len(parts) == 0 {
		return ""
	}
	return list(parts) + " on " + d.host.Name
}
