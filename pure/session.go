package pure

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/secret"
)

const (
	// tries is how often a GET is sent at most.
	tries = 4
	// logoutTimeout bounds the good-bye.
	logoutTimeout = 3 * time.Second
)

// session is a login at one array. It can send any method and takes no
// interest in what is sent: that is for Reader, and for the transport that
// was put below it.
type session struct {
	wire   *wire
	memory memory
	// api is the version spoken, newest the newest that the array offers.
	api, newest version
	token       secret.Text
	// user is whom the array took the token for, set by a login.
	user  string
	sleep func(context.Context, time.Duration) error
	// running holds one for each GET that runs.
	running chan struct{}
	// progress is told that rows came, of all that were counted.
	progress func(got, of int64)
	got, of  atomic.Int64

	mu sync.Mutex
	// key is the login's, and number counts the logins, so that of many
	// requests that were refused with the same key one logs in again.
	key    secret.Text
	number int
	// lost is why logging in again failed. Nobody tries once more before
	// resume.
	lost   error
	closed bool
}

// openSession agrees on one of the versions spoken and logs in. guard is put
// around the network, below everything else.
func openSession(ctx context.Context, access Access, options Options, spoken []version, guard func(http.RoundTripper) http.RoundTripper) (*session, error) {
	// A token read from a file usually ends in a newline.
	token := secret.New(strings.TrimSpace(access.Token.Reveal()))
	if token.IsEmpty() {
		return nil, &accessError{what: "there is no API token for the array", todo: tokenAdvice}
	}
	if strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &accessError{what: "the array's API token holds characters that no token has", todo: tokenAdvice}
	}
	w, err := newWire(access, options, guard)
	if err != nil {
		return nil, err
	}
	w.secrets.Hide(token)
	s := &session{wire: w, token: token, sleep: options.Sleep, progress: options.Progress, running: make(chan struct{}, parallel)}
	s.memory.limit = options.Memory
	if err := s.negotiate(ctx, spoken); err != nil {
		s.wire.hangUp()
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.login(ctx); err != nil {
		s.wire.hangUp()
		return nil, err
	}
	return s, nil
}

// came tells that a page of a list came; first is set of its first one. What the
// array does not count is not counted here.
func (s *session) came(rows int64, first bool, total evidence.Count) {
	if !total.Known {
		return
	}
	of := s.of.Load()
	if first {
		of = s.of.Add(total.N)
	}
	s.progress(min(s.got.Add(rows), of), of) // a list may be read once more
}

func (s *session) negotiate(ctx context.Context, spoken []version) error {
	var answer struct {
		Version []string `json:"version"`
	}
	c := call{op: "read the API versions", method: http.MethodGet, path: "/api/api_version"}
	err := s.retry(ctx, func() error {
		return s.wire.do(ctx, c, func(_ http.Header, body io.Reader) error { return decodeSmall(body, &answer) })
	})
	if err != nil {
		return err
	}
	s.api, s.newest, err = negotiate(answer.Version, spoken)
	return err
}

// decodeSmall reads an answer that is not a list.
func decodeSmall(body io.Reader, into any) error {
	text, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &notJSONError{begins: excerpt(text)}
	}
	return nil
}

// login must be called with mu held. It changes nothing but the array's list
// of sessions, so a broken connection is tried once more; a refusal is not.
func (s *session) login(ctx context.Context) error {
	c := call{
		op: "log in", method: http.MethodPost, path: "/api/" + s.api.String() + "/login",
		header: "Api-Token", value: s.token,
	}
	var key string
	read := func(h http.Header, body io.Reader) error {
		if key = h.Get("X-Auth-Token"); key == "" {
			return errNoKey
		}
		s.user = s.wire.secrets.Conceal(loginName(body))
		return nil
	}
	err := s.wire.do(ctx, c, read)
	var e *Error
	if errors.As(err, &e) && e.kind == failedNetwork && e.transient() {
		if s.sleep(ctx, newBackoff().NextBackOff()) == nil {
			err = s.wire.do(ctx, c, read)
		}
	}
	if err != nil {
		return err
	}
	s.key = secret.New(key)
	s.number++
	s.wire.secrets.Hide(s.key)
	return nil
}

// loginName is whose token it was, for people; empty when the answer does not
// say, which is no reason to fail.
func loginName(body io.Reader) string {
	var answer struct {
		Items []struct {
			Username string `json:"username"`
		} `json:"items"`
	}
	if err := decodeSmall(body, &answer); err != nil || len(answer.Items) != 1 {
		return ""
	}
	return answer.Items[0].Username
}

var errNoKey = errors.New("the answer has no session token")

