package repair

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// defaultHistories is how many there are in "go test ./..."; PURECLEAN_LONG=N asks
// for N in the longer lane, which PURECLEAN_FROM=N begins at another seed than
// the first, and PURECLEAN_SEED=N for that one alone, which tells its story.
const defaultHistories = 32

// longLane is how long the longer lane may take before it begins no more;
// PURECLEAN_LONG_FOR=30m allows for more.
const longLane = 12 * time.Minute

// TestTwoActors lets LXD and its administrators act while we repair: before,
// after and in the middle of each look, at each request, each write to a
// device and each wait, in histories that a seed decides; in most of them an
// outsider acts, too. The world knows what lives. When the faults end, repeating the run must leave no leak that
// is safe to repair.
func TestTwoActors(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the random histories")
	}
	first, n := uint64(1), defaultHistories
	if everything {
		if wanted, err := strconv.Atoi(os.Getenv("PURECLEAN_LONG")); err == nil && wanted > n {
			n = wanted
		}
		if from, err := strconv.ParseUint(os.Getenv("PURECLEAN_FROM"), 10, 64); err == nil {
			first = from
		}
	}
	replay := os.Getenv("PURECLEAN_SEED")
	if replay != "" {
		seed, err := strconv.ParseUint(replay, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, n = seed, 1
	}
	limit := longLane
	if wanted, err := time.ParseDuration(os.Getenv("PURECLEAN_LONG_FOR")); err == nil {
		limit = wanted
	}
	total := tally{changes: map[string]int{}, refused: map[string]int{}}
	began := time.Now()
	// In portions: a test that ran beside others keeps its world until all of
	// them have ended.
	const portion = 64
	for from := 0; from < n; from += portion {
		t.Run(fmt.Sprintf("from %d", first+uint64(from)), func(t *testing.T) {
			for i := from; i < min(n, from+portion); i++ {
				seed := first + uint64(i)
				t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
					t.Parallel()
					if everything && time.Since(began) > limit {
						return
					}
					h := newHistory(t, seed, optionsOf(seed))
					mine := &tally{histories: 1, changes: h.changes, refused: map[string]int{}}
					h.tale(seed, mine)
					mine.turns, mine.windows = h.turns, h.windows
					total.add(mine)
					if replay != "" || t.Failed() {
						t.Logf("to replay it: PURECLEAN_SEED=%d go test ./repair -run TestTwoActors -v\n%s", seed, strings.Join(h.story, "\n"))
					}
				})
			}
		})
	}
	n = total.histories
	t.Logf("%d histories: LXD had %d turns; %d plans were run, %d done, %d refused (by %v); we did %v and resumed %d runs; "+
		"%d times a volume came into use, or became somebody else's, in the moment of a request or of a write to a path; %d leaks were left to the operator",
		n, total.turns, total.plans, total.done, total.plans-total.done, total.refused, total.changes, total.resumed, total.windows, total.left)
	for _, o := range outsiders {
		if o.off != "" {
			t.Logf("nobody %s: %s", o.name, o.off)
		}
	}
	// About one volume is destroyed in each. It can't be many more: of the refusals
	// a quarter is of what stands beside a record of nothing or was made before
	// LXD's last start (gate explained), a fifth in a pod that another LXD uses, more
	// than half of a pool is too many at once, and LXD itself deletes some of it.
	if replay == "" && os.Getenv("PURECLEAN_OUTSIDER") == "" && (4*total.changes["destroy"] < 3*n || total.changes["disconnect"] < n || total.turns < 8*n) {
		t.Error("too little happened for this to prove anything")
	}
}

// tally counts what happened in all histories.
type tally struct {
	mu                                                    sync.Mutex
	histories, turns, plans, done, resumed, windows, left int
	changes, refused                                      map[string]int
}

