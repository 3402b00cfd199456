package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// restoredWorld has LXD's database from before three volumes were made and an
// older one was deleted. Nothing remembers the three.
func restoredWorld(t *testing.T) *simulator.World {
	t.Helper()
	world := worlds.Of(t, "healthy-iscsi")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	make := func(name string) {
		must(world.LXD.CreateVolume(lxd.VolumeSpec{Pool: world.Pool(), Name: name, Bytes: simulator.Small}))
		world.Age(24 * time.Hour)
	}
	make("old")
	backup := world.LXD.SnapshotDatabase()
	make("sales")
	make("stock")
	make("staff")
	must(world.LXD.DeleteVolume(world.Pool(), "", "old"))
	world.LXD.RestoreDatabase(backup)
	world.Age(72 * time.Hour)
	return world
}

// What was made after the backup that LXD's database is from looks leaked. No
// batch takes it, and a single repair only on the operator's word.
func TestRestoredDatabaseIsNotBelieved(t *testing.T) {
	b := newBench(t, restoredWorld(t))
	_, out, errs := b.run("", "scan", "-o", "csv")
	var leaked []string
	for line := range strings.Lines(out) {
		if cells := strings.Split(line, ","); cells[0] == "leaked-volume" {
			leaked = append(leaked, cells[4])
			if cells[2] != "blocked" {
				t.Errorf("%s", line)
			}
		}
	}
	if len(leaked) != 3 {
		t.Fatalf("leaked: %q\n%s%s", leaked, out, errs)
	}
	live := func(when string) {
		t.Helper()
		for _, name := range leaked {
			if v, ok := b.world.Array.Volume(name); !ok || v.Destroyed {
				t.Fatalf("%s: %s is destroyed", when, name)
			}
		}
	}
	// Two looks a day apart make nothing safe for a batch.
	for range 2 {
		b.run("", "check")
		b.run("", "fix", "--all", "--yes")
		b.run("", "fix", "--finding", "leaked-volume", "--yes")
		live("a batch")
		b.world.Age(25 * time.Hour)
	}
	status, out, errs := b.run("", "fix", "--volume", leaked[0], "--yes")
	if status != StatusRefused || !strings.Contains(errs+out, "explained") || !strings.Contains(oneSpace(errs+out), "custom/old (default)") {
		t.Errorf("alone: status %d\n%s%s", status, out, errs)
	}
	live("alone")
	for _, args := range [][]string{{"--all"}, {"--finding", "leaked-volume"}, {"--plan", "x"}} {
		if status, _, errs := b.run("", append([]string{"fix", "--yes", "--database-is-current"}, args...)...); status != StatusUsage {
			t.Errorf("%v: status %d\n%s", args, status, errs)
		}
	}
	if status, _, _ := b.run("", "runs", "--database-is-current"); status != StatusUsage {
		t.Errorf("runs: status %d", status)
	}
	// The word is asked for with what speaks against it.
	status, _, errs = b.run("no\n", "fix", "--volume", leaked[0], "--database-is-current")
	if status != StatusRefused || !strings.Contains(errs, "true history") || !strings.Contains(oneSpace(errs), "custom/old (default)") {
		t.Errorf("the word is not given: status %d\n%s", status, errs)
	}
	live("the word is not given")
	status, out, errs = b.run("yes\n"+strings.Repeat("y\n", 9), "fix", "--volume", leaked[0], "--database-is-current")
	if status != StatusOK {
		t.Fatalf("the word is given: status %d\n%s%s", status, out, errs)
	}
	leaked = leaked[1:]
	live("another one's word")
	files, err := filepath.Glob(filepath.Join(b.s.given.config.StateDir, "runs", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var journals strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		journals.Write(text)
	}
	for _, want := range []string{`"database_is_current":true`, `"waived":["explained: you say that`} {
		if strings.Count(journals.String(), want) != 1 {
			t.Errorf("the word is not in the journal as %s:\n%s", want, journals.String())
		}
	}
}

// oneSpace undoes line breaks.
func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }

// A container's volume that a restored database has no record of is seen mounted
// by a check. Then its machine is started anew, and nothing uses it any more. It is
// no leftover, also where the array shows no audit trail.
func TestMountedUntilTheMachineStarted(t *testing.T) {
	w := aged(t, "database-restored-iscsi")
	defer w.Array.Inject(array.Fault{Kind: array.Forbidden, Method: "GET", Path: "/audits"})()
	b := newBench(t, w)
	b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
	status, out, errs := b.run("", "fix", "--all", "--yes")
	if text := oneSpace(out); status != StatusRefused || !strings.Contains(text, "stop and unmount nothing before that is known") || strings.Contains(text, "What to do: stop what uses it") {
		t.Errorf("mounted: status %d\n%s%s", status, out, errs)
	}
	if err := w.Hosts[0].Unmount("/var/snap/lxd/common/lxd/storage-pools/purepool/containers/web1"); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		b.run("", "check")
		w.Age(time.Hour)
	}
	status, out, errs = b.run("", "fix", "--all", "--yes")
	if status != StatusRefused || !strings.Contains(oneSpace(out), "where LXD mounts its own (purepool/containers/web1)") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	for _, v := range w.Array.Volumes() {
		if v.Destroyed {
			t.Errorf("%s is destroyed", v.Name)
		}
	}
}
