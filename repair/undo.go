package repair

import (
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

// The kinds of steps of an undo.
const (
	StepRecover         = "recover"
	StepRecoverSnapshot = "recover-snapshot"
	StepReconnect       = "reconnect"
)

// ErrNothingToUndo is a run that changed nothing that could be taken back.
var ErrNothingToUndo = errors.New("there is nothing to undo")

// laterFirstError is a run before which another has to be undone: there is
// something to undo, but not yet.
type laterFirstError struct{ why string }

func (e *laterFirstError) Error() string { return e.why }

func (e *laterFirstError) Unwrap() error { return ErrNothingToUndo }

const (
	needHostObject = "host-object"
	needLive       = "live"
	needUndoable   = "undoable"
	needNobodys    = "nobody-elses"
	needNumber     = "no-dead-path"
)

// undoSteps is the table of the steps that take others back.
var undoSteps = []StepType{
	{
		Kind: StepRecover, Title: "recover the volume", Asks: true, Array: true, Undo: UndoFix,
		Needs:   []string{needUndoable},
		Do:      func(ctx context.Context, r *run, s Step) error { return r.at(s).Recover(ctx, r.plan.ID) },
		Confirm: confirmRecovered,
		Say:     func(p Plan, _ Step) string { return "recover " + p.Object },
		Manual:  func(p Plan, _ Step) []string { return []string{"purevol recover " + words.Shell(p.Object)} },
	},
	{
		Kind: StepRecoverSnapshot, Title: "recover the snapshot", Asks: true, Array: true, Undo: UndoFix,
		Needs:   []string{needUndoable},
		Do:      func(ctx context.Context, r *run, s Step) error { return r.at(s).RecoverSnapshot(ctx, r.plan.ID) },
		Confirm: confirmRecovered,
		Say:     func(p Plan, _ Step) string { return "recover the snapshot " + p.Object },
		Manual:  func(p Plan, _ Step) []string { return []string{"purevol recover " + words.Shell(p.Object)} },
	},
	{
		Kind: StepReconnect, Title: "connect it again", Asks: true, Array: true, Undo: UndoFix,
		Needs: []string{needUndoable, needNumber},
		Do: func(ctx context.Context, r *run, s Step) error {
			return r.at(s).Connect(ctx, r.plan.Object, s.HostObject, r.latest.number(s))
		},
		Confirm: confirmConnected,
		Say: func(p Plan, s Step) string {
			return "connect " + p.Object + " to " + s.HostObject + s.on() + " again; its device comes back with the next scan there"
		},
		Manual: func(p Plan, s Step) []string {
			command := "purevol connect --host " + words.Shell(s.HostObject)
			if s.LUN != 0 {
				command += fmt.Sprintf(" --lun %d", s.LUN)
			}
			return s.there(command + " " + words.Shell(p.Object))
		},
	},
}

func confirmRecovered(s subject, step Step) (evidence.Answer, string) {
	answer, why := confirmDestroyed(s, step)
	if s.volume == nil && s.snapshot == nil {
		return evidence.No, why
	}
	switch {
	case answer.Is():
		return evidence.No, "it is destroyed"
	case answer.IsNot():
		return evidence.Yes, "it is live"
	}
	return answer, why
}

func confirmConnected(s subject, step Step) (evidence.Answer, string) {
	answer, why := confirmDisconnected(s, step)
	switch {
	case answer.Is():
		return evidence.No, why
	case answer.IsNot():
		return evidence.Yes, why
	}
	return answer, why
}

// Undo takes back what a run changed, as far as that is still possible:
// volumes are recovered, and connected to the hosts from which that run
// disconnected them. What is not possible is in the Result's State.
func (t Tools) Undo(ctx context.Context, id string) (Result, error) {
	t = t.withDefaults()
	if _, err := t.stateOf(id); err != nil {
		return Result{}, err
	}
	promises, err := Promises(t.Journal, time.Time{}) // whether it is too late only the array knows
	if err != nil {
		return Result{}, err
	}
	history, err := t.Journal.Read(id)
	if err != nil {
		return Result{}, err
	}
	old, kind, err := t.restored(history)
	if err != nil {
		return Result{}, err
	}
	lines := []string{}
	var steps []Step
	if kind == journal.KindFix {
		steps, lines = old.takenBack(history)
	}
	switch p := promises[id]; {
	case p.first != "":
		return Result{State: lines}, &laterFirstError{fmt.Sprintf("run %s: %s", id, p.Why)}
	case !p.Works:
		return Result{State: lines}, fmt.Errorf("run %s: %s: %w", id, p.Why, ErrNothingToUndo)
	}
	r := t.newRun(old.plan)
	r.types, r.plan.Steps, r.state, r.released, r.of = undoSteps, steps, lines, old.released, id
	r.say()
	begin, err := r.begin(journal.KindUndo, id)
	if err != nil {
		return Result{}, err
	}
	if r.journal, err = t.Journal.Create(begin, t.Now); err != nil {
		return Result{}, err
	}
	defer r.journal.Close() // all records are synced
	_, err = r.look(ctx)
	if err == nil {
		err = r.undoSteps(ctx)
	}
	return r.finish(ctx, err)
}

// takenBack are the steps that take a run back, and sentences on what can't
// be. A step counts as done if it was begun and not certainly failed: the
// world says whether there is anything to take back.
func (r *run) takenBack(history journal.History) (steps []Step, lines []string) {
	ours := map[int]bool{}
	before := map[int]state{}
	for _, record := range history.Records {
		switch {
		case record.What == journal.WhatBefore:
			ours[record.Step] = true
			var s state
			if json.Unmarshal(record.State, &s) == nil {
				before[record.Step] = s
			}
		case record.What == journal.WhatAfter && (record.Outcome == journal.Failed || record.Outcome == journal.Already):
			delete(ours, record.Step)
		}
	}
	var reconnects []Step
	for i, step := range r.plan.Steps {
		if !ours[i+1] {
			continue
		}
		switch back := step.back(before[i+1]); {
		case back.Kind == StepReconnect:
			reconnects = append(reconnects, back)
		case back.Kind != "":
			steps = append(steps, back)
		case step.Kind == StepRemoveStale || step.Kind == StepDeleteHost || step.Kind == StepEndWaiting:
			lines = append(lines, "stays so: "+step.Say)
		}
	}
	return append(steps, reconnects...), lines
}

// back is the step that takes one back, of which the state before is given; without
// a kind there is none. The initiators are kept where a step has room for them.
func (s Step) back(before state) Step {
	switch s.Kind {
	case StepDestroy:
		return Step{Kind: StepRecover}
	case StepDestroySnapshot:
		return Step{Kind: StepRecoverSnapshot}
	case StepDisconnect:
		return Step{
			Kind: StepReconnect, HostObject: s.HostObject, Member: s.Member, ArrayID: s.ArrayID, Array: s.Array, LUN: s.LUN, Devices: before.Initiators,
		}
	}
	return Step{}
}

// ByHand are the commands that take back a run of which nobody knows how far it
// came, because its journal is damaged: each step that it had planned. Of an undo
// they are those that it had to do itself.
func ByHand(history journal.History) []string {
	r, kind, err := Tools{}.restored(history)
	if err != nil {
		return nil
	}
	if kind == journal.KindFix {
		back := []Step{}
		for _, step := range slices.Backward(r.plan.Steps) {
			if s := step.back(state{}); s.Kind != "" {
				back = append(back, s)
			}
		}
		r.types, r.plan.Steps = undoSteps, back
		r.say()
	}
	var all []string
	for _, step := range r.plan.Steps {
		all = append(all, step.Manual...)
	}
	return all
}

// undoSteps does each step that is still possible.
func (r *run) undoSteps(ctx context.Context) error {
	if err := r.clearReleased(ctx); err != nil {
		return err
	}
	if len(r.plan.Steps) == 0 {
		return nil
	}
	defer r.closeWriters(ctx)
	if err := r.openFor(ctx, Step{}); err != nil { // without the volume's own array nothing is known of it
		return err
	}
	var all []error
	for i, step := range r.plan.Steps {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(all, err)...)
		}
		r.n, r.kind = i+1, step.Kind
		if gate, ok := r.undoable(step); !ok {
			word := "not possible: "
			if gate.Result == diagnose.Uncertain {
				word = "not done: "
			}
			r.state = append(r.state, word+step.Say+": "+gate.Why)
			all = append(all, r.refuse(step.Say, gate))
			continue
		}
		// Each array by itself: what one of them keeps until a time is recovered though another can't be reached.
		if err := r.openFor(ctx, step); err != nil {
			r.state = append(r.state, "not done: "+step.Say+": "+err.Error())
			all = append(all, &FailedError{Step: step.Say, Err: err})
			continue
		}
		if err := r.step(ctx, step); err != nil {
			return errors.Join(append(all, err)...)
		}
		r.done = i + 1
	}
	return errors.Join(all...)
}

