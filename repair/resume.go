package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

// ErrNotInterrupted is a run that ended: there is nothing to resume.
var ErrNotInterrupted = errors.New("the run was not interrupted")

// Resume goes on with a run that was stopped in the middle, from the state of
// the world: the plan is made again, and what is left of the journal's must be
// part of it. Of the journal it believes what may have been begun, and which
// paths were released, which each path then proves. Each step that is not done
// is gated and asked about as in a new run.
func (t Tools) Resume(ctx context.Context, id string) (Result, error) {
	t = t.withDefaults()
	if state, err := t.stateOf(id); err != nil {
		return Result{Run: id}, err
	} else if state != journal.Interrupted {
		return Result{Run: id}, fmt.Errorf("run %s is %s: %w", id, state, ErrNotInterrupted)
	}
	file, history, err := t.Journal.Continue(id, t.Now)
	if err != nil {
		return Result{Run: id}, err
	}
	defer file.Close() // all records are synced
	r, kind, err := t.restored(history)
	if err != nil {
		return Result{Run: id}, err
	}
	r.journal = file
	if refused := (*RefusedError)(nil); errors.As(r.meant(), &refused) {
		return Result{Run: id, Outcome: journal.Refused, Gate: refused.Gate, Why: refused.Why}, refused // it stays interrupted
	}
	switch kind {
	case journal.KindUndo:
		r.types = undoSteps
	case journal.KindEradicate:
		return Result{Run: id}, fmt.Errorf("run %s is an eradication: look, and ask for it again: %w", id, ErrNotInterrupted)
	}
	taken := journal.Record{
		What: journal.WhatResume, Operator: &t.Operator, HostsDown: t.Policy.Down,
		DatabaseIsCurrent: t.Policy.DatabaseIsCurrent, EvenIfRecovered: t.Policy.EvenIfRecovered,
	}
	if err := r.write(taken); err != nil {
		return Result{Run: id}, err
	}
	switch {
	case kind == journal.KindFix && len(r.plan.Steps) == 0:
		return r.finish(ctx, r.refuse("resume", diagnose.GateResult{Gate: "plan", Result: diagnose.Fail, Why: "it was stopped before it had a plan"}))
	case kind == journal.KindFix && !history.Began():
		// Nothing is done yet: the whole plan must hold, as in the beginning.
		if err := r.hold(ctx); err != nil {
			return r.finish(ctx, err)
		}
		return r.finish(ctx, r.steps(ctx))
	}
	return r.finish(ctx, r.resume(ctx, kind))
}

func (r *run) resume(ctx context.Context, kind journal.Kind) error {
	l, err := r.look(ctx)
	if err != nil {
		return err
	}
	if l.array == nil && r.plan.ArrayID != "" {
		return r.refuse("resume", diagnose.GateResult{Gate: needSame, Result: diagnose.Uncertain, Why: "array " + r.plan.ArrayID + " did not answer" + troubles(r.latest.world)})
	}
	if kind == journal.KindUndo {
		return r.undoSteps(ctx)
	}
	if other, _ := l.outside(); other != nil && l.volume == nil && l.snapshot == nil {
		return r.refuse("resume", diagnose.GateResult{Gate: needSame, Result: diagnose.Fail, Why: "it is " + other.Name + " now, outside of LXD's pods: somebody else has taken it"})
	}
	if why := r.goneMeanwhile(l); why != "" {
		r.state, r.gone = append(r.state, why), true
		r.tell(Ended, journal.Already, why)
		return nil
	}
	if err := r.holdRest(l); err != nil {
		if refused := (*RefusedError)(nil); errors.As(err, &refused) {
			return err
		}
		return errors.Join(r.refuse("resume", diagnose.GateResult{Gate: "plan", Result: diagnose.Fail, Why: err.Error()}), err)
	}
	return r.steps(ctx)
}

// endGone is what the end of a run has in the place of a gate when its object was
// seen to be gone: nothing can be taken back.
const endGone = "gone"

const (
	// needStood is what a run that is resumed has to find as it left it.
	needStood = "as-it-was-left"
	// resumableFor is for how long what a run was told holds for its rest.
	resumableFor = 24 * time.Hour
)

