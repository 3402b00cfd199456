package repair

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// TestUsedAfterAKillInItsMaking: LXD is killed right after it made a volume's
// filesystem, and has its record. What uses the volume then finds it connected,
// so that the array's trail is that of a volume of which LXD never came to the
// end; then the machine dies, and the database is restored from before it all.
// Killed before mkfs, the volume holds nothing, and may go.
func TestUsedAfterAKillInItsMaking(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  func(*lxd.Server)
		used bool
		want journal.Outcome
	}{
		{"after mkfs", func(l *lxd.Server) { l.CutBehind(lxd.StepHost, "mkfs") }, true, journal.Refused},
		{"before mkfs", func(l *lxd.Server) { l.CutBefore(lxd.StepHost, "mkfs") }, false, journal.Done},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := worlds.New(t, simulator.Options{})
			l, m := w.LXD, w.Hosts[0]
			if err := l.Launch(lxd.InstanceSpec{Name: "c0", Pool: w.Pool(), Image: simulator.Image}); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"d0", "d1"} {
				if err := l.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: name, Bytes: simulator.Small}); err != nil {
					t.Fatal(err)
				}
			}
			backup := l.SnapshotDatabase()
			c.cut(l)
			if err := l.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "data", Bytes: simulator.Small}); !errors.Is(err, lxd.ErrKilled) {
				t.Fatal(err)
			}
			l.StartDaemon()
			name, err := w.ArrayName(w.Pool(), evidence.TypeCustom, "data")
			if err != nil {
				t.Fatal(err)
			}
			if c.used {
				if err := l.AttachVolume("", "c0", "data", w.Pool(), "data", "/data"); err != nil {
					t.Fatal(err)
				}
			}
			m.PowerCycle()
			w.RestoreDatabase(backup)
			m.Rescan()
			w.Age(30 * time.Hour)
			if live := w.Live(name); live != c.used {
				t.Fatalf("live by the world's truth: %v", live)
			}
			k := kitOf(t, w)
			result, err := k.tools().Run(context.Background(), k.planFor(name))
			if result.Outcome != c.want || (c.want == journal.Refused && result.Gate != "explained") {
				t.Errorf("%+v, %v", result, err)
			}
			if destroyed, there := k.volume(name); !there || destroyed == c.used {
				t.Errorf("destroyed: %v, there: %v", destroyed, there)
			}
		})
	}
}

// planFor is the plan for what is found of an object.
func (k *kit) planFor(object string) Plan {
	k.t.Helper()
	world, report := k.scan()
	i := foundOf(report, object)
	if i < 0 {
		k.t.Fatalf("%s is not found", object)
	}
	p, err := NewPlan(world, diagnose.DefaultPolicy(), report.Findings[i], k.world.Clock.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	return p
}
