package hostconf

import (
	"path"
	"regexp"
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

// scans is what the kernel calls an array whose LUNs have changed, in a rule
// that does something about it.
var scans = regexp.MustCompile(`"REPORTED_LUNS_DATA_HAS_CHANGED".*(RUN|PROGRAM|IMPORT\{program\}|ATTR\{[^}]*scan\})`)

// readRules adds the rules that set a timeout and those that scan, in the order
// of their names, which is the order in which they are carried out.
func (r *settingsReader) readRules(files []string) {
	for _, file := range files {
		if r.toNull(file) {
			continue
		}
		text, err := r.Whole(file)
		r.doubts.Check("/"+file, err)
		// Most rules are of no interest, and there are many.
		if !strings.Contains(text, "_tmo") && !strings.Contains(text, "REPORTED_LUNS") {
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
			if path.Base(file) != scanRules && scans.MatchString(rule) {
				r.add(evidence.Setting{Name: "udev scan", Value: "on", File: "/" + file, Line: began, Applies: evidence.Yes})
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
