package simulator

import (
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func healthyScenarios() []Scenario {
	return append(
		onBoth("healthy", "Containers, virtual machines, volumes and snapshots come, run and go, and nothing fails.",
			Options{}, healthy, nil, nil),
		onBoth("export-running", "LXD is exporting a volume with a snapshot, for hours: the copy through which it reads the snapshot is no leak.",
			Options{}, exportRunning, nil, nil)...)
}

// Healthy builds a world in which much has happened and nothing failed: there
// is nothing to find in it.
func Healthy(o Options) (*World, error) {
	return Scenario{Name: "healthy", Story: "Nothing failed.", Options: o, Run: healthy}.Build()
}

func exportRunning(w *World) error {
	if err := all(w.somethingRuns, func() error { return withSnapshot(w) }); err != nil {
		return err
	}
	if _, err := w.LXD.StartExport(w.Pool(), "", "data"); err != nil {
		return err
	}
	w.calm()
	w.Age(hours)
	return nil
}

// healthy lets LXD do all that it can do, without a fault.
func healthy(w *World) error {
	vm := lxd.InstanceSpec{Name: "vm1", Pool: w.Pool(), Type: evidence.TypeVM, Image: VMImage}
	err := all(
		func() error { return w.LXD.Launch(w.container("web1")) },
		func() error { return w.LXD.Launch(vm) },
		func() error { return w.LXD.CreateInstance(lxd.InstanceSpec{Name: "spare", Pool: w.Pool()}) },
		func() error { return w.LXD.CreateVolume(w.volume("data")) },
		func() error { return w.LXD.CreateVolume(w.volume("archive")) },
		func() error { return w.LXD.CreateVolume(w.volume("short-lived")) },
		func() error { return w.LXD.AttachVolume("", "web1", "data", w.Pool(), "data", "/srv") },
		func() error { return w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0") },
		func() error { return w.LXD.SnapshotInstance("", "vm1", "before-upgrade") },
		func() error { return w.LXD.ExportVolume(w.Pool(), "", "data", nil) },
		func() error { return w.LXD.CopyVolume(w.Pool(), "", "data", "data-copy", false) },
		func() error { return w.LXD.RefreshVolume(w.Pool(), "", "data-copy", "data") },
		func() error { return w.LXD.DeleteVolume(w.Pool(), "", "short-lived") },
		// A disk of a snapshot keeps LXD's temporary volume for as long as
		// the instance runs: a copy that is no leak.
		func() error { return w.LXD.AttachVolume("", "web1", "old", w.Pool(), "data/daily0", "/old") },
	)
	if err != nil {
		return err
	}
	// LXD scans only the first session for what it maps later. Somebody
	// scanned them all, or every volume but the first would have one path.
	w.calm()
	w.Age(days)
	return nil
}
