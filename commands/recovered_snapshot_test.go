package commands

import (
	"strings"
	"testing"
	"time"
)

// What undo recovered is told as undo's work of a snapshot as well, and not as an
// administrator's, though both stand in the array's audit trail as the same user.
// To a machine that has no journal of it, it is somebody's.
func TestSnapshotTakenBack(t *testing.T) {
	b := newBench(t, aged(t, "snapshot-reply-lost"))
	snapshot := b.leaked("leaked-snapshot")
	for _, args := range [][]string{{"fix", snapshot, "--yes"}, {"undo", "--last", "--yes"}} {
		if status, out, errs := b.run("", args...); status != StatusOK {
			t.Fatalf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
	b.world.Age(time.Hour)
	own := b.s.given.config.StateDir
	b.s.given.config.StateDir = t.TempDir()
	if status, out, errs := b.run("", "fix", snapshot, "--yes"); status != StatusRefused || !strings.Contains(oneSpace(out+errs), "recovered it on") {
		t.Errorf("without the journal: status %d\n%s%s", status, out, errs)
	}
	b.s.given.config.StateDir = own
	if status, out, errs := b.run("", "fix", snapshot, "--yes"); status != StatusOK || strings.Contains(out+errs, "recovered it on") || !strings.Contains(oneSpace(errs), "destroyed it, and undo ") {
		t.Errorf("alone: status %d\n%s%s", status, out, errs)
	}
}
