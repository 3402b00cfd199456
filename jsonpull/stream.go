package jsonpull

import (
	"errors"
	"fmt"
	"io"
)

const (
	// window is how much of a text is held at a time; MaxRow bounds one
	// value, for which it grows.
	window = 128 << 10
	// MaxRow is the size in bytes that one value may have.
	MaxRow = 4 << 20
)

// What a Stream can run into besides its reader's errors and a Cursor's.
var (
	ErrCut   = errors.New("the answer ends in the middle")
	ErrRow   = fmt.Errorf("one row of the answer is larger than %d MiB", MaxRow>>20)
	ErrAfter = errors.New("something follows the end of the answer")
)

// NewStream reads from r. buffer is only there to be used again; at the
// end it is the Stream's B, larger perhaps.
func NewStream(r io.Reader, buffer []byte) *Stream {
	s := &Stream{r: r, Cursor: Cursor{B: buffer[:0]}}
	s.refill(0)
	return s
}

// Stream is a Cursor over a text that arrives piece by piece.
type Stream struct {
	Cursor
	r   io.Reader
	eof bool
}

// Try calls f at the place where it stands, and again from there with more
// text for as long as f ran out of it.
func (s *Stream) Try(f func(*Cursor)) {
	for s.Err == nil {
		start := s.I
		f(&s.Cursor)
		if s.Err != ErrShort {
			return
		}
		s.refill(start)
	}
}

// refill drops the text before keep and reads on.
func (s *Stream) refill(keep int) {
	if s.eof {
		s.Err = ErrCut
		return
	}
	rest := s.B[keep:]
	switch {
	case cap(s.B) == 0:
		s.B = make([]byte, 0, window)
	case len(rest) > MaxRow:
		s.Err = ErrRow
		return
	case len(rest) > cap(s.B)/2:
		s.B = append(make([]byte, 0, 2*cap(s.B)), rest...)
	default:
		s.B = s.B[:copy(s.B[:cap(s.B)], rest)]
	}
	n, err := io.ReadFull(s.r, s.B[len(s.B):cap(s.B)])
	s.B, s.I, s.Err = s.B[:len(s.B)+n], 0, nil
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		s.eof = true
	case err != nil:
		s.Err = err
	}
}

// End reads the end of an object or a list if it is next.
func (s *Stream) End(end byte) (ended bool) {
	s.Try(func(c *Cursor) {
		if c.Peek() == end {
			c.I++
			ended = true
		}
	})
	return ended
}

// Comma reads the comma that another member or row needs, and leaves the end
// where it is.
func (s *Stream) Comma(end byte) {
	s.Try(func(c *Cursor) {
		switch c.Peek() {
		case ',':
			c.I++
			if next := c.Peek(); next == end {
				c.Fail("a value")
			}
		case end:
		default:
			c.Fail("a comma or the end")
		}
	})
}

// List reads the list that is next. It calls row at each element; an element
// may be read more than once, a later reading is the one that counts, and at
// the end of each done is called.
func (s *Stream) List(row func(*Cursor), done func()) {
	s.Elements(func() {
		s.Try(row)
		if s.Err == nil {
			done()
		}
	})
}

// Finish makes sure that nothing but white space follows.
func (s *Stream) Finish() {
	for s.Err == nil {
		s.Peek()
		switch {
		case s.Err == nil:
			s.Err = ErrAfter
		case s.eof:
			s.Err = nil
			return
		default:
			s.refill(len(s.B))
		}
	}
}

// Members calls f with the key of each member of the object that is next. f
// must read the value, with the Stream's own methods: it may be larger than
// MaxRow if it is read in pieces.
func (s *Stream) Members(f func(key string)) {
	s.Try(func(c *Cursor) { c.Take('{', "an object") })
	for s.Err == nil && !s.End('}') {
		var key string
		s.Try(func(c *Cursor) {
			if c.Peek() != '"' {
				c.Fail("a key")
			}
			raw, _ := c.Text()
			key = string(raw)
			c.Take(':', "a colon")
		})
		if s.Err != nil {
			return
		}
		f(key)
		s.Comma('}')
	}
}

// Elements calls f at each element of the list that is next. f must read it,
// with the Stream's own methods.
func (s *Stream) Elements(f func()) {
	s.Try(func(c *Cursor) { c.Take('[', "a list") })
	for s.Err == nil && !s.End(']') {
		f()
		s.Comma(']')
	}
}

// Next returns the first byte of the value that is next, or 0.
func (s *Stream) Next() (first byte) {
	s.Try(func(c *Cursor) { first = c.Peek() })
	return first
}
