package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// leakedOn makes a cluster of that many members, each with so many leaks
// connected and with devices, and as many volumes that live, and lets it age.
// An earlier run has seen the leaks.
func leakedOn(t *testing.T, members, leaks int, transport string) *kit {
	t.Helper()
	w := worlds.New(t, simulator.Options{Members: members, Transports: []string{transport}})
	k := kitOf(t, w)
	for m, member := range w.LXD.Members() {
		// An instance makes the member's array host, and keeps it.
		if err := member.Launch(lxd.InstanceSpec{Name: fmt.Sprint("web", m), Pool: w.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
		for n := range leaks {
			if err := member.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: fmt.Sprintf("live%d-%d", m, n), Bytes: simulator.Small}); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s::u-%032x", w.Pool(), 0xfeed00+m*leaks+n)
			if _, err := w.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{LXD: true}); err != nil {
				t.Fatal(err)
			}
			object := ""
			for _, h := range w.Array.Hosts() {
				if strings.HasPrefix(h.Name, member.Name+"-") || len(w.Array.Hosts()) == members {
					object = h.Name
				}
			}
			if err := w.Array.Connect(object, name, 0); err != nil {
				t.Fatal(err)
			}
		}
		w.Hosts[m].Rescan()
	}
	w.Age(50 * time.Hour)
	k.sight()
	w.Age(50 * time.Hour)
	k.markLive()
	return k
}

// inWaves are tools for a batch of all leaks, and the plans for it.
func (k *kit) inWaves(size int) (Tools, []Plan) {
	k.t.Helper()
	tools := k.tools()
	tools.WaveSize, tools.Policy.MaxShare = size, 1
	if len(k.world.Hosts) > 1 {
		k.everyHost(&tools)
	}
	world, err := tools.Look(context.Background(), evidence.Scope{})
	if err != nil {
		k.t.Fatal(err)
	}
	var plans []Plan
	for _, f := range tools.withDefaults().judge(world, tools.Policy).Findings {
		if f.Code != "leaked-volume" {
			continue
		}
		p, err := NewPlan(world, tools.Policy, f, k.world.Clock.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		plans = append(plans, p)
	}
	return tools, plans
}

// everyHost adds what the other members' machines say.
func (k *kit) everyHost(tools *Tools) {
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := k.look(ctx, about)
		for _, h := range k.world.Hosts[1:] {
			w.Hosts = append(w.Hosts, devices.Observe(ctx, h.System()))
		}
		return w, err
	}
}

// all is so many words.
func all(n int, word string) []string { return slices.Repeat([]string{word}, n) }

// TestWave: the first volume goes alone, the others together. They wait once,
// and most looks are for all of them.
func TestWave(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{evidence.ModeISCSI, evidence.ModeNVMeTCP} {
		t.Run(transport, func(t *testing.T) {
			const size = 5
			k := leakedOn(t, 1, 1+2*size, transport)
			tools, plans := k.inWaves(size)
			slept, looks, first := time.Duration(0), 0, time.Duration(0)
			tools.Sleep = func(ctx context.Context, d time.Duration) error {
				slept += d
				return k.sleep(ctx, d)
			}
			look := tools.Look
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				looks++
				return look(ctx, about)
			}
			tools.Report = func(e Event) {
				if e.Phase == Counted && e.N == 1 {
					first, slept, looks = slept, 0, 0
				}
			}
			rows, err := tools.Batch(context.Background(), plans)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(all(1+2*size, "done"), outcomes(rows)); diff != "" {
				t.Errorf("%s\n%+v", diff, rows)
			}
			t.Logf("the first waited %s, two waves %s with %d looks", first, slept, looks)
			for _, r := range rows {
				if k.state(r.Result.Run) != journal.Finished {
					t.Errorf("run %s is %s", r.Result.Run, k.state(r.Result.Run))
				}
			}
			k.noHarm()
		})
	}
}

// victim is the volume of a wave that goes another way than the others.
type victim struct {
	plan Plan
	// fails are calls that fail for it; before is told of each call about any.
	fails  string
	before func(name, about string)
}

