package repair

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/pureclean/pureclean/repair/journal"
)

// A name that is typed again to be sure is held against what would be done,
// also where nobody had to type it: by a run, by one that is resumed, and by a
// dry run. It is the whole name, and no other of the object's.
func TestAnotherNameIsRefused(t *testing.T) {
	for _, c := range []struct{ scenario, code string }{
		{"unmap-refused-iscsi", "leaked-volume"},
		{"killed-while-waiting-iscsi", "stale-connection"},
		{"snapshot-reply-lost", "leaked-snapshot"},
		{"map-left", "stale-map"},
		{"waiting-reader", "waiting-io"},
		{"host-not-deleted-iscsi", codeIdleHost},
	} {
		k := newKit(t, c.scenario)
		plan := k.plan(c.code)
		before := k.changes()
		for _, typed := range []string{"x", plan.Object + "-b", plan.Object[:len(plan.Object)-1], " "} {
			tools, asked := k.tools(), false
			tools.Typed = typed
			tools.Ask = func(context.Context, Question) (Reply, error) { asked = true; return Yes, nil }
			refused := (*RefusedError)(nil)
			if err := tools.Preview(context.Background(), []Plan{plan})[0]; !errors.As(err, &refused) || refused.Gate != needTyped {
				t.Errorf("%s, dry, %q typed: %v", c.code, typed, err)
			}
			result, err := tools.Run(context.Background(), plan)
			if !errors.As(err, &refused) || result.Outcome != journal.Refused || result.Gate != needTyped || result.Changed || asked {
				t.Errorf("%s, %q typed: %+v, %v, asked: %v", c.code, typed, result, err, asked)
			}
		}
		if after := k.changes(); !slices.Equal(before, after) {
			t.Errorf("%s: the array was changed: %v", c.code, after)
		}
	}
}

// The run stays as it was interrupted, and goes on by its own name.
func TestResumedByAnotherName(t *testing.T) {
	for _, n := range []int{1, 2, 5} {
		k := newKit(t, "unmap-refused-iscsi")
		plan := k.plan("leaked-volume")
		_, _ = killedAt(n).do(k, plan)
		id := k.interrupted()
		before := len(k.records(id))
		tools := k.tools()
		tools.Typed = plan.Object + "x"
		refused := (*RefusedError)(nil)
		if result, err := tools.Resume(context.Background(), id); !errors.As(err, &refused) || refused.Gate != needTyped || result.Outcome != journal.Refused {
			t.Errorf("killed at record %d: %+v, %v", n, result, err)
		}
		if k.state(id) != journal.Interrupted || len(k.records(id)) != before {
			t.Errorf("killed at record %d: it is %s now", n, k.state(id))
		}
		if _, err := k.typed(plan).Resume(context.Background(), id); err != nil {
			t.Errorf("killed at record %d, by its name: %v", n, err)
		}
	}
}
