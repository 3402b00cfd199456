package report

import "strings"

// wrap breaks text into lines of at most room columns. SVG does not break
// lines by itself. A word that is longer than a line (a path, a name) fills
// the line that it begins on, and is broken after one of the characters that
// hold such words together, else anywhere.
func wrap(s string, room int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		for word != "" {
			left := room - width(line) - 1
			if line == "" {
				left = room
			}
			head := word
			switch {
			case width(word) <= left:
			case width(word) <= room || left < room/3:
				head = ""
			default:
				head = joint(word, left)
			}
			if head != "" {
				line = strings.TrimPrefix(line+" "+head, " ")
			}
			if word = word[len(head):]; word != "" {
				lines, line = append(lines, line), ""
			}
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// joint is the beginning of a long word up to the best place to break it.
func joint(word string, room int) string {
	head := cut(word, room)
	if i := strings.LastIndexAny(head, "/:.-_"); i >= len(head)/2 {
		return head[:i+1]
	}
	return head
}

// cut is as much of a text as fits, and at least one character.
func cut(s string, room int) string {
	columns := 0
	for i, r := range s {
		columns += runeWidth(r)
		if columns > room && i > 0 {
			return s[:i]
		}
	}
	return s
}

func width(s string) int {
	columns := 0
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth counts what Chinese, Japanese and Korean fonts draw wide as two.
func runeWidth(r rune) int {
	if r >= 0x1100 && (r <= 0x115f || (r >= 0x2e80 && r <= 0xd7ff) || (r >= 0xf900 && r <= 0xfaff) || (r >= 0xfe30 && r <= 0xfe6f) || (r >= 0xff00 && r <= 0xff60) || r >= 0x1f300) {
		return 2
	}
	return 1
}
