package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

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
