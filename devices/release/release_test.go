package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

const healthy = "mpatha open 0 queueing no [sda running] [sdb running]"

// The whole of it, as it should go: a volume that nobody uses, connected.
func TestReleaseDisconnectClear(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours, theirs)
	before := r.state(theirs)
	r.has(ours, healthy)

	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("remove the map mpatha", "set sda offline", "set sdb offline")
	r.has(ours, "sda offline; sdb offline")
	want := release.Released{
		Serial: ours, Host: "lxd01", Boot: done.Boot, Connected: true,
		Maps: []release.ReleasedMap{{Name: "mpatha", UUID: ours.MapUUID(), Removed: true}},
		Offline: []release.Target{
			{Name: "sda", HCTL: "0:0:0:1", Dev: "8:0", Seq: done.Offline[0].Seq, Serial: ours},
			{Name: "sdb", HCTL: "1:0:0:1", Dev: "8:16", Seq: done.Offline[1].Seq, Serial: ours},
		},
	}
	if diff := cmp.Diff(want, done); diff != "" || done.Boot == "" || done.Offline[0].Seq == 0 {
		t.Error(diff, done.Boot)
	}
	// A scan in the window brings nothing back, nor does multipathd.
	r.Rescan()
	r.StopMultipathd()
	r.StartMultipathd()
	r.has(ours, "sda offline; sdb offline")
	if answer, why := r.leftOf(ours); !answer.IsNot() {
		t.Errorf("detached with paths: %v, %q", answer, why)
	}

	r.disconnect()
	r.slept = 0
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.wasMade("delete sda", "delete sdb")
	r.has(ours, "")
	if r.slept != 15*time.Second {
		t.Errorf("looked for %v", r.slept)
	}
	r.detached()
	r.Rescan()
	r.detached()
	if after := r.state(theirs); after != before {
		t.Errorf("the other volume: %q, was %q", after, before)
	}
}

// Released is written to a journal and read back from there.
func TestReleasedInJSON(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	data, err := json.Marshal(done)
	r.must(err)
	var back release.Released
	r.must(json.Unmarshal(data, &back))
	if diff := cmp.Diff(done, back); diff != "" {
		t.Error(diff)
	}
	r.must(r.rel.Rollback(t.Context(), back))
	r.has(ours, healthy)
}

// The reported case: the device came too late for LXD, so there is no map.
func TestReleaseBarePaths(t *testing.T) {
	r := newRig(t, host.Options{})
	r.late(ours)
	r.has(ours, "sda running; sdb running")
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("set sda offline", "set sdb offline")
	r.disconnect()
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.wasMade("delete sda", "delete sdb")
	r.detached()
}

func TestNothingToRelease(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(theirs)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.must(r.rel.Clear(t.Context(), ours, done))
	if stale, err := r.rel.RemoveStale(t.Context(), ours); err != nil || len(stale.Offline)+len(stale.Maps) != 0 {
		t.Errorf("%+v, %v", stale, err)
	}
	r.wasMade()
	r.detached()
}

// On NVMe nothing is done on the host: the namespace goes by itself.
func TestReleaseNVMe(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attachNVMe(ours, theirs)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	if diff := cmp.Diff([]string{"nvme0n1"}, done.Namespaces); diff != "" {
		t.Error(diff)
	}
	r.disconnect()
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.wasMade()
	r.has(theirs, "nvme0n2")
	r.detached()
}

// Partitions that nobody has open are no use of the volume; guests have them.
func TestReleaseWithPartitions(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.Partitions(string(ours), 2))
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("remove the map mpatha", "set sda offline", "set sdb offline")
	r.disconnect()
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.detached()
}

