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
	setsAttribute = regexp.MustCompile(`ATTR\{(?:[^}]*/)?` + timeouts + `\}\s*[:+]?=\s*e?"([^"]*)"`)
	runsEcho      = regexp.MustCompile(`RUN(?:\{[^}]*\})?\s*\+?:?=\s*e?".*echo\s+(?:-[neE]+\s+)*'?([^\s']+)'?\s*>+\s*\S*/` + timeouts + `\b`)
)

// ruleDirs are udev's directories of rules: a file in an earlier one hides
// those of its name in later ones.
var ruleDirs = []string{"etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d", "lib/udev/rules.d"}

// scans is what the kernel calls an array whose LUNs have changed, in a rule
// that does something about it.
var scans = regexp.MustCompile(`"REPORTED_LUNS_DATA_HAS_CHANGED".*(RUN|PROGRAM|IMPORT\{program\}|ATTR\{[^}]*scan\})`)

var (
	gotos  = regexp.MustCompile(`GOTO\s*=\s*"([^"]*)"`)
	labels = regexp.MustCompile(`LABEL\s*=\s*"([^"]*)"`)
)

// set is what a rule sets, and for what.
type set struct {
	evidence.Setting
	// runs is set by a command of the rule: those run when all rules are done.
	runs bool
	asks []condition
	// jumps are the rules that may have jumped over this one.
	jumps []jump
}

// jump is a rule that goes on at a label of its file.
type jump struct {
	label, file string
	line        int
}

// newSet is what a rule says of a timeout.
func newSet(key, value string, at jump, rule string, runs bool, jumps []jump) set {
	s := set{evidence.Setting{Name: "udev sets " + key, Value: value, File: "/" + at.file, Line: at.line, Applies: evidence.Unknown}, runs, conditions(rule), jumps}
	if slices.ContainsFunc(s.asks, condition.forOthers) {
		s.Applies = evidence.No
	}
	return s
}

// overrides reports that the setting is in force wherever an earlier one would
// be: for the same attribute, it asks for nothing that the other does not, and
// is not jumped over where the other is not.
func (s set) overrides(earlier set) bool {
	if s.Name != earlier.Name || earlier.runs && !s.runs {
		return false
	}
	for _, asked := range s.asks {
		if !slices.ContainsFunc(earlier.asks, func(c condition) bool { return c.implies(asked) }) {
			return false
		}
	}
	return !slices.ContainsFunc(s.jumps, func(j jump) bool { return !slices.Contains(earlier.jumps, j) })
}

// readRules adds the rules that set a timeout and those that scan, in the order
// of their names, which is the order in which they are carried out.
func (r *settingsReader) readRules(files []string) {
	var sets, run []set // what a rule runs is run when all rules are done
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
		var jumps []jump
		rule, began := "", 0
		for number, line := range hostfs.Lines(text) {
			if rule == "" {
				began = number
			}
			// Also within a rule that goes on.
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			part, more := strings.CutSuffix(line, `\`)
			if rule += part; more {
				continue
			}
			if path.Base(file) != scanRules && scans.MatchString(rule) {
				r.add(evidence.Setting{Name: "udev scan", Value: "on", File: "/" + file, Line: began, Applies: evidence.Yes})
			}
			at := jump{file: file, line: began}
			for _, m := range labels.FindAllStringSubmatch(rule, -1) {
				jumps = slices.DeleteFunc(slices.Clone(jumps), func(j jump) bool { return j.label == m[1] })
			}
			for _, m := range setsAttribute.FindAllStringSubmatch(rule, -1) {
				sets = append(sets, newSet(m[1], m[2], at, rule, false, jumps))
			}
			for _, m := range runsEcho.FindAllStringSubmatch(rule, -1) {
				run = append(run, newSet(m[2], m[1], at, rule, true, jumps))
			}
			for _, m := range gotos.FindAllStringSubmatch(rule, -1) {
				jumps = append(slices.Clone(jumps), jump{m[1], file, began})
			}
			rule = ""
		}
	}
	sets = append(sets, run...)
	for i, s := range sets {
		if slices.ContainsFunc(sets[i+1:], func(later set) bool { return later.overrides(s) }) {
			s.Applies = evidence.No
		}
		r.add(s.Setting)
	}
}
