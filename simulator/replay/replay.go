// Package replay serves what was recorded from a real LXD and from a stand-in
// of its array, so that a test can put the same questions to them again.
//
// A recording is a directory with array/*.json, the bodies of the array's
// answers, and lxd/*.json, those of LXD's. Where the stand-in left out what a
// real array sends (null members, counts), it is added.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options say what to replay and how.
type Options struct {
	// Dir is the recording.
	Dir string
	// Now is the array's clock, which its answers are dated with. Nil stands
	// still, an hour after the newest object of the recording was made.
	Now func() time.Time
}

// Request is one request that was sent to one of the two servers.
type Request struct {
	// Server is "array" or "lxd".
	Server string
	Method string
	// Path is the URL's, with its query.
	Path string
}

// Server serves a recording until it is closed.
type Server struct {
	// URL is the array's. The gateway of every recorded pool is replaced by
	// it. CertPEM is the array's certificate.
	URL     string
	CertPEM []byte
	// Socket is LXD's.
	Socket string

	now      func() time.Time
	array    map[string][]json.RawMessage
	versions []byte
	lxd      map[string][]byte
	token    string

	mu       sync.Mutex
	requests []Request
	servers  []*httptest.Server
	dir      string
}

// Serve serves a recording with the default options.
func Serve(dir string) (*Server, error) { return New(Options{Dir: dir}) }

// New serves a recording.
func New(o Options) (*Server, error) {
	s := &Server{array: map[string][]json.RawMessage{}, lxd: map[string][]byte{}, now: o.Now}
	if err := s.load(o.Dir); err != nil {
		return nil, fmt.Errorf("replaying %s: %w", o.Dir, err)
	}
	if err := s.listen(); err != nil {
		s.Close()
		return nil, fmt.Errorf("replaying %s: %w", o.Dir, err)
	}
	return s, nil
}

func (s *Server) load(dir string) error {
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
			if err := s.loadArray(name, body); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	var pools struct {
		Metadata []struct {
			Config map[string]string `json:"config"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(s.lxd["storage-pools"], &pools); err != nil {
		return fmt.Errorf("storage-pools: %w", err)
	}
	for _, p := range pools.Metadata {
		if t := p.Config["pure.api.token"]; t != "" {
			s.token = t
		}
	}
	if s.now == nil {
		last := s.newest().Add(time.Hour)
		s.now = func() time.Time { return last }
	}
	return nil
}

func (s *Server) loadArray(name string, body []byte) error {
	if name == "api_version" {
		s.versions = body
		return nil
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	for i, item := range list.Items {
		whole, err := complete(name, item)
		if err != nil {
			return err
		}
		list.Items[i] = whole
	}
	s.array[name] = list.Items
	return nil
}

// newest is when the newest recorded object was made.
func (s *Server) newest() time.Time {
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

func (s *Server) listen() error {
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
func (s *Server) rewrite(body []byte) []byte {
	const key = `"pure.gateway":`
	for at := 0; ; {
		i := bytes.Index(body[at:], []byte(key))
		if i < 0 {
			return body
		}
		begin := at + i + len(key)
		begin += bytes.IndexByte(body[begin:], '"') + 1
		end := begin + bytes.IndexByte(body[begin:], '"')
		body = bytes.Join([][]byte{body[:begin], []byte(s.URL), body[end:]}, nil)
		at = begin + len(s.URL)
	}
}

// Requests lists what the two servers were asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

func (s *Server) note(server string, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{Server: server, Method: r.Method, Path: r.URL.RequestURI()})
}

// Close stops both servers.
func (s *Server) Close() {
	for _, server := range s.servers {
		server.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// complete adds to a recorded row of the array what the stand-in left out: an
// absent reference is an object with null members, never an empty one.
func complete(list string, item json.RawMessage) (json.RawMessage, error) {
	var row map[string]any
	decoder := json.NewDecoder(bytes.NewReader(item))
	decoder.UseNumber()
	if err := decoder.Decode(&row); err != nil {
		return nil, err
	}
	if row == nil {
		return nil, errors.New("a row is no object")
	}
	for key, members := range nullMembers {
		object, ok := row[key].(map[string]any)
		if !ok {
			continue
		}
		for _, m := range members {
			if _, there := object[m]; !there {
				object[m] = nil
			}
		}
	}
	for key, value := range defaults[list] {
		if _, there := row[key]; !there {
			row[key] = value
		}
	}
	return json.Marshal(row)
}

// nullMembers are the members of references that a real array sends as null
// when there is no such object, defaults the keys of rows that the stand-in
// had nothing to say of.
var (
	nullMembers = map[string][]string{
		"host": {"name"}, "host_group": {"name"}, "protocol_endpoint": {"name", "id"}, "volume": {"name", "id"},
		"source": {"name", "id"}, "pod": {"name", "id"}, "volume_group": {"name", "id"},
	}
	defaults = map[string]map[string]any{
		"volumes": {"time_remaining": nil}, "volume-snapshots": {"time_remaining": nil},
		"pods": {"time_remaining": nil, "link_source_count": 0, "link_target_count": 0},
	}
)
