package repair

import (
	"fmt"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

// Promise is whether undo takes a run back. What is printed about undo, at the
// end of a run, in lists and for monitoring, is this and nothing else, and Undo
// itself asks it first.
type Promise struct {
	Works bool
	// Until is when it stops working, by this machine's clock; zero when it does
	// not stop, because nothing was destroyed, or when that is not known.
	Until time.Time
	// Perhaps says that it may work no more: undo looks.
	Perhaps bool
	// Why is why it does not work.
	Why string
	// first is the run that has to be undone before.
	first string
}

// Promises are those of all runs in a journal, by the run's name. Journals know
// nothing of what others do; a run that has just ended has looked.
func Promises(book *journal.Book, now time.Time) (map[string]Promise, error) {
	all, err := book.List()
	if err != nil {
		return nil, err
	}
	promises := make(map[string]Promise, len(all))
	for _, s := range all {
		p := promiseOf(book, all, s)
		if s.State == journal.UnderWay {
			p = broken("it is under way")
		}
		if p.Works && !p.Until.IsZero() && !p.Until.After(now) {
			if s.Deadline().IsZero() { // it may not have destroyed anything
				p = Promise{Works: true, Perhaps: true}
			} else {
				p = broken("the array has kept what it destroyed until " + stamp(p.Until))
			}
		}
		promises[s.ID] = p
	}
	return promises, nil
}

func broken(why string) Promise { return Promise{Why: why} }

// promiseOf is what the journals say of one run, but for the time.
func promiseOf(book *journal.Book, all []journal.Summary, s journal.Summary) Promise {
	switch {
	case s.Kind != journal.KindFix:
		return broken("it is no repair")
	case s.State == journal.Undone:
		return broken("it is undone already")
	case s.Damaged != "":
		return broken(s.Damaged)
	}
	history, err := book.Read(s.ID)
	if err != nil {
		return broken(err.Error())
	}
	if last := len(history.Records) - 1; last >= 0 && history.Records[last].What == journal.WhatEnd && history.Records[last].Gate == endGone {
		return broken("the array was seen to have it no more")
	}
	r, _, err := Tools{}.restored(history)
	if err != nil {
		return broken(err.Error())
	}
	switch r.plan.Class {
	case diagnose.ClassHost:
		return broken("what it removed was dead")
	case diagnose.ClassWaiting:
		return broken("I/O that was ended can't be begun again; multipathd restorequeueing map " + words.Shell(r.plan.Object) + " lets the map queue again")
	}
	steps, _ := r.takenBack(history)
	recovers := false
	for _, step := range steps {
		recovers = recovers || step.Kind != StepReconnect
	}
	switch since := destroyedSince(book, all, s); {
	case len(steps) == 0 && len(r.released) == 0:
		return broken("it changed nothing that could be taken back")
	case recovers && eradicated(all, s.ID):
		return broken("what it destroyed was eradicated")
	case recovers && !s.Deadline().IsZero():
		return Promise{Works: true, Until: s.Deadline()}
	case recovers:
		return Promise{Works: true, Until: r.soonest(history)}
	case len(steps) > 0 && since != "" && eradicated(all, since):
		return broken(fmt.Sprintf("run %s has destroyed %s since, and that was eradicated", since, s.Object.Name))
	case len(steps) > 0 && since != "":
		p := broken(fmt.Sprintf("run %s has destroyed %s since: that one comes first, pureclean undo %s", since, s.Object.Name, since))
		p.first = since
		return p
	}
	return Promise{Works: true}
}

// soonest is when the array forgets what a run may have destroyed and did not see
// destroyed, if its first request arrived at once: more can't be promised. Zero
// where the plan does not say for how long the array keeps things.
func (r *run) soonest(history journal.History) time.Time {
	for _, record := range history.Records {
		destroys := record.StepKind == StepDestroy || record.StepKind == StepDestroySnapshot
		if destroys && record.What == journal.WhatBefore && r.plan.UndoFor > 0 {
			return record.Time.Add(r.plan.UndoFor)
		}
	}
	return time.Time{}
}

// eradicated: a run that found that nobody may eradicate (SafeMode) is finished
// too, but says until when the volume can be recovered.
func eradicated(all []journal.Summary, id string) bool {
	for _, s := range all {
		if s.Kind == journal.KindEradicate && s.Of == id && s.State == journal.Finished && s.Until.IsZero() {
			return true
		}
	}
	return false
}

// destroyedSince is a run that destroyed what another one had only
// disconnected, and that was not undone: nothing can be connected to it.
func destroyedSince(book *journal.Book, all []journal.Summary, s journal.Summary) string {
	for _, other := range all {
		if other.Kind != journal.KindFix || other.ID == s.ID || other.State == journal.Undone ||
			other.Object.ID != s.Object.ID || other.Object.ID == "" || other.Object.ArrayID != s.Object.ArrayID {
			continue
		}
		history, err := book.Read(other.ID)
		if err != nil {
			continue
		}
		r, _, err := Tools{}.restored(history)
		if err != nil {
			continue
		}
		steps, _ := r.takenBack(history)
		for _, step := range steps {
			if step.Kind == StepRecover {
				return other.ID
			}
		}
	}
	return ""
}

// promise is that of this run as it ends: what the journals say, and then what
// was seen last.
func (r *run) promise() Promise {
	all, err := r.t.Journal.List()
	if err != nil {
		return broken(err.Error())
	}
	for _, s := range all {
		if s.ID != r.journal.ID {
			continue
		}
		p := promiseOf(r.t.Journal, all, s)
		if !p.Works || s.Kind != journal.KindFix {
			return p
		}
		return r.seen(p)
	}
	return broken("it is not in the journal")
}

// seen takes back a promise that the world does not keep: somebody else has
// been at work. Where nothing could be seen, the journal's word stands.
func (r *run) seen(p Promise) Promise {
	history, err := r.t.Journal.Read(r.journal.ID)
	if err != nil || r.latest.world == nil || r.unread(r.latest) != "" {
		return p
	}
	r.of = r.journal.ID
	steps, _ := r.takenBack(history)
	recovered := false // once it is, it can be connected
	for _, step := range steps {
		if gate, ok := r.undoable(step); !ok && !(recovered && gate.Gate == needLive) {
			return broken(gate.Why)
		}
		recovered = recovered || step.Kind != StepReconnect
	}
	return p
}
