package pure

import (
	"errors"
	"net/http"
	"strings"
)

// LostError is a change of which nobody knows whether it was done: no answer
// in time, a connection that broke, a gateway that gave up, an answer that
// makes no sense. It may even be done after this error was returned. The only
// way on is to look; to send it again is to act on old evidence.
type LostError struct {
	// Err is what became of the request, an *Error.
	Err error
}

func (e *LostError) Error() string {
	return e.Err.Error() + "; whether it was done is not known"
}

// Unwrap returns the failed request.
func (e *LostError) Unwrap() error { return e.Err }

// refusing are the answers of which it is certain that nothing was done: the
// array's own (nearly all are 400), and those that a front end gives in its
// place before it asks the array. All others leave it open, 408 and those of
// class 3 and 5 too.
var refusing = map[int]bool{
	http.StatusBadRequest:            true,
	http.StatusUnauthorized:          true,
	http.StatusForbidden:             true,
	http.StatusNotFound:              true,
	http.StatusMethodNotAllowed:      true,
	http.StatusNotAcceptable:         true,
	http.StatusConflict:              true,
	http.StatusRequestEntityTooLarge: true,
	http.StatusUnsupportedMediaType:  true,
	http.StatusUnprocessableEntity:   true,
	http.StatusTooManyRequests:       true,
}

// outcome marks what is not known to have been refused, or never sent, as
// lost.
func outcome(err error) error {
	var (
		ended *endedError
		e     *Error
	)
	switch {
	case err == nil, errors.Is(err, errClosed), errors.As(err, &ended):
		return err
	case errors.As(err, &e) && (e.unsent || e.kind == failedStatus && refusing[e.Status]):
		return err
	default:
		return &LostError{err}
	}
}

// outcomeName is the word for the log.
func outcomeName(err error) string {
	var e *Error
	switch {
	case err == nil:
		return "accepted"
	case as[*LostError](err):
		return "unknown"
	case errors.As(err, &e) && !e.unsent && e.isChange():
		return "refused"
	default:
		return "not done"
	}
}

// The array tells its refusals apart by their words alone, and the words are
// no contract: what follows is good for a sentence and for what to look at,
// never for a decision about a volume.

// eradicationDisabled reports that SafeMode keeps an object until its time
// has run out.
func eradicationDisabled(err error) bool { return refusedWith(err, "eradication is disabled") }

// refusedWith reports a 400 in which every message holds one of the texts: of
// two reasons the other would be the one to act on.
func refusedWith(err error, texts ...string) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest || len(e.Messages) == 0 || as[*LostError](err) {
		return false
	}
	for _, m := range e.Messages {
		one := &Error{Messages: []Message{m}}
		says := false
		for _, text := range texts {
			says = says || one.says(text)
		}
		if !says {
			return false
		}
	}
	return true
}

// isChange reports whether the request was one of a Writer's changes.
func (e *Error) isChange() bool {
	return e.Method != http.MethodGet && !strings.HasSuffix(e.Path, "/login") && !strings.HasSuffix(e.Path, "/logout")
}

func (e *Error) isForbiddenChange() bool { return e.Status == http.StatusForbidden && e.isChange() }
