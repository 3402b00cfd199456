// Package simulator joins a simulated array, a simulated LXD and its machines
// into one consistent world, and holds the scenarios: a table of ways in which
// LXD's own flows fail in it, so that leaks arise as they do in life.
package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// Options say which world to build. The zero value is a good one.
type Options struct {
	// Transports are those of the pools, one pool each, as package evidence
	// names them. Nil is iSCSI.
	Transports []string
	// LXDVersion is one that package lxd can simulate. "" is 6.9.
	LXDVersion string
	// Members is how many servers there are; more than one is a cluster. 0
	// is one.
	Members int
	// Seed makes ids, so that the same seed gives the same world. 0 is 1.
	Seed uint64
	// Start is the time at which the world begins. Zero is a fixed one.
	Start time.Time
	// Queueing lets the machines' multipath queue without end.
	Queueing bool
	// SafeMode disables eradication by hand on the array.
	SafeMode bool
	// VolumeBytes is the size of volumes that are not given one, instances'
	// among them; 0 is Small.
	VolumeBytes int64
	// PageSize is the array's, 0 is its default.
	PageSize int
	// Machines are the first members' in place of simulated ones, and are not
	// among Hosts. They follow the array by themselves.
	Machines   []lxd.Machine
	Unverified array.Unverified
}

// World is an array, an LXD and its machines, served as the real ones are.
type World struct {
	Array  *array.Array
	Server *array.Server
	// Peer is the second array of a stretched pod and PeerServer its own
	// server, PeerTokenFile holds its token; all are empty until Stretch.
	Peer          *array.Array
	PeerServer    *array.Server
	PeerTokenFile string
	LXD           *lxd.Server
	// API is LXD's on the unix socket Socket.
	API    *lxd.APIServer
	Socket string
	// Hosts are the members' machines, in the order of LXD.Members.
	Hosts []*host.Host
	// Others are other LXDs that use the same array, one machine each.
	Others []*lxd.Server
	Clock  *fabric.Clock
	// Seen is what an earlier run of pureclean would remember, see Remember.
	Seen []evidence.Sighting

	options Options
	dir     string
	story   []string
	failed  error // see check
	// keep are array volumes that are somebody's though no record says so;
	// doomed are those that somebody asked to delete.
	keep, doomed map[string]bool
	truth        truth
	peer         peer
}

// Image is the fingerprint of the container image in every world's store, and
// VMImage that of a virtual machine.
const (
	Image   = "8c1ae1a2b7dd0d3d5a6e7f0d5b1b7e9c41e2f3a4b5c6d7e8f90a1b2c3d4e5f60"
	VMImage = "d4f7c0ffee5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e"
)

// Small is the size of the volumes in scenarios.
const Small = 64 << 20

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// New builds a world with an empty pool per transport.
func New(o Options) (*World, error) {
	if len(o.Transports) == 0 {
		o.Transports = []string{evidence.ModeISCSI}
	}
	o.LXDVersion, o.Members = cmp.Or(o.LXDVersion, "6.9"), cmp.Or(o.Members, 1)
	o.Seed, o.VolumeBytes = cmp.Or(o.Seed, 1), cmp.Or(o.VolumeBytes, Small)
	if o.Start.IsZero() {
		o.Start = start
	}
	w := &World{options: o, Clock: fabric.NewClock(o.Start), keep: map[string]bool{}, doomed: map[string]bool{}}
	w.truth = truth{lost: map[string]bool{}, held: map[string]bool{}, known: map[string]string{}}
	if err := w.build(); err != nil {
		w.Close()
		return nil, fmt.Errorf("building a world: %w", err)
	}
	return w, nil
}

func (w *World) build() error {
	o := w.options
	w.Array = array.New(array.Options{
		Name: "fa-sim", Clock: w.Clock, Seed: int64(o.Seed), PageSize: o.PageSize, Unverified: o.Unverified,
	})
	server, err := w.Array.Serve()
	if err != nil {
		return err
	}
	w.Server = server
	if w.dir, err = os.MkdirTemp("", "pureclean"); err != nil {
		return err
	}
	var members []*lxd.Member
	for n := range o.Members {
		m := &lxd.Member{Name: fmt.Sprintf("lxd%02d", n+1)}
		if n < len(o.Machines) {
			m.Host = o.Machines[n]
		} else {
			h := w.machine(host.Options{Name: m.Name})
			m.Host, w.Hosts = h, append(w.Hosts, h)
		}
		members = append(members, m)
	}
	if w.LXD, err = lxd.New(lxd.Options{Version: o.LXDVersion, Arrays: w.Direct(), Clock: w.Clock, Members: members, Clustered: o.Members > 1, Seed: o.Seed}); err != nil {
		return err
	}
	for _, mode := range o.Transports {
		if err := w.createPool(w.LXD, PoolName(mode), mode, false); err != nil {
			return err
		}
	}
	// Only now: LXD can't create a pool where it may not eradicate.
	w.Array.SetSafeMode(o.SafeMode)
	w.LXD.AddImage(lxd.Image{Fingerprint: Image, Alias: "noble", Type: evidence.TypeContainer})
	w.LXD.AddImage(lxd.Image{Fingerprint: VMImage, Alias: "noble-vm", Type: evidence.TypeVM})
	w.Socket = filepath.Join(w.dir, "unix.socket")
	w.API, err = w.LXD.Serve(w.Socket)
	return err
}

