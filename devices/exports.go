package devices

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

const configfs = "sys/kernel/config"

// exporters are the modules that give devices on to others, and where they
// show it.
var exporters = map[string]string{"target_core_mod": configfs + "/target", "nvmet": configfs + "/nvmet"}

// readExports finds the devices that this machine gives on to others. The
// kernel opens them itself: no process has them.
func (r *useReader) readExports(h *evidence.Host) {
	for module, dir := range exporters {
		if !r.tree.Exists("sys/module/"+module).IsNot() && !r.tree.Exists(dir).Is() {
			r.doubts.Add("the module %s is or may be loaded and configfs is not mounted at /%s, so what is exported can't be seen", module, configfs)
		}
	}
	r.readLIO(h)
	r.readNVMeTargets(h)
	r.readSCST(h)
}

var (
	// lioDevice is what LIO says of the device behind iblock, by its number.
	lioDevice = regexp.MustCompile(`Major: (\d+) Minor: (\d+)`)
	// lioDisk is what it says of the one behind pscsi, by its address.
	lioDisk = regexp.MustCompile(`Channel ID: (\d+) Target ID: (\d+) LUN: (\d+) Host ID: (?:PHBA Mode|(\d+))`)
)

// readLIO reads the back-ends of the kernel's own SCSI target. A name is what
// its user gave it; what LIO says itself of the device comes first.
func (r *useReader) readLIO(h *evidence.Host) {
	const lio = configfs + "/target/core"
	for _, dir := range r.below(lio, 2) {
		where := strings.TrimPrefix(dir, lio+"/")
		info, err := r.tree.Text(dir + "/info")
		r.doubts.Check("what "+dir+" exports", err)
		number := lioDevice.FindStringSubmatch(info)
		if number != nil && number[1]+number[2] != "00" {
			r.addFound(h, evidence.UseExport, r.blocks.opensNumber(number[1]+":"+number[2], path.Base(where)), where)
			continue
		}
		switch at := lioDisk.FindStringSubmatch(info); {
		case at != nil && at[4] != "":
			r.addAddress(h, at[4]+":"+at[1]+":"+at[2]+":"+at[3], where)
		case at != nil && r.exported(dir, "udev_path") == "":
			r.addUnclear(h, where)
		}
		r.addExport(h, dir, "udev_path", where)
		// A file back-end may be put on a device too.
		if _, rest, ok := strings.Cut(info, "File: "); ok {
			node, _, _ := strings.Cut(rest, "\n")
			node, _, _ = strings.Cut(node, "  Size: ")
			r.addOpened(h, evidence.UseExport, strings.TrimSpace(node), where)
		}
	}
}

// readNVMeTargets reads the namespaces and controllers that nvmet gives on.
func (r *useReader) readNVMeTargets(h *evidence.Host) {
	const nvmet = configfs + "/nvmet/subsystems"
	for _, subsystem := range r.below(nvmet, 1) {
		for _, dir := range r.below(subsystem+"/namespaces", 1) {
			r.addExport(h, dir, "device_path", strings.TrimPrefix(dir, nvmet+"/"))
		}
		// A whole controller is passed on with all of its namespaces.
		if node := r.exported(subsystem+"/passthru", "device_path"); node != "" {
			r.passOn(h, node, strings.TrimPrefix(subsystem, nvmet+"/")+"/passthru")
		}
	}
}

// readSCST reads the devices of SCST. Its pass-through is called by the disk's
// address and names no file.
func (r *useReader) readSCST(h *evidence.Host) {
	const scst = "sys/kernel/scst_tgt/devices"
	for _, dir := range r.below(scst, 1) {
		where := "SCST " + path.Base(dir)
		r.addAddress(h, path.Base(dir), where)
		r.addExport(h, dir, "filename", where)
	}
}

// addAddress tells that the disk at a SCSI address is given on.
func (r *useReader) addAddress(h *evidence.Host, address, where string) {
	for _, d := range h.Disks.Items {
		if d.HCTL == address {
			r.add(evidence.Use{Kind: evidence.UseExport, Device: d.Name, Where: where})
		}
	}
}

// passOn tells the namespaces of a controller that is given on as a whole; all
// of them, where its name leads to no controller that is known.
func (r *useReader) passOn(h *evidence.Host, node, where string) {
	controller := r.controller(node)
	if controller == "" {
		r.addUnclear(h, where+" ("+node+")")
	}
	for _, n := range h.Namespaces.Items {
		if slices.ContainsFunc(n.Paths, func(p evidence.NamespacePath) bool { return p.Controller == controller }) {
			r.add(evidence.Use{Kind: evidence.UseExport, Device: n.Name, Where: where})
		}
	}
}

// controller is the kernel's name of the controller that a name leads to.
func (r *useReader) controller(node string) string {
	names, err := r.tree.Names("sys/class/nvme")
	r.doubts.Check("the NVMe controllers", err)
	name, inDev := strings.CutPrefix(path.Clean(node), "/dev/")
	if inDev && slices.Contains(names, name) {
		return name
	}
	info, err := fs.Stat(r.tree.FS, strings.TrimPrefix(path.Clean(node), "/"))
	if err != nil {
		return ""
	}
	number, isDevice, err := numberOf(info)
	if err != nil || !isDevice {
		return ""
	}
	for _, name := range names {
		if r.tree.Field("sys/class/nvme/"+name+"/dev") == number.dev {
			return name
		}
	}
	return ""
}

// exported is the name in an export's attribute, "" where it was given none.
// SCST adds lines of its own.
func (r *useReader) exported(dir, attribute string) string {
	node, err := r.tree.Text(dir + "/" + attribute)
	r.doubts.Check("what "+dir+" exports", err)
	node, _, _ = strings.Cut(node, "\n")
	if node == "(null)" {
		return ""
	}
	return node
}

// addExport tells what is given on by a name. One that is not enabled has
// nothing open: its name counts where it leads to a device, and is no doubt.
func (r *useReader) addExport(h *evidence.Host, dir, attribute, where string) {
	node := r.exported(dir, attribute)
	if node == "" {
		return
	}
	if r.tree.Flag(dir + "/enable").IsNot() {
		if device := r.nodeName(node); r.stack.has(device) {
			r.add(evidence.Use{Kind: evidence.UseExport, Device: device, Where: where})
		}
		return
	}
	r.addOpened(h, evidence.UseExport, node, where)
}

// below lists the directories so many levels below one.
func (r *useReader) below(dir string, levels int) []string {
	dirs := []string{dir}
	for range levels {
		var next []string
		for _, dir := range dirs {
			names, err := r.tree.Dirs(dir)
			r.doubts.Check(dir+" could not be listed", err)
			for _, name := range names {
				next = append(next, dir+"/"+name)
			}
		}
		dirs = next
	}
	return dirs
}
