package pure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/secret"
)

func TestSessionIsReusedAndClosed(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	if a := r.Observe(t.Context(), []string{"lxd"}); a.Trouble != "" {
		t.Fatal(a.Trouble)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if s.logins != 1 || len(s.requests("logout")) != 1 || len(s.valid) != 0 {
		t.Errorf("%d logins, %d logouts, %d sessions left", s.logins, len(s.requests("logout")), len(s.valid))
	}
	ids := map[string]bool{}
	for _, q := range s.requests("") {
		if len(q.RequestID) != 36 || ids[q.RequestID] {
			t.Errorf("request id %q of %s", q.RequestID, q.Path)
		}
		ids[q.RequestID] = true
	}
	if a := r.Observe(t.Context(), []string{"lxd"}); !strings.Contains(a.Trouble, "closed") || a.Volumes.IsComplete() {
		t.Errorf("reading after Close: %q", a.Trouble)
	}
}

func TestTokenFromAFileMayEndInANewline(t *testing.T) {
	s := newStub(t).fill()
	access := s.access()
	access.Token = secret.New(goodToken + "\n")
	if _, err := Open(t.Context(), access, testOptions(&waits{})); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "  \n", "two\nlines-of-text", "caf\u00e9-token"} {
		access.Token = secret.New(bad)
		_, err := Open(t.Context(), access, testOptions(&waits{}))
		if err == nil || Hint(err) == "" || bad != "" && strings.Contains(err.Error(), "lines-of") {
			t.Errorf("token %q: %v", bad, err)
		}
	}
}

func TestCloseLogsOutAfterACancel(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if len(s.valid) != 0 {
		t.Error("the session was left behind")
	}
}

func TestCloseOfASessionThatHasEnded(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	s.endSessions()
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if s.logins != 1 {
		t.Errorf("%d logins", s.logins)
	}
}

func TestCloseSaysWhatFailed(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		refuse(w, 503, "")
		return true
	}
	var e *Error
	if err := r.Close(t.Context()); !errors.As(err, &e) || e.Op != "log out" || e.Status != 503 {
		t.Errorf("%v", err)
	}
	if n := len(s.requests("logout")); n != 1 {
		t.Errorf("a logout was sent %d times", n)
	}
}

func TestOneLoginForAnEndedSession(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	s.endSessions()
	a := r.Observe(t.Context(), []string{"lxd"})
	if a.Trouble != "" || !a.Volumes.IsComplete() || !a.Connections.IsComplete() {
		t.Errorf("trouble %q", a.Trouble)
	}
	if s.logins != 2 {
		t.Errorf("%d logins, want the first and one more", s.logins)
	}
}

// All four lists that are read at once are answered 401 together, and the
// barrier makes sure that they are.
func TestConcurrentRefusalsLogInOnce(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	var barrier sync.WaitGroup
	barrier.Add(parallel)
	var mu sync.Mutex
	held := 0
	s.before = func(w http.ResponseWriter, q *http.Request, path string, _ int) bool {
		mu.Lock()
		hold := path != "login" && held < parallel
		if hold {
			held++
		}
		mu.Unlock()
		if !hold {
			return false
		}
		barrier.Done()
		barrier.Wait()
		refuse(w, 401, `{"errors":[{"message":"Invalid session."}]}`)
		return true
	}
	a := r.Observe(t.Context(), []string{"lxd"})
	if a.Trouble != "" || s.logins != 2 {
		t.Errorf("%d logins, want 2; trouble %q", s.logins, a.Trouble)
	}
}

func TestRefusedAgainAfterANewLogin(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path != "hosts" {
			return false
		}
		refuse(w, 401, `{"errors":[{"message":"Invalid session."}]}`)
		return true
	}
	a := r.Observe(t.Context(), []string{"lxd"})
	if n := len(s.requests("hosts")); n != 2 || s.logins != 2 {
		t.Errorf("hosts asked %d times, %d logins; want 2 and 2", n, s.logins)
	}
	if a.Hosts.IsComplete() || !strings.Contains(a.Hosts.Why(), "Invalid session.") || !a.Volumes.IsComplete() {
		t.Errorf("hosts: %s; volumes: %s", a.Hosts.Why(), a.Volumes.Why())
	}
	if !strings.Contains(a.Hint, "login") {
		t.Errorf("hint %q", a.Hint)
	}
}

