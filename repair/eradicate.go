package repair

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

// What Eradicate refuses with.
var (
	// ErrNotConfirmed: the name that was typed is not the object's full name.
	ErrNotConfirmed = errors.New("the name that was typed is not the full name")
	// ErrNotOurs: no run in the journal destroyed it.
	ErrNotOurs = errors.New("no run of pureclean in this journal destroyed it")
	// ErrSnapshot: it goes with its volume, or by the array's own timer.
	ErrSnapshot = errors.New("only volumes are eradicated")
)

const (
	needPending   = "pending-eradication"
	stepEradicate = "eradicate"
)

// Eradicate gives the space of a destroyed volume back at once and for ever.
// It touches only what a run in the journal destroyed, while it still is that
// volume, still destroyed and still without a record, and only when its full
// name was typed. On an array that lets nobody eradicate (SafeMode) it
// succeeds and says when the space returns.
func (t Tools) Eradicate(ctx context.Context, object, typed string) (Result, error) {
	t = t.withDefaults()
	if object == "" || typed != object {
		return Result{}, fmt.Errorf("%q is not %q: %w", typed, object, ErrNotConfirmed)
	}
	ours, err := t.destroyer(object)
	if err != nil {
		return Result{}, t.ofSnapshot(object, err)
	}
	plan := ours.plan
	plan.Steps = []Step{{Kind: stepEradicate, Say: "eradicate " + object, Manual: []string{"purevol eradicate " + words.Shell(object)}}}
	r := t.newRun(plan)
	r.types, r.ours = eradicateSteps, ours
	begin, err := r.begin(journal.KindEradicate, ours.run)
	if err != nil {
		return Result{}, err
	}
	if r.journal, err = t.Journal.Create(begin, t.Now); err != nil {
		return Result{}, err
	}
	defer r.journal.Close() // all records are synced
	l, err := r.look(ctx)
	if err != nil {
		return r.finish(ctx, err)
	}
	if l.volume != nil && l.array.ManualEradication == "all-disabled" {
		// Nobody may; the space returns by itself.
		r.keep(l.array, l.volume.Remaining)
		r.state = append(r.state, "the array lets nobody eradicate (SafeMode); the space returns at "+stamp(r.deadline()))
		return r.finish(ctx, nil)
	}
	if gone, _ := confirmEradicated(l.subject, plan.Steps[0]); gone.Is() {
		if gate := r.goneForGood(l.subject); gate.Result != diagnose.Pass {
			return r.finish(ctx, r.refuse(plan.Steps[0].Say, gate))
		}
	}
	return r.finish(ctx, r.steps(ctx))
}

// ofSnapshot says of a snapshot when its space returns instead.
func (t Tools) ofSnapshot(object string, err error) error {
	volume, _, snapshot := strings.Cut(object, ".")
	if !snapshot || !errors.Is(err, ErrNotOurs) {
		return err
	}
	if own, err := t.destroyer(volume); err == nil {
		return fmt.Errorf("%s: %w: with %s, which run %s destroyed, go its snapshots", object, ErrSnapshot, volume, own.run)
	}
	runs, err := t.Journal.List()
	for _, s := range runs {
		if s.Kind == journal.KindFix && s.Object.Name == object && s.State == journal.Finished && !s.Until.IsZero() {
			return fmt.Errorf("%s: %w: run %s destroyed this snapshot, and its space returns at %s", object, ErrSnapshot, s.ID, stamp(s.Until))
		}
	}
	return errors.Join(fmt.Errorf("%s: %w, and %w", object, ErrSnapshot, ErrNotOurs), err)
}

// goneForGood says of what its array does not have any more whether it may be
// called eradicated: nothing else has its name, and it has not left with its pod.
func (r *run) goneForGood(s subject) diagnose.GateResult {
	gate := diagnose.GateResult{Gate: needSame, Result: diagnose.Pass}
	if other := s.namesake(r.plan.Object); other != "" {
		gate.Result, gate.Why = diagnose.Fail, "what run "+r.ours.run+" destroyed is gone, and "+other
	} else if why := s.wentAway(r.plan); why != "" {
		gate.Result, gate.Why = diagnose.Uncertain, why
	}
	return gate
}

// destruction is what a run in the journal says of the one that it made.
type destruction struct {
	plan Plan
	run  string
	// until is when the array forgets what was destroyed, by its own clock,
	// within is by how much that may be too early.
	until  time.Time
	within time.Duration
	// keeping is what that end depends on, as the run saw it; nil where it did not.
	keeping *keeping
	// written is what had been written to it by then.
	written evidence.Count
	// from and to are when it can have been carried out, by this machine's clock.
	from, to time.Time
}

