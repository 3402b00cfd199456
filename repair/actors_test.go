package repair

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/sightings"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// history is a world in which two act: we, and LXD with its administrators,
// who take their turns wherever we look, write, touch a device or wait. All
// that is random comes from one seed.
type history struct {
	*kit
	rng *rand.Rand
	ctx context.Context
	// flow is what LXD is in the middle of, finish ends what it holds open.
	flow   *flow
	finish []func() error
	// heal takes the faults of the array back.
	heal []func()
	// calm ends LXD's turns; acting is set during one.
	calm, acting bool
	// script sees every step of LXD's flows.
	script func(method, path string)
	// rate is how likely a turn is.
	rate  float64
	story []string
	harm  []string
	// seen is the last complete reading, busy the serials that were in use
	// when it ended, and turns counts what LXD did since.
	seen evidence.World
	busy map[use]bool
	// between counts LXD's turns since the last look, but for the one right
	// before the request itself: no program can be faster than that.
	between int
	windows int
	turns   int
	// ran are the paths that we set running again since the last look.
	ran     map[string][]release.Target
	changes map[string]int

	// outsiders are who else acts, and what they have done.
	outsiders []outsider
	backup    *lxd.Database
	restored  bool
	// stretched is since when the pod has a peer, served that the peer is used.
	stretched time.Time
	served    bool
	// blind is set while the peer array is not configured.
	blind bool
	// numbers counts the numbers that the peer has given away.
	numbers int
	moved   int
	// destroyed are the ids of what we destroyed and nobody has touched since;
	// eradicating is set while an operator wants that.
	destroyed   map[string]bool
	eradicating bool
}

func newHistory(t *testing.T, seed uint64, o simulator.Options) *history {
	t.Helper()
	o.Seed = seed
	w := worlds.New(t, o)
	h := &history{
		kit: kitOf(t, w), ctx: context.Background(), rng: rand.New(rand.NewPCG(seed, 1)), rate: 0.3, busy: map[use]bool{}, changes: map[string]int{},
		destroyed: map[string]bool{},
	}
	w.LXD.SetBeforeCall(h.step)
	t.Cleanup(func() { h.rest() })
	return h
}

func (h *history) tell(format string, args ...any) {
	h.story = append(h.story, h.world.Clock.Now().Format("01-02 15:04:05 ")+fmt.Sprintf(format, args...))
}

func (h *history) hurt(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.tell("HARM: %s", text)
	h.harm = append(h.harm, text)
}

func (h *history) chance(p float64) bool { return h.rng.Float64() < p }

func pick[T any](h *history, all []T) T { return all[h.rng.IntN(len(all))] }

// flow is one flow of LXD, which goes on step by step while we go on.
type flow struct {
	name string
	left int
	// turn gives it a number of steps, paused says that it has had them, and
	// whether it has ended.
	turn   chan int
	paused chan bool
}

const toTheEnd = 1 << 30

// begin starts a flow without letting it do anything yet.
func (h *history) begin(name string, do func() error) {
	f := &flow{name: name, turn: make(chan int), paused: make(chan bool)}
	h.flow = f
	h.tell("LXD begins: %s", name)
	go func() {
		f.left = <-f.turn
		err := do()
		if err != nil {
			name += ": " + err.Error()
		}
		h.tell("LXD ends: %s", name)
		f.paused <- true
	}()
}

// step is in front of every step of LXD's flows. Only one goroutine runs at a
// time, so nothing here needs a lock.
func (h *history) step(method, path string) error {
	f := h.flow
	if f == nil {
		return nil
	}
	if f.left <= 0 {
		f.paused <- false
		f.left = <-f.turn
	}
	f.left--
	if h.script != nil {
		h.script(method, path)
	}
	if h.calm {
		return nil
	}
	switch p := h.rng.Float64(); {
	case p < 0.004:
		h.tell("LXD is killed before %s %s", method, path)
		return lxd.ErrKilled
	case p < 0.012 && method == lxd.StepHost:
		h.tell("fails: %s %s", method, path)
		return errors.New("input/output error")
	}
	return nil
}

