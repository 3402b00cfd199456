package array

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// client talks to an array over real HTTPS with its certificate verified.
type client struct {
	t       *testing.T
	array   *Array
	clock   *fabric.Clock
	url     string
	version string
	token   string
	http    *http.Client
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

type row = map[string]any

// start serves an array and logs in.
func start(t *testing.T, o Options) *client {
	t.Helper()
	if o.Clock == nil {
		o.Clock = fabric.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	}
	a := New(o)
	s, err := a.Serve()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CertPEM) {
		t.Fatal("the server's certificate is not PEM")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	c := &client{t: t, array: a, clock: o.Clock, url: s.URL, version: "2.21", http: &http.Client{Transport: transport}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	c.login()
	return c
}

func (c *client) login() {
	c.t.Helper()
	r := c.send("POST", "/login", "", http.Header{"Api-Token": {c.array.Token()}})
	if r.status != 200 {
		c.t.Fatalf("login: %d %s %v", r.status, r.body, r.err)
	}
	c.token = r.header.Get("X-Auth-Token")
}

// send sends a request; a path that begins with /api is taken as it is.
func (c *client) send(method, path, body string, header http.Header) reply {
	c.t.Helper()
	full := c.url + "/api/" + c.version + path
	if strings.HasPrefix(path, "/api") {
		full = c.url + path
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, full, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range header {
		request.Header[k] = v
	}
	if c.token != "" {
		request.Header.Set("x-auth-token", c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, data, err}
}

// query joins names and values to a query string.
func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

// do sends a request that must succeed and returns its items.
func (c *client) do(method, path, body string) []row {
	c.t.Helper()
	r := c.send(method, path, body, nil)
	if r.err != nil || r.status != 200 {
		c.t.Fatalf("%s %s %s: %d %s %v", method, path, body, r.status, r.body, r.err)
	}
	if len(r.body) == 0 {
		return nil
	}
	return c.envelope(r).Items
}

func (c *client) get(path string) []row {
	c.t.Helper()
	return c.do("GET", path, "")
}

// one gets a list of exactly one item.
func (c *client) one(path string) row {
	c.t.Helper()
	items := c.get(path)
	if len(items) != 1 {
		c.t.Fatalf("GET %s: %d items, want 1: %v", path, len(items), items)
	}
	return items[0]
}

// refused sends a request that must be answered with 400 and these errors,
// each "context: message" ("null: message" without one).
func (c *client) refused(method, path, body string, want ...string) {
	c.t.Helper()
	r := c.send(method, path, body, nil)
	if r.status != 400 {
		c.t.Errorf("%s %s %s: %d %s %v, want 400", method, path, body, r.status, r.body, r.err)
		return
	}
	var got struct {
		Errors []struct {
			Context *string
			Message string
		}
	}
	if err := json.Unmarshal(r.body, &got); err != nil {
		c.t.Errorf("%s %s: %v in %s", method, path, err, r.body)
		return
	}
	var texts []string
	for _, e := range got.Errors {
		context := "null"
		if e.Context != nil {
			context = *e.Context
		}
		texts = append(texts, context+": "+e.Message)
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		c.t.Errorf("%s %s %s: errors (-want +got):\n%s", method, path, body, diff)
	}
}

type envelope struct {
	Token *string `json:"continuation_token"`
	Items []row   `json:"items"`
	More  bool    `json:"more_items_remaining"`
	Count *int    `json:"total_item_count"`
	Total []row   `json:"total"`
}

func (c *client) envelope(r reply) envelope {
	c.t.Helper()
	var e envelope
	if err := json.Unmarshal(r.body, &e); err != nil {
		c.t.Fatalf("%v in %s", err, r.body)
	}
	return e
}

func (c *client) page(path string) envelope {
	c.t.Helper()
	r := c.send("GET", path, "", nil)
	if r.status != 200 {
		c.t.Fatalf("GET %s: %d %s %v", path, r.status, r.body, r.err)
	}
	return c.envelope(r)
}

// at reads "pod.name" out of a row.
func at(r row, path string) any {
	var v any = r
	for _, p := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return fmt.Sprintf("no %s in %v", p, v)
		}
		if v, ok = m[p]; !ok {
			return "no " + p
		}
	}
	return v
}

func names(items []row) []string {
	var all []string
	for _, r := range items {
		all = append(all, fmt.Sprint(r["name"]))
	}
	return all
}

// equal compares what a path names in a row.
func equal(t *testing.T, r row, path string, want any) {
	t.Helper()
	if n, ok := want.(int); ok {
		want = float64(n)
	}
	if diff := cmp.Diff(want, at(r, path)); diff != "" {
		t.Errorf("%s of %v (-want +got):\n%s", path, r["name"], diff)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// must stops the test at an error of building its world.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const gib = 1 << 30

// volume makes a volume.
func (c *client) volume(name string) Volume {
	c.t.Helper()
	v, err := c.array.CreateVolume(name, gib, VolumeOptions{})
	must(c.t, err)
	return v
}
