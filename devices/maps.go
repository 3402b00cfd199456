package devices

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// partitionUUID is the uuid that kpartx gives to the map of a partition.
var partitionUUID = regexp.MustCompile(`^part\d+-mpath-`)

// isMultipathUUID reports a multipath map or a partition of one, whatever it
// is called: names are chosen by people.
func isMultipathUUID(uuid string) bool {
	return strings.HasPrefix(uuid, "mpath-") || partitionUUID.MatchString(uuid)
}

// PartitionOf reports a partition's map of the multipath map of that uuid.
func (d DM) PartitionOf(uuid string) bool {
	return strings.HasSuffix(d.UUID, "-"+uuid) && partitionUUID.MatchString(d.UUID)
}

// Queues reports whether I/O to a multipath map waits for a path when it has
// none.
func (d DM) Queues() (bool, error) {
	table, err := parseMultipathTable(d.Table)
	return table.queueing, err
}

// mapReader joins what sysfs and device-mapper say of Pure's maps.
type mapReader struct {
	tree     hostfs.Tree
	blocks   blocks
	focus    *focus
	pure     map[string]bool // kernel names of Pure's disks and namespaces
	dms      []DM
	dmsErr   error
	checkers map[string]string
	doubts   hostfs.Doubts
}

// read lists the maps that either side knows: one that only one of them knows
// is being made or removed, or the other side could not be read.
func (r *mapReader) read() []evidence.Map {
	r.doubts.Merge(r.blocks.doubts)
	r.doubts.Merge(r.blocks.devDoubts)
	var maps []evidence.Map
	joined := map[int]bool{}
	for _, one := range r.blocks.all {
		if !strings.HasPrefix(one.name, "dm-") {
			continue
		}
		uuid, err := r.tree.Text(one.dir + "/dm/uuid")
		i := slices.IndexFunc(r.dms, func(dm DM) bool { return dm.UUID == uuid && uuid != "" })
		if err != nil {
			r.doubts.Check("the uuid of "+one.name, err)
			i = slices.IndexFunc(r.dms, func(dm DM) bool { return dm.Dev == one.dev && isDev(dm.Dev) })
		}
		var dm *DM
		if i >= 0 {
			dm, uuid = &r.dms[i], r.dms[i].UUID
		}
		if m, ours := r.join(one, uuid, dm); ours {
			maps = append(maps, m)
			if i >= 0 {
				joined[i] = true
			}
		}
	}
	for i := range r.dms {
		if _, ours := evidence.SerialOf(r.dms[i].UUID); ours && isMultipathUUID(r.dms[i].UUID) && !joined[i] {
			maps = append(maps, r.kernelOnly(&r.dms[i]))
		}
	}
	slices.SortFunc(maps, func(a, b evidence.Map) int { return compareNames(a.Kernel, b.Kernel) })
	return maps
}

// join describes one map of sysfs, with dm when device-mapper knows it too.
func (r *mapReader) join(one block, uuid string, dm *DM) (evidence.Map, bool) {
	if !isMultipathUUID(uuid) {
		return evidence.Map{}, false
	}
	slaves, err := r.tree.Names(one.dir + "/slaves")
	if err != nil && dm == nil {
		r.doubts.Check("the paths of "+one.name+" could not be listed", err)
	}
	serial, ours := evidence.SerialOf(uuid)
	if !ours && !slices.ContainsFunc(slaves, func(name string) bool { return r.pure[name] }) {
		return evidence.Map{}, false
	}
	m := evidence.Map{
		Name:   one.dm,
		Kernel: one.name, Dev: one.dev, UUID: uuid, Serial: serial,
		Partition: partitionUUID.MatchString(uuid),
		Paths:     []evidence.Path{},
		Holders:   holdersOf(r.tree, r.blocks, one.name, &r.doubts),
	}
	if !m.Partition {
		m.Paths = r.paths(one.name, slaves, dm)
	}
	whole := func(p evidence.Path) bool { return !r.focus.brief[p.Disk] }
	if r.focus.others(serial) && !slices.ContainsFunc(m.Paths, whole) {
		r.focus.brief[one.name] = true
	} else {
		m.Suspended = r.tree.Flag(one.dir + "/dm/suspended")
		m.Bytes, m.IO = readBytes(r.tree, one.dir), readIO(r.tree, one.dir)
	}
	r.describe(&m, dm)
	return m, true
}

// kernelOnly describes a map that sysfs does not show.
func (r *mapReader) kernelOnly(dm *DM) evidence.Map {
	serial, _ := evidence.SerialOf(dm.UUID)
	m := evidence.Map{
		Dev: dm.Dev, UUID: dm.UUID, Serial: serial,
		Partition: partitionUUID.MatchString(dm.UUID),
		Paths:     []evidence.Path{},
		Holders:   []string{},
	}
	// The kernel names them by their minor number.
	if _, minor, ok := strings.Cut(dm.Dev, ":"); ok {
		m.Kernel = "dm-" + minor
	}
	r.describe(&m, dm)
	if !m.Partition {
		m.Paths = r.paths(m.Kernel, nil, dm)
	}
	return m
}

// describe fills in what only device-mapper knows.
func (r *mapReader) describe(m *evidence.Map, dm *DM) {
	if dm == nil {
		return
	}
	if m.Name == "" {
		m.Name = dm.Name
	}
	if dm.OpenCount >= 0 {
		m.OpenCount = evidence.CountOf(dm.OpenCount)
	}
	m.Deferred = evidence.AnswerOf(dm.Deferred)
	// The two were read one after the other; suspended at either moment is
	// the answer that matters.
	m.Suspended = evidence.AnswerOf(dm.Suspended || m.Suspended.Is())
	if m.Partition {
		m.Queueing = evidence.No
		return
	}
	if table, err := parseMultipathTable(dm.Table); err == nil {
		m.Queueing = evidence.AnswerOf(table.queueing)
	}
}

// paths lists a map's paths. The directory of slaves is empty for a moment
// while a table is loaded, so device-mapper's word counts as well.
func (r *mapReader) paths(kernel string, slaves []string, dm *DM) []evidence.Path {
	paths := []evidence.Path{}
	add := func(dev string, active evidence.Answer) {
		name := r.blocks.byDev[dev]
		paths = append(paths, evidence.Path{Disk: name, Dev: dev, Active: active, Checker: r.checkers[name]})
	}
	known := false
	if dm != nil {
		status, err := parseMultipathStatus(dm.Status)
		if err == nil {
			known = true
			for _, p := range status {
				add(p.dev, evidence.AnswerOf(!p.failed))
			}
		} else if dm.Status != "" {
			r.doubts.Check("the paths of "+kernel, err)
		}
		if table, err := parseMultipathTable(dm.Table); err == nil {
			known = true
			for _, dev := range table.devs {
				if !slices.ContainsFunc(paths, func(p evidence.Path) bool { return p.Dev == dev }) {
					add(dev, evidence.Unknown)
				}
			}
		}
	}
	for _, name := range slaves {
		dev := r.blocks.byName[name].dev
		if !slices.ContainsFunc(paths, func(p evidence.Path) bool { return p.Disk == name || (dev != "" && p.Dev == dev) }) {
			paths = append(paths, evidence.Path{Disk: name, Dev: dev, Checker: r.checkers[name]})
		}
	}
	if len(paths) == 0 && !known {
		r.doubts.Add("that %s has no paths could not be confirmed", kernel)
	}
	return paths
}

// compareNames orders kernel names by their numbers: dm-2 before dm-10.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