// advance lets the flow take n steps.
func (h *history) advance(n int) {
	if h.flow == nil {
		return
	}
	h.flow.turn <- n
	if <-h.flow.paused {
		h.flow = nil
	}
}

// rest brings everything that LXD and the machines are in the middle of to an
// end, and mends what is broken.
func (h *history) rest() {
	h.calm = true
	h.mend()
	h.startDaemons()
	h.advance(toTheEnd)
	for _, finish := range h.finish {
		h.begin("finishing", finish)
		h.advance(toTheEnd)
	}
	h.finish = nil
	h.startDaemons()
	for _, m := range h.world.Hosts {
		m.EndHidden()
		m.Close(rescuer)
		for _, mount := range m.Mounts() {
			if mount.Path == "/mnt/rescue" {
				_ = m.Unmount(mount.Path) // it was listed
			}
		}
		m.Rescan()
	}
}

func (h *history) startDaemons() {
	for _, m := range h.world.LXD.Members() {
		m.StartDaemon()
	}
}

// cluster reports a history of two members.
func (h *history) cluster() bool { return len(h.world.Hosts) > 1 }

// somewhere is one of the machines.
func (h *history) somewhere() *host.Host {
	if !h.cluster() {
		return h.world.Hosts[0]
	}
	return pick(h, h.world.Hosts)
}

// at is one of LXD's members.
func (h *history) at() *lxd.Member {
	if !h.cluster() {
		return h.world.LXD.Member
	}
	return pick(h, h.world.LXD.Members())
}

// behind is the machine that an array host is.
func (h *history) behind(at *array.Array, object string) *host.Host {
	for _, o := range at.Hosts() {
		for _, m := range h.world.Hosts {
			if strings.EqualFold(o.Name, object) && (slices.Contains(o.IQNs, m.IQN()) || slices.Contains(o.NQNs, m.NQN())) {
				return m
			}
		}
	}
	return h.world.Hosts[0]
}

func (h *history) mend() {
	for _, heal := range h.heal {
		heal()
	}
	h.heal = nil
	_, iscsi := h.world.Array.ISCSI()
	_, nvme := h.world.Array.NVMe()
	for _, m := range h.world.Hosts {
		m.NeverAppear(nil)
		m.HoldDevices(0)
		for _, portal := range slices.Concat(iscsi, nvme) {
			m.RestorePortal(portal)
		}
	}
}

const rescuer = 4242

// turn may let LXD and the others act. where is for the story.
func (h *history) turn(where string) {
	if h.calm || h.acting || !h.chance(h.rate) {
		return
	}
	h.acting = true
	defer func() { h.acting = false }()
	h.turns++
	h.between++
	h.tell("- %s:", where)
	if h.chance(0.15) {
		h.outsidersAct()
	}
	if h.flow == nil && h.chance(0.75) {
		h.newFlow()
	}
	switch p := h.rng.Float64(); {
	case h.flow != nil && p < 0.6:
		h.advance(toTheEnd)
	case h.flow != nil && p < 0.85:
		h.advance(1 + h.rng.IntN(12))
	default:
		h.mischief()
	}
}

var (
	volumeNames    = []string{"d0", "d1", "d2", "d3"}
	containerNames = []string{"c0", "c1"}
)

