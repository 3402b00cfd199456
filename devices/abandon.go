package devices

import (
	"context"
	"fmt"
	"time"
)

// within runs f in a goroutine and waits for it no longer than limit. A
// kernel can put a reader into a sleep that no signal ends; then the
// goroutine is left behind, and what it would have said is an error.
func within[T any](parent context.Context, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		if err := parent.Err(); err != nil {
			return none, err
		}
		return none, fmt.Errorf("no answer within %s: %w", limit, ctx.Err())
	}
}