// recoveredError is what a run destroyed and a later one recovered: it is nobody's
// to end any more, whatever has become of it since.
type recoveredError struct{ object, run, undo string }

func (e *recoveredError) Error() string {
	return fmt.Sprintf("%s: run %s destroyed it, and run %s recovered it", e.object, e.run, e.undo)
}

func (e *recoveredError) Unwrap() error { return ErrNotOurs }

// recovered is the last run that was taken back of those that destroyed an object;
// nil where there is none.
func recovered(runs []journal.Summary, object string) error {
	for _, undo := range runs { // the newest first
		if undo.Kind != journal.KindUndo || undo.State != journal.Finished {
			continue
		}
		for _, s := range runs {
			if s.ID == undo.Of && s.State == journal.Undone && s.Object.Name == object && !s.Object.Snapshot && !s.Until.IsZero() {
				return &recoveredError{object, s.ID, undo.ID}
			}
		}
	}
	return nil
}

// destroyer finds the run that destroyed a volume, for certain.
func (t Tools) destroyer(object string) (destruction, error) {
	runs, err := t.Journal.List()
	if err != nil {
		return destruction{}, err
	}
	unread := ""
	for _, s := range runs {
		if s.Kind != journal.KindFix || s.Object.Name != object || s.Object.Snapshot || s.State == journal.Undone {
			continue
		}
		history, err := t.Journal.Read(s.ID)
		if err != nil {
			unread = ", as far as can be read: the journal of run " + s.ID + " is damaged"
			continue // which proves nothing
		}
		r, _, err := t.restored(history)
		if err != nil {
			continue
		}
		if asked, record := destroyedBy(history); record != nil {
			var after state
			if json.Unmarshal(record.State, &after) != nil {
				after = state{} // which says nothing
			}
			return destruction{
				plan: r.plan, run: s.ID, until: record.Until, within: record.Within, keeping: after.Keeping, written: after.Written,
				from: asked.Time.Add(-clockSlack), to: record.Time.Add(clockSlack),
			}, nil
		}
	}
	if unread != "" {
		return destruction{}, fmt.Errorf("%s: %v%s", object, ErrNotOurs, unread) // which is no refusal: it is not known
	}
	if err := recovered(runs, object); err != nil {
		return destruction{}, err
	}
	return destruction{}, fmt.Errorf("%s: %w", object, ErrNotOurs)
}

// destroyedBy are the records of a destruction that is certainly the run's own,
// before it and after it: one process asked for it, got a good answer, and saw it
// done. What another process found done after a kill, or after an answer that was
// lost, may be anybody's.
func destroyedBy(history journal.History) (asked, done *journal.Record) {
	for record := range evidence.Refs(history.Records) {
		switch {
		case record.What == journal.WhatResume:
			asked = nil
		case record.StepKind != StepDestroy:
		case record.What == journal.WhatBefore:
			asked = record
		case record.What == journal.WhatAfter && asked != nil && record.Outcome == journal.Done && record.Error == "":
			return asked, record
		}
	}
	return nil, nil
}

var eradicateSteps = []StepType{{
	Kind: stepEradicate, Title: "eradicate", Asks: true, Array: true, Undo: UndoNever,
	Needs:   []string{needSame, needPending},
	Do:      doEradicate,
	Confirm: confirmEradicated,
}}

// doEradicate asks the array once more whose destruction it is, right before the
// request: what the gates rest on was read before LXD and the hosts were, which
// takes seconds, and what somebody recovers and destroys in them is theirs.
func doEradicate(ctx context.Context, r *run, s Step) error {
	l, err := r.lookAt(r.t.see(ctx, seer{run: r, anew: evidence.AnewArray})) // now, and for this run alone
	if err != nil {
		return &untriedError{err}
	}
	result, why := diagnose.Uncertain, "the array does not list it"
	switch {
	case l.volume == nil:
	case !l.volume.Destroyed.Is():
		result, why = diagnose.Fail, "it is not destroyed"
	default:
		result, why = r.ours.isThis(l.array, l.volume)
	}
	if result != diagnose.Pass {
		return &untriedError{&refusal{diagnose.GateResult{Gate: needPending, Result: result, Why: why}}}
	}
	return r.at(s).Eradicate(ctx, r.plan.ID)
}

func confirmEradicated(s subject, _ Step) (evidence.Answer, string) {
	switch other, why := s.outside(); {
	case s.volume != nil && s.array.Trouble == "":
		return evidence.No, "the array still has it"
	case other != nil:
		return evidence.No, "the array still has it, as " + other.Name
	case why != "":
		return evidence.Unknown, why
	}
	return evidence.Yes, "it is no longer on the array"
}

