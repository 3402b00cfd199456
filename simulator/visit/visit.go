// Package visit lets other processes into a simulated world: over one unix
// socket they read a machine's files, ask its kernel, change its devices and
// read the world's clock, as they would in the process that holds the world.
// A visitor has nothing of its own machine in its hands: every way to a device
// that it is given ends in the world.
package visit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// Socket is where a world listens for visitors below its directory.
func Socket(dir string) string { return filepath.Join(dir, "world.socket") }

// Visit is one process's stay at one machine of a world.
type Visit struct {
	Facts
	client *rpc.Client
}

// ForeignError is a world that belongs to somebody else: neither may its
// owner lead us, nor may we be led.
type ForeignError struct {
	Dir    string
	Owner  int
	Reason string
}

func (e *ForeignError) Error() string { return e.Reason }

// Enter goes into the world below dir, to the machine of that name or to the
// first. The directory, the socket and the process behind it must all be
// user's, which is who this process acts for, and nobody else may write there.
func Enter(ctx context.Context, dir, machine string, user int) (*Visit, error) {
	if !filepath.IsAbs(dir) {
		return nil, &ForeignError{Dir: dir, Owner: -1, Reason: "it is not the full path of a directory"}
	}
	for path, kind := range map[string]fs.FileMode{dir: fs.ModeDir, Socket(dir): fs.ModeSocket} {
		found, err := os.Lstat(path)
		if err != nil {
			return nil, err
		}
		if err := own(dir, path, found, kind, user); err != nil {
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
		return nil, &ForeignError{dir, owner, fmt.Sprintf("user %d serves this world, and this is user %d", owner, user)}
	}
	v := &Visit{client: rpc.NewClient(conn)}
	if err := v.ask(ctx, "Facts", machine, &v.Facts); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// own refuses what is not the user's own, or what others can replace.
func own(dir, path string, found fs.FileInfo, kind fs.FileMode, user int) error {
	owner := -1
	if sys, ok := found.Sys().(*syscall.Stat_t); ok {
		owner = int(sys.Uid)
	}
	switch {
	case found.Mode().Type() != kind:
		return &ForeignError{dir, owner, path + " is not what a world has there"}
	case owner != user:
		return &ForeignError{dir, owner, fmt.Sprintf("%s belongs to user %d, and this is user %d", path, owner, user)}
	case kind == fs.ModeDir && found.Mode().Perm()&0o022 != 0:
		return &ForeignError{dir, owner, path + " can be written by others"}
	}
	return nil
}

// Close ends the stay. The world goes on.
func (v *Visit) Close() error { return v.client.Close() }

// ask asks one question, for as long as ctx allows.
func (v *Visit) ask(ctx context.Context, method string, question, answer any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call := v.client.Go(serviceName+"."+method, question, answer, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("the demo world: %w", call.Error)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the demo world does not answer: %w", ctx.Err())
	}
}

// System is the machine for package devices.
func (v *Visit) System() devices.System {
	return devices.System{FS: farFS{v}, Kernel: farKernel{v}, Hostname: v.Machine, LXDDirs: v.LXDDirs, Now: v.Now}
}

// DeviceWriter changes the machine's devices.
func (v *Visit) DeviceWriter() release.DeviceWriter { return remoteWriter{v} }

// Dial tries a portal from the machine.
func (v *Visit) Dial(ctx context.Context, portal string) error {
	var failed Failure
	if err := v.ask(ctx, "Dial", Portal{v.Machine, portal}, &failed); err != nil {
		return err
	}
	return failed.err()
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

// Advance lets time pass in the world.
func (v *Visit) Advance(ctx context.Context, d time.Duration) (now time.Time, err error) {
	err = v.ask(ctx, "Advance", d, &now)
	return now, err
}

// farKernel is the machine's kernel.
type farKernel struct{ visit *Visit }

func (k farKernel) ask(ctx context.Context, ask, about string) (KernelAnswer, error) {
	var answer KernelAnswer
	if err := k.visit.ask(ctx, "Kernel", KernelQuestion{k.visit.Machine, ask, about}, &answer); err != nil {
		return KernelAnswer{}, err
	}
	return answer, answer.Failure.err()
}

// Maps implements devices.Kernel.
func (k farKernel) Maps(ctx context.Context) ([]devices.DM, error) {
	answer, err := k.ask(ctx, askMaps, "")
	return answer.Maps, err
}

// Checkers implements devices.Kernel.
func (k farKernel) Checkers(ctx context.Context) (map[string]string, error) {
	answer, err := k.ask(ctx, askCheckers, "")
	return answer.Checkers, err
}

// Identify implements devices.Kernel.
func (k farKernel) Identify(ctx context.Context, disk string) evidence.Identity {
	answer, err := k.ask(ctx, askIdentify, disk)
	if err != nil {
		return evidence.Identity{Why: err.Error()}
	}
	return answer.Identity
}

// MountInfo implements devices.Kernel.
func (k farKernel) MountInfo(ctx context.Context, path string) ([]byte, error) {
	answer, err := k.ask(ctx, askMountInfo, path)
	return answer.Data, err
}

// remoteWriter is the machine's release.DeviceWriter.
type remoteWriter struct{ visit *Visit }

func (h remoteWriter) change(ctx context.Context, c Change) error {
	c.Machine = h.visit.Machine
	var failed Failure
	if err := h.visit.ask(ctx, "Change", c, &failed); err != nil {
		// Whether it was done before the world fell silent is not known.
		return fmt.Errorf("%s: %w: %w", c.Do, release.ErrAbandoned, err)
	}
	return failed.err()
}

// RemoveMap implements release.DeviceWriter.
func (h remoteWriter) RemoveMap(ctx context.Context, uuid string) error {
	return h.change(ctx, Change{Do: doRemoveMap, About: uuid})
}

// AddMap implements release.DeviceWriter.
func (h remoteWriter) AddMap(ctx context.Context, wwid string) error {
	return h.change(ctx, Change{Do: doAddMap, About: wwid})
}

// SetQueueing implements release.DeviceWriter.
func (h remoteWriter) SetQueueing(ctx context.Context, uuid string, on bool) error {
	return h.change(ctx, Change{Do: doSetQueueing, About: uuid, On: on})
}

// SetState implements release.DeviceWriter.
func (h remoteWriter) SetState(ctx context.Context, disk release.Target, state string) error {
	return h.change(ctx, Change{Do: doSetState, Disk: disk, State: state})
}

// DeleteDisk implements release.DeviceWriter.
func (h remoteWriter) DeleteDisk(ctx context.Context, disk release.Target) error {
	return h.change(ctx, Change{Do: doDeleteDisk, Disk: disk})
}

// ClaimNamespace implements release.DeviceWriter.
func (h remoteWriter) ClaimNamespace(ctx context.Context, namespace release.Target) error {
	return h.change(ctx, Change{Do: doClaim, Disk: namespace})
}

// RescanController implements release.DeviceWriter.
func (h remoteWriter) RescanController(ctx context.Context, controller string) error {
	return h.change(ctx, Change{Do: doRescan, About: controller})
}
