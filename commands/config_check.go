package commands

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/pure"
)

func configCheckCommand(s Streams) *cli.Command {
	o := &common{Streams: s}
	return &cli.Command{
		Name:  "check",
		Usage: "everything that is wrong with the configuration, with its line and what to do",
		UsageText: "pureclean config check\n" +
			"pureclean config check --config /tmp/new.yaml",
		Description: "Reads the file, and the token and CA files that it and the environment name. Asks nobody.\n\n" +
			exitHelp("0   nothing is wrong", "16  something is wrong, or usage error"),
		Flags:  without(o.flags(formatTable, formatJSON, formatYAML), "sysroot", "pool", "timeout", "verbose"),
		Action: func(*cli.Context) error { return runConfigCheck(o) },
	}
}

// configCheckAnswer is what "config check -o json" prints.
type configCheckAnswer struct {
	Schema   string           `json:"schema"`
	File     string           `json:"file"`
	Found    bool             `json:"found"`
	Problems []config.Problem `json:"problems"`
}

// configChecks are the rules by which every other command refuses. An array may be
// asked over http where LXD says so, and LXD is not asked here: a file that says it
// by itself is wrong.
func configChecks() config.Checks {
	return config.Checks{Member: checkMember, URL: func(url string) error { return pure.CheckGateway(url, false) }}
}

func runConfigCheck(o *common) error {
	file, found, problems := config.Inspect(o.config, o.Getenv, configChecks())
	answer := configCheckAnswer{"pureclean/config-check/v1", file, found, some(problems)}
	err := o.answer(answer, nil, func(out *page) { printProblems(out, answer) })
	if err == nil && len(problems) > 0 {
		err = withHint(&config.Error{File: file, Err: fmt.Errorf("%s", count(len(problems), "problem"))}, problems[0].Do)
	}
	return err
}

func printProblems(out *page, a configCheckAnswer) {
	for _, problem := range a.Problems {
		out.wrapped(clean(problem.Where()+": "+problem.What), out.critical)
		out.hung("    ", "    ", clean(problem.Do), plain)
	}
	switch {
	case len(a.Problems) > 0:
	case a.Found:
		out.line(out.good("Nothing is wrong with " + clean(a.File) + "."))
	default:
		out.line(out.good("There is no " + clean(a.File) + ", and none is needed."))
	}
}
