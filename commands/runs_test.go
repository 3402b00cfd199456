package commands

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/array"
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

// The list fits the terminal, and ends with what there is and what to do first;
// elsewhere a run is one line.
func TestRunsFitTheTerminal(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-nvme"))
	book, err := journal.Open(b.s.given.config.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	operator := journal.Operator{User: "root", Sudo: "annabelle", Host: "lxd01", PID: 4711}
	object := journal.Object{Name: "purepool::su-3dd1cf154efe41d1931d1e8d75d54ae6"}
	run, err := book.Create(journal.Record{Kind: journal.KindFix, Operator: &operator, Object: &object}, b.world.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Append(journal.Record{What: journal.WhatBefore, Step: 1, StepKind: "disconnect"}); err != nil {
		t.Fatal(err)
	}
	check := func(args ...string) string {
		t.Helper()
		_, out, errs := b.run("", append([]string{"runs"}, args...)...)
		for line := range strings.Lines(out) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > defaultWidth {
				t.Errorf("%d columns: %s", n, line)
			}
		}
		return out + errs
	}
	if out := check(); !strings.Contains(out, "\n  "+object.Name) || !strings.Contains(out, "\n1 run: 0 interrupted, 1 under way, ") {
		t.Error(out)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	_ = book.Close()
	next := "1 run: 1 interrupted, 0 under way, 0 can be undone.\nnext:  pureclean runs --resume " + run.ID + "\n"
	if out := check(); !strings.HasSuffix(out, next) {
		t.Error(out)
	}
	if out := check("-q"); out != next {
		t.Errorf("-q: %s", out)
	}
	if _, out, _ := b.run("", "runs", "-o", "wide"); !strings.Contains(out, "UTC  annabelle as root") || strings.Contains(out, "\n  purepool") {
		t.Error(out)
	}
	b.s.OutTerminal = false
	if _, out, _ := b.run("", "runs"); !strings.Contains(out, "annabelle as root              "+object.Name) {
		t.Error(out)
	}
}

// A Ctrl-C at the question of an undo says where it was, in words, and no list
// calls it refused.
func TestUndoIsStopped(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-nvme"))
	b.run("", "fix", b.leaked("leaked-volume"), "--yes")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.out.Reset()
	b.err.Reset()
	b.s.In = &answering{answers: []string{"^C"}, at: "^C", do: cancel}
	status := Main(ctx, []string{"pureclean", "undo", "--last"}, b.s)
	if said := b.out.String() + b.err.String(); status != StatusRefused || !strings.Contains(said, "Stopped before step 1 of ") || strings.Contains(said, "context canceled") {
		t.Errorf("status %d\n%s", status, said)
	}
	if line := b.lines("runs", "-o", "csv")[0]; !strings.Contains(line, ",undo,declined,") {
		t.Error(line)
	}
	b.s.In = strings.NewReader("n\n")
	b.run("", "undo", "--last")
	if line := b.lines("runs", "-o", "csv")[0]; !strings.Contains(line, ",undo,declined,") {
		t.Error(line)
	}
}

// A run whose journal is damaged is no interrupted one: it can't be resumed, and
// nobody knows how far it came. What can be done by hand is said, and nobody is
// warned any more once the array has let go of all that it may have destroyed, or
// the file is set aside.
func TestDamagedRun(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("%d: %s%s", status, out, errs)
	}
	files, err := filepath.Glob(filepath.Join(b.s.given.config.StateDir, "runs", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	file := files[0]
	id := strings.TrimSuffix(filepath.Base(file), ".jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines[3] = append(make([]byte, 9), '\n')
	now := b.world.Clock.Now()
	if err := errors.Join(os.WriteFile(file, bytes.Join(lines, nil), 0o600), os.Chtimes(file, now, now)); err != nil {
		t.Fatal(err)
	}
	tells := func(status int, want, absent []string, args ...string) {
		t.Helper()
		got, out, errs := b.run("", args...)
		said := flat(out + errs)
		for _, words := range want {
			if !strings.Contains(said, words) {
				t.Errorf("%v: %q is not in\n%s", args, words, said)
			}
		}
		for _, words := range absent {
			if strings.Contains(said, words) {
				t.Errorf("%v: %q is in\n%s", args, words, said)
			}
		}
		if got != status {
			t.Errorf("%v: %d and not %d: %s", args, got, status, said)
		}
	}
	resume := "runs --resume"
	tells(StatusFindings, []string{
		id + " fix damaged", "0 interrupted, 0 under way, 1 damaged, 0 can be undone", "line 4", "pureclean explain --object " + volume,
		"purevol recover " + volume, "purevol connect --host lxd01-iscsi", "mv " + file + " " + file + ".aside",
	}, []string{resume}, "runs")
	tells(int(metrics.Warning), []string{"1 damaged run (pureclean runs)", "interrupted=1"}, []string{"interrupted run"}, "check", "--ignore", "unsafe-setting")
	tells(StatusFindings, []string{"How far run " + id + " of " + volume, "pureclean runs says"}, []string{resume}, "scan")
	for _, args := range [][]string{{"runs", "--resume", id}, {"undo", id}, {"undo", "--last"}, {"undo", "--volume", volume}} {
		tells(StatusTrouble, []string{"line 4", "hint: pureclean runs says what to do by hand"}, nil, append(args, "--yes")...)
	}
	tells(StatusTrouble, []string{"the journal of run " + id + " is damaged"}, nil, "eradicate", "--volume", volume, "--confirm", volume)

	b.world.Age(29 * 24 * time.Hour)
	tells(int(metrics.Warning), []string{"1 damaged run"}, nil, "check", "--ignore", "unsafe-setting")
	b.world.Age(2 * 24 * time.Hour)
	tells(0, nil, []string{"damaged"}, "check", "--ignore", "unsafe-setting")
	tells(0, []string{"1 damaged"}, nil, "runs")
	if err := os.WriteFile(file, make([]byte, 900), 0o600); err != nil { // as a power failure leaves it
		t.Fatal(err)
	}
	tells(StatusFindings, []string{id + " damaged not known", "line 1"}, []string{"0001-01-01"}, "runs")
	tells(StatusFindings, []string{`"began": null`}, []string{"0001-01-01"}, "runs", "-o", "json")
	if err := os.Rename(file, file+".aside"); err != nil {
		t.Fatal(err)
	}
	tells(0, []string{"Nothing was repaired from this machine yet"}, nil, "runs")
}

// An undo that was stopped, of a run that another undo has taken back since, is
// nothing that anybody has to go on with. One that is gone on with is no repair.
func TestUndoThatIsOvertaken(t *testing.T) {
	for _, again := range []bool{false, true} {
		b := newBench(t, aged(t, "device-too-late-iscsi"))
		b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
		volume := b.leaked("leaked-volume")
		b.run("", "fix", "--volume", volume, "--yes")
		heal := b.world.Array.Inject(array.Fault{Method: "POST", Path: "/connections", Kind: array.ServerError})
		b.run("", "undo", volume, "--yes")
		heal()
		stopped := b.interrupted()
		if again {
			if status, out, errs := b.run("", "runs", "--resume", stopped, "--yes"); status != StatusOK || !strings.Contains(out, "Taken back: run "+stopped) {
				t.Errorf("resumed: status %d\n%s%s", status, out, errs)
			}
			continue
		}
		if status, out, errs := b.run("", "undo", volume, "--yes"); status != StatusOK {
			t.Fatalf("status %d\n%s%s", status, out, errs)
		}
		if status, out, errs := b.run("", "runs", "-o", "csv"); status != StatusOK || !strings.Contains(out, stopped+",undo,overtaken,") {
			t.Errorf("runs: status %d\n%s%s", status, out, errs)
		}
		if _, out, _ := b.run("", "scan"); strings.Contains(out, stopped) || !strings.Contains(oneSpace(out), "took that back") {
			t.Errorf("scan:\n%s", out)
		}
		if status, out, errs := b.run("", "runs", "--resume", stopped, "--yes"); status == StatusOK {
			t.Errorf("it was gone on with: status %d\n%s%s", status, out, errs)
		}
	}
}
