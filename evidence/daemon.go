package evidence

// Daemon is a process that may be LXD's.
type Daemon struct {
	PID int64 `json:"pid"`
	// Running is for how many seconds it had been running when the host was
	// read, by the clock that runs on in suspend.
	Running Count `json:"running_seconds"`
}
