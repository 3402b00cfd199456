package commands

import (
	"strings"
	"testing"
)

// TestNothingToGoOnWith: of a run that has ended it is said that it has, and before
// anybody is asked for a terminal; it is nothing that was not finished.
func TestNothingToGoOnWith(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", volume, "--yes"); status != StatusOK {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	_, out, _ := b.run("", "runs", "-o", "csv")
	run, _, _ := strings.Cut(strings.Split(strings.TrimSpace(out), "\n")[1], ",")
	b.s.InTerminal = false
	says := func(want, never string, args ...string) {
		t.Helper()
		status, out, errs := b.run("", args...)
		if said := strings.ReplaceAll(strings.Join(strings.Fields(out+errs), " "), "pureclean: ", ""); status == StatusOK || !strings.Contains(said, want) || strings.Contains(said, never) {
			t.Errorf("%v: status %d\n%s", args, status, said)
		}
	}
	says("run "+run+" is finished", "terminal", "runs", "--resume", run)
	if status, _, errs := b.run("", "runs", "--resume", run, "--yes", "-o", "json"); status != StatusRefused || !strings.Contains(errs, `"code":"nothing-to-resume"`) {
		t.Errorf("status %d\n%s", status, errs)
	}
	says("run "+run+" is finished", "Not finished", "runs", "--resume", run, "--yes")
	says("pureclean runs says what can be gone on with or taken back", "fix VOLUME", "undo", run, "--no-input")
	if status, out, errs := b.run("", "undo", run, "--yes"); status != StatusOK {
		t.Fatalf("undo: status %d\n%s%s", status, out, errs)
	}
	says("nothing to undo", "Not finished", "undo", run, "--yes")
	says("recovered it", "no run of pureclean", "eradicate", "--volume", volume, "--confirm", volume)
}

// TestDeadPathsAreNotTakenBack: what was removed from a host alone stays so, and
// that is no undo which was not finished.
func TestDeadPathsAreNotTakenBack(t *testing.T) {
	b := newBench(t, aged(t, "map-left"))
	for _, args := range [][]string{{"fix", b.leaked("stale-map"), "--yes"}, {"undo", "--last", "--yes"}} {
		status, out, errs := b.run("", args...)
		if args[0] == "undo" && (status != StatusRefused || strings.Contains(out, "Not finished") || !strings.Contains(errs, "there is nothing to undo")) {
			t.Errorf("%d\n%s%s", status, out, errs)
		}
	}
}

// TestGateIsNoObject: who asks what a gate is, by the name that is printed, is told.
func TestGateIsNoObject(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	for _, name := range []string{"share", "detached"} { // a gate, and a condition of a step
		if status, out, errs := b.run("", "explain", name); status != StatusUsage || !strings.Contains(oneSpace(errs), name+" is a gate") {
			t.Errorf("%d\n%s%s", status, out, errs)
		}
	}
}

// TestLimitIsToldByItsMeaning: no limit is not a limit of 0.
func TestLimitIsToldByItsMeaning(t *testing.T) {
	b := newBench(t, aged(t, "image-each-launch"))
	for command, want := range map[string]string{"fix": "(default: all that are safe)", "scan": "(default: all)"} {
		_, out, _ := b.run("", command, "--help")
		if said := strings.Join(strings.Fields(out), " "); !strings.Contains(said, want) || strings.Contains(said, "(default: 0)") {
			t.Errorf("%s --help:\n%s", command, out)
		}
	}
	b.run("", "check")
	b.world.Age(25 * 3600e9)
	b.s.InTerminal = false
	if _, _, errs := b.run("", "fix", "--all"); !strings.Contains(strings.Join(strings.Fields(errs), " "), "pureclean fix --all --dry-run shows a plan") {
		t.Error(errs)
	}
	_, out, errs := b.run("", "fix", "--all", "--limit", "1", "--dry-run")
	if !strings.Contains(out, "a run repairs 1 at most\n") || strings.Count(out, "run it again") != 1 {
		t.Errorf("%s%s", out, errs)
	}
}
