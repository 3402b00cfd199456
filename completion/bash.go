package completion

import (
	"strings"
	"unicode"
)

// BashWord is the word before the cursor as bash hands it over: with the
// quotes and backslashes that were typed. bash inserts an answer as it is, so
// the answer must be quoted for it, and must leave out what bash keeps.
type BashWord struct {
	// Text is the word without its quotes.
	Text string
	// Plain is false for words that can't be told without evaluating them.
	Plain bool
	// open is the quote that is not closed yet, or 0.
	open rune
	// kept is how much of Text stands before the place from which bash
	// replaces: the open quote, or the last character that breaks words.
	kept int
}

// ParseBash reads a word. breaks is $COMP_WORDBREAKS.
func ParseBash(raw, breaks string) BashWord {
	w := BashWord{Plain: true}
	var text []rune
	escaped := false
	for _, r := range raw {
		switch {
		case escaped:
			if w.open == '"' && !strings.ContainsRune("\"$`\\", r) {
				text = append(text, '\\')
			}
			text = append(text, r)
			escaped = false
		case r == '\\' && w.open != '\'':
			escaped = true
		case w.open != 0 && r == w.open:
			w.open, w.kept = 0, 0
		case w.open == 0 && (r == '"' || r == '\''):
			w.open, w.kept = r, len(text)
		case (r == '$' || r == '`') && w.open != '\'':
			// What it stands for, only an evaluation could tell.
			w.Plain = false
			text = append(text, r)
		default:
			text = append(text, r)
			if w.open == 0 && strings.ContainsRune(breaks, r) {
				w.kept = len(text)
			}
		}
	}
	w.Text = string(text)
	return w
}

// Insert is what bash has to be given for the word to become value; false if
// there is no way to write that inside of the open quote. value begins with
// the word's text.
func (w BashWord) Insert(value string) (string, bool) {
	rest := string([]rune(value)[min(w.kept, len([]rune(value))):])
	switch w.open {
	case '\'':
		return rest, !strings.Contains(rest, "'")
	case '"':
		return rest, !strings.ContainsAny(rest, "\"$`\\!")
	}
	var b strings.Builder
	for _, r := range rest {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-./:=@%+,", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String(), true
}
