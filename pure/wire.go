package pure

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/secret"
)

const (
	// parallel is how many requests run at once. The array's management CPU
	// serves people too.
	parallel = 4
	// maxBody bounds one answer, unpacked. A page of 1000 volumes is 1 MiB.
	maxBody = 64 << 20
)

// call is one request to make.
type call struct {
	// op is what it is for, in words.
	op     string
	method string
	// path is below the array's URL and begins with "/api/".
	path  string
	query url.Values
	// body is JSON; "" is none.
	body string
	// timeout bounds it, its answer included; 0 is Options.Timeout.
	timeout time.Duration
	// header and value is the credential it carries, if any.
	header string
	value  secret.Text
}

// wire sends single requests: it knows TLS, deadlines, sizes and request ids,
// and nothing of sessions, retries or what a request means.
type wire struct {
	base     *url.URL
	client   *http.Client
	hangUp   func() // closes the connections that are not in use
	agent    string
	timeout  time.Duration
	log      *slog.Logger
	now      func() time.Time
	clock    clock
	requests atomic.Int64
	// verified says what certificates are held against.
	verified string
	// secrets are repeated in no error, even when an answer repeats them.
	secrets secret.Concealer

	mu          sync.Mutex
	certificate *x509.Certificate
}

func newWire(access Access, options Options, guard func(http.RoundTripper) http.RoundTripper) (*wire, error) {
	base, err := parseGateway(access.URL, access.Insecure)
	if err != nil {
		return nil, err
	}
	config, err := tlsConfig(access)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: min(10*time.Second, options.Timeout)}
	network := &http.Transport{
		// No proxy, even if the environment names one: LXD asks the array
		// directly, its view is the one to compare with, and the token is
		// nothing that a proxy variable of some shell should redirect.
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    dialer.Timeout,
		MaxIdleConnsPerHost:    parallel,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         64 << 10,
	}
	transport := guard(network)
	if options.Wrap != nil {
		transport = options.Wrap(transport)
	}
	return &wire{
		base: base,
		client: &http.Client{
			Transport: transport,
			// A redirect is never followed: it could take the token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		hangUp:  network.CloseIdleConnections,
		agent:   options.UserAgent,
		timeout: options.Timeout,
		log:     options.Log,
		now:     options.Now,

		verified: verified(access),
	}, nil
}

// do sends one request and hands the answer to read, header first, when its
// status is 200. Every failure is an *Error.
func (w *wire) do(ctx context.Context, c call, read func(http.Header, io.Reader) error) error {
	e := &Error{Op: c.op, Method: c.method, Path: w.base.Path + c.path, RequestID: requestID()}
	began := time.Now()
	err := w.exchange(ctx, c, e, read)
	if err != nil {
		w.explain(ctx, e, err)
	}
	w.log.Debug("asked the array", "op", c.op, "method", c.method, "path", e.Path, "status", e.Status,
		"took", time.Since(began), "request", e.RequestID, "failed", err != nil)
	if err != nil {
		return e
	}
	return nil
}

// errStatus marks an answer that is not 200, whose words are in the Error.
var errStatus = errors.New("refused")

func (w *wire) exchange(ctx context.Context, c call, e *Error, read func(http.Header, io.Reader) error) error {
	e.kind = failedNetwork
	timeout := cmp.Or(c.timeout, w.timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &timeoutError{timeout})
	defer cancel()
	target := *w.base
	target.Path += c.path
	target.RawQuery = c.query.Encode()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// The transport calls this before it hands the request over, so until
		// then no byte of it can have left.
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
		// The transport itself repeats a GET when a connection that lay idle
		// turns out to be closed, so what is sent is counted where it is sent.
		WroteHeaders: func() { w.requests.Add(1) },
	})
	var content io.Reader
	if c.body != "" {
		content = strings.NewReader(c.body)
	}
	request, err := http.NewRequestWithContext(traced, c.method, target.String(), content)
	if err != nil {
		e.unsent = true
		return err
	}
	if c.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-Request-ID", e.RequestID)
	if w.agent != "" {
		request.Header.Set("User-Agent", w.agent)
	}
	if c.header != "" {
		request.Header.Set(c.header, c.value.Reveal())
	}

	response, err := w.client.Do(request)
	if err != nil {
		e.unsent = !connected.Load()
		if late := context.Cause(ctx); late != nil {
			return late
		}
		return cause(err)
	}
	body := &body{from: response.Body, left: maxBody}
	defer body.close()
	e.Status = response.StatusCode
	w.shown(response.TLS)

	switch {
	case response.StatusCode != http.StatusOK:
		e.kind = failedStatus
		e.pause = retryAfter(response.Header, w.now())
		// Half of the words are better than none, so a failing read is no
		// failure here.
		text, _ := io.ReadAll(io.LimitReader(body, maxRefusal))
		e.Messages = refusal(text)
		if where := response.Header.Get("Location"); where != "" && response.StatusCode/100 == 3 {
			e.Messages = append(e.Messages, Message{Text: "it points to " + place(where) + ", which is not followed"})
		}
		return errStatus
	case isPage(response.Header):
		e.kind = failedContent
		text, _ := io.ReadAll(io.LimitReader(body, maxRefusal))
		return &notJSONError{begins: pageText(text), page: true}
	}
	w.clock.note(response.Header.Get("Date"), w.now())
	err = read(response.Header, body)
	switch late := context.Cause(ctx); {
	case err == nil:
	case late != nil:
		// The array may notice that we hang up before we do, and end half an
		// answer in good order.
		return late
	case body.err != nil:
		return body.err
	default:
		e.kind = failedContent
	}
	return err
}

// explain completes e with why it failed.
func (w *wire) explain(ctx context.Context, e *Error, err error) {
	for i := range e.Messages {
		e.Messages[i].Context = w.secrets.Conceal(e.Messages[i].Context)
		e.Messages[i].Text = w.secrets.Conceal(e.Messages[i].Text)
	}
	e.pause.asked = w.secrets.Conceal(e.pause.asked)
	switch {
	case ctx.Err() != nil && e.kind == failedNetwork:
		e.kind, e.Err = failedCanceled, context.Cause(ctx)
	case errors.Is(err, errStatus): // nothing to add to the words
	default:
		e.Err = err
		text := err.Error()
		if told := w.secrets.Conceal(text); told != text {
			e.Err = errors.New(told)
		}
	}
}

// body is an answer's body that remembers how reading it failed, so that a
// broken connection and a broken text can be told apart.
type body struct {
	from io.ReadCloser
	left int64
	err  error
}

// tooLargeError is an answer beyond maxBody.
type tooLargeError struct{}

func (*tooLargeError) Error() string {
	return fmt.Sprintf("the answer is larger than %d MiB", maxBody>>20)
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &tooLargeError{}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// close reads what little may be left, so that the connection can be used
// again.
func (b *body) close() {
	_, _ = io.Copy(io.Discard, io.LimitReader(b.from, 4<<10)) // best effort
	_ = b.from.Close()                                        // only read from
}

func isPage(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// place is a redirect's target without what could be secret in it.
func place(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return "another path"
	}
	return tidy(u.Scheme + "://" + u.Host)
}

// requestID is a random UUID.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
