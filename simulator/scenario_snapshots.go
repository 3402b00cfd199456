package simulator

import (
	"slices"

	"github.com/pureclean/pureclean/simulator/lxd"
)

func snapshotScenarios() []Scenario {
	copies, snapshots := []string{"leaked-snapshot-volume"}, []string{"leaked-snapshot"}
	return slices.Concat(
		onBoth("killed-in-export", "LXD is killed while it exports a volume with a snapshot: the copy through which it read the snapshot stays, connected.",
			Options{}, killedInExport(lxd.StepHost, "wait"), copies...),
		onBoth("killed-before-copy-is-mapped", "The same, before the copy was connected.",
			Options{}, killedInExport("POST", "overwrite=true"), copies...),
		only("killed-in-refresh", "LXD is killed while it refreshes a copy: the snapshot that was its safety net stays.",
			Options{}, killedInRefresh, snapshots...),
		only("snapshot-reply-lost", "The array takes a snapshot and its answer gets lost: LXD forgets its record.",
			Options{}, snapshotReplyLost, "leaked-snapshot", "leftover-directory"),
	)
}

func withSnapshot(w *World) {
	w.create("data")
	w.check(w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0"))
}

func killedInExport(method, part string) func(*World) {
	return func(w *World) {
		withSnapshot(w)
		w.killedBehind(method, part, func() error { return w.LXD.ExportVolume(w.Pool(), "", "data", nil) }, "exporting data")
	}
}

func killedInRefresh(w *World) {
	w.create("data")
	w.check(w.LXD.CopyVolume(w.Pool(), "", "data", "standby", true))
	w.killedBehind("POST", "/volume-snapshots", func() error { return w.LXD.RefreshVolume(w.Pool(), "", "standby", "data") }, "refreshing standby")
}

func snapshotReplyLost(w *World) {
	w.create("data")
	w.loseReply("/volume-snapshots")
	w.mustFail(w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0"), "snapshotting data")
}
