package commands

import (
	"strings"
	"testing"
	"time"
)

// A check at boot, before the time was set, saw a connection that had just been
// made. Minutes later, with the time set right, it looks a year old and is not.
func TestClockThatWasSet(t *testing.T) {
	for _, wrong := range []time.Duration{0, -365 * 24 * time.Hour, -30 * time.Hour} {
		w := aged(t, "power-failure-iscsi")
		w.Age(48 * time.Hour)
		b := newBench(t, w)
		b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
		right := b.s.given.now
		b.s.given.now = func() time.Time { return right().Add(wrong) }
		b.run("", "check")
		b.s.given.now = right
		for _, c := range []struct {
			after time.Duration
			left  int
			said  string
		}{
			{time.Minute, 1, "a batch takes what was"},
			{24 * time.Hour, 0, "Repaired: "},
		} {
			for left := c.after; left > 0; left -= time.Hour {
				w.Age(min(left, time.Hour))
				if left > time.Hour {
					b.run("", "check")
				}
			}
			status, out, errs := b.run("", "fix", "--all", "--yes")
			if n := len(w.Array.Connections()); n != c.left || !strings.Contains(strings.Join(strings.Fields(out+errs), " "), c.said) {
				t.Errorf("%s wrong, %s later: status %d, %d connections\n%s%s", wrong, c.after, status, n, out, errs)
			}
		}
	}
}
