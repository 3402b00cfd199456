// Pureclean finds the volumes, connections and devices that LXD left behind
// on a Pure Storage FlashArray, and explains each.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/pureclean/pureclean/commands"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first Ctrl-C ends the work in good order, the second the program.
	context.AfterFunc(ctx, stop)
	status := commands.Main(ctx, os.Args, commands.System())
	stop()
	os.Exit(status)
}
