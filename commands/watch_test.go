package commands_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// watched is what a line of JSON says of the watching.
type watched struct {
	Schema   string
	Look     int
	Complete bool
	Gone     string
	Changes  []struct{ Change, What, Before, Now string }
}

func (w watched) changes() string {
	var all []string
	for _, c := range w.Changes {
		all = append(all, strings.TrimSpace(c.Change+" "+c.What+" "+c.Now))
	}
	return strings.Join(all, ", ")
}

// watch runs a command with --watch before a world. between is called after
// look n and says whether to go on.
func watch(t *testing.T, w *simulator.World, between func(n int) bool, args ...string) (int, []watched) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	looks := 0
	s := commands.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }}
	s = commands.Watching(s, w, func(ctx context.Context, d time.Duration) error {
		if d < 5*time.Second {
			t.Errorf("only %s between two looks", d)
		}
		if looks++; !between(looks) || looks > 20 {
			cancel()
		}
		return ctx.Err()
	})
	status := commands.Main(ctx, append([]string{"pureclean"}, args...), s)
	var lines []watched
	for line := range strings.Lines(out.String()) {
		var v watched
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v in line %.200q; %s", err, line, errs.String())
		}
		lines = append(lines, v)
	}
	return status, lines
}

// leak is a world with one leaked volume that is connected and mapped.
func leaked(t *testing.T) (w *simulator.World, name, serial string) {
	t.Helper()
	w = worlds.Of(t, "device-too-late-iscsi")
	for _, v := range w.Array.Volumes() {
		for _, c := range w.Array.Connections() {
			if c.Volume == v.Name && w.Hosts[0].DevicesOf(v.Serial) != nil {
				name, serial = v.Name, v.Serial
			}
		}
	}
	if name == "" {
		t.Fatal("nothing is connected")
	}
	return w, name, serial
}

// TestWatchScan: a line for each look, with what changed since the one before,
// and the status of the last look when somebody ends it.
func TestWatchScan(t *testing.T) {
	w, name, _ := leaked(t)
	status, lines := watch(t, w, func(n int) bool {
		if n == 2 {
			if err := w.Array.Disconnect("lxd01-iscsi", name); err != nil {
				t.Error(err)
			}
		}
		return n < 3
	}, "scan", "--watch", "-o", "json")
	if status != 4 || len(lines) != 3 {
		t.Fatalf("status %d, %d lines", status, len(lines))
	}
	for i, line := range lines {
		if line.Schema != "pureclean/scan/v1" || line.Look != i+1 || line.Changes == nil {
			t.Errorf("line %d: %+v", i, line)
		}
	}
	if got := lines[0].changes() + lines[1].changes(); got != "" {
		t.Errorf("nothing had changed: %s", got)
	}
	if got := lines[2].changes(); !strings.Contains(got, "appeared ghost-path") {
		t.Errorf("after the disconnect: %q", got)
	}
}

// TestWatchVerify ends with 0 when the volume is gone everywhere, and not
// before; when its name is gone too, its devices are still looked for.
func TestWatchVerify(t *testing.T) {
	w, name, serial := leaked(t)
	steps := []func() error{
		func() error { return w.Array.Disconnect("lxd01-iscsi", name) },
		func() error { return w.Array.DestroyVolume(name) },
		func() error { return w.Array.Eradicate(name) },
		func() error { return nil },
		func() error {
			for _, device := range w.Hosts[0].DevicesOf(serial) {
				if err := w.Hosts[0].DeletePath(device); err != nil {
					return err
				}
			}
			return nil
		},
	}
	status, lines := watch(t, w, func(n int) bool {
		if n > len(steps) {
			return false
		}
		if err := steps[n-1](); err != nil {
			t.Error(n, err)
		}
		return true
	}, "verify", "--watch=10s", "--volume", name, "-o", "json")
	var gone []string
	for _, line := range lines {
		gone = append(gone, line.Gone)
	}
	if want := "[no no no no no yes]"; status != 0 || fmt.Sprint(gone) != want {
		t.Errorf("status %d, gone %v, want %s", status, gone, want)
	}
	if got := lines[len(lines)-1].changes(); got != "changed host lxd01 gone" {
		t.Errorf("the last change is %q", got)
	}
}

