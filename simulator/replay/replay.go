// Package replay serves what was recorded from a real LXD and from a stand-in
// of its array, so that a test can put the same questions to them again.
//
// A recording is a directory with array/*.json, the bodies of the array's
// answers, and lxd/*.json, those of LXD's. Where the stand-in left out what a
// real array sends (null members, counts), it was added.
package replay

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/devices/treefs"
)

type Options struct {
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
	Socket  string

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

func Serve(dir string) (*Server, error) { return New(Options{Dir: dir}) }

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
	for _, found := range token.FindAllSubmatch(s.lxd["storage-pools"], -1) {
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
	token   = regexp.MustCompile(`"pure\.api\.token": *"([^"]+)"`)
	gateway = regexp.MustCompile(`("pure\.gateway": *)"[^"]*"`)
)

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
	return gateway.ReplaceAll(body, []byte(`${1}"`+s.URL+`"`))
}

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

func (s *Server) Close() {
	for _, server := range s.servers {
		server.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// Unpack unpacks a recorded host, a gzipped tar file, below dir. Symbolic links
// are made as recorded, wherever they point; nothing is written through one.
func Unpack(file, dir string) error {
	tree, err := treefs.ReadTarGz(file)
	if err != nil {
		return err
	}
	// The recorded trees lie in a directory called root.
	root, err := fs.Sub(tree, "root")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, root)
}
