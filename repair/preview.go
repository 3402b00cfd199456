package repair

import (
	"context"

	"github.com/pureclean/pureclean/diagnose"
)

// Preview says, plan by plan, why it would be refused if it were carried out now:
// a *RefusedError, or nil if nothing that can be known before the first step
// speaks against it. It looks and judges once, for all of them, and changes
// nothing; a run asks all of this again, and more.
func (t Tools) Preview(ctx context.Context, plans []Plan) []error {
	t = t.withDefaults()
	all := make([]error, len(plans))
	if len(plans) == 0 {
		return all
	}
	var seers []seer
	for _, plan := range plans {
		seers = append(seers, seer{run: t.newRun(plan)})
	}
	s, err := t.see(ctx, seers...)
	for i := range seers {
		all[i] = seers[i].run.foretell(s, err)
	}
	return all
}

// foretell asks what can be known before the first step.
func (r *run) foretell(s sight, err error) error {
	l, err := r.lookAt(s, err)
	if err != nil {
		return err
	}
	if err := r.holdIn(l); err != nil {
		return err
	}
	for _, step := range r.plan.Steps {
		kind := r.typeOf(step.Kind)
		early := kind
		early.Needs = nil
		// What a step finds after those before it can't be asked now.
		early.Gated = kind.Gated && !(kind.Ghost && r.plan.Class == diagnose.ClassDisconnect)
		for _, need := range kind.Needs {
			if foreseen[need] {
				early.Needs = append(early.Needs, need)
			}
		}
		if _, refused := r.gates(r.latest, step, early); refused != nil {
			return r.refuse(step.Say, *refused)
		}
	}
	return nil
}

// foreseen are the needs that no step of a plan brings about.
var foreseen = map[string]bool{needSame: true, needMachine: true, needNoGroup: true, needUndo: true}

// Untried says, plan by plan, why a batch would not even try it; empty where it
// would.
func (t Tools) Untried(plans []Plan) []string {
	b, rest := t.foreseen(plans)
	why := make([]string, len(plans))
	for i := range plans {
		why[i] = b.rows[i].NotTried
	}
	for n, i := range rest {
		if n >= b.tools.MaxPerRun {
			why[i] = b.full()
		}
	}
	return why
}

// Waves are how many plans a batch would begin together, if all went well.
func (t Tools) Waves(plans []Plan) []int {
	b, rest := t.foreseen(plans)
	var sizes []int
	for len(rest) > 0 && b.done < b.tools.MaxPerRun {
		var wave []int
		wave, rest = b.next(plans, rest)
		b.done += len(wave)
		sizes = append(sizes, len(wave))
	}
	return sizes
}

func (t Tools) foreseen(plans []Plan) (b *batch, rest []int) {
	b = &batch{tools: t.withDefaults(), rows: make([]Row, len(plans))}
	return b, b.sort(plans)
}
