package release_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// stale are devices whose volume the array does not connect any more.
var stale = []struct {
	name    string
	options host.Options
	make    func(r *rig)
	want    []string
}{
	{"a map of dead paths", host.Options{}, func(r *rig) {
		r.attach(ours)
	}, []string{"remove the map mpatha", "set sda offline", "set sdb offline", "delete sda", "delete sdb"}},
	{"paths without a map", host.Options{}, func(r *rig) {
		r.late(ours)
	}, []string{"set sda offline", "set sdb offline", "delete sda", "delete sdb"}},
	{"a map without paths", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.must(r.Open(string(ours), "qemu", 4000))
		r.must(r.DeletePath("sda"))
		r.must(r.DeletePath("sdb"))
		r.Close(4000)
	}, []string{"remove the map mpatha"}},
	{"a queueing map that udev waits on", host.Options{Queueing: true}, func(r *rig) {
		r.attach(ours)
	}, []string{
		"let I/O to mpatha fail instead of wait", "remove the map mpatha", "set sda offline", "set sdb offline",
		"delete sda", "delete sdb",
	}},
	{"partitions", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.must(r.Partitions(string(ours), 3))
	}, []string{"remove the map mpatha", "set sda offline", "set sdb offline", "delete sda", "delete sdb"}},
	{"a session that is down", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.CutPortal(portals[0])
	}, []string{"remove the map mpatha", "set sdb offline", "delete sdb", "delete sda"}},
	{"sessions that were given up", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.CutPortal(portals[0])
		r.CutPortal(portals[1])
		r.clock.Advance(time.Minute)
	}, []string{"remove the map mpatha", "delete sda", "delete sdb"}},
	{"paths that were scanned while gone", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.disconnect()
		r.Rescan()
	}, []string{"remove the map mpatha", "set sda offline", "set sdb offline", "delete sda", "delete sdb"}},
	{"paths that are offline", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.must(r.FlushMap(string(ours)))
		r.must(r.OfflinePath("sda"))
	}, []string{"set sdb offline", "delete sda", "delete sdb"}},
	{"no multipathd", host.Options{}, func(r *rig) {
		r.attach(ours)
		r.StopMultipathd()
	}, []string{"remove the map mpatha", "set sda offline", "set sdb offline", "delete sda", "delete sdb"}},
	{"a namespace whose departure was missed", host.Options{}, func(r *rig) {
		r.attachNVMe(ours)
		r.LoseAnnouncement()
	}, []string{"let nvme0 read its namespaces again", "let nvme1 read its namespaces again"}},
}

func TestRemoveStale(t *testing.T) {
	for _, test := range stale {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.options)
			test.make(r)
			r.disconnect()
			_, err := r.rel.RemoveStale(t.Context(), ours)
			r.must(err)
			r.wasMade(test.want...)
			r.has(ours, "")
			// Other sessions may be down, which leaves a doubt; nothing else.
			r.RestorePortal(portals[0])
			r.RestorePortal(portals[1])
			r.detached()
			r.Rescan()
			r.detached()
		})
	}
}

// Somebody else who waits for a path is no worker of udev: queueing is the
// only thing that keeps his I/O.
func TestQueueingOfAUserIsNotTouched(t *testing.T) {
	for _, user := range []string{"dd", "(udev-worker)"} {
		r := newRig(t, host.Options{Queueing: true})
		r.attach(ours)
		r.must(r.Open(string(ours), user, 4000))
		r.leads("proc/4000/exe", "/usr/bin/dd")
		r.disconnect()
		if _, err := r.rel.RemoveStale(t.Context(), ours); !errors.Is(err, release.ErrRefused) || codes(err)[0] != release.CodeInUse {
			t.Error(err)
		}
		r.wasMade()
		r.has(ours, "mpatha open 2 queueing yes [sda running] [sdb running]")
	}
}

