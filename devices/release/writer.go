package release

import (
	"context"
	"errors"

	"github.com/pureclean/pureclean/evidence"
)

// DeviceWriter changes one host's devices, one object at a time. It has no judgement
// of its own: package repair decides, and proves identity and idleness right
// before each call. What it does guarantee is that a call can hit only the
// object that was meant: maps are addressed by uuid, disks are proven by
// number, sequence and identity in the same breath, and whatever does not
// match is refused with ErrOther. Every call ends within its context's
// deadline, even if the kernel does not.
type DeviceWriter interface {
	// RemoveMap removes one multipath map and its unopened partition maps,
	// without flushing anything that could wait for a path. ErrInUse when
	// it is open, nil when there is no such map. A map that it left
	// suspended by a failed removal is resumed.
	RemoveMap(ctx context.Context, uuid string) error
	// AddMap lets multipathd make the map of a WWID again.
	AddMap(ctx context.Context, wwid string) error
	// SetQueueing turns waiting for a path off or on again, for one map.
	SetQueueing(ctx context.Context, uuid string, on bool) error
	// SetState writes a disk's state: "offline" or "running". A disk whose
	// kernel state allows neither (blocked, transport-offline) gives
	// ErrState.
	SetState(ctx context.Context, disk Target, state string) error
	// DeleteDisk deletes one SCSI disk. Nil when it has gone already.
	DeleteDisk(ctx context.Context, disk Target) error
	// ClaimNamespace claims one NVMe namespace exclusively and lets go again at
	// once, which changes nothing: it is the kernel's own last word on whether
	// a mount, in whatever mount namespace, another device or a zpool has
	// claimed it. ErrInUse then. The target has no HCTL.
	ClaimNamespace(ctx context.Context, namespace Target) error
	// RescanController lets one NVMe controller read its namespaces again.
	RescanController(ctx context.Context, controller string) error
}

// Target is one SCSI disk, with what proves that a name still means it.
type Target struct {
	// Name is the kernel's, HCTL its address, Dev its "major:minor".
	Name string `json:"name"`
	HCTL string `json:"hctl"`
	Dev  string `json:"dev"`
	// Seq is its diskseq, which is never used again in one boot.
	Seq int64 `json:"seq"`
	// Serial is the volume's that it was added for.
	Serial evidence.Serial `json:"serial"`
}

// What a DeviceWriter refuses with.
var (
	// ErrInUse: somebody has it open.
	ErrInUse = errors.New("the device is in use")
	// ErrOther: the name now means another device.
	ErrOther = errors.New("it is another device now")
	// ErrState: the kernel does not allow it in the device's present state.
	ErrState = errors.New("the device's state does not allow it")
	// ErrAbandoned: the call did not return in time and was left behind. It
	// may still take effect.
	ErrAbandoned = errors.New("the kernel did not answer in time; it may still do it")
)
