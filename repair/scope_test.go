package repair

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// lastSeen notes at each change how much the look before it read anew.
type lastSeen struct {
	anew    evidence.Anew
	changes []string
	narrow  []string // changes that rest on less than all
}

func (l *lastSeen) call(name string, do func() error) error {
	l.changes = append(l.changes, name)
	if l.anew != evidence.AnewAll && !(name == deletes && l.anew == evidence.AnewBoth) {
		l.narrow = append(l.narrow, name)
	}
	return do()
}

// deletes is the one change that may rest on less: that of a path which a
// disconnect has cut off, on the look that showed the disconnect done.
const deletes = "delete-disk"

// TestEachChangeRestsOnAllAboutTheVolume: what is read after a step, to see
// whether it is done, is less than all that there is about the volume, so the
// look before each request and each write to a device has to be another one.
func TestEachChangeRestsOnAllAboutTheVolume(t *testing.T) {
	for scenario, want := range map[string][]string{
		"device-too-late-iscsi":   {"disconnect", "destroy"},
		"connect-reply-lost-nvme": {"disconnect", "destroy"},
	} {
		k := newKit(t, scenario)
		k.world.Age(3 * time.Hour)
		plan := k.plan("leaked-volume")
		tools, seen, narrow := k.tools(), &lastSeen{}, 0
		look, writer := tools.Look, tools.Writer
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			seen.anew = about.Anew
			if about.Anew != evidence.AnewAll {
				narrow++
			}
			return look(ctx, about)
		}
		tools.Writer = func(ctx context.Context, id string) (Writer, error) {
			w, err := writer(ctx, id)
			return badWriter{w, seen}, err
		}
		tools.Machine = func(member string) (Machine, bool) {
			local, ok := k.local(member, k.sleep)
			return release.Local{System: local.System, Writer: faultyDevices{local.Writer, seen}, Sleep: local.Sleep}, ok
		}
		if result, err := tools.Run(t.Context(), plan); err != nil {
			t.Fatalf("%s: %v (%+v)", scenario, err, result)
		}
		if len(seen.narrow) > 0 {
			t.Errorf("%s: %q rest on what was read after a step", scenario, seen.narrow)
		}
		for _, change := range want {
			if !slices.Contains(seen.changes, change) {
				t.Errorf("%s: no %s in %q", scenario, change, seen.changes)
			}
		}
		if narrow == 0 {
			t.Errorf("%s: each look read everything, so this shows nothing", scenario)
		}
	}
}

// TestEachMachineIsLookedAt: of a volume that two members have, what showed the
// disconnect of the one is no ground to delete the paths of the other.
func TestEachMachineIsLookedAt(t *testing.T) {
	k := leakedOn(t, 2, 1, evidence.ModeISCSI)
	tools, _ := k.acrossMembers()
	leak := k.ownLeak(tools)
	for _, h := range k.world.Array.Hosts() {
		if h.Name != leak.Steps[1].HostObject {
			if err := k.world.Array.Connect(h.Name, leak.Object, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	k.world.Hosts[1].Rescan()
	seen, look := &lastSeen{}, tools.Look
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		seen.anew = about.Anew
		return look(ctx, about)
	}
	cleared := 0
	tools.Machine = func(member string) (Machine, bool) {
		local, ok := k.local(member, k.sleep)
		return clearing{release.Local{System: local.System, Writer: faultyDevices{local.Writer, seen}, Sleep: local.Sleep}, func() { cleared++ }}, ok
	}
	plan := k.ownLeak(tools)
	if result, err := tools.Run(t.Context(), plan); err != nil || cleared != 2 || len(seen.narrow) > 0 {
		t.Errorf("%+v, %v; %d machines were cleared, and %q rest on what was read after a step", result, err, cleared, seen.narrow)
	}
	k.noHarm()
}

// TestPathsAreDeletedWhereTheCutWasSeen: the look that showed the disconnect done is
// enough to delete the paths, as long as it is fresh. If it is not, everything about
// the volume is asked again, and what LXD does by then is in the way.
func TestPathsAreDeletedWhereTheCutWasSeen(t *testing.T) {
	for _, late := range []bool{false, true} {
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		tools, seen, up := k.tools(), &lastSeen{}, time.Duration(0)
		var looks []evidence.Anew
		look := tools.Look
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			seen.anew = about.Anew
			looks = append(looks, about.Anew)
			return look(ctx, about)
		}
		tools.Uptime = func() time.Duration { return up }
		tools.record = func(r *journal.Run, record journal.Record) error {
			switch {
			case record.What == journal.WhatBefore && record.StepKind == StepDisconnect:
				looks = nil
			case record.What == journal.WhatBefore && record.StepKind == StepClear && late:
				up += freshFor + time.Second
				if _, err := k.world.LXD.StartOperation("", "task", "Creating instance", ""); err != nil {
					t.Error(err)
				}
			}
			return r.Append(record)
		}
		var before []evidence.Anew
		tools.Machine = func(member string) (Machine, bool) {
			local, ok := k.local(member, k.sleep)
			return clearing{local, func() { before = slices.Clone(looks) }}, ok
		}
		result, err := tools.Run(t.Context(), plan)
		paths := len(k.disks(plan.Serial))
		switch {
		case late && (result.Gate != "no-operation" || paths == 0 || before != nil):
			t.Errorf("late: %+v, %v; %d paths", result, err, paths)
		case !late && (err != nil || paths != 0 || !slices.Equal(before, []evidence.Anew{evidence.AnewAll, evidence.AnewBoth})):
			t.Errorf("%+v, %v; %d paths; it looked at %v", result, err, paths, before)
		}
		if len(seen.narrow) > 0 {
			t.Errorf("%q", seen.narrow)
		}
	}
}

// clearing is a machine that tells when its paths are to be deleted.
type clearing struct {
	Machine
	told func()
}

func (c clearing) Clear(ctx context.Context, serial evidence.Serial, done release.Released, back release.Callbacks) error {
	c.told()
	return c.Machine.Clear(ctx, serial, done, back)
}

// TestWhatShowsTheCut: only for what a disconnect leaves to do, and only the look
// that showed it done, stands in for another one.
func TestWhatShowsTheCut(t *testing.T) {
	looked := errors.New("it looked")
	for _, kind := range Steps {
		for _, cut := range []bool{false, true} {
			r := (Tools{Now: time.Now}).withDefaults().newRun(Plan{Class: diagnose.ClassDestroy, Code: "leaked-volume", Steps: []Step{{Kind: kind.Kind}}})
			r.latest = look{subject: subject{world: &evidence.World{}}, cut: cut}
			err := r.permit(t.Context(), r.plan.Steps[0], kind, func(context.Context) (look, error) { return look{}, looked })
			want := !cut || kind.Kind != StepClear && kind.Kind != StepAwait
			if got := errors.Is(err, looked); got != want {
				t.Errorf("%s, cut %v: it looked %v", kind.Kind, cut, got)
			}
		}
	}
}