func (t *tally) add(one *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.histories += one.histories
	t.turns += one.turns
	t.plans += one.plans
	t.done += one.done
	t.resumed += one.resumed
	t.windows += one.windows
	t.left += one.left
	for what, n := range one.changes {
		t.changes[what] += n
	}
	for gate, n := range one.refused {
		t.refused[gate] += n
	}
}

// optionsOf varies the worlds.
func optionsOf(seed uint64) simulator.Options {
	o := simulator.Options{Transports: []string{evidence.ModeISCSI}, LXDVersion: "6.9"}
	switch seed % 4 {
	case 1:
		o.Transports = []string{evidence.ModeNVMeTCP}
	case 3:
		o.Transports = []string{evidence.ModeISCSI, evidence.ModeNVMeTCP}
	}
	if seed%3 == 0 {
		o.LXDVersion = "6.3"
	}
	if seed%5 == 2 {
		o.Unverified = eitherWay(rand.New(rand.NewPCG(seed, 0)))
	}
	if seed%5 == 4 {
		o.Members = 2
	}
	return o
}

// eitherWay is an array that answers some of what nobody has documented in
// another way than is assumed. That it destroys what is connected is left to
// TestEveryGateBites: LXD's own rollback then leaves nothing to repair.
func eitherWay(random *rand.Rand) array.Unverified {
	maybe := func() bool { return random.IntN(2) == 0 }
	return array.Unverified{
		DisconnectSharedByHost: maybe(), WithoutLimit: array.PageDefault(random.IntN(3)), SkipUnknownNames: maybe(),
		LastFilterOnly: maybe(), AcceptUnknownParameters: maybe(), SilentNoAttribute: maybe(),
		AbsoluteSession: maybe(), NVMeConnectivityKnown: maybe(), AuditRefused: maybe(),
	}
}

// tale is one history from beginning to end.
func (h *history) tale(seed uint64, total *tally) {
	h.t.Helper()
	h.settleIn()
	h.invite(seed)
	h.outsidersAct()
	h.leak()
	for _, m := range h.world.Hosts {
		m.Rescan()
	}
	for range 2 {
		h.outsidersAct()
		h.aDay()
		h.repair(total)
		h.outsidersAct()
		if h.chance(0.5) {
			h.eradicate()
		}
	}
	h.rest()
	h.converge(total)
	for _, harm := range h.harm {
		h.t.Error(harm)
	}
}

// leak lets LXD fail in some of the ways that are known to leave something
// behind, and then in ways that the seed decides.
func (h *history) leak() {
	sure := func() {
		for n := range 4 + h.rng.IntN(3) {
			h.plant(pick(h, h.world.Pools()), fmt.Sprintf("leak%d", n))
		}
	}
	if h.chance(0.5) {
		sure()
		h.trouble()
		return
	}
	// What LXD lost since its process was started is certain to be lost.
	h.trouble()
	sure()
}

// trouble are flows of LXD in which something goes wrong.
func (h *history) trouble() {
	for range 4 {
		if h.flow == nil {
			h.newFlow()
		}
		switch p := h.rng.Float64(); {
		case p < 0.4:
			h.world.LXD.CutAfter(3 + h.rng.IntN(28))
		case p < 0.6:
			h.fault()
		case p < 0.7:
			h.somewhere().NeverAppear(func(string) bool { return true })
		}
		h.advance(toTheEnd)
		h.world.LXD.NoCut()
		h.mend()
		h.startDaemons()
	}
}

