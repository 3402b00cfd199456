package devices

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// attributeBytes bounds a file of sysfs, which is at most a page, and the
	// small files of etc.
	attributeBytes = 1 << 20
	// tableBytes bounds a mountinfo: a host with thousands of containers has
	// some megabytes of it.
	tableBytes = 64 << 20
)

// tree reads small files, directories and links of a host.
type tree struct{ fs.FS }

// absent reports the errors that mean "there is no such thing" and not "it
// could not be read". Sysfs answers ENXIO, ENODEV, ENOTCONN or EINVAL where
// the device has no such value now, procfs ESRCH for a process that ended.
func absent(err error) bool {
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	for _, errno := range []syscall.Errno{syscall.ENXIO, syscall.ENODEV, syscall.ENOTCONN, syscall.EINVAL, syscall.ESRCH} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// data reads a whole file of at most limit bytes.
func (t tree) data(name string, limit int64) ([]byte, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	// It was only read: closing it can lose nothing.
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, nil
}

// text reads an attribute without the white space around it. Absent is ""
// without an error: most attributes exist on some kernels only.
func (t tree) text(name string) (string, error) {
	data, err := t.data(name, attributeBytes)
	if err != nil {
		if absent(err) {
			return "", nil
		}
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

// whole reads a file of settings as it is, so that its lines keep their
// numbers. Absent is "" without an error.
func (t tree) whole(name string) (string, error) {
	data, err := t.data(name, attributeBytes)
	if err != nil && absent(err) {
		return "", nil
	}
	return string(data), err
}

// field reads an attribute that may stay unknown: "" for that.
func (t tree) field(name string) string {
	s, err := t.text(name)
	if err != nil {
		return ""
	}
	return s
}

// count reads a whole number that may stay unknown.
func (t tree) count(name string) evidence.Count {
	n, err := strconv.ParseInt(t.field(name), 10, 64)
	if err != nil {
		return evidence.Count{}
	}
	return evidence.CountOf(n)
}

// flag reads a 0 or 1, N or Y, that may stay unknown.
func (t tree) flag(name string) evidence.Answer {
	switch t.field(name) {
	case "1", "Y":
		return evidence.Yes
	case "0", "N":
		return evidence.No
	default:
		return evidence.Unknown
	}
}

// names lists a directory. Absent is an empty list without an error.
func (t tree) names(dir string) ([]string, error) {
	return t.list(dir, func(fs.DirEntry) bool { return true })
}

// dirs lists the directories in a directory, links not followed.
func (t tree) dirs(dir string) ([]string, error) {
	return t.list(dir, fs.DirEntry.IsDir)
}

func (t tree) list(dir string, wanted func(fs.DirEntry) bool) ([]string, error) {
	entries, err := fs.ReadDir(t.FS, dir)
	if err != nil {
		if absent(err) {
			return nil, nil
		}
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

// link reads a link's target; "" when there is none or it is not a link.
func (t tree) link(name string) (string, error) {
	target, err := fs.ReadLink(t.FS, name)
	if err != nil {
		if absent(err) || errors.Is(err, fs.ErrInvalid) {
			return "", nil
		}
		return "", err
	}
	return target, nil
}

// linkField is the target of a link that may stay unknown: "" for that.
func (t tree) linkField(name string) string {
	target, err := t.link(name)
	if err != nil {
		return ""
	}
	return target
}

// linkBase is the last part of such a link's target.
func (t tree) linkBase(name string) string {
	target := t.linkField(name)
	if target == "" {
		return ""
	}
	return path.Base(target)
}

// follow returns the name that a link leads to, without looking further, and
// the name itself when it is not a link. Reading below the result spares the
// kernel the walk through /sys/block or /sys/class. The directory that the
// link is in must itself be named without links.
func (t tree) follow(name string) (string, error) {
	target, err := t.link(name)
	if target == "" {
		return name, err
	}
	if !strings.HasPrefix(target, "/") {
		target = path.Dir(name) + "/" + target
	}
	// Cleaned as an absolute path, so that ".." ends at the root.
	return strings.TrimPrefix(path.Clean("/"+target), "/"), nil
}

// exists reports whether a name, links followed, is there.
func (t tree) exists(name string) evidence.Answer {
	_, err := fs.Stat(t.FS, name)
	switch {
	case err == nil:
		return evidence.Yes
	case absent(err):
		return evidence.No
	default:
		return evidence.Unknown
	}
}

// lstat does not follow a link at the end, where the file system can tell.
func (t tree) lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }
