package sightings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

var (
	one    = evidence.UUID{1}
	monday = time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC)
)

// seen is a world with one volume, recorded or not, at a time.
func seen(at time.Time, recorded bool) (evidence.World, diagnose.Report) {
	volume := evidence.Volume{ID: "v1", Pod: "purepool", PodID: "p1", Written: evidence.CountOf(4), LXD: evidence.Name{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: one}}
	world := evidence.World{
		Arrays: []evidence.Array{{
			Source: evidence.Source{Began: at}, Clock: at, ID: "a1",
			Asked:     []string{"purepool"},
			Pods:      evidence.Complete([]evidence.Pod{{ID: "p1", Name: "purepool"}}),
			Volumes:   evidence.Complete([]evidence.Volume{volume}),
			Snapshots: evidence.Complete[evidence.Snapshot](nil),
		}},
		LXD: evidence.LXD{
			SeesAll: evidence.Yes, Records: evidence.Complete[evidence.Record](nil),
			Members: evidence.Complete([]evidence.Member{{Name: "lxd01", PID: 17}, {Name: "lxd02", Online: evidence.No}}),
		},
		Hosts: []evidence.Host{{Source: evidence.Source{Name: "lxd01", Ended: at}, Daemons: []evidence.Daemon{{PID: 17, Running: evidence.CountOf(1 << 20)}}}},
	}
	if recorded {
		world.LXD.Records = evidence.Complete([]evidence.Record{{Pool: "PurePool", Project: "default", Type: "custom", Name: "fs1", UUID: one}})
		return world, diagnose.Report{}
	}
	return world, diagnose.Report{Findings: []diagnose.Finding{{
		Code: "leaked-volume", VolumeID: "v1", Gates: []diagnose.GateResult{{Gate: "no-record", Result: diagnose.Pass}},
	}}}
}

// What is under another name than LXD's stays known by the one that it had, also
// where the other is one that LXD has a record of.
func TestMovedVolumeIsRemembered(t *testing.T) {
	world, _ := seen(monday, true)
	before := []evidence.Sighting{{ArrayID: "a1", PodID: "p1", Pod: "purepool", VolumeID: "v1", Recorded: monday.AddDate(0, 0, -1), LXDName: "custom/other (default)", Name: "purepool::u-other"}}
	moved := diagnose.Report{Findings: []diagnose.Finding{{Code: "moved-volume", VolumeID: "v1"}}}
	if diff := cmp.Diff(before, update(before, world, moved)); diff != "" {
		t.Error(diff)
	}
	// One that no earlier run saw is remembered as LXD's, by what LXD calls it.
	moved.Findings[0].LXD = diagnose.LXDName{Project: "default", Type: "custom", Name: "other"}
	first := update(nil, world, moved)
	if len(first) != 1 || !first[0].Recorded.Equal(monday) || first[0].LXDName != "custom/other (default)" || first[0].Name != world.Arrays[0].Volumes.Items[0].Name {
		t.Errorf("seen for the first time: %+v", first)
	}
	if of := update(before, world, diagnose.Report{})[0]; of.LXDName != "custom/fs1 (default)" {
		t.Errorf("where it is not moved: %+v", of)
	}
}

// That LXD had a volume without a record mounted is remembered after the mount has
// ended, until it has a record again.
func TestMountIsRemembered(t *testing.T) {
	world, report := seen(monday, false)
	report.Findings[0].MountedAs = "purepool/containers/web1"
	memory := update(nil, world, report)
	world, report = seen(monday.Add(time.Hour), false)
	memory = update(memory, world, report)
	if len(memory) != 1 || !memory[0].Mounted.Equal(monday) || memory[0].Where != "purepool/containers/web1" {
		t.Errorf("after the mount: %+v", memory)
	}
	world, report = seen(monday.Add(2*time.Hour), true)
	if memory = update(memory, world, report); !memory[0].Mounted.IsZero() || memory[0].Where != "" {
		t.Errorf("with a record: %+v", memory)
	}
}

