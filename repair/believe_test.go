package repair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// gatesOf are all gates of a class.
func gatesOf(class diagnose.Class) []string {
	var all []string
	for _, g := range diagnose.Gates {
		if slices.Contains(g.Classes, class) {
			all = append(all, g.Name)
		}
	}
	return all
}

// protect lets an auditor protect a volume, so that gate not-protected fails.
func (k *kit) protect(object string) {
	k.t.Helper()
	if _, err := k.world.Array.CreateSnapshot(object, "before-audit"); err != nil {
		k.t.Fatal(err)
	}
}

// Which gates are asked follows from what a step changes. A plan file may call
// its finding what it likes, and its class: nothing is sent, or all gates of the
// step were asked.
func TestNoWordInAPlanSkipsAGate(t *testing.T) {
	classes := []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassReport}
	for _, kind := range diagnose.Kinds {
		for _, class := range classes {
			t.Run(kind.Code+" "+string(class), func(t *testing.T) {
				t.Parallel()
				k := newKit(t, "unmap-refused-iscsi")
				plan := k.plan("leaked-volume")
				genuine := kind.Code == plan.Code && class == plan.Class
				plan.Code, plan.Class = kind.Code, class
				tools := k.tools()
				tools.Ask = func(_ context.Context, q Question) (Reply, error) {
					var asked []string
					for _, g := range q.Gates {
						asked = append(asked, g.Gate)
					}
					for _, gate := range gatesOf(diagnose.ClassDestroy) {
						if !slices.Contains(asked, gate) {
							t.Errorf("%s: %s was not asked: %v", q.Step.Say, gate, asked)
						}
					}
					if q.Step.Kind == StepDestroy {
						return Quit, nil
					}
					return Yes, nil
				}
				result, err := tools.Run(context.Background(), plan)
				if (k.connections(plan.Object) == 0) != genuine || result.Changed != genuine {
					t.Errorf("%+v, %v", result, err)
				}
				if begin := k.records(result.Run)[0]; !genuine && len(begin.Plan) > 0 {
					t.Errorf("the plan of the file is in the journal: %s", begin.Plan)
				}
			})
		}
	}
}

// The journal has the plan that was made here, with its own words.
func TestTheJournalHasThePlanThatHeld(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	honest := plan.Steps[0].Say
	plan.Steps[0].Say, plan.Steps[0].Manual, plan.ArrayName = "do nothing at all", []string{"true"}, "another"
	result, err := k.tools().Run(context.Background(), plan)
	if err != nil {
		t.Fatal(err)
	}
	var kept Plan
	if err := json.Unmarshal(k.records(result.Run)[0].Plan, &kept); err != nil {
		t.Fatal(err)
	}
	if kept.Steps[0].Say != honest || kept.ArrayName == "another" {
		t.Errorf("%+v", kept)
	}
}