// Queueing is restored when the map stays.
func TestQueueingIsRestored(t *testing.T) {
	r := newRig(t, host.Options{Queueing: true})
	r.attach(ours)
	r.disconnect()
	r.FailWrites(func(call string, _ int) error {
		if strings.HasPrefix(call, "before RemoveMap") {
			return release.ErrInUse
		}
		return nil
	})
	_, err := r.rel.RemoveStale(t.Context(), ours)
	if !errors.Is(err, release.ErrInUse) || !errors.Is(err, release.ErrTakenBack) {
		t.Error(err)
	}
	r.wasMade("let I/O to mpatha fail instead of wait", "remove the map mpatha!", "let I/O to mpatha wait again")
	r.has(ours, "mpatha open 1 queueing yes [sda running] [sdb running]")

	// Also in Clear, which otherwise does not go back.
	err = r.rel.Clear(t.Context(), ours, release.Released{})
	if !errors.Is(err, release.ErrInUse) {
		t.Error(err)
	}
	r.wasMade("let I/O to mpatha fail instead of wait", "remove the map mpatha!", "let I/O to mpatha wait again")

	// Nothing waits any more, and yet somebody stays.
	r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) { all[0].OpenCount += r.opened }}
	r.FailWrites(func(call string, _ int) error {
		if strings.HasPrefix(call, "after SetQueueing") {
			// Without a live path nobody new gets it open but by its node.
			r.opened = 1
		}
		return nil
	})
	_, err = r.rel.RemoveStale(t.Context(), ours)
	if !errors.Is(err, release.ErrRefused) || !errors.Is(err, release.ErrTakenBack) || !strings.Contains(err.Error(), "still open") {
		t.Error(err)
	}
	r.wasMade("let I/O to mpatha fail instead of wait", "let I/O to mpatha wait again")
	r.opened = 0
	r.has(ours, "mpatha open 1 queueing yes [sda running] [sdb running]")

	// Nor does it go on when the kernel would not.
	r = newRig(t, host.Options{Queueing: true})
	r.attach(ours)
	r.disconnect()
	broken := errors.New("broken")
	r.FailWrites(func(call string, _ int) error {
		if call == "before SetQueueing "+ours.MapUUID() {
			return broken
		}
		return nil
	})
	r.slept = 0
	if _, err = r.rel.RemoveStale(t.Context(), ours); !errors.Is(err, broken) || r.slept > 3*time.Second {
		t.Errorf("%v after %v", err, r.slept)
	}
}

// What is taken back of a map of dead paths is not the map.
func TestDeadMapIsNotMadeAgain(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.disconnect()
	r.FailWrites(func(call string, _ int) error {
		if call == "before SetState sdb" {
			r.FailWrites(nil)
			return errors.New("broken")
		}
		return nil
	})
	if _, err := r.rel.RemoveStale(t.Context(), ours); !errors.Is(err, release.ErrTakenBack) {
		t.Error(err)
	}
	r.wasMade("remove the map mpatha", "set sda offline", "set sdb offline!", "set sda running")
	r.has(ours, "sda running; sdb running")
}

// A queueing map with a live path needs no such thing.
func TestQueueingWithAPathIsLeft(t *testing.T) {
	r := newRig(t, host.Options{Queueing: true})
	r.attach(ours)
	_, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.wasMade("remove the map mpatha", "set sda offline", "set sdb offline")
}

// A scan brought a path back before the array disconnected; it is dead by
// now, and is removed again whenever it comes.
func TestPathsThatComeBack(t *testing.T) {
	bring := func(r *rig) {
		r.array.connect(r.IQN(), ours)
		r.Rescan()
		r.array.disconnect(r.IQN(), ours)
	}
	for _, second := range []time.Duration{1, 5, 15} {
		for _, queueing := range []bool{false, true} {
			r := newRig(t, host.Options{Queueing: queueing})
			r.attach(ours)
			done, err := r.rel.Release(t.Context(), ours, connected)
			r.must(err)
			r.disconnect()
			r.made, r.slept = nil, 0
			came := false
			r.atSleep = func(at time.Duration) {
				if at >= second*time.Second && !came {
					came = true
					bring(r)
				}
			}
			r.must(r.rel.Clear(t.Context(), ours, done))
			want := []string{"delete sda", "delete sdb"}
			if queueing {
				want = append(want, "let I/O to mpatha fail instead of wait")
			}
			r.wasMade(append(want, "remove the map mpatha", "set sda offline", "set sdb offline", "delete sda", "delete sdb")...)
			r.detached()
		}
	}

	// Each time: that is told, and not called gone.
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.atSleep = func(at time.Duration) {
		if r.state(ours) == "" {
			bring(r)
		}
	}
	if err := r.rel.Clear(t.Context(), ours, done); !errors.Is(err, release.ErrComesBack) || !strings.Contains(err.Error(), "sda") {
		t.Error(err)
	}
}

// While a path answers as the volume the array has not let go, and what is
// removed would come back.
func TestClearWhileItIsShown(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	err := r.rel.Clear(t.Context(), ours, release.Released{})
	if !errors.Is(err, release.ErrStillShown) || !errors.Is(err, release.ErrRefused) {
		t.Error(err)
	}
	r.wasMade()
	r.has(ours, healthy)

	// It lets go a moment later.
	r.slept = 0
	r.atSleep = func(at time.Duration) {
		if at >= 5*time.Second {
			r.disconnect()
		}
	}
	r.must(r.rel.Clear(t.Context(), ours, release.Released{}))
	r.detached()
}

