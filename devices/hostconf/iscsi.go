package hostconf

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// iscsiKey is a setting of open-iscsi that decides how long a login and I/O
// wait and when LUNs are scanned. Its files also hold credentials: no other
// line of them is kept.
type iscsiKey struct {
	// words are the values that it may have; without any it is a number.
	words []string
	// instead is open-iscsi's own value, where no line counts.
	instead string
}

var iscsiKeys = map[string]iscsiKey{
	"node.session.scan":                      {words: []string{"manual", "auto"}, instead: "auto"},
	"node.session.timeo.replacement_timeout": {instead: "120"},
	"node.conn[0].timeo.login_timeout":       {instead: "30"},
	"node.session.initial_login_retry_max":   {instead: "4"},
	"node.session.nr_sessions":               {instead: "1"},
	"node.startup":                           {words: []string{"manual", "automatic", "onboot"}, instead: "manual"},
}

// longestISCSI is how much of a line open-iscsi reads at once. What does not end
// there, and a last line without an end, it leaves out.
const longestISCSI = 2047

// parseISCSIConf reads the "key = value" lines that we want, as open-iscsi
// does: without a blank before the "=" a line does not count, numbers end
// where they end, words are taken whole. Of a key that comes again the last
// line counts.
func parseISCSIConf(file, text string) []evidence.Setting {
	var found []evidence.Setting
	var ignored []evidence.Setting
	for number, line := range iscsiLines(text) {
		line, ended := strings.CutSuffix(line, "\n")
		name, value, why := iscsiStatement(strings.Trim(line, iscsiBlanks))
		if why == "" && !ended {
			why = "for its line has no end"
		}
		key, ours := iscsiKeys[name]
		if !ours {
			continue
		}
		if why == "" {
			value, why = key.read(value)
		}
		if why != "" {
			ignored = append(ignored, evidence.Setting{Name: "iscsi " + name, Value: why, File: file, Line: number, Applies: evidence.Yes})
			continue
		}
		for i := range found {
			if found[i].Name == "iscsi "+name {
				found[i].Applies = evidence.No
			}
		}
		found = append(found, evidence.Setting{Name: "iscsi " + name, Value: value, File: file, Line: number, Applies: evidence.Yes})
	}
	for _, s := range ignored {
		_, name, _ := strings.Cut(s.Name, " ")
		counts := "open-iscsi's own value, " + iscsiKeys[name].instead + ","
		for _, f := range found {
			if f.Name == s.Name && f.Applies.Is() {
				counts = fmt.Sprintf("line %d", f.Line)
			}
		}
		s.Value = name + " is not read, " + s.Value + ": " + counts + " counts"
		s.Name = "iscsi syntax"
		found = append(found, s)
	}
	return found
}

// ownISCSI are the values of open-iscsi's own that count because iscsid.conf
// says nothing of a setting. What is said and not read is told with its line.
func ownISCSI(said []evidence.Setting) []evidence.Setting {
	var own []evidence.Setting
	for _, name := range slices.Sorted(maps.Keys(iscsiKeys)) {
		if !slices.ContainsFunc(said, func(s evidence.Setting) bool { return s.Name == "iscsi "+name || strings.HasPrefix(s.Value, name+" ") }) {
			own = append(own, evidence.Setting{Name: "iscsi " + name, Value: iscsiKeys[name].instead, Applies: evidence.Yes})
		}
	}
	return own
}

// iscsiLines are the lines as open-iscsi reads them, with their numbers.
func iscsiLines(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			number++
			for len(line) > longestISCSI {
				line = line[longestISCSI:]
			}
			if strings.Contains(line, "\x00") {
				continue
			}
			if !yield(number, line) {
				return
			}
		}
	}
}

const iscsiBlanks = " \t\n\v\f\r"

// iscsiStatement splits a line. The name ends at a blank or at "=", and
// whichever it is, a "=" must follow.
func iscsiStatement(line string) (name, value, why string) {
	end := strings.IndexAny(line, iscsiBlanks+"=")
	if end < 0 || strings.HasPrefix(line, "#") {
		return line, "", "it has no value"
	}
	name = line[:end]
	rest := strings.TrimLeft(line[end+1:], iscsiBlanks)
	switch {
	case rest == "":
		return name, "", "it has no value"
	case rest[0] != '=' && line[end] == '=':
		return name, "", `for there is no blank before the "="`
	case rest[0] != '=':
		return name, "", `for there is no "="`
	}
	if value = strings.TrimLeft(rest[1:], iscsiBlanks); value == "" {
		return name, "", "it has no value"
	}
	return name, value, ""
}

// read reads a value.
func (k iscsiKey) read(value string) (string, string) {
	if k.words == nil {
		return strconv.Itoa(int(strtoul(value))), ""
	}
	if !slices.Contains(k.words, value) {
		return "", fmt.Sprintf("for %q is none of %s", value, strings.Join(k.words, ", "))
	}
	return value, ""
}

// strtoul reads the number that a text begins with, 0 where there is none, as
// the C library's function of this name does, into 32 bits.
func strtoul(text string) int32 {
	text = strings.TrimLeft(text, iscsiBlanks)
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	end := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, err := strconv.ParseUint(text[:end], 10, 64)
	switch {
	case end == 0:
		return 0
	case err != nil:
		n = math.MaxUint64
	case negative:
		n = -n
	}
	return int32(uint32(n))
}
