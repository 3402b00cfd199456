package settings

import (
	"math"
	"testing"
	"time"
)

func TestSystemdSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"300": 5 * time.Minute, "300s": 5 * time.Minute, " 1h ": time.Hour, "5min": 5 * time.Minute, "5 min": 5 * time.Minute, "5m": 5 * time.Minute,
		"1h 30min": 90 * time.Minute, "1h30min": 90 * time.Minute, "1.5h": 90 * time.Minute, "2 days": 48 * time.Hour, "1M": 2629800 * time.Second,
		"250 ms": 250 * time.Millisecond, "7μs": 7 * time.Microsecond, "infinity": math.MaxInt64, "99999999999999y": math.MaxInt64,
	} {
		if got, ok := systemdSpan(text); !ok || got != want {
			t.Errorf("%q: %s %v, want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "h", "5 parsecs", "1..2", "-5", "5mins", "0x10"} {
		if got, ok := systemdSpan(text); ok {
			t.Errorf("%q: %s", text, got)
		}
	}
}
