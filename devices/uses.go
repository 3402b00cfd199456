package devices

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// useSources is what was read before, and tells uses.
type useSources struct {
	mounts    mounts
	processes processes
	loops     loops
}

// useReader collects everything that uses a device of the stack, or a device
// that has gone.
type useReader struct {
	tree   hostfs.Tree
	blocks blocks
	stack  *stack
	focus  *focus
	// remote are the mount points that a server answers for.
	remote []string
	seen   map[evidence.Use]bool
	uses   []evidence.Use
	doubts hostfs.Doubts
}

// readUses asks every place that knows of a use. None of them knows of all.
func readUses(t hostfs.Tree, b blocks, st *stack, f *focus, h *evidence.Host, from useSources) ([]evidence.Use, hostfs.Doubts) {
	r := &useReader{tree: t, blocks: b, stack: st, focus: f, seen: map[evidence.Use]bool{}}
	r.remote, _ = remoteMounts(t)
	for _, d := range []hostfs.Doubts{b.doubts, b.devDoubts, st.holds, from.mounts.doubts, from.processes.doubts} {
		r.doubts.Merge(d)
	}
	r.readHolders(h)
	r.readLoops(h, from.loops)
	r.readMounts(from.mounts)
	r.readSuperblocks()
	r.readSwaps(h)
	r.readMD()
	r.readExports(h)
	r.readClaims(h)
	r.readOpeners(from.processes)
	slices.SortStableFunc(r.uses, func(a, b evidence.Use) int {
		return cmp.Or(
			strings.Compare(string(a.Kind), string(b.Kind)), compareNames(a.Device, b.Device),
			strings.Compare(a.Where, b.Where), strings.Compare(string(a.Serial), string(b.Serial)), a.PID-b.PID,
		)
	})
	return r.uses, r.doubts
}

// add tells one use of a device for each volume that is at or beneath it.
func (r *useReader) add(use evidence.Use) {
	if use.Dev == "" {
		use.Dev = r.blocks.byName[use.Device].dev
	}
	for _, serial := range r.stack.serials(use.Device) {
		use.Serial = serial
		r.addOnce(use)
	}
}

// addOpened tells a use by a name that leads to a device, or may do so, and
// returns that device.
func (r *useReader) addOpened(h *evidence.Host, kind evidence.UseKind, node, where string) string {
	found, err := r.blocks.opens(r.tree, r.remote, node)
	r.doubts.Check("which device "+node+" is", err)
	if found.unclear && where != node {
		where += " (" + node + ")"
	}
	r.addFound(h, kind, found, where)
	return found.device
}

// addFound tells a use of what was found.
func (r *useReader) addFound(h *evidence.Host, kind evidence.UseKind, found opened, where string) {
	if r.stack.has(found.device) {
		r.add(evidence.Use{Kind: kind, Device: found.device, Where: where})
	}
	if found.gone != "" {
		r.addGone(evidence.Use{Kind: kind, Device: found.gone, Where: where})
	}
	if found.unclear {
		r.addUnclear(h, where)
	}
}

// addUnclear tells of each device that somebody may use it: what has a device
// open without claiming it can be on a path beneath a map as well, where
// device-mapper counts nothing.
func (r *useReader) addUnclear(h *evidence.Host, where string) {
	for _, d := range h.Disks.Items {
		r.add(evidence.Use{Kind: evidence.UseUnclear, Device: d.Name, Where: where})
	}
	for _, n := range h.Namespaces.Items {
		r.add(evidence.Use{Kind: evidence.UseUnclear, Device: n.Name, Where: where})
	}
}

// addGone tells a use of a device that no longer exists. Its kernel name and
// number may be another device's by now, so only a name that carries an
// identity says which volume it was.
func (r *useReader) addGone(use evidence.Use) {
	use.Serial, _ = serialOfLink(use.Device)
	r.addOnce(use)
}

