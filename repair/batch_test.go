package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/sightings"
)

// leaks is a world with n leaked image volumes beside live ones, which an
// earlier run saw.
func leaks(t *testing.T) *kit {
	t.Helper()
	k := newKit(t, "image-each-launch")
	k.sight()
	k.world.Age(25 * time.Hour)
	return k
}

// sight remembers each leftover, as an earlier run would have.
func (k *kit) sight() {
	k.t.Helper()
	world, report := k.scan()
	k.world.Seen = sightings.Update(k.world.Seen, world, report)
}

// sightUnused remembers a volume's connection to a host as unused since a time,
// until now.
func (k *kit) sightUnused(array, volume, object, host string, since time.Time) {
	k.t.Helper()
	now := k.world.Clock.Now()
	seen := evidence.StaleSighting{Host: host, Since: since, ArrayClock: since, Last: evidence.Moment{At: now, ArrayClock: now}}
	world, _ := k.scan()
	for _, row := range world.Arrays[0].Connections.Items {
		if row.VolumeName == object && row.Host == host {
			seen.LUN, seen.NSID = row.LUN, row.NSID
		}
	}
	k.world.Seen = append(k.world.Seen, evidence.Sighting{ArrayID: array, VolumeID: volume, Stale: []evidence.StaleSighting{seen}})
}

func outcomes(rows []Row) []string {
	var all []string
	for _, r := range rows {
		switch {
		case r.NotTried != "":
			all = append(all, "not tried")
		case r.Result.Gate != "":
			all = append(all, string(r.Result.Outcome)+" "+r.Result.Gate)
		default:
			all = append(all, string(r.Result.Outcome))
		}
	}
	return all
}

func TestBatch(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name  string
		tools func(*kit, *Tools)
		plans func([]Plan) []Plan
		want  []string
	}{
		{name: "all", want: []string{"done", "done"}},
		{name: "at most", tools: func(_ *kit, t *Tools) { t.MaxPerRun = 1 }, want: []string{"done", "not tried"}},
		{name: "twice the same", plans: func(p []Plan) []Plan { return []Plan{p[0], p[0], p[1]} }, want: []string{"done", "not tried", "done"}},
		{name: "never seen before", tools: func(k *kit, _ *Tools) { k.world.Seen = nil }, want: []string{"refused seen-before", "refused seen-before"}},
		{name: "the first fails", tools: func(k *kit, t *Tools) { k.spoil(t, "writer", &saboteur{at: 1, fault: expires}) }, want: []string{"failed", "not tried"}},
		{name: "quit", tools: func(_ *kit, t *Tools) {
			t.Ask = func(context.Context, Question) (Reply, error) { return Quit, nil }
		}, want: []string{"declined", "not tried"}},
		{name: "skip one", tools: func(_ *kit, t *Tools) {
			n := 0
			t.Ask = func(context.Context, Question) (Reply, error) {
				n++
				return map[bool]Reply{true: No, false: Yes}[n == 1], nil
			}
		}, want: []string{"declined", "done"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := leaks(t)
			tools := k.tools()
			plans := k.plans(tools)
			if c.tools != nil {
				c.tools(k, &tools)
			}
			if c.plans != nil {
				plans = c.plans(plans)
			}
			rows, err := tools.Batch(ctx, plans)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outcomes(rows)); diff != "" {
				t.Errorf("%s\n%+v", diff, rows)
			}
			k.noHarm()
		})
	}
}

