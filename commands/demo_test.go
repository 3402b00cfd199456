package commands_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/words"
)

func TestDemoRunsThrough(t *testing.T) {
	status, stdout, stderr := run(t, "demo")
	if status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
	if shown, of := screens(stdout); shown != of || of < 4 {
		t.Errorf("%d of %d screens", shown, of)
	}
	for _, part := range []string{"The world", "$ pureclean scan", "$ pureclean explain --object ", "SAFE TO REPAIR", "leaked-volume"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("it does not show %q:\n%s", part, stdout)
		}
	}
	if strings.Contains(stdout, "\x1b") {
		t.Error("colours, and there is no terminal")
	}
}

var screen = regexp.MustCompile(`(?m)^(?:\x1b\[1m)?\[(\d+)/(\d+)\]`)

// screens counts those of the demo that were shown, each once.
func screens(stdout string) (shown, of int) {
	for i, found := range screen.FindAllStringSubmatch(stdout, -1) {
		n, _ := strconv.Atoi(found[1])
		of, _ = strconv.Atoi(found[2])
		if n != i+1 {
			return -1, of
		}
		shown++
	}
	return shown, of
}

// atTerminal runs a command at a terminal of 80 columns where somebody types
// the answers.
func atTerminal(ctx context.Context, in io.Reader, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = commands.Main(ctx, append([]string{"pureclean"}, args...), commands.Streams{
		In: in, Out: &out, Err: &errs, InTerminal: true, OutTerminal: true, ErrTerminal: true,
		Width: func() int { return 80 }, Getenv: func(string) string { return "" },
	})
	return status, out.String(), errs.String()
}

func TestDemoAtATerminal(t *testing.T) {
	for typed, want := range map[string]int{
		strings.Repeat("\n", 100): 0, // all; questions take some
		"\nq\n":                   2,
		"":                        1, // Ctrl-D
	} {
		status, stdout, stderr := atTerminal(context.Background(), strings.NewReader(typed), "demo")
		shown, of := screens(stdout)
		if want == 0 {
			want = of
		}
		if status != 0 || shown != want || of < 4 {
			t.Errorf("%q: status %d, %d of %d screens, want %d: %s", typed, status, shown, of, want, stderr)
		}
		if strings.Contains(stdout, "Enter: ") || !strings.Contains(stderr, "q to leave") {
			t.Errorf("%q: the question is not on stderr", typed)
		}
	}
	// Ctrl-C while it waits for Enter.
	ctx, cancel := context.WithCancel(context.Background())
	typed := reading(func() { cancel() })
	if status, _, stderr := atTerminal(ctx, typed, "demo"); status != 32 || !strings.Contains(stderr, "cancelled") {
		t.Errorf("Ctrl-C: status %d: %s", status, stderr)
	}
}

// On a small terminal every page fits, with the question on it, and Enter alone
// leads through all of it: it is never a no.
func TestDemoPages(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the whole story, page by page")
	}
	var out, errs bytes.Buffer
	screen := &pages{}
	status := commands.Main(t.Context(), []string{"pureclean", "demo"}, commands.Streams{
		In: strings.NewReader("\n\ns\n" + strings.Repeat("\n", 100)), Out: io.MultiWriter(&out, screen), Err: io.MultiWriter(&errs, screen),
		InTerminal: true, OutTerminal: true, ErrTerminal: true,
		Width: func() int { return 80 }, Height: func() int { return 24 }, Getenv: func(string) string { return "" },
	})
	if shown, of := screens(out.String()); status != 0 || shown != of {
		t.Errorf("status %d, %d of %d screens: %s", status, shown, of, errs.String())
	}
	for _, part := range []string{"Repaired: ", "Gone, everywhere", "Taken back", "What you have seen", "sudo pureclean scan", "pureclean demo --shell"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("Enter does not lead to %q", part)
		}
	}
	all := strings.Split(screen.text.String(), "(q to leave) ")
	if len(all) < 15 {
		t.Fatalf("%d pages", len(all))
	}
	if !strings.Contains(all[0], "[1/") || !strings.Contains(all[0], "\nEnter: first look at one pool") {
		t.Errorf("the first page does not end with one thing to do:\n%s", all[0])
	}
	colours := regexp.MustCompile("\x1b\\[[0-9;]*[mK]")
	for _, page := range all {
		rows := 0
		for line := range strings.Lines(strings.TrimLeft(page, "\n")) {
			line = colours.ReplaceAllString(strings.TrimRight(line, "\n"), "")
			line = line[strings.LastIndex(line, "\r")+1:]
			rows += max(1, (len([]rune(line))+79)/80)
		}
		if rows > 24 {
			t.Errorf("a page has %d rows:\n%s", rows, page)
		}
	}
	if !strings.Contains(all[3], "next:  pureclean") {
		t.Errorf("s does not lead to the end of an answer:\n%s", all[3])
	}
}