func (r *useReader) addOnce(use evidence.Use) {
	key := use
	key.Namespace = "" // the first process's came first
	if !r.seen[key] {
		r.seen[key] = true
		r.uses = append(r.uses, use)
	}
}

// readHolders tells what stands on our devices. A multipath map on its paths
// is no use, nor is a partition's map: both appear by themselves when a
// partition table is seen, and only what uses them counts.
func (r *useReader) readHolders(h *evidence.Host) {
	maps := map[string]bool{}
	for _, m := range h.Maps.Items {
		maps[m.Kernel] = true
	}
	for lower, uppers := range r.stack.above {
		for _, upper := range uppers {
			partition := r.blocks.byName[upper].disk == lower
			path := slices.ContainsFunc(h.Namespaces.Items, func(ns evidence.Namespace) bool { return ns.Name == upper })
			if maps[upper] || partition || path || strings.HasPrefix(upper, "loop") {
				continue
			}
			where := upper
			if name := r.tree.Field(r.blocks.byName[upper].dir + "/dm/name"); name != "" {
				where += " (" + name + ")"
			}
			r.add(evidence.Use{Kind: evidence.UseHolder, Device: lower, Where: where})
		}
	}
}

// readLoops tells the loop devices on our devices, and those that may be.
func (r *useReader) readLoops(h *evidence.Host, l loops) {
	for _, name := range l.unclear {
		r.addUnclear(h, "loop device "+name)
	}
	for called, names := range l.gone {
		for _, name := range names {
			r.addGone(evidence.Use{Kind: evidence.UseLoop, Device: called, Where: name})
		}
	}
	for lower, uppers := range r.stack.above {
		for _, upper := range uppers {
			if strings.HasPrefix(upper, "loop") && r.blocks.byName[upper].disk == "" {
				r.add(evidence.Use{Kind: evidence.UseLoop, Device: lower, Where: upper})
			}
		}
	}
}

// systemPoints are the mount points without which the machine does not run.
var systemPoints = []string{"/", "/boot", "/boot/efi", "/efi", "/usr", "/var"}

// anonymousTypes are the file systems on block devices whose mounts carry a
// number of their own, so that only the source tells the device.
var anonymousTypes = []string{"btrfs", "bcachefs"}

// readMounts goes by device numbers: sources are names of the moment when
// they were mounted.
func (r *useReader) readMounts(m mounts) {
	for _, one := range m.all {
		use := evidence.Use{Kind: evidence.UseMount, Dev: one.dev, Where: one.point, Namespace: one.namespace}
		for _, found := range r.mounted(one.mount) {
			if use.Device = found.gone; found.gone != "" {
				r.addGone(use)
				continue
			}
			if use.Device = found.device; !r.stack.has(found.device) {
				continue
			}
			use.Dev = r.blocks.byName[found.device].dev
			r.add(use)
			if one.namespace == "" && slices.Contains(systemPoints, one.point) {
				r.addSystem(found.device, one.point)
			}
		}
	}
}

// mounted names the devices of a mount, none for file systems without one.
func (r *useReader) mounted(m mount) []opened {
	if !strings.HasPrefix(m.dev, "0:") || r.blocks.byDev[m.dev] != "" {
		return []opened{r.blocks.opensNumber(m.dev, path.Base(m.source))}
	}
	if !slices.Contains(anonymousTypes, m.fstype) {
		return nil
	}
	var devices []opened
	for source := range strings.SplitSeq(m.source, ":") {
		if !path.IsAbs(source) {
			continue
		}
		found, err := r.blocks.opens(r.tree, r.remote, source)
		r.doubts.Check("which device "+source+" is", err)
		switch {
		case found.device != "":
			devices = append(devices, opened{device: found.device})
		case found.gone != "" || found.unclear:
			devices = append(devices, opened{gone: path.Base(source)})
		}
	}
	return devices
}

