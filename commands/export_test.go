package commands

import "github.com/pureclean/pureclean/simulator"

// Before are streams of somebody who sits before a simulated world, by the
// world's clock and with its live host.
func Before(s Streams, w *simulator.World) Streams {
	s.given = &sources{config: demoSettings(w), socket: w.Socket, host: w.Hosts[0].System(), seen: w.Seen, now: w.Clock.Now, dial: w.Hosts[0].Dial}
	return s
}
