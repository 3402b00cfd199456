package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair/journal"
)

// What waits in a map without a path is let go by its typed name: the reader
// has gone, the map does not queue, nothing else was touched, and the volume
// can be repaired then. Nothing takes it back, and runs and undo say so.
func TestWaitingIsEnded(t *testing.T) {
	k := newKit(t, "waiting-reader")
	plan := k.plan("waiting-io")
	serial := string(plan.Serial)
	if leak := k.finding("leaked-volume"); leak.Verdict != diagnose.Blocked {
		t.Fatalf("the volume is %s", leak.Verdict)
	}
	tools := k.typed(plan)
	asked := ""
	ask := tools.Ask
	tools.Ask = func(ctx context.Context, q Question) (Reply, error) {
		asked += q.Step.Say
		return ask(ctx, q)
	}
	before := k.changes()
	result, err := tools.Run(context.Background(), plan)
	if err != nil || result.Undo.Works || !strings.Contains(result.Undo.Why, "can't be begun again") {
		t.Fatalf("%+v, %v", result, err)
	}
	if !strings.Contains(asked, "it ends I/O that waits: readers and writers get an error; data not yet written is lost") {
		t.Errorf("asked was %q", asked)
	}
	if k.world.Hosts[0].InUse(serial) {
		t.Error("somebody waits still")
	}
	if after := k.changes(); !slices.Equal(before, after) {
		t.Errorf("the array was changed: %v", after)
	}
	if len(k.world.Hosts[0].DevicesOf(serial)) == 0 {
		t.Error("its devices have gone, too")
	}
	if k.state(result.Run) != journal.Finished {
		t.Error("it is not journalled as finished")
	}
	if _, err := k.tools().Undo(context.Background(), result.Run); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("undo: %v", err)
	}
	if slices.Contains(k.codes(), "waiting-io") {
		t.Error("it is still found")
	}
	k.noHarm()
	k.markLive() // the reader was what used it
	leak := k.plan("leaked-volume")
	if _, err := k.tools().Run(context.Background(), leak); err != nil {
		t.Error(err)
	}
	k.noHarm()
}

// Without the name nothing is ended, whoever says yes; nor in a batch.
func TestWaitingWantsItsName(t *testing.T) {
	k := newKit(t, "waiting-reader")
	plan := k.plan("waiting-io")
	if plan.Typed() != plan.Object || k.plan("leaked-volume").Typed() != "" {
		t.Errorf("%q is to be typed, and %q for what can be undone", plan.Typed(), k.plan("leaked-volume").Typed())
	}
	for _, typed := range []string{"", "mpathz", plan.Host} {
		tools := k.tools()
		tools.Typed = typed
		_, err := tools.Run(context.Background(), plan)
		if refused := (*RefusedError)(nil); !errors.As(err, &refused) || refused.Gate != needTyped || !strings.Contains(refused.Why, plan.Object) {
			t.Errorf("typed %q: %v", typed, err)
		}
	}
	tools := k.typed(plan)
	rows, err := tools.Batch(context.Background(), []Plan{plan})
	if err != nil || rows[0].NotTried == "" {
		t.Errorf("in a batch: %+v, %v", rows, err)
	}
	if !k.world.Hosts[0].InUse(string(plan.Serial)) {
		t.Error("what waits was ended")
	}
}
