package witness_test

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// between puts a proxy in front of LXD's socket that may change its answers,
// and returns the proxy's socket.
func between(t *testing.T, socket string, change func(r *http.Request, body []byte) []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	target, _ := url.Parse("http://lxd")
	proxy := httputil.NewSingleHostReverseProxy(target)
	dialer := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(dialer.CloseIdleConnections)
	proxy.Transport = rewriting(change)(dialer)
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return path
}

// editor is a change that can be exchanged while the proxy runs.
type editor struct {
	mu   sync.Mutex
	edit func(r *http.Request, body []byte) []byte
}

func (e *editor) set(edit func(r *http.Request, body []byte) []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.edit = edit
}

func (e *editor) change(r *http.Request, body []byte) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.edit == nil {
		return body
	}
	return e.edit(r, body)
}

// unread are parts of LXD's answers that are not about storage and of which
// there are many.
var unread = []string{"/devices/", "api_extensions/*", "environment/", "auth_methods", "expanded_config/", "config/image", "config/volatile.", "state", "architecture"}

func isRead(path []string) bool {
	text := strings.Join(path, "/")
	return text == "metadata/environment/server_name" || text == "metadata/environment/server_version" || strings.HasSuffix(text, "volatile.uuid") ||
		!slices.ContainsFunc(unread, func(part string) bool { return strings.Contains(text, part) })
}

// kindOf is what fields have in common that differ in a device's name or in
// the pool only.
func kindOf(endpoint string, path []string) string {
	path = slices.Clone(path)
	if i := slices.Index(path, "expanded_devices"); i >= 0 && i+1 < len(path) && len(path) > i+2 {
		path[i+1] = "?"
	}
	if path[len(path)-1] != "*" {
		endpoint = strings.ReplaceAll(endpoint, "nvpool", "purepool")
	}
	return endpoint + " " + name(path)
}

func TestTakingLXDFieldsAway(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	var e editor
	socket := between(t, b.w.Socket, e.change)
	o := near(b.w)
	o.Records.Socket = socket

	answers := map[string][]byte{}
	e.set(func(r *http.Request, body []byte) []byte {
		answers[r.URL.Path] = body
		return body
	})
	b.look(t, "through a proxy", o, least{})
	if len(answers) < 7 {
		t.Fatalf("LXD was asked only %v", slices.Collect(maps.Keys(answers)))
	}
	seen := map[string]bool{}
	for _, endpoint := range slices.Sorted(maps.Keys(answers)) {
		for _, path := range fields(answers[endpoint]) {
			if kind := kindOf(endpoint, path); !isRead(path) || seen[kind] {
				continue
			} else {
				seen[kind] = true
			}
			// The rows themselves and what identifies them are taken away
			// one by one, everything else of all rows and of some.
			few := 0
			last := path[len(path)-1]
			if last == "*" || last == "volatile.uuid" {
				few = 2
			}
			nths := []int{-1}
			if few > 0 {
				nths = append(nths, places(occurrences(answers[endpoint], path), few)...)
			}
			for _, nth := range nths {
				for _, what := range []change{remove, twist} {
					if what == twist && nth >= 0 {
						continue
					}
					e.set(func(r *http.Request, body []byte) []byte {
						if r.URL.Path != endpoint {
							return body
						}
						return altered(body, path, nth, what)
					})
					want := least{}
					if last == "volatile.uuid" && strings.HasSuffix(endpoint, "/volumes") {
						want = least{told: true, stopped: destroy}
					}
					b.look(t, endpoint+" "+name(path)+" "+[]string{"", "removed", "", "twisted"}[what], o, want)
				}
			}
		}
	}
}

// lxdFaults are ways in which LXD answers a question badly.
var lxdFaults = []lxd.Fault{
	{Kind: lxd.Fail, Status: 500},
	{Kind: lxd.Fail, Status: 503},
	{Kind: lxd.Fail, Status: 404},
	{Kind: lxd.Fail, Status: 403},
	{Kind: lxd.HalfBody},
	{Kind: lxd.Hang},
}

func TestLXDFailsInOneAnswer(t *testing.T) {
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	for _, path := range []string{
		"/1.0", "/1.0/storage-pools", "/1.0/storage-pools/purepool/volumes", "/1.0/storage-pools/nvpool/volumes",
		"/1.0/instances", "/1.0/operations", "/1.0/projects",
	} {
		for _, fault := range lxdFaults {
			fault.Path = path
			b.w.API.Inject(fault)
			o := near(b.w)
			o.Records.Timeout = 60 * time.Millisecond
			if fault.Kind != lxd.Hang {
				o.Records.Timeout = time.Minute
			}
			b.look(t, path+" "+http.StatusText(fault.Status), o, nothingSafe)
			b.w.API.Heal()
		}
	}
}

