package commands

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v3"
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

// printYAML prints what printJSON prints, with the same keys in the same
// order. The text is never parsed as YAML on the way: there are characters
// that a name can have and that YAML reads only as escapes.
func printYAML(w io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	document, err := yamlOf(tokens)
	if err != nil {
		return err
	}
	// A scalar with such a character is in double quotes, where an escape is
	// what it says.
	e := yaml.NewEncoder(escaping{w: w, yaml: true})
	e.SetIndent(2)
	if err := e.Encode(document); err != nil {
		return err
	}
	return e.Close()
}

// yamlOf is the JSON value that is next.
func yamlOf(tokens *json.Decoder) (*yaml.Node, error) {
	token, err := tokens.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		return yamlInside(tokens, t)
	case string:
		return yamlText(t), nil
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(t.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: t.String()}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(t)}, nil
	}
}

// yamlInside is an object or a list whose first bracket was read.
func yamlInside(tokens *json.Decoder, opened json.Delim) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if opened == '{' {
		node.Kind, node.Tag = yaml.MappingNode, "!!map"
	}
	for tokens.More() {
		// The keys of an object are values here like any other.
		child, err := yamlOf(tokens)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, child)
	}
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	_, err := tokens.Token() // the other bracket
	return node, err
}

// yamlText lets the encoder quote only what would be read as something else.
func yamlText(s string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsFunc(s, unsafe) {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}
