package commands

import (
	"strings"
	"testing"
)

// TestLostPortalIsNotForgotten: after ctrl_loss_tmo the kernel has no controller
// any more that could be counted, and the volume is on its last path all the
// same.
func TestLostPortalIsNotForgotten(t *testing.T) {
	for _, scenario := range []string{"portal-lost-nvme", "portal-lost-iscsi"} {
		b := newBench(t, aged(t, scenario))
		for command, want := range map[string]int{"scan": StatusFindings, "check": 1, "explain container/web1": StatusFindings} {
			status, out, errs := b.run("", strings.Fields(command)...)
			if status != want || strings.Contains(out, "agree") || strings.Contains(out, "healthy:") || command != "check" && !strings.Contains(out, "degraded-paths") {
				t.Errorf("%s of %s: status %d\n%s%s", command, scenario, status, out, errs)
			}
			if scenario == "portal-lost-nvme" && command == "scan" && !strings.Contains(out, "nothing leads to the array's portal 10.") {
				t.Errorf("%s of %s:\n%s", command, scenario, out)
			}
		}
		if b.run("", "doctor"); scenario == "portal-lost-nvme" && !strings.Contains(b.out.String(), "nvme connect -t tcp -a ") {
			t.Errorf("no way back:\n%s", b.out.String())
		}
	}
}
