package repair

import (
	"context"
	"errors"
	"testing"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// waitedFor are machines that answer, and then the look still waits for another.
type waitedFor struct {
	*machines
	meanwhile func()
}

func (w waitedFor) Ask(ctx context.Context, member string) evidence.Host {
	said := w.machines.Ask(ctx, member)
	w.meanwhile()
	return said
}

// TestUsedWhileAMachineIsWaitedFor: in the last look before a disconnect LXD has
// answered, the member's machine has, and another takes its time. Meanwhile LXD
// starts on that member the container whose connection is stale. LXD is asked
// again what it has begun, and nothing is cut.
func TestUsedWhileAMachineIsWaitedFor(t *testing.T) {
	k := newKit(t, "member-died")
	second := k.world.LXD.Members()[1]
	tools, all := k.acrossMembers()
	at, taken := "", false
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		r := k.reach()
		r.fleet = waitedFor{all, func() {
			if at != StepDisconnect || taken {
				return
			}
			taken = true
			if err := errors.Join(second.MoveInstance("", "web1", second.Name), second.StartInstance("", "web1")); err != nil {
				t.Error(err)
			}
		}}
		return r.look(ctx, &k.watch, about, k.world.Hosts[0].System(), k.world.Clock.Now, k.sleep)
	}
	tools.record = func(r *journal.Run, record journal.Record) error {
		if record.What == journal.WhatBefore {
			at = record.StepKind
		}
		return r.Append(record)
	}
	plan := k.planSeen(tools, "stale-connection", func(Plan) bool { return true })
	result, err := tools.Run(context.Background(), plan)
	var refused *RefusedError
	if !taken || !errors.As(err, &refused) || result.Changed {
		t.Errorf("taken %v: %+v, %v", taken, result, err)
	}
	if k.connectedTo(plan.Object) != plan.Host || !k.world.Hosts[1].InUse(string(plan.Serial)) {
		t.Errorf("connected to %s, in use %v", k.connectedTo(plan.Object), k.world.Hosts[1].InUse(string(plan.Serial)))
	}
}
