package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// What can't be written down is not begun: before each step, and before each
// write to a device.
func TestNothingIsDoneThatIsNotWrittenDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, code string }{
		{"unmap-refused-iscsi", "leaked-volume"}, {"device-too-late-nvme", "leaked-volume"}, {"host-not-deleted-iscsi", codeIdleHost},
	} {
		k := newKit(t, c.scenario)
		for _, step := range k.plan(c.code).Steps {
			kind, _ := stepTypeOf(Steps, step.Kind)
			if !kind.changes() {
				continue
			}
			for _, what := range []journal.What{journal.WhatBefore, journal.WhatAction} {
				if what == journal.WhatAction && !kind.Devices {
					continue
				}
				t.Run(fmt.Sprint(c.scenario, " ", step.Kind, " ", what), func(t *testing.T) {
					k := newKit(t, c.scenario)
					plan := k.plan(c.code)
					tools := k.tools()
					tools.Typed = plan.Object
					hands, requests, failed := &saboteur{}, &saboteur{}, false
					k.spoil(&tools, "hands", hands)
					k.spoil(&tools, "writer", requests)
					made := 0
					tools.record = func(r *journal.Run, record journal.Record) error {
						if record.What == what && record.StepKind == step.Kind {
							failed, made = true, hands.n
							return journal.ErrUnwritable
						}
						return r.Append(record)
					}
					_, err := tools.Run(context.Background(), plan)
					switch {
					case !failed && what == journal.WhatBefore, failed && !errors.Is(err, journal.ErrUnwritable):
						t.Error(err)
					case failed && (slices.Contains(requests.calls, step.Kind) || kind.Devices && hands.n > made):
						t.Errorf("it was done all the same: %v, %v", requests.calls, hands.calls)
					}
				})
			}
		}
	}
}

// What somebody else did while it was asked about is not done again, and is not
// this run's.
func TestWhatSomebodyElseDidIsNotOurs(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	tools.Ask = func(_ context.Context, q Question) (Reply, error) {
		if q.Step.Kind == StepDisconnect {
			return Yes, k.world.Array.Disconnect(q.Step.HostObject, plan.Object)
		}
		return Yes, nil
	}
	result, err := tools.Run(context.Background(), plan)
	if err != nil || result.Outcome != journal.Done || strings.Contains(strings.Join(result.State, "; "), "disconnect") {
		t.Errorf("%+v, %v", result, err)
	}
	var told []journal.Outcome
	for _, record := range k.records(result.Run) {
		if record.What == journal.WhatAfter && record.StepKind == StepDisconnect {
			told = append(told, record.Outcome)
		}
	}
	if !slices.Equal(told, []journal.Outcome{journal.Already}) {
		t.Errorf("the journal has %v", told)
	}
}

// What is done and can't be written down ends the run: nobody goes on from what no
// journal has.
func TestNothingFollowsWhatIsNotWrittenDown(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools, failed := k.tools(), 0
	tools.record = func(r *journal.Run, record journal.Record) error {
		if record.What == journal.WhatAfter && record.StepKind == StepDisconnect {
			failed++
			return journal.ErrUnwritable
		}
		return r.Append(record)
	}
	result, err := tools.Run(context.Background(), plan)
	if destroyed, _ := k.volume(plan.Object); destroyed || failed != 1 || !errors.Is(err, journal.ErrUnwritable) {
		t.Errorf("destroyed %v: %+v, %v", destroyed, result, err)
	}
}

// What nothing is to be released of is refused before it is waited for, if it is;
// and a run of it that was interrupted is named, because that comes first.
func TestWhatWillBeRefusedIsNotWaitedFor(t *testing.T) {
	k := newKit(t, "create-reply-lost-iscsi")
	plan := k.plan("leaked-volume")
	first := k.stopRecord(plan, StepDestroy)
	if _, err := k.world.LXD.StartOperation("", "task", "Creating instance", ""); err != nil {
		t.Fatal(err)
	}
	tools := k.tools()
	tools.Report = func(e Event) {
		if e.Phase == Begins {
			t.Errorf("it begins to %s", e.Step.Say)
		}
	}
	result, err := tools.Run(context.Background(), plan)
	var refused *RefusedError
	if !errors.As(err, &refused) || result.Gate != "no-operation" || !strings.HasSuffix(refused.Hint, "pureclean runs --resume "+first) {
		t.Errorf("%+v, %v", result, err)
	}
}