// newFlow begins something that an administrator could ask of LXD.
func (h *history) newFlow() {
	l := h.world.LXD
	for _, m := range l.Members() {
		if !m.Up() {
			m.StartDaemon()
			h.tell("LXD's daemon starts")
		}
	}
	pool := pick(h, h.world.Pools())
	d, to, c := pick(h, volumeNames), pick(h, volumeNames), pick(h, containerNames)
	// Names of their own, so that records and volumes of the pools differ.
	d, to, c = pool[:1]+d, pool[:1]+to, pool[:1]+c
	if have := h.recorded(pool); len(have) > 0 && h.chance(0.8) {
		d = pick(h, have)
	}
	hold := func(finish func() error, err error) error {
		if err == nil {
			h.finish = append(h.finish, finish)
		}
		return err
	}
	flows := []struct {
		name string
		do   func() error
	}{
		{"create volume " + d, func() error {
			return l.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: d, Bytes: simulator.Small})
		}},
		{"create volume " + to, func() error {
			return l.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: to, Bytes: simulator.Small})
		}},
		{"delete volume " + d, func() error { return l.DeleteVolume(pool, "", d) }},
		{"launch " + c, func() error {
			return l.Launch(lxd.InstanceSpec{Name: c, Pool: pool, Image: simulator.Image})
		}},
		{"launch vm " + pool[:1] + "v0", func() error {
			return l.Launch(lxd.InstanceSpec{Name: pool[:1] + "v0", Pool: pool, Type: evidence.TypeVM, Image: simulator.VMImage})
		}},
		{"start " + c, func() error { return l.StartInstance("", c) }},
		{"stop " + c, func() error { return l.StopInstance("", c) }},
		{"stop and delete " + c, func() error { return errors.Join(l.StopInstance("", c), l.DeleteInstance("", c)) }},
		{"stop and delete vm", func() error {
			return errors.Join(l.StopInstance("", pool[:1]+"v0"), l.DeleteInstance("", pool[:1]+"v0"))
		}},
		{"attach " + d + " to " + c, func() error { return l.AttachVolume("", c, d, pool, d, "/"+d) }},
		{"detach " + d + " from " + c, func() error { return l.DetachVolume("", c, d) }},
		{"attach snapshot of " + d + " to " + c, func() error { return l.AttachVolume("", c, d+"s0", pool, d+"/s0", "/"+d+"s0") }},
		{"snapshot " + d, func() error { return l.SnapshotVolume(pool, "", d, "s0") }},
		{"snapshot " + c, func() error { return l.SnapshotInstance("", c, "s0") }},
		{"delete snapshot of " + d, func() error { return l.DeleteVolumeSnapshot(pool, "", d, "s0") }},
		{"export " + d, func() error { return l.ExportVolume(pool, "", d, nil) }},
		{"begin to export " + d, func() error { return hold(l.StartExport(pool, "", d)) }},
		{"look into snapshot of " + d, func() error { return hold(l.MountSnapshot(pool, "", d, "s0")) }},
		{"copy " + d + " to " + to, func() error { return l.CopyVolume(pool, "", d, to, h.chance(0.5)) }},
		{"refresh " + to + " from " + d, func() error { return l.RefreshVolume(pool, "", to, d) }},
		{"restore " + d, func() error { return l.RestoreVolume(pool, "", d, "s0") }},
		{"back up " + c, func() error { return l.BackupInstance("", c, nil) }},
	}
	if h.cluster() && h.chance(0.5) {
		h.moves(pool, d)
		return
	}
	if len(h.finish) > 0 && h.chance(0.4) {
		finish := h.finish[0]
		h.finish = h.finish[1:]
		h.begin("what was begun is finished", finish)
		return
	}
	f := pick(h, flows)
	h.begin(f.name, f.do)
}

// moves begins what an administrator could ask of a cluster: virtual machines
// are migrated while they run, and now and then the member that they leave
// can't take their disks away.
func (h *history) moves(pool, d string) {
	l, vm, c := h.world.LXD, pool[:1]+"v0", pool[:1]+pick(h, containerNames)
	to, at := h.at(), h.at()
	migrate := func() error { return l.MoveInstance("", vm, to.Name) }
	flows := []struct {
		name string
		do   func() error
	}{
		{"migrate " + vm + " to " + to.Name, migrate},
		{"migrate " + vm + " to " + to.Name + ", and leave its disk connected", h.leaving(migrate)},
		{"start " + vm, func() error { return l.StartInstance("", vm) }},
		{"launch vm " + vm + " on " + at.Name, func() error {
			return at.Launch(lxd.InstanceSpec{Name: vm, Pool: pool, Type: evidence.TypeVM, Image: simulator.VMImage})
		}},
		{"attach " + d + " to " + vm, func() error { return l.AttachVolume("", vm, d, pool, d, "") }},
		{"detach " + d + " from " + vm, func() error { return l.DetachVolume("", vm, d) }},
		{"move " + c + " to " + to.Name, func() error {
			return errors.Join(l.StopInstance("", c), l.MoveInstance("", c, to.Name), l.StartInstance("", c))
		}},
		{"move " + c + " to " + to.Name + ", and leave its disk connected", func() error {
			return errors.Join(h.leaving(func() error { return l.StopInstance("", c) })(), l.MoveInstance("", c, to.Name), l.StartInstance("", c))
		}},
	}
	f := pick(h, flows)
	h.begin(f.name, f.do)
}

