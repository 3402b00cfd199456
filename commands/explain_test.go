package commands_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
)

// TestExplainTakesWhatScanLists: each name in the list can be given back.
func TestExplainTakesWhatScanLists(t *testing.T) {
	w := worlds.Demo(t)
	_, out, _ := runBefore(context.Background(), w, nil, "scan", "-o", "json")
	var found scanned
	decode(t, out, &found)
	for _, f := range found.Findings {
		status, out, errs := runBefore(context.Background(), w, nil, "explain", f.Object)
		if status != 4 || !strings.Contains(out, f.Code) {
			t.Errorf("%s %s: status %d\n%s%s", f.Code, f.Object, status, out, errs)
		}
	}
}
