package visit

import (
	"context"
	"io/fs"
	"path"

	"github.com/pureclean/pureclean/devices/treefs"
)

// farFS is the machine's file tree. Every call reads it as it is then.
type farFS struct{ visit *Visit }

var (
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
	found, err := f.ask(opOpen, name)
	if err != nil {
		return nil, err
	}
	found.Info.Base = path.Base(name)
	if found.Info.Flags.IsDir() {
		return treefs.OpenDir(info{found.Info}, found.entries()), nil
	}
	return treefs.OpenFile(info{found.Info}, found.Data), nil
}

func (a FileAnswer) entries() []fs.DirEntry {
	entries := make([]fs.DirEntry, 0, len(a.Entries))
	for _, one := range a.Entries {
		entries = append(entries, fs.FileInfoToDirEntry(info{one}))
	}
	return entries
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
