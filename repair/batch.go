package repair

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
// should; only then the others follow, in waves of Tools.WaveSize, the first of
// which is no larger than firstWave. What fails,
// or leaves anything half done, ends it: the others of its wave are finished or
// taken back, and nothing more is begun. A refusal does not: it changed nothing.
func (t Tools) Batch(ctx context.Context, plans []Plan) ([]Row, error) {
	t = t.withDefaults()
	t.Policy.Batch, t.vain = true, map[string]bool{}
	b := &batch{tools: t, rows: make([]Row, len(plans))}
	rest := b.sort(plans)
	b.of = min(len(rest), b.tools.MaxPerRun)
	b.tools.Report(Event{Phase: Counted, Of: b.of})
	for len(rest) > 0 {
		if why := b.over(ctx); why != "" {
			for _, i := range rest {
				b.rows[i].NotTried = why
			}
			break
		}
		var wave []int
		wave, rest = b.next(plans, rest)
		b.wave(ctx, wave)
	}
	return b.rows, ctx.Err()
}

// batch is one under way.
type batch struct {
	tools Tools
	rows  []Row
	// stop says why nothing more is begun.
	stop string
	// done were repaired, ended were tried, of is how many can be.
	done, ended, of int
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

// firstWave is how many go together until as many have gone well.
const firstWave = 10

// size is how many are begun together now.
func (b *batch) size() int {
	most := b.tools.WaveSize
	switch {
	case b.done == 0:
		most = 1
	case b.done <= firstWave:
		most = min(most, firstWave)
	}
	return min(most, b.tools.MaxPerRun-b.done)
}

// mostAway is how many of a wave may be worked on at one other member that does one
// volume at a time: each keeps a conversation open there for as long as it waits, and
// over one connection sshd allows for ten, two of which are for looking.
const mostAway = 8

// next takes the first that may go together: never two that are about the same
// volume, its other half or the same devices, and of no other member too many.
func (b *batch) next(plans []Plan, rest []int) (wave, left []int) {
	taken, away := map[string]bool{}, map[string]int{}
	size := b.size()
	for _, i := range rest {
		about, members := plans[i].about(), b.away(plans[i])
		full := slices.ContainsFunc(members, func(member string) bool { return away[member] == mostAway })
		if len(wave) == size || full || slices.ContainsFunc(about, func(what string) bool { return taken[what] }) {
			left = append(left, i)
			continue
		}
		wave = append(wave, i)
		for _, what := range about {
			taken[what] = true
		}
		for _, member := range members {
			away[member]++
		}
	}
	return wave, left
}

// away are the members other than this one on whose machines a plan works, and that
// do one volume at a time.
func (b *batch) away(p Plan) []string {
	var all []string
	for _, step := range p.Steps {
		if b.tools.Here != nil && step.Member != "" && !b.tools.Here(step.Member) && !slices.Contains(all, step.Member) && !b.shares(step.Member) {
			all = append(all, step.Member)
		}
	}
	return all
}

// shares reports a member whose machine does a step for several volumes at once.
func (b *batch) shares(member string) bool {
	if b.tools.Machine == nil {
		return false
	}
	machine, _ := b.tools.Machine(member)
	m, shares := machine.(Sharing)
	return shares && m.Shares() != ""
}

// about names what a plan is about and what another may be about, too.
func (p Plan) about() []string {
	// The halves of a virtual machine or its image are one volume to LXD.
	all := []string{"volume " + p.ArrayID + " " + strings.ToLower(strings.TrimSuffix(p.Object, "-b"))}
	if p.Serial != "" {
		all = append(all, "serial "+string(p.Serial))
	}
	return all
}

// wave carries out some plans together.
func (b *batch) wave(ctx context.Context, plans []int) {
	w := &wave{t: b.tools}
	for _, i := range plans {
		row := &b.rows[i]
		w.join(row.Plan, func(t Tools) {
			row.Result, row.Err = t.Run(ctx, row.Plan)
			b.end(ctx, *row)
		})
	}
	w.run()
	w.close(ctx)
}

// irrevocable reports a plan with a step that nothing takes back.
func (p Plan) irrevocable() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return Irrevocable(s.Kind) })
}

// destroys reports a plan that takes something from a pool, which undo can bring
// back only until the array eradicates it.
func (p Plan) destroys() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind == StepDestroy || s.Kind == StepDestroySnapshot })
}

// over says why nothing more is begun; empty when something is.
func (b *batch) over(ctx context.Context) string {
	switch {
	case b.stop != "":
		return b.stop
	case b.done >= b.tools.MaxPerRun:
		return b.full() + "; run it again"
	case ctx.Err() != nil:
		return "it was cancelled"
	}
	return ""
}

func (b *batch) full() string {
	return fmt.Sprintf("a run repairs %d at most", b.tools.MaxPerRun)
}

// end takes in how one ended. Of several that go wrong the first says why.
func (b *batch) end(ctx context.Context, row Row) {
	b.ended++
	b.tools.Report(Event{Phase: Counted, N: b.ended, Of: b.of})
	stop := ""
	switch {
	case row.Result.Quit:
		stop = "the operator ended the batch"
	case errors.Is(row.Err, journal.ErrUnwritable):
		stop = "the journal can't be written"
	case errors.Is(row.Err, journal.ErrLocked):
		stop = "another run of pureclean is under way"
	case row.Result.Outcome == journal.Done:
		b.done++
	case ctx.Err() != nil:
		stop = "it was cancelled"
	case row.Result.Outcome == journal.Failed || row.Result.Changed:
		stop = row.Plan.Object + " did not go well, so the rest was left alone"
	}
	if b.stop == "" {
		b.stop = stop
	}
}
