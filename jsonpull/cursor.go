// Package jsonpull reads JSON as it arrives, value by value, and keeps nothing.
// The lists of an array and of LXD are long, and most of what is in a row is
// not read: a reflecting decoder needs several times the time for that, and
// memory for the whole.
package jsonpull

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"unicode/utf8"
)

// Cursor reads JSON values one after another out of a piece of text, without
// building anything: most of what an array sends is skipped, and a reflecting
// decoder spends nearly all its time on that. The first error sticks, and
// every method does nothing after it.
//
// It accepts what encoding/json accepts (a fuzz test compares the two), to a
// depth of maxDepth.
type Cursor struct {
	// B is the text and I where in it the next value begins.
	B []byte
	I int
	// Err is what is wrong; ErrShort when the text may only be too short.
	Err error
}

// maxDepth is how deep a value may be nested.
const maxDepth = 64

// What a Cursor can run into besides a SyntaxError.
var (
	// ErrShort says that the text ends before the value does: there may be
	// more to come.
	ErrShort = errors.New("it ends in the middle")
	// ErrDepth is more than maxDepth.
	ErrDepth = errors.New("it is nested too deep")
)

// SyntaxError is text that is not JSON.
type SyntaxError struct {
	Found  byte
	Wanted string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%q stands where %s should be", string(rune(e.Found)), e.Wanted)
}

// Fail says what should stand here, unless something else has failed before.
func (c *Cursor) Fail(wanted string) {
	if c.Err != nil {
		return
	}
	if c.I >= len(c.B) {
		c.Err = ErrShort
		return
	}
	c.Err = &SyntaxError{Found: c.B[c.I], Wanted: wanted}
}

// Peek returns the next byte that is not white space, or 0.
func (c *Cursor) Peek() byte {
	if c.Err != nil {
		return 0
	}
	for ; c.I < len(c.B); c.I++ {
		switch ch := c.B[c.I]; ch {
		case ' ', '\t', '\n', '\r':
		default:
			return ch
		}
	}
	c.Err = ErrShort
	return 0
}

// Take reads one byte that must be there.
func (c *Cursor) Take(ch byte, wanted string) {
	if c.Peek() != ch {
		c.Fail(wanted)
		return
	}
	c.I++
}

// Elements calls f at each element of the list that begins here. f must read
// the element.
func (c *Cursor) Elements(f func()) {
	c.Take('[', "a list")
	if c.Peek() == ']' {
		c.I++
		return
	}
	for c.Err == nil {
		f()
		if !c.More(']') {
			return
		}
	}
}

// More reads the comma before another value, or the end.
func (c *Cursor) More(end byte) bool {
	switch c.Peek() {
	case ',':
		c.I++
		return true
	case end:
		c.I++
		return false
	default:
		c.Fail("a comma or the end")
		return false
	}
}

// ones repeats a byte eight times when multiplied.
const ones = 0x0101010101010101

// special returns the index below 8 of the first byte of eight that is a
// quote, a backslash or a control character; 8 when none is. Most of a page
// is text, so it is worth looking at eight bytes at a time. (x-n)&^x has a
// byte's high bit set when the byte is below n, and perhaps in bytes after
// such a one, which does not matter to the first.
func special(x uint64) int {
	quote, backslash := x^ones*'"', x^ones*'\\'
	found := (x-ones*' ')&^x | (quote-ones)&^quote | (backslash-ones)&^backslash
	return bits.TrailingZeros64(found&(ones<<7)) / 8
}

// Str reads the string that begins here and returns what is between its
// quotes, and whether escapes are in it.
func (c *Cursor) Str() (text []byte, escaped bool) {
	if c.Err != nil {
		return nil, false
	}
	start := c.I + 1
	for i := start; i < len(c.B); i++ {
		for i+8 <= len(c.B) {
			n := special(binary.LittleEndian.Uint64(c.B[i:]))
			i += n
			if n < 8 {
				break
			}
		}
		if i >= len(c.B) {
			break
		}
		switch ch := c.B[i]; {
		case ch == '"':
			c.I = i + 1
			return c.B[start:i], escaped
		case ch == '\\':
			escaped = true
			if i = c.escape(i + 1); c.Err != nil {
				return nil, false
			}
		case ch < ' ':
			c.I = i
			c.Fail("text")
			return nil, false
		}
	}
	c.Err = ErrShort
	return nil, false
}

