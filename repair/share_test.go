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

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// sharing is a machine that does a step for several volumes, one after the other;
// they rest by turns.
type sharing struct {
	Machine
	key string
	// told hears of each step and its volumes, and of none when it ends; declines is set where only one
	// may be asked for.
	told     func(step string, serials []string)
	declines func() bool
}

func (s sharing) Shares() string { return s.key }

func (s sharing) Together(ctx context.Context, step string, tasks []release.Task, sleep func(context.Context, time.Duration) error) ([]error, bool) {
	var serials []string
	for _, t := range tasks {
		serials = append(serials, string(t.Serial))
	}
	if s.told != nil {
		s.told(step, serials)
		defer s.told("", nil)
	}
	if s.declines != nil && s.declines() {
		return nil, false
	}
	var all []error
	for _, t := range tasks {
		t.Sleep = func(ctx context.Context, d time.Duration) error {
			if d < time.Second {
				return nil
			}
			return sleep(ctx, d)
		}
		var err error
		switch step {
		case release.TaskRelease:
			t.Sleep = func(context.Context, time.Duration) error { return nil }
			_, err = s.Release(ctx, t.Serial, t.Expect, t.Callbacks)
		case release.TaskClear:
			err = s.Clear(ctx, t.Serial, t.Released, t.Callbacks)
		default:
			_, err = s.RemoveStale(ctx, t.Serial, t.Callbacks)
		}
		all = append(all, err)
	}
	return all, true
}

// TestSharedSteps: each machine is asked once in each step for all volumes of the
// wave; where it declines, once for each; the volumes of a wave are as many as its
// size, and no eight of a machine.
func TestSharedSteps(t *testing.T) {
	t.Parallel()
	for _, declines := range []bool{false, true} {
		t.Run(fmt.Sprint(declines), func(t *testing.T) {
			const leaks = 21
			k := leakedOn(t, 2, leaks, evidence.ModeISCSI)
			tools, plans := k.inWaves(30)
			var mu sync.Mutex
			asked := map[string][]int{}
			declined := map[string]bool{}
			machine := tools.Machine
			tools.Here = func(member string) bool { return member == "lxd01" }
			tools.Machine = func(member string) (Machine, bool) {
				m, ok := machine(member)
				if tools.Here(member) {
					return m, ok
				}
				mu.Lock()
				defer mu.Unlock()
				if declined[member] {
					return m, ok
				}
				return sharing{
					Machine: m, key: member,
					told: func(step string, serials []string) {
						mu.Lock()
						defer mu.Unlock()
						asked[step] = append(asked[step], len(serials))
					},
					declines: func() bool {
						mu.Lock()
						defer mu.Unlock()
						declined[member] = declines
						return declines
					},
				}, ok
			}
			want := []int{1, 10, 10}
			if declines {
				want = []int{1}
			}
			// Those of the other machine alone.
			var there []Plan
			for _, p := range plans {
				if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Member == "lxd02" }) {
					there = append(there, p)
				}
			}
			rows, err := tools.Batch(context.Background(), there)
			if diff := cmp.Diff(all(leaks, "done"), outcomes(rows)); diff != "" || err != nil {
				t.Errorf("%s\n%v\n%+v", diff, err, rows)
			}
			if !slices.Equal(asked[release.TaskRelease], want) || !declines && !slices.Equal(asked[release.TaskClear], want) {
				t.Errorf("it was asked for %v", asked)
			}
			k.noHarm()
		})
	}
}

