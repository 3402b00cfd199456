package simulator

import (
	"github.com/pureclean/pureclean/simulator/lxd"
)

func healthyScenarios() []Scenario {
	return append(
		aged(days, onBoth("healthy", "Containers, virtual machines, volumes and snapshots come, run and go, and nothing fails.", Options{}, healthy)),
		onBoth("export-running", "LXD is exporting a volume with a snapshot, for hours: the copy through which it reads the snapshot is no leak.",
			Options{}, exportRunning)...)
}

// Healthy builds a world in which much has happened and nothing failed: there
// is nothing to find in it.
func Healthy(o Options) (*World, error) {
	return Scenario{Name: "healthy", Story: "Nothing failed.", Since: days, Options: o, Run: healthy}.Build()
}

func exportRunning(w *World) {
	w.somethingRuns()
	withSnapshot(w)
	_, err := w.LXD.StartExport(w.Pool(), "", "data")
	w.check(err)
	w.calm()
}

// healthy lets LXD do all that it can do, without a fault.
func healthy(w *World) {
	vm := w.vm("vm1")
	vm.Image = VMImage
	w.somethingRuns()
	w.check(w.LXD.Launch(vm))
	w.check(w.LXD.CreateInstance(lxd.InstanceSpec{Name: "spare", Pool: w.Pool()}))
	w.create("data", "archive", "short-lived")
	w.attachData()
	w.check(w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0"))
	w.check(w.LXD.SnapshotInstance("", "vm1", "before-upgrade"))
	w.check(w.LXD.ExportVolume(w.Pool(), "", "data", nil))
	w.check(w.LXD.CopyVolume(w.Pool(), "", "data", "data-copy", false))
	w.check(w.LXD.RefreshVolume(w.Pool(), "", "data-copy", "data"))
	w.check(w.LXD.DeleteVolume(w.Pool(), "", "short-lived"))
	// A disk of a snapshot keeps LXD's temporary volume for as long as
	// the instance runs: a copy that is no leak.
	w.check(w.LXD.AttachVolume("", "web1", "old", w.Pool(), "data/daily0", "/old"))
	// LXD scans only the first session for what it maps later. Somebody
	// scanned them all, or every volume but the first would have one path.
	w.calm()
}
