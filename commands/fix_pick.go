package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
)

// runPicked is fix without an object: it shows what is safe to repair, and goes
// through what is chosen as if each had been named. It is no batch: each step
// of each volume is asked about.
func (o *fixOptions) runPicked(ctx context.Context) error {
	w, err := o.open(ctx, false)
	if err != nil {
		return err
	}
	defer w.close()
	report, err := o.lookRound(ctx, w)
	if err != nil {
		return err
	}
	safe := slices.DeleteFunc(slices.Clone(report.Findings), func(f diagnose.Finding) bool {
		_, err := repair.NewPlan(w.world, w.policy, f, o.now())
		return f.Verdict != diagnose.Safe || err != nil
	})
	for _, s := range o.interruptedIn(w.stateDir) {
		o.tell(s)
	}
	if len(safe) == 0 {
		if !report.Complete {
			return incomplete(report)
		}
		return o.printPlans(savedPlans{})
	}
	slices.SortStableFunc(safe, func(a, b diagnose.Finding) int {
		return cmp.Or(cmp.Compare(b.Provisioned, a.Provisioned), cmp.Compare(b.Unique.N, a.Unique.N))
	})
	title := fmt.Sprintf("%s safe to repair, the biggest first:", count(len(safe), "finding"))
	chosen, err := picker{o: &o.common, title: title, rows: pickRows(safe)}.pick(ctx)
	if err != nil {
		return err
	}
	if o.dryRun || o.save != "" {
		c := choice{}
		for _, i := range chosen {
			plan, err := repair.NewPlan(w.world, w.policy, safe[i], o.now())
			if err != nil {
				return err
			}
			c.plans = append(c.plans, plan)
		}
		return o.show(ctx, w, c)
	}
	return o.goThrough(ctx, w, safe, chosen)
}

// goThrough repairs what was chosen, one after the other.
func (o *fixOptions) goThrough(ctx context.Context, w *workshop, safe []diagnose.Finding, chosen []int) error {
	began, p := o.now(), o.beside()
	var rows []repair.Row
	stop := ""
	for n, i := range chosen {
		finding := safe[i]
		if stop != "" {
			rows = append(rows, repair.Row{Plan: repair.Plan{Object: finding.Object, Code: finding.Code, Steps: []repair.Step{{}}}, NotTried: stop})
			continue
		}
		*w.ask.several = n+1 < len(chosen) // after the last there is no next to go on to
		fmt.Fprintf(o.Err, "\n%s\n", p.bold(fmt.Sprintf("volume %d of %d: %s", n+1, len(chosen), clean(finding.Object))))
		row := o.onePicked(ctx, w, finding)
		switch {
		case ctx.Err() != nil:
			stop = "it was cancelled"
		case row.Result.Quit:
			stop = "the operator ended the batch"
		case row.Result.Changed && row.Err != nil:
			stop = finding.Object + " did not go well, so the rest was left alone"
		}
		rows = append(rows, row)
		if o.output == formatTable {
			if err := o.printResults(repaired, row); err != nil {
				return err
			}
		}
	}
	if o.output != formatTable {
		if err := o.printResults(repaired, rows...); err != nil {
			return err
		}
	}
	if len(rows) == 1 {
		return o.ended(rows[0].Result, rows[0].Err)
	}
	if err := o.printEnd(rows, o.now().Sub(began), false); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return o.cancelled(rows, err)
	}
	return o.batchStatus(rows, choice{plans: []repair.Plan{{}}})
}

// onePicked repairs one as --volume does. What was shown in the list may be
// minutes old, so everybody is asked again.
func (o *fixOptions) onePicked(ctx context.Context, w *workshop, finding diagnose.Finding) repair.Row {
	row := repair.Row{Plan: repair.Plan{Object: finding.Object, Code: finding.Code}}
	plan, err := o.planPicked(ctx, w, finding)
	if err == nil {
		row, err = o.carryOut(ctx, w, plan)
	}
	if err != nil {
		row.Err, row.NotTried = err, err.Error()
	}
	return row
}

// planPicked makes the plan of one from the world as it is now.
func (o *fixOptions) planPicked(ctx context.Context, w *workshop, finding diagnose.Finding) (repair.Plan, error) {
	report, err := o.lookRound(ctx, w)
	if err != nil {
		return repair.Plan{}, err
	}
	o.doubt, o.volume = "", finding.Object
	defer func() { o.volume = "" }()
	if k, _ := diagnose.KindOf(finding.Code); finding.Host != "" && k.Class == diagnose.ClassHost {
		o.volume = finding.Host + ":" + finding.Object
	}
	plans, err := o.planOne(w, report, "")
	switch {
	case err != nil:
		return repair.Plan{}, err
	case len(plans) == 0:
		return repair.Plan{}, fmt.Errorf("%s is not found any more", finding.Object)
	}
	same := slices.IndexFunc(plans, func(p repair.Plan) bool { return p.Code == finding.Code && p.Host == finding.Host })
	return plans[max(same, 0)], nil
}

// runSeveral repairs all that a name means, as if each had been named.
func (o *fixOptions) runSeveral(ctx context.Context, w *workshop, plans []repair.Plan) error {
	o.project = ""
	findings, chosen := make([]diagnose.Finding, len(plans)), make([]int, len(plans))
	for i, p := range plans {
		findings[i] = diagnose.Finding{Object: p.Object, Code: p.Code, VolumeID: p.ID, Host: p.Host}
		chosen[i] = i
	}
	return o.goThrough(ctx, w, findings, chosen)
}

// pickOne lets a person at a terminal choose one finding.
func (o *common) pickOne(ctx context.Context, title string, report diagnose.Report) (diagnose.Finding, error) {
	all := slices.Concat(diagnose.Grouped(report.Findings)...)
	if len(all) == 0 {
		return diagnose.Finding{}, withHint(usagef("there is no finding to choose from"), "give a name")
	}
	chosen, err := picker{o: o, one: true, title: title, rows: pickRows(all)}.pick(ctx)
	if err != nil {
		return diagnose.Finding{}, err
	}
	return all[chosen[0]], nil
}

// pickRows are findings as a list to choose from has them.
func pickRows(findings []diagnose.Finding) []string {
	t := table{header: []string{"SIZE", "AGE", "CODE", "OBJECT"}, right: []bool{0: true, 1: true}}
	for _, f := range findings {
		t.rows = append(t.rows, []string{sizeOrDash(f, evidence.CountOf(f.Provisioned)), findingAge(f), f.Code, scanView{}.name(f)})
	}
	lines, err := t.lines()
	if err != nil || len(lines) != len(findings)+1 {
		return nil
	}
	return lines[1:]
}