// plant leaves one thing behind for sure, or nearly so.
func (h *history) plant(pool, name string) {
	l, m := h.world.LXD, h.world.Hosts[0]
	create := func() error {
		return l.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: name, Bytes: simulator.Small})
	}
	inject := func(method, path string, kind array.FaultKind, times int) {
		h.heal = append(h.heal, h.world.Array.Inject(array.Fault{Method: method, Path: path, Kind: kind, Times: times}))
	}
	do := create
	switch h.rng.IntN(8) {
	case 0: // the answer to the creation gets lost
		inject("POST", "/volumes", array.LoseReply, 1)
	case 1: // the answer to the connection gets lost
		inject("POST", "/connections", array.LoseReply, 1)
	case 2: // the device does not come, and nothing can be taken back
		m.NeverAppear(func(string) bool { return true })
		inject("DELETE", "", array.ServerError, 0)
		inject("PATCH", "", array.ServerError, 0)
	case 3: // killed while it waits for the device
		l.CutBefore(lxd.StepHost, "wait")
	case 4: // killed while it exports a snapshot
		l.CutBehind(lxd.StepHost, "wait")
		do = func() error { return l.ExportVolume(pool, "", pool[:1]+"d0", nil) }
	case 5: // the host can't be found when the volume is unmapped
		done := false
		h.script = func(method, path string) {
			if !done && method == lxd.StepHost && strings.Contains(path, "unmount") {
				done = true
				inject("GET", "/hosts", array.ServerError, 0)
			}
		}
	case 6: // killed in the middle, and deleted without its device
		l.CutBefore(lxd.StepHost, pick(h, []string{"mkfs", "wait"}))
		do = func() error {
			_ = create() // it is killed
			l.StartDaemon()
			return l.DeleteVolume(pool, "", name)
		}
	case 7: // a snapshot whose answer gets lost
		inject("POST", "/volume-snapshots", array.LoseReply, 1)
		do = func() error { return l.SnapshotVolume(pool, "", pool[:1]+"d0", name) }
	}
	h.calm = true
	h.begin("something that leaves "+name+" behind", do)
	h.advance(toTheEnd)
	h.calm, h.script = false, nil
	l.NoCut()
	h.mend()
	l.StartDaemon()
}

func (h *history) scanAndRemember() diagnose.Report {
	world, err := h.look(context.Background(), evidence.Scope{})
	if err != nil {
		h.t.Fatal(err)
	}
	report := diagnose.Judge(world, diagnose.DefaultPolicy())
	h.remember(world, report)
	return report
}

// aDay goes by, in which a timer looks often enough to keep a connection in sight,
// and for the last time just before its end: a batch takes a while.
// What was seen within a minute of LXD's start begins anew with the second look.
func (h *history) aDay() {
	const apart = evidence.ConnectionGap - time.Minute
	for n := range 2 + 24*time.Hour/apart {
		if n < 2 || slices.ContainsFunc(h.world.Seen, func(s evidence.Sighting) bool { return len(s.Stale) > 0 }) {
			h.scanAndRemember()
		}
		h.world.Age(apart)
	}
	h.scanAndRemember()
}

// plansNow are plans for all that has a remedy.
func (h *history) plansNow(policy diagnose.Policy) []Plan {
	world, err := h.look(context.Background(), evidence.Scope{})
	if err != nil {
		h.t.Fatal(err)
	}
	var plans []Plan
	for _, f := range diagnose.Judge(world, policy).Findings {
		if p, err := NewPlan(world, policy, f, h.world.Clock.Now()); err == nil && f.Code != codeIdleHost {
			plans = append(plans, p)
		}
	}
	return plans
}

// repair is an operator at work: a batch, or one plan after the other.
func (h *history) repair(total *tally) {
	tools := h.tools()
	h.between = 0
	plans := h.plansNow(tools.Policy)
	h.rng.Shuffle(len(plans), func(i, j int) { plans[i], plans[j] = plans[j], plans[i] })
	h.tell("== we repair %d findings", len(plans))
	h.rate = 0.25
	if h.chance(0.6) {
		// A quiet hour, in which more is reached: nothing is destroyed while LXD
		// is in the middle of something.
		h.rate = 0.06
		h.advance(toTheEnd)
	}
	if h.chance(0.5) {
		for i := range plans {
			plans[i], _ = h.edited(plans[i])
		}
		tools.WaveSize = 1 + h.rng.IntN(6)
		rows, _ := tools.Batch(context.Background(), plans)
		for _, row := range rows {
			if row.NotTried == "" {
				h.count(total, row.Result, row.Err)
			}
		}
		return
	}
	for i, plan := range plans {
		if i == 4 {
			break
		}
		if h.chance(0.5) {
			// As the next operator would: on what is there by now.
			for _, again := range h.plansNow(tools.Policy) {
				if again.Object == plan.Object && again.Code == plan.Code && again.Host == plan.Host {
					plan = again
				}
			}
		}
		plan, edited := h.edited(plan)
		result, err := h.run(tools, plan)
		h.count(total, result, err)
		if edited && h.chance(0.5) {
			h.outsidersAct()
			h.resumeAll(total)
		}
	}
}

