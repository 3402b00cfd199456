package devices

import (
	"path"
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
		if r.tree.Exists("sys/module/"+module).Is() && !r.tree.Exists(dir).Is() {
			r.doubts.Add("the module %s is loaded and configfs is not mounted at /%s, so what is exported can't be seen", module, configfs)
		}
	}
	const lio, nvmet = configfs + "/target/core", configfs + "/nvmet/subsystems"
	for _, dir := range r.below(lio, 2) {
		node, err := r.tree.Text(dir + "/udev_path")
		r.doubts.Check("what "+dir+" exports", err)
		r.addExport(node, strings.TrimPrefix(dir, lio+"/"))
		// A file back-end may be put on a device too.
		info, err := r.tree.Text(dir + "/info")
		r.doubts.Check("what "+dir+" exports", err)
		if _, rest, ok := strings.Cut(info, "File: "); ok {
			node, _, _ := strings.Cut(rest, " ")
			r.addExport(node, strings.TrimPrefix(dir, lio+"/"))
		}
	}
	for _, subsystem := range r.below(nvmet, 1) {
		for _, dir := range r.below(subsystem+"/namespaces", 1) {
			node, err := r.tree.Text(dir + "/device_path")
			r.doubts.Check("what "+dir+" exports", err)
			r.addExport(node, strings.TrimPrefix(dir, nvmet+"/"))
		}
		// A whole controller is passed on with all of its namespaces.
		controller, err := r.tree.Text(subsystem + "/passthru/device_path")
		r.doubts.Check("what "+subsystem+" exports", err)
		r.passOn(h, path.Base(controller), strings.TrimPrefix(subsystem, nvmet+"/")+"/passthru")
	}
	const scst = "sys/kernel/scst_tgt/devices"
	for _, dir := range r.below(scst, 1) {
		node, err := r.tree.Text(dir + "/filename")
		r.doubts.Check("what "+dir+" exports", err)
		node, _, _ = strings.Cut(node, "\n")
		r.addExport(node, "SCST "+path.Base(dir))
	}
}

// passOn tells the namespaces of a controller that is given on as a whole.
func (r *useReader) passOn(h *evidence.Host, controller, where string) {
	for _, n := range h.Namespaces.Items {
		if slices.ContainsFunc(n.Paths, func(p evidence.NamespacePath) bool { return p.Controller == controller }) {
			r.add(evidence.Use{Kind: evidence.UseExport, Device: n.Name, Where: where})
		}
	}
}

func (r *useReader) addExport(node, where string) {
	if device := r.nodeName(node); r.stack.has(device) {
		r.add(evidence.Use{Kind: evidence.UseExport, Device: device, Where: where})
	}
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
