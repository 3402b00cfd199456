package simulator

import (
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func recordScenarios() []Scenario {
	var s []Scenario
	s = append(s, Scenario{
		Name: "killed-before-create", Codes: []string{"missing-volume"}, Run: killedBeforeCreate,
		Story: "LXD is killed between writing the record of a volume and creating it.",
	}, Scenario{
		Name: "safemode", Codes: []string{"destroyed-but-recorded"}, Options: Options{SafeMode: true}, Run: safeMode,
		Story: "The array destroys a volume that LXD deletes and refuses to eradicate it: LXD keeps the record, and every further attempt fails.",
	}, Scenario{
		Name: "destroyed-by-hand", Codes: []string{"destroyed-but-recorded"}, Run: destroyedByHand,
		Story: "An administrator destroys a volume that LXD still has a record of.",
	}, Scenario{
		Name: "moved-by-hand", Codes: []string{"moved-volume"}, Run: movedByHand,
		Story: "An administrator renames a volume that LXD has a record of.",
	})
	return append(s, onBoth("database-restored", "LXD's database is restored from before an instance was made; the instance runs on.",
		Options{}, databaseRestored, []string{"disappeared-record"}, []string{"disappeared-record"})...)
}

func killedBeforeCreate(w *World) error {
	w.LXD.CutBefore("POST", "/volumes")
	err := mustBeKilled(w.LXD.CreateVolume(w.volume("data")), "creating data")
	w.LXD.StartDaemon()
	w.Age(hours)
	return err
}

func safeMode(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	name, err := w.ArrayName(w.Pool(), evidence.TypeCustom, "data")
	if err != nil {
		return err
	}
	w.Doom(name)
	for range 2 {
		if err := mustFail(w.LXD.DeleteVolume(w.Pool(), "", "data"), "deleting data"); err != nil {
			return err
		}
	}
	w.Age(hours)
	return nil
}

func destroyedByHand(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	name, err := w.ArrayName(w.Pool(), evidence.TypeCustom, "data")
	if err != nil {
		return err
	}
	err = w.Array.DestroyVolume(name)
	w.Age(hours)
	return err
}

func movedByHand(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	if err := w.Remember(); err != nil {
		return err
	}
	name, err := w.ArrayName(w.Pool(), evidence.TypeCustom, "data")
	if err != nil {
		return err
	}
	err = w.Relocate(name, w.Pool()+"::data-old")
	w.Age(hours)
	return err
}

func databaseRestored(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	backup := w.LXD.SnapshotDatabase()
	w.Age(hours)
	if err := w.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: w.Pool()}); err != nil {
		return err
	}
	if err := w.Remember(); err != nil {
		return err
	}
	w.Age(hours)
	for _, v := range w.LXD.Volumes() {
		name, err := w.ArrayName(w.Pool(), v.Type, v.Name)
		if err != nil {
			return err
		}
		w.Keep(name)
	}
	w.LXD.RestoreDatabase(backup)
	w.Age(hours)
	return nil
}