// leaving does something of LXD's in which it can't find its array host when it
// is to unmap what it has unmounted.
func (h *history) leaving(do func() error) func() error {
	return func() error {
		heal, before := func() {}, h.script
		defer func() { heal(); h.script = before }()
		done := false
		h.script = func(method, path string) {
			if !done && method == lxd.StepHost && strings.Contains(path, "unmount") {
				done = true
				heal = h.world.Array.Inject(array.Fault{Method: "GET", Path: "/hosts", Kind: array.ServerError})
			}
		}
		return do()
	}
}

// recorded are the names of a pool's custom volumes.
func (h *history) recorded(pool string) []string {
	var names []string
	for _, v := range h.world.LXD.Volumes() {
		if v.Pool == pool && v.Type == evidence.TypeCustom && !v.IsSnapshot() {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return names
}

// settleIn gives every pool something that runs and something that is kept.
func (h *history) settleIn() {
	l := h.world.LXD
	for _, pool := range h.world.Pools() {
		for _, err := range []error{
			l.Launch(lxd.InstanceSpec{Name: pool[:1] + "c0", Pool: pool, Image: simulator.Image}),
			l.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: pool[:1] + "d0", Bytes: simulator.Small}),
			l.SnapshotVolume(pool, "", pool[:1]+"d0", "s0"),
		} {
			if err != nil {
				h.t.Fatal(err)
			}
		}
		if h.cluster() {
			h.leaveBehind(pool)
		}
	}
}

// leaveBehind gives a pool a virtual machine that was migrated while it ran, and
// that is still connected to the member that it left.
func (h *history) leaveBehind(pool string) {
	l, vm := h.world.LXD, pool[:1]+"v0"
	from, to := l.Members()[0], l.Members()[1]
	if h.chance(0.5) {
		from, to = to, from
	}
	if err := from.Launch(lxd.InstanceSpec{Name: vm, Pool: pool, Type: evidence.TypeVM, Image: simulator.VMImage}); err != nil {
		h.t.Fatal(err)
	}
	h.begin("migrate "+vm+" to "+to.Name+", and leave its disk connected", h.leaving(func() error { return l.MoveInstance("", vm, to.Name) }))
	h.calm = true
	h.advance(toTheEnd)
	h.calm = false
}

// mischief is what goes wrong, and what administrators do by hand.
func (h *history) mischief() {
	m := h.somewhere()
	switch h.rng.IntN(9) {
	case 0:
		h.tell("LXD's daemon is killed")
		h.at().KillDaemon()
	case 1:
		h.fault()
	case 2:
		h.tell("devices do not appear")
		m.NeverAppear(func(string) bool { return true })
	case 3:
		h.tell("what was broken is mended")
		h.mend()
	case 4:
		h.rescue()
	case 5:
		h.tell("the rescuer is done")
		m.EndHidden()
		m.Close(rescuer)
		_ = m.Unmount("/mnt/rescue") // perhaps there is nothing mounted
	case 6:
		h.tell("somebody scans")
		m.Rescan()
	case 7:
		h.tell("the next device comes late")
		m.HoldDevices(1)
	case 8:
		minutes := 1 + h.rng.IntN(5)
		h.tell("%d minutes pass", minutes)
		h.world.Clock.Advance(time.Duration(minutes) * time.Minute)
	}
}