func TestTakingRightsAway(t *testing.T) {
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	for _, c := range []struct {
		what  string
		fault lxd.Fault
		want  least
	}{
		{"pool configuration hidden", lxd.Fault{Kind: lxd.NotAdmin}, nothingSafe},
		{"only of the pools", lxd.Fault{Kind: lxd.NotAdmin, Path: "/1.0/storage-pools"}, nothingSafe},
		{"some projects only", lxd.Fault{Kind: lxd.Restricted}, nothingSafe},
		{"the default project hidden", lxd.Fault{Kind: lxd.HideProject, Name: "default"}, nothingSafe},
		{"... among the volumes only", lxd.Fault{Kind: lxd.HideProject, Name: "default", Path: "/1.0/storage-pools/purepool"}, least{told: true, stopped: ofArray}},
		{"... among the instances only", lxd.Fault{Kind: lxd.HideProject, Name: "default", Path: "/1.0/instances"}, least{told: true, stopped: ofArray}},
		{"no extensions: uuids", lxd.Fault{Kind: lxd.HideExtension, Name: "storage_volumes_all_projects"}, least{}},
	} {
		b.w.API.Inject(c.fault)
		b.look(t, c.what, near(b.w), c.want)
		b.w.API.Heal()
	}
	named := map[string]bool{}
	for _, v := range b.w.LXD.Volumes() {
		if !named[v.Name] {
			named[v.Name] = true
			b.w.API.Inject(lxd.Fault{Kind: lxd.NoUUID, Name: v.Name})
			b.look(t, "no uuid of "+v.Name, near(b.w), least{told: true, stopped: destroy})
			b.w.API.Heal()
		}
	}
}

// TestTakingProjectsAndMembersAway has two servers and two projects.
func TestTakingProjectsAndMembersAway(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	w.LXD.CreateProject("web", nil)
	for _, project := range []string{"", "web"} {
		for _, volume := range []string{"a", "b", "c"} {
			if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Project: project, Name: volume, Bytes: simulator.Small}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "forgotten", Bytes: simulator.Small}); err != nil {
		t.Fatal(err)
	}
	if err := w.LXD.ForgetVolume(w.Pool(), "", "custom", "forgotten"); err != nil {
		t.Fatal(err)
	}
	w.Age(30 * time.Hour)
	b := everythingSeen(t, w, destroy...)
	for _, project := range []string{"default", "web"} {
		for _, c := range []struct {
			path string
			want least
		}{
			{"/1.0/projects", least{}}, // its volumes are listed all the same
			{"/1.0/storage-pools/purepool/volumes", least{told: true, stopped: destroy}},
		} {
			w.API.Inject(lxd.Fault{Kind: lxd.HideProject, Name: project, Path: c.path})
			b.look(t, "project "+project+" hidden in "+c.path, options(w), c.want)
			w.API.Heal()
		}
		// LXD hides a project in all that it says from those who may not see
		// it, and whoever comes by its own unix socket may see everything.
		w.API.Inject(lxd.Fault{Kind: lxd.HideProject, Name: project})
		for _, method := range []string{"tls", "oidc", "bearer", ""} {
			o := options(w)
			o.Records.Socket = between(t, w.Socket, func(_ *http.Request, body []byte) []byte {
				return bytes.ReplaceAll(body, []byte(`"auth_user_method":"unix"`), []byte(`"auth_user_method":"`+method+`"`))
			})
			_, report := ask(t, o)
			b.cases++
			if now := safe(report); len(now) > 0 || report.Complete {
				t.Errorf("project %s hidden from a user known by %q: complete %v, safe %v", project, method, report.Complete, now)
			}
		}
		w.API.Heal()
	}
}

// TestMembersThatAreSilent: with one of two servers' devices unread, nothing
// may be called safe that the other could be using.
func TestMembersThatAreSilent(t *testing.T) {
	w := worlds.New(t, simulator.Options{Members: 2})
	for _, volume := range []string{"a", "forgotten"} {
		if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: volume, Bytes: simulator.Small}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.LXD.ForgetVolume(w.Pool(), "", "custom", "forgotten"); err != nil {
		t.Fatal(err)
	}
	w.Age(30 * time.Hour)
	_, report := ask(t, options(w))
	b := &baseline{w: w, verdicts: verdicts(report)}
	t.Cleanup(func() { t.Logf("%d cases", b.cases) })
	b.check(t, "the other server's devices unread", report, nothingSafe)
	if b.verdicts["leaked-volume "+forgotten(t, w)+" "] == "" {
		t.Errorf("the leaked volume was not found: %v", b.verdicts)
	}
	for _, fault := range []lxd.Fault{
		{Kind: lxd.Fail, Path: "/1.0/cluster"},
		{Kind: lxd.HalfBody, Path: "/1.0/cluster"},
		{Kind: lxd.Fail, Path: "/1.0", Target: "lxd02"},
		{Kind: lxd.Fail, Status: 503, Path: "/1.0", Target: "lxd02"},
	} {
		w.API.Inject(fault)
		b.look(t, fault.Path+" "+fault.Target, options(w), nothingSafe)
		w.API.Heal()
	}
	w.LXD.Members()[1].KillDaemon()
	b.look(t, "the other server is offline", options(w), nothingSafe)
}

// forgotten is the one volume of LXD's naming on the array without a record.
func forgotten(t *testing.T, w *simulator.World) string {
	t.Helper()
	recorded := map[string]bool{}
	for _, v := range w.LXD.Volumes() {
		for _, n := range lxd.ArrayNames(v, lxd.Volume{}) {
			recorded[n] = true
		}
	}
	for _, v := range w.Array.Volumes() {
		if !recorded[v.Name] && strings.Contains(v.Name, "::u-") {
			return v.Name
		}
	}
	t.Fatal("nothing is forgotten")
	return ""
}
