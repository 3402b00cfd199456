package repair

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// meanwhile is something that happens while the operator thinks about a step,
// after which the volume must not be touched any more.
type meanwhile struct {
	name string
	// at is the question, from 1: devices, disconnect, destroy.
	at int
	// happens makes the volume live, or doubtful.
	happens func(k *kit, p Plan) error
	// tools changes what the run works with from the start.
	tools func(k *kit, t *Tools)
	// gate is the one that refuses. behind are those that would if it were
	// not there, one after the other; the last one can be "harm".
	gate   string
	behind []string
}

func uuidOf(object string) string {
	_, name, _ := strings.Cut(object, "::u-")
	id, err := evidence.ParseUUID(name)
	if err != nil {
		return ""
	}
	return id.String()
}

var meanwhiles = []meanwhile{
	{name: "LXD has its record again", at: 3, gate: needFinding, happens: func(k *kit, p Plan) error {
		k.world.LXD.PutVolume(lxd.Volume{
			Pool: k.world.Pool(), Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, Name: "back",
			Config: map[string]string{"volatile.uuid": uuidOf(p.Object)},
		})
		return nil
	}},
	{name: "LXD has lost all its records", at: 3, gate: needFinding, happens: func(k *kit, _ Plan) error {
		for _, v := range k.world.LXD.Volumes() {
			if err := k.world.LXD.ForgetVolume(v.Pool, v.Project, v.Type, v.Name); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "LXD has lost many records", at: 3, gate: "share", behind: []string{"harm"}, happens: func(k *kit, _ Plan) error {
		for n := range 8 {
			name := fmt.Sprintf("%s::u-%032x", k.world.Pool(), 0xa0+n)
			if _, err := k.world.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{LXD: true}); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "somebody mounts it", at: 1, gate: "not-in-use", behind: []string{"devices"}, happens: func(k *kit, p Plan) error {
		return k.world.Hosts[0].Mount(string(p.Serial), "/mnt/rescue", host.HiddenNamespace)
	}},
	{name: "somebody opens it", at: 1, gate: "not-in-use", behind: []string{"devices"}, happens: func(k *kit, p Plan) error {
		return k.world.Hosts[0].Open(string(p.Serial), "dd", 4711)
	}},
	{name: "I/O flows", at: 1, gate: "no-io", behind: []string{"harm"}, happens: func(k *kit, p Plan) error {
		err := k.world.Array.SetIO(p.Object, 100, 100)
		k.world.Age(10 * time.Minute)
		return err
	}},
	{name: "LXD begins to export", at: 3, gate: "no-operation", behind: []string{"harm"}, happens: func(k *kit, _ Plan) error {
		if err := k.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: k.world.Pool(), Name: "other", Bytes: simulator.Small}); err != nil {
			return err
		}
		_, err := k.world.LXD.StartExport(k.world.Pool(), "", "other")
		return err
	}},
	{name: "a stranger is connected to it", at: 1, gate: "pod-ownership", behind: []string{"connections-ours", "explained", needMachine, needFinding}, happens: func(k *kit, p Plan) error {
		if err := k.world.Array.CreateHost("backup01", []string{"iqn.1994-05.com.redhat:backup01"}, nil, nil); err != nil {
			return err
		}
		return k.world.Array.Connect("backup01", p.Object, 0)
	}},
	{name: "a host group is connected to it", at: 3, gate: "connections-ours", behind: []string{needDetached, "explained", "destroy"}, happens: func(k *kit, p Plan) error {
		if err := k.world.Array.CreateHostGroup("cluster", k.hostObject()); err != nil {
			return err
		}
		return k.world.Array.Connect("cluster", p.Object, 0)
	}},
	{name: "somebody takes a snapshot of it", at: 3, gate: "not-protected", behind: []string{"harm"}, happens: func(k *kit, p Plan) error {
		_, err := k.world.Array.CreateSnapshot(p.Object, "before-audit")
		return err
	}},
	{name: "it is connected again", at: 3, gate: needDetached, happens: func(k *kit, p Plan) error {
		return k.world.Array.Connect(k.hostObject(), p.Object, 0)
	}},
	{name: "the pin names another array", at: 1, gate: "array-identity", behind: []string{"harm"}, tools: func(k *kit, t *Tools) {
		t.Policy.Pins = map[string]string{k.world.Pool(): "00000000-0000-0000-0000-000000000000"}
	}},
	{name: "a path is brought back before the disconnect", at: 2, gate: needReleased, happens: func(k *kit, p Plan) error {
		for _, name := range k.world.Hosts[0].DevicesOf(string(p.Serial)) {
			if err := k.world.Hosts[0].OnlinePath(name); err != nil {
				return err
			}
		}
		return nil
	}},
	{name: "the array keeps nothing", at: 3, gate: needUndo, behind: []string{"harm"}, happens: func(k *kit, _ Plan) error {
		k.world.Array.SetEradicationDelay(time.Minute)
		return nil
	}},
	{name: "the machine can't be reached", at: 1, gate: needMachine, behind: []string{"failed"}, tools: func(_ *kit, t *Tools) {
		t.Machine = func(string) (Machine, bool) { return nil, false }
	}},
	{name: "it is too young", at: 1, gate: "old-enough", behind: []string{"harm"}, tools: func(_ *kit, t *Tools) {
		t.Policy.MinAge = 1000 * time.Hour
	}},
	{name: "a batch has not seen it before", at: 1, gate: "seen-before", behind: []string{"harm"}, tools: func(_ *kit, t *Tools) {
		t.Policy.Batch, t.Policy.BatchMinAge = true, time.Hour
	}},
	{name: "LXD was asked before the array", at: 1, gate: "read-order", behind: []string{needFresh, "harm"}, tools: func(k *kit, t *Tools) {
		look := t.Look
		t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			w.LXD.Began = w.Arrays[0].Began.Add(-time.Minute)
			return w, err
		}
	}},
	{name: "a list is cut short", at: 1, gate: "lists-complete", behind: []string{"harm"}, tools: func(k *kit, t *Tools) {
		look := t.Look
		t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			w.LXD.Instances = w.LXD.Instances.Doubt("page 2 was refused")
			return w, err
		}
	}},
	{name: "LXD hides projects", at: 1, gate: "lxd-sees-all", behind: []string{"no-record", "harm"}, tools: func(k *kit, t *Tools) {
		look := t.Look
		t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			w.LXD.SeesAll = evidence.Unknown
			return w, err
		}
	}},
	{name: "a member is offline", at: 1, gate: "members-online", behind: []string{"hosts-answered", "harm"}, tools: func(k *kit, t *Tools) {
		look := t.Look
		t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			w.LXD.Members = evidence.Complete(append(slices.Clone(w.LXD.Members.Items), evidence.Member{Name: "lxd02", Online: evidence.No}))
			return w, err
		}
	}},
	{name: "the processes are hidden", at: 1, gate: "not-in-use", behind: []string{"harm"}, tools: func(k *kit, t *Tools) {
		look := t.Look
		t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			w.Hosts[0].AllProcesses = evidence.No
			return w, err
		}
	}},
	{name: "a path does not say who it is", at: 1, gate: "path-identity", behind: []string{"harm"}, tools: func(k *kit, t *Tools) {
		look := t.Look
		t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			for i := range w.Hosts[0].Disks.Items {
				w.Hosts[0].Disks.Items[i].Live = evidence.Identity{}
			}
			return w, err
		}
	}},
}

