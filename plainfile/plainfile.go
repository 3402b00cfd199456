// Package plainfile reads the files that people name. What may never answer is
// none: a pipe that nobody writes to would hold a command beyond its timeout and
// its signals, before it has asked anybody anything.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// ErrNotPlain is what waits, or may: a pipe, a terminal, a socket.
var ErrNotPlain = errors.New("it is no regular file and may never answer; write what it gives into a file")

// Open opens a regular file, or the null device, which is an empty one.
func Open(path string) (*os.File, error) {
	// Without O_NONBLOCK to open a pipe is to wait for who writes to it.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := plain(file); err != nil {
		_ = file.Close() // nothing was read
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return file, nil
}

func plain(file *os.File) error {
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return syscall.EISDIR
	case info.Mode().IsRegular():
		return nil
	}
	if null, err := os.Stat(os.DevNull); err == nil && os.SameFile(info, null) {
		return nil
	}
	return ErrNotPlain
}

// Read returns what a plain file holds, which is at most that many bytes.
func Read(path string, most int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return data, err
}
