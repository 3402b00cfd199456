package commands

import (
	"slices"
	"strings"
	"testing"
)

// A volume that leaked and is connected to three machines: the devices go from
// all three before the first connection does, and all three prove that they
// have gone.
func TestFixAcrossMembers(t *testing.T) {
	world, leaked := three(t)
	c := newCluster(t, world)
	live := liveVolumes(world)
	status, out, errs := c.run("", "scan")
	if status != StatusFindings || !strings.Contains(out, "SAFE TO REPAIR") || !strings.Contains(out, "all witnesses complete") {
		t.Fatalf("scan: status %d\n%s%s", status, out, errs)
	}
	status, out, errs = c.run(strings.Repeat("y\n", 20), "fix", "--volume", leaked.Name)
	if status != StatusRepaired {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	for _, h := range world.Hosts {
		if left := h.DevicesOf(leaked.Serial); len(left) > 0 {
			t.Errorf("%s still has %v", h.Name(), left)
		}
	}
	if v, ok := world.Array.Volume(leaked.Name); !ok || !v.Destroyed {
		t.Errorf("it was not destroyed: %+v", v)
	}
	for name, m := range c.members {
		if got := m.steps(); !slices.Equal(got, []string{"release", "clear", "detached", "detached"}) {
			t.Errorf("the steps on %s were %v", name, got)
		}
	}
	c.noHarm(live)
	status, out, errs = c.run("", "verify", "--volume", leaked.Name)
	if status != StatusOK {
		t.Errorf("verify: status %d\n%s%s", status, out, errs)
	}
}
