package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// export lets LXD take the copy of a snapshot into use that a plan is about.
func (k *kit) export() {
	k.t.Helper()
	if _, err := k.world.LXD.StartExport(k.world.Pool(), "", "data"); err != nil {
		k.t.Error(err)
	}
}

// Each way in which time passes unnoticed between the last look and what it
// permits. LXD uses the time.
func TestNothingRestsOnAnOldLook(t *testing.T) {
	for _, c := range []struct {
		name string
		// sleeps lets time pass once the last look has begun, when LXD acts:
		// meanwhile says whether that is now.
		sleeps func(k *kit, tools *Tools, meanwhile func() bool)
		// gate refuses; empty when the run goes on.
		gate string
	}{
		{"stopped while it looked", func(k *kit, tools *Tools, meanwhile func() bool) {
			up := time.Duration(0)
			tools.Uptime = func() time.Duration { return up }
			look := tools.Look
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				w, err := look(ctx, about)
				if meanwhile() {
					up += 11 * time.Second
				}
				return w, err
			}
		}, needFinding},
		{"suspended: only one clock runs", func(k *kit, tools *Tools, meanwhile func() bool) {
			up, judge := time.Duration(0), tools.withDefaults().judge
			tools.Uptime = func() time.Duration { return up }
			tools.judge = func(w evidence.World, p diagnose.Policy) diagnose.Report {
				defer func() {
					if meanwhile() {
						up += time.Hour
					}
				}()
				return judge(w, p)
			}
		}, needFinding},
		{"the clocks were stopped with the machine, and are set when it goes on", func(k *kit, tools *Tools, meanwhile func() bool) {
			judge := tools.withDefaults().judge
			tools.Uptime = func() time.Duration { return 0 }
			tools.judge = func(w evidence.World, p diagnose.Policy) diagnose.Report {
				defer func() {
					if meanwhile() {
						k.world.Clock.Advance(time.Hour)
					}
				}()
				return judge(w, p)
			}
		}, needFinding},
		{"every look is too slow", func(k *kit, tools *Tools, _ func() bool) {
			slow(k, tools, 11*time.Second)
		}, needFresh},
		{"the array takes too long, and what it says is fresh", func(_ *kit, tools *Tools, _ func() bool) {
			look := tools.Look
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				w, err := look(ctx, about)
				w.Arrays = slices.Clone(w.Arrays)
				w.Arrays[0].Began = w.Arrays[0].Ended.Add(-arrayLimit - time.Second)
				return w, err
			}
		}, needFresh},
		{"every look takes its time", func(k *kit, tools *Tools, _ func() bool) {
			slow(k, tools, 9*time.Second)
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t, "killed-in-export-nvme")
			plan := k.plan("leaked-snapshot-volume")
			tools := k.tools()
			at, looks := "", 0
			look := tools.Look
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				looks++
				return look(ctx, about)
			}
			tools.record = func(r *journal.Run, record journal.Record) error {
				if record.What == journal.WhatBefore {
					at = record.StepKind
					looks = 0
				}
				return r.Append(record)
			}
			taken := false
			c.sleeps(k, &tools, func() bool {
				if at != StepDisconnect || taken {
					return false
				}
				taken = true
				k.export()
				return true
			})
			result, err := tools.Run(context.Background(), plan)
			cut := k.connections(plan.Object) == 0
			var refused *RefusedError
			if result.Gate != c.gate || cut != (c.gate == "") || (err != nil) != (c.gate != "") {
				t.Errorf("refused by %q, cut %v: %v", result.Gate, cut, err)
			}
			if c.gate == needFresh && (looks > lastLooks+1 || !errors.As(err, &refused) || !strings.Contains(refused.Hint, "try again")) {
				t.Errorf("%d looks; %s", looks, result.Why)
			}
			if c.gate != "" && result.Changed {
				t.Errorf("%+v", result)
			}
		})
	}
}

// slow lets each machine take so long to answer that LXD's word is that old.
func slow(k *kit, tools *Tools, d time.Duration) {
	up := time.Duration(0)
	tools.Uptime = func() time.Duration { return up }
	look := tools.Look
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, about)
		up += d
		k.world.Clock.Advance(d)
		return w, err
	}
}

// A release is many writes, and one of them may take long. What is left to do
// then is not done on what was so before.
func TestEachWriteRestsOnAFreshLook(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	tools := k.tools()
	up := time.Duration(0)
	tools.Uptime = func() time.Duration { return up }
	s := &dawdler{then: func() {
		up += 11 * time.Second
		if _, err := k.world.LXD.StartOperation("", "task", "Creating instance", ""); err != nil {
			t.Error(err)
		}
	}}
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := k.local(member, k.sleep)
		m.Writer = faultyDevices{m.Writer, s}
		return m, ok
	}
	result, err := tools.Run(context.Background(), plan)
	var refused *RefusedError
	if !errors.As(err, &refused) || result.Gate != "no-operation" || result.Changed {
		t.Errorf("%+v, %v", result, err)
	}
	if slices.Contains(s.calls, "set-state") {
		t.Errorf("it went on: %v", s.calls)
	}
	for _, d := range k.disks(plan.Serial) {
		if d.State != "running" || len(d.Holders) == 0 {
			t.Errorf("%s is %s, in %v", d.Name, d.State, d.Holders)
		}
	}
}