// run is one run, which may be killed in front of any record.
func (h *history) run(tools Tools, plan Plan) (result Result, err error) {
	h.tell("we run %s %s", plan.Code, plan.Object)
	if h.chance(0.15) {
		left := h.rng.IntN(12)
		tools.record = func(r *journal.Run, record journal.Record) error {
			if left--; left < 0 {
				panic(killed{})
			}
			return r.Append(record)
		}
	}
	if untilKilled(func() { result, err = tools.Run(context.Background(), plan) }) {
		h.tell("we are killed")
		h.acting = false
		h.crash()
		return Result{}, context.Canceled
	}
	return result, err
}

func (h *history) count(total *tally, result Result, err error) {
	total.plans++
	h.tell("ended %s %s: %v", result.Outcome, result.Gate, err)
	if result.Outcome == journal.Done {
		total.done++
	}
	if result.Gate != "" {
		total.refused[result.Gate]++
	}
}

// converge repeats scan and batch in a world in which nothing fails any more.
func (h *history) converge(total *tally) {
	h.t.Helper()
	h.tell("== from here on nothing fails")
	tools := h.tools()
	tools.WaveSize = 10
	batch := tools.Policy
	batch.Batch = true
	for range 8 {
		h.aDay()
		h.resumeAll(total)
		var safe []Plan
		world, err := h.look(context.Background(), evidence.Scope{})
		if err == nil {
			err = FromJournal(h.book, "", &world) // as a scan does
		}
		if err != nil {
			h.t.Fatal(err)
		}
		report := diagnose.Judge(world, batch)
		for _, f := range report.Findings {
			if f.Verdict != diagnose.Safe {
				continue
			}
			p, err := NewPlan(world, batch, f, h.world.Clock.Now())
			if err != nil {
				h.t.Errorf("%s %s is safe and has no plan: %v", f.Code, f.Object, err)
				continue
			}
			safe = append(safe, p)
		}
		if len(safe) == 0 {
			h.account(report, total)
			return
		}
		rows, _ := tools.Batch(context.Background(), safe)
		for _, row := range rows {
			h.tell("%s %s: %s %v %s", row.Plan.Code, row.Plan.Object, row.Result.Outcome, row.Err, row.NotTried)
			if row.Err != nil && (row.Result.Outcome != journal.Refused || row.Result.Changed) {
				h.t.Errorf("nothing fails any more, and %s %s does: %v", row.Plan.Code, row.Plan.Object, row.Err)
			}
		}
	}
	h.t.Errorf("it does not converge: %v", h.codes())
}

// resumeAll resumes what was interrupted, once each: a run whose object LXD
// has dealt with itself is refused for good, and does no harm.
func (h *history) resumeAll(total *tally) {
	h.t.Helper()
	runs, err := h.book.List()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, run := range runs {
		if run.State != journal.Interrupted {
			continue
		}
		result, err := h.tools().Resume(context.Background(), run.ID)
		h.tell("resumed %s: %s %v %q", run.ID, result.Outcome, err, result.State)
		total.resumed++
	}
}