// A connection that nothing uses is remembered from when it was first seen so,
// and one that is gone or in use meanwhile begins anew.
func TestUnusedConnections(t *testing.T) {
	look := func(memory []evidence.Sighting, at time.Time, hosts ...string) []evidence.Sighting {
		world, report := seen(at, true)
		for i, host := range hosts {
			world.Arrays[0].Connections.Items = append(world.Arrays[0].Connections.Items, evidence.Connection{VolumeID: "v1", Host: host, LUN: int64(10 + i)})
			result := diagnose.Pass
			if host == "maybe" {
				result = diagnose.Uncertain
			}
			report.Findings = append(report.Findings, diagnose.Finding{
				Code: "stale-connection", VolumeID: "v1", Host: host,
				Gates: []diagnose.GateResult{{Gate: "not-expected", Result: diagnose.Pass}, {Gate: "not-in-use", Result: result}},
			})
		}
		return update(memory, world, report)
	}
	hour := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
	since := func(host string, lun int64, at, last time.Time) evidence.StaleSighting {
		return evidence.StaleSighting{Host: host, LUN: lun, Since: at, ArrayClock: at, Last: moment(last)}
	}
	memory := look(nil, hour(0), "h1", "maybe")
	memory = look(memory, hour(1), "H1", "h2")
	want := []evidence.StaleSighting{since("H1", 10, hour(0), hour(1)), since("h2", 11, hour(1), hour(1))}
	if diff := cmp.Diff(want, memory[0].Stale); diff != "" {
		t.Error("seen again:", diff)
	}
	world, report := seen(hour(1), true)
	world.Hosts = []evidence.Host{{Recorded: true}}
	report.Findings = []diagnose.Finding{{
		Code: "stale-connection", VolumeID: "v1", Host: "h1",
		Gates: []diagnose.GateResult{{Gate: "not-expected", Result: diagnose.Pass}, {Gate: "not-in-use", Result: diagnose.Pass}},
	}}
	if of := update(nil, world, report)[0].Stale; of != nil {
		t.Error("by a recording, which does not say what is used now:", of)
	}
	memory = look(look(memory, hour(2), "x", "h2"), hour(3), "h1", "h2")
	want = []evidence.StaleSighting{since("h1", 10, hour(3), hour(3)), since("h2", 11, hour(1), hour(3))}
	if diff := cmp.Diff(want, memory[0].Stale); diff != "" {
		t.Error("gone in between:", diff)
	}
	// What an array told no time of proves no age.
	memory[0].Stale[0].Last.ArrayClock = time.Time{}
	memory = look(memory, hour(4), "h1", "h2")
	want = []evidence.StaleSighting{since("h1", 10, hour(4), hour(4)), since("h2", 11, hour(1), hour(4))}
	if diff := cmp.Diff(want, memory[0].Stale); diff != "" {
		t.Error("without a time:", diff)
	}
	// Nobody looked for three hours.
	memory = look(memory, hour(7), "h1", "h2")
	want = []evidence.StaleSighting{since("h1", 10, hour(7), hour(7)), since("h2", 11, hour(7), hour(7))}
	if diff := cmp.Diff(want, memory[0].Stale); diff != "" {
		t.Error("out of sight:", diff)
	}
	// It is another one.
	memory = look(memory, hour(8), "h2", "h1")
	want = []evidence.StaleSighting{since("h2", 10, hour(8), hour(8)), since("h1", 11, hour(8), hour(8))}
	if diff := cmp.Diff(want, memory[0].Stale); diff != "" {
		t.Error("others:", diff)
	}
}

func moment(at time.Time) evidence.Moment { return evidence.Moment{At: at, ArrayClock: at} }

