// Package host simulates the machines that LXD runs on: their iSCSI sessions,
// SCSI disks, multipath maps, NVMe controllers and namespaces follow what an
// array exports to them, as Linux would make them follow, with its races and
// its stale states. What a host has is shown as a file tree laid out as the
// kernel lays it out (FS, WriteTo) and as the answers that no file holds
// (Kernel).
//
// Nothing here is asynchronous: a change of the array is noticed when Follow
// is called, a new logical unit when somebody scans for it, and time passes
// when the shared clock is advanced. The same calls give the same tree.
package host

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// lxdDir is the snap's: LXD mounts in a namespace of its own.
const lxdDir = "var/snap/lxd/common/lxd"

// Kernel is the machines' release.
const Kernel = "6.8.0-60-generic"

type Options struct {
	Name string
	// Clock is shared with the array; nil makes one of its own.
	Clock  *fabric.Clock
	Target fabric.Target
	// IQN is the iSCSI initiator's name, ServerUUID LXD's server.uuid, from
	// which LXD makes its NQN. Both are derived from Name when empty.
	IQN         string
	ServerUUID  string
	NoMultipath bool
	// Queueing is multipath's "no_path_retry queue": I/O without a live path
	// waits for ever.
	Queueing bool
}

// Host is one simulated machine. Its methods may be called from several
// goroutines, but not from within the Target's Exports.
type Host struct {
	options Options
	clock   *fabric.Clock

	// tickets order the looks at the target, see change.
	tickets atomic.Int64

	mu      sync.Mutex
	applied int64
	seen    view
	changes int64 // counts changes of state, for the rendered tree
	tree    rendered

	machine
	// What outlives a power cycle, because it is on the machine's own disk
	// or outside of it.
	boots       int
	cut         map[string]bool   // portals that can't be reached
	wwids       []string          // /etc/multipath/wwids
	bindings    map[string]string // /etc/multipath/bindings: WWID to name
	nodes       []node            // iSCSI node records
	directories []string          // LXD's mount directories
	multipathd  bool
	queueing    bool
	never       func(serial string) bool
	held        map[string]bool
	holdNext    int
	others      []fabric.Target // besides that of the options
	known       map[string]bool // serials that appeared or were held back
	keepsLog    bool
	syslog      []string
	writeCalls  int
	failWrites  func(call string, n int) error
}

// machine is what a power cycle forgets.
type machine struct {
	nextSeq     int64
	nextSession int
	nextMountID int
	sessions    []*session
	disks       []*disk
	maps        []*dmap
	loops       []*loop
	subsystem   subsystem
	mounts      []*mount
	processes   []*process
	swaps       []*block
	claims      []*block
	exports     []*block
	lxdRuns     bool
	// started is when the machine was, lxdSince when LXD's daemon was, the
	// last of lxdStarts times.
	started, lxdSince time.Time
	lxdStarts         int
}

// view is what the target showed at one moment.
type view struct {
	scsi map[fabric.Target]map[int]fabric.Export // by LUN
	nvme []fabric.Export
}

// New makes a machine that has just booted: no session, no device. It follows
// the clock by itself; array changes are told to it with Follow.
func New(o Options) *Host {
	if o.Clock == nil {
		o.Clock = fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	}
	o.Name = cmp.Or(o.Name, "host01")
	o.IQN = cmp.Or(o.IQN, "iqn.2004-10.com.ubuntu:01:"+digest("iqn", o.Name)[:12])
	o.ServerUUID = cmp.Or(o.ServerUUID, uuidOf("server", o.Name))
	h := &Host{
		options:    o,
		clock:      o.Clock,
		cut:        map[string]bool{},
		bindings:   map[string]string{},
		held:       map[string]bool{},
		known:      map[string]bool{},
		multipathd: !o.NoMultipath,
		queueing:   o.Queueing,
	}
	h.boot()
	h.clock.OnAdvance(func(time.Time) { h.Follow() })
	return h
}

// bootedBefore is for how long a machine has been running when its world
// begins.
const bootedBefore = 24 * time.Hour

