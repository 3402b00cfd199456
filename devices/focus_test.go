package devices_test

import (
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// What a look at some volumes says of them is what a look at everything says, and
// of what others have it says as surely who they are.
func TestObserveVolumes(t *testing.T) {
	systems := map[string]devices.System{"many": large(20, 50).system()}
	for _, name := range recordings(t) {
		systems[name] = recorded(load(t, name))
	}
	inside := cmp.Exporter(func(reflect.Type) bool { return true })
	astray := 0
	for name, system := range systems {
		system.Now = func() time.Time { return time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC) }
		whole := devices.Observe(t.Context(), system)
		serials := serialsOn(whole)
		for _, serial := range append(serials, serialNo(77777)) {
			part := devices.ObserveVolumes(t.Context(), system, []evidence.Serial{serial})
			want, lead := focused(whole, serial)
			astray += lead
			got, _ := focused(part, serial)
			if diff := cmp.Diff(want, got, inside); diff != "" {
				t.Errorf("%s, about %s (-everything +these)\n%s", name, serial, diff)
			}
		}
		part := devices.ObserveVolumes(t.Context(), system, serials)
		if diff := cmp.Diff(whole, part, inside); diff != "" {
			t.Errorf("%s, about all there are (-everything +these)\n%s", name, diff)
		}
	}
	if astray == 0 {
		t.Error("no disk leads to another volume than the kernel says")
	}
}

// serialsOn are all volumes of which a host has a device.
func serialsOn(h evidence.Host) []evidence.Serial {
	var all []evidence.Serial
	for _, d := range h.Disks.Items {
		all = append(all, d.Serial, d.Live.Serial)
	}
	for _, m := range h.Maps.Items {
		all = append(all, m.Serial)
	}
	for _, n := range h.Namespaces.Items {
		all = append(all, n.Serial)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s evidence.Serial) bool { return s == "" })
}

// focused leaves of others' devices only who they are, and counts the disks that
// lead to the volume and are called another.
func focused(h evidence.Host, serial evidence.Serial) (evidence.Host, int) {
	other := func(s evidence.Serial) bool { return s != "" && s != serial }
	whole := map[string]bool{"": true}
	lead := 0
	disks, maps, namespaces := slices.Clone(h.Disks.Items), slices.Clone(h.Maps.Items), slices.Clone(h.Namespaces.Items)
	for i := range disks {
		d := &disks[i]
		sure := d.Live.Kind == evidence.IdentityKnown && d.Live.Serial == d.Serial
		if d.Live.Serial == serial && d.Serial != serial {
			lead++
		}
		onOurs := slices.ContainsFunc(maps, func(m evidence.Map) bool { return !other(m.Serial) && m.IsOn(*d) })
		if whole[d.Name] = !other(d.Serial) || !sure; !whole[d.Name] && !onOurs {
			d.Vendor, d.Seq, d.Bytes, d.IO = "", evidence.Count{}, evidence.Count{}, evidence.IO{}
		}
	}
	for i := range namespaces {
		if n := &namespaces[i]; other(n.Serial) {
			n.Seq, n.Bytes, n.IO = evidence.Count{}, evidence.Count{}, evidence.IO{}
		} else {
			whole[n.Name] = true
		}
	}
	for i := range maps {
		m := &maps[i]
		onOurs := slices.ContainsFunc(m.Paths, func(p evidence.Path) bool { return whole[p.Disk] })
		if other(m.Serial) && !onOurs {
			m.Bytes, m.IO, m.Suspended = evidence.Count{}, evidence.IO{}, evidence.Unknown
		}
	}
	h.Disks.Items, h.Maps.Items, h.Namespaces.Items = disks, maps, namespaces
	return h, lead
}

// Of two hundred other volumes' devices what only they are asked about is not read.
func TestOthersAreReadBriefly(t *testing.T) {
	m := large(200, 10)
	system := m.system()
	count := func(serials ...evidence.Serial) (all int, own []string) {
		seen := &readNames{FS: m.FS}
		system.FS = seen
		devices.ObserveVolumes(t.Context(), system, serials)
		for _, name := range seen.names {
			if base := path.Base(name); base == "stat" || base == "diskseq" {
				own = append(own, path.Base(path.Dir(name))+"/"+base)
			}
		}
		slices.Sort(own)
		return len(seen.names), own
	}
	whole, _ := count()
	part, own := count(serialNo(7))
	if want := "dm-7/stat sdabc/diskseq sdabc/stat sdabd/diskseq sdabd/stat sdabe/diskseq sdabe/stat sdabf/diskseq sdabf/stat"; strings.Join(own, " ") != want {
		t.Errorf("read %q, want %q", own, want)
	}
	if part*2 > whole {
		t.Errorf("%d files and directories were read about one volume, %d about all", part, whole)
	}
	t.Logf("%d of %d", part, whole)
}

// readNames keeps the names of what is opened.
type readNames struct {
	fs.FS
	names []string
}

func (r *readNames) Open(name string) (fs.File, error) {
	r.names = append(r.names, name)
	return r.FS.Open(name)
}

func (r *readNames) ReadLink(name string) (string, error)       { return fs.ReadLink(r.FS, name) }
func (r *readNames) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(r.FS, name) }
func (r *readNames) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(r.FS, name) }
func (r *readNames) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.FS, name) }
