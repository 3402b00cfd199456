package repair

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// meetFor is how long those who want to look wait for those who still wait for
// something else. Whoever keeps the others longer than that is not waited for
// any more, and looks when it comes to it.
const meetFor = 15 * time.Second

// wave is some runs that go together: each as it would go alone, with its own
// gates, journal and rollback. One at a time has its turn. It ends where the
// run wants to wait, to look or to ask the machines, and there the runs meet: they
// wait at the same time, one look is for all who want one, and each machine is
// asked once for all who want to know, and does a step once for all who want it done. Nobody looks while another acts, and a run that ends, however it ends, is not waited for.
// They share one login at each array that they change.
type wave struct {
	t     Tools
	turns []*turn
	// writers are logged in, by the array's id.
	writers map[string]Writer
	// waited is how long those who want to look have waited by now.
	waited time.Duration
	// joints are the steps that machines do for several runs, busy so many of which
	// have their turn. What they say is heard here, until the wave is left.
	joints []*joint
	busy   int
	heard  chan said
	left   chan struct{}
	group  sync.WaitGroup
	// sight is the last look that was for all runs of the joints.
	sight *sight
}

// turn is the place of one run in a wave. The nil turn is that of a run which
// goes alone.
type turn struct {
	wave  *wave
	plan  Plan
	next  func() (*wish, bool)
	stop  func()
	yield func(*wish) bool
	// wish is what the run ended its turn with; nil when it may go on.
	wish  *wish
	ended bool
	// late is set when the others did not wait for it any more.
	late bool
	// touched is set from a request to the array on, until a look has seen what
	// became of it.
	touched bool
}

// wish is to wait for some time, to look, to ask the machines, or to have one do a
// step.
type wish struct {
	ctx   context.Context //nolint:containedctx // it is the caller's, for as long as it waits here
	wait  time.Duration
	seer  *seer
	asks  *inquiry
	share *share
	// What came of it.
	sight sight
	err   error
}

// join adds a run to the wave, which go does with the tools of its place.
func (w *wave) join(plan Plan, do func(Tools)) {
	place := &turn{wave: w, plan: plan}
	place.next, place.stop = iter.Pull(func(yield func(*wish) bool) {
		place.yield = yield
		tools := w.t
		tools.turn, tools.Sleep, tools.Writer = place, place.sleep, w.writer
		do(tools)
	})
	w.turns = append(w.turns, place)
}

// writer logs in for the first that wants to change an array, and for the others
// with it.
func (w *wave) writer(ctx context.Context, arrayID string) (Writer, error) {
	if w.writers[arrayID] == nil {
		writer, err := w.t.Writer(ctx, arrayID)
		if err != nil {
			return nil, err
		}
		if w.writers == nil {
			w.writers = map[string]Writer{}
		}
		w.writers[arrayID] = writer
	}
	return lent{w.writers[arrayID]}, nil
}

// lent is a login that others use as well, and that is not ended by one of them.
type lent struct{ Writer }

func (lent) Close(context.Context) error { return nil }

// close logs out, which is no part of the repair.
func (w *wave) close(ctx context.Context) {
	for _, writer := range w.writers {
		_ = writer.Close(context.WithoutCancel(ctx))
	}
}

// run lets all runs come to their ends.
func (w *wave) run() {
	w.heard, w.left = make(chan said), make(chan struct{})
	defer w.leave()
	for w.turn() {
		looking, asking, waiting, acting := w.wishes()
		if len(acting) > 0 {
			w.begin(acting) // at once, while their looks are fresh
			w.answer()
			continue
		}
		switch d := w.pause(len(looking)+len(asking) > 0, waiting); {
		case len(looking)+len(asking)+len(waiting) == 0: // they were cancelled, and go on
		case d > 0:
			w.wait(d, waiting)
			if len(looking)+len(asking) > 0 {
				w.waited += d
			}
		case len(asking) > 0:
			w.inquire(asking)
			w.waited = 0
		default:
			w.look(foremost(looking))
			w.waited = 0
		}
	}
}

// turn gives each run its turn that may go on, and reports whether any is left.
func (w *wave) turn() bool {
	w.goOn()
	left := false
	for _, p := range w.turns {
		if !p.ended && p.wish == nil {
			var ok bool
			p.wish, ok = p.next()
			p.ended = !ok
		}
		left = left || !p.ended
	}
	return left
}

// wishes are those who want to look, to ask, to wait, and to have a machine do
// something. Who was cancelled meanwhile does nothing of that, except what is begun.
func (w *wave) wishes() (looking, asking, waiting, acting []*turn) {
	places := slices.Clone(w.turns)
	for _, j := range w.joints {
		places = append(places, &j.place)
	}
	for _, p := range places {
		switch {
		case p.wish == nil:
		case p.wish.share != nil && p.wish.share.begun:
		case p.wish.ctx.Err() != nil:
			p.grant(sight{}, p.wish.ctx.Err())
		case p.wish.seer != nil:
			looking = append(looking, p)
		case p.wish.asks != nil:
			asking = append(asking, p)
		case p.wish.share != nil:
			acting = append(acting, p)
		default:
			waiting = append(waiting, p)
		}
	}
	return looking, asking, waiting, acting
}

// pause is how long the wave waits now; 0 is that it looks or asks, as some want
// to.
func (w *wave) pause(wanted bool, waiting []*turn) time.Duration {
	soonest, met := time.Duration(0), wanted
	for _, p := range waiting {
		if soonest == 0 || p.wish.wait < soonest {
			soonest = p.wish.wait
		}
		if !p.late && w.waited+p.wish.wait <= meetFor {
			met = false
		}
	}
	if !met {
		return soonest
	}
	for _, p := range waiting {
		p.late = true
	}
	return 0
}

