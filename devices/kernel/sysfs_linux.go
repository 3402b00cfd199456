package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// attributeBytes bounds a file of sysfs, which is at most a page.
const attributeBytes = 64 << 10

// directory is an open directory of sysfs: one device. Its name may become
// another device's at any time; what is read and written through the open
// directory is still this one's, and fails once this one has gone. So what is
// proven through it holds for what is then written through it.
type directory struct {
	fd   int
	path string
}

// openDirectory opens the device at a path of sysfs, links followed.
func (h *writer) openDirectory(path string) (*directory, error) {
	path = filepath.Join(h.sysfs, path)
	fd, err := open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &directory{fd, path}, nil
}

// close has no error: nothing is lost when it can't be closed.
func (d *directory) close() { _ = unix.Close(d.fd) }

// openat opens a name below, which may not lead elsewhere by a link.
func (d *directory) openat(name string, flags int) (*os.File, error) {
	fd, err := openAt(d.fd, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: d.path + "/" + name, Err: errors.Unwrap(err)}
	}
	return os.NewFile(uintptr(fd), d.path+"/"+name), nil
}

// data reads an attribute as it stands.
func (d *directory) data(name string) ([]byte, error) {
	f, err := d.openat(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return io.ReadAll(io.LimitReader(f, attributeBytes))
}

// text reads an attribute, trimmed.
func (d *directory) text(name string) (string, error) {
	data, err := d.data(name)
	return string(bytes.TrimSpace(data)), err
}

// names lists a directory below.
func (d *directory) names(name string) ([]string, error) {
	f, err := d.openat(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	return f.Readdirnames(-1)
}

// writeAttribute writes a whole attribute with one write, as sysfs wants it.
func writeAttribute(dir int, name, value string) (err error) {
	fd, err := openAt(dir, name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return err
	}
	defer func() {
		if closed := unix.Close(fd); err == nil && closed != nil {
			err = &os.PathError{Op: "close", Path: name, Err: closed}
		}
	}()
	n, err := unix.Write(fd, []byte(value))
	if err == nil && n != len(value) {
		err = fmt.Errorf("%d of %d bytes were taken", n, len(value))
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: name, Err: err}
	}
	return nil
}

// hasGone recognises what sysfs answers for a device that is no more.
func hasGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}
