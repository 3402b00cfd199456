package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// TestHostOfTwoArrays: LXD gives a member's array host one name on each array.
// What is printed of one of them means that one, and deletes no other.
func TestHostOfTwoArrays(t *testing.T) {
	w := worlds.Of(t, "host-not-deleted-iscsi")
	host := w.Array.Hosts()[0].Name
	two := array.New(array.Options{Name: "fa-two", Clock: w.Clock, Seed: 77})
	server, err := two.Serve()
	if err != nil {
		t.Fatal(err)
	}
	w.PeerServer = server // where the world's LXD finds it, and who closes it
	if err := two.CreatePod("pool2"); err != nil {
		t.Fatal(err)
	}
	if err := two.CreateHost(host, []string{w.Hosts[0].IQN()}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := two.SetConnectivity(host, "critical", "None"); err != nil {
		t.Fatal(err)
	}
	pool := lxd.PoolSpec{Name: "pool2", Gateway: server.URL, Token: two.Token(), Mode: "iscsi", Recover: true}
	if err := w.LXD.Members()[0].CreatePool(pool); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, w)
	b.s.given.config.Pools["pool2"] = config.Pool{Array: config.Array{Fingerprint: server.Fingerprint}}

	if _, out, errs := b.run("", "scan", "--color", "never"); !strings.Contains(out, "fa-two/"+host) || !strings.Contains(out, "fa-sim/"+host) || strings.Contains(out, "unsafe-setting") {
		t.Errorf("scan:\n%s%s", out, errs)
	}
	status, out, errs := b.run("", "fix", host, "--yes", "--confirm", host)
	if status != StatusUsage || !strings.Contains(flat(errs), "fa-two/"+host+" (array host on fa-two)") {
		t.Errorf("the bare name: status %d\n%s%s", status, out, errs)
	}
	full := "fa-two/" + host
	if status, out, errs := b.run("", "fix", full, "--yes", "--confirm", host); status != StatusRefused || len(two.Hosts()) != 1 {
		t.Errorf("confirmed by the bare name: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := b.run("", "fix", full, "--yes", "--confirm", full); status != StatusOK || !strings.Contains(out, "Repaired: "+full) {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if len(two.Hosts()) != 0 || !hasHost(w, host) {
		t.Errorf("left: %d on fa-two, on fa-sim %v", len(two.Hosts()), hasHost(w, host))
	}
}
