package devices

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// multipathKeys are the settings of multipath.conf that decide whether maps
// queue, are made at all, follow a reused LUN, and how they are called.
var multipathKeys = []string{
	"dev_loss_tmo", "fast_io_fail_tmo", "features", "find_multipaths", "find_multipaths_timeout", "flush_on_last_del",
	"no_path_retry", "polling_interval", "purge_disconnected", "queue_without_daemon", "recheck_wwid", "skip_kpartx",
	"user_friendly_names",
}

// globalKeys are read from the section defaults and nowhere else.
var globalKeys = []string{"find_multipaths", "find_multipaths_timeout", "polling_interval", "queue_without_daemon"}

// builtInPure is what multipath's own table of hardware says of PURE
// FlashArray, in all versions since 0.8. It stands above what a file says in
// its section defaults, and below what it says in a device section.
var builtInPure = []string{"fast_io_fail_tmo"}

// multipathSections are the words that open a section, by where they may
// stand: "" is the top.
var multipathSections = map[string][]string{
	"":                     {"defaults", "blacklist", "blacklist_exceptions", "devices", "overrides", "multipaths"},
	"devices":              {"device"},
	"blacklist":            {"device"},
	"blacklist_exceptions": {"device"},
	"multipaths":           {"multipath"},
	"overrides":            {"protocol"},
}

// maxConfDepth is deeper than any section lies.
const maxConfDepth = 8

// confLine is one statement of multipath.conf: a key, its value, and in which
// section.
type confLine struct {
	// place is the section's path; id what tells one device section or
	// multipath section from another.
	place      string
	id         *confID
	key, value string
	file       string
	line       int
}

type confID struct{ vendor, product, wwid string }

// section is a section of multipath.conf that is open.
type section struct {
	name string
	line int
	id   *confID
}

// parseMultipathConf reads the format of multipath.conf: "key value" lines in
// sections with braces, "#" and "!" for comments. What it does not understand
// it passes over, as multipathd does. Braces that do not match are told: from
// there on multipathd reads something else than was meant.
func parseMultipathConf(file, text string) (lines []confLine, wrong []evidence.Setting) {
	var open []section
	fault := func(line int, what string) {
		if n := len(wrong); n > 0 && wrong[n-1].Line == line && wrong[n-1].Value == what {
			return
		}
		wrong = append(wrong, evidence.Setting{Name: "multipath syntax", Value: what, File: file, Line: line, Applies: evidence.Yes})
	}
	tooDeep := 0
	for number, line := range enumerate(text) {
		for _, statement := range statements(line) {
			place := placeOf(open)
			switch {
			case statement[0] == "}":
				switch {
				case tooDeep > 0:
					tooDeep--
				case len(open) > 0:
					open = open[:len(open)-1]
				default:
					fault(number, "a brace closes what none opened")
				}
			case statement[0] == "{": // the section's name stood on the line before
			case statement[len(statement)-1] == "{" || len(statement) == 1 && slices.Contains(multipathSections[place], statement[0]):
				if len(open) == maxConfDepth {
					tooDeep++
					continue
				}
				open = append(open, section{name: statement[0], line: number, id: &confID{}})
			case len(open) > 0 && len(statement) > 1:
				last := open[len(open)-1]
				// multipathd takes one word, or what stands in quotes.
				key, value := statement[0], statement[1]
				switch key {
				case "vendor":
					last.id.vendor = value
				case "product":
					last.id.product = value
				case "wwid":
					last.id.wwid = value
				}
				lines = append(lines, confLine{place: place, id: last.id, key: key, value: value, file: file, line: number})
			}
		}
	}
	for _, s := range open {
		fault(s.line, "the section "+s.name+" is not closed")
	}
	return lines, wrong
}