// Without a login for writing nothing is begun, on a machine neither: what was
// released there could not be cut.
func TestNothingIsBegunWithoutTheArray(t *testing.T) {
	for _, silent := range []string{"its own", "a peer"} {
		k := newKit(t, "stretched-pod")
		plan := k.leaks()[0]
		tools, hands := k.tools(), &saboteur{}
		k.spoil(&tools, "hands", hands)
		tools.Writer = func(ctx context.Context, arrayID string) (Writer, error) {
			if (arrayID == plan.ArrayID) == (silent == "its own") {
				return nil, errSabotage
			}
			return k.writer(ctx, arrayID)
		}
		result, err := tools.Run(context.Background(), plan)
		if !errors.Is(err, errSabotage) || result.Changed || hands.n > 0 {
			t.Errorf("%s: %+v, %v: %v", silent, result, err, hands.calls)
		}
		for _, record := range k.records(result.Run) {
			if record.What == journal.WhatBefore {
				t.Errorf("%s: step %s is begun", silent, record.StepKind)
			}
		}
	}
}

// What was seen before the confirmation confirms nothing, and what has another
// name by then is not what was to be confirmed.
func TestAConfirmationIsOfWhatIsSeen(t *testing.T) {
	for name, gate := range map[string]string{"not seen": "", "renamed": needSame} {
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		tools, confirming, asked := k.tools(), false, 0
		tools.Report = func(e Event) { confirming = e.Step.Kind == StepConfirm && e.Phase == Begins }
		machine, look := tools.Machine, tools.Look
		tools.Machine = func(member string) (Machine, bool) {
			m, ok := machine(member)
			return named{m, &asked, func(int) bool { return false }}, ok
		}
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			if !confirming {
				return w, err
			}
			confirming = false
			if gate == "" {
				return evidence.World{}, errSabotage
			}
			w.Arrays = slices.Clone(w.Arrays)
			a := &w.Arrays[0]
			a.Volumes.Items = slices.Clone(a.Volumes.Items)
			i := slices.IndexFunc(a.Volumes.Items, func(v evidence.Volume) bool { return v.ID == plan.ID })
			a.Volumes.Items[i].Name += "-kept"
			return w, err
		}
		result, err := tools.Run(context.Background(), plan)
		if result.Gate != gate || err == nil || gate == "" && !errors.Is(err, errSabotage) || asked > 0 {
			t.Errorf("%s: machines were asked %d times: %+v, %v", name, asked, result, err)
		}
		if destroyed, _ := k.volume(plan.Object); destroyed {
			t.Errorf("%s: it is destroyed", name)
		}
	}
}

// Paths are given back where the array connects them. Where it does not any
// more, whoever opened one would hang.
func TestNoPathRunsThatLeadsNowhere(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	asked := 0
	tools.Ask = func(_ context.Context, q Question) (Reply, error) {
		if asked++; asked == 2 {
			return Quit, k.world.Array.Disconnect(k.hostObject(), plan.Object)
		}
		return Yes, nil
	}
	result, err := tools.Run(context.Background(), plan)
	if err == nil || !result.Changed || !strings.Contains(strings.Join(result.State, " "), "stay so") {
		t.Errorf("%+v, %v", result, err)
	}
	disks := k.disks(plan.Serial)
	for _, d := range disks {
		if d.State != "offline" {
			t.Errorf("%s is %s", d.Name, d.State)
		}
	}
	if len(disks) == 0 {
		t.Error("no path is left, so this proves nothing")
	}
}

// stubborn does what it is asked to, and says that it could not.
type stubborn struct {
	Machine
	step string
}

var errStubborn = errors.New("it came back three times")

func (s stubborn) Clear(ctx context.Context, serial evidence.Serial, done release.Released, c release.Callbacks) error {
	return errors.Join(s.Machine.Clear(ctx, serial, done, c), s.fails("clear"))
}

func (s stubborn) Release(ctx context.Context, serial evidence.Serial, expect release.Expect, c release.Callbacks) (release.Released, error) {
	released, err := s.Machine.Release(ctx, serial, expect, c)
	return released, errors.Join(err, s.fails("release"))
}

