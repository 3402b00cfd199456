package release_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

// The volumes of these tests: ours, and two others.
const (
	ours   = evidence.Serial("D5BC07893D61B51B0001100A")
	theirs = evidence.Serial("D5BC07893D61B51B00011004")
	third  = evidence.Serial("D5BC07893D61B51B00011014")
)

// shown is an array that shows each volume at the lowest number that is free.
type shown struct {
	mu      sync.Mutex
	exports map[string][]fabric.Export
	changed func()
}

func (a *shown) Exports(initiator string) []fabric.Export {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.exports[initiator])
}

var portals = []string{"10.77.1.1:3260", "10.77.0.1:3260"}

const controllerPortal = "10.77.0.1:4420"

func (a *shown) ISCSI() (string, []string) {
	return "iqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071", portals
}

func (a *shown) NVMe() (string, []string) {
	return "nqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071", []string{controllerPortal, "10.77.1.1:4420"}
}

func (a *shown) connect(initiator string, serial evidence.Serial) {
	a.mu.Lock()
	number := 1
	for slices.ContainsFunc(a.exports[initiator], func(e fabric.Export) bool { return e.LUN == number }) {
		number++
	}
	a.exports[initiator] = append(a.exports[initiator], fabric.Export{Serial: string(serial), LUN: number, NSID: number, Bytes: 64 << 20})
	a.mu.Unlock()
	a.changed()
}

func (a *shown) disconnect(initiator string, serial evidence.Serial) {
	a.mu.Lock()
	a.exports[initiator] = slices.DeleteFunc(a.exports[initiator], func(e fabric.Export) bool { return e.Serial == string(serial) })
	a.mu.Unlock()
	a.changed()
}

// rig is a simulated host with a Releaser at work on it.
type rig struct {
	testing.TB
	*host.Host
	rel   *release.Releaser
	array *shown
	clock *fabric.Clock
	// made are the writes that were tried, in words, with "!" after one that
	// failed.
	made []string
	// slept is how long was waited; atSleep is called for each wait.
	slept   time.Duration
	atSleep func(at time.Duration)
	// opened is added to a map's open count where a test says so.
	opened int64
	// noteFails decides which note can't be made.
	noteFails func(release.Action) error
}

func newRig(t testing.TB, o host.Options) *rig {
	t.Helper()
	r := &rig{TB: t, array: &shown{exports: map[string][]fabric.Export{}}, clock: fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))}
	o.Name, o.Target, o.Clock = "lxd01", r.array, r.clock
	r.Host = host.New(o)
	r.array.changed = r.Follow
	r.rel = &release.Releaser{System: r.Host.System(), Writer: r.Host.DeviceWriter(), Sleep: r.sleep, Note: r.note}
	return r
}

func (r *rig) sleep(ctx context.Context, d time.Duration) error {
	r.slept += d
	r.clock.Advance(d)
	if r.atSleep != nil {
		r.atSleep(r.slept)
	}
	return ctx.Err()
}