// wait is for all who wait.
func (w *wave) wait(d time.Duration, waiting []*turn) {
	ctx := waiting[0].wish.ctx
	for _, p := range waiting {
		if p.wish.ctx.Done() != nil {
			ctx = p.wish.ctx // whoever can be cancelled hears of it at once
		}
	}
	err := w.t.Sleep(ctx, d)
	switch {
	case ctx.Err() != nil:
		return // whom that concerns is told as the next thing
	case err == nil:
		for _, p := range waiting {
			p.wish.wait -= d
		}
	}
	for _, p := range waiting {
		if err != nil || p.wish.wait <= 0 {
			p.grant(sight{}, err)
		}
	}
}

// foremost are those who look to send a request, if there are any. Who has sent one
// waits for them, else it would go on while they still have theirs to send, and
// they would wait for it from then on.
func foremost(looking []*turn) []*turn {
	ahead := slices.DeleteFunc(slices.Clone(looking), func(p *turn) bool { return !p.wish.seer.ahead })
	if len(ahead) > 0 {
		return ahead
	}
	return looking
}

// look is for all who want to look. It is cut off only if all of them would be.
func (w *wave) look(looking []*turn) {
	ctx := looking[0].wish.ctx
	seers := make([]seer, 0, len(looking))
	for _, p := range looking {
		seers = append(seers, *p.wish.seer)
		if p.wish.ctx.Done() == nil {
			ctx = p.wish.ctx
		}
	}
	tools := w.t
	tools.turn = looking[0]
	s, err := tools.see(ctx, seers...)
	for _, p := range looking {
		p.grant(s, err)
	}
}

// inquire is for all who want to ask the machines. It is cut off only if all of
// them would be.
func (w *wave) inquire(asking []*turn) {
	ctx := asking[0].wish.ctx
	all := make([]*inquiry, 0, len(asking))
	for _, p := range asking {
		all = append(all, p.wish.asks)
		if p.wish.ctx.Done() == nil {
			ctx = p.wish.ctx
		}
	}
	inquire(ctx, all)
	for _, p := range asking {
		p.grant(sight{}, nil)
	}
}

// leave ends where they are those that are left: another panicked, and as when
// the process ends none of them does anything more.
func (w *wave) leave() {
	close(w.left)
	for _, j := range w.joints {
		j.cancel()
	}
	w.group.Wait()
	for _, p := range w.turns {
		gone := make(chan bool)
		go func() {
			defer close(gone)
			p.stop()
		}()
		<-gone
	}
}

// grant lets a run go on with what became of its wish.
func (p *turn) grant(s sight, err error) {
	p.wish.sight, p.wish.err = s, err
	p.wish = nil
}

// end ends the turn of a run, until its wish is granted.
func (p *turn) end(w *wish) {
	if !p.yield(w) {
		runtime.Goexit()
	}
}

func (p *turn) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	w := &wish{ctx: ctx, wait: d}
	p.end(w)
	return w.err
}

func (p *turn) look(ctx context.Context, s seer) (sight, error) {
	w := &wish{ctx: ctx, seer: &s}
	p.end(w)
	return w.sight, w.err
}

func (p *turn) inquire(ctx context.Context, q *inquiry) error {
	w := &wish{ctx: ctx, asks: q}
	p.end(w)
	return w.err
}

// others are how many may have their turn between a look and what this run does
// on it.
func (p *turn) others() int {
	if p == nil {
		return 0
	}
	return len(p.wave.turns) - 1
}

// touch notes that the run changes its volume on the array.
func (p *turn) touch() {
	if p != nil {
		p.touched = true
	}
}

// widen adds the volumes of the wave that were touched, and that no look has
// seen since: without them the array's own counts are not what is known.
func (p *turn) widen(about evidence.Scope) evidence.Scope {
	if p == nil || about.IsEverything() {
		return about
	}
	for _, other := range p.wave.turns {
		if other.touched && other.plan.ArrayID == about.ArrayID && other.plan.ID != "" && !slices.Contains(about.Volumes, other.plan.ID) {
			about.Volumes = append(slices.Clip(about.Volumes), other.plan.ID)
		}
	}
	return about
}

// seen notes what a look has seen.
func (p *turn) seen(about evidence.Scope) {
	if p == nil || about.Anew == evidence.AnewHosts && !about.IsEverything() {
		return
	}
	for _, other := range p.wave.turns {
		if about.IsEverything() || slices.Contains(about.Volumes, other.plan.ID) {
			other.touched = false
		}
	}
}

// ahead says of each volume of the wave how many of its pool may be destroyed
// before it on this very evidence: those that come first, live in it, and have
// not ended.
func (p *turn) ahead(world *evidence.World) map[string]diagnose.Ahead {
	if p == nil {
		return nil
	}
	type kind struct{ array, pool string }
	counts, all := map[kind]diagnose.Ahead{}, map[string]diagnose.Ahead{}
	for _, other := range p.wave.turns {
		k := kind{other.plan.ArrayID, other.plan.Pool}
		all[other.plan.ID] = counts[k]
		s := find(world, other.plan.ArrayID, other.plan.ID, other.plan.Serial)
		lives := s.volume != nil && !s.volume.Destroyed.Is() || s.snapshot != nil && !s.snapshot.Destroyed.Is()
		if lives && !other.ended && other.plan.destroys() {
			counts[k] = other.plan.and(counts[k])
		}
	}
	return all
}

// and counts what a plan destroys on top of what goes before it.
func (p Plan) and(before diagnose.Ahead) diagnose.Ahead {
	for _, step := range p.Steps {
		switch step.Kind {
		case StepDestroy:
			before.Volumes++
			before.Snapshots += step.Snapshots
		case StepDestroySnapshot:
			before.Snapshots++
		}
	}
	return before
}
