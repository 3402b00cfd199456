package array

import (
	"net/url"
	"sync"
	"time"
)

// Request is one request that reached the array. Headers are not kept: they
// carry the tokens.
type Request struct {
	Time   time.Time
	Method string
	// Version is the REST version of the path, "2.21", empty for /api_version.
	Version string
	// Path is what follows it, "/volumes".
	Path  string
	Query url.Values
	// RequestID is the client's, or the one made for it.
	RequestID string
	UserAgent string
	// Status is the answer's; 0 when the connection was closed without one.
	Status int
}

type requestLog struct {
	mu  sync.Mutex
	all []*Request
}

func (l *requestLog) begin(r Request) *Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, &r)
	return &r
}

func (l *requestLog) end(r *Request, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Status = status
}

func (a *Array) Requests() []Request {
	a.requests.mu.Lock()
	defer a.requests.mu.Unlock()
	var all []Request
	for _, r := range a.requests.all {
		all = append(all, *r)
	}
	return all
}

func (a *Array) ResetRequests() {
	a.requests.mu.Lock()
	defer a.requests.mu.Unlock()
	a.requests.all = nil
}
