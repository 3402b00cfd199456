package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// loss is a world in which something without a record is not what LXD left behind.
type loss struct {
	*testing.T
	*bench
	cluster *cluster
}

func lossIn(t *testing.T, members int) *loss {
	t.Helper()
	w, err := simulator.Healthy(simulator.Options{Members: members})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	l := &loss{T: t}
	if members > 1 {
		l.cluster = newCluster(t, w)
		l.bench = l.cluster.bench
	} else {
		l.bench = newBench(t, w)
	}
	l.s.InTerminal, l.s.OutTerminal, l.s.ErrTerminal = false, false, false
	return l
}

func (l *loss) must(errs ...error) {
	l.Helper()
	for _, err := range errs {
		if err != nil {
			l.Fatal(err)
		}
	}
}

func (l *loss) say(args ...string) string {
	l.Helper()
	status, out, errs := l.run("", args...)
	l.Logf("$ pureclean %s\n-> %d\n%s%s", strings.Join(args, " "), status, out, errs)
	return out + errs
}

func (l *loss) named(kind, name string) string {
	l.Helper()
	full, err := l.world.ArrayName(l.world.Pool(), kind, name)
	l.must(err)
	return full
}

// removed is the disk of a virtual machine that ran for a month on a member that
// died, was removed by force, and whose array host was taken away.
func removed(t *testing.T, remembered bool) (*loss, string) {
	l := lossIn(t, 2)
	second := l.world.LXD.Members()[1]
	l.must(second.Launch(lxd.InstanceSpec{Name: "db1", Pool: l.world.Pool(), Type: evidence.TypeVM, Image: simulator.VMImage}))
	l.world.Age(30 * 24 * time.Hour)
	disk := l.named(evidence.TypeVM, "db1")
	l.world.Keep(disk)
	if remembered {
		l.say("check")
	}
	second.PowerFail()
	l.must(l.world.LXD.RemoveMember(second.Name, true))
	for _, c := range l.world.Array.Connections() {
		if c.Host == "lxd02-iscsi" {
			l.must(l.world.Array.Disconnect(c.Host, c.Volume))
		}
	}
	l.must(l.world.Array.DeleteHost("lxd02-iscsi"))
	l.world.Age(5 * time.Hour)
	delete(l.cluster.settings.Members, "lxd02")
	return l, disk
}

// standing is that none of these volumes, by serial, was destroyed.
func (l *loss) standing(serials ...string) {
	l.Helper()
	left := map[string]bool{}
	for _, v := range l.world.Array.Volumes() {
		left[v.Serial] = !v.Destroyed
	}
	for _, s := range serials {
		if !left[s] {
			l.Errorf("%s was destroyed", s)
		}
	}
}

func (l *loss) serial(name string) string {
	l.Helper()
	v, ok := l.world.Array.Volume(name)
	if !ok {
		l.Fatalf("there is no %s", name)
	}
	return v.Serial
}

// batch runs one a day after a check.
func (l *loss) batch() string {
	l.say("check")
	l.world.Age(25 * time.Hour)
	return l.say("fix", "--all", "--yes")
}

// The half of a virtual machine of which the other is gone is a leftover where the
// trail shows that LXD deleted that one, and nowhere else.
func TestHalfThatLXDKept(t *testing.T) {
	for _, remembered := range []bool{false, true} {
		t.Run("the other was eradicated by hand", func(t *testing.T) {
			l, disk := removed(t, remembered)
			half, kept := strings.TrimSuffix(disk, "-b"), l.serial(disk)
			l.must(l.world.Array.DestroyVolume(half), l.world.Array.Eradicate(half))
			l.batch()
			l.standing(kept)
		})
	}
	t.Run("the other is destroyed, and then gone", func(t *testing.T) {
		l, disk := removed(t, false)
		kept := l.serial(disk)
		l.must(l.world.Array.DestroyVolume(strings.TrimSuffix(disk, "-b")))
		l.say("check")
		l.world.Age(23 * time.Hour)
		l.say("fix", "--all", "--yes")
		l.standing(kept)
		l.world.Age(2 * time.Hour) // the array's timer ends
		l.say("fix", "--all", "--yes")
		l.standing(kept)
	})
	t.Run("the operator's word was for the other", func(t *testing.T) {
		l, disk := removed(t, false)
		half, kept := strings.TrimSuffix(disk, "-b"), l.serial(disk)
		l.s.InTerminal, l.s.OutTerminal, l.s.ErrTerminal = true, true, true
		_, out, errs := l.run("yes\n"+strings.Repeat("y\n", 9), "fix", "--volume", half, "--database-is-current")
		if v, _ := l.world.Array.Volume(half); !v.Destroyed {
			t.Fatalf("the word was not enough for one\n%s%s", out, errs)
		}
		l.s.InTerminal, l.s.OutTerminal, l.s.ErrTerminal = false, false, false
		l.batch()
		l.standing(kept)
	})
	t.Run("the other has a custom volume's name", func(t *testing.T) {
		l, disk := removed(t, false)
		half := strings.TrimSuffix(disk, "-b")
		kept, moved := l.serial(disk), l.serial(half)
		l.must(l.world.Array.RelocateVolume(half, strings.Replace(half, "::v-", "::u-", 1)))
		l.batch()
		l.standing(kept, moved)
	})
	for _, trail := range []bool{false, true} {
		t.Run("no cluster, the record was seen", func(t *testing.T) {
			l := lossIn(t, 1)
			if !trail {
				l.world.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
			}
			l.world.Age(24 * time.Hour)
			backup := l.world.LXD.SnapshotDatabase()
			l.world.Age(time.Hour)
			l.must(l.world.LXD.CreateInstance(lxd.InstanceSpec{Name: "vm2", Pool: l.world.Pool(), Type: evidence.TypeVM}))
			disk := l.named(evidence.TypeVM, "vm2")
			half, kept := strings.TrimSuffix(disk, "-b"), l.serial(disk)
			l.world.Age(24 * time.Hour)
			l.say("check")
			l.world.RestoreDatabase(backup)
			l.world.LXD.KillDaemon()
			l.world.LXD.StartDaemon()
			l.world.Age(3 * time.Hour)
			l.must(l.world.Array.DestroyVolume(half), l.world.Array.Eradicate(half))
			l.batch()
			l.standing(kept)
		})
	}
}

