// Package worlds gives tests their simulated worlds, and ends them with the
// test.
package worlds

import (
	"os"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/simulator"
)

// Now is when the demo's world is looked at.
var Now = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

var (
	demo  = sync.OnceValues(buildDemo)
	ended = func() {}
)

func buildDemo() (*simulator.World, error) {
	w, err := simulator.DemoAt(Now)
	if err == nil {
		ended = w.Close
	}
	return w, err
}

// Run runs a package's tests, for its TestMain, and ends the demo's world after
// them. Worlds are small and soon thrown away: the collector, which looks at
// what is left of them again and again, took a quarter of the time.
func Run(m interface{ Run() int }) int {
	debug.SetGCPercent(400)
	defer shortTemp()()
	defer func() { ended() }()
	return m.Run()
}

// maxTemp is how long the name of the directory for temporary files may be: the
// name of a unix socket below it, and below a test's own, has 107 bytes.
const maxTemp = 30

// shortTemp has temporary files made below a directory of our own in /tmp when
// the name of the usual one is too long.
func shortTemp() (undo func()) {
	usual := os.TempDir()
	if len(usual) <= maxTemp {
		return func() {}
	}
	dir, err := os.MkdirTemp("/tmp", "pc")
	if err != nil || os.Setenv("TMPDIR", dir) != nil {
		return func() {} // then the tests say what does not fit
	}
	return func() { _ = os.RemoveAll(dir) }
}

// Demo is the world with every kind of leftover, as of Now. It is built once
// for all tests of a package, which may look at it and change nothing; only
// what was asked of it is forgotten.
func Demo(t testing.TB) *simulator.World {
	t.Helper()
	w, err := demo()
	if err != nil {
		t.Fatal(err)
	}
	w.Array.ResetRequests()
	w.API.ForgetRequests()
	return w
}

// Settings are those with which the program trusts the world's arrays, whose
// certificates are their own, and reads the peer of a stretched pod.
func Settings(w *simulator.World) config.Config {
	settings := config.Default()
	settings.Pools = map[string]config.Pool{}
	for _, pool := range w.Pools() {
		own := config.Pool{Array: config.Array{Fingerprint: w.Server.Fingerprint}}
		if w.Peer != nil {
			own.Peers = map[string]config.Array{"dr": {URL: w.PeerServer.URL, TokenFile: w.PeerTokenFile, Fingerprint: w.PeerServer.Fingerprint}}
		}
		settings.Pools[pool] = own
	}
	return settings
}

// New is a world of the test's own, in which nothing has happened.
func New(t testing.TB, o simulator.Options) *simulator.World {
	t.Helper()
	w, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// Of is a world of the test's own in which the scenario of that name has
// happened.
func Of(t testing.TB, scenario string) *simulator.World {
	t.Helper()
	s, ok := simulator.Find(scenario)
	if !ok {
		t.Fatalf("there is no scenario %s", scenario)
	}
	return Built(t, s)
}

// Built is a world of the test's own in which the scenario has happened.
func Built(t testing.TB, s simulator.Scenario) *simulator.World {
	t.Helper()
	w, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}
