package commands

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// strangeNames are such as an array, LXD or a device might give: what moves a
// cursor, what a parser takes for something else, and what is no character.
var strangeNames = []string{
	"\x1b[2J", "\x07", "\n", "\r\n", "a\nb", " a\n b\n", "\u0085", "\u009b31m", "\u007f", "a\u202eb", "\u2066x\u2069", "\u200f", "\u2028", "\u2029", "\ufeff",
	"\ufffe", "\uffff", "\U000e0001", "\U0010ffff", "\x00", `\x1b`, `\`, `\\x1b`, `"`, "'", "`", "a\\\nb", "",
	"no", "~", "null", "0x10", "1_000", "1e3", "2026-11-22", "=", "<<", "- a", "a: b", "#a", "%a", "@a", "&a", "*a", "!a", "|", ">", " a ", "\ta", "?", ",", ";a", "=1+1",
}

// TestNamesReadBack: whatever a name is, each format for scripts gives it back
// as it was, and no format does anything to a terminal.
func TestNamesReadBack(t *testing.T) {
	name := rapid.OneOf(rapid.SampledFrom(strangeNames), rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("a\\ \n\t\x1b\u0085\u009b\u202e\ufffe\U000e0001'\"{}[]:#-")), 1, 12, -1))
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(name, 1, 5).Draw(t, "names")
		harmless(t, "table", names, func(b *bytes.Buffer) error {
			out := onPage(b, 0)
			out.table(table{header: []string{"NAME"}, rows: [][]string{names}}, 0)
			return out.err
		})

		type answer struct {
			Names []string          `json:"names"`
			By    map[string]string `json:"by"`
		}
		value := answer{names, map[string]string{names[0]: names[0]}}
		var back answer
		text := harmless(t, "JSON", names, func(b *bytes.Buffer) error { return printJSON(b, value) })
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("JSON: %v in %q", err, text)
		}
		same(t, "JSON", names, append(back.Names, back.By[names[0]]))

		back = answer{}
		text = harmless(t, "YAML", names, func(b *bytes.Buffer) error { return printYAML(b, value) })
		if err := yaml.Unmarshal(text, &back); err != nil {
			t.Fatalf("YAML: %v in %q", err, text)
		}
		same(t, "YAML", names, append(back.Names, back.By[names[0]]))

		// One column, and two, because a row that is empty is none.
		rows := [][]string{{"a", "b"}}
		for _, name := range names {
			rows = append(rows, []string{"x", name})
		}
		text = harmless(t, "CSV", names, func(b *bytes.Buffer) error { return printCSV(b, table{header: rows[0], rows: rows[1:]}) })
		cells, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil || len(cells) != len(rows) {
			t.Fatalf("CSV: %d rows, %v in %q", len(cells), err, text)
		}
		var read []string
		for _, row := range cells[1:] {
			read = append(read, unescaped(t, row[1]))
		}
		same(t, "CSV", names, append(read, names[0]))
	})
}

// harmless prints, and refuses what does something to a terminal.
func harmless(t *rapid.T, format string, names []string, print func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := print(&b); err != nil {
		t.Fatalf("%s of %q: %v", format, names, err)
	}
	if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && unsafe(r) }) {
		t.Fatalf("%s of %q is %q", format, names, b.String())
	}
	return b.Bytes()
}

// same compares the names, and the first of them once more at the end.
func same(t *rapid.T, format string, names, back []string) {
	t.Helper()
	if want := append(append([]string{}, names...), names[0]); strings.Join(want, "\x00") != strings.Join(back, "\x00") {
		t.Fatalf("%s: %q reads back as %q", format, want, back)
	}
}

// unescaped reads a cell as the manual says that it is to be read.
func unescaped(t *rapid.T, cell string) string {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(cell, `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("cell %q: %v", cell, err)
	}
	return text
}