var errVictim = errors.New("not for this one")

func (v *victim) call(name, about string) error {
	if v.before != nil {
		v.before(name, about)
	}
	if name == v.fails && (about == v.plan.Object || about == v.plan.ID || about == string(v.plan.Serial)) {
		return errVictim
	}
	return nil
}

type victimsWriter struct {
	Writer
	v *victim
}

func (w victimsWriter) Disconnect(ctx context.Context, volume, host string) error {
	if err := w.v.call(StepDisconnect, volume); err != nil {
		return err
	}
	return w.Writer.Disconnect(ctx, volume, host)
}

func (w victimsWriter) Destroy(ctx context.Context, id string) error {
	if err := w.v.call(StepDestroy, id); err != nil {
		return err
	}
	return w.Writer.Destroy(ctx, id)
}

type victimsMachine struct {
	Machine
	v *victim
}

func (m victimsMachine) Release(ctx context.Context, serial evidence.Serial, expect release.Expect, c release.Callbacks) (release.Released, error) {
	if err := m.v.call(StepRelease, string(serial)); err != nil {
		return release.Released{}, fmt.Errorf("%w: %w", release.ErrRefused, err)
	}
	return m.Machine.Release(ctx, serial, expect, c)
}

func (m victimsMachine) Clear(ctx context.Context, serial evidence.Serial, done release.Released, c release.Callbacks) error {
	if err := m.v.call(StepClear, string(serial)); err != nil {
		return err
	}
	return m.Machine.Clear(ctx, serial, done, c)
}

func (m victimsMachine) Detached(ctx context.Context, sought []release.Sought) []release.Detachment {
	all := m.Machine.Detached(ctx, sought)
	for i, s := range sought {
		if err := m.v.call(StepConfirm, string(s.Serial)); err != nil {
			all[i] = release.Detachment{Answer: evidence.No, Reasons: []string{err.Error()}}
		}
	}
	return all
}

func (k *kit) with(tools *Tools, v *victim) {
	tools.Writer = func(ctx context.Context, id string) (Writer, error) {
		w, err := k.writer(ctx, id)
		return victimsWriter{w, v}, err
	}
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := k.local(member, k.sleep)
		return k.sharing(member, victimsMachine{m, v}), ok
	}
}

// honest holds what the journal says of a run against the world: what is
// finished is destroyed, what is stopped is as it was, and what is interrupted
// can be resumed to its end.
func (k *kit) honest(rows []Row) {
	k.t.Helper()
	for _, r := range rows {
		if r.NotTried != "" {
			if destroyed, _ := k.volume(r.Plan.Object); destroyed || k.connections(r.Plan.Object) != 1 || r.Result.Run != "" {
				k.t.Errorf("%s was not tried, and was touched", r.Plan.Object)
			}
			continue
		}
		state := k.state(r.Result.Run)
		destroyed, _ := k.volume(r.Plan.Object)
		if state == journal.Interrupted {
			tools := k.tools()
			tools.Policy.MaxShare = 1 // as in the batch
			if result, err := tools.Resume(context.Background(), r.Result.Run); err != nil || result.Outcome != journal.Done {
				k.t.Errorf("%s: resumed: %+v, %v", r.Plan.Object, result, err)
			}
			destroyed, _ = k.volume(r.Plan.Object)
			state = k.state(r.Result.Run)
		}
		switch {
		case state == journal.Finished && destroyed && len(k.world.Hosts[0].DevicesOf(string(r.Plan.Serial))) == 0:
		case (state == journal.Stopped || state == journal.Left) && !destroyed && k.connections(r.Plan.Object) == 1 && !r.Result.Changed:
			for _, d := range k.disks(r.Plan.Serial) {
				if d.State != "running" {
					k.t.Errorf("run %s is stopped, and %s is %s", r.Result.Run, d.Name, d.State)
				}
			}
		default:
			k.t.Errorf("run %s of %s is %s: destroyed %v, %d connections, %+v", r.Result.Run, r.Plan.Object, state, destroyed, k.connections(r.Plan.Object), r.Result)
		}
	}
	k.noHarm()
}

