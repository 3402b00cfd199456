package repair

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// copied is a backup of the state directory.
func (k *kit) copied() string {
	k.t.Helper()
	dir := k.t.TempDir() + "/copy"
	if err := os.CopyFS(dir, os.DirFS(k.dir)); err != nil {
		k.t.Fatal(err)
	}
	return dir
}

// restored puts a backup in its place.
func (k *kit) restored(dir string) {
	k.t.Helper()
	k.dir = dir
	k.crash()
}

// TestResumeOfWhatSomebodyWants: a journal that comes from a backup calls a run
// interrupted that was finished since. What somebody recovered and used after it
// is not destroyed by going on with it, nor is anything a day later.
func TestResumeOfWhatSomebodyWants(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, c := range []struct {
		name string
		then func(*kit, Plan) error
		gate string // empty where it is gone on with
		why  string
	}{
		{"nobody did anything", func(k *kit, _ Plan) error { k.world.Age(20 * time.Hour); return nil }, "", ""},
		{"a day later", func(k *kit, _ Plan) error { k.world.Age(25 * time.Hour); return nil }, needStood, "what it did last was"},
		{"by a clock that was set back", func(k *kit, _ Plan) error { k.world.Clock.Advance(-time.Hour); return nil }, needStood, "later than it is now"},
		{"written to", func(k *kit, p Plan) error { return k.world.Array.SetUsed(p.Object, 1<<38) }, needStood, "were written to it since"},
		{"connected", func(k *kit, p Plan) error { return k.world.Array.Connect("lxd01-iscsi", p.Object, 0) }, needStood, "it is connected to lxd01-iscsi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			id := k.stopAt(plan, 3).Run
			backup := k.copied()
			k.crash()
			if result, err := k.tools().Resume(ctx, id); err != nil || result.Outcome != journal.Done {
				t.Fatalf("%+v, %v", result, err)
			}
			if err := errors.Join(k.world.Array.Recover(plan.Object), c.then(k, plan)); err != nil {
				t.Fatal(err)
			}
			k.restored(backup)
			for range 2 { // nor the second time
				result, err := withoutTrail(k.tools()).Resume(ctx, id)
				destroyed, _ := k.volume(plan.Object)
				if refused := c.gate != ""; destroyed == refused || (err != nil) != refused || result.Gate != c.gate {
					t.Fatalf("destroyed %v: %+v, %v", destroyed, result, err)
				}
				if c.gate == "" {
					return
				}
				if refused := (*RefusedError)(nil); !errors.As(err, &refused) || !strings.Contains(refused.Why, c.why) || !strings.Contains(refused.Hint, "pureclean fix --volume "+plan.Object) {
					t.Errorf("%+v, %v", refused, err)
				}
				if k.state(id) != journal.Interrupted {
					t.Errorf("it is %s", k.state(id))
				}
			}
		})
	}
}

// TestResumeSeesWhatStood: what a run wrote down last of its object is held
// against what is there, and what is not told on either side holds nothing.
func TestResumeSeesWhatStood(t *testing.T) {
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*run, *evidence.Volume)
		passes bool
	}{
		"as it was":                    {func(*run, *evidence.Volume) {}, true},
		"trimmed":                      {func(_ *run, v *evidence.Volume) { v.Written.N-- }, true},
		"a connection less":            {func(r *run, _ *evidence.Volume) { r.stood.Connections = []string{"lxd01-iscsi", "gone"} }, true},
		"a day ago":                    {func(r *run, _ *evidence.Volume) { r.stoodAt = now.Add(-resumableFor) }, true},
		"more than a day":              {func(r *run, _ *evidence.Volume) { r.stoodAt = now.Add(-resumableFor - time.Second) }, false},
		"never":                        {func(r *run, _ *evidence.Volume) { r.stoodAt = time.Time{} }, false},
		"later":                        {func(r *run, _ *evidence.Volume) { r.stoodAt = now.Add(time.Minute) }, false},
		"destroyed then":               {func(r *run, _ *evidence.Volume) { r.stood.Destroyed = "yes" }, false},
		"written":                      {func(_ *run, v *evidence.Volume) { v.Written.N++ }, false},
		"written is not told":          {func(_ *run, v *evidence.Volume) { v.Written = evidence.Count{} }, false},
		"written was not told":         {func(r *run, _ *evidence.Volume) { r.stood.Written = evidence.Count{} }, false},
		"connected":                    {func(r *run, _ *evidence.Volume) { r.stood.Connections = nil }, false},
		"connected, and it is to stay": {func(r *run, _ *evidence.Volume) { r.stood.Connections, r.plan.Steps = nil, nil }, true},
	} {
		v := evidence.Volume{ID: "v", Destroyed: evidence.No, Written: evidence.CountOf(7)}
		array := &evidence.Array{}
		r := &run{t: Tools{Now: func() time.Time { return now }}, plan: Plan{Object: "p::v", Steps: []Step{{Kind: StepDestroy}}}, stoodAt: now.Add(-time.Hour)}
		r.stood = state{Destroyed: "no", Connections: []string{"lxd01-iscsi"}, Written: evidence.CountOf(7)}
		c.change(r, &v)
		l := look{subject: subject{array: array, volume: &v, rows: []connection{{evidence.Connection{Host: "lxd01-iscsi"}, array}}}}
		if gate := r.standsAsLeft(l); (gate.Result == "pass") != c.passes {
			t.Errorf("%s: %+v", name, gate)
		}
	}
}

