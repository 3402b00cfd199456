package simulator

import (
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// stretchedScenarios are of pods that lie on two arrays (ActiveCluster).
func stretchedScenarios() []Scenario {
	return slices.Concat(
		only("stretched-pod", "A pod is stretched to a second array, and LXD's volumes are used over both; two volumes are leaked, of which one is connected there, too.",
			Options{Transports: iscsi}, stretchedPod, "leaked-volume"),
		only("stretched-pod-here", "A pod is stretched to a second array. A leaked volume is connected on the first only, and one that LXD knows on the second only.",
			Options{Transports: iscsi}, stretchedHere, "leaked-volume"),
	)
}

// secondWay is the member's array host on the peer.
const secondWay = "lxd01-iscsi"

// stretchedLeaks stretches the pod, and leaves as many volumes behind in it.
func (w *World) stretchedLeaks(names ...string) {
	w.check(w.Stretch(w.Pool()))
	w.somethingRuns()
	w.create("data", "far")
	w.check(w.LXD.AttachVolume("", "web1", "data", w.Pool(), "data", "/data"))
	w.noDevices(func() {
		for _, name := range names {
			w.undoFails(name)
		}
	})
	h := w.Hosts[0]
	w.check(h.LoginTo(w.Peer))
	w.check(w.Peer.CreateHost(secondWay, []string{h.IQN()}, nil, nil))
}

// connectThere connects a recorded volume at the peer.
func (w *World) connectThere(name string) {
	full := w.named(w.Pool(), evidence.TypeCustom, name)
	w.check(w.Peer.Connect(secondWay, full, 0))
}

func stretchedPod(w *World) {
	w.stretchedLeaks("lost", "lost-too")
	for _, name := range []string{"data", "far"} {
		w.connectThere(name)
	}
	leaks := w.unrecorded()
	for _, v := range leaks[:min(1, len(leaks))] {
		w.check(w.Peer.Connect(secondWay, v.Name, 0))
	}
	w.Hosts[0].Rescan()
}

func stretchedHere(w *World) {
	w.stretchedLeaks("lost")
	w.connectThere("far")
	w.Hosts[0].Rescan()
}
