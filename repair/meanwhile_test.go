package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
)

// TestBatchRepairsBothHalves: once the first half of an image is destroyed,
// the other is a leaked half and no leaked image any more. It is the same
// leftover.
func TestBatchRepairsBothHalves(t *testing.T) {
	k := newKit(t, "vm-image-each-launch")
	tools := k.tools()
	plans := k.plans(tools)
	if len(plans) != 2 {
		t.Fatalf("%d plans", len(plans))
	}
	for _, plan := range plans {
		result, err := tools.Run(context.Background(), plan)
		if err != nil || result.Outcome != journal.Done {
			t.Fatalf("%s: %+v, %v", plan.Object, result, err)
		}
	}
	for _, plan := range plans {
		if destroyed, _ := k.volume(plan.Object); !destroyed {
			t.Errorf("%s is not destroyed", plan.Object)
		}
	}
	k.noHarm()
}

// TestResumeWhatSomebodyElseFinished: a run is interrupted, and before it is
// resumed an administrator deletes the volume. The run ends as done; only
// while something is left, or can't be seen, it stays interrupted.
func TestResumeWhatSomebodyElseFinished(t *testing.T) {
	k := newKit(t, "rollback-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	tools.record = func(r *journal.Run, record journal.Record) error {
		if record.What == journal.WhatBefore && record.StepKind == StepDestroy {
			panic(killed{})
		}
		return r.Append(record)
	}
	if !untilKilled(func() { _, _ = tools.Run(context.Background(), plan) }) {
		t.Fatal("it was not killed")
	}
	k.crash()
	id := k.interrupted()
	for _, do := range []func(string) error{k.world.Array.DestroyVolume, k.world.Array.Eradicate} {
		if err := do(plan.Object); err != nil {
			t.Fatal(err)
		}
	}
	blind := k.tools()
	look := blind.Look
	blind.Look = func(ctx context.Context, about evidence.Scope) (w evidence.World, err error) {
		w, err = look(ctx, about)
		w.Arrays[0].Volumes = w.Arrays[0].Volumes.Doubt("a page was refused")
		return w, err
	}
	if _, err := blind.Resume(context.Background(), id); err == nil || k.state(id) != journal.Interrupted {
		t.Fatalf("half blind: %v, %s", err, k.state(id))
	}
	result, err := k.tools().Resume(context.Background(), id)
	if err != nil || result.Outcome != journal.Done || k.state(id) != journal.Finished || len(result.State) == 0 {
		t.Fatalf("%+v, %v, %s", result, err, k.state(id))
	}
}

// named is a machine on which udev is late with the names of what has gone:
// it removes them after it was asked some times, and again after the first
// good answer.
type named struct {
	Machine
	asked *int
	late  func(asked int) bool
}

func (m named) Detached(ctx context.Context, sought []release.Sought) []release.Detachment {
	if *m.asked++; m.late(*m.asked) {
		return []release.Detachment{{Answer: evidence.No, Reasons: []string{"the name /dev/disk/by-id/wwn-0x" + string(sought[0].Serial)}}}
	}
	return m.Machine.Detached(ctx, sought)
}

func TestUdevIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name string
		late func(int) bool
		// asked is how often, for how long, and what refuses in the end.
		asked int
		took  time.Duration
		gate  string
	}{
		{"in time", func(int) bool { return false }, 2, confirmPause, ""},
		{"late", func(n int) bool { return n <= 3 }, 5, 4 * confirmPause, ""},
		{"a scan brings it back", func(n int) bool { return n == 2 }, 4, 3 * confirmPause, ""},
		{"never", func(int) bool { return true }, 13, confirmPatience, needDetached},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			tools := k.tools()
			asked := 0
			tools.Machine = func(member string) (Machine, bool) {
				m, ok := k.machine(member)
				return named{m, &asked, c.late}, ok
			}
			var began, ended time.Time
			var waits []string
			tools.Report = func(e Event) {
				switch {
				case e.Step.Kind == StepConfirm && e.Phase == Waits:
					waits = append(waits, e.Text)
				case e.Step.Kind == StepConfirm && e.Phase == Begins:
					began = k.world.Clock.Now()
				case e.Step.Kind == StepConfirm && e.Phase == Ended:
					ended = k.world.Clock.Now()
				}
			}
			result, err := tools.Run(context.Background(), plan)
			if result.Gate != c.gate || (err == nil) != (c.gate == "") || asked != c.asked || ended.Sub(began) != c.took {
				t.Errorf("asked %d times in %s; %+v, %v", asked, ended.Sub(began), result, err)
			}
			if destroyed, _ := k.volume(plan.Object); destroyed != (c.gate == "") {
				t.Errorf("destroyed is %v", destroyed)
			}
			// What it waits for is told once, and not at each look.
			want := []string{"wait, for a minute at most: lxd01: the name /dev/disk/by-id/wwn-0x" + string(plan.Serial)}
			if c.name == "in time" {
				want = nil
			}
			if len(waits) != len(want) || len(want) > 0 && (!strings.HasPrefix(waits[0], want[0]+" (until ") || !strings.HasSuffix(waits[0], " UTC)")) {
				t.Errorf("told %q", waits)
			}
		})
	}
}