// TestWaveGoesWrong: whatever goes wrong with one volume of a wave, the others
// come to their ends, nothing more is begun, and each journal tells what is.
func TestWaveGoesWrong(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out the faults of each call")
	}
	for _, c := range []struct {
		at, outcome string
		// ends is set where that ends the batch.
		ends bool
	}{
		{StepRelease, "refused devices", false},
		{StepDisconnect, "failed", true},
		{StepClear, "failed", true},
		{StepConfirm, "refused detached", true},
		{StepDestroy, "failed", true},
	} {
		for _, shares := range []bool{false, true} {
			t.Run(fmt.Sprint(c.at, " ", shares), func(t *testing.T) {
				k := leakedOn(t, 1, 6, evidence.ModeISCSI)
				k.shares = shares
				tools, plans := k.inWaves(3)
				k.with(&tools, &victim{plan: plans[2], fails: c.at})
				rows, err := tools.Batch(context.Background(), plans)
				want := []string{"done", "done", c.outcome, "done", "done", "done"}
				if c.ends {
					want[4], want[5] = "not tried", "not tried"
				}
				if diff := cmp.Diff(want, outcomes(rows)); diff != "" || err != nil {
					t.Errorf("%s\n%v", diff, err)
				}
				k.honest(rows)
			})
		}
	}
}

// TestOneOfAWaveComesIntoUse: while the first of a wave has its turn somebody
// takes another one into use. It is left, and the others are finished.
func TestOneOfAWaveComesIntoUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		transport, at string
		shares        bool
	}{
		{evidence.ModeISCSI, StepRelease, false},
		{evidence.ModeISCSI, StepRelease, true},
		{evidence.ModeNVMeTCP, StepRelease, false},
		{evidence.ModeNVMeTCP, StepRelease, true},
		{evidence.ModeNVMeTCP, StepDisconnect, false},
	} {
		t.Run(fmt.Sprint(c.transport, " ", c.at, " ", c.shares), func(t *testing.T) {
			k := leakedOn(t, 1, 6, c.transport)
			k.shares = c.shares
			tools, plans := k.inWaves(4)
			used := plans[3]
			v := &victim{before: func(name, about string) {
				if name == c.at && (about == plans[1].Object || about == string(plans[1].Serial)) {
					if err := k.world.Hosts[0].Mount(string(used.Serial), "/mnt/rescue", host.FirstNamespace); err != nil {
						t.Error(err)
					}
				}
			}}
			k.with(&tools, v)
			rows, err := tools.Batch(context.Background(), plans)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range rows {
				if done := row.Result.Outcome == journal.Done; done != (i != 3) {
					t.Errorf("%d: %+v, %v %s", i, row.Result, row.Err, row.NotTried)
				}
			}
			if destroyed, _ := k.volume(used.Object); destroyed || k.connections(used.Object) != 1 || rows[3].Result.Changed || !k.world.Hosts[0].InUse(string(used.Serial)) {
				t.Errorf("destroyed %v, %d connections, %+v", destroyed, k.connections(used.Object), rows[3].Result)
			}
			k.noHarm()
		})
	}
}