func (s stubborn) fails(step string) error {
	if step == s.step {
		return errStubborn
	}
	return nil
}

// What a machine says of its devices counts more than that nothing of them is
// seen just now: what comes back is not there all the time.
func TestADeviceIsGoneIfTheMachineSaysSo(t *testing.T) {
	for _, step := range []string{"release", "clear"} {
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		tools := k.tools()
		tools.Machine = func(member string) (Machine, bool) {
			m, ok := k.machine(member)
			return stubborn{m, step}, ok
		}
		result, err := tools.Run(context.Background(), plan)
		if !errors.Is(err, errStubborn) || result.Outcome != journal.Failed {
			t.Errorf("%s: %+v, %v", step, result, err)
		}
		if destroyed, _ := k.volume(plan.Object); destroyed {
			t.Errorf("%s: it went on", step)
		}
	}
}

// What can't be asked whether it has the volume has not said that it has not.
func TestAMachineThatCanNotBeAskedConfirmsNothing(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	confirming := false
	tools.Report = func(e Event) { confirming = confirming || e.Step.Kind == StepConfirm }
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := k.machine(member)
		return m, ok && !confirming
	}
	result, err := tools.Run(context.Background(), plan)
	if destroyed, _ := k.volume(plan.Object); destroyed || err == nil || !confirming {
		t.Errorf("destroyed %v: %+v, %v", destroyed, result, err)
	}
}