func TestEradicate(t *testing.T) {
	ctx := context.Background()
	fixed := func(t *testing.T) (*kit, Plan, string) {
		t.Helper()
		k := newKit(t, "device-too-late-nvme")
		plan := k.plan("leaked-volume")
		result, err := k.tools().Run(ctx, plan)
		if err != nil {
			t.Fatal(err)
		}
		return k, plan, result.Run
	}
	refused := func(t *testing.T, k *kit, object, typed string) {
		t.Helper()
		k.world.Array.ResetRequests()
		if result, err := k.tools().Eradicate(ctx, object, typed); err == nil {
			t.Errorf("it was done: %+v", result)
		}
		if slices.Contains(k.changes(), "DELETE /volumes") {
			t.Error("it was sent")
		}
	}
	t.Run("ours", func(t *testing.T) {
		k, plan, _ := fixed(t)
		quota := k.quota()
		result, err := k.tools().Eradicate(ctx, plan.Object, plan.Object)
		if err != nil || result.Outcome != journal.Done {
			t.Fatal(result, err)
		}
		if _, there := k.volume(plan.Object); there || k.quota() >= quota {
			t.Errorf("there %v, %d of %d bytes", there, k.quota(), quota)
		}
		k.noHarm()
	})
	t.Run("a snapshot that went with it", func(t *testing.T) {
		k, plan, run := fixed(t)
		name := plan.Object + ".daily"
		_, err := k.tools().Eradicate(ctx, name, name)
		if !errors.Is(err, ErrSnapshot) || errors.Is(err, ErrNotOurs) || !strings.Contains(err.Error(), "with "+plan.Object+", which run "+run+" destroyed, go its snapshots") {
			t.Error(err)
		}
	})
	t.Run("a snapshot that a run destroyed", func(t *testing.T) {
		k := newKit(t, "killed-in-refresh")
		plan := k.plan("leaked-snapshot")
		result, err := k.tools().Run(ctx, plan)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.tools().Eradicate(ctx, plan.Object, plan.Object)
		if !errors.Is(err, ErrSnapshot) || errors.Is(err, ErrNotOurs) || !strings.Contains(err.Error(), "run "+result.Run+" destroyed this snapshot") {
			t.Error(err)
		}
		if _, err = k.tools().Undo(ctx, result.Run); err != nil {
			t.Fatal(err)
		}
		if _, err = k.tools().Eradicate(ctx, plan.Object, plan.Object); !errors.Is(err, ErrSnapshot) || !errors.Is(err, ErrNotOurs) {
			t.Error(err)
		}
	})
	t.Run("not its full name", func(t *testing.T) {
		k, plan, _ := fixed(t)
		refused(t, k, plan.Object, plan.Object[:len(plan.Object)-1])
		refused(t, k, "", "")
	})
	t.Run("nobody says yes", func(t *testing.T) {
		k, plan, _ := fixed(t)
		tools := k.tools()
		tools.Ask = nil
		if _, err := tools.Eradicate(ctx, plan.Object, plan.Object); err == nil {
			t.Error("it was done")
		}
	})
	t.Run("undone", func(t *testing.T) {
		k, plan, run := fixed(t)
		if _, err := k.tools().Undo(ctx, run); err != nil {
			t.Fatal(err)
		}
		_, err := k.tools().Eradicate(ctx, plan.Object, plan.Object)
		if runs, _ := k.tools().Journal.List(); !errors.Is(err, ErrNotOurs) || err.Error() != plan.Object+": run "+run+" destroyed it, and run "+runs[0].ID+" recovered it" {
			t.Error(err)
		}
		refused(t, k, plan.Object, plan.Object)
	})
	t.Run("recovered by hand", func(t *testing.T) {
		k, plan, _ := fixed(t)
		if err := k.world.Array.Recover(plan.Object); err != nil {
			t.Fatal(err)
		}
		refused(t, k, plan.Object, plan.Object)
	})
	t.Run("another one of its name", func(t *testing.T) {
		k, plan, _ := fixed(t)
		if err := k.world.Array.Eradicate(plan.Object); err != nil {
			t.Fatal(err)
		}
		if _, err := k.world.Array.CopyVolume(k.live[0], plan.Object); err != nil {
			t.Fatal(err)
		}
		if err := k.world.Array.DestroyVolume(plan.Object); err != nil {
			t.Fatal(err)
		}
		k.world.Array.ResetRequests()
		// The id is what counts: the one that was ours has gone already.
		if _, err := k.tools().Eradicate(ctx, plan.Object, plan.Object); err != nil {
			t.Log(err)
		}
		if slices.Contains(k.changes(), "DELETE /volumes") {
			t.Error("it was sent")
		}
	})
	t.Run("destroyed by somebody else", func(t *testing.T) {
		k := newKit(t, "not-eradicated")
		f := k.finding("pending-eradication")
		refused(t, k, f.Object, f.Object)
	})
	t.Run("SafeMode", func(t *testing.T) {
		k, plan, _ := fixed(t)
		k.world.Array.SetSafeMode(true)
		k.world.Array.ResetRequests()
		result, err := k.tools().Eradicate(ctx, plan.Object, plan.Object)
		if err != nil || result.Outcome != journal.Done || len(result.State) == 0 || result.Until.IsZero() {
			t.Errorf("%+v, %v", result, err)
		}
		if sent := k.changes(); len(sent) > 0 {
			t.Errorf("sent %v", sent)
		}
	})
}

