package visit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
)

// farFS is the machine's file tree. Every call reads it as it is then.
type farFS struct{ visit *Visit }

var (
	_ fs.ReadDirFS  = farFS{}
	_ fs.ReadFileFS = farFS{}
	_ fs.StatFS     = farFS{}
	_ fs.ReadLinkFS = farFS{}
)

func (f farFS) ask(op, name string) (FileAnswer, error) {
	var answer FileAnswer
	err := f.visit.ask(context.Background(), "File", FileQuestion{f.visit.Machine, op, name}, &answer)
	if err == nil {
		err = answer.Failure.err()
	}
	if err != nil {
		return FileAnswer{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return answer, nil
}

// Open follows links.
func (f farFS) Open(name string) (fs.File, error) {
	found, err := f.ask(opStat, name)
	if err != nil {
		return nil, err
	}
	opened := &file{info: info{found.Info}}
	opened.info.Base = path.Base(name)
	if opened.info.IsDir() {
		opened.entries, err = f.ReadDir(name)
		return &dir{opened}, err
	}
	content, err := f.ask(opReadFile, name)
	opened.Reader = bytes.NewReader(content.Data)
	return opened, err
}

// Stat follows links.
func (f farFS) Stat(name string) (fs.FileInfo, error) {
	answer, err := f.ask(opStat, name)
	if err != nil {
		return nil, err
	}
	return info{answer.Info}, nil
}

// Lstat does not follow a link at the end.
func (f farFS) Lstat(name string) (fs.FileInfo, error) {
	answer, err := f.ask(opLstat, name)
	if err != nil {
		return nil, err
	}
	return info{answer.Info}, nil
}

// ReadLink returns a link's target.
func (f farFS) ReadLink(name string) (string, error) {
	answer, err := f.ask(opReadLink, name)
	return answer.Target, err
}

// ReadFile returns a file's content.
func (f farFS) ReadFile(name string) ([]byte, error) {
	answer, err := f.ask(opReadFile, name)
	return answer.Data, err
}

// ReadDir lists a directory in the order of names.
func (f farFS) ReadDir(name string) ([]fs.DirEntry, error) {
	answer, err := f.ask(opReadDir, name)
	if err != nil {
		return nil, err
	}
	entries := make([]fs.DirEntry, 0, len(answer.Entries))
	for _, one := range answer.Entries {
		entries = append(entries, fs.FileInfoToDirEntry(info{one}))
	}
	return entries, nil
}

// file is an open one, as it was when it was opened.
type file struct {
	*bytes.Reader
	info    info
	entries []fs.DirEntry
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

// dir is an open directory.
type dir struct{ *file }

var errIsDir = errors.New("is a directory")

func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Base, Err: errIsDir}
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