// TestTheLastLookDecides: a run is done when all is seen to be as it was to be,
// and nothing is found any more: each alone makes it fail.
func TestTheLastLookDecides(t *testing.T) {
	blind := errors.New("nothing can be read")
	for name, c := range map[string]struct {
		look  func(evidence.World) (evidence.World, error)
		judge func(diagnose.Report, Plan) diagnose.Report
		says  string
	}{
		"not seen": {func(evidence.World) (evidence.World, error) { return evidence.World{}, blind }, nil, blind.Error()},
		"brought back": {func(w evidence.World) (evidence.World, error) {
			for i := range w.Arrays[0].Volumes.Items {
				w.Arrays[0].Volumes.Items[i].Destroyed = evidence.No
			}
			return w, nil
		}, func(diagnose.Report, Plan) diagnose.Report { return diagnose.Report{} }, "destroyed: no"},
		"still found": {nil, func(r diagnose.Report, p Plan) diagnose.Report {
			r.Findings = append(r.Findings, diagnose.Finding{Code: p.Code, Object: p.Object, VolumeID: p.ID, Serial: p.Serial, ArrayID: p.ArrayID, Detail: "as before"})
			return r
		}, "is still found: as before"},
	} {
		k := newKit(t, "create-reply-lost-iscsi")
		plan := k.plan("leaked-volume")
		tools, verifying := k.tools(), false
		tools.Report = func(e Event) { verifying = verifying || e.Step.Kind == StepVerify }
		look, judge := tools.Look, tools.withDefaults().judge
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			if verifying && c.look != nil {
				return c.look(w)
			}
			return w, err
		}
		tools.judge = func(w evidence.World, p diagnose.Policy) diagnose.Report {
			report := judge(w, p)
			if verifying && c.judge != nil {
				return c.judge(report, plan)
			}
			return report
		}
		result, err := tools.Run(context.Background(), plan)
		if err == nil || result.Outcome != journal.Failed || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

// A confirmation is good for two minutes, and nobody knows what a host that
// has it again does with it: each alone stops the destroy.
func TestTheConfirmationHolds(t *testing.T) {
	gates := map[string]bool{}
	for _, g := range diagnose.Gates {
		gates[g.Name] = true
	}
	for name, meanwhile := range map[string]func(k *kit, p Plan) error{
		"too long ago": func(k *kit, _ Plan) error { k.world.Clock.Advance(confirmedFor + time.Second); return nil },
		"a host has it again": func(k *kit, p Plan) error {
			err := k.world.Array.Connect(k.hostObject(), p.Object, 0)
			k.world.Hosts[0].Rescan()
			return errors.Join(err, k.world.Array.Disconnect(k.hostObject(), p.Object))
		},
	} {
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		tools := k.tools()
		tools.Ask = func(_ context.Context, q Question) (Reply, error) {
			if q.Step.Kind == StepDestroy {
				return Yes, meanwhile(k, plan)
			}
			return Yes, nil
		}
		result, err := without(tools, gates).Run(context.Background(), plan)
		if destroyed, _ := k.volume(plan.Object); destroyed || result.Gate != needDetached {
			t.Errorf("%s: destroyed %v: %+v, %v", name, destroyed, result, err)
		}
	}
}

// LXD makes an array host when it begins to map a volume, before the connection
// is there to be seen.
func TestNoHostIsDeletedWhileLXDIsBusy(t *testing.T) {
	for name, busy := range map[string]func(w *evidence.World){
		"it does something": func(w *evidence.World) {
			w.LXD.Operations = evidence.Complete([]evidence.Operation{{Description: "Starting instance", Running: evidence.Yes}})
		},
		"perhaps": func(w *evidence.World) {
			w.LXD.Operations = evidence.Complete([]evidence.Operation{{Description: "Starting instance"}})
		},
		"nobody knows": func(w *evidence.World) { w.LXD.Operations = w.LXD.Operations.Doubt("it was not told") },
	} {
		k := newKit(t, "host-not-deleted-iscsi")
		plan := k.plan(codeIdleHost)
		k.world.Array.ResetRequests()
		tools := k.tools()
		tools.Typed = plan.Object
		asked := false
		tools.Ask = func(context.Context, Question) (Reply, error) { asked = true; return Yes, nil }
		look := tools.Look
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			if asked {
				busy(&w)
			}
			return w, err
		}
		result, err := tools.Run(context.Background(), plan)
		if result.Outcome != journal.Refused || result.Gate == needTyped || slices.Contains(k.changes(), "DELETE /hosts") {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

// Undo touches the very volume that the run touched.
func TestUndoOfAnother(t *testing.T) {
	for name, other := range map[string]func(*evidence.Volume){
		"another serial": func(v *evidence.Volume) { v.Serial = "000000000000000000000000" },
		"another name":   func(v *evidence.Volume) { v.Name = "purepool::prod" },
		"another id":     func(v *evidence.Volume) { v.ID = "00000000-0000-4000-8000-000000000000" },
	} {
		k := newKit(t, "device-too-late-iscsi")
		plan := k.plan("leaked-volume")
		done, err := k.tools().Run(context.Background(), plan)
		if err != nil {
			t.Fatal(err)
		}
		k.world.Array.ResetRequests()
		tools := k.tools()
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := k.look(ctx, about)
			for i := range w.Arrays[0].Volumes.Items {
				if v := &w.Arrays[0].Volumes.Items[i]; v.ID == plan.ID {
					other(v)
				}
			}
			return w, err
		}
		result, err := tools.Undo(context.Background(), done.Run)
		if err == nil || result.Outcome != journal.Refused || len(result.State) == 0 {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
		if sent := k.changes(); slices.ContainsFunc(sent, func(s string) bool { return !strings.HasSuffix(s, "/login") && !strings.HasSuffix(s, "/logout") }) {
			t.Errorf("%s: sent %v", name, sent)
		}
	}
}

// A run destroyed LXD's temporary copy of a snapshot that LXD had deleted, and a
// backup of the database brings the snapshot's record back. While the snapshot
// itself is not there, the copy is all that is left of it.
func TestEradicateTheOnlyCopy(t *testing.T) {
	for _, c := range []struct {
		name               string
		recorded, original bool
		want               journal.Outcome
	}{
		{"recorded, its original destroyed", true, false, journal.Refused},
		{"recorded, its original there", true, true, journal.Done},
		{"not recorded", false, false, journal.Done},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "killed-in-export-iscsi")
			volumes := k.world.LXD.Volumes()
			back := volumes[slices.IndexFunc(volumes, lxd.Volume.IsSnapshot)]
			if err := k.world.LXD.ForgetVolume(back.Pool, back.Project, back.Type, back.Name); err != nil {
				t.Fatal(err)
			}
			for _, v := range k.world.Array.Volumes() {
				if len(v.Snapshots) == 0 || c.original {
					continue
				}
				if err := k.world.Array.DestroySnapshot(v.Snapshots[0]); err != nil {
					t.Fatal(err)
				}
			}
			k.world.Age(time.Hour)
			plan := k.plan("leaked-volume")
			if _, err := k.tools().Run(context.Background(), plan); err != nil {
				t.Fatal(err)
			}
			if c.recorded {
				k.world.LXD.PutVolume(back)
			}
			result, err := k.tools().Eradicate(context.Background(), plan.Object, plan.Object)
			if result.Outcome != c.want || (c.want != journal.Done && result.Gate != needPending) {
				t.Errorf("%s by %q: %v", result.Outcome, result.Gate, err)
			}
			if _, there := k.volume(plan.Object); there != (c.want != journal.Done) {
				t.Errorf("it is there: %v", there)
			}
		})
	}
}