// What is remembered of a leftover begins anew when nobody looked for long, when it
// was written to, and when LXD was started since, which it is with another database.
// While nobody says for how long LXD has been running it stays as it is.
func TestOldMemoryBeginsAnew(t *testing.T) {
	var memory []evidence.Sighting
	at := func(hours int, written, ran int64) evidence.Sighting {
		world, report := seen(monday.Add(time.Duration(hours)*time.Hour), false)
		world.Arrays[0].Volumes.Items[0].Written = evidence.CountOf(written)
		world.Hosts[0].Daemons[0].Running = evidence.Count{N: ran * 3600, Known: ran > 0}
		memory = update(memory, world, report)
		return memory[0]
	}
	hour := func(n int) time.Time { return monday.Add(time.Duration(n) * time.Hour) }
	for _, c := range []struct {
		hours              int
		written, ran       int64
		leaked, anew, last int
	}{
		{0, 4, 0, 0, -1, 0},
		{47, 4, 0, 0, -1, 0},
		{48, 4, 100, 0, -1, 48},
		{121, 4, 200, 121, 121, 121},
		{122, 4, 200, 121, 121, 122},
		{123, 5, 200, 123, 123, 123},
		{125, 5, 3, 123, 123, 125},
		{127, 5, 0, 123, 123, 125},
		{128, 5, 3, 128, 128, 128},
		{130, 5, 5, 128, 128, 130},
	} {
		got := at(c.hours, c.written, c.ran)
		if anew := c.anew >= 0; !got.Leaked.Equal(hour(c.leaked)) || anew != !got.Again.At.IsZero() || anew && !got.Again.At.Equal(hour(c.anew)) || !got.Last.At.Equal(hour(c.last)) {
			t.Errorf("after %d hours: %+v", c.hours, got)
		}
	}
}

func update(memory []evidence.Sighting, world evidence.World, report diagnose.Report) []evidence.Sighting {
	return Update(memory, world, report)
}

func TestUpdate(t *testing.T) {
	world, report := seen(monday, true)
	memory := update(nil, world, report)
	want := evidence.Sighting{ArrayID: "a1", PodID: "p1", Pod: "purepool", VolumeID: "v1", Recorded: monday, LXDName: "custom/fs1 (default)"}
	if diff := cmp.Diff([]evidence.Sighting{want}, memory); diff != "" {
		t.Fatal("recorded:", diff)
	}

	// The record goes: since then it is a leftover, and it stays known that
	// it had one. Later looks don't make it younger.
	for _, day := range []int{1, 2, 3} {
		world, report = seen(monday.AddDate(0, 0, day), false)
		memory = update(memory, world, report)
	}
	want.Leaked, want.Last, want.Written = monday.AddDate(0, 0, 1), moment(monday.AddDate(0, 0, 3)), evidence.CountOf(4)
	if diff := cmp.Diff([]evidence.Sighting{want}, memory); diff != "" {
		t.Fatal("leaked:", diff)
	}

	// A record that comes back ends it.
	world, report = seen(monday.AddDate(0, 0, 4), true)
	memory = update(memory, world, report)
	want.Leaked, want.Recorded, want.Last, want.Written = time.Time{}, monday.AddDate(0, 0, 4), evidence.Moment{}, evidence.Count{}
	if diff := cmp.Diff([]evidence.Sighting{want}, memory); diff != "" {
		t.Fatal("recorded again:", diff)
	}

	// What is gone is forgotten, but not when the list may lack it.
	world.Arrays[0].Volumes = evidence.Incomplete[evidence.Volume](nil, "a page is missing")
	if kept := update(memory, world, report); len(kept) != 1 {
		t.Error("forgotten on an incomplete list")
	}
	world.Arrays[0].Volumes = evidence.Complete[evidence.Volume](nil)
	if kept := update(memory, world, report); len(kept) != 0 {
		t.Errorf("kept: %+v", kept)
	}
	world.Arrays[0].Pods, world.Arrays[0].Asked = evidence.Complete([]evidence.Pod{{ID: "p2", Name: "other"}}), []string{"other"}
	if kept := update(memory, world, report); len(kept) != 1 {
		t.Error("forgotten though its pod was not listed")
	}
	// A pod of that name was asked for, and it is another one or none.
	for _, pods := range [][]evidence.Pod{nil, {{ID: "p7", Name: "purepool"}}} {
		world.Arrays[0].Pods, world.Arrays[0].Asked = evidence.Complete(pods), []string{"PUREPOOL"}
		if kept := update(memory, world, report); len(kept) != 0 {
			t.Errorf("pods %v: kept %+v", pods, kept)
		}
	}
}

