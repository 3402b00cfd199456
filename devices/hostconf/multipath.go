package hostconf

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/multipathconf"
	"github.com/pureclean/pureclean/evidence"
)

// protocols are multipath's names of the transports.
var protocols = []struct{ transport, name string }{{"iscsi", "scsi:iscsi"}, {"fc", "scsi:fcp"}, {"nvme tcp", "nvme:tcp"}, {"nvme fc", "nvme:fc"}}

func protocolOf(transport string) string {
	for _, p := range protocols {
		if p.transport == transport {
			return p.name
		}
	}
	return ""
}

// maxFaults is how many lines of a broken file are named.
const maxFaults = 20

// multipath reads multipath.conf and the files of its conf.d as multipath
// does, and what the running multipathd made of them.
func (r *settingsReader) multipath(ctx context.Context, h *evidence.Host, daemon func(context.Context) (string, error)) {
	conf := r.multipathFiles()
	namespaces := r.mappedNamespaces(h)
	volumes := volumesOf(h, len(namespaces) > 0)
	for _, f := range conf.Refused {
		r.add(evidence.Setting{Name: "multipath refused", Value: f.What, File: f.File, Line: f.Line, Applies: evidence.Yes})
	}
	for i, f := range conf.Faults {
		if i == maxFaults {
			f.What = fmt.Sprintf("%s, and %d more like this", f.What, len(conf.Faults)-i-1)
		}
		if i > maxFaults {
			break
		}
		r.add(evidence.Setting{Name: "multipath syntax", Value: f.What, File: f.File, Line: f.Line, Applies: evidence.Yes})
	}
	for _, line := range conf.Lines {
		s := evidence.Setting{Name: "multipath " + line.Key, Value: line.Value, Section: line.Section, File: line.File, Line: line.Number, Applies: evidence.No}
		for _, volume := range volumes {
			// Of what is refused as a whole, nothing counts.
			if answer := conf.Applies(volume, line); len(conf.Refused) == 0 && !answer.IsNot() && !s.Applies.Is() {
				s.Applies = answer
			}
		}
		r.add(s)
	}
	there := append(r.diskPaths(h.Disks.Items), namespaces...)
	if len(conf.Refused) == 0 {
		r.add(blacklist(conf, there, volumes)...)
	}
	if daemon != nil {
		if text, err := daemon(ctx); err == nil {
			r.inForce(text, there, volumes)
		}
	}
}

func (r *settingsReader) multipathFiles() *multipathconf.Config {
	var main *multipathconf.File
	var more []multipathconf.File
	const first = "etc/multipath.conf"
	for _, file := range append([]string{first}, r.conf("etc/multipath/conf.d", ".conf")...) {
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		if text == "" {
			continue
		}
		if f := (multipathconf.File{Name: "/" + file, Text: text}); file == first {
			main = &f
		} else {
			more = append(more, f)
		}
	}
	return multipathconf.Read(main, more...)
}

// volumesOf are a Pure volume over each transport that the host has, or over
// all of SCSI's where it has none yet.
func volumesOf(h *evidence.Host, mapped bool) []multipathconf.Device {
	used := map[string]bool{"iscsi": len(h.Sessions.Items) > 0}
	for _, d := range h.Disks.Items {
		used[d.Transport] = true
	}
	for _, c := range h.Controllers.Items {
		used["nvme "+c.Transport] = mapped
	}
	var some, all []multipathconf.Device
	for _, p := range protocols {
		volume := multipathconf.FlashArray(p.name)
		if strings.HasPrefix(p.name, "scsi:") {
			all = append(all, volume)
		}
		if used[p.transport] {
			some = append(some, volume)
		}
	}
	if len(some) == 0 {
		return all
	}
	return some
}

// mappedNamespaces are the NVMe paths that multipath looks at: while the
// kernel's own multipath is off each controller's namespace is a disk. With it
// they are hidden, and multipath passes the one that is seen over.
func (r *settingsReader) mappedNamespaces(h *evidence.Host) []multipathconf.Path {
	if !r.Flag("sys/module/nvme_core/parameters/multipath").IsNot() {
		return nil
	}
	var paths []multipathconf.Path
	for _, c := range h.Controllers.Items {
		device := multipathconf.FlashArray(protocolOf("nvme " + c.Transport))
		// A new volume's, by a name that no machine has among its first.
		paths = append(paths, multipathconf.Path{Device: device, Name: "nvme97n97", WWID: "eui.00f1e2d3c4b5a69724a9370000011aef", Properties: namespaceProperties})
		for _, n := range h.Namespaces.Items {
			if slices.ContainsFunc(n.Paths, func(p evidence.NamespacePath) bool { return p.Controller == c.Name && p.Name == n.Name }) {
				paths = append(paths, multipathconf.Path{Device: device, Name: n.Name, WWID: n.WWID})
			}
		}
	}
	return paths
}

