package repair

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// behind answers by a clock that can be set back.
type behind struct {
	http.RoundTripper
	by *time.Duration
}

func (b behind) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			response.Header.Set("Date", date.Add(-*b.by).Format(http.TimeFormat))
		}
	}
	return response, err
}

// TestEndsThatAreNotOurs: where the array shows no trail, the end of its timer is
// ours only if it is neither later nor earlier, the array counts as it did, and
// nothing shows that the volume was used since. What is our own is eradicated.
func TestEndsThatAreNotOurs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const delay = 7 * 24 * time.Hour
	again := func(k *kit, p Plan) error {
		return errors.Join(k.world.Array.Recover(p.Object), k.world.Array.DestroyVolume(p.Object))
	}
	used := func(use func(*kit, Plan) error) func(*kit, Plan, *time.Duration) error {
		return func(k *kit, p Plan, _ *time.Duration) error { // by somebody quick, so that no time tells
			return errors.Join(k.world.Array.Recover(p.Object), use(k, p), k.world.Array.DestroyVolume(p.Object))
		}
	}
	for _, c := range []struct {
		name string
		then func(*kit, Plan, *time.Duration) error
		why  string // empty where it is ours
	}{
		{"ours", func(k *kit, _ Plan, _ *time.Duration) error { k.world.Age(30 * time.Hour); return nil }, ""},
		{"ends earlier, for the array keeps things for less", func(k *kit, p Plan, _ *time.Duration) error {
			k.world.Age(26 * time.Hour)
			k.world.Array.SetEradicationDelay(24 * time.Hour)
			return again(k, p)
		}, "counts otherwise now"},
		{"ends when ours does, for the array keeps things for less", func(k *kit, p Plan, _ *time.Duration) error {
			k.world.Age(2 * time.Hour)
			k.world.Array.SetEradicationDelay(delay - 2*time.Hour)
			return again(k, p)
		}, "keeps what is destroyed for"},
		{"the array keeps things for longer", func(k *kit, _ Plan, _ *time.Duration) error {
			k.world.Array.SetEradicationDelay(2 * delay)
			return nil
		}, "keeps what is destroyed for"},
		{"ends earlier, for the array's clock was set back", func(k *kit, p Plan, by *time.Duration) error {
			k.world.Age(4 * time.Hour)
			*by = 72 * time.Hour
			return again(k, p)
		}, "counts otherwise now"},
		{"ends when ours does, for the array's clock was set back", func(k *kit, p Plan, by *time.Duration) error {
			k.world.Age(4 * time.Hour)
			*by = 4 * time.Hour
			return again(k, p)
		}, "stand otherwise to each other"},
		{"written to", used(func(k *kit, p Plan) error { return k.world.Array.SetUsed(p.Object, 1<<38) }), "were written to it since"},
		{"a snapshot was made of it", func(k *kit, p Plan, _ *time.Duration) error {
			err := k.world.Array.Recover(p.Object)
			k.world.Clock.Advance(10 * time.Second)
			_, snapped := k.world.Array.CreateSnapshot(p.Object, "mine")
			k.world.Array.SetEradicationDelay(delay - 10*time.Second) // so that no time tells
			err = errors.Join(err, snapped, k.world.Array.DestroyVolume(p.Object))
			k.world.Array.SetEradicationDelay(delay)
			return err
		}, "its snapshot"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, by := newKit(t, "device-too-late-nvme"), time.Duration(0)
			k.wrap = func(next http.RoundTripper) http.RoundTripper { return behind{k.short(next), &by} }
			k.world.Array.SetEradicationDelay(delay)
			tools := withoutTrail(k.tools())
			plan := k.plan("leaked-volume")
			if _, err := tools.Run(ctx, plan); err != nil {
				t.Fatal(err)
			}
			if err := c.then(k, plan, &by); err != nil {
				t.Fatal(err)
			}
			k.crash()
			result, err := withoutTrail(k.tools()).Eradicate(ctx, plan.Object, plan.Object)
			_, there := k.volume(plan.Object)
			switch ours := c.why == ""; {
			case there == ours || (err == nil) != ours:
				t.Errorf("there %v: %+v, %v", there, result, err)
			case !ours && (result.Outcome != journal.Refused || result.Gate != needPending || !strings.Contains(err.Error(), c.why)):
				t.Errorf("%+v, %v", result, err)
			}
		})
	}
}

