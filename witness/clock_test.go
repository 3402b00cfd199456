package witness_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
)

// off sets the array's clock ahead, after everything on it was made.
func off(by time.Duration) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
				response.Header.Set("Date", date.Add(by).UTC().Format(http.TimeFormat))
			}
			return response, nil
		})
	}
}

// TestAnArrayOfAnotherTime: a clock that disagrees by more than minutes is
// said, no deadline lies in another year, and nothing grows old by it.
func TestAnArrayOfAnotherTime(t *testing.T) {
	const year = 365 * 24 * time.Hour
	w := worlds.Demo(t)
	old := func(report diagnose.Report) map[string]diagnose.Result {
		all := map[string]diagnose.Result{}
		for _, f := range report.Findings {
			for _, g := range f.Gates {
				if g.Gate == "old-enough" {
					all[key(f)] = g.Result
				}
			}
		}
		return all
	}
	// By the honest clock nothing in this world is old enough for that.
	strict := diagnose.DefaultPolicy()
	strict.MinAge, strict.ImageMinAge = 2*year, 2*year
	world, _ := ask(t, options(w))
	honest, patient := diagnose.Judge(world, diagnose.DefaultPolicy()), diagnose.Judge(world, strict)
	for _, c := range []struct {
		by   time.Duration
		said string
	}{
		{0, ""},
		{time.Minute, ""},
		{-time.Minute, ""},
		{-10 * time.Minute, "is 10 minutes behind this machine's"},
		{3 * time.Hour, "is 3 hours ahead of this machine's"},
		{-5 * year, "is 5 years behind this machine's"},
		{5 * year, "is 5 years ahead of this machine's"},
	} {
		o := options(w)
		o.Array.Wrap = off(c.by)
		world, report := ask(t, o)
		text, err := json.Marshal(report.Findings)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(string(text), " this machine's")
		if said != (c.said != "") || !strings.Contains(string(text), c.said) {
			t.Errorf("%s: said %v, want %q", c.by, said, c.said)
		}
		for _, f := range report.Findings {
			for _, line := range append([]string{f.Detail, f.Effect}, f.Remedy...) {
				if wrong := world.Arrays[0].Clock.UTC().Format("2006-"); c.by.Abs() > year && strings.Contains(line, wrong) {
					t.Errorf("%s: %s %s: %s", c.by, f.Code, f.Object, line)
				}
			}
		}
		before, now := old(honest), old(report)
		if len(before) == 0 || len(now) != len(before) {
			t.Errorf("%s: %d ages are judged, %d of the honest array", c.by, len(now), len(before))
		}
		for key, result := range old(diagnose.Judge(world, strict)) {
			if result == diagnose.Pass && old(patient)[key] != diagnose.Pass {
				t.Errorf("%s: %s has grown old", c.by, key)
			}
		}
		for key, result := range now {
			if result == diagnose.Pass && before[key] != diagnose.Pass {
				t.Errorf("%s: %s has grown old", c.by, key)
			}
			if c.by < -year && result == diagnose.Pass {
				t.Errorf("%s: %s was made in the future and is old enough", c.by, key)
			}
		}
	}
}

func TestDeadline(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 22, hour, minute, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		clock time.Time
		want  time.Time
	}{
		"agrees":       {at(10, 1), at(11, 1)},
		"a bit behind": {at(9, 56), at(10, 56)},
		"behind":       {at(9, 54), at(11, 2)},
		"ahead":        {at(10, 8), at(11, 2)},
		"years ahead":  {at(10, 1).AddDate(5, 0, 0), at(11, 2)},
		"not known":    {time.Time{}, time.Time{}},
	} {
		a := evidence.Array{Clock: c.clock}
		a.Began, a.Ended = at(10, 0), at(10, 2)
		if got := a.Deadline(time.Hour); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := a.Deadline(0); !got.IsZero() {
			t.Errorf("%s: without a timer %s", name, got)
		}
	}
}
