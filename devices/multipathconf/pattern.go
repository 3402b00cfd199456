package multipathconf

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Pattern is a POSIX extended regular expression as the C library of GNU
// understands it, found anywhere in a text.
type Pattern struct {
	text string
	re   *regexp.Regexp
	// inverted patterns match what does not fit: those of the blacklist may
	// begin with "!".
	inverted bool
}

// errBad says what the C library refuses.
var errBad = errors.New("not a regular expression")

// compile reads a pattern. One that the C library refuses is an error; one
// that we can't follow, with a back reference for example, matches unknown.
func compile(text string) (*Pattern, error) {
	p := ere{text: text, closed: map[int]bool{}}
	goes, err := p.alternatives(0)
	if err != nil {
		return nil, err
	}
	pattern := &Pattern{text: text}
	if !p.beyond {
		pattern.re, _ = regexp.Compile("(?s)" + goes)
	}
	return pattern, nil
}

// compileListed reads a pattern of the blacklist or its exceptions.
func compileListed(text string) (*Pattern, error) {
	rest, inverted := strings.CutPrefix(text, "!")
	if !inverted && strings.HasPrefix(text, `\!`) {
		rest = text[1:]
	}
	p, err := compile(rest)
	if err != nil {
		return nil, err
	}
	p.inverted = inverted
	return p, nil
}

// Match tries the pattern on a text.
func (p *Pattern) Match(text string) evidence.Answer {
	if p.re == nil {
		return evidence.Unknown
	}
	return evidence.AnswerOf(p.re.MatchString(latin(text)) != p.inverted)
}

