package witness

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// TestPortals: only addresses with a port are ever dialed, each once, of the
// protocols that the pools use, and not without end.
func TestPortals(t *testing.T) {
	iscsi := func(portals ...string) (all []evidence.Port) {
		for _, p := range portals {
			all = append(all, evidence.Port{Name: "CT0", IQN: "iqn.x", Portal: p})
		}
		return all
	}
	world := func(mode string, ports ...evidence.Port) *evidence.World {
		return &evidence.World{
			LXD:    evidence.LXD{Pools: evidence.Complete([]evidence.Pool{{Name: "p", Mode: mode}})},
			Arrays: []evidence.Array{{Ports: evidence.Complete(ports)}},
		}
	}
	for _, c := range []struct {
		name  string
		world *evidence.World
		want  string
	}{
		{"twice the same", world(evidence.ModeISCSI, iscsi("10.0.0.2:3260", "10.0.0.1:3260", "10.0.0.2:3260")...), "[10.0.0.1:3260 10.0.0.2:3260]"},
		{"no addresses", world(evidence.ModeISCSI, iscsi("", "evil.example:22", "10.0.0.1", "10.0.0.1:0", ":3260", "10.0.0.1:99999", "10.0.0.1:3260\n10.0.0.2:22", "$(reboot):1")...), "[]"},
		{"IPv6", world(evidence.ModeISCSI, iscsi("[2001:db8::1]:3260")...), "[[2001:db8::1]:3260]"},
		{"another protocol", world(evidence.ModeNVMeTCP, append(iscsi("10.0.0.1:3260"), evidence.Port{NQN: "nqn.x", Portal: "10.0.0.1:4420"}, evidence.Port{WWN: "52:4A"})...), "[10.0.0.1:4420]"},
	} {
		if got := fmt.Sprint(portals(c.world)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("10.0.%d.%d:3260", i/250, i%250))
	}
	if n := len(portals(world(evidence.ModeISCSI, iscsi(many...)...))); n != maxReached {
		t.Errorf("%d portals are tried", n)
	}
}

// TestConnect: an address at which nobody listens is not reached, and why is
// said without it.
func TestConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := connect(t.Context(), address); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := connect(t.Context(), address); err == nil || strings.Contains(err.Error(), address) {
		t.Errorf("nobody listens at %s: %v", address, err)
	}
}
