package kernel

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/devices"
)

// defaultTimeout is how long an answer is waited for when the caller's context
// would wait longer.
const defaultTimeout = 30 * time.Second

// Live returns the Kernel of the running machine. Make one for the process:
// each counts only the questions that it has left behind itself. Most of what
// it asks needs root; without, the answers are errors and unknowns that say
// so.
func Live() devices.Kernel {
	return &live{
		timeout:   defaultTimeout,
		openDM:    openDM,
		openDisk:  openDisk,
		openLoop:  openLoop,
		attribute: readAttribute,
		sockets:   multipathdSockets(),
		enter:     mountInfoOf,
		openKmsg:  openKmsg,
	}
}

// live is the running machine. Its function fields are the only places where
// the outside is touched.
type live struct {
	timeout time.Duration
	// inflight holds the keys of the questions that are on their way, see run.
	inflight sync.Map

	// openDM opens device-mapper's control node.
	openDM func() (*dmControl, error)
	// openDisk opens a SCSI disk's device node for questions, not for data.
	openDisk func(name string) (*scsiDisk, error)
	// openLoop opens a loop device's node, to ask what it is on.
	openLoop func(name string) (*loopDevice, error)
	// attribute reads a file below /sys, trimmed.
	attribute func(name string) (string, error)
	// sockets are where multipathd may listen, the newest place first.
	sockets []socket
	// enter reads the mountinfo of the mount namespace bound at path.
	enter func(path string) ([]byte, error)
	// openKmsg opens the kernel's log.
	openKmsg func() (kmsg, error)
}

// ask puts a question where it can be left behind, for as long as an answer is
// waited for.
func ask[T any](ctx context.Context, l *live, key string, question func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	return run(ctx, &l.inflight, key, question)
}

func readAttribute(name string) (string, error) {
	data, err := os.ReadFile(filepath.Join("/sys", name))
	return strings.TrimSpace(string(data)), err
}