// Each condition of an eradication alone refuses it, whatever else is known.
func TestEachDoubtForbidsToEradicate(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	if _, err := k.tools().Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	tools := k.tools().withDefaults()
	tools.judge = func(evidence.World, diagnose.Policy) diagnose.Report {
		return diagnose.Report{Findings: []diagnose.Finding{{Code: needPending, VolumeID: plan.ID}}}
	}
	ours, err := tools.destroyer(plan.Object)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(change func(w *evidence.World, v *evidence.Volume)) diagnose.Result {
		world, err := k.look(context.Background(), evidence.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range world.Arrays[0].Volumes.Items {
			if v := &world.Arrays[0].Volumes.Items[i]; v.ID == plan.ID {
				change(&world, v)
				break
			}
		}
		r := tools.newRun(plan)
		r.ours = ours
		result, _ := isPending(r, find(&world, plan.ArrayID, plan.ID, plan.Serial), Step{})
		return result
	}
	if got := ask(func(*evidence.World, *evidence.Volume) {}); got != diagnose.Pass {
		t.Fatalf("as it is: %s", got)
	}
	for name, change := range map[string]func(w *evidence.World, v *evidence.Volume){
		"no array":              func(w *evidence.World, _ *evidence.Volume) { w.Arrays = nil },
		"not listed":            func(_ *evidence.World, v *evidence.Volume) { v.ID = "other" },
		"not destroyed":         func(_ *evidence.World, v *evidence.Volume) { v.Destroyed = evidence.No },
		"perhaps not destroyed": func(_ *evidence.World, v *evidence.Volume) { v.Destroyed = evidence.Unknown },
		"connected": func(w *evidence.World, v *evidence.Volume) {
			w.Arrays[0].Connections = evidence.Complete([]evidence.Connection{{VolumeID: v.ID, VolumeName: v.Name, Host: "h"}})
		},
		"not LXD's name": func(_ *evidence.World, v *evidence.Volume) { v.LXD = evidence.Name{} },
		"no type":        func(_ *evidence.World, v *evidence.Volume) { v.LXD.Type = "" },
		"stretched to an array that was not read": func(w *evidence.World, v *evidence.Volume) {
			a := &w.Arrays[0]
			a.Pods.Items = slices.Clone(a.Pods.Items)
			for i := range a.Pods.Items {
				p := &a.Pods.Items[i]
				p.Arrays = append(slices.Clone(p.Arrays), evidence.PodArray{ID: "b", Name: "fa2", Status: "online"})
			}
		},
		"live elsewhere": func(w *evidence.World, v *evidence.Volume) {
			w.Arrays = append(slices.Clone(w.Arrays), evidence.Array{Source: evidence.Source{Name: "fa2"}, ID: "b", Volumes: evidence.Complete([]evidence.Volume{{ID: "b", Serial: v.Serial, Destroyed: evidence.No}})})
		},
		"no uuid":         func(_ *evidence.World, v *evidence.Volume) { v.LXD.UUID = evidence.UUID{} },
		"LXD hides":       func(w *evidence.World, _ *evidence.Volume) { w.LXD.SeesAll = evidence.Unknown },
		"volumes missing": func(w *evidence.World, _ *evidence.Volume) { w.Arrays[0].Volumes = w.Arrays[0].Volumes.Doubt("x") },
		"connections so": func(w *evidence.World, _ *evidence.Volume) {
			w.Arrays[0].Connections = w.Arrays[0].Connections.Doubt("x")
		},
		"snapshots so":  func(w *evidence.World, _ *evidence.Volume) { w.Arrays[0].Snapshots = w.Arrays[0].Snapshots.Doubt("x") },
		"records so":    func(w *evidence.World, _ *evidence.Volume) { w.LXD.Records = w.LXD.Records.Doubt("x") },
		"operations so": func(w *evidence.World, _ *evidence.Volume) { w.LXD.Operations = w.LXD.Operations.Doubt("x") },
		"recorded": func(w *evidence.World, v *evidence.Volume) {
			w.LXD.Records.Items = append(slices.Clone(w.LXD.Records.Items), evidence.Record{UUID: v.LXD.UUID})
		},
		"a snapshot of it is recorded": func(w *evidence.World, v *evidence.Volume) {
			name := evidence.Name{Snapshot: true, Type: v.LXD.Type, UUID: evidence.UUID{7}}
			w.Arrays[0].Snapshots.Items = append(slices.Clone(w.Arrays[0].Snapshots.Items), evidence.Snapshot{LXD: name, SourceID: v.ID, Destroyed: evidence.Yes})
			w.LXD.Records.Items = append(slices.Clone(w.LXD.Records.Items), evidence.Record{UUID: name.UUID, Snapshot: true})
		},
		"a later destroy":    func(_ *evidence.World, v *evidence.Volume) { v.Remaining += time.Minute },
		"no time":            func(_ *evidence.World, v *evidence.Volume) { v.Remaining = 0 },
		"the array's silent": func(w *evidence.World, _ *evidence.Volume) { w.Arrays[0].Clock = time.Time{} },
	} {
		if got := ask(change); got != diagnose.Fail && got != diagnose.Uncertain {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, f := range []diagnose.Finding{{}, {Code: needPending, VolumeID: "other"}, {Code: "leaked-volume", VolumeID: plan.ID}} {
		tools.judge = func(evidence.World, diagnose.Policy) diagnose.Report {
			return diagnose.Report{Findings: []diagnose.Finding{f}}
		}
		if got := ask(func(*evidence.World, *evidence.Volume) {}); got == diagnose.Pass {
			t.Errorf("it passes with %+v", f)
		}
	}
	for _, a := range []*evidence.Array{
		nil, {Volumes: evidence.Incomplete([]evidence.Volume{}, "page 2")}, {Source: evidence.Source{Trouble: "reset"}, Volumes: evidence.Complete([]evidence.Volume{})},
	} {
		if got, why := confirmEradicated(subject{array: a}, Step{}); got != evidence.Unknown {
			t.Errorf("what is not listed by %+v: %v %s", a, got, why)
		}
	}
	ours.until = time.Time{}
	if got, _ := ours.isThis(&evidence.Array{Clock: k.world.Clock.Now()}, &evidence.Volume{Remaining: time.Hour}); got == diagnose.Pass {
		t.Error("it passes without the journal's time")
	}
}

// Only a destruction that is certainly a run's own may be made final by it.
func TestWhoseDestructionItIs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	bySomebody := func(k *kit, p Plan) error {
		if destroyed, _ := k.volume(p.Object); destroyed {
			return nil
		}
		if host := k.connectedTo(p.Object); host != "" {
			if err := k.world.Array.Disconnect(host, p.Object); err != nil {
				return err
			}
		}
		return k.world.Array.DestroyVolume(p.Object)
	}
	again := func(after time.Duration) func(*kit, Plan) error {
		return func(k *kit, p Plan) error {
			k.world.Age(after)
			return errors.Join(k.world.Array.Recover(p.Object), k.world.Array.DestroyVolume(p.Object))
		}
	}
	run := func(spoil func(*kit, *Tools)) func(*kit, Plan) string {
		return func(k *kit, p Plan) string {
			tools := k.tools()
			if spoil != nil {
				spoil(k, &tools)
			}
			result, _ := tools.Run(ctx, p)
			return result.Run
		}
	}
	faulty := func(f fault) func(*kit, Plan) string {
		return run(func(k *kit, tools *Tools) {
			s := &saboteur{fault: f, at: 2} // the disconnect comes first
			k.spoil(tools, "writer", s)
		})
	}
	for _, c := range []struct {
		name string
		run  func(*kit, Plan) string
		then func(*kit, Plan) error
		ours bool
	}{
		{"ours", run(nil), nil, true},
		{"ours, much later", run(nil), func(k *kit, _ Plan) error { k.world.Age(20 * time.Hour); return nil }, true},
		{"recovered and destroyed again, hours later", run(nil), again(time.Hour), false},
		{"recovered and destroyed again, soon", run(nil), again(10 * time.Second), false},
		{"recovered and destroyed again, in the same second", run(nil), again(0), false},
		{"refused by the array, and done by somebody", faulty(fails), bySomebody, false},
		{"not answered, and done by somebody", faulty(expires), bySomebody, false},
		{"answered and not done, and done by somebody", faulty(lies), bySomebody, false},
		{"done, and the answer was lost", faulty(loses), nil, false},
		{"undone, and destroyed by somebody", func(k *kit, p Plan) string {
			id := run(nil)(k, p)
			if _, err := k.tools().Undo(ctx, id); err != nil {
				k.t.Error(err)
			}
			return id
		}, bySomebody, false},
		{"killed before the request, done by somebody, resumed", func(k *kit, p Plan) string {
			tools := k.tools()
			tools.Writer = func(ctx context.Context, id string) (Writer, error) {
				w, err := k.writer(ctx, id)
				return badWriter{w, dying{}}, err
			}
			if !untilKilled(func() { _, _ = tools.Run(ctx, p) }) {
				k.t.Fatal("it was not killed")
			}
			k.crash()
			if err := bySomebody(k, p); err != nil {
				k.t.Error(err)
			}
			id := k.interrupted()
			_, _ = k.tools().Resume(ctx, id)
			return id
		}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "device-too-late-nvme")
			plan := k.plan("leaked-volume")
			id := c.run(k, plan)
			if c.then != nil {
				if err := c.then(k, plan); err != nil {
					t.Fatal(err)
				}
			}
			if destroyed, _ := k.volume(plan.Object); !destroyed {
				t.Fatal("it is not destroyed, so this proves nothing")
			}
			k.world.Array.ResetRequests()
			result, err := k.tools().Eradicate(ctx, plan.Object, plan.Object)
			_, there := k.volume(plan.Object)
			if there == c.ours || (err == nil) != c.ours {
				t.Errorf("of run %s: there %v: %+v, %v", id, there, result, err)
			}
		})
	}
}

