package commands

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/witness"
)

// tide is a pulse that beats when a test says so.
type tide struct {
	now   time.Time
	beat  func()
	beats int
	width int
}

func (t *tide) pulse() *Pulse {
	return &Pulse{
		Now: func() time.Time { return t.now },
		Every: func(_ time.Duration, beat func()) func() {
			t.beat = beat
			t.beats++
			return func() { t.beat = nil }
		},
		Width: func() int { return t.width },
	}
}

// pass lets so many seconds pass, with a beat at the end.
func (t *tide) pass(seconds int) {
	t.now = t.now.Add(time.Duration(seconds) * time.Second)
	if t.beat != nil {
		t.beat()
	}
}

// shore is a command that is watched on a terminal, and what stands on it.
func shore(width int, env map[string]string) (*common, *tide, *bytes.Buffer) {
	t, out := &tide{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), width: width}, &bytes.Buffer{}
	o := &common{Streams: Streams{Err: out, Out: out, OutTerminal: true, ErrTerminal: true, Pulse: t.pulse(), Getenv: func(name string) string { return env[name] }}}
	o.watched()
	return o, t, out
}

// screenOf is what stands on a terminal that got all this: each line of which
// the last writing stayed.
func screenOf(text string) string {
	var rows []string
	for _, row := range strings.Split(text, "\n") {
		parts := strings.Split(row, "\r"+clearLine)
		rows = append(rows, parts[len(parts)-1])
	}
	return strings.Join(rows, "\n")
}

func begin(kind, name string, limit time.Duration) witness.Asking {
	return witness.Asking{Kind: kind, Name: name, Begins: true, Limit: limit}
}

