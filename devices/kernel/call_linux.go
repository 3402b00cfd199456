package kernel

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// open opens a file without the runtime's poller, which needs a descriptor
// of its own kind. The error names the file.
func open(path string, flags int) (int, error) { return openAt(unix.AT_FDCWD, path, flags) }

// openAt is open of a name below an open directory.
func openAt(dir int, path string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, path, flags, 0)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// ioctl makes one ioctl whose argument is a pointer.
func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}
