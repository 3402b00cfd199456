package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// hostFacts is one machine's testimony, joined by the identity of what its
// devices are. Names (sdX, dm-N, major:minor) are only used inside one
// testimony: the kernel gives them away again at once.
type hostFacts struct {
	*evidence.Host
	// arrays are all that were asked: what leads to one of them is none of
	// another's.
	arrays     []evidence.Array
	initiators map[string]bool
	disks      map[string]*evidence.Disk // by kernel name and by major:minor
	sessions   map[int]*evidence.Session
	devices    map[evidence.Serial]*device
	// all are the devices in order of appearance.
	all []*device
	// named are the devices by any kernel name, map name or major:minor that
	// belongs to them.
	named map[string][]*device
	// strange are devices of which the identity is not known: each may be any
	// volume's.
	strange []string
	// names are those in /dev that say which volume they are.
	names []Name
	// stray are uses of devices that no list has and that nothing ties to a
	// volume: each may be of any volume.
	stray []*evidence.Use
}

// device is one volume as one host has it: its paths, its map, its namespace,
// and whatever carries its identity where another's should be.
type device struct {
	host       *hostFacts
	serial     evidence.Serial
	disks      []*evidence.Disk
	maps       []*evidence.Map
	parts      []*evidence.Map
	namespaces []*evidence.Namespace
	uses       []*evidence.Use
	// volume is nil when no array that was read lists it.
	volume *volume
}

func newHost(said *evidence.Host) *hostFacts {
	h := &hostFacts{
		Host:       said,
		initiators: map[string]bool{},
		disks:      map[string]*evidence.Disk{},
		sessions:   map[int]*evidence.Session{},
		devices:    map[evidence.Serial]*device{},
		named:      map[string][]*device{},
	}
	for _, items := range [][]string{said.IQNs.Items, said.NQNs.Items, said.WWPNs.Items} {
		for _, initiator := range items {
			h.initiators[evidence.Initiator(initiator)] = true
		}
	}
	for i := range said.Sessions.Items {
		h.sessions[said.Sessions.Items[i].ID] = &said.Sessions.Items[i]
	}
	h.joinDisks()
	h.joinMaps()
	h.joinNamespaces()
	h.joinUses()
	h.joinNames()
	return h
}

func (h *hostFacts) device(serial evidence.Serial) *device {
	d := h.devices[serial]
	if d == nil {
		d = &device{host: h, serial: serial}
		h.devices[serial] = d
		h.all = append(h.all, d)
	}
	return d
}

func (h *hostFacts) name(d *device, names ...string) {
	for _, name := range names {
		if name != "" {
			h.named[name] = including(h.named[name], d)
		}
	}
}

// identities are the serials that a disk carries: what sysfs remembers and
// what the disk itself says.
func identities(disk *evidence.Disk) []evidence.Serial {
	var serials []evidence.Serial
	if disk.Serial != "" {
		serials = append(serials, disk.Serial)
	}
	if disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial != "" && disk.Live.Serial != disk.Serial {
		serials = append(serials, disk.Live.Serial)
	}
	return serials
}

func (h *hostFacts) joinDisks() {
	for disk := range evidence.Refs(h.Disks.Items) {
		for _, name := range []string{disk.Name, disk.Dev} {
			if name != "" {
				h.disks[name] = disk
			}
		}
		serials := identities(disk)
		if len(serials) == 0 {
			h.strange = append(h.strange, disk.Name)
		}
		for _, serial := range serials {
			d := h.device(serial)
			d.addDisk(disk)
			h.name(d, disk.Name, disk.Dev)
		}
	}
}

func (d *device) addDisk(disk *evidence.Disk) {
	d.disks = including(d.disks, disk)
}

func (d *device) addMap(m *evidence.Map) {
	into := &d.maps
	if m.Partition {
		into = &d.parts
	}
	*into = including(*into, m)
}

// path finds the disk that a map's path is.
func (h *hostFacts) path(p evidence.Path) *evidence.Disk {
	if disk := h.disks[p.Disk]; disk != nil && p.Disk != "" {
		return disk
	}
	if p.Dev == "" {
		return nil
	}
	return h.disks[p.Dev]
}

// joinMaps gives each map to the volume it is named after, and to every
// volume that one of its paths leads to.
func (h *hostFacts) joinMaps() {
	for m := range evidence.Refs(h.Maps.Items) {
		owners := []*device{}
		if m.Serial != "" {
			owners = append(owners, h.device(m.Serial))
		}
		for _, p := range m.Paths {
			disk := h.path(p)
			if disk == nil {
				continue
			}
			if m.Serial != "" {
				h.device(m.Serial).addDisk(disk)
			}
			for _, serial := range identities(disk) {
				owners = append(owners, h.device(serial))
			}
		}
		if len(owners) == 0 {
			h.strange = append(h.strange, m.Name)
		}
		for _, d := range owners {
			d.addMap(m)
			h.name(d, m.Name, m.Kernel, m.Dev)
			h.name(d, m.Holders...)
		}
	}
}

func (h *hostFacts) joinNamespaces() {
	for n := range evidence.Refs(h.Namespaces.Items) {
		if n.Serial == "" {
			h.strange = append(h.strange, n.Name)
			continue
		}
		d := h.device(n.Serial)
		d.namespaces = append(d.namespaces, n)
		h.name(d, n.Name, n.Dev)
		for _, p := range n.Paths {
			h.name(d, p.Name)
		}
	}
}

