package commands_test

import (
	"strings"
	"testing"
)

// TestHelpIsNotCutShort: where a command's sentence does not fit into the list of
// commands, what is left of it still says what the command does.
func TestHelpIsNotCutShort(t *testing.T) {
	_, out, errs := run(t, "--help")
	for _, want := range []string{"   explain     say all that is known of one object\n", "   scan        find everything that LXD left behind\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s%s", want, out, errs)
		}
	}
}
