package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// confirmPause lies between the two looks that confirm a detachment: a scan
// that was under way brings a device back within seconds.
const confirmPause = 5 * time.Second

// confirmPatience is how long a host may still have something of the volume: on
// a busy one, udev takes its time to remove the names of a device that has gone.
const confirmPatience = time.Minute

// machine is what acts on one member's devices, with the journal told of each
// write.
func (r *run) machine(ctx context.Context, member string) (Machine, release.Callbacks, error) {
	machine, ok := r.t.Machine(member)
	if !ok {
		return nil, release.Callbacks{}, fmt.Errorf("the devices of %s can't be changed from here", member)
	}
	world := r.latest.world
	return machine, release.Callbacks{
		Note: func(a release.Action) error {
			if err := r.note(member, a); err != nil {
				return err
			}
			return r.stillHolds(ctx, a)
		},
		Elsewhere: func(use evidence.Use) bool { return usedByAnother(world, use, r.plan) },
		Sleep:     r.t.Sleep,
	}, nil
}

func doRelease(ctx context.Context, r *run, s Step) error {
	machine, callbacks, err := r.machine(ctx, s.Member)
	if err != nil {
		return err
	}
	task := release.Task{Serial: r.plan.Serial, Expect: expect(r.latest.subject, s.Member), Callbacks: callbacks}
	return r.with(ctx, machine, release.TaskRelease, task, func() error {
		_, err := machine.Release(ctx, task.Serial, task.Expect, callbacks)
		return err
	})
}

func doClear(ctx context.Context, r *run, s Step) error {
	machine, callbacks, err := r.machine(ctx, s.Member)
	if err != nil {
		return err
	}
	task := release.Task{Serial: r.plan.Serial, Released: r.releasedOn(s.Member), Callbacks: callbacks}
	err = r.with(ctx, machine, release.TaskClear, task, func() error {
		return machine.Clear(ctx, task.Serial, task.Released, callbacks)
	})
	if err == nil {
		r.forget(s.Member)
	}
	return err
}

func doRemoveStale(ctx context.Context, r *run, s Step) error {
	machine, callbacks, err := r.machine(ctx, s.Member)
	if err != nil {
		return err
	}
	task := release.Task{Serial: r.plan.Serial, Callbacks: callbacks}
	err = r.with(ctx, machine, release.TaskStale, task, func() error {
		_, err := machine.RemoveStale(ctx, task.Serial, callbacks)
		return err
	})
	if err == nil {
		r.forget(s.Member)
	}
	return err
}

func doFree(ctx context.Context, r *run, s Step) error {
	machine, callbacks, err := r.machine(ctx, s.Member)
	if err != nil {
		return err
	}
	return machine.Free(ctx, r.plan.Serial, callbacks)
}

func doDisconnect(ctx context.Context, r *run, s Step) error {
	return r.at(s).Disconnect(ctx, r.plan.Object, s.HostObject)
}

func doDestroy(ctx context.Context, r *run, s Step) error { return r.at(s).Destroy(ctx, r.plan.ID) }

func doDestroySnapshot(ctx context.Context, r *run, s Step) error {
	return r.at(s).DestroySnapshot(ctx, r.plan.ID)
}

func doDeleteHost(ctx context.Context, r *run, s Step) error {
	return r.at(s).DeleteHost(ctx, s.HostObject)
}

// doConfirm wants to see twice in a row that nothing is left: at the array,
// and on every host. The first time it has just been looked for the step itself.
// A host on which something is left is asked again for a while; what the array
// connects is not waited for.
func doConfirm(ctx context.Context, r *run, _ Step) error {
	began, told := r.t.Now(), ""
	l := r.latest
	for good := 0; ; {
		if result, why := detachedNow(r, l.subject); result != diagnose.Pass {
			return &refusal{diagnose.GateResult{Gate: needDetached, Result: result, Why: why}}
		}
		left, err := r.leftOnHosts(ctx, l)
		switch {
		case err != nil:
			return err
		case left == nil:
			good++
		case r.t.Now().Sub(began) >= confirmPatience:
			return &refusal{*left}
		default:
			good = 0
			r.near = false // a machine that was not asked may have been booted since
			if left.Why != told {
				told = left.Why
				r.waits(confirmPatience-r.t.Now().Sub(began), "wait, for a minute at most: "+told)
			}
		}
		if good == 2 {
			r.confirmed = r.t.Now()
			return nil
		}
		if err := r.t.Sleep(ctx, confirmPause); err != nil {
			return err
		}
		again, err := r.lookAgain(ctx, evidence.AnewBoth)
		if err != nil {
			return err
		}
		l = again
	}
}