// Direct leads requests to the world's arrays without a network: greetings are
// most of the work of building a world, and of a look. What is about
// connections goes to Server and PeerServer.
func (w *World) Direct() http.RoundTripper { return direct{w} }

type direct struct{ world *World }

// RoundTrip asks the array at that address.
func (d direct) RoundTrip(request *http.Request) (*http.Response, error) {
	for _, s := range []*array.Server{d.world.Server, d.world.PeerServer} {
		if s != nil && s.URL == "https://"+request.URL.Host {
			return s.RoundTrip(request)
		}
	}
	return nil, fmt.Errorf("there is no array at %s", request.URL.Host)
}

// Answering are the machines of the members that are up, in the order of
// LXD.Members: those that can be asked for their devices.
func (w *World) Answering() []*host.Host {
	var machines []*host.Host
	for _, m := range w.LXD.Members() {
		if i := slices.IndexFunc(w.Hosts, func(h *host.Host) bool { return h.Name() == m.Name }); i >= 0 && m.Up() {
			machines = append(machines, w.Hosts[i])
		}
	}
	return machines
}

// machine makes a machine that follows the array.
func (w *World) machine(o host.Options) *host.Host {
	o.Clock, o.Target, o.Queueing = w.Clock, w.Array, w.options.Queueing
	h := host.New(o)
	w.Array.OnChange(h.Follow)
	return h
}

// PoolName is the name of a world's pool of a transport.
func PoolName(mode string) string {
	if mode == evidence.ModeNVMeTCP {
		return "nvpool"
	}
	return "purepool"
}

func (w *World) createPool(l *lxd.Server, name, mode string, attach bool) error {
	if mode == evidence.ModeNVMeTCP {
		mode = l.NVMeMode()
	}
	return l.CreatePool(lxd.PoolSpec{
		Name: name, Gateway: w.Server.URL, Token: w.Array.Token(), Mode: mode, VolumeBytes: w.options.VolumeBytes, Recover: attach,
	})
}

// Pools are the names of all pools of the world's LXD.
func (w *World) Pools() []string {
	var names []string
	for _, mode := range w.options.Transports {
		names = append(names, PoolName(mode))
	}
	return names
}

// Story tells what happened to the world, a sentence or two per event.
func (w *World) Story() []string { return slices.Clone(w.story) }

// tell adds to the story.
func (w *World) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf(format, args...))
}

// Pool is the name of the first pool, the only one in most worlds.
func (w *World) Pool() string { return PoolName(w.options.Transports[0]) }

// AddOther adds another LXD, with a machine of its own, to the same array.
// server is its name, which may be one of ours. attach is a pool of the array
// that it takes over as its own; "" gives it none.
func (w *World) AddOther(server, attach string) (*lxd.Server, error) {
	n := len(w.Others) + 1
	m := &lxd.Member{Name: server, Host: w.machine(host.Options{
		Name: server, IQN: fmt.Sprintf("iqn.2004-10.com.ubuntu:01:0a1b2c3d4e%02d", n),
		ServerUUID: fmt.Sprintf("0199c0de-7a11-7000-8000-%012d", n),
	})}
	other, err := lxd.New(lxd.Options{Version: w.LXD.Version(), Arrays: w.Direct(), Clock: w.Clock, Members: []*lxd.Member{m}, Seed: w.options.Seed + uint64(n)<<32})
	if err != nil {
		return nil, err
	}
	other.AddImage(lxd.Image{Fingerprint: Image, Alias: "noble", Type: evidence.TypeContainer})
	w.Others = append(w.Others, other)
	if attach == "" {
		return other, nil
	}
	return other, w.createPool(other, attach, w.options.Transports[0], true)
}

// NewPool gives another LXD a pool of its own on the array.
func (w *World) NewPool(l *lxd.Server, name string) error {
	return w.createPool(l, name, w.options.Transports[0], false)
}

