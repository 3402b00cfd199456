package repair

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/host"
)

// machines are those of the other members, and how often each was asked.
type machines struct {
	k     *kit
	mu    sync.Mutex
	asked map[string]int
}

func (m *machines) Ask(ctx context.Context, member string) evidence.Host {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[member]++
	for _, h := range m.k.world.Hosts {
		if h.Name() == member {
			said := devices.Observe(ctx, h.System())
			said.Name = member
			return said
		}
	}
	return evidence.Host{Source: evidence.Source{Name: member, Trouble: "there is no such machine"}}
}

// acrossMembers are tools that ask the machines of all members, as a command does.
func (k *kit) acrossMembers() (Tools, *machines) {
	m := &machines{k: k, asked: map[string]int{}}
	tools := k.tools()
	tools.Policy.MaxShare = 1
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		r := k.reach()
		r.fleet = m
		return r.look(ctx, &k.watch, about, k.world.Hosts[0].System(), k.world.Clock.Now, k.sleep)
	}
	return tools, m
}

// ownLeak is the plan for the leak of the first member.
func (k *kit) ownLeak(tools Tools) Plan {
	k.t.Helper()
	return k.planSeen(tools, "leaked-volume", func(p Plan) bool { return p.Steps[0].Member == k.world.Hosts[0].Name() })
}

// planSeen is the plan for the first finding of the code that a look of the tools
// gives, and that is wanted.
func (k *kit) planSeen(tools Tools, code string, wanted func(Plan) bool) Plan {
	k.t.Helper()
	world, err := tools.Look(context.Background(), evidence.Scope{})
	if err != nil {
		k.t.Fatal(err)
	}
	for _, f := range tools.withDefaults().judge(world, tools.Policy).Findings {
		if f.Code != code {
			continue
		}
		p, err := NewPlan(world, tools.Policy, f, k.world.Clock.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		if wanted(p) {
			return p
		}
	}
	k.t.Fatalf("it has no %s", code)
	return Plan{}
}

// TestMembersThatHaveNothing: of a cluster in which one member has the volume,
// the others are asked before anything begins, before it is destroyed, and at the
// end; and twice whether anything is left.
func TestMembersThatHaveNothing(t *testing.T) {
	k := leakedOn(t, 3, 1, evidence.ModeISCSI)
	tools, asked := k.acrossMembers()
	plan := k.ownLeak(tools)
	clear(asked.asked)
	result, err := tools.Run(context.Background(), plan)
	if err != nil || result.Outcome != journal.Done {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, h := range k.world.Hosts[1:] {
		if n := asked.asked[h.Name()]; n != 3 {
			t.Errorf("%s was asked %d times", h.Name(), n)
		}
	}
	k.noHarm()
}

// booted is a machine that works only for whoever has looked at it since it was
// booted, as another member's does.
type booted struct {
	Machine
	since func() bool
}

func (m booted) Detached(ctx context.Context, sought []release.Sought) []release.Detachment {
	if !m.since() {
		return []release.Detachment{{Answer: evidence.Unknown, Reasons: []string{"it was booted since"}}}
	}
	return m.Machine.Detached(ctx, sought)
}

// TestMemberThatWasBootedMeanwhile: a member that had nothing is looked at again
// once it did not confirm that nothing is left there.
func TestMemberThatWasBootedMeanwhile(t *testing.T) {
	k := leakedOn(t, 2, 1, evidence.ModeISCSI)
	tools, asked := k.acrossMembers()
	plan, other := k.ownLeak(tools), k.world.Hosts[1].Name()
	before := -1
	tools.Report = func(e Event) {
		if e.Step.Kind == StepConfirm && e.Phase == Begins {
			before = asked.asked[other]
		}
	}
	machine := tools.Machine
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := machine(member)
		return booted{m, func() bool { return member != other || asked.asked[other] > before }}, ok
	}
	result, err := tools.Run(context.Background(), plan)
	if err != nil || result.Outcome != journal.Done || before < 0 {
		t.Errorf("asked %d times before, %d in all: %+v, %v", before, asked.asked[other], result, err)
	}
	k.noHarm()
}

// TestUsedOnAnotherMemberMeanwhile: at any moment of a run somebody takes the volume
// into use on a member that had nothing of it, and is cut off there again or not.
// It is not destroyed, and a connection that is used is not cut.
func TestUsedOnAnotherMemberMeanwhile(t *testing.T) {
	t.Parallel()
	for _, cutOff := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut off %v", cutOff), func(t *testing.T) {
			moments := 0
			for at, over := 1, false; !over; at++ {
				k := leakedOn(t, 2, 1, evidence.ModeISCSI)
				tools, _ := k.acrossMembers()
				plan := k.ownLeak(tools)
				there, object := k.world.Hosts[1], ""
				for _, h := range k.world.Array.Hosts() {
					if h.Name != plan.Steps[1].HostObject {
						object = h.Name
					}
				}
				n := 0
				tools.record = func(r *journal.Run, record journal.Record) error {
					if n++; n == at && record.What != journal.WhatEnd && record.StepKind != StepVerify && !(record.StepKind == StepDestroy && record.What == journal.WhatAfter) {
						if err := k.world.Array.Connect(object, plan.Object, 0); err != nil {
							t.Fatal(err)
						}
						there.Rescan()
						if err := there.Mount(string(plan.Serial), "/mnt/rescue", host.FirstNamespace); err != nil {
							t.Fatal(err)
						}
						if cutOff {
							if err := k.world.Array.Disconnect(object, plan.Object); err != nil {
								t.Fatal(err)
							}
						}
						moments++
					} else if n == at {
						over = true
					}
					return r.Append(record)
				}
				result, err := tools.Run(context.Background(), plan)
				if over {
					if result.Outcome != journal.Done {
						t.Errorf("undisturbed: %+v, %v", result, err)
					}
					break
				}
				if destroyed, _ := k.volume(plan.Object); destroyed || result.Outcome == journal.Done {
					t.Errorf("used at record %d: destroyed %v, %+v, %v", at, destroyed, result, err)
				}
				connected := false
				for _, c := range k.world.Array.Connections() {
					connected = connected || c.Volume == plan.Object && c.Host == object
				}
				if connected == cutOff || !there.InUse(string(plan.Serial)) {
					t.Errorf("used at record %d: connected %v, in use %v", at, connected, there.InUse(string(plan.Serial)))
				}
				k.noHarm()
			}
			if moments < 8 {
				t.Errorf("only %d moments", moments)
			}
		})
	}
}
