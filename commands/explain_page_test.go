package commands

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
)

// The page of each finding is there at a terminal, as text of its width, and
// nobody is asked for it.
func TestExplainPage(t *testing.T) {
	var out, errs bytes.Buffer
	s := Streams{Out: &out, Err: &errs, In: strings.NewReader(""), Getenv: func(string) string { return "" }}
	explain := func(args ...string) int {
		out.Reset()
		errs.Reset()
		return Main(t.Context(), append([]string{"pureclean", "explain", "--object"}, args...), s)
	}
	for _, k := range diagnose.Kinds {
		if status := explain(k.Code); status != StatusOK || errs.Len() > 0 {
			t.Fatalf("%s: status %d: %s", k.Code, status, errs.String())
		}
		text := out.String()
		for _, part := range []string{k.Code, "What it is", "What pureclean does", "How to undo it"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q is missing:\n%s", k.Code, part, text)
			}
		}
		for _, mark := range []string{"```", "](", "<!--", "**", "\n#"} {
			if strings.Contains(text, mark) {
				t.Errorf("%s: %q is left of the Markdown", k.Code, mark)
			}
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "|") {
				t.Errorf("%s: %d columns: %s", k.Code, n, line)
			}
		}
		for _, remedy := range k.Remedy {
			if strings.Contains(remedy, "docs/") {
				t.Errorf("%s: the remedy names a file that no host has: %s", k.Code, remedy)
			}
		}
	}
	if _, ok := pageOf("README"); ok {
		t.Error("the index is no finding")
	}
}
