package repair

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// sight is one reading of all witnesses, and what is found in it.
type sight struct {
	world *evidence.World
	// report is what is found about the objects of the plans. It is judged when
	// the first asks: whether a step is done is seen without.
	report  func() diagnose.Report
	fences  []diagnose.Fence
	reading reading
	// anew is what of it was read anew.
	anew evidence.Anew
}

// seer is a run that wants to look, and at how much: near is enough where what it
// changes is what one machine has, or how that is connected.
type seer struct {
	run  *run
	anew evidence.Anew
	near bool
	// ahead is set for a look before a request, which those who have sent theirs
	// wait for.
	ahead bool
}

// see looks for some runs at once: at all that there is about the objects of
// their plans. When it ended is noted here: a run that hears of it later, when
// it has its turn, rests on what is as old as it is.
func (t Tools) see(ctx context.Context, seers ...seer) (sight, error) {
	about := t.turn.widen(scopeOf(seers))
	began := t.instant()
	world, err := t.Look(ctx, about)
	ended := t.instant()
	if err != nil {
		return sight{}, fmt.Errorf("looking at %s: %w", objects(seers), err)
	}
	t.turn.seen(about)
	own := func(id string) bool {
		return slices.ContainsFunc(seers, func(s seer) bool { return s.run.id() == id })
	}
	if err := fromJournal(t.Journal, own, &world); err != nil {
		return sight{}, fmt.Errorf("what earlier runs did: %w", err)
	}
	policy := t.Policy
	policy.Only = func(f *diagnose.Finding) bool {
		return slices.ContainsFunc(seers, func(s seer) bool { return s.run.concerns(f) })
	}
	for _, s := range seers {
		policy.Codes = append(policy.Codes, s.run.codes()...)
	}
	policy.Ahead = t.turn.ahead(&world)
	report := sync.OnceValue(func() diagnose.Report { return t.judge(world, policy) })
	return sight{&world, report, diagnose.Fences(world, policy), readingOf(&world, began, ended), about.Anew}, nil
}

// scopeOf joins what several runs have to look at.
func scopeOf(seers []seer) evidence.Scope {
	all := seers[0].run.about(seers[0].anew, seers[0].near)
	for _, s := range seers[1:] {
		one := s.run.about(s.anew, s.near)
		all.Sought = append(all.Sought, one.Sought...)
		if all.IsEverything() || one.IsEverything() || one.ArrayID != all.ArrayID {
			all = evidence.Scope{Sought: all.Sought}
			continue
		}
		all.Volumes = append(all.Volumes, one.Volumes...)
		all.Anew, all.Past = all.Anew.And(one.Anew), all.Past || one.Past
		all.Near, all.Members = all.Near && one.Near, append(all.Members, one.Members...)
	}
	return all
}

func objects(seers []seer) string {
	if len(seers) == 1 {
		return seers[0].run.plan.Object
	}
	return fmt.Sprintf("%d volumes", len(seers))
}
