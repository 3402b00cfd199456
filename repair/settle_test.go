package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
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

// What udev does for a moment is no refusal, if it is over at one of the next looks: it
// reads a device or has it open, also one that has just gone. What goes on is one, and
// nothing but looks happens before it. It may come before the first change, between
// two, and in the look right before a request. Where anything else is in the way, or
// may be, nothing is waited for.
func TestSecondLook(t *testing.T) {
	worker := func(device string, serial evidence.Serial) evidence.Use {
		return evidence.Use{Kind: evidence.UseOpener, Process: "(udev-worker)", PID: 4000, Device: device, Serial: serial}
	}
	disturbances := map[string]struct {
		gate    string
		stays   bool
		disturb func(*evidence.Host, evidence.Serial)
	}{
		"I/O": {"no-io", false, func(h *evidence.Host, serial evidence.Serial) {
			for n := range evidence.Refs(h.Namespaces.Items) {
				if n.Serial == serial {
					n.IO.Inflight = evidence.CountOf(1)
				}
			}
		}},
		"an open device": {"not-in-use", false, func(h *evidence.Host, serial evidence.Serial) {
			for _, n := range h.Namespaces.Items {
				if n.Serial == serial {
					h.Uses.Items = append(h.Uses.Items, worker(n.Name, serial))
				}
			}
		}},
		"an open device that has gone": {"not-in-use", false, func(h *evidence.Host, _ evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, worker("nvme0n9", ""))
		}},
		"an open device of somebody": {"not-in-use", true, func(h *evidence.Host, serial evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, evidence.Use{Kind: evidence.UseOpener, Process: "qemu", PID: 4000, Device: "nvme0n2", Serial: serial})
		}},
		"a machine that does not answer": {"hosts-answered", true, func(h *evidence.Host, _ evidence.Serial) {
			h.Trouble = "no answer in time"
		}},
		"an open device of somebody that has gone": {"not-in-use", true, func(h *evidence.Host, _ evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, worker("nvme0n9", ""), evidence.Use{Kind: evidence.UseOpener, Process: "qemu", PID: 4001, Device: "nvme0n8"})
		}},
		"a mount that is left of it": {"not-in-use", true, func(h *evidence.Host, serial evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, worker("nvme0n9", ""))
			if !slices.ContainsFunc(h.Namespaces.Items, func(n evidence.Namespace) bool { return n.Serial == serial }) {
				h.Uses.Items = append(h.Uses.Items, evidence.Use{Kind: evidence.UseMount, Where: "/mnt", Device: "nvme0n8", Serial: serial})
			}
		}},
		"udev that never leaves": {"not-in-use", true, func(h *evidence.Host, serial evidence.Serial) {
			use := worker("nvme0n2", serial)
			use.Waits = true
			h.Uses.Items = append(h.Uses.Items, use)
		}},
		"a holder": {"not-in-use", true, func(h *evidence.Host, serial evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, worker("nvme0n9", ""))
			for n := range evidence.Refs(h.Namespaces.Items) {
				if n.Serial == serial {
					n.Holders = []string{"dm-9"}
				}
			}
		}},
		"processes that can't be seen": {"not-in-use", true, func(h *evidence.Host, _ evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, worker("nvme0n9", ""))
			h.AllProcesses, h.AllProcessesWhy = evidence.No, "not root"
		}},
		"a name that leads elsewhere": {"name-identity", true, func(h *evidence.Host, serial evidence.Serial) {
			h.Uses.Items = append(h.Uses.Items, worker("nvme0n9", ""))
			h.Links.Items = append(h.Links.Items, evidence.Link{
				Path: "/dev/disk/by-id/nvme-eui." + serial.EUI(), Target: "../../nvme0n9", Serial: serial, Says: serial, Device: "nvme0n9", Dangling: evidence.No,
			})
		}},
		"a list that is not whole": {"hosts-answered", true, func(h *evidence.Host, _ evidence.Serial) {
			h.Namespaces = evidence.Incomplete(h.Namespaces.Items, "where nvme0n9 is: input/output error")
		}},
	}
	// When it begins, and what is connected then.
	for when, connections := range map[string]int{"at first": 2, "right before a request": 2, "halfway": 1} {
		for what, c := range disturbances {
			if what == "a mount that is left of it" && when != "halfway" {
				continue // each machine still has the device
			}
			for name, ends := range map[string]int{"over at once": 1, "over at the second look": 2, "goes on": breaths + 1, "before a look that fails": breaths + 1} {
				t.Run(when+", "+what+" "+name, func(t *testing.T) {
					k := leakedOn(t, 2, 1, evidence.ModeNVMeTCP)
					tools, _ := k.acrossMembers()
					leak := k.ownLeak(tools).Object
					for _, h := range k.world.Array.Hosts() {
						if h.Name != k.connectedTo(leak) {
							if err := k.world.Array.Connect(h.Name, leak, 0); err != nil {
								t.Fatal(err)
							}
						}
					}
					k.world.Hosts[0].Rescan()
					k.world.Hosts[1].Rescan()
					plan, waited := k.ownLeak(tools), 0
					look, sleep := tools.Look, tools.Sleep
					begins := func() bool { return k.connections(plan.Object) == connections }
					if when == "right before a request" {
						asked := false
						tools.record = func(run *journal.Run, record journal.Record) error {
							asked = asked || record.What == journal.WhatBefore && record.StepKind == StepDisconnect
							return run.Append(record)
						}
						begins = func() bool { return asked }
					}
					tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
						if name == "before a look that fails" && waited > 0 {
							return evidence.World{}, errSabotage
						}
						w, err := look(ctx, about)
						if begins() && waited < ends {
							for h := range evidence.Refs(w.Hosts) {
								c.disturb(h, plan.Serial)
							}
						}
						return w, err
					}
					tools.Sleep = func(ctx context.Context, d time.Duration) error {
						if d == breath && begins() && k.connections(plan.Object) == connections {
							waited++
						}
						return sleep(ctx, d)
					}
					tools.Ask = func(context.Context, Question) (Reply, error) {
						if begins() && when == "at first" && ends > breaths {
							t.Error("it is asked about")
						}
						return Yes, nil
					}
					_, err := tools.Run(context.Background(), plan)
					var refused *RefusedError
					switch {
					case c.stays:
						if !errors.As(err, &refused) || refused.Gate != c.gate || waited != 0 || k.connections(plan.Object) != connections {
							t.Errorf("waited %d times, %d connections: %v", waited, k.connections(plan.Object), err)
						}
					case name == "before a look that fails":
						if !errors.Is(err, errSabotage) || k.connections(plan.Object) != connections {
							t.Errorf("%d connections: %v", k.connections(plan.Object), err)
						}
					case ends <= breaths && (err != nil || waited != ends):
						t.Errorf("waited %d times: %v", waited, err)
					case ends > breaths && (!errors.As(err, &refused) || refused.Gate != c.gate || waited != breaths || k.connections(plan.Object) != connections):
						t.Errorf("waited %d times, %d connections: %v", waited, k.connections(plan.Object), err)
					}
					k.noHarm()
				})
			}
		}
	}
}