// Snapshots are remembered like volumes: a batch takes them too, and one whose
// record was lost is no leftover.
func TestUpdateSnapshots(t *testing.T) {
	world, report := seen(monday, true)
	name := evidence.Name{Snapshot: true, Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: evidence.UUID{2}}
	world.Arrays[0].Snapshots = evidence.Complete([]evidence.Snapshot{
		{ID: "s1", Pod: "purepool", LXD: name},
		{ID: "s2", Pod: "purepool", Suffix: "lxd-reverter-snapshot"},
		{ID: "s3", Pod: "purepool", Suffix: "daily.1"},
	})
	world.LXD.Records = evidence.Complete(append(world.LXD.Records.Items, evidence.Record{
		Pool: "purepool", Project: "default", Type: "custom", Name: "fs1/snap0", Snapshot: true, UUID: name.UUID,
	}))
	passed := []diagnose.GateResult{{Gate: "no-record", Result: diagnose.Pass}}
	report.Findings = []diagnose.Finding{{Code: "leaked-snapshot", VolumeID: "s2", Gates: passed}}
	memory := update(nil, world, report)
	want := []evidence.Sighting{
		{ArrayID: "a1", PodID: "p1", Pod: "purepool", VolumeID: "s1", Recorded: monday, LXDName: "custom/fs1/snap0 (default)"},
		{ArrayID: "a1", PodID: "p1", Pod: "purepool", VolumeID: "s2", Leaked: monday, Last: moment(monday), Written: evidence.CountOf(0)},
		{ArrayID: "a1", PodID: "p1", Pod: "purepool", VolumeID: "v1", Recorded: monday, LXDName: "custom/fs1 (default)"},
	}
	if diff := cmp.Diff(want, memory); diff != "" {
		t.Fatal(diff)
	}
	// LXD's copy of the snapshot has its uuid, and no record of its own.
	world.Arrays[0].Volumes = evidence.Complete(append(world.Arrays[0].Volumes.Items, evidence.Volume{ID: "copy", Pod: "purepool", PodID: "p1", LXD: name}))
	if diff := cmp.Diff(want, update(memory, world, report)); diff != "" {
		t.Fatal("with a copy:", diff)
	}
	report.Findings = append(report.Findings, diagnose.Finding{Code: "leaked-snapshot-volume", VolumeID: "copy", Gates: passed})
	if got := update(memory, world, report); len(got) != 4 || got[0].VolumeID != "copy" || !got[0].Leaked.Equal(monday) || !got[0].Recorded.IsZero() {
		t.Errorf("with a copy that leaked: %+v", got)
	}
	// The snapshots go, and are forgotten only when all could be listed.
	world.Arrays[0].Snapshots = evidence.Incomplete[evidence.Snapshot](nil, "403")
	if kept := update(memory, world, report); len(kept) != 3+1 {
		t.Errorf("forgotten on an incomplete list: %+v", kept)
	}
	world.Arrays[0].Snapshots = evidence.Complete[evidence.Snapshot](nil)
	if kept := update(memory, world, report); len(kept) != 1+1 {
		t.Errorf("kept: %+v", kept)
	}
}