func (k *kit) hostObject() string {
	k.t.Helper()
	for _, h := range k.world.Array.Hosts() {
		if slices.Contains(h.IQNs, k.world.Hosts[0].IQN()) {
			return h.Name
		}
	}
	k.t.Fatal("the machine has no array host")
	return ""
}

// without makes tools whose judgement lacks some gates.
func without(t Tools, removed map[string]bool) Tools {
	t.judge = func(w evidence.World, p diagnose.Policy) diagnose.Report {
		report := diagnose.Judge(w, p)
		for i := range report.Findings {
			for j := range report.Findings[i].Gates {
				if g := &report.Findings[i].Gates[j]; removed[g.Gate] {
					g.Result = diagnose.Pass
				}
			}
		}
		return report
	}
	t.needs = func(name string) bool { return !removed[name] }
	return t
}

// play lets one history happen and says who stopped it, "harm" if nobody did.
func (h meanwhile) play(t *testing.T, removed map[string]bool) (string, *kit, Plan, Result) {
	t.Helper()
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	if h.tools != nil {
		h.tools(k, &tools)
	}
	asked := 0
	tools.Ask = func(context.Context, Question) (Reply, error) {
		if asked++; asked == h.at && h.happens != nil {
			if err := h.happens(k, plan); err != nil {
				t.Fatal(err)
			}
		}
		return Yes, nil
	}
	result, err := without(tools, removed).Run(context.Background(), plan)
	var refused *RefusedError
	switch {
	case err == nil:
		return "harm", k, plan, result
	case errors.As(err, &refused):
		return refused.Gate, k, plan, result
	case strings.Contains(err.Error(), "destroy "):
		return "destroy", k, plan, result
	}
	return "failed", k, plan, result
}

