package repair

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/rpc"
	"path"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// The simulated machine lives in the test's process, and what repairs it may
// be a child of its own, which can be killed. The two talk over a socket: each
// read of a file, each question to the kernel and each write to a device is
// one call.

// hostServer answers for a machine.
type hostServer struct {
	system devices.System
	hands  devices.Hands
	// clock is the world's.
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	// event is told what the child is about to do or has done. It may not
	// return.
	event func(string)
}

// FileInfo is what a call tells of a file.
type FileInfo struct {
	Base    string
	Bytes   int64
	Bits    fs.FileMode
	Changed time.Time
}

func infoOf(i fs.FileInfo) FileInfo {
	return FileInfo{i.Name(), i.Size(), i.Mode(), i.ModTime()}
}

// Name and the others implement fs.FileInfo.
func (i FileInfo) Name() string       { return i.Base }
func (i FileInfo) Size() int64        { return i.Bytes }
func (i FileInfo) Mode() fs.FileMode  { return i.Bits }
func (i FileInfo) ModTime() time.Time { return i.Changed }
func (i FileInfo) IsDir() bool        { return i.Bits.IsDir() }
func (i FileInfo) Sys() any           { return nil }

// HostAnswer is an answer that may be an error. Errors that somebody looks for
// with errors.Is keep their identity. (Package rpc wants exported types.)
type HostAnswer struct {
	Data    []byte
	Text    string
	Infos   []FileInfo
	Maps    []devices.DM
	Words   map[string]string
	Who     evidence.Identity
	When    time.Time
	Failed  string
	Meaning []int
}

var meanings = []error{
	fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid, devices.ErrInUse, devices.ErrOther, devices.ErrState, devices.ErrAbandoned, context.DeadlineExceeded,
}

func (r *HostAnswer) fail(err error) {
	if err == nil {
		return
	}
	r.Failed = err.Error()
	for i, meaning := range meanings {
		if errors.Is(err, meaning) {
			r.Meaning = append(r.Meaning, i)
		}
	}
}

// farError is an error of the other process.
type farError struct {
	text string
	is   []error
}

func (e *farError) Error() string   { return e.text }
func (e *farError) Unwrap() []error { return e.is }

func (r *HostAnswer) err() error {
	if r.Failed == "" {
		return nil
	}
	e := &farError{text: r.Failed}
	for _, i := range r.Meaning {
		e.is = append(e.is, meanings[i])
	}
	return e
}

// HostQuery is a question to the machine.
type HostQuery struct {
	Name   string
	On     bool
	Target devices.Target
	State  string
	Wait   time.Duration
}

func (s *hostServer) ReadFile(q HostQuery, r *HostAnswer) (_ error) {
	data, err := fs.ReadFile(s.system.FS, q.Name)
	r.Data = data
	r.fail(err)
	return nil
}

func (s *hostServer) ReadDir(q HostQuery, r *HostAnswer) (_ error) {
	entries, err := fs.ReadDir(s.system.FS, q.Name)
	r.fail(err)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			r.fail(err)
			return nil
		}
		r.Infos = append(r.Infos, infoOf(info))
	}
	return nil
}

func (s *hostServer) Stat(q HostQuery, r *HostAnswer) (_ error) {
	info, err := fs.Stat(s.system.FS, q.Name)
	r.fail(err)
	if err == nil {
		r.Infos = []FileInfo{infoOf(info)}
	}
	return nil
}

func (s *hostServer) Lstat(q HostQuery, r *HostAnswer) (_ error) {
	info, err := fs.Lstat(s.system.FS, q.Name)
	r.fail(err)
	if err == nil {
		r.Infos = []FileInfo{infoOf(info)}
	}
	return nil
}

func (s *hostServer) ReadLink(q HostQuery, r *HostAnswer) (_ error) {
	target, err := fs.ReadLink(s.system.FS, q.Name)
	r.Text = target
	r.fail(err)
	return nil
}

func (s *hostServer) Maps(_ HostQuery, r *HostAnswer) (_ error) {
	all, err := s.system.Kernel.Maps(context.Background())
	r.Maps = all
	r.fail(err)
	return nil
}

func (s *hostServer) Checkers(_ HostQuery, r *HostAnswer) (_ error) {
	all, err := s.system.Kernel.Checkers(context.Background())
	r.Words = all
	r.fail(err)
	return nil
}

func (s *hostServer) Identify(q HostQuery, r *HostAnswer) (_ error) {
	r.Who = s.system.Kernel.Identify(context.Background(), q.Name)
	return nil
}

func (s *hostServer) MountInfo(q HostQuery, r *HostAnswer) (_ error) {
	data, err := s.system.Kernel.MountInfo(context.Background(), q.Name)
	r.Data = data
	r.fail(err)
	return nil
}

func (s *hostServer) RemoveMap(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.RemoveMap(context.Background(), q.Name))
	return nil
}

func (s *hostServer) AddMap(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.AddMap(context.Background(), q.Name))
	return nil
}

