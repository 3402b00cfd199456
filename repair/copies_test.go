package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/array"
)

// leaks are the plans of all leaks, those that both arrays connect first.
func (k *kit) leaks() []Plan {
	k.t.Helper()
	world, report := k.scan()
	var plans []Plan
	for _, f := range report.Findings {
		if f.Code != "leaked-volume" {
			continue
		}
		plan, err := NewPlan(world, diagnose.DefaultPolicy(), f, k.world.Clock.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		plans = append(plans, plan)
	}
	slices.SortFunc(plans, func(a, b Plan) int { return len(b.Steps) - len(a.Steps) })
	return plans
}

// rowsOn are an array's own connections of a volume.
func rowsOn(a *array.Array, volume string) (rows []string) {
	for _, c := range a.Connections() {
		if c.Volume == volume && !strings.Contains(c.Host, ":") {
			rows = append(rows, c.Host)
		}
	}
	return rows
}

// A leak of a stretched pod is disconnected on both arrays, each through its
// own door, destroyed once, and comes back as it was.
func TestRepairOfAStretchedPod(t *testing.T) {
	t.Parallel()
	for scenario, steps := range map[string][][]string{
		"stretched-pod": {
			{StepRelease, StepDisconnect, StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify},
			{StepRelease, StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify},
		},
		"stretched-pod-here": {{StepRelease, StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify}},
	} {
		t.Run(scenario, func(t *testing.T) {
			k := newKit(t, scenario)
			ctx := context.Background()
			for i, plan := range k.leaks() {
				if diff := cmp.Diff(steps[i], kinds(plan)); diff != "" {
					t.Fatal(diff)
				}
				world, _ := k.scan()
				if proof := Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}); proof.Gone != evidence.No {
					t.Errorf("before: %+v", proof)
				}
				here, there := rowsOn(k.world.Array, plan.Object), rowsOn(k.world.Peer, plan.Object)
				result, err := k.tools().Run(ctx, plan)
				if err != nil || result.Outcome != journal.Done {
					t.Fatalf("%+v, %v", result, err)
				}
				for _, a := range []*array.Array{k.world.Array, k.world.Peer} {
					if v, ok := a.Volume(plan.Object); !ok || !v.Destroyed || len(rowsOn(a, plan.Object)) > 0 {
						t.Errorf("on %s: %+v, connected to %q", a.Name(), v, rowsOn(a, plan.Object))
					}
				}
				if left := k.world.Hosts[0].DevicesOf(string(plan.Serial)); len(left) > 0 {
					t.Errorf("devices left: %v", left)
				}
				world, _ = k.scan()
				if proof := Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}); !proof.Gone.Is() || len(proof.Lines) != 4 {
					t.Errorf("after: %+v", proof)
				}
				if pods := k.world.Peer.Volumes(); len(pods) == 0 {
					t.Error("the pod is gone from the peer")
				}
				k.noHarm()
				if undone, err := k.tools().Undo(ctx, result.Run); err != nil || undone.Outcome != journal.Done {
					t.Errorf("undo: %+v, %v", undone, err)
				}
				if v, _ := k.world.Peer.Volume(plan.Object); v.Destroyed {
					t.Error("after undo: destroyed on the peer")
				}
				if diff := cmp.Diff([][]string{here, there}, [][]string{rowsOn(k.world.Array, plan.Object), rowsOn(k.world.Peer, plan.Object)}); diff != "" {
					t.Errorf("after undo: %s", diff)
				}
			}
		})
	}
}

