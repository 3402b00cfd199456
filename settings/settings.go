// Package settings knows which settings and versions invite leaks and hangs,
// why, and the line to write instead. It is a table of rules over the
// evidence of one host, and one of the versions of LXD: pure functions, no
// clock, no file. Scan reports the few that are dangerous; doctor reports all.
package settings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Weight says how much a fault matters.
type Weight string

// The weights. A hint is what would be better; nothing is wrong yet.
const (
	Hint     Weight = "info"
	Warning  Weight = "warning"
	Critical Weight = "critical"
)

// Fault is one setting that should be another.
type Fault struct {
	Code   string
	Weight Weight
	// Scan marks what scan reports too.
	Scan bool
	Host string
	// Name is the setting, Value what counts now.
	Name, Value string
	// File and Line are where that is said, Section in which part of the file
	// or for which device. Without a line the kernel or a daemon says it; a
	// File that is empty means that nobody does.
	File    string
	Line    int
	Section string
	// Unsure says that this may not be the line that counts.
	Unsure bool
	Why    string
	// Write are the exact lines, Into the file and section that they belong
	// in, Then the commands that bring them into force.
	Write []string
	Into  string
	Then  []string
}

// Where names the place to people.
func (f Fault) Where() string {
	where := f.File
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, f.Line)
	}
	switch {
	case where == "":
		return "nobody says it, so it is the default"
	case f.Section == evidence.InForce:
		return "in force, and in no file: multipath's default"
	case f.Section != "":
		return where + ", " + f.Section
	}
	return where
}

// facts are what the rules look at.
type facts struct {
	host *evidence.Host
	lxd  *evidence.LXD
	// rules are Rules, which themselves ask the facts.
	rules []Rule
}

// version is LXD's, or one newer than all when it is not known: what is only
// wrong for an old LXD is then not called wrong.
func (f *facts) version() version { return parseVersion(f.lxd.Version) }

// uses reports whether a pool has the mode, or may have.
func (f *facts) uses(modes ...string) bool {
	if !f.lxd.Pools.IsComplete() && len(f.lxd.Pools.Items) == 0 {
		return true
	}
	return slices.ContainsFunc(f.lxd.Pools.Items, func(p evidence.Pool) bool { return slices.Contains(modes, p.Mode) })
}

// maps reports whether multipath's maps are what LXD uses, or could use, of one
// of the pools: over SCSI, and over NVMe while the kernel's own multipath is off.
func (f *facts) maps() bool {
	return f.uses(evidence.ModeISCSI, evidence.ModeFC) || f.mapsNVMe()
}

func (f *facts) mapsNVMe() bool {
	off := slices.Contains([]string{"N", "0"}, f.effective("nvme multipath"))
	return off && f.uses(evidence.ModeNVMeTCP, evidence.ModeNVMeFC)
}

// OfHost lists the faults of one host's settings, in the order of the rules.
func OfHost(host *evidence.Host, lxd *evidence.LXD) []Fault {
	f := &facts{host, lxd, Rules}
	faults := []Fault{}
	for rule := range evidence.Refs(Rules) {
		for _, s := range f.said(rule.Name) {
			if fault, wrong := rule.judge(f, s); wrong {
				faults = append(faults, fault)
			}
		}
	}
	return faults
}

// said is what is said of one setting by what counts: the files' line, those
// of which it is not known, and the daemon's word where it differs from the
// files'.
func (f *facts) said(name string) []statement {
	switch name {
	case notLoaded:
		return f.unloaded()
	case blacklisted:
		return f.blacklist()
	}
	files, running := f.saidBy(name)
	all := make([]statement, 0, len(files)+1)
	said := false
	for _, s := range files {
		whole := !strings.HasPrefix(s.Section, "multipaths/") && s.Applies.Is()
		said = said || whole
		all = append(all, statement{Setting: s})
		for _, r := range running {
			if whole && !same(r.Value, s.Value) {
				r.File, r.Line = s.File, s.Line
				all = append(all, statement{Setting: r, file: s.Value, stale: true})
			}
		}
	}
	if !said {
		for _, r := range running {
			all = append(all, statement{Setting: r})
		}
	}
	return all
}

// saidBy is what files say of one setting, and what multipathd runs with.
func (f *facts) saidBy(name string) (files, running []evidence.Setting) {
	for _, s := range f.host.Settings.Items {
		switch {
		case s.Name != name || s.Applies.IsNot():
		case s.Section == evidence.InForce:
			running = append(running, s)
		default:
			files = append(files, s)
		}
	}
	return files, running
}

// blacklisted is the name of a line that keeps multipath off Pure volumes. They
// are many and have no value: each is there or not.
const blacklisted = "multipath blacklist"

