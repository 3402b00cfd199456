// Pureclean finds the volumes, connections and devices that LXD left behind
// on a Pure Storage FlashArray, and explains each.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/pureclean/pureclean/commands"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first Ctrl-C ends the work in good order, the second the program.
	context.AfterFunc(ctx, stop)
	streams := commands.System()
	streams.BeforeLook = memorySaver()
	status := commands.Main(ctx, os.Args, streams)
	stop()
	os.Exit(status)
}

// memorySaver lets a quarter as much garbage lie as Go does by itself. A command
// reads the world once, and nearly all of it lives until the end, on machines
// whose memory is for other work: that is worth the tenth or so of processor
// time that it costs (docs/performance.md). Before a look it would only collect
// what packages make when they start. A repair looks again and again, and each
// look makes garbage while nearly all of the first one stays: from the second on
// as much may lie as Go lets. Who sets $GOGC knows better.
func memorySaver() func() {
	percent := 25
	return func() {
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(percent)
		}
		percent = 100
	}
}
