package array

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVersionsNeedNoLogin(t *testing.T) {
	c := start(t, Options{})
	c.token = ""
	r := c.send("GET", "/api/api_version", "", nil)
	if r.status != 200 || !strings.Contains(string(r.body), `"2.21"`) || strings.Contains(string(r.body), `"2.12"`) {
		t.Errorf("api_version: %d %s", r.status, r.body)
	}
	if !strings.HasPrefix(string(r.body), `{"version":["1.0",`) {
		t.Errorf("api_version does not begin with the oldest: %s", r.body)
	}
}

func TestVersionsServed(t *testing.T) {
	c := start(t, Options{})
	for version, want := range map[string]int{"2.21": 200, "2.36": 200, "2.0": 200, "2.12": 404, "2.37": 404, "1.19": 404, "3.0": 404, "x": 404} {
		c.version = version
		if r := c.send("GET", "/volumes", "", nil); r.status != want {
			t.Errorf("version %s: %d, want %d", version, r.status, want)
		}
	}
	c.version = "2.21"
	for _, path := range []string{"/nothing", "/volumes/nothing", "/", "/volumes/", "/volumes/space"} {
		r := c.send("GET", path, "", nil)
		if r.status != 404 || strings.Contains(string(r.body), `"errors"`) {
			t.Errorf("%s: %d %s, want 404 without errors[]", path, r.status, r.body)
		}
	}
	if r := c.send("PUT", "/volumes", "", nil); r.status != 405 {
		t.Errorf("PUT: %d, want 405", r.status)
	}
	if r := c.send("GET", "/login", "", nil); r.status != 405 {
		t.Errorf("GET login: %d, want 405", r.status)
	}
}

func TestLogin(t *testing.T) {
	c := start(t, Options{})
	r := c.send("POST", "/login", "", http.Header{"Api-Token": {c.array.Token()}})
	same(t, "login", `{"items":[{"username":"pureuser"}]}`, string(r.body))
	if r.header.Get("x-auth-token") == "" {
		t.Error("no session token")
	}
	for _, bad := range []http.Header{{"Api-Token": {"00000000-0000-0000-0000-000000000000"}}, {}} {
		r := c.send("POST", "/login", "", bad)
		if r.header.Get("x-auth-token") != "" {
			t.Error("a session token for a bad API token")
		}
		same(t, "bad token", `{"errors":[{"context":null,"message":"Unable to list user for API token."}]}`, string(r.body))
		same(t, "status", 400, r.status)
	}
}

func TestSessionEnds(t *testing.T) {
	const minutes = 30
	for _, tc := range []struct {
		name     string
		absolute bool
		end      func(*client)
		want     int
	}{
		{"used", false, func(c *client) {}, 200},
		{"almost idle", false, func(c *client) { c.clock.Advance(minutes*time.Minute - time.Second) }, 200},
		{"idle", false, func(c *client) { c.clock.Advance(minutes * time.Minute) }, 401},
		{"kept alive", false, func(c *client) {
			for range 4 {
				c.clock.Advance(minutes * time.Minute / 2)
				c.get("/volumes")
			}
		}, 200},
		{"kept alive, absolute", true, func(c *client) {
			c.clock.Advance(minutes * time.Minute / 2)
			c.get("/volumes")
			c.clock.Advance(minutes * time.Minute / 2)
		}, 401},
		{"logout", false, func(c *client) {
			if r := c.send("POST", "/logout", "", nil); r.status != 200 || len(r.body) != 0 {
				c.t.Errorf("logout: %d %s", r.status, r.body)
			}
		}, 401},
		{"expired", false, func(c *client) { c.array.ExpireSessions() }, 401},
		{"no token", false, func(c *client) { c.token = "" }, 401},
		{"wrong token", false, func(c *client) { c.token = "x" }, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, Options{Name: "fa1", Unverified: Unverified{AbsoluteSession: tc.absolute}})
			tc.end(c)
			r := c.send("GET", "/volumes", "", nil)
			same(t, "status", tc.want, r.status)
			if tc.want == 401 {
				same(t, "body", `{"errors":[{"message":"Invalid session.","location_context":{"name":"fa1","id":null,"resource_type":"remote-arrays"}}]}`, string(r.body))
				if tc.name == "idle" {
					same(t, "sessions", 0, c.array.Sessions())
				}
				c.token = ""
				c.login()
				c.get("/volumes")
				same(t, "sessions", true, c.array.Sessions() > 0)
			}
		})
	}
}

