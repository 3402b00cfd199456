package devices

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// namespaceLimit bounds the reading of one mount namespace.
const namespaceLimit = 10 * time.Second

// placedMount is a mount and the namespace it was seen in, "" for the first
// process's.
type placedMount struct {
	mount
	namespace string
}

// mounts is what the mount namespaces show.
type mounts struct {
	all []placedMount
	// own are the mount points that this process sees; nil when they could
	// not be read.
	own    map[string]bool
	doubts hostfs.Doubts
}

// mountReader reads each mount namespace once.
type mountReader struct {
	ctx    context.Context
	system System
	tree   hostfs.Tree
	first  string // the first process's namespace
	seen   map[string]bool
	texts  map[[sha256.Size]byte]bool
	// bound are the namespaces that are mounted somewhere ("nsfs"), as snapd
	// keeps LXD's: no process may be in them.
	bound  map[string][]string
	result mounts
}

// readMounts reads the mounts of all namespaces: of those with a process in
// them, of those that a mount or an open file keeps alive.
func readMounts(ctx context.Context, s System, p processes) mounts {
	t := hostfs.Tree{FS: s.FS}
	r := &mountReader{
		ctx: ctx, system: s, tree: t, first: t.LinkField("proc/1/ns/mnt"),
		seen: map[string]bool{}, texts: map[[sha256.Size]byte]bool{}, bound: map[string][]string{},
	}
	own := r.readOwn()
	for _, name := range r.order(p.namespaces) {
		r.readNamespace(name, p.namespaces[name], p.shut)
	}
	r.readNameless(p.nameless)
	r.seen[own] = true
	r.readKept(p.held)
	if len(r.result.all) == 0 {
		r.result.doubts.Add("no mounts could be read")
	}
	return r.result
}

// order puts the first process's namespace first, so that a mount seen in
// many namespaces is told of that one.
func (r *mountReader) order(namespaces map[string][]int) []string {
	return slices.SortedFunc(maps.Keys(namespaces), func(a, b string) int {
		switch r.first {
		case a:
			return -1
		case b:
			return 1
		}
		return strings.Compare(a, b)
	})
}

// readOwn reads this process's mounts, and returns its namespace. That is read
// again with the others, for this process may have another root.
func (r *mountReader) readOwn() string {
	data, err := r.tree.Data("proc/self/mountinfo", hostfs.TableBytes)
	if err != nil {
		if !hostfs.Absent(err) {
			r.result.doubts.Check("the mounts of this process", err)
		}
		return ""
	}
	// What is not understood is told below.
	own, _ := parseMountinfo(data)
	r.result.own = map[string]bool{}
	for _, m := range own {
		r.result.own[m.point] = true
	}
	name := r.tree.LinkField("proc/self/ns/mnt")
	label := name
	if name == r.first || r.sameAsFirst(data) {
		label = ""
	}
	r.add(data, label, "")
	return name
}

// sameAsFirst tells for a user who may not see the first process's namespace
// whether it is this one: then both show the same mounts.
func (r *mountReader) sameAsFirst(data []byte) bool {
	first, err := r.tree.Data("proc/1/mountinfo", hostfs.TableBytes)
	return r.first == "" && err == nil && bytes.Equal(first, data)
}

// readNamespace reads a namespace through the first of its processes that
// still exists. One that has changed its root (chroot(2)) shows only what is
// below that, so those that have not are asked first; where all have, the
// namespace itself is asked as well, as one without a process is.
func (r *mountReader) readNamespace(name string, pids []int, shut map[int]bool) {
	if r.seen[name] {
		return
	}
	label := name
	if name == r.first {
		label = ""
	}
	open := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return shut[pid] })
	for _, pid := range slices.Concat(open, pids) {
		data, err := r.tree.Data(fmt.Sprintf("proc/%d/mountinfo", pid), hostfs.TableBytes)
		if err == nil {
			r.add(data, label, fmt.Sprintf("/proc/%d/root", pid))
			if r.seen[name] = !shut[pid]; shut[pid] {
				r.bound[name] = append(r.bound[name], fmt.Sprintf("/proc/%d/ns/mnt", pid))
			}
			return
		}
		if !hostfs.Absent(err) {
			r.result.doubts.Check("the mounts of process "+fmt.Sprint(pid), err)
			return
		}
	}
	// All of them ended; what keeps the namespace is looked for below.
}

// readNameless reads the mounts of processes whose namespace has no name for
// us: most of them are in the same one, and show the same text.
func (r *mountReader) readNameless(pids []int) {
	failed := 0
	var first error
	for _, pid := range pids {
		data, err := r.tree.Data(fmt.Sprintf("proc/%d/mountinfo", pid), hostfs.TableBytes)
		if err != nil {
			if !hostfs.Absent(err) {
				if failed++; first == nil {
					first = err
				}
			}
			continue
		}
		label := ""
		if pid != 1 {
			label = fmt.Sprintf("of process %d", pid)
		}
		r.add(data, label, fmt.Sprintf("/proc/%d/root", pid))
	}
	if failed > 0 {
		r.result.doubts.Add("the mounts of %d of %d processes could not be read: %v", failed, len(pids), first)
	}
}

// readKept reads the namespaces without a process, which may show others.
func (r *mountReader) readKept(held map[string]string) {
	for namespace, file := range held {
		r.bound[namespace] = append(r.bound[namespace], file)
	}
	for {
		next := ""
		for namespace := range r.bound {
			if !r.seen[namespace] && (next == "" || namespace < next) {
				next = namespace
			}
		}
		if next == "" {
			return
		}
		r.seen[next] = true
		r.readBound(next, r.bound[next])
	}
}

// readBound asks the kernel for a namespace at the paths where it is kept.
func (r *mountReader) readBound(namespace string, paths []string) {
	var errs []error
	for _, path := range paths {
		data, err := within(r.ctx, namespaceLimit, func(ctx context.Context) ([]byte, error) {
			r.system.asked.Add(1)
			return r.system.Kernel.MountInfo(ctx, path)
		})
		if err == nil && len(data) == 0 {
			err = errors.New("it shows no mount")
		}
		if err == nil {
			r.add(data, path, "")
			return
		}
		errs = append(errs, err)
	}
	r.result.doubts.Add("the mount namespace %s kept at %s could not be read: %v", namespace, strings.Join(paths, ", "), errors.Join(errs...))
}

// add takes in one mountinfo, unless the same text was before. root leads to
// the namespace's own paths from ours, for the namespaces bound in it.
func (r *mountReader) add(data []byte, namespace, root string) {
	sum := sha256.Sum256(data)
	if r.texts[sum] {
		return
	}
	r.texts[sum] = true
	list, err := parseMountinfo(data)
	if err == nil && len(list) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		where := namespace
		if where == "" {
			where = "of the first process"
		}
		r.result.doubts.Check("the mounts "+where, err)
	}
	for _, m := range list {
		r.result.all = append(r.result.all, placedMount{m, namespace})
		if m.fstype == "nsfs" && strings.HasPrefix(m.root, namespacePrefix) {
			path := m.point
			if namespace != "" && root != "" {
				path = root + m.point
			}
			if !slices.Contains(r.bound[m.root], path) {
				r.bound[m.root] = append(r.bound[m.root], path)
			}
		}
	}
}
