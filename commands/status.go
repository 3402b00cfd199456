package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/witness"
)

// The exit statuses, after fsck(8). A status that is not listed is a failure.
const (
	// StatusOK: nothing was found, or all that was asked for is done.
	StatusOK = 0
	// StatusRepaired: all that was found was repaired, where the operator asked
	// to have that told apart with --detailed-exitcode.
	StatusRepaired = 1
	// StatusFindings: findings remain.
	StatusFindings = 4
	// StatusTrouble: could not tell, or an operation failed. It wins over
	// StatusFindings: what was found may not be all.
	StatusTrouble = 8
	// StatusUsage: the command line or the configuration is wrong.
	StatusUsage = 16
	// StatusRefused: cancelled, or refused by a gate, with nothing changed.
	StatusRefused = 32
)

// UsageError is a mistake on the command line.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

func usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// errFindings ends a command whose answer was printed and is "there are
// findings". It has nothing more to say.
var errFindings = errors.New("findings remain")

// errRepaired ends a command that repaired all there was, and was asked to tell
// that from having found nothing.
var errRepaired = errors.New("repaired")

// checkEnd ends a check, whose one line says all, with a status after the
// monitoring plugins' convention.
type checkEnd metrics.Status

func (e checkEnd) Error() string { return metrics.Status(e).String() }

// IncompleteError ends a command that could not see everything.
type IncompleteError struct {
	// What was not complete, and what the operator can do about it.
	Doubts []string
	Hint   string
}

func (e *IncompleteError) Error() string {
	switch len(e.Doubts) {
	case 0:
		return "could not tell"
	case 1:
		return "could not tell: " + e.Doubts[0]
	default:
		return fmt.Sprintf("could not tell: %s (and %d more)", e.Doubts[0], len(e.Doubts)-1)
	}
}

// HintedError carries what the operator can do about Err.
type HintedError struct {
	Err  error
	Hint string
}

func (e *HintedError) Error() string { return e.Err.Error() }

func (e *HintedError) Unwrap() error { return e.Err }

func withHint(err error, hint string) error { return &HintedError{err, hint} }

// failure is what is said of an error when the program ends.
type failure struct {
	Type    string `json:"type"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// codeFailed is the code of a failure that is none of outcomes.
const codeFailed = "failed"

// outcomes maps typed errors to exit statuses, the first that matches. It is
// the only place that does.
var outcomes = []struct {
	matches func(error) bool
	status  int
	code    string
}{
	{is(errFindings), StatusFindings, ""},
	{is(errRepaired), StatusRepaired, ""},
	{as[*worldError], StatusRefused, "demo-world"},
	{as[*UsageError], StatusUsage, "usage"},
	{as[*config.Error], StatusUsage, "configuration"},
	{as[*config.UntrustedError], StatusRefused, "untrusted"},
	{as[*witness.UnknownPoolError], StatusUsage, "unknown-pool"},
	{as[*diagnose.UnknownObjectError], StatusUsage, "unknown-object"},
	{as[*diagnose.AmbiguousError], StatusUsage, "ambiguous-object"},
	{is(context.Canceled), StatusRefused, "cancelled"},
	{is(context.DeadlineExceeded), StatusTrouble, "timeout"},
	{as[*IncompleteError], StatusTrouble, "incomplete"},
	{as[*outputError], StatusTrouble, "output"},
	{as[*repair.RefusedError], StatusRefused, "refused"},
	{as[*repair.DeclinedError], StatusRefused, "declined"},
	{is(repair.ErrNoRemedy), StatusRefused, "no-remedy"},
	{is(repair.ErrExpired), StatusRefused, "expired"},
	{is(repair.ErrChanged), StatusRefused, "changed"},
	{is(repair.ErrNothingToUndo), StatusRefused, "nothing-to-undo"},
	{is(repair.ErrNotInterrupted), StatusRefused, "nothing-to-resume"},
	{is(repair.ErrSnapshot), StatusRefused, "snapshot"},
	{is(repair.ErrNotOurs), StatusRefused, "not-ours"},
	{is(journal.ErrLocked), StatusRefused, "locked"},
	{is(journal.ErrNoRun), StatusUsage, "unknown-run"},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func outcome(err error) failure {
	var end checkEnd
	if errors.As(err, &end) {
		return failure{Status: int(end)}
	}
	// Errors that were joined stand in lines of their own, and a message is one.
	message := clean(strings.ReplaceAll(err.Error(), "\n", "; "))
	f := failure{Type: "error", Status: StatusTrouble, Code: codeFailed, Message: message}
	for _, o := range outcomes {
		if o.matches(err) {
			f.Status, f.Code = o.status, o.code
			break
		}
	}
	var hinted *HintedError
	var incomplete *IncompleteError
	var configuration *config.Error
	switch {
	case errors.As(err, &hinted):
		f.Hint = clean(hinted.Hint)
	case errors.As(err, &incomplete):
		f.Hint = clean(incomplete.Hint)
	case errors.As(err, &configuration):
		f.Hint = clean("pureclean config check --config " + quoteShell(configuration.File) + " says what to do")
	case errors.Is(err, fs.ErrPermission):
		f.Hint = "run it as root, or as whoever may read and write that"
	case errors.Is(err, context.Canceled):
		f.Message = "cancelled; nothing was changed"
	}
	return f
}

// report prints the failure for people, or as one line of JSON. At a terminal
// it is as wide as that; a width of 0 is one line each.
func (f failure) report(w io.Writer, asJSON bool, width int) {
	if f.Code == "" {
		return
	}
	if asJSON {
		// A failure to print the failure has nowhere to go.
		_ = json.NewEncoder(w).Encode(f)
		return
	}
	say(w, f.Message, width)
	if f.Hint != "" {
		say(w, "hint: "+f.Hint, width)
	}
}

func say(w io.Writer, text string, width int) {
	const who = "pureclean: "
	if width == 0 {
		fmt.Fprintf(w, "%s%s\n", who, text)
		return
	}
	(&page{w: w, width: width}).hung(who, strings.Repeat(" ", len(who)), text, plain)
}
