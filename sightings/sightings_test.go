package sightings

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

var (
	one    = evidence.UUID{1}
	monday = time.Date(2026, 11, 16, 9, 0, 0, 0, time.UTC)
)

// seen is a world with one volume, recorded or not, at a time.
func seen(at time.Time, recorded bool) (evidence.World, diagnose.Report) {
	volume := evidence.Volume{ID: "v1", Pod: "purepool", PodID: "p1", LXD: evidence.Name{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: one}}
	world := evidence.World{
		Arrays: []evidence.Array{{
			Source: evidence.Source{Began: at}, ID: "a1",
			Pods:    evidence.Complete([]evidence.Pod{{ID: "p1", Name: "purepool"}}),
			Volumes: evidence.Complete([]evidence.Volume{volume}),
		}},
		LXD: evidence.LXD{SeesAll: evidence.Yes, Records: evidence.Complete[evidence.Record](nil)},
	}
	if recorded {
		world.LXD.Records = evidence.Complete([]evidence.Record{{Pool: "PurePool", Project: "default", Type: "custom", Name: "fs1", UUID: one}})
		return world, diagnose.Report{}
	}
	return world, diagnose.Report{Findings: []diagnose.Finding{{
		Code: "leaked-volume", VolumeID: "v1", Gates: []diagnose.GateResult{{Gate: "no-record", Result: diagnose.Pass}},
	}}}
}

func update(memory []evidence.Sighting, world evidence.World, report diagnose.Report) []evidence.Sighting {
	return Update(memory, world, report)
}

func TestUpdate(t *testing.T) {
	world, report := seen(monday, true)
	memory := update(nil, world, report)
	want := evidence.Sighting{ArrayID: "a1", PodID: "p1", VolumeID: "v1", Recorded: monday, LXDName: "custom/fs1 (default)"}
	if diff := cmp.Diff([]evidence.Sighting{want}, memory); diff != "" {
		t.Fatal("recorded:", diff)
	}

	// The record goes: since then it is a leftover, and it stays known that
	// it had one. Later looks don't make it younger.
	for _, day := range []int{1, 2, 3} {
		world, report = seen(monday.AddDate(0, 0, day), false)
		memory = update(memory, world, report)
	}
	want.Leaked = monday.AddDate(0, 0, 1)
	if diff := cmp.Diff([]evidence.Sighting{want}, memory); diff != "" {
		t.Fatal("leaked:", diff)
	}

	// A record that comes back ends it.
	world, report = seen(monday.AddDate(0, 0, 4), true)
	memory = update(memory, world, report)
	want.Leaked, want.Recorded = time.Time{}, monday.AddDate(0, 0, 4)
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
	world.Arrays[0].Pods = evidence.Complete([]evidence.Pod{{ID: "p2", Name: "other"}})
	if kept := update(memory, world, report); len(kept) != 1 {
		t.Error("forgotten though its pod was not listed")
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
