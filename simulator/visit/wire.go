package visit

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// serviceName is what the service is called on the wire; it has one method, Ask.
const serviceName = "World"

type Facts struct {
	// Machine is the one that is visited, Machines are all, the first of
	// which is where the operator stands.
	Machine   string
	Machines  []string
	LXDSocket string
	LXDDirs   []string
	// Pace is how many seconds of a wait pass in one; 0 lets all pass at once.
	Pace int
	// Settings are the visitor's program's own matter.
	Settings []byte
}

// Question is what a machine is asked, or told to do: Do is the name of a
// method of devices.Kernel, release.DeviceWriter or Visit, and the others are
// what it takes.
type Question struct {
	Machine, Do, About string
	Disk               release.Target
	State              string
	On                 bool
	// Seen is the state of the machine of which the visitor has the tree.
	Seen int64
	For  time.Duration
}

// Answer holds what the question was about, and why it failed.
type Answer struct {
	Facts Facts
	// Tree is an archive of the machine's files in the state Seen, and nothing
	// if the visitor has seen that.
	Tree     []byte
	Seen     int64
	Maps     []devices.DM
	Checkers map[string]string
	Identity evidence.Identity
	Data     []byte
	Now      time.Time
	Failure  Failure
}

// Failure is an error that crossed the wire. The zero value is none.
type Failure struct {
	Text string
	// Is are those of the known errors that it is, by their place there.
	Is []int
	// Errno is the kernel's number, if it is one.
	Errno syscall.Errno
}

// known are errors that somebody tells from others, in an order that both
// ends have, because both are the same program.
var known = []error{
	fs.ErrNotExist, context.Canceled, context.DeadlineExceeded,
	release.ErrInUse, release.ErrOther, release.ErrState, release.ErrAbandoned,
}

func failureOf(err error) Failure {
	if err == nil {
		return Failure{}
	}
	f := Failure{Text: err.Error()}
	for i, one := range known {
		if errors.Is(err, one) {
			f.Is = append(f.Is, i)
		}
	}
	errors.As(err, &f.Errno)
	return f
}

// err is the error again; nil for none.
func (f Failure) err() error {
	if f.Text == "" {
		return nil
	}
	e := &farError{text: f.Text}
	for _, i := range f.Is {
		e.is = append(e.is, known[i])
	}
	if f.Errno != 0 {
		e.is = append(e.is, f.Errno)
	}
	return e
}

// farError says what it said at the other end, and is what it was there.
type farError struct {
	text string
	is   []error
}

func (e *farError) Error() string { return e.text }

func (e *farError) Unwrap() []error { return e.is }
