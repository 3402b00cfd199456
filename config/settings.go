package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pureclean/pureclean/secret"
)

// Origin is what kind of thing a value comes from.
type Origin string

// The origins, the weakest first.
const (
	FromDefault     Origin = "default"
	FromLXD         Origin = "lxd"
	FromEnvironment Origin = "environment"
	FromCredential  Origin = "credential"
	FromFile        Origin = "file"
	FromFlag        Origin = "flag"
)

// Setting is one value that is in force, and where it comes from.
type Setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Origin Origin `json:"origin"`
	// Where is the place: FILE:LINE, a flag, a variable, a key of LXD's.
	Where string `json:"where"`
}

// Settings reads the file at path as Load does, and lists every key that has a
// value, in the order in which Config declares them.
func Settings(path string) (Config, []Setting, error) {
	c, err := Load(path)
	if err != nil {
		return c, nil, err
	}
	var document yaml.Node
	if err := document.Encode(c); err != nil {
		return c, nil, &Error{c.File, err}
	}
	var lines map[string]int
	if c.File != "" {
		// It could be read a moment ago; if it can't be now, lines are missing.
		data, _, _ := read(path)
		lines = linesOf(data)
	}
	var all []Setting
	walk(&document, "", func(key string, node *yaml.Node) {
		s := Setting{Key: key, Value: scalar(node), Origin: FromDefault}
		if strings.HasSuffix(key, ".url") {
			s.Value = secret.Address(s.Value)
		}
		if line, ok := lines[key]; ok {
			s.Origin, s.Where = FromFile, c.File+":"+strconv.Itoa(line)
		}
		if s.Value != "" || s.Origin == FromFile {
			all = append(all, s)
		}
	})
	return c, all, nil
}

// linesOf says in which line of a file each key stands.
func linesOf(data []byte) map[string]int {
	lines := map[string]int{}
	var document yaml.Node
	if yaml.NewDecoder(bytes.NewReader(data)).Decode(&document) != nil {
		return lines
	}
	walk(&document, "", func(key string, node *yaml.Node) { lines[key] = node.Line })
	return lines
}

// walk calls visit for each key that has a value of its own; the keys of what
// is nested are joined with dots.
func walk(node *yaml.Node, key string, visit func(string, *yaml.Node)) {
	switch {
	case node.Kind == yaml.DocumentNode:
		for _, child := range node.Content {
			walk(child, key, visit)
		}
	case node.Kind == yaml.AliasNode:
		walk(node.Alias, key, visit)
	case node.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			inner := strings.TrimPrefix(key+"."+node.Content[i].Value, ".")
			if node.Content[i].Tag == "!!merge" {
				inner = key
			}
			walk(node.Content[i+1], inner, visit)
		}
	case key != "":
		visit(key, node)
	}
}

// scalar is a value in one line.
func scalar(node *yaml.Node) string {
	if node.Kind == yaml.SequenceNode {
		words := make([]string, 0, len(node.Content))
		for _, child := range node.Content {
			words = append(words, child.Value)
		}
		return strings.Join(words, " ")
	}
	if node.Tag == "!!null" {
		return ""
	}
	return node.Value
}

// MarshalYAML writes a span as one would type it.
func (d Duration) MarshalYAML() (any, error) {
	const day = 24 * time.Hour
	span := time.Duration(d)
	if span > day && span%day == 0 {
		return fmt.Sprintf("%dd", span/day), nil
	}
	text := span.String()
	for _, zero := range []string{"0s", "0m"} {
		if rest, ok := strings.CutSuffix(text, zero); ok && rest != "" && !strings.ContainsAny(rest[len(rest)-1:], "0123456789.") {
			text = rest
		}
	}
	return text, nil
}

// MarshalYAML writes a share as a percentage.
func (s Share) MarshalYAML() (any, error) {
	return strconv.FormatFloat(float64(s)*100, 'g', 6, 64) + "%", nil
}
