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
		if strings.Contains(stdout, "Enter for the next") || !strings.Contains(stderr, "q to leave") {
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

// reading is somebody who does something instead of typing.
type reading func()

func (r reading) Read([]byte) (int, error) {
	r()
	select {} // nobody types, ever; the test does not wait for it
}

func TestDemoServeRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, why := range map[string]string{
		full:                        "not empty",
		filepath.Join(full, "mine"): "mine",
		"":                          "needs a directory",
		filepath.Join(t.TempDir(), strings.Repeat("long/", 30)): "too long for a unix socket",
	} {
		status, stdout, stderr := run(t, "demo", "--serve", dir)
		if status != 16 || !strings.Contains(stderr, why) || stdout != "" {
			t.Errorf("%s: status %d, %s%s", dir, status, stdout, stderr)
		}
	}
	if left, _ := os.ReadDir(full); len(left) != 1 {
		t.Errorf("it wrote into somebody's directory: %v", left)
	}
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
	printed := out.text.String()
	for _, part := range []string{"export LXD_SOCKET=" + dir, "pureclean scan --config " + dir + "/pureclean.yaml --sysroot " + dir + "/host"} {
		if !strings.Contains(printed, part) {
			t.Errorf("it does not say %q:\n%s", part, printed)
		}
	}

	t.Setenv("LXD_SOCKET", filepath.Join(dir, "unix.socket"))
	flags := []string{"--config", filepath.Join(dir, "pureclean.yaml"), "--sysroot", filepath.Join(dir, "host")}
	status, stdout, stderr := run(t, append([]string{"scan", "-o", "json"}, flags...)...)
	var got scanned
	decode(t, stdout, &got)
	// A recording does not show everything, and all findings are there.
	if status != 4 && status != 8 {
		t.Errorf("status %d: %s", status, stderr)
	}
	for _, f := range got.Findings {
		if f.Verdict == "safe" && f.Code != "leaked-snapshot" { // no host can use one
			t.Errorf("%s %s is safe on a recorded host", f.Code, f.Object)
		}
	}
	var live scanned
	w := worlds.Demo(t)
	_, stdout, _ = runBefore(context.Background(), w, nil, "scan", "-o", "json")
	decode(t, stdout, &live)
	list := func(s scanned) []string {
		var all []string
		for _, f := range s.Findings {
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
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	if _, err := os.Stat(filepath.Join(dir, "unix.socket")); err == nil {
		t.Error("its socket is still there")
	}
}