// TestNothingIsDestroyedOnWhatOthersSaw: while one of a wave is destroyed somebody
// connects another one. Nobody asks the array to destroy that.
func TestNothingIsDestroyedOnWhatOthersSaw(t *testing.T) {
	k := leakedOn(t, 1, 6, evidence.ModeISCSI)
	if err := k.world.Array.CreateHost("stranger", []string{"iqn.2026-11.example:stranger"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	tools, plans := k.inWaves(4)
	is := func(about string, p Plan) bool {
		return about == p.Object || about == p.ID || about == string(p.Serial)
	}
	asked := 0
	v := &victim{before: func(name, about string) {
		switch {
		case name != StepDestroy:
		case is(about, plans[1]):
			asked++
			if err := k.world.Array.Connect("stranger", plans[3].Object, 0); err != nil {
				t.Error(err)
			}
		case is(about, plans[3]):
			t.Error("the array was asked to destroy what somebody had connected")
		}
	}}
	k.with(&tools, v)
	rows, err := tools.Batch(context.Background(), plans)
	if err != nil || asked != 1 || rows[3].Result.Outcome == journal.Done {
		t.Fatalf("%v, asked %d times, %+v", err, asked, rows[3])
	}
	if destroyed, _ := k.volume(plans[3].Object); destroyed {
		t.Error("it was destroyed")
	}
}

// TestWaveRestsOnFreshLooks: each volume of a wave takes so long that what was
// seen for all of them is old before the last has its turn. It is seen again,
// and nobody is refused for having waited.
func TestWaveRestsOnFreshLooks(t *testing.T) {
	t.Parallel()
	k := leakedOn(t, 1, 5, evidence.ModeISCSI)
	tools, plans := k.inWaves(4)
	up, seen := time.Duration(0), time.Duration(0)
	tools.Uptime = func() time.Duration { return up }
	look := tools.Look
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, about)
		if about.Anew == evidence.AnewAll {
			seen = up
		}
		return w, err
	}
	v := &victim{before: func(name, _ string) {
		if name == StepDestroy || name == StepDisconnect {
			if age := up - seen; age > freshFor {
				t.Errorf("%s rests on what is %s old", name, age)
			}
		}
		if name != StepConfirm {
			up += 6 * time.Second
		}
	}}
	k.with(&tools, v)
	rows, err := tools.Batch(context.Background(), plans)
	if diff := cmp.Diff(all(5, "done"), outcomes(rows)); diff != "" || err != nil {
		t.Errorf("%s\n%v\n%+v", diff, err, rows)
	}
}

// TestEachOfAWaveIsLookedAt: between a look at one volume and its request nothing
// happens to another, and what that look did not ask again is of all that there is
// about the volume, and fresh, however long the look took.
func TestEachOfAWaveIsLookedAt(t *testing.T) {
	for name, slow := range map[string]struct{ all, now time.Duration }{
		"fast": {}, "slow at times": {now: 9 * time.Second}, "slow": {6 * time.Second, 6 * time.Second},
	} {
		k := leakedOn(t, 1, 5, evidence.ModeISCSI)
		tools, plans := k.inWaves(4)
		up, whole := time.Duration(0), map[string]time.Duration{}
		last, narrow, changes := evidence.Scope{}, 0, 0
		tools.Uptime = func() time.Duration { return up }
		look := tools.Look
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			w, err := look(ctx, about)
			last = about
			switch about.Anew {
			case evidence.AnewAll:
				up += slow.all
				for _, id := range about.Volumes {
					whole[id] = up
				}
			case evidence.AnewNow:
				if narrow++; narrow%2 == 0 || slow.all > 0 {
					up += slow.now
				}
			}
			return w, err
		}
		v := &victim{before: func(name, about string) {
			if name != StepDestroy && name != StepDisconnect {
				return
			}
			changes++
			i := slices.IndexFunc(plans, func(p Plan) bool { return about == p.Object || about == p.ID })
			switch id := plans[i].ID; {
			case len(last.Volumes) == 0 || last.Volumes[0] != id:
				t.Errorf("%s of %d comes after a look at %v", name, i, last.Volumes)
			case last.Anew != evidence.AnewAll && last.Anew != evidence.AnewNow:
				t.Errorf("%s of %d comes after a look at %v of it", name, i, last.Anew)
			case up-whole[id] > freshFor:
				t.Errorf("%s of %d rests on what is %s old", name, i, up-whole[id])
			}
			last = evidence.Scope{} // another request needs another look
			up += 3 * time.Second
		}}
		k.with(&tools, v)
		rows, err := tools.Batch(context.Background(), plans)
		if diff := cmp.Diff(all(5, "done"), outcomes(rows)); diff != "" || err != nil || narrow == 0 || changes != 10 {
			t.Errorf("%s: %s\n%v, %d of %d looks asked less\n%+v", name, diff, err, narrow, changes, rows)
		}
	}
}

