package repair

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// The last look before a change, its gates and the change itself are one piece
// of work, which nothing can come into: run.act.
//
// Whatever lies between them is time in which LXD may take the volume into use,
// and then its connection is cut under it: the turn of another run of the
// wave, which may take as long as an ssh does, a disk that is slow to sync the
// journal, a process that is stopped, a machine that is suspended. So the
// journal is written first; then comes the look, then the
// gates, and what they rest on may not be older than freshFor when the
// request is sent, by a clock that runs on in suspend. If it is, everything is
// asked again, a few times. Then the run refuses, and says who is too slow.
//
// Not all of a look has to be as fresh. That nobody uses the volume is said by
// LXD, which is asked for its operations first, and by the machines: they count
// from when they were asked. The array's lists can take a while on a large
// array, are read first, and are followed by those; they count from when they
// were complete, and may not have taken longer than arrayLimit. A machine that
// was not asked, because nothing of the volume is there, says nothing that a
// step rests on (evidence.Scope.Near).
const (
	freshFor   = 10 * time.Second
	arrayLimit = time.Minute
	// lastLooks is how often a look that took too long is tried again.
	lastLooks = 3
)

// needFresh is the condition of every change that no table names: it is about
// the time of a look and not about what was seen.
const needFresh = "fresh-look"

// instant is a point in time by two clocks. The one since the start of the
// machine runs on in suspend and can't be set. The wall's is told, late, when a
// virtual machine was stopped together with its clocks.
type instant struct {
	up   time.Duration
	wall time.Time
}

func (t Tools) instant() instant { return instant{t.Uptime(), t.Now().Round(0)} }

// since is the longer of what the two clocks say.
func (i instant) since(before instant) time.Duration {
	return max(i.up-before.up, i.wall.Sub(before.wall))
}

// reading is how old the evidence of a look was when the look ended.
type reading struct {
	ended instant
	// oldest is the age of what counts and is the oldest, whose says whose.
	oldest time.Duration
	whose  string
	// slow says whose reading took too long, whenever it ended.
	slow string
}

// clocksAgree is by how much the two clocks may differ about one look before
// the times in it, which are the wall's, are not believed.
const clocksAgree = time.Second

// readingOf takes the age of each witness's word. A witness that could not
// speak has none: nothing rests on it.
func readingOf(world *evidence.World, began, ended instant) reading {
	r := reading{ended: ended}
	whole := ended.since(began)
	wall, up := ended.wall.Sub(began.wall), ended.up-began.up
	doubt := wall < 0 || (wall-up).Abs() > clocksAgree
	note := func(whose string, at time.Time) {
		age := ended.wall.Sub(at.Round(0))
		if at.IsZero() || age < 0 || (doubt && age < whole) {
			age = whole
		}
		if age >= r.oldest {
			r.oldest, r.whose = age, whose
		}
	}
	for i := range world.Arrays {
		if a := &world.Arrays[i]; a.Trouble == "" {
			note("the array "+a.Name, a.Ended)
			if took := a.Ended.Sub(a.Began); took > arrayLimit {
				r.slow = fmt.Sprintf("reading the array %s took %s", a.Name, seconds(took))
			}
		}
	}
	if world.LXD.Trouble == "" {
		note("LXD", world.LXD.Began)
	}
	for i := range world.Hosts {
		if h := &world.Hosts[i]; h.Trouble == "" && !h.Kept {
			note("host "+h.Name, h.Began)
		}
	}
	return r
}

// slowestOf says what the operator can do about the witness that the others
// had to wait for.
func slowestOf(world *evidence.World) string {
	longest, who := time.Second, "try again: every source was fast when last asked"
	note := func(name string, s evidence.Source, how string) {
		if s.Took() > longest {
			longest, who = s.Took(), fmt.Sprintf("%s took %s to answer: %s, and try again", name, seconds(s.Took()), how)
		}
	}
	const faster = "see that it answers faster"
	for i := range world.Arrays {
		note("the array "+world.Arrays[i].Name, world.Arrays[i].Source, faster)
	}
	note("LXD", world.LXD.Source, faster)
	for i := range world.Hosts {
		how := faster
		if i > 0 { // what ssh leads to
			how = "let ssh share its connections (ControlMaster, docs/fleet.md)"
		}
		if !world.Hosts[i].Kept {
			note("host "+world.Hosts[i].Name, world.Hosts[i].Source, how)
		}
	}
	return who
}

func seconds(d time.Duration) string { return d.Round(time.Second / 10).String() }

// aged says why nothing may rest on the latest look any more; empty when it
// still may.
func (r *run) aged() string {
	why := r.age(r.latest.reading)
	if why == "" && r.latest.anew == evidence.AnewNow {
		why = r.age(r.latest.rest)
	}
	return why
}

