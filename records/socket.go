package records

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const socketName = "unix.socket"

// defaultDirs is where LXD keeps its socket: as a snap, then as a package.
func defaultDirs() []string { return []string{"/var/snap/lxd/common/lxd", "/var/lib/lxd"} }

// locate finds LXD's socket and directory. What was asked for explicitly wins;
// then, as for the command lxc, $LXD_SOCKET, $LXD_DIR, and the first of dirs
// whose socket we may write to.
//
// Unlike lxc, a socket that is there but closed to us is preferred to one that
// is not there at all: "permission denied" helps, "no such file" misleads.
func locate(opts Options, getenv func(string) string, dirs []string) (socket, dir string) {
	dir = cmp.Or(opts.Dir, getenv("LXD_DIR"))
	switch {
	case opts.Socket != "":
		socket = opts.Socket
	case opts.Dir != "":
		socket = filepath.Join(opts.Dir, socketName)
	case getenv("LXD_SOCKET") != "":
		socket = getenv("LXD_SOCKET")
	case dir != "":
		socket = filepath.Join(dir, socketName)
	default:
		dir = choose(dirs)
		socket = filepath.Join(dir, socketName)
	}
	return socket, cmp.Or(dir, filepath.Dir(socket))
}

func choose(dirs []string) string {
	present := ""
	for _, dir := range dirs {
		socket := filepath.Join(dir, socketName)
		if unix.Access(socket, unix.W_OK) == nil {
			return dir
		}
		if _, err := os.Lstat(socket); present == "" && !errors.Is(err, fs.ErrNotExist) {
			present = dir
		}
	}
	return cmp.Or(present, dirs[len(dirs)-1])
}

// inspect says what is wrong with the socket before anything is sent to it:
// the kernel's answer to connecting to a plain file is the one it gives for a
// daemon that is down.
func inspect(socket string) error {
	info, err := os.Stat(socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return absent(socket, "/")
	case err != nil:
		return fmt.Errorf("looking for LXD: %w", explain(err))
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%w: %s is not a socket", errNotLXD, socket)
	default:
		return nil
	}
}