// What is waited for is said, for how long by now and for how long at most.
func TestProgressLine(t *testing.T) {
	minute := time.Minute
	for want, do := range map[string]func(*progress){
		"asking LXD … 12 s of 60 s":                   func(p *progress) { p.asking(begin("lxd", "LXD", minute)) },
		"asking LXD … 12 s":                           func(p *progress) { p.asking(begin("lxd", "LXD", 0)) },
		"asking the array of purepool … 12 s of 60 s": func(p *progress) { p.asking(begin("array", "purepool", minute)) },
		"asking LXD, lxd01, the logs of lxd01 … 12 s of 60 s": func(p *progress) {
			p.asking(begin("lxd", "LXD", minute))
			p.asking(begin("host", "lxd01", minute))
			p.asking(begin("logs", "lxd01", minute))
		},
		"asking the array of purepool … 12 s of 60 s, 4000 of 9870 rows": func(p *progress) {
			p.asking(begin("array", "purepool", minute))
			p.asking(witness.Asking{Kind: "array", Name: "purepool", Got: 4000, Of: 9870})
		},
		"asking the array of nvpool … 12 s of 60 s": func(p *progress) {
			p.asking(begin("array", "nvpool", minute))
			p.asking(witness.Asking{Kind: "array", Name: "purepool"}) // is over, or has none
		},
		"asking the array of purepool … 12 s of 60 s, 4000 rows": func(p *progress) {
			p.asking(begin("array", "purepool", minute))
			p.asking(witness.Asking{Kind: "array", Name: "purepool", Got: 4000})
		},
		"1 of 5 members answered, asking lxd02, lxd03, lxd04, 1 more … 12 s of 20 s": func(p *progress) {
			for i := range 5 {
				p.asking(begin("host", fmt.Sprintf("lxd%02d", i+1), 20*time.Second))
			}
			p.asking(witness.Asking{Kind: "host", Name: "lxd01", Done: true})
			p.asking(witness.Asking{Kind: waitMembers, Got: 1, Of: 5})
		},
		"step 3 of 6: confirm that it is detached … 12 s": func(p *progress) {
			p.repairing(repair.Event{Phase: repair.Begins, N: 3, Of: 6, Step: repair.Step{Say: "confirm that it is detached"}}, 0)
		},
		"[###.........] 3 of 10, 2s each, about 14s left: step 3 of 6: asking LXD … 12 s": func(p *progress) {
			p.repairing(repair.Event{Phase: repair.Counted, N: 3, Of: 10}, 6*time.Second)
			p.repairing(repair.Event{Phase: repair.Begins, N: 3, Of: 6, Step: repair.Step{Say: "confirm"}}, 0)
			p.asking(begin("lxd", "LXD", 0))
		},
		"step 2 of 6: waiting … 12 s of 45 s": func(p *progress) {
			p.repairing(repair.Event{Phase: repair.Begins, N: 2, Of: 6, Step: repair.Step{Say: "wait"}}, 0)
			p.asking(begin(waitTime, "", 45*time.Second))
		},
		"asking pool\\u202e … 12 s": func(p *progress) { p.asking(begin("host", "pool\u202e", 0)) },
	} {
		o, tide, out := shore(100, nil)
		do(o.progress)
		if out.Len() > 0 {
			t.Errorf("%q at once", out)
		}
		tide.pass(12)
		if got := screenOf(out.String()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// The line is wiped before anything else is written and when nothing is waited
// for any more, and then nobody beats.
func TestProgressIsWiped(t *testing.T) {
	o, tide, out := shore(80, nil)
	o.progress.asking(begin("lxd", "LXD", 0))
	tide.pass(1)
	fmt.Fprintln(o.Err, "a warning")
	if got := screenOf(out.String()); got != "a warning\n" {
		t.Errorf("%q", got)
	}
	tide.pass(1)
	fmt.Fprintln(o.Out, "an answer")
	tide.pass(1)
	o.progress.asking(begin("host", "lxd01", 0))
	o.progress.asking(witness.Asking{Kind: "lxd", Name: "LXD", Done: true})
	tide.pass(1)
	if got := screenOf(out.String()); got != "a warning\nan answer\nasking lxd01 … 1 s" {
		t.Errorf("%q", got)
	}
	o.progress.asking(witness.Asking{Kind: "host", Name: "lxd01", Done: true})
	if got := screenOf(out.String()); got != "a warning\nan answer\n" {
		t.Errorf("%q", got)
	}
	before := out.Len()
	tide.pass(1)
	if tide.beat != nil || out.Len() != before {
		t.Errorf("it beats on: %q", out)
	}
}

// A question that waits for its answer is left alone.
func TestProgressLeavesQuestions(t *testing.T) {
	o, tide, out := shore(80, nil)
	o.In = strings.NewReader("y\n")
	o.progress.asking(begin("lxd", "LXD", 0))
	tide.pass(1)
	fmt.Fprint(o.Err, "really? [y/N] ")
	tide.pass(5)
	if got := screenOf(out.String()); got != "really? [y/N] " {
		t.Errorf("%q", got)
	}
	if _, err := o.answers().next(context.Background()); err != nil {
		t.Fatal(err)
	}
	tide.pass(1)
	if got := screenOf(out.String()); got != "asking LXD … 7 s" {
		t.Errorf("%q", got)
	}
}

// On a narrow terminal the line stays in one row, and the time on it.
func TestProgressIsCut(t *testing.T) {
	for _, width := range []int{1, 10, 20, 40, 79, 0} {
		o, tide, out := shore(width, nil)
		o.progress.asking(begin("array", strings.Repeat("pool", 30), time.Minute))
		tide.pass(12)
		got, room := []rune(screenOf(out.String())), width
		if width == 0 {
			room = defaultWidth
		}
		if len(got) > room-1 || (room >= 20 && !strings.HasSuffix(string(got), " … 12 s of 60 s")) {
			t.Errorf("%d columns: %q", width, string(got))
		}
	}
}

// Where nothing can be wiped the line is a line, and rare. No colour is used.
func TestProgressOnPlainTerminals(t *testing.T) {
	o, tide, out := shore(80, map[string]string{"TERM": "dumb"})
	o.progress.asking(begin("lxd", "LXD", 0))
	for range 25 {
		tide.pass(1)
	}
	if got := out.String(); got != "asking LXD … 1 s\nasking LXD … 11 s\nasking LXD … 21 s\n" {
		t.Errorf("%q", got)
	}
	o, tide, out = shore(80, map[string]string{"NO_COLOR": "1"})
	o.progress.asking(begin("lxd", "LXD", 0))
	tide.pass(1)
	if got := out.String(); got != "\r\x1b[Kasking LXD … 1 s" {
		t.Errorf("%q", got)
	}
}

// Nobody but a person at a terminal is told, and who wants quiet is not.
func TestProgressIsForPeople(t *testing.T) {
	for name, change := range map[string]func(*common){
		"a pipe":            func(o *common) { o.ErrTerminal = false },
		"-q":                func(o *common) { o.brief = true },
		"json":              func(o *common) { o.output = "json" },
		"yaml":              func(o *common) { o.output = "yaml" },
		"no pulse":          func(o *common) { o.Pulse = nil },
		"an embedded world": func(o *common) { o.given = &sources{} },
	} {
		o, _, out := shore(80, nil)
		o.progress, o.Err, o.Out = nil, out, out
		change(o)
		o.watched()
		o.progress.asking(begin("lxd", "LXD", 0))
		o.progress.repairing(repair.Event{Phase: repair.Begins}, 0)
		o.progress.entered()
		if o.progress != nil || o.Err != any(out) {
			t.Errorf("%s: progress is shown", name)
		}
	}
	// A wait is one, whoever looks.
	waited := time.Duration(0)
	err := (*progress)(nil).sleeping(func(_ context.Context, d time.Duration) error { waited += d; return nil })(context.Background(), time.Second)
	if err != nil || waited != time.Second {
		t.Errorf("%s, %v", waited, err)
	}
}

// All that a command waits for passes through the line, and nothing of it is
// left when the command has ended.
func TestProgressOfCommands(t *testing.T) {
	world := worlds.Demo(t)
	b := newBench(t, world)
	tide := &tide{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), width: 80}
	b.s.Pulse = tide.pulse()
	b.s.given.visit = true
	b.s.given.now = nil
	_, out, errs := b.run("", "scan")
	if tide.beats == 0 {
		t.Error("nobody was asked")
	}
	if tide.pass(1); tide.beat != nil {
		t.Error("something is still waited for")
	}
	if strings.Contains(out+errs, "asking") {
		t.Errorf("%s%s", out, errs)
	}

	// Every wait of a repair beats.
	b = newBench(t, aged(t, "power-failure-iscsi"))
	b.s.Pulse, b.s.given.visit = tide.pulse(), true
	advance := b.s.given.sleep
	b.s.given.sleep = func(ctx context.Context, d time.Duration) error {
		tide.pass(1)
		return advance(ctx, d)
	}
	status, out, errs := b.run("", "fix", "--volume", b.leaked("stale-connection"), "--yes")
	if status != StatusOK || !strings.Contains(errs, "waiting … 1 s of 45 s") || !strings.Contains(errs, "step 3 of ") {
		t.Errorf("status %d: %q", status, errs)
	}
	if text := screenOf(errs); strings.Contains(text, "… 1 s") || strings.Contains(out, "…") {
		t.Errorf("something is left:\n%s%s", text, out)
	}
}