// An open count that udev accounts for is a moment. One that is higher is
// somebody's of whom nothing else tells.
func TestSecondLookAtOpenCount(t *testing.T) {
	for name, c := range map[string]struct {
		count, udev int64
		waits       int
	}{"udev's": {1, 1, 1}, "nobody's": {1, 0, 0}, "udev's and another": {2, 1, 0}} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan, tools, waited := k.plan("leaked-volume"), k.tools(), 0
			look, sleep := tools.Look, tools.Sleep
			tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				w, err := look(ctx, about)
				for i := range w.Hosts {
					for m := range evidence.Refs(w.Hosts[i].Maps.Items) {
						if m.Serial != plan.Serial || waited > 0 {
							continue
						}
						m.OpenCount = evidence.CountOf(c.count)
						for range c.udev {
							w.Hosts[i].Uses.Items = append(w.Hosts[i].Uses.Items, evidence.Use{
								Kind: evidence.UseOpener, Process: "(udev-worker)", PID: 4000, Device: m.Kernel, Serial: plan.Serial,
							})
						}
					}
				}
				return w, err
			}
			tools.Sleep = func(ctx context.Context, d time.Duration) error {
				if d == breath && k.connections(plan.Object) == 1 {
					waited++
				}
				return sleep(ctx, d)
			}
			_, err := tools.Run(context.Background(), plan)
			var refused *RefusedError
			if stopped := errors.As(err, &refused) && refused.Gate == "not-in-use"; waited != c.waits || stopped != (c.waits == 0) || !stopped && err != nil {
				t.Errorf("waited %d times: %v", waited, err)
			}
			k.noHarm()
		})
	}
}

// What one run of a batch has waited for in vain, no other waits for.
func TestBatchWaitsInVainOnce(t *testing.T) {
	k := leakedOn(t, 1, 5, evidence.ModeNVMeTCP)
	tools, plans := k.inWaves(50)
	look, sleep, waited := tools.Look, tools.Sleep, 0
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, about)
		for h := range evidence.Refs(w.Hosts) {
			h.Uses.Items = append(h.Uses.Items, evidence.Use{Kind: evidence.UseOpener, Process: "(udev-worker)", PID: 4000, Device: "nvme0n9"})
		}
		return w, err
	}
	tools.Sleep = func(ctx context.Context, d time.Duration) error {
		if d == breath {
			waited++
		}
		return sleep(ctx, d)
	}
	rows, err := tools.Batch(context.Background(), plans)
	for _, row := range rows {
		if row.Result.Gate != "not-in-use" {
			t.Errorf("%+v", row)
		}
	}
	if err != nil || len(rows) != 5 || waited != breaths {
		t.Errorf("%d rows, waited %d times: %v", len(rows), waited, err)
	}
	k.noHarm()
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
