package fleet

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// stepSchema is that of the conversation about one step: JSON, a line each.
//
//	here   a request
//	there  a message, and so on: note, elsewhere, wait, alive
//	here   a reply to each note, elsewhere and wait
//	there  done, with what became of it
//	here   a reply, on which the process there ends well
//
// Only with all of it is the step done for both sides. If anything is missing
// here, it is not known what became of it; if anything is missing there, no
// further write is made and a release is taken back. Of a step for several
// volumes that holds for each of them: what is missing is missing for all.
const stepSchema = "pureclean/step/v1"

// lineBytes bounds one line.
const lineBytes = 4 << 20

// request opens the conversation.
type request struct {
	Schema       string `json:"schema"`
	Version      string `json:"version"`
	Conversation int    `json:"conversation"`
	// Name is LXD's of the machine, for words. Boot is the boot id that the
	// last look saw: whoever has another is another machine, or forgot.
	Name     string           `json:"name"`
	Boot     string           `json:"boot"`
	Step     string           `json:"step"`
	Serial   evidence.Serial  `json:"serial"`
	Expect   release.Expect   `json:"expect"`
	Released release.Released `json:"released"`
	// Also are other volumes that a step which writes nothing is about as well:
	// who may ask for one may read everything.
	Also []evidence.Serial `json:"also,omitempty"`
	// More are other volumes for which the step is to be done, each for itself;
	// the command line names them all.
	More []target `json:"more,omitempty"`
}

// target is one volume of a request.
type target struct {
	Serial   evidence.Serial  `json:"serial"`
	Expect   release.Expect   `json:"expect"`
	Released release.Released `json:"released"`
}

// each are the requests about one volume that a request is made of.
func (r request) each() []request {
	all := []request{r}
	for _, t := range r.More {
		one := r
		one.Serial, one.Expect, one.Released = t.Serial, t.Expect, t.Released
		all = append(all, one)
	}
	for i := range all {
		all[i].More = nil
	}
	return all
}

// What a message is.
const (
	sayNote      = "note"
	sayElsewhere = "elsewhere"
	sayWait      = "wait"
	sayAlive     = "alive"
	sayDone      = "done"
)

// message is what the machine says.
type message struct {
	Say    string          `json:"say"`
	Action *release.Action `json:"action,omitempty"`
	Use    *evidence.Use   `json:"use,omitempty"`
	// Serial is the volume that is asked for.
	Serial evidence.Serial `json:"serial,omitempty"`
	Wait   time.Duration   `json:"wait_ns,omitempty"`
	Done   *result         `json:"done,omitempty"`
}

// reply answers a note (may it be done?), an elsewhere (is it another
// volume's?), a wait (was it waited for?) and a done (was it heard?).
type reply struct {
	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"`
}

// result is what became of a step.
type result struct {
	Released release.Released `json:"released"`
	Detached []detachment     `json:"detached"`
	Error    *wireError       `json:"error,omitempty"`
	// More are those of the other volumes of the request, in its order.
	More []outcome `json:"more,omitempty"`
}

// outcome is what became of a step for one of the other volumes.
type outcome struct {
	Serial   evidence.Serial  `json:"serial"`
	Released release.Released `json:"released"`
	Error    *wireError       `json:"error,omitempty"`
}

// detachment is what a machine says of one volume.
type detachment struct {
	Serial  evidence.Serial `json:"serial"`
	Answer  evidence.Answer `json:"answer"`
	Reasons []string        `json:"reasons"`
}

// step is what can be asked of a machine.
type step struct {
	limit time.Duration
	// writes is set for those during which no other run may work there, rests
	// for those that let others work there while they wait, and wait with
	// whoever asked: each look after a wait begins anew. several is set for those
	// that can be done for several volumes.
	writes, rests, several bool
	do                     func(context.Context, release.Local, request, callbacks) (result, error)
}