// TestEndsByTheirReadings: both ends are known only within what their readings
// took, and what a run does not say holds nothing.
func TestEndsByTheirReadings(t *testing.T) {
	const delay = 24 * time.Hour
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	d := destruction{run: "7f3a", until: at.Add(delay), within: 3 * time.Second, keeping: &keeping{Delay: delay}, written: evidence.CountOf(7)}
	read := func(change func(*destruction, *evidence.Array, *evidence.Volume)) diagnose.Result {
		now := at.Add(time.Hour)
		own := d
		a := &evidence.Array{Source: evidence.Source{Began: now, Ended: now.Add(2 * time.Second)}, Clock: now, EradicationDelay: delay}
		v := &evidence.Volume{ID: "v", Remaining: delay - time.Hour, Written: evidence.CountOf(7)}
		change(&own, a, v)
		result, _ := own.isThis(a, v)
		return result
	}
	snap := func(created time.Time, of string) func(*destruction, *evidence.Array, *evidence.Volume) {
		return func(_ *destruction, a *evidence.Array, _ *evidence.Volume) {
			a.Snapshots.Items = []evidence.Snapshot{{SourceID: of, Created: created}}
		}
	}
	for name, c := range map[string]struct {
		change func(*destruction, *evidence.Array, *evidence.Volume)
		want   diagnose.Result
	}{
		"as it was":                       {func(*destruction, *evidence.Array, *evidence.Volume) {}, diagnose.Pass},
		"later, within that reading":      {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Remaining += 3 * time.Second }, diagnose.Pass},
		"later than that":                 {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Remaining += 4 * time.Second }, diagnose.Fail},
		"earlier, within this reading":    {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Remaining -= 3 * time.Second }, diagnose.Pass},
		"earlier than that":               {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Remaining -= 4 * time.Second }, diagnose.Uncertain},
		"how long it was kept, not noted": {func(d *destruction, _ *evidence.Array, _ *evidence.Volume) { d.keeping = nil }, diagnose.Uncertain},
		"how long it is kept, not told":   {func(_ *destruction, a *evidence.Array, _ *evidence.Volume) { a.EradicationDelay = 0 }, diagnose.Uncertain},
		"kept for longer now":             {func(_ *destruction, a *evidence.Array, _ *evidence.Volume) { a.EradicationDelay++ }, diagnose.Uncertain},
		"another clock then": {func(d *destruction, _ *evidence.Array, _ *evidence.Volume) {
			d.keeping = &keeping{Delay: delay, Ahead: -time.Minute}
		}, diagnose.Uncertain},
		"nothing of what was written now": {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Written = evidence.Count{} }, diagnose.Uncertain},
		"nothing of what was written ever": {func(d *destruction, _ *evidence.Array, v *evidence.Volume) {
			d.written, v.Written = evidence.Count{}, evidence.Count{}
		}, diagnose.Pass},
		"what was written only now":    {func(d *destruction, _ *evidence.Array, _ *evidence.Volume) { d.written = evidence.Count{} }, diagnose.Uncertain},
		"written":                      {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Written.N++ }, diagnose.Fail},
		"given back":                   {func(_ *destruction, _ *evidence.Array, v *evidence.Volume) { v.Written.N-- }, diagnose.Pass},
		"a snapshot from before":       {snap(at, "v"), diagnose.Pass},
		"a snapshot since":             {snap(at.Add(4*time.Second), "v"), diagnose.Fail},
		"a snapshot of another":        {snap(at.Add(time.Minute), "w"), diagnose.Pass},
		"a snapshot from nobody knows": {snap(time.Time{}, "v"), diagnose.Uncertain},
	} {
		if got := read(c.change); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