// After any history of looks the memory holds nothing of an array and a pod
// that the last complete look at them did not show, and what it calls a
// leftover has no record.
func TestMemoryHoldsLiveObjectsOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var memory []evidence.Sighting
		// live is what the last complete look at each array and pod showed.
		type where struct{ array, pod string }
		live := map[where]map[string]bool{}
		for step := range rapid.IntRange(1, 12).Draw(t, "looks") {
			at := monday.Add(time.Duration(step) * time.Hour)
			world := evidence.World{LXD: evidence.LXD{SeesAll: evidence.Yes}}
			var report diagnose.Report
			var records []evidence.Record
			for _, id := range []string{"a1", "a2"} {
				if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
					continue
				}
				a := evidence.Array{Source: evidence.Source{Began: at}, ID: id}
				for _, pod := range []string{"p1", "p2"} {
					if rapid.IntRange(0, 3).Draw(t, "limited") == 0 {
						continue
					}
					a.Asked = append(a.Asked, pod)
					if rapid.IntRange(0, 4).Draw(t, "gone") == 0 {
						continue
					}
					podID := id + pod + rapid.SampledFrom([]string{"", "again"}).Draw(t, "pod id")
					a.Pods.Items = append(a.Pods.Items, evidence.Pod{ID: podID, Name: pod})
					for n := range rapid.IntRange(0, 4).Draw(t, "objects") {
						uuid := evidence.UUID{byte(rapid.IntRange(1, 6).Draw(t, "uuid")), byte(n)}
						name := evidence.Name{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: uuid}
						object := fmt.Sprintf("%s-%s-%x", podID, pod, uuid[:2])
						if name.Snapshot = rapid.Bool().Draw(t, "snapshot"); name.Snapshot {
							object += "-s"
							a.Snapshots.Items = append(a.Snapshots.Items, evidence.Snapshot{ID: object, Pod: pod, LXD: name})
						} else {
							a.Volumes.Items = append(a.Volumes.Items, evidence.Volume{ID: object, Pod: pod, PodID: podID, LXD: name})
						}
						if rapid.Bool().Draw(t, "recorded") {
							records = append(records, evidence.Record{Pool: pod, Project: "default", Type: name.Type, Name: "x", Snapshot: name.Snapshot, UUID: uuid})
							continue
						}
						code := map[bool]string{true: "leaked-snapshot", false: "leaked-volume"}[name.Snapshot]
						report.Findings = append(report.Findings, diagnose.Finding{
							Code: code, VolumeID: object, Gates: []diagnose.GateResult{{Gate: "no-record", Result: diagnose.Pass}},
						})
					}
				}
				whole := rapid.IntRange(0, 3).Draw(t, "whole") > 0
				if whole {
					a.Pods, a.Volumes, a.Snapshots = evidence.Complete(a.Pods.Items), evidence.Complete(a.Volumes.Items), evidence.Complete(a.Snapshots.Items)
				}
				for _, pod := range a.Asked {
					shown := map[string]bool{}
					if !whole {
						maps.Copy(shown, live[where{id, pod}])
					}
					for _, v := range a.Volumes.Items {
						shown[v.ID] = shown[v.ID] || v.Pod == pod
					}
					for _, s := range a.Snapshots.Items {
						shown[s.ID] = shown[s.ID] || s.Pod == pod
					}
					live[where{id, pod}] = shown
				}
				world.Arrays = append(world.Arrays, a)
			}
			world.LXD.Records = evidence.Complete(records)
			if rapid.IntRange(0, 4).Draw(t, "doubt") == 0 {
				world.LXD.Records = world.LXD.Records.Doubt("a project")
			}
			memory = Update(memory, world, report)
			for _, s := range memory {
				if !live[where{s.ArrayID, s.Pod}][s.VolumeID] {
					t.Fatalf("look %d: %s of %s is remembered, and was not there", step, s.VolumeID, s.Pod)
				}
				if s.Leaked.IsZero() && s.Recorded.IsZero() {
					t.Fatalf("look %d: nothing is known of %s", step, s.VolumeID)
				}
				if !s.Leaked.IsZero() && s.Leaked.Before(s.Recorded) {
					t.Fatalf("look %d: %s leaked before it was last recorded", step, s.VolumeID)
				}
			}
		}
	})
}

