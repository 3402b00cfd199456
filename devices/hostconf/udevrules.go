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

// scans is what the kernel calls an array whose LUNs have changed, in a rule
// that does something about it.
var scans = regexp.MustCompile(`"REPORTED_LUNS_DATA_HAS_CHANGED".*(RUN|PROGRAM|IMPORT\{program\}|ATTR\{[^}]*scan\})`)

// asks is one condition of a rule.
var asks = regexp.MustCompile(`[A-Z_]+(?:\{[^}]*\})?\s*[!=]=\s*"[^"]*"`)

// set is what a rule sets, and for what.
type set struct {
	evidence.Setting
	// runs is set by a command of the rule: those run when all rules are done.
	runs bool
	asks map[string]bool
}

// newSet is what a rule says of a timeout.
func newSet(key, value, file string, line int, rule string, runs bool) set {
	s := set{evidence.Setting{Name: "udev sets " + key, Value: value, File: "/" + file, Line: line, Applies: evidence.Unknown}, runs, map[string]bool{}}
	for _, condition := range asks.FindAllString(rule, -1) {
		s.asks[strings.Join(strings.Fields(condition), "")] = true
	}
	return s
}

// overrides reports that the setting is in force wherever an earlier one would
// be: for the same attribute, it asks for nothing that the other does not.
func (s set) overrides(earlier set) bool {
	if s.Name != earlier.Name || earlier.runs && !s.runs {
		return false
	}
	for condition := range s.asks {
		if !earlier.asks[condition] {
			return false
		}
	}
	return true
}

// readRules adds the rules that set a timeout and those that scan, in the order
// of their names, which is the order in which they are carried out.
func (r *settingsReader) readRules(files []string) {
	var sets []set
	jumps := false
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
			for _, m := range setsAttribute.FindAllStringSubmatch(rule, -1) {
				sets = append(sets, newSet(m[1], m[2], file, began, rule, false))
			}
			for _, m := range runsEcho.FindAllStringSubmatch(rule, -1) {
				sets = append(sets, newSet(m[2], m[1], file, began, rule, true))
			}
			jumps = jumps || strings.Contains(rule, "GOTO")
			rule = ""
		}
	}
	// What a rule runs is run when all rules are done.
	slices.SortStableFunc(sets, func(a, b set) int {
		switch {
		case a.runs == b.runs:
			return 0
		case b.runs:
			return -1
		default:
			return 1
		}
	})
	for i, s := range sets {
		// A rule may be jumped over.
		if !jumps && slices.ContainsFunc(sets[i+1:], func(later set) bool { return later.overrides(s) }) {
			s.Applies = evidence.No
		}
		r.add(s.Setting)
	}
}