// TestEradicateLooksAgain: what somebody recovers and destroys after the gates
// were asked is theirs, too, up to the request itself.
func TestEradicateLooksAgain(t *testing.T) {
	for name, pause := range map[string]time.Duration{"by the trail": 0, "by the time": 10 * time.Second} {
		k := newKit(t, "device-too-late-nvme")
		plan := k.plan("leaked-volume")
		if _, err := k.tools().Run(context.Background(), plan); err != nil {
			t.Fatal(err)
		}
		tools := k.tools()
		if pause > 0 {
			tools = withoutTrail(tools)
		}
		look, theirs := tools.Look, false
		tools.Look = func(ctx context.Context, scope evidence.Scope) (evidence.World, error) {
			if scope.Anew == evidence.AnewArray && !theirs {
				theirs = true
				k.world.Clock.Advance(pause)
				if err := errors.Join(k.world.Array.Recover(plan.Object), k.world.Array.DestroyVolume(plan.Object)); err != nil {
					t.Error(err)
				}
			}
			return look(ctx, scope)
		}
		result, err := tools.Eradicate(context.Background(), plan.Object, plan.Object)
		if _, there := k.volume(plan.Object); !there || !theirs || result.Outcome != journal.Refused || result.Gate != needPending {
			t.Errorf("%s: there %v, %+v, %v", name, there, result, err)
		}
	}
}

