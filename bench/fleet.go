package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

const (
	// farHosts are asked besides this one, roundTrip away. An ssh that shares
	// no connection makes about nine round trips before the command runs: TCP,
	// versions, two for keys, three to log in, two for the session.
	farHosts   = 64
	roundTrip  = 20 * time.Millisecond
	roundTrips = 9
	// Reading a host takes from readFrom to readFrom+readMore.
	readFrom = 100 * time.Millisecond
	readMore = 200 * time.Millisecond
)

// farSSH stands in for ssh to a machine that is far away: it waits as long as
// that would, and prints the machine's answer.
func farSSH(dir string, args []string) error {
	at := slices.Index(args, "--")
	if at < 1 {
		return fmt.Errorf("no destination in %q", args)
	}
	name := args[at-1]
	n, err := strconv.Atoi(name[len(name)-2:])
	if err != nil {
		return err
	}
	time.Sleep(roundTrips*roundTrip + readFrom + readMore*time.Duration(n%10)/9)
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(os.Stdout, file)
	return err
}

// fleetRatio compares a look at a cluster of many members with the slowest of
// them alone.
func fleetRatio(runs int) error {
	w, err := simulator.New(simulator.Options{Members: farHosts + 1})
	if err != nil {
		return err
	}
	defer w.Close()
	dir, err := os.MkdirTemp("", "pureclean-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, h := range w.Hosts[1:] {
		text, err := json.Marshal(fleet.AnswerOf(devices.Observe(context.Background(), h.System()), fleet.Holder{Held: evidence.No}, "bench"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, h.Name()), text, 0o600); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	settings := config.Default()
	settings.Pools = map[string]config.Pool{w.Pool(): {Array: config.Array{Fingerprint: w.Server.Fingerprint}}}
	far := fleet.New(fleet.Options{Client: []string{self, "-ssh", dir}, Version: "bench", Now: w.Clock.Now})
	look := func(f witness.Fleet) (time.Duration, error) {
		began := time.Now()
		world, err := witness.Ask(context.Background(), witness.Options{
			Config: settings, Records: records.Options{Socket: w.Socket, Now: w.Clock.Now}, Array: pure.Options{Now: w.Clock.Now},
			Host: w.Hosts[0].System(), Now: w.Clock.Now, Fleet: f,
		})
		for _, h := range world.Hosts {
			if h.Trouble != "" && err == nil {
				err = fmt.Errorf("%s: %s", h.Name, h.Trouble)
			}
		}
		return time.Since(began), err
	}
	var alone, all, slowest []run
	for range runs {
		for _, c := range []struct {
			into *[]run
			f    witness.Fleet
		}{{&alone, nil}, {&all, far}} {
			took, err := look(c.f)
			if err != nil {
				return err
			}
			*c.into = append(*c.into, run{wall: took})
		}
		began := time.Now()
		if h := far.Ask(context.Background(), fmt.Sprintf("lxd%02d", 9)); h.Trouble != "" {
			return fmt.Errorf("%s: %s", h.Name, h.Trouble)
		}
		slowest = append(slowest, run{wall: time.Since(began)})
	}
	of := median(slowest, wall) + median(alone, wall)
	fmt.Printf("\n| %d members, %d ms away | wall |\n|---|---|\n", farHosts, roundTrip.Milliseconds())
	fmt.Printf("| a look without them | %.0f ms |\n| the slowest of them | %.0f ms |\n| a look with all of them | %.0f ms |\n",
		milliseconds(median(alone, wall)), milliseconds(median(slowest, wall)), milliseconds(median(all, wall)))
	fmt.Printf("\na look with all of them takes %.2f times as long as with the slowest alone.\n", median(all, wall).Seconds()/of.Seconds())
	return nil
}
