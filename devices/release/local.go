package release

import (
	"context"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// Callbacks are what a machine asks of whoever lets it work on its devices.
type Callbacks struct {
	// Note keeps each single write, and Elsewhere tells a use of another
	// volume: see Releaser.
	Note      func(Action) error
	Elsewhere func(evidence.Use) bool
	// Sleep waits in the machine's place: whoever works on several volumes
	// waits for all of them at once. Nil leaves it to the machine.
	Sleep func(context.Context, time.Duration) error
}

// The steps that a machine may be asked to do for several volumes at once.
const (
	TaskRelease = "release"
	TaskClear   = "clear"
	TaskStale   = "stale"
)

// Task is one volume's part of a step that a machine does for several, each for
// itself: of what there is only what the step needs is used.
type Task struct {
	Serial   evidence.Serial
	Expect   Expect
	Released Released
	Callbacks
}

// Local is the machine that this process runs on: what can be asked of a
// Releaser, and the same questions that are asked of other machines.
type Local struct {
	System devices.System
	Writer DeviceWriter
	// Sleep waits; nil really does.
	Sleep func(context.Context, time.Duration) error
}

// Release makes the array's disconnect safe, see Releaser.
func (l Local) Release(ctx context.Context, serial evidence.Serial, expect Expect, c Callbacks) (Released, error) {
	return l.releaser(c).Release(ctx, serial, expect)
}

// Rollback takes back what was released, see Releaser.
func (l Local) Rollback(ctx context.Context, done Released, c Callbacks) error {
	return l.releaser(c).Rollback(ctx, done)
}

// Clear removes what is left after the array's disconnect, see Releaser.
func (l Local) Clear(ctx context.Context, serial evidence.Serial, done Released, c Callbacks) error {
	return l.releaser(c).Clear(ctx, serial, done)
}

// RemoveStale removes devices that no volume is behind, see Releaser.
func (l Local) RemoveStale(ctx context.Context, serial evidence.Serial, c Callbacks) (Released, error) {
	return l.releaser(c).RemoveStale(ctx, serial)
}

// Free ends the I/O that waits in the volume's map, see Releaser.
func (l Local) Free(ctx context.Context, serial evidence.Serial, c Callbacks) error {
	return l.releaser(c).Free(ctx, serial)
}

// Wait waits as the steps of this machine do.
func (l Local) Wait(ctx context.Context, d time.Duration) error {
	return l.releaser(Callbacks{}).sleep(ctx, d)
}

func (l Local) releaser(c Callbacks) *Releaser {
	sleep := l.Sleep
	if c.Sleep != nil {
		sleep = c.Sleep
	}
	return &Releaser{System: l.System, Writer: l.Writer, Sleep: sleep, Note: c.Note, Elsewhere: c.Elsewhere}
}

// Boot is the boot id of the kernel that runs; empty when it can't be read.
func (l Local) Boot() string {
	return l.System.Boot()
}
