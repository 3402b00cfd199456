package hostconf

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// condition is what a rule of udev asks for.
type condition struct {
	// key is what is asked, op how: "==" or "!=", with what changes the meaning
	// of the value behind it.
	key, op string
	// any are the patterns of which one is to match.
	any []string
}

var asks = regexp.MustCompile(`([A-Z_]+(?:\{[^}]*\})?)\s*([!=]=)\s*([ei]*)"([^"]*)"`)

func conditions(rule string) []condition {
	var all []condition
	for _, m := range asks.FindAllStringSubmatch(rule, -1) {
		all = append(all, condition{m[1], m[2] + m[3], strings.Split(m[4], "|")})
	}
	return all
}

// implies reports that whatever meets the condition meets the other, too. Where
// nothing says so it does not.
func (c condition) implies(other condition) bool {
	if c.key != other.key {
		return false
	}
	switch c.op + " " + other.op {
	case "== ==":
		return !slices.ContainsFunc(c.any, func(value string) bool {
			return !slices.ContainsFunc(other.any, func(pattern string) bool { return covers(pattern, value) })
		})
	case "== !=":
		return !slices.ContainsFunc(c.any, func(value string) bool {
			return slices.ContainsFunc(other.any, func(pattern string) bool { return !matches(pattern, value).IsNot() })
		})
	case "!= !=":
		return !slices.ContainsFunc(other.any, func(pattern string) bool { return !slices.Contains(c.any, pattern) })
	}
	return c.op == other.op && slices.Equal(c.any, other.any)
}

// covers reports that a pattern matches all that another one does.
func covers(pattern, other string) bool {
	beginning, open := strings.CutSuffix(pattern, "*")
	return pattern == other || matches(pattern, other).Is() ||
		open && !strings.ContainsAny(beginning, special) && strings.HasPrefix(other, beginning)
}

// special are the characters that mean something in a pattern.
const special = `*?[\`

// matches reports whether a pattern matches a text. Of what a pattern can say
// most is not needed here, and stays unknown.
func matches(pattern, text string) evidence.Answer {
	if strings.ContainsAny(text, special+"/") || strings.ContainsAny(pattern, `[\`) {
		return evidence.Unknown
	}
	ok, err := path.Match(pattern, text)
	if err != nil {
		return evidence.Unknown
	}
	return evidence.AnswerOf(ok)
}

// names are what a FlashArray is called where rules ask for it.
var names = map[string][]string{
	"model": {"FlashArray", "Pure Storage FlashArray"}, "vendor": {"PURE"}, "transport": {"tcp", "fc"},
}

var asksName = regexp.MustCompile(`^ATTRS?\{(?:[^}]*/)?(model|vendor|transport)\}$`)

// forOthers reports a condition that no FlashArray meets.
func (c condition) forOthers() bool {
	m := asksName.FindStringSubmatch(c.key)
	if m == nil || c.op != "==" {
		return false
	}
	return !slices.ContainsFunc(c.any, func(pattern string) bool {
		// The numbers are those of PCI, where an adapter has a vendor.
		return strings.HasPrefix(pattern, "0x") || slices.ContainsFunc(names[m[1]], func(name string) bool {
			return !matches(strings.TrimRight(pattern, " "), name).IsNot()
		})
	})
}
