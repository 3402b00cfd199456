package release_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

// states from which a volume is taken off its host. Of theirs somebody else's
// container lives, all the while.
var states = map[string]struct {
	options host.Options
	// stale is set where the array has disconnected it before.
	stale bool
	make  func(r *rig)
}{
	"idle map":      {host.Options{}, false, func(r *rig) { r.attach(ours) }},
	"queueing map":  {host.Options{Queueing: true}, false, func(r *rig) { r.attach(ours) }},
	"bare paths":    {host.Options{}, false, func(r *rig) { r.late(ours) }},
	"partitions":    {host.Options{}, false, func(r *rig) { r.attach(ours); r.must(r.Partitions(string(ours), 1)) }},
	"namespace":     {host.Options{}, false, func(r *rig) { r.attachNVMe(ours) }},
	"deaf":          {host.Options{}, false, func(r *rig) { r.attachNVMe(ours); r.LoseAnnouncement() }},
	"dead map":      {host.Options{}, true, func(r *rig) { r.attach(ours) }},
	"waiting map":   {host.Options{Queueing: true}, true, func(r *rig) { r.attach(ours) }},
	"no multipathd": {host.Options{}, false, func(r *rig) { r.attach(ours); r.StopMultipathd() }},
	"half":          {host.Options{}, false, func(r *rig) { r.attach(ours); r.must(r.FlushMap(string(ours))); r.must(r.OfflinePath("sdd")) }},
}

func (r *rig) theirs() {
	r.Helper()
	r.attach(theirs)
	r.must(r.Mount(string(theirs), "/srv/theirs", host.LXDNamespace))
}

// takeOff is one run by the host's and the array's state alone, as after a
// kill: release, disconnect, clear.
func (r *rig) takeOff(ctx context.Context) error {
	shown := slices.ContainsFunc(append(r.array.Exports(r.IQN()), r.array.Exports(r.NQN())...), isOurs)
	if !shown {
		return r.rel.Clear(ctx, ours, release.Released{})
	}
	done, err := r.rel.Release(ctx, ours, connected)
	if err != nil {
		return err
	}
	r.disconnect()
	return r.rel.Clear(ctx, ours, done)
}

// faults are what can become of one call.
var faults = map[string]func(r *rig, n int) func(call string, at int) error{
	"error": func(_ *rig, n int) func(string, int) error {
		return func(call string, at int) error { return failing(call, "before", at == n, errors.New("no")) }
	},
	"lost reply": func(_ *rig, n int) func(string, int) error {
		return func(call string, at int) error { return failing(call, "after", at == n, release.ErrAbandoned) }
	},
	"timeout": func(_ *rig, n int) func(string, int) error {
		return func(call string, at int) error { return failing(call, "before", at == n, release.ErrAbandoned) }
	},
	// Nothing is done any more, before the call or after it.
	"killed before": func(_ *rig, n int) func(string, int) error {
		return func(call string, at int) error { return failing(call, "before", at >= n, errors.New("killed")) }
	},
	"killed after": func(_ *rig, n int) func(string, int) error {
		return func(call string, at int) error {
			return errors.Join(failing(call, "after", at == n, errors.New("killed")), failing(call, "before", at > n, errors.New("killed")))
		}
	},
	"in use":        refusing(release.ErrInUse),
	"another":       refusing(release.ErrOther),
	"another state": refusing(release.ErrState),
}

func refusing(err error) func(*rig, int) func(string, int) error {
	return func(_ *rig, n int) func(string, int) error {
		return func(call string, at int) error { return failing(call, "before", at == n, err) }
	}
}

func isOurs(e fabric.Export) bool { return e.Serial == string(ours) }

func failing(call, when string, now bool, err error) error {
	if now && strings.HasPrefix(call, when) {
		return err
	}
	return nil
}

