package simulator

import (
	"slices"

	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func arrayScenarios() []Scenario {
	return slices.Concat(
		onBoth("same-name", "Another machine with the same name connects to the array: LXD there takes the array host over, and this machine loses its volumes.",
			Options{}, sameName, "hijacked-host", "in-use-without-connection", "foreign-connection"),
		onBoth("second-lxd", "Another LXD has taken the pod over as its own pool and runs an instance from it.",
			Options{}, secondLXD, "foreign-connection"),
		only("connected-by-hand", "An administrator connects a volume of LXD's to a backup server.",
			Options{}, connectedByHand, "foreign-connection"),
		fading(untilEradicated, only("not-eradicated", "A volume can't be formatted; LXD destroys it, and the array does not answer when LXD wants it eradicated.",
			Options{}, notEradicated, "pending-eradication")),
		only("made-by-hand", "An administrator made a volume in LXD's pod.",
			Options{}, madeByHand, "foreign-volume"),
	)
}

func sameName(w *World) {
	w.somethingRuns()
	w.calm()
	other := w.other(w.LXD.Name, "")
	w.check(w.NewPool(other, "edgepool"))
	w.check(other.Launch(lxd.InstanceSpec{Name: "kiosk", Pool: "edgepool", Image: Image}))
}

func secondLXD(w *World) {
	w.create("data")
	other := w.other("edge01", w.Pool())
	w.check(other.Launch(lxd.InstanceSpec{Name: "kiosk", Pool: w.Pool()}))
}

func notEradicated(w *World) {
	w.stepFails("mkfs", mkfsFailed)
	w.unavailable("DELETE", "/volumes", func() { w.createFails("data") })
	w.calm()
}

func madeByHand(w *World) {
	w.create("data")
	_, err := w.Array.CreateVolume(w.Pool()+"::manual-vol", Small, array.VolumeOptions{Used: Small / 2})
	w.check(err)
}

func connectedByHand(w *World) {
	w.create("data")
	w.check(w.Array.CreateHost("backup01", []string{"iqn.1994-05.com.redhat:backup01"}, nil, nil))
	w.check(w.Array.Connect("backup01", w.data(), 0))
}
