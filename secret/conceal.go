package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// shortest is the length below which a "secret" is a word of every other
	// sentence. Real tokens are UUIDs.
	shortest = 6
	// piece is how many letters and digits of a secret in a row give it away:
	// a text may have been cut in the middle of one. That two texts share so
	// many by chance does not happen.
	piece = 12
	// encoded is how many letters a piece has in base64, at least, and identifier
	// how many digits the longest number has that names something.
	encoded    = 16
	identifier = 32
	// layers is how many encodings may lie on top of each other.
	layers = 4
)

// Concealer takes secrets out of texts that others wrote: whoever was given a
// secret may repeat it, in capitals, in another spelling or in part. Its
// methods may be called at the same time.
type Concealer struct {
	mu     sync.Mutex
	pieces map[string]bool
	sizes  []int
	whole  []string // in small letters
}

// Hide makes a secret one that is taken out.
func (c *Concealer) Hide(t Text) {
	text := t.Reveal()
	if len(text) < shortest {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.whole = append(c.whole, strings.ToLower(text))
	bare := plain(unitsOf(text))
	if letters := lettersOf(bare); len(letters) >= shortest && letters != strings.ToLower(text) {
		c.whole = append(c.whole, letters)
	}
	size := min(piece, len(bare))
	if size < shortest {
		return // a secret of signs is only known as it is written
	}
	if c.pieces == nil {
		c.pieces = map[string]bool{}
	}
	for i := range len(bare) - size + 1 {
		c.pieces[lettersOf(bare[i:i+size])] = true
	}
	if !slices.Contains(c.sizes, size) {
		c.sizes = append(c.sizes, size)
	}
}

// Betrays reports that a text holds a secret, as Conceal would find it. It is
// for the many short texts of which nearly none does.
func (c *Concealer) Betrays(text []byte) bool {
	if c.repeats(text) {
		return true
	}
	return !isOrdinary(text) && c.Conceal(string(text)) != string(text)
}

// repeats reports a secret as it is, in other capitals, or without its dashes.
func (c *Concealer) repeats(text []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, secret := range c.whole {
		for i := 0; i+len(secret) <= len(text); i++ {
			if lower(text[i]) == secret[0] && bytes.EqualFold(text[i:i+len(secret)], []byte(secret)) {
				return true
			}
		}
	}
	return false
}

// isOrdinary reports a text in which nothing can be encoded: words, numbers and
// identifiers. What has more letters in a row than a word, and is not all
// hexadecimal as an identifier, may be.
func isOrdinary(text []byte) bool {
	run, hex := 0, true
	for _, b := range text {
		switch b = lower(b); {
		case b >= 'a' && b <= 'z' || b >= '0' && b <= '9':
			run++
			hex = hex && (b <= 'f')
			if run >= encoded && !hex || run > identifier {
				return false
			}
		case b == '-' || b == ':' || b == '.' || b == '/' || b == '_' || b == ' ':
			run, hex = 0, true
		default:
			return false
		}
	}
	return true
}

// Conceal returns text with each secret, and each larger piece of one,
// replaced by "[redacted]": in any case, with white space or other signs in
// between, percent-encoded, escaped as in JSON or HTML, in hexadecimal or
// base64, and in layers of these.
func (c *Concealer) Conceal(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.whole) == 0 {
		return text
	}
	marked := make([]bool, len(text))
	c.search(unitsOf(text), layers, marked)
	for _, secret := range c.whole {
		for at := range len(text) - len(secret) + 1 {
			if strings.EqualFold(text[at:at+len(secret)], secret) {
				mark(marked, at, at+len(secret))
			}
		}
	}
	if !slices.Contains(marked, true) {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !marked[i]:
			b.WriteByte(text[i])
		case i == 0 || !marked[i-1]:
			b.WriteString(redacted)
		}
	}
	return b.String()
}

// search marks where the pieces stand, in what the units spell and in what
// that may be an encoding of.
func (c *Concealer) search(units []unit, layers int, marked []bool) {
	bare := plain(units)
	text := lettersOf(bare)
	for _, size := range c.sizes {
		for i := range len(bare) - size + 1 {
			if c.pieces[text[i:i+size]] {
				mark(marked, bare[i].from, bare[i+size-1].to)
			}
		}
	}
	if layers == 0 {
		return
	}
	for _, decode := range decodings {
		for _, decoded := range decode(units) {
			c.search(decoded, layers-1, marked)
		}
	}
}

func mark(marked []bool, from, to int) {
	for i := from; i < to; i++ {
		marked[i] = true
	}
}

// unit is one byte that a text spells, and where in the text it does.
type unit struct {
	b        byte
	from, to int
}

func unitsOf(text string) []unit {
	units := make([]unit, len(text))
	for i := range len(text) {
		units[i] = unit{text[i], i, i + 1}
	}
	return units
}

// plain leaves only letters and digits: what stands between them, dashes and
// line breaks above all, is not what keeps a secret.
func plain(units []unit) []unit {
	bare := make([]unit, 0, len(units))
	for _, u := range units {
		if b := lower(u.b); b >= 'a' && b <= 'z' || b >= '0' && b <= '9' {
			bare = append(bare, u)
		}
	}
	return bare
}

func lettersOf(units []unit) string {
	text := make([]byte, len(units))
	for i, u := range units {
		text[i] = lower(u.b)
	}
	return string(text)
}

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// decodings are what a text can be an encoding of; each gives the ways in
// which it can be read, none if it is not one.
var decodings = []func([]unit) [][]unit{unescaped, joined, fromHex, fromBase64}

