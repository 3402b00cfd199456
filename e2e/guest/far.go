//go:build linux

package main

import (
	"encoding/gob"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"sync"
	"time"

	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// member is a machine as LXD uses it and a scenario watches it: this one, or
// the other one of a cluster.
type member interface {
	lxd.Machine
	Keep(keep bool)
	Never(never bool)
	Settle() error
	Down() int
	AllUp() bool
	Do(command string) (string, error)
	Picture(serial string) string
	Guard(serials, lost []string)
	Guarded() error
	Trouble() error
	Tell()
}

var (
	_ member = (*machine)(nil)
	_ member = (*far)(nil)
)

// far is the other machine.
type far struct {
	*machine // what it is called
	client   *rpc.Client

	mu     sync.Mutex
	failed []error
}

// registerCalls names what is passed in calls.
func registerCalls() {
	for _, v := range []any{[]fabric.Export{}, []host.Mount{}, host.FirstNamespace, Pool{}} {
		gob.Register(v)
	}
}

// farLimit bounds a call: LXD's own waits are in it.
const farLimit = 3 * time.Minute

// reach waits for the second machine.
func reach() (*far, error) {
	registerCalls()
	f := &far{machine: newMachine(2)}
	return f, await(time.Minute, "the second machine answers", func() bool {
		conn, err := net.DialTimeout("tcp", memberAddress(2)+":7000", time.Second)
		if err == nil {
			f.client = rpc.NewClient(conn)
		}
		return err == nil
	})
}

// call is one call. What can't be returned is kept.
func (f *far) call(method string, args ...any) []any {
	var out []any
	call := f.client.Go("Member.Do", Call{method, args}, &out, nil)
	var err error
	select {
	case <-call.Done:
		err = call.Error
	case <-time.After(farLimit):
		err = errors.New("it does not answer")
	}
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failed = append(f.failed, fmt.Errorf("%s of the second machine: %w", method, err))
		return nil
	}
	return out
}

// result is the nth thing that a call returned.
func result[T any](out []any, n int) T {
	var none T
	if n < len(out) {
		none, _ = out[n].(T)
	}
	return none
}

// errorOf is the error that a call returned last.
func errorOf(out []any) error {
	if len(out) == 0 {
		return errors.New("the second machine did not answer")
	}
	if text := result[string](out, len(out)-1); text != "" {
		return errors.New(text)
	}
	return nil
}

func (f *far) Login(mode string) error { return errorOf(f.call("Login", mode)) }
func (f *far) Logout(mode string)      { f.call("Logout", mode) }
func (f *far) RescanFirst()            { f.call("RescanFirst") }

func (f *far) Device(serial string) (dev string, ok bool) {
	out := f.call("Device", serial)
	return result[string](out, 0), result[bool](out, 1)
}

func (f *far) DevicesOf(serial string) []string {
	return result[[]string](f.call("DevicesOf", serial), 0)
}

func (f *far) Gone(serial, name string) bool    { return result[bool](f.call("Gone", serial, name), 0) }
func (f *far) RemoveDevice(serial string) error { return errorOf(f.call("RemoveDevice", serial)) }
func (f *far) FlushMap(serial string) error     { return errorOf(f.call("FlushMap", serial)) }
func (f *far) DeletePath(name string) error     { return errorOf(f.call("DeletePath", name)) }
func (f *far) Unmount(where string) error       { return errorOf(f.call("Unmount", where)) }
func (f *far) Mounts() []host.Mount             { return result[[]host.Mount](f.call("Mounts"), 0) }
func (f *far) InUse(serial string) bool         { return result[bool](f.call("InUse", serial), 0) }
func (f *far) Close(pid int)                    { f.call("Close", pid) }
func (f *far) LXDPID() int                      { return result[int](f.call("LXDPID"), 0) }

func (f *far) Mount(serial, path string, where host.Where) error {
	return errorOf(f.call("Mount", serial, path, where))
}

func (f *far) MakeDirectory(pool, kind, name string)   { f.call("MakeDirectory", pool, kind, name) }
func (f *far) RemoveDirectory(pool, kind, name string) { f.call("RemoveDirectory", pool, kind, name) }

func (f *far) Open(serial, name string, pid int) error {
	return errorOf(f.call("Open", serial, name, pid))
}

func (f *far) Keep(keep bool)               { f.call("Keep", keep) }
func (f *far) Never(never bool)             { f.call("Never", never) }
func (f *far) Settle() error                { return errorOf(f.call("Settle")) }
func (f *far) Down() int                    { return result[int](f.call("Down"), 0) }
func (f *far) AllUp() bool                  { return result[bool](f.call("AllUp"), 0) }
func (f *far) Picture(serial string) string { return result[string](f.call("Picture", serial), 0) }
func (f *far) Guard(serials, lost []string) { f.call("Guard", serials, lost) }
func (f *far) Guarded() error               { return errorOf(f.call("Guarded")) }
func (f *far) Tell()                        { f.call("Tell") }

func (f *far) Do(command string) (string, error) {
	out := f.call("Do", command)
	return result[string](out, 0), errorOf(out)
}

func (f *far) Trouble() error {
	there := errorOf(f.call("Trouble"))
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(append(f.failed, there)...)
}

// show makes what the machine's own target shows be exports.
func (f *far) show(exports []fabric.Export) error { return errorOf(f.call("Show", exports)) }
