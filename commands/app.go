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

	"github.com/pureclean/pureclean/words"
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
	s, leave, err := s.enter(ctx, args)
	defer leave()
	app := App(s)
	switch {
	case len(args) > 1 && args[1] == completeCommand:
		if err == nil {
			complete(app, s, args[2:])
		}
		return StatusOK
	case len(args) > 1 && args[1] == onCommand:
		return runOn(ctx, s, args[2:], err)
	case err == nil:
		err = run(ctx, app, s, args)
	}
	return finish(s, args, err)
}

// finish says what went wrong, and returns the exit status.
func finish(s Streams, args []string, err error) int {
	if err == nil {
		return StatusOK
	}
	f := outcome(err)
	width := 0
	if s.ErrTerminal && s.OutTerminal {
		width = s.width()
	}
	f.report(s.Err, wantsJSON(args), width)
	return f.Status
}

// run answers what needs no command, and leaves the rest to urfave/cli.
func run(ctx context.Context, app *cli.App, s Streams, args []string) error {
	args = fromHabit(args)
	t := readTyped(app, args[min(1, len(args)):])
	switch {
	case len(t.given[helpNames[0]]) > 0 && !t.stray:
		return (&common{Streams: s}).text(func(out *page) { helpView{out, app, t}.print() })
	case len(args) < 2:
		return (&common{Streams: s}).text(welcome)
	}
	line, err := t.inOrder(app, args[0])
	if err != nil {
		command := t.path[len(t.path)-1] // the one that has the flags
		return command.OnUsageError(cli.NewContext(app, nil, &cli.Context{Context: ctx}), err, true)
	}
	return app.RunContext(ctx, line)
}

// fromHabit turns what people type at other programs into what it is here.
func fromHabit(args []string) []string {
	switch {
	case len(args) == 2 && slices.Contains([]string{"--version", "-version", "-V"}, args[1]):
		return []string{args[0], "version"}
	case len(args) > 1 && args[1] == "help":
		return append(append([]string{args[0]}, args[2:]...), "--help")
	default:
		return args
	}
}

// wantsJSON looks for -o json by hand: the error to be printed may be that
// the flags can't be parsed.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if arg == "--"+jsonHabit {
			return true
		}
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

// App is the command line: its commands and their flags.
func App(s Streams) *cli.App {
	app := &cli.App{
		Name:  "pureclean",
		Usage: "find what LXD left behind on a Pure Storage FlashArray, and say why it is safe to remove",
		Description: "It asks the array, LXD and the hosts, and explains every leftover. Only fix, undo, eradicate and\n" +
			"runs --resume change anything.",
		Commands: slices.Concat(
			grouped("LOOK: changes nothing", scanCommand(s), explainCommand(s), verifyCommand(s), devicesCommand(s), doctorCommand(s)),
			grouped("REPAIR: asks first", fixCommand(s)),
			grouped("TAKE BACK, OR NOT ANY MORE", runsCommand(s), undoCommand(s), eradicateCommand(s)),
			grouped("MONITOR", checkCommand(s)),
			grouped("TRY AND SET UP", demoCommand(s), configCommand(s), completionCommand(s), versionCommand(s)),
		),
		Writer:                    s.Out,
		ErrWriter:                 s.Err,
		Reader:                    s.In,
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

// grouped are commands of which people think when they want the same.
func grouped(want string, commands ...*cli.Command) []*cli.Command {
	for _, command := range commands {
		command.Category = want
	}
	return commands
}

// tame makes every command report usage errors with one status, and refuse
// stray arguments, which urfave/cli ignores together with all flags after
// them, and values that can't be meant.
func tame(app *cli.App) {
	app.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usageError(app.Name, nil, app.Commands, err) }
	app.Action = group(app.Name, app.Commands)
	var each func(parent string, commands []*cli.Command)
	each = func(parent string, commands []*cli.Command) {
		for _, command := range commands {
			name := parent + " " + command.Name
			command.HideHelpCommand = true
			own := command.OnUsageError
			command.OnUsageError = func(c *cli.Context, err error, isSub bool) error {
				err = usageError(name, command.Flags, command.Subcommands, err)
				if own != nil {
					err = own(c, err, isSub)
				}
				return err
			}
			if len(command.Subcommands) > 0 {
				command.Action = group(name, command.Subcommands)
				each(name, command.Subcommands)
				continue
			}
			action := command.Action
			command.Action = func(c *cli.Context) error {
				if stray := c.Args().First(); c.NArg() > 0 {
					return command.OnUsageError(c, withHint(fmt.Errorf("unexpected argument %q", stray),
						name+" takes flags only; see "+name+" --help"), true)
				}
				if err := wrongValue(c, command.Flags); err != nil {
					return command.OnUsageError(c, err, true)
				}
				return action(c)
			}
		}
	}
	each(app.Name, app.Commands)
}

// group is reached when none of the commands of a group was named.
func group(name string, commands []*cli.Command) cli.ActionFunc {
	return func(c *cli.Context) error {
		if word := c.Args().First(); c.NArg() > 0 {
			return unknownCommand(word, name, commands)
		}
		names := words.Of(commands, func(command *cli.Command) string { return command.Name })
		return withHint(usagef("%s needs one of %s", name, either(names)), "see "+name+" --help")
	}
}