func TestALoginRefusedIsNotRepeated(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	s.endSessions()
	refusing := true
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path != "login" || !refusing {
			return false
		}
		refuse(w, 400, `{"errors":[{"context":null,"message":"Unable to list user for API token."}]}`)
		return true
	}
	a := r.Observe(t.Context(), []string{"lxd"})
	if n := len(s.requests("login")); n != 2 {
		t.Errorf("%d logins sent, want the first and one more", n)
	}
	if !strings.HasPrefix(a.Trouble, "nothing could be read") || !strings.Contains(a.Hint, "pureadmin") {
		t.Errorf("trouble %q, hint %q", a.Trouble, a.Hint)
	}
	refusing = false
	if a := r.Observe(t.Context(), []string{"lxd"}); a.Trouble != "" {
		t.Errorf("the next time: %s", a.Trouble)
	}
}

func TestLoginIsTriedTwiceOnABrokenConnectionOnly(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   int
	}{
		{"broken", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, 2},
		{"refused", func(w http.ResponseWriter) {
			refuse(w, 400, `{"errors":[{"message":"Unable to list user for API token."}]}`)
		}, 1},
		{"busy", func(w http.ResponseWriter) { refuse(w, 503, "") }, 1},
		{"unauthorized", func(w http.ResponseWriter) { refuse(w, 401, "") }, 1},
		{"without a token", func(http.ResponseWriter) {}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t)
			s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
				if path == "login" {
					c.answer(w)
				}
				return path == "login"
			}
			_, err := Open(t.Context(), s.access(), testOptions(&waits{}))
			if n := len(s.requests("login")); n != c.want || err == nil || Hint(err) == "" {
				t.Errorf("%d logins, want %d; %v; hint %q", n, c.want, err, Hint(err))
			}
		})
	}
	s := newStub(t)
	s.before = func(_ http.ResponseWriter, _ *http.Request, path string, n int) bool {
		if path == "login" && n == 1 {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	if _, err := Open(t.Context(), s.access(), testOptions(&waits{})); err != nil {
		t.Errorf("the second login succeeds: %v", err)
	}
}

func TestRetries(t *testing.T) {
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			refuse(w, code, "")
		}
	}
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   int
		least  time.Duration // the first wait
	}{
		{"500", status(500), tries, 100 * time.Millisecond},
		{"502", status(502), tries, 100 * time.Millisecond},
		{"503", status(503), tries, 100 * time.Millisecond},
		{"broken", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, tries, 100 * time.Millisecond},
		{"cut", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"items":[`)
		}, tries, 100 * time.Millisecond},
		{"429", status(429), tries, 100 * time.Millisecond},
		{"429 for 7 s", status(429, "Retry-After", "7"), tries, 7 * time.Second},
		{"503 until a date", status(503, "Retry-After", "Sun, 22 Nov 2026 11:00:13 GMT"), tries, 12 * time.Second},
		{"429 for an hour", status(429, "Retry-After", "3600"), 1, 0},
		{"429 for a day", status(429, "Retry-After", "86400"), 1, 0},
		{"503 for longer than there are numbers", status(503, "Retry-After", "99999999999999999999"), 1, 0},
		{"429 until tomorrow", status(429, "Retry-After", "Mon, 23 Nov 2026 11:00:00 GMT"), 1, 0},
		{"429 until tomorrow by a clock that is years behind", status(429, "Date", "Mon, 22 Nov 2021 11:00:00 GMT", "Retry-After", "Tue, 23 Nov 2021 11:00:00 GMT"), 1, 0},
		{"429 until a date that has passed", status(429, "Retry-After", "Sun, 22 Nov 2026 10:00:00 GMT"), tries, 100 * time.Millisecond},
		{"429 for a negative time", status(429, "Retry-After", "-5"), tries, 100 * time.Millisecond},
		{"429 for garbage", status(429, "Retry-After", "soon"), tries, 100 * time.Millisecond},
		{"400", status(400), 1, 0},
		{"403", status(403), 1, 0},
		{"404", status(404), 1, 0},
		{"409", status(409), 1, 0},
		{"302", status(302, "Location", "https://elsewhere.example/"), 1, 0},
		{"half JSON", func(w http.ResponseWriter) { fmt.Fprint(w, `{"items":[`) }, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t).fill()
			pauses := &waits{}
			r, err := Open(t.Context(), s.access(), testOptions(pauses))
			if err != nil {
				t.Fatal(err)
			}
			s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
				if path == "hosts" {
					c.answer(w)
				}
				return path == "hosts"
			}
			a := r.Observe(t.Context(), []string{"lxd"})
			// net/http itself repeats a GET on connections that were used before.
			if n := len(s.requests("hosts")); n != c.want && (c.name != "broken" || n < c.want) {
				t.Errorf("asked %d times, want %d", n, c.want)
			}
			if a.Hosts.IsComplete() || a.Hosts.Items != nil || !a.Volumes.IsComplete() {
				t.Errorf("hosts %v, volumes: %s", a.Hosts, a.Volumes.Why())
			}
			if !strings.Contains(a.Trouble, "could not read hosts: list hosts: GET /api/2.26/hosts: ") {
				t.Errorf("trouble %q", a.Trouble)
			}
			all := pauses.all()
			if len(all) != c.want-1 {
				t.Fatalf("waited %v, want %d times", all, c.want-1)
			}
			for i, d := range all {
				if d < c.least || d > time.Minute || c.least < time.Second && d > 2*time.Second {
					t.Errorf("wait %d was %s", i, d)
				}
			}
			if c.want == tries && c.least < time.Second && all[2] < all[0] {
				t.Errorf("waits do not grow: %v", all)
			}
			if a.Requests != int(r.session.wire.requests.Load()) || a.Requests != len(s.requests("")) {
				t.Errorf("%d requests counted, %d seen", a.Requests, len(s.requests("")))
			}
		})
	}
}

// TestPausesAreTold: what is asked for is said, whether it is waited for or
// not, and so is what can't be understood.
func TestPausesAreTold(t *testing.T) {
	const yesterday, tomorrow = "Sat, 21 Nov 2026 11:00:00 GMT", "Mon, 23 Nov 2026 11:00:00 GMT"
	for _, c := range []struct {
		code         int
		header, date string
		said, hint   string
	}{
		{429, "86400", stubDate, "it asks to wait for 24h", "try again then"},
		{503, "86400", stubDate, "it asks to wait for 24h", "try again then"},
		{429, "2592000", stubDate, "it asks to wait for 30 days", "try again then"},
		{429, "99999999999999999999", stubDate, "it asks to wait for 106751 days", "try again then"},
		{429, " 3600 ", stubDate, "it asks to wait for 1h", "try again then"},
		{429, tomorrow, stubDate, "it asks to wait for 24h", "try again then"},
		{429, tomorrow, yesterday, "it asks to wait for 2 days", "try again then"},
		{429, tomorrow, "no date", "it asks to wait for 23h59m59s", "try again then"},
		{429, "Monday, 23-Nov-26 11:00:00 GMT", stubDate, "it asks to wait for 24h", "try again then"},
		{429, "7", stubDate, "it asks to wait for 7s", "too many requests"},
		{429, "-5", stubDate, `it asks to wait for "-5", which can't be understood`, "too many requests"},
		{429, "soon \x1b[2J", stubDate, `it asks to wait for "soon [2J", which can't be understood`, "too many requests"},
		{429, "0", stubDate, "", "too many requests"},
		{429, yesterday, stubDate, "", "too many requests"},
		{429, "", stubDate, "", "too many requests"},
	} {
		e := &Error{Op: "o", Method: "GET", Path: "/p", Status: c.code, kind: failedStatus}
		e.pause = retryAfter(http.Header{"Retry-After": {c.header}, "Date": {c.date}}, time.Date(2026, 11, 22, 11, 0, 1, 0, time.UTC))
		text := e.Error()
		if strings.Contains(text, "asks to wait") != (c.said != "") || !strings.Contains(text, c.said) || !strings.Contains(Hint(e), c.hint) {
			t.Errorf("%d, %q by %q: %s; hint %s", c.code, c.header, c.date, text, Hint(e))
		}
	}
}

// TestNoWaitBeyondTheDeadline: who has no time left is told at once.
func TestNoWaitBeyondTheDeadline(t *testing.T) {
	s := newStub(t).fill()
	pauses := &waits{}
	r, err := Open(t.Context(), s.access(), testOptions(pauses))
	if err != nil {
		t.Fatal(err)
	}
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path == "hosts" {
			w.Header().Set("Retry-After", "59")
			refuse(w, 503, "")
		}
		return path == "hosts"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 58*time.Second)
	defer cancel()
	a := r.Observe(ctx, []string{"lxd"})
	if waited := pauses.all(); len(waited) > 0 || !strings.Contains(a.Trouble, "it asks to wait for 59s") {
		t.Errorf("waited %v, trouble %q", waited, a.Trouble)
	}
}

func TestRetrySucceeds(t *testing.T) {
	s := newStub(t).fill()
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, n int) bool {
		if path == "login" || n > 1 {
			return false
		}
		refuse(w, 503, "")
		return true
	}
	r := s.open()
	a := r.Observe(t.Context(), []string{"lxd"})
	if a.Trouble != "" || a.Requests != 2*10+1 {
		t.Errorf("trouble %q after %d requests", a.Trouble, a.Requests)
	}
}

func TestCancelEndsEverythingAtOnce(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	s.before = func(_ http.ResponseWriter, q *http.Request, path string, _ int) bool {
		once.Do(cancel)
		<-q.Context().Done()
		return true
	}
	sent := r.Requests()
	a := r.Observe(ctx, []string{"lxd"})
	if a.Volumes.IsComplete() || !strings.HasPrefix(a.Trouble, "nothing could be read") || !strings.Contains(a.Trouble, "canceled") {
		t.Errorf("trouble %q", a.Trouble)
	}
	if a.Hint != "" {
		t.Errorf("advice to someone who pressed Ctrl-C: %q", a.Hint)
	}
	if n := r.Requests() - sent; n > 9 {
		t.Errorf("%d requests: it tried again", n)
	}
}

func TestDeadline(t *testing.T) {
	s := newStub(t).fill()
	release := make(chan struct{})
	s.before = func(w http.ResponseWriter, q *http.Request, path string, _ int) bool {
		if path != "hosts" {
			return false
		}
		fmt.Fprint(w, `{"items":[`) // the header and some body, then nothing
		w.(http.Flusher).Flush()
		select {
		case <-q.Context().Done():
		case <-release:
		}
		return true
	}
	t.Cleanup(func() { close(release) })
	options := testOptions(&waits{})
	options.Timeout = 100 * time.Millisecond
	r, err := Open(t.Context(), s.access(), options)
	if err != nil {
		t.Fatal(err)
	}
	a := r.Observe(t.Context(), []string{"lxd"})
	if !strings.Contains(a.Hosts.Why(), "no full answer within 100ms") || !strings.Contains(a.Hint, "firewall") {
		t.Errorf("why %q, hint %q", a.Hosts.Why(), a.Hint)
	}
	if n := len(s.requests("hosts")); n != tries {
		t.Errorf("asked %d times", n)
	}
}

func TestOptionsReachTheWire(t *testing.T) {
	s := newStub(t).fill()
	agents := map[string]bool{}
	s.before = func(_ http.ResponseWriter, q *http.Request, _ string, _ int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		agents[q.Header.Get("User-Agent")] = true
		return false
	}
	var wrapped int
	options := testOptions(&waits{})
	options.Wrap = func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(q *http.Request) (*http.Response, error) {
			s.mu.Lock()
			wrapped++
			s.mu.Unlock()
			return next.RoundTrip(q)
		})
	}
	var lines strings.Builder
	options.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r, err := Open(t.Context(), s.access(), options)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if wrapped != 3 || r.Requests() != 3 || !cmp.Equal(agents, map[string]bool{"pureclean/test": true}) {
		t.Errorf("%d wrapped, %d counted, agents %v", wrapped, r.Requests(), agents)
	}
	if n := strings.Count(lines.String(), "request="); n != 3 || strings.Contains(lines.String(), goodToken) {
		t.Errorf("log:\n%s", lines.String())
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whoever wraps the transport can't send through it what a reader must not.
func TestAReaderCanNotWrite(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	for _, c := range []struct{ method, path string }{
		{http.MethodPatch, "/api/2.26/volumes"},
		{http.MethodDelete, "/api/2.26/connections"},
		{http.MethodPut, "/api/2.26/volumes/tags/batch"},
		{http.MethodPost, "/api/2.26/volumes"},
		{http.MethodPost, "/api/2.26/volumes/login"},
		{http.MethodPost, "/api/login/login"},
		{http.MethodPost, "/login"},
		{http.MethodHead, "/api/2.26/volumes"},
	} {
		before := len(s.requests(""))
		err := r.session.change(t.Context(), call{op: "write", method: c.method, path: c.path}, nil)
		if !errors.Is(err, errReadOnly) || len(s.requests("")) != before {
			t.Errorf("%s %s: %v", c.method, c.path, err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/2.26/volumes", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.session.wire.client.Transport.RoundTrip(request); !errors.Is(err, errReadOnly) {
		t.Errorf("a GET with a body: %v", err)
	}
}
