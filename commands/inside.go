package commands

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
)

// Inside are streams of somebody who sits at the first machine of a simulated
// world, as the demo's visitor does. What runs remember is kept below dir.
// Nothing is random there: the same commands print the same.
func Inside(s Streams, world *simulator.World, dir string) Streams {
	machine := world.Hosts[0]
	settings := demoSettings(world)
	settings.StateDir = dir
	s.given = &sources{
		config: settings, socket: world.Socket, host: machine.System(), seen: world.Seen,
		writer: machine.DeviceWriter(), now: world.Clock.Now, dial: machine.Dial,
		// The world's time passes at once, so nobody waits for a device.
		sleep: func(_ context.Context, d time.Duration) error {
			world.Clock.Advance(d)
			return nil
		},
		operator: &journal.Operator{User: "root", Host: machine.Name()},
		ids:      rand.NewChaCha8([32]byte{}),
	}
	return s
}

// demoSettings is the configuration that makes the world's array trusted: its
// certificate is its own.
func demoSettings(world *simulator.World) config.Config {
	settings := config.Default()
	settings.Pools = map[string]config.Pool{}
	for _, pool := range world.Pools() {
		own := config.Pool{Array: config.Array{Fingerprint: world.Server.Fingerprint}}
		if world.Peer != nil {
			own.Peers = map[string]config.Array{world.Peer.Name(): {URL: world.PeerServer.URL, TokenFile: world.PeerTokenFile, Fingerprint: world.PeerServer.Fingerprint}}
		}
		settings.Pools[pool] = own
	}
	return settings
}
