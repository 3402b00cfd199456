package devices

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Who gave up does not hear that the kernel was too slow.
func TestWithin(t *testing.T) {
	silent := func(ctx context.Context) (int, error) { <-t.Context().Done(); return 1, nil }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := within(ctx, time.Hour, silent); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no answer") {
		t.Errorf("given up: %v", err)
	}
	if _, err := within(t.Context(), time.Nanosecond, silent); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("too slow: %v", err)
	}
}
