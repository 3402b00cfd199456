package repair

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
)

// TestReportedCase is the case that the project began with, from end to end:
// LXD waits for a device, gives up, can't delete what is connected, and
// forgets it.
func TestReportedCase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		steps    []string
	}{
		{"device-too-late-iscsi", []string{StepRelease, StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify}},
		{"device-too-late-nvme", []string{StepProveIdle, StepDisconnect, StepAwait, StepConfirm, StepDestroy, StepVerify}},
		{"device-never-iscsi", []string{StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify}},
		{"device-never-nvme", []string{StepDisconnect, StepAwait, StepConfirm, StepDestroy, StepVerify}},
		{"unmap-refused-iscsi", []string{StepRelease, StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify}},
		{"create-reply-lost-iscsi", []string{StepConfirm, StepDestroy, StepVerify}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			k := newKit(t, c.scenario)
			k.wrap = nil // a real network
			ctx := context.Background()
			plan := k.plan("leaked-volume")
			if diff := cmp.Diff(c.steps, kinds(plan)); diff != "" {
				t.Fatal(diff)
			}
			connected := k.connections(plan.Object)
			usage := k.provisioned()
			result, err := k.tools().Run(ctx, plan)
			if err != nil {
				t.Fatal(err)
			}
			if result.Outcome != journal.Done || result.Until.IsZero() || !result.Until.After(k.world.Clock.Now()) {
				t.Errorf("%+v", result)
			}
			if destroyed, there := k.volume(plan.Object); !destroyed || !there {
				t.Errorf("destroyed %v, there %v", destroyed, there)
			}
			if got := k.codes(); slices.Contains(got, "leaked-volume") || slices.Contains(got, "ghost-path") {
				t.Errorf("scan finds %v", got)
			}
			if now := k.provisioned(); now >= usage {
				t.Errorf("the pool had %d bytes provisioned and has %d", usage, now)
			}
			if left := k.world.Hosts[0].DevicesOf(string(plan.Serial)); len(left) > 0 {
				t.Errorf("devices left: %v", left)
			}
			world, _ := k.scan()
			if proof := Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}); !proof.Gone.Is() {
				t.Errorf("%+v", proof)
			}
			k.noHarm()
			if state := k.state(result.Run); state != journal.Finished {
				t.Errorf("the run is %s", state)
			}

			undone, err := k.tools().Undo(ctx, result.Run)
			if err != nil {
				t.Fatal(err)
			}
			if undone.Outcome != journal.Done {
				t.Errorf("%+v", undone)
			}
			if destroyed, there := k.volume(plan.Object); destroyed || !there || k.connections(plan.Object) != connected {
				t.Errorf("after undo: destroyed %v, there %v, %d connections", destroyed, there, k.connections(plan.Object))
			}
			if state := k.state(result.Run); state != journal.Undone {
				t.Errorf("the run is %s", state)
			}
			if got := k.codes(); !slices.Contains(got, "leaked-volume") {
				t.Errorf("after undo, scan finds %v", got)
			}
			world, _ = k.scan()
			if proof := Verify(world, Target{Name: plan.Object}); proof.Gone != evidence.No {
				t.Errorf("%+v", proof)
			}
		})
	}
}

// provisioned are the bytes of the live volumes; quota is what the pods count,
// in which the array keeps what is destroyed until it is eradicated.
func (k *kit) provisioned() int64 {
	world, _ := k.scan()
	sum := int64(0)
	for _, v := range world.Arrays[0].Volumes.Items {
		if v.Destroyed.IsNot() {
			sum += v.Provisioned
		}
	}
	return sum
}

func (k *kit) quota() int64 {
	world, _ := k.scan()
	sum := int64(0)
	for _, pod := range world.Arrays[0].Pods.Items {
		sum += pod.Provisioned.N
	}
	return sum
}

