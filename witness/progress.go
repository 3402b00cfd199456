package witness

import (
	"context"
	"time"
)

// Asking is a source that is being asked, for who watches.
type Asking struct {
	// Kind is array, lxd, host, or members for all of them together.
	Kind, Name string
	// Begins and Done are set when it begins and when it is over.
	Begins, Done bool
	// Limit is how long it may take from its beginning; 0 is for ever.
	Limit time.Duration
	// Got of Of have come by now, an array's rows or the members that
	// answered; Of is 0 when nobody knows.
	Got, Of int64
}

// asking tells that somebody is asked, and returns what tells that it is done.
func (o Options) asking(ctx context.Context, kind, name string) (done func()) {
	a := Asking{Kind: kind, Name: name, Begins: true}
	if end, limited := ctx.Deadline(); limited {
		a.Limit = time.Until(end)
	}
	o.Progress(a)
	return func() { o.Progress(Asking{Kind: kind, Name: name, Done: true}) }
}
