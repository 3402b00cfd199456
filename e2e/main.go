// The e2e program proves pureclean on a real kernel: it builds a virtual
// machine from Debian's packages, and runs each scenario of e2e/guest in a
// fresh copy of it, over iSCSI and over NVMe/TCP.
//
//	go run ./e2e                  everything
//	go run ./e2e -short           one scenario of each kind, for every change
//	go run ./e2e leak-with-map    only this scenario; NAME/TRANSPORT for one
//	go run ./e2e -record DIR ...  only let it happen, and write the machine's tree
//	go run ./e2e -suite trixie    the same in a machine of Debian 13
package main

import (
	"cmp"
	"context"
	"encoding/base64"
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
	"golang.org/x/sync/semaphore"
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
	jobs   int
	limit  time.Duration
	within time.Duration
	logs   string
	trees  string
	short  bool
	suite  string
	only   []string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("e2e", flag.ContinueOnError)
	flags.IntVar(&o.jobs, "jobs", 3, "run so many machines at once; half of the time one only waits")
	flags.DurationVar(&o.limit, "limit", 15*time.Minute, "give one scenario so long")
	flags.DurationVar(&o.within, "within", 150*time.Minute, "give all together so long")
	flags.StringVar(&o.logs, "logs", "", "write what each scenario printed to this directory")
	flags.StringVar(&o.trees, "record", "", "let the scenarios happen and write what the machine looks like to this directory")
	flags.BoolVar(&o.short, "short", false, "run one scenario of each kind only")
	flags.StringVar(&o.suite, "suite", "bookworm", "build the machine from this suite of Debian's packages")
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
	ctx, cancel := context.WithTimeout(ctx, o.within)
	defer cancel()
	work, err := os.MkdirTemp("", "pureclean-e2e")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	o.logs = cmp.Or(o.logs, filepath.Join(work, "logs"))
	if err := os.MkdirAll(o.logs, 0o755); err != nil {
		return err
	}
	m, err := newMachine(ctx, work, o.suite)
	if err != nil {
		return err
	}
	out, err := output(ctx, m.guest, "list")
	if err != nil {
		return err
	}
	cases, left, err := o.choose(table(out))
	if err != nil {
		return err
	}
	err = runAll(ctx, m, o, cases)
	if left > 0 {
		fmt.Printf("%d of %d were left out: \"go run ./e2e\" runs all\n", left, left+len(cases))
	}
	return err
}

// verb is what the guest program is asked to do.
func (o options) verb() string {
	if o.trees != "" {
		return "record"
	}
	return "run"
}

// withoutTree takes the machine's tree out of what a guest printed.
func withoutTree(text string) (rest, tree string) {
	before, after, found := strings.Cut(text, "TREE ")
	if !found {
		return text, ""
	}
	tree, after, _ = strings.Cut(after, "\n")
	return before + after, tree
}

// keep writes the tree of a recorded machine.
func (o options) keep(c testCase, tree string) error {
	if o.trees == "" {
		return nil
	}
	packed, err := base64.StdEncoding.DecodeString(tree)
	if err == nil && len(packed) == 0 {
		err = errors.New("no tree was sent")
	}
	if err == nil {
		err = os.MkdirAll(o.trees, 0o755)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.trees, "e2e-"+c.file()+".tar.gz"), packed, 0o644)
}

// testCase is one scenario over one transport.
type testCase struct {
	name, transport string
	// members is how many machines it needs; alone is that no other may run beside
	// it; short is set on one of each kind.
	members      int
	alone, short bool
	// not is why it can't exist.
	not string
}

// file is the case's name as a file has it.
func (c testCase) file() string { return strings.ReplaceAll(c.name+"-"+c.transport, "/", "-") }

// table reads what the guest program lists.
func table(out string) []testCase {
	var cases []testCase
	for line := range strings.Lines(out) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 5)
		if len(words) < 4 {
			continue
		}
		c := testCase{name: words[0], transport: words[1], members: 1, short: words[3] == "true"}
		if words[2] == "2" {
			c.members = 2
		}
		c.alone = words[2] == "alone"
		if len(words) > 4 {
			c.not = words[4]
		}
		cases = append(cases, c)
	}
	return cases
}

// choose picks the cases that are asked for. left are those that can exist and
// were left out because the run is a short one.
func (o options) choose(all []testCase) (cases []testCase, left int, err error) {
	for _, c := range all {
		switch {
		case len(o.only) > 0 && !slices.Contains(o.only, c.name) && !slices.Contains(o.only, c.name+"/"+c.transport):
		case !o.short || c.short:
			cases = append(cases, c)
		case c.not == "":
			left++
		}
	}
	if len(cases) == 0 {
		return nil, left, fmt.Errorf("there is no such scenario: %s", strings.Join(o.only, " or "))
	}
	return cases, left, nil
}

// runAll runs the scenarios, several at a time, and prints one line for each.
func runAll(ctx context.Context, m *machine, o options, cases []testCase) error {
	began := time.Now()
	var mu sync.Mutex
	var passed, impossible int
	var failed []string
	group := new(errgroup.Group)
	free := semaphore.NewWeighted(int64(o.jobs))
	for _, c := range cases {
		if c.not != "" {
			fmt.Printf("n/a   %s over %s: %s\n", c.name, c.transport, c.not)
			impossible++
			continue
		}
		machines := int64(min(c.members, o.jobs))
		if c.alone {
			machines = int64(o.jobs)
		}
		if err := free.Acquire(ctx, machines); err != nil {
			break
		}
		group.Go(func() error {
			defer free.Release(machines)
			started := time.Now()
			text, err := m.run(ctx, o.verb(), c, o.limit)
			if errors.Is(err, errNotMade) {
				// Without hardware help a machine may stand still for longer
				// than its own programs wait. What was judged is final.
				fmt.Printf("again %s over %s: %v\n%s", c.name, c.transport, err, text)
				text, err = m.run(ctx, o.verb(), c, o.limit)
			}
			took := time.Since(started).Seconds()
			text, tree := withoutTree(text)
			err = errors.Join(err, os.WriteFile(filepath.Join(o.logs, c.file()+".log"), []byte(text), 0o644), o.keep(c, tree))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = append(failed, fmt.Sprintf("%s/%s: %v", c.name, c.transport, err))
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
		return fmt.Errorf("failed:\n  %s", strings.Join(failed, "\n  "))
	}
	return ctx.Err()
}
