package commands

import (
	"fmt"
	"sync"
	"time"
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
		return "this host's devices"
	default:
		return name
	}
}