func placeOf(open []section) string {
	names := make([]string, len(open))
	for i, s := range open {
		names[i] = s.name
	}
	return path.Join(names...)
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

// The levels at which multipath looks for a setting of a map, from the
// lowest: a higher one that has it wins, and within one the line read last.
const (
	levelNone = iota - 1
	levelUnknown
	levelDefaults
	levelBuiltIn
	levelDevice
	levelOverrides
	levelMap
)

// level says at which level a line counts for Pure volumes; levelNone when it
// is for other devices or not looked at where it stands, levelUnknown when
// that can't be told.
func (l confLine) level() int {
	global := slices.Contains(globalKeys, l.key)
	switch l.place {
	case "defaults":
		return levelDefaults
	case "overrides":
		if global {
			return levelNone
		}
		return levelOverrides
	case "devices/device":
		// A device section without both is dropped.
		vendor, product := matches(l.id.vendor, "PURE"), matches(l.id.product, "FlashArray")
		switch both := vendor.And(product); {
		case global || l.id.vendor == "" || l.id.product == "" || both.IsNot():
			return levelNone
		case both.Is():
			return levelDevice
		}
		return levelUnknown
	case "multipaths/multipath":
		switch {
		case global || l.id.wwid != "" && !isPureWWID(l.id.wwid):
			return levelNone
		case l.id.wwid == "":
			return levelUnknown
		}
		return levelMap
	default:
		return levelUnknown
	}
}

func isPureWWID(wwid string) bool {
	_, ok := evidence.SerialOf(wwid)
	return ok
}

// maxPattern is longer than any pattern that a person writes.
const maxPattern = 1024

// matches tries one of multipath's patterns: POSIX extended, anywhere in the
// text, turned around by a "!" before it.
func matches(pattern, text string) evidence.Answer {
	pattern, inverted := strings.CutPrefix(pattern, "!")
	switch {
	case len(pattern) > maxPattern:
		return evidence.Unknown
	case pattern == "*": // no pattern, and taken for the one that was meant
		pattern = ".*"
	}
	r, err := regexp.CompilePOSIX(pattern)
	if err != nil {
		return evidence.Unknown
	}
	return evidence.AnswerOf(r.MatchString(text) != inverted)
}

// resolve turns lines into settings, in the order of the files, each with
// whether it is the one that counts for Pure volumes.
func resolve(lines []confLine) []evidence.Setting {
	best := map[string]int{}
	for _, l := range lines {
		if level := l.level(); slices.Contains(multipathKeys, l.key) && level > levelUnknown && level < levelMap {
			best[l.key] = max(best[l.key], level)
		}
	}
	for _, key := range builtInPure {
		best[key] = max(best[key], levelBuiltIn)
	}
	last := map[string]int{}
	for i, l := range lines {
		if l.level() == best[l.key] {
			last[l.key] = i
		}
	}
	var settings []evidence.Setting
	for i, l := range lines {
		if !slices.Contains(multipathKeys, l.key) {
			continue
		}
		s := evidence.Setting{Name: "multipath " + l.key, Value: l.value, Section: l.section(), File: l.file, Line: l.line}
		switch level := l.level(); {
		case level == levelUnknown:
		case level == levelMap:
			s.Applies = evidence.Yes // to one map, whatever the others say
		default:
			winner, ok := last[l.key]
			s.Applies = evidence.AnswerOf(ok && winner == i)
		}
		settings = append(settings, s)
	}
	return settings
}

// section names a line's section to people.
func (l confLine) section() string {
	if l.id.wwid != "" && l.place == "multipaths/multipath" {
		return l.place + " " + l.id.wwid
	}
	return strings.TrimSpace(strings.TrimSpace(l.place+" "+l.id.vendor) + " " + l.id.product)
}

// blacklisted lists the lines that keep multipath off Pure volumes: what of
// them a pattern matches, and no exception of the same kind does.
func blacklisted(lines []confLine, disks []evidence.Disk) []evidence.Setting {
	var found []evidence.Setting
	for _, l := range lines {
		for _, k := range blacklistKinds {
			if l.place != k.place || l.key != k.key {
				continue
			}
			hit := evidence.No
			for _, subject := range k.subjects(disks) {
				hit = or(hit, k.matches(l, subject).And(not(excepted(lines, k, subject))))
			}
			if !hit.IsNot() {
				found = append(found, evidence.Setting{
					Name: "multipath blacklist", Value: k.words(l), Section: l.place, File: l.file, Line: l.line, Applies: hit,
				})
			}
		}
	}
	return found
}

func excepted(lines []confLine, k blacklistKind, subject string) evidence.Answer {
	answer := evidence.No
	for _, l := range lines {
		if l.place == strings.Replace(k.place, "blacklist", "blacklist_exceptions", 1) && l.key == k.key {
			answer = or(answer, k.matches(l, subject))
		}
	}
	return answer
}

func or(a, b evidence.Answer) evidence.Answer { return not(not(a).And(not(b))) }

func not(a evidence.Answer) evidence.Answer {
	switch a {
	case evidence.Yes:
		return evidence.No
	case evidence.No:
		return evidence.Yes
	default:
		return evidence.Unknown
	}
}

// blacklistKind is one way in which the blacklist names devices.
type blacklistKind struct {
	place, key string
	// subjects are what a Pure volume's path shows of itself.
	subjects func([]evidence.Disk) []string
	matches  func(confLine, string) evidence.Answer
	words    func(confLine) string
}

func byValue(l confLine, subject string) evidence.Answer { return matches(l.value, subject) }

func keyAndValue(l confLine) string { return l.key + ` "` + l.value + `"` }

var blacklistKinds = []blacklistKind{
	// One of many disks may well be left out by its name, so the stand-in for
	// all of them is one that no machine has as its first ones.
	{"blacklist", "devnode", diskSubjects("sdzx", func(d evidence.Disk) string { return d.Name }), byValue, keyAndValue},
	{"blacklist", "wwid", diskSubjects("3624a93700f1e2d3c4b5a697800011aef", func(d evidence.Disk) string {
		if d.Serial == "" {
			return ""
		}
		return d.Serial.WWID()
	}), byValue, keyAndValue},
	{"blacklist", "protocol", diskSubjects("scsi:iscsi", func(d evidence.Disk) string {
		return map[string]string{"iscsi": "scsi:iscsi", "fc": "scsi:fcp"}[d.Transport]
	}), byValue, keyAndValue},
	{"blacklist/device", "vendor", func([]evidence.Disk) []string { return []string{"FlashArray"} }, func(l confLine, product string) evidence.Answer {
		answer := matches(l.value, "PURE")
		if l.id.product != "" {
			answer = answer.And(matches(l.id.product, product))
		}
		return answer
	}, func(l confLine) string {
		return strings.TrimSpace(`device { vendor "` + l.id.vendor + `" product "` + l.id.product + `" }`)
	}},
}

// diskSubjects are what the disks that are there show, or the stand-in.
func diskSubjects(standIn string, of func(evidence.Disk) string) func([]evidence.Disk) []string {
	return func(disks []evidence.Disk) []string {
		subjects := []string{standIn}
		for _, d := range disks {
			if s := of(d); s != "" && !slices.Contains(subjects, s) {
				subjects = append(subjects, s)
			}
		}
		return subjects
	}
}