// steps is the table of what can be asked of a machine, and how long each may
// take. A release that is taken back waits for one write after the other; what
// rests, for the turns of the others of its wave. Of several volumes each has
// that time for itself.
var steps = map[string]step{
	release.TaskRelease: {3 * time.Minute, true, false, true, func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		released, err := l.Release(ctx, r.Serial, r.Expect, c.Callbacks)
		return result{Released: released}, err
	}},
	"rollback": {3 * time.Minute, true, false, false, func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		return result{}, l.Rollback(ctx, r.Released, c.Callbacks)
	}},
	release.TaskClear: {20 * time.Minute, true, true, true, func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		return result{}, l.Clear(ctx, r.Serial, r.Released, c.Callbacks)
	}},
	release.TaskStale: {20 * time.Minute, true, true, true, func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		released, err := l.RemoveStale(ctx, r.Serial, c.Callbacks)
		return result{Released: released}, err
	}},
	"free": {time.Minute, true, false, false, func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		return result{}, l.Free(ctx, r.Serial, c.Callbacks)
	}},
	"detached": {time.Minute, false, false, false, func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		sought := []release.Sought{}
		for _, serial := range append([]evidence.Serial{r.Serial}, r.Also...) {
			sought = append(sought, release.Sought{Serial: serial, Elsewhere: func(use evidence.Use) bool { return c.elsewhere(serial, use) }})
		}
		var all []detachment
		for i, said := range l.Detached(ctx, sought) {
			all = append(all, detachment{sought[i].Serial, said.Answer, said.Reasons})
		}
		return result{Detached: all}, nil
	}},
}

// callbacks are what a step asks of whoever wants it, and a step about several
// volumes which of them a use is not of.
type callbacks struct {
	release.Callbacks
	elsewhere func(evidence.Serial, evidence.Use) bool
}

// kinds are the errors that keep their meaning on the way: errors.Is finds
// them here as it would there.
var kinds = []struct {
	name string
	err  error
}{
	{"refused", release.ErrRefused},
	{"taken-back", release.ErrTakenBack},
	{"halfway", release.ErrHalfway},
	{"unrecorded", release.ErrUnrecorded},
	{"comes-back", release.ErrComesBack},
	{"still-shown", release.ErrStillShown},
	{"still-there", release.ErrStillThere},
	{"in-use", release.ErrInUse},
	{"other", release.ErrOther},
	{"state", release.ErrState},
	{"abandoned", release.ErrAbandoned},
	{"busy", ErrBusy},
	{"cancelled", context.Canceled},
	{"deadline", context.DeadlineExceeded},
}

// ErrBusy is a machine on which another pureclean changes something just now.
var ErrBusy = errors.New("another run of pureclean works there")

// wireError is an error on its way.
type wireError struct {
	Text  string   `json:"text"`
	Kinds []string `json:"kinds"`
}

func (e *wireError) Error() string { return e.Text }

// Unwrap gives the errors back that it was made of.
func (e *wireError) Unwrap() []error {
	var all []error
	for _, kind := range kinds {
		if slices.Contains(e.Kinds, kind.name) {
			all = append(all, kind.err)
		}
	}
	return all
}

func onWire(err error) *wireError {
	if err == nil {
		return nil
	}
	e := &wireError{Text: err.Error(), Kinds: []string{}}
	for _, kind := range kinds {
		if errors.Is(err, kind.err) {
			e.Kinds = append(e.Kinds, kind.name)
		}
	}
	return e
}

// lines reads a value from each line. What does not fit is an error.
type lines struct{ scanner *bufio.Scanner }

func newLines(r io.Reader) lines {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 4<<10), lineBytes)
	return lines{scanner}
}

func (l lines) read(into any) error {
	if !l.scanner.Scan() {
		return cmp.Or(l.scanner.Err(), io.EOF)
	}
	if err := json.Unmarshal(l.scanner.Bytes(), into); err != nil {
		return fmt.Errorf("%.80q: %w", l.scanner.Text(), err)
	}
	return nil
}

func writeLine(w io.Writer, value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
