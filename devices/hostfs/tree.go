// Package hostfs reads small files, directories and links of one host, wherever
// its root is: running, recorded or in memory. What is absent there is no error;
// what could not be read is kept as a doubt, and a list with a doubt is not
// complete.
package hostfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// AttributeBytes bounds a file of sysfs, which is at most a page, and the
	// small files of etc.
	AttributeBytes = 1 << 20
	// TableBytes bounds a mountinfo: a host with thousands of containers has
	// some megabytes of it.
	TableBytes = 64 << 20
)

// Tree reads small files, directories and links of a host.
type Tree struct{ fs.FS }

// Absent reports the errors that mean "there is no such thing" and not "it
// could not be read". Sysfs answers ENXIO, ENODEV, ENOTCONN or EINVAL where
// the device has no such value now, procfs ESRCH for a process that ended.
func Absent(err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return slices.ContainsFunc([]syscall.Errno{syscall.ENXIO, syscall.ENODEV, syscall.ENOTCONN, syscall.EINVAL, syscall.ESRCH}, func(errno syscall.Errno) bool {
		return errors.Is(err, errno)
	})
}

// UpToFS is a file system that reads a file faster than by opening it first.
type UpToFS interface {
	fs.FS
	// ReadUpTo reads a file, but not more than limit bytes of it.
	ReadUpTo(name string, limit int64) ([]byte, error)
}

// NamesFS is a file system that lists a directory faster than with what each
// entry is.
type NamesFS interface {
	fs.FS
	// Names lists a directory in the order of the names.
	Names(dir string) ([]string, error)
}

// Data reads a whole file of at most limit bytes.
func (t Tree) Data(name string, limit int64) ([]byte, error) {
	data, err := t.upTo(name, limit+1)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, nil
}

func (t Tree) upTo(name string, limit int64) ([]byte, error) {
	if quick, ok := t.FS.(UpToFS); ok {
		return quick.ReadUpTo(name, limit)
	}
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	// It was only read: closing it can lose nothing.
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit))
}

// Text reads an attribute without the white space around it. Absent is ""
// without an error: most attributes exist on some kernels only.
func (t Tree) Text(name string) (string, error) {
	text, err := t.Whole(name)
	return strings.TrimSpace(text), err
}

// Whole reads a file of settings as it is, so that its lines keep their
// numbers. Absent is "" without an error.
func (t Tree) Whole(name string) (string, error) {
	data, err := t.Data(name, AttributeBytes)
	if err != nil && Absent(err) {
		return "", nil
	}
	return string(data), err
}

// Field reads an attribute that may stay unknown: "" for that.
func (t Tree) Field(name string) string {
	s, _ := t.Text(name)
	return s
}

// Count reads a whole number that may stay unknown.
func (t Tree) Count(name string) evidence.Count {
	n, err := strconv.ParseInt(t.Field(name), 10, 64)
	if err != nil {
		return evidence.Count{}
	}
	return evidence.CountOf(n)
}

// Flag reads a 0 or 1, N or Y, that may stay unknown.
func (t Tree) Flag(name string) evidence.Answer {
	switch t.Field(name) {
	case "1", "Y":
		return evidence.Yes
	case "0", "N":
		return evidence.No
	default:
		return evidence.Unknown
	}
}

// Names lists a directory. Absent is an empty list without an error.
func (t Tree) Names(dir string) ([]string, error) {
	quick, ok := t.FS.(NamesFS)
	if !ok {
		return t.list(dir, func(fs.DirEntry) bool { return true })
	}
	names, err := quick.Names(dir)
	if Absent(err) {
		return nil, nil
	}
	return names, err
}

// Dirs lists the directories in a directory, links not followed.
func (t Tree) Dirs(dir string) ([]string, error) {
	return t.list(dir, fs.DirEntry.IsDir)
}

func (t Tree) list(dir string, wanted func(fs.DirEntry) bool) ([]string, error) {
	entries, err := fs.ReadDir(t.FS, dir)
	if Absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if wanted(e) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Link reads a link's target; "" when there is none or it is not a link.
func (t Tree) Link(name string) (string, error) {
	target, err := fs.ReadLink(t.FS, name)
	switch {
	case err == nil:
		return target, nil
	case Absent(err), errors.Is(err, fs.ErrInvalid):
		return "", nil
	}
	return "", err
}

// LinkField is the target of a link that may stay unknown: "" for that.
func (t Tree) LinkField(name string) string {
	target, _ := t.Link(name)
	return target
}

// LinkBase is the last part of such a link's target.
func (t Tree) LinkBase(name string) string {
	target := t.LinkField(name)
	if target == "" {
		return ""
	}
	return path.Base(target)
}

// Follow returns the name that a link leads to, without looking further, and
// the name itself when it is not a link. Reading below the result spares the
// kernel the walk through /sys/block or /sys/class. The directory that the
// Link is in must itself be named without links.
func (t Tree) Follow(name string) (string, error) {
	target, err := t.Link(name)
	if target == "" {
		return name, err
	}
	if !strings.HasPrefix(target, "/") {
		target = path.Dir(name) + "/" + target
	}
	// Cleaned as an absolute path, so that ".." ends at the root.
	return strings.TrimPrefix(path.Clean("/"+target), "/"), nil
}

// Exists reports whether a name, links followed, is there.
func (t Tree) Exists(name string) evidence.Answer {
	_, err := fs.Stat(t.FS, name)
	switch {
	case err == nil:
		return evidence.Yes
	case Absent(err):
		return evidence.No
	default:
		return evidence.Unknown
	}
}

// Lstat does not follow a link at the end, where the file system can tell.
func (t Tree) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }
