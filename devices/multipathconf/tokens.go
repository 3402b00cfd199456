package multipathconf

import "strings"

// longest is how much of a line multipath reads at once: what is longer is
// read on as if a new line began.
const longest = 1023

// physical is one line as multipath reads it, with the number of the line of
// the file that it began in.
type physical struct {
	number int
	text   string
}

// lines cuts a file as multipath does: at line feeds, and at its longest line.
// What follows a carriage return or a NUL on the same line is lost.
func lines(text string) []physical {
	var all []physical
	for number := 1; text != ""; {
		line, rest, feed := strings.Cut(text, "\n")
		if len(line) > longest || len(line) == longest && feed {
			line, rest, feed = text[:longest], text[longest:], false
		}
		here, _, _ := strings.Cut(line, "\x00")
		if i := strings.IndexByte(strings.TrimLeft(here, "\r"), '\r'); i >= 0 {
			here = here[:len(here)-len(strings.TrimLeft(here, "\r"))+i]
		}
		all = append(all, physical{number, here})
		if feed {
			number++
		}
		text = rest
	}
	return all
}

// token is a word, a brace or a quotation mark of a line.
type token struct {
	text  string
	quote bool
}

func (t token) is(text string) bool { return !t.quote && t.text == text }

func (t token) String() string {
	if t.quote {
		return `"`
	}
	return t.text
}

// separates reports a byte between words: white space, and all that is not
// ASCII, a no-break space among it.
func separates(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' || b >= 0x80 }

func comments(b byte) bool { return b == '!' || b == '#' }

// tokens splits a line. Outside of quotation marks words end at white space,
// at what is no ASCII, at a brace and at "!" and "#", which begin a comment;
// inside of them a mark that is doubled is one that is meant. None are left of
// a line that says nothing.
func tokens(line string) []token {
	at, quoted := 0, false
	skip := func() {
		for at < len(line) && separates(line[at]) {
			at++
		}
	}
	skip()
	if at == len(line) || comments(line[at]) {
		return nil
	}
	var all []token
	for {
		doubled := quoted && strings.HasPrefix(line[at:], `""`)
		switch b := line[at]; {
		case b == '"' && !doubled:
			all = append(all, token{quote: true})
			quoted = !quoted
			at++
		case !quoted && (b == '{' || b == '}'):
			all = append(all, token{text: line[at : at+1]})
			at++
		default:
			begin := at
			for at < len(line) {
				if b := line[at]; quoted && b == '"' && strings.HasPrefix(line[at:], `""`) {
					at += 2
				} else if b == '"' || !quoted && (separates(b) || comments(b) || b == '{' || b == '}') {
					break
				} else {
					at++
				}
			}
			word := line[begin:at]
			if quoted {
				word = strings.ReplaceAll(word, `""`, `"`)
			}
			all = append(all, token{text: word})
		}
		if !quoted {
			skip()
		}
		if at == len(line) || !quoted && comments(line[at]) {
			return all
		}
	}
}

// statement is what a line says: a key, its value, and what follows and does
// not count.
type statement struct {
	key, value string
	// open marks a value whose quotation mark is not closed; extra is the first
	// word that multipath passes over.
	open  bool
	extra string
}

// stating reads tokens as a key and a value. A section's name needs no value.
func stating(all []token) (s statement, missing bool) {
	s.key = all[0].String()
	rest := all[1:]
	after := 1
	switch {
	case len(rest) == 0:
		return s, true
	case !rest[0].quote:
		s.value = rest[0].text
	case len(rest) == 1:
		s.open = true
	case rest[1].quote:
		after = 2
	default:
		s.value = rest[1].text
		s.open = len(rest) == 2
		after = 3
	}
	if len(rest) > after {
		s.extra = rest[after].String()
	}
	return s, false
}
