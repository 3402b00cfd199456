package settings

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// spanUnits are the units of systemd.time(7).
var spanUnits = []struct {
	names string
	unit  time.Duration
}{
	{"microseconds microsecond usec us μs µs", time.Microsecond},
	{"milliseconds millisecond msec ms", time.Millisecond},
	{"months month M", 2629800 * time.Second},
	{"minutes minute min m", time.Minute},
	{"seconds second sec s", time.Second},
	{"hours hour hr h", time.Hour},
	{"days day d", 24 * time.Hour},
	{"weeks week w", 7 * 24 * time.Hour},
	{"years year y", 31557600 * time.Second},
}

// systemdSpan reads a time span as systemd's programs do: "300", "5min",
// "1h 30min", "infinity". Numbers without a unit are seconds.
func systemdSpan(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "infinity" {
		return math.MaxInt64, true
	}
	if text == "" {
		return 0, false
	}
	sum := 0.0
	for text != "" {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789."))
		n, err := strconv.ParseFloat(text[:digits], 64)
		if err != nil {
			return 0, false
		}
		unit, rest, ok := spanUnit(strings.TrimSpace(text[digits:]))
		if !ok {
			return 0, false
		}
		sum, text = sum+n*float64(unit), strings.TrimSpace(rest)
	}
	if sum >= math.MaxInt64 {
		return math.MaxInt64, true
	}
	return time.Duration(sum), true
}

// spanUnit takes the unit that a text begins with, seconds if it begins with
// none.
func spanUnit(text string) (unit time.Duration, rest string, ok bool) {
	word := text[:len(text)-len(strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyzM\u03bc\u00b5"))]
	if word == "" {
		return time.Second, text, true
	}
	for _, u := range spanUnits {
		for _, name := range strings.Fields(u.names) {
			if word == name {
				return u.unit, text[len(word):], true
			}
		}
	}
	return 0, "", false
}
