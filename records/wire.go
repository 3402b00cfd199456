package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	lxd "github.com/canonical/lxd/client"
	"github.com/canonical/lxd/shared/api"
)

// meter counts what is sent and writes it to the log.
type meter struct {
	sent atomic.Int64
	log  *slog.Logger
}

// wire is the one way to LXD. It lets nothing pass that could change anything.
type wire struct {
	*meter
	base *http.Transport
}

// Transport returns the transport underneath, as lxd/client demands.
func (w wire) Transport() *http.Transport { return w.base }

// RoundTrip sends a GET and refuses everything else.
func (w wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.Header.Get("Upgrade") != "" {
		return nil, fmt.Errorf("refused to send %s %s: LXD is only read", req.Method, req.URL.Path)
	}
	w.sent.Add(1)
	began := time.Now()
	resp, err := w.base.RoundTrip(req)
	status := 0
	if err == nil {
		status = resp.StatusCode
	}
	// The answer itself is not for the log: it may hold the array's token.
	said := []any{"path", req.URL.RequestURI(), "status", status, "took", time.Since(began)}
	if err != nil {
		said = append(said, "error", err)
	}
	w.log.DebugContext(req.Context(), "asked LXD", said...)
	return resp, err
}

// dial makes a client of the socket, all of whose requests are bounded by ctx.
// Nothing is sent by it. The client keeps no connection open between requests,
// so one for each request costs nothing and leaves no state to share.
func (r *Reader) dial(ctx context.Context) (lxd.InstanceServer, error) {
	return lxd.ConnectLXDUnixWithContext(ctx, r.socket, &lxd.ConnectionArgs{
		UserAgent:        r.userAgent,
		SkipGetServer:    true,
		TransportWrapper: func(base *http.Transport) lxd.HTTPTransporter { return wire{r.meter, base} },
	})
}

// reply is the answer to one request, or why there is none. When the answer
// could be read in part, both are set.
type reply[T any] struct {
	value T
	err   error
}

// get asks one question.
//
// The raw query of lxd/client is used instead of its typed calls, because
// those take "metadata": null for an empty list, which would make every volume
// look leaked, and because they format every answer for a debug log that
// nobody reads: with 20 000 volumes that is most of the time, and it puts the
// pools' tokens into a string. The decoding below reads only the keys that are
// needed, and keeps "absent" apart from "zero" where that matters.
func get[T any](ctx context.Context, r *Reader, path string) reply[T] {
	var out reply[T]
	ctx, cancel := r.limited(ctx)
	defer cancel()
	if err := r.ask(ctx, path, &out.value); err != nil {
		out.err = fmt.Errorf("GET %s: %w", path, explain(late(ctx, err)))
	}
	return out
}

// limited is the time that one request has.
func (r *Reader) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, r.timeout, &timeoutError{r.timeout})
}

// timeoutError is a request that took longer than Options.Timeout.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no full answer within %s", e.after) }
func (e *timeoutError) Timeout() bool { return true }
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// late says of an error that came because the time was up whose time that was.
func late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}

func (r *Reader) ask(ctx context.Context, path string, into any) error {
	conn, err := r.dial(ctx)
	if err != nil {
		return err
	}
	resp, _, err := conn.RawQuery(http.MethodGet, path, nil, "")
	if err != nil {
		return err
	}
	return unwrap(resp, into)
}

// unwrap takes the answer out of LXD's envelope.
func unwrap(resp *api.Response, into any) error {
	if resp.Type != api.SyncResponse || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: an answer of type %q with status %d", errMalformed, resp.Type, resp.StatusCode)
	}
	if len(resp.Metadata) == 0 || string(resp.Metadata) == "null" {
		return fmt.Errorf("%w: it has no metadata", errMalformed)
	}
	return json.Unmarshal(resp.Metadata, into)
}
