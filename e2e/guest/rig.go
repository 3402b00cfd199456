//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
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
	// members are the machines: this one, and in a cluster the second.
	members []member
	machine *machine
	second  *far
	// reached is set when the second reaches LXD and the array, too.
	reached bool
	// scsi or nvme is this machine's target, and show shows each machine what
	// it is to see.
	scsi   *scsiTarget
	nvme   *nvmeTarget
	show   []func([]fabric.Export) error
	config []byte
	now    time.Time

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
	keeps  bool
	gone   map[string]time.Time
	shown  [][]fabric.Export
	// free are devices that need not stay as they are though their volume did
	// not leak: "lxd01 SERIAL".
	free map[string]bool
}

func newRig(transport, version string, members int) (*rig, error) {
	r := &rig{
		transport: transport, machine: newMachine(1), now: time.Now(),
		held: map[string]bool{}, known: map[string]bool{}, lost: map[string]bool{}, gone: map[string]time.Time{},
		free: map[string]bool{},
	}
	if err := r.machine.install(); err != nil {
		return nil, err
	}
	r.members, r.shown = []member{r.machine}, make([][]fabric.Export, members)
	if members > 1 {
		if err := r.machine.join(); err != nil {
			return nil, err
		}
		second, err := reach()
		if err != nil {
			return nil, err
		}
		r.second, r.members = second, append(r.members, second)
	}
	var machines []lxd.Machine
	for _, m := range r.members {
		machines = append(machines, m)
	}
	w, err := simulator.New(simulator.Options{
		Transports: []string{transport}, LXDVersion: version, Members: members, Machines: machines, Start: r.now.Add(-past),
	})
	if err != nil {
		return nil, err
	}
	r.world = w
	if err := errors.Join(r.configure(), r.targets()); err != nil {
		return nil, err
	}
	// The simulated LXD has no process in this machine that could tell since
	// when it runs. Without a trail nobody asks for that.
	w.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
	w.Array.OnChange(r.follow)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go w.RunClock(ctx)
	return r, nil
}

// targets makes what shows the array's volumes to each machine.
func (r *rig) targets() (err error) {
	m := r.machine
	if r.transport == evidence.ModeNVMeTCP {
		m.target, m.portals = r.world.Array.NVMe()
		if r.nvme, err = newNVMeTarget(m.target, m.NQN(), m.portals); err != nil {
			return err
		}
		r.show = append(r.show, r.nvme.show)
	} else {
		m.target, m.portals = r.world.Array.ISCSI()
		if r.scsi, err = newSCSITarget(m.target, m.IQN(), m.portals); err != nil {
			return err
		}
		r.show = append(r.show, r.scsi.show)
	}
	if r.second == nil {
		return nil
	}
	key, err := newKey()
	if err == nil {
		err = listen(key)
	}
	if err != nil {
		return err
	}
	show := r.second.show
	if r.scsi != nil {
		other, err := r.scsi.also(r.second.IQN())
		if err != nil {
			return err
		}
		show = other.show
	}
	r.show = append(r.show, show)
	return errorOf(r.second.call("Enter", Pool{NVMe: r.nvme != nil, Target: m.target, Portals: m.portals, Config: r.config, Key: key}))
}

// configure writes what pureclean reads.
func (r *rig) configure() error {
	r.config = fmt.Appendf(nil, "pools:\n  %s: {array: {fingerprint: %q}}\n", r.world.Pool(), r.world.Server.Fingerprint)
	return configure(r.config)
}

func configure(settings []byte) error {
	if err := os.MkdirAll("/etc/pureclean", 0o755); err != nil {
		return err
	}
	return os.WriteFile("/etc/pureclean/config.yaml", settings, 0o600)
}

