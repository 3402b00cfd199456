package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
)

// What a run destroyed and somebody brought back is blocked in every look, and
// taken only by the operator's word, which is asked for.
func TestRecoveredIsAskedAbout(t *testing.T) {
	b := newBench(t, worlds.Of(t, "rollback-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if err := b.world.Array.Recover(volume); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b.world.Age(25 * time.Hour)
		b.run("", "check")
		b.run("", "fix", "--all", "--yes")
	}
	_, out, errs := b.run("", "explain", "--object", volume, "-v")
	if !strings.Contains(oneSpace(out+errs), "recovered it") {
		t.Errorf("it is not said that somebody recovered it:\n%s%s", out, errs)
	}
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusRefused {
		t.Errorf("alone: status %d\n%s%s", status, out, errs)
	}
	for _, args := range [][]string{{"fix", "--all", "--yes", "--even-if-recovered"}, {"runs", "--even-if-recovered"}} {
		if status, _, errs := b.run("", args...); status != StatusUsage {
			t.Errorf("%v: status %d\n%s", args, status, errs)
		}
	}
	if status, _, errs := b.run("no\n", "fix", "--volume", volume, "--even-if-recovered"); status != StatusRefused || !strings.Contains(oneSpace(errs), "nobody wants "+volume) {
		t.Errorf("the word is not given: status %d\n%s", status, errs)
	}
	if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
		t.Fatal("it was destroyed again")
	}
	if status, out, errs := b.run("yes\n"+strings.Repeat("y\n", 9), "fix", "--volume", volume, "--even-if-recovered"); status != StatusOK {
		t.Errorf("the word is given: status %d\n%s%s", status, out, errs)
	}
}

// What an undo took back is no part of a batch, and alone it is repaired, and
// the operator is told.
func TestTakenBackIsNoPartOfABatch(t *testing.T) {
	b := newBench(t, worlds.Of(t, "rollback-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	b.run("", "check")
	b.world.Age(50 * time.Hour)
	if status, out, errs := b.run("", "fix", "--finding", "leaked-volume", "--yes"); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := b.run("", "undo", "--last", "--yes"); status != StatusOK {
		t.Fatalf("undo: status %d\n%s%s", status, out, errs)
	}
	for range 2 {
		b.world.Age(25 * time.Hour)
		b.run("", "check")
		if status, out, errs := b.run("", "fix", "--finding", "leaked-volume", "--yes"); status != StatusRefused || !strings.Contains(oneSpace(out+errs), "destroyed it, and undo ") {
			t.Errorf("in a batch: status %d\n%s%s", status, out, errs)
		}
	}
	if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
		t.Fatal("it was destroyed again")
	}
	if status, out, errs := b.run("", "fix", volume, "--yes"); status != StatusOK || !strings.Contains(oneSpace(errs), "destroyed it, and undo ") {
		t.Errorf("alone: status %d\n%s%s", status, out, errs)
	}
}