// TestSharedStepRestsOnFreshLooks: within a step for several volumes, too, no write
// rests on what is older than ten seconds; a look serves all of them, each asks its
// own gates of it, and nobody looks while a write is being made.
func TestSharedStepRestsOnFreshLooks(t *testing.T) {
	t.Parallel()
	const leaks = 7
	k := leakedOn(t, 1, leaks, evidence.ModeISCSI)
	tools, plans := k.inWaves(6)
	up, seen, looks, inStep, used := time.Duration(0), time.Duration(0), 0, false, false
	tools.Uptime = func() time.Duration { return up }
	look := tools.Look
	victim := plans[5]
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, about)
		if about.Anew == evidence.AnewAll {
			seen = up
		}
		if inStep {
			looks++
			if len(about.Volumes) != leaks-1 {
				t.Errorf("it is about %d volumes", len(about.Volumes))
			}
			used = true
		}
		// From then on the array says that one of them is written to.
		if used {
			w.Arrays[0].Activity.Items = slices.Clone(w.Arrays[0].Activity.Items)
			for i := range w.Arrays[0].Activity.Items {
				if a := &w.Arrays[0].Activity.Items[i]; a.VolumeID == victim.ID {
					a.Busy = evidence.Yes
				}
			}
		}
		return w, err
	}
	machine := tools.Machine
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := machine(member)
		return sharing{Machine: noted{m, func(a release.Action) {
			if takesAway[a.Do] && !a.Done && up-seen > freshFor {
				t.Errorf("%s rests on what is %s old", a, up-seen)
			}
			if a.Done {
				up += 3 * time.Second
			}
		}}, key: member, told: func(step string, serials []string) {
			inStep = step == release.TaskRelease && len(serials) > 1
		}}, ok
	}
	rows, err := tools.Batch(context.Background(), plans)
	want := all(leaks, "done")
	want[5] = "refused no-io"
	if diff := cmp.Diff(want, outcomes(rows)); diff != "" || err != nil {
		t.Errorf("%s\n%v\n%+v", diff, err, rows)
	}
	if looks < 2 || looks > leaks {
		t.Errorf("%d looks for the writes of one step", looks)
	}
	if destroyed, _ := k.volume(victim.Object); destroyed || k.connections(victim.Object) != 1 {
		t.Error("what is written to was touched")
	}
	k.noHarm()
}

// noted is a machine that tells of each write after it was allowed.
type noted struct {
	Machine
	tell func(release.Action)
}

func (n noted) Release(ctx context.Context, serial evidence.Serial, expect release.Expect, c release.Callbacks) (release.Released, error) {
	note := c.Note
	c.Note = func(a release.Action) error {
		err := note(a)
		if err == nil {
			n.tell(a)
		}
		return err
	}
	return n.Machine.Release(ctx, serial, expect, c)
}

// doing is a machine of which nothing but its steps is asked.
type doing struct {
	Machine
	key string
	do  func(ctx context.Context, step string, tasks []release.Task, sleep func(context.Context, time.Duration) error) ([]error, bool)
}

func (d doing) Shares() string { return d.key }

func (d doing) Together(ctx context.Context, step string, tasks []release.Task, sleep func(context.Context, time.Duration) error) ([]error, bool) {
	return d.do(ctx, step, tasks, sleep)
}

// wants lets runs do something in a wave.
func wants(tools Tools, runs ...func(r *run)) *wave {
	w := &wave{t: tools.withDefaults()}
	for n, do := range runs {
		plan := Plan{ID: fmt.Sprint(n), Serial: evidence.Serial(fmt.Sprint(n)), Class: diagnose.ClassDestroy}
		w.join(plan, func(t Tools) { do(t.newRun(plan)) })
	}
	return w
}

