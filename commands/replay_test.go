package commands_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What was recorded from a real LXD and from a stand-in of its array is served
// here, so that the same questions can be put to them again.
//
// A recording is a directory with array/*.json, the bodies of the array's
// answers, and lxd/*.json, those of LXD's. Where the stand-in left out what a
// real array sends (null members, counts), it was added.

const recordingsDir = "../simulator/replay/testdata/"

// replayedRequest is one request that was sent to one of the two servers.
type replayedRequest struct {
	// Server is "array" or "lxd".
	Server string
	Method string
	// Path is the URL's, with its query.
	Path string
}

// replayServer serves a recording until it is closed.
type replayServer struct {
	// URL is the array's. The gateway of every recorded pool is replaced by
	// it. CertPEM is the array's certificate.
	URL     string
	CertPEM []byte
	Socket  string

	now      func() time.Time
	array    map[string][]json.RawMessage
	versions []byte
	lxd      map[string][]byte
	token    string

	mu       sync.Mutex
	requests []replayedRequest
	servers  []*httptest.Server
	dir      string
}

// replay serves the recording in a directory. now is the array's clock, which
// its answers are dated with; nil stands still, an hour after the newest object
// of the recording was made.
func replay(dir string, now func() time.Time) (*replayServer, error) {
	s := &replayServer{array: map[string][]json.RawMessage{}, lxd: map[string][]byte{}, now: now}
	if err := s.load(dir); err != nil {
		return nil, fmt.Errorf("replaying %s: %w", dir, err)
	}
	if err := s.listen(); err != nil {
		s.Close()
		return nil, fmt.Errorf("replaying %s: %w", dir, err)
	}
	return s, nil
}

func (s *replayServer) load(dir string) error {
	for _, side := range []string{"array", "lxd"} {
		files, err := filepath.Glob(filepath.Join(dir, side, "*.json"))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("no answers of the %s were recorded there", side)
		}
		for _, file := range files {
			body, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			if side == "lxd" {
				s.lxd[name] = body
				continue
			}
			var list struct {
				Version any               `json:"version"`
				Items   []json.RawMessage `json:"items"`
			}
			if err := json.Unmarshal(body, &list); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if s.array[name] = list.Items; list.Version != nil {
				s.versions = body
			}
		}
	}
	for _, found := range replayedToken.FindAllSubmatch(s.lxd["storage-pools"], -1) {
		s.token = string(found[1])
	}
	if s.now == nil {
		last := s.newest().Add(time.Hour)
		s.now = func() time.Time { return last }
	}
	return nil
}

// What is looked for in LXD's pools: the array's token and its address.
var (
	replayedToken   = regexp.MustCompile(`"pure\.api\.token": *"([^"]+)"`)
	replayedGateway = regexp.MustCompile(`("pure\.gateway": *)"[^"]*"`)
)

func (s *replayServer) newest() time.Time {
	var newest int64
	for _, items := range s.array {
		for _, item := range items {
			var made struct {
				Created int64 `json:"created"`
			}
			// What has no time is not newer.
			if json.Unmarshal(item, &made) == nil {
				newest = max(newest, made.Created)
			}
		}
	}
	return time.UnixMilli(newest).UTC()
}

func (s *replayServer) listen() error {
	dir, err := os.MkdirTemp("", "replay")
	if err != nil {
		return err
	}
	s.dir = dir
	s.listenArray()
	for name, body := range s.lxd {
		s.lxd[name] = s.rewrite(body)
	}
	return s.listenLXD(filepath.Join(dir, "unix.socket"))
}

// rewrite puts this server in the place of the gateway that was recorded.
func (s *replayServer) rewrite(body []byte) []byte {
	return replayedGateway.ReplaceAll(body, []byte(`${1}"`+s.URL+`"`))
}

func (s *replayServer) Requests() []replayedRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]replayedRequest(nil), s.requests...)
}

func (s *replayServer) note(server string, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, replayedRequest{Server: server, Method: r.Method, Path: r.URL.RequestURI()})
}

