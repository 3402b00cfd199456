package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/witness"
)

// patience is how long nothing may be said to a person, and how often the line
// is drawn. plainPatience is how often it is said anew where it can't be wiped.
const (
	patience      = time.Second
	plainPatience = 10 * time.Second
)

// Pulse is what a person who waits is shown by: a clock, a beat and the width of
// the terminal that Err is.
type Pulse struct {
	Now   func() time.Time
	Every func(d time.Duration, beat func()) (stop func())
	Width func() int
}

// every calls beat again and again until it is stopped.
func every(d time.Duration, beat func()) func() {
	ticker, done := time.NewTicker(d), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				beat()
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}

// progress is the one line that says what is being waited for. It stands below
// everything else on the terminal and is wiped before anything is written. The
// nil progress shows nothing.
type progress struct {
	pulse Pulse
	// plain is a terminal on which nothing can be wiped.
	plain bool

	mu  sync.Mutex
	err io.Writer
	// waits are what is waited for now, the oldest first.
	waits []*waiting
	// batch says how far a batch is.
	batch string
	shown bool
	// within is set while a line is begun, such as a question.
	within bool
	stop   func()
	said   time.Time
}

// waiting is one thing that is waited for.
type waiting struct {
	witness.Asking
	began time.Time
}

// Kinds of waiting besides the sources.
const (
	waitMembers = "members"
	waitStep    = "step"
	waitTime    = "time"
)

// watched lets a person see what is waited for, from here on, and wipes that
// before anything is written. Programs and quiet people are shown nothing.
func (o *common) watched() {
	if o.progress != nil || o.Pulse == nil || !o.ErrTerminal || o.brief || o.output.isData() {
		return
	}
	if o.given != nil && !o.given.visit { // an embedded world answers at once
		return
	}
	p := &progress{pulse: *o.Pulse, plain: o.Getenv("TERM") == "dumb", err: o.Err}
	o.progress, o.Err = p, &wiping{p, o.Err}
	if o.OutTerminal {
		o.Out = &wiping{p, o.Out}
	}
}

// wiping wipes the line before it writes.
type wiping struct {
	p *progress
	w io.Writer
}

func (w *wiping) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	w.p.wipe()
	if len(b) > 0 {
		w.p.within = b[len(b)-1] != '\n'
	}
	return w.w.Write(b)
}

func (p *progress) wipe() {
	if p.shown {
		p.shown = false
		fmt.Fprint(p.err, "\r"+clearLine)
	}
}

// entered tells that a person ended the line that was begun.
func (p *progress) entered() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.within = false
}

// asking is a witness.Options.Progress.
func (p *progress) asking(a witness.Asking) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.waits, func(w *waiting) bool { return w.Kind == a.Kind && w.Name == a.Name })
	switch {
	case a.Done || (a.Kind == waitMembers && a.Got == a.Of):
		if i >= 0 {
			p.waits = slices.Delete(p.waits, i, i+1)
		}
		if len(p.waits) == 0 {
			p.wipe()
		}
	case i >= 0:
		p.waits[i].Got, p.waits[i].Of = a.Got, a.Of
	case a.Begins || a.Kind == waitMembers:
		p.begin(a)
	}
}

// begin adds what is waited for; the beat goes on until nothing is.
func (p *progress) begin(a witness.Asking) {
	p.waits = append(p.waits, &waiting{a, p.pulse.Now()})
	if p.stop == nil {
		p.stop = p.pulse.Every(patience, p.beat)
	}
}

// beat draws the line.
func (p *progress) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waits) == 0 {
		p.stop()
		p.stop = nil
		return
	}
	if p.within {
		return
	}
	now := p.pulse.Now()
	text := p.line(now)
	if p.plain {
		if now.Sub(p.said) >= plainPatience {
			p.said = now
			fmt.Fprintln(p.err, text)
		}
		return
	}
	p.shown = true
	fmt.Fprint(p.err, "\r"+clearLine+text)
}

