package commands

import (
	"context"
	"fmt"
	"io"
	"regexp"
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
	o := &demoOptions{common: common{Streams: s, timeout: time.Minute}}
	return &cli.Command{
		Name:  "demo",
		Usage: "try pureclean on an embedded array, LXD and host with every kind of leftover",
		UsageText: "pureclean demo\n" +
			"pureclean demo --shell\n" +
			"pureclean demo --scenario lun-reused\n" +
			"pureclean demo --list\n" +
			"pureclean demo --serve /tmp/world",
		Description: "Nothing is installed and nothing of this machine is read or changed. LXD's own flows run in the\n" +
			"embedded world and fail there as they do in life. In a terminal you are led through it; without one\n" +
			"the story runs by itself. With --shell your own shell opens in such a world, and every command works\n" +
			"there as on a real host; with --serve it is open for any number of terminals.\n\n" +
			exitHelp("0   shown", "8   the world could not be built", "16  usage error", "32  cancelled"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "shell", Usage: "open your shell, $SHELL, in the world", Destination: &o.shell},
			&cli.StringFlag{Name: "serve", Usage: "leave the world open below `DIR` until Ctrl-C, for any number of terminals", Destination: &o.serve, TakesFile: true},
			&cli.StringFlag{Name: "scenario", Usage: "open your shell, or with --serve a world, in which `NAME` happened", Destination: &o.scenario},
			&cli.BoolFlag{Name: "list", Usage: "list the scenarios and their stories", Destination: &o.list},
			o.colorFlag(),
		},
		Action: func(c *cli.Context) error { return o.run(c.Context, c.IsSet("serve")) },
	}
}

// run does what the flags say. A mistake is told before a world is built.
func (o *demoOptions) run(ctx context.Context, serve bool) error {
	switch {
	case o.list:
		return o.printScenarios()
	case o.shell && serve:
		return withHint(usagef("--shell and --serve exclude each other"), "more terminals can enter the world of --shell, too: it says how")
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

// turn prints text, a terminal's height at a time where there is a terminal,
// and reports whether to go on. next is what Enter does after it; empty is the
// end.
func (o *demoOptions) turn(ctx context.Context, text, next string) (bool, error) {
	lines := slices.Collect(strings.Lines(text))
	for len(lines) > 0 {
		n := len(lines)
		if rows := o.height(); rows > 4 && o.InTerminal && o.OutTerminal {
			n = fitting(lines, rows-2, o.width()) // one for the question, one for the answer
		}
		chunk := strings.Join(lines[:n], "")
		lines = lines[n:]
		err := o.print(func(w io.Writer) error {
			_, err := io.WriteString(w, chunk)
			return err
		})
		if err != nil {
			return false, err
		}
		question := next
		if len(lines) > 0 {
			question = fmt.Sprintf("more of it, %s; s: its end", count(len(lines), "line"))
		}
		if question == "" {
			return true, nil
		}
		switch answer := o.goOn(ctx, question); {
		case answer == leave:
			return false, ctx.Err()
		case answer == skip && len(lines) > 0:
			slices.Reverse(lines)
			lines = lines[:fitting(lines, o.height()-2, o.width())]
			slices.Reverse(lines)
		}
	}
	return true, nil
}

// noRoom are what colours or clears a line and takes no room on it.
var noRoom = regexp.MustCompile("\x1b\\[[0-9;]*[mK]")

// rowsOf is how many rows of a terminal a line fills.
func rowsOf(line string, width int) int {
	shown := strings.TrimRight(noRoom.ReplaceAllString(line, ""), "\n")
	n := len([]rune(shown))
	return max(1, (n+width-1)/width)
}

// fitting is how many lines from the beginning fit on so many rows, one at
// least.
func fitting(lines []string, rows, width int) int {
	used := 0
	for i, line := range lines {
		if used += rowsOf(line, width); used > rows && i > 0 {
			return i
		}
	}
	return len(lines)
}

// What a visitor answers; Enter goes on, and is never a no to anything.
const (
	goOn  = ""
	skip  = "s"
	leave = "q"
)

// goOn waits for Enter where somebody is there to press it.
func (o *demoOptions) goOn(ctx context.Context, question string) string {
	if ctx.Err() != nil {
		return leave
	}
	if !o.InTerminal || !o.OutTerminal {
		return goOn
	}
	fmt.Fprintf(o.Err, "Enter: %s (q to leave) ", question)
	line, err := o.answers().next(ctx)
	fmt.Fprintln(o.Err)
	if err != nil {
		return leave
	}
	for _, known := range []string{leave, skip} {
		if strings.HasPrefix(strings.ToLower(line), known) {
			return known
		}
	}
	return goOn
}