func TestUndoSaysWhatIsNotPossible(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name string
		then func(*kit, Plan) error
		// recovered and connected are how it ends.
		recovered, connected bool
	}{
		{"eradicated", func(k *kit, p Plan) error { return k.world.Array.Eradicate(p.Object) }, false, false},
		{"another machine's initiators", func(k *kit, _ Plan) error {
			return k.world.Array.SetInitiators(k.hostObject(), []string{"iqn.1994-05.com.redhat:other"}, nil, nil)
		}, true, false},
		{"recovered by hand", func(k *kit, p Plan) error { return k.world.Array.Recover(p.Object) }, true, false},
		{"nobody did anything", func(*kit, Plan) error { return nil }, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "device-too-late-iscsi")
			plan := k.plan("leaked-volume")
			result, err := k.tools().Run(ctx, plan)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.then(k, plan); err != nil {
				t.Fatal(err)
			}
			undone, err := k.tools().Undo(ctx, result.Run)
			if complete := c.recovered && c.connected; (err == nil) != complete || (len(undone.State) == 0 && !complete) {
				t.Errorf("%+v, %v", undone, err)
			}
			destroyed, there := k.volume(plan.Object)
			if (there && !destroyed) != c.recovered || (k.connections(plan.Object) > 0) != c.connected {
				t.Errorf("destroyed %v, there %v, %d connections", destroyed, there, k.connections(plan.Object))
			}
			if got := k.state(result.Run); (got == journal.Undone) != (c.recovered && c.connected) {
				t.Errorf("the run is %s", got)
			}
		})
	}
}

// An interrupted run can be undone as well as resumed, wherever it stopped.
func TestUndoAnywhere(t *testing.T) {
	for at := 3; at < 60; at++ {
		if !everything && at%6 != 3 {
			continue
		}
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		tools := k.tools()
		n := 0
		tools.record = func(r *journal.Run, record journal.Record) error {
			if n++; n == at {
				panic(killed{})
			}
			return r.Append(record)
		}
		died := untilKilled(func() { _, _ = tools.Run(context.Background(), plan) })
		k.crash()
		if !died {
			break
		}
		id := k.interrupted()
		if _, err := k.tools().Undo(context.Background(), id); err != nil {
			t.Errorf("killed before record %d: %v", at, err)
			continue
		}
		if destroyed, _ := k.volume(plan.Object); destroyed || k.connections(plan.Object) != 1 {
			t.Errorf("killed before record %d: destroyed %v, %d connections", at, destroyed, k.connections(plan.Object))
		}
		for _, d := range k.disks(plan.Serial) {
			if d.State != "running" {
				t.Errorf("killed before record %d: %s is %s", at, d.Name, d.State)
			}
		}
		if state := k.state(id); state != journal.Undone {
			t.Errorf("killed before record %d: the run is %s", at, state)
		}
		k.noHarm()
	}
}

// A run that was stopped before anything was done holds its plan against the
// world again when it is resumed; one that had none yet left nothing behind.
func TestResumeTrustsNoPlan(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	tools.Look = func(context.Context, evidence.Scope) (evidence.World, error) { panic(killed{}) }
	if !untilKilled(func() { _, _ = tools.Run(context.Background(), plan) }) {
		t.Fatal("it was not killed")
	}
	k.crash()
	if states := k.states(); len(states) > 0 {
		t.Errorf("the runs are %v", states)
	}
	id := k.stopRecord(plan, plan.Steps[0].Kind)
	k.world.Age(time.Hour) // the plan expires
	result, err := k.tools().Resume(context.Background(), id)
	if !errors.Is(err, ErrExpired) || result.Outcome != journal.Refused {
		t.Errorf("%+v, %v", result, err)
	}
	if destroyed, _ := k.volume(plan.Object); destroyed {
		t.Error("it was destroyed")
	}
}