// clearReleased deals with paths that the run left offline: where the array
// still connects, they run again; where it does not, they are deleted,
// because the next connection may have another LUN.
func (r *run) clearReleased(ctx context.Context) error {
	if len(r.released) == 0 {
		return nil
	}
	for member := range r.released {
		connected, why := r.connectedTo(r.latest.subject, member)
		switch {
		case connected.Is():
		case connected.IsNot():
			if err := doClear(context.WithoutCancel(ctx), r, Step{Member: member}); err != nil {
				return &FailedError{Step: "delete the paths on " + member, Err: err}
			}
		default:
			return r.refuse("undo", diagnose.GateResult{Gate: needReleased, Result: diagnose.Uncertain, Why: why})
		}
	}
	return r.takeBack(context.WithoutCancel(ctx))
}

func stillUndoable(r *run, _ subject, step Step) (diagnose.Result, string) {
	if gate, ok := r.undoable(step); !ok {
		return gate.Result, gate.Why
	}
	return diagnose.Pass, "it is the very object that the run changed"
}

// number is the LUN at which a volume is connected again: the one that it had,
// unless that is another volume's by now; 0 lets the array choose.
func (s subject) number(step Step) int64 {
	if at, _ := s.at(step); at == nil || luns(at, step.HostObject)[step.LUN] {
		return 0
	}
	return step.LUN
}

