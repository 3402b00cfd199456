package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/witness"
)

// common is what every command that looks understands. The flags stand on
// the commands and not on the app: urfave/cli would let the command's copy
// silently reset the app's.
type common struct {
	Streams
	config  string
	pools   cli.StringSlice
	output  string
	color   string
	timeout time.Duration
	verbose bool
	sysroot string
}

func (o *common) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE` (default: " + config.Path + ", if there is one)", Destination: &o.config, TakesFile: true},
		&cli.StringSliceFlag{Name: "pool", Usage: "look only at the pool `NAME`; may be repeated", Destination: &o.pools},
		o.outputFlag("print `FORMAT`: table, wide, json, yaml or csv"),
		&cli.StringFlag{Name: "color", Usage: "colour the output `WHEN`: auto, always or never", Value: "auto", Destination: &o.color},
		&cli.DurationFlag{Name: "timeout", Usage: "give up after `DURATION`", Value: 5 * time.Minute, Destination: &o.timeout},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show more, and log each request", Destination: &o.verbose},
		&cli.StringFlag{Name: "sysroot", Usage: "read sysfs, procfs, etc and dev below `DIR`, and recorded command output from DIR/commands", Destination: &o.sysroot, TakesFile: true},
	}
}

func (o *common) outputFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: outputNames[0], Aliases: outputNames[1:], Usage: usage, Value: string(formatTable), Destination: &o.output}
}

// check refuses values that no parser refused.
func (o *common) check() error {
	switch o.color {
	case "auto", "always", "never":
	default:
		return usagef("unknown value %q for --color; there is auto, always, never", o.color)
	}
	if o.timeout <= 0 {
		return usagef("--timeout must be more than zero")
	}
	for _, pool := range o.pools.Value() {
		if pool == "" {
			return usagef("--pool is empty")
		}
	}
	return nil
}

func (o *common) palette() palette { return colourise(o.Streams, o.color, o.OutTerminal) }

func (o *common) log() *slog.Logger {
	if !o.verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(o.Err, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// look asks the witnesses.
func (o *common) look(ctx context.Context) (evidence.World, diagnose.Policy, error) {
	from, err := o.sources()
	if err != nil {
		return evidence.World{}, diagnose.Policy{}, err
	}
	world, _, err := o.ask(ctx, from)
	return world, o.policy(from.config), err
}

// ask asks them once more, and says how the arrays were reached.
func (o *common) ask(ctx context.Context, from sources) (evidence.World, witness.Doors, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	agent := "pureclean/" + version()
	world, doors, err := witness.AskAndRemember(ctx, witness.Options{
		Config:   from.config,
		Records:  records.Options{Socket: from.socket, UserAgent: agent, Log: o.log(), Now: from.now},
		Array:    pure.Options{UserAgent: agent, Log: o.log(), Now: from.now},
		Host:     from.host,
		Seen:     from.seen,
		Pools:    o.pools.Value(),
		Getenv:   o.Getenv,
		Progress: newProgress(o.Streams).report,
		Now:      from.now,
	})
	if errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled
	}
	return world, doors, err
}

func (o *common) policy(settings config.Config) diagnose.Policy {
	p := diagnose.DefaultPolicy()
	p.MinAge = time.Duration(settings.Safety.MinAge)
	p.ImageMinAge = time.Duration(settings.Safety.ImageMinAge)
	p.BatchMinAge = time.Duration(settings.Safety.BatchMinAge)
	p.MaxShare = float64(settings.Safety.MaxShare)
	p.Pools = o.pools.Value()
	p.Pins = map[string]string{}
	for name, pool := range settings.Pools {
		if pool.Array.ID != "" {
			p.Pins[name] = pool.Array.ID
		}
	}
	return p
}

// verdict is the error with which a command ends that has judged the world.
func verdict(report diagnose.Report) error {
	switch {
	case !report.Complete:
		return incomplete(report)
	case len(report.Findings) > 0:
		return errFindings
	default:
		return nil
	}
}

// incomplete names first the witness about which the operator can do
// something: the others are often silent because of it.
func incomplete(report diagnose.Report) *IncompleteError {
	e := &IncompleteError{Doubts: report.Doubts}
	for _, w := range report.Witnesses {
		if !w.Complete && w.Hint != "" {
			first := witnessLine(w)
			e.Hint = w.Hint
			e.Doubts = append([]string{first}, slices.DeleteFunc(slices.Clone(report.Doubts), func(d string) bool { return d == first })...)
			break
		}
	}
	return e
}

// witnessLine is what an incomplete witness is accused of.
func witnessLine(w diagnose.Witness) string {
	return strings.Join(strings.Fields(w.Kind+" "+w.Name), " ") + ": " + w.Reason
}

// exitTitle begins the part of a help text that lists exit statuses.
const exitTitle = "EXIT STATUS\n"

// exitHelp is the part of every command's help that scripts need.
func exitHelp(lines ...string) string {
	text := exitTitle
	for _, line := range lines {
		text += fmt.Sprintf("   %s\n", line)
	}
	return text
}
