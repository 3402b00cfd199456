// Package repair turns a finding into a plan of steps and carries it out:
// disconnect, confirm, destroy, each step gated on evidence read right before
// it, written to the journal before and after it, and believed only when a
// look at the world confirms it. Nothing here is ever eradicated but by
// Eradicate, and nothing is repeated after an answer that was lost: the world
// is looked at, and it decides.
package repair

import (
	"context"
	"math"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/wait"
)

// Writer changes an array, one object and one request at a time. A nil error
// proves nothing: whoever calls it looks. Volumes are given by id where the
// array has ids.
type Writer interface {
	Disconnect(ctx context.Context, volumeName, host string) error
	Connect(ctx context.Context, volumeName, host string, lun int64) error
	Destroy(ctx context.Context, volumeID string) error
	Recover(ctx context.Context, volumeID string) error
	Eradicate(ctx context.Context, volumeID string) error
	DestroySnapshot(ctx context.Context, snapshotID string) error
	RecoverSnapshot(ctx context.Context, snapshotID string) error
	DeleteHost(ctx context.Context, name string) error
	// LastRequestID is the last request's in the array's own log.
	LastRequestID() string
	Close(ctx context.Context) error
}

// Machine is a member's machine on which devices can be removed from here,
// this one or another. Each method is one step of release.Releaser: it looks
// and judges on the machine itself, and asks back before each single write.
type Machine interface {
	Release(ctx context.Context, serial evidence.Serial, expect release.Expect, c release.Callbacks) (release.Released, error)
	Rollback(ctx context.Context, done release.Released, c release.Callbacks) error
	Clear(ctx context.Context, serial evidence.Serial, done release.Released, c release.Callbacks) error
	RemoveStale(ctx context.Context, serial evidence.Serial, c release.Callbacks) (release.Released, error)
	Free(ctx context.Context, serial evidence.Serial, c release.Callbacks) error
	// Detached is about several volumes at once.
	Detached(ctx context.Context, sought []release.Sought) []release.Detachment
}

// Tools are what a run works with.
type Tools struct {
	// Look reads all witnesses anew, each time it is called: everything, or
	// all that there is about some volumes.
	Look   func(context.Context, evidence.Scope) (evidence.World, error)
	Policy diagnose.Policy
	// Writer logs in to the array with that id for writing.
	Writer func(ctx context.Context, arrayID string) (Writer, error)
	// Machine is false for a member whose devices can't be changed from here.
	Machine func(member string) (Machine, bool)
	// Here reports the member whose machine this is; nil takes every one for it.
	Here func(member string) bool
	// Lost reports an error of a Writer after which a request may have been
	// carried out, or still be; nil takes every error for one.
	Lost func(error) bool
	// SessionEnded reports an error of a Writer after which the request was not
	// carried out, and may be sent once more, after a look; nil takes none for one.
	SessionEnded func(error) bool
	Journal      *journal.Book
	// Ask is asked before each step that changes something; nil says no to
	// everything.
	Ask func(ctx context.Context, q Question) (Reply, error)
	// Report is told how it goes; nil tells nobody.
	Report func(Event)
	// Now and Sleep are the clock's, Uptime is that which runs on in suspend;
	// nil are the real ones.
	Now      func() time.Time
	Uptime   func() time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
	Operator journal.Operator
	// Typed is the name that the operator typed for what can't be undone.
	Typed string
	// MaxPerRun bounds a batch; 0 does not.
	MaxPerRun int
	// WaveSize is how many volumes of a batch go together once the first has
	// gone well; 0 is one. They take turns, and never do anything at once.
	WaveSize int

	// judge is diagnose.Judge, and record appends to the journal, outside of
	// the tests of this package.
	judge  func(evidence.World, diagnose.Policy) diagnose.Report
	record func(*journal.Run, journal.Record) error
	needs  func(name string) bool
	// vain are the reasons that runs of a batch have waited for in vain; nil outside
	// of one.
	vain map[string]bool
	// turn is the run's place in a wave; nil outside of one.
	turn *turn
}

// Reply is an operator's answer.
type Reply int

// The answers. The zero Reply is no.
const (
	// No leaves this object alone and goes on with the next.
	No Reply = iota
	Yes
	// More asks again with Question.More set.
	More
	// Quit leaves this object alone and all that follow.
	Quit
)

// Question is one step that would change something.
type Question struct {
	Plan Plan
	Step Step
	// N counts from 1.
	N, Of int
	// Gates are the answers on which it would be done.
	Gates []diagnose.GateResult
	// Undoable is set for a step that is taken back at any time, by undo or by the run
	// itself.
	Undoable bool
	// Until is when it can't be undone any more; zero when that is not known
	// or does not end.
	Until time.Time
	// More is set after a More.
	More bool
}

// Phase is where a step is.
type Phase string

// The phases.
const (
	// Planned is of a run: its plan was made again from the world as it is, and
	// nothing is begun.
	Planned Phase = "planned"
	Begins  Phase = "begins"
	Acts    Phase = "acts"  // one write to a device
	Waits   Phase = "waits" // for something that takes seconds, and until when
	Ended   Phase = "ended"
	RolledB Phase = "rolled-back"
	Over    Phase = "over" // the run, however it ended
	// Counted is of a batch: N of Of have ended, for now; none when it begins.
	Counted Phase = "counted"
)

// Event is progress, for people.
type Event struct {
	Run   string
	Step  Step
	N, Of int
	Phase Phase
	// Outcome is set when the step has ended.
	Outcome journal.Outcome
	Text    string
	// Plan and Finding are what is done and why, when it is planned.
	Plan    *Plan
	Finding *diagnose.Finding
}

// Result is how a run ended.
type Result struct {
	// Run is its name in the journal; empty when it was not even begun.
	Run     string
	Outcome journal.Outcome
	// Gate is the one that refused, Why its sentence, Step where.
	Gate string
	Why  string
	Step string
	// Changed is set when something was changed and has stayed so, or may
	// have been. State says how things are now, a sentence each.
	Changed bool
	State   []string
	// Until is when what was destroyed can't be recovered any more; zero when
	// nothing was destroyed. Undo is whether this run can be taken back.
	Until time.Time
	Undo  Promise
	// Said is what the operator stated, and states again to go on or to take it back.
	Said journal.Said
	// Done of the Of steps were done when it ended; Stands says how the object
	// is then, if it was stopped in the middle.
	Done, Of int
	Stands   string
	// Quit is set when the operator wants no more.
	Quit bool
}

func (t Tools) withDefaults() Tools {
	if t.Now == nil {
		t.Now = time.Now
	}
	if t.Uptime == nil {
		t.Uptime = wait.Uptime
	}
	if t.Sleep == nil {
		t.Sleep = wait.For
	}
	if t.Report == nil {
		t.Report = func(Event) {}
	}
	if t.MaxPerRun <= 0 {
		t.MaxPerRun = math.MaxInt
	}
	t.WaveSize = max(t.WaveSize, 1)
	if t.Lost == nil {
		t.Lost = func(error) bool { return true }
	}
	if t.SessionEnded == nil {
		t.SessionEnded = func(error) bool { return false }
	}
	if t.judge == nil {
		t.judge = diagnose.Judge
	}
	if t.record == nil {
		t.record = func(r *journal.Run, record journal.Record) error { return r.Append(record) }
	}
	if t.needs == nil {
		t.needs = func(string) bool { return true }
	}
	return t
}