func (r *rig) close() error {
	err := r.letGo()
	r.stop()
	r.world.Close()
	return err
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
	var failed []error
	for n, m := range r.members {
		initiator := m.IQN()
		if r.nvme != nil {
			initiator = m.NQN()
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
		shown = append(slices.Clone(shown), r.lingeringLocked(r.shown[n], shown, taken)...)
		if !slices.Equal(shown, r.shown[n]) {
			failed = append(failed, r.show[n](shown))
		}
		r.shown[n] = shown
	}
	return errors.Join(failed...)
}

// lingeringLocked are volumes that the array has disconnected and, slow as it
// is, still shows.
func (r *rig) lingeringLocked(before, shown []fabric.Export, taken map[int]bool) []fabric.Export {
	var still []fabric.Export
	for _, e := range before {
		if taken[e.LUN] || slices.Contains(shown, e) {
			continue
		}
		if r.keeps {
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

// launch starts the container that every scenario has, one on each member. LXD
// takes its volume up and down twice before it runs; of that the machine sees
// nothing but the first coming, as each round costs seconds and is no
// scenario's subject.
func (r *rig) launch() error {
	for n := range r.members {
		if err := r.launchOn(n, fmt.Sprintf("web%d", n+1)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) launchOn(n int, name string) error {
	r.keep(n, true)
	// An empty one: unpacking an image tells nothing of devices.
	err := r.world.LXD.Members()[n].Launch(lxd.InstanceSpec{Name: name, Pool: r.world.Pool()})
	r.keep(n, false)
	return err
}

func (r *rig) keep(n int, keep bool) {
	r.members[n].Keep(keep)
	r.change(func() { r.keeps = keep })
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
	failed := slices.Clone(r.failed)
	for _, m := range r.members {
		failed = append(failed, m.Trouble())
	}
	return errors.Join(failed...)
}

// settle has all sessions scanned and waits until udev has done what there is
// to do.
func (r *rig) settle() error {
	if r.still {
		return nil
	}
	var failed []error
	for _, m := range r.members {
		failed = append(failed, m.Settle())
	}
	return errors.Join(failed...)
}

// picture is what the machines have of a volume.
func (r *rig) picture(serial string) string {
	var all []string
	for n, m := range r.members {
		if p := m.Picture(serial); p != "" {
			all = append(all, memberName(n+1)+": "+p)
		}
	}
	return strings.Join(all, "\n")
}

// guarded starts to watch all volumes that did not leak, with their
// connections; done ends it and says what happened to them.
func (r *rig) guarded() (done func() error) {
	leaked := map[string]bool{}
	for _, v := range r.leaks() {
		leaked[v.Name] = true
	}
	watched := map[string]bool{}
	for n, m := range r.members {
		var serials []string
		for _, v := range r.world.Array.Volumes() {
			if !v.Destroyed && !leaked[v.Name] {
				watched[v.Name] = true
				if !r.free[memberName(n+1)+" "+v.Serial] {
					serials = append(serials, v.Serial)
				}
			}
		}
		m.Guard(serials, slices.Collect(maps.Keys(r.lost)))
	}
	before := r.world.Array.Connections()
	return func() error {
		var failed []error
		for n, m := range r.members {
			if err := m.Guarded(); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", memberName(n+1), err))
			}
		}
		for _, v := range r.world.Array.Volumes() {
			if v.Destroyed && watched[v.Name] {
				failed = append(failed, fmt.Errorf("%s did not leak and was destroyed", v.Name))
			}
		}
		after := r.world.Array.Connections()
		for _, c := range before {
			member, _, _ := strings.Cut(c.Host, "-")
			if watched[c.Volume] && !r.free[member+" "+c.Serial] && !slices.Contains(after, c) {
				failed = append(failed, fmt.Errorf("%s did not leak and was disconnected from %s", c.Volume, c.Host))
			}
		}
		return errors.Join(failed...)
	}
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

func (r *rig) create(name string) error { return r.createOn(0, name) }

func (r *rig) createOn(n int, name string) error {
	return r.world.LXD.Members()[n].CreateVolume(lxd.VolumeSpec{Pool: r.world.Pool(), Name: name, Bytes: volumeBytes})
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
	return slices.ContainsFunc(r.world.Array.Connections(), func(c array.Connection) bool { return c.Volume == volume })
}
