package repair

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/array"
)

// waitedFor are machines that answer, and then the look still waits for another.
type waitedFor struct {
	*machines
	meanwhile func()
}

func (w waitedFor) Ask(ctx context.Context, member string) evidence.Host {
	said := w.machines.Ask(ctx, member)
	w.meanwhile()
	return said
}

// TestUsedWhileAMachineIsWaitedFor: in the last look before a disconnect LXD has
// answered, the member's machine has, and another takes its time. Meanwhile LXD
// starts on that member the container whose connection is stale. LXD is asked
// again what it has begun, and nothing is cut.
func TestUsedWhileAMachineIsWaitedFor(t *testing.T) {
	k := newKit(t, "member-died")
	second := k.world.LXD.Members()[1]
	tools, all := k.acrossMembers()
	at, taken := "", false
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		r := k.reach()
		r.fleet = waitedFor{all, func() {
			if at != StepDisconnect || taken {
				return
			}
			taken = true
			if err := errors.Join(second.MoveInstance("", "web1", second.Name), second.StartInstance("", "web1")); err != nil {
				t.Error(err)
			}
		}}
		return r.look(ctx, &k.watch, about, k.world.Hosts[0].System(), k.world.Clock.Now, k.sleep)
	}
	tools.record = func(r *journal.Run, record journal.Record) error {
		if record.What == journal.WhatBefore {
			at = record.StepKind
		}
		return r.Append(record)
	}
	plan := k.planSeen(tools, "stale-connection", func(Plan) bool { return true })
	result, err := tools.Run(context.Background(), plan)
	var refused *RefusedError
	if !taken || !errors.As(err, &refused) || result.Changed {
		t.Errorf("taken %v: %+v, %v", taken, result, err)
	}
	if k.connectedTo(plan.Object) != plan.Host || !k.world.Hosts[1].InUse(string(plan.Serial)) {
		t.Errorf("connected to %s, in use %v", k.connectedTo(plan.Object), k.world.Hosts[1].InUse(string(plan.Serial)))
	}
}

// TestSessionEndsAtTheRequest: the array answers a change with 401, and the new
// login takes its time, in which LXD begins something. The change was not carried
// out, and is asked for again on a new look only.
func TestSessionEndsAtTheRequest(t *testing.T) {
	for _, c := range []struct{ kind, method, path string }{
		{StepDisconnect, "DELETE", "/connections"},
		{StepDestroy, "PATCH", "/volumes"},
	} {
		for _, meanwhile := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, meanwhile %v", c.kind, meanwhile), func(t *testing.T) {
				k := newKit(t, "rollback-refused-iscsi")
				plan := k.plan("leaked-volume")
				sent := func() (n, refused int) {
					for _, r := range k.world.Array.Requests() {
						if r.Method == c.method && strings.HasSuffix(r.Path, c.path) {
							if n++; r.Status == http.StatusUnauthorized {
								refused++
							}
						}
					}
					return n, refused
				}
				k.world.Array.ResetRequests()
				began := false
				k.world.Array.Inject(array.Fault{Method: c.method, Path: c.path, Kind: array.Unauthorized, Times: 1})
				k.world.Array.Inject(array.Fault{Method: "POST", Path: "/login", Kind: array.Delay, Wait: func(context.Context) error {
					if _, refused := sent(); refused == 0 || began || !meanwhile {
						return nil
					}
					began = true
					_, err := k.world.LXD.StartOperation("", "task", "Creating instance", "")
					return err
				}})
				result, err := k.tools().Run(context.Background(), plan)
				destroyed, _ := k.volume(plan.Object)
				n, refused := sent()
				var no *RefusedError
				switch {
				case refused != 1 || began != meanwhile:
					t.Errorf("refused %d, began %v: %v", refused, began, err)
				case meanwhile && (n != 1 || destroyed || !errors.As(err, &no) || no.Gate != "no-operation"):
					t.Errorf("sent %d times, destroyed %v: %+v, %v", n, destroyed, result, err)
				case !meanwhile && (n != 2 || !destroyed || err != nil):
					t.Errorf("sent %d times, destroyed %v: %+v, %v", n, destroyed, result, err)
				}
			})
		}
	}
}
