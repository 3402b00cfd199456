package commands_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
)

// TestHTML: scan and explain make a page, with the exit status that they have
// without it, and never a colour.
func TestHTML(t *testing.T) {
	w := worlds.Demo(t)
	for _, args := range [][]string{
		{"scan"},
		{"explain", "--object", "purepool::u-5805369565714a11a69ed2b62f2a3da1"},
		{"explain", "--object", "purepool/custom/uploads"},
	} {
		want, _, _ := runBefore(context.Background(), w, nil, args...)
		status, page, stderr := runBefore(context.Background(), w, nil, append(args, "-o", "html", "--color", "always")...)
		if status != want || stderr != "" {
			t.Errorf("%v: status %d, want %d: %s", args, status, want, stderr)
		}
		if !strings.HasPrefix(page, "<!DOCTYPE html>\n") || !strings.HasSuffix(page, "</html>\n") || strings.Contains(page, "\x1b") {
			t.Errorf("%v is no page: %.60q", args, page)
		}
		if !strings.Contains(page, `class="picture"`) {
			t.Errorf("%v: no picture", args)
		}
	}
}
