package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/host"
)

// site is a simulated machine with the map and the paths of a leaked volume.
type site struct {
	t       *testing.T
	world   *simulator.World
	service Service
	// serial is of the volume of a request that is about one.
	serial evidence.Serial
	writes int
}

func newSite(t *testing.T) *site {
	t.Helper()
	world := worlds.Of(t, "unmap-refused-iscsi")
	s := &site{t: t, world: world}
	for _, v := range world.Array.Volumes() {
		if !v.Destroyed && !world.Live(v.Name) && len(world.Hosts[0].DevicesOf(v.Serial)) > 0 {
			s.serial = evidence.Serial(v.Serial)
		}
	}
	machine := world.Hosts[0]
	machine.FailWrites(func(string, int) error { s.writes++; return nil })
	s.service.Serials = []evidence.Serial{s.serial}
	s.service.Version = "v1"
	s.service.Local = release.Local{System: machine.System(), Writer: machine.DeviceWriter(), Sleep: func(ctx context.Context, d time.Duration) error {
		world.Clock.Advance(d)
		return ctx.Err()
	}}
	if g := s.state(); len(g) < 3 {
		t.Fatalf("it has %v", g)
	}
	return s
}

// state is what the machine has of the volume.
func (s *site) state() []string {
	seen := devices.Observe(context.Background(), s.service.Local.System)
	var all []string
	for _, d := range seen.Disks.Items {
		if d.Serial == s.serial {
			all = append(all, d.Name+" "+d.State)
		}
	}
	for _, m := range seen.Maps.Items {
		if m.Serial == s.serial {
			all = append(all, "map "+m.UUID)
		}
	}
	return all
}

func (s *site) request(step string) request {
	s.service.Step = step
	return request{
		Schema: stepSchema, Version: "v1", Conversation: newest(conversations), Name: "lxd02", Boot: s.service.Local.Boot(), Step: step, Serial: s.serial,
		Expect: release.Expect{StillConnected: true}, Released: release.Released{Serial: s.serial},
	}
}

// converse serves one request. answer is asked for the reply to each message;
// false hangs up.
func (s *site) converse(ask request, answer func(n int, m message) (reply, bool)) (done *result, err error) {
	fromHere, toThere := io.Pipe()
	fromThere, toHere := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := s.service.Serve(context.Background(), fromHere, toHere)
		_ = toHere.Close()
		served <- err
	}()
	if err := writeLine(toThere, ask); err != nil {
		s.t.Error(err)
	}
	heard := bufio.NewReader(fromThere)
	for n := 1; ; {
		line, err := heard.ReadBytes('\n')
		if err != nil {
			break
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			s.t.Fatal(err)
		}
		if m.Say == sayAlive {
			continue
		}
		if m.Say == sayDone {
			done = m.Done
		}
		r, goOn := answer(n, m)
		if !goOn || writeLine(toThere, r) != nil {
			break
		}
		n++
	}
	_, _ = toThere.Close(), fromThere.Close()
	return done, <-served
}

func yes(int, message) (reply, bool) { return reply{OK: true}, true }

// Whenever the other side hangs up while a release is under way, the machine
// is as it was: also when all was done, and nobody heard of it.
func TestServeTakesBack(t *testing.T) {
	for at := 1; ; at++ {
		s := newSite(t)
		before := s.state()
		hungUp := false
		done, err := s.converse(s.request("release"), func(n int, _ message) (reply, bool) {
			hungUp = hungUp || n == at
			return reply{OK: true}, n != at
		})
		if !hungUp {
			if err != nil || done == nil || done.Error != nil || len(done.Released.Offline) != 2 || len(done.Released.Maps) != 1 {
				t.Errorf("a release that nobody ended: %v, %+v", err, done)
			}
			if at < 8 {
				t.Errorf("only %d messages", at)
			}
			return
		}
		if err == nil {
			t.Errorf("hung up at message %d, and served all the same", at)
		}
		if after := s.state(); !slices.Equal(before, after) {
			t.Errorf("hung up at message %d: it was %v and is %v", at, before, after)
		}
	}
}

