// Package visit lets other processes into a simulated world: over one unix
// socket they read a machine's files, ask its kernel, change its devices and
// read the world's clock, as they would in the process that holds the world.
// A visitor has nothing of its own machine in its hands: every way to a device
// that it is given ends in the world.
package visit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// Socket is where a world listens for visitors below its directory.
func Socket(dir string) string { return filepath.Join(dir, "world.socket") }

// Visit is one process's stay at one machine of a world.
type Visit struct {
	Facts
	client *rpc.Client

	mu   sync.Mutex
	tree *treefs.FS
	seen int64 // the state of which the tree is; -1 while there is none
}

// ForeignError is a world that belongs to somebody else: neither may its
// owner lead us, nor may we be led.
type ForeignError struct{ reason string }

func (e *ForeignError) Error() string { return e.reason }

// Enter goes into the world below dir, to the machine of that name or to the
// first. The directory, the socket and the process behind it must all be
// user's, which is who this process acts for, and nobody else may write there.
func Enter(ctx context.Context, dir, machine string, user int) (*Visit, error) {
	if !filepath.IsAbs(dir) {
		return nil, &ForeignError{"it is not the full path of a directory"}
	}
	for path, kind := range map[string]fs.FileMode{dir: fs.ModeDir, Socket(dir): fs.ModeSocket} {
		found, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		if err := own(path, found, kind, user); err != nil {
			return nil, err
		}
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", Socket(dir))
	if err != nil {
		return nil, err
	}
	if owner, err := peer(conn, user); err != nil || owner != user {
		_ = conn.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: who serves this world can't be told: %w", dir, err)
		}
		return nil, &ForeignError{fmt.Sprintf("user %d serves this world, and this is user %d", owner, user)}
	}
	v := &Visit{client: rpc.NewClient(conn), seen: -1}
	answer, err := v.ask(ctx, Question{Machine: machine, Do: "Facts"})
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	v.Facts = answer.Facts
	return v, nil
}

// own refuses what is not the user's own, or what others can replace.
func own(path string, found fs.FileInfo, kind fs.FileMode, user int) error {
	owner := -1
	if sys, ok := found.Sys().(*syscall.Stat_t); ok {
		owner = int(sys.Uid)
	}
	switch {
	case found.Mode().Type() != kind:
		return &ForeignError{path + " is not what a world has there"}
	case owner != user:
		return &ForeignError{fmt.Sprintf("%s belongs to user %d, and this is user %d", path, owner, user)}
	case kind == fs.ModeDir && found.Mode().Perm()&0o022 != 0:
		return &ForeignError{path + " can be written by others"}
	}
	return nil
}

// Close ends the stay. The world goes on.
func (v *Visit) Close() error { return v.client.Close() }

// ask asks the machine one question, for as long as ctx allows. An error is the
// world's silence: the machine's own is in the answer.
func (v *Visit) ask(ctx context.Context, q Question) (answer Answer, err error) {
	if err := ctx.Err(); err != nil {
		return answer, err
	}
	q.Machine = cmp.Or(q.Machine, v.Machine)
	call := v.client.Go(serviceName+".Ask", q, &answer, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return Answer{}, fmt.Errorf("the demo world: %w", call.Error)
		}
		return answer, nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("the demo world does not answer: %w", ctx.Err())
	}
}

// told is ask, and the machine's own error.
func (v *Visit) told(ctx context.Context, do, about string) (Answer, error) {
	answer, err := v.ask(ctx, Question{Do: do, About: about})
	if err == nil {
		err = answer.Failure.err()
	}
	return answer, err
}

func (v *Visit) System() devices.System {
	return devices.System{FS: host.Live(v.files), Kernel: farKernel{v}, Hostname: v.Machine, LXDDirs: v.LXDDirs, Now: v.Now}
}

// files is the machine's file tree as it is now.
func (v *Visit) files() (*treefs.FS, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	answer, err := v.ask(context.Background(), Question{Do: "Tree", Seen: v.seen})
	if err == nil {
		err = answer.Failure.err()
	}
	if err == nil && answer.Seen != v.seen {
		v.seen = answer.Seen
		v.tree, err = treefs.FromTarGz(bytes.NewReader(answer.Tree))
	}
	return v.tree, err
}

func (v *Visit) DeviceWriter() release.DeviceWriter { return remoteWriter{v} }

func (v *Visit) Dial(ctx context.Context, portal string) error {
	_, err := v.told(ctx, "Dial", portal)
	return err
}

// Now is what time it is in the world. Once the world is gone it is this
// machine's time: whoever asks then is told by everything else.
func (v *Visit) Now() time.Time {
	now, err := v.Advance(context.Background(), 0)
	if err != nil {
		return time.Now()
	}
	return now
}

func (v *Visit) Advance(ctx context.Context, d time.Duration) (time.Time, error) {
	answer, err := v.ask(ctx, Question{Do: "Advance", For: d})
	return answer.Now, err
}

type farKernel struct{ visit *Visit }

func (k farKernel) Maps(ctx context.Context) ([]devices.DM, error) {
	answer, err := k.visit.told(ctx, "Maps", "")
	return answer.Maps, err
}

func (k farKernel) Checkers(ctx context.Context) (map[string]string, error) {
	answer, err := k.visit.told(ctx, "Checkers", "")
	return answer.Checkers, err
}

func (k farKernel) Identify(ctx context.Context, disk string) evidence.Identity {
	answer, err := k.visit.told(ctx, "Identify", disk)
	if err != nil {
		return evidence.Identity{Why: err.Error()}
	}
	return answer.Identity
}

func (k farKernel) MountInfo(ctx context.Context, path string) ([]byte, error) {
	answer, err := k.visit.told(ctx, "MountInfo", path)
	return answer.Data, err
}

type remoteWriter struct{ visit *Visit }

func (h remoteWriter) change(ctx context.Context, q Question) error {
	answer, err := h.visit.ask(ctx, q)
	if err != nil {
		// Whether it was done before the world fell silent is not known.
		return fmt.Errorf("%s: %w: %w", q.Do, release.ErrAbandoned, err)
	}
	return answer.Failure.err()
}

func (h remoteWriter) RemoveMap(ctx context.Context, uuid string) error {
	return h.change(ctx, Question{Do: "RemoveMap", About: uuid})
}

func (h remoteWriter) AddMap(ctx context.Context, wwid string) error {
	return h.change(ctx, Question{Do: "AddMap", About: wwid})
}

func (h remoteWriter) SetQueueing(ctx context.Context, uuid string, on bool) error {
	return h.change(ctx, Question{Do: "SetQueueing", About: uuid, On: on})
}

func (h remoteWriter) SetState(ctx context.Context, disk release.Target, state string) error {
	return h.change(ctx, Question{Do: "SetState", Disk: disk, State: state})
}

func (h remoteWriter) DeleteDisk(ctx context.Context, disk release.Target) error {
	return h.change(ctx, Question{Do: "DeleteDisk", Disk: disk})
}

func (h remoteWriter) ClaimNamespace(ctx context.Context, namespace release.Target) error {
	return h.change(ctx, Question{Do: "ClaimNamespace", Disk: namespace})
}

func (h remoteWriter) RescanController(ctx context.Context, controller string) error {
	return h.change(ctx, Question{Do: "RescanController", About: controller})
}