// Close ends all servers and removes the world's directory.
func (w *World) Close() {
	for _, l := range w.everyLXD() {
		if l != nil {
			l.Close()
		}
	}
	for _, server := range []*array.Server{w.Server, w.PeerServer} {
		if server != nil {
			_ = server.Close() // nothing is lost with a world that ends
		}
	}
	_ = os.RemoveAll(w.dir)
}

// Age lets time pass in steps, so that what is due happens when it is due.
func (w *World) Age(d time.Duration) {
	for d > 0 {
		step := min(d, time.Hour)
		w.Clock.Advance(step)
		d -= step
	}
}

// ArrayName is the array's name of a volume that is recorded, "pod::volume";
// of a virtual machine it is the block half. name is "volume/snapshot" for a
// snapshot.
func (w *World) ArrayName(pool, kind, name string) (string, error) {
	names, err := w.arrayNames(pool, kind, name)
	return names[0], err
}

// arrayNames are one empty name when there is no record.
func (w *World) arrayNames(pool, kind, name string) ([]string, error) {
	record, ok := w.LXD.Volume(pool, "", kind, name)
	if !ok {
		return []string{""}, fmt.Errorf("no record of %s/%s/%s", pool, kind, name)
	}
	volume, _, _ := strings.Cut(name, "/")
	parent, _ := w.LXD.Volume(pool, "", kind, volume)
	return lxd.ArrayNames(record, parent), nil
}

// Keep marks array volumes as somebody's, whatever the records say.
func (w *World) Keep(volumes ...string) {
	for _, v := range volumes {
		w.keep[v] = true
	}
}

// Doom marks array volumes as meant to be deleted, though they are recorded.
func (w *World) Doom(volumes ...string) {
	for _, v := range volumes {
		w.doomed[v] = true
	}
}

// Live reports whether an array volume, by its full name, must not be
// deleted: LXD or another LXD has a record of it and nobody asked to delete
// it, or had one until its database was restored; something uses it, it is not
// LXD's at all, or it was kept.
func (w *World) Live(volume string) bool {
	known := volume
	if v, ok := w.Array.Volume(volume); ok {
		if w.truth.lost[v.Serial] || w.truth.held[v.Serial] {
			return true
		}
		known = w.knownAs(volume, v.Serial)
	}
	if w.keep[volume] || w.used(volume) {
		return true
	}
	if w.doomed[volume] {
		return false
	}
	return w.Recorded(known) || !lxdNamed(volume)
}

func (w *World) used(volume string) bool {
	v, ok := w.Array.Volume(volume)
	// A member that was removed still has its machine.
	return ok && (slices.ContainsFunc(w.Hosts, func(h *host.Host) bool { return h.InUse(v.Serial) }) ||
		slices.ContainsFunc(w.everyLXD(), func(l *lxd.Server) bool {
			return slices.ContainsFunc(l.Members(), func(m *lxd.Member) bool { return m.Host.InUse(v.Serial) })
		}))
}

func recorded(l *lxd.Server, volume string) bool {
	return slices.ContainsFunc(l.Volumes(), func(record lxd.Volume) bool {
		return !record.IsSnapshot() && slices.Contains(lxd.ArrayNames(record, lxd.Volume{}), volume)
	})
}

// lxdName is a name of LXD's making; the world is strict about it.
var lxdName = regexp.MustCompile(`^[^:]+::(c|v|i|u|sc|sv|su)-[0-9a-f]{32}(-b|-i)?$`)

func lxdNamed(volume string) bool { return lxdName.MatchString(volume) }

// Remember notes of every recorded volume that it is, as a run of pureclean
// now would.
func (w *World) Remember() error {
	var failed error
	for _, record := range w.LXD.Volumes() {
		if record.IsSnapshot() {
			continue
		}
		for _, name := range lxd.ArrayNames(record, lxd.Volume{}) {
			v, ok := w.Array.Volume(name)
			if !ok {
				failed = errors.Join(failed, fmt.Errorf("%s is recorded and not on the array", name))
				continue
			}
			w.Seen = append(w.Seen, evidence.Sighting{
				ArrayID: w.Array.ID(), VolumeID: v.ID, Recorded: w.Clock.Now(), LXDName: record.Type + "/" + record.Name,
			})
		}
	}
	return failed
}

// Recorded reports whether LXD, or another LXD, has a record of an array
// volume.
func (w *World) Recorded(volume string) bool {
	return slices.ContainsFunc(w.everyLXD(), func(l *lxd.Server) bool { return recorded(l, volume) })
}

// everyLXD is ours and all others.
func (w *World) everyLXD() []*lxd.Server { return append(slices.Clone(w.Others), w.LXD) }