// TestEachGateRefuses: the volume is not destroyed, the run says which gate
// and whether anything has stayed changed, and devices are given back where
// the array still connects them.
func TestEachGateRefuses(t *testing.T) {
	for _, h := range meanwhiles {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			gate, k, plan, result := h.play(t, nil)
			if gate != h.gate {
				t.Fatalf("%s refused and not %s: %+v", gate, h.gate, result)
			}
			if destroyed, there := k.volume(plan.Object); destroyed || !there {
				t.Error("it was destroyed")
			}
			k.noHarm()
			wantChanged := h.at == 3
			if result.Changed != wantChanged || (k.state(result.Run) == journal.Interrupted) != wantChanged {
				t.Errorf("changed %v, the run is %s; %v", result.Changed, k.state(result.Run), result.State)
			}
			if !wantChanged {
				for _, d := range k.disks(plan.Serial) {
					if d.State != "running" {
						t.Errorf("%s was left %s", d.Name, d.State)
					}
				}
			}
		})
	}
}

// TestEachGateBites takes away the gate that refuses, then the one behind it,
// and so on: either something that can't be taken away stops the run (the
// devices' own proof, the array), or the volume is harmed.
func TestEachGateBites(t *testing.T) {
	for i, h := range meanwhiles {
		if len(h.behind) == 0 || (!everything && i%4 != 0) {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			removed := map[string]bool{h.gate: true}
			for _, next := range h.behind {
				gate, k, plan, result := h.play(t, removed)
				if gate != next {
					t.Fatalf("without %v: %s, want %s: %+v", slices.Sorted(maps.Keys(removed)), gate, next, result)
				}
				if destroyed, _ := k.volume(plan.Object); destroyed != (gate == "harm") {
					t.Errorf("without %v: destroyed is %v", slices.Sorted(maps.Keys(removed)), destroyed)
				}
				removed[next] = true
			}
		})
	}
}

func (k *kit) disks(serial evidence.Serial) []evidence.Disk {
	k.t.Helper()
	world, _ := k.scan()
	g, _ := devicesOn(&world, serial, k.world.Hosts[0].Name())
	return g.disks
}

// The exception for paths that this run set offline holds for no others.
func TestOnlyOurOwnPathsAreVouchedFor(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*release.Released)
		want  diagnose.Result
	}{
		{"ours", func(*release.Released) {}, diagnose.Pass},
		{"another sequence number", func(d *release.Released) { d.Offline[0].Seq++ }, diagnose.Uncertain},
		{"another boot", func(d *release.Released) { d.Boot = "other" }, diagnose.Uncertain},
		{"another address", func(d *release.Released) { d.Offline[0].HCTL = "9:9:9:9" }, diagnose.Uncertain},
		{"nothing was released", func(d *release.Released) { d.Offline = nil }, diagnose.Uncertain},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "device-too-late-iscsi")
			r := k.tools().withDefaults().newRun(k.plan("leaked-volume"))
			for _, d := range k.disks(r.plan.Serial) {
				if err := k.world.Hosts[0].OfflinePath(d.Name); err != nil {
					t.Fatal(err)
				}
			}
			l, err := r.look(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			released := release.Released{Serial: r.plan.Serial, Boot: l.world.Hosts[0].Boot}
			for _, d := range k.disks(r.plan.Serial) {
				released.Offline = append(released.Offline, release.Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: d.Serial})
			}
			if len(released.Offline) == 0 {
				t.Fatal("no path")
			}
			c.spoil(&released)
			r.released[l.world.Hosts[0].Name] = &released
			kind, _ := stepTypeOf(Steps, StepDisconnect)
			got := diagnose.Result("")
			answers, _ := r.gates(l, Step{Kind: StepDisconnect}, kind)
			for _, g := range answers {
				if g.Gate == "path-identity" {
					got = g.Result
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			// And for no other step.
			kind, _ = stepTypeOf(Steps, StepDestroy)
			answers, _ = r.gates(l, Step{Kind: StepDestroy}, kind)
			for _, g := range answers {
				if g.Gate == "path-identity" && g.Result == diagnose.Pass {
					t.Error("it passes before a destroy, too")
				}
			}
		})
	}
}

