package lxd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/canonical/lxd/shared/api"
)

// APIServer serves an LXD's API on a unix socket. It is for reading: every
// method but GET is noted and refused.
type APIServer struct {
	Path string

	lxd *Server
	at  *Member

	mu       sync.Mutex
	http     *http.Server
	faults   []*Fault
	requests []Request
}

type Request struct {
	Method string
	// Path is without, Query with what follows the question mark, decoded.
	Path  string
	Query string
}

func (r Request) String() string {
	if r.Query == "" {
		return r.Method + " " + r.Path
	}
	return r.Method + " " + r.Path + "?" + r.Query
}

// Serve serves the API of the member on a socket at path; a Server's is that of
// the first. While the member's daemon is down, the socket refuses connections.
func (m *Member) Serve(path string) (*APIServer, error) {
	s := m.server
	a := &APIServer{Path: path, lxd: s, at: m}
	if err := a.listen(); err != nil {
		return nil, fmt.Errorf("serving LXD's API: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apis = append(s.apis, a)
	return a, nil
}

func (a *APIServer) listen() error {
	if err := os.Remove(a.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", a.Path)
	if err != nil {
		return err
	}
	if l, ok := listener.(*net.UnixListener); ok {
		// A daemon that is killed leaves its socket behind.
		l.SetUnlinkOnClose(false)
	}
	server := &http.Server{Handler: http.HandlerFunc(a.serve), BaseContext: func(net.Listener) context.Context { return a.lxd.ctx }}
	a.mu.Lock()
	a.http = server
	a.mu.Unlock()
	go func() { _ = server.Serve(listener) }()
	return nil
}

func (a *APIServer) pause() {
	a.mu.Lock()
	server := a.http
	a.http = nil
	a.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// resume listens again. If that fails, as when the directory has gone, the
// socket goes on refusing.
func (a *APIServer) resume() { _ = a.listen() }

// Close ends this server; the LXD and its other servers go on.
func (a *APIServer) Close() error {
	a.lxd.mu.Lock()
	a.lxd.apis = slices.DeleteFunc(a.lxd.apis, func(o *APIServer) bool { return o == a })
	a.lxd.mu.Unlock()
	a.stop()
	return nil
}

func (a *APIServer) stop() {
	a.pause()
	_ = os.Remove(a.Path)
}

func (a *APIServer) Requests() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Request(nil), a.requests...)
}

func (a *APIServer) ForgetRequests() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = nil
}

// problem is an answer that is an error.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func notFound(what string) error { return &problem{http.StatusNotFound, what + " not found"} }

func (a *APIServer) serve(w http.ResponseWriter, r *http.Request) {
	query, _ := url.QueryUnescape(r.URL.RawQuery) // or what of it could be read
	a.mu.Lock()
	a.requests = append(a.requests, Request{Method: r.Method, Path: r.URL.Path, Query: query})
	a.mu.Unlock()
	if r.Method != http.MethodGet {
		send(w, nil, &problem{http.StatusForbidden, "The simulated LXD is for reading only"})
		return
	}
	faults := a.faultsFor(r)
	if f := faults.find(Hang); f != nil {
		<-r.Context().Done()
		return
	}
	if f := faults.find(Fail); f != nil {
		status := cmp.Or(f.Status, http.StatusInternalServerError)
		send(w, nil, &problem{status, http.StatusText(status)})
		return
	}
	answer, err := a.answer(r, faults)
	if faults.find(HalfBody) != nil {
		w = halfWriter{w}
	}
	send(w, answer, err)
}

// send wraps an answer or an error as LXD does.
func send(w http.ResponseWriter, answer any, err error) {
	response := api.ResponseRaw{
		Type: api.SyncResponse, Status: api.Success.String(), StatusCode: int(api.Success), Metadata: answer,
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		var p *problem
		if errors.As(err, &p) {
			status = p.status
		}
		response = api.ResponseRaw{Type: api.ErrorResponse, Code: status, Error: err.Error()}
	}
	body, _ := json.Marshal(response) // plain structs always encode
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/json")
	if err == nil {
		sum := sha256.Sum256(body)
		w.Header().Set("ETag", hex.EncodeToString(sum[:]))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// halfWriter promises the whole body and hangs up in the middle of it.
type halfWriter struct{ http.ResponseWriter }

func (w halfWriter) Write(body []byte) (int, error) {
	_, _ = w.ResponseWriter.Write(body[:len(body)/2])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// resource answers for a path; rest are the parts of the path below it.
type resource func(q asked, rest []string) (any, error)

// asked is a request with what its query says.
type asked struct {
	*Server
	at      *Member
	project string
	all     bool
	deep    bool // recursion=1
	target  string
	faults  faults
}

func (a *APIServer) answer(r *http.Request, f faults) (any, error) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] != "1.0" {
		return nil, notFound("Page")
	}
	values := r.URL.Query()
	q := asked{
		Server: a.lxd, at: a.at, project: projectOr(values.Get("project")), all: values.Get("all-projects") == "true",
		deep: values.Get("recursion") == "1", target: values.Get("target"), faults: f,
	}
	a.lxd.mu.Lock()
	defer a.lxd.mu.Unlock()
	if q.all && f.find(Restricted) != nil {
		return nil, &problem{http.StatusForbidden, "Certificate is restricted"}
	}
	if _, ok := a.lxd.db.projects[q.project]; !ok {
		return nil, notFound("Project")
	}
	if len(parts) == 1 {
		return q.serverInfo()
	}
	resources := map[string]resource{
		"storage-pools": asked.storagePools, "instances": asked.instances,
		"cluster": asked.cluster, "operations": asked.operationList, "projects": asked.projects,
	}
	answer, ok := resources[parts[1]]
	if !ok {
		return nil, notFound("Page")
	}
	return answer(q, parts[2:])
}
