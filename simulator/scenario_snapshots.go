package simulator

import (
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func snapshotScenarios() []Scenario {
	copies, snapshots := []string{"leaked-snapshot-volume"}, []string{"leaked-snapshot"}
	var s []Scenario
	s = append(s, onBoth("killed-in-export", "LXD is killed while it exports a volume with a snapshot: the copy through which it read the snapshot stays, connected.",
		Options{}, killedInExport, copies, copies)...)
	s = append(s, onBoth("killed-before-copy-is-mapped", "The same, before the copy was connected.",
		Options{}, killedBeforeCopyIsMapped, copies, copies)...)
	return append(s,
		Scenario{
			Name: "killed-in-refresh", Codes: snapshots, Run: killedInRefresh,
			Story: "LXD is killed while it refreshes a copy: the snapshot that was its safety net stays.",
		},
		Scenario{
			Name: "snapshot-reply-lost", Codes: []string{"leaked-snapshot", "leftover-directory"}, Run: snapshotReplyLost,
			Story: "The array takes a snapshot and its answer gets lost: LXD forgets its record.",
		},
	)
}

// withSnapshot makes a volume called data with a snapshot called daily0.
func withSnapshot(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	return w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0")
}

func killedInExport(w *World) error {
	if err := withSnapshot(w); err != nil {
		return err
	}
	w.LXD.CutBehind(lxd.StepHost, "wait")
	return w.killedInExport()
}

func killedBeforeCopyIsMapped(w *World) error {
	if err := withSnapshot(w); err != nil {
		return err
	}
	w.LXD.CutBehind("POST", "overwrite=true")
	return w.killedInExport()
}

func (w *World) killedInExport() error {
	err := mustBeKilled(w.LXD.ExportVolume(w.Pool(), "", "data", nil), "exporting data")
	w.LXD.StartDaemon()
	w.Age(hours)
	return err
}

func killedInRefresh(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	if err := w.LXD.CopyVolume(w.Pool(), "", "data", "standby", true); err != nil {
		return err
	}
	w.LXD.CutBehind("POST", "/volume-snapshots")
	err := mustBeKilled(w.LXD.RefreshVolume(w.Pool(), "", "standby", "data"), "refreshing standby")
	w.LXD.StartDaemon()
	w.Age(hours)
	return err
}

func snapshotReplyLost(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	w.Array.Inject(array.Fault{Method: "POST", Path: "/volume-snapshots", Kind: array.LoseReply, Times: 1})
	err := mustFail(w.LXD.SnapshotVolume(w.Pool(), "", "data", "daily0"), "snapshotting data")
	w.Age(hours)
	return err
}