func (r *rig) note(a release.Action) error {
	if r.noteFails != nil {
		if err := r.noteFails(a); err != nil {
			return err
		}
	}
	if !a.Done {
		return nil
	}
	words := a.String()
	if a.Error != "" {
		words += "!"
	}
	r.made = append(r.made, words)
	return nil
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// attach connects volumes over iSCSI and lets LXD find them.
func (r *rig) attach(serials ...evidence.Serial) {
	r.Helper()
	for _, serial := range serials {
		r.array.connect(r.IQN(), serial)
		r.must(r.Login(evidence.ModeISCSI))
		r.Rescan()
		if _, ok := r.Device(string(serial)); !ok {
			r.Fatalf("no device of %s", serial)
		}
	}
}

// late connects a volume whose device came too late for LXD: no map.
func (r *rig) late(serials ...evidence.Serial) {
	r.Helper()
	for _, serial := range serials {
		r.array.connect(r.IQN(), serial)
		r.must(r.Login(evidence.ModeISCSI))
		r.Rescan()
	}
}

func (r *rig) attachNVMe(serials ...evidence.Serial) {
	r.Helper()
	r.must(r.Login(evidence.ModeNVMeTCP))
	for _, serial := range serials {
		r.array.connect(r.NQN(), serial)
		if _, ok := r.Device(string(serial)); !ok {
			r.Fatalf("no device of %s", serial)
		}
	}
}

func (r *rig) disconnect() {
	r.array.disconnect(r.IQN(), ours)
	r.array.disconnect(r.NQN(), ours)
}

// wasMade compares the writes since the last time.
func (r *rig) wasMade(want ...string) {
	r.Helper()
	if !slices.Equal(r.made, want) {
		r.Errorf("made %q\nwant %q", r.made, want)
	}
	r.made = nil
}

// state is what the host has of a volume: "mpatha open 0 [sda running, …]".
func (r *rig) state(serial evidence.Serial) string {
	h := devices.Observe(context.Background(), r.rel.System)
	var all []string
	paths := map[string]string{}
	for _, d := range h.Disks.Items {
		if d.Serial == serial {
			paths[d.Name] = d.Name + " " + d.State
		}
	}
	for _, m := range h.Maps.Items {
		if m.Serial != serial {
			continue
		}
		line := fmt.Sprintf("%s open %v queueing %v", m.Name, m.OpenCount, m.Queueing)
		for _, p := range m.Paths {
			line += " [" + paths[p.Disk] + "]"
			delete(paths, p.Disk)
		}
		all = append(all, line)
	}
	for _, d := range h.Disks.Items {
		if paths[d.Name] != "" {
			all = append(all, paths[d.Name])
		}
	}
	for _, n := range h.Namespaces.Items {
		if n.Serial == serial {
			all = append(all, n.Name)
		}
	}
	return strings.Join(all, "; ")
}

func (r *rig) has(serial evidence.Serial, want string) {
	r.Helper()
	if got := r.state(serial); got != want {
		r.Errorf("the host has %q of %s, not %q", got, serial, want)
	}
}

// detached asks twice, as one does.
func (r *rig) detached() {
	r.Helper()
	for range 2 {
		if answer, why := r.leftOf(ours); !answer.Is() {
			r.Errorf("detached: %v, %q", answer, why)
		}
		_ = r.sleep(context.Background(), 5*time.Second)
	}
}

// connected is what is expected while the array connects the volume.
var connected = release.Expect{StillConnected: true}

// codes are the kinds of reasons of a refusal.
func codes(err error) []release.Code {
	var refusal *release.Refusal
	if !errors.As(err, &refusal) {
		return nil
	}
	var all []release.Code
	for _, reason := range refusal.Reasons {
		if !slices.Contains(all, reason.Code) {
			all = append(all, reason.Code)
		}
	}
	return all
}

// overlay is a tree in which some files fail, read otherwise or lead elsewhere.
type overlay struct {
	fs.FS
	texts, links, more map[string]string
	fails              map[string]error
}

func (o overlay) Open(name string) (fs.File, error) {
	if err := o.fails[name]; err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if text, ok := o.texts[name]; ok {
		return fstest.MapFS{"x": {Data: []byte(text)}}.Open("x")
	}
	return o.FS.Open(name)
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := o.fails[name]; err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	entries, err := fs.ReadDir(o.FS, name)
	if more, ok := o.more[name]; ok && err == nil {
		entries = append(entries, fs.FileInfoToDirEntry(named{more}))
	}
	return entries, err
}

// named is a file of that name and nothing else.
type named struct{ name string }

func (n named) Name() string     { return n.name }
func (named) Size() int64        { return 0 }
func (named) Mode() fs.FileMode  { return 0 }
func (named) ModTime() time.Time { return time.Time{} }
func (named) IsDir() bool        { return false }
func (named) Sys() any           { return nil }

func (o overlay) ReadLink(name string) (string, error) {
	if target, ok := o.links[name]; ok {
		return target, nil
	}
	return fs.ReadLink(o.FS, name)
}

func (o overlay) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(o.FS, name) }
func (o overlay) Stat(name string) (fs.FileInfo, error)  { return fs.Stat(o.FS, name) }

// leftOf asks the machine whether anything of one volume is left.
func (r *rig) leftOf(serial evidence.Serial) (evidence.Answer, []string) {
	local := release.Local{System: r.rel.System, Writer: r.rel.Writer}
	said := local.Detached(context.Background(), []release.Sought{{Serial: serial, Elsewhere: r.rel.Elsewhere}})
	return said[0].Answer, said[0].Reasons
}
