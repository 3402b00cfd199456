package devices

import (
	"errors"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// ownRoot is the root of the machine that we run on. A look reads thousands of
// attributes, and os.Open takes for each some five calls of the kernel to wait for a
// file that is not ready; an attribute always is.
type ownRoot struct{ rootFS }

// rootFS is what os.DirFS can do.
type rootFS interface {
	fs.ReadDirFS
	fs.StatFS
	fs.ReadLinkFS
}

func machineRoot() fs.FS {
	if root, ok := os.DirFS("/").(rootFS); ok {
		return ownRoot{root}
	}
	return os.DirFS("/")
}

// ReadUpTo reads a file, but not more than limit bytes of it.
func (ownRoot) ReadUpTo(name string, limit int64) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	fd, err := again(func() (int, error) { return unix.Open("/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	const attribute = 512                 // nearly all are shorter
	data := make([]byte, 0, attribute)
	for int64(len(data)) < limit {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		room := data[len(data):min(int64(cap(data)), limit)]
		n, err := again(func() (int, error) { return unix.Read(fd, room) })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: name, Err: err}
		}
		if n == 0 {
			break
		}
		data = data[:len(data)+n]
	}
	return data, nil
}

// Names lists a directory, without asking what each entry is.
func (ownRoot) Names(dir string) ([]string, error) {
	if !fs.ValidPath(dir) {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fs.ErrInvalid}
	}
	fd, err := again(func() (int, error) { return unix.Open("/"+dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	names, entries := []string{}, make([]byte, 4096)
	for {
		n, err := again(func() (int, error) { return unix.Getdents(fd, entries) })
		if err != nil {
			return nil, &fs.PathError{Op: "readdirent", Path: dir, Err: err}
		}
		if n == 0 {
			slices.Sort(names)
			return names, nil
		}
		_, _, names = unix.ParseDirent(entries[:n], -1, names)
	}
}

// again repeats a call that a signal interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
