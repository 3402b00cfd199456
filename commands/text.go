package commands

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/canonical/lxd/shared/units"
)

// clean makes text from the array, LXD or a device safe for a terminal: names
// are given by others, and an escape sequence in one could hide a line of our
// answer. What is removed stays visible as "\x1b" or "\u202e".
func clean(s string) string {
	if !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !unsafe(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// unsafe characters are all that move the cursor, change colours or reorder
// text: controls, format characters such as the bidirectional overrides, line
// separators, and what is not valid UTF-8.
func unsafe(r rune) bool {
	if r >= ' ' && r < 0x7f {
		return false // nearly all of them
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) || r == unicode.ReplacementChar
}

// size spells bytes as lxc does, without needless decimals.
func size(bytes int64) string {
	if bytes == 0 {
		return "0"
	}
	s := units.GetByteSizeStringIEC(bytes, 1)
	return strings.Replace(s, ".0", "", 1)
}

// ages, from the coarsest unit that fits twice or more, else the next.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "?"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// agePhrase is age in words.
func agePhrase(d time.Duration) string {
	units := []struct {
		unit time.Duration
		word string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	for _, u := range units {
		if n := int(d / u.unit); n >= 2 || (n >= 1 && u.unit == time.Second) {
			return count(n, u.word)
		}
	}
	return "a moment"
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// either lists words as a sentence does: "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// span spells a time span as one would type it: 5m and not 5m0s.
func span(text string) string {
	for _, end := range []string{"m0s", "h0m"} {
		if rest, ok := strings.CutSuffix(text, end); ok {
			text = rest + end[:1]
		}
	}
	return text
}

// wrap breaks text into lines of at most width columns; a word that is longer
// (a volume's name) keeps its line and is never cut.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