// isThis says whether what the array keeps is what that run destroyed. Whoever
// recovers a volume and destroys it again gives it a time of its own, and leaves
// two rows in the array's audit trail. That time ends later while the array keeps
// things for as long as it did, by the clock that it had; where either is another
// now, an end says nothing. Where the array shows us no trail, what can't be told
// apart is one that was recovered and destroyed again, unwritten and without a
// snapshot, within the seconds for which the times are not known: the two readings
// that they were reckoned from.
func (d destruction) isThis(a *evidence.Array, v *evidence.Volume) (diagnose.Result, string) {
	switch {
	case d.until.IsZero():
		return diagnose.Uncertain, "run " + d.run + " does not say until when the array keeps it"
	case a.Clock.IsZero() || v.Remaining <= 0:
		return diagnose.Uncertain, "the array does not say until when it keeps it"
	}
	for _, ask := range []func(*evidence.Array, *evidence.Volume) (diagnose.Result, string){d.endsAsOurs, d.keptAlike, d.untouched} {
		if result, why := ask(a, v); result != diagnose.Pass {
			return result, why
		}
	}
	for i := range a.Trails {
		if t := &a.Trails[i]; t.VolumeID == v.ID || t.VolumeID == "" {
			if result, why := d.isLast(t, a.Skew(a.Clock)); result != diagnose.Pass {
				return result, why
			}
		}
	}
	return diagnose.Pass, "it is what run " + d.run + " destroyed"
}

// ownEnd is the time at which the array forgets it whatever is refused here.
const ownEnd = "; its space returns by itself"

// endsAsOurs holds both ends against each other. Each may be too early by what
// its own reading took.
func (d destruction) endsAsOurs(a *evidence.Array, v *evidence.Volume) (diagnose.Result, string) {
	until := a.Clock.Add(v.Remaining)
	both := fmt.Sprintf("the array keeps it until %s, and what run %s destroyed until %s", stamp(until), d.run, stamp(d.until))
	switch {
	case until.After(d.until.Add(max(d.within, time.Second))):
		return diagnose.Fail, both + ": somebody has recovered it and destroyed it again"
	case until.Add(clockBehind(a)).Before(d.until):
		return diagnose.Uncertain, both + ": the array counts otherwise now, or somebody has recovered it and destroyed it again" + ownEnd
	}
	return diagnose.Pass, ""
}

// keptAlike says whether an end can be held against that of then at all.
func (d destruction) keptAlike(a *evidence.Array, _ *evidence.Volume) (diagnose.Result, string) {
	now := keepingOf(a)
	switch {
	case d.keeping == nil:
		return diagnose.Uncertain, "run " + d.run + " does not say for how long the array kept what is destroyed, so its end does not tell whose destruction it is" + ownEnd
	case now == nil:
		return diagnose.Uncertain, "the array does not say for how long it keeps what is destroyed"
	case now.Delay != d.keeping.Delay:
		return diagnose.Uncertain, fmt.Sprintf("the array keeps what is destroyed for %s now, and for %s when run %s destroyed it, so its end does not tell whose destruction it is%s",
			words.Span(now.Delay), words.Span(d.keeping.Delay), d.run, ownEnd)
	case (now.Ahead - d.keeping.Ahead).Abs() > d.within+clockBehind(a)+clockSlack:
		return diagnose.Uncertain, fmt.Sprintf("the clocks of the array and of this machine stand otherwise to each other than when run %s destroyed it, by %s, so its end does not tell whose destruction it is%s",
			d.run, words.Span((now.Ahead - d.keeping.Ahead).Abs()), ownEnd)
	}
	return diagnose.Pass, ""
}

// untouched says whether the array shows that it was used since: something was
// written to it, or it has a snapshot that is younger.
func (d destruction) untouched(a *evidence.Array, v *evidence.Volume) (diagnose.Result, string) {
	switch {
	case d.written.Known != v.Written.Known:
		return diagnose.Uncertain, "the array does not say how much was written to it, now and when run " + d.run + " destroyed it, so what was written since is not known"
	case d.written.Known && v.Written.N > d.written.N:
		return diagnose.Fail, fmt.Sprintf("%s were written to it since run %s destroyed it, so somebody has recovered it", words.Size(v.Written.N-d.written.N), d.run)
	}
	destroyed := d.until.Add(-d.keeping.Delay) // keptAlike was asked before
	for _, snap := range a.Snapshots.Items {
		switch {
		case snap.SourceID != v.ID:
		case snap.Created.IsZero():
			return diagnose.Uncertain, "the array does not say when the snapshot " + snap.Name + " was made, so it may be younger than its destruction"
		case snap.Created.After(destroyed.Add(d.within)):
			return diagnose.Fail, fmt.Sprintf("its snapshot %s was made at %s, after run %s destroyed it, so somebody has recovered it", snap.Name, stamp(snap.Created), d.run)
		}
	}
	return diagnose.Pass, ""
}

