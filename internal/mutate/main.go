// Command mutate breaks the code on purpose, one small change at a time, and
// asks the tests whether they notice. A change that no test notices is a rule
// without a test. Run it from the top of the repository, before a release:
//
//	go run ./internal/mutate                        # everything: hours
//	go run ./internal/mutate -refusals              # what takes a refusal away
//	go run ./internal/mutate -n 40                  # a sample of each package
//	go run ./internal/mutate -package diagnose -func 'share|seenBefore'
//
// All changes of a package are compiled into one test program, each behind a
// switch that an environment variable turns (see instrument.go), so nothing is
// written into the tree and one compilation serves for all. A first run of
// each test tells what changes it can reach; only those tests are asked. The
// package's own tests come first, then those of packages that use it.
//
// Results are JSON lines in the file of -out, which a later call goes on with.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"time"
)

const module = "github.com/pureclean/pureclean"

// targets are the packages that are changed, and whose tests besides their
// own speak for them.
var targets = []target{
	{"diagnose", []string{"witness", "repair", "commands"}},
	{"repair", []string{"commands"}},
	{"repair/journal", []string{"repair"}},
	{"devices", []string{"devices/release", "devices/kernel", "witness", "repair"}},
	{"devices/hostfs", []string{"devices", "devices/release"}},
	{"devices/hostconf", []string{"devices", "doctor"}},
	{"devices/hostlog", []string{"doctor", "witness"}},
	{"devices/release", []string{"fleet", "repair"}},
	{"devices/kernel", nil},
	{"pure", []string{"witness", "repair", "commands"}},
	{"records", []string{"witness", "commands"}},
	{"witness", []string{"repair", "commands"}},
	{"fleet", []string{"witness", "commands"}},
}

type target struct {
	dir     string
	readers []string
}

type options struct {
	packages, function, out string
	n                       int
	seed                    uint64
	limit                   time.Duration
	list, listed, refusals  bool
}

func main() {
	var o options
	flag.StringVar(&o.packages, "package", "", "only these packages, separated by commas")
	flag.StringVar(&o.function, "func", "", "only functions that match this regular expression")
	flag.StringVar(&o.out, "out", "", "append results to this file, and skip what it has already")
	flag.IntVar(&o.n, "n", 0, "a random sample of this many changes of each package; 0 is all")
	flag.Uint64Var(&o.seed, "seed", 1, "of the sample")
	flag.DurationVar(&o.limit, "limit", 3*time.Minute, "how long the tests of one change may take in all")
	flag.BoolVar(&o.refusals, "refusals", false, "only changes that take a refusal away")
	flag.BoolVar(&o.list, "list", false, "print the changes and run nothing")
	flag.BoolVar(&o.listed, "listed", false, "try also what is listed as equivalent, and fail if a test notices it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o, targets, "internal/mutate/equivalent.txt"); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

// run changes each target and reports what its tests say.
func run(ctx context.Context, w io.Writer, o options, targets []target, list string) error {
	function, err := regexp.Compile(o.function)
	if err != nil {
		return fmt.Errorf("-func: %w", err)
	}
	known, err := readEquivalent(list)
	if err != nil {
		return err
	}
	wanted := strings.FieldsFunc(o.packages, func(r rune) bool { return r == ',' })
	for _, name := range wanted {
		if !slices.ContainsFunc(targets, func(t target) bool { return t.dir == name }) {
			return fmt.Errorf("-package: %q is none of the packages that are changed", name)
		}
	}
	results, err := openResults(o.out)
	if err != nil {
		return err
	}
	defer results.Close()
	var failed []error
	for _, t := range targets {
		if len(wanted) > 0 && !slices.Contains(wanted, t.dir) {
			continue
		}
		p, err := load(ctx, t)
		if err != nil {
			return fmt.Errorf("reading package %s: %w", t.dir, err)
		}
		failed = append(failed, known.check(t.dir, p.mutants))
		chosen := choose(p.mutants, function, o)
		if o.list {
			for _, m := range chosen {
				fmt.Fprintf(w, "%s:%d\t%s\n", m.File, m.Line, m.Key)
			}
			continue
		}
		if err := judge(ctx, w, p, chosen, o, known, results); err != nil {
			return fmt.Errorf("testing package %s: %w", t.dir, err)
		}
	}
	if !o.list {
		failed = append(failed, results.summary(w))
	}
	return errors.Join(failed...)
}
