package devices

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/devices/hostfs"
)

const (
	// processLimit bounds the walk over all processes: one of them may hold a
	// file of a server that no longer answers.
	processLimit = 30 * time.Second
	// walkers is how many processes are looked at a time.
	walkers = 4
	// deletedSuffix is what procfs adds to the name of a file that was
	// removed, such as the node of a device that has gone.
	deletedSuffix = " (deleted)"
	// namespacePrefix begins the name of a mount namespace: "mnt:[4026531841]".
	namespacePrefix = "mnt:["
)

// openFile is a block or character device that a process has open.
type openFile struct {
	device  string // kernel name; of a device that has gone, what it was called
	dev     string
	path    string
	pid     int
	process string
}

// processes is what one walk over /proc found.
type processes struct {
	total int
	files []openFile
	// namespaces are the processes in each mount namespace, nameless those
	// whose namespace can't be told, held a file through which a namespace
	// is held open.
	namespaces map[string][]int
	nameless   []int
	held       map[string]string
	// shut are those whose root is not their namespace's.
	shut map[int]bool
	// unclear are descriptors whose files could not be seen.
	unclear []unclear
	// hidden counts the processes whose files could not be read, why is the
	// first reason.
	hidden int
	why    error
	doubts hostfs.Doubts
}

// walker looks at processes; it only reads what was prepared before.
type walker struct {
	tree   hostfs.Tree
	blocks blocks
	stack  *stack
	// self is this process, whose own questions to disks are no use of them.
	self string
	// remote are the mount points of file systems that a server answers for:
	// asking for the attributes of a file there may never end. remoteDevs are
	// their numbers.
	remote     []string
	remoteDevs map[string]bool
	// tables tells which threads share their open files; nil tells nothing.
	tables TableKernel
	// mapped are the files that were asked for already, by number and inode.
	mapped *sync.Map
}

// readProcesses walks over all processes once.
func readProcesses(ctx context.Context, s System, b blocks, st *stack) processes {
	t := hostfs.Tree{FS: s.FS}
	w := walker{tree: t, blocks: b, stack: st, mapped: &sync.Map{}}
	w.remote, w.remoteDevs = remoteMounts(t)
	w.tables, _ = s.Kernel.(TableKernel)
	if self := t.LinkField("proc/self"); !s.Recorded && self == strconv.Itoa(os.Getpid()) {
		w.self = self
	}
	found, err := within(ctx, processLimit, w.walk)
	if err != nil {
		var none processes
		none.doubts.Check("the processes could not be read", err)
		return none
	}
	if found.hidden > 0 {
		found.doubts.Add("the open files of %d of %d processes could not be read: %v", found.hidden, found.total, found.why)
	}
	return found
}

