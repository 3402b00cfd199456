package commands

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/pureclean/pureclean/simulator"
)

// Before are streams of somebody who sits before a simulated world, by the
// world's clock and with its live host. What is remembered is the world's,
// whatever the machine remembers on which the tests run.
func Before(s Streams, w *simulator.World) Streams {
	settings := demoSettings(w)
	settings.StateDir = filepath.Join(filepath.Dir(w.Socket), "state")
	s.given = &sources{config: settings, socket: w.Socket, host: w.Hosts[0].System(), seen: w.Seen, now: w.Clock.Now, dial: w.Hosts[0].Dial}
	return s
}

// Watching are streams of somebody who watches: sleep is called between two
// looks, and the clock stands still meanwhile.
func Watching(s Streams, w *simulator.World, sleep func(context.Context, time.Duration) error) Streams {
	s = Before(s, w)
	s.given.sleep = sleep
	return s
}

// OpenWorld opens a world below dir to commands that are processes of their own.
func OpenWorld(w *simulator.World, dir string) (leave func(), err error) {
	o, err := openWorld(w, dir, 0)
	return o.close, err
}

// onPage is a page of one width, without colours.
func onPage(w io.Writer, width int) *page {
	return &page{palette: colourise(Streams{}, "never", false), w: w, width: width}
}

// Look is what one look of Watch saw.
type Look struct {
	Lines         []string
	Items         map[string]string
	Partial, Done bool
	Err           error
}

// Watch watches what look sees; its error fails that look.
func Watch(ctx context.Context, s Streams, asked string, sleep func(context.Context, time.Duration) error, look func() (Look, error)) error {
	s.given = &sources{sleep: sleep, now: func() time.Time { return time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC) }}
	o := &common{Streams: s, color: "never", output: format(asked)}
	return o.watch(ctx, "test", "30s", func(context.Context) (view, error) {
		l, err := look()
		if err != nil {
			return view{}, err
		}
		v := view{partial: l.Partial, done: l.Done, err: l.Err, summary: "a summary"}
		for _, name := range slices.Sorted(maps.Keys(l.Items)) {
			v.items = append(v.items, item{name, l.Items[name]})
		}
		v.print = func(out *page) {
			for _, line := range l.Lines {
				out.line(fmt.Sprintf("%d: %s", out.width, line))
			}
		}
		v.answer = func(w watched) any { return map[string]any{"look": w.Look, "changes": w.Changes} }
		return v, nil
	})
}

// What scan says of a complete look alone.
const (
	NothingLeaked = nothingLeaked
	NothingLeft   = nothingLeft
)