// dawdler takes long for the first call.
type dawdler struct {
	calls []string
	then  func()
}

func (s *dawdler) call(name string, do func() error) error {
	s.calls = append(s.calls, name)
	err := do()
	if len(s.calls) == 1 {
		s.then()
	}
	return err
}

// What counts as how old, witness by witness.
func TestAges(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1_000_000, 0).Add(time.Duration(s) * time.Second) }
	moment := func(up, wall int) instant { return instant{time.Duration(up) * time.Second, at(wall)} }
	source := func(name string, began, ended int) evidence.Source {
		return evidence.Source{Name: name, Began: at(began), Ended: at(ended)}
	}
	world := func(array, lxd, host evidence.Source) *evidence.World {
		return &evidence.World{
			Arrays: []evidence.Array{{Source: array}}, LXD: evidence.LXD{Source: lxd}, Hosts: []evidence.Host{{Source: host, Kept: host.Hint == "kept"}},
		}
	}
	silent := source("lxd02", 0, 60)
	silent.Trouble = "it did not answer"
	kept := source("lxd02", 0, 40)
	kept.Hint = "kept"
	for _, c := range []struct {
		name         string
		world        *evidence.World
		began, ended instant
		oldest       int
		whose        string
		slow         bool
	}{
		{"as usual", world(source("fa", 0, 1), source("lxd", 1, 2), source("lxd01", 1, 2)), moment(0, 0), moment(2, 2), 1, "host lxd01", false},
		{"a large array", world(source("fa", 0, 50), source("lxd", 50, 51), source("lxd01", 50, 51)), moment(0, 0), moment(51, 51), 1, "host lxd01", false},
		{"an array that is too large", world(source("fa", 0, 61), source("lxd", 61, 62), source("lxd01", 61, 62)), moment(0, 0), moment(62, 62), 1, "host lxd01", true},
		{"a slow ssh", world(source("fa", 0, 1), source("lxd", 1, 2), source("lxd02", 2, 40)), moment(0, 0), moment(40, 40), 39, "LXD", false},
		{"nothing rests on who was silent", world(source("fa", 0, 1), source("lxd", 50, 51), silent), moment(0, 0), moment(60, 60), 59, "the array fa", false},
		{"nor on who was not asked", world(source("fa", 50, 51), source("lxd", 51, 52), kept), moment(50, 50), moment(55, 55), 4, "LXD", false},
		{"no times", world(evidence.Source{}, source("lxd", 1, 2), source("lxd01", 1, 2)), moment(0, 0), moment(30, 30), 30, "the array ", false},
		{"a time to come", world(source("fa", 0, 1), source("lxd", 90, 91), source("lxd01", 1, 2)), moment(0, 0), moment(30, 30), 30, "LXD", false},
		{"an answer from before", world(source("fa", 0, 1), source("lxd", -100, 1), source("lxd01", 1, 2)), moment(0, 0), moment(2, 2), 102, "LXD", false},
		{"the wall's clock was set back", world(source("fa", 0, 1), source("lxd", 1, 2), source("lxd01", 1, 2)), moment(0, 0), moment(40, 2), 40, "host lxd01", false},
		{"suspended", world(source("fa", 0, 1), source("lxd", 1, 2), source("lxd01", 1, 2)), moment(0, 0), moment(3600, 3600), 3599, "host lxd01", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readingOf(c.world, c.began, c.ended)
			if got.oldest != time.Duration(c.oldest)*time.Second || got.whose != c.whose || (got.slow != "") != c.slow {
				t.Errorf("%s of %q, slow %q", got.oldest, got.whose, got.slow)
			}
		})
	}
	if got := slowestOf(world(source("fa", 0, 1), source("lxd", 1, 2), source("lxd02", 2, 40))); got != "host lxd02 took 38s to answer: see that it answers faster, and try again" {
		t.Error(got)
	}
	far := world(source("fa", 0, 1), source("lxd", 1, 2), source("lxd01", 2, 3))
	far.Hosts = append(far.Hosts, evidence.Host{Source: source("lxd02", 2, 40)})
	if got := slowestOf(far); got != "host lxd02 took 38s to answer: let ssh share its connections (ControlMaster, docs/fleet.md), and try again" {
		t.Error(got)
	}
	if got := fmt.Sprint(moment(5, 100).since(moment(0, 0)), moment(50, 0).since(moment(0, 7))); got != "1m40s 50s" {
		t.Error(got)
	}
}
