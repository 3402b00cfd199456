package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The paths that are asked for, as the tests name them.
const (
	atServer     = "/1.0"
	atPools      = "/1.0/storage-pools?recursion=1"
	atProjects   = "/1.0/projects?recursion=1"
	atOperations = "/1.0/operations?all-projects=true&recursion=1"
	atInstances  = "/1.0/instances?all-projects=true&recursion=1"
	atMembers    = "/1.0/cluster/members?recursion=1"
)

func atVolumes(pool string) string {
	return "/1.0/storage-pools/" + url.PathEscape(pool) + "/volumes?all-projects=true&recursion=1"
}

func atMember(name string) string { return "/1.0?target=" + url.QueryEscape(name) }

type (
	object = map[string]any
	array  = []any
)

// fakeLXD is an HTTP server on a unix socket that gives prepared answers. A
// request that is not a GET, or for something unknown, fails the test.
type fakeLXD struct {
	t      *testing.T
	socket string

	mu sync.Mutex
	// metadata is what stands inside the envelope, by path.
	metadata map[string]any
	// raw answers instead, where a test needs more than an envelope.
	raw map[string]http.HandlerFunc
	// later replaces an answer after it was given once.
	later map[string]any
	asked []string
}

func newLXD(t *testing.T, metadata map[string]any) *fakeLXD {
	t.Helper()
	// Not t.TempDir: the path of a unix socket has room for 107 bytes.
	dir, err := os.MkdirTemp("", "lxd")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeLXD{t: t, socket: filepath.Join(dir, socketName), metadata: metadata, raw: map[string]http.HandlerFunc{}, later: map[string]any{}}
	listener, err := net.Listen("unix", f.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
		_ = os.RemoveAll(dir)
	})
	return f
}

func (f *fakeLXD) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := req.URL.EscapedPath()
	if query := req.URL.Query().Encode(); query != "" {
		path += "?" + query
	}
	f.mu.Lock()
	f.asked = append(f.asked, path)
	metadata, known := f.metadata[path]
	raw := f.raw[path]
	if next, ok := f.later[path]; ok {
		f.metadata[path] = next
	}
	f.mu.Unlock()
	switch {
	case req.Method != http.MethodGet || req.Header.Get("Upgrade") != "":
		f.t.Errorf("%s %s was sent: LXD is only to be read", req.Method, path)
		w.WriteHeader(http.StatusMethodNotAllowed)
	case raw != nil:
		raw(w, req)
	case !known:
		f.t.Errorf("unexpected request %s", path)
		fail(http.StatusNotFound, "Not Found")(w, req)
	default:
		_, _ = w.Write(envelope(f.t, metadata))
	}
}

func envelope(t *testing.T, metadata any) []byte {
	t.Helper()
	body, err := json.Marshal(object{"type": "sync", "status": "Success", "status_code": 200, "operation": "", "error_code": 0, "error": "", "metadata": metadata})
	if err != nil {
		t.Error(err)
	}
	return body
}

// fail answers with LXD's error envelope.
func fail(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"type":"error","status":"","status_code":0,"operation":"","error_code":%d,"error":%q,"metadata":null}`, status, message)
	}
}

// body answers with exactly this.
func body(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

// requests is what was asked so far.
func (f *fakeLXD) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

// open makes a Reader of the fake LXD.
func (f *fakeLXD) open(t *testing.T) *Reader {
	t.Helper()
	r, err := Open(context.Background(), Options{Socket: f.socket, Dir: "/var/lib/lxd", UserAgent: "pureclean/test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// capture is the answers of a real LXD 6.9, recorded in one of three states.
func capture(t *testing.T, state string) map[string]any {
	t.Helper()
	metadata := map[string]any{}
	for path, file := range map[string]string{
		atServer:              "server",
		atPools:               "storage-pools",
		atProjects:            "projects",
		atOperations:          "operations",
		atInstances:           "instances",
		atVolumes("purepool"): "volumes-purepool",
		atVolumes("nvpool"):   "volumes-nvpool",
	} {
		data, err := os.ReadFile(filepath.Join("testdata", "captures", state, file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Metadata any }
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		if err := decoder.Decode(&answer); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		metadata[path] = answer.Metadata
	}
	return metadata
}

const (
	healthy = "01-healthy-attached"
	leak    = "03-leak15210-late-device"
	stale   = "05-stale-array-side"
)

// row finds the object of that name in a list.
func row(t *testing.T, list any, name string) object {
	t.Helper()
	for _, item := range list.(array) {
		if o := item.(object); o["name"] == name || o["server_name"] == name {
			return o
		}
	}
	t.Fatalf("no %q in %v", name, list)
	return nil
}

// without is a list without the object of that name.
func without(list any, name string) array {
	return slices.DeleteFunc(slices.Clone(list.(array)), func(item any) bool { return item.(object)["name"] == name })
}

func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q does not mention %q", text, word)
		}
	}
}

// waitFor returns when all of these were asked for.
func (f *fakeLXD) waitFor(paths ...string) {
	for _, path := range paths {
		for !slices.Contains(f.requests(), path) {
			runtime.Gosched()
		}
	}
}