// Writers take turns, each on top of what the others wrote: nothing of
// different arrays gets lost.
func TestRememberSideBySide(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			world, report := seen(monday, true)
			world.Arrays[0].ID = fmt.Sprintf("a%d", n)
			if err := Remember(t.Context(), dir, world, report); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got, err := Load(dir); err != nil || len(got) != 8 {
		t.Errorf("%d of 8 are remembered, %v", len(got), err)
	}
}

// A file that is no memory is replaced, and kept beside the new one; one of
// another version stays in its place. One that can't be read, a
// directory that can't be written and a writer that never ends are errors,
// and change nothing.
func TestRememberWhereItCant(t *testing.T) {
	world, report := seen(monday, true)
	dir := t.TempDir()
	file := filepath.Join(dir, File)
	for _, text := range []string{"", "{", `{"schema":"someone/else/v1"}`, "\x00\x00\x00"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var forgotten *forgottenError
		if _, err := Load(dir); !errors.As(err, &forgotten) {
			t.Errorf("%q: %v", text, err)
		}
		if err := Remember(t.Context(), dir, world, report); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := Load(dir); err != nil || len(got) != 1 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if kept, err := os.ReadFile(file + damaged); err != nil || string(kept) != text {
			t.Errorf("%q is kept as %q, %v", text, kept, err)
		}
	}
	newer := `{"schema":"pureclean/sightings/v9","sightings":{"a":"map"}}`
	if err := os.WriteFile(file, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("of another version: %v", err)
	}
	if err := Remember(t.Context(), dir, world, report); err != nil {
		t.Errorf("of another version: %v", err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != newer {
		t.Errorf("of another version: it became %q, %v", after, err)
	}
	if ok, err := MakeRoom(dir, fs.ErrPermission); ok || err == nil {
		t.Errorf("room where it could not be looked at: %v", err)
	}
	if err := Remember(t.Context(), filepath.Join(dir, "absent"), world, report); err == nil {
		t.Error("remembered in a directory that is not there")
	}
	lock := flock.New(filepath.Join(dir, lockFile))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody waits in a test
	if err := Remember(ctx, dir, world, report); err == nil {
		t.Error("written while another held the lock")
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("%q, %v", after, err)
	}
}

// What can't be known is not remembered as a leftover.
func TestUpdateBelievesNoDoubt(t *testing.T) {
	for name, spoil := range map[string]func(*evidence.World, *diagnose.Report){
		"records incomplete": func(w *evidence.World, _ *diagnose.Report) {
			w.LXD.Records = w.LXD.Records.Doubt("a project is hidden")
		},
		"rights not proven": func(w *evidence.World, _ *diagnose.Report) { w.LXD.SeesAll = evidence.Unknown },
		"the gate unknown":  func(_ *evidence.World, r *diagnose.Report) { r.Findings[0].Gates[0].Result = diagnose.Uncertain },
		"another finding":   func(_ *evidence.World, r *diagnose.Report) { r.Findings[0].Code = "foreign-volume" },
		"not LXD's":         func(w *evidence.World, _ *diagnose.Report) { w.Arrays[0].Volumes.Items[0].LXD = evidence.Name{} },
		"no array id":       func(w *evidence.World, _ *diagnose.Report) { w.Arrays[0].ID = "" },
	} {
		world, report := seen(monday, false)
		spoil(&world, &report)
		if memory := update(nil, world, report); len(memory) != 0 {
			t.Errorf("%s: remembered %+v", name, memory)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	if got, err := Load(dir); err != nil || len(got) != 0 {
		t.Errorf("nothing yet: %v, %v", got, err)
	}
	want := []evidence.Sighting{{ArrayID: "a1", PodID: "p1", VolumeID: "v1", Leaked: monday}}
	if err := Save(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	info, err := os.Stat(filepath.Join(dir, File))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, text := range []string{"{", `{"schema":"pureclean/sightings/v9","sightings":[]}`, "null"} {
		if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Load(dir); err == nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if err := Save(filepath.Join(dir, "absent"), want); err == nil {
		t.Error("saved in a directory that is not there")
	}
}
