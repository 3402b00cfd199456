package commands

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/completion"
)

func completionCommand(s Streams) *cli.Command {
	var shells []*cli.Command
	var install []string
	for _, script := range completion.Scripts() {
		shells = append(shells, shellCommand(s, script))
		install = append(install, script.Try)
	}
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script with which a shell completes commands, flags and names",
		UsageText: strings.Join(install, "\n"),
		Description: "At TAB nothing is asked and nothing is run: names are those that the last scan, explain or fix of the\n" +
			"same user saw.\n\n" +
			exitHelp("0   printed", "16  usage error, or no such shell"),
		Subcommands: shells,
	}
}

func shellCommand(s Streams, script completion.Script) *cli.Command {
	return &cli.Command{
		Name:        script.Shell,
		Usage:       "print the script for " + script.Shell,
		UsageText:   script.Try + "\n" + script.Keep,
		Description: exitHelp("0   printed", "16  usage error"),
		Action: func(*cli.Context) error {
			return s.print(func(w io.Writer) error {
				_, err := io.WriteString(w, script.Text)
				return err
			})
		},
	}
}