// What multipathd makes again before the last path is offline is removed
// again.
func TestMapThatComesBack(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	times := 1
	again := func(call string, _ int) error {
		if strings.HasPrefix(call, "after RemoveMap") && times > 0 {
			times--
			r.StartMultipathd()
		}
		return nil
	}
	r.FailWrites(again)
	_, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("remove the map mpatha", "set sda offline!", "set sdb offline!", "remove the map mpatha", "set sda offline", "set sdb offline")
	r.has(ours, "sda offline; sdb offline")

	// Between the two paths: the new map has the second alone.
	r = newRig(t, host.Options{})
	r.attach(ours)
	times = 1
	r.FailWrites(func(call string, _ int) error {
		if strings.HasPrefix(call, "after SetState sda") && times > 0 {
			times--
			r.StartMultipathd()
		}
		return nil
	})
	_, err = r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("remove the map mpatha", "set sda offline", "set sdb offline!", "remove the map mpatha", "set sdb offline")

	// Each time: given up, and taken back.
	r = newRig(t, host.Options{})
	r.attach(ours)
	times = 1 << 20
	r.FailWrites(again)
	_, err = r.rel.Release(t.Context(), ours, connected)
	if !errors.Is(err, release.ErrComesBack) || !errors.Is(err, release.ErrTakenBack) {
		t.Error(err)
	}
	r.has(ours, healthy)
}

// Another run was killed after its first path: nothing of it is needed.
func TestReleaseAfterAKill(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.FlushMap(string(ours)))
	r.must(r.OfflinePath("sda"))
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("set sdb offline")
	if len(done.Found) != 1 || done.Found[0].Name != "sda" || len(done.Offline) != 1 {
		t.Errorf("%+v", done)
	}
	r.disconnect()
	r.must(r.rel.Clear(t.Context(), ours, release.Released{}))
	r.wasMade("delete sda", "delete sdb")
	r.detached()

	// After the first deletion.
	r = newRig(t, host.Options{})
	r.attach(ours)
	_, err = r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.must(r.DeletePath("sda"))
	r.made = nil
	r.must(r.rel.Clear(t.Context(), ours, release.Released{}))
	r.wasMade("delete sdb")
	r.detached()
}

// A path under the map that somebody set offline stays as it is: nothing can
// flow through it, and taking back must not change it.
func TestPathThatIsOffline(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.OfflinePath("sda"))
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("remove the map mpatha", "set sdb offline")
	if len(done.Left) != 1 || done.Left[0].Name != "sda" || len(done.Found) != 0 {
		t.Errorf("%+v", done)
	}
	r.must(r.rel.Rollback(t.Context(), done))
	r.wasMade("set sdb running", "let multipathd make the map mpatha again")
	r.has(ours, "mpatha open 0 queueing no [sdb running]; sda offline")
	done, err = r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.detached()
}

func TestRollback(t *testing.T) {
	for _, lost := range []bool{false, true} {
		r := newRig(t, host.Options{Queueing: true})
		r.attach(ours)
		done, err := r.rel.Release(t.Context(), ours, connected)
		r.must(err)
		r.made = nil
		if lost {
			done = release.Released{Serial: ours}
		}
		r.must(r.rel.Rollback(t.Context(), done))
		if lost {
			// LXD makes the map when it wants one.
			r.wasMade("set sda running", "set sdb running")
			r.has(ours, "sda running; sdb running")
			if _, ok := r.Device(string(ours)); !ok {
				t.Error("LXD finds no device")
			}
		} else {
			r.wasMade("set sda running", "set sdb running", "let multipathd make the map mpatha again")
		}
		r.has(ours, strings.Replace(healthy, "queueing no", "queueing yes", 1))
		r.must(r.rel.Rollback(t.Context(), done))
		r.wasMade() // what is so already is not done again
	}
}

// Of what is taken back the state tells too, whatever became of the reply.
func TestRollbackWithLostReplies(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.FailWrites(func(call string, _ int) error {
		if strings.HasPrefix(call, "after") {
			return release.ErrAbandoned
		}
		return nil
	})
	r.must(r.rel.Rollback(t.Context(), done))
	r.has(ours, healthy)
}

// Without knowing what was done, a path under a map is left as it is.
func TestRollbackOfWhatIsLost(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.OfflinePath("sda"))
	r.must(r.rel.Rollback(t.Context(), release.Released{Serial: ours}))
	r.wasMade()
	r.has(ours, "mpatha open 0 queueing no [sda offline] [sdb running]")
}

