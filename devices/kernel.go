package devices

import (
	"context"

	"github.com/pureclean/pureclean/evidence"
)

// Kernel answers what no file holds. It only reads, and every answer that it
// can't give is an error or an unknown, never an empty success.
type Kernel interface {
	// Maps lists all of device-mapper's devices, as its ioctl tells them.
	Maps(ctx context.Context) ([]DM, error)
	// Checkers returns multipathd's word on each path that it knows, by the
	// path's kernel name: "ready", "faulty", "i/o pending", …
	Checkers(ctx context.Context) (map[string]string, error)
	// Identify asks the device itself who it is (INQUIRY, page 0x83). The
	// caller asks only devices whose state is "running". It returns within
	// the context's deadline even when the device does not.
	Identify(ctx context.Context, disk string) evidence.Identity
	// MountInfo returns the mountinfo of the mount namespace that is bound
	// at path (an nsfs mount), which no process may show.
	MountInfo(ctx context.Context, path string) ([]byte, error)
}

// DM is one device-mapper device as the ioctl describes it.
type DM struct {
	Name string
	UUID string
	// Dev is "major:minor".
	Dev       string
	OpenCount int64
	Suspended bool
	// Deferred is set when a removal waits for the last opener.
	Deferred bool
	// Status and Table are the target's lines without start and length, such
	// as "multipath 2 0 1 0 1 1 A 0 2 2 8:48 A 0 0 1 …". Empty for a device
	// without a live table.
	Status string
	Table  string
}
