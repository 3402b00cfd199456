package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/repair/journal"
)

// lines are what a command prints, without the heading.
func (b *bench) lines(args ...string) []string {
	b.t.Helper()
	_, out, errs := b.run("", args...)
	all := strings.Split(strings.TrimSpace(out), "\n")
	if len(all) < 2 {
		b.t.Fatalf("%v: %s%s", args, out, errs)
	}
	return all[1:]
}

// A run that only disconnected can be taken back, at any time, and says so; the
// undo says which run it took back, and then nobody speaks of undo any more.
func TestUndoIsOfferedWhereItWorks(t *testing.T) {
	b := newBench(t, aged(t, "killed-while-waiting-iscsi"))
	volume := b.leaked("stale-connection")
	_, out, errs := b.run("", "fix", "--volume", volume, "--yes")
	_, run, offered := strings.Cut(strings.TrimSpace(out), "Undo: pureclean undo --run ")
	if !offered {
		t.Fatalf("%s%s", out, errs)
	}
	if line := b.lines("runs", "-o", "csv")[0]; !strings.Contains(line, ",any time,") {
		t.Error(line)
	}
	if _, out, errs := b.run("", "undo", "--run", run, "--yes"); !strings.Contains(out, "Taken back: run "+run) || strings.Contains(out, "Undo") {
		t.Errorf("%s%s", out, errs)
	}
	for _, line := range b.lines("runs", "-o", "csv") {
		if strings.Contains(line, "any time") {
			t.Error(line)
		}
	}
	if status, out, errs := b.run("", "undo", "--run", run, "--yes"); status != StatusRefused || !strings.Contains(errs, "undone already") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

func TestNoUndoOfWhatIsEradicated(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-nvme"))
	volume := b.leaked("leaked-volume")
	b.run("", "fix", "--volume", volume, "--yes")
	if _, out, errs := b.run("", "eradicate", "--volume", volume, "--confirm", volume); !strings.Contains(out, "Eradicated: "+volume) || strings.Contains(out, "Undo") {
		t.Errorf("%s%s", out, errs)
	}
	_, out, _ := b.run("", "runs", "-o", "json")
	if strings.Contains(out, `"undoable": true`) || strings.Contains(out, `"undo_until": "`) {
		t.Error(out)
	}
}

// A run that another process is at is neither interrupted nor to be resumed.
func TestRunUnderWay(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-nvme"))
	book, err := journal.Open(b.s.given.config.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	operator := journal.Operator{User: "root", Sudo: "ann", Host: "lxd01", PID: 4711}
	run, err := book.Create(journal.Record{Kind: journal.KindFix, Operator: &operator, Object: &journal.Object{Name: "purepool::u-1"}}, b.world.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	status, out, errs := b.run("", "runs")
	if status != StatusOK || !strings.Contains(out, "under way") || !strings.Contains(out, "ann as root is at it on lxd01, process 4711") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	_, out, _ = b.run("", "check", "-v", "--ignore", "unsafe-setting")
	if !strings.Contains(out, "1 run under way") || !strings.Contains(out, "process 4711") || strings.Contains(out, "interrupted run") {
		t.Error(out)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	if status, out, errs := b.run("", "runs"); status != StatusFindings || !strings.Contains(out, "interrupted") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}
