package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/wait"
)

// The time from one look to the next. Each look logs in to the array once and
// reads all its lists, so there is a least.
const (
	usualInterval = 30 * time.Second
	leastInterval = 5 * time.Second
)

// interval is the value of --watch[=INTERVAL] as it was typed; empty is off.
type interval string

// IsBoolFlag lets the flag stand without a value.
func (*interval) IsBoolFlag() bool { return true }

func (i *interval) String() string {
	if i == nil {
		return ""
	}
	return string(*i)
}

// Set takes anything: the flag package would call what it refuses an "invalid
// boolean value". "true" is what it says for a flag without a value.
func (i *interval) Set(s string) error {
	if s == "true" {
		s = usualInterval.String()
	}
	*i = interval(s)
	return nil
}

// every is the time between two looks.
func (i interval) every() (time.Duration, error) {
	d, err := time.ParseDuration(string(i))
	switch {
	case err != nil:
		return 0, withHint(usagef("--watch=%s is no interval", string(i)), "write it as --watch=30s or --watch=2m")
	case d < leastInterval:
		return 0, withHint(usagef("--watch=%s is too often: each look reads all of the array's lists", string(i)),
			"the least is --watch="+leastInterval.String())
	}
	return d, nil
}

func watchFlag(to *interval) cli.Flag {
	return &cli.GenericFlag{Name: "watch", Value: to, Usage: "look again every `INTERVAL` (--watch=2m; 30s without a value) until Ctrl-C"}
}

// view is what one look saw.
type view struct {
	// print shows it to people.
	print func(out *page)
	// summary is one line of it, for a window that is too small for all.
	summary string
	// answer is the same for scripts, with what only who watches is told.
	answer func(watched) any
	// items say what is there, and in what state; comparing two looks tells
	// what changed.
	items []item
	// partial is set when not everything could be seen: what is missing then
	// may be there all the same, and is not called gone.
	partial bool
	// warnings are said once, or stand above what is redrawn.
	warnings []string
	// err is what the command would end with, and done ends the watching.
	err  error
	done bool
}

type item struct{ name, state string }

// watched is what an answer of --watch has besides: which look it is of, and what
// changed since the one before.
type watched struct {
	Look    int      `json:"look"`
	Changes []change `json:"changes"`
}

// change is one difference between two looks.
type change struct {
	Change string `json:"change"` // appeared, gone or changed
	What   string `json:"what"`
	Before string `json:"before"`
	Now    string `json:"now"`
}

// compare lists what changed from one look to the next.
func compare(before, after []item) []change {
	changes := []change{}
	old, now := map[string]string{}, map[string]bool{}
	for _, i := range before {
		old[i.name] = i.state
	}
	for _, i := range after {
		state, was := old[i.name]
		switch {
		case now[i.name]:
			continue
		case !was:
			changes = append(changes, change{"appeared", i.name, "", i.state})
		case state != i.state:
			changes = append(changes, change{"changed", i.name, state, i.state})
		}
		now[i.name] = true
	}
	for _, i := range before {
		if !now[i.name] {
			changes = append(changes, change{"gone", i.name, i.state, ""})
			now[i.name] = true
		}
	}
	return changes
}

// watcher looks again and again, one look after the other.
type watcher struct {
	o     *common
	name  string
	every time.Duration
	// look looks once.
	look func(context.Context) (view, error)

	screen *canvas // nil where there is no terminal to redraw
	looks  int
	last   view
	seen   bool // last is set
	// changes are the last that there were, found by look changed at when.
	changes []change
	when    time.Time
	at      time.Time
	// failure is what the last look failed with.
	failure error
	warner  warner
}

// watch runs look every interval until ctx ends, look says that it is done, or
// the output can't be written. It ends as the last look would have.
func (o *common) watch(ctx context.Context, name string, every interval, look func(context.Context) (view, error)) error {
	if o.output != formatTable && o.output != formatWide && o.output != formatJSON {
		return usagef("--watch prints table, wide or json, and not %s", o.output)
	}
	d, err := every.every()
	if err != nil {
		return err
	}
	w := &watcher{o: o, name: name, every: d, look: look}
	if o.OutTerminal && o.output != formatJSON && o.Getenv("TERM") != "dumb" {
		w.screen = openCanvas(o.Streams)
		defer w.screen.close()
		if o.ErrTerminal {
			// What is written beside the picture would destroy it.
			o.ErrTerminal, o.quiet, o.progress = false, true, nil
		}
	}
	err = w.run(ctx)
	if w.screen != nil {
		w.screen.close()
		if failed := w.leave(); failed != nil {
			return failed
		}
	}
	return err
}

