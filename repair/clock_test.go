package repair

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/repair/journal"
)

// ahead answers by a clock that is years ahead.
type ahead struct{ http.RoundTripper }

func (a ahead) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := a.RoundTripper.RoundTrip(request)
	if err == nil {
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			response.Header.Set("Date", date.AddDate(5, 0, 0).Format(http.TimeFormat))
		}
	}
	return response, err
}

// TestDeadlinesOfAWrongClock: what people are told of an undo is by this
// machine's clock when the array's is years ahead, and ends when it ends.
func TestDeadlinesOfAWrongClock(t *testing.T) {
	ctx := context.Background()
	k := newKit(t, "device-too-late-nvme")
	k.wrap = func(next http.RoundTripper) http.RoundTripper { return ahead{k.short(next)} }
	plan := k.plan("leaked-volume")
	tools := k.tools()
	var asked []time.Time
	tools.Ask = func(_ context.Context, q Question) (Reply, error) {
		if !q.Undoable { // what can be undone at any time has no end
			asked = append(asked, q.Until)
		}
		return Yes, nil
	}
	began := k.world.Clock.Now()
	result, err := tools.Run(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	latest := k.world.Clock.Now().Add(24 * time.Hour)
	for _, until := range append(asked, result.Until) {
		if until.Before(began.Add(23*time.Hour)) || until.After(latest) {
			t.Errorf("until %s, and it is %s", until, began)
		}
	}
	all, err := tools.Journal.List()
	if err != nil {
		t.Fatal(err)
	}
	s := all[0]
	if !s.Deadline().Equal(result.Until) || s.Until.Year() != began.Year()+5 {
		t.Errorf("the journal has %s by the array's clock and %s by ours", s.Until, s.Deadline())
	}
	if late, err := Promises(tools.Journal, latest.Add(time.Minute)); err != nil || late[s.ID].Works {
		t.Errorf("an undo is promised after %s: %v", s.Deadline(), err)
	}
	if now, err := Promises(tools.Journal, k.world.Clock.Now()); err != nil || !now[s.ID].Works || !now[s.ID].Until.Equal(s.Deadline()) {
		t.Errorf("no undo is promised: %+v, %v", now[s.ID], err)
	}
	world, _ := k.scan()
	proof := Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial})
	if !proof.Gone.Is() || slices.ContainsFunc(proof.Lines, func(p ProofLine) bool { return strings.Contains(p.Why, "2031") }) {
		t.Errorf("%+v", proof)
	}
	if undone, err := tools.Undo(ctx, result.Run); err != nil || undone.Outcome != journal.Done {
		t.Errorf("%+v, %v", undone, err)
	}
}

// A question says until when what it asks for can be undone where that ends, which
// only what is destroyed does.
func TestQuestionsSayWhatUndoDoes(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	tools, said := k.tools(), map[string]string{}
	tools.Ask = func(_ context.Context, q Question) (Reply, error) {
		said[q.Step.Kind] = fmt.Sprint(q.Undoable, " ", q.Until.IsZero())
		return Yes, nil
	}
	if _, err := tools.Run(context.Background(), k.plan("leaked-volume")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{StepRelease: "true true", StepDisconnect: "true true", StepDestroy: "false false"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}
