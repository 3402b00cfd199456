package pure

import (
	"errors"
	"fmt"
	"io"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// window is how much of an answer is held at a time; maxRow bounds one
	// row, for which it grows.
	window = 128 << 10
	maxRow = 4 << 20
)

// notJSONError is a 200 whose body is something else.
type notJSONError struct {
	begins string
	page   bool
}

func (e *notJSONError) Error() string {
	switch {
	case e.page && e.begins != "":
		return fmt.Sprintf("the answer is a web page (%q) and not the REST API's", e.begins)
	case e.page:
		return "the answer is a web page and not the REST API's"
	case e.begins == "":
		return "the answer is empty"
	default:
		return fmt.Sprintf("the answer is not the JSON that was asked for, it begins with %q", e.begins)
	}
}

// excerpt is the beginning of a text, for people.
func excerpt(text []byte) string { return tidy(string(text[:min(len(text), 80)])) }

var (
	errCut    = errors.New("the answer ends in the middle")
	errRow    = fmt.Errorf("one row of the answer is larger than %d MiB", maxRow>>20)
	errAfter  = errors.New("something follows the end of the answer")
	errTwice  = errors.New("the answer says the same thing twice")
	errNoList = errors.New("the answer has no list of items")
)

// envelope is what a page says besides its rows.
type envelope struct {
	// token continues the list; empty when the page has none.
	token string
	// more is whether the page says that there are further ones.
	more evidence.Answer
	// total is how many rows the list has, when that was asked for.
	total evidence.Count
}

// readPage reads one page of a list from r and calls row at each of its
// rows. A row may be read more than once: a later reading is the one that
// counts, and at the end of each row done is called. buffer is only there to
// be used again.
func readPage(r io.Reader, buffer []byte, row func(*cursor), done func()) (envelope, []byte, error) {
	s := &stream{r: r, cursor: cursor{b: buffer[:0]}}
	var e envelope
	s.refill(0)
	if s.err == nil && s.peek() != '{' || s.err == errShort && s.i == len(s.b) {
		return e, s.b, &notJSONError{begins: excerpt(s.b)}
	}
	seen := map[string]bool{}
	s.i++
	for s.err == nil && !s.end('}') {
		var key string
		s.try(func(c *cursor) {
			if c.peek() != '"' {
				c.fail("a key")
			}
			raw, _ := c.text()
			key = string(raw)
			c.take(':', "a colon")
		})
		if seen[key] && s.err == nil {
			s.err = errTwice
		}
		seen[key] = true
		switch key {
		case "items":
			s.rows(row, done)
		case "continuation_token":
			s.try(func(c *cursor) {
				if c.peek() != '"' {
					c.skip()
					return
				}
				raw, _ := c.text()
				e.token = string(raw)
			})
		case "more_items_remaining":
			s.try(func(c *cursor) {
				if next := c.peek(); next == 't' || next == 'f' {
					e.more = evidence.AnswerOf(next == 't')
				}
				c.skip()
			})
		case "total_item_count":
			s.try(func(c *cursor) {
				if next := c.peek(); next < '0' || next > '9' {
					c.skip()
					return
				}
				if n, ok := c.integer(); ok {
					e.total = evidence.CountOf(n)
				}
			})
		default:
			s.try((*cursor).skip)
		}
		s.comma('}')
	}
	s.finish()
	if s.err == nil && !seen["items"] {
		s.err = errNoList
	}
	return e, s.b, s.err
}

// stream is a cursor over a text that arrives piece by piece.
type stream struct {
	cursor
	r   io.Reader
	eof bool
}

// try calls f at the place where it stands, and again from there with more
// text for as long as f ran out of it.
func (s *stream) try(f func(*cursor)) {
	for s.err == nil {
		start := s.i
		f(&s.cursor)
		if s.err != errShort {
			return
		}
		s.refill(start)
	}
}

// refill drops the text before keep and reads on.
func (s *stream) refill(keep int) {
	if s.eof {
		s.err = errCut
		return
	}
	rest := s.b[keep:]
	switch {
	case cap(s.b) == 0:
		s.b = make([]byte, 0, window)
	case len(rest) > maxRow:
		s.err = errRow
		return
	case len(rest) > cap(s.b)/2:
		s.b = append(make([]byte, 0, 2*cap(s.b)), rest...)
	default:
		s.b = s.b[:copy(s.b[:cap(s.b)], rest)]
	}
	n, err := io.ReadFull(s.r, s.b[len(s.b):cap(s.b)])
	s.b, s.i, s.err = s.b[:len(s.b)+n], 0, nil
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		s.eof = true
	case err != nil:
		s.err = err
	}
}

// end reads the end of an object or a list if it is next.
func (s *stream) end(end byte) (ended bool) {
	s.try(func(c *cursor) {
		if c.peek() == end {
			c.i++
			ended = true
		}
	})
	return ended
}

// comma reads the comma that another member or row needs, and leaves the end
// where it is.
func (s *stream) comma(end byte) {
	s.try(func(c *cursor) {
		switch c.peek() {
		case ',':
			c.i++
			if next := c.peek(); next == end {
				c.fail("a value")
			}
		case end:
		default:
			c.fail("a comma or the end")
		}
	})
}

func (s *stream) rows(row func(*cursor), done func()) {
	s.try(func(c *cursor) { c.take('[', "a list") })
	for s.err == nil && !s.end(']') {
		s.try(row)
		if s.err == nil {
			done()
		}
		s.comma(']')
	}
}

// finish makes sure that nothing but white space follows.
func (s *stream) finish() {
	for s.err == nil {
		s.peek()
		switch {
		case s.err == nil:
			s.err = errAfter
		case s.eof:
			s.err = nil
			return
		default:
			s.refill(len(s.b))
		}
	}
}