// rewrite changes the plan in the journal of a run.
func (k *kit) rewrite(id string, change func(*Plan)) {
	k.t.Helper()
	name := k.dir + "/runs/" + id + ".jsonl"
	data, err := os.ReadFile(name)
	if err != nil {
		k.t.Fatal(err)
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	var begin journal.Record
	var plan Plan
	if err := errors.Join(json.Unmarshal(first, &begin), json.Unmarshal(begin.Plan, &plan)); err != nil {
		k.t.Fatal(err)
	}
	change(&plan)
	if begin.Plan, err = json.Marshal(plan); err != nil {
		k.t.Fatal(err)
	}
	if first, err = json.Marshal(begin); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(name, slices.Concat(first, []byte("\n"), rest), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// stopAt runs a plan and stops it before its n-th question.
func (k *kit) stopAt(plan Plan, n int) Result {
	k.t.Helper()
	tools, asked := k.tools(), 0
	tools.Ask = func(context.Context, Question) (Reply, error) {
		if asked++; asked == n {
			return Quit, nil
		}
		return Yes, nil
	}
	result, err := tools.Run(context.Background(), plan)
	if err == nil || k.state(result.Run) != journal.Interrupted {
		k.t.Fatalf("not interrupted: %+v, %v", result, err)
	}
	return result
}

// Of what a journal says of its plan nothing is believed either.
func TestNoWordInAJournalSkipsAGate(t *testing.T) {
	other := func(k *kit, p *Plan) {
		for _, v := range k.world.Array.Volumes() {
			if v.Name == k.live[0] {
				p.Object, p.ID, p.Serial = v.Name, v.ID, evidence.Serial(v.Serial)
			}
		}
	}
	for name, change := range map[string]func(*kit, *Plan){
		"nothing":                 func(*kit, *Plan) {},
		"an idle host":            func(_ *kit, p *Plan) { p.Code = codeIdleHost },
		"a report":                func(_ *kit, p *Plan) { p.Class = diagnose.ClassReport },
		"no class":                func(_ *kit, p *Plan) { p.Class = "" },
		"a class with less gates": func(_ *kit, p *Plan) { p.Class = diagnose.ClassHost },
		"a stale connection":      func(_ *kit, p *Plan) { p.Code, p.Class = "stale-connection", diagnose.ClassDisconnect },
		"a pending one":           func(_ *kit, p *Plan) { p.Code, p.Class = "pending-eradication", diagnose.ClassReport },
		"a half":                  func(_ *kit, p *Plan) { p.Code = codeHalf },
		"a snapshot":              func(_ *kit, p *Plan) { p.Code, p.Class = "leaked-snapshot", diagnose.ClassSnapshot },
		"only the destroy":        func(_ *kit, p *Plan) { p.Steps = []Step{{Kind: StepDestroy}} },
		"a snapshot's destroy":    func(_ *kit, p *Plan) { p.Steps[len(p.Steps)-2].Kind = StepDestroySnapshot },
		"a live volume":           other,
		"a live one as idle host": func(k *kit, p *Plan) { other(k, p); p.Code = codeIdleHost },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			first := k.stopAt(plan, 3)
			k.protect(plan.Object)
			k.rewrite(first.Run, func(p *Plan) { change(k, p) })
			k.world.Array.ResetRequests()
			result, err := k.tools().Resume(context.Background(), first.Run)
			if destroyed, _ := k.volume(plan.Object); destroyed || err == nil {
				t.Errorf("destroyed %v: %+v, %v", destroyed, result, err)
			}
			if sent := k.changes(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
			k.noHarm()
		})
	}
}

// A connection that was to be cut is not the permission to destroy.
func TestResumeAddsNoStep(t *testing.T) {
	for _, code := range []string{"stale-connection", "leaked-volume", codeIdleHost} {
		k := newKit(t, "killed-while-waiting-iscsi")
		plan := k.plan("stale-connection")
		first := k.stopRecord(plan, StepClear)
		k.rewrite(first, func(p *Plan) {
			p.Code = code
			p.Steps = append(p.Steps[:len(p.Steps)-1], Step{Kind: StepDestroy})
			if code == "leaked-volume" {
				p.Class = diagnose.ClassDestroy
			}
		})
		result, err := k.tools().Resume(context.Background(), first)
		if destroyed, _ := k.volume(plan.Object); destroyed || err == nil {
			t.Errorf("%s: destroyed %v: %+v, %v", code, destroyed, result, err)
		}
		k.noHarm()
	}
}

// TestResumeOfWhatNobodyWouldPlan: what is left of a run is held against what
// would be planned now, in each of its parts.
func TestResumeOfWhatNobodyWouldPlan(t *testing.T) {
	for says, change := range map[string]func(*Plan){
		"nobody would plan to destroy": func(p *Plan) {
			p.Steps = append(p.Steps[:len(p.Steps)-1], Step{Kind: StepDestroy})
		},
		"its pool is": func(p *Plan) { p.Pool = "other" },
	} {
		k := newKit(t, "killed-while-waiting-iscsi")
		plan := k.plan("stale-connection")
		first := k.stopRecord(plan, StepDisconnect)
		k.rewrite(first, change)
		result, err := k.tools().Resume(context.Background(), first)
		if result.Gate != "plan" || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %+v, %v", says, result, err)
		}
		k.noHarm()
	}
}

// TestResumeOfWhatIsNotUnderstood: a run whose plan can't be read, and one whose
// array is not there, is not gone on with.
func TestResumeOfWhatIsNotUnderstood(t *testing.T) {
	k := newKit(t, "killed-while-waiting-iscsi")
	plan := k.plan("stale-connection")
	first := k.stopRecord(plan, StepClear)
	for name, spoil := range map[string]func(*evidence.World) error{
		"no array":  func(w *evidence.World) error { w.Arrays = nil; return nil },
		"no answer": func(*evidence.World) error { return errSabotage },
	} {
		tools := k.tools()
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := k.look(ctx, about)
			return w, errors.Join(err, spoil(&w))
		}
		result, err := tools.Resume(context.Background(), first)
		if name == "no array" && (result.Gate != needSame || result.Step != "resume") || name == "no answer" && !errors.Is(err, errSabotage) {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	k.garble(first)
	if result, err := k.tools().Resume(context.Background(), first); err == nil || !strings.Contains(err.Error(), "its plan can't be read") {
		t.Errorf("%+v, %v", result, err)
	}
	k.noHarm()
}

// garble makes the plan of a run one that can't be read, until it is mended.
func (k *kit) garble(id string) (mend func() error) {
	k.t.Helper()
	name := k.dir + "/runs/" + id + ".jsonl"
	data, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, bytes.Replace(data, []byte(`"steps":[`), []byte(`"steps":7,"left":[`), 1), 0o600)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return func() error { return os.WriteFile(name, data, 0o600) }
}

// TestAnInterruptedUndoIsGoneOnWith: as an undo, which first deletes the paths that
// lead nowhere.
func TestAnInterruptedUndoIsGoneOnWith(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	first := k.stopRecord(plan, StepClear)
	tools := k.tools()
	tools.record = func(*journal.Run, journal.Record) error { panic(killed{}) }
	if !untilKilled(func() { _, _ = tools.Undo(context.Background(), first) }) {
		t.Fatal("it was not killed")
	}
	k.crash()
	all, err := k.book.List()
	i := slices.IndexFunc(all, func(s journal.Summary) bool { return s.Kind == journal.KindUndo })
	if err != nil || i < 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	mend := k.garble(first)
	if result, err := k.tools().Resume(context.Background(), all[i].ID); err == nil || k.connections(plan.Object) != 0 {
		t.Errorf("what was left offline is not known: %+v, %v", result, err)
	}
	k.crash()
	if err := mend(); err != nil {
		t.Fatal(err)
	}
	result, err := k.tools().Resume(context.Background(), all[i].ID)
	if err != nil || result.Outcome != journal.Done || k.connections(plan.Object) != 1 {
		t.Errorf("%d connections: %+v, %v", k.connections(plan.Object), result, err)
	}
	for _, d := range k.disks(plan.Serial) {
		if d.State != "running" {
			t.Errorf("%s is %s", d.Name, d.State)
		}
	}
}

// What is done is not asked about again, and what is undone not undone again.
func TestNothingIsDoneTwice(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	first := k.stopRecord(plan, StepClear)
	tools := k.tools()
	tools.Ask = func(_ context.Context, q Question) (Reply, error) {
		if q.Step.Kind == StepDisconnect {
			t.Error("it is asked about what is done")
		}
		return Yes, nil
	}
	if result, err := tools.Resume(context.Background(), first); err != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	if result, err := k.tools().Undo(context.Background(), first); err != nil {
		t.Fatalf("%+v, %v", result, err)
	}
	if result, err := k.tools().Undo(context.Background(), first); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("%+v, %v", result, err)
	}
}