// TestWaveLogsInOnce: the volumes of a wave share a login, which ends with the
// last of them.
func TestWaveLogsInOnce(t *testing.T) {
	k := leakedOn(t, 1, 5, evidence.ModeISCSI)
	tools, plans := k.inWaves(4)
	in, out := 0, 0
	tools.Writer = func(ctx context.Context, id string) (Writer, error) {
		if in++; in == 2 {
			return nil, errVictim
		}
		w, err := k.writer(ctx, id)
		return closing{w, func() { out++ }}, err
	}
	rows, err := tools.Batch(context.Background(), plans)
	// The first of the wave can't log in.
	if err != nil || in != 3 || out != 2 || rows[1].Result.Changed || rows[1].Result.Outcome == journal.Done {
		t.Errorf("%d logins, %d ended, %v, %+v", in, out, err, rows[1])
	}
	for _, i := range []int{0, 2, 3, 4} {
		if rows[i].Result.Outcome != journal.Done {
			t.Errorf("%d: %+v", i, rows[i])
		}
	}
}

type closing struct {
	Writer
	told func()
}

func (c closing) Close(ctx context.Context) error {
	c.told()
	return c.Writer.Close(ctx)
}

// TestWaveIsKilled: the process ends in front of any record of any volume of a
// wave. Each run is resumed, or was not begun.
func TestWaveIsKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out a kill at each record")
	}
	for at := 1; ; at++ {
		k := leakedOn(t, 1, 4, evidence.ModeISCSI)
		k.shares = at%2 == 0
		tools, plans := k.inWaves(3)
		n := 0
		tools.record = func(r *journal.Run, record journal.Record) error {
			if n++; n == at {
				panic(killed{})
			}
			return r.Append(record)
		}
		died := untilKilled(func() { _, _ = tools.Batch(context.Background(), plans) })
		k.crash()
		if !died {
			t.Logf("%d records", at)
			break
		}
		for range plans {
			if id := k.interrupted(); id != "" {
				if result, err := k.tools().Resume(context.Background(), id); err != nil || result.Outcome != journal.Done {
					t.Errorf("killed before record %d: %+v, %v", at, result, err)
				}
			}
		}
		again := k.tools()
		again.WaveSize, again.Policy.MaxShare = 3, 1
		_, plans = k.inWaves(3)
		if _, err := again.Batch(context.Background(), plans); err != nil {
			t.Errorf("killed before record %d: %v", at, err)
		}
		if slices.Contains(k.codes(), "leaked-volume") {
			t.Errorf("killed before record %d: it leaves %v", at, k.codes())
		}
		k.noHarm()
		if !everything {
			at += 28
		}
	}
}

// TestWaveIsCancelled: a Ctrl-C anywhere leaves each volume of a wave finished,
// as it was, or with a run that can be resumed.
func TestWaveIsCancelled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out the faults of each call")
	}
	for at := 1; ; at++ {
		k := leakedOn(t, 1, 6, evidence.ModeISCSI)
		k.shares = at%2 == 0
		tools, plans := k.inWaves(3)
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		event := func() {
			if n++; n == at {
				cancel()
			}
		}
		tools.record = func(r *journal.Run, record journal.Record) error {
			event()
			return r.Append(record)
		}
		tools.Sleep = func(ctx context.Context, d time.Duration) error {
			event()
			return k.sleep(ctx, d)
		}
		rows, err := tools.Batch(ctx, plans)
		cancel()
		if err == nil {
			t.Logf("%d events", at)
			break
		}
		for i, row := range rows {
			if row.NotTried == "" && row.Result.Run == "" {
				t.Errorf("cancelled at %d: %d has no run: %+v, %v", at, i, row.Result, row.Err)
			}
		}
		k.honest(rows)
		if !everything {
			at += 34
		}
	}
}

