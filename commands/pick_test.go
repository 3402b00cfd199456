package commands

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// TestPick: what is typed at a list chooses, or nothing does.
func TestPick(t *testing.T) {
	rows := []string{"one", "two", "three", "four", "fourteen"}
	for typed, want := range map[string][]int{
		"2\n": {1}, "2,4-5\n": {1, 3, 4}, "5 1\n": {0, 4}, "all\n": {0, 1, 2, 3, 4}, "1,1\n": {0},
		"/four\nall\n": {3, 4}, "/four\n1\n5\n": {4}, "/none\nall\n/\n3\n": {2}, "\n\n3\n": {2},
		"0\n6\n2-9\n4-2\nx\n-\n1\n": {0},
		"":                          nil, "1": nil, "q\n": nil, "quit\n": nil, "\n": nil,
	} {
		var errs bytes.Buffer
		got, err := picker{o: answered(&errs, typed), title: "which", rows: rows}.pick(t.Context())
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v, want %v\n%s", typed, got, err, want, errs.String())
		}
	}
	if got, err := (picker{o: answered(io.Discard, "1,2\nall\n4\n"), rows: rows, one: true}).pick(t.Context()); err != nil || !slices.Equal(got, []int{3}) {
		t.Errorf("one: %v, %v", got, err)
	}
}

// answered is a command that is told what was typed.
func answered(errs io.Writer, typed string) *common {
	return &common{Streams: Streams{In: strings.NewReader(typed), Err: errs, Getenv: func(string) string { return "" }}, color: "never"}
}

// several is a world with four leftovers that are safe.
func several(t *testing.T) *bench {
	t.Helper()
	world := aged(t, "image-each-launch")
	for _, name := range []string{"more0", "more1", "more2"} {
		if err := world.LXD.Launch(lxd.InstanceSpec{Name: name, Pool: world.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
	}
	world.Age(50 * time.Hour)
	return newBench(t, world)
}

func (b *bench) destroyed() int {
	n := 0
	for _, v := range b.world.Array.Volumes() {
		if v.Destroyed {
			n++
		}
	}
	return n
}

// TestFixLetsChoose: without an object fix shows what is safe, asks about each
// volume that is chosen, tells no from quit, and ends with what became of each.
func TestFixLetsChoose(t *testing.T) {
	b := several(t)
	for _, test := range []struct {
		name, answers string
		gone, status  int
		says          []string
	}{
		{"nobody chooses", "", 0, StatusRefused, []string{"safe to repair, the biggest first", "nothing was chosen"}},
		{"quit at the list", "q\n", 0, StatusRefused, []string{"nothing was chosen"}},
		{"quit at the first", "1-3\nq\n", 0, StatusRefused, []string{"volume 1 of 3", "nothing more is begun", "0 repaired, 0 refused, 3 left alone"}},
		{"no, and the end of the input", "1-2\nn\n", 0, StatusRefused, []string{"volume 2 of 2", "on to the next volume", "no answer"}},
		{"no to the first", "1-2\nn\ny\n", 1, StatusFindings, []string{"1 repaired", "1 left alone", "To take one back: pureclean undo "}},
		{"one", "1\ny\n", 1, StatusOK, []string{"volume 1 of 1", "Repaired: "}},
	} {
		before := b.destroyed()
		status, out, errs := b.run(test.answers, "fix")
		if gone := b.destroyed() - before; gone != test.gone || status != test.status {
			t.Errorf("%s: %d destroyed, want %d; status %d, want %d\n%s%s", test.name, gone, test.gone, status, test.status, out, errs)
		}
		for _, words := range test.says {
			if !strings.Contains(oneSpace(out+errs), words) {
				t.Errorf("%s: it does not say %q\n%s%s", test.name, words, out, errs)
			}
		}
	}
	// Where nobody chooses, nothing is: neither with --yes nor without a terminal.
	before := b.destroyed()
	for _, args := range [][]string{{"fix", "--yes"}, {"fix", "--no-input"}, {"undo", "--yes"}} {
		if status, out, errs := b.run("all\ny\ny\n", args...); status != StatusUsage {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
	b.s.InTerminal = false
	for _, args := range [][]string{{"fix"}, {"undo"}, {"explain"}, {"verify"}} {
		if status, _, errs := b.run("1\ny\n", args...); status != StatusUsage || !strings.Contains(errs, "pureclean "+args[0]) {
			t.Errorf("%v without a terminal: status %d\n%s", args, status, errs)
		}
	}
	if b.destroyed() != before {
		t.Error("something was destroyed")
	}
}

// TestUndoLetsChoose: what can be undone is offered, and asked about.
func TestUndoLetsChoose(t *testing.T) {
	b := several(t)
	if status, _, errs := b.run("1\n", "undo"); status != StatusRefused || !strings.Contains(errs, "no run can be undone") {
		t.Errorf("status %d\n%s", status, errs)
	}
	b.run("1\ny\n", "fix")
	before := b.destroyed()
	if status, out, errs := b.run("1\n", "undo"); status != StatusRefused || b.destroyed() != before {
		t.Errorf("without an answer: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := b.run("1\ny\n", "undo"); status != StatusOK || b.destroyed() != before-1 {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// TestGoesWith: a question says which changes follow on its yes.
func TestGoesWith(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	_, _, errs := b.run("y\n", "fix", b.leaked("leaked-volume"))
	if !strings.Contains(oneSpace(errs), "(3/6 goes with it)") {
		t.Errorf("it does not say what goes with the disconnect:\n%s", errs)
	}
	if got := repair.GoesWith(repair.Plan{}, 1); got != nil {
		t.Errorf("%v", got)
	}
}
