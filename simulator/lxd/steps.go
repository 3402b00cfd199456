package lxd

import (
	"errors"
	"fmt"
	"strings"
)

// ErrKilled is how a flow ends that did not end: its daemon was killed, and
// nothing that comes after happened, undoing included.
var ErrKilled = errors.New("LXD was killed")

// The methods of steps that are not REST calls.
const (
	// StepHost is something done on the member's machine: its path is a verb
	// and what it is done to, such as "wait 8726B5033AF2433D00014196".
	StepHost = "HOST"
	// StepRecord is a write to LXD's database, such as
	// "create volume pool/custom/name".
	StepRecord = "RECORD"
)

// SetBeforeCall has f asked before every step of every flow: a REST call, with
// its method and path, or a step with method StepHost or StepRecord. Its error
// is that step's; ErrKilled kills the daemon. It runs without any lock and may
// look at the world. Nil ends it.
func (s *Server) SetBeforeCall(f func(method, path string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// CutAfter kills the daemon that runs the next flows when n more steps have
// been taken; the one after them does not happen. There is one cut at a time,
// and StartDaemon, which starts the daemon again, ends it.
func (s *Server) CutAfter(n int) {
	s.setCut(func(string, string) error {
		if n == 0 {
			return ErrKilled
		}
		n--
		return nil
	})
}

func (s *Server) NoCut() { s.setCut(nil) }

func (s *Server) setCut(f func(method, path string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = f
}

// CutBefore kills the daemon in front of the first step with this method whose
// path contains part.
func (s *Server) CutBefore(method, part string) {
	s.setCut(func(m, path string) error {
		if m == method && strings.Contains(path, part) {
			return ErrKilled
		}
		return nil
	})
}

// CutBehind kills the daemon behind the first such step: the one that follows
// does not happen.
func (s *Server) CutBehind(method, part string) {
	reached := false
	s.setCut(func(m, path string) error {
		if reached {
			return ErrKilled
		}
		reached = m == method && strings.Contains(path, part)
		return nil
	})
}

// run is one flow in one daemon.
type run struct {
	*Server
	// behaviour is that of the version which the flow began in.
	behaviour behaviour
	member    *Member
	// life is the daemon's when the flow began: once the daemon is killed
	// the flow is of an earlier life and can do nothing more.
	life   int
	op     *operation
	client map[string]*client
}

// step is asked before everything that a flow does. Its error means that it
// was not done.
func (r *run) step(method, format string, args ...any) error {
	path := fmt.Sprintf(format, args...)
	r.mu.Lock()
	if r.deadLocked() {
		r.mu.Unlock()
		return ErrKilled
	}
	hooks := []func(string, string) error{r.cut, r.before}
	r.mu.Unlock()
	for _, hook := range hooks {
		if hook == nil {
			continue
		}
		// Without the lock: the function may look at the world, or end it.
		if err := hook(method, path); err != nil {
			if errors.Is(err, ErrKilled) {
				r.member.KillDaemon()
			}
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deadLocked() {
		return ErrKilled
	}
	return nil
}

func (r *run) deadLocked() bool { return !r.member.up || r.member.life != r.life }

func (r *run) host(format string, args ...any) error { return r.step(StepHost, format, args...) }

// write changes the records as one step.
func (r *run) write(what string, change func(db *Database) error) error {
	if err := r.step(StepRecord, "%s", what); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return change(&r.db)
}

func (r *run) read(look func(db Database)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	look(r.db)
}
