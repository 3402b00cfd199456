package devices

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// rooted is a directory read as if it were the root of a file system, as
// after a chroot: os.Root refuses a link that leads out of the directory, and
// rooted then follows it inside. An absolute link starts at the directory,
// ".." ends there.
type rooted struct {
	root *os.Root
	fsys fs.FS
	// chroot does the most frequent of it faster; nil where it can't.
	chroot *chroot
}

var (
	_ fs.ReadDirFS  = (*rooted)(nil)
	_ fs.StatFS     = (*rooted)(nil)
	_ fs.ReadLinkFS = (*rooted)(nil)
)

// Open opens regular files and directories only: a recording may hold device
// nodes and fifos, whose opening has effects or never ends.
func (r *rooted) Open(name string) (fs.File, error) {
	if r.chroot != nil && fs.ValidPath(name) {
		return openPlain(name, r.chroot.stat, r.chroot.read)
	}
	return inside(r, "open", name, true, func(name string) (fs.File, error) {
		return openPlain(name, r.root.Stat, r.fsys.Open)
	})
}

// openPlain opens what is a file or a directory.
func openPlain(name string, stat func(string) (fs.FileInfo, error), open func(string) (fs.File, error)) (fs.File, error) {
	info, err := stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("it is neither a file nor a directory: %w", fs.ErrInvalid)}
	}
	return open(name)
}

// ReadDir lists a directory.
func (r *rooted) ReadDir(name string) ([]fs.DirEntry, error) {
	return inside(r, "readdir", name, true, func(name string) ([]fs.DirEntry, error) {
		return fs.ReadDir(r.fsys, name)
	})
}

// Stat follows links.
func (r *rooted) Stat(name string) (fs.FileInfo, error) {
	if r.chroot != nil && fs.ValidPath(name) {
		return r.chroot.stat(name)
	}
	return inside(r, "stat", name, true, r.root.Stat)
}

// Lstat does not follow a link at the end.
func (r *rooted) Lstat(name string) (fs.FileInfo, error) {
	return inside(r, "lstat", name, false, r.root.Lstat)
}

// ReadLink returns a link's target as it stands.
func (r *rooted) ReadLink(name string) (string, error) {
	return inside(r, "readlink", name, false, r.root.Readlink)
}

// inside tries what os.Root allows, and on failure once more by the name
// that a chroot would have led to. Most links are relative, so the first try
// mostly does it.
func inside[T any](r *rooted, op, name string, follow bool, do func(string) (T, error)) (T, error) {
	if !fs.ValidPath(name) {
		var none T
		return none, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	got, err := do(name)
	if err == nil {
		return got, nil
	}
	real, resolveErr := r.resolve(name, follow)
	if resolveErr != nil || real == name {
		return got, err
	}
	return do(real)
}

// maxLinks is how many links one name may lead through, as in Linux.
const maxLinks = 40

// resolve follows the links in name inside the root and returns a name
// without any. The last part may be missing.
func (r *rooted) resolve(name string, follow bool) (string, error) {
	done, rest := ".", strings.Split(name, "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			done = path.Dir(done)
			continue
		}
		next := path.Join(done, part)
		target, err := r.root.Readlink(next)
		if err != nil || (len(rest) == 0 && !follow) {
			// Not a link, or not there: what opens the name will tell.
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s leads through too many links", name)
		}
		if strings.HasPrefix(target, "/") {
			done = "."
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return done, nil
}
