package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// stderrBytes is how much of what ssh prints is kept.
	stderrBytes = 8 << 10
	// leaveLimit is how long an ssh may take to end once nothing is wanted of
	// it any more.
	leaveLimit = 5 * time.Second
)

// call is one ssh while it runs.
type call struct {
	name   string
	member Member
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr *head
	ctx    context.Context
	cancel context.CancelFunc
	stop   func() bool
	// sending ends when the program that is pushed has been written.
	sending chan error
}

// start begins one ssh to a member, with the arguments of pureclean. It ends
// when ctx does.
func (f *Fleet) start(ctx context.Context, name string, words ...string) (*call, error) {
	member, err := f.member(name)
	if err != nil {
		return nil, &Cause{Why: err.Error(), Hint: "say how it is reached in the configuration: members: {NAME: {ssh: ADDRESS}}"}
	}
	c := &call{name: name, member: member, stderr: &head{}}
	command := slices.Concat(member.Command, words)
	var program fs.File
	if f.pushes(name) {
		if program, command, err = f.parcel(member, words); err != nil {
			return nil, &Cause{Why: fmt.Sprintf("this program can't be sent along: %v", err)}
		}
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	argv := slices.Concat(f.o.Client, arguments(member.Destination), command)
	c.cmd = exec.Command(argv[0], argv[1:]...) //nolint:gosec // the operator's own client, plain words
	// A group of its own, to end ssh together with what it started.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Stderr = c.stderr
	c.cmd.WaitDelay = leaveLimit
	var in, out error
	c.stdin, in = c.cmd.StdinPipe()
	c.stdout, out = c.cmd.StdoutPipe()
	if err := errors.Join(in, out); err != nil {
		c.cancel()
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		c.cancel()
		return nil, &Cause{Why: fmt.Sprintf("ssh can't be started: %v", err), Hint: "install OpenSSH's client, or name another in the configuration: ssh: [PROGRAM, ...]"}
	}
	c.stop = context.AfterFunc(c.ctx, func() {
		_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		// Whoever reads or writes is let go, whatever still holds the other
		// ends.
		_ = c.stdin.Close()
		_ = c.stdout.Close()
	})
	c.send(program)
	return c, nil
}

// send writes the program that goes along before anything else.
func (c *call) send(program fs.File) {
	c.sending = make(chan error, 1)
	if program == nil {
		c.sending <- nil
		return
	}
	go func() {
		_, err := io.Copy(c.stdin, program)
		c.sending <- errors.Join(err, program.Close())
	}()
}

// end waits until ssh has ended, for a short time, and returns its status; -1
// when it had to be killed.
func (c *call) end() int {
	_ = c.stdin.Close()
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	err := errAlive
	for range 2 {
		timer := time.NewTimer(leaveLimit)
		select {
		case err = <-ended:
		case <-timer.C:
			c.cancel() // and once more the same time to go
			continue
		}
		timer.Stop()
		break
	}
	// Its number may soon be another's.
	c.stop()
	c.cancel()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		return -1
	}
}

// errAlive is an ssh that not even a kill ended.
var errAlive = errors.New("it does not end")

// head keeps the beginning and the end of what is written.
type head struct {
	mu   sync.Mutex
	kept []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, p...)
	if over := len(h.kept) - stderrBytes; over > 0 {
		h.kept = slices.Delete(h.kept, stderrBytes/2, stderrBytes/2+over)
	}
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.ToValidUTF8(string(h.kept), "?")
}
