package replay

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canonical/lxd/client"
	"github.com/canonical/lxd/shared/api"
)

const stale = "testdata/05-stale-array-side"

func open(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Serve(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// ask sends one request to the array, logged in if token is set.
func (s *Server) ask(t *testing.T, method, path, token string) (*http.Response, map[string]any) {
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
	s := open(t, stale)
	if _, body := s.ask(t, "GET", "/api/api_version", ""); !strings.Contains(strings.Join(strs(body["version"]), " "), "2.21") {
		t.Errorf("versions %v", body)
	}
	if resp, _ := s.ask(t, "POST", "/api/2.21/login", "wrong"); resp.StatusCode != 400 {
		t.Errorf("a wrong token: %s", resp.Status)
	}
	resp, _ := s.ask(t, "POST", "/api/2.21/login", "11111111-2222-3333-4444-555555555555")
	token := resp.Header.Get("X-Auth-Token")
	if resp, _ := s.ask(t, "GET", "/api/2.21/volumes", ""); resp.StatusCode != 401 {
		t.Errorf("without a session: %s", resp.Status)
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

func strs(v any) []string {
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
	s := open(t, stale)
	resp, _ := s.ask(t, "GET", "/api/api_version", "")
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		t.Fatal(err)
	}
	if recorded := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC); date.Before(recorded) || date.After(recorded.Add(3*time.Hour)) {
		t.Errorf("the array's clock says %s", date)
	}
}

func TestLXDIsReplayed(t *testing.T) {
	s := open(t, stale)
	c, err := lxd.ConnectLXDUnix(s.Socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	pools, err := c.GetStoragePools()
	if err != nil || len(pools) != 2 {
		t.Fatalf("%+v, %v", pools, err)
	}
	for _, p := range pools {
		if p.Config["pure.gateway"] != s.URL {
			t.Errorf("pool %s has gateway %s", p.Name, p.Config["pure.gateway"])
		}
	}
	pool, _, err := c.GetStoragePool("nvpool")
	if err != nil || pool.Config["pure.gateway"] != s.URL || pool.Config["pure.mode"] != "nvme/tcp" {
		t.Errorf("%+v, %v", pool, err)
	}
	if volumes, err := c.GetStoragePoolVolumesAllProjects("purepool"); err != nil || len(volumes) != 8 {
		t.Errorf("%d volumes, %v", len(volumes), err)
	}
	if instances, err := c.GetInstancesAllProjects(api.InstanceTypeAny); err != nil || len(instances) != 1 {
		t.Errorf("%d instances, %v", len(instances), err)
	}
	if operations, err := c.GetOperationsAllProjects(); err != nil || len(operations) != 1 {
		t.Errorf("%d operations, %v", len(operations), err)
	}
	if projects, err := c.GetProjects(); err != nil || len(projects) != 1 {
		t.Errorf("%d projects, %v", len(projects), err)
	}
	if _, err := c.GetClusterMembers(); err == nil || !strings.Contains(err.Error(), "not clustered") {
		t.Errorf("members: %v", err)
	}
	if err := c.DeleteStoragePool("purepool"); err == nil {
		t.Error("a pool of a recording was deleted")
	}
	if _, _, err := c.GetStoragePool("other"); !api.StatusErrorCheck(err, http.StatusNotFound) {
		t.Errorf("a pool that was not recorded: %v", err)
	}
}

func TestEveryRecordingIsServed(t *testing.T) {
	for _, dir := range []string{"testdata/01-healthy-attached", "testdata/03-leak15210-late-device", stale} {
		s := open(t, dir)
		if _, err := lxd.ConnectLXDUnix(s.Socket, nil); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		if len(s.Requests()) != 1 {
			t.Errorf("%s: requests %v", dir, s.Requests())
		}
	}
	if _, err := Serve(t.TempDir()); err == nil {
		t.Error("an empty directory was replayed")
	}
}

func TestOnlyTheGatewayIsRewritten(t *testing.T) {
	s := &Server{URL: "https://127.0.0.1:1"}
	in := []byte(`{"a":"https://10.77.9.1:8443","pure.gateway": "https://10.77.9.1:8443","b":[{"pure.gateway":"x"}]}`)
	want := []byte(`{"a":"https://10.77.9.1:8443","pure.gateway": "https://127.0.0.1:1","b":[{"pure.gateway":"https://127.0.0.1:1"}]}`)
	if got := s.rewrite(in); !bytes.Equal(got, want) {
		t.Errorf("%s", got)
	}
}

func TestUnpack(t *testing.T) {
	root := t.TempDir()
	if err := Unpack("testdata/01-healthy-attached/root.tar.gz", root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "sys/class/iscsi_session")); err != nil {
		t.Error(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "sys/block/vda")); err != nil || !strings.Contains(target, "devices") {
		t.Errorf("sys/block/vda leads to %q, %v", target, err)
	}
	if err := Unpack("testdata/01-healthy-attached/lxd/server.json", root); err == nil {
		t.Error("a file that is no archive was unpacked")
	}
}
