package repair

import (
	"context"
	"errors"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// TestPreviewJudgesOnce: what would be refused of several plans is seen in one look,
// judged once, and is of the one that it is about.
func TestPreviewJudgesOnce(t *testing.T) {
	k := leakedOn(t, 1, 4, evidence.ModeISCSI)
	tools, plans := k.inWaves(4)
	looks, judged := 0, 0
	look := tools.Look
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		looks++
		return look(ctx, about)
	}
	tools.judge = func(w evidence.World, p diagnose.Policy) diagnose.Report {
		judged++
		return diagnose.Judge(w, p)
	}
	if err := k.world.Hosts[0].Mount(string(plans[2].Serial), "/mnt/rescue", host.FirstNamespace); err != nil {
		t.Fatal(err)
	}
	for i, err := range tools.Preview(t.Context(), plans) {
		var refused *RefusedError
		if got := errors.As(err, &refused); got != (i == 2) || got && refused.Gate != "plan" {
			t.Errorf("%d: %v", i, err)
		}
	}
	if looks != 1 || judged != 1 {
		t.Errorf("%d looks, judged %d times", looks, judged)
	}
	if all := tools.Preview(t.Context(), nil); len(all) != 0 || looks != 1 {
		t.Errorf("%v, %d looks", all, looks)
	}
}
