package simulator

import (
	"github.com/pureclean/pureclean/evidence"
)

// stretchedScenarios are of pods that lie on two arrays (ActiveCluster).
func stretchedScenarios() []Scenario {
	return []Scenario{
		{
			Name: "stretched-pod", Codes: []string{"leaked-volume"}, Options: Options{Transports: iscsi}, Run: stretchedPod,
			Story: "A pod is stretched to a second array, and LXD's volumes are used over both; two volumes are leaked, of which one is connected there, too.",
		},
		{
			Name: "stretched-pod-here", Codes: []string{"leaked-volume"}, Options: Options{Transports: iscsi}, Run: stretchedHere,
			Story: "A pod is stretched to a second array. A leaked volume is connected on the first only, and one that LXD knows on the second only.",
		},
	}
}

// secondWay is the member's array host on the peer.
const secondWay = "lxd01-iscsi"

// stretchedLeaks stretches the pod, and leaves as many volumes behind in it.
func (w *World) stretchedLeaks(names ...string) error {
	if err := w.Stretch(w.Pool()); err != nil {
		return err
	}
	if err := w.somethingRuns(); err != nil {
		return err
	}
	for _, name := range []string{"data", "far"} {
		if err := w.LXD.CreateVolume(w.volume(name)); err != nil {
			return err
		}
	}
	if err := w.LXD.AttachVolume("", "web1", "data", w.Pool(), "data", "/data"); err != nil {
		return err
	}
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	for _, name := range names {
		heals := []func(){w.unavailable("DELETE", ""), w.unavailable("PATCH", "")}
		err := mustFail(w.LXD.CreateVolume(w.volume(name)), "creating "+name)
		for _, heal := range heals {
			heal()
		}
		if err != nil {
			return err
		}
	}
	w.Hosts[0].NeverAppear(nil)
	h := w.Hosts[0]
	if err := h.LoginTo(w.Peer); err != nil {
		return err
	}
	return w.Peer.CreateHost(secondWay, []string{h.IQN()}, nil, nil)
}

// connectThere connects a recorded volume at the peer.
func (w *World) connectThere(name string) error {
	full, err := w.ArrayName(w.Pool(), evidence.TypeCustom, name)
	if err != nil {
		return err
	}
	return w.Peer.Connect(secondWay, full, 0)
}

func stretchedPod(w *World) error {
	if err := w.stretchedLeaks("lost", "lost-too"); err != nil {
		return err
	}
	for _, name := range []string{"data", "far"} {
		if err := w.connectThere(name); err != nil {
			return err
		}
	}
	if err := w.Peer.Connect(secondWay, w.unrecorded()[0].Name, 0); err != nil {
		return err
	}
	w.Hosts[0].Rescan()
	w.Age(hours)
	return nil
}

func stretchedHere(w *World) error {
	if err := w.stretchedLeaks("lost"); err != nil {
		return err
	}
	err := w.connectThere("far")
	w.Hosts[0].Rescan()
	w.Age(hours)
	return err
}