// An undo connects nothing beside paths that could not be deleted, without a login,
// or without a yes.
func TestUndoStops(t *testing.T) {
	for name, spoil := range map[string]func(*kit, *Tools) error{
		"paths stay": func(k *kit, tools *Tools) error {
			tools.Machine = func(member string) (Machine, bool) {
				m, ok := k.machine(member)
				return stubborn{m, "clear"}, ok
			}
			return errStubborn
		},
		"no login": func(_ *kit, tools *Tools) error {
			tools.Writer = func(context.Context, string) (Writer, error) { return nil, errSabotage }
			return errSabotage
		},
		"declined": func(_ *kit, tools *Tools) error { tools.Ask = nil; return nil },
	} {
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		first := k.stopRecord(plan, StepClear)
		tools := k.tools()
		want := spoil(k, &tools)
		result, err := tools.Undo(context.Background(), first)
		if err == nil || want != nil && !errors.Is(err, want) || k.connections(plan.Object) != 0 {
			t.Errorf("%s: %d connections: %+v, %v", name, k.connections(plan.Object), result, err)
		}
	}
}

// A journal that can't be read is not an empty one.
func TestAJournalThatCanNotBeReadIsNotEmpty(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/runs", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	book := journal.Read(dir)
	_, promises := Promises(book, k.world.Clock.Now())
	_, left := LeftOffline(book)
	tools := k.tools()
	tools.Journal = book
	for what, err := range map[string]error{
		"what was done": FromJournal(book, "", &evidence.World{}), "promises": promises, "paths that are offline": left,
		"a preview": tools.Preview(context.Background(), []Plan{plan})[0],
	} {
		if err == nil {
			t.Errorf("%s: nothing is wrong", what)
		}
	}
}

// What can be foreseen is: that the array is not there, and that a gate is in the
// way.
func TestPreviewForeseesARefusal(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	tools.Look = func(context.Context, evidence.Scope) (evidence.World, error) { return evidence.World{}, errSabotage }
	if errs := tools.Preview(context.Background(), []Plan{plan}); !errors.Is(errs[0], errSabotage) {
		t.Error(errs)
	}
	if _, err := k.world.LXD.StartOperation("", "task", "Creating instance", ""); err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if errs := k.tools().Preview(context.Background(), []Plan{plan}); !errors.As(errs[0], &refused) || refused.Gate != "no-operation" {
		t.Error(errs)
	}
}

