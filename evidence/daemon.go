package evidence

// Daemon is a process that may be LXD's.
type Daemon struct {
	PID int64 `json:"pid"`
	// Running is for how many seconds it had been running when the host was
	// read, by the clock that runs on in suspend; not known of one that was only
	// just started.
	Running Count `json:"running_seconds"`
}
