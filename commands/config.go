package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/witness"
)

func configCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "show which settings are in force and where they come from, or check the file",
		UsageText: "pureclean config show\n" +
			"pureclean config check",
		Description: exitHelp("0   shown, or nothing is wrong", "8   not all of it could be seen", "16  usage error, or the configuration is wrong", "32  cancelled"),
		Subcommands: []*cli.Command{configShowCommand(s), configCheckCommand(s)},
	}
}

func configShowCommand(s Streams) *cli.Command {
	o := &common{Streams: s}
	return &cli.Command{
		Name:  "show",
		Usage: "every setting that is in force, and where it comes from",
		UsageText: "pureclean config show\n" +
			"pureclean config show --config /tmp/new.yaml -o json",
		Description: "Joins the defaults, LXD's own configuration of its pools, the environment, the file and the flags,\n" +
			"as scan would. Tokens are never shown. Of all sources only LXD is asked, for its pools.\n\n" +
			exitHelp("0   shown", "8   not all of it could be seen: LXD did not answer, or a token can't be read", "16  usage error, or the configuration is wrong", "32  cancelled"),
		Flags:  without(o.flags(formatTable, formatJSON, formatYAML), "sysroot"),
		Action: func(c *cli.Context) error { return runConfigShow(c.Context, o, c.IsSet) },
	}
}

// without leaves flags out by name.
func without(flags []cli.Flag, names ...string) []cli.Flag {
	return slices.DeleteFunc(flags, func(f cli.Flag) bool { return slices.Contains(names, f.Names()[0]) })
}

// configAnswer is what "config show -o json" prints.
type configAnswer struct {
	Schema string `json:"schema"`
	// File is empty when there is none.
	File     string           `json:"file"`
	Complete bool             `json:"complete"`
	Doubts   []string         `json:"doubts"`
	Settings []config.Setting `json:"settings"`
}

// configVariables are those of the environment that say what to do, and hold
// no secret.
var configVariables = []string{"LXD_SOCKET", "LXD_DIR", "CREDENTIALS_DIRECTORY", config.TokenFileVariable, "PURECLEAN_SSH", "XDG_CACHE_HOME"}

func runConfigShow(ctx context.Context, o *common, given func(string) bool) error {
	settings, all, err := config.Settings(o.config)
	socket, getenv := "", o.Getenv
	if o.given != nil {
		settings, socket, err = o.given.config, o.given.socket, nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	pools, doubts, hint := witness.Settings(ctx, witness.Options{
		Config: settings, Records: records.Options{Socket: socket, UserAgent: "pureclean/" + version(), Log: o.log()},
		Pools: o.pools.Value(), Getenv: getenv,
	})
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	all = slices.Concat(o.flagSettings(given), environmentSettings(getenv), pools, all)
	answer := configAnswer{"pureclean/config/v1", settings.File, len(doubts) == 0, some(doubts), all}
	err = o.answer(answer, nil, func(out *page) { printConfig(out, answer) })
	if err == nil && len(doubts) > 0 {
		err = &IncompleteError{Doubts: doubts, Hint: hint}
	}
	return err
}

// flagSettings are those that no file can hold.
func (o *common) flagSettings(given func(string) bool) []config.Setting {
	var all []config.Setting
	for _, pool := range o.pools.Value() {
		all = append(all, config.Setting{Key: "pool", Value: pool, Origin: config.FromFlag, Where: "--pool"})
	}
	if given("config") {
		all = append(all, config.Setting{Key: "config", Value: o.config, Origin: config.FromFlag, Where: "--config"})
	}
	timeout := config.Setting{Key: "timeout", Value: span(o.timeout.String()), Origin: config.FromDefault}
	if given("timeout") {
		timeout.Origin, timeout.Where = config.FromFlag, "--timeout"
	}
	return append(all, timeout)
}

func environmentSettings(getenv func(string) string) []config.Setting {
	var all []config.Setting
	for _, name := range configVariables {
		if value := getenv(name); value != "" {
			all = append(all, config.Setting{Key: "$" + name, Value: value, Origin: config.FromEnvironment, Where: name})
		}
	}
	return all
}

// originWords are the origins for people; %s is the place.
var originWords = map[config.Origin]string{
	config.FromDefault:     "default",
	config.FromLXD:         "LXD, %s",
	config.FromEnvironment: "environment, %s",
	config.FromCredential:  "systemd credential %s",
	config.FromFile:        "%s",
	config.FromFlag:        "flag %s",
}

func printConfig(out *page, a configAnswer) {
	file := "There is no " + config.Path + ", and none is needed."
	if a.File != "" {
		file = "Read from " + clean(a.File) + "."
	}
	out.line(file)
	for _, doubt := range a.Doubts {
		out.wrapped("not seen: "+clean(doubt), out.warning)
	}
	out.line("")
	t := table{header: []string{"SETTING", "VALUE", "FROM"}}
	for _, s := range a.Settings {
		from := originWords[s.Origin]
		if strings.Contains(from, "%s") {
			from = fmt.Sprintf(from, s.Where)
		}
		t.rows = append(t.rows, []string{s.Key, s.Value, from})
	}
	lines, err := t.lines()
	if err != nil {
		out.err = err
		return
	}
	if slices.ContainsFunc(lines, func(line string) bool { return len([]rune(line)) > out.width }) {
		// Too wide for columns: values are to be copied whole.
		lines = lines[:0]
		for _, row := range t.rows {
			lines = append(lines, clean(row[0]+" = "+row[1]), "    "+clean(row[2]))
		}
	}
	for _, line := range lines {
		out.line(line)
	}
}

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
