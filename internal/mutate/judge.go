package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// suite is the test program of one package.
type suite struct {
	dir, program string
	tests        []test
	// kills are what each test has noticed so far, by its name.
	mu    sync.Mutex
	kills map[string]int
}

type test struct {
	name    string
	took    time.Duration
	reaches map[int]bool
}

// judge asks the tests about each of the chosen changes: first the package's
// own, then, about what these did not notice, those of its readers.
func judge(ctx context.Context, w io.Writer, p *loaded, chosen []mutant, o options, known equivalent, results *results) error {
	var open []*verdict
	for _, m := range chosen {
		_, equal := known[m.Key]
		switch {
		case results.has(m.Key):
		case equal && !o.listed:
			if err := results.add(w, verdict{mutant: m, State: Equivalent}); err != nil {
				return err
			}
		default:
			open = append(open, &verdict{mutant: m, State: NotCovered, listed: equal})
		}
	}
	fmt.Fprintf(w, "%s: %d changes are possible, %d are to be tried\n", p.dir, len(p.mutants), len(open))
	if len(open) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// A package without tests is spoken for by its readers alone.
	asked := slices.DeleteFunc(slices.Concat([]string{p.dir}, p.readers), func(dir string) bool {
		tests, _ := filepath.Glob(filepath.Join(dir, "*_test.go")) // the pattern is good
		return len(tests) == 0
	})
	for i, reader := range asked {
		s, err := p.build(ctx, w, dir, reader)
		if err != nil {
			return err
		}
		last := i == len(asked)-1
		if open, err = s.ask(ctx, w, open, o, results, last); err != nil {
			return err
		}
	}
	return nil
}

// build compiles a package's tests with all changes in them and lets each
// test run once with none turned on.
func (p *loaded) build(ctx context.Context, w io.Writer, dir, reader string) (*suite, error) {
	replace := map[string]string{}
	for name, text := range p.overlay {
		file := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, err
		}
		replace[name] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		return nil, err
	}
	s := &suite{kills: map[string]int{}, program: filepath.Join(dir, strings.ReplaceAll(reader, "/", "-")+".test")}
	if s.dir, err = filepath.Abs(reader); err != nil {
		return nil, err
	}
	if _, err := goCommand(ctx, "test", "-c", "-vet=off", "-overlay", file, "-o", s.program, "./"+reader); err != nil {
		return nil, err
	}
	out, err := s.command(ctx, nil, "-test.list", "^(Test|Example|Fuzz)").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the tests of %s: %w", reader, err)
	}
	began := time.Now()
	for _, name := range strings.Fields(string(out)) {
		t, ok, err := s.trace(ctx, w, name)
		if err != nil {
			return nil, err
		}
		if ok {
			s.tests = append(s.tests, t)
		}
	}
	fmt.Fprintf(w, "%s: %d tests, %s\n", reader, len(s.tests), time.Since(began).Round(time.Second))
	return s, nil
}

// command runs the test program with some of its tests, in its package's
// directory, where go test runs it. Memory has a bound, as a change may make a
// loop without an end.
func (s *suite) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	bounded := append([]string{"-c", `ulimit -v 16000000; exec "$@"`, "sh", s.program}, args...)
	cmd := exec.CommandContext(ctx, "sh", bounded...)
	cmd.Dir = s.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PURECLEAN_") }), env...)
	cmd.WaitDelay = time.Second
	return cmd
}

func only(names ...string) string { return "^(" + strings.Join(names, "|") + ")$" }

