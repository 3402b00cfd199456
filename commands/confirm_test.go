package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever types the name again and mistypes it meant something else: nothing is
// done, shown or saved, though what would be done can be undone.
func TestConfirmedByAnotherName(t *testing.T) {
	b := newBench(t, aged(t, "rollback-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	_, short, _ := strings.Cut(volume, "::")
	file := filepath.Join(t.TempDir(), "plan.json")
	for _, typed := range []string{"x", short, volume + " "} {
		for _, more := range [][]string{{"--yes"}, {"--dry-run"}, {"--save", file}, {"--yes", "-o", "json"}} {
			status, out, errs := b.run("", append([]string{"fix", volume, "--confirm", typed}, more...)...)
			if status != StatusRefused || !strings.Contains(strings.Join(strings.Fields(out+errs), " "), "the name that was typed is") {
				t.Errorf("--confirm %q %v: status %d\n%s%s", typed, more, status, out, errs)
			}
			if v, there := b.world.Array.Volume(volume); !there || v.Destroyed {
				t.Fatalf("--confirm %q %v: it was destroyed", typed, more)
			}
		}
	}
	if _, out, _ := b.run("", "fix", volume, "--confirm", "x", "--yes"); !strings.Contains(strings.Join(strings.Fields(out), " "), "--confirm "+volume+", or leave --confirm out") {
		t.Errorf("what to do about it is not told:\n%s", out)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a plan was saved")
	}
	if status, _, errs := b.run("", "runs", "--confirm", volume); status != StatusUsage || !strings.Contains(errs, "--confirm goes with --resume") {
		t.Errorf("runs --confirm: status %d\n%s", status, errs)
	}
	if status, out, errs := b.run("", "fix", volume, "--yes", "--confirm", volume); status != StatusOK {
		t.Errorf("by its name: status %d\n%s%s", status, out, errs)
	}
}