// Without the peer's word nothing of a stretched pod is done, verified or
// brought back to an end.
func TestStretchedPodWithoutItsPeer(t *testing.T) {
	k := newKit(t, "stretched-pod")
	plan := k.leaks()[1] // connected on the first array only
	silent := k.tools()
	silent.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		world, err := k.look(ctx, about)
		world.Arrays = world.Arrays[:1]
		return world, err
	}
	var refused *RefusedError
	if result, err := silent.Run(context.Background(), plan); !errors.As(err, &refused) || result.Changed {
		t.Errorf("%+v, %v", result, err)
	}
	if v, _ := k.world.Array.Volume(plan.Object); v.Destroyed || len(rowsOn(k.world.Array, plan.Object)) == 0 {
		t.Errorf("%+v was changed", v)
	}
	if _, err := k.tools().Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	world, _ := k.scan()
	world.Arrays = world.Arrays[:1]
	for _, target := range []Target{{Name: plan.Object}, {Serial: plan.Serial}, {Name: plan.Object, ID: plan.ID, Serial: plan.Serial}} {
		if proof := Verify(world, target); proof.Gone != evidence.Unknown {
			t.Errorf("%+v: %+v", target, proof)
		}
	}
	if proof := Verify(world, Target{Name: "other::v", Serial: plan.Serial}); slices.ContainsFunc(proof.Lines, func(l ProofLine) bool { return l.Witness == "array fa-peer" }) {
		t.Errorf("what is in another pod: %+v", proof)
	}
	s := find(&world, plan.ArrayID, plan.ID, plan.Serial)
	if answer, why := confirmDestroyed(s, Step{}); answer != evidence.Unknown {
		t.Errorf("destroyed: %s %s", answer, why)
	}
}

// What changes at the peer while a leak is repaired stops the repair.
func TestPeerActsMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// at is the step before which it happens.
		at  string
		act func(k *kit, plan Plan) error
	}{
		"connected to a stranger before the disconnect": {StepDisconnect, func(k *kit, plan Plan) error {
			return errors.Join(k.world.Peer.CreateHost("oracle", []string{"iqn.1998-01.com.vmware:oracle"}, nil, nil), k.world.Peer.Connect("oracle", plan.Object, 0))
		}},
		"connected to a stranger before the destroy": {StepDestroy, func(k *kit, plan Plan) error {
			return errors.Join(k.world.Peer.CreateHost("oracle", []string{"iqn.1998-01.com.vmware:oracle"}, nil, nil), k.world.Peer.Connect("oracle", plan.Object, 0))
		}},
		"connected to the member again before the destroy": {StepDestroy, func(k *kit, plan Plan) error {
			return k.world.Peer.Connect("lxd01-iscsi", plan.Object, 0)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, "stretched-pod")
			plan := k.leaks()[0]
			tools, done := k.tools(), false
			tools.Ask = func(_ context.Context, q Question) (Reply, error) {
				if q.Step.Kind == c.at && !done {
					done = true
					if err := c.act(k, plan); err != nil {
						t.Fatal(err)
					}
				}
				return Yes, nil
			}
			result, err := tools.Run(context.Background(), plan)
			if err == nil || !done {
				t.Errorf("%+v, asked %v", result, done)
			}
			for _, a := range []*array.Array{k.world.Array, k.world.Peer} {
				if v, _ := a.Volume(plan.Object); v.Destroyed {
					t.Errorf("destroyed on %s", a.Name())
				}
			}
			if c.at == StepDisconnect && len(rowsOn(k.world.Array, plan.Object)) == 0 {
				t.Error("it was disconnected")
			}
			k.noHarm()
		})
	}
}

// A run that is killed between the arrays is finished or taken back.
func TestStretchedRunIsInterrupted(t *testing.T) {
	for _, undo := range []bool{false, true} {
		t.Run(fmt.Sprintf("undo %v", undo), func(t *testing.T) {
			k := newKit(t, "stretched-pod")
			plan := k.leaks()[0]
			here, there := rowsOn(k.world.Array, plan.Object), rowsOn(k.world.Peer, plan.Object)
			tools := k.tools()
			ctx, cancel := context.WithCancel(context.Background())
			n := 0
			tools.Ask = func(_ context.Context, q Question) (Reply, error) {
				if q.Step.Kind == StepDisconnect {
					if n++; n == 2 {
						cancel()
						return No, context.Canceled
					}
				}
				return Yes, nil
			}
			result, err := tools.Run(ctx, plan)
			if err == nil || n != 2 {
				t.Fatalf("%+v, %d", result, n)
			}
			if undo {
				if undone, err := k.tools().Undo(context.Background(), result.Run); err != nil {
					t.Fatalf("%+v, %v", undone, err)
				}
				if diff := cmp.Diff([][]string{here, there}, [][]string{rowsOn(k.world.Array, plan.Object), rowsOn(k.world.Peer, plan.Object)}); diff != "" {
					t.Error(diff)
				}
			} else if resumed, err := k.tools().Resume(context.Background(), result.Run); err != nil || resumed.Outcome != journal.Done {
				t.Errorf("%+v, %v", resumed, err)
			}
			k.noHarm()
		})
	}
}