func TestRollbackThatCantAll(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.must(r.DeletePath("sda"))
	r.StopMultipathd()
	err = r.rel.Rollback(t.Context(), done)
	if !errors.Is(err, release.ErrHalfway) || !strings.Contains(err.Error(), "sda (0:0:0:1) has gone") || !strings.Contains(err.Error(), "multipathd does not answer") {
		t.Error(err)
	}
	r.has(ours, "sdb running") // the rest was done all the same
	r.must(r.rel.Rollback(t.Context(), release.Released{Serial: ours, Boot: "another boot", Offline: done.Offline}))
}

// numberMoved is released and disconnected, and then connected again by LXD at
// another number, because the array gave its own to the other volume.
func numberMoved(t *testing.T) (*rig, release.Released) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.array.connect(r.IQN(), theirs)
	r.attach(ours)
	r.must(r.Mount(string(ours), "/srv", host.LXDNamespace))
	r.has(ours, "mpatha open 1 queueing no [sdc running] [sdd running]; sda offline; sdb offline")
	r.made = nil
	return r, done
}

// A path that would lead to another volume does not run again: in its own
// volume's map it would ruin both.
func TestRollbackAfterTheNumberMoved(t *testing.T) {
	settled := func(r *rig) {
		t.Helper()
		r.has(ours, "mpatha open 1 queueing no [sdc running] [sdd running]")
		r.Rescan()
		r.has(theirs, "sda running; sdb running")
	}
	t.Run("the array says so", func(t *testing.T) {
		r, done := numberMoved(t)
		done.Numbers = []int64{2}
		r.must(r.rel.Rollback(t.Context(), done))
		r.wasMade("delete sda", "delete sdb")
		settled(r)
	})
	t.Run("the path says so", func(t *testing.T) {
		r, done := numberMoved(t)
		err := r.rel.Rollback(t.Context(), done)
		if !errors.Is(err, release.ErrHalfway) || !strings.Contains(err.Error(), "sda (0:0:0:1) leads to "+string(theirs)+" by now") {
			t.Error(err)
		}
		r.wasMade("set sda running!", "delete sda", "set sdb running!", "delete sdb")
		settled(r)
	})
	t.Run("after a kill", func(t *testing.T) {
		r, done := numberMoved(t)
		r.must(r.OnlinePath("sda"))
		if err := r.rel.Rollback(t.Context(), done); !errors.Is(err, release.ErrHalfway) {
			t.Error(err)
		}
		r.wasMade("delete sda", "set sdb running!", "delete sdb")
		settled(r)
	})
	t.Run("the same number", func(t *testing.T) {
		r := newRig(t, host.Options{})
		r.attach(ours)
		done, err := r.rel.Release(t.Context(), ours, connected)
		r.must(err)
		r.disconnect()
		r.array.connect(r.IQN(), ours)
		done.Numbers, r.made = []int64{1}, nil
		r.must(r.rel.Rollback(t.Context(), done))
		r.has(ours, healthy)
	})
}

// A path that does not say where it leads does not run again either.
func TestRollbackOfASilentPath(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.made = nil
	r.rel.System.Kernel = silent{r.rel.System.Kernel, "sda"}
	err = r.rel.Rollback(t.Context(), done)
	if !errors.Is(err, release.ErrHalfway) || !strings.Contains(err.Error(), "sda (0:0:0:1) was set running, did not say which volume it is") {
		t.Error(err)
	}
	r.wasMade("set sda running!", "set sda offline", "set sdb running", "let multipathd make the map mpatha again")
	r.has(ours, "mpatha open 0 queueing no [sdb running]; sda offline")
}

// Multipathd is not needed to remove a map, but to make one.
func TestReleaseWithoutMultipathd(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.StopMultipathd()
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.detached()
}

