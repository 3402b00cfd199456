package records

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// errStopped is a socket that is not there on a machine that has LXD.
var errStopped = errors.New("LXD is here, and is stopped or keeps its socket elsewhere")

// stoppedError says how to start the LXD that left its signs.
type stoppedError struct{ socket, start string }

func (e *stoppedError) Error() string {
	return fmt.Sprintf("%s: no socket at %s", errStopped, e.socket)
}
func (e *stoppedError) Unwrap() error { return errStopped }

// hint leaves out what is for machines without LXD.
func (e *stoppedError) hint() string {
	return "start LXD: " + e.start + "; if it runs, set LXD_SOCKET or LXD_DIR to where it keeps its socket"
}

// signs are what an LXD that is stopped leaves behind: its data, and what
// starts it, as the snap and as a package install them.
var signs = []struct{ path, start string }{
	{"var/snap/lxd", "snap start lxd"},
	{"snap/lxd", "snap start lxd"},
	{"etc/systemd/system/snap.lxd.daemon.service", "snap start lxd"},
	{"etc/systemd/system/snap.lxd.daemon.unix.socket", "snap start lxd"},
	{"var/lib/lxd", "systemctl start lxd"},
	{"etc/systemd/system/lxd.service", "systemctl start lxd"},
	{"lib/systemd/system/lxd.service", "systemctl start lxd"},
	{"usr/lib/systemd/system/lxd.service", "systemctl start lxd"},
	{"usr/local/lib/systemd/system/lxd.service", "systemctl start lxd"},
}

// absent is what it means that there is no socket at a path, on the machine
// whose files are below root. A sign that can't be looked at counts: who says
// that there is no LXD has to know.
func absent(socket, root string) error {
	for _, sign := range signs {
		if _, err := os.Stat(filepath.Join(root, sign.path)); !errors.Is(err, fs.ErrNotExist) {
			return &stoppedError{socket, sign.start}
		}
	}
	return fmt.Errorf("%w: no socket at %s", errNoLXD, socket)
}