func (w walker) walk(ctx context.Context) (processes, error) {
	all := processes{namespaces: map[string][]int{}, held: map[string]string{}, shut: map[int]bool{}}
	names, err := w.tree.Names("proc")
	if err != nil {
		return all, err
	}
	if names == nil {
		all.doubts.Add("there is no directory proc")
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && isDigits(name) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	all.total = len(pids)

	queue := make(chan int)
	var lock sync.Mutex
	var wait sync.WaitGroup
	for range walkers {
		wait.Go(func() {
			for pid := range queue {
				one := w.look(pid)
				lock.Lock()
				all.merge(pid, one)
				lock.Unlock()
			}
		})
	}
	for _, pid := range pids {
		if ctx.Err() != nil {
			break
		}
		queue <- pid
	}
	close(queue)
	wait.Wait()
	all.sort()
	w.recheck(&all)
	return all, ctx.Err()
}

func (p *processes) merge(pid int, one process) {
	p.files = append(p.files, one.files...)
	p.unclear = append(p.unclear, one.unclear...)
	p.shut[pid] = one.shut
	switch {
	case one.namespace != "":
		p.namespaces[one.namespace] = append(p.namespaces[one.namespace], pid)
	case one.nameless:
		p.nameless = append(p.nameless, pid)
	}
	for _, ns := range one.threads {
		p.namespaces[ns.name] = append(p.namespaces[ns.name], ns.pid)
		p.shut[ns.pid] = ns.shut
	}
	for namespace, file := range one.held {
		if before, known := p.held[namespace]; !known || file < before {
			p.held[namespace] = file
		}
	}
	if one.err != nil {
		if p.hidden++; p.why == nil {
			p.why = one.err
		}
	}
}

// sort makes the result the same whichever walker was first.
func (p *processes) sort() {
	slices.Sort(p.nameless)
	for _, pids := range p.namespaces {
		slices.Sort(pids)
	}
	slices.SortFunc(p.files, func(a, b openFile) int {
		if a.pid != b.pid {
			return a.pid - b.pid
		}
		return strings.Compare(a.path, b.path)
	})
}

// process is what one process has.
type process struct {
	namespace string
	nameless  bool
	// shut is set when its root is not its namespace's.
	shut    bool
	unclear []unclear
	threads []threadNamespace
	held    map[string]string
	files   []openFile
	err     error
}

// threadNamespace is the mount namespace of a thread of its own.
type threadNamespace struct {
	name string
	pid  int
	shut bool
}

// look reads one process's namespace and open files. A process that ends
// meanwhile has neither.
func (w walker) look(pid int) process {
	dir := "proc/" + strconv.Itoa(pid)
	var one process
	one.namespace, one.nameless = w.namespace(dir)
	if dir == "proc/"+w.self {
		return one
	}
	one.shut = w.isShut(dir)
	n := w.files(dir, pid, &one)
	threads, err := w.tree.Names(dir + "/task")
	if err != nil {
		one.err = err
	}
	w.threads(dir, pid, n, threads, &one)
	w.memory(dir, pid, threads, &one)
	return one
}

// namespace reads the name of a process's mount namespace. Nameless means
// that it has one which we may not know.
func (w walker) namespace(dir string) (name string, nameless bool) {
	target, err := fs.ReadLink(w.tree.FS, dir+"/ns/mnt")
	if err == nil && strings.HasPrefix(target, namespacePrefix) {
		return target, false
	}
	return "", err == nil || !hostfs.Absent(err) || w.tree.Exists(dir+"/mountinfo").Is()
}

// files looks at each open file below dir and returns how many there are.
func (w walker) files(dir string, pid int, one *process) int {
	fds, err := w.tree.Names(dir + "/fd")
	if err != nil {
		one.err = err
		return 0
	}
	for _, fd := range fds {
		name := dir + "/fd/" + fd
		path, err := w.tree.Link(name)
		if err != nil {
			one.err = err
			continue
		}
		if strings.HasPrefix(path, namespacePrefix) {
			if one.held == nil {
				one.held = map[string]string{}
			}
			one.held[path] = "/" + name
			continue
		}
		w.indirectFiles(name, path, pid, one)
		file, ours, err := w.device(path, func(node string) (deviceNumber, bool, error) { return w.number(dir, fd, node) })
		if err != nil {
			one.err = err
		}
		if ours {
			w.keep(pid, file, one)
		}
	}
	return len(fds)
}

// keep notes a device of ours that a process has open.
func (w walker) keep(pid int, file openFile, one *process) {
	file.pid, file.process = pid, w.comm(pid)
	if !w.isMultipathd(file) {
		one.files = append(one.files, file)
	}
}

func (w walker) comm(pid int) string { return w.tree.Field("proc/" + strconv.Itoa(pid) + "/comm") }

// device tells whether an open file is a device of ours, or of a device that has
// gone. It goes by the device number where the file can be asked for it, which
// holds in every mount namespace, else by its path.
func (w walker) device(path string, ask func(node string) (deviceNumber, bool, error)) (file openFile, ours bool, err error) {
	if !strings.HasPrefix(path, "/") {
		return openFile{}, false, nil // a socket, a pipe, …
	}
	node, deleted := strings.CutSuffix(path, deletedSuffix)
	file.path = path
	number, isDevice, err := ask(node)
	if isDevice {
		file.dev = number.dev
		if number.character {
			file.device = w.stack.chars[number.dev]
			return file, file.device != "", nil
		}
		if device, known := w.blocks.byDev[number.dev]; known {
			file.device = device
			return file, w.stack.has(device), nil
		}
		// Open, but no longer one of the kernel's devices.
		file.device = strings.TrimPrefix(node, "/dev/")
		return file, true, nil
	}
	inDev := strings.TrimPrefix(node, "/dev/")
	if disk, ok := w.stack.nodes[inDev]; ok {
		file.device = disk
		return file, true, nil
	}
	if deleted && blockName.MatchString(inDev) {
		// The name may be another device's by now.
		file.device = inDev
		return file, true, nil
	}
	name, nodeErr := w.blocks.nodeName(w.tree, node)
	file.device = name
	return file, w.stack.has(name), cmp.Or(err, nodeErr)
}

// deviceNumber is what a device node's attributes say.
type deviceNumber struct {
	dev       string
	character bool
}

// number asks a process's file for its device number. That it can't be asked
// does not matter where no device can be opened.
func (w walker) number(dir, fd, path string) (number deviceNumber, isDevice bool, err error) {
	if isBelow(path, w.remote) {
		return deviceNumber{}, false, nil
	}
	info, err := fs.Stat(w.tree.FS, dir+"/fd/"+fd)
	if err != nil {
		if hostfs.Absent(err) || w.withoutDevices(dir, fd) {
			err = nil
		}
		return deviceNumber{}, false, err
	}
	return numberOf(info)
}

// numberOf is the number of a device node, if it is one.
func numberOf(info fs.FileInfo) (number deviceNumber, isDevice bool, err error) {
	if info.Mode()&fs.ModeDevice == 0 {
		return deviceNumber{}, false, nil
	}
	major, minor, ok := deviceOf(info)
	return deviceNumber{fmt.Sprintf("%d:%d", major, minor), info.Mode()&fs.ModeCharDevice != 0}, ok, nil
}

// withoutDevices reports whether a process's file is on a mount with the
// option nodev, as all those of users are: their servers may refuse even root.
func (w walker) withoutDevices(dir, fd string) bool {
	id := ""
	for line := range strings.Lines(w.tree.Field(dir + "/fdinfo/" + fd)) {
		if value, ok := strings.CutPrefix(line, "mnt_id:"); ok {
			id = strings.TrimSpace(value)
		}
	}
	data, err := w.tree.Data(dir+"/mountinfo", hostfs.TableBytes)
	if id == "" || err != nil {
		return false
	}
	// What is not understood here is told where the mounts are read.
	mounts, _ := parseMountinfo(data)
	for _, m := range mounts {
		if m.id == id {
			return slices.Contains(strings.Split(m.options, ","), "nodev")
		}
	}
	return false
}

// deviceOf is the device number of a device node: of the system's, or of a
// tree in memory.
func deviceOf(info fs.FileInfo) (major, minor uint32, ok bool) {
	if sys, inMemory := info.Sys().(interface{ DeviceNumber() (major, minor uint32) }); inMemory {
		major, minor = sys.DeviceNumber()
		return major, minor, true
	}
	return statNumber(info)
}

// isMultipathd reports multipathd's own file of a path: it keeps every path
// open to check it, used or not, so that says nothing.
func (w walker) isMultipathd(f openFile) bool {
	if f.process != "multipathd" || !isSCSIDisk(f.device) {
		return false
	}
	exe, err := w.tree.Link("proc/" + strconv.Itoa(f.pid) + "/exe")
	return err == nil && (exe == "" || path.Base(strings.TrimSuffix(exe, deletedSuffix)) == "multipathd")
}

// remoteTypes are the file systems that a server or another process answers for.
var remoteTypes = []string{"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "lustre", "glusterfs", "fuse"}

func remoteMounts(t hostfs.Tree) (remote []string, numbers map[string]bool) {
	data, err := t.Data("proc/self/mountinfo", hostfs.TableBytes)
	if err != nil {
		return nil, nil
	}
	// What is not understood here is told where the mounts are read.
	mounts, _ := parseMountinfo(data)
	numbers = map[string]bool{}
	for _, m := range mounts {
		kind, _, _ := strings.Cut(m.fstype, ".")
		if slices.Contains(remoteTypes, kind) && m.point != "/" {
			remote = append(remote, m.point+"/")
			numbers[m.dev] = true
		}
	}
	return remote, numbers
}
