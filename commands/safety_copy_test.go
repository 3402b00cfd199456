package commands

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// LXD is killed in the middle of a refresh: the volume is half overwritten, and
// what it was is in the safety copy alone. A batch leaves that; by its name it
// can be repaired.
func TestSafetyCopyInABatch(t *testing.T) {
	w := worlds.Of(t, "healthy-iscsi")
	b := newBench(t, w)
	b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
	if err := errors.Join(
		w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "standby", Bytes: simulator.Small}),
		w.LXD.RefreshVolume(w.Pool(), "", "standby", "data"),
	); err != nil {
		t.Fatal(err)
	}
	w.LXD.CutBehind("POST", "overwrite=true")
	if err := w.LXD.RefreshVolume(w.Pool(), "", "standby", "data"); err == nil {
		t.Fatal("the refresh was not cut short")
	}
	w.LXD.NoCut()
	w.LXD.StartDaemon()
	w.Age(48 * time.Hour)
	b.run("", "check")
	w.Age(25 * time.Hour)
	name := b.leaked("leaked-snapshot")
	if status, out, errs := b.run("", "fix", "--all", "--yes"); status != StatusRefused || !strings.Contains(strings.Join(strings.Fields(out+errs), " "), "no batch takes it") {
		t.Errorf("a batch: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := b.run("", "fix", "--volume", name, "--yes"); status != StatusOK {
		t.Errorf("by its name: status %d\n%s%s", status, out, errs)
	}
}