// TestTakenIntoUseMeanwhile: when one of two paths is deleted, LXD takes the
// copy of a snapshot that it had forgotten into use again. The run stops, and
// the other path does not stay offline: it runs again where the array connects
// the copy at the number that it had, and is deleted where another volume has
// that number by now.
func TestTakenIntoUseMeanwhile(t *testing.T) {
	for _, moved := range []bool{false, true} {
		k := newKit(t, "killed-in-export-iscsi")
		plan := k.plan("leaked-snapshot-volume")
		tools := k.tools()
		pool, h := k.world.Pool(), k.world.Hosts[0]
		var began error
		h.FailWrites(func(call string, _ int) error {
			if !strings.HasPrefix(call, "after DeleteDisk") {
				return nil
			}
			h.FailWrites(nil)
			if moved {
				_, failed := k.world.Array.CreateVolume("other", simulator.Small, array.VolumeOptions{})
				began = errors.Join(failed, k.world.Array.Connect(plan.Steps[1].HostObject, "other", 0))
			}
			_, failed := k.world.LXD.StartExport(pool, "", "data")
			began = errors.Join(began, failed)
			return nil
		})
		result, err := tools.Run(context.Background(), plan)
		if err == nil || began != nil || result.Gate != "devices" || !slices.Contains(result.State, "on lxd01 no path stays offline: the array connects it again") {
			t.Fatalf("moved %v: %+v, %v, %v", moved, result, err, began)
		}
		if destroyed, _ := k.volume(plan.Object); destroyed || !h.InUse(string(plan.Serial)) {
			t.Errorf("moved %v: destroyed %v", moved, destroyed)
		}
		paths := 2 // a map and the path that LXD found
		if !moved {
			paths = 3
		}
		if all := h.DevicesOf(string(plan.Serial)); len(all) != paths {
			t.Errorf("moved %v: %v", moved, all)
		}
		if strays, idle := h.Strays(), h.Bystanders(string(plan.Serial)); len(strays)+len(idle) > 0 {
			t.Errorf("moved %v: strays %+v, offline %v", moved, strays, idle)
		}
	}
}

// TestTakingBackLooksForNothing: after the first of two paths is offline, another
// volume gets their number, and the look has grown old. The first one is let run
// again, leads to that volume, and is deleted at once: not after one more look, for
// which it would run.
func TestTakingBackLooksForNothing(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	leak, server := k.finding("leaked-volume").Object, k.world.Array.Hosts()[0].Name
	for _, err := range []error{k.world.Array.Disconnect(server, leak), k.world.Array.DestroyVolume(leak), k.world.Array.Eradicate(leak)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	k.world.Age(48 * time.Hour)
	plan, h, tools := k.plan("stale-map"), k.world.Hosts[0], k.tools()
	var happened []string
	look := tools.Look
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		happened = append(happened, "look")
		return look(ctx, about)
	}
	var failed error
	h.FailWrites(func(call string, _ int) error {
		if !strings.HasPrefix(call, "after ") {
			return nil
		}
		if strings.HasPrefix(call, "after SetState") && !slices.ContainsFunc(happened, func(s string) bool { return strings.HasPrefix(s, "after SetState") }) {
			_, err := k.world.Array.CreateVolume("other", simulator.Small, array.VolumeOptions{})
			failed = errors.Join(err, k.world.Array.Connect(server, "other", 0))
			k.world.Clock.Advance(freshFor + time.Second)
		}
		happened = append(happened, call)
		return nil
	})
	result, err := tools.Run(context.Background(), plan)
	if err == nil || failed != nil {
		t.Fatalf("%+v, %v, %v", result, err, failed)
	}
	ran := slices.Index(happened, "after SetState sdc") + 1 // where it was set offline
	ran += slices.Index(happened[ran:], "after SetState sdc")
	if ran+1 >= len(happened) || happened[ran+1] != "after DeleteDisk sdc" {
		t.Errorf("%q", happened)
	}
}
