package commands

import (
	"encoding/json"
	"testing"
	"time"
)

// In a real world time passes between any two answers, and between any two
// readings of a clock: what is safe in one that stands still is safe in it, too.
func TestTimePasses(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	still := b.s.given.now
	passed := time.Duration(0)
	b.s.given.now = func() time.Time {
		passed += time.Millisecond
		return still().Add(passed)
	}
	_, out, errs := b.run("", "scan", "-o", "json")
	var said struct {
		Findings []struct {
			Code, Verdict string
			Gates         []struct{ Gate, Result, Why string }
		}
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil {
		t.Fatal(err)
	}
	if len(said.Findings) == 0 {
		t.Fatalf("nothing was found: %s", errs)
	}
	for _, f := range said.Findings {
		if f.Code == "leaked-volume" && f.Verdict != "safe" {
			t.Errorf("%s is %s: %+v", f.Code, f.Verdict, f.Gates)
		}
	}
	volume := b.leaked("leaked-volume")
	for _, args := range [][]string{{"fix", "--volume", volume, "--yes"}, {"verify", "--volume", volume}, {"undo", "--last", "--yes"}, {"scan"}} {
		if status, out, errs := b.run("", args...); status != StatusOK && args[0] != "scan" {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
}