// TestLastDestruction: what the array's audit trail has after a run's own
// destruction makes it somebody else's, and a trail that lacks that is none.
func TestLastDestruction(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	d := destruction{run: "7f3a", from: at.Add(-clockSlack), to: at.Add(clockSlack)}
	did := func(verb string, after time.Duration) evidence.Deed {
		return evidence.Deed{Verb: verb, At: at.Add(after), User: "pureuser", Interface: "CLI"}
	}
	ours := did(evidence.DeedDestroy, 0)
	for _, c := range []struct {
		name  string
		deeds []evidence.Deed
		ahead time.Duration
		want  diagnose.Result
	}{
		{"ours", []evidence.Deed{did(evidence.DeedCreate, -time.Hour), did(evidence.DeedDisconnect, -time.Second), ours}, 0, diagnose.Pass},
		{"ours, of a clock that is ahead", []evidence.Deed{did(evidence.DeedDestroy, time.Hour)}, time.Hour, diagnose.Pass},
		{"ours, after one that was undone", []evidence.Deed{did(evidence.DeedDestroy, -time.Hour), did(evidence.DeedRecover, -time.Minute), ours}, 0, diagnose.Pass},
		{"an eradication that the array refused", []evidence.Deed{ours, did(evidence.DeedEradicate, time.Minute)}, 0, diagnose.Pass},
		{"recovered and destroyed in the same second", []evidence.Deed{ours, did(evidence.DeedRecover, 0), did(evidence.DeedDestroy, 0)}, 0, diagnose.Fail},
		{"in whatever order the array tells it", []evidence.Deed{did(evidence.DeedRecover, 0), did(evidence.DeedDestroy, 0), ours}, 0, diagnose.Fail},
		{"recovered and destroyed later", []evidence.Deed{ours, did(evidence.DeedRecover, time.Hour), did(evidence.DeedDestroy, 2*time.Hour)}, 0, diagnose.Fail},
		{"recovered where the trail has no row for it", []evidence.Deed{ours, did(evidence.DeedDestroy, time.Hour)}, 0, diagnose.Fail},
		{"something that is not told apart", []evidence.Deed{ours, did(evidence.DeedOther, time.Minute)}, 0, diagnose.Fail},
		{"something without a time", []evidence.Deed{{Verb: evidence.DeedRecover}, ours}, 0, diagnose.Fail},
		{"not ours", []evidence.Deed{did(evidence.DeedDestroy, time.Minute)}, 0, diagnose.Uncertain},
		{"nothing", nil, 0, diagnose.Uncertain},
	} {
		if got, why := d.isLast(&evidence.Trail{VolumeID: "v", Deeds: evidence.Complete(c.deeds)}, c.ahead); got != c.want {
			t.Errorf("%s: %s: %s", c.name, got, why)
		}
	}
	part := evidence.Trail{VolumeID: "v", Deeds: evidence.Complete([]evidence.Deed{ours}).Doubt("page 2 is missing")}
	if got, _ := d.isLast(&part, 0); got != diagnose.Uncertain {
		t.Errorf("not all of it: %s", got)
	}
	if got, _ := d.isLast(&evidence.Trail{Deeds: evidence.Complete([]evidence.Deed{ours})}, 0); got != diagnose.Uncertain {
		t.Errorf("of which volume it does not say: %s", got)
	}
}