// looks gives one after the other to commands.Watch.
func looks(all ...any) func() (commands.Look, error) {
	n := 0
	return func() (commands.Look, error) {
		n++
		switch look := all[min(n, len(all))-1].(type) {
		case error:
			return commands.Look{}, look
		case commands.Look:
			return look, nil
		default:
			panic("neither")
		}
	}
}

// sleeps lets n looks happen, then ends as Ctrl-C does.
func sleeps(cancel context.CancelFunc, n int) func(context.Context, time.Duration) error {
	return func(ctx context.Context, _ time.Duration) error {
		if n--; n <= 0 {
			cancel()
		}
		return ctx.Err()
	}
}

// What is missing from a look that could not see everything is not called
// gone, and is not new when it is seen again.
func TestWatchPartialLooks(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	all := commands.Look{Items: map[string]string{"leak a": "safe", "leak b": "safe"}}
	err := commands.Watch(ctx, commands.Streams{Out: &out, Err: &out, Getenv: os.Getenv}, "table", sleeps(cancel, 4), looks(
		all,
		commands.Look{Items: map[string]string{"leak a": "blocked"}, Partial: true},
		all,
		commands.Look{Items: map[string]string{"leak a": "safe"}},
	))
	if err != nil {
		t.Error(err)
	}
	want := `== test, look 1 at 2026-11-22T15:00:00Z

== test, look 2 at 2026-11-22T15:00:00Z
~ leak a: safe -> blocked

== test, look 3 at 2026-11-22T15:00:00Z
~ leak a: blocked -> safe

== test, look 4 at 2026-11-22T15:00:00Z
- leak b
`
	if out.String() != want {
		t.Errorf("printed\n%s", out.String())
	}
}

// A look that fails is shown, and tried again; only what is wrong with the
// command line ends the watching, and only at once.
func TestWatchFailedLooks(t *testing.T) {
	usage := &commands.UsageError{Err: errors.New("no such pool")}
	remain := errors.New("findings remain")
	seen := commands.Look{Items: map[string]string{"leak a": "safe"}, Lines: []string{"leak a"}, Err: remain}
	for _, c := range []struct {
		name  string
		looks []any
		n     int
		want  error
		out   string
	}{
		{"a failure between", []any{seen, errors.New("no answer\x1b[2J"), seen}, 3, remain, `pureclean: no answer\x1b[2J`},
		{"a failure at the end", []any{seen, usage}, 2, usage, "pureclean: no such pool"},
		{"a failure at first", []any{errors.New("no answer"), seen}, 2, remain, "pureclean: no answer"},
		{"a mistake at first", []any{usage, seen}, 2, usage, ""},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		err := commands.Watch(ctx, commands.Streams{Out: &out, Err: &errs, Getenv: os.Getenv}, "table", sleeps(cancel, c.n), looks(c.looks...))
		cancel()
		if !errors.Is(err, c.want) || !strings.HasPrefix(errs.String(), c.out) {
			t.Errorf("%s: %v, %q", c.name, err, errs.String())
		}
	}
}

