// Package records reads what LXD has on record about its Pure Storage pools,
// through LXD's own Go client and over LXD's unix socket, and gives it as
// evidence. It only reads: nothing but GET requests can leave it.
//
// It also has the codec between LXD's records and the names of the objects on
// the array.
//
// LXD leaves out silently what the caller may not view, so a list is complete
// here only when it was proven that everything is shown, every row could be
// understood, and LXD's lists don't contradict each other.
package records

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Options say which LXD to ask and how.
type Options struct {
	// Socket is the path of LXD's unix socket and Dir is LXD's directory.
	// Empty means what the command lxc would use: $LXD_SOCKET, $LXD_DIR, the
	// snap's directory, /var/lib/lxd. A Dir alone means the socket in it.
	Socket, Dir string
	// UserAgent is sent with every request: "pureclean/VERSION".
	UserAgent string
	// Timeout bounds each request; 0 is two minutes. Listing thousands of
	// volumes is slow: LXD looks through all instances for each of them.
	Timeout time.Duration
	// Down are members that the operator says are down: of one that LXD shows
	// offline, no operation and no configuration is missed.
	Down []string
	// Log gets one debug line per request, never an answer. Nil is silence.
	Log *slog.Logger
	// Now is this machine's clock; nil is the real one.
	Now func() time.Time
}

const defaultTimeout = 2 * time.Minute

// Reader asks one LXD. It is to be used by one goroutine at a time.
type Reader struct {
	*meter
	socket    string
	dir       string
	userAgent string
	timeout   time.Duration
	down      []string
	now       func() time.Time
	// counted is how many requests earlier testimonies have accounted for.
	counted int64
}

// Open finds LXD's socket and asks who is there. The errors tell apart no LXD,
// an LXD that is down, missing rights, no answer in time, and something that
// is not LXD; Hint says what to do about each.
func Open(ctx context.Context, opts Options) (*Reader, error) {
	socket, dir := locate(opts, os.Getenv, defaultDirs())
	if err := inspect(socket); err != nil {
		return nil, err
	}
	r := &Reader{
		meter:     &meter{log: opts.Log},
		now:       opts.Now,
		socket:    socket,
		dir:       dir,
		userAgent: opts.UserAgent,
		timeout:   opts.Timeout,
		down:      opts.Down,
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.timeout <= 0 {
		r.timeout = defaultTimeout
	}
	if got := r.server(ctx, ""); got.err != nil {
		return nil, fmt.Errorf("asking LXD at %s: %w", socket, got.err)
	}
	return r, nil
}

// requests counts what was sent since the last testimony: the first one
// accounts for Open and Pools too.
func (r *Reader) requests() int {
	sent := r.sent.Load()
	n := sent - r.counted
	r.counted = sent
	return int(n)
}
