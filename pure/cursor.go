package pure

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

// cursor reads JSON values one after another out of a piece of text, without
// building anything: most of what an array sends is skipped, and a reflecting
// decoder spends nearly all its time on that. The first error sticks, and
// every method does nothing after it.
//
// It accepts what encoding/json accepts (a fuzz test compares the two), to a
// depth of maxDepth.
type cursor struct {
	b   []byte
	i   int
	err error
}

const maxDepth = 64

var (
	// errShort says that the text ends before the value does: there may be
	// more to come.
	errShort = errors.New("it ends in the middle")
	errDepth = errors.New("it is nested too deep")
)

// syntaxError is text that is not JSON.
type syntaxError struct {
	found  byte
	wanted string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("%q stands where %s should be", string(rune(e.found)), e.wanted)
}

func (c *cursor) fail(wanted string) {
	if c.err != nil {
		return
	}
	if c.i >= len(c.b) {
		c.err = errShort
		return
	}
	c.err = &syntaxError{found: c.b[c.i], wanted: wanted}
}

// peek returns the next byte that is not white space, or 0.
func (c *cursor) peek() byte {
	if c.err != nil {
		return 0
	}
	for ; c.i < len(c.b); c.i++ {
		switch ch := c.b[c.i]; ch {
		case ' ', '\t', '\n', '\r':
		default:
			return ch
		}
	}
	c.err = errShort
	return 0
}

// take reads one byte that must be there.
func (c *cursor) take(ch byte, wanted string) {
	if c.peek() != ch {
		c.fail(wanted)
		return
	}
	c.i++
}

// members calls f with the key of each member of the object that begins
// here. f must read the value. The key is only valid until then.
func (c *cursor) members(f func(key []byte)) {
	c.take('{', "an object")
	if c.peek() == '}' {
		c.i++
		return
	}
	for c.err == nil {
		if c.peek() != '"' {
			c.fail("a key")
			return
		}
		key, escaped := c.str()
		if escaped {
			key = []byte(unescape(key))
		}
		c.take(':', "a colon")
		if c.err != nil {
			return
		}
		f(key)
		if c.more('}') {
			continue
		}
		return
	}
}

// elements calls f at each element of the list that begins here. f must read
// the element.
func (c *cursor) elements(f func()) {
	c.take('[', "a list")
	if c.peek() == ']' {
		c.i++
		return
	}
	for c.err == nil {
		f()
		if !c.more(']') {
			return
		}
	}
}

// more reads the comma before another value, or the end.
func (c *cursor) more(end byte) bool {
	switch c.peek() {
	case ',':
		c.i++
		return true
	case end:
		c.i++
		return false
	default:
		c.fail("a comma or the end")
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

// str reads the string that begins here and returns what is between its
// quotes, and whether escapes are in it.
func (c *cursor) str() (text []byte, escaped bool) {
	if c.err != nil {
		return nil, false
	}
	start := c.i + 1
	for i := start; i < len(c.b); i++ {
		for i+8 <= len(c.b) {
			n := special(binary.LittleEndian.Uint64(c.b[i:]))
			i += n
			if n < 8 {
				break
			}
		}
		if i >= len(c.b) {
			break
		}
		switch ch := c.b[i]; {
		case ch == '"':
			c.i = i + 1
			return c.b[start:i], escaped
		case ch == '\\':
			escaped = true
			if i = c.escape(i + 1); c.err != nil {
				return nil, false
			}
		case ch < ' ':
			c.i = i
			c.fail("text")
			return nil, false
		}
	}
	c.err = errShort
	return nil, false
}

// escape checks the escape whose letter is at i and returns its last byte.
func (c *cursor) escape(i int) int {
	if i >= len(c.b) {
		c.err = errShort
		return i
	}
	if c.b[i] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), c.b[i]) < 0 {
			c.i = i
			c.fail("an escape")
		}
		return i
	}
	for end := i + 4; i < end; {
		i++
		if i >= len(c.b) {
			c.err = errShort
			return i
		}
		if ch := c.b[i] | 0x20; (ch < '0' || ch > '9' || c.b[i] != ch) && (ch < 'a' || ch > 'f') {
			c.i = i
			c.fail("a hexadecimal digit")
			return i
		}
	}
	return i
}

