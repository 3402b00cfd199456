package commands

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// format is one of the output formats.
type format string

const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
	formatCSV   format = "csv"
	formatHTML  format = "html"
)

// formats are those that most commands have; html is a page for a ticket,
// which only scan and explain make.
var formats = []format{formatTable, formatWide, formatJSON, formatYAML, formatCSV}

// outputNames are the spellings of the flag: ours, and the habit of lxc.
var outputNames = []string{"output", "o", "format", "f"}

func printJSON(w io.Writer, value any) error {
	e := json.NewEncoder(escaping{w: w})
	e.SetIndent("", "  ")
	// Names are data here, not HTML.
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// escaping writes JSON, or YAML, with what clean would make visible as their own
// escapes: a name reads back as it was, and does nothing to a terminal. Such
// characters stand in strings only.
type escaping struct {
	w io.Writer
	// yaml spells what lies beyond 16 bits in one piece.
	yaml bool
}

func (e escaping) Write(p []byte) (int, error) {
	harmless := func(r rune) bool { return r == '\n' || !unsafe(r) }
	if bytes.IndexFunc(p, func(r rune) bool { return !harmless(r) }) < 0 {
		return e.w.Write(p)
	}
	var b bytes.Buffer
	for _, r := range string(p) {
		switch {
		case harmless(r):
			b.WriteRune(r)
		case r > 0xffff && e.yaml:
			fmt.Fprintf(&b, `\U%08x`, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	if _, err := e.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// printCSV prints a header and rows. A cell never holds what would do something
// to a terminal: it is spelled as in a table, with a backslash before it, and so
// that it can be read back a backslash of the name's own is two.
func printCSV(w io.Writer, t table) error {
	rows := [][]string{t.header}
	for _, row := range t.rows {
		rows = append(rows, each(row, func(cell string) string { return clean(strings.ReplaceAll(cell, `\`, `\\`)) }))
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// isData reports a format in which an answer is printed as it is.
func (f format) isData() bool { return f == formatJSON || f == formatYAML }

// printData prints an answer in such a format.
func printData(w io.Writer, f format, answer any) error {
	if f == formatYAML {
		return printYAML(w, answer)
	}
	return printJSON(w, answer)
}