// dying is a process that is killed when it is to destroy.
type dying struct{}

func (dying) call(name string, do func() error) error {
	if name == "destroy" {
		panic(killed{})
	}
	return do()
}

// A run that asked for it and saw it not done has destroyed nothing, and one
// that was undone has not any more.
func TestAnUndoneRunDestroyedNothing(t *testing.T) {
	for _, f := range allFaults {
		k := newKit(t, "device-too-late-nvme")
		plan := k.plan("leaked-volume")
		tools := k.tools()
		k.spoil(&tools, "writer", &saboteur{fault: f, at: 2})
		_, _ = tools.Run(context.Background(), plan)
		if ours, err := k.tools().withDefaults().destroyer(plan.Object); !errors.Is(err, ErrNotOurs) {
			t.Error(f, ours, err)
		}
	}
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	result, err := k.tools().Run(context.Background(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := k.tools().withDefaults().destroyer(plan.Object); err != nil || ours.run != result.Run || ours.until.IsZero() || ours.within <= 0 {
		t.Errorf("%+v, %v", ours, err)
	}
	if _, err := k.tools().Undo(context.Background(), result.Run); err != nil {
		t.Fatal(err)
	}
	if ours, err := k.tools().withDefaults().destroyer(plan.Object); !errors.Is(err, ErrNotOurs) {
		t.Error(fmt.Sprint(ours), err)
	}
}
