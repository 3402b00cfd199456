package release

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pureclean/pureclean/wait"
)

// Verb is what can be done to one device.
type Verb string

// The verbs. Each is one write.
const (
	DoRemoveMap   Verb = "remove-map"
	DoAddMap      Verb = "add-map"
	DoQueueingOff Verb = "queueing-off"
	DoQueueingOn  Verb = "queueing-on"
	DoOffline     Verb = "offline"
	DoRunning     Verb = "running"
	DoDelete      Verb = "delete"
	DoRescan      Verb = "rescan"
	DoEndWaiting  Verb = "end-waiting"
)

// verbs say each one in words, and how long it may take. What takes longer is
// left behind, and the state that it leads to is read.
var verbs = map[Verb]struct {
	words string
	limit time.Duration
}{
	DoRemoveMap:   {"remove the map %s", 20 * time.Second},
	DoAddMap:      {"let multipathd make the map %s again", 20 * time.Second},
	DoQueueingOff: {"let I/O to %s fail instead of wait", 10 * time.Second},
	DoQueueingOn:  {"let I/O to %s wait again", 10 * time.Second},
	DoOffline:     {"set %s offline", 10 * time.Second},
	DoRunning:     {"set %s running", 10 * time.Second},
	DoDelete:      {"delete %s", 30 * time.Second},
	DoEndWaiting:  {"end the I/O that waits in %s", 10 * time.Second},
	DoRescan:      {"let %s read its namespaces again", 10 * time.Second},
}

// Action is one write that is about to be made, or was.
type Action struct {
	Do Verb `json:"do"`
	// Name is the map's, the disk's or the controller's. It is for people:
	// a map is addressed by UUID, a disk by what Disk proves.
	Name string  `json:"name"`
	UUID string  `json:"uuid,omitempty"`
	Disk *Target `json:"disk,omitempty"`
	// Back is set on what Rollback does: nothing is waited for before it is done.
	Back bool `json:"back,omitempty"`
	// Done is set afterwards, and Error is then what went wrong. An error
	// does not mean that it was not done: the state tells.
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
}

// String is the action in words: "set sdh offline".
func (a Action) String() string { return fmt.Sprintf(verbs[a.Do].words, a.Name) }

// act makes one write, with a note before and after.
func (r *Releaser) act(ctx context.Context, a Action, write func(context.Context) error) error {
	if err := r.note(a); err != nil {
		return fmt.Errorf("to %s: %w, so it was not done: %w", a, ErrUnrecorded, err)
	}
	limited, cancel := context.WithTimeout(ctx, verbs[a.Do].limit)
	defer cancel()
	err := write(limited)
	a.Done = true
	if err != nil {
		a.Error = err.Error()
	}
	if unnoted := r.note(a); unnoted != nil {
		err = errors.Join(err, fmt.Errorf("to %s: %w, though it was tried: %w", a, ErrUnrecorded, unnoted))
	}
	return err
}

func (r *Releaser) note(a Action) error {
	if r.Note == nil {
		return nil
	}
	return r.Note(a)
}

func (r *Releaser) sleep(ctx context.Context, d time.Duration) error {
	if r.Sleep != nil {
		return r.Sleep(ctx, d)
	}
	return wait.For(ctx, d)
}
