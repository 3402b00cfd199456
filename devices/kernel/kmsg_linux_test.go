package kernel

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// records answers one after another, then with the last error for ever.
type records struct {
	answers []any
	closed  bool
}

func (r *records) Read(p []byte) (int, error) {
	answer := r.answers[0]
	if len(r.answers) > 1 {
		r.answers = r.answers[1:]
	}
	if err, ok := answer.(error); ok {
		return -1, err
	}
	return copy(p, answer.(string)), nil
}

func (r *records) Close() error {
	r.closed = true
	return nil
}

func TestKernelLog(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []any
		want    string
		fails   error
	}{
		{"two records", []any{
			"6,1124,47836796,-;sd 2:0:0:2: [sdc] Attached SCSI disk\n SUBSYSTEM=scsi\n DEVICE=+scsi:2:0:0:2\n",
			"3,1125,1000000000001,-,caller=T1;a;b\n", unix.EAGAIN,
		}, "[   47.836796] sd 2:0:0:2: [sdc] Attached SCSI disk\n[1000000.000001] a;b\n", nil},
		{"overwritten meanwhile", []any{unix.EPIPE, "6,9,1,-;x\n", unix.EINTR, unix.EAGAIN}, "[    0.000001] x\n", nil},
		{"no records at all", []any{unix.EAGAIN}, "", nil},
		{"an end", []any{"", "6,9,1,-;x\n"}, "", nil},
		{"garbage", []any{"no record", "6,1,x,-;y\n", "6,1;y\n", ";\n", unix.EAGAIN}, "", nil},
		{"an error", []any{"6,9,1,-;x\n", unix.EIO}, "[    0.000001] x\n", unix.EIO},
	} {
		r := &records{answers: c.answers}
		l := &live{timeout: defaultTimeout, openKmsg: func() (kmsg, error) { return r, nil }}
		got, err := l.Log(t.Context())
		if got != c.want || !errors.Is(err, c.fails) || (err == nil) != (c.fails == nil) || !r.closed {
			t.Errorf("%s: %q, %v, closed %v", c.name, got, err, r.closed)
		}
	}
}

// TestKernelLogEnds: a log that never ends is not read for ever, and one that
// hangs is left behind.
func TestKernelLogEnds(t *testing.T) {
	l := &live{timeout: defaultTimeout, openKmsg: func() (kmsg, error) {
		return &records{answers: []any{"6,1,1,-;" + strings.Repeat("x", 8000) + "\n"}}, nil
	}}
	if got, err := l.Log(t.Context()); err != nil || len(got) > kmsgLimit+kmsgRecord {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	blocked := make(chan struct{})
	defer close(blocked)
	l = &live{timeout: defaultTimeout, openKmsg: func() (kmsg, error) {
		<-blocked
		return nil, errors.New("too late")
	}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Log(ctx); err == nil {
		t.Error("an answer after the end")
	}
	l = &live{timeout: defaultTimeout, openKmsg: func() (kmsg, error) { return nil, &os.PathError{Err: unix.EPERM} }}
	if _, err := l.Log(t.Context()); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "root") {
		t.Errorf("%v", err)
	}
}
