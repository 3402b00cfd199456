package witness_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

// TestThorough: what only advice rests on is asked for only when it is wanted.
func TestThorough(t *testing.T) {
	w := worlds.New(t, simulator.Options{Transports: []string{evidence.ModeISCSI, evidence.ModeNVMeTCP}})
	o := options(w)
	world, _ := ask(t, o)
	if a := world.Arrays[0]; a.Role != "" || a.Ports.IsComplete() || world.Hosts[0].Log != nil || world.Hosts[0].Reached != nil {
		t.Errorf("asked for more than a scan needs: %q, %q", a.Role, a.Ports.Why())
	}
	o.Logs = true
	world, _ = ask(t, o)
	if a := world.Arrays[0]; a.Role != "" || world.Hosts[0].Log == nil {
		t.Errorf("not the logs alone: %q, %v", a.Role, world.Hosts[0].Log)
	}
	o.Logs = false
	var mu sync.Mutex
	var dialed []string
	o.Thorough, o.Live = true, true
	o.Dial = func(_ context.Context, address string) error {
		mu.Lock()
		defer mu.Unlock()
		dialed = append(dialed, address)
		if len(dialed) == 1 {
			return errors.New("connection refused")
		}
		return nil
	}
	world, _ = ask(t, o)
	a, h := world.Arrays[0], world.Hosts[0]
	if a.User != "pureuser" || a.Role != "array_admin" || !a.Ports.IsComplete() || len(a.Ports.Items) != 6 || h.Log == nil {
		t.Errorf("user %q, role %q, ports %v (%s)", a.User, a.Role, a.Ports.Items, a.Ports.Why())
	}
	var portals []string
	for _, port := range a.Ports.Items {
		if port.Portal != "" {
			portals = append(portals, port.Portal)
		}
	}
	slices.Sort(portals)
	slices.Sort(dialed)
	if len(dialed) != 4 || !slices.Equal(portals, dialed) {
		t.Errorf("dialed %v, the array has %v", dialed, portals)
	}
	closed := 0
	for _, r := range h.Reached {
		if r.Open.IsNot() && r.Why == "connection refused" {
			closed++
		}
	}
	if len(h.Reached) != 4 || closed != 1 {
		t.Errorf("%+v", h.Reached)
	}

	// A recorded host's portals are not this machine's to try.
	dialed = nil
	o.Host.Recorded = true
	if world, _ = ask(t, o); len(dialed) != 0 || world.Hosts[0].Reached != nil {
		t.Errorf("dialed %v for a recorded host", dialed)
	}
}

// TestReachIsBounded: a portal that does not answer costs a few seconds, what
// an array invents is not dialed, and a Ctrl-C ends it all.
func TestReachIsBounded(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	o := options(w)
	o.Thorough, o.Live = true, true
	ctx, cancel := context.WithCancel(t.Context())
	o.Dial = func(one context.Context, address string) error {
		if _, err := netip.ParseAddrPort(address); err != nil {
			t.Errorf("dialed %q", address)
		}
		if deadline, ok := one.Deadline(); !ok || time.Until(deadline) > 5*time.Second {
			t.Errorf("%s may take until %s", address, deadline)
		}
		cancel()
		return one.Err()
	}
	world, err := witness.Ask(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range world.Hosts[0].Reached {
		if r.Open != evidence.Unknown || r.Why == "" {
			t.Errorf("after a Ctrl-C: %+v", r)
		}
	}
}
