package devices

import (
	"slices"
	"strconv"
)

// TableKernel is a Kernel that also tells which threads share a table of open
// files, so that not each thread's has to be read.
type TableKernel interface {
	// SameFiles reports whether two threads share their open files (kcmp(2)).
	SameFiles(a, b int) (bool, error)
}

// maxTables bounds the tables that a thread's is compared with.
const maxTables = 8

// threads reads what the threads of a process have that their leader has not:
// files in a table of their own (unshare(2) with CLONE_FILES), and a mount
// namespace of their own. A leader that has ended has neither, its threads do.
func (w walker) threads(dir string, pid, leaderFiles int, threads []string, one *process) {
	tables := []int{pid}
	if leaderFiles == 0 {
		tables = nil
	}
	for _, name := range threads {
		tid, err := strconv.Atoi(name)
		if err != nil || tid == pid {
			continue
		}
		task := dir + "/task/" + name
		if space, _ := w.namespace(task); space != "" && space != one.namespace {
			one.threads = append(one.threads, threadNamespace{space, tid, w.isShut(task)})
		}
		if w.shares(tables, tid) {
			continue
		}
		w.files(task, pid, one)
		if len(tables) < maxTables {
			tables = append(tables, tid)
		}
	}
}

// shares reports that a thread has a table of open files that was read. What
// the kernel does not tell is no.
func (w walker) shares(tables []int, tid int) bool {
	return w.tables != nil && slices.ContainsFunc(tables, func(other int) bool {
		same, err := w.tables.SameFiles(other, tid)
		return err == nil && same
	})
}

// isShut reports a process or thread whose root is not its mount namespace's:
// it shows only the mounts below, which one whose root can't be read may do.
func (w walker) isShut(dir string) bool {
	root, err := w.tree.Link(dir + "/root")
	return err != nil || root != "" && root != "/"
}
