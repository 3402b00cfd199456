package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

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

// Batch carries out several plans under the stricter rules for what nobody
// looks at one by one. The first that is done shows that things go as they
// should; only then the others follow, up to Tools.Parallel of them at a time
// where they touch no machine and no host object in common. What fails, or
// leaves anything half done, ends it: what is under way is finished, and
// nothing more is begun. A refusal does not: it changed nothing.
func (t Tools) Batch(ctx context.Context, plans []Plan) ([]Row, error) {
	t = t.withDefaults()
	t.Policy.Batch = true
	b := &batch{tools: t, rows: make([]Row, len(plans))}
	rest := b.sort(plans)
	for len(rest) > 0 && b.done == 0 && b.stop == "" {
		b.one(ctx, rest[0])
		rest = rest[1:]
	}
	group := errgroup.Group{}
	group.SetLimit(max(t.Parallel, 1))
	for _, lane := range lanes(rest, func(i int) []string { return plans[i].touches() }) {
		group.Go(func() error {
			for _, i := range lane {
				b.one(ctx, i)
			}
			return nil
		})
	}
	_ = group.Wait() // what became of each is in its row
	return b.rows, ctx.Err()
}

// batch is one under way.
type batch struct {
	tools Tools
	rows  []Row

	mu sync.Mutex
	// stop says why nothing more is begun.
	stop string
	// done were repaired, busy are under way.
	done, busy int
}

// sort gives each plan its row, and returns those that are to be tried.
func (b *batch) sort(plans []Plan) []int {
	var rest []int
	seen := map[string]bool{}
	for i, plan := range plans {
		key := plan.ArrayID + " " + plan.ID + " " + plan.Object + " " + plan.Host
		b.rows[i].Plan = plan
		switch {
		case seen[key]:
			b.rows[i].NotTried = "it is in the batch already"
		case plan.irrevocable():
			b.rows[i].NotTried = "what can't be undone is done one by one only"
		default:
			seen[key] = true
			rest = append(rest, i)
		}
	}
	return rest
}

// one tries one plan, if nothing speaks against beginning it.
func (b *batch) one(ctx context.Context, i int) {
	row := &b.rows[i]
	if row.NotTried = b.begin(ctx); row.NotTried != "" {
		return
	}
	row.Result, row.Err = b.tools.Run(ctx, row.Plan)
	b.ended(ctx, *row)
}

// irrevocable reports a plan with a step that nothing takes back.
func (p Plan) irrevocable() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return Irrevocable(s.Kind) })
}

func (b *batch) begin(ctx context.Context) (refused string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.stop != "":
		return b.stop
	case b.done+b.busy >= b.tools.MaxPerRun:
		return b.full()
	case ctx.Err() != nil:
		return "it was cancelled"
	}
	b.busy++
	return ""
}

func (b *batch) full() string {
	return fmt.Sprintf("a run repairs %d at most; run it again", b.tools.MaxPerRun)
}

func (b *batch) ended(ctx context.Context, row Row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy--
	switch {
	case row.Result.Quit:
		b.stop = "the operator wanted no more"
	case errors.Is(row.Err, journal.ErrUnwritable) || errors.Is(row.Err, journal.ErrLocked):
		b.stop = "the journal can't be written"
	case row.Result.Outcome == journal.Done:
		b.done++
	case ctx.Err() != nil:
		b.stop = "it was cancelled"
	case row.Result.Outcome == journal.Failed || row.Result.Changed:
		b.stop = row.Plan.Object + " did not go well, so the rest was left alone"
	}
}
