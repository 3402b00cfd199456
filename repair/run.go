package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

// run is one run while it runs.
type run struct {
	t       Tools
	plan    Plan
	types   []StepType
	journal *journal.Run
	// writers are those of arrays, by the ArrayID of steps.
	writers map[string]Writer
	latest  look
	// whole is the last look at all that there is about the object.
	whole reading
	// first is what was counted of the devices of a connection when they were
	// first seen.
	first *counters
	// users are the members on which LXD was last seen to use the volume of a
	// connection; said is what the verification says of that.
	users []string
	said  string
	// n and kind are the step's that is done just now, and done are those before.
	n    int
	done int
	kind string
	// near is set while it does a step that is, see StepType.
	near bool
	// acting is set while something is changed, and shared while a machine does that
	// for others of the wave as well.
	acting *acting
	shared bool
	// ours is what an eradication is of, and of the run that an undo takes back.
	ours destruction
	of   string
	// stood is how its object was when this run last wrote a step down, and
	// stoodAt when that was; for one that is resumed.
	stood   state
	stoodAt time.Time
	// gone is set when somebody else was seen to have finished it.
	gone bool
	// released is what this run's journal says was released, by member.
	released map[string]*release.Released
	// intended are steps, from 1, that this run began and of which it is not
	// known that they were not done.
	intended map[int]bool
	// confirmed is when this process saw twice that nothing is attached.
	confirmed time.Time
	until     time.Time
	untilHere time.Time // by this machine's clock, if the array's is far off
	within    time.Duration
	state     []string
	changed   bool
}

// RefusedError is a run that a gate stopped.
type RefusedError struct {
	Gate   string
	Result diagnose.Result
	Why    string
	Step   string
	// Object is what the plan is about; empty where no run was begun.
	Object string
	// Hint is what the operator can do about it.
	Hint string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused before %q: gate %s: %s: %s", e.Step, e.Gate, e.Result, e.Why)
}

// FailedError is a step that was tried and is not done, or not known to be.
type FailedError struct {
	Step string
	// Unclear is set when it may be done all the same.
	Unclear bool
	Err     error
}

