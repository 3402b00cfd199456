package pure

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Error is one request that failed. It holds nothing secret: no header, no
// query, and no token even where the array's own words repeat one.
type Error struct {
	// Op is what was wanted, as in "list volumes".
	Op string
	// Method and Path are the request's.
	Method, Path string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Messages are the array's own words; none when it had none.
	Messages []Message
	// RequestID is ours. The array takes it over, so it can be found in the
	// array's own logs.
	RequestID string
	// Err is the cause when it is not the array's refusal: the network, the
	// certificate, an answer that can't be understood.
	Err error

	kind failure
	// unsent is that the request certainly never left.
	unsent bool
	// pause is what the answer says of when to ask again.
	pause pause
}

// Message is one entry of the array's refusal.
type Message struct {
	// Context is the object's name, empty for general refusals.
	Context string
	Text    string
}

func (m Message) String() string {
	if m.Context == "" {
		return m.Text
	}
	return m.Context + ": " + m.Text
}

// failure is where a request failed, which decides whether to try again.
type failure int8

const (
	// failedNetwork: no answer, or not all of it.
	failedNetwork failure = iota
	// failedStatus: an answer that is not 200.
	failedStatus
	// failedContent: a 200 that can't be understood.
	failedContent
	// failedCanceled: we gave up ourselves.
	failedCanceled
)

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s %s: %s (request %s)", e.Op, e.Method, e.Path, e.detail(), e.RequestID)
}

func (e *Error) detail() string {
	var parts []string
	if e.kind == failedStatus {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))))
	}
	if len(e.Messages) > 0 {
		said := make([]string, len(e.Messages))
		for i, m := range e.Messages {
			said[i] = m.String()
		}
		parts = append(parts, strings.Join(said, "; "))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if wait := e.pause.String(); wait != "" {
		parts = append(parts, wait)
	}
	return strings.Join(parts, ": ")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// says reports whether one of the array's messages contains text, whatever
// its case. The array's texts are no contract: good for advice, never for a
// decision about a volume.
func (e *Error) says(text string) bool {
	return slices.ContainsFunc(e.Messages, func(m Message) bool {
		return strings.Contains(strings.ToLower(m.Text), strings.ToLower(text))
	})
}

// transient reports that the same GET may succeed a moment later: the
// network (controllers fail over within seconds), too many requests, a
// gateway without its backend. Never a refusal, a certificate or an answer
// that makes no sense.
func (e *Error) transient() bool {
	switch e.kind {
	case failedNetwork:
		return !permanent(e.Err)
	case failedStatus:
		return e.Status == http.StatusTooManyRequests || e.Status >= 500
	default:
		return false
	}
}

func permanent(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		pin         *pinError
		name        *net.DNSError
	)
	return errors.As(err, &certificate) || errors.As(err, &pin) ||
		errors.As(err, &name) && name.IsNotFound ||
		errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, errReadOnly)
}

// timeoutError is a request that took longer than Options.Timeout.
type timeoutError struct{ after time.Duration }

func (e *timeoutError) Error() string { return fmt.Sprintf("no full answer within %s", e.after) }
func (e *timeoutError) Timeout() bool { return true }
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

// cause takes the cause out of the HTTP client's error, whose text repeats
// the URL with its query.
func cause(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