// A journal that can only be read permits nothing.
func TestNothingIsBegunInAJournalThatIsOnlyRead(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	tools.Journal = journal.Read(k.dir)
	if result, err := tools.Run(context.Background(), plan); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("%+v, %v", result, err)
	}
	done, err := k.tools().Run(context.Background(), plan)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := tools.Undo(context.Background(), done.Run); !errors.Is(err, journal.ErrReadOnly) {
		t.Errorf("%+v, %v", result, err)
	}
	if destroyed, _ := k.volume(plan.Object); !destroyed {
		t.Error("it was recovered")
	}
}

// A step that this version has no word for is not passed over.
func TestResumeOfAnUnknownStep(t *testing.T) {
	k := newKit(t, "killed-while-waiting-iscsi")
	plan := k.plan("stale-connection")
	first := k.stopRecord(plan, StepDisconnect)
	k.rewrite(first, func(p *Plan) { p.Steps = slices.Insert(p.Steps, 0, Step{Kind: "flush"}) })
	result, err := k.tools().Resume(context.Background(), first)
	if err == nil || result.Outcome != journal.Failed || !strings.Contains(err.Error(), `a step of kind "flush" is not known`) {
		t.Errorf("%+v, %v", result, err)
	}
	k.noHarm()
}

// TestResumeOfWhatEnded: what has ended, or never was, is not gone on with.
func TestResumeOfWhatEnded(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	done, err := k.tools().Run(context.Background(), k.plan("leaked-volume"))
	if err != nil {
		t.Fatal(err)
	}
	if result, err := k.tools().Resume(context.Background(), done.Run); !errors.Is(err, ErrNotInterrupted) {
		t.Errorf("a run that ended: %+v, %v", result, err)
	}
	if result, err := k.tools().Resume(context.Background(), "ffff"); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("no run: %+v, %v", result, err)
	}
	if _, _, err := k.tools().restored(journal.History{ID: "ffff"}); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("a run without a record: %v", err)
	}
	for _, records := range [][]journal.Record{
		{{What: journal.WhatBegin, Plan: []byte(`{"steps": 7}`)}},
		{{What: journal.WhatBegin}, {What: journal.WhatAction, Action: []byte("7"), State: []byte("{}")}},
		{{What: journal.WhatBegin}, {What: journal.WhatAction, Action: []byte("{}"), State: []byte("7")}},
	} {
		if _, _, err := k.tools().restored(journal.History{ID: "ffff", Records: records}); err == nil {
			t.Errorf("%+v is understood", records)
		}
	}
}

// stopRecord kills the process before the first record of a step.
func (k *kit) stopRecord(plan Plan, step string) string {
	k.t.Helper()
	tools := k.tools()
	tools.record = func(r *journal.Run, record journal.Record) error {
		if record.StepKind == step {
			panic(killed{})
		}
		return r.Append(record)
	}
	if !untilKilled(func() { _, _ = tools.Run(context.Background(), plan) }) {
		k.t.Fatal("it was not killed")
	}
	k.crash()
	return k.interrupted()
}

// A finding permits the steps of its class, and only if it was asked all gates
// of that class.
func TestWhatPermitsAStep(t *testing.T) {
	for _, kind := range Steps {
		if !kind.Gated {
			continue
		}
		for _, finding := range diagnose.Kinds {
			f := diagnose.Finding{Code: finding.Code, Object: "x"}
			for _, gate := range gatesOf(finding.Class) {
				f.Gates = append(f.Gates, diagnose.GateResult{Gate: gate, Result: diagnose.Pass})
			}
			permitted := kind.forbids(&f) == ""
			if want := slices.Contains(kind.Rests, finding.Class); permitted != want {
				t.Errorf("%s on a %s: %v", kind.Kind, finding.Code, permitted)
			}
			for i := range f.Gates {
				less := f
				less.Gates = slices.Delete(slices.Clone(f.Gates), i, i+1)
				if permitted && kind.forbids(&less) == "" {
					t.Errorf("%s on a %s without %s", kind.Kind, finding.Code, f.Gates[i].Gate)
				}
			}
		}
		if len(kind.Rests) == 0 {
			t.Errorf("%s rests on nothing", kind.Kind)
		}
		if slices.Contains(kind.Rests, diagnose.ClassReport) {
			t.Errorf("%s rests on a report, which has no gates", kind.Kind)
		}
	}
}
