package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/sightings"
	"github.com/pureclean/pureclean/words"
)

// checkTimeout is less than the minute after which monitoring systems kill a
// plugin: one that is killed says nothing at all.
const checkTimeout = 50 * time.Second

type checkOptions struct {
	common
	textfile string
	ignored  cli.StringSlice
	details  bool
	// limits are the thresholds as they were typed, by their figure's label.
	limits map[string]*typedLimits
	// notes are for the details: what went wrong and changes nothing.
	notes []string
}

type typedLimits struct{ warning, critical string }

func checkCommand(s Streams) *cli.Command {
	o := &checkOptions{common: common{Streams: s, ports: true}, limits: map[string]*typedLimits{}}
	return &cli.Command{
		Name:  "check",
		Usage: "for monitoring: one line, performance data and a status of 0 to 3; a textfile for Prometheus",
		UsageText: "pureclean check\n" +
			"pureclean check -w 0 -c 10 --critical-bytes 1TiB --warning-age 7d\n" +
			"pureclean check --textfile /var/lib/prometheus/node-exporter/pureclean.prom",
		Description: "Asks as scan does, and answers as a monitoring plugin. Changes nothing; what it saw is remembered in\n" +
			"state_dir, so that a later batch repair has its earlier look. Critical wins over unknown, and unknown\n" +
			"over warning: a look that was not complete hides nothing that it found, and is never OK.\n\n" +
			"A RANGE is that of the monitoring plugins: 10 alerts above 10 (and below 0), 10: below 10, 10:20\n" +
			"outside and @10:20 inside. Sizes such as 500GiB and ages such as 7d are understood.\n\n" +
			exitHelp(
				"0   OK: everything could be seen, and nothing is beyond a threshold",
				"1   WARNING: a threshold is passed, or there are findings of severity warning",
				"2   CRITICAL: a threshold is passed, or there are findings of severity critical",
				"3   UNKNOWN: not everything could be seen, the check failed, or the command line is wrong",
			),
		Flags:  slices.Concat(o.checkFlags(), o.flags(), o.reachFlags(), []cli.Flag{o.toldFlag()}),
		Action: func(c *cli.Context) error { return runCheck(c.Context, o, nil) },
		// A wrong command line, too, ends as the convention wants it.
		OnUsageError: func(c *cli.Context, err error, _ bool) error { return runCheck(c.Context, o, &UsageError{err}) },
	}
}

func (o *checkOptions) checkFlags() []cli.Flag {
	var flags []cli.Flag
	for f := range evidence.Refs(metrics.Figures) {
		if !f.Settable {
			continue
		}
		typed := &typedLimits{}
		o.limits[f.Label] = typed
		flags = append(flags,
			&cli.StringFlag{Name: "warning" + f.Flag, Aliases: short(f, "w"), Usage: limitUsage("warn", f, f.Default.Warning), Destination: &typed.warning},
			&cli.StringFlag{Name: "critical" + f.Flag, Aliases: short(f, "c"), Usage: limitUsage("be critical", f, f.Default.Critical), Destination: &typed.critical},
		)
	}
	return append(
		flags,
		&cli.StringFlag{Name: "textfile", Usage: "also write `FILE`, whole or not at all, for the textfile collector of Prometheus's node exporter", Destination: &o.textfile, TakesFile: true},
		&cli.StringSliceFlag{Name: "ignore", Usage: "leave out every finding `CODE`; may be repeated", Destination: &o.ignored},
	)
}

// short is the one-letter flag that the convention keeps for the thresholds
// of what a plugin is for.
func short(f *metrics.Figure, letter string) []string {
	if f.Flag != "" {
		return nil
	}
	return []string{letter}
}

func limitUsage(verb string, f *metrics.Figure, byDefault metrics.Range) string {
	usage := fmt.Sprintf("%s when the %s is outside `RANGE`", verb, f.Meaning)
	if f.Unit == "" {
		usage = fmt.Sprintf("%s when the number of %s is outside `RANGE`", verb, f.Meaning)
	}
	if text := byDefault.String(); text != "" {
		usage += " (default: " + text + ")"
	}
	return usage
}

