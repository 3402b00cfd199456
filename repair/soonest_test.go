package repair

import (
	"context"
	"testing"
	"time"

	"github.com/pureclean/pureclean/repair/journal"
)

// A destruction that may have been carried out, and was not seen, is no promise
// without an end: the array's timer may run since the request. Nor is it one when
// that has run out.
func TestPromiseOfALostDestruction(t *testing.T) {
	for _, c := range []struct{ scenario, code, step string }{
		{"unmap-refused-iscsi", "leaked-volume", StepDestroy},
		{"snapshot-reply-lost", "leaked-snapshot", StepDestroySnapshot},
	} {
		k := newKit(t, c.scenario)
		plan := k.plan(c.code)
		tools, asked := k.tools(), time.Time{}
		tools.record = func(r *journal.Run, record journal.Record) error {
			if record.StepKind == c.step && record.What == journal.WhatAfter {
				panic(killed{})
			}
			if record.StepKind == c.step {
				asked = k.world.Clock.Now()
			}
			return r.Append(record)
		}
		if !untilKilled(func() { _, _ = tools.Run(context.Background(), plan) }) || asked.IsZero() {
			t.Fatalf("%s: it was not killed", c.code)
		}
		k.crash()
		id := k.interrupted()
		if destroyed, _ := k.volume(plan.Object); c.step == StepDestroy && !destroyed {
			t.Errorf("%s: it was not destroyed", c.code)
		}
		promise := func() Promise {
			all, err := Promises(k.book, k.world.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			return all[id]
		}
		if p := promise(); !p.Works || p.Until.IsZero() || p.Until.After(asked.Add(plan.UndoFor)) {
			t.Errorf("%s: %+v, asked for at %v", c.code, p, asked)
		}
		k.world.Age(plan.UndoFor + time.Minute)
		if p := promise(); !p.Works || !p.Perhaps || !p.Until.IsZero() {
			t.Errorf("%s: when the timer has run out it is %+v", c.code, p)
		}
	}
}