// line says what is waited for, for how long by now and for how long at most.
// The time is what must not be cut off.
func (p *progress) line(now time.Time) string {
	var sources []*waiting
	var members, step *waiting
	for _, w := range p.waits {
		switch w.Kind {
		case waitMembers:
			members = w
		case waitStep:
			step = w
		default:
			sources = append(sources, w)
		}
	}
	head, first := p.batch, step
	if step != nil && len(sources) > 0 {
		head += fmt.Sprintf("step %d of %d: ", step.Got, step.Of)
	} else if step != nil {
		head += step.Name
	}
	tail := ""
	if len(sources) > 0 {
		first = sources[0]
		head += sourcesWords(sources, members)
		if first.Got > 0 && first.Kind == "array" {
			tail = fmt.Sprintf(", %d rows", first.Got)
			if first.Of >= first.Got {
				tail = fmt.Sprintf(", %d of %d rows", first.Got, first.Of)
			}
		}
	}
	if first == nil {
		first = members
	}
	took := fmt.Sprintf(" … %d s", int(now.Sub(first.began).Round(time.Second).Seconds()))
	if first.Limit > 0 {
		took += fmt.Sprintf(" of %d s", int(first.Limit.Round(time.Second).Seconds()))
	}
	return fit(clean(head), took+tail, p.room())
}

// room is what is left in a row, when the last column stays free: some
// terminals go to the next row with it.
func (p *progress) room() int {
	if width := p.pulse.Width(); width > 0 {
		return width - 1
	}
	return defaultWidth - 1
}

// fit cuts the end of head, and then of tail, to fit into so many columns.
func fit(head, tail string, room int) string {
	h, t := []rune(head), []rune(tail)
	switch {
	case len(h)+len(t) <= room:
	case len(t)+4 <= room:
		h = append(h[:room-len(t)-1], '…')
	default:
		return string(append(h, t...)[:max(room, 0)])
	}
	return string(h) + string(t)
}

// sourcesWords names who is asked. Of members it is said how many have answered.
func sourcesWords(sources []*waiting, members *waiting) string {
	if sources[0].Kind == waitTime {
		return "waiting"
	}
	var names []string
	for _, w := range sources {
		if w.Kind != waitTime {
			names = append(names, sourceName(w.Kind, w.Name))
		}
	}
	if more := len(names) - 3; more > 0 {
		names = append(names[:3], fmt.Sprintf("%d more", more))
	}
	text := "asking " + strings.Join(names, ", ")
	if members != nil && members.Of > 1 {
		text = fmt.Sprintf("%d of %d members answered, ", members.Got, members.Of) + text
	}
	return text
}

func sourceName(kind, name string) string {
	switch kind {
	case "array":
		return "the array of " + strings.TrimPrefix(name, "the array of ")
	case "portals":
		return "the array's portals"
	case "logs":
		return "the logs of " + name
	default:
		return name
	}
}

// sleeping shows how long a wait still takes.
func (p *progress) sleeping(sleep func(context.Context, time.Duration) error) func(context.Context, time.Duration) error {
	if p == nil {
		return sleep
	}
	return func(ctx context.Context, d time.Duration) error {
		p.asking(witness.Asking{Kind: waitTime, Begins: true, Limit: d})
		defer p.asking(witness.Asking{Kind: waitTime, Done: true})
		return sleep(ctx, d)
	}
}

// repairing shows which step is under way, and how far a batch is.
func (p *progress) repairing(e repair.Event, took time.Duration) {
	if p == nil {
		return
	}
	switch e.Phase {
	case repair.Begins:
		p.asking(witness.Asking{Kind: waitStep, Done: true})
		p.mu.Lock()
		defer p.mu.Unlock()
		p.begin(witness.Asking{Kind: waitStep, Name: fmt.Sprintf("step %d of %d: %s", e.N, e.Of, e.Step.Say), Got: int64(e.N), Of: int64(e.Of)})
	case repair.Ended, repair.Over:
		p.asking(witness.Asking{Kind: waitStep, Done: true})
	case repair.Counted:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.batch = ""
		if e.N < e.Of {
			p.batch = bar(e.N, e.Of) + " " + progressOf(e.N, e.Of, took) + ": "
		}
	default:
	}
}

// batchBar is that of the bar of a batch, which has to leave room for words.
const batchBar = 12

// bar draws how much of a batch is done.
func bar(n, of int) string {
	full := batchBar * n / max(of, 1)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", batchBar-full) + "]"
}