func TestUnauthorizedChangesNothing(t *testing.T) {
	c := start(t, Options{})
	c.array.ExpireSessions()
	c.send("POST", "/volumes"+query("names", "v"), `{"provisioned":1073741824}`, nil)
	if _, found := c.array.Volume("v"); found {
		t.Error("a volume was made without a session")
	}
}

func TestReadOnlyUser(t *testing.T) {
	c := start(t, Options{})
	c.token = ""
	r := c.send("POST", "/login", "", http.Header{"Api-Token": {c.array.ReadOnlyToken()}})
	c.token = r.header.Get("x-auth-token")
	c.get("/volumes")
	r = c.send("POST", "/volumes"+query("names", "v"), `{}`, nil)
	if r.status != 403 || !strings.HasPrefix(string(r.body), `{"message":`) {
		t.Errorf("read-only POST: %d %s", r.status, r.body)
	}
	if len(c.array.Volumes()) != 0 {
		t.Error("a read-only user made a volume")
	}
}

func TestHeaders(t *testing.T) {
	c := start(t, Options{})
	c.clock.Advance(time.Hour)
	r := c.send("GET", "/volumes", "", http.Header{"X-Request-Id": {"mine-1"}})
	same(t, "X-Request-ID", "mine-1", r.header.Get("X-Request-ID"))
	same(t, "Date", "Sun, 22 Nov 2026 13:00:00 GMT", r.header.Get("Date"))
	first, second := c.send("GET", "/volumes", "", nil), c.send("GET", "/volumes", "", nil)
	if a, b := first.header.Get("X-Request-ID"), second.header.Get("X-Request-ID"); len(a) != 36 || a == b {
		t.Errorf("generated X-Request-IDs %q and %q", a, b)
	}
}

func TestRequestsAreRecorded(t *testing.T) {
	c := start(t, Options{})
	c.array.ResetRequests()
	c.send("GET", "/volumes"+query("filter", "name='a'", "filter", "name='b'"), "", http.Header{"X-Request-Id": {"r1"}, "User-Agent": {"tester"}})
	c.send("GET", "/api/api_version", "", nil)
	c.send("GET", "/nothing", "", nil)
	got := c.array.Requests()
	if len(got) != 3 {
		t.Fatalf("%d requests, want 3", len(got))
	}
	want := Request{
		Time: c.clock.Now(), Method: "GET", Version: "2.21", Path: "/volumes", RequestID: "r1", UserAgent: "tester", Status: 200,
		Query: map[string][]string{"filter": {"name='a'", "name='b'"}},
	}
	same(t, "first", want, got[0])
	same(t, "second path", "/api_version", got[1].Path)
	same(t, "third status", 404, got[2].Status)
}

func TestAudits(t *testing.T) {
	c := start(t, Options{})
	c.do("POST", "/volumes"+query("names", "v"), `{"provisioned":1073741824}`)
	c.do("PATCH", "/volumes"+query("names", "v"), `{"destroyed":true}`)
	c.refused("PATCH", "/volumes"+query("names", "v"), `{"destroyed":true}`, "v: Volume has been deleted.")
	var got []string
	for _, a := range c.get("/audits" + query("filter", "contains(arguments,'v')")) {
		got = append(got, a["subcommand"].(string)+" "+a["arguments"].(string))
		equal(t, a, "time", int(c.clock.Now().UnixMilli()))
		equal(t, a, "user", "pureuser")
	}
	if !slices.Equal(got, []string{"create v", "destroy v"}) {
		t.Errorf("audits %q", got)
	}
}

func TestUnknownParameters(t *testing.T) {
	c := start(t, Options{})
	c.refused("GET", "/volumes"+query("filters", "name='x'"), "", "filters: Unknown query parameter.")
	lax := start(t, Options{Unverified: Unverified{AcceptUnknownParameters: true}})
	lax.get("/volumes" + query("filters", "name='x'"))
}
