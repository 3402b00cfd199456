package host

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/pureclean/pureclean/devices/treefs"
)

type rendered struct {
	fs      *treefs.FS
	changes int64
}

// FS is the machine's file tree. It is live: what is opened later shows what
// has changed until then.
func (h *Host) FS() fs.FS {
	return Live(func() (*treefs.FS, error) { tree, _ := h.Tree(); return tree, nil })
}

// Live is the tree of the moment of each call.
type Live func() (*treefs.FS, error)

var (
	_ fs.ReadDirFS  = Live(nil)
	_ fs.ReadFileFS = Live(nil)
	_ fs.StatFS     = Live(nil)
	_ fs.ReadLinkFS = Live(nil)
)

func (l Live) Open(name string) (fs.File, error) { return read(l, (*treefs.FS).Open, name) }

func (l Live) ReadDir(name string) ([]fs.DirEntry, error) { return read(l, (*treefs.FS).ReadDir, name) }

func (l Live) ReadFile(name string) ([]byte, error) { return read(l, (*treefs.FS).ReadFile, name) }

func (l Live) Stat(name string) (fs.FileInfo, error) { return read(l, (*treefs.FS).Stat, name) }

func (l Live) Lstat(name string) (fs.FileInfo, error) { return read(l, (*treefs.FS).Lstat, name) }

func (l Live) ReadLink(name string) (string, error) { return read(l, (*treefs.FS).ReadLink, name) }

func read[T any](l Live, how func(*treefs.FS, string) (T, error), name string) (found T, err error) {
	tree, err := l()
	if err == nil {
		found, err = how(tree, name)
	}
	return found, err
}

// Tree is the tree of the present state, made anew after a change only, and the
// number of that state.
func (h *Host) Tree() (tree *treefs.FS, state int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tree.fs == nil || h.tree.changes != h.changes {
		h.tree = rendered{fs: h.render(false), changes: h.changes}
	}
	return h.tree.fs, h.changes
}

// render makes the whole tree; on a disk device nodes are empty files.
func (h *Host) render(onDisk bool) *treefs.FS {
	t := tree{treefs.New(), onDisk}
	for _, dir := range []string{
		"sys/block", "sys/class/block", "sys/class/scsi_device", "sys/class/scsi_disk", "sys/class/scsi_generic",
		"sys/class/scsi_host", "sys/devices/virtual/block", "sys/fs/ext4/features",
		"sys/bus/scsi/drivers/sd", "sys/bus/virtio/drivers/virtio_blk", "dev/disk/by-id",
		"dev/disk/by-path", "dev/mapper", "run/udev/data", "run/snapd/ns", lxdDir,
	} {
		t.AddDir(dir)
	}
	h.renderRoot(t)
	h.renderISCSI(t)
	h.renderDisks(t)
	h.renderMaps(t)
	h.renderNVMe(t)
	h.renderUses(t)
	h.renderLinks(t)
	h.renderProc(t)
	h.renderConfig(t)
	h.renderSyslog(t)
	return t.FS
}

// tree adds to a tree as the kernel's attributes look.
type tree struct {
	*treefs.FS
	onDisk bool
}

func (t tree) AddDevice(name string, major, minor uint32, character bool) {
	if t.onDisk {
		t.AddFile(name, nil)
		return
	}
	t.FS.AddDevice(name, major, minor, character)
}

// put writes an attribute: the value and a newline.
func (t tree) put(name string, value any) { t.AddFile(name, fmt.Appendln(nil, value)) }

// puts writes attributes of one directory, given as name and value in turn.
func (t tree) puts(dir string, pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		t.put(fmt.Sprintf("%s/%v", dir, pairs[i]), pairs[i+1])
	}
}

// blank writes attributes that are empty or can only be written.
func (t tree) blank(dir string, names ...string) {
	for _, name := range names {
		t.AddFile(dir+"/"+name, nil)
	}
}

// link makes a relative link from one name to another, as sysfs does.
func (t tree) link(name, target string) { t.AddLink(name, relative(path.Dir(name), target)) }

// class makes the links of a device's entry in a class: there and back.
func (t tree) class(class, name, dir, device string) {
	t.link("sys/class/"+class+"/"+name, dir)
	t.link(dir+"/device", device)
	t.link(dir+"/subsystem", "sys/class/"+class)
}

// relative is the way from a directory to a name as sysfs writes it: up to a
// directory above the name, also when the name itself is above, then down.
func relative(from, to string) string {
	f, t := strings.Split(from, "/"), strings.Split(to, "/")
	for len(f) > 0 && len(t) > 1 && f[0] == t[0] {
		f, t = f[1:], t[1:]
	}
	return strings.Repeat("../", len(f)) + strings.Join(t, "/")
}

// block writes what every block device has in sysfs. Hidden ones have no
// device number.
func (t tree) block(dir string, b *block, hidden bool) {
	t.link("sys/block/"+b.name, dir)
	t.link("sys/class/block/"+b.name, dir)
	if !hidden {
		t.put(dir+"/dev", b.dev())
		t.AddDevice("dev/"+b.name, uint32(b.major), uint32(b.minor), false)
		t.link("sys/dev/block/"+b.dev(), dir)
	}
	t.puts(dir, "diskseq", b.seq, "hidden", digit(hidden))
	t.counters(dir, b)
	t.puts(dir+"/queue", "iostats", 1)
	t.AddDir(dir + "/holders")
	t.AddDir(dir + "/slaves")
	t.link(dir+"/subsystem", "sys/class/block")
}

func (t tree) counters(dir string, b *block) {
	t.put(dir+"/size", b.bytes/512)
	t.put(dir+"/inflight", fmt.Sprintf("%8d %8d", 0, 0))
	fields := [17]int64{
		b.reads, 0, b.reads * 8, b.reads, b.writes, 0, b.writes * 8, b.writes,
		0, b.reads + b.writes, b.reads + b.writes,
	}
	columns := make([]string, len(fields))
	for i, n := range fields {
		columns[i] = fmt.Sprintf("%8d", n)
	}
	t.put(dir+"/stat", strings.Join(columns, " "))
}

func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}

func (b *block) sysfs() string {
	if b.dir != "" {
		return b.dir
	}
	return "sys/devices/virtual/block/" + b.name
}

// hold links a device with what stands on it, unless it has gone.
func (t tree) hold(lower, upper *block) {
	if lower.gone {
		return
	}
	t.link(lower.sysfs()+"/holders/"+upper.name, upper.sysfs())
	t.link(upper.sysfs()+"/slaves/"+lower.name, lower.sysfs())
}
