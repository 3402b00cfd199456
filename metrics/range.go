package metrics

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/config"
)

// Range is a threshold as monitoring plugins write it: "10" alerts outside
// 0 to 10, "10:" below 10, "~:10" above 10, "10:20" outside 10 to 20 and
// "@10:20" inside, ends included. The zero Range never alerts.
type Range struct {
	set       bool
	low, high float64
	// inside alerts within the range instead of outside.
	inside bool
}

// upTo alerts above n.
func upTo(n float64) Range { return Range{set: true, high: n} }

// parseRange reads a range; number reads its ends.
func parseRange(text string, number func(string) (float64, error)) (Range, error) {
	r := Range{set: true, low: 0, high: math.Inf(1)}
	rest, inside := strings.CutPrefix(text, "@")
	r.inside = inside
	low, high, both := strings.Cut(rest, ":")
	if !both {
		low, high = "", rest
	}
	if low == "" && high == "" {
		return Range{}, fmt.Errorf("%q names no number", text)
	}
	for _, end := range []struct {
		text string
		to   *float64
	}{{low, &r.low}, {high, &r.high}} {
		switch {
		case end.text == "":
		case end.text == "~" && both && end.to == &r.low:
			r.low = math.Inf(-1)
		default:
			n, err := number(end.text)
			if err != nil {
				return Range{}, err
			}
			*end.to = n
		}
	}
	if r.low > r.high {
		return Range{}, fmt.Errorf("%q begins after its end", text)
	}
	return r, nil
}

// alerts reports whether a value is one to alert on.
func (r Range) alerts(value float64) bool {
	return r.set && (value >= r.low && value <= r.high) == r.inside
}

// String is the range in base units, as performance data has it; empty for
// the zero Range.
func (r Range) String() string {
	if !r.set {
		return ""
	}
	var b strings.Builder
	if r.inside {
		b.WriteByte('@')
	}
	switch {
	case math.IsInf(r.low, -1):
		b.WriteString("~:")
	case r.low != 0 || math.IsInf(r.high, 1):
		b.WriteString(number(r.low) + ":")
	}
	if !math.IsInf(r.high, 1) {
		b.WriteString(number(r.high))
	}
	return b.String()
}

// number prints without an exponent: not every parser of performance data
// knows one.
func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// parseNumber reads the end of a range that counts.
func parseNumber(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(text, "xXpP_") {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// sizes are the units of bytes, as lxc spells them.
var sizes = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"PiB", 1 << 50},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"PB", 1e15},
	{"B", 1},
}

// parseBytes reads "10GiB", "1TB" or a number of bytes.
func parseBytes(text string) (float64, error) {
	digits, bytes := text, 1.0
	for _, unit := range sizes {
		if before, ok := strings.CutSuffix(text, unit.name); ok {
			digits, bytes = before, unit.bytes
			break
		}
	}
	n, err := parseNumber(digits)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size such as 500GiB or 1TiB", text)
	}
	return n * bytes, nil
}

// parseAge reads "7d", "36h" or a number of seconds.
func parseAge(text string) (float64, error) {
	if n, err := parseNumber(text); err == nil {
		return n, nil
	}
	span, err := config.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time span such as 36h or 7d", text)
	}
	return span.Seconds(), nil
}

// ParseRange reads a threshold of this figure.
func (f *Figure) ParseRange(text string) (Range, error) {
	switch f.Unit {
	case "B":
		return parseRange(text, parseBytes)
	case "s":
		return parseRange(text, parseAge)
	default:
		return parseRange(text, parseNumber)
	}
}
