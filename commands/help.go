package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// welcome is what "pureclean" alone says: what it is, and what to type next.
func welcome(out *page) {
	out.wrapped("pureclean finds what LXD left behind on a Pure Storage FlashArray, and proves what may be removed.", plain)
	out.line("")
	for _, try := range [][2]string{
		{"pureclean demo", "try it on an embedded array, LXD and host"},
		{"sudo pureclean scan", "look at this LXD host; changes nothing"},
		{"pureclean --help", "all commands"},
	} {
		out.entry(try[0], try[1], 24)
	}
}

// helpView is the help of the program or of one command, as wide as the
// terminal. urfave/cli's own never breaks a line.
type helpView struct {
	*page
	app   *cli.App
	typed typed
}

// The columns at which the right side of a list begins.
const (
	commandColumn = 15
	flagColumn    = 27
)

func (v helpView) print() {
	name, command := v.app.Name, &cli.Command{Usage: v.app.Usage, Description: v.app.Description}
	if n := len(v.typed.path); n > 0 {
		name, command = v.app.Name+" "+v.typed.name(), v.typed.path[n-1]
	}
	v.wrapped(strings.TrimSpace(name+" "+command.ArgsUsage)+": "+command.Usage, plain)
	prose, _, _ := strings.Cut(command.Description, exitTitle)
	for paragraph := range strings.SplitSeq(strings.TrimSpace(prose), "\n\n") {
		if paragraph != "" {
			v.line("")
		}
		v.hung("   ", "   ", paragraph, plain)
	}
	if command.UsageText != "" {
		v.line("\nEXAMPLES\n   " + strings.ReplaceAll(command.UsageText, "\n", "\n   "))
	}
	if len(v.typed.next) > 0 {
		title := ""
		for i, command := range v.typed.next {
			if i == 0 || command.Category != title {
				title = command.Category
				v.line("")
				v.line(cmp.Or(title, "COMMANDS"))
			}
			v.entry(command.Name, brief(command.Usage, v.width-commandColumn), commandColumn)
		}
		v.line("")
		v.wrapped(name+" COMMAND --help says how a command is used.", plain)
	}
	if len(v.typed.flags) > 0 {
		v.line("")
		v.line("OPTIONS")
		for _, flag := range v.typed.flags {
			v.flag(flag)
		}
	}
	for i, status := range ExitStatuses(command) {
		if i == 0 {
			v.line("\n" + strings.TrimSpace(exitTitle))
		}
		v.entry(strconv.Itoa(status.Status), status.Meaning, 7)
	}
}

// brief is the beginning of a sentence, if all of it does not fit: the list of
// commands is to fit on a screen.
func brief(usage string, width int) string {
	for _, end := range []string{"; ", ": ", ", "} {
		if len(usage) > width {
			usage, _, _ = strings.Cut(usage, end)
		}
	}
	return usage
}

func (v helpView) flag(flag cli.Flag) {
	names := slices.Clone(flag.Names())
	// Short ones first, as everybody is used to.
	slices.SortStableFunc(names, func(a, b string) int { return min(len(a), 2) - min(len(b), 2) })
	for i := range names {
		names[i] = dashed(names[i])
	}
	value, usage := usageOf(flag)
	left := strings.TrimSpace(strings.Join(names, ", ") + " " + value)
	if f, ok := flag.(cli.DocGenerationFlag); ok && f.TakesValue() {
		// What stands for the value, if it has a name: no limit is "all", and not 0.
		if text := strings.Trim(f.GetDefaultText(), `"`); text != "" {
			usage += fmt.Sprintf(" (default: %s)", span(text))
		}
	}
	v.entry(left, usage, flagColumn)
}

// entry prints one line of a list with two columns. Where the right one would
// be too narrow, or the left one is too wide, it goes below.
func (p *page) entry(left, right string, column int) {
	indent := column
	if p.width-column < 30 {
		indent = 8
	}
	rest := strings.Repeat(" ", indent)
	first := rest
	if len(left)+5 <= indent && right != "" {
		first = fmt.Sprintf("   %-*s", indent-3, left)
	} else {
		p.line("   " + left)
	}
	p.hung(first, rest, right, plain)
}

// ExitStatus is one status that a command ends with, and what it means then.
type ExitStatus struct {
	Status  int
	Meaning string
}

// ExitStatuses are those that the command's help lists.
func ExitStatuses(c *cli.Command) []ExitStatus {
	var all []ExitStatus
	_, text, _ := strings.Cut(c.Description, exitTitle)
	for line := range strings.Lines(text) {
		number, meaning, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(number); err == nil {
			all = append(all, ExitStatus{n, strings.TrimSpace(meaning)})
		}
	}
	return all
}
