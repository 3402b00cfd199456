package repair

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pureclean/pureclean/devices/release"
)

// Sharing is a Machine that does one step for several volumes at once, each for
// itself. Here that saves an ssh for each of them.
type Sharing interface {
	Machine
	// Shares tells such machines apart; empty is one that can't just now.
	Shares() string
	// Together does a release.TaskRelease, TaskClear or TaskStale, and tells with
	// which error it ended for each. All rest together, by sleep. False is that
	// nothing was begun, nor can have been.
	Together(ctx context.Context, step string, tasks []release.Task, sleep func(context.Context, time.Duration) error) ([]error, bool)
}

// share is a run's part of a step that a machine does for several runs of a wave.
type share struct {
	run     *run
	machine Sharing
	step    string
	task    release.Task
	begun   bool
	// err is what came of it, if it was done: else it is to be done alone.
	err  error
	done bool
}

// with lets a machine do a run's part of a step together with those of others,
// or alone where it can't.
func (r *run) with(ctx context.Context, machine Machine, step string, task release.Task, alone func() error) error {
	m, shares := machine.(Sharing)
	if r.t.turn == nil || !shares || m.Shares() == "" {
		return alone()
	}
	s := &share{run: r, machine: m, step: step, task: task}
	r.shared = true
	err := r.t.turn.share(ctx, s)
	r.shared = false
	switch {
	case err != nil:
		return err
	case s.done:
		return s.err
	default:
		return alone()
	}
}

// joint is one step that a machine does for some runs of the wave. As a run does,
// it has its turn until it waits: then others have theirs. All joints that have
// their turn go on at the same time, and what they ask is answered one by one.
type joint struct {
	of     []*turn
	cancel context.CancelFunc
	// place is where it waits, for wish; resume goes on with what came of that.
	place  turn
	wish   *wish
	resume chan<- error
}

// said is what a joint says: that it is about to make a write to a device of one
// of its runs, or made it; that it wants to wait; that it has ended.
type said struct {
	by    *joint
	about *share
	write release.Action
	wait  *wish
	reply chan<- error
	// What came of it all, if it has ended.
	ended bool
	errs  []error
	done  bool
}

var errLeft = errors.New("the run has ended")

// begin lets machines do what runs want of them: what is wanted of one machine in
// one step by one joint, all of them side by side.
func (w *wave) begin(acting []*turn) {
	type key struct {
		machine, step string
		cancels       bool
	}
	keyOf := func(p *turn) key {
		return key{p.wish.share.machine.Shares(), p.wish.share.step, p.wish.ctx.Done() != nil}
	}
	var order []key
	groups := map[key][]*turn{}
	for _, p := range acting {
		k := keyOf(p)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], p)
		p.wish.share.begun = true
	}
	w.sight = nil
	for _, k := range order {
		j := &joint{of: groups[k]}
		ctx, cancel := context.WithCancel(j.of[0].wish.ctx)
		j.cancel = cancel
		w.joints = append(w.joints, j)
		w.busy++
		w.group.Go(func() { w.talk(ctx, k.step, j) })
	}
}

// talk has a machine do it, and hands on what it asks. It is all that does not
// happen in somebody's turn.
func (w *wave) talk(ctx context.Context, step string, j *joint) {
	post := func(s said) error {
		reply := make(chan error, 1)
		s.by, s.reply = j, reply
		select {
		case w.heard <- s:
		case <-w.left:
			return errLeft
		}
		select {
		case err := <-reply:
			return err
		case <-w.left:
			return errLeft
		}
	}
	var tasks []release.Task
	for _, p := range j.of {
		share := p.wish.share
		task := share.task
		task.Note = func(a release.Action) error { return post(said{about: share, write: a}) }
		tasks = append(tasks, task)
	}
	// The wave's own cancellation cuts a wait short, and not what this one takes.
	until := j.of[0].wish.ctx
	sleep := func(_ context.Context, d time.Duration) error {
		return post(said{wait: &wish{ctx: until, wait: d}})
	}
	errs, done := j.of[0].wish.share.machine.Together(ctx, step, tasks, sleep)
	_ = post(said{ended: true, errs: errs, done: done}) // the wave may be left
}

// answer answers all joints until each of them waits, or has ended. While one makes
// a write, what needs a look is not answered: nobody looks while another acts.
func (w *wave) answer() {
	writing := map[*joint]bool{}
	var later []said
	for w.busy > 0 {
		var s said
		if len(later) > 0 && len(writing) == 0 {
			s, later = later[0], later[1:]
		} else {
			s = <-w.heard
		}
		delete(writing, s.by) // it does one thing after the other
		switch {
		case s.ended:
			w.end(s)
			s.reply <- nil
		case s.wait != nil:
			w.busy--
			s.by.wish, s.by.place.wish, s.by.resume = s.wait, s.wait, s.reply
		case len(writing) > 0 && s.about.run.looksFor(s.write):
			later = append(later, s)
		default:
			err := s.about.task.Note(s.write)
			if !s.write.Done && (err == nil || !takesAway[s.write.Do]) {
				writing[s.by] = true
			}
			s.reply <- err
		}
	}
}

// end tells the runs of a joint what became of it.
func (w *wave) end(s said) {
	w.busy--
	s.by.cancel()
	w.joints = slices.DeleteFunc(w.joints, func(j *joint) bool { return j == s.by })
	for i, p := range s.by.of {
		if p.wish.share.done = s.done; s.done {
			p.wish.share.err = s.errs[i]
		}
		p.grant(sight{}, nil)
	}
}

// goOn lets the joints go on that have waited.
func (w *wave) goOn() {
	for _, j := range w.joints {
		if j.wish != nil && j.place.wish == nil {
			w.busy++
			j.resume <- j.wish.err
			j.wish = nil
		}
	}
	w.answer()
}

func (p *turn) share(ctx context.Context, s *share) error {
	w := &wish{ctx: ctx, share: s}
	p.end(w)
	return w.err
}

// looksFor reports a write before which the run looks again. What is taken back waits
// for no look: a path that was let run and leads to another volume has to go at once.
func (r *run) looksFor(a release.Action) bool {
	return !a.Done && !a.Back && takesAway[a.Do] && r.aged() != ""
}

// lookBeside looks for this run while a machine does a step for it and for others:
// for all who have such a step done, so that one look serves each of them, which
// asks its gates of it before it goes by it.
func (r *run) lookBeside(ctx context.Context) (look, error) {
	w := r.t.turn.wave
	if w.sight == nil || w.sight.reading.ended.since(r.latest.reading.ended) <= 0 || r.age(w.sight.reading) != "" {
		var seers []seer
		for _, p := range w.turns {
			if p.wish != nil && p.wish.share != nil && p.wish.share.begun {
				seers = append(seers, seer{run: p.wish.share.run, near: p.wish.share.run.near})
			}
		}
		s, err := r.t.see(ctx, seers...)
		if err != nil {
			return look{}, err
		}
		w.sight = &s
	}
	return r.lookAt(*w.sight, nil)
}