// fault lets one request to the array go wrong, LXD's or ours.
func (h *history) fault() {
	f := array.Fault{
		Kind:   pick(h, []array.FaultKind{array.ServerError, array.LoseReply, array.Drop}),
		Method: pick(h, []string{"GET", "POST", "PATCH", "DELETE", "DELETE"}),
		Path:   pick(h, []string{"/volumes", "/connections", "/hosts", "/volume-snapshots", "/volumes", "/connections"}),
		Times:  1 + h.rng.IntN(2), Skip: h.rng.IntN(2),
	}
	if h.chance(0.2) {
		f.Method, f.Kind = "GET", pick(h, []array.FaultKind{array.ShortPage, array.HalfBody})
		if f.Kind == array.HalfBody {
			f.Kind = array.Drop
		}
	} else if f.Method != "GET" && h.chance(0.2) {
		f.Kind = array.Lie
	}
	h.tell("the array: %s on %s %s, %d times", f.Kind, f.Method, f.Path, f.Times)
	h.heal = append(h.heal, h.world.Array.Inject(f))
}

// rescue is somebody who mounts or opens a volume by hand, a leak above all.
func (h *history) rescue() {
	m := h.somewhere()
	volumes := h.world.Array.Volumes()
	var leaks []array.Volume
	for _, v := range volumes {
		if !v.Destroyed && !h.world.Live(v.Name) {
			leaks = append(leaks, v)
		}
	}
	if len(leaks) > 0 && h.chance(0.7) {
		volumes = leaks
	}
	if len(volumes) == 0 {
		return
	}
	v := pick(h, volumes)
	var err error
	switch h.rng.IntN(3) {
	case 0:
		err = m.Mount(v.Serial, "/mnt/rescue", host.FirstNamespace)
	case 1:
		err = m.Mount(v.Serial, "/mnt/rescue", host.HiddenNamespace)
	case 2:
		err = m.Open(v.Serial, "dd", rescuer)
	}
	h.tell("somebody uses %s by hand: %v", v.Name, err)
}

// use is that of a volume on a machine.
type use struct{ machine, serial string }

// inUse is what is used on which machine.
func (h *history) inUse() map[use]bool {
	used := map[use]bool{}
	for _, m := range h.world.Hosts {
		for serial := range h.inUseOn(m) {
			used[use{m.Name(), serial}] = true
		}
	}
	return used
}

// inUseOn are the serials that a machine uses.
func (h *history) inUseOn(m *host.Host) map[string]bool {
	used := map[string]bool{}
	for _, v := range h.world.Array.Volumes() {
		if m.InUse(v.Serial) {
			used[v.Serial] = true
		}
	}
	return used
}

// look reads everything, with turns before, after, and between the array and
// the others.
func (h *history) look(ctx context.Context, about evidence.Scope) (evidence.World, error) {
	for _, m := range h.world.Hosts {
		for _, stray := range m.Strays() {
			if slices.Contains(h.ran[m.Name()], stray) {
				h.hurt("%s of volume %s runs again, and leads to another one", stray.Name, stray.Serial)
			}
		}
	}
	h.ran = nil
	h.turn("before a look")
	reach := h.reach()
	if h.blind {
		reach.Peer = peerReach{} // nobody has configured it
	}
	reach.progress = func(a witness.Asking) {
		if a.Kind == "array" && a.Done {
			h.turn("in the middle of a look")
		}
	}
	if h.cluster() {
		reach.fleet = slowMachines{h}
	}
	world, err := reach.look(ctx, &h.kit.watch, about, h.world.Hosts[0].System(), h.world.Clock.Now, h.kit.sleep)
	h.seen, h.busy, h.between = world, h.inUse(), 0
	return world, err
}

// slowMachines are the other members' machines: each takes its time to answer.
type slowMachines struct{ h *history }

func (s slowMachines) Ask(ctx context.Context, member string) evidence.Host {
	s.h.turn("before another machine is asked")
	all := machines{k: s.h.kit, asked: map[string]int{}}
	return all.Ask(ctx, member)
}

func (h *history) sleep(ctx context.Context, d time.Duration) error {
	h.turn("while we wait")
	h.world.Clock.Advance(d)
	h.turn("after we waited")
	return ctx.Err()
}

func (h *history) ask(context.Context, Question) (Reply, error) {
	h.turn("while the operator thinks")
	if !h.calm && h.chance(0.03) {
		return No, nil
	}
	return Yes, nil
}

func (h *history) openWriter(ctx context.Context, arrayID string) (Writer, error) {
	w, err := h.writer(ctx, arrayID)
	if err != nil {
		return nil, err
	}
	at := h.world.Array
	if p := h.world.Peer; p != nil && arrayID == p.ID() {
		at = p
	}
	return watchedWriter{w, h, at}, nil
}

