package lxd

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

const pool = "pool1"

// world is an array, an LXD with one pool, and its machines.
type world struct {
	t      *testing.T
	array  *array.Array
	url    string
	direct http.RoundTripper
	clock  *fabric.Clock
	*Server
	host *host.Host
	// steps are those that flows took, where a test has no hook of its own.
	steps []string
}

// newWorld builds one; members more than one make a cluster.
func newWorld(t *testing.T, version, mode string, members int) *world {
	t.Helper()
	w := &world{t: t, clock: fabric.NewClock(noon)}
	w.array = array.New(array.Options{Clock: w.clock, Seed: 3})
	server, err := w.array.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	w.url, w.direct = server.URL, server
	o := Options{Version: version, Arrays: w.direct, Clock: w.clock, Clustered: members > 1, Seed: 5}
	for n := range members {
		o.Members = append(o.Members, w.machine(fmt.Sprintf("lxd%02d", n+1)))
	}
	if w.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	w.host = w.Member.Host.(*host.Host)
	w.SetBeforeCall(func(method, path string) error {
		w.steps = append(w.steps, method+" "+path)
		return nil
	})
	w.attach(w.Server, mode, false)
	w.AddImage(Image{Fingerprint: "c0ffee", Type: evidence.TypeContainer})
	w.AddImage(Image{Fingerprint: "decaf0", Type: evidence.TypeVM})
	return w
}

func (w *world) machine(name string) *Member {
	h := host.New(host.Options{Name: name, Clock: w.clock, Target: w.array})
	w.array.OnChange(h.Follow)
	return &Member{Name: name, Host: h}
}

func (w *world) attach(s *Server, mode string, recover bool) {
	w.t.Helper()
	if mode == evidence.ModeNVMeTCP {
		mode = s.NVMeMode()
	}
	w.ok(s.CreatePool(PoolSpec{Name: pool, Gateway: w.url, Token: w.array.Token(), Mode: mode, VolumeBytes: 64 << 20, Recover: recover}))
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// fails wants an error that says so.
func (w *world) fails(err error, says string) {
	w.t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		w.t.Fatalf("got %v, want an error that says %q", err, says)
	}
}

// state is everything at a glance. A UUID is named after the record that has
// or had it; "?" is one that never had a record.
func (w *world) state() []string {
	names := w.names()
	var lines []string
	for _, v := range w.array.Volumes() {
		line := "array " + rename(v.Name, names)
		if v.Destroyed {
			line += " destroyed"
		}
		lines = append(lines, line)
		for _, snapshot := range v.Snapshots {
			// Overwriting leaves an undo snapshot behind, destroyed.
			if !strings.Contains(snapshot, ".undo") {
				lines = append(lines, "array "+rename(snapshot, names))
			}
		}
	}
	for _, c := range w.array.Connections() {
		lines = append(lines, "connected "+rename(c.Volume, names)+" "+c.Host)
	}
	for _, h := range w.array.Hosts() {
		lines = append(lines, fmt.Sprintf("host %s %d", h.Name, h.Connections))
	}
	for _, r := range w.Volumes() {
		lines = append(lines, "record "+r.Type+"/"+r.Name)
	}
	for _, i := range w.Instances() {
		lines = append(lines, "instance "+i.Name)
	}
	for _, v := range w.array.Volumes() {
		lines = append(lines, w.devices(rename(v.Name, names), v.Serial)...)
	}
	slices.Sort(lines)
	return lines
}

func (w *world) devices(name, serial string) []string {
	var lines []string
	for _, m := range w.members {
		var kinds []string
		for _, d := range m.Host.DevicesOf(serial) {
			switch {
			case strings.HasPrefix(d, "dm-"):
				kinds = append(kinds, "map")
			case strings.HasPrefix(d, "sd"):
				kinds = append(kinds, "path")
			case strings.Count(d, "c") == 0:
				kinds = append(kinds, "namespace")
			}
		}
		slices.Sort(kinds)
		if len(kinds) > 0 {
			lines = append(lines, "device "+name+" "+m.Name+" "+strings.Join(kinds, ","))
		}
		for _, mount := range m.Host.Mounts() {
			if mount.Serial == serial {
				lines = append(lines, "mount "+name+" "+m.Name)
			}
		}
	}
	return lines
}

// names maps UUIDs without hyphens to the names of all records there ever
// were, as the steps tell them.
func (w *world) names() map[string]string {
	names := map[string]string{}
	for _, r := range w.Volumes() {
		names[strings.ReplaceAll(r.UUID(), "-", "")] = "<" + r.Name + ">"
	}
	return names
}

func rename(name string, names map[string]string) string {
	for uuid, n := range names {
		name = strings.ReplaceAll(name, uuid, n)
	}
	var parts []string
	for _, part := range strings.Split(name, "-") {
		if before, after, _ := strings.Cut(part, "."); len(before) == 32 {
			part = "?"
			if after != "" {
				part += "." + after
			}
		}
		parts = append(parts, part)
	}
	return strings.TrimPrefix(strings.Join(parts, "-"), pool+"::")
}

// is compares the state with what it should be.
func (w *world) is(want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, w.state()); diff != "" {
		w.t.Errorf("-want +got:\n%s", diff)
	}
}

// directories are the mount directories that the first machine has.
func (w *world) directories() []string {
	w.t.Helper()
	var found []string
	base := "var/snap/lxd/common/lxd/storage-pools/" + pool
	for _, kind := range readDir(w.t, w.host, base) {
		for _, name := range readDir(w.t, w.host, base+"/"+kind) {
			found = append(found, kind+"/"+name)
		}
	}
	return found
}
