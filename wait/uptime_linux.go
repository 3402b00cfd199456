package wait

import (
	"time"

	"golang.org/x/sys/unix"
)

// Uptime is the time since this machine was started, the time in which it was
// suspended included. time.Now does not tell that: the clock by which Go
// measures stands still meanwhile, and the wall's can be set.
func Uptime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0 // every Linux that LXD runs on has it; the wall's clock counts as well
	}
	return time.Duration(now.Nano())
}