// account holds what is left against what the world knows: a leak that was
// not repaired must have been found, and a gate must say why it stays.
func (h *history) account(report diagnose.Report, total *tally) {
	h.t.Helper()
	for _, v := range h.world.Array.Volumes() {
		if v.Destroyed || h.world.Live(v.Name) || !h.ours(v.Name) {
			continue
		}
		i := foundOf(report, v.Name)
		if i < 0 && h.stopInstances() {
			report = h.scanAndRemember()
			i = foundOf(report, v.Name)
		}
		if i < 0 {
			h.t.Errorf("%s is nobody's, and nothing is found of it", v.Name)
			continue
		}
		total.left++
		f := report.Findings[i]
		why := string(f.Verdict)
		for _, g := range f.Gates {
			if g.Result != diagnose.Pass {
				why += fmt.Sprintf("; %s %s: %s", g.Gate, g.Result, g.Why)
			}
		}
		h.tell("left: %s %s: %s", f.Code, f.Object, why)
	}
	for _, m := range h.world.Hosts {
		for serial := range h.inUseOn(m) {
			if idle := m.Bystanders(serial); len(idle) > 0 {
				h.t.Errorf("%s is in use, and %v stay offline on %s", serial, idle, m.Name())
			}
		}
		for _, v := range h.world.Array.Volumes() {
			if left := m.DevicesOf(v.Serial); v.Destroyed && len(left) > 0 && !m.InUse(v.Serial) {
				h.t.Errorf("%s is destroyed and idle, and has left %v on %s", v.Name, left, m.Name())
			}
		}
	}
}

func foundOf(report diagnose.Report, object string) int {
	return slices.IndexFunc(report.Findings, func(f diagnose.Finding) bool { return f.Object == object })
}

// stopInstances stops what still runs, and reports whether anything did. When
// LXD is killed while it stops an instance, it has let go of a disk and still
// calls the instance running: what is nobody's then is the instance's by all
// that can be read, until it stops.
func (h *history) stopInstances() bool {
	h.t.Helper()
	stopped := false
	for _, i := range h.world.LXD.Instances() {
		if !i.Running {
			continue
		}
		if err := h.world.LXD.StopInstance(i.Project, i.Name); err != nil && !h.restored {
			h.t.Errorf("nothing fails any more, and stopping %s does: %v", i.Name, err)
		}
		stopped = true
	}
	h.tell("everything that runs is stopped")
	return stopped
}

// TestOracleSeesHarm does on purpose what repair must never do: the world that
// judges TestTwoActors has to notice each.
func TestOracleSeesHarm(t *testing.T) {
	h := newHistory(t, 2, optionsOf(2))
	h.settleIn()
	h.calm = true
	ctx := context.Background()
	if _, err := h.look(ctx, evidence.Scope{}); err != nil {
		t.Fatal(err)
	}
	w, err := h.openWriter(ctx, h.world.Array.ID())
	if err != nil {
		t.Fatal(err)
	}
	name := func(kind, name string) string {
		full, err := h.world.ArrayName(h.world.Pool(), kind, name)
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	running, kept := name(evidence.TypeContainer, "pc0"), name(evidence.TypeCustom, "pd0")
	used, _ := h.world.Array.Volume(running)
	idle, _ := h.world.Array.Volume(kept)
	snapshot := ""
	for _, s := range h.seen.Arrays[0].Snapshots.Items {
		if s.Name == name(evidence.TypeCustom, "pd0/s0") {
			snapshot = s.ID
		}
	}
	m, _ := h.kit.local(h.world.Hosts[0].Name(), h.sleep)
	watched := watchedDevices{m.Writer, h, h.world.Hosts[0]}
	var path release.Target
	for _, d := range h.seen.Hosts[0].Disks.Items {
		if string(d.Serial) == used.Serial {
			path = release.Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: d.Serial}
		}
	}
	for _, c := range []struct {
		what string
		do   func() error
	}{
		{"lets a path run again that leads to another volume", func() error {
			stray, err := h.strayPath(idle)
			if err == nil {
				err = watched.SetState(ctx, stray, "running")
			}
			_, failed := h.look(ctx, evidence.Scope{})
			return errors.Join(err, failed)
		}},
		{"destroys a snapshot that LXD has a record of", func() error { return w.DestroySnapshot(ctx, snapshot) }},
		{"destroys a volume that LXD has a record of", func() error { return w.Destroy(ctx, idle.ID) }},
		{"sets a path of what runs offline", func() error {
			return watchedDevices{rashDevices{watched, h}, h, h.world.Hosts[0]}.SetState(ctx, path, "offline")
		}},
		{"takes a path from what runs", func() error {
			// Its map keeps it from being deleted the proper way.
			return watchedDevices{rashDevices{watched, h}, h, h.world.Hosts[0]}.DeleteDisk(ctx, path)
		}},
		{"disconnects what runs", func() error { return w.Disconnect(ctx, running, h.hostObject()) }},
		{"eradicates", func() error { return w.Eradicate(ctx, idle.ID) }},
	} {
		before := len(h.harm)
		if err := c.do(); len(h.harm) == before {
			t.Errorf("nobody noticed what %s (%v)", c.what, err)
		}
	}
}