func (w *watcher) run(ctx context.Context) error {
	for {
		began := w.o.now()
		if err := w.draw(true); err != nil {
			return err
		}
		v, err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return w.end()
		case err != nil && !w.seen && outcome(err).Status == StatusUsage:
			return err // trying again would not help
		case err != nil:
			w.failure = err
		default:
			w.take(v)
		}
		if err := w.show(); err != nil {
			return err
		}
		if w.failure == nil && w.last.done {
			return w.last.err
		}
		pause := max(w.every-w.o.now().Sub(began), leastInterval)
		if err := w.rest(ctx, pause); err != nil {
			if ctx.Err() == nil {
				return err
			}
			return w.end()
		}
	}
}

// take keeps what a look saw.
func (w *watcher) take(v view) {
	w.looks++
	w.at, w.failure = w.o.now(), nil
	changes := []change{}
	if w.seen && v.partial {
		for _, i := range w.last.items {
			if !slices.ContainsFunc(v.items, func(now item) bool { return now.name == i.name }) {
				v.items = append(v.items, i)
			}
		}
	}
	if w.seen {
		changes = compare(w.last.items, v.items)
	}
	w.last, w.seen = v, true
	if len(changes) > 0 || w.screen == nil {
		w.changes, w.when = changes, w.at
	}
}

// end is how watching ends when somebody ends it.
func (w *watcher) end() error {
	switch {
	case w.failure != nil:
		return w.failure
	case w.seen:
		return w.last.err
	default:
		return context.Canceled
	}
}

// show prints what the last look saw: a line of JSON, a block, or the screen.
func (w *watcher) show() error {
	if w.screen == nil {
		w.warner.warn(w.o.Err, w.last.warnings)
	}
	switch {
	case w.screen != nil:
		return w.draw(false)
	case w.failure != nil:
		f := outcome(w.failure)
		f.report(w.o.Err, w.o.output == formatJSON, 0)
		return nil
	case w.o.output == formatJSON:
		return w.o.print(func(out io.Writer) error {
			// A line for each look: no indentation.
			e := json.NewEncoder(escaping{w: out})
			e.SetEscapeHTML(false)
			return e.Encode(w.last.answer(watched{w.looks, w.changes}))
		})
	}
	return w.o.text(func(out *page) {
		if w.looks > 1 {
			out.line("")
		}
		out.line(fmt.Sprintf("== %s, look %d at %s", w.name, w.looks, w.at.UTC().Format(time.RFC3339)))
		for _, c := range w.changes {
			out.line(c.line())
		}
		w.last.print(out)
	})
}

// rest waits for the next look, and draws again when the window changes.
func (w *watcher) rest(ctx context.Context, d time.Duration) error {
	var resized <-chan os.Signal
	if w.screen != nil {
		resized = w.screen.resized
	}
	done := make(chan error, 1)
	go func() { done <- w.o.sleep(ctx, d) }()
	for {
		select {
		case err := <-done:
			return err
		case <-resized:
			if err := w.draw(false); err != nil {
				return err
			}
		}
	}
}

// line is a change for people: what is new, gone or different.
func (c change) line() string {
	switch c.Change {
	case "appeared":
		return "+ " + clean(c.What) + ": " + clean(c.Now)
	case "gone":
		return "- " + clean(c.What)
	default:
		return "~ " + clean(c.What) + ": " + clean(c.Before) + " -> " + clean(c.Now)
	}
}

// now and sleep are this machine's, or a demo's.
func (o *common) now() time.Time {
	if o.given != nil && o.given.now != nil {
		return o.given.now()
	}
	return time.Now()
}

func (o *common) sleep(ctx context.Context, d time.Duration) error {
	if o.given != nil && o.given.sleep != nil {
		return o.given.sleep(ctx, d)
	}
	return wait.For(ctx, d)
}