// What is not known of the other array's part is no proof, whoever asks.
func TestCopiesInDoubt(t *testing.T) {
	k := newKit(t, "stretched-pod")
	plans := k.leaks()
	both, here := plans[0], plans[1]
	// bare is a look at a volume that its own array does not connect any more.
	bare := func(set func(*evidence.World)) subject {
		world, _ := k.scan()
		a := &world.Arrays[0]
		a.Connections.Items = slices.DeleteFunc(slices.Clone(a.Connections.Items), func(c evidence.Connection) bool { return c.VolumeName == here.Object })
		for i := range a.Volumes.Items {
			if a.Volumes.Items[i].ID == here.ID {
				a.Volumes.Items[i].ConnectionCount = evidence.CountOf(0)
			}
		}
		set(&world)
		return find(&world, here.ArrayID, here.ID, here.Serial)
	}
	destroyed := func(world *evidence.World, arrays ...int) {
		for _, n := range arrays {
			for i := range world.Arrays[n].Volumes.Items {
				if v := &world.Arrays[n].Volumes.Items[i]; v.Serial == here.Serial {
					v.Destroyed = evidence.Yes
				}
			}
		}
	}
	r := k.tools().withDefaults().newRun(here)
	for name, c := range map[string]struct {
		set  func(*evidence.World)
		says string
	}{
		"connections":      {func(w *evidence.World) { w.Arrays[1].Connections = w.Arrays[1].Connections.Doubt("page 2") }, "page 2"},
		"not read":         {func(w *evidence.World) { w.Arrays = w.Arrays[:1] }, "was not read"},
		"in trouble":       {func(w *evidence.World) { w.Arrays[1].Trouble = "timeout" }, "timeout"},
		"not asked for it": {func(w *evidence.World) { w.Arrays[1].Asked = nil }, "was not read"},
		"no such volume":   {func(w *evidence.World) { w.Arrays[1].Volumes.Items = nil }, "lists no such volume"},
		"counts contradict": {func(w *evidence.World) {
			for i := range w.Arrays[1].Volumes.Items {
				w.Arrays[1].Volumes.Items[i].ConnectionCount = evidence.CountOf(9)
			}
			w.Arrays[1].Connections.Items = nil
		}, "counts 9"},
	} {
		s := bare(c.set)
		if result, why := detachedNow(r, s); result != diagnose.Uncertain || !strings.Contains(why, c.says) {
			t.Errorf("%s: detached: %s %q", name, result, why)
		}
		if answer, why := r.connectedTo(s, "lxd01"); answer != evidence.Unknown || !strings.Contains(why, c.says) {
			t.Errorf("%s: connected: %s %q", name, answer, why)
		}
		s = bare(func(w *evidence.World) { destroyed(w, 0, 1); c.set(w) })
		if result, why := isPending(r, s, Step{}); result != diagnose.Uncertain || !strings.Contains(why, c.says) {
			t.Errorf("%s: pending: %s %q", name, result, why)
		}
		if answer, why := confirmDestroyed(s, Step{}); answer != evidence.Unknown || !strings.Contains(why, c.says) {
			t.Errorf("%s: destroyed: %s %q", name, answer, why)
		}
	}
	s := bare(func(w *evidence.World) { destroyed(w, 0) })
	if answer, why := confirmDestroyed(s, Step{}); answer != evidence.Unknown || !strings.Contains(why, "not destroyed on fa-peer") {
		t.Errorf("live at the peer: %s %q", answer, why)
	}
	if answer, why := confirmRecovered(s, Step{}); answer != evidence.Unknown {
		t.Errorf("recovered at the peer only: %s %q", answer, why)
	}
	if result, why := isPending(r, s, Step{}); result != diagnose.Uncertain || !strings.Contains(why, "not destroyed on fa-peer") {
		t.Errorf("pending: %s %q", result, why)
	}
	s = bare(func(w *evidence.World) { destroyed(w, 0, 1) })
	if answer, why := confirmDestroyed(s, Step{}); !answer.Is() {
		t.Errorf("destroyed on both: %s %q", answer, why)
	}

	world, report := k.scan()
	finding := report.Findings[slices.IndexFunc(report.Findings, func(f diagnose.Finding) bool { return f.VolumeID == both.ID })]
	for name, set := range map[string]func(*evidence.World){
		"a connection that only its own array shows": func(w *evidence.World) {
			w.Arrays[1].Connections.Items = nil
		},
		"another name at the peer": func(w *evidence.World) {
			for i := range w.Arrays[1].Connections.Items {
				w.Arrays[1].Connections.Items[i].VolumeName = "purepool::other"
			}
		},
	} {
		changed := world
		changed.Arrays = slices.Clone(world.Arrays)
		changed.Arrays[1].Connections.Items = slices.Clone(world.Arrays[1].Connections.Items)
		set(&changed)
		if plan, err := NewPlan(changed, diagnose.DefaultPolicy(), finding, k.world.Clock.Now()); !errors.Is(err, ErrNoRemedy) {
			t.Errorf("%s: %v, %v", name, kinds(plan), err)
		}
	}
}

