package visit

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// serviceName is what the service is called on the wire.
const serviceName = "World"

// Facts are what a visitor is told first.
type Facts struct {
	// Machine is the one that is visited, Machines are all, the first of
	// which is where the operator stands.
	Machine  string
	Machines []string
	// LXDSocket is where the world's LXD listens.
	LXDSocket string
	// LXDDirs are devices.System's.
	LXDDirs []string
	// Pace is how many seconds of a wait pass in one; 0 lets all pass at once.
	Pace int
	// Settings are the visitor's program's own matter.
	Settings []byte
}

// What a question about a file may be.
const (
	opOpen     = "open" // all of it, following links
	opStat     = "stat"
	opLstat    = "lstat"
	opReadLink = "readlink"
)

// FileQuestion asks for one file of a machine's tree.
type FileQuestion struct{ Machine, Op, Name string }

// FileAnswer is what it holds: only one of the fields is used, but for opOpen,
// which says what it is as well.
type FileAnswer struct {
	Info    Info
	Entries []Info
	Data    []byte
	Target  string
	Failure Failure
}

// Info is a file's fs.FileInfo.
type Info struct {
	Base   string
	Bytes  int64
	Flags  fs.FileMode
	Device *treefs.Device
}

func infoOf(i fs.FileInfo) Info {
	told := Info{Base: i.Name(), Bytes: i.Size(), Flags: i.Mode()}
	if d, ok := i.Sys().(treefs.Device); ok {
		told.Device = &d
	}
	return told
}

// info is an Info as readers of a tree want it.
type info struct{ Info }

func (i info) Name() string       { return i.Base }
func (i info) Size() int64        { return i.Bytes }
func (i info) Mode() fs.FileMode  { return i.Flags }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.Flags.IsDir() }

// Sys is a treefs.Device for a device node, as in the tree itself.
func (i info) Sys() any {
	if i.Device == nil {
		return nil
	}
	return *i.Device
}

// What a machine's kernel may be asked.
const (
	askMaps      = "maps"
	askCheckers  = "checkers"
	askIdentify  = "identify"
	askMountInfo = "mountinfo"
)

// KernelQuestion is one of devices.Kernel's.
type KernelQuestion struct{ Machine, Ask, About string }

// KernelAnswer is its answer.
type KernelAnswer struct {
	Maps     []devices.DM
	Checkers map[string]string
	Identity evidence.Identity
	Data     []byte
	Failure  Failure
}

// The changes of release.DeviceWriter.
const (
	doRemoveMap   = "RemoveMap"
	doAddMap      = "AddMap"
	doSetQueueing = "SetQueueing"
	doSetState    = "SetState"
	doDeleteDisk  = "DeleteDisk"
	doClaim       = "ClaimNamespace"
	doRescan      = "RescanController"
)

// Change is one of a release.DeviceWriter: About is the map's uuid, the WWID or the
// controller, Disk the disk or namespace.
type Change struct {
	Machine, Do, About string
	Disk               release.Target
	State              string
	On                 bool
}

// Portal is one to be tried from a machine.
type Portal struct{ Machine, Address string }

// Failure is an error that crossed the wire. The zero value is none.
type Failure struct {
	Text string
	// Is are those of the known errors that it is, by their place there.
	Is []int
	// Errno is the kernel's number, if it is one.
	Errno int
}

// known are errors that somebody tells from others, in an order that both
// ends have, because both are the same program.
var known = []error{
	fs.ErrNotExist, fs.ErrInvalid, fs.ErrPermission, io.EOF, context.Canceled, context.DeadlineExceeded,
	release.ErrInUse, release.ErrOther, release.ErrState, release.ErrAbandoned,
}

func failureOf(err error) Failure {
	if err == nil {
		return Failure{}
	}
	// The reader of a file says by itself which it is.
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	f := Failure{Text: err.Error()}
	for i, one := range known {
		if errors.Is(err, one) {
			f.Is = append(f.Is, i)
		}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		f.Errno = int(errno)
	}
	return f
}

// err is the error again; nil for none.
func (f Failure) err() error {
	if f.Text == "" && len(f.Is) == 0 && f.Errno == 0 {
		return nil
	}
	e := &farError{text: f.Text}
	for _, i := range f.Is {
		if i >= 0 && i < len(known) {
			e.is = append(e.is, known[i])
		}
	}
	if f.Errno != 0 {
		e.is = append(e.is, syscall.Errno(f.Errno))
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