// Machines work side by side; each result is of its own run, and others look while
// machines wait.
func TestMachinesWorkSideBySide(t *testing.T) {
	var mu sync.Mutex
	var did []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		did = append(did, what)
	}
	both := sync.WaitGroup{}
	both.Add(2)
	machine := func(key string) doing {
		return doing{key: key, do: func(ctx context.Context, step string, tasks []release.Task, sleep func(context.Context, time.Duration) error) ([]error, bool) {
			both.Done()
			both.Wait() // not if one came after the other
			var errs []error
			if err := sleep(ctx, 5*time.Second); err != nil {
				t.Error(err)
			}
			for _, task := range tasks {
				errs = append(errs, errors.New(step+" "+key+" "+string(task.Serial)))
			}
			return errs, true
		}}
	}
	do := func(key string) func(*run) {
		return func(r *run) {
			alone := func() error { return errors.New("alone") }
			err := r.with(context.Background(), machine(key), release.TaskClear, release.Task{Serial: r.plan.Serial}, alone)
			if err == nil || err.Error() != fmt.Sprintf("clear %s %s", key, r.plan.ID) {
				t.Errorf("%s: %v", r.plan.ID, err)
			}
		}
	}
	wants(Tools{
		Sleep: func(_ context.Context, d time.Duration) error {
			note(d.String())
			return nil
		},
		Look: func(_ context.Context, about evidence.Scope) (evidence.World, error) {
			note("look(" + strings.Join(about.Volumes, ",") + ")")
			return evidence.World{}, nil
		},
	}, do("a"), do("b"), do("a"), func(r *run) {
		_ = r.t.Sleep(context.Background(), 2*time.Second)
		_, _ = r.look(context.Background())
	}).run()
	if got, want := strings.Join(did, " "), "2s 3s look(3)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What asks for a look waits until no machine makes a write.
func TestNobodyLooksWhileAMachineWrites(t *testing.T) {
	up := time.Duration(0)
	var did []string
	by := func(member string) *share {
		r := Tools{Uptime: func() time.Duration { return up }}.withDefaults().newRun(Plan{})
		r.latest.reading.ended = r.t.instant()
		return &share{run: r, task: release.Task{Callbacks: release.Callbacks{Note: func(a release.Action) error {
			did = append(did, fmt.Sprintf("%s %s %v", member, a.Do, a.Done))
			return nil
		}}}}
	}
	slow, looks := by("slow"), by("looks")
	up = time.Minute // what they rest on is old by now
	w := &wave{heard: make(chan said), busy: 2}
	one, two := &joint{cancel: func() {}}, &joint{cancel: func() {}}
	say := func(s said) chan error {
		reply := make(chan error, 1)
		s.reply = reply
		w.heard <- s
		return reply
	}
	go func() {
		<-say(said{by: one, about: slow, write: release.Action{Do: release.DoRunning}}) // it gives back, and needs no look
		later := say(said{by: two, about: looks, write: release.Action{Do: release.DoOffline}})
		<-say(said{by: one, about: slow, write: release.Action{Do: release.DoRunning, Done: true}})
		<-later
		<-say(said{by: one, ended: true})
		<-say(said{by: two, ended: true})
	}()
	w.answer()
	if want := []string{"slow running false", "slow running true", "looks offline false"}; !slices.Equal(did, want) {
		t.Errorf("%v", did)
	}
}

// A process that ends ends all that machines do for it, and a run that was
// cancelled before asks for nothing.
func TestSharedStepEndsWithTheWave(t *testing.T) {
	ended := make(chan error, 1)
	m := doing{key: "a", do: func(ctx context.Context, _ string, tasks []release.Task, _ func(context.Context, time.Duration) error) ([]error, bool) {
		ended <- tasks[0].Note(release.Action{Do: release.DoOffline})
		<-ctx.Done()
		return make([]error, len(tasks)), true
	}}
	died := untilKilled(func() {
		wants(Tools{}, func(r *run) {
			r.with(context.Background(), m, release.TaskRelease, release.Task{Callbacks: release.Callbacks{Note: func(release.Action) error { panic(killed{}) }}}, nil)
		}).run()
	})
	if err := <-ended; !died || !errors.Is(err, errLeft) {
		t.Errorf("died %v, and it was told %v", died, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wants(Tools{}, func(r *run) {
		if err := r.with(ctx, doing{key: "a"}, release.TaskClear, release.Task{}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	}).run()
}
