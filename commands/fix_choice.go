package commands

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

// choice is what fix takes of what was selected, and what it leaves, with the
// reason. A dry run and a run take the same: both ask here.
type choice struct {
	plans []repair.Plan
	left  []leftOut
	// doubt is set when not everything could be seen.
	doubt error
}

// leftOut is what was selected and is not repaired.
type leftOut struct {
	Code   string `json:"code"`
	Object string `json:"object"`
	// Gate is the one that keeps it; empty for what is only reported.
	Gate   string `json:"gate"`
	Result string `json:"result"`
	Why    string `json:"why"`
	// Passes is what makes it pass, or what there is to do instead.
	Passes string `json:"passes"`
	// reported is set when nothing is ever done about it here.
	reported bool
}

// choose makes a plan of each finding that is selected and safe.
func (w *workshop) choose(report diagnose.Report, now time.Time, selected func(diagnose.Finding) bool) (choice, error) {
	c := choice{}
	if !report.Complete {
		c.doubt = incomplete(report)
	}
	for _, f := range report.Findings {
		if !selected(f) {
			continue
		}
		left := leftOut{Code: f.Code, Object: f.Object}
		switch f.Verdict {
		case diagnose.Safe:
			plan, err := repair.NewPlan(w.world, w.policy, f, now)
			if err == nil {
				c.plans = append(c.plans, plan)
				continue
			}
			if !errors.Is(err, repair.ErrNoRemedy) {
				return choice{}, err
			}
			left.Why, left.Passes, left.reported = err.Error(), strings.Join(f.Remedy, "; "), true
		case diagnose.Blocked:
			left.blocked(f)
		default:
			left.Why, left.Passes, left.reported = "it is only reported: "+f.Detail, strings.Join(f.Remedy, "; "), true
		}
		c.left = append(c.left, left)
	}
	if len(c.plans) == 0 && c.doubt != nil && len(c.left) == 0 {
		return choice{}, c.doubt
	}
	return c, nil
}

// blocked takes the reason that scan names first, too; seen-before, which
// another batch passes, only where it is the only one.
func (l *leftOut) blocked(f diagnose.Finding) {
	l.Why = "no gate was asked"
	if g, is := f.Blocker(); is {
		l.Gate, l.Result, l.Why, l.Passes = g.Gate, string(g.Result), g.Why, g.Mend
	}
	l.Passes = cmp.Or(l.Passes, mendOf(l.Gate, l.Object))
}

// mendOf is what makes a gate pass. Of what is no gate of the table the
// commands that look say more.
func mendOf(gate, object string) string {
	return cmp.Or(diagnose.Mend(gate), "pureclean explain --object "+quoteShell(object)+" says what was seen")
}

// refusedBy is what a run would be refused by.
func refusedBy(plan repair.Plan, err error) leftOut {
	left := leftOut{Code: plan.Code, Object: plan.Object, Why: err.Error()}
	var refused *repair.RefusedError
	if errors.As(err, &refused) {
		left.Gate, left.Result, left.Why = refused.Gate, string(refused.Result), refused.Why
		left.Passes = cmp.Or(refused.Hint, mendOf(refused.Gate, cmp.Or(refused.Object, plan.Object)))
	}
	return left
}

// rows are what is left, among the results of a batch.
func (c choice) rows() []repair.Row {
	var rows []repair.Row
	for _, l := range c.left {
		row := repair.Row{Plan: repair.Plan{Object: l.Object, Code: l.Code}, NotTried: l.why()}
		if l.Gate != "" {
			row = repair.Row{Plan: row.Plan, Result: repair.Result{Outcome: journal.Refused, Gate: l.Gate, Why: l.why()}}
			row.Err = &repair.RefusedError{Step: "start", Gate: l.Gate, Result: diagnose.Result(l.Result), Why: l.Why, Hint: l.Passes}
		}
		rows = append(rows, row)
	}
	return rows
}

func (l leftOut) why() string {
	why := l.Why
	if l.Gate != "" {
		why = l.Gate + ": " + l.Why
	}
	if l.Passes != "" {
		why += ". What to do: " + l.Passes
	}
	return why
}

// preview says why a run would refuse each plan, on what was last seen.
func (w *workshop) preview(ctx context.Context, plans ...repair.Plan) []error {
	world := w.world
	tools := w.tools
	tools.Look = func(context.Context, evidence.Scope) (evidence.World, error) { return world, nil }
	return tools.Preview(ctx, plans)
}

// show prints or saves what a run would do now, and leaves out what it would
// refuse.
func (o *fixOptions) show(ctx context.Context, w *workshop, c choice) error {
	if o.plan != "" {
		if _, err := w.tools.Look(ctx, evidence.Scope{}); err != nil {
			return err
		}
	}
	var plans []repair.Plan
	var first error
	untried := w.tools.Untried(c.plans)
	refused := w.preview(ctx, c.plans...)
	for i, plan := range c.plans {
		switch err := refused[i]; {
		case err != nil:
			c.left = append(c.left, refusedBy(plan, err))
			if first == nil {
				first = err
			}
		case o.volume == "" && untried[i] != "":
			c.left = append(c.left, leftOut{Code: plan.Code, Object: plan.Object, Why: untried[i], Passes: "run it again"})
		default:
			plans = append(plans, plan)
		}
	}
	c.plans = plans
	answer := savedPlans{Plans: plans, Left: c.left, Waves: o.waves(w, plans)}
	if o.save == "" || len(c.left) > 0 {
		if err := o.printPlans(answer); err != nil {
			return err
		}
	}
	if o.save != "" && len(plans) > 0 {
		if err := o.savePlans(plans, answer.Waves); err != nil {
			return err
		}
	}
	return c.status(first)
}

// waves are how many would go together.
func (o *fixOptions) waves(w *workshop, plans []repair.Plan) []int {
	if o.volume != "" {
		return []int{}
	}
	tools := w.tools
	tools.WaveSize = w.waveSize
	return some(tools.Waves(plans))
}

// status is how a look ends at what would be done.
func (c choice) status(refused error) error {
	rows := c.rows()
	switch {
	case c.doubt != nil && (len(c.left) > 0 || len(c.plans) == 0):
		return c.doubt
	case len(c.left) == 0:
		return nil
	case len(c.plans) > 0:
		return errFindings
	case refused != nil:
		return refused
	}
	return refusal(rows)
}

// refusal is how a batch ends that took nothing: refused by a gate, or with
// findings that are only reported.
func refusal(rows []repair.Row) error {
	for _, row := range rows {
		var refused *repair.RefusedError
		if errors.As(row.Err, &refused) {
			return &refusedAll{clean(row.Plan.Object), row.Err}
		}
	}
	return errFindings
}

// refusedAll ends a batch of which nothing was repaired.
type refusedAll struct {
	object string
	err    error
}

func (e *refusedAll) Error() string {
	return "nothing was repaired; " + e.object + ": " + e.err.Error()
}

func (e *refusedAll) Unwrap() error { return e.err }
