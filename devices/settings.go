package devices

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// multipathKeys are the settings of multipath.conf that decide whether maps
// queue, are made at all, follow a reused LUN, and how they are called.
var multipathKeys = []string{
	"dev_loss_tmo", "fast_io_fail_tmo", "features", "find_multipaths", "flush_on_last_del", "no_path_retry",
	"purge_disconnected", "recheck_wwid", "user_friendly_names",
}

// iscsiKeys are the settings of iscsid.conf that decide how long I/O waits
// and when LUNs are scanned. The file also holds credentials: no other line
// of it is kept.
var iscsiKeys = []string{
	"node.session.scan", "node.session.timeo.replacement_timeout", "node.conn[0].timeo.login_timeout", "node.startup",
}

// readSettings reads the settings that matter to leaks and hangs, each with
// where it stands.
func readSettings(t tree, sessions []evidence.Session, controllers []evidence.Controller) ([]evidence.Setting, doubts) {
	var d doubts
	settings := readMultipathConf(t, &d)
	const iscsid = "etc/iscsi/iscsid.conf"
	text, err := t.text(iscsid)
	d.check("/"+iscsid, err)
	settings = append(settings, parseISCSIConf("/"+iscsid, text)...)
	for _, s := range sessions {
		name := "session" + strconv.Itoa(s.ID)
		file := "sys/class/iscsi_session/" + name + "/recovery_tmo"
		settings = append(settings, kernelSetting(t, "iscsi recovery_tmo", name, file, &d)...)
	}
	for _, c := range controllers {
		file := "sys/class/nvme/" + c.Name + "/ctrl_loss_tmo"
		settings = append(settings, kernelSetting(t, "nvme ctrl_loss_tmo", c.Name, file, &d)...)
	}
	const native = "sys/module/nvme_core/parameters/multipath"
	return append(settings, kernelSetting(t, "nvme multipath", "", native, &d)...), d
}

// kernelSetting is what one file of sysfs says, if it exists.
func kernelSetting(t tree, name, section, file string, d *doubts) []evidence.Setting {
	value, err := t.text(file)
	d.check("/"+file, err)
	if value == "" {
		return nil
	}
	return []evidence.Setting{{Name: name, Value: value, Section: section, File: "/" + file}}
}

// readMultipathConf reads multipath.conf and the files of its conf.d, which
// are read after it and in the order of their names.
func readMultipathConf(t tree, d *doubts) []evidence.Setting {
	files := []string{"etc/multipath.conf"}
	more, err := t.names("etc/multipath/conf.d")
	d.check("/etc/multipath/conf.d could not be listed", err)
	slices.Sort(more)
	for _, name := range more {
		if strings.HasSuffix(name, ".conf") {
			files = append(files, "etc/multipath/conf.d/"+name)
		}
	}
	var settings []evidence.Setting
	for _, file := range files {
		text, err := t.text(file)
		d.check("/"+file, err)
		settings = append(settings, parseMultipathConf("/"+file, text)...)
	}
	return settings
}

// section is a section of multipath.conf that is open. In a device section,
// vendor and product tell which devices it is for; its settings wait for them.
type section struct {
	name, vendor, product string
	settings              []evidence.Setting
}

// parseMultipathConf reads the format of multipath.conf: "key value" lines in
// sections with braces, "#" and "!" for comments. What it does not
// understand it passes over, as multipathd does.
func parseMultipathConf(file, text string) []evidence.Setting {
	var found []evidence.Setting
	var open []section
	closeOne := func() {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		names := make([]string, 0, len(open)+1)
		for _, s := range open {
			names = append(names, s.name)
		}
		full := path.Join(append(names, last.name)...)
		if last.vendor != "" || last.product != "" {
			full = strings.TrimSpace(full + " " + last.vendor + " " + last.product)
		}
		for i := range last.settings {
			last.settings[i].Section = full
		}
		found = append(found, last.settings...)
	}
	for number, line := range enumerate(text) {
		for _, statement := range statements(line) {
			switch {
			case statement[0] == "}":
				if len(open) > 0 {
					closeOne()
				}
			case statement[len(statement)-1] == "{":
				open = append(open, section{name: statement[0]})
			case len(open) > 0 && len(statement) > 1:
				last := &open[len(open)-1]
				value := strings.Join(statement[1:], " ")
				switch key := statement[0]; {
				case key == "vendor":
					last.vendor = value
				case key == "product":
					last.product = value
				case slices.Contains(multipathKeys, key):
					last.settings = append(last.settings, evidence.Setting{Name: "multipath " + key, Value: value, File: file, Line: number})
				}
			}
		}
	}
	for len(open) > 0 {
		closeOne()
	}
	slices.SortStableFunc(found, func(a, b evidence.Setting) int { return a.Line - b.Line })
	return found
}

// statements splits a line into words, and the words at braces: "a {",
// "b c" and "}" of "a { b c }".
func statements(line string) [][]string {
	var all [][]string
	var words []string
	end := func() {
		if len(words) > 0 {
			all = append(all, words)
			words = nil
		}
	}
	for rest := strings.TrimSpace(line); rest != "" && rest[0] != '#' && rest[0] != '!'; rest = strings.TrimSpace(rest) {
		switch rest[0] {
		case '{':
			words = append(words, "{")
			end()
			rest = rest[1:]
		case '}':
			end()
			words = []string{"}"}
			end()
			rest = rest[1:]
		case '"':
			value, after, _ := strings.Cut(rest[1:], `"`)
			words = append(words, value)
			rest = after
		default:
			n := strings.IndexAny(rest, " \t{}\"#!")
			if n <= 0 {
				n = len(rest)
			}
			words = append(words, rest[:n])
			rest = rest[n:]
		}
	}
	end()
	return all
}

// parseISCSIConf reads the "key = value" lines that we want.
func parseISCSIConf(file, text string) []evidence.Setting {
	var found []evidence.Setting
	for number, line := range enumerate(text) {
		key, value, ok := strings.Cut(line, "=")
		if key = strings.TrimSpace(key); ok && slices.Contains(iscsiKeys, key) {
			found = append(found, evidence.Setting{Name: "iscsi " + key, Value: strings.TrimSpace(value), File: file, Line: number})
		}
	}
	return found
}
