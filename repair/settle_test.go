package repair

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
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

// LXD starts an instance by itself, without an operation, on a connection that
// is old: it finds it there and makes none. Whether a batch takes it because an
// earlier look saw it unused, or somebody asks for it, LXD ends its start while
// the repair waits.
func TestOldConnectionNewUse(t *testing.T) {
	for name, batch := range map[string]bool{"alone": false, "in a batch": true} {
		for _, transport := range []string{"iscsi", "nvme"} {
			for _, at := range []string{"connect ", "wait ", "mkdir ", "mount "} {
				t.Run(name+", "+transport+", before "+at, func(t *testing.T) {
					k := newKit(t, "power-failure-"+transport)
					k.world.Age(72 * time.Hour)
					f := k.finding("stale-connection")
					before := k.world.Clock.Now().Add(-48 * time.Hour)
					k.sightUnused(f.ArrayID, f.VolumeID, f.Object, f.Host, before)
					reached, further, started := make(chan struct{}), make(chan struct{}), make(chan error, 1)
					begun := false
					k.world.LXD.SetBeforeCall(func(method, path string) error {
						if !begun && method == lxd.StepHost && strings.HasPrefix(path, at) {
							begun = true
							close(reached)
							<-further
						}
						return nil
					})
					go func() { started <- k.world.LXD.StartInstance("", "web1") }()
					<-reached

					tools := k.tools()
					tools.Policy.Batch = batch
					look, sleep, waited := tools.Look, tools.Sleep, 0
					tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
						w, err := look(ctx, about)
						w.LXD.Operations.Items = nil
						return w, err
					}
					goOn := sync.OnceFunc(func() {
						close(further)
						if err := <-started; err != nil {
							t.Error("LXD's start:", err)
						}
					})
					defer goOn()
					tools.Sleep = func(ctx context.Context, d time.Duration) error {
						if d == settles {
							waited++
							goOn()
						}
						return sleep(ctx, d)
					}
					world, err := tools.Look(context.Background(), evidence.Scope{})
					if err != nil {
						t.Fatal(err)
					}
					plan, err := NewPlan(world, tools.Policy, f, k.world.Clock.Now())
					if err != nil {
						t.Fatal(err)
					}
					_, err = tools.Run(context.Background(), plan)
					var refused *RefusedError
					if !errors.As(err, &refused) || waited != 1 || k.connections(f.Volume) != 1 {
						t.Errorf("waited %d times, %d connections: %v", waited, k.connections(f.Volume), err)
					}
				})
			}
		}
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

// Nobody waits for a refusal that is known: neither for a use that may have just
// begun, nor for I/O that may end.
func TestNoWaitForAKnownRefusal(t *testing.T) {
	for code, scenario := range map[string]string{"stale-connection": "killed-while-waiting-iscsi", "leaked-volume": "unmap-refused-iscsi"} {
		t.Run(code, func(t *testing.T) {
			k := newKit(t, scenario)
			if code == "stale-connection" {
				if err := errors.Join(
					k.world.Array.CreateHost("backup01", []string{"iqn.1994-05.com.redhat:backup01"}, nil, nil),
					k.world.Array.Connect("backup01", k.plan(code).Object, 0),
				); err != nil {
					t.Fatal(err)
				}
				k.watch = witness.Watch{}
			}
			plan, tools := k.plan(code), k.tools()
			tools.Policy.MaxShare, tools.Policy.MinShareCount = 0, 0 // of what is destroyed
			look := tools.Look
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				w, err := look(ctx, about)
				for i := range w.Hosts {
					for j := range w.Hosts[i].Disks.Items {
						if d := &w.Hosts[i].Disks.Items[j]; d.Serial == plan.Serial {
							d.IO.Inflight = evidence.CountOf(1)
						}
					}
				}
				return w, err
			}
			tools.Sleep = func(_ context.Context, d time.Duration) error {
				t.Errorf("it waits for %s", d)
				return nil
			}
			var refused *RefusedError
			if _, err := tools.Run(context.Background(), plan); !errors.As(err, &refused) || refused.Result != "fail" {
				t.Errorf("%v", err)
			}
			k.noHarm()
		})
	}
}