// age says why nothing may rest on a reading any more.
func (r *run) age(seen reading) string {
	switch age := r.t.instant().since(seen.ended) + seen.oldest; {
	case !r.t.needs(needFresh):
	case seen.slow != "":
		return seen.slow
	case age > freshFor:
		return fmt.Sprintf("what %s said is %s old", seen.whose, seconds(age))
	}
	return ""
}

// act does a step. What changes something is looked at, judged and done without
// a pause in between. What sends a request to the array is looked at alone:
// nothing of the wave comes between that look and the request. Else a look is for
// all volumes of the wave that want to go on, and serves each while it is fresh,
// as it serves a request for what can't be said of one volume alone.
//
// An array that ends sessions answers that with a new login, which takes as long
// as it takes. The request was not carried out; it is sent once more, as if for the
// first time.
func (r *run) act(ctx context.Context, step Step, kind StepType) error {
	err := r.actOnce(ctx, step, kind)
	if kind.Array && r.t.SessionEnded(err) {
		err = r.actOnce(ctx, step, kind)
	}
	return err
}

func (r *run) actOnce(ctx context.Context, step Step, kind StepType) error {
	if kind.changes() {
		see := r.look
		if kind.Array {
			see = r.lookLast // nothing comes after it, not even another volume's turn
		}
		if err := r.permit(ctx, step, kind, see); err != nil {
			return &untriedError{err}
		}
	}
	if kind.Asks || kind.Gated {
		ctx = context.WithoutCancel(ctx)
	}
	r.acting = &acting{step, kind}
	defer func() { r.acting = nil }()
	if kind.Array {
		r.t.turn.touch()
	}
	return kind.Do(ctx, r, step)
}

// acting is the step that is done just now.
type acting struct {
	step Step
	kind StepType
}

// permit looks and asks the gates, until there is a look on which the step may
// be done just now.
//
// Paths that a disconnect has cut off are deleted on the look that showed it
// done, while that is fresh. It asked LXD, the machines, and the array whether it
// connects the volume: whatever brings these paths back to life. What it did not
// ask for is about whether the volume may go.
func (r *run) permit(ctx context.Context, step Step, kind StepType, see func(context.Context) (look, error)) error {
	why := ""
	// In a wave each look serves one more at least of those before.
	for n := range lastLooks + r.t.turn.others() {
		l := r.latest
		if n > 0 && kind.Array {
			see = r.lookAlone // a part of it is no faster
		}
		if n > 0 || !(kind.AfterCut && l.cut) {
			var err error
			if l, err = see(ctx); err != nil {
				return err
			}
		}
		if kind.Confirm != nil && !kind.Repeat {
			if answer, so := kind.Confirm(l.subject, step); answer.Is() {
				return &alreadyError{so}
			}
		}
		if answers, refused := r.gates(l, step, kind); refused != nil {
			// In the middle of a step a device is proved before this is asked, and
			// written to right after.
			if r.acting != nil || !r.passing(answers, n) {
				return &refusal{*refused}
			}
			if err := r.breathe(ctx, *refused); err != nil {
				return err
			}
			continue
		}
		if why = r.aged(); why == "" {
			return nil
		}
	}
	return &refusal{diagnose.GateResult{
		Gate: needFresh, Result: diagnose.Uncertain,
		Why: fmt.Sprintf("%s, and nothing is changed on what is older than %s", why, seconds(freshFor)),
	}}
}

// stillHolds asks again, before one write to a device in the middle of a step,
// if what the step rests on has grown old since.
func (r *run) stillHolds(ctx context.Context, a release.Action) error {
	if r.acting == nil || !r.looksFor(a) {
		return nil
	}
	see := r.lookAlone
	if r.shared {
		see = r.lookBeside
	}
	err := r.permit(ctx, r.acting.step, r.acting.kind, see)
	if already := (*alreadyError)(nil); errors.As(err, &already) {
		return nil // what is written to says so itself, and is proved again
	}
	return err
}

// takesAway are the writes that take a device away. The others give it back,
// which is never put off.
var takesAway = map[release.Verb]bool{
	release.DoRemoveMap: true, release.DoQueueingOff: true, release.DoOffline: true, release.DoDelete: true,
	release.DoEndWaiting: true,
}

// untriedError is a step that was not even tried.
type untriedError struct{ err error }

func (e *untriedError) Error() string { return e.err.Error() }
func (e *untriedError) Unwrap() error { return e.err }

// alreadyError is a step that need not be tried.
type alreadyError struct{ why string }

func (e *alreadyError) Error() string { return "it is so already: " + strings.TrimSpace(e.why) }
