package commands

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// welcome is what "pureclean" alone says: what it is, and what to type next.
func welcome(w io.Writer, width int) error {
	out := &lineWriter{w: w}
	out.wrapped("pureclean finds what LXD left behind on a Pure Storage FlashArray, and proves what may be removed.", width, plain)
	out.line("")
	for _, try := range [][2]string{
		{"pureclean demo", "try it on an embedded array, LXD and host"},
		{"sudo pureclean scan", "look at this LXD host; changes nothing"},
		{"pureclean --help", "all commands"},
	} {
		entry(out, try[0], try[1], 24, width)
	}
	return out.err
}

// helpView is the help of the program or of one command, as wide as the
// terminal. urfave/cli's own never breaks a line.
type helpView struct {
	app   *cli.App
	typed typed
	width int
}

// The columns at which the right side of a list begins.
const (
	commandColumn = 15
	flagColumn    = 27
)

func (v helpView) print(w io.Writer) error {
	out := &lineWriter{w: w}
	name, usage, description := v.app.Name, v.app.Usage, v.app.Description
	title := name
	if n := len(v.typed.path); n > 0 {
		command := v.typed.path[n-1]
		name, usage, description = v.app.Name+" "+v.typed.name(), command.Usage, command.Description
		title = strings.TrimSpace(name + " " + command.ArgsUsage)
	}
	out.wrapped(title+": "+usage, v.width, plain)
	parts := sections(description)
	v.section(out, "", parts[""])
	v.section(out, "EXAMPLES", parts["EXAMPLES"])
	if len(v.typed.next) > 0 {
		title := ""
		for i, command := range v.typed.next {
			if i == 0 || command.Category != title {
				title = command.Category
				out.line("")
				out.line(cmp.Or(title, "COMMANDS"))
			}
			entry(out, command.Name, brief(command.Usage, v.width-commandColumn), commandColumn, v.width)
		}
		out.line("")
		out.wrapped(name+" COMMAND --help says how a command is used.", v.width, plain)
	}
	if len(v.typed.flags) > 0 {
		out.line("")
		out.line("OPTIONS")
		for _, flag := range v.typed.flags {
			v.flag(out, flag)
		}
	}
	v.section(out, "EXIT STATUS", parts["EXIT STATUS"])
	return out.err
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
func (v helpView) section(out *lineWriter, title string, lines []string) {
	var prose []string
	flush := func() {
		out.hung("   ", "   ", strings.Join(prose, " "), v.width, plain)
		prose = nil
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return
	}
	out.line("")
	if title != "" {
		out.line(title)
	}
	for _, line := range lines {
		switch status := exitLine.FindStringSubmatch(line); {
		case line == "":
			flush()
			out.line("")
		case status != nil:
			flush()
			entry(out, status[1], status[2], 7, v.width)
		case strings.HasPrefix(line, " "):
			flush()
			out.line(line)
		default:
			prose = append(prose, line)
		}
	}
	flush()
}

// exitLine is a status and what it means.
var exitLine = regexp.MustCompile(`^   (\d+) +(.*)$`)

func (v helpView) flag(out *lineWriter, flag cli.Flag) {
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
	entry(out, left, usage, flagColumn, v.width)
}

// entry prints one line of a list with two columns. Where the right one would
// be too narrow, or the left one is too wide, it goes below.
func entry(out *lineWriter, left, right string, column, width int) {
	indent := column
	if width-column < 30 {
		indent = 8
	}
	rest := strings.Repeat(" ", indent)
	first := rest
	if len(left)+5 <= indent && right != "" {
		first = fmt.Sprintf("   %-*s", indent-3, left)
	} else {
		out.line("   " + left)
	}
	out.hung(first, rest, right, width, plain)
}
