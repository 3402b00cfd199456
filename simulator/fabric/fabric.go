// Package fabric is what lies between the simulated array and the simulated
// hosts: which logical units an initiator is shown, and the clock they share.
package fabric

import (
	"sync"
	"time"
)

// Export is one volume shown to one initiator.
type Export struct {
	// Serial is the volume's, 24 upper-case hexadecimal digits.
	Serial string
	// LUN is the number on SCSI, NSID the one on NVMe.
	LUN   int
	NSID  int
	Bytes int64
}

// Target is an array as its initiators see it.
type Target interface {
	// Exports lists what is shown to the initiator (an IQN, NQN or WWPN).
	Exports(initiator string) []Export
	// ISCSI returns the target's IQN and its portals, "address:port".
	ISCSI() (iqn string, portals []string)
	// NVMe returns the subsystem's NQN and its portals, "address:port".
	NVMe() (nqn string, portals []string)
}

// Clock is the simulated time. It stands still until it is advanced, so that
// no test waits and every run is the same.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []func(time.Time)
}

// NewClock starts a clock at start.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now returns the simulated time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on and tells those who asked with OnAdvance.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	now, timers := c.now, append([]func(time.Time){}, c.timers...)
	c.mu.Unlock()
	for _, f := range timers {
		f(now)
	}
}

// OnAdvance calls f after each Advance.
func (c *Clock) OnAdvance(f func(time.Time)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timers = append(c.timers, f)
}