// TestUndoOfWhatIsSomebodys: what is somebody's by now is connected to nothing by
// an undo. That it lives is what was wanted, and is no error.
func TestUndoOfWhatIsSomebodys(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	record := func(k *kit, p Plan) error {
		k.world.LXD.PutVolume(lxd.Volume{
			Pool: k.world.Pool(), Project: "default", Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, Name: "back",
			Config: map[string]string{"volatile.uuid": uuidOf(p.Object)},
		})
		return nil
	}
	for _, c := range []struct {
		name   string
		stop   int // the question at which the run was stopped; 0 for none
		copied bool
		then   func(*kit, Plan, string) error
		why    string // empty where it is taken back
	}{
		{"nobody did anything", 0, false, func(*kit, Plan, string) error { return nil }, ""},
		{"only disconnected", 3, false, func(*kit, Plan, string) error { return nil }, ""},
		{"recovered by hand", 0, false, func(k *kit, p Plan, _ string) error { return k.world.Array.Recover(p.Object) }, "nothing in this journal has recovered it"},
		{"undone, in a copy that does not know of it", 0, true, func(k *kit, p Plan, id string) error {
			_, err := k.tools().Undo(ctx, id)
			return errors.Join(err, k.world.Array.Disconnect("lxd01-iscsi", p.Object))
		}, "nothing in this journal has recovered it"},
		{"recorded", 0, false, func(k *kit, p Plan, _ string) error { return record(k, p) }, "LXD has a record of it by now: back"},
		{"only disconnected, and recorded", 3, false, func(k *kit, p Plan, _ string) error { return record(k, p) }, "LXD has a record of it by now: back"},
		{"only disconnected, and connected to another", 3, false, func(k *kit, p Plan, _ string) error {
			return errors.Join(
				k.world.Array.CreateHost("backup01", []string{"iqn.1994-05.com.redhat:backup01"}, nil, nil),
				k.world.Array.Connect("backup01", p.Object, 0),
			)
		}, "it is connected to backup01 by now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			var id string
			if c.stop > 0 {
				id = k.stopAt(plan, c.stop).Run
			} else {
				result, err := k.tools().Run(ctx, plan)
				if err != nil {
					t.Fatal(err)
				}
				id = result.Run
			}
			backup := k.copied()
			if err := c.then(k, plan, id); err != nil {
				t.Fatal(err)
			}
			if c.copied {
				k.restored(backup)
			} else {
				k.crash()
			}
			result, err := k.tools().Undo(ctx, id)
			destroyed, _ := k.volume(plan.Object)
			ours := k.connectedTo(plan.Object) == "lxd01-iscsi" || c.why == "" && k.connections(plan.Object) == 1
			switch refused := c.why != ""; {
			case destroyed || ours == refused || (err != nil) != refused:
				t.Errorf("destroyed %v, connected to %q: %+v, %v", destroyed, k.connectedTo(plan.Object), result, err)
			case refused && !strings.Contains(err.Error(), c.why):
				t.Errorf("%v", err)
			}
		})
	}
}

// TestUndoOfWhatIsUsed: a use keeps it from being connected, though LXD's record
// and the connection are not there to show it.
func TestUndoOfWhatIsUsed(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	id := k.stopAt(plan, 3).Run
	tools := k.tools()
	look := tools.Look
	tools.Look = func(ctx context.Context, scope evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, scope)
		if len(w.Hosts) > 0 {
			w.Hosts = append([]evidence.Host{}, w.Hosts...)
			w.Hosts[0].Uses.Items = append([]evidence.Use{{Kind: evidence.UseMount, Serial: plan.Serial, Where: "/mnt"}}, w.Hosts[0].Uses.Items...)
		}
		return w, err
	}
	if result, err := tools.Undo(context.Background(), id); err == nil || k.connections(plan.Object) > 0 || !strings.Contains(err.Error(), "it is in use on") {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestRecoveredSince: an undo of that very run, after that destruction.
func TestRecoveredSince(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	began := k.world.Clock.Now()
	done, err := k.tools().Run(context.Background(), k.plan("leaked-volume"))
	if err != nil {
		t.Fatal(err)
	}
	r := k.tools().withDefaults().newRun(Plan{})
	if r.of = done.Run; r.recoveredSince(began) {
		t.Error("nothing was undone yet")
	}
	if _, err := k.tools().Undo(context.Background(), done.Run); err != nil {
		t.Fatal(err)
	}
	if !r.recoveredSince(began) || r.recoveredSince(k.world.Clock.Now().Add(time.Hour)) {
		t.Error("it was recovered just now")
	}
	if r.of = "beef"; r.recoveredSince(began) {
		t.Error("that was another run")
	}
}

// TestNoPromiseOfWhatIsGone: a run that saw that its object is gone promises no
// undo, at its end or in a list.
func TestNoPromiseOfWhatIsGone(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	id := k.stopAt(plan, 3).Run
	if err := errors.Join(k.world.Array.DestroyVolume(plan.Object), k.world.Array.Eradicate(plan.Object)); err != nil {
		t.Fatal(err)
	}
	k.crash()
	result, err := k.tools().Resume(context.Background(), id)
	if err != nil || result.Undo.Works || k.state(id) != journal.Finished {
		t.Errorf("%+v, %v", result, err)
	}
	if p, err := Promises(k.book, k.world.Clock.Now()); err != nil || p[id].Works || p[id].Why != "the array was seen to have it no more" {
		t.Errorf("%+v, %v", p[id], err)
	}
}
