package array

import (
	"encoding/json"
	"math"
	"strconv"
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

// value is one member of a row: what is encoded and filtered by. It is small
// because a large world makes millions of them.
type value struct {
	kind kind
	n    int64 // also the bits of a real, and 0 or 1 of a boolean
	s    string
	more []member // elements of a list, without names, or members of an object
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
	v := listOf()
	for _, s := range all {
		v.more = append(v.more, member{value: str(s)})
	}
	return v
}

func listOf(elements ...value) value {
	v := value{kind: list}
	for _, e := range elements {
		v.more = append(v.more, member{value: e})
	}
	return v
}

func objectOf(members ...member) value { return value{kind: object, more: members} }

func (v value) append(b []byte) []byte {
	switch v.kind {
	case boolean:
		return strconv.AppendBool(b, v.n != 0)
	case integer:
		return strconv.AppendInt(b, v.n, 10)
	case real:
		return strconv.AppendFloat(b, math.Float64frombits(uint64(v.n)), 'g', -1, 64)
	case text:
		return appendString(b, v.s)
	case list, object:
		b = append(b, "[{"[v.kind-list])
		for i, m := range v.more {
			if i > 0 {
				b = append(b, ',')
			}
			if v.kind == object {
				b = append(appendString(b, m.name), ':')
			}
			b = m.value.append(b)
		}
		return append(b, "]}"[v.kind-list])
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