// The first path is offline already when the disk of the second is another
// one: its name and address were given away between the look and the write.
func TestNameGivenAway(t *testing.T) {
	for _, when := range []string{"before SetState sdb", "after SetState sda"} {
		r := newRig(t, host.Options{})
		r.attach(ours)
		r.FailWrites(func(call string, _ int) error {
			if call == when {
				r.FailWrites(nil)
				r.must(r.DeletePath("sdb"))
				r.disconnect()
				r.array.connect(r.IQN(), theirs)
				r.Rescan()
			}
			return nil
		})
		_, err := r.rel.Release(t.Context(), ours, connected)
		if !errors.Is(err, release.ErrOther) && !slices.Contains(codes(err), release.CodeChanged) {
			t.Errorf("%s: %v", when, err)
		}
		if !errors.Is(err, release.ErrHalfway) && !errors.Is(err, release.ErrTakenBack) {
			t.Errorf("%s: %v", when, err)
		}
		if got := r.state(theirs); !strings.Contains(got, "sdb running") {
			t.Errorf("%s: the disk that has the name now: %q", when, got)
		}
	}
}

// The same volume, added anew meanwhile, is not the disk that was looked at.
func TestAddedAnew(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.FailWrites(func(call string, _ int) error {
		switch {
		case strings.HasPrefix(call, "after RemoveMap"):
			r.must(r.DeletePath("sda"))
			r.Rescan()
		case strings.HasPrefix(call, "before SetState"):
			t.Error(call)
		}
		return nil
	})
	_, err := r.rel.Release(t.Context(), ours, connected)
	if got := codes(err); len(got) != 1 || got[0] != release.CodeChanged {
		t.Error(err)
	}
}

// LXD gives the number to another volume while the paths are offline: the
// paths are deleted all the same, and the next scan finds the new volume.
func TestNumberGivenAwayWhileOffline(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.array.connect(r.IQN(), theirs)
	r.Rescan()
	r.has(theirs, "")
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.detached()
	r.Rescan()
	if _, ok := r.Device(string(theirs)); !ok {
		t.Error("the volume that has the number now did not appear")
	}
	r.has(theirs, "mpathb open 0 queueing no [sda running] [sdb running]")
}

// What a user does between the look and the write: the kernel's own refusal
// stops it, and all is as it was.
func TestUsedInTheLastMoment(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.FailWrites(func(call string, _ int) error {
		if call == "before RemoveMap "+ours.MapUUID() {
			return r.Mount(string(ours), "/srv", host.LXDNamespace)
		}
		return nil
	})
	_, err := r.rel.Release(t.Context(), ours, connected)
	if !errors.Is(err, release.ErrInUse) || !errors.Is(err, release.ErrTakenBack) {
		t.Error(err)
	}
	r.wasMade("remove the map mpatha!")
	r.has(ours, strings.Replace(healthy, "open 0", "open 1", 1))
}

// Each single write is noted before and after. One that can't be noted is
// not made, and what was made is taken back, noted or not.
func TestNotes(t *testing.T) {
	full := errors.New("no space left on device")
	var notes []string
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.noteFails = func(a release.Action) error {
		notes = append(notes, fmt.Sprintf("%s %v", a, a.Done))
		return nil
	}
	_, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	want := []string{
		"remove the map mpatha false", "remove the map mpatha true", "set sda offline false", "set sda offline true",
		"set sdb offline false", "set sdb offline true",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}

	for n := 1; n <= len(want); n++ {
		r := newRig(t, host.Options{})
		r.attach(ours)
		calls, noted := 0, 0
		r.FailWrites(func(call string, _ int) error {
			if strings.HasPrefix(call, "before") {
				calls++
			}
			return nil
		})
		r.noteFails = func(release.Action) error {
			if noted++; noted == n {
				// The disk is full from now on; only what was made until then
				// is taken back.
				calls = 0
			}
			if noted >= n {
				return full
			}
			return nil
		}
		_, err := r.rel.Release(t.Context(), ours, connected)
		if !errors.Is(err, release.ErrUnrecorded) || !errors.Is(err, full) {
			t.Errorf("note %d: %v", n, err)
		}
		made := n / 2 // writes that were made, of which the last may be unnoted
		if made > 0 && !errors.Is(err, release.ErrTakenBack) {
			t.Errorf("note %d: %v", n, err)
		}
		if calls > made {
			t.Errorf("note %d: %d calls to take back %d", n, calls, made)
		}
		r.has(ours, healthy)
	}
}