// TestShareOfAWave: what goes before a volume in its wave counts as gone, so
// that no wave takes more than half of a pool. Whoever is one too many is
// refused before anything is changed, and not when it is detached already.
func TestShareOfAWave(t *testing.T) {
	k := leakedOn(t, 1, 6, evidence.ModeISCSI)
	for n := range 4 {
		image := fmt.Sprintf("%s::i-%032x", k.world.Pool(), 0xabc+n)
		_, err := k.world.Array.CreateVolume(image, simulator.Small, array.VolumeOptions{})
		if err := errors.Join(err, k.world.Array.DestroyVolume(image)); err != nil {
			t.Fatal(err)
		}
	}
	tools, plans := k.inWaves(5)
	rows, err := tools.Batch(context.Background(), plans)
	if err != nil {
		t.Fatal(err)
	}
	// Four of the pool's 18 volumes have gone before, and five may go.
	if diff := cmp.Diff(append(all(5, "done"), "refused share"), outcomes(rows)); diff != "" {
		t.Errorf("%s\n%s", diff, rows[5].Result.Why)
	}
	if rows[5].Result.Changed || k.connections(rows[5].Plan.Object) != 1 {
		t.Errorf("%+v", rows[5].Result)
	}
}

// asked is a machine that tells what it is asked about.
type asked struct {
	Machine
	tell func(about string)
}

func (a asked) Detached(_ context.Context, sought []release.Sought) []release.Detachment {
	var about []string
	for _, s := range sought {
		about = append(about, string(s.Serial))
	}
	a.tell(strings.Join(about, ","))
	return make([]release.Detachment, len(sought))
}

// counting are machines that count how often they are asked what is left of how
// many volumes.
type counting struct {
	Machine
	member string
	count  func(member string, volumes int)
}

func (c counting) Detached(ctx context.Context, sought []release.Sought) []release.Detachment {
	c.count(c.member, len(sought))
	return c.Machine.Detached(ctx, sought)
}

// TestWaveAsksEachMachineOnce: twice each machine of the cluster says what it has
// left of all volumes of the wave. A volume of which one has something left is
// not destroyed, and the others are.
func TestWaveAsksEachMachineOnce(t *testing.T) {
	k := leakedOn(t, 3, 2, evidence.ModeISCSI)
	tools, plans := k.inWaves(5)
	var mu sync.Mutex
	calls := map[string][]int{}
	v := &victim{plan: plans[4], fails: StepConfirm}
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := k.machine(member)
		return counting{victimsMachine{m, v}, member, func(member string, volumes int) {
			mu.Lock()
			defer mu.Unlock()
			calls[member] = append(calls[member], volumes)
		}}, ok
	}
	rows, err := tools.Batch(context.Background(), plans)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"done", "done", "done", "done", "refused detached", "done"}, outcomes(rows)); diff != "" {
		t.Errorf("%s\n%+v", diff, rows)
	}
	for _, h := range k.world.Hosts {
		of := calls[h.Name()]
		if len(of) < 4 || !slices.Equal(of[:4], []int{1, 1, 5, 5}) || slices.ContainsFunc(of[4:], func(n int) bool { return n != 1 }) {
			t.Errorf("%s was asked about %v volumes", h.Name(), of)
		}
	}
	k.noHarm()
}