// inForce adds what multipathd says of itself. What it does not say is not
// known, and advice says so; nothing else rests on it.
func (r *settingsReader) inForce(text string, there []multipathconf.Path, volumes []multipathconf.Device) {
	running := multipathconf.ReadDaemon(text)
	for _, s := range blacklist(running, there, volumes) {
		s.Section, s.File, s.Line = evidence.InForce, "multipathd", 0
		r.add(s)
	}
	seen := map[evidence.Setting]bool{}
	for _, key := range multipathconf.Keys {
		for _, volume := range volumes {
			inForce := running.Effective(volume, key)
			said := evidence.Setting{Name: "multipath " + key, Value: inForce.Value, Section: evidence.InForce, File: "multipathd", Applies: evidence.Yes}
			// What it does not print is not its word, but ours.
			if inForce.Number > 0 && !seen[said] {
				seen[said] = true
				r.add(said)
			}
		}
	}
}

// commonProperties are what udev knows of every SCSI disk that says who it is.
var commonProperties = strings.Fields("CURRENT_TAGS DEVLINKS DEVNAME DEVPATH DEVTYPE DISKSEQ ID_BUS ID_MODEL ID_MODEL_ENC ID_PATH ID_PATH_TAG " +
	"ID_REVISION ID_SCSI ID_SCSI_SERIAL ID_SERIAL ID_SERIAL_SHORT ID_TYPE ID_VENDOR ID_VENDOR_ENC ID_WWN ID_WWN_VENDOR_EXTENSION " +
	"ID_WWN_WITH_EXTENSION MAJOR MINOR SUBSYSTEM TAGS USEC_INITIALIZED")

// namespaceProperties are what udev knows of every NVMe namespace.
var namespaceProperties = strings.Fields("CURRENT_TAGS DEVLINKS DEVNAME DEVPATH DEVTYPE DISKSEQ ID_MODEL ID_NSID ID_REVISION ID_SERIAL ID_SERIAL_SHORT " +
	"ID_WWN MAJOR MINOR SUBSYSTEM TAGS USEC_INITIALIZED")

// blacklist are the lines that keep multipath off Pure volumes. One of many
// disks may well be left out by its name, so those that are there are tried,
// and one with a name that no machine has among its first.
func blacklist(conf *multipathconf.Config, there []multipathconf.Path, volumes []multipathconf.Device) []evidence.Setting {
	var paths []multipathconf.Path
	for _, volume := range volumes {
		if strings.HasPrefix(volume.Protocol, "scsi:") {
			paths = append(paths, multipathconf.Path{Device: volume, Name: "sdzx", WWID: "3624a93700f1e2d3c4b5a697800011aef", Properties: commonProperties})
		}
	}
	paths = append(paths, there...)
	var found []multipathconf.Listed
	for _, path := range paths {
		for _, hit := range conf.Blacklisted(path) {
			i := slices.IndexFunc(found, func(l multipathconf.Listed) bool { return l.Line == hit.Line })
			if i < 0 {
				found = append(found, hit)
			} else if hit.Hit.Is() {
				found[i].Hit = hit.Hit
			}
		}
	}
	slices.SortStableFunc(found, func(a, b multipathconf.Listed) int { return a.Order - b.Order })
	all := make([]evidence.Setting, 0, len(found))
	for _, l := range found {
		all = append(all, evidence.Setting{Name: "multipath blacklist", Value: l.Words, Section: l.Section, File: l.File, Line: l.Number, Applies: l.Hit})
	}
	return all
}

func (r *settingsReader) diskPaths(disks []evidence.Disk) []multipathconf.Path {
	paths := make([]multipathconf.Path, 0, len(disks))
	for i, d := range disks {
		path := multipathconf.Path{Device: multipathconf.FlashArray(protocolOf(d.Transport)), Name: d.Name}
		if d.Serial != "" {
			path.WWID = d.Serial.WWID()
		}
		if i == 0 {
			path.Properties = r.properties(d)
		}
		paths = append(paths, path)
	}
	return paths
}

// properties are the names of what udev knows of a disk.
func (r *settingsReader) properties(d evidence.Disk) []string {
	text, err := r.Text("run/udev/data/b" + d.Dev)
	if err != nil || text == "" {
		return nil
	}
	names := slices.Clone(commonProperties)
	for line := range strings.Lines(text) {
		if property, ok := strings.CutPrefix(line, "E:"); ok {
			name, _, _ := strings.Cut(property, "=")
			names = append(names, name)
		}
	}
	return names
}
