package commands_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
)

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestLinesFitTheTerminal: no line is wider than the terminal, but for one
// word that can't be broken, and every name is there in full.
func TestLinesFitTheTerminal(t *testing.T) {
	w := worlds.Demo(t)
	_, csv, _ := runBefore(context.Background(), w, nil, "scan", "-o", "csv")
	columns := regexp.MustCompile(`  AGE  |  \d+[mhd]\b`)
	for _, width := range []int{40, 60, 80, 100, 200} {
		terminal := func(s *commands.Streams) {
			s.OutTerminal, s.ErrTerminal = true, true
			s.Width = func() int { return width }
		}
		for _, args := range [][]string{
			{"scan"},
			{"scan", "-v"},
			{"explain", "--object", "purepool::u-5805369565714a11a69ed2b62f2a3da1", "-v"},
			{"explain", "--object", "purepool/custom/wiki"},
		} {
			_, stdout, _ := runBefore(context.Background(), w, terminal, args...)
			if !colour.MatchString(stdout) {
				t.Errorf("%v: no colours at a terminal", args)
			}
			stdout = colour.ReplaceAllString(stdout, "")
			for line := range strings.Lines(stdout) {
				line = strings.TrimRight(line, "\n")
				words := strings.Fields(line)
				// A command to type stays one line, to be copied whole.
				if utf8.RuneCountInString(line) <= width || len(words) == 1 || strings.HasPrefix(line, "next:") || strings.HasPrefix(line, "       pureclean") {
					continue
				}
				// A table needs its columns, and explain eighty.
				if width >= 80 || args[0] == "scan" && !columns.MatchString(line) && len(words) > 2 {
					t.Errorf("%v is %d columns wide at %d: %q", args, utf8.RuneCountInString(line), width, line)
				}
			}
			if args[0] != "scan" {
				continue
			}
			for line := range strings.Lines(csv) {
				object := strings.Split(line, ",")[4]
				if _, name, inPod := strings.Cut(object, "::"); inPod && !strings.Contains(stdout, name) {
					t.Errorf("%v at %d columns does not show %s whole", args, width, name)
				}
			}
		}
	}
}

func TestColours(t *testing.T) {
	w := worlds.Demo(t)
	for _, c := range []struct {
		name     string
		terminal bool
		env      string
		flags    []string
		want     bool
	}{
		{name: "no terminal"},
		{name: "a terminal", terminal: true, want: true},
		{name: "NO_COLOR", terminal: true, env: "NO_COLOR=1"},
		{name: "a dumb terminal", terminal: true, env: "TERM=dumb"},
		{name: "always", flags: []string{"--color", "always"}, want: true},
		{name: "always wins", env: "NO_COLOR=1", flags: []string{"--color=always"}, want: true},
		{name: "never", terminal: true, flags: []string{"--color", "never"}},
	} {
		for _, format := range []string{"table", "json", "csv"} {
			_, stdout, _ := runBefore(context.Background(), w, func(s *commands.Streams) {
				s.OutTerminal = c.terminal
				s.Getenv = func(key string) string {
					if name, value, _ := strings.Cut(c.env, "="); name == key {
						return value
					}
					return ""
				}
			}, append([]string{"scan", "-o", format}, c.flags...)...)
			if got := strings.Contains(stdout, "\x1b"); got != (c.want && format == "table") {
				t.Errorf("%s, %s: coloured is %v", c.name, format, got)
			}
		}
	}
}