// What is destroyed is recovered though the pod's other array is out of reach: its
// time runs. Each connection that can't be made is named, and is made later.
func TestUndoWithoutThePeer(t *testing.T) {
	for name, c := range map[string]struct {
		read bool
		// here is set where the connections of the volume are all known.
		here bool
		says string
	}{
		"not read":  {false, false, "lxd01-iscsi on fa-peer again; its device comes back with the next scan there: the array on fa-peer was not read"},
		"read only": {true, true, "lxd01-iscsi on fa-peer again; its device comes back with the next scan there: the array on fa-peer can't be changed"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, "stretched-pod")
			ctx, plan := context.Background(), k.leaks()[0]
			here, there := rowsOn(k.world.Array, plan.Object), rowsOn(k.world.Peer, plan.Object)
			result, err := k.tools().Run(ctx, plan)
			if err != nil {
				t.Fatal(err)
			}
			alone := k.tools()
			alone.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				world, err := k.look(ctx, about)
				if !c.read {
					world.Arrays = world.Arrays[:1]
				}
				return world, err
			}
			alone.Writer = func(ctx context.Context, id string) (Writer, error) {
				if id == k.world.Peer.ID() {
					return nil, errSabotage
				}
				return k.writer(ctx, id)
			}
			undone, err := alone.Undo(ctx, result.Run)
			for _, a := range []*array.Array{k.world.Array, k.world.Peer} {
				if v, _ := a.Volume(plan.Object); v.Destroyed {
					t.Errorf("%s: it is destroyed: %+v, %v", a.Name(), undone, err)
				}
			}
			if got := len(rowsOn(k.world.Array, plan.Object)) > 0; err == nil || got != c.here || len(rowsOn(k.world.Peer, plan.Object)) > 0 || !undone.Changed {
				t.Errorf("connected here %v: %+v, %v", got, undone, err)
			}
			if !strings.Contains(strings.Join(undone.State, "\n"), c.says) {
				t.Errorf("said: %q", undone.State)
			}
			k.crash()
			if resumed, err := k.tools().Resume(ctx, undone.Run); err != nil || resumed.Outcome != journal.Done {
				t.Errorf("%+v, %v", resumed, err)
			}
			if diff := cmp.Diff([][]string{here, there}, [][]string{rowsOn(k.world.Array, plan.Object), rowsOn(k.world.Peer, plan.Object)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