func (h *history) machineOf(member string) (Machine, bool) {
	m, ok := h.kit.local(member, h.sleep)
	for _, at := range h.world.Hosts {
		if at.Name() == member {
			m.Writer = watchedDevices{m.Writer, h, at}
		}
	}
	return m, ok
}

func (h *history) tools() Tools {
	tools := h.kit.tools()
	tools.Look, tools.Sleep, tools.Ask, tools.Writer, tools.Machine = h.look, h.sleep, h.ask, h.openWriter, h.machineOf
	return tools
}

// watchedWriter looks, in the moment of each request, whether it does harm.
type watchedWriter struct {
	Writer
	h  *history
	at *array.Array
}

func (w watchedWriter) done(what string, err error) error {
	w.h.tell("we: %s: %v", what, err)
	if err == nil {
		what, _, _ := strings.Cut(what, " ")
		w.h.changes[what]++
	}
	w.h.turn("after a request")
	return err
}

func (w watchedWriter) Disconnect(ctx context.Context, volume, object string) error {
	h := w.h
	fresh := h.between == 0
	h.turn("right before the request to disconnect")
	v, ok := w.at.Volume(volume)
	connected := slices.ContainsFunc(w.at.Connections(), func(c array.Connection) bool {
		return c.Volume == volume && strings.EqualFold(c.Host, object)
	})
	if connected && h.strangeAt(w.at, object) {
		h.hurt("%s was disconnected from %s, which is no member's", volume, object)
	}
	m := h.behind(w.at, object)
	if ok && connected && !m.InUse(v.Serial) && slices.ContainsFunc(h.world.Hosts, func(o *host.Host) bool { return o.InUse(v.Serial) }) {
		h.changes["disconnect-under-use"]++
	}
	if ok && connected && m.InUse(v.Serial) {
		if fresh && !h.busy[use{m.Name(), v.Serial}] {
			// Its use began after the very last look, while the request was
			// on its way. Nobody can see that in time.
			h.windows++
			h.tell("%s came into use while the request was on its way", volume)
		} else {
			h.hurt("%s is in use, and was disconnected from %s", volume, object)
		}
	}
	what := "disconnect "
	if w.at != h.world.Array {
		what = "disconnect-there "
	}
	return w.done(what+volume+" from "+object, w.Writer.Disconnect(ctx, volume, object))
}

func (w watchedWriter) Destroy(ctx context.Context, id string) error {
	h := w.h
	before, _ := h.volumeOf(id)
	fresh := h.between == 0 && !h.world.Live(before.Name)
	h.turn("right before the request to destroy")
	v, there := h.volumeOf(id)
	live := there && h.world.Live(v.Name)
	if there && !h.ours(v.Name) {
		h.hurt("%s is in a pod of others, and was destroyed", v.Name)
	}
	err := w.Writer.Destroy(ctx, id)
	now, _ := h.volumeOf(id)
	switch {
	case live && fresh && now.Destroyed == v.Destroyed:
		// Its use began after the very last look, and the array refused.
		h.windows++
		h.tell("%s came into use while the request was on its way, which was refused", v.Name)
	case live:
		h.hurt("%s is live, and was destroyed", v.Name)
	}
	if there && !v.Destroyed && now.Destroyed {
		h.destroyed[id] = true
	}
	return w.done("destroy "+id, err)
}

func (h *history) volumeOf(id string) (array.Volume, bool) {
	all := h.world.Array.Volumes()
	i := slices.IndexFunc(all, func(v array.Volume) bool { return v.ID == id })
	if i < 0 {
		return array.Volume{}, false
	}
	return all[i], true
}

func (w watchedWriter) DestroySnapshot(ctx context.Context, id string) error {
	h := w.h
	h.turn("right before the request to destroy a snapshot")
	for _, a := range h.seen.Arrays {
		for _, s := range a.Snapshots.Items {
			if s.ID == id && h.world.LiveSnapshot(s.Name) {
				h.hurt("snapshot %s is live, and was destroyed", s.Name)
			}
		}
	}
	return w.done("destroy-snapshot "+id, w.Writer.DestroySnapshot(ctx, id))
}

