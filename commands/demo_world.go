package commands

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pureclean/pureclean/sightings"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/visit"
	"github.com/pureclean/pureclean/words"
)

// scenarioAge is how long ago a scenario happened when somebody comes to see
// it: what is younger than a day is not judged in a batch.
const scenarioAge = 48 * time.Hour

// build builds the world that the flags name.
func (o *demoOptions) build() (*simulator.World, error) {
	if o.scenario == "" {
		world, err := simulator.Demo()
		if err != nil {
			return nil, fmt.Errorf("the demo's world: %w", err)
		}
		if o.shell || o.serve != "" {
			// While a path is down nobody knows what is behind it, and every
			// repair would end with that.
			portalsUp(world)
		}
		return world, nil
	}
	scenario, ok := simulator.Find(o.scenario)
	if !ok {
		return nil, withHint(usagef("there is no scenario %q", o.scenario), "pureclean demo --list lists them")
	}
	return scenario.Past(time.Now(), scenarioAge)
}

// printScenarios prints the scenarios and their stories.
func (o *demoOptions) printScenarios() error {
	return o.text(func(out *page) {
		out.line("pureclean demo --scenario NAME opens a shell in a world where this happened:")
		for _, s := range simulator.Scenarios() {
			out.line("")
			out.line(s.Name)
			out.hung("    ", "    ", cmp.Or(s.Story, "Everyday life."), plain)
			if len(s.Codes) > 0 {
				out.hung("    ", "    ", "to find: "+strings.Join(s.Codes, ", "), plain)
			}
		}
	})
}

// serveDir makes the directory that --serve names, and refuses one that holds
// something: a demo must not write among somebody's files.
func (o *demoOptions) serveDir() (string, error) {
	dir, err := filepath.Abs(o.serve)
	if err != nil {
		return "", &UsageError{err}
	}
	if socketRoom(dir) < 0 {
		return "", usagef("--serve %s: the path is too long for a unix socket; take one of at most %d characters", dir, len(dir)+socketRoom(dir))
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(dir, 0o700)
	}
	switch {
	case err != nil:
		return "", usagef("--serve: %w", err)
	case len(entries) > 0:
		return "", usagef("--serve %s: the directory is not empty", dir)
	}
	return dir, nil
}

// shellDir makes a directory for a world that ends with its shell.
func shellDir() (string, error) {
	dir, err := os.MkdirTemp("", "pureclean-demo")
	if err == nil && socketRoom(dir) < 0 {
		_ = os.Remove(dir)
		dir, err = os.MkdirTemp("/tmp", "pureclean-demo")
	}
	if err != nil {
		return "", fmt.Errorf("the world's directory: %w", err)
	}
	return dir, nil
}

// maxSocketPath is what fits into a unix socket's address on Linux.
const maxSocketPath = 107

// socketRoom is how many more characters a world's directory might have.
func socketRoom(dir string) int { return maxSocketPath - len(visit.Socket(dir)) }

// opened is a world that other processes can enter.
type opened struct {
	guide visit.Guide
	close func()
}

// openWorld opens a world below dir, and writes there what leads shells into it.
func openWorld(world *simulator.World, dir string, pace int) (opened, error) {
	fail := func(err error) (opened, error) { return opened{}, fmt.Errorf("opening a world in %s: %w", dir, err) }
	settings := demoSettings(world)
	settings.StateDir = filepath.Join(dir, "state")
	var told bytes.Buffer
	if err := gob.NewEncoder(&told).Encode(settings); err != nil {
		return fail(err)
	}
	for _, h := range world.Hosts {
		if err := os.MkdirAll(filepath.Join(settings.StateDir, h.Name()), 0o700); err != nil {
			return fail(err)
		}
	}
	if err := sightings.Save(filepath.Join(settings.StateDir, world.Hosts[0].Name()), world.Seen); err != nil {
		return fail(err)
	}
	program, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	socket := filepath.Join(dir, "unix.socket")
	guide := visit.Guide{Dir: dir, LXDSocket: socket, Program: program, Name: "pureclean", OnMember: onCommand, Completion: "completion"}
	if err := guide.Write(); err != nil {
		return fail(err)
	}
	api, err := world.LXD.Serve(socket)
	if err != nil {
		return fail(err)
	}
	server, err := visit.Serve(world, visit.Socket(dir), visit.Facts{LXDSocket: socket, Pace: pace, Settings: told.Bytes()})
	if err != nil {
		_ = api.Close()
		return fail(err)
	}
	return opened{guide, func() {
		_ = server.Close()
		_ = api.Close()
	}}, nil
}

// demoPace is how much faster a wait passes in a world that people visit:
// slow enough to be seen, and to press Ctrl-C.
const demoPace = 10

// happened says in a few lines what somebody will find.
func (o *demoOptions) happened(out *page, world *simulator.World) {
	told := "For six days instances were made, moved and deleted, while devices came late, the array failed over, LXD was killed at work and administrators helped by hand."
	if o.scenario != "" {
		told = strings.Join(world.Story(), " ")
	}
	out.hung("  ", "  ", told, plain)
}

// runServe leaves the world open until Ctrl-C.
func (o *demoOptions) runServe(ctx context.Context, world *simulator.World, dir string) error {
	w, err := openWorld(world, dir, demoPace)
	if err != nil {
		return err
	}
	defer w.close()
	err = o.text(func(out *page) {
		out.line("A demo world is open until Ctrl-C. What happened in it:")
		o.happened(out, world)
		out.line(`
In any other terminal of yours:

  . ` + quoteShell(w.guide.EnvFile()) + `

Every pureclean command there works on this world and on nothing else. Begin with:

  pureclean scan`)
	})
	if err != nil {
		return err
	}
	// The world grows older with us, so that ages move as on a real array.
	world.RunClock(ctx)
	return nil
}

// runShell opens the operator's own shell in the world.
func (o *demoOptions) runShell(ctx context.Context, world *simulator.World) error {
	// A terminal that is closed ends the shell, and we still tidy up.
	ctx, deaf := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer deaf()
	dir, err := shellDir()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := openWorld(world, dir, demoPace)
	if err != nil {
		return err
	}
	defer w.close()
	err = o.text(func(out *page) {
		out.wrapped("Demo world: the array fa-sim, one LXD and its "+machines(world)+", all simulated.", out.bold)
		out.line("")
		out.wrapped("In this shell pureclean works on them, on nothing real, and needs neither root nor sudo. The tools of this machine (multipath, lsblk, dmsetup) still show this machine, so run no by-hand commands here.", plain)
		out.line("\nWhat happened here:")
		o.happened(out, world)
		out.line(`
More terminals:  . ` + quoteShell(w.guide.EnvFile()) + `
Leave:           exit

Begin with:      ` + out.bold("pureclean scan"))
	})
	if err != nil {
		return err
	}
	aging, stop := context.WithCancel(ctx)
	defer stop()
	go world.RunClock(aging)
	if err := w.guide.Shell(ctx, cmp.Or(o.Getenv("SHELL"), "/bin/sh"), o.In, o.Out, o.Err); err != nil {
		return err
	}
	return o.text(func(out *page) {
		out.line("You have left the demo world; it is gone. On an LXD host: sudo pureclean scan")
	})
}

func machines(world *simulator.World) string {
	names := words.Of(world.Hosts, (*host.Host).Name)
	if len(names) == 1 {
		return "machine " + names[0]
	}
	return "machines " + strings.Join(names, ", ")
}
