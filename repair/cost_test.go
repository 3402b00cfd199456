package repair

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
)

// TestRepairCostsTheVolume: one repair takes as many requests to the array in a
// pod of three pages as in a small one.
func TestRepairCostsTheVolume(t *testing.T) {
	for _, scenario := range []string{"device-too-late-iscsi", "device-never-iscsi", "connect-reply-lost-nvme"} {
		var costs []int
		for _, more := range []int{0, 2500} {
			k := newKit(t, scenario)
			for n := range more {
				if _, err := k.world.Array.CreateVolume(fmt.Sprintf("%s::c-%032x", k.world.Pool(), 0xabc000+n), simulator.Small, array.VolumeOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			k.world.Age(3 * time.Hour)
			tools := k.tools()
			tools.Policy.MaxShare = 1 // nobody has a record of the many
			plan := k.plans(tools)[0]
			for _, p := range k.plans(tools) {
				if len(p.Steps) > len(plan.Steps) {
					plan = p // that of the scenario, and not of one of the many
				}
			}
			k.world.Array.ResetRequests()
			if result, err := tools.Run(context.Background(), plan); err != nil {
				t.Fatalf("%+v: %v", result, err)
			}
			costs = append(costs, len(k.world.Array.Requests()))
		}
		t.Logf("%s: %d requests", scenario, costs[0])
		if costs[0] != costs[1] || costs[0] > 75 {
			t.Errorf("%s: %d requests in a small pod, %d in a large one", scenario, costs[0], costs[1])
		}
	}
}
