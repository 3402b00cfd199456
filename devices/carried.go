package devices

import (
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// unclear is a descriptor that holds files which could not be seen.
type unclear struct {
	// info is its file below fdinfo, path what it is.
	info, path string
	pid        int
}

const (
	socketPrefix = "socket:["
	ringPath     = "anon_inode:[io_uring]"
)

// indirectFiles looks at the descriptors that hold open files of their own: a socket
// with descriptors that were sent and not yet received, and an io_uring with
// registered files. fdinfo tells how many, and of an io_uring which.
func (w walker) indirectFiles(fd, path string, pid int, one *process) {
	if !strings.HasPrefix(path, socketPrefix) && path != ringPath {
		return
	}
	u := unclear{strings.Replace(fd, "/fd/", "/fdinfo/", 1), path, pid}
	count, files, err := w.holds(u)
	if err != nil {
		one.err = err
	}
	for _, name := range files {
		file, ours, err := w.registered(name)
		if err != nil {
			one.err = err
		}
		if ours {
			w.keep(pid, file, one)
		}
	}
	if count > int64(len(files)) {
		one.unclear = append(one.unclear, u)
	}
}

// holds counts the files that a descriptor holds, and names those that can be
// named. The kernel leaves the names out while the io_uring is at work.
func (w walker) holds(u unclear) (count int64, files []string, err error) {
	key, rows := "scm_fds:", false
	if u.path == ringPath {
		key = "UserFiles:"
	}
	data, err := w.tree.Data(u.info, hostfs.TableBytes)
	if err != nil && !hostfs.Absent(err) {
		return 0, nil, err
	}
	for line := range strings.Lines(string(data)) {
		value, isCount := strings.CutPrefix(line, key)
		index, name, isRow := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case isCount:
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			if err != nil {
				n = 1
			}
			count, rows = n, u.path == ringPath
		case rows && isRow && isDigits(index):
			files = append(files, strings.TrimSpace(name))
		case rows:
			rows = false
		}
	}
	return count, files, nil
}

// registered tells whether a file of an io_uring is a device of ours, or of a
// device that has gone. Older kernels give the last part of its name only.
func (w walker) registered(name string) (file openFile, ours bool, err error) {
	file.path = "io_uring, " + name
	node, _ := strings.CutSuffix(name, deletedSuffix)
	if !strings.HasPrefix(node, "/") {
		node = "/dev/" + node
	}
	if file.device = w.stack.nodes[strings.TrimPrefix(node, "/dev/")]; file.device != "" {
		return file, true, nil
	}
	found, err := w.blocks.opens(w.tree, w.remote, node)
	if found.gone != "" {
		file.device = found.gone
		return file, true, nil
	}
	file.device = found.device
	return file, w.stack.has(found.device), err
}

// recheck looks once more at what could not be seen: descriptors are on their
// way for moments, and what has arrived was seen or is seen by the next look.
func (w walker) recheck(all *processes) {
	for _, u := range all.unclear {
		count, files, err := w.holds(u)
		switch {
		case err != nil:
			all.doubts.Check("what "+w.comm(u.pid)+" (pid "+strconv.Itoa(u.pid)+") holds", err)
		case count <= int64(len(files)):
		case u.path == ringPath:
			all.doubts.Add("the files of an io_uring of %s (pid %d) can't be seen", w.comm(u.pid), u.pid)
		default:
			all.doubts.Add("%d descriptors are on their way to %s (pid %d), and it can't be seen of what", count, w.comm(u.pid), u.pid)
		}
	}
}
