package devices

import (
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// directoryKinds are the directories in a pool's that hold mount points of
// volumes. Those of snapshots stand one level deeper: NAME/SNAPSHOT.
var directoryKinds = []struct {
	name      string
	snapshots bool
}{
	{name: "containers"},
	{name: "containers-snapshots", snapshots: true},
	{name: "custom"},
	{name: "custom-snapshots", snapshots: true},
	{name: "images"},
	{name: "virtual-machines"},
	{name: "virtual-machines-snapshots", snapshots: true},
}

// directoryReader lists LXD's mount directories. It never lists one that is
// mounted here: below a file system without a live path that never ends.
type directoryReader struct {
	tree   hostfs.Tree
	mounts mounts
	points map[string]bool
	found  []evidence.Directory
	doubts hostfs.Doubts
}

// readDirectories lists the directories of the volumes in all of LXD's pools:
// which pools are Pure's is for LXD to say.
func readDirectories(t hostfs.Tree, s System, m mounts) ([]evidence.Directory, hostfs.Doubts) {
	r := &directoryReader{tree: t, mounts: m, points: map[string]bool{}}
	for _, one := range m.all {
		r.points[one.point] = true
		// In a snap's namespace the host's root is mounted here.
		r.points[strings.TrimPrefix(one.point, "/var/lib/snapd/hostfs")] = true
	}
	for _, lxd := range s.LXDDirs {
		pools := strings.TrimSuffix(lxd, "/") + "/storage-pools"
		names, _ := r.names(pools)
		for _, pool := range names {
			// LXD mounts nothing on the directory of a Pure pool itself; what
			// is mounted is another kind of pool, maybe of a server's files.
			if !r.mounted(pools + "/" + pool).Is() {
				r.readPool(pools+"/"+pool, pool)
			}
		}
	}
	return r.found, r.doubts
}

func (r *directoryReader) readPool(dir, pool string) {
	for _, kind := range directoryKinds {
		top := dir + "/" + kind.name
		names, _ := r.names(top)
		for _, name := range names {
			one := evidence.Directory{Path: "/" + top + "/" + name, Pool: pool, Kind: kind.name, Name: name}
			if !kind.snapshots {
				r.add(one)
				continue
			}
			snapshots, listed := r.names(top + "/" + name)
			if len(snapshots) == 0 && listed {
				r.add(one)
			}
			for _, snapshot := range snapshots {
				deeper := one
				deeper.Path, deeper.Name = one.Path+"/"+snapshot, name+"/"+snapshot
				r.add(deeper)
			}
		}
	}
}

// add describes one entry if it is a directory: of block volumes there are
// files.
func (r *directoryReader) add(one evidence.Directory) {
	name := strings.TrimPrefix(one.Path, "/")
	info, err := r.tree.Lstat(name)
	if !hostfs.Absent(err) {
		r.doubts.Check(one.Path+" could not be looked at", err)
	}
	if err != nil || !info.IsDir() {
		return
	}
	one.Mounted = r.mounted(name)
	one.Empty = r.empty(name)
	r.found = append(r.found, one)
}

// names lists a directory unless it is mounted here, and reports whether it
// could.
func (r *directoryReader) names(dir string) ([]string, bool) {
	if r.mounts.own == nil {
		if !r.tree.Exists(dir).IsNot() {
			r.doubts.Add("/%s was not listed: whether it is mounted is not known", dir)
		}
		return nil, false
	}
	if r.mounts.own["/"+dir] {
		return nil, false
	}
	names, err := r.tree.Names(dir)
	r.doubts.Check("/"+dir+" could not be listed", err)
	return names, err == nil
}

// mounted reports whether something is mounted on it in any namespace.
func (r *directoryReader) mounted(dir string) evidence.Answer {
	switch {
	case r.points["/"+dir]:
		return evidence.Yes
	case r.mounts.doubts.None():
		return evidence.No
	default:
		return evidence.Unknown
	}
}

// empty reports whether a directory has no entry, reading at most one.
func (r *directoryReader) empty(name string) evidence.Answer {
	if r.mounts.own["/"+name] {
		return evidence.Unknown
	}
	f, err := r.tree.Open(name)
	if err != nil {
		return evidence.Unknown
	}
	// It was only read: closing it can lose nothing.
	defer func() { _ = f.Close() }()
	dir, ok := f.(fs.ReadDirFile)
	if !ok {
		return evidence.Unknown
	}
	entries, err := dir.ReadDir(1)
	switch {
	case len(entries) > 0:
		return evidence.No
	case err == nil || errors.Is(err, io.EOF):
		return evidence.Yes
	default:
		return evidence.Unknown
	}
}
