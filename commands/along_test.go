package commands

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// silentTrail is a bench whose array keeps its audit trail to itself.
func silentTrail(t *testing.T, w *simulator.World) *bench {
	b := newBench(t, w)
	w.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
	return b
}

// made is a volume of LXD's of which snapshots were taken, some time apart, before
// the database lost it.
func made(t *testing.T, w *simulator.World, snapshots int, apart time.Duration) string {
	t.Helper()
	w.Age(24 * time.Hour)
	backup := w.LXD.SnapshotDatabase()
	w.Age(time.Hour)
	if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "sales"}); err != nil {
		t.Fatal(err)
	}
	name, err := w.ArrayName(w.Pool(), "custom", "sales")
	if err != nil {
		t.Fatal(err)
	}
	for i := range snapshots {
		w.Age(apart)
		if err := w.LXD.SnapshotVolume(w.Pool(), "", "sales", fmt.Sprintf("s%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	w.Keep(name)
	w.Age(time.Hour)
	w.RestoreDatabase(backup)
	w.LXD.KillDaemon()
	w.LXD.StartDaemon()
	w.Age(time.Hour)
	return name
}

// Snapshots that LXD took hours apart show that it had a record of the volume.
func TestSnapshotsHoursApartAreARecord(t *testing.T) {
	w := worlds.Of(t, "healthy-iscsi")
	b := silentTrail(t, w)
	name := made(t, w, 5, time.Hour)
	b.run("", "check")
	w.Age(25 * time.Hour)
	_, out, errs := b.run("", "fix", "--all", "--yes")
	if v, ok := w.Array.Volume(name); !ok || v.Destroyed || !w.Live(name) {
		t.Errorf("it was destroyed:\n%s%s", out, errs)
	}
	if _, out, errs := b.run("", "fix", "--volume", name, "--dry-run"); !strings.Contains(oneSpace(out+errs), "would be refused: explained: ") || !strings.Contains(oneSpace(out+errs), "ten minutes after they were made") {
		t.Errorf("%s%s", out, errs)
	}
}

// What goes along with a volume is said, and counts.
func TestSnapshotsThatGoAlong(t *testing.T) {
	for _, n := range []int{3, 40} {
		w := worlds.Of(t, "healthy-iscsi")
		b := silentTrail(t, w)
		name := made(t, w, n, 0)
		b.run("", "check")
		w.Age(25 * time.Hour)
		_, out, errs := b.run("", "fix", "--volume", name, "--dry-run", "--color", "never")
		text := oneSpace(out + errs)
		if n == 40 && (!strings.Contains(text, "would be refused: share: ") || !strings.Contains(text, "40 snapshots would go with it")) {
			t.Errorf("forty of them: %s", text)
		}
		if n == 3 && !strings.Contains(text, "destroy "+name+" with its 3 snapshots") {
			t.Errorf("three of them: %s", text)
		}
		if n == 3 && (!strings.Contains(text, "pass share 1 of the pool's 12 volumes") || !strings.Contains(text, "3 snapshots would go with it")) {
			t.Errorf("a single repair does not show the share: %s", text)
		}
	}
}