func (w watchedWriter) Eradicate(ctx context.Context, id string) error {
	h := w.h
	fresh, ours := h.between == 0, h.destroyed[id]
	h.turn("right before the request to eradicate")
	switch {
	case !h.eradicating:
		h.hurt("%s was eradicated, and nobody asked for it", id)
	case !ours || (!h.destroyed[id] && !fresh):
		h.hurt("%s was to be eradicated, and it was not we who destroyed it last", id)
	case !h.destroyed[id]:
		// Somebody recovered it after the very last look, while the request was
		// on its way, and perhaps destroyed it again. The array has no request
		// that names the destruction that it is to end.
		h.windows++
		h.tell("%s became somebody else's while the request was on its way", id)
	}
	return w.done("eradicate "+id, w.Writer.Eradicate(ctx, id))
}

func (w watchedWriter) DeleteHost(ctx context.Context, name string) error {
	w.h.turn("right before the request to delete a host")
	if w.h.strange(name) {
		w.h.hurt("host %s is no member's, and was deleted", name)
	}
	return w.done("delete-host "+name, w.Writer.DeleteHost(ctx, name))
}

// watchedDevices looks, at each call, whether a device in use loses anything.
type watchedDevices struct {
	release.DeviceWriter
	h *history
	m *host.Host
}

func (w watchedDevices) call(what string, do func() error) error {
	h, m := w.h, w.m
	h.turn("before " + what)
	before := map[string][]string{}
	for serial := range h.inUseOn(m) {
		idle := m.Bystanders(serial)
		before[serial] = slices.DeleteFunc(m.DevicesOf(serial), func(name string) bool { return slices.Contains(idle, name) })
	}
	err := do()
	for serial, devices := range before {
		for _, name := range devices {
			if !slices.Contains(m.DevicesOf(serial), name) {
				h.hurt("%s took %s from volume %s, which is in use", what, name, serial)
			}
		}
	}
	h.tell("we: %s: %v", what, err)
	if err == nil {
		h.changes["device"]++
	}
	h.turn("after " + what)
	return err
}

func (w watchedDevices) RemoveMap(ctx context.Context, uuid string) error {
	return w.call("remove map "+uuid, func() error { return w.DeviceWriter.RemoveMap(ctx, uuid) })
}

func (w watchedDevices) AddMap(ctx context.Context, wwid string) error {
	return w.call("add map "+wwid, func() error { return w.DeviceWriter.AddMap(ctx, wwid) })
}

func (w watchedDevices) SetState(ctx context.Context, d release.Target, state string) error {
	used := w.h.inUseOn(w.m)[string(d.Serial)]
	return w.call("set "+d.Name+" "+state, func() error {
		err := w.DeviceWriter.SetState(ctx, d, state)
		switch {
		case err != nil || state != "offline" || !w.h.inUseOn(w.m)[string(d.Serial)]:
		case used:
			w.h.hurt("%s of volume %s, which is in use, was set offline", d.Name, d.Serial)
		default:
			// Its use began since the path was proved, over another path:
			// the kernel does not let go of one that is used. In the end
			// none may be offline.
			w.h.windows++
			w.h.tell("%s came into use while %s was set offline", d.Serial, d.Name)
		}
		if state == "running" {
			if w.h.ran == nil {
				w.h.ran = map[string][]release.Target{}
			}
			w.h.ran[w.m.Name()] = append(w.h.ran[w.m.Name()], d)
		}
		return err
	})
}

func (w watchedDevices) DeleteDisk(ctx context.Context, d release.Target) error {
	return w.call("delete disk "+d.Name, func() error { return w.DeviceWriter.DeleteDisk(ctx, d) })
}

func (w watchedDevices) RescanController(ctx context.Context, name string) error {
	return w.call("rescan "+name, func() error { return w.DeviceWriter.RescanController(ctx, name) })
}

// remember keeps what a scan saw, as the program does.
func (h *history) remember(world evidence.World, report diagnose.Report) {
	h.world.Seen = sightings.Update(h.world.Seen, world, report)
}
