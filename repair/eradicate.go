package repair

import (
	"context"
	"errors"
	"fmt"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// What Eradicate refuses with.
var (
	// ErrNotConfirmed: the name that was typed is not the object's full name.
	ErrNotConfirmed = errors.New("the name that was typed is not the full name")
	// ErrNotOurs: no run in the journal destroyed it.
	ErrNotOurs = errors.New("no run of pureclean in this journal destroyed it")
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
	plan, of, err := t.destroyer(object)
	if err != nil {
		return Result{}, err
	}
	plan.Steps = []Step{{Kind: stepEradicate, Say: "eradicate " + object, Manual: []string{"purevol eradicate " + shell(object)}}}
	r := t.newRun(plan)
	r.types = eradicateSteps
	begin, err := r.begin(journal.KindEradicate, of)
	if err != nil {
		return Result{}, err
	}
	if r.journal, err = t.Journal.Create(begin, t.Now); err != nil {
		return Result{}, err
	}
	defer r.journal.Close() //nolint:errcheck // all records are synced
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
	return r.finish(ctx, r.steps(ctx))
}

// destroyer finds the run that destroyed a volume.
func (t Tools) destroyer(object string) (Plan, string, error) {
	runs, err := t.Journal.List()
	if err != nil {
		return Plan{}, "", err
	}
	for _, s := range runs {
		if s.Kind != journal.KindFix || s.Object.Name != object || s.Object.Snapshot || s.State == journal.Undone {
			continue
		}
		history, err := t.Journal.Read(s.ID)
		if err != nil {
			continue // a damaged file proves nothing
		}
		r, _, err := t.restored(history)
		if err != nil {
			continue
		}
		for _, record := range history.Records {
			if record.What == journal.WhatAfter && record.StepKind == StepDestroy && record.Outcome == journal.Done {
				return r.plan, s.ID, nil
			}
		}
	}
	return Plan{}, "", fmt.Errorf("%s: %w", object, ErrNotOurs)
}

var eradicateSteps = []StepType{{
	Kind: stepEradicate, Title: "eradicate", Asks: true, Array: true, Undo: UndoNever,
	Needs:   []string{needSame, needPending},
	Do:      func(ctx context.Context, r *run, _ Step) error { return r.writer.Eradicate(ctx, r.plan.ID) },
	Confirm: confirmEradicated,
}}

func confirmEradicated(s subject, _ Step) (evidence.Answer, string) {
	switch {
	case s.array == nil || s.array.Trouble != "" || !s.array.Volumes.IsComplete():
		return evidence.Unknown, "the array did not list everything"
	case s.volume != nil:
		return evidence.No, "the array still has it"
	}
	return evidence.Yes, "the array has it no more"
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
	if !s.volume.LXD.Snapshot {
		for _, record := range s.world.LXD.Records.Items {
			if record.UUID == s.volume.LXD.UUID {
				return diagnose.Fail, "LXD has a record of it: " + record.Name
			}
		}
	}
	report := r.t.judge(*s.world, r.policy())
	for _, f := range report.Findings {
		if f.VolumeID == r.plan.ID && f.Code == needPending {
			return diagnose.Pass, f.Detail
		}
	}
	return diagnose.Fail, "it is not found as pending eradication"
}