// pages is what a person sees of both streams.
type pages struct {
	mu   sync.Mutex
	text strings.Builder
}

func (p *pages) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// reading is somebody who does something instead of typing.
type reading func()

func (r reading) Read([]byte) (int, error) {
	r()
	select {} // nobody types, ever; the test does not wait for it
}

// lines is a stream that tells when something was written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	told chan struct{}
	once sync.Once
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	l.once.Do(func() { close(l.told) })
	return n, err
}

func TestDemoServe(t *testing.T) {
	base, err := os.MkdirTemp("", "pd") // a unix socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	dir := filepath.Join(base, "world")
	ctx, cancel := context.WithCancel(context.Background())
	out := &lines{told: make(chan struct{})}
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- commands.Main(ctx, []string{"pureclean", "demo", "--serve", dir}, commands.Streams{
			In: strings.NewReader(""), Out: out, Err: &errs, Getenv: func(string) string { return "" },
		})
	}()
	select {
	case <-out.told:
	case status := <-done:
		t.Fatalf("it ended with %d: %s", status, errs.String())
	}
	if printed := out.text.String(); !strings.Contains(printed, "\n  . "+words.Shell(dir+"/env")+"\n") {
		t.Errorf("it does not say how to enter:\n%s", printed)
	}

	t.Setenv("PURECLEAN_DEMO", dir)
	status, stdout, stderr := run(t, "scan", "-o", "json")
	var got scanned
	decode(t, stdout, &got)
	if status != 4 {
		t.Errorf("status %d: %s", status, stderr)
	}
	safe := 0
	for _, f := range got.Findings {
		if f.Verdict == "safe" {
			safe++
		}
	}
	if safe < 5 {
		t.Errorf("only %d findings are safe", safe)
	}
	var live scanned
	w := worlds.Demo(t)
	_, stdout, _ = runBefore(context.Background(), w, nil, "scan", "-o", "json")
	decode(t, stdout, &live)
	list := func(s scanned) []string {
		var all []string
		for _, f := range s.Findings {
			if slices.Contains([]string{"degraded-paths", "ghost-namespace"}, f.Code) {
				continue // of the portal that is up again
			}
			all = append(all, f.Code+" "+f.Object)
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff(list(live), list(got)); diff != "" {
		t.Errorf("the served world's findings are not the demo's (-demo +served):\n%s", diff)
	}

	cancel()
	select {
	case status := <-done:
		if status != 0 && status != 32 {
			t.Errorf("Ctrl-C ended it with %d: %s", status, errs.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	for _, socket := range []string{"unix.socket", "world.socket"} {
		if _, err := os.Stat(filepath.Join(dir, socket)); err == nil {
			t.Errorf("its %s is still there", socket)
		}
	}
	if status, _, stderr := run(t, "scan"); status != 32 || !strings.Contains(stderr, "not there any more") {
		t.Errorf("a scan of a world that is gone: status %d, %s", status, stderr)
	}
}

// The list tells of every scenario.
func TestDemoScenarios(t *testing.T) {
	status, stdout, stderr := run(t, "demo", "--list")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, s := range simulator.Scenarios() {
		if !strings.Contains(stdout, "\n"+s.Name+"\n") {
			t.Errorf("%s is not listed", s.Name)
		}
	}
}
