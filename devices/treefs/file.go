package treefs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
)

// What the kernel would say, without tying the tree to one system's errnos.
var (
	errNotDir = errors.New("not a directory")
	errIsDir  = errors.New("is a directory")
	errLoop   = errors.New("too many levels of symbolic links")
)

// Open follows links.
func (t *FS) Open(name string) (fs.File, error) {
	n, err := t.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return &dir{file: file{info: infoOf(path.Base(name), n)}, entries: t.entriesOf(n)}, nil
	}
	return &file{Reader: bytes.NewReader(n.data), info: infoOf(path.Base(name), n)}, nil
}

// file is an open file. Data is never changed in place, so reading it needs
// no lock.
type file struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// dir is an open directory.
type dir struct {
	file
	entries []fs.DirEntry
}

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errIsDir}
}

func (d *dir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.entries) {
		if n > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		n = len(d.entries)
	}
	read := d.entries[:n]
	d.entries = d.entries[n:]
	return read, nil
}
