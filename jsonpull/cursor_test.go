package jsonpull

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// accepts reads the whole text as one value in a list, as rows are read.
func accepts(text []byte) error {
	c := Cursor{B: append(append([]byte("["), text...), ']')}
	c.I = 1
	c.Skip()
	if c.Peek() == ']' {
		c.I++
	}
	if c.Err == nil && c.I != len(c.B) {
		return ErrAfter
	}
	return c.Err
}

func TestSkip(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `false`, `0`, `-0`, `12.5e+3`, `1E9`, `""`, `"a\"b\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, `[]`, `[1,[2,[]],{}]`,
		`{"a":{"b":[true,null]},"":" "}`, " { \"a\" :\t1 , \"b\"\n: [ ] } ", "\"\xff\"",
	} {
		if err := accepts([]byte(text)); err != nil || !json.Valid([]byte(text)) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		``, `nul`, `nulll`, `True`, `01`, `-`, `1.`, `.5`, `1e`, `+1`, `"`, `"a`, `"\x"`, `"\u12g4"`, `"\u1"`, "\"\n\"", "\"\x00\"",
		`[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `}`, `]`, `"\u\x11111"`, `'a'`,
	} {
		if err := accepts([]byte(text)); err == nil || json.Valid([]byte(text)) {
			t.Errorf("%s: accepted", text)
		}
	}
	deep := strings.Repeat("[", 10_000_000)
	if err := accepts([]byte(deep)); !errors.Is(err, ErrDepth) {
		t.Errorf("10 million brackets: %v", err)
	}
}

// FuzzCursor compares the reader with the standard one.
func FuzzCursor(f *testing.F) {
	f.Add([]byte(`{"id":"2d9e916e","name":"lxd::u-1","created":1763799694123,"space":{"unique":8.5},"pod":{"name":"lxd"},"source":{},"x":null}`))
	f.Add([]byte(`{"a":[1,-2.5e-7,"\u00e9\\"],"b":null}`))
	f.Add([]byte(`{"a":1,}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		err := accepts(text)
		if errors.Is(err, ErrDepth) {
			t.Skip()
		}
		if (err == nil) != json.Valid(text) {
			t.Errorf("%q: %v, but encoding/json says %v", text, err, json.Valid(text))
		}
		var want any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		c := Cursor{B: append(bytes.TrimLeft(text, " \t\r\n"), ' ')}
		switch want := want.(type) {
		case string:
			raw, ok := c.Text()
			if got := strings.ToValidUTF8(string(raw), "\uFFFD"); ok && got != want {
				t.Errorf("%q: read %q, want %q", text, got, want)
			}
		case float64:
			n, ok := c.Integer()
			if ok && float64(n) != want {
				t.Errorf("%q: read %d, want %v", text, n, want)
			}
		}
	})
}

func TestIntegers(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-0": 0, "7": 7, "-7": -7, "9223372036854775807": 1<<63 - 1} {
		c := Cursor{B: []byte(text + " ")}
		if n, ok := c.Integer(); !ok || n != want {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"1.0", "1e3", "9223372036854775808", "99999999999999999999999"} {
		c := Cursor{B: []byte(text + " ")}
		if n, ok := c.Integer(); ok || c.Err != nil || c.I != len(text) {
			t.Errorf("%s: %d, stands at %d, %v", text, n, c.I, c.Err)
		}
	}
}
