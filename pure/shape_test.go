package pure

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

// A decoder that remembers the rows before must read exactly what one reads
// that has seen none.
func TestShapesChangeNothing(t *testing.T) {
	values := []string{
		`1`, `12`, `1.5`, `-0`, `null`, `true`, `false`, `"a"`, `"ab"`, `"a\u0062"`, `""`, `{}`, `[]`, ` 1 `,
		`{"name":"a","id":"b"}`, `{"id":"b","name":"a"}`, `{"name":"a"}`, `{ "name" : "a" }`, `{"name":null,"id":null}`,
		`"D5BC11112222333300000001"`, `1795000000123`, `[1,{"name":"a"}]`,
	}
	keys := []string{
		"id", "name", "serial", "created", "destroyed", "connection_count", "provisioned", "pod", "source", "space", "qos",
		"priority", "names", `na\u006de`, "",
	}
	rapid.Check(t, func(t *rapid.T) {
		used := decoder{api: base, names: map[string]string{}}
		for range rapid.IntRange(1, 12).Draw(t, "rows") {
			var members []string
			for _, key := range rapid.SliceOfN(rapid.SampledFrom(keys), 0, 9).Draw(t, "keys") {
				space := rapid.SampledFrom([]string{"", "", "", " "}).Draw(t, "space")
				members = append(members, fmt.Sprintf(`%s"%s"%s:%s`, space, key, space, rapid.SampledFrom(values).Draw(t, key)))
			}
			text := "{" + strings.Join(members, ",") + "}"
			if !json.Valid([]byte(text)) {
				t.Fatalf("the test makes %s", text)
			}
			fresh := decoder{api: base, names: map[string]string{}}
			var rows [2]evidence.Volume
			var problems [2][]string
			for i, d := range []*decoder{&used, &fresh} {
				d.Cursor, d.problems = &jsonpull.Cursor{B: []byte(text + ",")}, nil
				decode(d, volumes.columns, &rows[i], "", &d.shape)
				if d.Err != nil || d.I != len(text) {
					t.Fatalf("%s: %v at %d", text, d.Err, d.I)
				}
				problems[i] = d.problems
			}
			if diff := cmp.Diff(rows[1], rows[0]); diff != "" {
				t.Fatalf("%s: %s", text, diff)
			}
			if diff := cmp.Diff(problems[1], problems[0]); diff != "" {
				t.Fatalf("%s: %s", text, diff)
			}
		}
	})
}

// Text that begins like the last row's is still read to its end.
func TestShapesComparesWholeValues(t *testing.T) {
	d := decoder{api: base, names: map[string]string{}}
	for _, text := range []string{
		`{"qos":1,"id":"a"}`, `{"qos":12,"id":"b"}`, `{"qos":1,"id":"c"}`, `{"qos":1x,"id":"d"}`,
	} {
		d.Cursor = &jsonpull.Cursor{B: []byte(text + ",")}
		var v evidence.Volume
		decode(&d, volumes.columns, &v, "", &d.shape)
		if json.Valid([]byte(text)) != (d.Err == nil) {
			t.Errorf("%s: %v", text, d.Err)
		}
	}
}

// Rows with very many keys are not remembered without end.
func TestShapesAreBounded(t *testing.T) {
	d := decoder{api: base, names: map[string]string{}}
	var text strings.Builder
	text.WriteString(`{"k":"` + strings.Repeat("x", 1<<20) + `"`)
	for i := range 10_000 {
		fmt.Fprintf(&text, `,"key-%d":%d`, i, i)
	}
	text.WriteString(`,"id":"last"}`)
	var v evidence.Volume
	d.Cursor = &jsonpull.Cursor{B: []byte(text.String() + ",")}
	decode(&d, volumes.columns, &v, "", &d.shape)
	if d.Err != nil || v.ID != "last" || len(d.shape.keys) > maxKeys || len(d.shape.keys[0].value) > maxKnown {
		t.Errorf("%v, id %q, %d keys", d.Err, v.ID, len(d.shape.keys))
	}
}
