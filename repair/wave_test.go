package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// leakedOn makes a cluster of that many members, each with so many leaks
// connected and with devices, and as many volumes that live, and lets it age.
// An earlier run has seen the leaks.
func leakedOn(t *testing.T, members, leaks int, transport string) *kit {
	t.Helper()
	w := worlds.New(t, simulator.Options{Members: members, Transports: []string{transport}})
	k := kitOf(t, w)
	for m, member := range w.LXD.Members() {
		// An instance makes the member's host object, and keeps it.
		if err := member.Launch(lxd.InstanceSpec{Name: fmt.Sprint("web", m), Pool: w.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
		for n := range leaks {
			if err := member.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: fmt.Sprintf("live%d-%d", m, n), Bytes: simulator.Small}); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s::u-%032x", w.Pool(), 0xfeed00+m*leaks+n)
			if _, err := w.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{}); err != nil {
				t.Fatal(err)
			}
			object := ""
			for _, h := range w.Array.Hosts() {
				if strings.HasPrefix(h.Name, member.Name+"-") {
					object = h.Name
				}
			}
			if err := w.Array.Connect(object, name, 0); err != nil {
				t.Fatal(err)
			}
		}
		w.Hosts[m].Rescan()
	}
	w.Age(50 * time.Hour)
	k.sight()
	w.Age(50 * time.Hour)
	k.markLive()
	return k
}

// inWaves are tools for a batch of all leaks, and the plans for it.
func (k *kit) inWaves(size int) (Tools, []Plan) {
	k.t.Helper()
	tools := k.tools()
	tools.WaveSize, tools.Policy.MaxShare = size, 1
	if len(k.world.Hosts) > 1 {
		k.everyHost(&tools)
	}
	world, err := tools.Look(context.Background(), evidence.Scope{})
	if err != nil {
		k.t.Fatal(err)
	}
	var plans []Plan
	for _, f := range tools.withDefaults().judge(world, tools.Policy).Findings {
		if f.Code != "leaked-volume" {
			continue
		}
		p, err := NewPlan(world, tools.Policy, f, k.world.Clock.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		plans = append(plans, p)
	}
	return tools, plans
}

// everyHost adds what the other members' machines say.
func (k *kit) everyHost(tools *Tools) {
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := k.look(ctx, about)
		for _, h := range k.world.Hosts[1:] {
			w.Hosts = append(w.Hosts, devices.Observe(ctx, h.System()))
		}
		return w, err
	}
}

// all is so many words.
func all(n int, word string) []string { return slices.Repeat([]string{word}, n) }

// TestWave: the first volume goes alone, the others together. They wait once,
// and most looks are for all of them.
func TestWave(t *testing.T) {
	for _, transport := range []string{evidence.ModeISCSI, evidence.ModeNVMeTCP} {
		t.Run(transport, func(t *testing.T) {
			const size = 5
			k := leakedOn(t, 1, 1+2*size, transport)
			tools, plans := k.inWaves(size)
			slept, looks, first := time.Duration(0), 0, time.Duration(0)
			tools.Sleep = func(ctx context.Context, d time.Duration) error {
				slept += d
				return k.sleep(ctx, d)
			}
			look := tools.Look
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				looks++
				return look(ctx, about)
			}
			tools.Report = func(e Event) {
				if e.Phase == Counted && e.N == 1 {
					first, slept, looks = slept, 0, 0
				}
			}
			rows, err := tools.Batch(context.Background(), plans)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(all(1+2*size, "done"), outcomes(rows)); diff != "" {
				t.Errorf("%s\n%+v", diff, rows)
			}
			t.Logf("the first waited %s, two waves %s with %d looks", first, slept, looks)
			for _, r := range rows {
				if k.state(r.Result.Run) != journal.Finished {
					t.Errorf("run %s is %s", r.Result.Run, k.state(r.Result.Run))
				}
			}
			k.noHarm()
		})
	}
}
