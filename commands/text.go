package commands

import (
	"strings"

	"github.com/pureclean/pureclean/words"
)

// clean makes names that others chose safe for a terminal.
func clean(s string) string { return words.Visible(s) }

func unsafe(r rune) bool { return words.Unsafe(r) }

func size(bytes int64) string { return words.Size(bytes) }

func count(n int, noun string) string { return words.Count(n, noun) }

func quoteShell(s string) string { return words.Shell(s) }

// capital begins a sentence.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// howMany counts what is so.
func howMany(is ...bool) int { return words.HowMany(is, func(b bool) bool { return b }) }

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

// narrowest is how wide text is made at least, however narrow the terminal is.
const narrowest = 24

// hung is text wrapped to a width, first in front of its first line and rest,
// which is as wide as there is room to be left, in front of those below.
func hung(first, rest, text string, width int) []string {
	lines := wrap(text, max(width-len(rest), narrowest))
	for i, line := range lines {
		lines[i] = first + line
		first = rest
	}
	return lines
}

// shortPaths shortens the paths in a text that would not fit in so many columns.
// A name in /dev is to be compared, and stays whole.
func shortPaths(text string, width int) string {
	all := strings.Fields(text)
	for i, word := range all {
		if !strings.HasPrefix(word, "/dev/") {
			all[i] = inTheMiddle(word, width)
		}
	}
	return strings.Join(all, " ")
}

// inTheMiddle leaves directories out of the middle of a path that is longer than
// so many columns: where it is and whose it is stand at its ends.
func inTheMiddle(path string, width int) string {
	if len([]rune(path)) <= width || !strings.HasPrefix(path, "/") {
		return path
	}
	parts := strings.Split(path, "/") // the first is empty
	for first := min(3, len(parts)-1); first > 0; first-- {
		for last := first + 1; last < len(parts); last++ {
			short := strings.Join(parts[:first], "/") + "/…/" + strings.Join(parts[last:], "/")
			if len([]rune(short)) <= width {
				return short
			}
		}
	}
	return "/…/" + parts[len(parts)-1]
}
