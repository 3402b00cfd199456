package array

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const pathVolumes = "/volumes"

func post(c *client, name string) reply {
	return c.send("POST", pathVolumes+query("names", name), "", nil)
}

// Each fault that answers in place of the array, with and without doing what
// was asked.
func TestFaultsOfChanges(t *testing.T) {
	for _, tc := range []struct {
		fault  Fault
		status int // 0 is a closed connection
		body   string
		done   bool
	}{
		{Fault{Kind: Drop}, 0, "", false},
		{Fault{Kind: Drop, Done: true}, 0, "", true},
		{Fault{Kind: LoseReply}, 0, "", true},
		{Fault{Kind: HalfBody}, 0, "", true},
		{Fault{Kind: Unauthorized}, 401, `"Invalid session."`, false},
		{Fault{Kind: Forbidden}, 403, `{"message":`, false},
		{Fault{Kind: TooMany}, 429, `{"message":"API rate limit exceeded"}`, false},
		{Fault{Kind: ServerError}, 503, "<html>", false},
		{Fault{Kind: ServerError, Status: 502}, 502, "502 Bad Gateway", false},
		{Fault{Kind: ServerError, Status: 504, Done: true}, 504, "<html>", true},
		{Fault{Kind: ServerError, Status: 500, Body: `{"errors":[]}`}, 500, `{"errors":[]}`, false},
		{Fault{Kind: Lie}, 200, "", false},
		{Fault{Kind: Reply, Status: 400, Body: `{"errors":[{"context":"v","message":"Odd."}]}`}, 400, "Odd.", false},
		{Fault{Kind: Reply, Body: "{"}, 200, "{", false},
	} {
		t.Run(fmt.Sprintf("%s %d %v", tc.fault.Kind, tc.fault.Status, tc.fault.Done), func(t *testing.T) {
			c := start(t, Options{})
			tc.fault.Method, tc.fault.Path, tc.fault.Times = "POST", pathVolumes, 1
			c.array.Inject(tc.fault)
			c.array.ResetRequests()
			r := post(c, "v")
			if (r.err != nil) != (tc.status == 0) || r.err == nil && r.status != tc.status {
				t.Fatalf("status %d, error %v; want %d", r.status, r.err, tc.status)
			}
			if !strings.Contains(string(r.body), tc.body) {
				t.Errorf("body %q, want %q in it", r.body, tc.body)
			}
			if _, found := c.array.Volume("v"); found != tc.done {
				t.Errorf("done: %v, want %v", found, tc.done)
			}
			if got := c.array.Requests()[0].Status; got != tc.status && tc.fault.Kind != HalfBody {
				t.Errorf("recorded status %d, want %d", got, tc.status)
			}
			// Used up: the next call is as always.
			if r := post(c, "next"); r.status != 200 {
				t.Errorf("the call after: %d %s %v", r.status, r.body, r.err)
			}
		})
	}
}

func TestFaultSelection(t *testing.T) {
	c := start(t, Options{})
	c.volumes(2)
	hit := func(f Fault, method, path string) bool {
		t.Helper()
		f.Kind = ServerError
		remove := c.array.Inject(f)
		defer remove()
		return c.send(method, path, "", nil).status == 503
	}
	for _, tc := range []struct {
		f            Fault
		method, path string
		want         bool
	}{
		{Fault{}, "GET", "/volumes", true},
		{Fault{Method: "get"}, "GET", "/volumes", true},
		{Fault{Method: "DELETE"}, "GET", "/volumes", false},
		{Fault{Path: "/volumes"}, "GET", "/volumes", true},
		{Fault{Path: "/volumes"}, "GET", "/volumes/performance", false},
		{Fault{Path: "/volumes*"}, "GET", "/volumes/performance", true},
		{Fault{Path: "/api_version"}, "GET", "/api/api_version", true},
		{Fault{Path: "/login"}, "POST", "/login", true},
		{Fault{Query: map[string]string{"names": "v000"}}, "GET", "/volumes" + query("names", "v000"), true},
		{Fault{Query: map[string]string{"names": "v00*"}}, "GET", "/volumes" + query("names", "v000,v001"), true},
		{Fault{Query: map[string]string{"names": "v001"}}, "GET", "/volumes" + query("names", "v000"), false},
		{Fault{Query: map[string]string{"continuation_token": ""}}, "GET", "/volumes", true},
		{Fault{Query: map[string]string{"continuation_token": ""}}, "GET", "/volumes?continuation_token=x", false},
	} {
		if got := hit(tc.f, tc.method, tc.path); got != tc.want {
			t.Errorf("%+v on %s %s: %v", tc.f, tc.method, tc.path, got)
		}
	}

	c.array.Inject(Fault{Path: "/volumes", Kind: ServerError, Skip: 1, Times: 2})
	var got []int
	for range 5 {
		got = append(got, c.send("GET", "/volumes", "", nil).status)
	}
	same(t, "skip 1, times 2", []int{200, 503, 503, 200, 200}, got)

	// The first injected decides, and each counts on its own.
	remove := c.array.Inject(Fault{Kind: Forbidden, Times: 1})
	c.array.Inject(Fault{Kind: TooMany, Times: 2})
	got = nil
	for range 3 {
		got = append(got, c.send("GET", "/volumes", "", nil).status)
	}
	same(t, "two faults", []int{403, 429, 200}, got)
	remove()
	remove() // twice does no harm
}

