package simulator

import (
	"errors"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func arrayScenarios() []Scenario {
	var s []Scenario
	s = append(s, onBoth("same-name", "Another machine with the same name connects to the array: LXD there takes the array host over, and this machine loses its volumes.",
		Options{}, sameName, []string{"hijacked-host", "in-use-without-connection", "foreign-connection"},
		[]string{"hijacked-host", "in-use-without-connection", "foreign-connection"})...)
	s = append(s, onBoth("second-lxd", "Another LXD has taken the pod over as its own pool and runs an instance from it.",
		Options{}, secondLXD, []string{"foreign-connection"}, []string{"foreign-connection"})...)
	return append(s,
		Scenario{
			Name: "connected-by-hand", Codes: []string{"foreign-connection"}, Run: connectedByHand,
			Story: "An administrator connects a volume of LXD's to a backup server.",
		},
		Scenario{
			Name: "not-eradicated", Codes: []string{"pending-eradication"}, Run: notEradicated,
			Story: "A volume can't be formatted; LXD destroys it, and the array does not answer when LXD wants it eradicated.",
		},
		Scenario{
			Name: "made-by-hand", Codes: []string{"foreign-volume"}, Run: madeByHand,
			Story: "An administrator made a volume in LXD's pod.",
		},
	)
}

func sameName(w *World) error {
	if err := w.LXD.Launch(w.container("web1")); err != nil {
		return err
	}
	w.calm()
	other, err := w.AddOther(w.LXD.Name, "")
	if err != nil {
		return err
	}
	if err := w.NewPool(other, "edgepool"); err != nil {
		return err
	}
	err = other.Launch(lxd.InstanceSpec{Name: "kiosk", Pool: "edgepool", Image: Image})
	w.Age(hours)
	return err
}

func secondLXD(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	other, err := w.AddOther("edge01", w.Pool())
	if err != nil {
		return err
	}
	err = other.Launch(lxd.InstanceSpec{Name: "kiosk", Pool: w.Pool()})
	w.Age(hours)
	return err
}

func notEradicated(w *World) error {
	w.LXD.SetBeforeCall(func(method, path string) error {
		if method == lxd.StepHost && strings.HasPrefix(path, "mkfs") {
			return errors.New("mkfs.ext4: Input/output error while writing out and closing file system")
		}
		return nil
	})
	heal := w.Array.Inject(array.Fault{Method: "DELETE", Path: "/volumes", Kind: array.ServerError})
	err := mustFail(w.LXD.CreateVolume(w.volume("data")), "creating data")
	heal()
	w.calm()
	w.Age(hours)
	return err
}

func madeByHand(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	_, err := w.Array.CreateVolume(w.Pool()+"::manual-vol", Small, array.VolumeOptions{Used: Small / 2})
	w.Age(hours)
	return err
}

func connectedByHand(w *World) error {
	if err := w.LXD.CreateVolume(w.volume("data")); err != nil {
		return err
	}
	name, err := w.ArrayName(w.Pool(), evidence.TypeCustom, "data")
	if err != nil {
		return err
	}
	if err := w.Array.CreateHost("backup01", []string{"iqn.1994-05.com.redhat:backup01"}, nil, nil); err != nil {
		return err
	}
	err = w.Array.Connect("backup01", name, 0)
	w.Age(hours)
	return err
}
