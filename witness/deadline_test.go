package witness_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

// late lets the time of one witness be up at once, and that of no other.
func late(who string, stage int) func(context.Context, time.Duration, error) (context.Context, context.CancelFunc) {
	n := 0
	return func(ctx context.Context, _ time.Duration, cause error) (context.Context, context.CancelFunc) {
		if strings.HasPrefix(cause.Error(), who+" was given ") {
			if n++; n == stage {
				return context.WithTimeoutCause(ctx, 0, cause)
			}
		}
		return context.WithCancel(ctx)
	}
}

// TestSlowWitnessIsNamed: whoever is slow uses up its own time, is the one
// that is named, and makes nobody else look guilty.
func TestSlowWitnessIsNamed(t *testing.T) {
	w := worlds.Demo(t)
	troubles := func(world evidence.World) map[string]evidence.Source {
		all := map[string]evidence.Source{"LXD": world.LXD.Source}
		for _, a := range world.Arrays {
			all["the array of nvpool, purepool"] = a.Source
		}
		for _, h := range world.Hosts {
			all["this host"] = h.Source
		}
		return all
	}
	for _, c := range []struct {
		who   string
		stage int
		given string
	}{
		{"LXD", 1, "LXD was given 8m0s of the 1h0m0s"},
		{"LXD", 2, "LXD was given "},
		{"the array of nvpool, purepool", 1, "the array of nvpool, purepool was given "},
		{"the array of nvpool, purepool", 2, "could not be asked for"},
		{"this host", 1, "the reading was cut short: this host was given "},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		o := options(w)
		o.Limit = late(c.who, c.stage)
		if c.who == "LXD" && c.stage == 1 {
			// Without LXD only the configuration knows the array.
			second(t, &o, "other")
		}
		world, report := askIn(ctx, t, o)
		cancel()
		for who, source := range troubles(world) {
			switch {
			case who == c.who:
				if !strings.Contains(source.Trouble, c.given) || !strings.Contains(source.Hint, "--timeout") {
					t.Errorf("%s is late: trouble %q, hint %q", c.who, source.Trouble, source.Hint)
				}
			case who == "the array of nvpool, purepool" && c.who == "LXD" && c.stage == 1:
			case source.Trouble != "" && who != "LXD":
				t.Errorf("%s is late, and %s has trouble: %s", c.who, who, source.Trouble)
			}
		}
		if report.Complete || len(safe(report)) > 0 && c.stage == 1 && c.who != "this host" {
			t.Errorf("%s is late: complete %v, safe %v", c.who, report.Complete, safe(report))
		}
		if c.who != "LXD" && (world.LXD.Trouble != "" || len(world.LXD.Records.Items) == 0) {
			t.Errorf("%s is late, and LXD has trouble: %s", c.who, world.LXD.Trouble)
		}
	}
}

// TestShares: nobody is left without time, and together they have no more than
// there is.
func TestShares(t *testing.T) {
	w := worlds.New(t, simulator.Options{Members: 3})
	for name, c := range map[string]struct {
		change func(*witness.Options)
		whole  time.Duration
	}{
		"short":    {func(*witness.Options) {}, 10 * time.Minute},
		"thorough": {func(o *witness.Options) { o.Thorough = true }, 10 * time.Minute},
		"members":  {func(o *witness.Options) { o.Fleet = silentFleet{} }, 10 * time.Minute},
	} {
		o := options(w)
		c.change(&o)
		shares := make(chan time.Duration, 64)
		o.Limit = func(ctx context.Context, share time.Duration, _ error) (context.Context, context.CancelFunc) {
			shares <- share
			return context.WithCancel(ctx)
		}
		ctx, cancel := context.WithTimeout(t.Context(), c.whole)
		askIn(ctx, t, o)
		cancel()
		close(shares)
		n, last := 0, time.Duration(0)
		for share := range shares {
			n, last = n+1, share
			if share < c.whole/10 || share > c.whole {
				t.Errorf("%s: a share of %s", name, share)
			}
		}
		if n < 5 || last < c.whole*9/10 {
			t.Errorf("%s: %d shares, the last is %s: what nobody needed is lost", name, n, last)
		}
	}
}

// silentFleet has machines that never answer.
type silentFleet struct{}

func (silentFleet) Ask(_ context.Context, member string) evidence.Host {
	return evidence.Host{Source: evidence.Source{Name: member, Trouble: "no answer"}}
}