func (s *replayServer) Close() {
	for _, server := range s.servers {
		server.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// replaySession is the token that a login gives.
const replaySession = "replayed-session"

func (s *replayServer) listenArray() {
	server := httptest.NewTLSServer(http.HandlerFunc(s.serveArray))
	s.servers = append(s.servers, server)
	s.URL = server.URL
	s.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

var replayEndpoint = regexp.MustCompile(`^/api/2\.[0-9]+/(.+)$`)

func (s *replayServer) serveArray(w http.ResponseWriter, r *http.Request) {
	s.note("array", r)
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	if id := r.Header.Get("X-Request-Id"); id != "" {
		w.Header().Set("X-Request-Id", id)
	}
	if r.URL.Path == "/api/api_version" {
		_, _ = w.Write(s.versions)
		return
	}
	match := replayEndpoint.FindStringSubmatch(r.URL.Path)
	switch {
	case match == nil:
		refuseReplayed(w, http.StatusNotFound, "Endpoint does not exist.")
	case match[1] == "login" && r.Method == http.MethodPost:
		if r.Header.Get("Api-Token") != s.token {
			refuseReplayed(w, http.StatusBadRequest, "Unable to list user for API token.")
			return
		}
		w.Header().Set("X-Auth-Token", replaySession)
		_, _ = w.Write([]byte(`{"items":[{"username":"pureuser"}]}`))
	case match[1] == "logout" && r.Method == http.MethodPost:
	case r.Method != http.MethodGet:
		refuseReplayed(w, http.StatusForbidden, "A recording can't be changed.")
	case r.Header.Get("X-Auth-Token") != replaySession:
		refuseReplayed(w, http.StatusUnauthorized, "Invalid replaySession.")
	default:
		s.list(w, r, match[1])
	}
}

func refuseReplayed(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	// The status is what counts; a body that can't be sent is lost anyway.
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"context": nil, "message": message}}})
}

// list answers a list replayEndpoint: with what was recorded, or with nothing for
// one that was not, and with all of it at once. It knows the selections that a
// reader makes: destroyed, and simple filters.
func (s *replayServer) list(w http.ResponseWriter, r *http.Request, name string) {
	q := r.URL.Query()
	selected := []json.RawMessage{}
	for _, item := range s.array[name] {
		wanted, err := replayWants(q.Get("destroyed"), q["filter"], item)
		if err != nil {
			refuseReplayed(w, http.StatusBadRequest, err.Error())
			return
		}
		if wanted {
			selected = append(selected, item)
		}
	}
	var count any
	if q.Get("total_item_count") == "true" {
		count = len(selected)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"continuation_token": nil, "items": selected, "more_items_remaining": false, "total_item_count": count,
	})
}

// replayTerm is one comparison of a filter; a recording knows no more of them.
var replayTerm = regexp.MustCompile(`^\(?(pod\.name|serial|name)='([^'*]*)(\*?)'\)?$`)

func replayWants(destroyed string, filters []string, item json.RawMessage) (bool, error) {
	var row struct {
		Name      string `json:"name"`
		Serial    string `json:"serial"`
		Destroyed bool   `json:"destroyed"`
		Pod       struct {
			Name string `json:"name"`
		} `json:"pod"`
	}
	if err := json.Unmarshal(item, &row); err != nil {
		return false, err
	}
	if destroyed != "" && destroyed != strconv.FormatBool(row.Destroyed) {
		return false, nil
	}
	fields := map[string]string{"pod.name": row.Pod.Name, "serial": row.Serial, "name": row.Name}
	for _, filter := range filters {
		holds := false
		for _, part := range strings.Split(filter, " or ") {
			match := replayTerm.FindStringSubmatch(strings.TrimSpace(part))
			if match == nil {
				return false, errors.New("a recording does not understand the filter " + part)
			}
			value := strings.ToLower(fields[match[1]])
			wanted := strings.ToLower(match[2])
			holds = holds || value == wanted || (match[3] != "" && strings.HasPrefix(value, wanted))
		}
		if !holds {
			return false, nil
		}
	}
	return true, nil
}

func (s *replayServer) listenLXD(path string) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	s.Socket = path
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(s.serveLXD)}}
	server.Start()
	s.servers = append(s.servers, server)
	return nil
}

// recordedPaths are the files of the recording by the path that was asked. All
// were asked with recursion=1 and for all projects.
var recordedPaths = map[string]string{
	"/1.0": "server", "/1.0/storage-pools": "storage-pools", "/1.0/instances": "instances", "/1.0/projects": "projects",
	"/1.0/operations": "operations", "/1.0/cluster/members": "cluster-members",
}

func (s *replayServer) serveLXD(w http.ResponseWriter, r *http.Request) {
	s.note("lxd", r)
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet {
		failReplayed(w, http.StatusForbidden, "A recording can't be changed")
		return
	}
	name, ok := recordedPaths[r.URL.Path]
	if rest, below := strings.CutPrefix(r.URL.Path, "/1.0/storage-pools/"); below {
		pool, volumes := strings.CutSuffix(rest, "/volumes")
		name, ok = "pool-"+pool, true
		if volumes {
			name = "volumes-" + pool
		}
	}
	body, there := s.lxd[name]
	if !ok || !there {
		failReplayed(w, http.StatusNotFound, "Not found")
		return
	}
	var answer struct {
		Code int `json:"error_code"`
	}
	// A recorded error was sent with its code as the status.
	if json.Unmarshal(body, &answer) == nil && answer.Code != 0 {
		w.WriteHeader(answer.Code)
	}
	_, _ = w.Write(body)
}

func failReplayed(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	// The status is what counts; a body that can't be sent is lost anyway.
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "error", "error_code": status, "error": text})
}
