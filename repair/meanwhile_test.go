package repair

import (
	"context"
	"testing"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
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
	blind.Look = func(ctx context.Context) (w evidence.World, err error) {
		w, err = look(ctx)
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