// standsAsLeft says whether what is left to do may rest on what the operator saw
// when the run began. A journal may have been restored from a backup, so that what
// it calls interrupted was finished long ago, and somebody has wanted the volume
// back since. A new run asks everything anew.
func (r *run) standsAsLeft(l look) diagnose.GateResult {
	gate := diagnose.GateResult{Gate: needStood, Result: diagnose.Fail, Mend: "begin anew: pureclean fix --volume " + words.Shell(r.plan.Object)}
	left := map[string]bool{}
	for _, where := range r.stood.Connections {
		left[where] = true
	}
	age := r.t.Now().Sub(r.stoodAt)
	switch {
	case age > resumableFor:
		gate.Why = fmt.Sprintf("what it did last was %s ago, and it can't know who has used the volume since", words.Span(age))
		return gate
	case age < -clockSlack:
		gate.Result, gate.Why = diagnose.Uncertain, "what it did last was later than it is now, by this machine's clock"
		return gate
	}
	switch {
	case l.volume == nil || !r.plan.destroys():
	case r.stood.Destroyed == evidence.Yes.String() && l.volume.Destroyed.IsNot():
		gate.Why = "the run saw it destroyed, and it lives: somebody has recovered it since"
		return gate
	case r.stood.Written.Known != l.volume.Written.Known:
		gate.Result, gate.Why = diagnose.Uncertain, "the array does not say how much was written to it, now and when the run was stopped"
		return gate
	case l.volume.Written.N > r.stood.Written.N:
		gate.Why = words.Size(l.volume.Written.N-r.stood.Written.N) + " were written to it since the run was stopped"
		return gate
	default:
		for _, row := range l.rows {
			if where := l.where(row); !left[where] {
				gate.Why = "it is connected to " + where + " since the run was stopped"
				return gate
			}
		}
	}
	gate.Result = diagnose.Pass
	return gate
}

// holdRest makes the plan again, from the world in which the run was left, and
// holds what is left to do against it. Where the finding is not there any more
// there is nothing to hold: what is gated is then refused.
func (r *run) holdRest(l look) error {
	if l.finding() == nil {
		return nil
	}
	var left []Step
	for i, step := range r.plan.Steps {
		kind := r.typeOf(step.Kind)
		if !kind.Asks || r.moot(i) {
			continue
		}
		if kind.Confirm != nil {
			if done, _ := kind.Confirm(l.subject, step); done.Is() {
				continue
			}
		}
		left = append(left, step)
	}
	if len(left) == 0 {
		return nil
	}
	if gate := r.standsAsLeft(l); gate.Result != diagnose.Pass {
		return r.refuse("resume", gate)
	}
	again, err := NewPlan(*l.world, r.policy(), *l.finding(), r.t.Now())
	if err != nil {
		return err
	}
	if err := r.plan.same(again); err != nil {
		return err
	}
	for _, step := range left {
		planned := func(other Step) bool { return stepsText([]Step{other}) == stepsText([]Step{step}) }
		if !slices.ContainsFunc(again.Steps, planned) {
			return fmt.Errorf("nobody would plan to %s now: %w", step.Say, ErrChanged)
		}
	}
	steps := r.plan.Steps // whose numbers the journal has
	r.plan = again
	r.plan.Steps = steps
	return nil
}

// goneMeanwhile says that somebody else has finished what was interrupted:
// LXD, or the array's timer. Without it such a run would be interrupted for
// ever, because no look can find its object again.
func (r *run) goneMeanwhile(l look) string {
	if other, why := l.outside(); r.plan.ID == "" || l.volume != nil || l.snapshot != nil || other != nil || why != "" || liveElsewhere(l.subject) != "" {
		return ""
	}
	for _, g := range devicesOnEach(l.world, r.plan.Serial) {
		if r.plan.Class != diagnose.ClassSnapshot && (r.plan.Serial == "" || !g.empty() || g.doubt() != "") {
			return ""
		}
	}
	for _, step := range r.plan.Steps {
		if _, read := devicesOn(l.world, r.plan.Serial, step.Member); step.Member != "" && !read {
			return ""
		}
	}
	why := "the array has " + r.plan.Object + " no more, and no host has a device of it: nothing is left to do"
	if other := l.namesake(r.plan.Object); other != "" {
		why += "; " + other
	}
	return why
}