// TestNothingIsPlanned: what there is no plan for, each by itself.
func TestNothingIsPlanned(t *testing.T) {
	row := func(w *evidence.World, p Plan) *evidence.Connection {
		i := slices.IndexFunc(w.Arrays[0].Connections.Items, func(c evidence.Connection) bool { return c.VolumeID == p.ID })
		return &w.Arrays[0].Connections.Items[i]
	}
	for name, c := range map[string]struct {
		scenario, code string
		spoil          func(w *evidence.World, f *diagnose.Finding, p Plan)
		want           error
		says           string
	}{
		"only told":      {"device-too-late-nvme", "leaked-volume", func(_ *evidence.World, f *diagnose.Finding, _ Plan) { f.Code = "pending-eradication" }, ErrNoRemedy, "pending-eradication"},
		"of no kind":     {"device-too-late-nvme", "leaked-volume", func(_ *evidence.World, f *diagnose.Finding, _ Plan) { f.Code = "x" }, ErrNoRemedy, "x "},
		"not listed":     {"device-too-late-nvme", "leaked-volume", func(w *evidence.World, _ *diagnose.Finding, _ Plan) { w.Arrays[0].Volumes.Items = nil }, ErrChanged, "not in what the array listed"},
		"through groups": {"device-too-late-nvme", "leaked-volume", func(w *evidence.World, _ *diagnose.Finding, p Plan) { row(w, p).Group = "esx" }, ErrNoRemedy, "host group esx"},
		"kept, and detached": {"killed-in-export-nvme", codeCopy, func(w *evidence.World, f *diagnose.Finding, p Plan) {
			f.LXD.Name = "data/snap0"
			row(w, p).VolumeID = "other"
			for i := range w.Hosts {
				w.Hosts[i].Namespaces.Items = nil
			}
		}, ErrNoRemedy, "LXD deletes it together with its snapshot"},
	} {
		k := newKit(t, c.scenario)
		world, _ := k.scan()
		f, p := k.finding(c.code), k.plan(c.code)
		c.spoil(&world, &f, p)
		if again, err := NewPlan(world, diagnose.DefaultPolicy(), f, k.world.Clock.Now()); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v", name, again.Steps, err)
		}
	}
}

func TestPlanIsHeldAgainstTheWorld(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	good := k.plan("leaked-volume")
	other := ""
	for _, v := range k.world.Array.Volumes() {
		if v.Name != good.Object && !v.Destroyed {
			other = v.ID
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*Plan)
	}{
		{"schema", func(p *Plan) { p.Schema = "pureclean/plan/v2" }},
		{"expired", func(p *Plan) { p.Expires = k.world.Clock.Now() }},
		{"good for ever", func(p *Plan) { p.Expires = p.Created.Add(time.Hour) }},
		{"from the future", func(p *Plan) { p.Created = p.Created.Add(time.Hour); p.Expires = p.Expires.Add(time.Hour) }},
		{"array", func(p *Plan) { p.ArrayID = "00000000-0000-0000-0000-000000000000" }},
		{"pod", func(p *Plan) { p.PodID = "x" }},
		{"volume", func(p *Plan) { p.ID = other }},
		{"object", func(p *Plan) { p.Object = "purepool::u-00000000000000000000000000000000" }},
		{"serial", func(p *Plan) { p.Serial = "000000000000000000000000" }},
		{"digest", func(p *Plan) { p.Digest = "sha256:00" }},
		{"class", func(p *Plan) { p.Class = diagnose.ClassHost }},
		{"steps left out", func(p *Plan) { p.Steps = p.Steps[len(p.Steps)-2:] }},
		{"host", func(p *Plan) { p.Host = "lxd01" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := good
			plan.Steps = slices.Clone(good.Steps)
			c.spoil(&plan)
			k.world.Array.ResetRequests()
			result, err := k.tools().Run(context.Background(), plan)
			var refused *RefusedError
			if !errors.As(err, &refused) || result.Outcome != journal.Refused || result.Changed {
				t.Errorf("%+v, %v", result, err)
			}
			if sent := k.changes(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
	t.Run("the world", func(t *testing.T) {
		if err := k.world.Array.Disconnect(k.connectedTo(good.Object), good.Object); err != nil {
			t.Fatal(err)
		}
		if _, err := k.tools().Run(context.Background(), good); !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
	})
}

func (k *kit) connectedTo(volume string) string {
	for _, c := range k.world.Array.Connections() {
		if c.Volume == volume {
			return c.Host
		}
	}
	return ""
}

// Whatever the operator does not say yes to is not done.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		ask     func(n int) (Reply, error)
		nobody  bool
		changed bool
		quit    bool
	}{
		{name: "no", ask: func(int) (Reply, error) { return No, nil }},
		{name: "nobody there", nobody: true},
		{name: "no before the disconnect", ask: func(n int) (Reply, error) { return map[bool]Reply{true: Yes, false: No}[n == 1], nil }},
		{name: "no before the destroy", ask: func(n int) (Reply, error) { return map[bool]Reply{true: Yes, false: No}[n < 3], nil }, changed: true},
		{name: "quit", ask: func(int) (Reply, error) { return Quit, nil }, quit: true},
		{name: "more and more", ask: func(int) (Reply, error) { return More, nil }},
		{name: "a broken terminal", ask: func(int) (Reply, error) { return Yes, os.ErrClosed }},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "device-too-late-iscsi")
			plan := k.plan("leaked-volume")
			tools := k.tools()
			n := 0
			tools.Ask = func(context.Context, Question) (Reply, error) { n++; return c.ask(n) }
			if c.nobody {
				tools.Ask = nil
			}
			result, err := tools.Run(context.Background(), plan)
			if err == nil || result.Changed != c.changed || result.Quit != c.quit {
				t.Errorf("%+v, %v", result, err)
			}
			if destroyed, _ := k.volume(plan.Object); destroyed {
				t.Error("it was destroyed")
			}
			if (k.connections(plan.Object) == 0) != c.changed {
				t.Errorf("%d connections", k.connections(plan.Object))
			}
			for _, d := range k.disks(plan.Serial) {
				if d.State != "running" {
					t.Errorf("%s was left %s", d.Name, d.State)
				}
			}
		})
	}
}

