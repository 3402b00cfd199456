package records

import (
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/evidence"
)

// TestKnownPathIsReadTheSame: a path that is taken for a row's without being
// read is one that would have been read as that row's.
func TestKnownPathIsReadTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"data", "a-1", "x_y", "web.1", "p", "default", "a%2Fb", "a b", "é", "snapshots", "volumes", "a?b", "a&b", ""})
		row := evidence.Record{
			Pool: word.Draw(t, "pool"), Project: word.Draw(t, "project"), Name: word.Draw(t, "name"),
			Type: rapid.SampledFrom([]string{"custom", "image", "container", "virtual-machine", ""}).Draw(t, "type"),
		}
		if row.Snapshot = rapid.Bool().Draw(t, "snapshot"); row.Snapshot {
			row.Name += "/" + word.Draw(t, "snapshot's name")
		}
		other := row
		switch rapid.IntRange(0, 9).Draw(t, "another") {
		case 0:
			other.Project = word.Draw(t, "another project")
		case 1:
			other.Name = word.Draw(t, "another name")
		case 2:
			other.Pool = word.Draw(t, "another pool")
		}
		spell := func(s string) string { return s }
		if rapid.Bool().Draw(t, "escaped") {
			spell = url.PathEscape
		}
		path := "/1.0/storage-pools/" + spell(other.Pool) + "/volumes/" + other.Type + "/"
		volume, snapshot := other.Name, ""
		if other.Snapshot {
			at := len(other.Name)
			for i := range at {
				if other.Name[i] == '/' {
					volume, snapshot = other.Name[:i], other.Name[i+1:]
					break
				}
			}
		}
		path += spell(volume)
		if other.Snapshot && snapshot != "" {
			path += "/snapshots/" + spell(snapshot)
		}
		if other.Project != defaultProject || rapid.Bool().Draw(t, "says default") {
			path += "?project=" + url.QueryEscape(other.Project)
		}
		if !isPathOf([]byte(path), &row) {
			return
		}
		if at, ok := placeOf(row.Pool, path); !ok || at != placeOfRow(&row) {
			t.Fatalf("%q is taken for %v and reads as %v, %v", path, placeOfRow(&row), at, ok)
		}
		if pool, ok := poolOf(path); !ok || pool != row.Pool {
			t.Fatalf("%q is taken for one of pool %q and is of %q", path, row.Pool, pool)
		}
	})
}

// TestKnownPaths: a path as LXD writes it is taken for its row's, and for no
// other's.
func TestKnownPaths(t *testing.T) {
	rows := map[string]evidence.Record{
		"/1.0/storage-pools/fast/volumes/custom/data":                             {Pool: "fast", Project: "default", Type: "custom", Name: "data"},
		"/1.0/storage-pools/fast/volumes/custom/data?project=web":                 {Pool: "fast", Project: "web", Type: "custom", Name: "data"},
		"/1.0/storage-pools/slow/volumes/custom/data":                             {Pool: "slow", Project: "default", Type: "custom", Name: "data"},
		"/1.0/storage-pools/fast/volumes/container/data":                          {Pool: "fast", Project: "default", Type: "container", Name: "data"},
		"/1.0/storage-pools/fast/volumes/custom/data/snapshots/snap0":             {Pool: "fast", Project: "default", Type: "custom", Name: "data/snap0", Snapshot: true},
		"/1.0/storage-pools/fast/volumes/custom/data/snapshots/snap0?project=web": {Pool: "fast", Project: "web", Type: "custom", Name: "data/snap0", Snapshot: true},
		"/1.0/storage-pools/fast/volumes/custom/data1":                            {Pool: "fast", Project: "default", Type: "custom", Name: "data1"},
	}
	for path := range rows {
		for of, row := range rows {
			if got := isPathOf([]byte(path), &row); got != (path == of) {
				t.Errorf("%s is taken for the row of %s: %v", path, of, got)
			}
		}
	}
}
