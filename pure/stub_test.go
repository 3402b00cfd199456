package pure

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/secret"
)

const (
	goodToken = "0a1b2c3d-token-of-the-user-4e5f"
	stubDate  = "Sun, 22 Nov 2026 11:00:00 GMT"
)

// stub is an array made of hand-written rows behind a real TLS server.
type stub struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	versions string
	rows     map[string][]string // by path below /api/2.x/
	walked   map[string][]string
	pageSize int
	logins   int
	valid    map[string]bool // session tokens
	seen     []seen
	// before may answer a request itself; n counts the requests for that
	// path, from 1.
	before func(w http.ResponseWriter, r *http.Request, path string, n int) bool
	counts map[string]int
	// edit may change a page before it is sent.
	edit func(path string, n int, page map[string]any)
}

// seen is a request as it arrived.
type seen struct {
	Method, Path, Query, RequestID, Key string
}

func newStub(t *testing.T) *stub {
	s := &stub{
		t: t, versions: `{"version":["1.19","2.2","2.21","2.26"]}`,
		rows: map[string][]string{}, walked: map[string][]string{}, pageSize: 1000, valid: map[string]bool{}, counts: map[string]int{},
	}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = log.New(testWriter{t}, "", 0) // handshakes that fail on purpose
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", stubDate)
	_, rest, _ := strings.Cut(r.URL.Path, "/api/")
	_, path, ok := strings.Cut(rest, "/")
	if !ok {
		path = rest
	}
	s.mu.Lock()
	s.counts[path]++
	n := s.counts[path]
	s.seen = append(s.seen, seen{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("X-Request-ID"), r.Header.Get("X-Auth-Token")})
	before := s.before
	s.mu.Unlock()
	if before != nil && before(w, r, path, n) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case path == "api_version":
		fmt.Fprint(w, s.versions)
	case path == "login" && r.Method == http.MethodPost:
		if r.Header.Get("api-token") != goodToken {
			refuse(w, 400, `{"errors":[{"context":null,"message":"Unable to list user for API token."}]}`)
			return
		}
		s.logins++
		key := fmt.Sprintf("session-key-number-%d", s.logins)
		s.valid[key] = true
		w.Header().Set("x-auth-token", key)
		fmt.Fprint(w, `{"items":[{"username":"pureuser"}]}`)
	case !s.valid[r.Header.Get("x-auth-token")]:
		refuse(w, 401, `{"errors":[{"message":"Invalid session."}]}`)
	case path == "logout" && r.Method == http.MethodPost:
		delete(s.valid, r.Header.Get("x-auth-token"))
	case r.Method == http.MethodGet && s.rows[path] != nil:
		s.page(w, r, path, n)
	default:
		refuse(w, 404, "")
	}
}

func refuse(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// page serves a page by token or by offset, as it is asked.
func (s *stub) page(w http.ResponseWriter, r *http.Request, path string, n int) {
	query := r.URL.Query()
	from, _ := strconv.Atoi(query.Get("offset"))
	if token := query.Get("continuation_token"); token != "" {
		from, _ = strconv.Atoi(strings.TrimPrefix(token, "from-"))
	}
	rows := s.rows[path]
	if query.Has("continuation_token") {
		rows = s.walked[path] // a token leads through what there was at the first page
	} else if !query.Has("offset") {
		s.walked[path] = rows
	}
	if query.Get("sort") == "id" {
		rows = slices.Clone(rows)
		slices.SortFunc(rows, func(a, b string) int { return strings.Compare(rowID(a), rowID(b)) })
	}
	limit, _ := strconv.Atoi(query.Get("limit"))
	to := min(from+min(limit, s.pageSize), len(rows))
	page := map[string]any{
		"items":                json.RawMessage("[" + strings.Join(rows[min(from, to):to], ",") + "]"),
		"more_items_remaining": to < len(rows),
		"continuation_token":   nil,
		"total_item_count":     nil,
	}
	if to < len(rows) && query.Get("sort") == "" {
		page["continuation_token"] = fmt.Sprintf("from-%d", to)
	}
	if query.Get("total_item_count") == "true" {
		page["total_item_count"] = len(rows)
	}
	if s.edit != nil {
		s.edit(path, n, page)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(page); err != nil {
		s.t.Error(err)
	}
}

func rowID(row string) string {
	var r struct{ ID string }
	if err := json.Unmarshal([]byte(row), &r); err != nil {
		panic(err) // only in tests, of literals
	}
	return r.ID
}

// endSessions makes the array forget every login.
func (s *stub) endSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.valid)
}

func (s *stub) requests(path string) []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []seen
	for _, r := range s.seen {
		if path == "" || strings.HasSuffix(r.Path, "/"+path) {
			out = append(out, r)
		}
	}
	return out
}

// fill gives the array one object of each kind in pod "lxd".
func (s *stub) fill() *stub {
	for path, row := range goodRows() {
		s.rows[path] = []string{encode(row)}
	}
	return s
}

func encode(row object) string {
	text, err := json.Marshal(row)
	if err != nil {
		panic(err) // only in tests, of literals
	}
	return string(text)
}

func (s *stub) access() Access {
	return Access{
		URL: s.URL, Token: secret.New(goodToken),
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}),
	}
}

// waits are the pauses that were asked for. Nobody really waits.
type waits struct {
	mu   sync.Mutex
	list []time.Duration
}

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, d)
	return ctx.Err()
}

func (w *waits) all() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