// trace runs one test to see what it reaches and how long it takes. One that
// fails already says nothing.
func (s *suite) trace(ctx context.Context, w io.Writer, name string) (test, bool, error) {
	file := filepath.Join(filepath.Dir(s.program), "trace")
	began := time.Now()
	out, err := s.command(ctx, []string{envTrace + "=" + file}, "-test.run", only(name), "-test.timeout", "5m").CombinedOutput()
	t := test{name: name, took: time.Since(began), reaches: map[int]bool{}}
	if ctx.Err() != nil {
		return t, false, ctx.Err()
	}
	if err != nil {
		fmt.Fprintf(w, "%s of %s fails with no change at all and is left out: %v\n%s\n", name, filepath.Base(s.dir), err, tail(out))
	}
	reached, missing := os.ReadFile(file)
	if errors.Is(missing, os.ErrNotExist) {
		return t, false, nil // it reaches none
	}
	for lines := bufio.NewScanner(bytes.NewReader(reached)); lines.Scan(); {
		if id, err := strconv.Atoi(lines.Text()); err == nil {
			t.reaches[id] = true
		}
	}
	return t, err == nil && len(t.reaches) > 0, errors.Join(missing, os.Remove(file))
}

func tail(out []byte) []byte { return out[max(0, len(out)-2000):] }

// ask asks the suite about each change and returns those that it did not
// notice; if it is the last to be asked, their verdict stands.
func (s *suite) ask(ctx context.Context, w io.Writer, open []*verdict, o options, results *results, last bool) ([]*verdict, error) {
	var (
		mu     sync.Mutex
		left   []*verdict
		failed error
		wg     sync.WaitGroup
	)
	work := make(chan *verdict)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for v := range work {
				err := s.try(ctx, v, o.limit)
				mu.Lock()
				if err == nil && (v.State == Killed || last) {
					err = results.add(w, *v)
				}
				if v.State != Killed {
					left = append(left, v)
				}
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	for _, v := range open {
		if ctx.Err() != nil {
			break
		}
		work <- v
	}
	close(work)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	slices.SortFunc(left, func(a, b *verdict) int { return a.ID - b.ID })
	return left, failed
}

// order puts first what takes little time for what it notices.
func (s *suite) order() []test {
	s.mu.Lock()
	defer s.mu.Unlock()
	tests := slices.Clone(s.tests)
	slices.SortStableFunc(tests, func(a, b test) int {
		return cmp.Compare(a.took/time.Duration(1+s.kills[a.name]), b.took/time.Duration(1+s.kills[b.name]))
	})
	return tests
}

// quick is what tests may take that are run in one process.
const quick = 2 * time.Second

// try runs the tests that reach a change until one fails: the quick ones
// together, the others one after the other.
func (s *suite) try(ctx context.Context, v *verdict, limit time.Duration) error {
	var portions [][]test
	sum := time.Duration(0)
	for _, t := range s.order() {
		if !t.reaches[v.ID] {
			continue
		}
		if len(portions) == 0 || sum+t.took > quick {
			portions, sum = append(portions, nil), 0
		}
		portions[len(portions)-1] = append(portions[len(portions)-1], t)
		sum += t.took
	}
	for _, portion := range portions {
		var names []string
		expected := time.Duration(0)
		for _, t := range portion {
			names, expected = append(names, t.name), expected+t.took
		}
		v.State = Survived
		if v.spent > limit {
			v.NotAsked += len(names)
			continue
		}
		v.Asked += len(names)
		began := time.Now()
		patience := 10*time.Second + 5*expected
		limited, cancel := context.WithTimeout(ctx, patience+5*time.Second)
		out, err := s.command(limited, []string{fmt.Sprintf("%s=%d", envActive, v.ID)},
			"-test.run", only(names...), "-test.failfast", "-test.timeout", patience.String()).CombinedOutput()
		cancel()
		v.spent += time.Since(began)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			by := failedOf(out, names)
			v.State, v.By = Killed, filepath.Base(s.dir)+" "+by
			s.mu.Lock()
			s.kills[by]++
			s.mu.Unlock()
			return nil
		}
	}
	return nil
}

// failedOf is the test that a program's output names as failed.
func failedOf(out []byte, names []string) string {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "--- FAIL: "); ok {
			name, _, _ := strings.Cut(rest, " ")
			return name
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, " ")
}
