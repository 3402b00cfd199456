package witness_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

func TestMain(m *testing.M) { os.Exit(worlds.Run(m)) }

// options are those with which the program would look at the world, by the
// world's clock and without waiting between tries.
func options(w *simulator.World) witness.Options {
	return witness.Options{
		Config:  worlds.Settings(w),
		Records: records.Options{Socket: w.Socket, Now: w.Clock.Now},
		Array: pure.Options{Now: w.Clock.Now, Sleep: func(ctx context.Context, _ time.Duration) error {
			return ctx.Err()
		}},
		Host: w.Hosts[0].System(), Seen: w.Seen, Now: w.Clock.Now,
	}
}

// near are options with which an array is asked past the network; what it says
// goes through changes, if there are any.
func near(w *simulator.World, changes ...func(r *http.Request, body []byte) []byte) witness.Options {
	o := options(w)
	o.Array.Wrap = func(http.RoundTripper) http.RoundTripper {
		next := w.Direct()
		for _, change := range changes {
			next = rewriting(change)(next)
		}
		return next
	}
	return o
}

func ask(t *testing.T, o witness.Options) (evidence.World, diagnose.Report) {
	t.Helper()
	return askIn(context.Background(), t, o)
}

func askIn(ctx context.Context, t *testing.T, o witness.Options) (evidence.World, diagnose.Report) {
	t.Helper()
	world, err := witness.Ask(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return world, diagnose.Judge(world, diagnose.DefaultPolicy())
}

// key names one finding.
func key(f diagnose.Finding) string { return fmt.Sprint(f.Code, " ", f.Object, " ", f.Host) }

// verdicts are the findings' by key; the worst where a key is there twice.
func verdicts(report diagnose.Report) map[string]diagnose.Verdict {
	all := map[string]diagnose.Verdict{}
	for _, f := range report.Findings {
		if before, twice := all[key(f)]; !twice || before == diagnose.Safe {
			all[key(f)] = f.Verdict
		}
	}
	return all
}

// safe are the keys of what is called safe.
func safe(report diagnose.Report) []string {
	var all []string
	for _, f := range report.Findings {
		if f.Verdict == diagnose.Safe {
			all = append(all, key(f))
		}
	}
	slices.Sort(all)
	return all
}
