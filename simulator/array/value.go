package array

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

type kind uint8

const (
	null kind = iota
	boolean
	integer
	real
	text
	list
	object
)

// value is one member of a row: what is encoded, filtered and sorted by. It
// is small because a large world makes millions of them.
type value struct {
	kind kind
	n    int64 // also the bits of a real, and 0 or 1 of a boolean
	s    string
	more *compound
}

// compound holds what few values have: elements of a list or members of an object.
type compound struct {
	elements []value
	members  []member
}

type member struct {
	name  string
	value value
}

func nothing() value        { return value{} }
func number(n int64) value  { return value{kind: integer, n: n} }
func ratio(f float64) value { return value{kind: real, n: int64(math.Float64bits(f))} }
func str(s string) value    { return value{kind: text, s: s} }

func truth(b bool) value {
	if b {
		return value{kind: boolean, n: 1}
	}
	return value{kind: boolean}
}

// name is a string, or null when it is empty: the array has no empty names.
func name(s string) value {
	if s == "" {
		return value{}
	}
	return str(s)
}

func strs(all []string) value {
	elements := make([]value, len(all))
	for i, s := range all {
		elements[i] = str(s)
	}
	return listOf(elements...)
}

func listOf(elements ...value) value {
	return value{kind: list, more: &compound{elements: elements}}
}

func objectOf(members ...member) value {
	return value{kind: object, more: &compound{members: members}}
}

func (v value) elements() []value {
	if v.more == nil {
		return nil
	}
	return v.more.elements
}

func (v value) members() []member {
	if v.more == nil {
		return nil
	}
	return v.more.members
}

func (v value) float() float64 {
	if v.kind == real {
		return math.Float64frombits(uint64(v.n))
	}
	return float64(v.n)
}

// exists is what a bare field in a filter asks: not null, not empty, and for
// a boolean, true.
func (v value) exists() bool {
	switch v.kind {
	case null:
		return false
	case boolean:
		return v.n != 0
	case text:
		return v.s != ""
	case list:
		return len(v.elements()) > 0
	case object:
		for _, m := range v.members() {
			if m.value.exists() {
				return true
			}
		}
		return false
	default:
		return true
	}
}

// compare orders two values of a column for sort: null before everything,
// text without regard to case.
func (v value) compare(w value) int {
	if v.kind == null || w.kind == null {
		return cmp.Compare(min(v.kind, 1), min(w.kind, 1))
	}
	switch {
	case v.kind == text && w.kind == text:
		return strings.Compare(strings.ToLower(v.s), strings.ToLower(w.s))
	case v.kind == real || w.kind == real:
		return cmp.Compare(v.float(), w.float())
	default:
		return cmp.Compare(v.n, w.n)
	}
}

// append writes the value as JSON.
func (v value) append(b []byte) []byte {
	switch v.kind {
	case boolean:
		return strconv.AppendBool(b, v.n != 0)
	case integer:
		return strconv.AppendInt(b, v.n, 10)
	case real:
		return strconv.AppendFloat(b, v.float(), 'g', -1, 64)
	case text:
		return appendString(b, v.s)
	case list:
		b = append(b, '[')
		for i, e := range v.elements() {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.append(b)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		for i, m := range v.members() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.name), ':')
			b = m.value.append(b)
		}
		return append(b, '}')
	default:
		return append(b, "null"...)
	}
}

// appendString writes a JSON string; names are plain and need no escaping.
func appendString(b []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always encodes
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
