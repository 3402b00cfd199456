package witness

import (
	"context"
	"fmt"
	"time"
)

// A look has one limit (--timeout), and its stages follow each other. If they
// all ran against that limit, the one that is slow would use it up, and those
// behind it would be told to be at fault. So each stage gets a share of what
// is left: what it does not need goes to those after it, and what it lacks is
// taken from nobody.

// stage is a part of a look in which all that are asked are asked side by side.
type stage int

const (
	opening stage = iota // LXD and its pools
	lists                // the arrays' lists
	peers                // those of the arrays to which pods are stretched
	estate               // LXD's records, and this host
	others               // the other members' machines
	advice               // what only advice rests on
	serials              // the serials that hosts show
)

// weights are how long the stages take, compared with each other: an array
// gives a thousand rows at a time, and LXD looks through all instances for
// each volume.
var weights = map[stage]int{opening: 2, lists: 6, peers: 6, estate: 5, others: 3, advice: 1, serials: 2}

// limits are the deadlines of one look.
type limits struct {
	// whole is the time that the look may take; 0 is for ever.
	whole time.Duration
	// left out are the stages that this look does not have.
	leftOut map[stage]bool
	// with is context.WithTimeoutCause outside of tests.
	with func(context.Context, time.Duration, error) (context.Context, context.CancelFunc)
}

func (o Options) limits(ctx context.Context) limits {
	l := limits{with: o.Limit, leftOut: map[stage]bool{peers: o.peers() == 0, others: o.Fleet == nil, advice: !o.Thorough}}
	if end, limited := ctx.Deadline(); limited {
		l.whole = time.Until(end)
	}
	if l.with == nil {
		l.with = context.WithTimeoutCause
	}
	return l
}

// share is the part of the rest that a stage gets.
func (l limits) share(rest time.Duration, of stage) time.Duration {
	all := 0
	for s, weight := range weights {
		if s >= of && (s == of || !l.leftOut[s]) {
			all += weight
		}
	}
	return rest * time.Duration(weights[of]) / time.Duration(all)
}

// of gives who its deadline in a stage.
func (l limits) of(ctx context.Context, s stage, who string) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return ctx, func() {}
	}
	share := l.share(time.Until(end), s)
	return l.with(ctx, share, &lateError{who: who, share: share, whole: l.whole})
}

// lateError is a witness that did not finish within its share.
type lateError struct {
	who          string
	share, whole time.Duration
}

func (e *lateError) Error() string {
	return fmt.Sprintf("%s was given %s of the %s that a look may take, and that was not enough", e.who, round(e.share), round(e.whole))
}

// Timeout marks it for net.Error, Unwrap for everybody else.
func (e *lateError) Timeout() bool { return true }
func (e *lateError) Unwrap() error { return context.DeadlineExceeded }

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(time.Second)
	case d > time.Second:
		return d.Round(time.Second / 10)
	}
	return d.Round(time.Millisecond)
}

// lateHint is what can be done about a witness in trouble if ctx stopped it,
// and hint otherwise.
func lateHint(ctx context.Context, trouble, hint string) string {
	_, late := context.Cause(ctx).(*lateError) //nolint:errorlint // made above, never wrapped
	if late && trouble != "" {
		return "give a look more time with --timeout; the other sources did not wait for it"
	}
	return hint
}