// TestMeet: who waits and who looks, and for whom. Each run is a list of what
// it wants, "1s", "look", "first" (to look before a request) or "ask", and tells
// when it is done.
func TestMeet(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []string
		want string
	}{
		{"they wait once, and look once", []string{"1s look 5s look", "1s look 5s look"}, "1s look(0,1) 5s look(0,1)"},
		{"whoever ends is not waited for", []string{"", "1s look", "look"}, "1s look(1,2)"},
		{"who still waits is waited for", []string{"look", "4s look", "10s look"}, "4s 6s look(0,1,2)"},
		{"but not for long", []string{"look look", "20s look"}, "look(0) look(0) 20s look(1)"},
		{"machines are asked once for all", []string{"1s ask look", "ask look"}, "1s ask(0,1) look(0,1)"},
		{"who looks does not wait for who asks", []string{"ask 20s ask", "look look"}, "ask(0) look(1) look(1) 20s ask(0)"},
		{"who has sent a request waits for who is to send one", []string{"first 1s look", "look"}, "look(0) 1s look(0,1)"},
		{"many short waits are a long one", []string{"look look", "10s 10s look"}, "10s look(0) look(0) 10s look(1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var did []string
			w := &wave{t: Tools{
				Sleep: func(_ context.Context, d time.Duration) error {
					did = append(did, d.String())
					return nil
				},
				Look: func(_ context.Context, about evidence.Scope) (evidence.World, error) {
					did = append(did, "look("+strings.Join(about.Volumes, ",")+")")
					return evidence.World{}, nil
				},
			}.withDefaults()}
			for n, wants := range c.runs {
				plan := Plan{ID: fmt.Sprint(n), Class: diagnose.ClassDestroy}
				w.join(plan, func(tools Tools) {
					r := tools.newRun(plan)
					for _, want := range strings.Fields(wants) {
						if d, err := time.ParseDuration(want); err == nil {
							_ = tools.Sleep(context.Background(), d)
							continue
						}
						if want == "first" {
							_, _ = r.lookAs(context.Background(), seer{run: r, ahead: true})
							continue
						}
						if want == "ask" {
							_ = tools.turn.inquire(context.Background(), &inquiry{
								members: []string{"a"}, machines: []Machine{asked{tell: func(about string) { did = append(did, "ask("+about+")") }}},
								sought: release.Sought{Serial: evidence.Serial(plan.ID)},
							})
							continue
						}
						_, _ = r.look(context.Background()) // it is no array
					}
				})
			}
			w.run()
			if got := strings.Join(did, " "); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestWaveIsCancelledAtOnce: whoever can be cancelled is, at once, and whoever
// is in the middle of something comes to its end first.
func TestWaveIsCancelledAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	slept := time.Duration(0)
	w := &wave{t: Tools{Sleep: func(ctx context.Context, d time.Duration) error {
		cancel()
		if ctx.Err() == nil {
			slept += d
		}
		return ctx.Err()
	}}.withDefaults()}
	var ends []error
	for _, c := range []context.Context{ctx, context.WithoutCancel(ctx)} {
		w.join(Plan{}, func(tools Tools) { ends = append(ends, tools.Sleep(c, 5*time.Second)) })
	}
	w.run()
	if len(ends) != 2 || !errors.Is(ends[0], context.Canceled) || ends[1] != nil || slept != 5*time.Second {
		t.Errorf("%v, slept %s", ends, slept)
	}
}

// A question to the machines that is cut short is not answered by nothing.
func TestAnInquiryThatIsCancelledSaysNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o := looking()
	w := &wave{t: o.run.t.withDefaults()}
	var err error
	w.join(o.run.plan, func(tools Tools) {
		r := tools.newRun(o.run.plan)
		r.latest = look{subject: o.subject}
		_, err = r.leftOnHosts(ctx, r.latest)
	})
	w.run()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it said %v", err)
	}
}

