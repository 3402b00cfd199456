package hostconf

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// timeouts are the attributes of sysfs that decide how long I/O waits and that
// people set with udev's rules. What is written into sysfs by hand does not
// outlive such a rule.
const timeouts = `(ctrl_loss_tmo|recovery_tmo|fast_io_fail_tmo|dev_loss_tmo)`

var (
	setsAttribute = regexp.MustCompile(`ATTR\{(?:[^}]*/)?` + timeouts + `\}\s*:?=\s*"([^"]*)"`)
	runsEcho      = regexp.MustCompile(`RUN(?:\{[^}]*\})?\s*\+?:?=\s*".*echo\s+(\S+)\s*>\s*\S*/` + timeouts + `\b`)
)

// ruleDirs are udev's directories of rules: a file in an earlier one hides
// those of its name in later ones.
var ruleDirs = []string{"etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"}

// timeoutRules adds the rules that set a timeout, in the order of their names,
// which is the order in which they are carried out.
func (r *settingsReader) timeoutRules() {
	files := map[string]string{}
	for _, dir := range ruleDirs {
		for _, file := range r.conf(dir, ".rules") {
			if name := path.Base(file); files[name] == "" {
				files[name] = file
			}
		}
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		file := files[name]
		if r.masked(file) {
			continue
		}
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		// Most rules are of no interest, and there are many.
		if !strings.Contains(text, "_tmo") {
			continue
		}
		rule, began := "", 0
		for number, line := range hostfs.Lines(text) {
			if rule == "" {
				began = number
			}
			if trimmed := strings.TrimSpace(line); rule == "" && strings.HasPrefix(trimmed, "#") {
				continue
			}
			part, more := strings.CutSuffix(line, `\`)
			if rule += part; more {
				continue
			}
			for _, set := range setsAttribute.FindAllStringSubmatch(rule, -1) {
				r.add(evidence.Setting{Name: "udev sets " + set[1], Value: set[2], File: "/" + file, Line: began, Applies: evidence.Unknown})
			}
			for _, set := range runsEcho.FindAllStringSubmatch(rule, -1) {
				r.add(evidence.Setting{Name: "udev sets " + set[2], Value: set[1], File: "/" + file, Line: began, Applies: evidence.Unknown})
			}
			rule = ""
		}
	}
}
