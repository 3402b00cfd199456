package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/sightings"
	"github.com/pureclean/pureclean/simulator"
)

type demoOptions struct {
	common
	serve string
}

func demoCommand(s Streams) *cli.Command {
	o := &demoOptions{common: common{Streams: s}}
	return &cli.Command{
		Name:  "demo",
		Usage: "try pureclean on an embedded array, LXD and host with every kind of leftover",
		Description: "Nothing is installed and nothing of this machine is read or changed. LXD's own flows run in the\n" +
			"embedded world and fail there as they do in life. In a terminal you repair by hand; without one the\n" +
			"story runs through.\n\n" +
			"EXAMPLES\n" +
			"   pureclean demo\n" +
			"   pureclean demo --serve /tmp/world    then look at it from another terminal\n\n" +
			exitHelp("0   shown", "8   the world could not be built", "16  usage error", "32  cancelled"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "serve", Usage: "leave the world running below `DIR` until Ctrl-C", Destination: &o.serve, TakesFile: true},
			o.colorFlag(),
		},
		Action: func(c *cli.Context) error {
			o.output, o.timeout = string(formatTable), time.Minute
			if err := o.check(); err != nil {
				return err
			}
			var dir string
			if c.IsSet("serve") {
				// A mistake is told before the world is built.
				var err error
				if dir, err = o.serveDir(); err != nil {
					return err
				}
			}
			world, err := simulator.Demo()
			if err != nil {
				return fmt.Errorf("the demo's world: %w", err)
			}
			defer world.Close()
			if c.IsSet("serve") {
				return o.runServe(c.Context, world, dir)
			}
			return o.runStory(c.Context, world)
		},
	}
}

// page prints text, a terminal's height at a time where there is a terminal,
// and reports whether to go on.
func (o *demoOptions) page(ctx context.Context, reader *bufio.Reader, text string, follows bool) (bool, error) {
	lines := slices.Collect(strings.Lines(text))
	height := len(lines)
	if rows := o.height(); rows > 4 && o.InTerminal && o.OutTerminal {
		height = rows - 2 // one for the question, one for the answer
	}
	for len(lines) > 0 {
		n := min(height, len(lines))
		chunk := strings.Join(lines[:n], "")
		lines = lines[n:]
		err := o.print(func(w io.Writer) error {
			_, err := io.WriteString(w, chunk)
			return err
		})
		if err != nil {
			return false, err
		}
		if (len(lines) > 0 || follows) && !o.goOn(ctx, reader) {
			return false, ctx.Err()
		}
	}
	return true, nil
}

// goOn waits for Enter where somebody is there to press it.
func (o *demoOptions) goOn(ctx context.Context, reader *bufio.Reader) bool {
	if ctx.Err() != nil {
		return false
	}
	if !o.InTerminal || !o.OutTerminal {
		return true
	}
	fmt.Fprint(o.Err, "Enter for the next screen, q to leave: ")
	answer := make(chan string, 1)
	go func() {
		line, err := reader.ReadString('\n')
		if err != nil {
			line = "q"
		}
		answer <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answer:
		fmt.Fprintln(o.Err)
		return !strings.HasPrefix(strings.ToLower(line), "q")
	case <-ctx.Done():
		fmt.Fprintln(o.Err)
		return false
	}
}

// serveDir makes the directory that --serve names.
func (o *demoOptions) serveDir() (string, error) {
	dir, err := filepath.Abs(o.serve)
	if err != nil || o.serve == "" {
		return "", usagef("--serve needs a directory")
	}
	if len(socketIn(dir)) > maxSocketPath {
		return "", usagef("--serve %s: the path is too long for a unix socket; take one of at most %d characters", dir, maxSocketPath-len(socketIn("")))
	}
	if err := emptyDir(dir); err != nil {
		return "", &UsageError{err}
	}
	return dir, nil
}

func socketIn(dir string) string { return dir + "/unix.socket" }

// runServe leaves the world running, with a tree of its host, and prints the
// commands with which the ordinary program looks at it.
func (o *demoOptions) runServe(ctx context.Context, world *simulator.World, dir string) error {
	socket := socketIn(dir)
	api, err := world.LXD.Serve(socket)
	if err != nil {
		return fmt.Errorf("--serve %s: %w", dir, err)
	}
	defer func() { _ = api.Close() }()
	tree := filepath.Join(dir, "host")
	if err := world.Hosts[0].WriteTo(tree); err != nil {
		return fmt.Errorf("--serve %s: the host's tree: %w", dir, err)
	}
	file := filepath.Join(dir, "pureclean.yaml")
	state := filepath.Join(dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		return fmt.Errorf("--serve %s: %w", dir, err)
	}
	if err := sightings.Save(state, world.Seen); err != nil {
		return fmt.Errorf("--serve %s: what was seen earlier: %w", dir, err)
	}
	if err := os.WriteFile(file, demoConfigFile(world, state), 0o600); err != nil {
		return fmt.Errorf("--serve %s: %w", dir, err)
	}
	err = o.print(func(w io.Writer) error {
		flags := fmt.Sprintf("--config %s --sysroot %s", quoteShell(file), quoteShell(tree))
		_, err := fmt.Fprintf(w, `A world is running until Ctrl-C.

  array  %s
  LXD    %s
  host   %s

Look at it from another terminal:

  export LXD_SOCKET=%s
  pureclean scan %s
  pureclean explain %s --object NAME
  pureclean devices --sysroot %s

The host's tree is a recording, so nothing that a host could use is called safe.
`, world.Server.URL, socket, tree, quoteShell(socket), flags, flags, quoteShell(tree))
		return err
	})
	if err != nil {
		return err
	}
	// The world grows older with us, so that ages move as on a real array.
	world.RunClock(ctx)
	return nil
}

// maxSocketPath is what fits into a unix socket's address on Linux.
const maxSocketPath = 107

// emptyDir makes dir, and refuses one that holds something: a demo must not
// write among somebody's files.
func emptyDir(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return os.MkdirAll(dir, 0o700)
	case err != nil:
		return fmt.Errorf("--serve: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("--serve %s: the directory is not empty", dir)
	default:
		return nil
	}
}

func demoConfigFile(world *simulator.World, state string) []byte {
	var b strings.Builder
	// What a run remembers of this world is no business of this machine's.
	fmt.Fprintf(&b, "state_dir: %q\n", state)
	b.WriteString("# The demo's array has a certificate of its own making.\npools:\n")
	for _, pool := range demoPools() {
		fmt.Fprintf(&b, "  %s: {array: {fingerprint: %q}}\n", pool, world.Server.Fingerprint)
	}
	return []byte(b.String())
}
