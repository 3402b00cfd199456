package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// TestLanes: whatever touches something in common is in one lane, in order.
func TestLanes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "plans")
		touches := make([][]string, n)
		order := make([]int, n)
		for i := range n {
			order[i] = i
			touches[i] = rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 0, 2).Draw(t, "touches")
		}
		lane := map[int]int{}
		for l, plans := range lanes(order, func(i int) []string { return touches[i] }) {
			for _, i := range plans {
				if _, twice := lane[i]; twice {
					t.Fatalf("%d is in two lanes", i)
				}
				lane[i] = l
			}
		}
		if len(lane) != n {
			t.Fatalf("%d of %d plans have a lane", len(lane), n)
		}
		for i := range n {
			for j := range i {
				if lane[i] != lane[j] && slices.ContainsFunc(touches[i], func(s string) bool { return slices.Contains(touches[j], s) }) {
					t.Fatalf("%d and %d touch something in common: %v, %v", i, j, touches[i], touches[j])
				}
			}
		}
	})
}

// leakedOn makes a cluster of that many members, each with so many leaks
// connected and with devices, and lets it age.
func leakedOn(t *testing.T, members, leaks int) *kit {
	t.Helper()
	w := worlds.New(t, simulator.Options{Members: members})
	k := kitOf(t, w)
	for m, member := range w.LXD.Members() {
		// An instance makes the member's host object, and keeps it.
		if err := member.Launch(lxd.InstanceSpec{Name: fmt.Sprint("web", m), Pool: w.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
		for n := range leaks {
			name := fmt.Sprintf("%s::u-%032x", w.Pool(), 0xfeed00+m*leaks+n)
			if _, err := w.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := w.Array.Connect(member.Name+"-iscsi", name, 0); err != nil {
				t.Fatal(err)
			}
		}
		w.Hosts[m].Rescan()
	}
	w.Age(50 * time.Hour)
	k.markLive()
	return k
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

// TestBatchInParallel: runs on different members overlap, those on one member
// never do.
func TestBatchInParallel(t *testing.T) {
	k := leakedOn(t, 3, 2)
	tools := k.tools()
	k.everyHost(&tools)
	tools.Policy.MaxShare = 1
	tools.Parallel = 4
	world, err := tools.Look(context.Background(), evidence.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	var plans []Plan
	for _, f := range tools.withDefaults().judge(world, tools.Policy).Findings {
		if f.Code != "leaked-volume" {
			continue
		}
		k.world.Seen = append(k.world.Seen, evidence.Sighting{ArrayID: f.ArrayID, VolumeID: f.VolumeID, Leaked: k.world.Clock.Now().Add(-time.Hour)})
		p, err := NewPlan(world, tools.Policy, f, k.world.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		plans = append(plans, p)
	}
	if len(plans) != 6 {
		t.Fatalf("%d plans", len(plans))
	}
	var mu sync.Mutex
	busy := map[string]string{} // machines, and the object worked on
	most := 0
	tools.Report = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Step.Member == "" {
			return
		}
		switch e.Phase {
		case Begins:
			if other := busy[e.Step.Member]; other != "" && other != e.Run {
				t.Errorf("%s is worked on by runs %s and %s", e.Step.Member, other, e.Run)
			}
			busy[e.Step.Member] = e.Run
			most = max(most, len(busy))
		case Ended:
			if e.Step.Kind == StepClear {
				delete(busy, e.Step.Member)
			}
		}
	}
	// Two lanes meet in a wait, or never.
	var met sync.WaitGroup
	met.Add(2)
	var once sync.Map
	tools.Machine = func(member string) (Machine, bool) {
		return k.local(member, func(ctx context.Context, d time.Duration) error {
			if _, again := once.LoadOrStore(member, true); !again && member != plans[0].Steps[0].Member {
				met.Done()
				met.Wait()
			}
			return k.sleep(ctx, d)
		})
	}
	rows, err := tools.Batch(context.Background(), plans)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(strings.Repeat("done ", 6)), outcomes(rows)); diff != "" {
		t.Errorf("%s\n%+v", diff, rows)
	}
	if most < 2 {
		t.Errorf("%d machines were worked on at once", most)
	}
	k.noHarm()
}
