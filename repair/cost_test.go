package repair

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
)

// alone and inWave are how many requests a repair may send to the array, its
// logins included.
const alone, inWave = 62, 23

// TestRepairCostsTheVolume: one repair takes as many requests to the array in a
// pod of three pages as in a small one.
func TestRepairCostsTheVolume(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out what is large")
	}
	for _, scenario := range []string{"device-too-late-iscsi", "device-never-iscsi", "connect-reply-lost-nvme"} {
		var costs []int
		for _, more := range []int{0, 2500} {
			k := newKit(t, scenario)
			for n := range more {
				if _, err := k.world.Array.CreateVolume(fmt.Sprintf("%s::c-%032x", k.world.Pool(), 0xabc000+n), simulator.Small, array.VolumeOptions{LXD: true}); err != nil {
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
		if costs[0] != costs[1] || costs[0] > alone {
			t.Errorf("%s: %d requests in a small pod, %d in a large one", scenario, costs[0], costs[1])
		}
	}
}

// TestWaveCostsLess: in a wave of ten the waits of one are the waits of all, and
// so are the looks after which nothing is sent to the array. That one of them
// changes something is no reason to look at everything for the others.
func TestWaveCostsLess(t *testing.T) {
	t.Parallel()
	const size = 10
	k := leakedOn(t, 1, 1+size, evidence.ModeISCSI)
	tools, plans := k.inWaves(size)
	waited := time.Duration(0)
	tools.Sleep = func(ctx context.Context, d time.Duration) error {
		waited += d
		return k.sleep(ctx, d)
	}
	var first, each int
	var firstWaited time.Duration
	k.world.Array.ResetRequests()
	tools.Report = func(e Event) {
		if e.Phase == Counted && e.N == 1 {
			first, firstWaited = len(k.world.Array.Requests()), waited
			k.world.Array.ResetRequests()
			waited = 0
		}
	}
	rows, err := tools.Batch(context.Background(), plans)
	if err != nil || !slices.Equal(outcomes(rows), all(1+size, "done")) {
		t.Fatalf("%v, %v", outcomes(rows), err)
	}
	each = len(k.world.Array.Requests()) / size
	t.Logf("alone: %d requests and %s of waiting; in a wave of %d: %d requests and %s each", first, firstWaited, size, each, waited/size)
	if first > alone || each > inWave || waited > firstWaited+5*time.Second {
		t.Errorf("alone: %d requests and %s of waiting; the wave of %d: %d requests each, and %s for all", first, firstWaited, size, each, waited)
	}
}