// flags are the common ones but for those of a format: there is one format.
// -v is the convention's, which wants nothing on stderr.
func (o *checkOptions) flags() []cli.Flag {
	return append(without(o.common.flags(), "output", "color", "verbose", "timeout"),
		&cli.DurationFlag{Name: "timeout", Aliases: []string{"t"}, Usage: "let a look take `DURATION` at most", Value: checkTimeout, Destination: &o.timeout},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print details on further lines", Destination: &o.details})
}

// runCheck ends in a line on stdout and a textfile, whatever goes wrong.
// before is what has gone wrong already.
func runCheck(ctx context.Context, o *checkOptions, before error) error {
	reading := metrics.Reading{Version: version(), Began: o.now(), Runs: metrics.Runs{Trouble: "it was not read"}}
	file, trouble := o.open()
	thresholds, err := o.thresholds()
	switch {
	case before != nil:
		err = before
	case trouble != nil:
		err = &UsageError{trouble}
	case err == nil:
		err = o.read(ctx, &reading)
	}
	if err != nil {
		f := outcome(err)
		reading.Failure = hinted(f.Message, f.Hint)
	}
	reading.Ended = o.now()
	verdict := metrics.Judge(&reading, thresholds)
	if file != nil {
		if trouble = file.Write(reading); trouble != nil {
			verdict.Doubt()
		}
	}
	if err := o.tell(checkView{&reading, verdict, trouble, o.notes}); err != nil {
		// Nobody reads stdout; somebody may read this.
		fmt.Fprintf(o.Err, "pureclean: %v\n", &outputError{err})
		return checkEnd(metrics.Unknown)
	}
	if verdict.Status == metrics.OK {
		return nil
	}
	return checkEnd(verdict.Status)
}

func (o *checkOptions) open() (*metrics.Textfile, error) {
	if o.textfile == "" {
		return nil, nil
	}
	return metrics.OpenTextfile(o.textfile)
}

// thresholds are the defaults with what was typed.
func (o *checkOptions) thresholds() (map[string]metrics.Thresholds, error) {
	all := metrics.Defaults()
	for f := range evidence.Refs(metrics.Figures) {
		typed, limits := o.limits[f.Label], all[f.Label]
		if typed == nil {
			continue
		}
		for _, end := range []struct {
			flag, text string
			to         *metrics.Range
		}{{"--warning", typed.warning, &limits.Warning}, {"--critical", typed.critical, &limits.Critical}} {
			if end.text == "" {
				continue
			}
			r, err := f.ParseRange(end.text)
			if err != nil {
				return metrics.Defaults(), usagef("%s%s: %w", end.flag, f.Flag, err)
			}
			*end.to = r
		}
		all[f.Label] = limits
	}
	return all, nil
}

// read asks the journal and the witnesses.
func (o *checkOptions) read(ctx context.Context, reading *metrics.Reading) error {
	reading.Ignored = o.ignored.Value()
	for _, code := range reading.Ignored {
		if _, known := diagnose.KindOf(code); !known {
			return usagef("--ignore %q: there is no such finding", code)
		}
	}
	from, err := o.sources()
	if err != nil {
		return err
	}
	reading.Runs = o.runs(from.config.StateDir)
	world, policy, err := o.lookAt(ctx, from)
	if err != nil {
		return err
	}
	reading.Report = o.judge(world, policy)
	// The check is as good where there is no place to remember it.
	if err := remember(from.config.StateDir, world, reading.Report, o.forgotten); err != nil && !errors.Is(err, o.forgotten) {
		o.notes = append(o.notes, "note: "+err.Error())
	}
	return nil
}

// remember keeps what this look saw: the next batch repair asks for it. unread is
// why what is there could not be read.
func remember(dir string, world evidence.World, report diagnose.Report, unread error) error {
	seen := sightings.Update(world.Seen, world, report)
	if slices.EqualFunc(seen, world.Seen, evidence.Sighting.Equal) {
		return nil // a machine without LXD gets no directory
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if ok, err := sightings.MakeRoom(dir, unread); !ok || err != nil {
		return err
	}
	return sightings.Save(dir, seen)
}

// runs is what the journal says. While it can't be read nothing is OK: an
// interrupted run may have left paths offline.
func (o *checkOptions) runs(dir string) metrics.Runs {
	book := journal.Read(dir)
	all, err := book.List()
	promises, failed := repair.Promises(book, o.now())
	if err = errors.Join(err, failed); err != nil {
		return metrics.Runs{Trouble: err.Error()}
	}
	var runs metrics.Runs
	for _, s := range all {
		switch {
		case resumable(s.State, s.Kind):
			runs.Interrupted++
		case s.Unsettled(o.now()):
			runs.Damaged++
		case s.State == journal.UnderWay:
			runs.UnderWay = append(runs.UnderWay, fmt.Sprintf("run %s of %s is under way: %s", s.ID, s.Object.Name, atIt(s)))
		}
		if p := promises[s.ID]; p.Works && !p.Until.IsZero() {
			runs.Undoable = append(runs.Undoable, metrics.Deadline{Run: s.ID, Object: s.Object.Name, Until: p.Until})
		}
	}
	return runs
}

// tell prints the line, and the details below it.
func (o *checkOptions) tell(v checkView) error {
	lines := append([]string{v.line()}, words.Of(o.withoutMemory(), metrics.Plain)...)
	if o.details {
		lines = append(lines, v.details()...)
	}
	_, err := io.WriteString(o.Out, strings.Join(words.Of(lines, clean), "\n")+"\n")
	return err
}

// hinted is a failure with what the operator can do about it, in one line.
func hinted(message, hint string) string {
	if hint == "" {
		return message
	}
	return message + "; " + hint
}