// luns are those at which an array shows volumes to one of its hosts.
func luns(a *evidence.Array, host string) map[int64]bool {
	taken := map[int64]bool{}
	for _, row := range a.Connections.Items {
		if strings.EqualFold(row.Host, host) && row.LUN != 0 {
			taken[row.LUN] = true
		}
	}
	return taken
}

// noDeadPath: a path of another volume that was cut off without being removed
// keeps its number. A volume that is connected at that number is what it leads to
// from then on: with its map, and what is mounted from it. Where the array chooses
// the number it may be any that is free.
func noDeadPath(_ *run, s subject, step Step) (diagnose.Result, string) {
	at, _ := s.at(step)
	if at == nil {
		return diagnose.Uncertain, "the array" + step.on() + " was not read"
	}
	if why := at.Connections.Why(); why != "" {
		return diagnose.Uncertain, "the connections of " + step.HostObject + " are not all known: " + why
	}
	to := connection{array: at, Connection: evidence.Connection{Host: step.HostObject}}
	if s.fenced(to) {
		return diagnose.Pass, "the machine is down, and has no paths"
	}
	object := evidence.Find(at.Hosts.Items, func(h *evidence.ArrayHost) bool { return strings.EqualFold(h.Name, step.HostObject) })
	if object != nil && len(object.IQNs)+len(object.WWNs) == 0 && len(object.NQNs) > 0 {
		return diagnose.Pass, "over NVMe nothing is known by a number that another may have had"
	}
	member := s.member(to)
	host := hostNamed(s.world, member)
	if host == nil {
		return diagnose.Uncertain, "no machine that was read has the initiators of " + step.HostObject + ", so its paths are not known"
	}
	if why := host.Disks.Why(); why != "" {
		return diagnose.Uncertain, "the paths of " + member + " are not all known: " + why
	}
	taken, number := luns(at, step.HostObject), s.number(step)
	for _, disk := range host.Disks.Items {
		lun, known := evidence.LUN(disk.HCTL)
		if disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial != "" || disk.Serial == s.serial || known && (taken[lun] || number != 0 && lun != number) {
			continue
		}
		return diagnose.Fail, disk.Name + " on " + member + " leads to no volume that is connected there, and would lead to this one at the same number; " +
			"have it removed or its volume connected again first, as pureclean explain " + disk.Name + " says"
	}
	return diagnose.Pass, "no path on " + member + " would become one to it"
}

// undoable says whether a step can still be taken back.
func (r *run) undoable(step Step) (diagnose.GateResult, bool) {
	s := r.latest.subject
	no := func(gate, why string) (diagnose.GateResult, bool) {
		return diagnose.GateResult{Gate: gate, Result: diagnose.Fail, Why: why}, false
	}
	here := s.volume != nil || s.snapshot != nil
	switch why := r.unread(r.latest); {
	case !here && why != "":
		return diagnose.GateResult{Gate: needSame, Result: diagnose.Uncertain, Why: why}, false
	case !here:
		switch other, why := s.outside(); {
		case other != nil:
			return no(needSame, "it is "+other.Name+" now, outside of LXD's pods: somebody else has taken it")
		case why != "":
			return diagnose.GateResult{Gate: needSame, Result: diagnose.Uncertain, Why: why}, false
		}
		return no(needSame, "the array does not have it any more: "+s.became(r.plan))
	case s.volume != nil && (s.volume.Serial != r.plan.Serial || s.volume.Name != r.plan.Object):
		return no(needSame, "it is now "+s.volume.Name+" with serial "+string(s.volume.Serial))
	case step.Kind != StepReconnect:
		return diagnose.GateResult{}, true
	case s.volume != nil && !s.volume.Destroyed.IsNot():
		return no(needLive, "it is destroyed, and not by this run alone: pureclean runs shows who else did; recover it first")
	}
	at, _ := s.at(step)
	if at == nil {
		return diagnose.GateResult{Gate: needHostObject, Result: diagnose.Uncertain, Why: "the array" + step.on() + " was not read"}, false
	}
	now := s.initiators(step)
	if now == nil && at.Hosts.Why() != "" {
		return diagnose.GateResult{Gate: needHostObject, Result: diagnose.Uncertain, Why: at.Hosts.Why()}, false
	}
	if now == nil {
		return no(needHostObject, "the array has no array host "+step.HostObject+" any more; LXD makes it again when it needs it")
	}
	if !slices.Equal(now, step.Devices) {
		return no(needHostObject, step.HostObject+" has other initiators now: "+strings.Join(now, ", "))
	}
	if result, why := r.nobodyElses(s); result != diagnose.Pass {
		return diagnose.GateResult{Gate: needNobodys, Result: result, Why: why, Mend: "what is in use is connected by LXD itself; by hand it is: " + strings.Join(step.Manual, "; ")}, false
	}
	return diagnose.GateResult{}, true
}