// escapes are the beginnings of an escaped character, how many digits follow
// (at most, if there is an end to it), to what base, and what ends it.
var escapes = []struct {
	begins string
	digits int
	base   int
	ends   byte
}{
	{"%", 2, 16, 0},
	{`\u00`, 2, 16, 0},
	{`\x`, 2, 16, 0},
	{`\U000000`, 2, 16, 0},
	{`\`, 3, 8, 0},
	{"&#x", 6, 16, ';'},
	{"&#X", 6, 16, ';'},
	{"&#", 7, 10, ';'},
	{"=", 2, 16, 0}, // quoted-printable
}

// named are escapes that stand for one character each.
var named = []struct {
	text string
	is   byte
}{{`\n`, '\n'}, {`\r`, '\r'}, {`\t`, '\t'}, {`\\`, '\\'}, {`\"`, '"'}, {`\/`, '/'}, {"&amp;", '&'}}

func unescaped(units []unit) [][]unit {
	var out []unit
	for i := 0; i < len(units); {
		b, n := escapeAt(units[i:])
		if n > 0 {
			if out == nil {
				out = append(make([]unit, 0, len(units)), units[:i]...)
			}
			out = append(out, unit{b, units[i].from, units[i+n-1].to})
			i += n
			continue
		}
		if out != nil {
			out = append(out, units[i])
		}
		i++
	}
	if out == nil {
		return nil
	}
	return [][]unit{out}
}

// escapeAt is the character whose escape begins here, and how long that is.
func escapeAt(units []unit) (byte, int) {
	for _, e := range named {
		if begins(units, e.text) {
			return e.is, len(e.text)
		}
	}
	for _, e := range escapes {
		n := len(e.begins)
		if !begins(units, e.begins) {
			continue
		}
		end := min(n+e.digits, len(units))
		if e.ends != 0 {
			length := slices.IndexFunc(units[n:min(end+1, len(units))], func(u unit) bool { return u.b == e.ends })
			if length < 1 {
				continue
			}
			end = n + length
		} else if end-n < e.digits {
			continue
		}
		digits := make([]byte, 0, e.digits)
		for _, u := range units[n:end] {
			digits = append(digits, u.b)
		}
		value, err := strconv.ParseUint(string(digits), e.base, 8)
		if err != nil {
			continue
		}
		if e.ends != 0 {
			end++
		}
		return byte(value), end
	}
	return 0, 0
}

func begins(units []unit, with string) bool {
	for i := range len(with) {
		if i >= len(units) || units[i].b != with[i] {
			return false
		}
	}
	return true
}

// joined leaves out white space and controls, which may stand in the middle of
// an escape.
func joined(units []unit) [][]unit {
	all := runs(units, 2*shortest, func(b byte) bool { return b > ' ' }, func(byte) bool { return true })
	if len(all) == 0 || len(all[0]) == len(units) {
		return nil
	}
	return all
}

// runs are the stretches of a text that are made of an alphabet; what may
// stand between, as a line break does, is left out. Shorter ones hold nothing.
func runs(units []unit, least int, in, between func(byte) bool) [][]unit {
	var all [][]unit
	var run []unit
	end := func() {
		if len(run) >= least {
			all = append(all, run)
		}
		run = nil
	}
	for _, u := range units {
		switch {
		case in(u.b):
			run = append(run, u)
		case !between(u.b):
			end()
		}
	}
	end()
	return all
}

func fromHex(units []unit) [][]unit {
	digit := func(b byte) bool { return b >= '0' && b <= '9' || lower(b) >= 'a' && lower(b) <= 'f' }
	between := func(b byte) bool { return b <= ' ' || b == ':' || b == '-' || b == ',' }
	var all [][]unit
	for _, run := range runs(units, 2*shortest, digit, between) {
		for shift := range 2 {
			from := run[shift:]
			var out []unit
			for i := 0; i+2 <= len(from); i += 2 {
				b, _ := hex.DecodeString(string([]byte{from[i].b, from[i+1].b})) // both are digits
				out = append(out, unit{b[0], from[i].from, from[i+1].to})
			}
			all = append(all, out)
		}
	}
	return all
}

func fromBase64(units []unit) [][]unit {
	digit := func(b byte) bool {
		return b >= '0' && b <= '9' || lower(b) >= 'a' && lower(b) <= 'z' || strings.IndexByte("+/-_", b) >= 0
	}
	space := func(b byte) bool { return b <= ' ' }
	var all [][]unit
	for _, run := range runs(units, 2*shortest, digit, space) {
		for shift := range 4 {
			all = append(all, base64Units(run[shift:]))
		}
	}
	return all
}

// base64Units decodes four digits at a time, and what is left at the end.
func base64Units(from []unit) []unit {
	var out []unit
	for i := 0; i < len(from); i += 4 {
		four := from[i:min(i+4, len(from))]
		digits := make([]byte, len(four))
		for n, u := range four {
			digits[n] = u.b
			if at := strings.IndexByte("-_", u.b); at >= 0 {
				digits[n] = "+/"[at]
			}
		}
		decoded, err := base64.RawStdEncoding.DecodeString(string(digits))
		if err != nil {
			return out // a single digit is left
		}
		for n, b := range decoded {
			out = append(out, unit{b, four[n].from, four[n+1].to})
		}
	}
	return out
}
