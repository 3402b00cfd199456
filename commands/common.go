package commands

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/completion"
	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/witness"
	"github.com/pureclean/pureclean/words"
)

// common is what every command that looks understands. The flags stand on
// the commands and not on the app: urfave/cli would let the command's copy
// silently reset the app's.
type common struct {
	Streams
	reach
	config  string
	pools   cli.StringSlice
	output  format
	color   string
	timeout time.Duration
	verbose bool
	debug   bool
	sysroot string
	// progress says what is waited for; nil where nobody is to be told.
	progress *progress
	// brief leaves only the end of the answer, and what is asked.
	brief bool
	// asked reads what a person types, for all questions of a command.
	asked *lines
	// thorough and live ask the witnesses for more, see witness.Options.
	thorough, live bool
	// logs has this host's logs read for the causes that they prove.
	logs bool
	// whole asks the arrays for what is outside the pods, too.
	whole bool
	// ports asks the arrays for their target ports, too.
	ports bool
	// forgotten is why what earlier runs saw is not known.
	forgotten error
	// quiet keeps logs away from a terminal that is being drawn on.
	quiet bool
}

// flags are those of every command that looks. formats are those in which it
// can answer; none means all.
func (o *common) flags(formats ...format) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE` (default: " + config.Path + ", if there is one)", Destination: &o.config, TakesFile: true},
		&cli.StringSliceFlag{Name: "pool", Usage: "look only at the pool `NAME`; may be repeated", Destination: &o.pools},
		o.outputFlag(formats...),
		o.colorFlag(),
		&cli.DurationFlag{Name: "timeout", Usage: "let a look take `DURATION` at most", Value: 5 * time.Minute, Destination: &o.timeout},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show more", Destination: &o.verbose},
		&cli.BoolFlag{Name: "debug", Usage: "log each request to the standard error, and how long it took", Destination: &o.debug},
		&cli.StringFlag{Name: "sysroot", Usage: "read sysfs, procfs, etc and dev below `DIR`, and recorded command output from DIR/commands", Destination: &o.sysroot, TakesFile: true},
	}
}

func (o *common) outputFlag(allowed ...format) cli.Flag {
	if len(allowed) == 0 {
		allowed = formats
	}
	choices := words.Of(allowed, func(f format) string { return string(f) })
	return &choiceFlag{choices, &cli.StringFlag{
		Name: outputNames[0], Aliases: outputNames[1:], Usage: "print `FORMAT`: " + either(choices), Value: string(formatTable), Destination: (*string)(&o.output),
	}}
}

func (o *common) colorFlag() cli.Flag {
	return &choiceFlag{colors, &cli.StringFlag{Name: "color", Usage: "colour the output `WHEN`: " + either(colors), Value: colors[0], Destination: &o.color}}
}

func (o *common) answers() *lines {
	if o.asked == nil {
		o.asked = newLines(o.In)
		o.asked.entered = func() { o.progress.entered() }
	}
	return o.asked
}

// briefFlag is for the commands whose answer has an end that says it all.
func (o *common) briefFlag() cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print only the summary", Destination: &o.brief}
}

// choiceFlag is a flag that takes one of a few words.
type choiceFlag struct {
	choices []string
	*cli.StringFlag
}

// refuse says which words there are.
func (f *choiceFlag) refuse(value string) error {
	switch there := strings.Join(f.choices, ", "); {
	case f.Name != outputNames[0]:
		return usagef("unknown value %q for --%s; there is %s", value, f.Name, there)
	case value == string(formatHTML):
		return withHint(usagef("there is no html here; there is %s", there), "pureclean scan and pureclean explain make a page with -o html")
	default:
		return usagef("unknown output format %q; there is %s", value, there)
	}
}

// choicesOf are the words that a flag takes; nil when it takes any.
func choicesOf(flag cli.Flag) []string {
	if f, ok := flag.(*choiceFlag); ok {
		return f.choices
	}
	return nil
}

func (o *common) log() *slog.Logger {
	if !o.debug || o.quiet {
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
	return o.lookAt(ctx, from)
}

func (o *common) lookAt(ctx context.Context, from sources) (world evidence.World, policy diagnose.Policy, err error) {
	if from.told, err = o.hostsTold(from); err != nil {
		return world, policy, err
	}
	var watch witness.Watch
	defer watch.Close(ctx)
	world, _, err = o.askAgain(ctx, from, &watch, evidence.Scope{})
	o.fromJournal(&world, from.config.StateDir)
	return world, o.policy(from.config), err
}

// askAgain asks them once, or once more, and says how the arrays were reached.
func (o *common) askAgain(ctx context.Context, from sources, watch *witness.Watch, about evidence.Scope) (evidence.World, witness.ArrayAccess, error) {
	if o.BeforeLook != nil {
		o.BeforeLook()
	}
	o.watched()
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	agent := "pureclean/" + version()
	options := witness.Options{
		Config:   from.config,
		Records:  records.Options{Socket: from.socket, Down: o.down.Value(), UserAgent: agent, Log: o.log(), Now: from.now},
		Array:    pure.Options{UserAgent: agent, Log: o.log(), Now: from.now},
		Host:     from.host,
		Told:     from.told,
		Down:     o.down.Value(),
		Seen:     from.seen,
		Pools:    o.pools.Value(),
		Thorough: o.thorough,
		Live:     o.live,
		Logs:     o.logs,
		Whole:    o.whole,
		Ports:    o.ports,
		Dial:     from.dial,
		Getenv:   o.Getenv,
		Progress: o.progress.asking,
		Now:      from.now,
		Uptime:   from.uptime(),
	}
	if o.Memory != nil {
		options.Array.Memory = o.Memory()
	}
	if from.fleet != nil && !o.noSSH {
		options.Fleet = from.fleet
	}
	world, access, err := watch.Look(ctx, options, about)
	if errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled
	}
	return world, access, err
}

func (o *common) policy(settings config.Config) diagnose.Policy {
	p := diagnose.DefaultPolicy()
	p.MinAge = time.Duration(settings.Safety.MinAge)
	p.ImageMinAge = time.Duration(settings.Safety.ImageMinAge)
	p.BatchMinAge = time.Duration(settings.Safety.BatchMinAge)
	p.MaxShare = float64(settings.Safety.MaxShare)
	p.Pools = o.pools.Value()
	p.Down = o.down.Value()
	p.Pins, p.Shares = map[string]string{}, map[string]float64{}
	for name, pool := range settings.Pools {
		if pool.Array.ID != "" {
			p.Pins[name] = pool.Array.ID
		}
		if pool.MaxShare != nil {
			p.Shares[name] = float64(*pool.MaxShare)
		}
	}
	return p
}

// judge says what is wrong with the world, and leaves the names in it for TAB.
func (o *common) judge(world evidence.World, policy diagnose.Policy) diagnose.Report {
	for host := range evidence.Refs(world.Hosts) {
		o.log().Debug("read a machine", "host", host.Name, "took", host.Took())
	}
	began := time.Now()
	report := diagnose.Judge(world, policy)
	o.log().Debug("judged", "findings", len(report.Findings), "took", time.Since(began))
	if o.CacheDir == "" || (o.given != nil && !o.given.visit) {
		return report
	}
	names := completion.NamesOf(world, report)
	if pools := o.pools.Value(); !report.Complete || len(pools) > 0 {
		names = completion.Merge(names, completion.Load(o.CacheDir), report.Complete, pools)
	}
	if err := completion.Save(o.CacheDir, names); err != nil {
		o.log().Debug("nothing kept for completion", "error", err)
	}
	return report
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
	return w.Label() + ": " + w.Reason
}

// exitTitle begins the part of a help text that lists exit statuses.
const exitTitle = "EXIT STATUS\n"

// exitHelp is the part of every command's help that scripts need.
func exitHelp(lines ...string) string {
	return exitTitle + "   " + strings.Join(lines, "\n   ") + "\n"
}