// escape checks the escape whose letter is at i and returns its last byte.
func (c *Cursor) escape(i int) int {
	if i >= len(c.B) {
		c.Err = ErrShort
		return i
	}
	if c.B[i] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), c.B[i]) < 0 {
			c.I = i
			c.Fail("an escape")
		}
		return i
	}
	for end := i + 4; i < end; {
		i++
		if i >= len(c.B) {
			c.Err = ErrShort
			return i
		}
		if ch := c.B[i] | 0x20; (ch < '0' || ch > '9' || c.B[i] != ch) && (ch < 'a' || ch > 'f') {
			c.I = i
			c.Fail("a hexadecimal digit")
			return i
		}
	}
	return i
}

// Unescape gives the text of a string with escapes: rare enough for the
// standard decoder.
func Unescape(inner []byte) string {
	var s string
	quoted := append(append([]byte{'"'}, inner...), '"')
	if json.Unmarshal(quoted, &s) != nil {
		return string(inner) // can't happen: str has checked it
	}
	return s
}

// Number reads the number that begins here and returns its text.
func (c *Cursor) Number() []byte {
	if c.Err != nil {
		return nil
	}
	start := c.I
	digits := func() {
		from := c.I
		for c.I < len(c.B) && c.B[c.I] >= '0' && c.B[c.I] <= '9' {
			c.I++
		}
		if c.I == from {
			c.Fail("a digit")
		}
	}
	if c.I < len(c.B) && c.B[c.I] == '-' {
		c.I++
	}
	if c.I < len(c.B) && c.B[c.I] == '0' {
		c.I++
	} else {
		digits()
	}
	if c.Err == nil && c.I < len(c.B) && c.B[c.I] == '.' {
		c.I++
		digits()
	}
	if c.Err == nil && c.I < len(c.B) && c.B[c.I]|0x20 == 'e' {
		c.I++
		if c.I < len(c.B) && (c.B[c.I] == '+' || c.B[c.I] == '-') {
			c.I++
		}
		digits()
	}
	if c.Err == nil && c.I == len(c.B) {
		// More digits may follow. Every value here stands in an object or a
		// list, so something always follows a number.
		c.Err = ErrShort
	}
	if c.Err != nil {
		return nil
	}
	return c.B[start:c.I]
}

// Integer reads the number that begins here; false when it is not a whole
// number that fits.
func (c *Cursor) Integer() (int64, bool) {
	text := c.Number()
	if c.Err != nil {
		return 0, false
	}
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	var n int64
	for _, ch := range text {
		if ch < '0' || ch > '9' || n > (math.MaxInt64-int64(ch-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(ch-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func (c *Cursor) word(w string) {
	if c.Err != nil {
		return
	}
	for i := range len(w) {
		if c.I+i >= len(c.B) {
			c.Err = ErrShort
			return
		}
		if c.B[c.I+i] != w[i] {
			c.Fail("true, false or null")
			return
		}
	}
	c.I += len(w)
}

// key reads a key and the colon after it.
func (c *Cursor) key() {
	if c.Peek() != '"' {
		c.Fail("a key")
		return
	}
	c.Str()
	c.Take(':', "a colon")
}

// Skip reads the value that begins here, whatever it is. Most of a page is
// skipped, so this is one loop and not a recursion: objects has a bit for
// each of the containers that are open.
func (c *Cursor) Skip() {
	var objects uint64
	depth := 0
	for c.Err == nil {
		switch ch := c.Peek(); ch {
		case '"':
			c.Str()
		case '{', '[':
			c.I++
			if c.Peek() == ch+2 { // the end of either is two further on
				c.I++
				break
			}
			if depth++; depth > maxDepth {
				if c.Err == nil {
					c.Err = ErrDepth
				}
				return
			}
			objects <<= 1
			if ch == '{' {
				objects |= 1
				c.key()
			}
			continue
		case 't':
			c.word("true")
		case 'f':
			c.word("false")
		case 'n':
			c.word("null")
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			c.Number()
		default:
			c.Fail("a value")
		}
		// After a value its container goes on, or ends and is itself a value.
		for {
			if depth == 0 || c.Err != nil {
				return
			}
			inObject := objects&1 == 1
			ch := c.Peek()
			if ch == ',' {
				c.I++
				if inObject {
					c.key()
				}
				break
			}
			if inObject && ch != '}' || !inObject && ch != ']' {
				c.Fail("a comma or the end")
				return
			}
			c.I++
			objects >>= 1
			depth--
		}
	}
}

// Text reads the string that begins here. It is not ok when it holds bytes
// that are not UTF-8.
func (c *Cursor) Text() (raw []byte, ok bool) {
	raw, escaped := c.Str()
	if c.Err != nil {
		return nil, false
	}
	if escaped {
		return []byte(Unescape(raw)), utf8.Valid(raw)
	}
	return raw, utf8.Valid(raw)
}
