package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// ending is how a run came to its end, or did not. It returns what the last
// process said of the run, if one lived to say something.
type ending struct {
	name string
	// comes reports a run in which it does; in any other it is the whole run
	// once more.
	comes func(course) bool
	do    func(k *kit, p Plan) (id string, said *Result)
}

// course is what a run that nothing interrupts comes by.
type course struct {
	plan            Plan
	asked, recorded int
}

func (c course) has(kind string) bool { return slices.Contains(kinds(c.plan), kind) }

// courseOf carries a plan out.
func courseOf(t *testing.T, scenario, code string) course {
	t.Helper()
	k := newKit(t, scenario)
	c := course{plan: k.plan(code)}
	tools := k.typed(c.plan)
	tools.Ask = func(context.Context, Question) (Reply, error) { c.asked++; return Yes, nil }
	tools.record = func(r *journal.Run, record journal.Record) error { c.recorded++; return r.Append(record) }
	if _, err := tools.Run(context.Background(), c.plan); err != nil {
		t.Fatal(err)
	}
	return c
}

// typed are tools of who has typed the name of what a plan is about.
func (k *kit) typed(p Plan) Tools {
	t := k.tools()
	t.Typed = p.Object
	return t
}

func quitAt(n int) ending {
	return ending{fmt.Sprintf("quit at question %d", n), func(c course) bool { return n <= c.asked }, func(k *kit, p Plan) (string, *Result) {
		tools, asked := k.typed(p), 0
		tools.Ask = func(context.Context, Question) (Reply, error) {
			if asked++; asked == n {
				return Quit, nil
			}
			return Yes, nil
		}
		result, _ := tools.Run(context.Background(), p)
		return result.Run, &result
	}}
}

func cancelAt(kind string) ending {
	return ending{"Ctrl-C in " + kind, func(c course) bool { return c.has(kind) }, func(k *kit, p Plan) (string, *Result) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		tools := k.typed(p)
		tools.Report = func(e Event) {
			if e.Phase == Begins && e.Step.Kind == kind {
				cancel()
			}
		}
		result, _ := tools.Run(ctx, p)
		return result.Run, &result
	}}
}

func refusedAt(kind string) ending {
	return ending{"refused before " + kind, func(c course) bool { return c.has(kind) }, func(k *kit, p Plan) (string, *Result) {
		tools, busy := k.typed(p), false
		tools.Ask = func(_ context.Context, q Question) (Reply, error) {
			busy = busy || q.Step.Kind == kind
			return Yes, nil
		}
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := k.look(ctx, about)
			if busy {
				w.LXD.Operations = evidence.Complete([]evidence.Operation{{Description: "Creating instance", Running: evidence.Yes}})
			}
			return w, err
		}
		result, _ := tools.Run(context.Background(), p)
		return result.Run, &result
	}}
}

func killedAt(n int) ending {
	return ending{fmt.Sprintf("killed at record %d", n), func(c course) bool { return n <= c.recorded }, func(k *kit, p Plan) (string, *Result) {
		tools, at := k.typed(p), 0
		tools.record = func(r *journal.Run, record journal.Record) error {
			if at++; at == n {
				panic(killed{})
			}
			return r.Append(record)
		}
		var result Result
		if !untilKilled(func() { result, _ = tools.Run(context.Background(), p) }) {
			return result.Run, &result
		}
		k.crash()
		return k.interrupted(), nil
	}}
}

// then goes on with a run after another ending.
func (e ending) then(name string, do func(k *kit, p Plan, id string) *Result) ending {
	return ending{e.name + ", " + name, e.comes, func(k *kit, p Plan) (string, *Result) {
		id, _ := e.do(k, p)
		return id, do(k, p, id)
	}}
}

func resumed(k *kit, p Plan, id string) *Result {
	result, err := k.typed(p).Resume(context.Background(), id)
	if errors.Is(err, ErrNotInterrupted) {
		return nil
	}
	return &result
}

