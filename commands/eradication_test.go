package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/simulator/array"
)

// TestEradicationThatWasInterrupted: it is asked for again. Nobody is told to
// resume it, which can't be done, and monitoring does not wait for that.
func TestEradicationThatWasInterrupted(t *testing.T) {
	w := aged(t, "rollback-refused-iscsi")
	b := newBench(t, w)
	b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatal(status, out, errs)
	}
	remove := w.Array.Inject(array.Fault{Method: "DELETE", Path: "/volumes", Kind: array.ServerError})
	if status, out, errs := b.run("", "eradicate", "--volume", volume, "--confirm", volume); status != StatusTrouble {
		t.Fatal(status, out, errs)
	}
	remove()
	for range 2 { // before it was asked for again, and after
		status, out, errs := b.run("", "runs")
		if status != StatusOK || strings.Contains(out, "--resume") || !strings.Contains(out, ": 0 interrupted") {
			t.Errorf("%d\n%s%s", status, out, errs)
		}
		if _, out, errs := b.run("", "check"); !strings.Contains(out, " interrupted=0;") {
			t.Errorf("%s%s", out, errs)
		}
		_, _, _ = b.run("", "eradicate", "--volume", volume, "--confirm", volume)
	}
	if _, there := w.Array.Volume(volume); there {
		t.Error("it is there")
	}
	if status, out, errs := b.run("", "explain", volume); status != StatusUsage || !strings.Contains(oneSpace(errs), " destroyed it: pureclean verify --volume "+volume) {
		t.Errorf("%d\n%s%s", status, out, errs)
	}
}

// A short name is no full name, and not one of which no run destroyed anything.
func TestEradicateWantsTheFullName(t *testing.T) {
	b := newBench(t, aged(t, "rollback-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatal(status, out, errs)
	}
	_, short, _ := strings.Cut(volume, "::")
	status, out, errs := b.run("", "eradicate", "--volume", short, "--confirm", short)
	if status != StatusUsage || !strings.Contains(errs, "is not a full name") || strings.Contains(errs, "no run of pureclean") {
		t.Errorf("%d\n%s%s", status, out, errs)
	}
}
