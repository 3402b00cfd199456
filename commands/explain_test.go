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

// TestExplainHealthy: what is well is said to be, and nobody asks whether it
// may go.
func TestExplainHealthy(t *testing.T) {
	w := worlds.Demo(t)
	status, out, _ := runBefore(context.Background(), w, nil, "explain", "purepool/custom/postgres-data")
	if status != 0 || !strings.Contains(out, "verdict  healthy") || strings.Contains(out, "no-record") {
		t.Errorf("status %d\n%s", status, out)
	}
	for _, object := range []string{"purepool/custom/wiki", "oracle-test", "purepool::u-5805369565714a11a69ed2b62f2a3da1"} {
		if _, out, _ := runBefore(context.Background(), w, nil, "explain", object); strings.Contains(out, "healthy") {
			t.Errorf("%s is healthy?\n%s", object, out)
		}
	}
}

// TestNearMiss: the guess is measured on the whole name.
func TestNearMiss(t *testing.T) {
	w := worlds.Demo(t)
	for typed, meant := range map[string]string{
		"purepol/custom/mail": "purepool/custom/mail", "custom/wikki": "purepool/custom/wiki", "purepool/container/mial1": "purepool/container/mail1",
		"u-58053695": "purepool::u-5805369565714a11a69ed2b62f2a3da1",
	} {
		if status, _, errs := runBefore(context.Background(), w, nil, "explain", typed); status != 16 || !strings.Contains(errs, "did you mean "+meant+"?") {
			t.Errorf("%s: status %d\n%s", typed, status, errs)
		}
	}
}

// TestNextStepOfVerify: who asks after what nobody knows is told what to do next.
func TestNextStepOfVerify(t *testing.T) {
	w := worlds.Demo(t)
	for object, want := range map[string]string{
		"nosuch":                   "pureclean scan lists what is there",
		"purepol/custom/mail":      "did you mean purepool/custom/mail?",
		"E3437A58A527A86800099999": "hint: ",
	} {
		if status, _, errs := runBefore(context.Background(), w, nil, "verify", object); status != 8 || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d\n%s", object, status, errs)
		}
	}
	status, out, errs := runBefore(context.Background(), w, nil, "verify", "purepool/custom/mail", "--project", "default")
	if status != 4 || !strings.Contains(out, "Not gone: purepool/default/custom/mail") || !strings.Contains(out, "it has a record: custom/mail in project default") {
		t.Errorf("--project: status %d\n%s%s", status, out, errs)
	}
	if status, out, _ := runBefore(context.Background(), w, nil, "verify", "purepool/custom/mail", "--project", "other"); status != 8 {
		t.Errorf("another project: status %d\n%s", status, out)
	}
}

// TestCodeMeant: a finding's misspelled code is answered with it.
func TestCodeMeant(t *testing.T) {
	w := worlds.Demo(t)
	for typed, meant := range map[string]string{"leaked-volum": "leaked-volume", "leeked-volume": "leaked-volume", "ghost-paht": "ghost-path", "Mixed-Mapp": "mixed-map"} {
		if status, _, errs := runBefore(context.Background(), w, nil, "explain", typed); status != 16 || !strings.Contains(errs, "pureclean explain "+meant+" prints its page") {
			t.Errorf("%s: status %d\n%s", typed, status, errs)
		}
		if status, _, errs := runBefore(context.Background(), w, nil, "fix", "--finding", typed, "--dry-run"); status != 16 || !strings.Contains(errs, "did you mean "+meant+"?") {
			t.Errorf("fix %s: status %d\n%s", typed, status, errs)
		}
	}
	for _, typed := range []string{"u-58053695", "nosuch"} {
		if _, _, errs := runBefore(context.Background(), w, nil, "explain", typed); strings.Contains(errs, "prints its page") {
			t.Errorf("%s: %s", typed, errs)
		}
	}
}
