package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
)

// settles is longer than LXD waits for the device of a volume that it has just
// connected, 30 seconds, and then for the mount.
const settles = 45 * time.Second

// settle gives a use that has just begun the time to show. LXD starts instances
// by itself, at boot for one, and no operation says so: until the device is in
// use, that looks like a connection that nobody took away. Its age says nothing,
// since LXD begins on an old one, too, when it finds one. Of a volume that runs
// elsewhere only two looks tell whose I/O it is, see needStill.
func (r *run) settle(ctx context.Context) error {
	if r.plan.Class != diagnose.ClassDisconnect {
		return nil
	}
	if err := r.refusedAnyway(); err != nil {
		return err
	}
	why := "LXD may have begun to use it just now, which nothing shows before its device is in use"
	if users := strings.Join(r.runsOn(), ", "); users != "" {
		why = fmt.Sprintf("it is in use on %s, and what its devices here have read and written until then shows whether it is here, too", users)
	}
	r.waits(settles, fmt.Sprintf("waiting for %d seconds: %s", int(settles.Seconds()), why))
	if err := r.t.Sleep(ctx, settles); err != nil {
		return err
	}
	_, err := r.look(ctx)
	return err
}

// refusedAnyway asks the gates of the first step that is left, but for those whose
// answer a wait may change: nobody waits for a refusal that is known.
func (r *run) refusedAnyway() error {
	for i, step := range r.plan.Steps {
		kind := r.typeOf(step.Kind)
		if r.moot(i) {
			continue
		}
		if kind.Confirm != nil {
			if answer, _ := kind.Confirm(r.latest.subject, step); answer.Is() {
				continue
			}
		}
		answers, _ := r.gates(r.latest, step, kind)
		if inTheWay(beside(answers, needStill, gateIO)) == nil || r.passing(beside(answers, needStill), 0) {
			return nil
		}
		return r.refuse(step.Say, *inTheWay(beside(answers, needStill)))
	}
	return nil
}

// The gates of package diagnose that a probe of udev's fails.
const (
	gateIO  = "no-io"
	gateUse = "not-in-use"
)

// beside are the answers of all gates but some.
func beside(all []diagnose.GateResult, but ...string) []diagnose.GateResult {
	return slices.DeleteFunc(slices.Clone(all), func(g diagnose.GateResult) bool { return slices.Contains(but, g.Gate) })
}

// waits tells of a wait, and by this machine's clock when it ends. Nobody who
// has not asked for silence is left to wonder what goes on.
func (r *run) waits(d time.Duration, what string) {
	r.tell(Waits, "", what+" (until "+r.t.Now().Add(d).UTC().Format("15:04:05")+" UTC)")
}

const (
	// breath is longer than what udev reads of a device after a change next to it.
	breath = 5 * time.Second
	// breaths is how often it is waited for.
	breaths = 2
)

// calm asks the gates of a step on the latest look. What is in the way and may be
// over in a moment is looked at again, quietly, before that is a refusal. Nothing
// is asked of the array or of a host but that look.
func (r *run) calm(ctx context.Context, step Step, kind StepType) ([]diagnose.GateResult, *diagnose.GateResult, error) {
	for n := 0; ; n++ {
		answers, refused := r.gates(r.latest, step, kind)
		if !r.passing(answers, n) {
			return answers, refused, nil
		}
		if err := r.breathe(ctx, *refused); err != nil {
			return nil, nil, err
		}
		if _, err := r.look(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// passing reports that what is in the way after so many looks may be over in a
// moment, and is worth another: I/O, which may be udev's, or files that udev alone has
// open. Any other use is a reason to stop, also if it would be over by then. What is
// still there after the last look is remembered, so that no other run of a batch
// waits for it.
func (r *run) passing(answers []diagnose.GateResult, looks int) bool {
	refused := inTheWay(answers)
	if refused == nil || r.t.vain[refused.Why] || inTheWay(beside(answers, gateIO, gateUse)) != nil ||
		inTheWay(beside(answers, gateIO)) != nil && !diagnose.OnlyUdev(r.latest.world, r.plan.Serial) {
		return false
	}
	if looks >= breaths && r.t.vain != nil {
		r.t.vain[refused.Why] = true
	}
	return looks < breaths
}

// breathe waits before another look, and says what for.
func (r *run) breathe(ctx context.Context, refused diagnose.GateResult) error {
	r.waits(breath, fmt.Sprintf("%s; looking again in %d seconds", refused.Why, int(breath.Seconds())))
	return r.t.Sleep(ctx, breath)
}
