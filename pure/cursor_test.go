package pure

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/evidence"
)

// accepts reads the whole text as one value in a list, as rows are read.
func accepts(text []byte) error {
	c := cursor{b: append(append([]byte("["), text...), ']')}
	c.i = 1
	c.skip()
	if c.peek() == ']' {
		c.i++
	}
	if c.err == nil && c.i != len(c.b) {
		return errAfter
	}
	return c.err
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
	if err := accepts([]byte(deep)); !errors.Is(err, errDepth) {
		t.Errorf("10 million brackets: %v", err)
	}
}

// FuzzCursor compares the reader with the standard one.
func FuzzCursor(f *testing.F) {
	for _, row := range goodRows() {
		f.Add([]byte(encode(row)))
	}
	f.Add([]byte(`{"a":[1,-2.5e-7,"\u00e9\\"],"b":null}`))
	f.Add([]byte(`{"a":1,}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		err := accepts(text)
		if errors.Is(err, errDepth) {
			t.Skip()
		}
		if (err == nil) != json.Valid(text) {
			t.Errorf("%q: %v, but encoding/json says %v", text, err, json.Valid(text))
		}
		var want any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		c := cursor{b: append(bytes.TrimLeft(text, " \t\r\n"), ' ')}
		switch want := want.(type) {
		case string:
			raw, ok := c.text()
			if got := strings.ToValidUTF8(string(raw), "\uFFFD"); ok && got != want {
				t.Errorf("%q: read %q, want %q", text, got, want)
			}
		case float64:
			n, ok := c.integer()
			if ok && float64(n) != want {
				t.Errorf("%q: read %d, want %v", text, n, want)
			}
		}
	})
}

func TestIntegers(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "-0": 0, "7": 7, "-7": -7, "9223372036854775807": 1<<63 - 1} {
		c := cursor{b: []byte(text + " ")}
		if n, ok := c.integer(); !ok || n != want {
			t.Errorf("%s: %d, %v", text, n, ok)
		}
	}
	for _, text := range []string{"1.0", "1e3", "9223372036854775808", "99999999999999999999999"} {
		c := cursor{b: []byte(text + " ")}
		if n, ok := c.integer(); ok || c.err != nil || c.i != len(text) {
			t.Errorf("%s: %d, stands at %d, %v", text, n, c.i, c.err)
		}
	}
}

// pageRow is the smallest row.
type pageRow struct{ Name string }

var pageColumns = []column[pageRow]{{name: "name", need: required, read: plainText(func(r *pageRow) *string { return &r.Name })}}

func readRows(r io.Reader, buffer []byte) (names []string, e envelope, err error) {
	d := decoder{names: map[string]string{}}
	var row pageRow
	e, _, err = readPage(r, buffer, func(c *cursor) {
		d.cursor, row = c, pageRow{}
		decode(&d, pageColumns, &row, "", &d.shape)
	}, func() { names = append(names, row.Name) })
	return names, e, err
}

// However the bytes arrive and however small the window is, a page says the
// same.
func TestPagesArriveInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-z"\\é]{0,40}`), 0, 30).Draw(t, "names")
		rows := make([]object, len(names))
		for i, name := range names {
			rows[i] = object{"junk": []any{1, "x", nil, object{"y": "]}"}}, "name": name, "z": -1.5}
		}
		page := object{"items": rows, "continuation_token": "t\"oken", "more_items_remaining": true, "total_item_count": len(rows), "total": []any{none}}
		text, err := json.MarshalIndent(page, "", rapid.SampledFrom([]string{"", " "}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, " \n "...)
		var r io.Reader = bytes.NewReader(text)
		if rapid.Bool().Draw(t, "one byte at a time") {
			r = iotest.OneByteReader(r)
		}
		got, e, err := readRows(r, make([]byte, 0, rapid.IntRange(1, 200).Draw(t, "window")))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(names) || strings.Join(got, "\n") != strings.Join(names, "\n") {
			t.Fatalf("read %q, want %q", got, names)
		}
		if e.token != `t"oken` || !e.more.Is() || e.total != evidence.CountOf(int64(len(names))) {
			t.Fatalf("envelope %+v", e)
		}
		// Cut anywhere, it is no page any more.
		cut := rapid.IntRange(0, len(bytes.TrimSpace(text))-1).Draw(t, "cut")
		if _, _, err := readRows(bytes.NewReader(text[:cut]), make([]byte, 0, 16)); err == nil {
			t.Fatalf("accepted %q", text[:cut])
		}
	})
}

func TestEnvelopes(t *testing.T) {
	for _, c := range []struct {
		text string
		want envelope
		err  error
	}{
		{`{"items":[]}`, envelope{}, nil},
		{`{"items":[],"more_items_remaining":false,"total_item_count":0,"continuation_token":null}`, envelope{more: evidence.No, total: evidence.CountOf(0)}, nil},
		{`{"items":[],"more_items_remaining":"false","total_item_count":"7","continuation_token":7}`, envelope{}, nil},
		{`{"items":[],"more_items_remaining":null,"total_item_count":null}`, envelope{}, nil},
		{`{"items":[],"more_items_remaining":true,"total_item_count":-1}`, envelope{more: evidence.Yes}, nil},
		{`{"items":[],"total_item_count":1.5}`, envelope{}, nil},
		{`{}`, envelope{}, errNoList},
		{`{"more_items_remaining":false}`, envelope{more: evidence.No}, errNoList},
		{`{"items":[],"items":[]}`, envelope{}, errTwice},
		{`{"items":[]} x`, envelope{}, errAfter},
		{`{"items":[]}{}`, envelope{}, errAfter},
		{`{"items":[`, envelope{}, errCut},
		{`{"items":null}`, envelope{}, &syntaxError{'n', "a list"}},
		{`{"items":{}}`, envelope{}, &syntaxError{'{', "a list"}},
		{`{"items":[{"name":"a"},]}`, envelope{}, &syntaxError{']', "a value"}},
		{`{"items":[],}`, envelope{}, &syntaxError{'}', "a value"}},
		{`[]`, envelope{}, &notJSONError{begins: "[]"}},
		{` `, envelope{}, &notJSONError{}},
		{``, envelope{}, &notJSONError{}},
		{`<html>`, envelope{}, &notJSONError{begins: "<html>"}},
	} {
		_, e, err := readRows(strings.NewReader(c.text), nil)
		if (err == nil) != (c.err == nil) || err != nil && err.Error() != c.err.Error() {
			t.Errorf("%s: %v, want %v", c.text, err, c.err)
		}
		if err == nil && e != c.want {
			t.Errorf("%s: %+v, want %+v", c.text, e, c.want)
		}
	}
}