// blacklist are the files' lines, and those that multipathd runs with and no
// file has. A line that it does not run with is told as that.
func (f *facts) blacklist() []statement {
	files, running := f.saidBy(blacklisted)
	var all []statement
	for _, s := range files {
		if f.asked() && !slices.ContainsFunc(running, func(r evidence.Setting) bool { return sameLine(r.Value, s.Value) }) {
			s.Section += ", and multipathd runs without it until it reads its files again"
		}
		all = append(all, statement{Setting: s})
	}
	for _, r := range running {
		if !slices.ContainsFunc(files, func(s evidence.Setting) bool { return sameLine(r.Value, s.Value) }) {
			all = append(all, statement{Setting: r, gone: true})
		}
	}
	return all
}

// sameLine compares two lines of a blacklist. Of a device multipathd may print
// what the file left out.
func sameLine(a, b string) bool {
	return a == b || strings.HasPrefix(a, "device ") && strings.HasPrefix(b, "device ")
}

// asked reports that multipathd has told what it runs with.
func (f *facts) asked() bool {
	return slices.ContainsFunc(f.host.Settings.Items, func(s evidence.Setting) bool {
		return s.Section == evidence.InForce && strings.HasPrefix(s.Name, "multipath ")
	})
}

// notLoaded is the name of the disagreement between multipathd and its files.
const notLoaded = "multipath not loaded"

// unloaded is what multipathd has otherwise than its files say by now, where
// neither is a fault of its own.
func (f *facts) unloaded() []statement {
	running := map[string][]evidence.Setting{}
	for _, s := range f.host.Settings.Items {
		if s.Section == evidence.InForce && strings.HasPrefix(s.Name, "multipath ") {
			running[s.Name] = append(running[s.Name], s)
		}
	}
	var all []statement
	for _, s := range f.host.Settings.Items {
		has := running[s.Name]
		whole := s.Section != evidence.InForce && s.Applies.Is() && !strings.HasPrefix(s.Section, "multipaths/")
		word := "nothing of it"
		switch {
		case !whole || f.judged(s):
			continue
		case len(has) > 0:
			word = has[0].Value
			if slices.ContainsFunc(has, func(r evidence.Setting) bool { return same(r.Value, s.Value) || f.judged(r) }) {
				continue
			}
		case !isKey(s.Name) || !f.asked():
			continue
		}
		_, key, _ := strings.Cut(s.Name, " ")
		s.Value = key + ": multipathd has " + word + ", the file says " + s.Value
		all = append(all, statement{Setting: s})
	}
	return all
}

// isKey reports a setting of multipath's that has a value, which multipathd
// prints too.
func isKey(name string) bool {
	return strings.HasPrefix(name, "multipath ") && name != blacklisted && name != "multipath refused" && name != "multipath syntax"
}

// judged reports a setting that a rule finds fault with.
func (f *facts) judged(s evidence.Setting) bool {
	return slices.ContainsFunc(f.rules, func(r Rule) bool {
		if r.Name != s.Name {
			return false
		}
		weight, _ := r.Bad(f, s)
		return weight != ""
	})
}

// statement is a setting with a value.
type statement struct {
	evidence.Setting
	// stale marks the running daemon's word where the files say otherwise by
	// now, and file is what they say.
	stale bool
	file  string
	// gone marks what no file says any more.
	gone bool
}

// same compares values by what they mean: multipathd prints "fail" where "0"
// was written, and words for numbers.
func same(a, b string) bool {
	meaning := func(s string) string {
		switch s = strings.ToLower(strings.TrimSpace(s)); s {
		case "fail", "off", "no":
			return "0"
		case "on", "yes":
			return "1"
		}
		return s
	}
	return meaning(a) == meaning(b)
}

// effective is the value that counts for all Pure volumes, "" when nobody
// says it.
func (f *facts) effective(name string) string {
	value := ""
	for _, s := range f.said(name) {
		if s.Applies.Is() && !strings.HasPrefix(s.Section, "multipaths/") {
			value = s.Value
		}
	}
	return value
}

func (r *Rule) judge(f *facts, s statement) (Fault, bool) {
	weight, why := r.Bad(f, s.Setting)
	if weight == "" {
		return Fault{}, false
	}
	fault := Fault{
		Code: r.Code, Weight: weight, Scan: r.Scan, Host: f.host.Name, Name: r.subject(), Value: s.Value,
		File: s.File, Line: s.Line, Section: s.Section, Unsure: !s.Applies.Is(), Why: why,
	}
	if s.gone {
		fault.Section = "multipathd runs with it, and no file says it by now"
		fault.Into, fault.Then = "let multipathd read its files", []string{reconfigure}
		return fault, true
	}
	if s.stale {
		inFile := s.Setting
		inFile.Value = s.file
		if again, _ := r.Bad(f, inFile); again != "" {
			return Fault{}, false // the file's line is a fault of its own
		}
		fault.Section = `multipathd runs with "` + s.Value + `", the file says "` + s.file + `" by now`
		fault.Then = []string{reconfigure}
		return fault, true
	}
	fault.Write, fault.Into, fault.Then = r.Write(f, s.Setting)
	return fault, true
}

// subject is the setting's name as it stands in its file, where it has one of
// its own there.
func (r *Rule) subject() string {
	what, key, _ := strings.Cut(r.Name, " ")
	if what == "multipath" || what == "iscsi" {
		return key
	}
	return r.Name
}
