package repair

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Over http anybody on the way answers in the array's place. No run changes
// anything on such a word, neither on the array nor on a host: not a new one,
// not one that is finished, taken back or made final.
func TestNothingIsChangedOverHTTP(t *testing.T) {
	ctx := context.Background()
	run := func(tools Tools, p Plan, _ string) (Result, error) { return tools.Run(ctx, p) }
	resume := func(tools Tools, _ Plan, id string) (Result, error) { return tools.Resume(ctx, id) }
	undo := func(tools Tools, _ Plan, id string) (Result, error) { return tools.Undo(ctx, id) }
	plainly := func(url *string) { *url = "HTTP" + strings.TrimPrefix(*url, "https") }
	nothing := func(*kit, Plan) string { return "" }
	whole := func(k *kit, p Plan) string {
		result, err := k.tools().Run(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		return result.Run
	}
	for _, test := range []struct {
		name, scenario, code string
		// before is done over https, and do is not.
		before func(*kit, Plan) string
		do     func(Tools, Plan, string) (Result, error)
	}{
		{"a new run", "unmap-refused-iscsi", "leaked-volume", nothing, run},
		{"a dry run", "map-left", "stale-map", nothing, func(tools Tools, p Plan, _ string) (Result, error) { return Result{}, tools.Preview(ctx, []Plan{p})[0] }},
		{"what touches a host only", "map-left", "stale-map", nothing, run},
		{"in a batch", "map-left", "stale-map", nothing, func(tools Tools, p Plan, _ string) (Result, error) {
			rows, _ := tools.Batch(ctx, []Plan{p})
			return rows[0].Result, rows[0].Err
		}},
		{"resumed", "unmap-refused-iscsi", "leaked-volume", func(k *kit, p Plan) string { return k.stopAt(p, 3).Run }, resume},
		{"resumed before it had begun", "map-left", "stale-map", func(k *kit, p Plan) string { return k.stopRecord(p, StepRemoveStale) }, resume},
		{"undone", "unmap-refused-iscsi", "leaked-volume", whole, undo},
		{"undone on a host", "killed-while-waiting-iscsi", "stale-connection", func(k *kit, p Plan) string { return k.stopRecord(p, StepClear) }, undo},
		{"eradicated", "unmap-refused-iscsi", "leaked-volume", whole, func(tools Tools, p Plan, _ string) (Result, error) { return tools.Eradicate(ctx, p.Object, p.Object) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := newKit(t, test.scenario)
			plan := k.plan(test.code)
			id := test.before(k, plan)
			k.world.Array.ResetRequests()
			tools := k.tools()
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				world, err := k.look(ctx, about)
				for i := range world.Arrays {
					plainly(&world.Arrays[i].Gateway)
				}
				for i := range world.LXD.Pools.Items {
					plainly(&world.LXD.Pools.Items[i].Gateway)
				}
				return world, err
			}
			machine := tools.Machine
			tools.Machine = func(member string) (Machine, bool) {
				t.Errorf("%s was to be changed", member)
				return machine(member)
			}
			result, err := test.do(tools, plan, id)
			var refused *RefusedError
			if !errors.As(err, &refused) || refused.Gate != "encrypted" || refused.Result != diagnose.Fail || refused.Hint == "" {
				t.Errorf("%+v, %v", result, err)
			}
			if sent := k.changes(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}
