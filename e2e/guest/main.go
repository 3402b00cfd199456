//go:build linux

// The guest is the program that runs inside the virtual machine. It lets one
// scenario of the table happen, with a simulated array and a simulated LXD
// whose volumes are real devices of the kernel, has the real pureclean look
// at it and repair it, and judges the result.
//
//	guest list                 names the scenarios, one per line
//	guest run NAME TRANSPORT   runs one, as the machine's only job
//	guest serve                is the second machine of a cluster, and serves the first
//	guest record NAME TRANSPORT   lets it happen, and prints the machine's tree
package main

import (
	"fmt"
	"os"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	switch {
	case len(args) == 2 && keepers[args[0]] != nil:
		return keep(keepers[args[0]], args[1])
	case len(args) == 1 && args[0] == "list":
		list()
		return 0
	case len(args) == 1 && args[0] == "serve":
		return serve()
	case len(args) == 3 && args[0] == "run":
		return runScenario(args[1], args[2], scenario.run)
	case len(args) == 3 && args[0] == "record":
		return runScenario(args[1], args[2], scenario.record)
	}
	fmt.Fprintln(os.Stderr, "usage: guest list | guest serve | guest run NAME TRANSPORT | guest record NAME TRANSPORT")
	return 2
}
