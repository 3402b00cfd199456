// Package hostconf reads how one host is set up: the settings of multipath,
// open-iscsi, NVMe, Fibre Channel and udev that matter to leaks and hangs, each
// with where it stands.
package hostconf

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// maxNodeRecords bounds the records of portals that are read. LXD makes one
// per portal and removes it again.
const maxNodeRecords = 256

// settingsReader reads the settings that matter to leaks and hangs, each with
// where it stands.
type settingsReader struct {
	hostfs.Tree
	doubts   hostfs.Doubts
	settings []evidence.Setting
}

// Read reads the settings of a host whose disks, sessions and controllers are
// known. daemon asks multipathd for its own account of them; nil means that
// nobody can.
func Read(ctx context.Context, t hostfs.Tree, h *evidence.Host, daemon func(context.Context) (string, error)) ([]evidence.Setting, hostfs.Doubts) {
	r := settingsReader{Tree: t}
	r.multipath(ctx, h, daemon)
	r.iscsi(h.Sessions.Items)
	r.fc(h.Disks.Items)
	r.nvme(h.Controllers.Items)
	rules := r.strongest(".rules", ruleDirs...)
	r.udev(rules)
	r.readRules(rules)
	return r.settings, r.doubts
}

func (r *settingsReader) add(s ...evidence.Setting) { r.settings = append(r.settings, s...) }

// kernel adds what one file of sysfs says, if it exists.
func (r *settingsReader) kernel(name, section, file string) {
	value, err := r.Text(file)
	r.doubts.Check("/"+file, err)
	if value != "" {
		r.add(evidence.Setting{Name: name, Value: value, Section: section, File: "/" + file, Applies: evidence.Yes})
	}
}

// conf lists the files of a directory that end so, in the order of their
// names, which is the order in which they are read.
func (r *settingsReader) conf(dir, ending string) []string {
	names, err := r.Names(dir)
	r.doubts.Check("/"+dir+" could not be listed", err)
	slices.Sort(names)
	var files []string
	for _, name := range names {
		if strings.HasSuffix(name, ending) {
			files = append(files, dir+"/"+name)
		}
	}
	return files
}

// strongest lists the files of several directories that end so, in the order of
// their names: of each name that in the first directory, which hides the others.
func (r *settingsReader) strongest(ending string, dirs ...string) []string {
	byName := map[string]string{}
	for _, dir := range dirs {
		for _, file := range r.conf(dir, ending) {
			if _, hidden := byName[path.Base(file)]; !hidden {
				byName[path.Base(file)] = file
			}
		}
	}
	var files []string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		files = append(files, byName[name])
	}
	return files
}

func (r *settingsReader) iscsi(sessions []evidence.Session) {
	const iscsid = "etc/iscsi/iscsid.conf"
	text, err := r.Whole(iscsid)
	r.doubts.Check("/"+iscsid, err)
	said := parseISCSIConf("/"+iscsid, text)
	r.add(said...)
	if err == nil && r.Exists(iscsid).Is() {
		r.add(ownISCSI(said)...)
	}
	r.nodes("etc/iscsi/nodes")
	r.nodes("var/lib/iscsi/nodes")
	for _, s := range sessions {
		if !evidence.PureTarget(s.Target) {
			continue // another vendor's, which has reasons of its own
		}
		name := "session" + strconv.Itoa(s.ID)
		r.kernel("iscsi recovery_tmo", name, "sys/class/iscsi_session/"+name+"/recovery_tmo")
	}
}

// nodes reads open-iscsi's records of an array's portals: nodes/IQN/PORTAL,
// which is a file, or a directory with a file per interface.
func (r *settingsReader) nodes(dir string) {
	targets, err := r.Names(dir)
	r.doubts.Check("/"+dir+" could not be listed", err)
	read := 0
	for _, target := range targets {
		if !evidence.PureTarget(target) {
			continue
		}
		portals, err := r.Names(dir + "/" + target)
		r.doubts.Check("/"+dir+"/"+target+" could not be listed", err)
		for _, portal := range portals {
			place := dir + "/" + target + "/" + portal
			files := []string{place}
			if info, err := fs.Stat(r.FS, place); err == nil && info.IsDir() {
				files = r.conf(place, "")
			}
			for _, file := range files {
				if read++; read > maxNodeRecords {
					r.doubts.Add("/%s holds more than %d records, so not all were read", dir, maxNodeRecords)
					return
				}
				text, err := r.Whole(file)
				r.doubts.Check("/"+file, err)
				for _, s := range parseISCSIConf("/"+file, text) {
					s.Section = target + " " + portalOf(portal)
					r.add(s)
				}
			}
		}
	}
}