// TestOracleSeesHarmInACluster: what runs on one member may lose its connection
// to the other, and no more.
func TestOracleSeesHarmInACluster(t *testing.T) {
	for _, seed := range []uint64{4, 9} { // iSCSI, NVMe
		h := newHistory(t, seed, optionsOf(seed))
		h.settleIn()
		h.calm = true
		ctx := context.Background()
		if _, err := h.look(ctx, evidence.Scope{}); err != nil {
			t.Fatal(err)
		}
		w, err := h.openWriter(ctx, h.world.Array.ID())
		if err != nil {
			t.Fatal(err)
		}
		pool := h.world.Pool()
		full, err := h.world.ArrayName(pool, evidence.TypeVM, pool[:1]+"v0")
		if err != nil {
			t.Fatal(err)
		}
		v, _ := h.world.Array.Volume(full)
		used := 0
		for _, c := range h.world.Array.Connections() {
			if c.Volume != full {
				continue
			}
			there := h.behind(h.world.Array, c.Host).InUse(v.Serial)
			before := len(h.harm)
			err := w.Disconnect(ctx, full, c.Host)
			if there != (len(h.harm) > before) {
				t.Errorf("in use on %s: %v; harm %v (%v)", c.Host, there, h.harm[before:], err)
			}
			if there {
				used++
			}
		}
		if used != 1 || h.changes["disconnect-under-use"] != 1 {
			t.Errorf("of the connections of %s %d were in use", full, used)
		}
	}
}

// strayPath is an offline path of a volume whose number another one has.
func (h *history) strayPath(v array.Volume) (release.Target, error) {
	m, a := h.world.Hosts[0], h.world.Array
	err := a.Connect(h.hostObject(), v.Name, 0)
	m.Rescan()
	all := m.DevicesOf(v.Serial) // perhaps a map, and paths
	if err != nil || len(all) == 0 {
		return release.Target{}, fmt.Errorf("%s has no device: %w", v.Name, err)
	}
	name := all[len(all)-1]
	_, failed := a.CreateVolume("other", simulator.Small, array.VolumeOptions{})
	err = errors.Join(failed, m.OfflinePath(name), a.Disconnect(h.hostObject(), v.Name), a.Connect(h.hostObject(), "other", 0))
	for _, d := range devices.Observe(context.Background(), m.System()).Disks.Items {
		if d.Name == name {
			return release.Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: d.Serial}, err
		}
	}
	return release.Target{}, fmt.Errorf("%s has gone: %w", name, err)
}

// rashDevices do what they are told, whatever uses the disk.
type rashDevices struct {
	release.DeviceWriter
	h *history
}

func (b rashDevices) DeleteDisk(_ context.Context, d release.Target) error {
	return b.h.world.Hosts[0].DeletePath(d.Name)
}

func (b rashDevices) SetState(_ context.Context, d release.Target, _ string) error {
	return b.h.world.Hosts[0].OfflinePath(d.Name)
}
