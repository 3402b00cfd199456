package simulator

import (
	"slices"

	"github.com/pureclean/pureclean/simulator/lxd"
)

func recordScenarios() []Scenario {
	return slices.Concat(
		only("killed-before-create", "LXD is killed between writing the record of a volume and creating it.",
			Options{}, killedBeforeCreate, "missing-volume"),
		fading(untilEradicated, only("safemode", "The array destroys a volume that LXD deletes and refuses to eradicate it: LXD keeps the record, and every further attempt fails.",
			Options{SafeMode: true}, safeMode, "destroyed-but-recorded")),
		fading(untilEradicated, only("destroyed-by-hand", "An administrator destroys a volume that LXD still has a record of.",
			Options{}, destroyedByHand, "destroyed-but-recorded")),
		only("moved-by-hand", "An administrator renames a volume that LXD has a record of.",
			Options{}, movedByHand, "moved-volume"),
		onBoth("database-restored", "LXD's database is restored from before an instance was made; the instance runs on.",
			Options{}, databaseRestored, "disappeared-record"),
	)
}

func killedBeforeCreate(w *World) {
	w.createIsKilled(w.volume("data"), "POST", "/volumes")
}

func safeMode(w *World) {
	w.create("data")
	w.Doom(w.data())
	for range 2 {
		w.mustFail(w.LXD.DeleteVolume(w.Pool(), "", "data"), "deleting data")
	}
}

func destroyedByHand(w *World) {
	w.create("data")
	w.check(w.Array.DestroyVolume(w.data()))
}

func movedByHand(w *World) {
	w.create("data")
	w.check(w.Remember())
	w.check(w.Relocate(w.data(), w.Pool()+"::data-old"))
}

func databaseRestored(w *World) {
	w.create("data")
	backup := w.LXD.SnapshotDatabase()
	w.Age(hours)
	w.check(w.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: w.Pool()}))
	w.check(w.Remember())
	w.Age(hours)
	for _, v := range w.LXD.Volumes() {
		w.Keep(w.named(w.Pool(), v.Type, v.Name))
	}
	w.LXD.RestoreDatabase(backup)
}
