// Package commands is the command line: flags, one call, rendering. What is
// true is decided in package diagnose; no rule lives here.
package commands

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Version is set by the linker from the git tag.
var Version = ""

// version is the linker's, else what Go recorded when it built the program.
func version() string {
	if Version != "" {
		return Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "development"
}

// Main runs the command line args and returns the exit status.
func Main(ctx context.Context, args []string, s Streams) int {
	if completesAfterDashes(args) {
		return StatusOK
	}
	err := newApp(s).RunContext(ctx, args)
	if err == nil {
		return StatusOK
	}
	f := outcome(err)
	f.report(s.Err, wantsJSON(args))
	return f.Status
}

// completesAfterDashes: after "--", urfave/cli turns completion off and would
// run the command that is only being typed.
func completesAfterDashes(args []string) bool {
	n := len(args)
	return n > 1 && args[n-1] == "--generate-bash-completion" && slices.Contains(args, "--")
}

// wantsJSON looks for -o json by hand: the error to be printed may be that
// the flags can't be parsed.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || !slices.Contains(outputNames, name) {
			continue
		}
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if value == string(formatJSON) {
			return true
		}
	}
	return false
}

func newApp(s Streams) *cli.App {
	app := &cli.App{
		Name:  "pureclean",
		Usage: "find what LXD left behind on a Pure Storage FlashArray, and say why it is safe to remove",
		Description: "LXD's Pure driver can leave volumes, connections and devices behind that no LXD record\n" +
			"knows. pureclean asks the array, LXD and this host, finds every such leftover, explains it, and\n" +
			"removes it in the only safe order. Only fix, undo, eradicate and runs --resume change anything.",
		Commands: []*cli.Command{
			scanCommand(s),
			explainCommand(s),
			fixCommand(s),
			verifyCommand(s),
			undoCommand(s),
			eradicateCommand(s),
			runsCommand(s),
			checkCommand(s),
			devicesCommand(s),
			demoCommand(s),
			versionCommand(s),
		},
		Writer:                    s.Out,
		ErrWriter:                 s.Err,
		Reader:                    s.In,
		EnableBashCompletion:      true,
		HideHelpCommand:           true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		// Main maps errors to statuses; urfave/cli would exit by itself, and
		// silently for the error of a child process.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	tame(app)
	return app
}

// tame makes every command report usage errors with one status, and refuse
// stray arguments, which urfave/cli ignores together with all flags after
// them.
func tame(app *cli.App) {
	onUsageError := func(_ *cli.Context, err error, _ bool) error { return &UsageError{err} }
	app.OnUsageError = onUsageError
	app.Action = func(c *cli.Context) error {
		if name := c.Args().First(); name != "" {
			return &HintedError{
				Err:  usagef("unknown command %q", name),
				Hint: nearest(name, app.Commands) + "pureclean --help lists the commands",
			}
		}
		return cli.ShowAppHelp(c)
	}
	for _, command := range app.Commands {
		if command.OnUsageError == nil {
			command.OnUsageError = onUsageError
		}
		action := command.Action
		command.Action = func(c *cli.Context) error {
			if stray := c.Args().First(); c.NArg() > 0 {
				return command.OnUsageError(c, &HintedError{
					Err:  fmt.Errorf("unexpected argument %q", stray),
					Hint: fmt.Sprintf("pureclean takes flags only; see pureclean %s --help", c.Command.Name),
				}, true)
			}
			return action(c)
		}
	}
}

func nearest(name string, commands []*cli.Command) string {
	for _, command := range commands {
		if strings.HasPrefix(command.Name, name) || (len(name) > 2 && strings.HasPrefix(name, command.Name[:2])) {
			return fmt.Sprintf("did you mean %q? ", command.Name)
		}
	}
	return ""
}
