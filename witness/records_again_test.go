package witness_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// TestRecordsOfAPart: a look about a volume has the same records as a look at
// everything, whatever LXD did since the look before, and reads the rows of all
// volumes only where LXD is not the process that it was, or where too much is new.
func TestRecordsOfAPart(t *testing.T) {
	const pool = "purepool"
	custom := func(name string) lxd.VolumeSpec {
		return lxd.VolumeSpec{Pool: pool, Name: name, Content: evidence.ContentFilesystem}
	}
	changes := map[string]struct {
		do func(*simulator.World) error
		// whole is that the rows of all volumes are read.
		whole bool
	}{
		"nothing":            {do: func(*simulator.World) error { return nil }},
		"a volume":           {do: func(w *simulator.World) error { return w.LXD.CreateVolume(custom("new")) }},
		"a volume less":      {do: func(w *simulator.World) error { return w.LXD.DeleteVolume(pool, "", "idle") }},
		"a volume renamed":   {do: func(w *simulator.World) error { return w.LXD.RenameVolume(pool, "", "idle", "other") }},
		"a snapshot":         {do: func(w *simulator.World) error { return w.LXD.SnapshotVolume(pool, "", "idle", "s0") }},
		"a snapshot of ours": {do: func(w *simulator.World) error { return w.LXD.SnapshotVolume(pool, "", "ours", "s0") }, whole: true},
		"attached":           {do: func(w *simulator.World) error { return w.LXD.AttachVolume("", "web7", "more", pool, "idle", "/more") }},
		"ours attached":      {do: func(w *simulator.World) error { return w.LXD.AttachVolume("", "web7", "more", pool, "ours", "/more") }},
		"a name that is given anew": {do: func(w *simulator.World) error {
			return errors.Join(w.LXD.DeleteVolume(pool, "", "ours"), w.LXD.CreateVolume(custom("ours")))
		}},
		"another database": {do: func(w *simulator.World) error {
			row, _ := w.LXD.Volume(pool, "default", evidence.TypeCustom, "idle")
			row.Config = map[string]string{"volatile.uuid": "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"}
			w.LXD.PutVolume(row)
			w.LXD.RestoreDatabase(w.LXD.SnapshotDatabase())
			return nil
		}, whole: true},
		"more than can be asked for": {do: func(w *simulator.World) error {
			for i := range 40 {
				w.LXD.PutVolume(lxd.Volume{Pool: pool, Type: evidence.TypeCustom, Name: fmt.Sprint("many", i), Content: evidence.ContentFilesystem})
			}
			return nil
		}, whole: true},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := worlds.Of(t, "healthy-iscsi")
			for _, volume := range []string{"ours", "idle"} {
				if err := w.LXD.CreateVolume(custom(volume)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.LXD.Launch(lxd.InstanceSpec{Name: "web7", Pool: pool, Image: simulator.Image}); err != nil {
				t.Fatal(err)
			}
			w.Age(50 * time.Hour)
			o := options(w)
			var watch witness.Watch
			defer watch.Close(t.Context())
			before, _ := lookAt(t, &watch, o, evidence.Scope{})
			scope := evidence.Scope{ArrayID: before.Arrays[0].ID}
			ours, _ := w.LXD.Volume(pool, "default", evidence.TypeCustom, "ours")
			for _, v := range before.Arrays[0].Volumes.Items {
				if v.LXD.UUID.String() == ours.Config["volatile.uuid"] {
					scope.Volumes = []string{v.ID}
				}
			}
			if len(scope.Volumes) == 0 {
				t.Fatal("the array does not have our volume")
			}
			if err := change.do(w); err != nil {
				t.Fatal(err)
			}
			w.API.ForgetRequests()
			part, _ := lookAt(t, &watch, o, scope)
			whole := slices.ContainsFunc(w.API.Requests(), func(r lxd.Request) bool {
				return strings.HasSuffix(r.Path, "/volumes") && strings.Contains(r.Query, "recursion")
			})
			if whole != change.whole {
				t.Errorf("the rows of all volumes were read: %t\n%v", whole, w.API.Requests())
			}
			fresh, _ := ask(t, o)
			if diff := cmp.Diff(rowsOf(fresh.LXD, scope, fresh.Arrays[0]), rowsOf(part.LXD, scope, fresh.Arrays[0])); diff != "" {
				t.Errorf("records: %s", diff)
			}
			if why := part.LXD.Records.Why() + part.LXD.Instances.Why(); why != "" {
				t.Error(why)
			}
		})
	}
}

// rowsOf are LXD's records by name; who uses them is there only for those that the
// look is about.
func rowsOf(said evidence.LXD, about evidence.Scope, a evidence.Array) []evidence.Record {
	rows := slices.Clone(said.Records.Items)
	for i := range rows {
		is := func(v evidence.Volume) bool {
			return v.LXD.UUID == rows[i].UUID && slices.Contains(about.Volumes, v.ID)
		}
		if !slices.ContainsFunc(a.Volumes.Items, is) {
			rows[i].UsedBy = nil
		}
	}
	slices.SortFunc(rows, func(a, b evidence.Record) int { return strings.Compare(a.Type+a.Name, b.Type+b.Name) })
	return rows
}
