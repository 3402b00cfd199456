package commands

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
)

// nearest is the name that was probably meant: the one that begins with what
// was typed, else the one with the fewest slips. A third of the letters may be
// wrong; beyond that a guess is no help. What urfave/cli suggests is never
// nothing, however far it is.
func nearest(typed string, names []string) (string, bool) {
	best, fewest := "", max(len(typed)/3, 1)+1
	for _, name := range names {
		if len(typed) > 1 && strings.HasPrefix(name, typed) {
			return name, true
		}
		if n := diagnose.Slips(typed, name); n < fewest {
			best, fewest = name, n
		}
	}
	return best, best != ""
}

// habits are what the same is called elsewhere.
var habits = map[string]string{
	"ls": "scan", "list": "scan", "status": "scan", "find": "scan",
	"rm": "fix", "remove": "fix", "delete": "fix", "clean": "fix", "cleanup": "fix", "repair": "fix", "purge": "fix",
	"show": "explain", "info": "explain", "describe": "explain", "why": "explain",
	"recover": "undo", "restore": "undo", "revert": "undo", "rollback": "undo",
	"history": "runs", "log": "runs", "resume": "runs", "destroy": "fix",
}

// unknownCommand says which command was probably meant.
func unknownCommand(name string, parent string, commands []*cli.Command) error {
	names := make([]string, 0, len(commands))
	for _, command := range commands {
		names = append(names, command.Names()...)
	}
	hint := parent + " --help lists the commands"
	meant, ok := habits[name]
	if ok = ok && slices.Contains(names, meant); !ok {
		meant, ok = nearest(name, names)
	}
	if ok {
		hint = fmt.Sprintf("did you mean %q? %s", meant, hint)
	}
	return withHint(usagef("unknown command %q", name), hint)
}

// usageError puts what package flag says into our words. name is the command
// that has the flags, or the group that has the commands.
func usageError(name string, flags []cli.Flag, commands []*cli.Command, err error) error {
	if flag, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return usagef("%s needs a value", dashed(flag))
	}
	if bad := badValue.FindStringSubmatch(err.Error()); bad != nil {
		return badValueError(name, flags, bad[1], bad[2])
	}
	flag, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return &UsageError{err}
	}
	hint := name + " --help lists the flags"
	if len(commands) > 0 {
		hint = name + " --help lists the commands"
	}
	if meant := flagMeant(name, flags, commands, flag); meant != "" {
		hint = meant + " " + hint
	}
	return withHint(usagef("unknown flag %s", dashed(flag)), hint)
}

// badValue is how package flag says that a value can't be read.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-([^:]+):`)

// badValueError says what would be right.
func badValueError(name string, flags []cli.Flag, value, flag string) error {
	err := usagef("%s: %q can't be read", dashed(flag), value)
	switch f := findFlag(flags, flag).(type) {
	case *cli.DurationFlag:
		return withHint(err, "a time span is written as 30s, 5m or 1h")
	case *cli.BoolFlag:
		return withHint(err, dashed(f.Name)+" takes no value; "+name+" --help lists the flags")
	default:
		return err
	}
}

// flagMeant guesses what a flag that does not exist was meant to be: one that
// stands too early, a value ("--json"), or one that is misspelled.
func flagMeant(name string, flags []cli.Flag, commands []*cli.Command, typed string) string {
	for _, command := range commands {
		if findFlag(command.Flags, typed) != nil {
			return fmt.Sprintf("flags go after the command: %s %s %s.", name, command.Name, dashed(typed))
		}
	}
	names := slices.Clone(helpNames)
	for _, flag := range flags {
		if slices.Contains(choicesOf(flag), typed) {
			return fmt.Sprintf("did you mean --%s %s?", flag.Names()[0], typed)
		}
		names = append(names, flag.Names()...)
	}
	if meant, ok := nearest(typed, names); ok && len(meant) > 1 {
		return fmt.Sprintf("did you mean %s?", dashed(meant))
	}
	return ""
}

// dashed is a flag as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
