package commands_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
)

// TestExplainPasted: the line of a log is read from the standard input.
func TestExplainPasted(t *testing.T) {
	w := worlds.Demo(t)
	give := func(text string) func(*commands.Streams) {
		return func(s *commands.Streams) { s.In = strings.NewReader(text) }
	}
	status, stdout, stderr := runBefore(context.Background(), w, give("kernel: blk_update_request: I/O error, dev sdb, sector 0\n"), "explain", "--object", "-")
	if status == 16 || !strings.Contains(stdout, "sdb") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	status, _, stderr = runBefore(context.Background(), w, give("\n"), "explain", "--object", "-")
	if status != 16 || !strings.Contains(stderr, "standard input is empty") {
		t.Errorf("empty: status %d %s", status, stderr)
	}
}