// What somebody began to use meanwhile, or what leads elsewhere, stays.
func TestClearRefuses(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"in use": func(r *rig) {
			r.array.connect(r.IQN(), ours)
			r.must(r.OnlinePath("sda"))
			r.must(r.OnlinePath("sdb"))
			if _, ok := r.Device(string(ours)); !ok {
				r.Fatal("no device")
			}
			r.must(r.Mount(string(ours), "/srv", host.LXDNamespace))
			r.disconnect()
		},
		"another volume": func(r *rig) {
			r.array.connect(r.IQN(), theirs)
			r.must(r.OnlinePath("sda"))
			r.must(r.OnlinePath("sdb"))
		},
	} {
		r := newRig(t, host.Options{})
		r.attach(ours)
		done, err := r.rel.Release(t.Context(), ours, connected)
		r.must(err)
		r.disconnect()
		change(r)
		r.made = nil
		if err := r.rel.Clear(t.Context(), ours, done); !errors.Is(err, release.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		r.wasMade()
		if got := r.state(ours); !strings.Contains(got, "sda running") || !strings.Contains(got, "sdb running") {
			t.Errorf("%s: %q", name, got)
		}
	}
	// Whoever waits in a map goes on waiting.
	r := waits(t)
	if err := r.rel.Clear(t.Context(), ours, release.Released{}); !errors.Is(err, release.ErrRefused) {
		t.Errorf("somebody waits in it: %v", err)
	}
	r.wasMade()
}

// Deleted is not gone: the write may wait, and the disk goes later.
func TestDeleteThatTakesTime(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	done, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	left := map[string]bool{}
	r.FailWrites(func(call string, _ int) error {
		if name, ok := strings.CutPrefix(call, "before DeleteDisk "); ok {
			left[name] = true
			return release.ErrAbandoned
		}
		return nil
	})
	r.slept = 0
	r.atSleep = func(at time.Duration) {
		if at >= 3*time.Second {
			for name := range left {
				_ = r.DeletePath(name)
			}
		}
	}
	r.must(r.rel.Clear(t.Context(), ours, done))
	r.wasMade("remove the map mpatha", "set sda offline", "set sdb offline", "delete sda!", "delete sdb!")
	r.detached()

	// It never goes.
	r.atSleep = nil
	r.attach(ours)
	done, err = r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.disconnect()
	r.slept = 0
	err = r.rel.Clear(t.Context(), ours, done)
	if !errors.Is(err, release.ErrStillThere) || !strings.Contains(err.Error(), "sda (0:0:0:1), sdb (1:0:0:1)") || r.slept != 30*time.Second {
		t.Errorf("%v after %v", err, r.slept)
	}
}

// A controller that lost its connection can't hear that a namespace has gone.
func TestNamespaceThatStays(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attachNVMe(ours)
	r.CutPortal(controllerPortal)
	// It is known before, so nothing is begun.
	_, err := r.rel.Release(t.Context(), ours, connected)
	var refusal *release.Refusal
	if !errors.As(err, &refusal) || !refusal.Has(release.CodeSession) || !strings.Contains(err.Error(), "controller nvme0 is connecting and would not see nvme0n1 go") {
		t.Errorf("%v", err)
	}
	r.RestorePortal(controllerPortal)
	_, err = r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.CutPortal(controllerPortal)
	r.disconnect()
	r.slept = 0
	err = r.rel.Clear(t.Context(), ours, release.Released{})
	if !errors.Is(err, release.ErrStillThere) || !strings.Contains(err.Error(), "nvme0n1 (controller nvme0 is connecting") || r.slept != 30*time.Second {
		t.Errorf("%v after %v", err, r.slept)
	}
	r.wasMade("let nvme1 read its namespaces again")
	r.RestorePortal(controllerPortal)
	r.must(r.rel.Clear(t.Context(), ours, release.Released{}))
	r.detached()
}

// The nudge comes after five seconds, once, to live controllers only.
func TestNudge(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attachNVMe(ours)
	r.LoseAnnouncement()
	r.disconnect()
	var at []time.Duration
	r.FailWrites(func(call string, _ int) error {
		if strings.HasPrefix(call, "before RescanController") {
			at = append(at, r.slept)
			return errors.New("not now")
		}
		return nil
	})
	err := r.rel.Clear(t.Context(), ours, release.Released{})
	if !errors.Is(err, release.ErrStillThere) || len(at) != 2 || at[0] != 5*time.Second {
		t.Errorf("%v, at %v", err, at)
	}
}

