package fleet

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
)

// severalOn is a machine with the devices of three leaked volumes, two of which
// have no map.
func severalOn(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	object := ""
	for _, c := range s.world.Array.Connections() {
		if v, _ := s.world.Array.Volume(c.Volume); v.Serial == string(s.serial) {
			object = c.Host
		}
	}
	for n := range 2 {
		name := fmt.Sprintf("%s::u-%032x", s.world.Pool(), 0xfeed00+n)
		v, err := s.world.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{LXD: true})
		if err == nil {
			err = s.world.Array.Connect(object, name, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.service.Serials = append(s.service.Serials, evidence.Serial(v.Serial))
	}
	s.world.Hosts[0].Rescan()
	for _, state := range s.states() {
		if len(state) < 2 {
			t.Fatalf("it has %v", s.states())
		}
	}
	return s
}

// states are what the machine has of each volume.
func (s *site) states() [][]string {
	was := s.serial
	defer func() { s.serial = was }()
	var all [][]string
	for _, s.serial = range s.service.Serials {
		all = append(all, s.state())
	}
	return all
}

// several is a request about all volumes.
func (s *site) several(step string) request {
	ask := s.request(step)
	for _, serial := range s.service.Serials[1:] {
		ask.More = append(ask.More, target{Serial: serial, Expect: ask.Expect, Released: release.Released{Serial: serial}})
	}
	return ask
}

// errorsOf are what became of each volume.
func errorsOf(t *testing.T, done *result, err error) []error {
	t.Helper()
	if err != nil || done == nil || len(done.More) != 2 {
		t.Fatalf("%v, %+v", err, done)
	}
	all := []error{nil, nil, nil}
	for i, e := range []*wireError{done.Error, done.More[0].Error, done.More[1].Error} {
		if e != nil {
			all[i] = e
		}
	}
	return all
}

// TestServeSeveral: each volume of a request is released for itself, and each
// note says of which it is. What keeps one of them keeps no other.
func TestServeSeveral(t *testing.T) {
	for victim := -1; victim < 3; victim++ {
		for _, how := range []string{"in use", "not allowed", "the kernel fails", "another volume's paths"} {
			t.Run(fmt.Sprint(victim, " ", how), func(t *testing.T) {
				s := severalOn(t)
				ask := s.several("release")
				want := error(release.ErrRefused)
				refuse := evidence.Serial("")
				if victim >= 0 {
					serial := s.service.Serials[victim]
					switch how {
					case "in use":
						if err := s.world.Hosts[0].Mount(string(serial), "/mnt", host.FirstNamespace); err != nil {
							t.Fatal(err)
						}
					case "not allowed":
						refuse, want = serial, release.ErrTakenBack
					case "the kernel fails":
						want = release.ErrTakenBack
						disk, _, _ := strings.Cut(s.states()[victim][1], " ")
						failed := false
						s.world.Hosts[0].FailWrites(func(write string, _ int) error {
							if failed || write != "before SetState "+disk {
								return nil
							}
							failed = true
							return errors.New("input/output error")
						})
					default:
						of := release.Released{Serial: another}
						if victim == 0 {
							ask.Released = of
						} else {
							ask.More[victim-1].Released = of
						}
					}
				}
				before, notes := s.states(), map[evidence.Serial]int{}
				done, err := s.converse(ask, func(_ int, m message) (reply, bool) {
					if m.Say == sayNote {
						notes[m.Serial]++
						if d := m.Action.Disk; d != nil && d.Serial != m.Serial || m.Action.UUID != "" && m.Action.UUID != m.Serial.MapUUID() {
							t.Errorf("under %s: %+v", m.Serial, m.Action)
						}
						if m.Serial == refuse && m.Action.Do == release.DoOffline {
							return reply{Why: "the disk is full"}, true
						}
					}
					return reply{OK: true}, true
				})
				for i, failed := range errorsOf(t, done, err) {
					after := s.states()[i]
					switch {
					case i == victim && (!errors.Is(failed, want) || !slices.Equal(before[i], after)):
						t.Errorf("%d: %v, it was %v and is %v", i, failed, before[i], after)
					case i != victim && (failed != nil || notes[s.service.Serials[i]] != 2*len(before[i]) || len(after) != 2 || !strings.HasSuffix(after[0], " offline") || !strings.HasSuffix(after[1], " offline")):
						t.Errorf("%d: %v, %d notes, it is %v", i, failed, notes[s.service.Serials[i]], after)
					}
				}
				for i, one := range append([]outcome{{Serial: s.serial, Released: done.Released}}, done.More...) {
					if one.Serial != s.service.Serials[i] || i != victim && (one.Released.Serial != one.Serial || len(one.Released.Offline) != 2) {
						t.Errorf("%d: %+v", i, one)
					}
				}
			})
		}
	}
}

// Whenever the other side hangs up, each volume is as it was: those that were
// released before, too.
func TestServeSeveralTakesBack(t *testing.T) {
	for at := 1; ; at += 3 {
		s := severalOn(t)
		before := s.states()
		hungUp := false
		_, err := s.converse(s.several("release"), func(n int, _ message) (reply, bool) {
			hungUp = hungUp || n == at
			return reply{OK: true}, n != at
		})
		if !hungUp {
			if err != nil || at < 15 {
				t.Errorf("%d messages: %v", at, err)
			}
			return
		}
		if after := s.states(); err == nil || !reflect.DeepEqual(before, after) {
			t.Errorf("hung up at message %d: %v, it was %v and is %v", at, err, before, after)
		}
	}
}

// The command line names each volume of a request, and the request nothing else:
// whatever it carries of another one, or leaves out, nothing is written.
func TestServeSeveralIsOfTheCommandLine(t *testing.T) {
	s := severalOn(t)
	before := s.states()
	refused := func(what string, ask request, one int) {
		t.Helper()
		done, err := s.converse(ask, func(_ int, m message) (reply, bool) {
			return reply{OK: m.Say != sayNote || m.Serial != s.service.Serials[max(one, 0)] && one >= 0, Why: "not now"}, one < 0 || m.Say != sayDone
		})
		if done == nil || (one < 0) != (err == nil) {
			t.Errorf("%s: %s: %v, %+v", ask.Step, what, err, done)
			return
		}
		all := []*wireError{done.Error}
		for _, o := range done.More {
			all = append(all, o.Error)
		}
		if one >= 0 {
			all = all[one : one+1]
		}
		for _, e := range all {
			if e == nil || !errors.Is(e, release.ErrRefused) {
				t.Errorf("%s: %s: %+v", ask.Step, what, all)
			}
		}
		if after := s.states(); !reflect.DeepEqual(before, after) {
			t.Fatalf("%s: %s: it was %v and is %v", ask.Step, what, before, after)
		}
	}
	for _, step := range Steps() {
		if !steps[step].several {
			refused("for several", s.several(step), -1)
			continue
		}
		for what, change := range map[string]func(*request){
			"one is missing":        func(r *request) { r.More = r.More[:1] },
			"all others are":        func(r *request) { r.More = nil },
			"another one":           func(r *request) { r.More[1].Serial = another },
			"one more":              func(r *request) { r.More = append(r.More, target{Serial: another}) },
			"one of them twice":     func(r *request) { r.More[1] = r.More[0] },
			"in another order":      func(r *request) { r.More[0], r.More[1] = r.More[1], r.More[0] },
			"others on the side":    func(r *request) { r.Also = []evidence.Serial{another} },
			"another boot":          func(r *request) { r.Boot = "other" },
			"the conversation of 9": func(r *request) { r.Conversation = 9 },
		} {
			ask := s.several(step)
			change(&ask)
			refused(what, ask, -1)
		}
		was := s.service.Serials
		s.service.Serials = []evidence.Serial{was[0], was[1], was[0]}
		twice := s.several(step)
		s.service.Serials = was
		service := s.service
		s.service.Serials = []evidence.Serial{was[0], was[1], was[0]}
		if done, err := s.converse(twice, yes); err != nil || done == nil || !errors.Is(done.Error, release.ErrRefused) {
			t.Errorf("%s: twice on both: %v, %+v", step, err, done)
		}
		s.service = service
	}
	// What is released of one is its own refusal, wherever it stands.
	for i, serial := range s.service.Serials {
		ask := s.several("release")
		one := &ask.Released
		if i > 0 {
			one = &ask.More[i-1].Released
		}
		path := release.Target{Name: "sdzz", HCTL: "9:0:0:9", Dev: "65:0", Seq: 900, Serial: serial}
		one.Offline, one.Maps = []release.Target{path}, []release.ReleasedMap{{Name: "mpathz", UUID: serial.MapUUID()}}
		identities(reflect.ValueOf(one).Elem(), "released", func(field string, v reflect.Value) {
			now := v.String()
			v.SetString(string(another))
			refused(field, ask, i)
			v.SetString(now)
		})
	}
}

// TestClearOfSeveralRests: they rest at the same time, and one that ends early is
// not waited for.
func TestClearOfSeveralRests(t *testing.T) {
	s := severalOn(t)
	was := s.service.Serials
	locked := false
	s.service.Lock = func(context.Context) (func(), error) {
		if locked {
			t.Error("it is locked twice")
		}
		locked = true
		return func() { locked = false }, nil
	}
	if done, err := s.converse(s.several("release"), yes); err != nil || done == nil || done.Error != nil {
		t.Fatalf("%v, %+v", err, done)
	}
	for _, c := range s.world.Array.Connections() {
		if v, _ := s.world.Array.Volume(c.Volume); slices.Contains(was, evidence.Serial(v.Serial)) {
			if err := s.world.Array.Disconnect(c.Host, c.Volume); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := s.several("clear")
	ask.More[0].Released.Serial = another // it is refused, and is in nobody's way
	var waits []time.Duration
	done, err := s.converse(ask, func(_ int, m message) (reply, bool) {
		if (m.Say == sayWait) == locked && m.Say != sayDone {
			t.Errorf("%s, locked %v", m.Say, locked)
		}
		if m.Say == sayWait {
			waits = append(waits, m.Wait)
		}
		return reply{OK: true}, true
	})
	all := errorsOf(t, done, err)
	if all[0] != nil || !errors.Is(all[1], release.ErrRefused) || all[2] != nil {
		t.Errorf("%v", all)
	}
	if left := s.states(); len(left[0]) != 0 || len(left[1]) != 2 || len(left[2]) != 0 {
		t.Errorf("left: %v", left)
	}
	if want := []time.Duration{time.Second, 4 * time.Second, 10 * time.Second}; !slices.Equal(waits, want) {
		t.Errorf("it rests %v", waits)
	}
}

// A volume that takes too long ends there, and the others have their own time.
func TestEachOfSeveralHasItsTime(t *testing.T) {
	s := severalOn(t)
	before := s.states()
	was := steps["release"]
	short := was
	short.limit = 2 * time.Second
	short.do = func(ctx context.Context, l release.Local, r request, c callbacks) (result, error) {
		if r.Serial == s.service.Serials[1] {
			<-ctx.Done()
			return result{}, ctx.Err()
		}
		return was.do(ctx, l, r, c)
	}
	steps["release"] = short
	defer func() { steps["release"] = was }()
	done, err := s.converse(s.several("release"), yes)
	all := errorsOf(t, done, err)
	if all[0] != nil || !errors.Is(all[1], context.DeadlineExceeded) || all[2] != nil || !slices.Equal(before[1], s.states()[1]) || len(s.states()[2]) != 2 {
		t.Errorf("%v, %v", all, s.states())
	}
}
