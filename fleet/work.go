package fleet

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// work is what one request wants to have done here: a step for one volume, or for
// several, each as if it were alone. One at a time has its turn, which ends where
// it wants to rest; all rest at the same time. What goes wrong with one of them
// is no concern of the others.
type work struct {
	service Service
	step    step
	peer    *peer
	local   release.Local
	jobs    []*job
	unlock  func()
}

// job is one volume's part.
type job struct {
	ask request // about this volume alone
	// next gives it its turn, until it wants to rest for so long, or has ended.
	next  func() (time.Duration, bool)
	stop  func()
	rests time.Duration
	// rested is what came of that.
	rested error
	ended  bool
	// left is what it may still take, in its own turns; over ends them.
	left time.Duration
	over context.CancelCauseFunc
	said result
	err  error
}

func (s Service) newWork(step step, ask request, p *peer) *work {
	w := &work{service: s, step: step, peer: p, local: s.Local, unlock: func() {}}
	w.local.System.Hostname = ask.Name
	for _, one := range ask.each() {
		w.jobs = append(w.jobs, &job{ask: one, left: step.limit})
	}
	return w
}

// refuse is for what is wrong with all of it.
func (w *work) refuse(err error) {
	for _, j := range w.jobs {
		j.ended, j.err = true, err
	}
}

// check holds one volume's part against what it is about.
func (w *work) check(ask request) error {
	if w.service.Step == "rollback" && ask.Released.Serial == "" {
		return fmt.Errorf("%w: it does not say of which volume something was released", release.ErrRefused)
	}
	return ask.Released.Of(ask.Serial)
}

// lock keeps others from working here, where the step writes.
func (w *work) lock(ctx context.Context) error {
	if !w.step.writes || w.service.Lock == nil {
		return nil
	}
	unlock, err := w.service.Lock(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	w.unlock = unlock
	return nil
}

// do gives each its turns until all have ended.
func (w *work) do(ctx context.Context) {
	for i, j := range w.jobs {
		if !j.ended {
			w.begin(ctx, j, i > 0)
			defer j.stop()
		}
	}
	for {
		resting, soonest := 0, time.Duration(0)
		for _, j := range w.jobs {
			j.turn(w.step.limit)
			if !j.ended {
				resting++
				if soonest == 0 || j.rests < soonest {
					soonest = j.rests
				}
			}
		}
		if resting == 0 {
			return
		}
		err := w.rest(ctx, soonest)
		for _, j := range w.jobs {
			if j.rests, j.rested = j.rests-soonest, err; err != nil {
				j.rests = 0
			}
		}
	}
}

// begin prepares a volume's turns. For those that come later nothing is begun
// any more once nobody wants it.
func (w *work) begin(ctx context.Context, j *job, later bool) {
	ctx, j.over = context.WithCancelCause(ctx)
	j.next, j.stop = iter.Pull(func(yield func(time.Duration) bool) {
		defer j.over(nil)
		if j.err = w.check(j.ask); j.err == nil && later {
			j.err = ctx.Err()
		}
		if j.err != nil {
			return
		}
		back := callbacks{elsewhere: w.peer.elsewhere, Callbacks: release.Callbacks{
			Note:      func(a release.Action) error { return w.peer.note(j.ask.Serial, a) },
			Elsewhere: func(use evidence.Use) bool { return w.peer.elsewhere(j.ask.Serial, use) },
		}}
		if w.step.rests {
			back.Sleep = func(ctx context.Context, d time.Duration) error {
				if d < restsFrom {
					return w.local.Wait(ctx, d)
				}
				if !yield(d) {
					return errors.New("nothing more is done")
				}
				return errors.Join(j.rested, ctx.Err())
			}
		}
		j.said, j.err = w.step.do(ctx, w.local, j.ask, back)
		if why := context.Cause(ctx); j.err != nil && errors.Is(why, context.DeadlineExceeded) {
			j.err = fmt.Errorf("%w: %w", j.err, why)
		}
	})
}

// turn lets it go on, if it does not rest and has not ended.
func (j *job) turn(limit time.Duration) {
	if j.ended || j.rests > 0 {
		return
	}
	began := time.Now()
	timer := time.AfterFunc(j.left, func() { j.over(fmt.Errorf("it took longer than %s: %w", limit, context.DeadlineExceeded)) })
	rests, on := j.next()
	timer.Stop()
	j.left -= time.Since(began)
	j.rests, j.ended = rests, !on
}

// rest waits, while others may work here.
func (w *work) rest(ctx context.Context, d time.Duration) error {
	w.unlock()
	w.unlock = func() {}
	if err := w.peer.wait(ctx, d, w.local.Wait); err != nil {
		return err
	}
	return w.lock(ctx)
}

// result is what became of all of it.
func (w *work) result() result {
	said := w.jobs[0].said
	said.Error = onWire(w.jobs[0].err)
	for _, j := range w.jobs[1:] {
		said.More = append(said.More, outcome{Serial: j.ask.Serial, Released: j.said.Released, Error: onWire(j.err)})
	}
	return said
}

// takeBack takes back each release that went well, and of which nobody heard.
func (w *work) takeBack(ctx context.Context) error {
	var all []error
	for _, j := range w.jobs {
		if j.err == nil {
			all = append(all, w.local.Rollback(ctx, j.said.Released, release.Callbacks{}))
		}
	}
	return errors.Join(all...)
}
