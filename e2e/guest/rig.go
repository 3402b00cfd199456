//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// past is how long before now a world begins: what goes wrong in it is old
// enough to be judged when pureclean looks.
const past = 72 * time.Hour

// volumeBytes is the size of what leaks: enough for a Btrfs.
const volumeBytes = 2 * simulator.Small

// rig is one world on one machine: a simulated array and LXD whose volumes
// are real devices.
type rig struct {
	transport string
	world     *simulator.World
	machine   *machine
	scsi      *scsiTarget
	nvme      *nvmeTarget
	now       time.Time

	mu sync.Mutex
	// held are serials that the array connects and does not show; holdNew
	// holds all that are new.
	held    map[string]bool
	known   map[string]bool
	holdNew bool
	failed  []error

	stop     context.CancelFunc
	releases []func() error
	// lost are mounts whose volume is not theirs any more, so that nobody may
	// write to them.
	lost map[string]bool
	// still keeps sessions from being scanned, and udev from being waited for.
	still bool
	// linger is how long the array goes on showing what it has disconnected;
	// it shows it for good while the machine keeps its devices.
	linger time.Duration
	gone   map[string]time.Time
	shown  []fabric.Export
}

func newRig(transport, version string) (*rig, error) {
	r := &rig{
		transport: transport, machine: &machine{openers: map[int]*exec.Cmd{}}, now: time.Now(),
		held: map[string]bool{}, known: map[string]bool{}, lost: map[string]bool{}, gone: map[string]time.Time{},
	}
	if err := os.MkdirAll(lxdDir, 0o711); err != nil {
		return nil, err
	}
	if err := os.WriteFile(lxdDir+"/server.uuid", []byte(serverUUID+"\n"), 0o600); err != nil {
		return nil, err
	}
	w, err := simulator.New(simulator.Options{
		Transports: []string{transport}, LXDVersion: version, Machine: r.machine, Start: r.now.Add(-past),
	})
	if err != nil {
		return nil, err
	}
	r.world, r.machine.array = w, w.Array
	switch transport {
	case evidence.ModeNVMeTCP:
		nqn, portals := w.Array.NVMe()
		r.nvme, err = newNVMeTarget(nqn, r.machine.NQN(), portals)
	default:
		iqn, portals := w.Array.ISCSI()
		r.scsi, err = newSCSITarget(iqn, r.machine.IQN(), portals)
	}
	if err != nil {
		return nil, err
	}
	// The simulated LXD has no process in this machine that could tell since
	// when it runs. Without a trail nobody asks for that.
	w.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
	w.Array.OnChange(r.follow)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go w.RunClock(ctx)
	return r, r.configure()
}

// configure writes what pureclean reads.
func (r *rig) configure() error {
	if err := os.MkdirAll("/etc/pureclean", 0o755); err != nil {
		return err
	}
	settings := fmt.Sprintf("pools:\n  %s: {array: {fingerprint: %q}}\n", r.world.Pool(), r.world.Server.Fingerprint)
	return os.WriteFile("/etc/pureclean/config.yaml", []byte(settings), 0o600)
}

func (r *rig) close() error {
	var failed []error
	for i := len(r.releases) - 1; i >= 0; i-- {
		failed = append(failed, r.releases[i]())
	}
	r.stop()
	r.world.Close()
	return errors.Join(failed...)
}

// follow makes the kernel's target show what the array connects.
func (r *rig) follow() { r.change(func() {}) }

// change changes what is shown of that, and shows it.
func (r *rig) change(how func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how()
	if err := r.showLocked(); err != nil {
		r.failed = append(r.failed, err)
	}
}

func (r *rig) showLocked() error {
	initiator := r.machine.IQN()
	if r.nvme != nil {
		initiator = r.machine.NQN()
	}
	var shown []fabric.Export
	taken := map[int]bool{}
	for _, e := range r.world.Array.Exports(initiator) {
		if !r.known[e.Serial] {
			r.known[e.Serial], r.held[e.Serial] = true, r.holdNew
		}
		if !r.held[e.Serial] {
			shown = append(shown, e)
			taken[e.LUN] = true
		}
	}
	r.shown = append(slices.Clone(shown), r.lingeringLocked(shown, taken)...)
	if r.nvme != nil {
		return r.nvme.show(r.shown)
	}
	return r.scsi.show(r.shown)
}

// lingeringLocked are volumes that the array has disconnected and, slow as it
// is, still shows.
func (r *rig) lingeringLocked(shown []fabric.Export, taken map[int]bool) []fabric.Export {
	var still []fabric.Export
	for _, e := range r.shown {
		if taken[e.LUN] || slices.Contains(shown, e) {
			continue
		}
		if r.machine.keeps {
			still = append(still, e)
			continue
		}
		if r.linger == 0 {
			continue
		}
		if r.gone[e.Serial].IsZero() {
			r.gone[e.Serial] = time.Now()
			time.AfterFunc(r.linger, r.follow)
		}
		if time.Since(r.gone[e.Serial]) < r.linger {
			still = append(still, e)
		}
	}
	return still
}

// launch starts the container that every scenario has. LXD takes its volume up
// and down twice before it runs; of that the machine sees nothing but the first
// coming, as each round costs seconds and is no scenario's subject.
func (r *rig) launch() error {
	r.change(func() { r.machine.keeps = true })
	// An empty one: unpacking an image tells nothing of devices.
	err := r.world.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: r.world.Pool()})
	r.change(func() { r.machine.keeps = false })
	return err
}

// holdDevices makes the array keep back volumes that are new, as one that is
// slow does, or show them all.
func (r *rig) holdDevices(hold bool) {
	r.change(func() {
		if r.holdNew, r.machine.never = hold, hold; !hold {
			clear(r.held)
		}
	})
}

// trouble is what went wrong behind the rig's back.
func (r *rig) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(append(r.failed, r.machine.failed...)...)
}

// settle has all sessions scanned and waits until udev has done what there is
// to do.
func (r *rig) settle() error {
	if r.still {
		return nil
	}
	if err := r.machine.rescan(); err != nil {
		return err
	}
	_, err := sh("udevadm", "settle", "--timeout=30")
	return err
}

// age lets the world's clock come to now, from whatever it did before.
func (r *rig) age() {
	if rest := time.Until(r.world.Clock.Now()); rest < 0 {
		r.world.Age(-rest)
	}
}

// unavailable lets the array answer 503 to what fits, until heal is called.
func (r *rig) unavailable(method, path string) (heal func()) {
	return r.world.Array.Inject(array.Fault{Method: method, Path: path, Kind: array.ServerError})
}

// when runs do in front of the first step of LXD that fits, once.
func (r *rig) when(method, part string, do func()) {
	done := false
	r.world.LXD.SetBeforeCall(func(m, path string) error {
		if !done && m == method && strings.Contains(path, part) {
			done = true
			do()
		}
		return nil
	})
}

func (r *rig) create(name string) error {
	return r.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: r.world.Pool(), Name: name, Bytes: volumeBytes})
}

// leaks are the live volumes of LXD's naming without a record.
func (r *rig) leaks() []array.Volume {
	var found []array.Volume
	for _, v := range r.world.Array.Volumes() {
		if !v.Destroyed && !r.world.Recorded(v.Name) && strings.HasPrefix(v.Name, r.world.Pool()+"::") {
			found = append(found, v)
		}
	}
	return found
}

// connected reports whether the array connects a volume.
func (r *rig) connected(volume string) bool {
	for _, c := range r.world.Array.Connections() {
		if c.Volume == volume {
			return true
		}
	}
	return false
}