// A write that is not allowed is not made, and what was done is taken back.
func TestServeNotAllowed(t *testing.T) {
	for at := 1; at <= 5; at += 2 {
		s := newSite(t)
		before := s.state()
		done, err := s.converse(s.request("release"), func(n int, m message) (reply, bool) {
			return reply{OK: n != at || m.Say != sayNote, Why: "the disk is full"}, true
		})
		if err != nil || done == nil || !errors.Is(done.Error, release.ErrUnrecorded) || !strings.Contains(done.Error.Error(), "the disk is full") {
			t.Errorf("at %d: %v, %+v", at, err, done)
		}
		if at > 1 && !errors.Is(done.Error, release.ErrTakenBack) {
			t.Errorf("at %d: %v", at, done.Error)
		}
		if after := s.state(); !slices.Equal(before, after) {
			t.Errorf("at %d: it was %v and is %v", at, before, after)
		}
	}
}

// A request that is not for this machine, now, is refused before anything.
func TestServeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, step, why string
		change          func(*site, *request)
	}{
		{"another boot", "release", "not the machine that was looked at", func(_ *site, r *request) { r.Boot = "other" }},
		{"no boot", "clear", "not the machine that was looked at", func(_ *site, r *request) { r.Boot = "" }},
		{"another boot, to take back", "rollback", "not the machine that was looked at", func(_ *site, r *request) { r.Boot = "other" }},
		{"another version", "release", "v2 asks: it speaks version 9 of the conversation, and this one versions 1 and 2", func(_ *site, r *request) { r.Version, r.Conversation = "v2", 9 }},
		{"an older version", "release", "v0 asks: it names no version of the conversation", func(_ *site, r *request) { r.Version, r.Conversation = "v0", 0 }},
		{"another schema", "release", "schema", func(_ *site, r *request) { r.Schema = "pureclean/step/v9" }},
		{"another volume", "release", "another step or volume", func(_ *site, r *request) { r.Serial = "0123456789ABCDEF01234567" }},
		{"another step", "stale", "another step or volume", func(_ *site, r *request) { r.Step = "clear" }},
		{"another volume's release", "rollback", "another volume", func(_ *site, r *request) { r.Released.Serial = "0123456789ABCDEF01234567" }},
		{"somebody else works", "release", "another run", func(s *site, _ *request) {
			s.service.Lock = func(context.Context) (func(), error) { return nil, errors.New("locked") }
		}},
		{"not connected, it says", "release", "answers", func(_ *site, r *request) { r.Expect.StillConnected = false }},
		{"it is in use", "release", "mounted", func(s *site, _ *request) {
			if err := s.world.Hosts[0].Mount(string(s.serial), "/mnt", host.FirstNamespace); err != nil {
				s.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			ask := s.request(c.step)
			c.change(s, &ask)
			before := s.state()
			done, err := s.converse(ask, yes)
			if err != nil || done == nil || !errors.Is(done.Error, release.ErrRefused) || !strings.Contains(done.Error.Error(), c.why) {
				t.Errorf("%v, %+v", err, done)
			}
			if s.writes > 0 || !slices.Equal(before, s.state()) {
				t.Errorf("%d writes: it was %v and is %v", s.writes, before, s.state())
			}
		})
	}
}

// Who only looks is in nobody's way.
func TestDetachedTakesNoLock(t *testing.T) {
	s := newSite(t)
	s.service.Lock = func(context.Context) (func(), error) { return nil, errors.New("locked") }
	done, err := s.converse(s.request("detached"), yes)
	if err != nil || done == nil || done.Error != nil || len(done.Detached) != 1 || done.Detached[0].Answer != evidence.No || len(done.Detached[0].Reasons) == 0 {
		t.Errorf("%v, %+v", err, done)
	}
}

// One call is about several volumes only where nothing is written, and each is
// judged for itself. What the machine does not answer for is not known.
func TestDetachedOfSeveral(t *testing.T) {
	s := newSite(t)
	for _, step := range Steps() {
		ask := s.request(step)
		ask.Also = []evidence.Serial{another}
		done, err := s.converse(ask, yes)
		if err != nil || done == nil || s.writes > 0 {
			t.Fatalf("%s: %v, %+v, %d writes", step, err, done, s.writes)
		}
		if step != "detached" {
			if !errors.Is(done.Error, release.ErrRefused) {
				t.Errorf("%s was not refused: %+v", step, done)
			}
			continue
		}
		want := []detachment{{Serial: s.serial, Answer: evidence.No}, {Serial: another, Answer: evidence.Yes}}
		if done.Error != nil || len(done.Detached) != 2 || len(done.Detached[0].Reasons) == 0 {
			t.Fatalf("%+v", done)
		}
		want[0].Reasons = done.Detached[0].Reasons
		if !reflect.DeepEqual(done.Detached, want) {
			t.Errorf("%+v", done.Detached)
		}
	}
}