func (h *hostFacts) joinUses() {
	for use := range evidence.Refs(h.Uses.Items) {
		var users []*device
		add := func(d *device) {
			if d != nil {
				users = including(users, d)
			}
		}
		if use.Serial != "" {
			add(h.device(use.Serial))
		}
		for _, name := range []string{use.Device, use.Dev} {
			if name == "" {
				continue
			}
			for _, d := range h.named[name] {
				add(d)
			}
		}
		if len(users) == 0 {
			h.stray = append(h.stray, use)
		}
		for _, d := range users {
			d.uses = append(d.uses, use)
		}
	}
}

// routine reports uses that say nothing about the volume: the multipath
// daemon keeps every path open to check it, and a map holds its own paths.
func (d *device) routine(use *evidence.Use) bool {
	switch use.Kind {
	case evidence.UseOpener:
		return use.Process == "multipathd" && d.host.disks[use.Device] != nil
	case evidence.UseHolder:
		return d.isOwn(use.Where)
	default:
		return false
	}
}

// isOwn reports a name that belongs to one of the volume's own maps.
func (d *device) isOwn(name string) bool {
	own := func(m *evidence.Map) bool { return name != "" && (m.Kernel == name || m.Name == name) }
	return slices.ContainsFunc(d.maps, own) || slices.ContainsFunc(d.parts, own)
}

// usage is what is known of the use of one volume on one host.
type usage struct {
	// certain are uses, in words. doubt says why there may be more.
	certain []string
	doubt   string
	// waits are workers of udev that wait for a path, in words. While the
	// array may give them one they are users like any other.
	waits []string
}

// usage collects everything that uses the device. The open count of
// device-mapper also counts what no process shows: mounts in hidden
// namespaces, loop devices, virtual machines.
func (d *device) usage() usage {
	var u usage
	add := func(words string) { u.certain = including(u.certain, words) }
	mounted, waiting := map[string]bool{}, map[string]int64{}
	for _, use := range d.uses {
		mounted[use.Device] = mounted[use.Device] || use.Kind == evidence.UseMount
	}
	for _, use := range d.uses {
		if d.routine(use) || (use.Kind == evidence.UseSuperblock && mounted[use.Device]) {
			continue // the mount says it already
		}
		if use.Waits && use.Kind == evidence.UseOpener {
			u.waits = append(u.waits, fmt.Sprintf("udev (pid %d) waits for a path of %s", use.PID, use.Device))
			waiting[use.Device]++
			continue
		}
		if use.Kind == evidence.UseUnclear {
			u.doubt = either(u.doubt, useWords(use))
			continue
		}
		add(useWords(use))
	}
	for _, disk := range d.disks {
		for _, holder := range disk.Holders {
			if !d.isOwn(holder) {
				add(holder + " stands on " + disk.Name)
			}
		}
	}
	for _, n := range d.namespaces {
		for _, holder := range n.Holders {
			if !d.isOwn(holder) {
				add(holder + " stands on " + n.Name)
			}
		}
	}
	for _, m := range append(slices.Clone(d.maps), d.parts...) {
		d.mapUsage(m, waiting[m.Kernel], &u, add)
	}
	return u
}

// mapUsage counts what has a map open apart from its own idle partitions, and
// the workers of udev that wait for a path of it.
func (d *device) mapUsage(m *evidence.Map, idle int64, u *usage, add func(string)) {
	for _, holder := range m.Holders {
		i := slices.IndexFunc(d.parts, func(p *evidence.Map) bool { return p.Kernel == holder || p.Name == holder })
		if i < 0 {
			add(holder + " stands on " + m.Name)
			continue
		}
		idle++
	}
	switch {
	case m.Suspended.Is():
		// A table is being loaded, or somebody who suspended it is at work.
		u.doubt = either(u.doubt, m.Name+" is suspended, and it is not known by whom")
	case !m.OpenCount.Known:
		u.doubt = either(u.doubt, "it is not known how often "+m.Name+" is open")
	case m.OpenCount.N > idle && len(u.certain) == 0:
		add(fmt.Sprintf("%s is open (%d times)", m.Name, m.OpenCount.N))
	}
}

func useWords(use *evidence.Use) string {
	device := either(use.Device, use.Dev, "a device that is gone")
	var words string
	switch use.Kind {
	case evidence.UseMount:
		words = "mounted at " + use.Where
		if use.Namespace != "" {
			words += " (mount namespace " + use.Namespace + ")"
		}
	case evidence.UseSuperblock:
		words = "a filesystem on " + device + " is alive"
	case evidence.UseHolder:
		words = use.Where + " stands on " + device
	case evidence.UseOpener:
		words = fmt.Sprintf("open in %s (pid %d)", either(use.Process, "a process"), use.PID)
	case evidence.UseSwap:
		words = device + " is swap"
	case evidence.UseLoop:
		words = "loop device " + use.Where
	case evidence.UseExport:
		words = "given on as " + use.Where
	case evidence.UseUnclear:
		words = use.Where + " may stand on " + device + ": it does not say on which devices it does"
	case evidence.UseSystem:
		words = "part of the machine itself: " + either(use.Where, device)
	default:
		words = "in use: " + either(use.Where, device)
	}
	return words
}

// lxdPath reads LXD's own path of a mount: storage-pools/POOL/KIND/NAME….
func lxdPath(path string) (pool, kind, name string, ok bool) {
	_, rest, _ := strings.Cut(path, "/storage-pools/")
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) < 3 || parts[2] == "" {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

// zombies are NVMe subsystems of a Pure array that nothing leads to any more:
// somebody still holds a namespace of theirs, and no one can say of which
// volume.
func (h *hostFacts) zombies() []string {
	left := those(h.Subsystems.Items, func(s evidence.Subsystem) bool { return len(s.Controllers) == 0 && len(s.Namespaces) == 0 })
	return each(left, func(s evidence.Subsystem) string { return s.Name })
}