// TestScenarios repairs whatever can be repaired in each scenario, one finding
// after the other, and nothing that lives is touched.
func TestScenarios(t *testing.T) {
	repaired := 0
	for _, s := range simulator.Scenarios() {
		if s.Options.Members > 1 || blocked[s.Name] || (!everything && !typical[s.Name]) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			k := newKit(t, s.Name)
			tools := k.tools()
			loggedIn := map[string]bool{}
			for range 10 {
				plans := slices.DeleteFunc(k.plans(tools), func(p Plan) bool { return loggedIn[p.Object] })
				if len(plans) == 0 {
					break
				}
				if i := slices.IndexFunc(plans, func(p Plan) bool { return p.Class == diagnose.ClassWaiting }); i > 0 {
					plans[0] = plans[i] // what waits is in the way of all else
				}
				tools.Typed = plans[0].Object
				result, err := tools.Run(context.Background(), plans[0])
				if plans[0].Class == diagnose.ClassArrayHost && result.Gate == "object-idle" && !result.Changed {
					// The member is still logged in with its array host.
					loggedIn[plans[0].Object] = true
					continue
				}
				if s.Name == "namespace-left" && err != nil && !result.Changed {
					// A controller that is not connected can't hear that the
					// namespace has gone, until it gives up.
					k.world.Age(15 * time.Minute)
					break
				}
				if err != nil {
					t.Fatalf("%s %s: %v (%+v)", plans[0].Code, plans[0].Object, err, result)
				}
				if result.Outcome != journal.Done || k.state(result.Run) != journal.Finished {
					t.Fatalf("%+v", result)
				}
				if plans[0].Class == diagnose.ClassWaiting {
					k.markLive() // whoever waited in it has been told that there is nothing to read
				}
				repaired++
			}
			for _, code := range k.codes() {
				// A copy that nothing connects is left to LXD, and an array host
				// goes only when somebody asks for it.
				if class := classOf(code); class != diagnose.ClassReport && class != diagnose.ClassArrayHost && code != codeCopy {
					t.Errorf("%s is still found", code)
				}
			}
			k.noHarm()
		})
	}
	if least := map[bool]int{true: 30, false: 7}[everything]; repaired < least {
		t.Errorf("only %d were repaired", repaired)
	}
}

// typical are the scenarios of the short lane.
var typical = map[string]bool{
	"healthy-iscsi": true, "half-left-nvme": true, "image-each-launch": true, "killed-before-copy-is-mapped-iscsi": true,
	"killed-in-refresh": true, "map-left": true, "paths-left": true, "namespace-left": true, "power-failure-nvme": true,
}

// blocked are the scenarios in which something must not be repaired.
var blocked = map[string]bool{"lun-reused": true, "held-in-namespace": true, "names-left": true}

func TestSnapshotCanBeDeletedAfterFix(t *testing.T) {
	for _, scenario := range []string{"killed-in-export-iscsi", "killed-in-export-nvme"} {
		t.Run(scenario, func(t *testing.T) {
			k := newKit(t, scenario)
			pool := k.world.Pool()
			if err := k.world.LXD.DeleteVolumeSnapshot(pool, "", "data", "daily0"); err == nil {
				t.Fatal("LXD could delete the snapshot before")
			}
			plan := k.plan("leaked-snapshot-volume")
			result, err := k.tools().Run(context.Background(), plan)
			if err != nil {
				t.Fatal(err)
			}
			// LXD itself deletes the copy, and could not if it were destroyed.
			if destroyed, there := k.volume(plan.Object); destroyed || !there || k.connections(plan.Object) != 0 || !result.Until.IsZero() {
				t.Errorf("destroyed %v, there %v, %d connections", destroyed, there, k.connections(plan.Object))
			}
			world, report := k.scan()
			for _, f := range report.Findings {
				if _, err := NewPlan(world, diagnose.DefaultPolicy(), f, k.world.Clock.Now()); f.Code == codeCopy && !errors.Is(err, ErrNoRemedy) {
					t.Errorf("it could be repaired again: %v", err)
				}
			}
			if err := k.world.LXD.DeleteVolumeSnapshot(pool, "", "data", "daily0"); err != nil {
				t.Error(err)
			}
			k.noHarm()
		})
	}
}

func TestVolumeCanBeDeletedAfterFix(t *testing.T) {
	for _, scenario := range []string{"killed-while-waiting-iscsi", "killed-while-waiting-nvme"} {
		t.Run(scenario, func(t *testing.T) {
			k := newKit(t, scenario)
			plan := k.plan("stale-connection")
			result, err := k.tools().Run(context.Background(), plan)
			if err != nil {
				t.Fatal(err)
			}
			if destroyed, there := k.volume(plan.Object); destroyed || !there || k.connections(plan.Object) != 0 {
				t.Errorf("destroyed %v, there %v, %d connections", destroyed, there, k.connections(plan.Object))
			}
			k.noHarm()
			if undone, err := k.tools().Undo(context.Background(), result.Run); err != nil || k.connections(plan.Object) != 1 {
				t.Errorf("undo: %+v, %v, %d connections", undone, err, k.connections(plan.Object))
			}
			if _, err := k.tools().Run(context.Background(), k.plan("stale-connection")); err != nil {
				t.Fatal(err)
			}
			if err := k.world.LXD.DeleteVolume(k.world.Pool(), "", "data"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIdleHostIsDeletedWhenAskedFor(t *testing.T) {
	k := newKit(t, "host-not-deleted-iscsi")
	plan := k.plan("idle-host")
	rows, err := k.tools().Batch(context.Background(), []Plan{plan})
	if err != nil || rows[0].NotTried == "" {
		t.Errorf("a batch tried it: %+v, %v", rows, err)
	}
	tools := k.tools()
	tools.Typed = plan.Object
	result, err := tools.Run(context.Background(), plan)
	if err != nil || result.Outcome != journal.Done {
		t.Fatal(result, err)
	}
	if slices.Contains(k.codes(), "idle-host") {
		t.Error("it is still there")
	}
}