func TestTwoRunsOfOneObject(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	tools.record = func(r *journal.Run, record journal.Record) error {
		if record.What == journal.WhatBefore && record.StepKind == StepDisconnect {
			panic(killed{})
		}
		return r.Append(record)
	}
	if !untilKilled(func() { _, _ = tools.Run(context.Background(), plan) }) {
		t.Fatal("it was not killed")
	}
	k.crash()
	// The paths are offline and another run's: a new run can't know them.
	result, err := k.tools().Run(context.Background(), k.plan("leaked-volume"))
	if err == nil || result.Gate != "path-identity" || result.Changed {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestVerifyKnowsNothingItWasNotTold(t *testing.T) {
	k := newKit(t, "device-too-late-iscsi")
	plan := k.plan("leaked-volume")
	if _, err := k.tools().Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	world, _ := k.scan()
	target := Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}
	if proof := Verify(world, target); !proof.Gone.Is() {
		t.Fatalf("%+v", proof)
	}
	for name, spoil := range map[string]func(*evidence.World){
		"no array":         func(w *evidence.World) { w.Arrays = nil },
		"no host":          func(w *evidence.World) { w.Hosts = nil },
		"a silent array":   func(w *evidence.World) { w.Arrays[0].Trouble = "no route to host" },
		"a silent LXD":     func(w *evidence.World) { w.LXD.Trouble = "connection refused" },
		"disks not listed": func(w *evidence.World) { w.Hosts[0].Disks = w.Hosts[0].Disks.Doubt("no sysfs") },
		"records missing":  func(w *evidence.World) { w.LXD.Records = w.LXD.Records.Doubt("a page") },
		"an absent member": func(w *evidence.World) {
			w.LXD.Members = evidence.Complete(append(slices.Clone(w.LXD.Members.Items), evidence.Member{Name: "lxd02"}))
		},
	} {
		world, _ := k.scan()
		spoil(&world)
		if proof := Verify(world, target); proof.Gone != evidence.Unknown {
			t.Errorf("%s: %s, %+v", name, proof.Gone, proof.Lines)
		}
	}
	if proof := Verify(evidence.World{}, target); proof.Gone.Is() {
		t.Error("an empty world proves it")
	}
}

// The table of steps is whole: everything has words, a way to do it by hand,
// and what changes something is asked about, gated and confirmed.
func TestStepsTable(t *testing.T) {
	needs := map[string]bool{}
	for _, n := range Needs {
		needs[n.Name] = n.Title != "" && n.check != nil
	}
	for _, kind := range slices.Concat(Steps, undoSteps) {
		p := Plan{Object: "p::it's $(x)", Serial: "2F0E3A7D9CECD05100011003"}
		s := Step{Kind: kind.Kind, Member: "lxd01", HostObject: "h 1", Devices: []string{"map mpatha", "path sdb"}}
		if kind.Title == "" || kind.Do == nil || kind.Say(p, s) == "" || len(kind.Manual(p, s)) == 0 {
			t.Errorf("%s lacks something", kind.Kind)
		}
		if strings.Contains(strings.Join(kind.Manual(p, s), "\n"), "it's") {
			t.Errorf("%s does not quote for the shell: %q", kind.Kind, kind.Manual(p, s))
		}
		changes := kind.Undo != UndoNothing
		if changes && !kind.Gated && !kind.Asks || kind.Asks && (kind.Confirm == nil || kind.Repeat) || changes && kind.Confirm == nil {
			t.Errorf("%s changes something and is not asked, gated or confirmed", kind.Kind)
		}
		for _, need := range kind.Needs {
			if !needs[need] {
				t.Errorf("%s needs %s, which is not in the table", kind.Kind, need)
			}
		}
	}
	for _, kind := range eradicateSteps {
		if kind.Asks && (kind.Confirm == nil || kind.Repeat) {
			t.Errorf("%s is asked and not confirmed", kind.Kind)
		}
	}
}

// What a Ctrl-C leaves is said to be cancelled, and not to have gone wrong.
func TestCancelledBatchSaysSo(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	second := plan
	second.Object += "x"
	ctx, cancel := context.WithCancel(context.Background())
	tools := k.tools()
	tools.Ask = func(context.Context, Question) (Reply, error) { cancel(); return Yes, nil }
	tools.Policy.BatchMinAge = 0
	tools.judge = func(w evidence.World, p diagnose.Policy) diagnose.Report {
		p.Batch = false
		return diagnose.Judge(w, p)
	}
	rows, err := tools.Batch(ctx, []Plan{plan, second})
	if !errors.Is(err, context.Canceled) || rows[1].NotTried != "it was cancelled" {
		t.Errorf("%v: %q, %+v", err, rows[1].NotTried, rows[0])
	}
}