// TestWaveKilledForReal kills a real process that repairs in waves with SIGKILL,
// and another resumes what is interrupted.
func TestWaveKilledForReal(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out what kills real processes")
	}
	begin := func(n int) (*kit, errand) {
		k := leakedOn(t, 1, 4, evidence.ModeISCSI)
		_, plans := k.inWaves(3)
		k.letGo()
		return k, errand{Wave: plans, Shares: n%2 == 0}
	}
	k, e := begin(0)
	_, events := k.child(e, 0)
	k.open()
	every := 7
	if !everything {
		every = 45
	}
	kills := 0
	for n := 1 + every/2; n <= events; n += every {
		k, e := begin(n)
		last, _ := k.child(e, n)
		kills++
		k.open()
		k.noHarm()
		tools := k.tools()
		tools.Policy.MaxShare = 1
		for range e.Wave {
			if id := k.interrupted(); id != "" {
				if result, err := tools.Resume(context.Background(), id); err != nil || result.Outcome != journal.Done {
					t.Errorf("killed at %d, %s: %+v, %v", n, last, result, err)
				}
			}
		}
		again, plans := k.inWaves(3)
		rows, err := again.Batch(context.Background(), plans)
		if err != nil || slices.Contains(k.codes(), "leaked-volume") {
			t.Errorf("killed at %d, %s: %v, %v", n, last, err, outcomes(rows))
		}
		for _, p := range e.Wave {
			if destroyed, _ := k.volume(p.Object); !destroyed || len(k.world.Hosts[0].DevicesOf(string(p.Serial))) > 0 {
				t.Errorf("killed at %d, %s: %s is left", n, last, p.Object)
			}
		}
		if left, err := LeftOffline(k.book); err != nil || len(left) > 0 {
			t.Errorf("killed at %d, %s: %v is left offline, %v", n, last, left, err)
		}
		k.noHarm()
	}
	t.Logf("%d processes killed, of %d events", kills, events)
}

// TestNext: two plans about one volume, its other half or the same devices never
// go together.
func TestNext(t *testing.T) {
	plans := []Plan{
		{ArrayID: "a", Object: "p::i-1", Serial: "1"},
		{ArrayID: "a", Object: "p::I-1-b", Serial: "2"},
		{ArrayID: "b", Object: "p::i-1", Serial: "3"},
		{ArrayID: "a", Object: "lxd01 sdb", Serial: "1"},
		{ArrayID: "a", Object: "p::i-2", Serial: "4"},
		{ArrayID: "a", Object: "p::i-3", Serial: "5"},
	}
	for _, c := range []struct {
		size       int
		wave, left []int
	}{
		{1, []int{0}, []int{1, 2, 3, 4, 5}},
		{3, []int{0, 2, 4}, []int{1, 3, 5}},
		{9, []int{0, 2, 4, 5}, []int{1, 3}},
	} {
		b := &batch{tools: Tools{WaveSize: c.size, MaxPerRun: len(plans)}, done: min(c.size-1, 1)}
		wave, left := b.next(plans, []int{0, 1, 2, 3, 4, 5})
		if diff := cmp.Diff([][]int{c.wave, c.left}, [][]int{wave, left}); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]int{1, 2, 1}, Tools{WaveSize: 2, MaxPerRun: 4}.Waves(plans)); diff != "" {
		t.Error(diff)
	}
	var many []Plan
	for n := range 60 {
		many = append(many, Plan{ArrayID: "a", ID: fmt.Sprint(n), Object: fmt.Sprint("p::i-", n)})
	}
	for size, want := range map[int][]int{30: {1, 10, 30, 19}, 25: {1, 10, 25, 24}} {
		if diff := cmp.Diff(want, Tools{WaveSize: size}.Waves(many)); diff != "" {
			t.Error(diff)
		}
	}
	// Nineteen are on this machine, and the others on one that ssh reaches.
	for n := range many {
		member := "lxd01"
		if n >= 19 {
			member = "lxd02"
		}
		many[n].Steps = []Step{{Kind: StepRelease, Member: member}, {Kind: StepDisconnect, Member: member}}
	}
	here := func(member string) bool { return member == "lxd01" }
	if diff := cmp.Diff([]int{1, 10, 16, 8, 8, 8, 8, 1}, Tools{WaveSize: 30, Here: here}.Waves(many)); diff != "" {
		t.Error(diff)
	}
}

// What goes before in a wave takes its snapshots along.
func TestAheadWithSnapshots(t *testing.T) {
	before := diagnose.Ahead{Volumes: 1}
	before = Plan{Steps: []Step{{Kind: StepConfirm}, {Kind: StepDestroy, Snapshots: 3}}}.and(before)
	before = Plan{Steps: []Step{{Kind: StepDestroySnapshot}}}.and(before)
	if want := (diagnose.Ahead{Volumes: 2, Snapshots: 4}); before != want {
		t.Errorf("%+v, want %+v", before, want)
	}
}