func undone(k *kit, _ Plan, id string) *Result {
	_, _ = k.tools().Undo(context.Background(), id)
	return nil
}

func eradicatedIt(k *kit, p Plan, _ string) *Result {
	_, _ = k.tools().Eradicate(context.Background(), p.Object, p.Object)
	return nil
}

func recoveredByHand(k *kit, p Plan, _ string) *Result {
	if destroyed, _ := k.volume(p.Object); destroyed {
		if err := k.world.Array.Recover(p.Object); err != nil {
			k.t.Error(err)
		}
	}
	return nil
}

// fixedAgain is another run of the same object, as an operator makes it who
// does not know of the first.
func fixedAgain(k *kit, p Plan, _ string) *Result {
	for _, other := range k.plans(k.tools()) {
		if other.Code == p.Code && other.Object == p.Object {
			_, _ = k.tools().Run(context.Background(), other)
			return nil
		}
	}
	return nil
}

// whole is a run that nothing interrupts.
var whole = ending{"whole", func(course) bool { return true }, quitAt(99).do}

// TestPromises ends runs of every kind in every way, and holds what is printed
// about undo against what undo does: the last words of the run, and the lists.
func TestPromises(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the many endings")
	}
	again := func(e ending) ending { return e.then("fixed again", fixedAgain) }
	endings := []ending{
		whole, whole.then("undone", undone), whole.then("eradicated", eradicatedIt), whole.then("recovered by hand", recoveredByHand),
		whole.then("undone", undone).then("undone", undone),
		quitAt(1), quitAt(2), quitAt(3), quitAt(2).then("resumed", resumed), quitAt(3).then("resumed", resumed),
		again(quitAt(3)), again(quitAt(3)).then("resumed", resumed), again(quitAt(3)).then("eradicated", eradicatedIt),
		cancelAt(StepDisconnect), cancelAt(StepClear), cancelAt(StepConfirm), cancelAt(StepDestroy), cancelAt(StepVerify),
		refusedAt(StepDisconnect), refusedAt(StepDestroy), refusedAt(StepDestroy).then("resumed", resumed),
	}
	for n := 1; n <= 24; n++ {
		if everything || n%4 == 2 {
			endings = append(endings, killedAt(n), killedAt(n).then("resumed", resumed), killedAt(n).then("undone", undone))
		}
	}
	var works atomic.Int64
	tried := 0
	t.Run("all", func(t *testing.T) { tried = promisesOf(t, endings, &works) })
	t.Logf("%d of %d could be undone", works.Load(), tried)
	if works.Load() < int64(tried/4) {
		t.Error("too little could be undone for this to prove anything")
	}
}

// promisesOf tries the endings side by side.
func promisesOf(t *testing.T, endings []ending, works *atomic.Int64) (tried int) {
	for i, c := range []struct{ scenario, code string }{
		{"unmap-refused-iscsi", "leaked-volume"},
		{"device-too-late-nvme", "leaked-volume"},
		{"killed-while-waiting-iscsi", "stale-connection"},
		{"killed-in-export-nvme", codeCopy},
		{"map-left", "stale-map"},
		{"host-not-deleted-iscsi", codeIdleHost},
		{"snapshot-reply-lost", "leaked-snapshot"},
	} {
		course := courseOf(t, c.scenario, c.code)
		for j, e := range endings {
			if !e.comes(course) || !everything && i > 0 && (i+j)%3 != 0 {
				continue
			}
			tried++
			t.Run(c.scenario+"/"+e.name, func(t *testing.T) {
				t.Parallel()
				k := newKit(t, c.scenario)
				plan := k.plan(c.code)
				connections := k.connections(plan.Object)
				id, said := e.do(k, plan)
				if id == "" {
					return // killed before there was a run, or behind its end
				}
				promises, err := Promises(k.book, k.world.Clock.Now())
				if err != nil {
					t.Fatal(err)
				}
				promise := promises[id]
				if said != nil && said.Undo.Works != promise.Works {
					t.Errorf("the run said %+v, and the list %+v", said.Undo, promise)
				}
				result, err := k.tools().Undo(context.Background(), id)
				if strings.HasSuffix(e.name, "recovered by hand") && destroyedIn(k, id) {
					// No journal knows of that. It lives, and stays unconnected.
					if destroyed, _ := k.volume(plan.Object); c.code != "leaked-snapshot" && (destroyed || connections > 0 && (err == nil || k.connections(plan.Object) > 0)) {
						t.Errorf("destroyed %v, %d connections: %+v, %v", destroyed, k.connections(plan.Object), result, err)
					}
					return
				}
				if (err == nil) != promise.Works {
					t.Errorf("promised %+v, and undo: %+v, %v", promise, result, err)
				}
				if promise.Works {
					works.Add(1)
					destroyed, there := k.volume(plan.Object)
					if snapshot := c.code == "leaked-snapshot"; !snapshot && (destroyed || !there || k.connections(plan.Object) != connections) {
						t.Errorf("undone: destroyed %v, there %v, %d connections, were %d", destroyed, there, k.connections(plan.Object), connections)
					}
				}
				if after, _ := Promises(k.book, k.world.Clock.Now()); err == nil && after[id].Works {
					t.Errorf("it can be undone again: %+v", after[id])
				}
				k.noHarm()
			})
		}
	}
	return tried
}

