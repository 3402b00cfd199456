package repair

import (
	"context"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// TestTimePassesWhileOneLooks: a volume that is connected to several hosts is cut
// off from one after the other. What shows that the first is done is no look on
// which the next can be asked about: LXD was asked before it.
func TestTimePassesWhileOneLooks(t *testing.T) {
	for _, transport := range []string{evidence.ModeISCSI, evidence.ModeNVMeTCP} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			k := leakedOn(t, 2, 1, transport)
			for _, leak := range k.scanned("leaked-volume") {
				for _, host := range k.world.Array.Hosts() {
					_ = k.world.Array.Connect(host.Name, leak, 0) // it is connected to one of them
				}
			}
			for _, h := range k.world.Hosts {
				h.Rescan()
			}
			tick := func() time.Time {
				k.world.Clock.Advance(time.Millisecond)
				return k.world.Clock.Now()
			}
			tools, plans := k.inWaves(2)
			tools.Now = tick
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				w, err := k.reach().look(ctx, &k.watch, about, k.world.Hosts[0].System(), tick, k.sleep)
				for _, h := range k.world.Hosts[1:] {
					s := h.System()
					s.Now = tick
					w.Hosts = append(w.Hosts, devices.Observe(ctx, s))
				}
				return w, err
			}
			rows, err := tools.Batch(context.Background(), plans)
			if err != nil || len(rows) != 2 {
				t.Fatalf("%d plans, %v", len(rows), err)
			}
			for _, row := range rows {
				cuts := 0
				for _, step := range row.Plan.Steps {
					if step.Kind == StepDisconnect {
						cuts++
					}
				}
				if row.Result.Outcome != journal.Done || cuts != 2 {
					t.Errorf("%s, cut off %d times: %s: %v", row.Plan.Object, cuts, row.Result.Outcome, row.Err)
				}
			}
			k.noHarm()
		})
	}
}

// scanned are the array's names of what is found.
func (k *kit) scanned(code string) []string {
	_, report := k.scan()
	var all []string
	for _, f := range report.Findings {
		if f.Code == code {
			all = append(all, f.Object)
		}
	}
	return all
}