func (e *FailedError) Error() string {
	if e.Unclear {
		return fmt.Sprintf("%s: it is not known whether that was done: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Step, e.Err)
}

func (e *FailedError) Unwrap() error { return e.Err }

// DeclinedError is an operator who said no.
type DeclinedError struct {
	Step  string
	Reply Reply
}

func (e *DeclinedError) Error() string { return "declined: " + e.Step }

// Run carries a plan out. What it ends with is in the Result, also when there
// is an error: *RefusedError, *FailedError, *DeclinedError, one of the
// journal's, or the context's.
//
// The plan may come from a file. It is made again from the world, and what is
// journalled and carried out is that one; of the given one nothing is used any
// further.
func (t Tools) Run(ctx context.Context, plan Plan) (Result, error) {
	t = t.withDefaults()
	r := t.newRun(plan)
	refused := r.hold(ctx)
	begin := journal.Record{Kind: journal.KindFix, Operator: &t.Operator, Object: r.object(), HostsDown: t.Policy.Down}
	if refused == nil {
		var err error
		if begin, err = r.begin(journal.KindFix, ""); err != nil {
			return Result{Outcome: journal.Refused, Why: err.Error()}, err
		}
	}
	file, err := t.Journal.Create(begin, t.Now)
	if err != nil {
		return Result{Outcome: journal.Refused, Why: err.Error()}, err
	}
	r.journal = file
	defer r.journal.Close() // all records are synced
	if refused != nil {
		return r.finish(ctx, refused)
	}
	plan = r.plan
	t.Report(Event{Phase: Planned, Run: r.journal.ID, Of: len(plan.Steps), Plan: &plan, Finding: r.latest.finding()})
	return r.finish(ctx, r.steps(ctx))
}

func (t Tools) newRun(plan Plan) *run {
	return &run{t: t, plan: plan, types: Steps, writers: map[string]Writer{}, released: map[string]*release.Released{}, intended: map[int]bool{}}
}

func (r *run) typeOf(kind string) StepType {
	if found, ok := stepTypeOf(r.types, kind); ok {
		return found
	}
	return StepType{Kind: kind}
}

func (r *run) begin(kind journal.Kind, of string) (journal.Record, error) {
	text, err := marshal(r.plan)
	return journal.Record{
		Kind: kind, Of: of, Operator: &r.t.Operator, Plan: text, Object: r.object(),
		HostsDown: r.t.Policy.Down, DatabaseIsCurrent: r.t.Policy.DatabaseIsCurrent && !r.t.Policy.Batch,
		EvenIfRecovered: r.t.Policy.EvenIfRecovered && !r.t.Policy.Batch,
	}, err
}

func (r *run) object() *journal.Object {
	return &journal.Object{
		ArrayID: r.plan.ArrayID, Name: r.plan.Object, ID: r.plan.ID, Serial: string(r.plan.Serial), Host: r.plan.Host,
		Snapshot: r.plan.Class == diagnose.ClassSnapshot,
	}
}

// hold makes the plan again from the world as it is, and refuses if it is not
// the same.
func (r *run) hold(ctx context.Context) error {
	l, err := r.look(ctx)
	if err != nil {
		return err
	}
	return r.holdIn(l)
}

// holdIn is the same in a look.
func (r *run) holdIn(l look) error {
	if err := r.meant(); err != nil {
		return err
	}
	finding := l.finding()
	if finding == nil {
		return r.refuse("start", r.notFound(l))
	}
	again, err := NewPlan(*l.world, r.policy(), *finding, r.t.Now())
	if err != nil {
		return r.refuse("start", diagnose.GateResult{Gate: "plan", Result: diagnose.Fail, Why: err.Error()})
	}
	if err := r.plan.holds(again, r.t.Now()); err != nil {
		return errors.Join(r.refuse("start", diagnose.GateResult{Gate: "plan", Result: diagnose.Fail, Why: err.Error()}), err)
	}
	r.plan = again
	return r.refusedAtOnce(l)
}

// meant refuses what is not what the operator typed again: a name that is given
// to be sure is held against the plan, whatever its steps need.
func (r *run) meant() error {
	result, why := nameTyped(r, subject{}, Step{})
	if r.t.Typed == "" || result == diagnose.Pass {
		return nil
	}
	refused := &RefusedError{Gate: needTyped, Result: result, Why: why, Step: "start", Object: r.plan.Object, Hint: "give its name again, with --confirm " + words.Shell(r.plan.Object)}
	if r.plan.Typed() == "" {
		refused.Hint += ", or leave --confirm out"
	}
	return refused
}

// refusedAtOnce asks the gates of a finding whose first step asks none: the
// step would be waited for, and the next one refused.
func (r *run) refusedAtOnce(l look) error {
	first := r.plan.Steps[0]
	if r.typeOf(first.Kind).Gated {
		return nil
	}
	if gate := inTheWay(l.finding().Gates); gate != nil {
		return r.refuse(first.Say, *gate)
	}
	return nil
}

// steps does all steps that are not done yet.
func (r *run) steps(ctx context.Context) error {
	if r.needsArray() {
		// Before anything is changed: without it the run could not go on.
		if err := r.openWriters(ctx); err != nil {
			return err
		}
		defer r.closeWriters(ctx)
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	for i := range r.plan.Steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.n, r.kind = i+1, r.plan.Steps[i].Kind
		if r.moot(i) {
			r.done = i + 1
			continue
		}
		if err := r.step(ctx, r.plan.Steps[i]); err != nil {
			return err
		}
		r.done = i + 1
	}
	return nil
}

// moot reports a step that an interrupted run has gone past: the volume is
// destroyed, or the array does not connect it any more, and what was to be
// done before that must not be done now.
func (r *run) moot(i int) bool {
	step := r.plan.Steps[i]
	cuts, cut := 0, 0
	for j, other := range r.plan.Steps {
		kind := r.typeOf(other.Kind)
		if kind.Confirm == nil {
			continue
		}
		answer, _ := kind.Confirm(r.latest.subject, other)
		if j > i && (other.Kind == StepDestroy || other.Kind == StepDestroySnapshot) && answer.Is() {
			return true
		}
		if other.Kind == StepDisconnect && other.Member == step.Member {
			cuts++
			if answer.Is() {
				cut++
			}
		}
	}
	return (step.Kind == StepRelease || step.Kind == StepProveIdle) && cuts > 0 && cut == cuts
}

func (r *run) needsArray() bool {
	return slices.ContainsFunc(r.plan.Steps, func(s Step) bool {
		return r.typeOf(s.Kind).Array
	})
}

// step does one step: is it done already, may it be done, shall it be done.
// Whether it still may is asked again when it is done, see act.
func (r *run) step(ctx context.Context, step Step) error {
	kind := r.typeOf(step.Kind)
	if kind.Do == nil {
		return fmt.Errorf("a step of kind %q is not known", step.Kind)
	}
	r.near = kind.Near
	defer func() { r.near = false }()
	r.tell(Begins, "", step.Say)
	if !kind.changes() && len(kind.Needs) > 0 {
		if _, err := r.lookAgain(ctx, kind.Seen); err != nil {
			return err
		}
		if _, refused, err := r.calm(ctx, step, kind); err != nil {
			return err
		} else if refused != nil {
			return r.refuse(step.Say, *refused)
		}
	}
	if kind.Asks {
		if done, err := r.already(r.latest, step, kind); done {
			return err
		}
		answers, refused, err := r.calm(ctx, step, kind)
		if err != nil {
			return err
		}
		if refused != nil {
			return r.refuse(step.Say, *refused)
		}
		if err := r.ask(ctx, step, answers); err != nil {
			return err
		}
	}
	return r.do(ctx, step, kind)
}

// already records a step that need not be done. What this run began and was
// killed in counts as done by it.
func (r *run) already(l look, step Step, kind StepType) (bool, error) {
	answer, why := kind.Confirm(l.subject, step) // all that asks has one
	if !answer.Is() {
		return false, nil
	}
	outcome := journal.Already
	if r.intended[r.n] {
		outcome = journal.Done
		r.noteChange(step, kind, outcome)
	}
	r.remember(l, step)
	err := r.write(journal.Record{
		What: journal.WhatAfter, Step: r.n, StepKind: step.Kind, Object: r.stepObject(step), Outcome: outcome, Note: why,
		Until: r.until, Within: r.within, UntilHere: r.untilHere,
	})
	r.tell(Ended, outcome, why)
	return true, err
}

// stepObject is what the journal says a step is about.
func (r *run) stepObject(step Step) *journal.Object {
	o := r.object()
	o.Host, o.Machine = step.HostObject, step.Member
	if step.ArrayID != "" {
		o.ArrayID = step.ArrayID
	}
	return o
}

// patience are the pauses between looks after a step whose answer was bad:
// what was lost on the way may still arrive.
var patience = []time.Duration{0, time.Second, 5 * time.Second}

// do does a step between two records. A Ctrl-C waits until the second one is
// written.
func (r *run) do(ctx context.Context, step Step, kind StepType) error {
	before, err := marshal(r.stateNow(step))
	if err != nil {
		return err
	}
	record := journal.Record{What: journal.WhatBefore, Step: r.n, StepKind: step.Kind, Object: r.stepObject(step), State: before}
	if kind.Gated {
		record.Waived = r.latest.waived()
	}
	if err := r.write(record); err != nil {
		return err
	}
	begun := r.intended[r.n] // by an earlier process, which was interrupted
	if kind.Undo != UndoNothing {
		r.intended[r.n] = true
	}
	failed := r.act(ctx, step, kind)
	if untried := (*untriedError)(nil); errors.As(failed, &untried) {
		return r.untried(step, kind, begun, untried.err)
	}
	record.What, record.RequestID, record.Waived = journal.WhatAfter, r.requestID(step), nil
	outcome, note := r.decide(context.WithoutCancel(ctx), step, kind, failed)
	record.Outcome, record.Note, record.Until, record.Within, record.UntilHere = outcome, note, r.until, r.within, r.untilHere
	if failed != nil {
		record.Error = failed.Error()
	}
	record.State, err = marshal(r.stateNow(step))
	if err != nil {
		return err
	}
	switch outcome {
	case journal.Failed:
		delete(r.intended, r.n)
	default:
		r.noteChange(step, kind, outcome)
	}
	err = r.write(record)
	r.tell(Ended, outcome, note)
	if err != nil {
		return err
	}
	var gate *refusal
	switch {
	case outcome == journal.Done:
		return nil
	case errors.As(failed, &gate):
		return r.refuse(step.Say, gate.gate)
	case errors.Is(failed, release.ErrRefused) && !errors.Is(failed, release.ErrHalfway):
		return errors.Join(r.refuse(step.Say, diagnose.GateResult{Gate: "devices", Result: diagnose.Fail, Why: failed.Error()}), failed)
	case failed == nil:
		failed = errors.New(note)
	}
	return &FailedError{Step: step.Say, Unclear: outcome == journal.Unclear, Err: failed}
}

// untried records a step that the last look did not permit, or had no need of.
// One that was begun before may still be done.
func (r *run) untried(step Step, kind StepType, begun bool, why error) error {
	if !begun {
		delete(r.intended, r.n)
	}
	if already := (*alreadyError)(nil); errors.As(why, &already) {
		_, err := r.already(r.latest, step, kind)
		return err
	}
	record := journal.Record{
		What: journal.WhatAfter, Step: r.n, StepKind: step.Kind, Object: r.stepObject(step), Outcome: journal.Failed,
		Note: "it was not tried", Error: why.Error(),
	}
	if begun {
		record.Outcome = journal.Unclear
	}
	err := r.write(record)
	gate, told := (*refusal)(nil), record.Outcome
	if errors.As(why, &gate) && !begun {
		told = journal.Refused
	}
	r.tell(Ended, told, record.Note)
	if err != nil {
		return err
	}
	if gate != nil {
		return r.refuse(step.Say, gate.gate)
	}
	return why
}

// decide says what became of a step. An answer, good or bad, proves nothing:
// a look does.
func (r *run) decide(ctx context.Context, step Step, kind StepType, failed error) (journal.Outcome, string) {
	if kind.Confirm == nil {
		if failed != nil {
			return journal.Failed, failed.Error()
		}
		return journal.Done, r.said
	}
	answer, why := evidence.Unknown, "it could not be looked at"
	for _, pause := range patience {
		if pause > 0 && r.t.Sleep(ctx, pause) != nil {
			break
		}
		l, err := r.lookAgain(ctx, kind.Seen)
		if err != nil {
			why = err.Error()
			continue
		}
		if answer, why = kind.Confirm(l.subject, step); answer.Is() {
			r.latest.cut = step.Kind == StepDisconnect
			r.remember(l, step)
			break
		}
		if kind.Final {
			break // it has waited itself
		}
	}
	switch {
	case answer.Is() && (failed == nil || !kind.Final):
		return journal.Done, why
	case failed != nil && kind.Final:
		return journal.Failed, why
	case answer.IsNot() && failed != nil && r.t.Lost(failed):
		return journal.Unclear, "the answer was lost, and it is not so yet: " + why
	case answer.IsNot():
		return journal.Failed, "it was tried, and it is not so: " + why
	default:
		return journal.Unclear, why
	}
}

// remember keeps until when an undo is possible.
func (r *run) remember(l look, step Step) {
	if step.Kind != StepDestroy && step.Kind != StepDestroySnapshot || l.array == nil || l.array.Clock.IsZero() {
		return
	}
	remaining := time.Duration(0)
	switch {
	case l.volume != nil:
		remaining = l.volume.Remaining
	case l.snapshot != nil:
		remaining = l.snapshot.Remaining
	}
	if remaining > 0 {
		r.keep(l.array, remaining)
	}
}

// keep keeps when a timer of the array runs out: by its clock, by which it is
// told from another timer later, and for people.
func (r *run) keep(a *evidence.Array, remaining time.Duration) {
	r.until, r.within, r.untilHere = a.Clock.Add(remaining).UTC(), clockBehind(a), time.Time{}
	if deadline := a.Deadline(remaining); !deadline.Equal(r.until) {
		r.untilHere = deadline
	}
}

// deadline is what people are told.
func (r *run) deadline() time.Time {
	if r.untilHere.IsZero() {
		return r.until
	}
	return r.untilHere
}

// clockBehind is by how much a time may be too early that was reckoned from an
// array's clock and a volume's remaining time: the clock is the earliest that
// was heard in the reading, in whole seconds cut off, and the volume's row may
// have come at its end.
func clockBehind(a *evidence.Array) time.Duration { return time.Second + max(a.Took(), 0) }

// noteChange keeps what was changed, for the last words, once. What is rolled
// back by itself is told when it is not.
func (r *run) noteChange(step Step, kind StepType, outcome journal.Outcome) {
	if kind.Undo == UndoNothing || kind.Undo == UndoRollback || step.Kind == StepClear {
		return
	}
	r.changed = true
	done, perhaps := "done: "+step.Say, "may be done: "+step.Say
	r.state = slices.DeleteFunc(r.state, func(said string) bool { return said == done || said == perhaps })
	if outcome == journal.Unclear {
		done = perhaps
	}
	r.state = append(r.state, done)
}

// requestID is the last request's, for steps that send one.
func (r *run) requestID(step Step) string {
	if writer := r.at(step); writer != nil && r.typeOf(step.Kind).Array {
		return writer.LastRequestID()
	}
	return ""
}

// id names the run; empty before its journal is opened.
func (r *run) id() string {
	if r.journal == nil {
		return ""
	}
	return r.journal.ID
}

// policy judges what the run may come to. In a large pool the gates of all else
// are most of the work.
func (r *run) policy() diagnose.Policy {
	p := r.t.Policy
	p.Only = r.concerns
	return p
}

func (r *run) concerns(f *diagnose.Finding) bool {
	return (r.plan.ID != "" && f.VolumeID == r.plan.ID) || (r.plan.Serial != "" && f.Serial == r.plan.Serial) || f.Object == r.plan.Object
}

// look reads all that there is about the object of the plan anew, together with
// those that want to look, too.
func (r *run) look(ctx context.Context) (look, error) { return r.lookAgain(ctx, evidence.AnewAll) }

// lookAgain reads a part of that anew.
func (r *run) lookAgain(ctx context.Context, anew evidence.Anew) (look, error) {
	return r.lookAs(ctx, seer{run: r, anew: anew, near: r.near})
}

func (r *run) lookAs(ctx context.Context, s seer) (look, error) {
	if r.t.turn == nil {
		return r.lookAt(r.t.see(ctx, s))
	}
	return r.lookAt(r.t.turn.look(ctx, s))
}

// lookAlone looks for this run, now, whoever else waits to look.
func (r *run) lookAlone(ctx context.Context) (look, error) {
	return r.lookAt(r.t.see(ctx, seer{run: r, near: r.near}))
}

// lookLast looks for this run, now, right before its request. In a wave all have
// looked at all of their volumes a moment ago. While that is fresh, what the array
// counts and what was done before is not asked once more.
func (r *run) lookLast(ctx context.Context) (look, error) {
	inWave := r.t.turn.others() > 0
	if inWave && r.age(r.whole) != "" {
		if l, err := r.lookAs(ctx, seer{run: r, near: r.near, ahead: true}); err != nil {
			return l, err
		}
	}
	if !inWave || r.age(r.whole) != "" {
		return r.lookAlone(ctx)
	}
	return r.lookAt(r.t.see(ctx, seer{run: r, anew: evidence.AnewNow, near: r.near}))
}

func (r *run) lookAt(s sight, err error) (look, error) {
	if err != nil {
		return look{}, err
	}
	l := look{subject: find(s.world, r.plan.ArrayID, r.plan.ID, r.plan.Serial), reading: s.reading, anew: s.anew}
	l.fences = s.fences
	l.found = sync.OnceValue(func() *diagnose.Finding { return r.find(s.report()) })
	switch l.anew {
	case evidence.AnewAll:
		r.whole = l.reading
	case evidence.AnewNow:
		l.rest = r.whole
	}
	r.latest = l
	r.count(l)
	return l, r.encrypted(s.world)
}

// about is what a look of the run has to be about. Of what is no volume on an
// array everything is asked.
func (r *run) about(anew evidence.Anew, near bool) evidence.Scope {
	if r.plan.ID == "" {
		return evidence.Scope{}
	}
	sought := []string{r.plan.ID}
	if !slices.Contains(ofVolumes, r.plan.Class) {
		return evidence.Scope{Sought: sought}
	}
	scope := evidence.Scope{ArrayID: r.plan.ArrayID, Volumes: []string{r.plan.ID}, Anew: anew, Past: r.ours.run != "" || r.plan.Class == diagnose.ClassDisconnect, Near: near, Sought: sought}
	for _, step := range r.plan.Steps {
		if near && step.Member != "" {
			scope.Members = append(scope.Members, step.Member)
		}
	}
	return scope
}

func (r *run) ask(ctx context.Context, step Step, answers []diagnose.GateResult) error {
	q := Question{Plan: r.plan, Step: step, N: r.n, Of: len(r.plan.Steps), Gates: answers}
	undo := r.typeOf(step.Kind).Undo
	q.Undoable = undo == UndoReconnect || undo == UndoRollback
	if a := r.latest.array; undo == UndoRecover && a != nil && !a.Clock.IsZero() && a.EradicationDelay > 0 {
		q.Until = a.Deadline(a.EradicationDelay)
	}
	if r.t.Ask == nil {
		return &DeclinedError{Step: step.Say, Reply: No}
	}
	for {
		reply, err := r.t.Ask(ctx, q)
		switch {
		case err != nil:
			return err
		case reply == More && !q.More:
			q.More = true
		case reply == Yes:
			return nil
		default:
			return &DeclinedError{Step: step.Say, Reply: reply}
		}
	}
}

func (r *run) refuse(step string, gate diagnose.GateResult) error {
	e := &RefusedError{Gate: gate.Gate, Result: gate.Result, Why: gate.Why, Hint: gate.Mend, Step: step, Object: r.plan.Object}
	switch gate.Gate {
	case needFresh:
		e.Hint = slowestOf(r.latest.world)
	case needTyped:
		e.Hint = "give its name again, with --confirm " + words.Shell(r.plan.Object)
	case needSame:
		if gate.Result != diagnose.Fail {
			break
		}
		// By that name explain tells of another one, or of nothing.
		e.Hint = "pureclean verify --volume " + words.Shell(r.plan.Object) + " says what there is under its name"
	case needEncrypted:
		e.Hint = "use https:// as the pool's pure.gateway"
	}
	if other := r.interrupted(); other.ID != "" && gate.Gate != needStood {
		e.Hint = "run " + other.ID + " of the same object was interrupted: pureclean runs --resume " + other.ID + other.Said.ToResume()
	}
	return e
}

// interrupted is another run of the same object that did not end.
func (r *run) interrupted() journal.Summary {
	runs, err := r.t.Journal.List()
	if err != nil {
		return journal.Summary{}
	}
	for _, other := range runs {
		if other.State == journal.Interrupted && (r.journal == nil || other.ID != r.journal.ID) &&
			other.Object.ID == r.plan.ID && other.Object.ID != "" {
			return other
		}
	}
	return journal.Summary{}
}

// finish takes back what must not stay, and writes the last record.
func (r *run) finish(ctx context.Context, failed error) (Result, error) {
	if failed != nil {
		failed = errors.Join(failed, r.takeBack(context.WithoutCancel(ctx)))
	}
	result := Result{Run: r.journal.ID, Outcome: journal.Done, Changed: r.changed, Until: r.deadline(), Done: r.done, Of: len(r.plan.Steps)}
	end := journal.Record{What: journal.WhatEnd, Until: r.until, UntilHere: r.untilHere}
	var refused *RefusedError
	var declined *DeclinedError
	var broken *FailedError
	switch {
	case failed == nil:
	case errors.As(failed, &broken):
		result.Outcome, result.Step, result.Why = journal.Failed, broken.Step, broken.Error()
	case errors.As(failed, &refused):
		result.Outcome, result.Gate, result.Why, result.Step = journal.Refused, refused.Gate, refused.Why, refused.Step
	case errors.As(failed, &declined):
		result.Outcome, result.Why, result.Step = journal.Declined, declined.Error(), declined.Step
		result.Quit = declined.Reply == Quit
	default:
		result.Outcome, result.Why = journal.Failed, failed.Error()
	}
	if failed != nil && (r.changed || len(r.intended) > 0 || len(r.released) > 0) && result.Outcome != journal.Done {
		// It is not as it was: the run can be resumed or undone.
		result.Changed = true
		end.Outcome = journal.Failed
	} else {
		end.Outcome = result.Outcome
		if result.Outcome == journal.Failed {
			end.Outcome = journal.Refused // nothing stayed changed
		}
		if errors.Is(failed, context.Canceled) && end.Outcome == journal.Refused {
			end.Outcome = journal.Declined // by whoever ended it
		}
	}
	if result.Changed && failed != nil {
		result.Stands = r.stands(broken != nil && broken.Unclear)
	}
	result.State = r.state
	end.Gate, end.Note = result.Gate, strings.Join(r.state, "; ")
	if failed != nil {
		end.Error = failed.Error()
	} else if r.gone {
		end.Gate = endGone
	}
	if err := r.write(end); err != nil && !errors.Is(failed, journal.ErrUnwritable) {
		failed = errors.Join(failed, err)
	}
	result.Undo = r.promise()
	result.Said = journal.Said{
		HostsDown:         r.t.Policy.Down,
		DatabaseIsCurrent: r.t.Policy.DatabaseIsCurrent && !r.t.Policy.Batch, EvenIfRecovered: r.t.Policy.EvenIfRecovered && !r.t.Policy.Batch,
	}
	r.tell(Over, "", "")
	return result, failed
}

func (r *run) write(record journal.Record) error { return r.t.record(r.journal, record) }

func (r *run) tell(phase Phase, outcome journal.Outcome, text string) {
	e := Event{Phase: phase, N: r.n, Of: len(r.plan.Steps), Outcome: outcome, Text: text}
	if r.journal != nil {
		e.Run = r.journal.ID
	}
	if r.n > 0 && r.n <= len(r.plan.Steps) {
		e.Step = r.plan.Steps[r.n-1]
	}
	r.t.Report(e)
}

func marshal(v any) (json.RawMessage, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("for the journal: %w", err)
	}
	return text, nil
}