// destroyedIn reports a run that saw its volume destroyed.
func destroyedIn(k *kit, id string) bool {
	_, seen := destroyedAt(journal.History{Records: k.records(id)})
	return seen.Is()
}

// TestWhatWasEradicated: only an eradication of that very run that is done and
// gave the space back.
func TestWhatWasEradicated(t *testing.T) {
	done := journal.Summary{Kind: journal.KindEradicate, Of: "7f3a", State: journal.Finished}
	for name, spoil := range map[string]func(*journal.Summary){
		"it was":        func(*journal.Summary) {},
		"another run's": func(s *journal.Summary) { s.Of = "01d7" },
		"undone":        func(s *journal.Summary) { s.Kind = journal.KindUndo },
		"not done":      func(s *journal.Summary) { s.State = journal.Interrupted },
		"nobody may":    func(s *journal.Summary) { s.Until = time.Unix(1000, 0) },
	} {
		s := done
		spoil(&s)
		if got := eradicated([]journal.Summary{s}, "7f3a"); got != (name == "it was") {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What somebody has destroyed since can't be connected: a run that only
// disconnected it promises nothing then, and says what is the matter.
func TestUndoOfWhatSomebodyDestroyed(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	first := k.stopAt(plan, 3)
	if !first.Undo.Works {
		t.Errorf("before: %+v", first.Undo)
	}
	if err := k.world.Array.DestroyVolume(plan.Object); err != nil {
		t.Fatal(err)
	}
	if again, err := k.tools().Resume(context.Background(), first.Run); err != nil || again.Undo.Works {
		t.Errorf("resumed: %+v, %v", again, err)
	}
	k.world.Array.ResetRequests()
	result, err := k.tools().Undo(context.Background(), first.Run)
	if said := fmt.Sprint(err, result.State); err == nil || !strings.Contains(said, "it is destroyed") {
		t.Errorf("undone: %+v, %v", result, err)
	}
	if sent := k.changes(); slices.Contains(sent, "POST /connections") {
		t.Errorf("sent %v", sent)
	}
}

// Before what only disconnected a volume the run comes that destroyed it since,
// and the command is named: it is not that there is nothing to undo.
func TestUndoNamesTheOneThatComesFirst(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	first := k.stopAt(plan, 3)
	k.crash()
	second, err := k.tools().Run(context.Background(), k.plan("leaked-volume"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.tools().Undo(context.Background(), first.Run)
	if !errors.Is(err, ErrNothingToUndo) || !strings.HasSuffix(err.Error(), "that one comes first, pureclean undo "+second.Run) {
		t.Errorf("%v", err)
	}
	// It would lead nowhere once there is nothing left to recover.
	if _, err := k.tools().Eradicate(context.Background(), plan.Object, plan.Object); err != nil {
		t.Fatal(err)
	}
	_, err = k.tools().Undo(context.Background(), first.Run)
	if !errors.Is(err, ErrNothingToUndo) || !strings.Contains(err.Error(), "run "+second.Run+" has destroyed "+plan.Object+" since, and that was eradicated") {
		t.Errorf("%v", err)
	}
}

// A run that another process is at is not one that was stopped.
func TestUnderWay(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	seen := 0
	tools.Ask = func(context.Context, Question) (Reply, error) {
		runs, err := journal.Read(k.dir).List()
		if err != nil || len(runs) != 1 || runs[0].State != journal.UnderWay || runs[0].Last.PID != tools.Operator.PID {
			t.Errorf("%+v, %v", runs, err)
		}
		if p, err := Promises(journal.Read(k.dir), k.world.Clock.Now()); err != nil || p[runs[0].ID].Works {
			t.Errorf("%+v, %v", p, err)
		}
		seen++
		if seen == 3 {
			panic(killed{})
		}
		return Yes, nil
	}
	if !untilKilled(func() { _, _ = tools.Run(context.Background(), plan) }) {
		t.Fatal("it was not killed")
	}
	k.crash()
	id := k.interrupted()
	if id == "" {
		t.Fatalf("the runs are %v", k.states())
	}
	tools = k.tools()
	tools.Operator.PID = 4711
	tools.Ask = func(context.Context, Question) (Reply, error) {
		if runs, err := journal.Read(k.dir).List(); err != nil || runs[0].State != journal.UnderWay || runs[0].Last.PID != 4711 {
			t.Errorf("%+v, %v", runs, err)
		}
		return Yes, nil
	}
	if _, err := tools.Resume(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if state := k.state(id); state != journal.Finished {
		t.Errorf("the run is %s", state)
	}
}

// What could not be read is not gone: an array that stops to answer before a
// run, in the middle of one or before an undo has not lost the volume.
func TestWhatIsNotReadIsNotGone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, silence := range map[string]func(*evidence.World){
		"nothing at all": func(w *evidence.World) { w.Arrays = nil },
		"it did not answer": func(w *evidence.World) {
			w.Arrays[0] = evidence.Array{Source: evidence.Source{Name: "fa", Trouble: "connection refused"}}
		},
		"it broke off": func(w *evidence.World) {
			id := w.Arrays[0].ID
			w.Arrays[0] = evidence.Array{Source: evidence.Source{Name: "fa", Trouble: "connection reset"}, ID: id}
		},
		"a page is missing": func(w *evidence.World) {
			w.Arrays[0].Volumes = evidence.Incomplete([]evidence.Volume{}, "page 2 was refused")
		},
	} {
		for at := range 4 { // before the run, at its questions
			t.Run(fmt.Sprint(name, " ", at), func(t *testing.T) {
				k := newKit(t, "unmap-refused-iscsi")
				plan := k.plan("leaked-volume")
				tools, asked := k.tools(), 0
				tools.Ask = func(context.Context, Question) (Reply, error) { asked++; return Yes, nil }
				tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
					w, err := k.look(ctx, about)
					if asked >= at {
						silence(&w)
					}
					return w, err
				}
				result, err := tools.Run(ctx, plan)
				if err == nil || strings.Contains(err.Error(), "any more") || result.Outcome != journal.Refused {
					t.Errorf("%+v, %v", result, err)
				}
				if id := k.interrupted(); id != "" {
					result, err := tools.Resume(ctx, id)
					if err == nil || strings.Contains(err.Error(), "any more") || k.state(id) != journal.Interrupted {
						t.Errorf("resumed: %+v, %v", result, err)
					}
					result, err = tools.Undo(ctx, id)
					if said := fmt.Sprint(err, result.State); err == nil || strings.Contains(said, "any more") || strings.Contains(said, "eradicated") {
						t.Errorf("undone: %+v, %v", result, err)
					}
				}
			})
		}
	}
}
