package devices

import (
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// statNumber is the device number in what the system's stat returned.
func statNumber(info fs.FileInfo) (major, minor uint32, ok bool) {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return unix.Major(sys.Rdev), unix.Minor(sys.Rdev), true
}
