package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// What the witnesses of a repair take to answer. The array's is the goal's: a
// real one was not measured. LXD's is of its own two kinds of lists: a name is a
// row of one query, and for a row of volumes LXD looks for users.
const (
	arrayRequest = 50 * time.Millisecond
	arrayRow     = time.Millisecond
	lxdRequest   = 5 * time.Millisecond
	lxdName      = 2 * time.Microsecond
	lxdRow       = 100 * time.Microsecond
	// quiet is how long nobody has to ask anything new until the next answer is
	// given: by then everybody waits for one. A page of a thousand rows has to be
	// read before more is asked for.
	quiet = 20 * time.Millisecond
)

// timeline makes answers slow by a clock of its own, so that nobody has to wait
// as long: an answer is held back until everybody waits, and then the one that
// is due first is given, and it is that time. What is asked side by side thus
// takes as long as the longest of it, as it would.
type timeline struct {
	clock *fabric.Clock
	mu    sync.Mutex
	held  []*answer
	timer *time.Timer
	// asking is how long answers were waited for, in all.
	asking time.Duration
}

type answer struct {
	due   time.Time
	given chan struct{}
}

// hold returns when d has passed.
func (t *timeline) hold(d time.Duration) {
	one := &answer{t.clock.Now().Add(d), make(chan struct{})}
	t.mu.Lock()
	t.held = append(t.held, one)
	if t.timer == nil {
		t.timer = time.AfterFunc(quiet, t.give)
	} else {
		t.timer.Reset(quiet)
	}
	t.mu.Unlock()
	<-one.given
}

// give gives the answer that is due first.
func (t *timeline) give() {
	one := t.first()
	if one == nil {
		return
	}
	// Without the lock: the clock tells others, who may ask for waited.
	d := max(one.due.Sub(t.clock.Now()), 0)
	t.clock.Advance(d)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asking += d
	close(one.given)
	t.timer.Reset(quiet)
}

func (t *timeline) first() *answer {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.held) == 0 {
		return nil
	}
	one := slices.MinFunc(t.held, func(a, b *answer) int { return a.due.Compare(b.due) })
	t.held = slices.DeleteFunc(t.held, func(other *answer) bool { return other == one })
	return one
}

// waited is how long answers were waited for.
func (t *timeline) waited() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asking
}

// slow is an array that takes its time for each request and each row, and says
// who asked what.
func (t *timeline) slow(array http.Handler, asked func(r *http.Request, rows, bytes int)) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		made := httptest.NewRecorder()
		array.ServeHTTP(made, r)
		var page struct {
			Items []json.RawMessage `json:"items"`
		}
		_ = json.Unmarshal(made.Body.Bytes(), &page) // what is no list has no rows
		asked(r, len(page.Items), made.Body.Len())
		t.hold(arrayRequest + time.Duration(len(page.Items))*arrayRow)
		pass(rw, made)
	})
}

// slowLXD is the same of LXD, by what its lists have.
func (t *timeline) slowLXD(lxd http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		made := httptest.NewRecorder()
		lxd.ServeHTTP(made, r)
		took := lxdRequest
		switch deep := r.URL.Query().Has("recursion"); {
		case deep:
			took += time.Duration(bytes.Count(made.Body.Bytes(), []byte(`"config":`))) * lxdRow
		case strings.HasSuffix(r.URL.Path, "/volumes"):
			took += time.Duration(bytes.Count(made.Body.Bytes(), []byte(`,`))) * lxdName
		}
		t.hold(took)
		pass(rw, made)
	})
}

func pass(rw http.ResponseWriter, made *httptest.ResponseRecorder) {
	maps.Copy(rw.Header(), made.Header())
	rw.WriteHeader(made.Code)
	_, _ = rw.Write(made.Body.Bytes()) // a client that has gone is no matter here
}
