package replay

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
)

func (s *Server) listenLXD(path string) error {
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

// recorded are the files of the recording by the path that was asked. All
// were asked with recursion=1 and for all projects.
var recorded = map[string]string{
	"/1.0": "server", "/1.0/storage-pools": "storage-pools", "/1.0/instances": "instances", "/1.0/projects": "projects",
	"/1.0/operations": "operations", "/1.0/cluster/members": "cluster-members",
}

func (s *Server) serveLXD(w http.ResponseWriter, r *http.Request) {
	s.note("lxd", r)
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodGet {
		fail(w, http.StatusForbidden, "A recording can't be changed")
		return
	}
	name, ok := recorded[r.URL.Path]
	if rest, below := strings.CutPrefix(r.URL.Path, "/1.0/storage-pools/"); below {
		pool, volumes := strings.CutSuffix(rest, "/volumes")
		name, ok = "pool-"+pool, true
		if volumes {
			name = "volumes-" + pool
		}
	}
	body, there := s.lxd[name]
	if !ok || !there {
		fail(w, http.StatusNotFound, "Not found")
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

func fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	// The status is what counts; a body that can't be sent is lost anyway.
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "error", "error_code": status, "error": text})
}
