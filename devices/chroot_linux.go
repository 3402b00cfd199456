package devices

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// chroot finds names below a directory as the kernel does after chroot(2),
// in one system call each. os.Root, which does the same without the kernel,
// opens every directory on the way: ten calls for a file of sysfs.
type chroot struct{ dir *os.File }

// maxTries bounds how often a name is looked for while others rename.
const maxTries = 100

// newChroot returns nil where the kernel (before 5.6) or a sandbox does not
// have openat2.
func newChroot(dir string) *chroot {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	c := &chroot{f}
	probe, err := c.find(".", 0)
	if err != nil {
		_ = f.Close() // only read from
		return nil
	}
	_ = probe.Close() // only looked at
	return c
}

func (c *chroot) open(name string, flags uint64) (*os.File, error) {
	for try := 0; ; try++ {
		fd, err := unix.Openat2(int(c.dir.Fd()), name, &unix.OpenHow{
			Flags:   flags | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		// EAGAIN: something was renamed meanwhile.
		if again := errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN); again && try < maxTries {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}

// find gets hold of a name without opening what is there.
func (c *chroot) find(name string, flags uint64) (*os.File, error) {
	return c.open(name, unix.O_PATH|flags)
}

// read opens a file to read it.
func (c *chroot) read(name string) (fs.File, error) {
	return c.open(name, unix.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK)
}

// stat is of what a link leads to.
func (c *chroot) stat(name string) (fs.FileInfo, error) {
	f, err := c.find(name, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only looked at
	return f.Stat()
}
