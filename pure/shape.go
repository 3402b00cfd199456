package pure

import "github.com/pureclean/pureclean/jsonpull"

// The rows of a list look alike: the same keys in the same order, and much of
// what is skipped is the same text every time. A shape remembers the last row
// so that the next can be compared with it instead of being taken apart,
// which is twice as fast. It never changes what is read: text is only passed
// over when it is, byte for byte, what was read before.

const (
	// maxKeys and maxKnown bound what is remembered of strange rows.
	maxKeys  = 64
	maxKnown = 128
)

// shape is what an object looked like.
type shape struct {
	keys  []knownKey
	spare knownKey // for keys beyond maxKeys
}

// knownKey is a member of an object.
type knownKey struct {
	// text is the key with its quotes and the colon, as it usually stands
	// there; empty when it is never written so.
	text string
	name string
	// column is where its value goes, or -1.
	column int
	// inside is the shape of its value, if that is read as an object.
	inside *shape
	// value is what was skipped last time.
	value []byte
}

// key reads the object's next key, the n-th, and the colon. find gives the
// column of a key that was not there before.
func (s *shape) key(d *decoder, n int, find func(string) int) *knownKey {
	if d.Peek(); d.Err != nil {
		return &s.spare
	}
	if n < len(s.keys) {
		known := &s.keys[n]
		if end := d.I + len(known.text); known.text != "" && end <= len(d.B) && string(d.B[d.I:end]) == known.text {
			d.I = end
			return known
		}
	}
	if d.B[d.I] != '"' {
		d.Fail("a key")
		return &s.spare
	}
	raw, escaped := d.Str()
	name, text := string(raw), ""
	if escaped {
		name = jsonpull.Unescape(raw)
	} else {
		text = `"` + name + `":`
	}
	d.Take(':', "a colon")
	if d.Err != nil {
		return &s.spare
	}
	switch {
	case n >= maxKeys:
		s.spare = knownKey{name: name, column: find(name)}
		return &s.spare
	case n < len(s.keys) && s.keys[n].name == name:
		return &s.keys[n]
	default:
		s.keys = append(s.keys[:min(n, len(s.keys))], knownKey{name: name, text: text, column: find(name)})
		return &s.keys[n]
	}
}

// skip passes over the value that begins here.
func (k *knownKey) skip(d *decoder) {
	if end := d.I + len(k.value); len(k.value) > 0 && end < len(d.B) && string(d.B[d.I:end]) == string(k.value) {
		// The same text is the same value only if it ends here: 1 is not 12.
		if next := d.B[end]; next == ',' || next == '}' {
			d.I = end
			return
		}
	}
	start := d.I
	d.Skip()
	if d.Err == nil && d.I-start <= maxKnown {
		k.value = append(k.value[:0], d.B[start:d.I]...)
	}
}
