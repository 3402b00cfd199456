package repair

import (
	"context"
	"errors"
	"fmt"

	"github.com/pureclean/pureclean/repair/journal"
)

// Row is what became of one plan of a batch.
type Row struct {
	Plan   Plan
	Result Result
	Err    error
	// NotTried says why the plan was left alone; empty when it was tried.
	NotTried string
}

// Batch carries out several plans, one after the other, under the stricter
// rules for what nobody looks at one by one. The first that is done shows
// that things go as they should; only then the others follow. What fails, or
// leaves anything half done, ends it. A refusal does not: it changed nothing.
func (t Tools) Batch(ctx context.Context, plans []Plan) ([]Row, error) {
	t = t.withDefaults()
	t.Policy.Batch = true
	rows := make([]Row, 0, len(plans))
	stop, done := "", 0
	seen := map[string]bool{}
	for _, plan := range plans {
		row := Row{Plan: plan, NotTried: stop}
		key := plan.ArrayID + " " + plan.ID + " " + plan.Object + " " + plan.Host
		switch {
		case stop != "":
		case seen[key]:
			row.NotTried = "it is in the batch already"
		case plan.Code == codeIdleHost:
			row.NotTried = "host objects are deleted one by one only"
		case done >= t.MaxPerRun:
			row.NotTried = fmt.Sprintf("a run repairs %d at most; run it again", t.MaxPerRun)
		case ctx.Err() != nil:
			row.NotTried = "it was cancelled"
		default:
			seen[key] = true
			row.Result, row.Err = t.Run(ctx, plan)
			switch {
			case row.Result.Quit:
				stop = "the operator wanted no more"
			case errors.Is(row.Err, journal.ErrUnwritable) || errors.Is(row.Err, journal.ErrLocked):
				stop = "the journal can't be written"
			case row.Result.Outcome == journal.Done:
				done++
			case row.Result.Outcome == journal.Failed || row.Result.Changed:
				stop = plan.Object + " did not go well, so the rest was left alone"
			}
		}
		rows = append(rows, row)
	}
	return rows, ctx.Err()
}
