package pure

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that an array may ask for and be given; a
// longer one is told to the operator, who may have other things to do.
const maxRetryAfter = time.Minute

// pause is what an answer's Retry-After asks for.
type pause struct {
	// asked is the header, as far as it is for people; empty without one.
	asked string
	// wait is how long that is; known is false when it can't be understood,
	// and the usual wait is then as good as any.
	wait  time.Duration
	known bool
}

// retryAfter reads the header of that name, in seconds or as a date. A date is
// by the clock of whoever answered, which the answer's own Date tells; without
// that, by ours.
func retryAfter(headers http.Header, now time.Time) pause {
	header := strings.TrimSpace(headers.Get("Retry-After"))
	if header == "" {
		return pause{}
	}
	p := pause{asked: excerpt([]byte(header)), known: true}
	if strings.Trim(header, "0123456789") == "" {
		seconds, err := strconv.ParseInt(header, 10, 64)
		if err != nil || seconds > math.MaxInt64/int64(time.Second) {
			seconds = math.MaxInt64 / int64(time.Second) // it is out of range
		}
		p.wait = time.Duration(seconds) * time.Second
		return p
	}
	until, err := http.ParseTime(header)
	if err != nil {
		return pause{asked: p.asked}
	}
	if theirs, err := http.ParseTime(headers.Get("Date")); err == nil {
		now = theirs
	}
	p.wait = max(0, until.Sub(now))
	return p
}

// tooLong reports that nobody waits for that.
func (p pause) tooLong() bool { return p.wait > maxRetryAfter }

// String says what is asked for; it is empty when nothing is.
func (p pause) String() string {
	switch {
	case p.asked == "":
		return ""
	case !p.known:
		return fmt.Sprintf("it asks to wait for %q, which can't be understood", p.asked)
	case p.wait == 0:
		return ""
	default:
		return "it asks to wait for " + spell(p.wait)
	}
}

// spell spells a time as people would: 7s, 2m, 24h, 30 days.
func spell(d time.Duration) string {
	if days := int64(d / (24 * time.Hour)); days >= 2 {
		return fmt.Sprintf("%d days", days)
	}
	text := d.Round(time.Second).String()
	for _, end := range []string{"m0s", "h0m"} {
		if rest, ok := strings.CutSuffix(text, end); ok {
			text = rest + end[:1]
		}
	}
	return text
}

func pauseAdvice(e *Error) string {
	return "the array asks to be left alone for " + spell(e.pause.wait) + ": try again then"
}
