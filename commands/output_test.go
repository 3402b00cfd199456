package commands

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestYAMLEscapes: what would do something to a terminal is escaped, and reads
// back as it was.
func TestYAMLEscapes(t *testing.T) {
	for _, text := range []string{"a\u202eb", "\x1b[2J", "x\U000E0001y", "a\nb\u202e", "tab\tx", "plain"} {
		var b bytes.Buffer
		if err := printYAML(&b, map[string]string{"k": text}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && unsafe(r) }) {
			t.Errorf("%q is written as %q", text, b.String())
		}
		var back map[string]string
		if err := yaml.Unmarshal(b.Bytes(), &back); err != nil || back["k"] != text {
			t.Errorf("%q reads back as %q, %v", text, back["k"], err)
		}
	}
}

// TestMessageIsOneLine: errors that were joined are told in one line, and what
// an array says in one stays visible.
func TestMessageIsOneLine(t *testing.T) {
	err := errors.Join(errors.New("it was refused"), errors.New("volume a\x1b[2Jb was taken back"))
	if f := outcome(fmt.Errorf("listing the runs: %w", fs.ErrPermission)); !strings.HasPrefix(f.Hint, "run it as root") {
		t.Errorf("who may not read it: %+v", f)
	}
	if got, want := outcome(err).Message, `it was refused; volume a\x1b[2Jb was taken back`; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
