package repair

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// hostsAtOnce bounds how many machines are asked at the same time.
const hostsAtOnce = 64

// inquiry is a run that wants to hear from machines whether anything of its
// volume is left there, and what they said.
type inquiry struct {
	sought   release.Sought
	members  []string
	machines []Machine
	said     []release.Detachment
}

// inquire asks every machine once, about all that is to be known of it.
func inquire(ctx context.Context, all []*inquiry) {
	type place struct {
		of *inquiry
		i  int
	}
	var members []string
	places := map[string][]place{}
	for _, q := range all {
		q.said = make([]release.Detachment, len(q.members))
		for i, member := range q.members {
			if places[member] == nil {
				members = append(members, member)
			}
			places[member] = append(places[member], place{q, i})
		}
	}
	group := errgroup.Group{}
	group.SetLimit(hostsAtOnce)
	for _, member := range members {
		group.Go(func() error {
			at := places[member]
			sought := make([]release.Sought, len(at))
			for n, p := range at {
				sought[n] = p.of.sought
			}
			for n, said := range at[0].of.machines[at[0].i].Detached(ctx, sought) {
				at[n].of.said[at[n].i] = said
			}
			return nil
		})
	}
	_ = group.Wait() // none of them returns an error
}

// leftOnHosts asks every host, and says what the first one still has; nil is
// nothing on any.
func (r *run) leftOnHosts(ctx context.Context, l look) (*diagnose.GateResult, error) {
	world := r.latest.world
	q := &inquiry{members: r.asked(l), sought: release.Sought{
		Serial:    r.plan.Serial,
		Elsewhere: func(use evidence.Use) bool { return usedByAnother(world, use, r.plan) },
	}}
	for _, member := range q.members {
		machine, _, err := r.machine(ctx, member)
		if err != nil {
			return nil, &refusal{diagnose.GateResult{Gate: needMachine, Result: diagnose.Uncertain, Why: err.Error()}}
		}
		q.machines = append(q.machines, machine)
	}
	if r.t.turn == nil {
		inquire(ctx, []*inquiry{q})
	} else if err := r.t.turn.inquire(ctx, q); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(q.said, func(d release.Detachment) bool { return !d.Answer.Is() })
	if i < 0 {
		return nil, nil
	}
	left := &diagnose.GateResult{Gate: needDetached, Result: diagnose.Uncertain, Why: q.members[i] + ": " + strings.Join(q.said[i].Reasons, "; ")}
	if q.said[i].Answer.IsNot() {
		left.Result = diagnose.Fail
	}
	return left, nil
}