// Somebody who ends it before anything was seen has cancelled it.
func TestWatchEndedAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := commands.Watch(ctx, commands.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Getenv: os.Getenv}, "table", sleeps(cancel, 1), looks(commands.Look{}))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestWatchScreen: the terminal is drawn on in place, never more than its
// height, again when it changes, and is given back with the last look on it.
func TestWatchScreen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out, errs bytes.Buffer
	width, n := 80, 0
	resized, stopped := make(chan os.Signal), 0
	s := commands.Streams{
		Out: &out, Err: &errs, OutTerminal: true, ErrTerminal: true,
		Width: func() int { return width }, Height: func() int { return 10 },
		Getenv:  func(string) string { return "" },
		Resized: func() (<-chan os.Signal, func()) { return resized, func() { stopped++ } },
	}
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("line %d", i))
	}
	sleep := func(ctx context.Context, _ time.Duration) error {
		if n++; n < 3 {
			return nil
		}
		width = 60
		resized <- syscall.SIGWINCH
		resized <- syscall.SIGWINCH // taken only when the first was drawn
		cancel()
		return ctx.Err()
	}
	remain := errors.New("findings remain")
	err := commands.Watch(ctx, s, "table", sleep, looks(
		commands.Look{Items: map[string]string{"leak a": "safe"}, Lines: many},
		errors.New("no answer"),
		commands.Look{Items: map[string]string{"leak a": "blocked", "leak b\x1b]0;x\x07": "safe"}, Lines: many, Err: remain},
	))
	if !errors.Is(err, remain) || errs.Len() > 0 || stopped != 1 {
		t.Errorf("%v, stopped %d times, on stderr %q", err, stopped, errs.String())
	}
	text := out.String()
	enter, leave := "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
	if !strings.HasPrefix(text, enter) || strings.Count(text, enter) != 1 || strings.Count(text, leave) != 1 {
		t.Errorf("the terminal is not given back: %q", text)
	}
	drawn, after, _ := strings.Cut(text, leave)
	if got := strings.Count(after, "60: line "); got != 40 {
		t.Errorf("%d lines stay, of 40", got)
	}
	frames := strings.Split(drawn, "\x1b[H")[1:]
	for i, frame := range frames {
		if rows := strings.Count(frame, "\n") + 1; rows > 10 {
			t.Errorf("frame %d has %d rows of 10", i, rows)
		}
		if strings.Contains(frame, "\x1b]0") {
			t.Errorf("frame %d tells the terminal something: %q", i, frame)
		}
	}
	for i, want := range []string{
		"looking ...",
		"look 1 at 15:00:00 UTC",
		"looking ...",
		"! the last look failed: no answer",
		"! the last look failed: no answer", // while it looks again
		"~ leak a: safe -> blocked",
		"60: line 0",
	} {
		if i >= len(frames) || !strings.Contains(frames[i], want) {
			t.Errorf("frame %d lacks %q", i, want)
		}
	}
	if last := frames[len(frames)-1]; !strings.Contains(last, `+ leak b\x1b]0;x\x07: safe`) || !strings.Contains(last, "lines below") {
		t.Errorf("the last frame is %q", last)
	}
}

// An output that can't be written ends the watching.
func TestWatchFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, terminal := range []bool{false, true} {
		n := 0
		s := commands.Streams{Out: full, Err: &bytes.Buffer{}, OutTerminal: terminal, Getenv: func(string) string { return "" }}
		err := commands.Watch(t.Context(), s, "table", func(context.Context, time.Duration) error { n++; return nil }, looks(commands.Look{Lines: []string{"a"}}))
		if !errors.Is(err, syscall.ENOSPC) || n > 0 {
			t.Errorf("terminal %v: %v after %d sleeps", terminal, err, n)
		}
	}
}

// Logs would destroy what is drawn on the same terminal, so -v shows more and
// logs nothing there.
func TestWatchKeepsLogsAway(t *testing.T) {
	w, _, _ := leaked(t)
	for _, terminal := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		var out, errs bytes.Buffer
		s := commands.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, OutTerminal: true, ErrTerminal: terminal, Getenv: func(string) string { return "" }}
		status := commands.Main(ctx, []string{"pureclean", "scan", "--watch", "--debug"}, commands.Watching(s, w, sleeps(cancel, 1)))
		cancel()
		if status != 4 || (errs.Len() > 0) == terminal {
			t.Errorf("stderr a terminal: %v; status %d, logged %.200q", terminal, status, errs.String())
		}
	}
}
