package commands

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// A virtual machine's disk is mounted nowhere: that its name was exchanged with
// that of one that is stopped tells what is open, without any memory.
func TestDiskOfARunningMachineInAnothersPlace(t *testing.T) {
	b := newBench(t, aged(t, "healthy-iscsi"))
	b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
	w := b.world
	if err := w.LXD.CreateInstance(lxd.InstanceSpec{Name: "vm2", Pool: w.Pool(), Type: evidence.TypeVM}); err != nil {
		t.Fatal(err)
	}
	w.Age(48 * time.Hour)
	if status, out, errs := b.run("", "scan"); status != StatusOK {
		t.Fatalf("before: status %d\n%s%s", status, out, errs)
	}
	runs, err := w.ArrayName(w.Pool(), "virtual-machine", "vm1")
	stopped, err2 := w.ArrayName(w.Pool(), "virtual-machine", "vm2")
	if err := errors.Join(err, err2, exchange(w.Array, runs, stopped)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what check remembers does not make it right
		if status, out, errs := b.run("", "check"); status != 2 || !strings.Contains(out, "1 critical finding") || !strings.Contains(out, "0 leaked") {
			t.Errorf("check: status %d\n%s%s", status, out, errs)
		}
	}
	for _, args := range [][]string{{"scan", "-v"}, {"explain", runs}, {"explain", stopped}, {"explain", "vm1"}, {"explain", "vm2"}} {
		status, out, errs := b.run("", args...)
		if said := oneSpace(out); status != StatusFindings || strings.Contains(said, "healthy") || !strings.Contains(said, "moved-volume") || !strings.Contains(said, "virtual-machine/vm1 (default) is "+stopped+" now") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
	for _, object := range []string{runs, stopped} {
		if status, out, _ := b.run("", "fix", object, "--yes"); status == StatusOK {
			t.Errorf("fix %s: status %d\n%s", object, status, out)
		}
	}
}
