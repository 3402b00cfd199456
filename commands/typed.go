package commands

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// typed is a command line, or what there is of it, as the tables of commands
// and flags understand it. Reading it runs nothing.
type typed struct {
	// path are the commands, the outermost first; flags are the last one's
	// and next the commands that can follow it.
	path  []*cli.Command
	flags []cli.Flag
	next  []*cli.Command
	// given are the values of the flags that were given, by the flag's first
	// name.
	given map[string][]string
	// flag is the one whose value is expected next, or nil.
	flag cli.Flag
	// stray is set after "--" and after a word that is neither a command nor
	// a flag: nothing sensible can follow.
	stray bool
}

// helpNames ask for help wherever a flag can stand.
var helpNames = []string{"help", "h"}

// readTyped reads words, the program's name not among them.
func readTyped(app *cli.App, words []string) typed {
	t := typed{next: app.Commands, flags: app.Flags, given: map[string][]string{}}
	for _, word := range words {
		t.read(word)
	}
	return t
}

func (t *typed) read(word string) {
	switch {
	case t.flag != nil:
		t.give(t.flag, word)
		t.flag = nil
	case t.stray:
	case word == "--":
		t.stray = true
	case len(word) > 1 && word[0] == '-':
		name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		flag := findFlag(t.flags, name)
		switch {
		case slices.Contains(helpNames, name):
			t.given[helpNames[0]] = []string{""}
		case flag == nil:
		case joined || !takesValue(flag):
			t.give(flag, value)
		default:
			t.flag = flag
		}
	default:
		i := slices.IndexFunc(t.next, func(c *cli.Command) bool { return c.HasName(word) })
		if i < 0 {
			t.stray = true
			return
		}
		command := t.next[i]
		t.path, t.flags, t.next = append(t.path, command), command.Flags, command.Subcommands
	}
}

func (t *typed) give(flag cli.Flag, value string) {
	name := flag.Names()[0]
	t.given[name] = append(t.given[name], value)
}

// name is the commands' names: "config show".
func (t *typed) name() string {
	names := make([]string, 0, len(t.path))
	for _, command := range t.path {
		names = append(names, command.Name)
	}
	return strings.Join(names, " ")
}

func findFlag(flags []cli.Flag, name string) cli.Flag {
	for _, flag := range flags {
		if slices.Contains(flag.Names(), name) {
			return flag
		}
	}
	return nil
}

func takesValue(flag cli.Flag) bool {
	f, ok := flag.(cli.DocGenerationFlag)
	return ok && f.TakesValue()
}

// usageOf is what the table says of a flag: the word for its value, empty for
// a switch, and its sentence.
func usageOf(flag cli.Flag) (value, usage string) {
	f, ok := flag.(cli.DocGenerationFlag)
	if !ok {
		return "", ""
	}
	usage = f.GetUsage()
	if before, after, found := strings.Cut(usage, "`"); found {
		word, rest, _ := strings.Cut(after, "`")
		return word, before + word + rest
	}
	if f.TakesValue() {
		value = "VALUE"
	}
	return value, usage
}
