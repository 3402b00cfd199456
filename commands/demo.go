package commands

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

type demoOptions struct {
	common
	serve, scenario string
	shell, list     bool
}

func demoCommand(s Streams) *cli.Command {
	o := &demoOptions{common: common{Streams: s}}
	return &cli.Command{
		Name:  "demo",
		Usage: "try pureclean on an embedded array, LXD and host with every kind of leftover",
		Description: "Nothing is installed and nothing of this machine is read or changed. LXD's own flows run in the\n" +
			"embedded world and fail there as they do in life. In a terminal you are led through it; without one\n" +
			"the story runs by itself. With --shell your own shell opens in such a world, and every command works\n" +
			"there as on a real host; with --serve it is open for any number of terminals.\n\n" +
			"EXAMPLES\n" +
			"   pureclean demo\n" +
			"   pureclean demo --shell\n" +
			"   pureclean demo --scenario lun-reused\n" +
			"   pureclean demo --list\n" +
			"   pureclean demo --serve /tmp/world\n\n" +
			exitHelp("0   shown", "8   the world could not be built", "16  usage error", "32  cancelled"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "shell", Usage: "open your shell, $SHELL, in the world", Destination: &o.shell},
			&cli.StringFlag{Name: "serve", Usage: "leave the world open below `DIR` until Ctrl-C, for any number of terminals", Destination: &o.serve, TakesFile: true},
			&cli.StringFlag{Name: "scenario", Usage: "open your shell, or with --serve a world, in which `NAME` happened", Destination: &o.scenario},
			&cli.BoolFlag{Name: "list", Usage: "list the scenarios and their stories", Destination: &o.list},
			o.colorFlag(),
		},
		Action: func(c *cli.Context) error {
			o.output, o.timeout = string(formatTable), time.Minute
			if err := o.check(); err != nil {
				return err
			}
			return o.run(c.Context, c.IsSet("serve"))
		},
	}
}

// run does what the flags say. A mistake is told before a world is built.
func (o *demoOptions) run(ctx context.Context, serve bool) error {
	switch {
	case o.list:
		return o.printScenarios()
	case o.shell && serve:
		return &HintedError{Err: usagef("--shell and --serve exclude each other"), Hint: "more terminals can enter the world of --shell, too: it says how"}
	}
	dir := ""
	if serve {
		var err error
		if dir, err = o.serveDir(); err != nil {
			return err
		}
	}
	world, err := o.build()
	if err != nil {
		return err
	}
	defer world.Close()
	switch {
	case serve:
		return o.runServe(ctx, world, dir)
	case o.shell || o.scenario != "":
		return o.runShell(ctx, world)
	default:
		return o.runStory(ctx, world)
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