func TestDetached(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(r *rig)
		want evidence.Answer
		says string
	}{
		{"nothing", func(*rig) {}, evidence.Yes, ""},
		{"another volume", func(r *rig) { r.attach(theirs); r.attachNVMe(third) }, evidence.Yes, ""},
		{"another volume's path that is offline", func(r *rig) { r.late(theirs); r.must(r.OfflinePath("sda")) }, evidence.Yes, ""},
		{"what udev knows can't be read", func(r *rig) { r.fails("run/udev/data", syscall.EIO) }, evidence.Unknown, "udev"},
		{"a map", func(r *rig) { r.attach(ours) }, evidence.No, "map mpatha"},
		{"a path", func(r *rig) { r.late(ours) }, evidence.No, "path sda (0:0:0:1), state running"},
		{"a path that is gone on the array", func(r *rig) { r.late(ours); r.disconnect() }, evidence.No, "path sda"},
		{"a path that is offline", func(r *rig) { r.late(ours); r.must(r.OfflinePath("sda")); r.must(r.DeletePath("sdb")) }, evidence.No, "state offline"},
		{"another's path that answers as ours", func(r *rig) {
			r.late(theirs)
			r.array.disconnect(r.IQN(), theirs)
			r.array.connect(r.IQN(), ours)
		}, evidence.No, "path sda"},
		{"a namespace", func(r *rig) { r.attachNVMe(ours) }, evidence.No, "namespace nvme0n1"},
		{"a path that does not answer", func(r *rig) { r.late(theirs); r.CutPortal(portals[0]) }, evidence.Unknown, "sda did not say"},
		{"a path that can't be opened", func(r *rig) {
			r.late(theirs)
			r.CutPortal(portals[0])
			r.clock.Advance(time.Minute)
		}, evidence.Yes, ""},
		{"a controller that is lost", func(r *rig) { r.attachNVMe(theirs); r.CutPortal(controllerPortal) }, evidence.Unknown, "controller nvme0 is connecting"},
		{"a use of a namespace that has gone", func(r *rig) {
			r.attachNVMe(theirs, ours)
			r.must(r.Mount(string(ours), "/srv", host.LXDNamespace))
			r.disconnect()
		}, evidence.Unknown, "it is not known of which volume this is"},
		{"a namespace that somebody holds", func(r *rig) {
			r.attachNVMe(ours)
			r.must(r.Open(string(ours), "qemu", 4000))
			r.Logout(evidence.ModeNVMeTCP)
			r.rel.Elsewhere = func(evidence.Use) bool { return true }
		}, evidence.Unknown, "neither controller nor namespace"},
		{"a link that dangles", func(r *rig) {
			r.adds("dev/disk/by-id", "scsi-"+ours.WWID())
			r.leads("dev/disk/by-id/scsi-"+ours.WWID(), "../../sdx")
		}, evidence.No, "/dev/disk/by-id/scsi-" + ours.WWID()},
		{"udev's entry of a path", func(r *rig) {
			r.adds("run/udev/data", "b8:160")
			r.reads("run/udev/data/b8:160", "E:ID_SERIAL="+ours.WWID()+"\n")
		}, evidence.No, "udev's entry of block device 8:160"},
		{"udev's entry of a namespace", func(r *rig) {
			r.adds("run/udev/data", "b259:7")
			r.reads("run/udev/data/b259:7", "E:ID_WWN="+ours.EUI()+"\n")
		}, evidence.No, "udev's entry of block device 259:7"},
		{"udev's entry that can't be read", func(r *rig) {
			r.adds("run/udev/data", "b259:7")
			r.fails("run/udev/data/b259:7", errors.New("no"))
		}, evidence.Unknown, "udev's database"},
		{"a recording", func(r *rig) { r.rel.System.Recorded = true }, evidence.Unknown, "recording"},
		{"not root", func(r *rig) { r.reads("proc/self/status", "CapEff:\t0\n") }, evidence.Unknown, "not run as root"},
		{"links that can't be listed", func(r *rig) { r.fails("dev/disk/by-id", errors.New("no")) }, evidence.Unknown, "names in /dev"},
		{"namespaces that can't be listed", func(r *rig) { r.fails("sys/class/nvme-subsystem", errors.New("no")) }, evidence.Unknown, "NVMe subsystems"},
		{"device-mapper that does not answer", func(r *rig) {
			r.attach(theirs)
			r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, nil}
		}, evidence.Unknown, "device-mapper"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, host.Options{})
			test.make(r)
			answer, why := r.leftOf(ours)
			if answer != test.want || !strings.Contains(strings.Join(why, "; "), test.says) || (len(why) == 0) != answer.Is() {
				t.Errorf("%v, %q; not %v with %q", answer, why, test.want, test.says)
			}
			r.wasMade()
		})
	}
}