// latin makes a rune of each byte, as the C library compares them.
func latin(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

// ere turns a POSIX extended expression into one of Go.
type ere struct {
	text   string
	at     int
	groups int
	// closed are the groups that a back reference may name.
	closed map[int]bool
	// beyond marks what Go can't say.
	beyond bool
}

func (p *ere) end() bool { return p.at == len(p.text) }

func (p *ere) next() byte {
	if p.end() {
		return 0
	}
	return p.text[p.at]
}

func (p *ere) alternatives(nest int) (string, error) {
	var all []string
	for {
		branch := ""
		for !p.end() && p.next() != '|' && (p.next() != ')' || nest == 0) {
			part, err := p.piece(nest)
			if err != nil {
				return "", err
			}
			branch += part
		}
		all = append(all, branch)
		if p.next() != '|' || p.end() {
			return strings.Join(all, "|"), nil
		}
		p.at++
	}
}

// piece is one expression and the repetitions after it. An anchor can't be
// repeated.
func (p *ere) piece(nest int) (string, error) {
	atom, anchor, err := p.atom(nest)
	if err != nil || anchor {
		return atom, err
	}
	for !p.end() {
		times := ""
		switch p.next() {
		case '*', '+', '?':
			times = string(p.next())
			p.at++
		case '{':
			if times, err = p.interval(); err != nil {
				return "", err
			}
		default:
			return atom, nil
		}
		atom = "(?:" + atom + times + ")"
	}
	return atom, nil
}

// gnu are the escapes that the C library of GNU adds.
var gnu = map[byte]struct {
	goes   string
	anchor bool
}{
	'w': {"[0-9A-Za-z_]", false}, 'W': {"[^0-9A-Za-z_]", false}, 's': {`[\t\n\v\f\r ]`, false}, 'S': {`[^\t\n\v\f\r ]`, false},
	'b': {`\b`, true}, 'B': {`\B`, true}, '`': {`\A`, true}, '\'': {`\z`, true}, '<': {"", true}, '>': {"", true},
}

func (p *ere) atom(nest int) (goes string, anchor bool, err error) {
	b := p.next()
	switch b {
	case '*', '+', '?', '{':
		return "", false, errBad
	case '^':
		goes, anchor = `\A`, true
	case '$':
		goes, anchor = `\z`, true
	case '.':
		goes = "."
	case '[':
		goes, err = p.bracket()
		return goes, false, err
	case '(':
		p.at++
		p.groups++
		number := p.groups
		inner, err := p.alternatives(nest + 1)
		if err != nil || p.end() {
			return "", false, errBad
		}
		p.at++
		p.closed[number] = true
		return "(?:" + inner + ")", false, nil
	case '\\':
		p.at++
		if p.end() {
			return "", false, errBad
		}
		b = p.next()
		if b >= '1' && b <= '9' {
			if !p.closed[int(b-'0')] {
				return "", false, errBad
			}
			p.beyond = true
		}
		if special, ok := gnu[b]; ok {
			goes, anchor = special.goes, special.anchor
			p.beyond = p.beyond || goes == "" || b == 'B'
			break
		}
		goes = quoteByte(b)
	default:
		goes = quoteByte(b)
	}
	p.at++
	return goes, anchor, nil
}

func quoteByte(b byte) string { return regexp.QuoteMeta(string(rune(b))) }

// mostTimes is how often something may be repeated.
const mostTimes = 0x7fff

// interval reads "{2}", "{2,}", "{,3}" or "{2,3}".
func (p *ere) interval() (string, error) {
	p.at++
	inner, _, closed := strings.Cut(p.text[p.at:], "}")
	least, most, comma := strings.Cut(inner, ",")
	if !closed || !comma && least == "" {
		return "", errBad
	}
	p.at += len(inner) + 1
	if least == "" {
		least = "0"
	}
	from, err := strconv.ParseUint(least, 10, 32)
	to := from
	if err == nil && comma && most != "" {
		to, err = strconv.ParseUint(most, 10, 32)
	}
	if err != nil || from > to || to > mostTimes {
		return "", errBad
	}
	times := "{" + strconv.FormatUint(from, 10)
	switch {
	case !comma:
	case most == "":
		times += ","
	default:
		times += "," + strconv.FormatUint(to, 10)
	}
	return times + "}", nil
}

// classes are the classes of characters of the C locale.
var classes = set(strings.Fields("alnum alpha blank cntrl digit graph lower print punct space upper xdigit"))

// bracket reads a set of characters.
func (p *ere) bracket() (string, error) {
	p.at++
	goes := "["
	if p.next() == '^' {
		goes += "^"
		p.at++
	}
	for first := true; ; first = false {
		if p.end() {
			return "", errBad
		}
		if p.next() == ']' && !first {
			p.at++
			return goes + "]", nil
		}
		if p.next() == '-' && !first && !strings.HasPrefix(p.text[p.at:], "-]") {
			return "", errBad
		}
		class, low, err := p.element()
		if err != nil {
			return "", err
		}
		if class != "" {
			goes += class
			continue
		}
		// A dash before the end is one; any other makes a range.
		if !strings.HasPrefix(p.text[p.at:], "-") || strings.HasPrefix(p.text[p.at:], "-]") {
			goes += hex(low)
			continue
		}
		p.at++
		if p.end() {
			return "", errBad
		}
		class, high, err := p.element()
		if err != nil || class != "" || high < low {
			return "", errBad
		}
		p.beyond = p.beyond || low >= 0x80 || high >= 0x80
		goes += hex(low) + "-" + hex(high)
	}
}

func hex(b byte) string { return `\x{` + strconv.FormatUint(uint64(b), 16) + "}" }

// longestName is the longest name of a class of characters.
const longestName = 32

// element is one character of a set, or a class of them.
func (p *ere) element() (class string, char byte, err error) {
	rest := p.text[p.at:]
	if len(rest) < 2 || rest[0] != '[' || !strings.ContainsRune(":.=", rune(rest[1])) {
		p.at++
		return "", rest[0], nil
	}
	mark := rest[1]
	// The end is looked for from the second character on: "[.].]" is a "]".
	name, _, closed := strings.Cut(rest[2:], string(mark)+"]")
	if !closed || len(name) >= longestName {
		return "", 0, errBad
	}
	p.at += len(name) + 4
	switch {
	case mark == ':' && classes[name]:
		return "[:" + name + ":]", 0, nil
	case mark == ':' || len(name) != 1:
		return "", 0, errBad
	case mark == '=':
		return hex(name[0]), 0, nil
	}
	return "", name[0], nil
}
