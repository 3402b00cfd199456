// Package wait has the one wait that the program makes by itself, and the clock
// that tells how long something took. Whoever waits or measures takes a function
// for it, so that a test or a simulated world can put its own time in.
package wait

import (
	"context"
	"time"
)

// For waits so long, and ends with its context, whose cause it returns.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