// isLast says whether that destruction is the last that the audit trail tells of
// the volume. Which of two is the run's is told by the journal's times alone, so
// it is the earlier, and whatever has no time of its own came after it. ahead is
// by how much the array's clock is ahead of ours.
func (d destruction) isLast(t *evidence.Trail, ahead time.Duration) (diagnose.Result, string) {
	if why := t.Deeds.Why(); why != "" {
		return diagnose.Uncertain, "the array's audit trail of it could not be read in full: " + why
	}
	if t.VolumeID == "" {
		return diagnose.Uncertain, "there is an audit trail that does not say of which volume it tells"
	}
	own := slices.IndexFunc(t.Deeds.Items, func(x evidence.Deed) bool {
		here := x.At.Add(-ahead)
		return x.Verb == evidence.DeedDestroy && !here.Before(d.from) && !here.After(d.to)
	})
	if own < 0 {
		return diagnose.Uncertain, "the array's audit trail does not have what run " + d.run + " did, so it may lack other things"
	}
	for i, x := range t.Deeds.Items {
		if i == own || x.Verb == evidence.DeedEradicate || (!x.At.IsZero() && x.At.Before(t.Deeds.Items[own].At)) {
			continue
		}
		return diagnose.Fail, fmt.Sprintf("after run %s destroyed it, the array's audit trail has %q by %s at %s: somebody else has changed it since",
			d.run, cmp.Or(x.Verb, evidence.DeedOther), cmp.Or(x.User, "somebody"), stamp(x.At))
	}
	return diagnose.Pass, ""
}

// lostWith is LXD's record of what is gone for ever with a volume: the volume
// itself, a snapshot of it, or a snapshot of which it is LXD's temporary copy,
// where the snapshot itself is not there.
func (s subject) lostWith() *evidence.Record {
	recorded := map[evidence.UUID]*evidence.Record{}
	for record := range evidence.Refs(s.world.LXD.Records.Items) {
		recorded[record.UUID] = record
	}
	lost := recorded[s.volume.LXD.UUID]
	for _, snap := range s.array.Snapshots.Items {
		switch {
		case snap.LXD.UUID.IsZero():
		case snap.SourceID == s.volume.ID && recorded[snap.LXD.UUID] != nil:
			return recorded[snap.LXD.UUID]
		case snap.LXD == s.volume.LXD && strings.EqualFold(snap.Pod, s.volume.Pod) && snap.Destroyed.IsNot():
			lost = nil // the copy has its original
		}
	}
	return lost
}

// isPending: what is eradicated never comes back, so every doubt counts.
func isPending(r *run, s subject, _ Step) (diagnose.Result, string) {
	switch {
	case s.array == nil || s.volume == nil:
		return diagnose.Uncertain, "the array does not list it"
	case !s.volume.Destroyed.Is():
		return diagnose.Fail, "it is not destroyed"
	case len(s.rows) > 0:
		return diagnose.Fail, "it is connected"
	case s.unreadCopies() != "":
		return diagnose.Uncertain, s.unreadCopies()
	case liveElsewhere(s) != "":
		return diagnose.Uncertain, "it is not destroyed on " + liveElsewhere(s)
	case !s.volume.LXD.IsLXD() || s.volume.LXD.UUID.IsZero():
		return diagnose.Fail, "its name is not LXD's"
	case !s.world.LXD.SeesAll.Is():
		return diagnose.Uncertain, "LXD may hide records from us"
	}
	for _, why := range []string{s.array.Volumes.Why(), s.array.Connections.Why(), s.array.Snapshots.Why(), s.world.LXD.Records.Why(), s.world.LXD.Operations.Why()} {
		if why != "" {
			return diagnose.Uncertain, why
		}
	}
	if result, why := r.ours.isThis(s.array, s.volume); result != diagnose.Pass {
		return result, why
	}
	if record := s.lostWith(); record != nil {
		return diagnose.Fail, "LXD has a record of what would be lost with it: " + record.Name
	}
	report := r.t.judge(*s.world, r.policy())
	for _, f := range report.Findings {
		if f.VolumeID == r.plan.ID && f.Code == needPending {
			return diagnose.Pass, f.Detail
		}
	}
	return diagnose.Fail, "it is not found as pending eradication"
}
