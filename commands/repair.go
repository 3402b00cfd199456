package commands

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/witness"
)

// changing is what every command that changes something understands.
type changing struct {
	common
	yes     bool
	noInput bool
	// typed is the name that was given for what can't be undone.
	typed string
	// databaseIsCurrent is the operator's word for one volume.
	databaseIsCurrent bool
	// evenIfRecovered is their word that what somebody brought back may go.
	evenIfRecovered bool
	// detailed tells in the status whether there was anything to repair.
	detailed bool
}

// detailedFlag is for scripts that count on fsck's statuses.
func (o *changing) detailedFlag() cli.Flag {
	return &cli.BoolFlag{Name: "detailed-exitcode", Usage: "end with 1, as fsck does, and not with 0 when something was done and all went well", Destination: &o.detailed}
}

// allDone is how a command ends that did all it was asked for.
func (o *changing) allDone() error {
	if o.detailed {
		return errRepaired
	}
	return nil
}

// statedFlags are for the commands that may come to a step that can't be undone,
// or rest on the operator's word for one volume.
func (o *changing) statedFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "confirm", Usage: "the full `NAME` again of what is meant; any other is refused", Destination: &o.typed},
		&cli.BoolFlag{Name: "database-is-current", Usage: "state for this one volume that LXD's database is the pool's true history, and not restored from a backup", Destination: &o.databaseIsCurrent},
		&cli.BoolFlag{Name: "even-if-recovered", Usage: "state for this one volume that it may be destroyed again, although somebody recovered it after a run destroyed it", Destination: &o.evenIfRecovered},
		o.briefFlag(),
	}
}

func (o *changing) changingFlags() []cli.Flag {
	return append(o.reachFlags(),
		&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "answer yes to every step that can be undone", Destination: &o.yes},
		&cli.BoolFlag{Name: "no-input", Usage: "never ask; fail where an answer is needed", Destination: &o.noInput},
		o.detailedFlag(),
		o.downFlag(),
	)
}

// mayAsk refuses to begin what would need an answer that nobody can give; instead is
// what shows more of it.
func (o *changing) mayAsk(instead string) error {
	if o.yes || o.typed != "" || (!o.noInput && o.InTerminal && o.ErrTerminal) {
		return nil
	}
	return withHint(usagef("no terminal to ask on: each step needs an answer"),
		"--yes answers yes to what can be undone; "+instead)
}

// workshop is what a repair works with, and what has to be put away after it.
type workshop struct {
	tools repair.Tools
	// world is of the last look, access is how its arrays were reached.
	world  evidence.World
	access witness.ArrayAccess
	policy diagnose.Policy
	// ask puts questions of the command's own.
	ask asker
	// waveSize is how many volumes go together where nobody is asked about each.
	waveSize int
	report   *reporter
	// stateDir holds the journal and what earlier runs saw.
	stateDir string
	close    func()
}

// open takes the lock and finds the witnesses. Whoever opens it closes it.
func (o *changing) open(ctx context.Context, batch bool) (*workshop, error) {
	if o.sysroot != "" {
		return nil, withHint(usagef("--sysroot is for looking: a recorded host can't be changed"),
			"leave it out, on the host itself")
	}
	from, err := o.sources()
	if err != nil {
		return nil, err
	}
	if err := trusted(from.config); err != nil {
		return nil, err
	}
	book, err := journal.Open(from.config.StateDir)
	if err != nil {
		return nil, noJournal(err, from.config.StateDir)
	}
	if from.ids != nil {
		book.IDs = from.ids
	}
	operator := journal.CurrentOperator(o.Getenv)
	if from.operator != nil {
		operator = *from.operator
	}
	own := journal.Holder{Token: rand.Text(), Operator: operator, Since: o.now().UTC()}
	if err := book.Hold(own); err != nil {
		return nil, errors.Join(err, book.Close())
	}
	o.watched()
	watch := &witness.Watch{}
	w := &workshop{stateDir: from.config.StateDir, waveSize: from.config.Safety.WaveSize, close: func() {
		watch.Close(ctx)
		_ = book.Close()
	}}
	warnings := warner{}
	look := func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		world, access, err := o.askAgain(ctx, from, watch, about)
		w.world, w.access = world, access
		warnings.warn(o.Err, o.warnings(world))
		if err == nil && !own.Alone {
			// The first look asks every member.
			err = o.alone(ctx, from, world, own)
			own.Alone = err == nil
			_ = book.Hold(own) // it is words from here on
		}
		return world, err
	}
	waveSize := 1
	if o.yes {
		// Whoever is asked about each step goes through one volume at a time.
		waveSize = w.waveSize
	}
	w.report = &reporter{o: o, now: o.now, found: map[string]diagnose.Finding{}}
	w.policy = o.policy(from.config)
	w.policy.Batch = batch
	w.policy.DatabaseIsCurrent = o.databaseIsCurrent && !batch
	w.policy.EvenIfRecovered = o.evenIfRecovered && !batch
	w.ask = asker{o: o, several: new(bool)}
	w.tools = repair.Tools{
		Look:   look,
		Policy: w.policy,
		Writer: func(ctx context.Context, arrayID string) (repair.Writer, error) {
			access, ok := w.access[arrayID]
			why := silence(w.world)
			if !ok {
				return nil, fmt.Errorf("array %s did not answer when it was last looked at%s", arrayID, why)
			}
			o.progress.asking(witness.Asking{Kind: "login", Name: "the array for a login", Begins: true})
			defer o.progress.asking(witness.Asking{Kind: "login", Name: "the array for a login", Done: true})
			writer, err := pure.OpenWriter(ctx, access, pure.Options{UserAgent: "pureclean/" + version(), Log: o.log()})
			if err != nil {
				return nil, withHint(err, pure.Hint(err))
			}
			return writer, nil
		},
		Lost: as[*pure.LostError], SessionEnded: as[*pure.SessionEndedError],
		Machine: func(member string) (repair.Machine, bool) { return o.machine(from, w, member) },
		Here:    func(member string) bool { return len(w.world.Hosts) > 0 && w.world.Hosts[0].Name == member },
		Journal: book,
		Ask:     w.ask.ask,
		Report: func(e repair.Event) {
			if e.Phase == repair.Counted {
				own.Done, own.Of = e.N, e.Of
				_ = book.Hold(own)
			}
			w.report.report(e)
		},
		Operator:  operator,
		Typed:     o.typed,
		MaxPerRun: from.config.Safety.MaxPerRun,
		Now:       from.now,
		Uptime:    from.uptime(),
		Sleep:     o.progress.sleeping(o.sleep),
		WaveSize:  waveSize,
	}
	return w, nil
}

// silence says why arrays did not answer.
func silence(world evidence.World) string {
	why := ""
	for _, a := range world.Arrays {
		if a.ID == "" && a.Trouble != "" {
			why += ": " + a.Trouble
		}
	}
	return why
}

// machine is the machine that gave a member's testimony in the last look: this
// one, which comes first, or one that ssh reaches.
func (o *changing) machine(from sources, w *workshop, member string) (repair.Machine, bool) {
	i := slices.IndexFunc(w.world.Hosts, func(h evidence.Host) bool { return h.Name == member })
	switch {
	case i < 0:
		return nil, false
	case i > 0 && (from.fleet == nil || o.noSSH || w.world.Hosts[i].Recorded || w.world.Hosts[i].Boot == ""):
		return nil, false
	case i > 0:
		return from.fleet.Machine(w.world.Hosts[i]), true
	}
	return release.Local{System: from.host, Writer: from.localWriter()}, true
}