// Ctrl-C ends the run between two steps; what was taken out of use is given
// back, and the last record says how things are.
func TestCancelled(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	ctx, cancel := context.WithCancel(context.Background())
	tools := k.tools()
	tools.Report = func(e Event) {
		if e.Phase == Acts {
			cancel() // in the middle of the first step
		}
	}
	result, err := tools.Run(ctx, plan)
	if !errors.Is(err, context.Canceled) || result.Changed {
		t.Errorf("%+v, %v", result, err)
	}
	records := k.records(result.Run)
	if last := records[len(records)-1]; last.What != journal.WhatEnd || last.Note == "" {
		t.Errorf("%+v", last)
	}
	for _, d := range k.disks(plan.Serial) {
		if d.State != "running" || len(d.Holders) == 0 {
			t.Errorf("%s is %s, in %v", d.Name, d.State, d.Holders)
		}
	}
	if k.connections(plan.Object) != 1 {
		t.Error("it is not connected")
	}
}

func TestNoSecretInTheJournal(t *testing.T) {
	k := newKit(t, "device-too-late-iscsi")
	k.wrap = nil // a real network, where requests have numbers
	tools := k.tools()
	s := &saboteur{at: 1, fault: fails}
	k.spoil(&tools, "writer", s)
	if _, err := tools.Run(context.Background(), k.plan("leaked-volume")); err == nil {
		t.Fatal("nothing failed")
	}
	k.settle("leaked-volume")
	runs, err := k.book.List()
	if err != nil {
		t.Fatal(err)
	}
	for i, run := range runs {
		data, err := os.ReadFile(k.dir + "/runs/" + run.ID + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), k.world.Array.Token()) || strings.Contains(strings.ToLower(string(data)), "token") {
			t.Errorf("run %s holds a token", run.ID)
		}
		if !strings.Contains(string(data), `"operator"`) || (i == 0 && !strings.Contains(string(data), `"request_id"`)) {
			t.Errorf("run %s has no operator or request:\n%s", run.ID, data)
		}
	}
}

// What failed is told before what is not known, which often follows from it: of
// a member that is off nothing is known, and that it is off comes first.
func TestInTheWay(t *testing.T) {
	gate := func(name string, result diagnose.Result) diagnose.GateResult {
		return diagnose.GateResult{Gate: name, Result: result}
	}
	passed, waived := gate("share", diagnose.Pass), gate("explained", diagnose.Waived)
	unknown, failed := gate("pod-ownership", diagnose.Uncertain), gate("members-online", diagnose.Fail)
	for _, c := range []struct {
		gates []diagnose.GateResult
		want  string
	}{
		{[]diagnose.GateResult{passed, unknown, failed}, "members-online"},
		{[]diagnose.GateResult{failed, unknown}, "members-online"},
		{[]diagnose.GateResult{waived, unknown, gate("no-io", diagnose.Uncertain)}, "pod-ownership"},
		{[]diagnose.GateResult{passed, gate("no-io", "")}, "no-io"},
		{[]diagnose.GateResult{passed, waived}, ""},
		{nil, ""},
	} {
		got := ""
		if first := inTheWay(c.gates); first != nil {
			got = first.Gate
		}
		if got != c.want {
			t.Errorf("%v: %q, want %q", c.gates, got, c.want)
		}
	}
}