func TestTooManyHasHeaders(t *testing.T) {
	c := start(t, Options{})
	c.array.Inject(Fault{Kind: TooMany})
	r := c.send("GET", "/volumes", "", nil)
	same(t, "header", "0", r.header.Get("X-RateLimit-Remaining-Second"))
	r = c.send("POST", "/login", "", http.Header{"Api-Token": {c.array.Token()}})
	same(t, "token", "", r.header.Get("x-auth-token"))
}

func TestFailedLoginGivesNoToken(t *testing.T) {
	c := start(t, Options{})
	for _, f := range []Fault{{Kind: ServerError, Done: true}, {Kind: Lie}} {
		remove := c.array.Inject(f)
		r := c.send("POST", "/login", "", http.Header{"Api-Token": {c.array.Token()}})
		same(t, "token", "", r.header.Get("x-auth-token"))
		remove()
	}
}

func TestLieToAList(t *testing.T) {
	c := start(t, Options{})
	c.volumes(3)
	c.array.Inject(Fault{Kind: Lie})
	e := c.page("/volumes?total_item_count=true")
	if len(e.Items) != 0 || e.More || e.Count == nil || *e.Count != 0 {
		t.Errorf("%+v", e)
	}
}

func TestPageFaults(t *testing.T) {
	c := start(t, Options{PageSize: 2})
	c.volumes(6)
	path := "/volumes?limit=2&total_item_count=true"
	remove := c.array.Inject(Fault{Kind: ShortPage, Skip: 1, Times: 1})
	items, _ := c.walk(path)
	same(t, "short page", []string{"v000", "v001", "v002"}, names(items))
	remove()
	remove = c.array.Inject(Fault{Kind: LostPage, Skip: 1, Times: 1})
	items, _ = c.walk(path)
	same(t, "lost page", []string{"v000", "v001", "v004", "v005"}, names(items))
	remove()
	c.array.Inject(Fault{Kind: ShortPage, Times: 1})
	same(t, "true count of a short page", 6, *c.page(path).Count)
	items, _ = c.walk(path)
	same(t, "without faults", 6, len(items))
}

func TestHalfBody(t *testing.T) {
	c := start(t, Options{})
	c.volumes(3)
	c.array.Inject(Fault{Kind: HalfBody})
	r := c.send("GET", "/volumes", "", nil)
	if !errors.Is(r.err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want an unexpected end", r.err)
	}
	if len(r.body) == 0 || json.Valid(r.body) {
		t.Errorf("body %q is none or whole", r.body)
	}
}

func TestWrongType(t *testing.T) {
	c := start(t, Options{})
	c.volume("v")
	c.array.Inject(Fault{Kind: WrongType})
	r := c.send("GET", "/volumes", "", nil)
	if !strings.Contains(string(r.body), `"items":"unexpected"`) || !json.Valid(r.body) {
		t.Errorf("%s", r.body)
	}
}

func TestDelay(t *testing.T) {
	c := start(t, Options{})
	var waited time.Duration
	remove := c.array.Inject(Fault{Path: "/volumes", Kind: Delay, Wait: func(context.Context) error {
		waited += time.Minute
		c.clock.Advance(time.Minute)
		return nil
	}})
	r := post(c, "v")
	same(t, "status", 200, r.status)
	same(t, "waited", time.Minute, waited)
	equal(t, c.one("/volumes"), "created", int(c.clock.Now().Add(-time.Minute).UnixMilli()))
	remove()

	// A delay comes on top of another fault, and its error drops the call.
	remove = c.array.Inject(Fault{Kind: Delay, Wait: func(context.Context) error { return nil }})
	c.array.Inject(Fault{Kind: ServerError, Times: 1})
	same(t, "with another fault", 503, c.send("GET", "/volumes", "", nil).status)
	remove()
	remove = c.array.Inject(Fault{Kind: Delay, Wait: func(context.Context) error { return errors.New("no") }})
	if r := post(c, "w"); r.err == nil {
		t.Error("an answer after a failed wait")
	}
	remove()
	same(t, "volumes", []string{"v"}, names(c.get("/volumes")))
}

// arrived reports that the array has received a call.
func arrived(a *Array, method, path string) bool {
	return slices.ContainsFunc(a.Requests(), func(r Request) bool { return r.Method == method && r.Path == path })
}

// Without a Wait a call hangs until it is released or given up.
func TestHang(t *testing.T) {
	c := start(t, Options{})
	remove := c.array.Inject(Fault{Method: "POST", Path: "/volumes", Kind: Delay})
	answered := make(chan reply)
	go func() { answered <- post(c, "v") }()
	for !arrived(c.array, "POST", "/volumes") {
		runtime.Gosched()
	}
	same(t, "another call meanwhile", 200, c.send("GET", "/pods", "", nil).status)
	select {
	case r := <-answered:
		t.Fatalf("answered before the release: %d", r.status)
	default:
	}
	remove()
	same(t, "after the release", 200, (<-answered).status)

	defer c.array.Inject(Fault{Kind: Delay})()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", c.url+"/api/2.21/volumes", nil)
	must(t, err)
	c.array.ResetRequests()
	failed := make(chan error)
	go func() {
		response, err := c.http.Do(request)
		if err == nil {
			err = response.Body.Close()
		}
		failed <- err
	}()
	for !arrived(c.array, "GET", "/volumes") {
		runtime.Gosched()
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("a call given up: %v", err)
	}
}