// asked are the machines that must say that they have nothing of the volume:
// all, or of a volume that stays connected elsewhere those of the plan.
func (r *run) asked(l look) []string {
	var members []string
	for _, host := range l.world.Hosts {
		if r.plan.Class != diagnose.ClassDisconnect || r.touches(host.Name) {
			members = append(members, host.Name)
		}
	}
	return members
}

// doVerify reads everything once more and compares it with what was to be.
func doVerify(ctx context.Context, r *run, _ Step) error {
	l, err := r.lookAgain(ctx, evidence.AnewBoth)
	if err != nil {
		return err
	}
	for _, step := range r.plan.Steps {
		kind := r.typeOf(step.Kind)
		if kind.Confirm == nil || kind.Undo == UndoRollback {
			continue
		}
		answer, why := kind.Confirm(l.subject, step)
		if !answer.Is() {
			return fmt.Errorf("%s: %s", step.Say, why)
		}
	}
	if l.finding() != nil && !r.plan.Keeps {
		return fmt.Errorf("%s %s is still found: %s", r.plan.Code, r.plan.Object, l.finding().Detail)
	}
	if len(r.users) > 0 {
		r.said = r.untouched(l)
	}
	return nil
}

// untouched says of a volume that runs on what it was taken from, and on which
// machines it is seen to run.
func (r *run) untouched(l look) string {
	var from []string
	for _, step := range r.plan.Steps {
		if step.Kind == StepDisconnect {
			from = append(from, step.Member)
		}
	}
	said := "nothing of it on " + strings.Join(from, ", ")
	if on := diagnose.UsedOn(l.world, r.plan.Serial); len(on) > 0 {
		return said + "; in use on " + strings.Join(on, ", ")
	}
	return said + "; LXD used it on " + strings.Join(r.users, ", ") + ", and nothing is seen to use it now"
}

// refusal is a gate that did not pass while a step was done.
type refusal struct{ gate diagnose.GateResult }

func (e *refusal) Error() string {
	return fmt.Sprintf("gate %s: %s: %s", e.gate.Gate, e.gate.Result, e.gate.Why)
}

// note tells the journal of one write to a device, and remembers what was
// released.
func (r *run) note(member string, a release.Action) error {
	text, err := marshal(a)
	if err != nil {
		return err
	}
	on, err := marshal(boot{r.bootOf(member)})
	if err != nil {
		return err
	}
	record := journal.Record{
		What: journal.WhatAction, Step: r.n, StepKind: r.kind, State: on, Action: text, Error: a.Error,
		Object: &journal.Object{Machine: member, Serial: string(r.plan.Serial)},
	}
	if err := r.write(record); err != nil {
		return err
	}
	r.learn(member, r.bootOf(member), a)
	if !a.Done {
		r.tell(Acts, "", a.String()+" on "+member)
	}
	return nil
}

// usedByAnother reports a mount of a device that has gone which is LXD's of
// other volumes, by its path: what diagnose says of it, too.
func usedByAnother(world *evidence.World, use evidence.Use, p Plan) bool {
	if world == nil || !world.LXD.Records.IsComplete() || p.Serial == "" {
		return false
	}
	volumes := diagnose.MountedVolumes(world, use)
	return len(volumes) > 0 && !slices.ContainsFunc(volumes, func(v evidence.Volume) bool {
		return v.Serial == "" || v.Serial == p.Serial
	})
}