// unescape gives the text of a string with escapes: rare enough for the
// standard decoder.
func unescape(inner []byte) string {
	var s string
	quoted := append(append([]byte{'"'}, inner...), '"')
	if json.Unmarshal(quoted, &s) != nil {
		return string(inner) // can't happen: str has checked it
	}
	return s
}

// number reads the number that begins here and returns its text.
func (c *cursor) number() []byte {
	if c.err != nil {
		return nil
	}
	start := c.i
	digits := func() {
		from := c.i
		for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
			c.i++
		}
		if c.i == from {
			c.fail("a digit")
		}
	}
	if c.i < len(c.b) && c.b[c.i] == '-' {
		c.i++
	}
	if c.i < len(c.b) && c.b[c.i] == '0' {
		c.i++
	} else {
		digits()
	}
	if c.err == nil && c.i < len(c.b) && c.b[c.i] == '.' {
		c.i++
		digits()
	}
	if c.err == nil && c.i < len(c.b) && c.b[c.i]|0x20 == 'e' {
		c.i++
		if c.i < len(c.b) && (c.b[c.i] == '+' || c.b[c.i] == '-') {
			c.i++
		}
		digits()
	}
	if c.err == nil && c.i == len(c.b) {
		// More digits may follow. Every value here stands in an object or a
		// list, so something always follows a number.
		c.err = errShort
	}
	if c.err != nil {
		return nil
	}
	return c.b[start:c.i]
}

// integer reads the number that begins here; false when it is not a whole
// number that fits.
func (c *cursor) integer() (int64, bool) {
	text := c.number()
	if c.err != nil {
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

func (c *cursor) word(w string) {
	if c.err != nil {
		return
	}
	for i := range len(w) {
		if c.i+i >= len(c.b) {
			c.err = errShort
			return
		}
		if c.b[c.i+i] != w[i] {
			c.fail("true, false or null")
			return
		}
	}
	c.i += len(w)
}

// key reads a key and the colon after it.
func (c *cursor) key() {
	if c.peek() != '"' {
		c.fail("a key")
		return
	}
	c.str()
	c.take(':', "a colon")
}

// skip reads the value that begins here, whatever it is. Most of a page is
// skipped, so this is one loop and not a recursion: objects has a bit for
// each of the containers that are open.
func (c *cursor) skip() {
	var objects uint64
	depth := 0
	for c.err == nil {
		switch ch := c.peek(); ch {
		case '"':
			c.str()
		case '{', '[':
			c.i++
			if c.peek() == ch+2 { // the end of either is two further on
				c.i++
				break
			}
			if depth++; depth > maxDepth {
				if c.err == nil {
					c.err = errDepth
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
			c.number()
		default:
			c.fail("a value")
		}
		// After a value its container goes on, or ends and is itself a value.
		for {
			if depth == 0 || c.err != nil {
				return
			}
			inObject := objects&1 == 1
			ch := c.peek()
			if ch == ',' {
				c.i++
				if inObject {
					c.key()
				}
				break
			}
			if inObject && ch != '}' || !inObject && ch != ']' {
				c.fail("a comma or the end")
				return
			}
			c.i++
			objects >>= 1
			depth--
		}
	}
}

// text reads the string that begins here. It is not ok when it holds bytes
// that are not UTF-8.
func (c *cursor) text() (raw []byte, ok bool) {
	raw, escaped := c.str()
	if c.err != nil {
		return nil, false
	}
	if escaped {
		return []byte(unescape(raw)), utf8.Valid(raw)
	}
	return raw, utf8.Valid(raw)
}