func testOptions(w *waits) Options {
	return Options{
		UserAgent: "pureclean/test", Timeout: 20 * time.Second, Sleep: w.sleep,
		Now: func() time.Time { return time.Date(2026, 11, 22, 11, 0, 1, 0, time.UTC) },
	}
}

// open logs in to the stub and makes sure that nothing but reading is sent.
func (s *stub) open() *Reader {
	s.t.Helper()
	r, err := Open(s.t.Context(), s.access(), testOptions(&waits{}))
	if err != nil {
		s.t.Fatalf("Open: %v", err)
	}
	s.t.Cleanup(func() { s.onlyReading() })
	return r
}

func (s *stub) onlyReading() {
	for _, r := range s.requests("") {
		if r.Method == http.MethodGet || r.Method == http.MethodPost &&
			(strings.HasSuffix(r.Path, "/login") || strings.HasSuffix(r.Path, "/logout")) {
			continue
		}
		s.t.Errorf("a reader sent %s %s", r.Method, r.Path)
	}
}

// object is a row as it may be taken apart by a test.
type object = map[string]any

var none = object{"name": nil, "id": nil}

// goodRows are rows as an array sends them, one of each kind.
func goodRows() map[string]object {
	return map[string]object{
		"arrays": {
			"name": "fa-lab", "id": "d5bc1111-2222-3333-4444-555566667777", "os": "Purity//FA", "version": "6.4.10",
			"eradication_config": object{"manual_eradication": "all-enabled", "eradication_delay": 86400000},
			"capacity":           29511185858560, "parity": 1.0, "banner": "with \"quotes\" and \u00e9\n",
		},
		"pods": {
			"id": "pod-id-1", "name": "lxd", "destroyed": false, "time_remaining": nil,
			"promotion_status": "promoted", "requested_promotion_state": "promoted",
			"arrays": []any{object{
				"id": "d5bc1111-2222-3333-4444-555566667777", "name": "fa-lab", "status": "online", "frozen_at": nil,
			}},
			"link_source_count": 1, "link_target_count": 2, "quota_limit": 1 << 40, "source": none,
			"space": object{"total_provisioned": 5000, "total_physical": 600, "used_provisioned": 4000, "unique": 7, "thin_provisioning": 0.25},
		},
		"volumes": volumeRow("lxd", "u-df2ba6a8d9a047beab5d2d0586abac61", 1),
		"volume-snapshots": {
			"id": "snap-id-1", "name": "lxd::u-df2ba6a8d9a047beab5d2d0586abac61.su-e8ab2d4244064a60871cb386e4170965",
			"suffix": "su-e8ab2d4244064a60871cb386e4170965", "serial": "D5BC11112222333300001017",
			"created": 1795000000456, "destroyed": true, "time_remaining": 3600000, "provisioned": 67108864,
			"pod": object{"name": "lxd", "id": "pod-id-1"}, "volume_group": none,
			"source": object{"name": "lxd::u-df2ba6a8d9a047beab5d2d0586abac61", "id": "vol-id-1"},
			"space":  object{"snapshots": 4096, "total_physical": 4096},
		},
		"hosts": {
			"name": "lxd01-iscsi", "is_local": true, "host_group": object{"name": nil}, "personality": nil,
			"iqns": []any{"iqn.1993-08.org.debian:01:ABC"}, "nqns": []any{}, "wwns": []any{"2100F4C7AA002706"},
			"connection_count": 1, "preferred_arrays": []any{}, "chap": object{"host_password": nil}, "vlan": nil,
			"port_connectivity": object{"status": "critical", "details": "Single Controller"},
			"destroyed":         false, "time_remaining": nil,
		},
		"host-groups": {"name": "esx", "is_local": true, "host_count": 4, "connection_count": 12, "space": object{}},
		"connections": {
			"host": object{"name": "lxd01-iscsi"}, "lun": 9, "host_group": object{"name": nil},
			"volume":            object{"name": "lxd::u-df2ba6a8d9a047beab5d2d0586abac61", "id": "vol-id-1"},
			"protocol_endpoint": none, "nsid": nil,
		},
		"volumes/protection-groups": {
			"group":  object{"name": "lxd::pgroup-auto"},
			"member": object{"name": "lxd::u-df2ba6a8d9a047beab5d2d0586abac61", "id": "vol-id-1", "destroyed": false},
		},
		"volumes/performance": {
			"id": "vol-id-1", "name": "lxd::u-df2ba6a8d9a047beab5d2d0586abac61", "time": 1795345000000,
			"reads_per_sec": 0, "writes_per_sec": 0, "read_bytes_per_sec": 0, "write_bytes_per_sec": 0,
			"mirrored_writes_per_sec": 0, "mirrored_write_bytes_per_sec": 0, "usec_per_read_op": 0,
			"service_usec_per_read_op_cache_reduction": nil,
		},
	}
}

func volumeRow(pod, name string, n int) object {
	return object{
		"id": fmt.Sprintf("vol-id-%d", n), "name": pod + "::" + name, "serial": fmt.Sprintf("D5BC111122223333%08X", n),
		"created": 1795000000123, "destroyed": false, "time_remaining": nil, "connection_count": 1,
		"provisioned": 67108864, "subtype": "regular", "promotion_status": "promoted",
		"pod": object{"name": pod, "id": "pod-id-1"}, "source": none, "volume_group": none,
		"priority_adjustment": object{"priority_adjustment_operator": "+", "priority_adjustment_value": 0},
		"qos":                 object{"bandwidth_limit": nil, "iops_limit": nil}, "priority": 0,
		"space": object{"unique": 1100, "snapshots": 0, "shared": nil, "data_reduction": 2.9365372, "virtual": 3},
	}
}
