package pure

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

// pageRow is the smallest row.
type pageRow struct{ Name string }

var pageColumns = []column[pageRow]{{name: "name", need: required, read: plainText(func(r *pageRow) *string { return &r.Name })}}

func readRows(r io.Reader, buffer []byte) (names []string, e envelope, err error) {
	d := decoder{names: map[string]string{}}
	var row pageRow
	e, _, err = readPage(r, buffer, func(c *jsonpull.Cursor) {
		d.Cursor, row = c, pageRow{}
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
		{`{"items":[]} x`, envelope{}, jsonpull.ErrAfter},
		{`{"items":[]}{}`, envelope{}, jsonpull.ErrAfter},
		{`{"items":[`, envelope{}, jsonpull.ErrCut},
		{`{"items":null}`, envelope{}, &jsonpull.SyntaxError{Found: 'n', Wanted: "a list"}},
		{`{"items":{}}`, envelope{}, &jsonpull.SyntaxError{Found: '{', Wanted: "a list"}},
		{`{"items":[{"name":"a"},]}`, envelope{}, &jsonpull.SyntaxError{Found: ']', Wanted: "a value"}},
		{`{"items":[],}`, envelope{}, &jsonpull.SyntaxError{Found: '}', Wanted: "a value"}},
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
