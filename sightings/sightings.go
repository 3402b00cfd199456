// Package sightings is pureclean's memory between runs: which volumes had a
// record of LXD when they were last seen, and since when which of them were
// leftovers. A batch repairs only what an earlier run saw as a leftover, and
// a volume whose record disappeared without a trace is never part of one.
//
// The memory is a hint and no witness. Losing it makes batches wait and
// nothing else, so the file may be deleted at any time.
package sightings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// File is the memory's name in the state directory.
const File = "sightings.json"

const schema = "pureclean/sightings/v1"

type document struct {
	Schema    string              `json:"schema"`
	Sightings []evidence.Sighting `json:"sightings"`
}

// Load reads the memory in dir. None yet is an empty one; one that can't be
// read is an error, with which the caller may go on: nothing is then known.
func Load(dir string) ([]evidence.Sighting, error) {
	data, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("what earlier runs saw: %w", err)
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("what earlier runs saw: %s: %w; it may be deleted", File, err)
	}
	if d.Schema != schema {
		return nil, fmt.Errorf("what earlier runs saw: %s is of another version (%q); it may be deleted", File, d.Schema)
	}
	return d.Sightings, nil
}

// Save replaces the memory in dir, whole or not at all.
func Save(dir string, seen []evidence.Sighting) (err error) {
	data, err := json.Marshal(document{schema, seen})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "."+File+"-")
	if err != nil {
		return fmt.Errorf("remembering what was seen: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, File))
	}
	if err != nil {
		return fmt.Errorf("remembering what was seen: %w", err)
	}
	return nil
}

type key struct{ array, volume string }

// Update adds what this world shows to what was remembered. It forgets what
// is certainly not on its array any more, so that the memory grows with live
// objects only, and believes nothing that rests on an incomplete list.
func Update(seen []evidence.Sighting, world evidence.World, report diagnose.Report) []evidence.Sighting {
	memory := map[key]evidence.Sighting{}
	for _, s := range seen {
		memory[key{s.ArrayID, s.VolumeID}] = s
	}
	leaked := leftovers(report)
	named := records(world.LXD)
	whole := world.LXD.Records.IsComplete() && world.LXD.SeesAll.Is()
	for _, a := range world.Arrays {
		if a.ID == "" {
			continue
		}
		listed := map[string]bool{}
		for _, v := range a.Volumes.Items {
			if v.ID == "" || !v.LXD.IsLXD() {
				continue
			}
			listed[v.ID] = true
			k := key{a.ID, v.ID}
			s, known := memory[k]
			s.ArrayID, s.PodID, s.VolumeID = a.ID, v.PodID, v.ID
			name, recorded := named[recordKey{strings.ToLower(v.Pod), v.LXD.UUID}]
			switch {
			case recorded && !v.LXD.Snapshot:
				s.Recorded, s.LXDName, s.Leaked = a.Began, name, time.Time{}
			case whole && leaked[v.ID] && s.Leaked.IsZero():
				s.Leaked = a.Began
			case !known && s.Leaked.IsZero():
				continue // nothing worth remembering
			}
			memory[k] = s
		}
		if a.Volumes.IsComplete() {
			forget(memory, a, listed)
		}
	}
	return sorted(memory)
}

// forget drops volumes of the pods that were listed and that are not there.
func forget(memory map[key]evidence.Sighting, a evidence.Array, listed map[string]bool) {
	pods := map[string]bool{}
	for _, pod := range a.Pods.Items {
		pods[pod.ID] = true
	}
	for k, s := range memory {
		if k.array == a.ID && pods[s.PodID] && !listed[k.volume] {
			delete(memory, k)
		}
	}
}

// leftovers are the volumes that a finding calls leaked, and of which it is
// certain that they have no record.
func leftovers(report diagnose.Report) map[string]bool {
	kinds := map[string]bool{}
	for _, k := range diagnose.Kinds {
		kinds[k.Code] = k.Leaked
	}
	ids := map[string]bool{}
	for _, f := range report.Findings {
		certain := slices.ContainsFunc(f.Gates, func(g diagnose.GateResult) bool { return g.Gate == "no-record" && g.Result == diagnose.Pass })
		if f.VolumeID != "" && kinds[f.Code] && certain {
			ids[f.VolumeID] = true
		}
	}
	return ids
}

type recordKey struct {
	pool string
	uuid evidence.UUID
}

func records(lxd evidence.LXD) map[recordKey]string {
	named := make(map[recordKey]string, len(lxd.Records.Items))
	for _, r := range lxd.Records.Items {
		if !r.Snapshot {
			named[recordKey{strings.ToLower(r.Pool), r.UUID}] = r.Type + "/" + r.Name + " (" + r.Project + ")"
		}
	}
	return named
}

func sorted(memory map[key]evidence.Sighting) []evidence.Sighting {
	all := make([]evidence.Sighting, 0, len(memory))
	for _, s := range memory {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b evidence.Sighting) int {
		if n := strings.Compare(a.ArrayID, b.ArrayID); n != 0 {
			return n
		}
		return strings.Compare(a.VolumeID, b.VolumeID)
	})
	return all
}