// What LXD has under another name, or had, is no image and no temporary copy,
// whatever it is called now.
func TestUnderAnotherKindsName(t *testing.T) {
	for _, kind := range []string{"image", "copy of a snapshot"} {
		for _, remembered := range []bool{false, true} {
			t.Run("exchanged with a leaked "+kind, func(t *testing.T) {
				l := lossIn(t, 1)
				archive, left := l.named("custom", "archive"), ""
				l.must(l.world.Array.SetUsed(archive, 1<<30))
				kept := l.serial(archive)
				if kind == "image" {
					l.must(l.world.LXD.Launch(lxd.InstanceSpec{Name: "web2", Pool: l.world.Pool(), Image: simulator.Image}))
					for _, v := range l.world.Array.Volumes() {
						if strings.Contains(v.Name, "::i-") && !l.world.Recorded(v.Name) {
							left = v.Name
						}
					}
				} else {
					left = l.world.Pool() + "::su-" + strings.Repeat("feed", 3) + "4eed8eed" + strings.Repeat("feed", 3)
					_, err := l.world.Array.CopyVolume(archive, left)
					l.must(err)
				}
				l.world.Age(48 * time.Hour)
				if remembered {
					l.say("check")
				}
				l.must(exchange(l.world.Array, archive, left))
				l.world.Age(48 * time.Hour)
				l.batch()
				l.standing(kept)
			})
		}
	}
	t.Run("a virtual machine of a removed member as an image", func(t *testing.T) {
		l, disk := removed(t, false)
		half := strings.TrimSuffix(disk, "-b")
		kept := []string{l.serial(disk), l.serial(half)}
		for _, name := range []string{disk, half} {
			l.must(l.world.Array.RelocateVolume(name, strings.Replace(name, "::v-", "::i-", 1)))
		}
		l.world.Age(48 * time.Hour)
		l.batch()
		l.standing(kept...)
	})
}

// What an administrator made under a name of LXD's is none of its leftovers, and
// no word about LXD's database makes it one.
func TestMadeByHand(t *testing.T) {
	for _, members := range []int{1, 2} {
		for _, how := range []string{"created", "copied"} {
			t.Run(how, func(t *testing.T) {
				l := lossIn(t, members)
				name := l.world.Pool() + "::u-" + strings.Repeat("feed", 3) + "4eed8eed" + strings.Repeat("feed", 3)
				if how == "created" {
					_, err := l.world.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{})
					l.must(err)
				} else {
					_, err := l.world.Array.CopyVolume(l.named("custom", "archive"), name)
					l.must(err)
				}
				kept := l.serial(name)
				l.world.Age(48 * time.Hour)
				l.batch()
				l.standing(kept)
				if said := l.say("fix", "--volume", name, "--yes"); !strings.Contains(said, "made it by hand (CLI)") {
					t.Errorf("by itself: %s", said)
				}
				l.standing(kept)
			})
		}
	}
}

// Snapshots of what somebody gave a name of its own are whoever's the volume is.
func TestSnapshotsOfWhatWasKept(t *testing.T) {
	l := lossIn(t, 1)
	l.must(l.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: l.world.Pool(), Name: "sales"}))
	l.world.Age(24 * time.Hour)
	l.must(l.world.LXD.SnapshotVolume(l.world.Pool(), "", "sales", "s0"))
	name, kept := l.named("custom", "sales"), l.world.Pool()+"::rescue"
	l.world.Age(24 * time.Hour)
	l.must(l.world.LXD.ForgetVolume(l.world.Pool(), "default", "custom", "sales/s0"), l.world.LXD.ForgetVolume(l.world.Pool(), "default", "custom", "sales"))
	l.must(l.world.Array.RelocateVolume(name, kept))
	l.world.Age(24 * time.Hour)
	before, _ := l.world.Array.Volume(kept)
	if said := l.batch(); strings.Contains(said, "leaked-snapshot") {
		t.Errorf("its snapshot is taken for LXD's:\n%s", said)
	}
	if after, _ := l.world.Array.Volume(kept); len(before.Snapshots) == 0 || len(after.Snapshots) != len(before.Snapshots) {
		t.Errorf("before %q, after %q", before.Snapshots, after.Snapshots)
	}
	status, out, errs := l.run("", "explain", "--object", before.Snapshots[0])
	t.Log(status, out, errs)
}
