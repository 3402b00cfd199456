package array

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

type FaultKind string

// The kinds of faults. Unless Fault.Done says otherwise, a call that is
// answered with an error or a lie, or dropped, has done nothing.
const (
	// Drop closes the connection before anything is done.
	Drop FaultKind = "drop"
	// LoseReply does what was asked and then closes the connection.
	LoseReply FaultKind = "lose-reply"
	// Delay waits before the call is carried out, see Fault.Wait.
	Delay FaultKind = "delay"
	// Unauthorized answers 401 as if the session had ended.
	Unauthorized FaultKind = "unauthorized"
	// Forbidden answers 403 in the gateway's shape, {"message": ...}.
	Forbidden FaultKind = "forbidden"
	// TooMany answers 429 in the gateway's shape, with X-RateLimit headers.
	TooMany FaultKind = "too-many"
	// ServerError answers Status (503 if none) with an HTML page.
	ServerError FaultKind = "server-error"
	// Lie answers 200 as if all were well: nothing to a change, no items to a list.
	Lie FaultKind = "lie"
	// Reply answers Status (200 if none) with Body.
	Reply FaultKind = "reply"
	// ShortPage leaves out the second half of a page's items and says that
	// no more remain. The count of all items stays true.
	ShortPage FaultKind = "short-page"
	// LostPage gives the page after the one asked for.
	LostPage FaultKind = "lost-page"
	// HalfBody closes the connection in the middle of the body.
	HalfBody FaultKind = "half-body"
	// WrongType has text in place of the items.
	WrongType FaultKind = "wrong-type"
)

// Fault is something that goes wrong with certain calls.
type Fault struct {
	Method string
	// Path is the one below the version, such as "/connections", in which *
	// is any text; empty for any. "/login" and "/api_version" are paths too.
	Path string
	// Query must be in the call: a parameter's values, joined with commas,
	// in which * is any text. An empty text asks that it is absent.
	Query map[string]string
	// Skip calls that match are left alone, then Times are hit, 0 for all.
	Skip, Times int
	Kind        FaultKind
	// Status and Body replace what the kind answers with.
	Status int
	Body   string
	// Done carries the call out before an error is answered or the
	// connection dropped, as a gateway that gives up too early does.
	Done bool
	// Wait waits in place of the clock on the wall; it may advance the
	// simulated one. Nil waits until the client gives up or the fault is
	// removed. An error closes the connection with nothing done.
	Wait func(context.Context) error
}

type faults struct {
	mu  sync.Mutex
	all []*injected
}

type injected struct {
	Fault
	seen    int
	removed chan struct{}
}

// Inject makes calls go wrong until the fault is used up or removed. The
// first injected of several faults that hit the same call decides; delays
// come on top.
func (a *Array) Inject(f Fault) (remove func()) {
	one := &injected{Fault: f, removed: make(chan struct{})}
	a.faults.mu.Lock()
	a.faults.all = append(a.faults.all, one)
	a.faults.mu.Unlock()
	var once sync.Once
	return func() {
		once.Do(func() {
			a.faults.mu.Lock()
			a.faults.all = without(a.faults.all, one)
			a.faults.mu.Unlock()
			close(one.removed)
		})
	}
}

type hit struct {
	delays []*injected
	fault  *Fault
}

// match counts the call with every fault that it matches.
func (f *faults) match(method, path string, query url.Values) *hit {
	f.mu.Lock()
	defer f.mu.Unlock()
	var h hit
	for _, one := range f.all {
		if !one.matches(method, path, query) {
			continue
		}
		one.seen++
		if one.seen <= one.Skip || one.Times > 0 && one.seen > one.Skip+one.Times {
			continue
		}
		switch {
		case one.Kind == Delay:
			h.delays = append(h.delays, one)
		case h.fault == nil:
			h.fault = &one.Fault
		}
	}
	return &h
}

func (f *Fault) matches(method, path string, query url.Values) bool {
	if f.Method != "" && !strings.EqualFold(f.Method, method) || f.Path != "" && !wildcard(f.Path, path) {
		return false
	}
	for parameter, pattern := range f.Query {
		if !wildcard(pattern, strings.Join(query[parameter], ",")) {
			return false
		}
	}
	return true
}

func (h *hit) wait(ctx context.Context) error {
	for _, d := range h.delays {
		if d.Wait != nil {
			if err := d.Wait(ctx); err != nil {
				return err
			}
			continue
		}
		select {
		case <-d.removed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// answer gives the answer of a kind that needs none of the call's own.
func (f *Fault) answer(a *Array, r *http.Request, header http.Header, reply func(status int, body []byte, contentType string)) {
	usual := map[FaultKind]struct {
		status int
		body   string
	}{
		Unauthorized: {http.StatusUnauthorized, string(a.unauthorized())},
		Forbidden:    {http.StatusForbidden, kongForbidden},
		TooMany:      {http.StatusTooManyRequests, kongTooMany},
		ServerError:  {http.StatusServiceUnavailable, ""},
		Lie:          {http.StatusOK, lie(r)},
	}[f.Kind]
	status, body := cmp.Or(f.Status, usual.status, http.StatusOK), cmp.Or(f.Body, usual.body)
	if f.Kind == TooMany {
		header.Set("X-RateLimit-Limit-Second", "10")
		header.Set("X-RateLimit-Remaining-Second", "0")
	}
	if f.Kind == ServerError && f.Body == "" {
		reply(status, htmlPage(status), "text/html")
		return
	}
	reply(status, []byte(body), jsonType)
}

// lie is an answer in which nothing is wrong but the truth.
func lie(r *http.Request) string {
	if r.Method != http.MethodGet {
		return ""
	}
	count := "null"
	if r.URL.Query().Get("total_item_count") == "true" || r.URL.Query().Get("limit") == "0" {
		count = "0"
	}
	return `{"continuation_token":null,"items":[],"more_items_remaining":false,"total_item_count":` + count + `}`
}

// wrongType puts text in place of an answer's items. An answer without any
// stays as it is.
func wrongType(body []byte) []byte {
	var envelope map[string]json.RawMessage
	if err := json.Unmarshal(body, &envelope); err != nil || envelope["items"] == nil {
		return body
	}
	envelope["items"] = json.RawMessage(`"unexpected"`)
	twisted, _ := json.Marshal(envelope) // what was just read
	return twisted
}