// portalOf is "address:port" of a record's name, "address,port,tpgt".
func portalOf(name string) string {
	parts := strings.Split(name, ",")
	if len(parts) < 2 {
		return name
	}
	return evidence.Portal(parts[0], parts[1])
}

// fc reads how long I/O waits on the remote ports that Pure's disks are behind.
// multipathd sets it for those; the kernel's own value is for others.
func (r *settingsReader) fc(disks []evidence.Disk) {
	seen := map[string]bool{}
	for _, d := range disks {
		if d.RemotePort == "" || len(d.Holders) == 0 || seen[d.RemotePort] {
			continue
		}
		seen[d.RemotePort] = true
		r.kernel("fc fast_io_fail_tmo", d.RemotePort, "sys/class/fc_remote_ports/"+d.RemotePort+"/fast_io_fail_tmo")
	}
}

// nvme reads the controllers' settings, whether native multipath is on, and
// who says so when it is not.
func (r *settingsReader) nvme(controllers []evidence.Controller) {
	for _, c := range controllers {
		r.kernel("nvme ctrl_loss_tmo", c.Name, "sys/class/nvme/"+c.Name+"/ctrl_loss_tmo")
	}
	r.kernel("nvme multipath", "", "sys/module/nvme_core/parameters/multipath")
	const option = "nvme multipath option"
	for _, file := range r.strongest(".conf", "etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d") {
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		for number, line := range hostfs.Joined(text) {
			words := strings.Fields(line)
			if len(words) < 3 || words[0] != "options" || strings.ReplaceAll(words[1], "-", "_") != "nvme_core" {
				continue
			}
			for _, word := range words[2:] {
				if value, ok := strings.CutPrefix(word, "multipath="); ok {
					r.add(evidence.Setting{Name: option, Value: value, File: "/" + file, Line: number})
				}
			}
		}
	}
	text, err := r.Text("proc/cmdline")
	r.doubts.Check("/proc/cmdline", err)
	for word := range strings.FieldsSeq(text) {
		if value, ok := strings.CutPrefix(strings.ReplaceAll(word, "-", "_"), "nvme_core.multipath="); ok {
			r.add(evidence.Setting{Name: option, Value: value, Section: word, File: "/proc/cmdline", Line: 1})
		}
	}
	r.nvmeConnects()
}

// nvmeConnects reads the files by which nvme-cli connects at boot: what they
// say of a controller counts from its next connection on.
func (r *settingsReader) nvmeConnects() {
	for _, file := range []string{"etc/nvme/discovery.conf", "etc/nvme/config.json"} {
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		for number, line := range hostfs.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			if m := connectsWith.FindStringSubmatch(line); m != nil {
				r.add(evidence.Setting{Name: "nvme-cli ctrl_loss_tmo", Value: m[1] + m[2], File: "/" + file, Line: number, Section: strings.TrimSpace(m[0]), Applies: evidence.Unknown})
			}
		}
	}
}

// connectsWith is how discovery.conf and config.json say it.
var connectsWith = regexp.MustCompile(`(?:--ctrl-loss-tmo[= ]\s*|\s-l\s*)(-?\d+)|"ctrl_loss_tmo"\s*:\s*"?(-?\d+)`)

// udevRules are rules without which the links that LXD waits for do not
// appear, or lead to a single path: multipath's, device-mapper's and those of
// the persistent names, by the names that distributions give them.
var udevRules = []string{
	"10-dm.rules", "11-dm-mpath.rules", "13-dm-disk.rules", "55-dm.rules", "56-dm-mpath.rules", "56-multipath.rules", "60-multipath.rules",
	"60-persistent-storage.rules", "60-persistent-storage-dm.rules", "62-multipath.rules", "95-dm-notify.rules",
}

// scanRules is libstoragemgmt's: it scans a SCSI host when an array says that
// its LUNs have changed.
const scanRules = "90-scsi-ua.rules"

// udevKeys are the settings of udev.conf that can make it slow.
var udevKeys = []string{"children_max", "event_timeout"}

func (r *settingsReader) udev(rules []string) {
	r.udevDaemon()
	for _, file := range rules {
		// Under usr and lib are the packages' own: they hide nothing.
		packaged := strings.HasPrefix(file, "usr/lib/") || strings.HasPrefix(file, "lib/")
		switch name := path.Base(file); {
		case slices.Contains(udevRules, name) && !packaged && r.masked(file):
			r.add(evidence.Setting{Name: "udev rules", Value: "masked", File: "/" + file, Applies: evidence.Yes})
		case name == scanRules && !r.masked(file):
			r.add(evidence.Setting{Name: "udev scan", Value: "on", File: "/" + file, Applies: evidence.Yes})
		}
	}
}

