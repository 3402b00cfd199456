package repair

import (
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// FromJournal adds to a world what only the journal knows: what runs destroyed
// and no undo brought back, what undo did bring back, and which commands in an array's audit trail were
// theirs. What own, a run that is under way, has asked for and not yet seen is
// not among what is destroyed: it looks for that itself.
func FromJournal(book *journal.Book, own string, world *evidence.World) error {
	return fromJournal(book, func(id string) bool { return id == own }, world)
}

// fromJournal is the same for several runs that are under way.
func fromJournal(book *journal.Book, own func(id string) bool, world *evidence.World) error {
	if book == nil {
		return nil
	}
	all, err := book.List()
	if err != nil {
		return err
	}
	world.Destroyed, world.TakenBack = nil, nil
	undone := map[string]journal.Summary{}
	for _, s := range all {
		if s.Kind == journal.KindUndo && s.State == journal.Finished {
			undone[s.Of] = s
		}
	}
	var deeds []deed
	final := map[string]bool{}
	for _, s := range all {
		if s.Object.ID == "" {
			continue
		}
		history, err := book.Read(s.ID)
		if err != nil && s.Damaged == "" {
			return fmt.Errorf("run %s: %w", s.ID, err)
		}
		if s.Kind == journal.KindEradicate {
			if madeFinal(history) {
				final[s.Object.ArrayID+" "+s.Object.ID] = true
			}
			continue
		}
		deeds = append(deeds, deedsOf(s.Object, history)...)
		if s.Kind != journal.KindFix {
			continue
		}
		if s.State == journal.Undone {
			if did := didTo(history); did != "" {
				undo := undone[s.ID]
				world.TakenBack = append(world.TakenBack, evidence.TakenBack{
					Run: s.ID, Undo: undo.ID, Did: did, ArrayID: s.Object.ArrayID, VolumeID: s.Object.ID, At: undo.Ended,
				})
			}
			continue
		}
		d := evidence.Destroyed{Run: s.ID, ArrayID: s.Object.ArrayID, VolumeID: s.Object.ID, At: s.Began}
		if s.Damaged == "" {
			d.At, d.Certain = destroyedAt(history)
			if d.At.IsZero() || (!d.Certain.Is() && own(s.ID)) {
				continue
			}
		} // else nobody knows how far it came
		world.Destroyed = append(world.Destroyed, d)
	}
	for i := range world.Destroyed {
		if d := &world.Destroyed[i]; final[d.ArrayID+" "+d.VolumeID] {
			d.Final = evidence.Yes
		}
	}
	mark(world, deeds)
	return nil
}

// madeFinal reports a run that eradicated its object and saw that. One that was
// not allowed to has made no such step.
func madeFinal(history journal.History) bool {
	return slices.ContainsFunc(history.Records, func(r journal.Record) bool {
		return r.StepKind == stepEradicate && r.What == journal.WhatAfter && (r.Outcome == journal.Done || r.Outcome == journal.Already)
	})
}

// didTo is what a run that was taken back had done to its object on the array.
func didTo(history journal.History) (did string) {
	if at, _ := destroyedAt(history); !at.IsZero() {
		return "destroyed"
	}
	for _, record := range history.Records {
		if record.StepKind == StepDisconnect && record.What == journal.WhatAfter && (record.Outcome == journal.Done || record.Outcome == journal.Already) {
			did = "disconnected"
		}
	}
	return did
}

// destroyedAt is when a run destroyed its object: yes where it saw that, no
// where it was stopped after it had begun to. Zero where it did not come to it.
func destroyedAt(history journal.History) (at time.Time, certain evidence.Answer) {
	for _, record := range history.Records {
		if record.StepKind != StepDestroy && record.StepKind != StepDestroySnapshot {
			continue
		}
		switch {
		case record.What == journal.WhatBefore && !certain.Is():
			at, certain = record.Time, evidence.No
		case record.What == journal.WhatAfter && (record.Outcome == journal.Done || record.Outcome == journal.Already):
			at, certain = record.Time, evidence.Yes
		case record.What == journal.WhatAfter && record.Outcome == journal.Failed && !certain.Is():
			at, certain = time.Time{}, evidence.Unknown // it was seen live after that
		}
	}
	return at, certain
}

// deed is one request to an array, and when it can have been carried out, by
// this machine's clock.
type deed struct {
	arrayID, id, verb string
	from, to          time.Time
}

// verbs are the words in an audit trail for what steps ask an array to do.
var verbs = map[string]string{
	StepDisconnect: evidence.DeedDisconnect, StepDestroy: evidence.DeedDestroy, StepDestroySnapshot: evidence.DeedDestroy,
	StepReconnect: evidence.DeedConnect, StepRecover: evidence.DeedRecover, StepRecoverSnapshot: evidence.DeedRecover,
}

const (
	// clockSlack is for the array's clock, which is told in whole seconds.
	clockSlack = 2 * time.Second
	// unanswered is for how long a request without an answer may arrive.
	unanswered = time.Minute
)

func deedsOf(object journal.Object, history journal.History) []deed {
	var all []deed
	for i, record := range history.Records {
		verb := verbs[record.StepKind]
		if record.What != journal.WhatBefore || verb == "" {
			continue
		}
		d := deed{object.ArrayID, object.ID, verb, record.Time.Add(-clockSlack), record.Time.Add(unanswered)}
		for _, later := range history.Records[i+1:] {
			if later.What == journal.WhatAfter && later.Step == record.Step {
				d.to = later.Time.Add(clockSlack)
				break
			}
		}
		all = append(all, d)
	}
	return all
}

// mark says which commands in the trails were ours.
func mark(world *evidence.World, deeds []deed) {
	world.Arrays = slices.Clone(world.Arrays) // others may look at the same rows
	for a := range evidence.Refs(world.Arrays) {
		a.Trails = slices.Clone(a.Trails)
		ahead := a.Skew(a.Clock)
		for trail := range evidence.Refs(a.Trails) {
			trail.Deeds.Items = slices.Clone(trail.Deeds.Items)
			for k := range trail.Deeds.Items {
				own, here := &trail.Deeds.Items[k], trail.Deeds.Items[k].At.Add(-ahead)
				own.Ours = evidence.No
				for _, d := range deeds {
					if d.arrayID == a.ID && d.id == trail.VolumeID && d.verb == own.Verb && !here.Before(d.from) && !here.After(d.to) {
						own.Ours = evidence.Yes
					}
				}
			}
		}
	}
}