// Whose use it is not is asked of each volume for itself.
func TestElsewhereOfSeveral(t *testing.T) {
	s := newSite(t)
	use := evidence.Use{Kind: evidence.UseMount, Where: "/var/lib/lxd/storage-pools/purepool/custom/default_x", Device: "dm-99"}
	k := &talk{of: map[evidence.Serial]release.Callbacks{
		s.serial: {Elsewhere: func(u evidence.Use) bool { return u == use }},
		another:  {Elsewhere: func(evidence.Use) bool { return false }},
	}}
	for serial, want := range map[evidence.Serial]bool{s.serial: true, another: false, "": false, "ABCDEF0123456789ABCDEF01": false} {
		if got := k.elsewhere(serial, use); got != want {
			t.Errorf("%q: %v", serial, got)
		}
	}
}

// An error means the same on both sides.
func TestErrorsOnTheWire(t *testing.T) {
	for i, kind := range kinds {
		err := fmt.Errorf("on the way: %w", errors.Join(kind.err, errors.New("something else")))
		if i > 0 {
			err = fmt.Errorf("%w: %w", err, kinds[i-1].err)
		}
		text, failed := json.Marshal(onWire(err))
		if failed != nil {
			t.Fatal(failed)
		}
		var back wireError
		if failed := json.Unmarshal(text, &back); failed != nil {
			t.Fatal(failed)
		}
		if back.Error() != err.Error() {
			t.Errorf("%q became %q", err, back.Error())
		}
		for _, other := range kinds {
			if errors.Is(err, other.err) != errors.Is(&back, other.err) {
				t.Errorf("%s: is %s: %v", kind.name, other.name, errors.Is(&back, other.err))
			}
		}
	}
	if onWire(nil) != nil {
		t.Error("no error became one")
	}
}

// What a Release says arrives as it was said.
func TestReleasedOnTheWire(t *testing.T) {
	was := result{
		Released: release.Released{
			Serial: "0123456789ABCDEF01234567", Host: "h", Boot: "b", Connected: true,
			Maps:    []release.ReleasedMap{{Name: "mpatha", UUID: "mpath-3624", Removed: true, QueueingOff: true}},
			Offline: []release.Target{{Name: "sda", HCTL: "1:0:0:1", Dev: "8:0", Seq: 7, Serial: "0123456789ABCDEF01234567"}},
		},
		Detached: []detachment{{Serial: "0123456789ABCDEF01234567", Answer: evidence.Yes, Reasons: []string{"a"}}},
	}
	text, err := json.Marshal(was)
	if err != nil {
		t.Fatal(err)
	}
	var is result
	if err := json.Unmarshal(text, &is); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(was, is) {
		t.Errorf("%+v became %+v", was, is)
	}
}

// TestClearRests: while a machine waits for what a scan may bring back others
// may work there, and whoever asked waits in its place; if nobody does, it
// waits itself.
func TestClearRests(t *testing.T) {
	for _, c := range []struct {
		name  string
		waits bool
	}{{"whoever asked waits", true}, {"nobody else waits", false}} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			locked, slept := false, time.Duration(0)
			s.service.Lock = func(context.Context) (func(), error) {
				if locked {
					t.Error("it is locked twice")
				}
				locked = true
				return func() { locked = false }, nil
			}
			s.service.Local.Sleep = func(_ context.Context, d time.Duration) error {
				slept += d
				return nil
			}
			released(t, s)
			slept = 0
			var waits []time.Duration
			done, err := s.converse(s.request("clear"), func(_ int, m message) (reply, bool) {
				if m.Say != sayWait {
					if !locked {
						t.Errorf("%s without the lock", m.Say)
					}
					return reply{OK: true}, true
				}
				if locked {
					t.Error("it waits, and nobody may work meanwhile")
				}
				waits = append(waits, m.Wait)
				return reply{OK: c.waits}, true
			})
			if err != nil || done == nil || done.Error != nil {
				t.Fatalf("%+v, %v", done, err)
			}
			if want := []time.Duration{time.Second, 4 * time.Second, 10 * time.Second}; !slices.Equal(waits, want) {
				t.Errorf("it waits %v", waits)
			}
			if here := slept >= 15*time.Second; here == c.waits {
				t.Errorf("it has slept %s itself", slept)
			}
			if left := s.state(); len(left) > 0 || locked {
				t.Errorf("left: %v, locked %v", left, locked)
			}
		})
	}
}
