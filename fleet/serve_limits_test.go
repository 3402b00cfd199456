package fleet

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pureclean/pureclean/devices/release"
)

// What is no request is answered by nothing, and a step that is not there is
// none.
func TestServeNoRequest(t *testing.T) {
	s := newSite(t)
	s.service.Step = "release"
	var out strings.Builder
	if err := s.service.Serve(context.Background(), strings.NewReader(""), &out); !errors.Is(err, io.EOF) {
		t.Errorf("nothing was asked: %v", err)
	}
	if err := s.service.Serve(context.Background(), strings.NewReader("{\n"), &out); err == nil {
		t.Error("half a request was served")
	}
	s.service.Step = "polish"
	if err := s.service.Serve(context.Background(), strings.NewReader(""), &out); err == nil || !strings.Contains(err.Error(), `no step "polish"`) {
		t.Errorf("%v", err)
	}
	if out.Len() > 0 || s.writes > 0 {
		t.Errorf("%d writes; it said %s", s.writes, out.String())
	}
}

// A machine that does not know its own boot can't tell that it is the one that
// was looked at; a rollback is of a volume that is named.
func TestServeRefusesTheUnnamed(t *testing.T) {
	s := newSite(t)
	ask := s.request("clear")
	s.service.Local.System.FS, ask.Boot = fstest.MapFS{}, ""
	if done, err := s.converse(ask, yes); err != nil || done == nil || !errors.Is(done.Error, release.ErrRefused) || !strings.Contains(done.Error.Error(), "not the machine") {
		t.Errorf("no boot on either side: %v, %+v", err, done)
	}
	s = newSite(t)
	ask = s.request("rollback")
	ask.Released.Serial = ""
	if done, err := s.converse(ask, yes); err != nil || done == nil || !errors.Is(done.Error, release.ErrRefused) || !strings.Contains(done.Error.Error(), "of which volume") {
		t.Errorf("a rollback of nothing: %v, %+v", err, done)
	}
	if s.writes > 0 {
		t.Errorf("%d writes", s.writes)
	}
}

// TestClearRestsInVain: after the wait nothing more is done without the lock, or
// for somebody who has gone.
func TestClearRestsInVain(t *testing.T) {
	for name, c := range map[string]struct {
		lock  bool // somebody else has it by then
		gone  bool // nobody listens any more
		busy  bool // that is what is said
		heard bool
	}{
		"the lock is taken":      {lock: true, busy: true, heard: true},
		"nobody listens":         {gone: true},
		"nobody listens, locked": {gone: true, lock: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			released(t, s)
			rested, before := false, s.writes
			s.service.Lock = func(context.Context) (func(), error) {
				if c.gone && rested {
					t.Error("it is locked again, for nobody")
				}
				if c.lock && rested {
					return nil, errors.New("another run is under way")
				}
				return func() {}, nil
			}
			done, err := s.converse(s.request("clear"), func(_ int, m message) (reply, bool) {
				if m.Say == sayWait && !rested {
					rested, before = true, s.writes
					return reply{OK: true}, !c.gone
				}
				return reply{OK: true}, true
			})
			if !rested {
				t.Fatal("it did not wait")
			}
			if s.writes != before {
				t.Errorf("%d writes after the wait", s.writes-before)
			}
			if c.heard != (err == nil && done != nil && done.Error != nil) {
				t.Errorf("%v, %+v", err, done)
			}
			if c.busy && !errors.Is(done.Error, ErrBusy) {
				t.Errorf("%v", done.Error)
			}
		})
	}
}

// A moment is waited for without letting others work.
func TestShortWaitsKeepTheLock(t *testing.T) {
	s := newSite(t)
	released(t, s)
	locks := 0
	s.service.Lock = func(context.Context) (func(), error) { locks++; return func() {}, nil }
	waits, short := 0, 0
	sleep := s.service.Local.Sleep
	s.service.Local.Sleep = func(ctx context.Context, d time.Duration) error {
		if d < restsFrom {
			short++
		}
		return sleep(ctx, d)
	}
	if _, err := s.converse(s.request("clear"), func(_ int, m message) (reply, bool) {
		if m.Say == sayWait {
			waits++
			if m.Wait < restsFrom {
				t.Errorf("others may work for %s", m.Wait)
			}
		}
		return reply{OK: true}, true
	}); err != nil {
		t.Fatal(err)
	}
	if locks != waits+1 {
		t.Errorf("it was locked %d times, and %d waits were told (%d short ones)", locks, waits, short)
	}
	s = newSite(t)
	released(t, s)
	if done, err := s.converse(s.request("clear"), yes); err != nil || done == nil || done.Error != nil {
		t.Errorf("where nothing is locked: %v, %+v", err, done)
	}
}

// released lets go of the volume there, and of its connection on the array.
func released(t *testing.T, s *site) {
	t.Helper()
	if done, err := s.converse(s.request("release"), yes); err != nil || done == nil || done.Error != nil {
		t.Fatalf("%v, %+v", err, done)
	}
	for _, connection := range s.world.Array.Connections() {
		if v, _ := s.world.Array.Volume(connection.Volume); v.Serial == string(s.serial) {
			if err := s.world.Array.Disconnect(connection.Host, connection.Volume); err != nil {
				t.Fatal(err)
			}
		}
	}
}
