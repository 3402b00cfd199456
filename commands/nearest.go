package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// nearest is the name that was probably meant: the one that begins with what
// was typed, else the one with the fewest slips. A third of the letters may be
// wrong; beyond that a guess is no help.
func nearest(typed string, names []string) (string, bool) {
	best, fewest := "", max(len(typed)/3, 1)+1
	for _, name := range names {
		if len(typed) > 1 && strings.HasPrefix(name, typed) {
			return name, true
		}
		if n := slips(typed, name); n < fewest {
			best, fewest = name, n
		}
	}
	return best, best != ""
}

// slips counts letters that are wrong, missing or too many, and neighbours
// that changed places, between two words.
func slips(a, b string) int {
	// before and now are rows of the table of all beginnings of a and b;
	// older is the one before, for neighbours that changed places.
	before, now := make([]int, len(b)+1), make([]int, len(b)+1)
	older := make([]int, len(b)+1)
	for j := range before {
		before[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			now[j] = min(before[j]+1, now[j-1]+1, before[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], older[j-2]+1)
			}
		}
		older, before, now = before, now, older
	}
	return before[len(b)]
}

// unknownCommand says which command was probably meant.
func unknownCommand(name string, parent string, commands []*cli.Command) error {
	names := make([]string, 0, len(commands))
	for _, command := range commands {
		names = append(names, command.Names()...)
	}
	hint := parent + " --help lists the commands"
	if meant, ok := nearest(name, names); ok {
		hint = fmt.Sprintf("did you mean %q? %s", meant, hint)
	}
	return &HintedError{Err: usagef("unknown command %q", name), Hint: hint}
}

// usageError puts what package flag says into our words. name is the command
// that has the flags, or the group that has the commands.
func usageError(name string, flags []cli.Flag, commands []*cli.Command, err error) error {
	if flag, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return usagef("%s needs a value", dashed(flag))
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
	return &HintedError{Err: usagef("unknown flag %s", dashed(flag)), Hint: hint}
}

// flagMeant guesses what a flag that does not exist was meant to be: one that
// stands too early, a value ("--json"), or one that is misspelled.
func flagMeant(name string, flags []cli.Flag, commands []*cli.Command, typed string) string {
	for _, command := range commands {
		if findFlag(command.Flags, typed) != nil {
			return fmt.Sprintf("flags stand after the command: %s %s %s.", name, command.Name, dashed(typed))
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
