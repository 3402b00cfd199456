package simulator_test

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// Both arrays of a stretched pod have its volumes, and each its own
// connections, which the other shows as a remote host's.
func TestStretch(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pool := w.Pool()
	make := func(name string) string {
		ok(w.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: name, Bytes: simulator.Small}))
		full, err := w.ArrayName(pool, "custom", name)
		ok(err)
		return full
	}
	before := make("before")
	ok(w.Stretch(pool))
	after := make("after")
	for _, name := range []string{before, after} {
		here, _ := w.Array.Volume(name)
		there, found := w.Peer.Volume(name)
		if !found || here.Serial == "" || here.Serial != there.Serial {
			t.Fatalf("%s: %+v, %+v", name, here, there)
		}
	}
	h := w.Hosts[0]
	ok(h.LoginTo(w.Peer))
	ok(w.Peer.CreateHost("lxd01-iscsi", []string{h.IQN()}, nil, nil))
	ok(w.Peer.Connect("lxd01-iscsi", before, 0))
	h.Rescan()
	v, _ := w.Array.Volume(before)
	if devices := h.DevicesOf(v.Serial); len(devices) != 3 { // a map and its two paths
		t.Errorf("through the peer there are %q", devices)
	}
	if rows := w.Array.Connections(); len(rows) != 1 || rows[0].Host != "fa-peer:lxd01-iscsi" || rows[0].Volume != before {
		t.Errorf("the array shows %+v", rows)
	}
	for _, err := range []error{w.Array.DestroyVolume(before), w.Peer.DestroyVolume(before), w.Array.Disconnect("fa-peer:lxd01-iscsi", before)} {
		if err == nil {
			t.Error("what is connected at the peer was destroyed, or disconnected from here")
		}
	}
	ok(w.Peer.Disconnect("lxd01-iscsi", before))
	if rows := w.Array.Connections(); len(rows) != 0 {
		t.Errorf("the array still shows %+v", rows)
	}
	// No array moves a volume into a stretched pod or out of it; within it, it does.
	outside, err := w.Array.CreateVolume("outside", simulator.Small, array.VolumeOptions{})
	ok(err)
	for from, to := range map[string]string{before: "out", outside.Name: pool + "::in"} {
		if w.Array.RelocateVolume(from, to) == nil {
			t.Errorf("%s was moved to %s", from, to)
		}
	}
	renamed := pool + "::group/renamed"
	ok(w.Array.RelocateVolume(before, renamed))
	if _, there := w.Peer.Volume(renamed); !there {
		t.Error("it is renamed on one array only")
	}
	ok(w.Array.RelocateVolume(renamed, before))
	ok(w.Array.DestroyVolume(before))
	if there, _ := w.Peer.Volume(before); !there.Destroyed {
		t.Error("it is destroyed on one array only")
	}
	ok(w.Peer.Recover(before))
	if here, _ := w.Array.Volume(before); here.Destroyed {
		t.Error("it is recovered on one array only")
	}
	ok(w.Array.DestroyVolume(after))
	ok(w.Array.Eradicate(after))
	if _, there := w.Peer.Volume(after); there {
		t.Error("it is eradicated on one array only")
	}
	ok(w.Unstretch())
	if _, there := w.Peer.Volume(before); there {
		t.Error("the peer still has it")
	}
	if _, here := w.Array.Volume(before); !here {
		t.Error("it is no longer on the array")
	}
	ok(w.Array.RelocateVolume(before, "out"))
	if strings.Contains(w.PeerServer.URL, w.Server.URL) {
		t.Error("both are at one address")
	}
}