// Whatever call fails, and however: what was done is taken back or can be
// gone on with, a run without faults ends it, and what others use is as it
// was all the while.
func TestEachCallFails(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the faults of each call")
	}
	t.Parallel()
	runs, turn := 0, 0
	for _, state := range slices.Sorted(maps.Keys(states)) {
		from := states[state]
		for _, fault := range slices.Sorted(maps.Keys(faults)) {
			with := faults[fault]
			turn++
			for n := 1; ; n++ {
				// Not all of them each time: that takes half a minute.
				if !allCases() && (n+3*turn)%16 != 0 && n <= 8 {
					continue
				}
				r := newRig(t, from.options)
				r.theirs()
				from.make(r)
				if from.stale {
					r.disconnect()
				}
				others, before := r.state(theirs), r.state(ours)
				held := r.DevicesOf(string(theirs))
				calls := 0
				hook := with(r, n)
				r.FailWrites(func(call string, at int) error {
					calls = at
					if got := r.DevicesOf(string(theirs)); !slices.Equal(got, held) {
						t.Errorf("%s, %s of call %d: what others use became %q", state, fault, n, got)
					}
					return hook(call, at)
				})
				name := fmt.Sprintf("%s, %s of call %d", state, fault, n)
				err := r.takeOff(t.Context())
				if errors.Is(err, release.ErrRefused) && !errors.Is(err, release.ErrTakenBack) && !errors.Is(err, release.ErrHalfway) {
					t.Errorf("%s: refused: %v", name, err)
				}
				// Partitions are made again by udev, which is not simulated.
				if after := r.state(ours); errors.Is(err, release.ErrTakenBack) && after != before && state != "partitions" {
					t.Errorf("%s: taken back, and %q became %q: %v", name, before, after, err)
				}
				r.FailWrites(nil)
				if err := r.takeOff(t.Context()); err != nil {
					t.Errorf("%s: the run after it: %v", name, err)
				}
				r.has(ours, "")
				r.has(theirs, others)
				r.detached()
				runs++
				if calls < n {
					break
				}
			}
		}
	}
	if runs < 50 {
		t.Errorf("only %d runs", runs)
	}
	t.Logf("%d runs", runs)
}

// allCases reports whether tests that try each of many cases try them all.
func allCases() bool { return os.Getenv("PURECLEAN_TEST_ALL") != "" }

// What was left behind is done later, when nobody waits for it any more.
func TestLateCalls(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"queueing map", "bare paths", "waiting map"} {
		from := states[state]
		for n := 1; n <= 6; n++ {
			r := newRig(t, from.options)
			r.theirs()
			from.make(r)
			if from.stale {
				r.disconnect()
			}
			var late func()
			r.FailWrites(func(call string, at int) error {
				if at != n || !strings.HasPrefix(call, "before") {
					return nil
				}
				words := strings.Fields(call)
				late = func() {
					late = nil
					switch words[1] {
					case "RemoveMap":
						_ = r.FlushMap(string(ours))
					case "SetState":
						_ = r.OfflinePath(words[2])
					case "DeleteDisk":
						_ = r.DeletePath(words[2])
					}
				}
				return release.ErrAbandoned
			})
			r.atSleep = func(time.Duration) {
				if late != nil {
					late()
				}
			}
			_ = r.takeOff(t.Context())
			if late != nil {
				late()
			}
			r.FailWrites(nil)
			if err := r.takeOff(t.Context()); err != nil {
				t.Errorf("%s, call %d late: %v", state, n, err)
			}
			r.detached()
		}
	}
}

