package repair

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// withoutTrail lets the array keep its audit trail from us.
func withoutTrail(t Tools) Tools {
	look := t.Look
	t.Look = func(ctx context.Context, scope evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, scope)
		w.Arrays = slices.Clone(w.Arrays)
		for i := range w.Arrays {
			w.Arrays[i].Trails = nil
		}
		return w, err
	}
	return t
}

// TestRecoveredIsNotDestroyedAgain: what a run destroyed and somebody recovered
// stays, in a batch whatever is said, alone unless the operator answers for it.
// The journal alone shows it, and so does the array's audit trail alone.
func TestRecoveredIsNotDestroyedAgain(t *testing.T) {
	for name, of := range map[string]func(*kit) Tools{
		"by the journal": func(k *kit) Tools { return withoutTrail(k.tools()) },
		"by the trail": func(k *kit) Tools {
			k.dir = t.TempDir()
			k.crash() // into an empty journal
			return k.tools()
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, "rollback-refused-iscsi")
			plan := k.plan("leaked-volume")
			if result, err := k.tools().Run(context.Background(), plan); err != nil || result.Outcome != journal.Done {
				t.Fatalf("%+v, %v", result, err)
			}
			if err := k.world.Array.Recover(plan.Object); err != nil {
				t.Fatal(err)
			}
			k.world.Age(30 * time.Hour)
			tools := of(k)
			again := k.plan("leaked-volume")
			result, err := tools.Run(context.Background(), again)
			if result.Outcome != journal.Refused || result.Gate != "explained" || result.Changed {
				t.Fatalf("%+v, %v", result, err)
			}
			tools.Policy.EvenIfRecovered = true
			tools.Policy.Batch = true
			if result, err := tools.Run(context.Background(), again); result.Outcome == journal.Done {
				t.Fatalf("in a batch: %+v, %v", result, err)
			}
			if destroyed, there := k.volume(plan.Object); destroyed || !there {
				t.Fatal("it was destroyed again")
			}
			tools.Policy.Batch = false
			result, err = tools.Run(context.Background(), again)
			if err != nil || result.Outcome != journal.Done {
				t.Fatalf("with the operator's word: %+v, %v", result, err)
			}
			if begin := k.records(result.Run)[0]; !begin.EvenIfRecovered {
				t.Error("the operator's word is not in the journal")
			}
		})
	}
}

// TestUndoneIsNoRecovery: our own undo brings it back for the next repair by
// itself, and no batch takes it: who took it back wants it.
func TestUndoneIsNoRecovery(t *testing.T) {
	k := newKit(t, "rollback-refused-iscsi")
	result, err := k.tools().Run(context.Background(), k.plan("leaked-volume"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.tools().Undo(context.Background(), result.Run); err != nil {
		t.Fatal(err)
	}
	k.world.Hosts[0].Rescan()
	rows, err := k.tools().Batch(context.Background(), []Plan{k.plan("leaked-volume")})
	if err != nil || rows[0].Result.Gate != "explained" || rows[0].Result.Changed || !strings.Contains(rows[0].Result.Why, "run "+result.Run+" destroyed it, and undo ") {
		t.Fatalf("a batch: %+v, %v", rows, err)
	}
	if destroyed, there := k.volume(k.plan("leaked-volume").Object); destroyed || !there {
		t.Fatal("a batch destroyed it again")
	}
	again, err := k.tools().Run(context.Background(), k.plan("leaked-volume"))
	if err != nil || again.Outcome != journal.Done {
		t.Fatalf("%+v, %v", again, err)
	}
}

// TestClearedBesideAFingerprint: what would keep a volume from being destroyed
// does not leave its dead paths behind once the array has disconnected it.
func TestClearedBesideAFingerprint(t *testing.T) {
	k := newKit(t, "device-too-late-iscsi")
	plan := k.plan("leaked-volume")
	if v, _ := k.world.Array.Volume(plan.Object); !slices.Contains(kinds(plan), StepClear) || len(k.world.Hosts[0].DevicesOf(v.Serial)) == 0 {
		t.Fatalf("nothing is to be cleared: %v", kinds(plan))
	}
	tools := withoutTrail(k.tools())
	record := tools.withDefaults().record
	tools.record = func(r *journal.Run, line journal.Record) error {
		if line.What == journal.WhatAfter && line.StepKind == StepDisconnect {
			k.world.LXD.PutVolume(lxd.Volume{
				Pool: k.world.Pool(), Type: evidence.TypeCustom, Name: "old", Content: evidence.ContentFilesystem, Created: k.world.Clock.Now().Add(-100 * time.Hour),
			})
		}
		return record(r, line)
	}
	result, err := tools.Run(context.Background(), plan)
	if result.Gate != "explained" || result.Outcome == journal.Done {
		t.Fatalf("%+v, %v", result, err)
	}
	v, _ := k.world.Array.Volume(plan.Object)
	if left := k.world.Hosts[0].DevicesOf(v.Serial); len(left) > 0 || v.Destroyed {
		t.Errorf("left %v, destroyed %v", left, v.Destroyed)
	}
}
