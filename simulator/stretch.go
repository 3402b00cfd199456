package simulator

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/pureclean/pureclean/simulator/array"
)

// peer is a second array to which a pod is stretched.
type peer struct {
	mu sync.Mutex
	// pod is the name of the stretched pod; empty when none is.
	pod string
	// seen are the pod's volumes by serial, as both arrays had them when they
	// were last compared.
	seen map[string]kept
}

// kept is what both arrays keep alike of a volume.
type kept struct {
	name      string
	destroyed bool
}

// Stretch stretches a pool's pod to a second array, Peer, which has an address
// of its own. Both have the same volumes under the same serials, and what one
// of them makes, renames, destroys or recovers the other has, too. Each has its
// own hosts and connections, and shows the other's as remote ones.
func (w *World) Stretch(pool string) error {
	if w.Peer == nil {
		w.Peer = array.New(array.Options{Name: "fa-peer", Clock: w.Clock, Seed: int64(w.options.Seed) + 1<<40, PageSize: w.options.PageSize, Unverified: w.options.Unverified})
		server, err := w.Peer.Serve()
		if err != nil {
			return err
		}
		w.PeerServer, w.PeerTokenFile = server, filepath.Join(w.dir, "peer-token")
		if err := os.WriteFile(w.PeerTokenFile, []byte(w.Peer.Token()+"\n"), 0o600); err != nil {
			return err
		}
		w.Array.OnChange(w.mirror)
		w.Peer.OnChange(w.mirror)
		for _, h := range w.Hosts {
			w.Peer.OnChange(h.Follow)
		}
	}
	if err := w.Peer.CreatePod(pool); err != nil {
		return err
	}
	w.peer.mu.Lock()
	w.peer.pod, w.peer.seen = pool, map[string]kept{}
	w.peer.mu.Unlock()
	if err := w.Array.StretchPod(pool, array.PodArray{ID: w.Peer.ID(), Name: w.Peer.Name(), Status: "online"}); err != nil {
		return err
	}
	return w.Peer.StretchPod(pool, array.PodArray{ID: w.Array.ID(), Name: w.Array.Name(), Status: "online"})
}

func (w *World) Unstretch() error {
	w.peer.mu.Lock()
	pod := w.peer.pod
	w.peer.pod = ""
	w.peer.mu.Unlock()
	for _, c := range w.Peer.Connections() {
		_ = w.Peer.Disconnect(c.Host, c.Volume) // it was listed
	}
	if err := w.Array.ShowRemote(w.Peer.Name(), array.Remote{}); err != nil {
		return err
	}
	if err := w.Peer.DropPod(pod); err != nil {
		return err
	}
	return w.Array.StretchPod(pod)
}

// mirror makes both arrays' volumes of the stretched pod alike, after a change
// of one of them: what differs from what both had is the change.
func (w *World) mirror() {
	w.Array.Batch(func() {
		w.Peer.Batch(func() {
			w.peer.mu.Lock()
			defer w.peer.mu.Unlock()
			if w.peer.pod == "" {
				return
			}
			w.mirrorVolumes()
			w.mirrorConnections(w.Array, w.Peer)
			w.mirrorConnections(w.Peer, w.Array)
		})
	})
}

func (w *World) mirrorVolumes() {
	here, there := w.stretched(w.Array), w.stretched(w.Peer)
	both := maps.Clone(here)
	maps.Copy(both, there)
	of := func(v array.Volume) kept { return kept{v.Name, v.Destroyed} }
	// What is gone goes first: its name may be another volume's by now.
	for serial, was := range w.peer.seen {
		a, onA := here[serial]
		p, onP := there[serial]
		switch {
		case !onA && onP && of(p) == was:
			drop(w.Peer, p)
		case !onP && onA && of(a) == was:
			drop(w.Array, a)
		}
	}
	for _, serial := range slices.Sorted(maps.Keys(both)) {
		a, onA := here[serial]
		p, onP := there[serial]
		was, known := w.peer.seen[serial]
		// The errors are refusals, as of a volume that is connected: then the
		// arrays differ until it is not.
		switch {
		case onA && !onP && !known:
			_ = copyVolume(w.Peer, a)
		case onP && !onA && !known:
			_ = copyVolume(w.Array, p)
		case !onA || !onP:
		case of(a) != was || !known:
			follow(w.Peer, p, of(a))
		case of(p) != was:
			follow(w.Array, a, of(p))
		}
	}
	w.peer.seen = map[string]kept{}
	there = w.stretched(w.Peer)
	for serial, v := range w.stretched(w.Array) {
		if _, onP := there[serial]; onP {
			w.peer.seen[serial] = of(v)
		}
	}
}

// stretched are an array's volumes of the stretched pod by serial.
func (w *World) stretched(a *array.Array) map[string]array.Volume {
	all := map[string]array.Volume{}
	for _, v := range a.Volumes() {
		if v.Pod == w.peer.pod {
			all[v.Serial] = v
		}
	}
	return all
}

func copyVolume(to *array.Array, v array.Volume) error {
	_, err := to.CreateVolume(v.Name, v.Provisioned, array.VolumeOptions{Created: v.Created, Used: v.Used, Serial: v.Serial})
	if err == nil && v.Destroyed {
		err = to.DestroyVolume(v.Name)
	}
	return err
}

func follow(a *array.Array, v array.Volume, to kept) {
	if v.Destroyed && !to.destroyed {
		_ = a.Recover(v.Name)
	}
	if v.Name != to.name {
		_ = a.RelocateVolume(v.Name, to.name)
	}
	if !v.Destroyed && to.destroyed {
		_ = a.DestroyVolume(to.name)
	}
}

// drop eradicates what the other array has no more.
func drop(a *array.Array, v array.Volume) {
	_ = a.DestroyVolume(v.Name) // perhaps it is
	_ = a.Eradicate(v.Name)
}

// mirrorConnections shows one array's connections on the other.
func (w *World) mirrorConnections(of, on *array.Array) {
	shown := array.Remote{}
	own := map[string]bool{}
	for _, c := range of.Connections() {
		v, ok := on.Volume(c.Volume)
		if c.Host == "" || !ok || v.Serial != c.Serial || v.Pod != w.peer.pod || strings.Contains(c.Host, ":") {
			continue
		}
		own[c.Host] = true
		shown.Rows = append(shown.Rows, array.Connection{Volume: c.Volume, Host: c.Host, LUN: c.LUN})
	}
	for _, h := range of.Hosts() {
		if own[h.Name] {
			shown.Hosts = append(shown.Hosts, h)
		}
	}
	// What it shows was listed a moment ago.
	_ = on.ShowRemote(of.Name(), shown)
}
