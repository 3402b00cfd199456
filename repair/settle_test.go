package repair

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// LXD has just connected a volume, and no operation says so. It takes it into
// use while the repair waits, and keeps its connection.
func TestConnectionThatIsNew(t *testing.T) {
	k := newKit(t, "killed-while-waiting-iscsi")
	plan := k.plan("stale-connection")
	tools, waited := k.tools(), 0
	sleep := tools.Sleep
	tools.Sleep = func(ctx context.Context, d time.Duration) error {
		if d == settles {
			waited++
			server := k.world.LXD
			if err := server.Launch(lxd.InstanceSpec{Name: "web", Pool: k.world.Pool(), Image: simulator.Image}); err != nil {
				t.Fatal(err)
			}
			if err := server.AttachVolume("", "web", "data", k.world.Pool(), "data", "/srv"); err != nil {
				t.Fatal(err)
			}
		}
		return sleep(ctx, d)
	}
	_, err := tools.Run(context.Background(), plan)
	var refused *RefusedError
	if !errors.As(err, &refused) || waited != 1 {
		t.Errorf("waited %d times: %v", waited, err)
	}
	if k.connections(plan.Object) != 1 {
		t.Error("its connection is cut")
	}
	k.noHarm()
}

// What was waited for has to be seen: nobody is asked on what was so before.
func TestConnectionThatIsNotSeenAgain(t *testing.T) {
	k := newKit(t, "killed-while-waiting-iscsi")
	plan := k.plan("stale-connection")
	tools, blind := k.tools(), false
	sleep, look := tools.Sleep, tools.Look
	tools.Sleep = func(ctx context.Context, d time.Duration) error {
		blind = blind || d == settles
		return sleep(ctx, d)
	}
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		if blind {
			return evidence.World{}, errSabotage
		}
		return look(ctx, about)
	}
	tools.Ask = func(context.Context, Question) (Reply, error) {
		t.Error("it is asked about")
		return Yes, nil
	}
	if result, err := tools.Run(context.Background(), plan); !errors.Is(err, errSabotage) || result.Changed {
		t.Errorf("%+v, %v", result, err)
	}
}

// What an earlier look saw unused is not waited for.
func TestConnectionThatIsOld(t *testing.T) {
	k := newKit(t, "killed-while-waiting-iscsi")
	plan := k.plan("stale-connection")
	k.world.Seen = append(k.world.Seen, evidence.Sighting{
		ArrayID: plan.ArrayID, VolumeID: plan.ID, Stale: []evidence.StaleSighting{{Host: plan.Host, Since: k.world.Clock.Now().Add(-time.Hour)}},
	})
	tools := k.tools()
	sleep := tools.Sleep
	tools.Sleep = func(ctx context.Context, d time.Duration) error {
		if d == settles {
			t.Error("it was waited for")
		}
		return sleep(ctx, d)
	}
	if _, err := tools.Run(context.Background(), plan); err != nil {
		t.Error(err)
	}
}

// A probe of udev is no refusal, if it is over at the second look. I/O that goes
// on is one, and nothing but a look happens before it.
func TestSecondLookAtIO(t *testing.T) {
	for name, c := range map[string]struct{ ends, fails bool }{
		"a probe": {ends: true}, "I/O that goes on": {}, "a second look that fails": {fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			tools, busy, looked := k.tools(), true, 0
			look, sleep := tools.Look, tools.Sleep
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				if c.fails && looked > 0 {
					return evidence.World{}, errSabotage
				}
				w, err := look(ctx, about)
				for i := range w.Hosts {
					for j := range w.Hosts[i].Disks.Items {
						if d := &w.Hosts[i].Disks.Items[j]; busy && d.Serial == plan.Serial {
							d.IO.Inflight = evidence.CountOf(1)
						}
					}
				}
				return w, err
			}
			tools.Sleep = func(ctx context.Context, d time.Duration) error {
				if d == breath && busy {
					looked++
					busy = !c.ends
				}
				return sleep(ctx, d)
			}
			tools.Ask = func(context.Context, Question) (Reply, error) {
				if !c.ends {
					t.Error("it is asked about")
				}
				return Yes, nil
			}
			_, err := tools.Run(context.Background(), plan)
			var refused *RefusedError
			stopped := errors.As(err, &refused) && refused.Gate == "no-io"
			if c.fails {
				stopped = errors.Is(err, errSabotage)
			}
			if looked != 1 || c.ends != (err == nil) || !c.ends && (!stopped || k.connections(plan.Object) != 1) {
				t.Errorf("looked again %d times, %d connections: %v", looked, k.connections(plan.Object), err)
			}
			k.noHarm()
		})
	}
}
