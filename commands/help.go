package commands

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
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
	name, usage, description := v.app.Name, v.app.Usage, v.app.Description
	title := name
	if n := len(v.typed.path); n > 0 {
		command := v.typed.path[n-1]
		name, usage, description = v.app.Name+" "+v.typed.name(), command.Usage, command.Description
		title = strings.TrimSpace(name + " " + command.ArgsUsage)
	}
	v.wrapped(title+": "+usage, plain)
	parts := sections(description)
	v.section("", parts[""])
	v.section("EXAMPLES", parts["EXAMPLES"])
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
	v.section("EXIT STATUS", parts["EXIT STATUS"])
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

var heading = regexp.MustCompile(`^[A-Z][A-Z ]+$`)

// sections cuts a description at its headings.
func sections(description string) map[string][]string {
	parts, at := map[string][]string{}, ""
	for line := range strings.SplitSeq(description, "\n") {
		if heading.MatchString(line) {
			at = line
			continue
		}
		parts[at] = append(parts[at], line)
	}
	return parts
}

// section prints a part of the description. Lines that are indented stand for
// themselves: commands to copy, and statuses; what is not is prose.
func (v helpView) section(title string, lines []string) {
	var prose []string
	flush := func() {
		v.hung("   ", "   ", strings.Join(prose, " "), plain)
		prose = nil
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return
	}
	v.line("")
	if title != "" {
		v.line(title)
	}
	for _, line := range lines {
		switch status := exitLine.FindStringSubmatch(line); {
		case line == "":
			flush()
			v.line("")
		case status != nil:
			flush()
			v.entry(status[1], status[2], 7)
		case strings.HasPrefix(line, " "):
			flush()
			v.line(line)
		default:
			prose = append(prose, line)
		}
	}
	flush()
}

// exitLine is a status and what it means.
var exitLine = regexp.MustCompile(`^   (\d+) +(.*)$`)

func (v helpView) flag(flag cli.Flag) {
	names := slices.Clone(flag.Names())
	// Short ones first, as everybody is used to.
	slices.SortStableFunc(names, func(a, b string) int { return min(len(a), 2) - min(len(b), 2) })
	for i := range names {
		names[i] = dashed(names[i])
	}
	value, usage := usageOf(flag)
	left := strings.TrimSpace(strings.Join(names, ", ") + " " + value)
	if f, ok := flag.(cli.DocGenerationFlag); ok && f.TakesValue() && f.GetValue() != "" {
		usage += fmt.Sprintf(" (default: %s)", span(f.GetValue()))
	}
	v.entry(left, usage, flagColumn)
}

// entry prints one line of a list with two columns. Where the right one would
// be too narrow, or the left one is too wide, it goes below.
func (l *page) entry(left, right string, column int) {
	indent := column
	if l.width-column < 30 {
		indent = 8
	}
	rest := strings.Repeat(" ", indent)
	first := rest
	if len(left)+5 <= indent && right != "" {
		first = fmt.Sprintf("   %-*s", indent-3, left)
	} else {
		l.line("   " + left)
	}
	l.hung(first, rest, right, plain)
}
