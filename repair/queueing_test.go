package repair

import (
	"context"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// queueingKit is a leaked volume with a map that queues I/O, after somebody
// disconnected it on the array: udev, which looked at the map, waits for a path.
func queueingKit(t *testing.T, before func(k *kit, serial string)) *kit {
	t.Helper()
	s, ok := simulator.Find("unmap-refused-iscsi")
	if !ok {
		t.Fatal("there is no such scenario")
	}
	s.Options.Queueing = true
	w := worlds.Built(t, s)
	k := kitOf(t, w)
	f := k.finding("leaked-volume")
	leaked := f.Object
	before(k, string(f.Serial))
	for _, c := range w.Array.Connections() {
		if c.Volume == leaked {
			if err := w.Array.Disconnect(c.Host, leaked); err != nil {
				t.Fatal(err)
			}
		}
	}
	return k
}

// Udev that waits for a path which will never come does not use the volume:
// the repair lets it go. On a real machine it blocked the repair for ever.
func TestUdevThatWaitsIsLetGo(t *testing.T) {
	k := queueingKit(t, func(*kit, string) {})
	f := k.finding("leaked-volume")
	if f.Verdict != diagnose.Safe {
		t.Fatalf("%s: %+v", f.Verdict, f.Gates)
	}
	for _, code := range k.codes() {
		if code == "in-use-without-connection" {
			t.Error("udev that waits is no use")
		}
	}
	plan := k.plan("leaked-volume")
	if _, err := k.tools().Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	if destroyed, _ := k.volume(plan.Object); !destroyed {
		t.Error("it is not destroyed")
	}
	if left := k.world.Hosts[0].DevicesOf(string(plan.Serial)); len(left) > 0 {
		t.Errorf("devices left: %v", left)
	}
	k.noHarm()
}

// Anybody else who waits is a user, whom the end of queueing would cost data.
func TestAnotherThatWaitsIsNotLetGo(t *testing.T) {
	k := queueingKit(t, func(k *kit, serial string) {
		if err := k.world.Hosts[0].Open(serial, "dd", 4000); err != nil {
			t.Fatal(err)
		}
	})
	f := k.finding("leaked-volume")
	if f.Verdict == diagnose.Safe {
		t.Error("dd waits, and the repair is called safe")
	}
	if _, err := k.tools().Run(context.Background(), k.plan("leaked-volume")); err == nil {
		t.Error("it was repaired")
	}
	if open := k.world.Hosts[0].InUse(string(f.Serial)); !open {
		t.Error("dd does not wait any more")
	}
	k.noHarm()
}
