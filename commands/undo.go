package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

type undoOptions struct {
	changing
	run, volume string
	last        bool
}

func undoCommand(s Streams) *cli.Command {
	o := &undoOptions{changing: changing{common: common{Streams: s}}}
	return &cli.Command{
		Name:      "undo",
		ArgsUsage: "[RUN]",
		Usage:     "recover what a run destroyed, and connect again what it disconnected",
		UsageText: "pureclean undo 7f3a\n" +
			"pureclean undo --last\n" +
			"pureclean undo --volume purepool::u-df2ba6a8d9a047beab5d2d0586abac61",
		Description: "Takes back exactly what the run changed, as far as that is still possible, and says what is not.\n\n" +
			exitHelp("0   all of it was taken back", "1   the same, with --detailed-exitcode", "8   a step failed", "16  usage error, or no such run", "32  declined, refused, or nothing to undo"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "undo run `ID`, see pureclean runs; the same as the word without a flag", Destination: &o.run},
			&cli.StringFlag{Name: "volume", Aliases: []string{"object"}, Usage: "undo the one run of `VOLUME` that can be undone", Destination: &o.volume},
			&cli.BoolFlag{Name: "last", Usage: "undo the last repair", Destination: &o.last},
			o.briefFlag(),
		}, o.changingFlags(), o.flags(formatTable, formatJSON, formatYAML)),
		Action: func(c *cli.Context) error {
			run, err := o.which(c.Context)
			if err != nil {
				return err
			}
			return o.work(c.Context, takenBack, "run "+run, func(ctx context.Context, t repair.Tools) (repair.Result, error) { return t.Undo(ctx, run) })
		},
	}
}

// which is the run that is meant.
func (o *undoOptions) which(ctx context.Context) (string, error) {
	given := howMany(o.run != "", o.volume != "", o.last)
	switch {
	case given == 0 && !(o.canPick() && !o.yes && !o.noInput):
		return "", withHint(usagef("say which run: pureclean undo ID, --last or --volume VOLUME"), "pureclean runs lists them; at a terminal, without --yes, pureclean undo lets you choose")
	case given > 1:
		return "", usagef("--run, --volume and --last exclude each other")
	}
	book, all, err := o.history()
	if err != nil {
		return "", err
	}
	if o.last {
		last, err := lastRepair(all)
		return last, errors.Join(err, readable(all, last))
	}
	if slices.ContainsFunc(all, func(s journal.Summary) bool { return s.ID == o.run }) {
		return o.run, readable(all, o.run)
	}
	promises, err := repair.Promises(book, o.now())
	if err != nil {
		return "", err
	}
	if given == 0 {
		return o.pickRun(ctx, all, promises)
	}
	name := o.run + o.volume
	of := slices.DeleteFunc(slices.Clone(all), func(s journal.Summary) bool { return s.Kind != journal.KindFix || !isCalled(s.Object, name) })
	works := slices.DeleteFunc(slices.Clone(of), func(s journal.Summary) bool { return !promises[s.ID].Works })
	switch {
	case len(works) == 1:
		return works[0].ID, nil
	case len(works) > 1:
		return "", withHint(usagef("%s of %s can be undone", count(len(works), "run"), quoteShell(name)), "say which: "+either(words.Of(works, func(s journal.Summary) string { return s.ID + " of " + until(s.Began) })))
	case len(of) > 0:
		return of[0].ID, readable(all, of[0].ID) // which says why it can't be undone
	}
	said := fmt.Sprintf("%q", name)
	if o.volume != "" {
		said = "no run of fix on this machine has changed " + said
	}
	return "", withHint(fmt.Errorf("%s: %w", said, journal.ErrNoRun), "pureclean runs lists them")
}

// history is what runs on this machine wrote down, for a command that goes by it.
func (o *changing) history() (*journal.Book, []journal.Summary, error) {
	from, err := o.sources()
	if err != nil {
		return nil, nil, err
	}
	book := journal.Read(from.config.StateDir)
	if err := trusted(from.config); err != nil {
		return nil, nil, err
	}
	all, err := book.List()
	return book, all, err
}

// pickRun lets a person at a terminal choose among what can be undone.
func (o *undoOptions) pickRun(ctx context.Context, all []journal.Summary, promises map[string]repair.Promise) (string, error) {
	var runs []string
	t := table{header: []string{"RUN", "BEGAN", "UNDO UNTIL", "OBJECT"}}
	for _, s := range all {
		if p := promises[s.ID]; p.Works {
			runs = append(runs, s.ID)
			t.rows = append(t.rows, []string{s.ID, until(s.Began), undoWords(p), s.Object.Name})
		}
	}
	if len(runs) == 0 {
		return "", withHint(fmt.Errorf("no run can be undone: %w", repair.ErrNothingToUndo), "pureclean runs lists what was done")
	}
	lines, err := t.lines()
	if err != nil {
		return "", err
	}
	chosen, err := picker{o: &o.common, one: true, title: "undo which run? The newest first:", rows: lines[1:]}.pick(ctx)
	if err != nil {
		return "", err
	}
	return runs[chosen[0]], nil
}

// lastRepair is the last run that repaired anything. One that is undone already
// is not passed over: said twice by mistake, --last takes nothing else back.
func lastRepair(all []journal.Summary) (string, error) {
	for _, s := range all { // the newest first
		if s.Kind == journal.KindFix && s.State != journal.Stopped && s.State != journal.Left {
			return s.ID, nil
		}
	}
	return "", withHint(fmt.Errorf("nothing was repaired from this machine: %w", repair.ErrNothingToUndo), "pureclean runs lists what was tried")
}

// isCalled reports a name of what a run was about, as people have it in hand.
func isCalled(object journal.Object, name string) bool {
	_, short, _ := strings.Cut(object.Name, "::")
	return slices.ContainsFunc([]string{object.Name, short, object.ID, object.Serial}, func(known string) bool {
		return known != "" && strings.EqualFold(known, name)
	})
}

// work opens the workshop, does one thing in it and prints how it ended; done
// is the word for that it went well, and object what it was done to.
func (o *changing) work(ctx context.Context, done, object string, do func(context.Context, repair.Tools) (repair.Result, error)) error {
	if err := o.mayAsk("pureclean runs says what can be gone on with or taken back"); err != nil {
		return err
	}
	w, err := o.open(ctx, false)
	if err != nil {
		return err
	}
	defer w.close()
	result, err := do(ctx, w.tools)
	idle := !result.Changed && (errors.Is(err, repair.ErrNothingToUndo) || errors.Is(err, repair.ErrNotInterrupted))
	if !idle && (result.Run != "" || len(result.State) > 0) {
		if printed := o.printResults(done, repair.Row{Plan: repair.Plan{Object: object}, Result: result, Err: err}); printed != nil {
			return printed
		}
	}
	return o.ended(result, err)
}