// stateOf is what the list says of a run.
func (t Tools) stateOf(id string) (journal.State, error) {
	all, err := t.Journal.List()
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.ID == id {
			if s.Damaged != "" {
				return "", fmt.Errorf("run %s: %s", id, s.Damaged)
			}
			return s.State, nil
		}
	}
	return "", fmt.Errorf("%q: %w", id, journal.ErrNoRun)
}

// restored is a run as its journal left it.
func (t Tools) restored(history journal.History) (*run, journal.Kind, error) {
	if len(history.Records) == 0 {
		return nil, "", fmt.Errorf("%q: %w", history.ID, journal.ErrNoRun)
	}
	begin := history.Records[0]
	var plan Plan
	if len(begin.Plan) > 0 { // it is left out where it did not hold
		if err := json.Unmarshal(begin.Plan, &plan); err != nil {
			return nil, "", fmt.Errorf("run %s: its plan can't be read: %w", history.ID, err)
		}
	}
	r := t.newRun(plan)
	if begin.Kind == journal.KindUndo {
		r.types = undoSteps
		if err := r.inherit(begin.Of); err != nil {
			return nil, "", fmt.Errorf("run %s, which takes back %s: %w", history.ID, begin.Of, err)
		}
	}
	r.say()
	for _, record := range history.Records {
		if err := r.replay(record); err != nil {
			return nil, "", fmt.Errorf("run %s: record %d: %w", history.ID, record.N, err)
		}
	}
	return r, begin.Kind, nil
}

// inherit takes over the paths that the run which is taken back left offline.
// Only that run's journal has them.
func (r *run) inherit(of string) error {
	r.of = of
	if r.t.Journal == nil {
		return nil
	}
	history, err := r.t.Journal.Read(of)
	if err != nil {
		return err
	}
	old, _, err := r.t.restored(history)
	if err != nil {
		return err
	}
	r.released = old.released
	return nil
}

// say gives the steps their words, which come from the tables and from no file.
func (r *run) say() {
	for step := range evidence.Refs(r.plan.Steps) {
		if kind := r.typeOf(step.Kind); kind.Say != nil {
			step.Say, step.Manual = kind.Say(r.plan, *step), kind.Manual(r.plan, *step)
		}
	}
}

// stand keeps how the object was at a record of a step. One that a resumption
// left without having done anything tells nothing.
func (r *run) stand(record journal.Record) {
	if record.What != journal.WhatBefore && record.What != journal.WhatAfter && record.What != journal.WhatAction {
		return
	}
	r.stoodAt = record.Time
	if s := (state{}); record.What != journal.WhatAction && json.Unmarshal(record.State, &s) == nil {
		r.stood = s
	}
}

// replay takes one record in.
func (r *run) replay(record journal.Record) error {
	if !record.Until.IsZero() {
		r.until, r.untilHere = record.Until, record.UntilHere
	}
	r.stand(record)
	step := Step{Kind: record.StepKind}
	if n := record.Step; n > 0 && n <= len(r.plan.Steps) {
		step = r.plan.Steps[n-1]
	}
	kind := r.typeOf(step.Kind)
	switch record.What {
	case journal.WhatBefore:
		if kind.Undo != UndoNothing {
			r.intended[record.Step] = true
		}
	case journal.WhatAfter:
		switch record.Outcome {
		case journal.Failed, journal.Already:
			delete(r.intended, record.Step)
		case journal.Done:
			r.noteChange(step, kind, record.Outcome)
			if step.Kind == StepClear || step.Kind == StepAwait || step.Kind == StepRemoveStale {
				r.forget(step.Member)
			}
		}
	case journal.WhatAction:
		var action release.Action
		var on boot
		if err := errors.Join(json.Unmarshal(record.Action, &action), json.Unmarshal(record.State, &on)); err != nil {
			return err
		}
		if record.Object != nil && record.Object.Machine != "" {
			r.learn(record.Object.Machine, on.Boot, action)
		}
	}
	return nil
}
