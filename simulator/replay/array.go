package replay

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
)

// session is the token that a login gives.
const session = "replayed-session"

func (s *Server) listenArray() {
	server := httptest.NewTLSServer(http.HandlerFunc(s.serveArray))
	s.servers = append(s.servers, server)
	s.URL = server.URL
	s.CertPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

var endpoint = regexp.MustCompile(`^/api/2\.[0-9]+/(.+)$`)

func (s *Server) serveArray(w http.ResponseWriter, r *http.Request) {
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
	match := endpoint.FindStringSubmatch(r.URL.Path)
	switch {
	case match == nil:
		refuse(w, http.StatusNotFound, "Endpoint does not exist.")
	case match[1] == "login" && r.Method == http.MethodPost:
		if r.Header.Get("Api-Token") != s.token {
			refuse(w, http.StatusBadRequest, "Unable to list user for API token.")
			return
		}
		w.Header().Set("X-Auth-Token", session)
		_, _ = w.Write([]byte(`{"items":[{"username":"pureuser"}]}`))
	case match[1] == "logout" && r.Method == http.MethodPost:
	case r.Method != http.MethodGet:
		refuse(w, http.StatusForbidden, "A recording can't be changed.")
	case r.Header.Get("X-Auth-Token") != session:
		refuse(w, http.StatusUnauthorized, "Invalid session.")
	default:
		s.list(w, r, match[1])
	}
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	// The status is what counts; a body that can't be sent is lost anyway.
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"context": nil, "message": message}}})
}

// list answers a list endpoint: with what was recorded, or with nothing for
// one that was not, and with all of it at once. It knows the selections that a
// reader makes: destroyed, and simple filters.
func (s *Server) list(w http.ResponseWriter, r *http.Request, name string) {
	q := r.URL.Query()
	selected := []json.RawMessage{}
	for _, item := range s.array[name] {
		wanted, err := wants(q.Get("destroyed"), q["filter"], item)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
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

// term is one comparison of a filter; a recording knows no more of them.
var term = regexp.MustCompile(`^\(?(pod\.name|serial|name)='([^'*]*)(\*?)'\)?$`)

func wants(destroyed string, filters []string, item json.RawMessage) (bool, error) {
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
			match := term.FindStringSubmatch(strings.TrimSpace(part))
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
