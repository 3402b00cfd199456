package pure

import (
	"net/http"
	"sync"
	"time"
)

// maxSkew is how far the array's answers may disagree about the time, as
// compared with this machine's clock, before none of them is believed.
const maxSkew = 10 * time.Second

// clock keeps the array's own time as its answers' Date headers tell it:
// that is a whole second, cut off, at the moment of the answer.
type clock struct {
	mu          sync.Mutex
	first       time.Time
	least, most time.Duration // by which the array is ahead of this machine
}

// note hears one answer's Date header, received at now by our clock.
func (c *clock) note(header string, now time.Time) {
	date, err := http.ParseTime(header)
	if err != nil || !plausible(date) {
		return
	}
	ahead := date.Sub(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.IsZero() {
		c.first, c.least, c.most = date, ahead, ahead
		return
	}
	if date.Before(c.first) {
		c.first = date
	}
	c.least, c.most = min(c.least, ahead), max(c.most, ahead)
}

// take returns the earliest time heard since the last take, in UTC: an age
// counted from it is too young rather than too old. It is zero when no answer
// told the time or the answers contradict each other, as two controllers (or
// a proxy) with different clocks make them.
func (c *clock) take() (now time.Time, contradicted time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, spread := c.first, c.most-c.least
	c.first = time.Time{}
	if spread > maxSkew && !first.IsZero() {
		return time.Time{}, spread
	}
	if first.IsZero() {
		return time.Time{}, 0
	}
	return first.UTC(), 0
}

// plausible guards against a time in another unit: seconds taken for
// milliseconds lie in 1970, the other way round in the year 50000.
func plausible(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 2000 && year <= 2100
}
