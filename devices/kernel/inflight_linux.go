package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// errStillOut refuses a question whose last asking has not come back.
var errStillOut = errors.New("the same question still hangs in the kernel and is not asked twice")

// errLeft is for a question that was left behind.
var errLeft = errors.New("no answer in time, the question is left behind")

// run does work where it can be left behind: it returns when the work is done
// or the context ends, whichever is first. The key names the work; it is
// refused while work of the same key is still out, even if left behind. inflight
// holds the keys of what is on its way.
func run[T any](ctx context.Context, inflight *sync.Map, key string, work func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if _, out := inflight.LoadOrStore(key, nil); out {
		return none, errStillOut
	}
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1) // buffered: nobody listens to a late answer
	go func() {
		value, err := work()
		inflight.Delete(key)
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return none, fmt.Errorf("%w: %w", errLeft, ctx.Err())
	}
}
