package simulator_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// scan asks the world's witnesses as the program does.
func scan(t *testing.T, w *simulator.World) (evidence.World, diagnose.Report) {
	t.Helper()
	world, err := witness.Ask(context.Background(), witness.Options{
		Config: worlds.Settings(w), Records: records.Options{Socket: w.Socket, Now: w.Clock.Now}, Array: pure.Options{Now: w.Clock.Now},
		Host: w.Hosts[0].System(), Seen: w.Seen, Now: w.Clock.Now, Ports: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	// The other members' machines, as they would answer over the network.
	machines := w.Answering()
	for _, h := range machines[1:] {
		world.Hosts = append(world.Hosts, devices.Observe(context.Background(), h.System()))
	}
	return world, diagnose.Judge(world, diagnose.DefaultPolicy())
}

// codes are those of the findings, each once.
func codes(report diagnose.Report) []string {
	var all []string
	for _, f := range report.Findings {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func show(t *testing.T, report diagnose.Report) {
	t.Helper()
	for _, f := range report.Findings {
		t.Logf("%s %s %s %s: %s", f.Code, f.Object, f.Host, f.Verdict, f.Detail)
		for _, g := range f.Gates {
			if g.Result != diagnose.Pass {
				t.Logf("    %s %s: %s", g.Gate, g.Result, g.Why)
			}
		}
	}
}

// takesVolumes are the codes whose remedy destroys a volume.
func takesVolumes() map[string]bool {
	all := map[string]bool{}
	for _, k := range diagnose.Kinds {
		if k.Class == diagnose.ClassDestroy {
			all[k.Code] = true
		}
	}
	return all
}

// noLiveVolumeIsSafe is the one rule of the tool: what must stay is never
// called safe to destroy.
func noLiveVolumeIsSafe(t *testing.T, w *simulator.World, report diagnose.Report) {
	t.Helper()
	for _, f := range report.Findings {
		if f.Verdict == diagnose.Safe && takesVolumes()[f.Code] && w.Live(f.Object) {
			t.Errorf("%s is live, and %s calls it safe to destroy", f.Object, f.Code)
			show(t, report)
		}
	}
}

// eachVolumeIsNamed: what an array lists is called by its name there, also where
// the finding is about a host's map, path or name of it.
func eachVolumeIsNamed(t *testing.T, world evidence.World, report diagnose.Report) {
	t.Helper()
	names := map[evidence.Serial]string{}
	for _, a := range world.Arrays {
		for _, v := range a.Volumes.Items {
			names[v.Serial] = v.Name
		}
	}
	delete(names, "")
	for _, f := range report.Findings {
		serial := f.Serial
		for _, h := range world.Hosts {
			for _, m := range h.Maps.Items {
				if m.Name == f.Object && h.Name == f.Host && serial == "" {
					serial = m.Serial
				}
			}
		}
		name := names[serial]
		if name != "" && (f.Volume != name || !strings.Contains(f.Object+" "+f.Detail, name)) {
			t.Errorf("%s %s: volume %q, which the array calls %s: %s", f.Code, f.Object, f.Volume, name, f.Detail)
		}
	}
}

func TestScenariosAreFound(t *testing.T) {
	for _, s := range simulator.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			w, err := s.Build()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			world, report := scan(t, w)
			eachVolumeIsNamed(t, world, report)
			want := slices.Sorted(slices.Values(s.Codes))
			if diff := cmp.Diff(want, codes(report)); diff != "" {
				t.Error(diff)
				show(t, report)
			}
			noLiveVolumeIsSafe(t, w, report)
			// A leak of one member is safe to repair, unless it is said why not.
			for _, f := range report.Findings {
				if takesVolumes()[f.Code] && f.Verdict == diagnose.Blocked && !blocked[s.Name] {
					t.Errorf("%s is %s", f.Object, f.Verdict)
					show(t, report)
				}
			}
			if len(w.Story()) == 0 || s.Story == "" {
				t.Error("it has no story")
			}
		})
	}
}

// TestScenariosLast: who comes to see a scenario days later finds what is
// promised. Those of which age is the point are beside.
func TestScenariosLast(t *testing.T) {
	for _, s := range simulator.Scenarios() {
		if testing.Short() && s.Fades == 0 && !strings.HasPrefix(s.Name, "portal-lost") {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			w, err := s.Past(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), 48*time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			_, report := scan(t, w)
			if diff := cmp.Diff(slices.Sorted(slices.Values(s.Codes)), codes(report)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// blocked are the scenarios in which a leak must not be repaired yet.
var blocked = map[string]bool{
	"lun-reused":        true, // a path of a map in use leads to it
	"names-left":        true, // its name leads to another volume's disk, or another's to its
	"waiting-reader":    true, // dd waits in its map
	"held-in-namespace": true, // it is mounted where LXD does not see it
	"member-offline":    true, // a member can't be asked
}

func TestEveryCodeHasAScenario(t *testing.T) {
	have := map[string]bool{}
	names := map[string]bool{}
	for _, s := range simulator.Scenarios() {
		if names[s.Name] {
			t.Errorf("two scenarios are called %s", s.Name)
		}
		names[s.Name] = true
		if found, ok := simulator.Find(s.Name); !ok || found.Story != s.Story {
			t.Errorf("%s is not found", s.Name)
		}
		if s.Options.Members > 1 {
			continue // needs more than one host
		}
		for _, c := range s.Codes {
			have[c] = true
		}
	}
	for _, k := range diagnose.Kinds {
		if !have[k.Code] {
			t.Errorf("no scenario of one host leads to %s", k.Code)
		}
	}
}

// TestDemoHasEverything: the demo shows every finding that is repaired or urgent,
// but for waiting-io, which has a scenario of its own.
func TestDemoHasEverything(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	w, err := simulator.DemoAt(now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if !w.Clock.Now().Equal(now) {
		t.Errorf("its clock says %s", w.Clock.Now())
	}
	world, report := scan(t, w)
	eachVolumeIsNamed(t, world, report)
	for _, k := range diagnose.Kinds {
		shown := slices.Contains(codes(report), k.Code)
		if urgent := k.Class != diagnose.ClassReport || k.Severity == diagnose.Critical; urgent && !shown && k.Code != "waiting-io" {
			t.Errorf("no %s", k.Code)
			show(t, report)
		}
	}
	noLiveVolumeIsSafe(t, w, report)
	safe := map[string]int{}
	for _, f := range report.Findings {
		if f.Verdict == diagnose.Safe {
			safe[f.Code]++
		}
	}
	for code, least := range map[string]int{
		"leaked-volume": 2, "leaked-half": 1, "leaked-image": 2, "leaked-snapshot-volume": 1, "leaked-snapshot": 1,
		"stale-connection": 1, "stale-map": 1, "ghost-path": 1, "ghost-namespace": 1,
	} {
		if safe[code] < least {
			t.Errorf("%d of %s are safe, want %d", safe[code], code, least)
			show(t, report)
		}
	}
	if len(w.Story()) < 10 {
		t.Errorf("its story is short: %q", w.Story())
	}
}

// TestLooksDuringFlows looks at the world between any two steps of LXD's
// flows, which take days, so that age does not protect what LXD is making:
// nothing of it may ever be called safe to destroy.
func TestLooksDuringFlows(t *testing.T) {
	w, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	pool := w.Pool()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(w.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: "data", Bytes: simulator.Small}))
	ok(w.LXD.SnapshotVolume(pool, "", "data", "s0"))
	looks := 0
	w.LXD.SetBeforeCall(func(method, path string) error {
		if method == "GET" || path == "/login" {
			return nil // changes nothing
		}
		if method == lxd.StepHost {
			// Not before a call: LXD's session on the array would
			// have ended each time.
			w.Clock.Advance(25 * time.Hour)
		}
		_, report := scan(t, w)
		for _, f := range report.Findings {
			if f.Verdict == diagnose.Safe && takesVolumes()[f.Code] {
				t.Errorf("before %s: %s calls %s safe to destroy", path, f.Code, f.Object)
			}
		}
		looks++
		return nil
	})
	ok(w.LXD.CreateInstance(lxd.InstanceSpec{Name: "c1", Pool: pool, Image: simulator.Image}))
	ok(w.LXD.ExportVolume(pool, "", "data", nil))
	ok(w.LXD.DeleteInstance("", "c1"))
	if looks < 50 {
		t.Errorf("only %d looks", looks)
	}
}

// In a cluster whose members have all testified, what was left on any of them
// is safe to repair; each that is silent blocks everything.
func TestClusterNeedsEveryMember(t *testing.T) {
	for name, code := range map[string]string{
		"member-stale-iscsi": "stale-connection", "member-stale-nvme": "stale-connection",
		"member-migrated-iscsi": "stale-connection", "member-migrated-nvme": "stale-connection",
		"member-leak-iscsi": "leaked-volume", "member-leak-nvme": "leaked-volume",
		"leak-everywhere-iscsi": "leaked-volume", "leak-everywhere-nvme": "leaked-volume",
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := simulator.Find(name)
			if !ok {
				t.Fatal("there is no such scenario")
			}
			w, err := s.Build()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			world, report := scan(t, w)
			if len(world.Hosts) != 3 || !report.Complete {
				t.Fatalf("%d hosts, doubts %q", len(world.Hosts), report.Doubts)
			}
			safe := 0
			for _, f := range report.Findings {
				if f.Code == code && f.Verdict == diagnose.Safe {
					safe++
				}
			}
			if safe == 0 {
				t.Errorf("no %s is safe", code)
				show(t, report)
			}
			for i := range world.Hosts {
				silent := world
				silent.Hosts = slices.Delete(slices.Clone(world.Hosts), i, i+1)
				for _, f := range diagnose.Judge(silent, diagnose.DefaultPolicy()).Findings {
					if f.Verdict == diagnose.Safe {
						t.Errorf("without %s %s %s is safe", world.Hosts[i].Name, f.Code, f.Object)
					}
				}
			}
		})
	}
}

// The stale connection of a member is told with the device that is there.
func TestMemberStaleHasItsDeviceThere(t *testing.T) {
	for _, name := range []string{"member-stale-iscsi", "member-stale-nvme"} {
		s, _ := simulator.Find(name)
		w, err := s.Build()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		_, report := scan(t, w)
		found := false
		for _, f := range report.Findings {
			if f.Code != "stale-connection" {
				continue
			}
			found = true
			if !strings.HasPrefix(f.Host, "lxd02-") || !strings.Contains(f.Detail, "on lxd02, idle") || !strings.Contains(f.Detail, "used by nothing") {
				t.Errorf("%s: %s: %s", name, f.Host, f.Detail)
			}
			if left := w.Hosts[1].DevicesOf(string(f.Serial)); len(left) == 0 {
				t.Errorf("%s: nothing is left on lxd02", name)
			}
		}
		if !found {
			t.Errorf("%s: found %v", name, codes(report))
		}
	}
}

// An instance that has a snapshot attached and not the volume is a user of the
// snapshot alone, and LXD's lists agree about that.
func TestOnlyASnapshotAttached(t *testing.T) {
	w, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, err := range []error{
		w.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: w.Pool()}),
		w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "data", Bytes: simulator.Small}),
		w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0"),
		w.LXD.AttachVolume("", "web1", "old", w.Pool(), "data/daily0", "/old"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Hosts[0].Rescan()
	w.Age(3 * time.Hour)
	world, report := scan(t, w)
	if got := codes(report); len(got) > 0 || !report.Complete {
		t.Errorf("found %v, doubts %q", got, report.Doubts)
		show(t, report)
	}
	users := map[string][]string{}
	for _, r := range world.LXD.Records.Items {
		users[r.Name] = r.UsedBy
	}
	if len(users["data"]) > 0 || !slices.Equal(users["data/daily0"], []string{"/1.0/instances/web1"}) {
		t.Errorf("users %v", users)
	}
}
