package commands_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/treefs"
)

const stale = recordingsDir + "05-stale-array-side"

func openReplayed(t *testing.T, dir string) *replayServer {
	t.Helper()
	s, err := replay(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ask sends one request to the array, logged in if token is set.
func (s *replayServer) ask(t *testing.T, method, path, token string) (*http.Response, map[string]any) {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CertPEM) {
		t.Fatal("no certificate")
	}
	c := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	req, err := http.NewRequest(method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Api-Token", token)
	req.Header.Set("X-Auth-Token", token)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if len(data) > 0 {
		if err := json.Unmarshal(data, &body); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	}
	return resp, body
}

func TestArrayIsReplayed(t *testing.T) {
	s := openReplayed(t, stale)
	if _, body := s.ask(t, "GET", "/api/api_version", ""); !strings.Contains(strings.Join(stringsOf(body["version"]), " "), "2.21") {
		t.Errorf("versions %v", body)
	}
	if resp, _ := s.ask(t, "POST", "/api/2.21/login", "wrong"); resp.StatusCode != 400 {
		t.Errorf("a wrong token: %s", resp.Status)
	}
	resp, _ := s.ask(t, "POST", "/api/2.21/login", "11111111-2222-3333-4444-555555555555")
	token := resp.Header.Get("X-Auth-Token")
	if resp, _ := s.ask(t, "GET", "/api/2.21/volumes", ""); resp.StatusCode != 401 {
		t.Errorf("without a replaySession: %s", resp.Status)
	}
	tests := []struct {
		path  string
		items int
		count any
	}{
		{"/volumes?total_item_count=true&limit=1000", 18, 18.0},
		{"/volumes", 18, nil},
		{"/volumes?destroyed=true", 1, nil},
		{"/volumes?destroyed=false&total_item_count=true", 17, 17.0},
		{"/volumes?filter=pod.name%3D%27nvpool%27", 3, nil},
		{"/volumes?filter=pod.name%3D%27nvpool%27+or+pod.name%3D%27purepool%27", 17, nil},
		{"/volumes?filter=serial%3D%27D5BC07893D61B51B00011003%27+or+serial%3D%27none%27", 1, nil},
		{"/volumes?filter=name%3D%27nvpool::*%27", 3, nil},
		{"/host-groups?total_item_count=true", 0, 0.0},
		{"/volumes/protection-groups", 0, nil},
	}
	for _, test := range tests {
		resp, body := s.ask(t, "GET", "/api/2.21"+test.path, token)
		items, _ := body["items"].([]any)
		if resp.StatusCode != 200 || len(items) != test.items || body["total_item_count"] != test.count {
			t.Errorf("%s: %s, %d items, count %v", test.path, resp.Status, len(items), body["total_item_count"])
		}
	}
	for _, method := range []string{"POST", "PATCH", "DELETE", "PUT"} {
		if resp, _ := s.ask(t, method, "/api/2.21/volumes?names=purepool::manual-vol", token); resp.StatusCode != 403 {
			t.Errorf("%s: %s", method, resp.Status)
		}
	}
	if resp, _ := s.ask(t, "GET", "/api/2.21/volumes?filter=created%3E1", token); resp.StatusCode != 400 {
		t.Errorf("a filter that is not known: %s", resp.Status)
	}
	if resp, _ := s.ask(t, "POST", "/api/2.21/logout", token); resp.StatusCode != 200 {
		t.Errorf("logout: %s", resp.Status)
	}
}

func stringsOf(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, one := range list {
		if s, ok := one.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func TestTheClockIsTheRecordings(t *testing.T) {
	s := openReplayed(t, stale)
	resp, _ := s.ask(t, "GET", "/api/api_version", "")
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	if recorded := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC); date.Before(recorded) || date.After(recorded.Add(3*time.Hour)) {
		t.Errorf("the array's clock says %s", date)
	}
}

// askLXD sends one request to LXD's socket and returns the answer's status, the
// number of things in it, and the things.
func (s *replayServer) askLXD(t *testing.T, method, path string) (status, n int, metadata string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.Socket)
	}}}
	req, err := http.NewRequest(method, "http://lxd"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body struct {
		Error    string
		Metadata json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	var list []any
	if json.Unmarshal(body.Metadata, &list) != nil {
		var byStatus map[string][]any
		_ = json.Unmarshal(body.Metadata, &byStatus) // another object has nothing that counts
		list = slices.Concat(slices.Collect(maps.Values(byStatus))...)
	}
	return resp.StatusCode, len(list), body.Error + string(body.Metadata)
}

func TestLXDIsReplayed(t *testing.T) {
	s := openReplayed(t, stale)
	const all = "?recursion=1&all-projects=true"
	for path, want := range map[string]int{
		"/1.0/storage-pools?recursion=1": 2, "/1.0/storage-pools/purepool/volumes" + all: 8,
		"/1.0/instances" + all: 1, "/1.0/operations" + all: 1, "/1.0/projects?recursion=1": 1,
	} {
		if status, n, _ := s.askLXD(t, "GET", path); status != http.StatusOK || n != want {
			t.Errorf("%s: status %d, and %d of %d", path, status, n, want)
		}
	}
	_, _, pools := s.askLXD(t, "GET", "/1.0/storage-pools?recursion=1")
	if n := strings.Count(pools, `"pure.gateway"`); n != 2 || strings.Count(pools, `"`+s.URL+`"`) != n {
		t.Errorf("the pools' gateways are not %s: %s", s.URL, pools)
	}
	status, _, pool := s.askLXD(t, "GET", "/1.0/storage-pools/nvpool")
	if status != http.StatusOK || !strings.Contains(pool, s.URL) || !strings.Contains(pool, "nvme/tcp") {
		t.Errorf("status %d: %s", status, pool)
	}
	if status, _, said := s.askLXD(t, "GET", "/1.0/cluster/members?recursion=1"); status == http.StatusOK || !strings.Contains(said, "not clustered") {
		t.Errorf("members: status %d: %s", status, said)
	}
	if status, _, _ := s.askLXD(t, "DELETE", "/1.0/storage-pools/purepool"); status != http.StatusForbidden {
		t.Errorf("deleting a pool of a recording: status %d", status)
	}
	if status, _, _ := s.askLXD(t, "GET", "/1.0/storage-pools/other"); status != http.StatusNotFound {
		t.Errorf("a pool that was not recorded: status %d", status)
	}
}

func TestEveryRecordingIsServed(t *testing.T) {
	for _, dir := range []string{recordingsDir + "01-healthy-attached", recordingsDir + "03-leak15210-late-device", stale} {
		s := openReplayed(t, dir)
		if status, _, _ := s.askLXD(t, "GET", "/1.0"); status != http.StatusOK {
			t.Errorf("%s: status %d", dir, status)
		}
		if len(s.Requests()) != 1 {
			t.Errorf("%s: requests %v", dir, s.Requests())
		}
	}
	if _, err := replay(t.TempDir(), nil); err == nil {
		t.Error("an empty directory was replayed")
	}
}

func TestOnlyTheGatewayIsRewritten(t *testing.T) {
	s := &replayServer{URL: "https://127.0.0.1:1"}
	in := []byte(`{"a":"https://10.77.9.1:8443","pure.gateway": "https://10.77.9.1:8443","b":[{"pure.gateway":"x"}]}`)
	want := []byte(`{"a":"https://10.77.9.1:8443","pure.gateway": "https://127.0.0.1:1","b":[{"pure.gateway":"https://127.0.0.1:1"}]}`)
	if got := s.rewrite(in); !bytes.Equal(got, want) {
		t.Errorf("%s", got)
	}
}

func TestUnpack(t *testing.T) {
	root := t.TempDir()
	if err := treefs.Unpack(recordingsDir+"01-healthy-attached/root.tar.gz", root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "sys/class/iscsi_session")); err != nil {
		t.Error(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "sys/block/vda")); err != nil || !strings.Contains(target, "devices") {
		t.Errorf("sys/block/vda leads to %q, %v", target, err)
	}
	if err := treefs.Unpack(recordingsDir+"01-healthy-attached/lxd/server.json", root); err == nil {
		t.Error("a file that is no archive was unpacked")
	}
}
