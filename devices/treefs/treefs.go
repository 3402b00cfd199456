// Package treefs is a file tree in memory with symbolic links and device
// numbers: what a host's sysfs, procfs and /dev look like to a reader. A link
// is resolved inside the tree, as after a chroot: an absolute target starts at
// the tree's root, and ".." never leaves it.
package treefs

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxLinks is how many links one lookup follows, as in Linux.
const maxLinks = 40

// FS is a tree that can be read while it is changed. Make one with New.
type FS struct {
	mu   sync.RWMutex
	root *node
	err  error
	// last is the directory to which was added last, for a directory's files
	// are added in a row. It is forgotten when a name may lead elsewhere.
	last    *node
	lastDir string
}

// The interfaces that readers of a host's tree use.
var (
	_ fs.FS         = (*FS)(nil)
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.ReadFileFS = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// Device is what Sys of a device node's FileInfo returns.
type Device struct{ Major, Minor uint32 }

// DeviceNumber returns the two numbers.
func (d Device) DeviceNumber() (major, minor uint32) { return d.Major, d.Minor }

// node is one file, directory, link or device node.
type node struct {
	mode     fs.FileMode
	data     []byte           // of a file
	target   string           // of a link
	device   Device           // of a device node
	children map[string]*node // of a directory
}

// New returns an empty tree.
func New() *FS { return &FS{root: newDir()} }

func newDir() *node { return &node{mode: fs.ModeDir | 0o755, children: map[string]*node{}} }

// AddFile adds a file, and the directories above it. Like all Add methods it
// replaces what was there, and follows links in the directories above it.
func (t *FS) AddFile(name string, data []byte) {
	t.add(name, &node{mode: 0o644, data: slices.Clone(data)})
}

// AddDir adds a directory; one that exists is left as it is.
func (t *FS) AddDir(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, err := t.walk(name, true); err == nil && n.mode.IsDir() {
		return
	}
	t.addLocked(name, newDir())
}

// AddLink adds a symbolic link, which may dangle.
func (t *FS) AddLink(name, target string) {
	t.add(name, &node{mode: fs.ModeSymlink | 0o777, target: target})
}

// AddDevice adds a device node: a block device, or with character a
// character device.
func (t *FS) AddDevice(name string, major, minor uint32, character bool) {
	mode := fs.ModeDevice | 0o660
	if character {
		mode |= fs.ModeCharDevice
	}
	t.add(name, &node{mode: mode, device: Device{Major: major, Minor: minor}})
}

// Remove takes away a name and all below it; it does not follow a link at the
// end. A name that does not exist is not an error.
func (t *FS) Remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = nil
	dir, base := path.Split(path.Clean(name))
	parent, err := t.walk(clean(dir), true)
	if err != nil || !parent.mode.IsDir() {
		return
	}
	delete(parent.children, base)
}

// Err returns the first thing that could not be added, such as a file below
// a file.
func (t *FS) Err() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.err
}

func (t *FS) add(name string, n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.addLocked(name, n)
}

func (t *FS) addLocked(name string, n *node) {
	if !fs.ValidPath(name) || name == "." {
		t.fail(&fs.PathError{Op: "add", Path: name, Err: fs.ErrInvalid})
		return
	}
	dir, base := path.Split(name)
	dir = clean(dir)
	if t.last == nil || t.lastDir != dir {
		parent, err := t.mkdirs(dir)
		if err != nil {
			t.fail(&fs.PathError{Op: "add", Path: name, Err: err})
			return
		}
		t.last, t.lastDir = parent, dir
	}
	children := t.last.children
	if was, replaced := children[base]; replaced && !was.mode.IsRegular() {
		t.last = nil
	}
	children[base] = n
}

func (t *FS) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// mkdirs finds the directory, making what is missing of it.
func (t *FS) mkdirs(dir string) (*node, error) {
	if n, err := t.walk(dir, true); err == nil {
		if !n.mode.IsDir() {
			return nil, fmt.Errorf("%s is not a directory", dir)
		}
		return n, nil
	}
	above, base := path.Split(dir)
	parent, err := t.mkdirs(clean(above))
	if err != nil {
		return nil, err
	}
	if _, taken := parent.children[base]; taken {
		return nil, fmt.Errorf("%s is a link that leads nowhere", dir)
	}
	n := newDir()
	parent.children[base] = n
	return n, nil
}

// clean makes the directory part of path.Split a valid path.
func clean(dir string) string {
	dir = strings.TrimSuffix(dir, "/")
	if dir == "" {
		return "."
	}
	return dir
}

// walk finds the node of a name. Links on the way are followed, one at the
// end only with follow. The caller holds the lock.
func (t *FS) walk(name string, follow bool) (*node, error) {
	var deep [32]*node // most names are not deeper, and need no memory of their own
	stack := append(deep[:0], t.root)
	for rest, links := name, 0; rest != ""; {
		part, after, _ := strings.Cut(rest, "/")
		rest = after
		here := stack[len(stack)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
			continue
		}
		if !here.mode.IsDir() {
			return nil, errNotDir
		}
		next, ok := here.children[part]
		if !ok {
			return nil, fs.ErrNotExist
		}
		if next.mode&fs.ModeSymlink == 0 || (rest == "" && !follow) {
			stack = append(stack, next)
			continue
		}
		if links++; links > maxLinks {
			return nil, errLoop
		}
		if strings.HasPrefix(next.target, "/") {
			stack = stack[:1]
		}
		if rest = next.target; after != "" {
			rest += "/" + after
		}
	}
	return stack[len(stack)-1], nil
}

// lookup is walk for a reader: it checks the name and takes the lock. Of a node
// that was added nothing but a directory's children changes.
func (t *FS) lookup(op, name string, follow bool) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, err := t.walk(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return n, nil
}

// Stat follows links.
func (t *FS) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, true) }

// Lstat does not follow a link at the end.
func (t *FS) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, false) }

func (t *FS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	n, err := t.lookup(op, name, follow)
	if err != nil {
		return nil, err
	}
	return infoOf(path.Base(name), n), nil
}

// ReadLink returns a link's target as it was added.
func (t *FS) ReadLink(name string) (string, error) {
	n, err := t.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	if n.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return n.target, nil
}

// ReadFile returns a copy of a file's content.
func (t *FS) ReadFile(name string) ([]byte, error) {
	n, err := t.lookup("read", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDir}
	}
	return append([]byte{}, n.data...), nil
}

// ReadDir lists a directory in the order of names.
func (t *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDir}
	}
	return t.entriesOf(n), nil
}

func (t *FS) entriesOf(n *node) []fs.DirEntry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	entries := make([]fs.DirEntry, 0, len(n.children))
	for name, child := range n.children {
		entries = append(entries, fs.FileInfoToDirEntry(infoOf(name, child)))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries
}

func infoOf(name string, n *node) info {
	i := info{name: name, mode: n.mode, size: int64(len(n.data)), device: n.device}
	if n.mode&fs.ModeSymlink != 0 {
		i.size = int64(len(n.target))
	}
	return i
}

// info is a node as it was when it was looked up.
type info struct {
	name   string
	mode   fs.FileMode
	size   int64
	device Device
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }

// Sys returns a Device for a device node and nil for all else.
func (i info) Sys() any {
	if i.mode&fs.ModeDevice == 0 {
		return nil
	}
	return i.device
}
