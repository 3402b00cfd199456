package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
)

// Nothing that was selected is passed over in silence: what a batch leaves is
// listed with its gate and what makes it pass, by the dry run as by the run.
func TestNothingIsLeftInSilence(t *testing.T) {
	b := newBench(t, aged(t, "image-each-launch"))
	status, out, errs := b.run("", "fix", "--all", "--dry-run")
	if status != StatusRefused || !strings.Contains(out, "would be refused: seen-before: ") || !strings.Contains(out, "run the batch again") {
		t.Errorf("dry run: status %d\n%s%s", status, out, errs)
	}
	if strings.Contains(out, "nothing to repair") || strings.Contains(out, "by hand") || strings.Contains(out, "plan for") {
		t.Errorf("dry run:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	b = newBench(t, aged(t, "image-each-launch"))
	if status, out, errs = b.run("", "fix", "--all", "--save", file); status != StatusRefused {
		t.Errorf("save: status %d\n%s%s", status, out, errs)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a plan that would be refused was saved")
	}
	b.world.Age(time.Hour)
	var plans struct {
		Plans []struct{ Object string } `json:"plans"`
		Left  []leftOut                 `json:"left"`
	}
	status, out, errs = b.run("", "fix", "--all", "--dry-run", "-o", "json")
	if err := json.Unmarshal([]byte(out), &plans); err != nil || len(plans.Plans) == 0 {
		t.Fatalf("status %d, %v\n%s%s", status, err, out, errs)
	}
	if want := map[bool]int{true: StatusOK, false: StatusFindings}[len(plans.Left) == 0]; status != want {
		t.Errorf("dry run: status %d with %d left", status, len(plans.Left))
	}
	var results resultsAnswer
	_, out, _ = b.run("", "fix", "--all", "--yes", "-o", "json")
	if err := json.Unmarshal([]byte(out), &results); err != nil || len(results.Results) != len(plans.Plans)+len(plans.Left) {
		t.Fatalf("%v: %d results of %d plans and %d left", err, len(results.Results), len(plans.Plans), len(plans.Left))
	}
	for i, plan := range plans.Plans {
		if r := results.Results[i]; r.Object != plan.Object || r.Outcome != "done" {
			t.Errorf("the dry run takes %s, the run %s: %s", plan.Object, r.Object, r.Outcome)
		}
	}
}

// A run that a gate refuses says what makes it pass.
func TestRefusedSaysWhatToDo(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	status, out, errs := b.run("", "fix", b.leaked("leaked-volume"), "--min-age", "30d", "--yes")
	if status != StatusRefused || !strings.Contains(oneSpace(out), "Nothing was changed. What to do: wait until it is old enough") || strings.Contains(errs, ": failed") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// A dry run of a batch ends with what it comes to, and does not list at length
// what nobody would try; -v does.
func TestDryRunEndsWithTheAnswer(t *testing.T) {
	b := newBench(t, worlds.Demo(t))
	for _, args := range [][]string{{"--dry-run"}, {"--dry-run", "-v"}} {
		_, out, errs := b.run("", append([]string{"fix", "--all"}, args...)...)
		end := oneSpace(out[strings.LastIndex(out, "would be repaired")-3:])
		if !strings.Contains(end, " would be repaired, ") || !strings.HasSuffix(end, " only reported: pureclean scan says what to do. Nothing was changed.") {
			t.Errorf("%v: it ends with %q\n%s", args, end, errs)
		}
		if whole := strings.Contains(out, "foreign-volume"); whole != (len(args) > 1) {
			t.Errorf("%v: what is only reported is listed: %v\n%s", args, whole, out)
		}
	}
}

// What is only reported is not "nothing to repair" either.
func TestReportedIsNotNothing(t *testing.T) {
	b := newBench(t, aged(t, "lun-reused"))
	for _, args := range [][]string{{"--dry-run"}, {"--yes"}} {
		status, out, errs := b.run("", append([]string{"fix", "--finding", "mixed-map"}, args...)...)
		if status != StatusFindings || strings.Contains(out, "nothing to repair") || !strings.Contains(out, "only reported") || !strings.Contains(out, "stop what uses the device") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
}

// A dry run of what would be refused shows the gate and no commands, and saves
// nothing, for one volume and for a plan from a file.
func TestDryRunOfWhatIsRefused(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	dir := t.TempDir()
	good := filepath.Join(dir, "good.json")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--save", good); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	v, _ := b.world.Array.Volume(volume)
	if err := b.world.Hosts[0].Open(v.Serial, "dd", 0); err != nil {
		t.Fatal(err)
	}
	for n, args := range [][]string{
		{"--volume", volume, "--dry-run"},
		{"--volume", volume, "--save", filepath.Join(dir, "new.json")},
		{"--plan", good, "--dry-run"},
		{"--finding", "leaked-volume", "--dry-run"},
		{"--volume", volume, "--min-age", "30d", "--dry-run"},
	} {
		status, out, errs := b.run("", append([]string{"fix"}, args...)...)
		if status != StatusRefused || !strings.Contains(out, "would be refused: ") || strings.Contains(out, "by hand") || strings.Contains(out, "plan for") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
		if _, err := os.Stat(filepath.Join(dir, "new.json")); n == 1 && err == nil {
			t.Error("it was saved")
		}
	}
}

// --min-age is a minimum, whatever it is.
func TestMinAgeIsAMinimum(t *testing.T) {
	for asked, want := range map[string]int{"30d": StatusRefused, "4d": StatusRefused, "1d": StatusOK, "0": StatusOK} {
		b := newBench(t, aged(t, "image-each-launch"))
		volume := b.leaked("leaked-image")
		status, out, errs := b.run("", "fix", "--volume", volume, "--min-age", asked, "--yes")
		if status != want {
			t.Errorf("%s: status %d\n%s%s", asked, status, out, errs)
		}
		if v, ok := b.world.Array.Volume(volume); (ok && !v.Destroyed) != (want == StatusRefused) {
			t.Errorf("%s: destroyed %v", asked, v.Destroyed)
		}
	}
}