// resume forgets that a login failed.
func (s *session) resume() {
	s.got.Store(0) // of an earlier reading
	s.of.Store(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = nil
}

func (s *session) current() (key secret.Text, number int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.key, s.number, errClosed
	}
	return s.key, s.number, s.lost
}

var errClosed = errors.New("the session is closed")

// renew replaces the login number that the array no longer accepts, unless
// somebody else has done so meanwhile.
func (s *session) renew(ctx context.Context, number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil || s.number != number {
		return s.lost
	}
	if err := s.login(ctx); err != nil {
		s.lost = &endedError{err}
		return s.lost
	}
	return nil
}

// endedError is a request that was not executed, because the session had
// ended and no new one was to be had.
type endedError struct{ err error }

func (e *endedError) Error() string {
	return "the session ended and a new one was refused: " + e.err.Error()
}
func (e *endedError) Unwrap() error { return e.err }

// once makes one request as the logged-in user. ended reports that the array does
// not accept this session any more, which is that of the number.
func (s *session) once(ctx context.Context, c call, read func(http.Header, io.Reader) error) (number int, ended bool, err error) {
	key, number, err := s.current()
	if err != nil {
		return number, false, err
	}
	c.header, c.value = "X-Auth-Token", key
	err = s.wire.do(ctx, c, read)
	var e *Error
	return number, errors.As(err, &e) && e.Status == http.StatusUnauthorized, err
}

// change makes one request, and never a second one. Where the session has ended
// it logs in again, and leaves it to the caller to look before he asks once more:
// a login takes time.
func (s *session) change(ctx context.Context, c call, read func(http.Header, io.Reader) error) error {
	number, ended, err := s.once(ctx, c, read)
	if !ended {
		return err
	}
	if err := s.renew(ctx, number); err != nil {
		return err
	}
	return &SessionEndedError{err}
}

// SessionEndedError is a change that was not done because the session had ended.
// There is a new session by now.
type SessionEndedError struct{ Err error }

func (e *SessionEndedError) Error() string {
	return e.Err.Error() + " (the session had ended, so it was not done)"
}

// Unwrap returns the refused request.
func (e *SessionEndedError) Unwrap() error { return e.Err }

// sendOnce makes one request that only reads. Sessions end by themselves (after
// 30 minutes, on a failover), which the array says with 401: then it logs in
// again and repeats the request, once.
func (s *session) sendOnce(ctx context.Context, c call, renewed *bool, read func(http.Header, io.Reader) error) error {
	for {
		number, ended, err := s.once(ctx, c, read)
		if !ended || *renewed {
			return err
		}
		*renewed = true
		if err := s.renew(ctx, number); err != nil {
			return err
		}
	}
}

// get sends a GET, which can be repeated: read must cope with being called
// again after it was given half an answer. No more than parallel run at once; the
// others wait.
func (s *session) get(ctx context.Context, c call, read func(http.Header, io.Reader) error) error {
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done(): // and the request says so
	}
	c.method = http.MethodGet
	renewed := false
	return s.retry(ctx, func() error { return s.sendOnce(ctx, c, &renewed, read) })
}

// retry calls try until it succeeds, fails for good or has failed often
// enough.
func (s *session) retry(ctx context.Context, try func() error) error {
	waits := newBackoff()
	for n := 1; ; n++ {
		err := try()
		var e *Error
		if err == nil || n == tries || !errors.As(err, &e) || !e.transient() || e.pause.tooLong() {
			return err
		}
		if s.isLost() {
			return err
		}
		if e.kind == failedNetwork {
			s.wire.hangUp() // the others are likely to be as dead
		}
		wait := max(waits.NextBackOff(), e.pause.wait)
		if end, limited := ctx.Deadline(); limited && time.Until(end) < wait {
			return err // there would be no time left for the answer
		}
		s.wire.log.Debug("asking again", "op", e.Op, "after", wait, "request", e.RequestID)
		if s.sleep(ctx, wait) != nil {
			return err
		}
	}
}

func (s *session) isLost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost != nil
}

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 250 * time.Millisecond
	b.Multiplier = 2
	b.MaxInterval = 5 * time.Second
	return b
}

// close logs out. A session that the array has already ended is closed.
func (s *session) close(ctx context.Context) error {
	s.mu.Lock()
	key, closed := s.key, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	defer s.wire.hangUp()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	defer cancel()
	c := call{
		op: "log out", method: http.MethodPost, path: "/api/" + s.api.String() + "/logout",
		header: "X-Auth-Token", value: key,
	}
	err := s.wire.do(ctx, c, func(http.Header, io.Reader) error { return nil })
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusUnauthorized {
		return nil
	}
	return err
}