// udevDaemon reads what the daemon itself goes by: of a key that is set twice
// the last counts, its options above the file, and the kernel's command line
// above both (systemd-udevd(8)). Before version 256 it reads no drop-ins of the
// file, so where one has a key it is not known which line counts.
func (r *settingsReader) udevDaemon() {
	counts := map[string][]evidence.Setting{}
	for _, file := range append([]string{"etc/udev/udev.conf"}, r.strongest(".conf", "etc/udev/udev.conf.d", "run/udev/udev.conf.d", "usr/local/lib/udev/udev.conf.d", "usr/lib/udev/udev.conf.d")...) {
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		here := map[string]evidence.Setting{}
		for number, line := range hostfs.Lines(text) {
			key, value, ok := strings.Cut(line, "=")
			if ok {
				here[strings.TrimSpace(key)] = evidence.Setting{Value: strings.Trim(strings.TrimSpace(value), `"'`), File: "/" + file, Line: number}
			}
		}
		for key, s := range here {
			s.Applies = evidence.Yes
			if strings.HasPrefix(file, "etc/udev/udev.conf.d/") || !strings.HasPrefix(file, "etc/") {
				s.Applies = evidence.Unknown
				for i := range counts[key] {
					counts[key][i].Applies = evidence.Unknown
				}
			}
			counts[key] = append(counts[key], s)
		}
	}
	const unit = "systemd-udevd.service.d"
	options := map[string][]evidence.Setting{}
	// The unit itself comes first: the administrator's hides the package's.
	var files []string
	for _, dir := range []string{"etc/systemd/system/", "run/systemd/system/", "usr/local/lib/systemd/system/"} {
		if file := dir + "systemd-udevd.service"; len(files) == 0 && r.Exists(file).Is() && !r.toNull(file) {
			files = append(files, file)
		}
	}
	for _, file := range append(files, r.strongest(".conf", "etc/systemd/system/"+unit, "run/systemd/system/"+unit, "usr/local/lib/systemd/system/"+unit, "usr/lib/systemd/system/"+unit, "lib/systemd/system/"+unit)...) {
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		for number, line := range hostfs.Joined(text) {
			if key, _, _ := strings.Cut(line, "="); strings.TrimSpace(key) != "ExecStart" {
				continue
			}
			clear(options) // the last command is the one that runs
			for _, m := range udevOption.FindAllStringSubmatch(line, -1) {
				options[udevOptions[m[1]]] = []evidence.Setting{{Value: m[2], File: "/" + file, Line: number, Applies: evidence.Yes}}
			}
		}
	}
	maps.Copy(counts, options)
	text, err := r.Text("proc/cmdline")
	r.doubts.Check("/proc/cmdline", err)
	for word := range strings.FieldsSeq(text) {
		key, value, ok := strings.Cut(word, "=")
		if key, is := strings.CutPrefix(key, "udev."); ok && is {
			counts[strings.ReplaceAll(key, "-", "_")] = []evidence.Setting{{Value: value, File: "/proc/cmdline", Line: 1, Applies: evidence.Yes}}
		}
	}
	for _, key := range udevKeys {
		for _, s := range counts[key] {
			s.Name = "udev " + key
			r.add(s)
		}
	}
}

// udevOptions are the same keys as options of the daemon.
var (
	udevOptions = map[string]string{"--children-max": "children_max", "-c": "children_max", "--event-timeout": "event_timeout", "-t": "event_timeout"}
	udevOption  = regexp.MustCompile(`\s(--children-max|--event-timeout|-c|-t)[= ]\s*([^\s"']+)`)
)

// masked reports rules that were taken out of force: a link to /dev/null, or
// a file without a rule.
func (r *settingsReader) masked(file string) bool {
	if r.toNull(file) {
		return true
	}
	text, err := r.Whole(file)
	if err != nil || !r.Exists(file).Is() {
		return false
	}
	for _, line := range hostfs.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// toNull reports a link to /dev/null, from the root or from where it is.
func (r *settingsReader) toNull(file string) bool {
	target, err := r.Link(file)
	if err != nil || target == "" {
		return false
	}
	if !path.IsAbs(target) {
		target = path.Join("/", path.Dir(file), target)
	}
	return path.Clean(target) == "/dev/null"
}
