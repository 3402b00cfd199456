package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"syscall"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/jsonpull"
)

// What can be in the way of asking LXD. Every error of this package that has
// one of these reasons wraps it, so errors.Is tells them apart.
var (
	errNoLXD      = errors.New("there is no LXD here")
	errNotRunning = errors.New("LXD does not answer")
	errDenied     = errors.New("permission denied")
	errTimeout    = errors.New("LXD did not answer in time")
	errNotLXD     = errors.New("this is not an LXD")
	errForbidden  = errors.New("LXD refuses to tell us")
	errStarting   = errors.New("LXD is starting or stopping")
	// errMalformed is an answer that can't be understood, wholly or in part.
	errMalformed = errors.New("LXD's answer can't be understood")
)

// hints says what the operator can do about each reason.
var hints = []struct {
	reason error
	hint   string
}{
	{errNoLXD, "run this on an LXD host, or set LXD_DIR or LXD_SOCKET if LXD keeps its socket elsewhere; to see what this program does, try: pureclean demo"},
	{errStopped, "start LXD (snap start lxd, or systemctl start lxd); if it runs, set LXD_SOCKET or LXD_DIR to where it keeps its socket"},
	{errNotRunning, "start LXD (snap start lxd, or systemctl start lxd) and look at its log"},
	{errDenied, "run as root or as a member of the group lxd"},
	{errTimeout, "give it more time with --timeout; if LXD hangs, look at its log and at lxc operation list"},
	{errNotLXD, "set LXD_SOCKET to LXD's own unix.socket"},
	{errForbidden, "run as root or as a member of the group lxd; a restricted identity can't see every project"},
	{errStarting, "wait for it (lxd waitready) and try again"},
	{errMalformed, "try again; if it stays, compare with lxc query and report it with the LXD version"},
}

// Hint says what the operator can do about an error of this package, or ""
// when there is nothing to say.
func Hint(err error) string {
	if stopped := (*stoppedError)(nil); errors.As(err, &stopped) {
		return stopped.hint()
	}
	for _, h := range hints {
		if errors.Is(err, h.reason) {
			return h.hint
		}
	}
	return ""
}

// explain finds the reason of a failed request. Of the transport's own
// wrapping, which names a host that does not exist, only the cause is kept.
func explain(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	if reason := reasonOf(err); reason != nil {
		return fmt.Errorf("%w: %w", reason, err)
	}
	return err
}

// reasons are the causes that can be recognised by comparing.
var reasons = []struct {
	cause  error
	reason error
}{
	{context.DeadlineExceeded, errTimeout},
	// The socket was there when it was looked for.
	{syscall.ENOENT, errStopped},
	{syscall.ENOTDIR, errStopped},
	{syscall.EACCES, errDenied},
	{syscall.EPERM, errDenied},
	// Refused: the socket is there, left by a daemon that is not.
	{syscall.ECONNREFUSED, errNotRunning},
	{syscall.ECONNRESET, errNotRunning},
	{syscall.EPIPE, errNotRunning},
	{io.EOF, errNotRunning},
	{io.ErrUnexpectedEOF, errMalformed},
}

// statuses are LXD's own refusals, by HTTP status.
var statuses = map[int]error{
	http.StatusUnauthorized:       errForbidden,
	http.StatusForbidden:          errForbidden,
	http.StatusServiceUnavailable: errStarting,
}

func reasonOf(err error) error {
	for _, r := range reasons {
		if errors.Is(err, r.cause) {
			return r.reason
		}
	}
	if status, ok := api.StatusErrorMatch(err); ok {
		return statuses[status]
	}
	var (
		syntax *json.SyntaxError
		shape  *json.UnmarshalTypeError
		pulled *jsonpull.SyntaxError
	)
	if isAny(err, jsonpull.ErrCut, jsonpull.ErrRow, jsonpull.ErrAfter, jsonpull.ErrDepth) || errors.As(err, &syntax) || errors.As(err, &shape) || errors.As(err, &pulled) {
		return errMalformed
	}
	return nil
}

// hopeless reports that the next request will fail as this one did.
func hopeless(err error) bool {
	return isAny(err, errNoLXD, errStopped, errNotRunning, errDenied, errTimeout, errNotLXD, context.Canceled)
}

func isAny(err error, reasons ...error) bool {
	return slices.ContainsFunc(reasons, func(reason error) bool { return errors.Is(err, reason) })
}