// boot starts the machine with nothing but its own disk.
func (h *Host) boot() {
	h.machine = machine{nextSeq: 9, nextSession: 1, nextMountID: 200, lxdRuns: true, started: h.clock.Now()}
	if h.boots == 0 {
		h.started = h.started.Add(-bootedBefore)
	}
	h.lxdSince = h.started.Add(20 * time.Second)
	h.boots++
}

// PowerCycle takes the power away and gives it back: sessions, devices,
// mounts and processes are gone, and counters start again. What the machine
// has on its own disk stays, and nobody logs in to the array by himself: node
// records made by LXD are not for start-up.
func (h *Host) PowerCycle() {
	h.do(func(view) { h.boot() })
}

func (h *Host) Name() string { return h.options.Name }
func (h *Host) IQN() string  { return h.options.IQN }

// NQN is LXD's NVMe initiator, which is not the one in /etc/nvme/hostnqn.
func (h *Host) NQN() string { return "nqn.2014-08.org.nvmexpress:uuid:" + h.options.ServerUUID }

func (h *Host) bootID() string {
	return uuidOf("boot", fmt.Sprintf("%s//%d", h.options.Name, h.boots))
}

// look asks the target what it shows to this machine. It is called without
// the lock: the target has a lock of its own and may call us.
func (h *Host) look() view {
	v := view{scsi: map[fabric.Target]map[int]fabric.Export{}}
	if h.options.Target == nil {
		return v
	}
	for _, target := range h.targets() {
		v.scsi[target] = map[int]fabric.Export{}
		for _, e := range target.Exports(h.IQN()) {
			e.Serial = strings.ToUpper(e.Serial)
			v.scsi[target][e.LUN] = e
		}
	}
	for _, e := range h.options.Target.Exports(h.NQN()) {
		e.Serial = strings.ToUpper(e.Serial)
		v.nvme = append(v.nvme, e)
	}
	slices.SortFunc(v.nvme, func(a, b fabric.Export) int { return a.NSID - b.NSID })
	return v
}

func (h *Host) targets() []fabric.Target {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]fabric.Target{h.options.Target}, h.others...)
}

// change looks at the target and runs f with what it showed. Whoever took its
// ticket later looked later, so an older look never overwrites a newer one.
func (h *Host) change(f func(view) error) error {
	ticket := h.tickets.Add(1)
	v := h.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	if ticket < h.applied {
		v = h.seen
	} else {
		h.applied, h.seen = ticket, v
	}
	h.changes++
	h.time()
	h.follow(v)
	err := f(v)
	h.follow(v)
	h.check(v)
	h.sweep()
	return err
}

// do is change for what can't fail.
func (h *Host) do(f func(view)) {
	// The function returns no error, so there is none.
	_ = h.change(func(v view) error { f(v); return nil })
}

// Follow lets the machine notice that the array or the time has changed: an
// NVMe namespace appears and vanishes by itself, because the array announces
// it. On iSCSI nothing appears without a scan, and a logical unit that has
// gone stays as it is: only multipathd's checker fails.
func (h *Host) Follow() {
	h.mu.Lock()
	alone := len(h.sessions) == 0 && h.subsystem.nqn == ""
	h.mu.Unlock()
	if !alone {
		h.do(func(view) {})
	}
}

// sweep forgets devices that were taken away while in use and are now free.
// Until then they keep their numbers, so that nothing else gets them.
func (h *Host) sweep() {
	h.disks = slices.DeleteFunc(h.disks, func(d *disk) bool {
		return d.gone && h.inUse(&d.block) == 0 && !h.isPath(d)
	})
	s := &h.subsystem
	s.heads = slices.DeleteFunc(s.heads, func(n *head) bool { return n.gone && h.inUse(&n.block) == 0 })
	if len(s.controllers) == 0 && len(s.heads) == 0 {
		*s = subsystem{}
	}
}

// digest is a stable string of hexadecimal digits for things that are random
// on a real machine.
func digest(kind, name string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + name))
	return hex.EncodeToString(sum[:])
}

func uuidOf(kind, name string) string {
	d := digest(kind, name)
	return d[:8] + "-" + d[8:12] + "-4" + d[13:16] + "-a" + d[17:20] + "-" + d[20:32]
}