// addSystem marks a device and all beneath it as the machine's own.
func (r *useReader) addSystem(device, where string) {
	for _, lower := range r.stack.base(device) {
		r.add(evidence.Use{Kind: evidence.UseSystem, Device: lower, Where: where})
	}
}

// superblockDirs are where file systems name the devices of their live
// superblocks, whatever namespace they are mounted in.
var superblockDirs = []string{"ext4", "xfs", "f2fs", "nilfs2", "erofs"}

// readSuperblocks finds file systems that are alive though no mount shows.
func (r *useReader) readSuperblocks() {
	if !r.tree.Exists("sys/fs").Is() {
		r.doubts.Add("sys/fs can't be seen, so a file system without a visible mount would not be noticed")
	}
	for _, fstype := range superblockDirs {
		names, err := r.tree.Names("sys/fs/" + fstype)
		r.doubts.Check("the live file systems of type "+fstype, err)
		for _, name := range names {
			r.addSuperblock(name, fstype)
		}
	}
	ids, err := r.tree.Names("sys/fs/btrfs")
	r.doubts.Check("the live file systems of type btrfs", err)
	for _, id := range ids {
		names, err := r.tree.Names("sys/fs/btrfs/" + id + "/devices")
		r.doubts.Check("the devices of btrfs "+id, err)
		for _, name := range names {
			r.addSuperblock(name, "btrfs "+id)
		}
	}
}

func (r *useReader) addSuperblock(device, where string) {
	use := evidence.Use{Kind: evidence.UseSuperblock, Device: device, Where: where}
	_, exists := r.blocks.byName[device]
	switch {
	case r.stack.has(device):
		r.add(use)
	case !exists && blockName.MatchString(device):
		r.addGone(use)
	}
}

// readSwaps reads /proc/swaps. A swap file is on a file system, whose mount
// tells.
func (r *useReader) readSwaps(h *evidence.Host) {
	text, err := r.tree.Text("proc/swaps")
	r.doubts.Check("the swap devices", err)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[1] != "partition" {
			continue
		}
		node, deleted := strings.CutSuffix(unescape(fields[0]), deletedSuffix)
		if deleted {
			r.addGone(evidence.Use{Kind: evidence.UseSwap, Device: path.Base(node), Where: node})
			continue
		}
		if device := r.addOpened(h, evidence.UseSwap, node, node); r.stack.has(device) {
			r.addSystem(device, "swap")
		}
	}
}

// readMD reads the members of running arrays of /proc/mdstat:
//
//	md0 : active raid1 sdb1[1] sda1[0](F)
func (r *useReader) readMD() {
	text, err := r.tree.Text("proc/mdstat")
	r.doubts.Check("the md arrays", err)
	for line := range strings.Lines(text) {
		array, members, ok := strings.Cut(line, " : ")
		if !ok {
			continue
		}
		for _, member := range strings.Fields(members) {
			if name, _, ok := strings.Cut(member, "["); ok && r.stack.has(name) {
				r.add(evidence.Use{Kind: evidence.UseHolder, Device: name, Where: array})
			}
		}
	}
}

// nodeName is the kernel name of a device that something calls by a path.
func (r *useReader) nodeName(node string) string {
	name, err := r.blocks.nodeName(r.tree, node)
	r.doubts.Check("which device "+node+" is", err)
	return name
}

// readOpeners tells which processes have a device open.
func (r *useReader) readOpeners(p processes) {
	for _, f := range p.files {
		use := evidence.Use{
			Kind: evidence.UseOpener, Device: f.device, Dev: f.dev, Where: f.path, PID: f.pid, Process: f.process,
		}
		// Where only the node was removed the number is still the device's.
		isThere := !strings.HasSuffix(f.path, deletedSuffix) || f.dev != "" && r.blocks.byDev[f.dev] == f.device
		if r.stack.has(f.device) && isThere {
			r.add(use)
		} else {
			r.addGone(use)
		}
	}
}