// One line that can't be written is enough to stop, also for what was made.
func TestOneNoteFails(t *testing.T) {
	for n := 1; n <= 6; n++ {
		r := newRig(t, host.Options{})
		r.attach(ours)
		noted := 0
		r.noteFails = func(release.Action) error {
			if noted++; noted == n {
				return errors.New("no space left on device")
			}
			return nil
		}
		if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, release.ErrUnrecorded) {
			t.Errorf("note %d: %v", n, err)
		}
		r.has(ours, healthy)
	}
}

// A reply that does not come is no reason to stop when the state tells that
// it was done, and never one to do it again.
func TestLostReplies(t *testing.T) {
	for _, lost := range []error{release.ErrAbandoned, context.DeadlineExceeded, errors.New("lost")} {
		r := newRig(t, host.Options{Queueing: true})
		r.attach(ours)
		r.disconnect()
		calls := map[string]int{}
		r.FailWrites(func(call string, _ int) error {
			if name, ok := strings.CutPrefix(call, "after "); ok {
				calls[name]++
				return lost
			}
			return nil
		})
		_, err := r.rel.RemoveStale(t.Context(), ours)
		r.must(err)
		for name, n := range calls {
			if n != 1 {
				t.Errorf("%s: %d times", name, n)
			}
		}
		r.detached()
	}
}

// A session that goes down while the paths of a dead map are removed: the
// state of its path can't be set any more, and it is deleted as it is.
func TestSessionGoesDownMeanwhile(t *testing.T) {
	r := newRig(t, host.Options{})
	r.late(ours)
	r.disconnect()
	r.FailWrites(func(call string, _ int) error {
		if call == "before SetState sdb" {
			r.CutPortal(portals[1])
		}
		return nil
	})
	done, err := r.rel.RemoveStale(t.Context(), ours)
	r.must(err)
	if len(done.Offline) != 1 || len(done.Left) != 1 || done.Left[0].Name != "sdb" {
		t.Errorf("%+v", done)
	}
	r.RestorePortal(portals[1])
	r.detached()

	// While it is connected nothing is left to chance.
	r = newRig(t, host.Options{})
	r.late(ours)
	r.FailWrites(func(call string, _ int) error {
		if call == "before SetState sdb" {
			r.CutPortal(portals[1])
		}
		return nil
	})
	if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, release.ErrState) || r.state(ours) != "sda running; sdb blocked" {
		t.Errorf("%v, %s", err, r.state(ours))
	}
}

// Ctrl-C in the middle: all is taken back.
func TestReleaseCancelled(t *testing.T) {
	for n := 1; n <= 3; n++ {
		r := newRig(t, host.Options{})
		r.attach(ours)
		ctx, cancel := context.WithCancel(t.Context())
		r.FailWrites(func(call string, at int) error {
			if at == n && strings.HasPrefix(call, "after") {
				cancel()
			}
			return nil
		})
		_, err := r.rel.Release(ctx, ours, connected)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, release.ErrTakenBack) {
			t.Errorf("%d: %v", n, err)
		}
		r.has(ours, healthy)
		cancel()
	}
}

// Without a serial, "every device that does not say" would be meant.
func TestNotASerial(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	for _, serial := range []evidence.Serial{"", "D5BC", evidence.Serial(strings.ToLower(string(ours)))} {
		if _, err := r.rel.Release(t.Context(), serial, connected); err == nil {
			t.Errorf("released %q", serial)
		}
		if _, err := r.rel.RemoveStale(t.Context(), serial); err == nil {
			t.Errorf("removed %q", serial)
		}
		if err := r.rel.Clear(t.Context(), serial, release.Released{}); err == nil {
			t.Errorf("cleared %q", serial)
		}
		if err := r.rel.Free(t.Context(), serial); err == nil || errors.Is(err, release.ErrRefused) {
			t.Errorf("freed %q: %v", serial, err)
		}
		if err := r.rel.Rollback(t.Context(), release.Released{Serial: serial}); err == nil {
			t.Errorf("rolled back %q", serial)
		}
		if answer, _ := r.leftOf(serial); answer != evidence.Unknown {
			t.Errorf("detached %q: %v", serial, answer)
		}
	}
	r.wasMade()
}
