// The e2e program proves pureclean on a real kernel: it builds a virtual
// machine from Debian's packages, and runs each scenario of e2e/guest in a
// fresh copy of it, over iSCSI and over NVMe/TCP.
//
//	go run ./e2e                  everything
//	go run ./e2e leak-with-map    only this scenario; NAME/TRANSPORT for one
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	jobs  int
	limit time.Duration
	logs  string
	only  []string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("e2e", flag.ContinueOnError)
	flags.IntVar(&o.jobs, "jobs", 2, "run so many machines at once")
	flags.DurationVar(&o.limit, "limit", 6*time.Minute, "give one scenario so long")
	flags.StringVar(&o.logs, "logs", "", "write what each scenario printed to this directory")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.only = flags.Args()
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "pureclean-e2e")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if o.logs == "" {
		o.logs = filepath.Join(work, "logs")
	}
	if err := os.MkdirAll(o.logs, 0o755); err != nil {
		return err
	}
	m, err := newMachine(ctx, work)
	if err != nil {
		return err
	}
	cases, err := m.list(ctx, o.only)
	if err != nil {
		return err
	}
	return runAll(ctx, m, o, cases)
}

// testCase is one scenario over one transport.
type testCase struct {
	name, transport string
	// not is why it can't exist.
	not string
}

func (c testCase) wanted(only []string) bool {
	return len(only) == 0 || slices.Contains(only, c.name) || slices.Contains(only, c.name+"/"+c.transport)
}

// list asks the guest program for the table of scenarios.
func (m *machine) list(ctx context.Context, only []string) ([]testCase, error) {
	out, err := output(ctx, m.guest, "list")
	if err != nil {
		return nil, err
	}
	var cases []testCase
	for line := range strings.Lines(out) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		transport, not, _ := strings.Cut(rest, " ")
		c := testCase{name, transport, not}
		if c.wanted(only) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("there is no scenario called %s", strings.Join(only, " or "))
	}
	return cases, nil
}

// runAll runs the scenarios, several at a time, and prints one line for each.
func runAll(ctx context.Context, m *machine, o options, cases []testCase) error {
	began := time.Now()
	var mu sync.Mutex
	var passed, impossible int
	var failed []string
	group := new(errgroup.Group)
	group.SetLimit(o.jobs)
	for _, c := range cases {
		if c.not != "" {
			fmt.Printf("n/a   %s over %s: %s\n", c.name, c.transport, c.not)
			impossible++
			continue
		}
		group.Go(func() error {
			started := time.Now()
			text, err := m.run(ctx, c, o.limit)
			took := time.Since(started).Seconds()
			log := filepath.Join(o.logs, strings.ReplaceAll(c.name+"-"+c.transport, "/", "-")+".log")
			err = errors.Join(err, os.WriteFile(log, []byte(text), 0o644))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, c.name+"/"+c.transport)
				fmt.Printf("FAIL  %s over %s, %.0f s: %v\n%s", c.name, c.transport, took, err, text)
				return nil
			}
			passed++
			fmt.Printf("ok    %s over %s, %.0f s\n", c.name, c.transport, took)
			return nil
		})
	}
	_ = group.Wait() // each tells of its own failure
	fmt.Printf("%d passed, %d failed, %d can't exist, in %.0f s\n", passed, len(failed), impossible, time.Since(began).Seconds())
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return ctx.Err()
}