// became says what became of what the array does not have any more.
func (s subject) became(p Plan) string {
	why := "it was eradicated"
	if s.wentAway(p) != "" {
		why += ", or went to another array with its pod"
	}
	if other := s.namesake(p.Object); other != "" {
		why += "; " + other
	}
	return why
}

// nobodyElses says whether a volume is still as the run left it, so that a
// connection which that run cut may come back: nobody has connected it, recovered
// it, or made it LXD's since. Of a volume that only lost a connection LXD has a
// record, and it may be in use.
func (r *run) nobodyElses(s subject) (diagnose.Result, string) {
	history, err := r.t.Journal.Read(r.of)
	if err != nil {
		return diagnose.Uncertain, "how run " + r.of + " left it can't be read: " + err.Error()
	}
	left := connectionsIn(history)
	for _, row := range s.rows {
		if where := s.where(row); !left[where] {
			return diagnose.Fail, "it is connected to " + where + " by now, and was not before run " + r.of + ": somebody uses it"
		}
	}
	if why := s.array.Connections.Why(); why != "" {
		return diagnose.Uncertain, "what it is connected to by now is not all known: " + why
	}
	if why := s.unreadCopies(); why != "" {
		return diagnose.Uncertain, "what it is connected to by now is not all known: " + why
	}
	if r.plan.Class != diagnose.ClassDestroy {
		return diagnose.Pass, ""
	}
	for _, record := range s.world.LXD.Records.Items {
		if !record.UUID.IsZero() && record.UUID == s.volume.LXD.UUID && !s.volume.LXD.Snapshot { // a copy of a snapshot that LXD has was none of its own before
			return diagnose.Fail, "LXD has a record of it by now: " + record.Name
		}
	}
	for _, host := range s.world.Hosts {
		for _, use := range host.Uses.Items {
			if use.Serial == s.serial && s.serial != "" {
				return diagnose.Fail, "it is in use on " + host.Name + ": " + string(use.Kind) + " " + use.Where
			}
		}
	}
	switch destroyed, seen := destroyedAt(history); {
	case seen.Is() && s.volume.Destroyed.IsNot() && !r.recoveredSince(destroyed):
		return diagnose.Fail, "it lives, and nothing in this journal has recovered it: somebody else has, and may use it"
	case s.world.LXD.Trouble != "":
		return diagnose.Uncertain, "whether LXD has a record of it by now is not known: " + s.world.LXD.Trouble
	case s.world.LXD.Records.Why() != "":
		return diagnose.Uncertain, "whether LXD has a record of it by now is not known: " + s.world.LXD.Records.Why()
	case !s.world.LXD.SeesAll.Is():
		return diagnose.Uncertain, "LXD may hide a record of it from us"
	}
	return diagnose.Pass, ""
}

// connectionsIn are all that a run saw of the connections of its object.
func connectionsIn(history journal.History) map[string]bool {
	all := map[string]bool{}
	for _, record := range history.Records {
		var s state
		if record.What != journal.WhatBefore && record.What != journal.WhatAfter || json.Unmarshal(record.State, &s) != nil {
			continue
		}
		for _, where := range s.Connections {
			all[where] = true
		}
	}
	return all
}

// recoveredSince reports an undo of the same run, this one or an earlier, that
// recovered what it had destroyed at that time.
func (r *run) recoveredSince(destroyed time.Time) bool {
	all, err := r.t.Journal.List()
	if err != nil {
		return false
	}
	for _, s := range all {
		if s.Kind != journal.KindUndo || s.Of != r.of {
			continue
		}
		history, err := r.t.Journal.Read(s.ID)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(history.Records, func(record journal.Record) bool {
			return record.StepKind == StepRecover && record.What == journal.WhatAfter && record.Outcome == journal.Done && !record.Time.Before(destroyed)
		}) {
			return true
		}
	}
	return false
}
