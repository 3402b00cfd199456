// Package pure reads a FlashArray through its REST API and says what it saw
// in the words of package evidence. It also holds the few changes that a
// repair makes there.
//
// A Reader can't change an array. Everything it sends goes through a
// transport that lets GET, the login and the logout pass and refuses the
// rest, so no mistake further up can send more. Below the Reader lies the
// session (session.go), which can send any method and knows nothing of what
// a request means. The Writer stands beside the Reader on a session of its
// own, behind a transport that lets its few changes pass and nothing else;
// no function takes one for the other.
//
// What is read is only worth what it is known to be complete: every list
// carries whether it is, and why not. See walk.go for how that is proven and
// resources.go for what a row must say.
package pure

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/secret"
	"github.com/pureclean/pureclean/wait"
)

// Access is how to reach one array.
type Access struct {
	// URL is what LXD calls pure.gateway: "https://" and the array's
	// management address, without "/api".
	URL string
	// Token is the API token of a user; any role can read.
	Token secret.Text
	// CA holds PEM certificates that are trusted instead of the system's.
	CA []byte
	// Fingerprint is "sha256:" and the hexadecimal digest of the array's own
	// certificate. It takes the place of the chain and the host name, so it
	// fits the self-signed certificate that arrays ship with. With a CA too,
	// both must hold.
	Fingerprint string
	// Insecure accepts any certificate, and http.
	Insecure bool
	// ID is the only array that may answer: with any other that does, Open
	// and OpenWriter fail with an *OtherArrayError. Empty is any.
	ID string
}

// Options are how to ask. The zero value is right outside of tests.
type Options struct {
	UserAgent string
	// Timeout bounds each request, its body included; 0 means 30 s.
	Timeout time.Duration
	// Memory is how many bytes the rows of one reading may take; 0 means 1 GiB.
	Memory int64
	// Log gets a line per request at debug level; nil discards them.
	Log *slog.Logger
	// Progress is told how many rows have come of those that the array counted
	// so far, of all lists together and by several at once; nil tells nobody.
	Progress func(got, of int64)
	// Wrap is put around the transport, to count or to disturb; nil is none.
	Wrap func(http.RoundTripper) http.RoundTripper
	// Sleep waits between tries and returns early with the context's error;
	// nil waits for real.
	Sleep func(context.Context, time.Duration) error
	// Now is this machine's clock; nil is time.Now.
	Now func() time.Time
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sleep == nil {
		o.Sleep = wait.For
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Reader is a logged-in reader of one array. Its methods may be called one
// after another but not at the same time.
type Reader struct {
	session *session
	gateway string
	// opened is when Open began. The first Observe bears its cost: the
	// requests since counted.
	opened   time.Time
	observed bool
	counted  int64
	// controls are serials of volumes that are known to exist, see Lookup.
	controls []evidence.Serial
}

// Open agrees on an API version with the array and logs in. The error is a
// sentence; Hint knows what can be done about it.
func Open(ctx context.Context, access Access, options Options) (*Reader, error) {
	options = options.withDefaults()
	began := options.Now()
	s, err := openSession(ctx, access, options, spoken, func(next http.RoundTripper) http.RoundTripper {
		return readOnly{next}
	})
	if err != nil {
		return nil, err
	}
	if err := s.expect(ctx, access.ID); err != nil {
		_ = s.close(ctx) // the session ends by itself
		return nil, err
	}
	return &Reader{session: s, gateway: access.URL, opened: began}, nil
}

// Close logs out, so that no session is left behind on the array: sessions
// are counted and shown there. It does so even when ctx has ended (an
// operator's Ctrl-C), and takes a few seconds at most.
func (r *Reader) Close(ctx context.Context) error { return r.session.close(ctx) }

// Requests is how many requests this reader has sent since Open, login and
// retries included.
func (r *Reader) Requests() int { return int(r.session.wire.requests.Load()) }