func (s *hostServer) SetQueueing(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.SetQueueing(context.Background(), q.Name, q.On))
	return nil
}

func (s *hostServer) SetState(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.SetState(context.Background(), q.Target, q.State))
	return nil
}

func (s *hostServer) DeleteDisk(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.DeleteDisk(context.Background(), q.Target))
	return nil
}

func (s *hostServer) ClaimNamespace(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.ClaimNamespace(context.Background(), q.Target))
	return nil
}

func (s *hostServer) RescanController(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.hands.RescanController(context.Background(), q.Name))
	return nil
}

func (s *hostServer) Now(_ HostQuery, r *HostAnswer) (_ error) {
	r.When = s.now()
	return nil
}

func (s *hostServer) Sleep(q HostQuery, r *HostAnswer) (_ error) {
	r.fail(s.sleep(context.Background(), q.Wait))
	return nil
}

func (s *hostServer) Event(q HostQuery, _ *HostAnswer) (_ error) {
	s.event(q.Name)
	return nil
}

// farHost is the machine as its child sees it: a file tree, a kernel, hands,
// a clock.
type farHost struct{ client *rpc.Client }

func (h farHost) call(method string, q HostQuery) (HostAnswer, error) {
	var r HostAnswer
	if err := h.client.Call("Host."+method, q, &r); err != nil {
		return r, err
	}
	return r, r.err()
}

func (h farHost) do(method string, q HostQuery) error {
	_, err := h.call(method, q)
	return err
}

func (h farHost) Open(name string) (fs.File, error) {
	info, err := h.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	data, err := h.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &farFile{Reader: bytes.NewReader(data), info: info}, nil
}

type farFile struct {
	io.Reader
	info fs.FileInfo
}

func (f *farFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *farFile) Close() error               { return nil }

func (h farHost) ReadFile(name string) ([]byte, error) {
	r, err := h.call("ReadFile", HostQuery{Name: name})
	return r.Data, err
}

func (h farHost) ReadDir(name string) ([]fs.DirEntry, error) {
	r, err := h.call("ReadDir", HostQuery{Name: name})
	var entries []fs.DirEntry
	for _, i := range r.Infos {
		entries = append(entries, fs.FileInfoToDirEntry(i))
	}
	return entries, err
}

func (h farHost) stat(method, name string) (fs.FileInfo, error) {
	r, err := h.call(method, HostQuery{Name: name})
	if err != nil {
		return nil, err
	}
	i := r.Infos[0]
	i.Base = path.Base(i.Base)
	return i, nil
}

func (h farHost) Stat(name string) (fs.FileInfo, error)  { return h.stat("Stat", name) }
func (h farHost) Lstat(name string) (fs.FileInfo, error) { return h.stat("Lstat", name) }

func (h farHost) ReadLink(name string) (string, error) {
	r, err := h.call("ReadLink", HostQuery{Name: name})
	return r.Text, err
}

func (h farHost) Maps(context.Context) ([]devices.DM, error) {
	r, err := h.call("Maps", HostQuery{})
	return r.Maps, err
}

func (h farHost) Checkers(context.Context) (map[string]string, error) {
	r, err := h.call("Checkers", HostQuery{})
	return r.Words, err
}

func (h farHost) Identify(_ context.Context, disk string) evidence.Identity {
	r, err := h.call("Identify", HostQuery{Name: disk})
	if err != nil {
		return evidence.Identity{Why: err.Error()}
	}
	return r.Who
}

func (h farHost) MountInfo(_ context.Context, name string) ([]byte, error) {
	r, err := h.call("MountInfo", HostQuery{Name: name})
	return r.Data, err
}

func (h farHost) RemoveMap(_ context.Context, uuid string) error {
	return h.do("RemoveMap", HostQuery{Name: uuid})
}

func (h farHost) AddMap(_ context.Context, wwid string) error {
	return h.do("AddMap", HostQuery{Name: wwid})
}

func (h farHost) SetQueueing(_ context.Context, uuid string, on bool) error {
	return h.do("SetQueueing", HostQuery{Name: uuid, On: on})
}

func (h farHost) SetState(_ context.Context, disk devices.Target, state string) error {
	return h.do("SetState", HostQuery{Target: disk, State: state})
}

func (h farHost) DeleteDisk(_ context.Context, disk devices.Target) error {
	return h.do("DeleteDisk", HostQuery{Target: disk})
}

func (h farHost) ClaimNamespace(_ context.Context, namespace devices.Target) error {
	return h.do("ClaimNamespace", HostQuery{Target: namespace})
}

func (h farHost) RescanController(_ context.Context, controller string) error {
	return h.do("RescanController", HostQuery{Name: controller})
}

func (h farHost) now() time.Time {
	r, err := h.call("Now", HostQuery{})
	if err != nil {
		return time.Time{}
	}
	return r.When
}

func (h farHost) sleep(ctx context.Context, d time.Duration) error {
	return errors.Join(h.do("Sleep", HostQuery{Wait: d}), ctx.Err())
}

func (h farHost) event(name string) error { return h.do("Event", HostQuery{Name: name}) }