// Two actors: LXD and the machine do what they do while a volume is taken
// off. Whatever the order, nothing that somebody uses is cut: not by a call
// of ours, and not by the disconnect that follows a Release.
func TestAnyHistoryOfTwo(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the random histories")
	}
	t.Parallel()
	volumes := []evidence.Serial{ours, theirs, third}
	deeds := map[string]func(r *rig, s evidence.Serial, n int){
		"rescan":       func(r *rig, _ evidence.Serial, _ int) { r.Rescan() },
		"rescan first": func(r *rig, _ evidence.Serial, _ int) { r.RescanFirst() },
		"device":       func(r *rig, s evidence.Serial, _ int) { r.Device(string(s)) },
		"mount": func(r *rig, s evidence.Serial, _ int) {
			_ = r.Mount(string(s), "/srv/"+string(s), host.LXDNamespace)
		},
		"hide": func(r *rig, s evidence.Serial, _ int) {
			_ = r.Mount(string(s), "/hid/"+string(s), host.HiddenNamespace)
		},
		"unmount": func(r *rig, s evidence.Serial, _ int) { _ = r.Unmount("/srv/" + string(s)) },
		"open":    func(r *rig, s evidence.Serial, n int) { _ = r.Open(string(s), "qemu", 4000+n) },
		"close":   func(r *rig, _ evidence.Serial, n int) { r.Close(4000 + n) },
		"part":    func(r *rig, s evidence.Serial, _ int) { _ = r.Partitions(string(s), 1) },
		"hold":    func(r *rig, s evidence.Serial, _ int) { _ = r.Hold(string(s), "LVM-"+string(s)) },
		"connect": func(r *rig, s evidence.Serial, _ int) {
			if s != ours && !slices.ContainsFunc(r.array.Exports(r.IQN()), func(e fabric.Export) bool { return e.Serial == string(s) }) {
				r.array.connect(r.IQN(), s)
			}
		},
		"disconnect": func(r *rig, s evidence.Serial, _ int) {
			if s != ours && !r.InUse(string(s)) {
				r.array.disconnect(r.IQN(), s)
			}
		},
		"cut":             func(r *rig, _ evidence.Serial, n int) { r.CutPortal(portals[n%2]) },
		"restore":         func(r *rig, _ evidence.Serial, n int) { r.RestorePortal(portals[n%2]) },
		"time":            func(r *rig, _ evidence.Serial, _ int) { r.clock.Advance(20 * time.Second) },
		"stop multipathd": func(r *rig, _ evidence.Serial, _ int) { r.StopMultipathd() },
		"multipathd":      func(r *rig, _ evidence.Serial, _ int) { r.StartMultipathd() },
		"suspend":         func(r *rig, s evidence.Serial, _ int) { r.Suspend(string(s), true) },
		"resume":          func(r *rig, s evidence.Serial, _ int) { r.Suspend(string(s), false) },
		"delete":          func(r *rig, _ evidence.Serial, n int) { _ = r.DeletePath([]string{"sda", "sdb", "sdc", "sdd"}[n%4]) },
	}
	var names []string
	for name := range deeds {
		names = append(names, name)
	}
	slices.Sort(names)
	freed := 0
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, host.Options{Queueing: rapid.Bool().Draw(rt, "queueing")})
		r.attach(volumes...)
		some := func(label string, atMost int) {
			for range rapid.IntRange(0, atMost).Draw(rt, label) {
				name := rapid.SampledFrom(names).Draw(rt, "deed")
				deeds[name](r, rapid.SampledFrom(volumes).Draw(rt, "volume"), rapid.IntRange(0, 3).Draw(rt, "which"))
			}
		}
		some("before", 6)
		// Deletions by others can do that; ours must not.
		mine := map[string]bool{}
		r.FailWrites(func(call string, _ int) error {
			if strings.HasPrefix(call, "before") {
				for _, m := range r.Mounts() {
					mine[m.Path] = m.Gone
				}
				return nil
			}
			for _, m := range r.Mounts() {
				if was, known := mine[m.Path]; known && !was && m.Gone {
					rt.Fatalf("%s took the device of %s away, which is mounted at %s", call, m.Serial, m.Path)
				}
			}
			some("meanwhile", 2)
			return nil
		})
		r.atSleep = func(time.Duration) { some("asleep", 1) }
		done, err := r.rel.Release(context.Background(), ours, connected)
		if err != nil {
			if len(r.made) > 0 && !errors.Is(err, release.ErrTakenBack) && !errors.Is(err, release.ErrHalfway) {
				rt.Fatalf("made %q, and only said %v", r.made, err)
			}
			return
		}
		// From here to the disconnect LXD may do what it likes: there is
		// nothing to use. But a path that somebody deleted comes back with any
		// scan, as another device; the look right before the disconnect shows
		// it, and then nothing is cut.
		some("in the window", 4)
		if r.InUse(string(ours)) {
			if !slices.ContainsFunc(devices.Observe(context.Background(), r.rel.System).Disks.Items, func(d evidence.Disk) bool {
				return d.Serial == ours && d.State != "offline"
			}) {
				rt.Fatalf("released, in use, and nothing shows it: %s", r.state(ours))
			}
			return
		}
		r.disconnect()
		freed++
		_ = r.rel.Clear(context.Background(), ours, done)
	})
	if freed == 0 {
		t.Error("no history came to its end")
	}
	t.Logf("%d came to the disconnect", freed)
}
