package commands

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pureclean/pureclean/wait"
)

// patience is how long a witness may take before a person is told what is
// being waited for.
const patience = time.Second

// progress says on stderr which witness is still speaking, once each, and
// only to a terminal.
type progress struct {
	mu     sync.Mutex
	s      Streams
	timers map[string]*time.Timer
}

func newProgress(s Streams) *progress {
	return &progress{s: s, timers: map[string]*time.Timer{}}
}

// report is a witness.Options.Progress.
func (p *progress) report(kind, name string, done bool) {
	if !p.s.ErrTerminal || p.s.given != nil { // an embedded world answers at once
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := kind + name
	if timer := p.timers[key]; timer != nil {
		timer.Stop()
	}
	if done {
		return
	}
	p.timers[key] = time.AfterFunc(patience, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprintf(p.s.Err, "still asking %s ...\n", clean(witnessName(kind, name)))
	})
}

func witnessName(kind, name string) string {
	switch kind {
	case "array":
		return "the array of " + name
	case "host":
		return "the devices of " + name
	default:
		return name
	}
}

// countdown lets a person see how long a wait still takes. The line is
// written once a second, which a slow connection bears, and taken away in the
// end. Where nobody looks it only waits.
func countdown(s Streams, sleep func(context.Context, time.Duration) error) func(context.Context, time.Duration) error {
	if sleep == nil {
		sleep = wait.For
	}
	if !s.ErrTerminal || s.Getenv("TERM") == "dumb" {
		return sleep
	}
	return func(ctx context.Context, d time.Duration) error {
		if d < 2*time.Second {
			return sleep(ctx, d)
		}
		defer fmt.Fprint(s.Err, "\r\x1b[K")
		for d > 0 {
			fmt.Fprintf(s.Err, "\r\x1b[K     waiting %s ...", d.Round(time.Second))
			step := min(d, time.Second)
			if err := sleep(ctx, step); err != nil {
				return err
			}
			d -= step
		}
		return ctx.Err()
	}
}
