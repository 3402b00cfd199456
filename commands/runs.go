package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

type runsOptions struct {
	changing
	resume string
}

func runsCommand(s Streams) *cli.Command {
	o := &runsOptions{changing: changing{common: common{Streams: s}}}
	return &cli.Command{
		Name:  "runs",
		Usage: "what was done, by whom, when, and until when it can be undone; finish an interrupted run",
		UsageText: "pureclean runs\n" +
			"pureclean runs --resume 7f3a",
		Description: exitHelp("0   listed, and no run is interrupted; or the run is finished", "1   with --detailed-exitcode: the run is finished", "4   listed, and a run is interrupted or damaged", "8   the journal can't be read, or a step failed", "16  usage error", "32  declined, refused, or nothing to resume"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "resume", Usage: "finish the interrupted run `ID`", Destination: &o.resume},
		}, o.statedFlags(), o.changingFlags(), o.flags()),
		Action: func(c *cli.Context) error {
			switch {
			case o.resume != "" && (o.output == formatWide || o.output == formatCSV): // which are for the list
				return usagef("unknown output format %q; there is %s, %s, %s", o.output, formatTable, formatJSON, formatYAML)
			case o.resume != "":
			case o.typed != "":
				return usagef("--confirm goes with --resume")
			case o.databaseIsCurrent:
				return usagef("--database-is-current goes with --resume")
			case o.evenIfRecovered:
				return usagef("--even-if-recovered goes with --resume")
			default:
				return runRuns(o)
			}
			done, err := o.known()
			if err != nil {
				return err
			}
			return o.work(c.Context, done, "run "+o.resume, func(ctx context.Context, t repair.Tools) (repair.Result, error) { return t.Resume(ctx, o.resume) })
		},
	}
}

// known says of a run that there is none before anything else is asked for, and
// with which word it ends well.
func (o *runsOptions) known() (done string, err error) {
	_, all, err := o.history()
	i := slices.IndexFunc(all, func(s journal.Summary) bool { return s.ID == o.resume })
	if err == nil && i < 0 {
		err = withHint(fmt.Errorf("%q: %w", o.resume, journal.ErrNoRun), "pureclean runs lists them")
	}
	if err == nil {
		err = readable(all, o.resume)
	}
	if err == nil && all[i].State != journal.Interrupted && all[i].State != journal.UnderWay {
		err = fmt.Errorf("run %s is %s: %w", o.resume, all[i].State, repair.ErrNotInterrupted)
	}
	if err == nil && all[i].Kind == journal.KindUndo {
		return takenBack, nil
	}
	return repaired, err
}

// runsAnswer is what "runs -o json" prints.
type runsAnswer struct {
	Schema string      `json:"schema"`
	Runs   []runAnswer `json:"runs"`
}

type runAnswer struct {
	Run       string     `json:"run"`
	Kind      string     `json:"kind"`
	Of        string     `json:"of"`
	State     string     `json:"state"`
	Object    string     `json:"object"`
	Began     *time.Time `json:"began"`
	Ended     *time.Time `json:"ended"`
	Operator  string     `json:"operator"`
	Host      string     `json:"host"`
	Undoable  bool       `json:"undoable"`
	UndoUntil *time.Time `json:"undo_until"`
	Why       string     `json:"why"`
	// byHand takes a damaged one back, and file is its file.
	byHand  []string
	file    string
	promise repair.Promise
	said    journal.Said
}

func runRuns(o *runsOptions) error {
	from, err := o.sources()
	if err != nil {
		return err
	}
	book := journal.Read(from.config.StateDir)
	all, err := book.List()
	if err != nil {
		return err
	}
	promises, err := repair.Promises(book, o.now())
	if err != nil {
		return err
	}
	answer, interrupted := runsAnswer{Schema: "pureclean/runs/v1", Runs: []runAnswer{}}, false
	for _, s := range all {
		run := runAnswerOf(s, promises[s.ID])
		if s.Damaged != "" {
			history, _ := book.Read(s.ID) // what can be read of it
			run.byHand, run.file = repair.ByHand(history), s.File
		}
		answer.Runs = append(answer.Runs, run)
		interrupted = interrupted || resumable(s.State, s.Kind) || s.Unsettled(o.now())
	}
	err = o.answer(answer, func() table { return runRows(answer, false) }, func(out *page) { o.printRuns(out, answer) })
	if err == nil && interrupted {
		err = errFindings
	}
	return err
}

// printRuns ends with how many there are, and with what to do first. In a
// terminal it is as wide as that.
func (o *runsOptions) printRuns(out *page, answer runsAnswer) {
	if len(answer.Runs) == 0 {
		out.line("Nothing was repaired from this machine yet.")
		return
	}
	rows, width := runRows(answer, false), 0
	if o.OutTerminal && o.output != formatWide {
		width = out.width
		if lines, err := rows.lines(); err == nil && slices.ContainsFunc(lines, func(line string) bool { return len([]rune(line)) > width }) {
			rows = runRows(answer, true)
		}
	}
	if !o.brief {
		out.table(rows, width)
		out.line("")
	}
	n, undoable, first := map[string]int{}, 0, ""
	for _, r := range answer.Runs {
		again := resumable(journal.State(r.State), journal.Kind(r.Kind))
		if again || r.State != string(journal.Interrupted) {
			n[r.State]++
		}
		if r.Undoable {
			undoable++
		}
		if again && first == "" {
			first = r.Run + r.said.ToResume()
		}
	}
	damaged := ""
	if n := n[string(journal.Damaged)]; n > 0 {
		damaged = fmt.Sprintf("%d damaged, ", n)
	}
	out.line(fmt.Sprintf("%s: %d interrupted, %d under way, %s%d can be undone.",
		count(len(answer.Runs), "run"), n[string(journal.Interrupted)], n[string(journal.UnderWay)], damaged, undoable))
	if first != "" {
		out.line("next:  pureclean runs --resume " + first)
	}
	for _, r := range answer.Runs {
		if r.State == string(journal.Damaged) {
			printDamaged(out, r)
		}
	}
}

// printDamaged says what to do about a run of which nobody knows how far it came.
func printDamaged(out *page, r runAnswer) {
	out.line("")
	out.wrapped(clean(fmt.Sprintf("How far run %s%s came is not known: %s", r.Run, ofObject(r.Object), r.Why)), plain)
	if r.Object != "" {
		out.line("look:        pureclean explain --object " + quoteShell(r.Object))
	}
	for _, command := range r.byHand {
		out.line("take back:   " + clean(command) + "   # if you want it back, and it was done")
	}
	out.line("when it is settled:  mv " + quoteShell(r.file) + " " + quoteShell(r.file+".aside"))
}

func runAnswerOf(s journal.Summary, p repair.Promise) runAnswer {
	a := runAnswer{
		Run: s.ID, Kind: string(s.Kind), Of: s.Of, State: string(s.State), Object: s.Object.Name,
		Began: known(s.Began), Ended: known(s.Ended), Operator: operator(s.Operator), Host: s.Operator.Host, Why: s.Why,
		Undoable: p.Works && !p.Perhaps, UndoUntil: undoUntil(p), promise: p, said: s.Said,
	}
	if s.State == journal.UnderWay {
		a.Why = atIt(s)
	}
	if s.Damaged != "" {
		a.Why = s.Damaged
	}
	return a
}

// known is a time that is shown, nil where there is none or it is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func operator(o journal.Operator) string {
	if o.Sudo != "" {
		return o.Sudo + " as " + o.User
	}
	return o.User
}

// atIt says whose process a run is under way in.
func atIt(s journal.Summary) string {
	return fmt.Sprintf("%s is at it on %s, process %d", operator(s.Last), s.Last.Host, s.Last.PID)
}

// runRows are the runs; narrow saves the room that they need least.
func runRows(answer runsAnswer, narrow bool) table {
	t := table{header: []string{"RUN", "KIND", "STATE", "BEGAN", "BY", "UNDO UNTIL", "OBJECT"}}
	if narrow {
		t.header[3] = "BEGAN (UTC)"
	}
	for _, r := range answer.Runs {
		state, began, end, object := r.State, "not known", undoWords(r.promise), r.Object
		if r.Began != nil { // else its first line can't be read
			began = until(*r.Began)
		}
		at := &state
		if narrow {
			began, end, at = strings.TrimSuffix(began, " UTC"), strings.TrimSuffix(end, " UTC"), &object
		}
		if r.State == string(journal.UnderWay) {
			*at += ": " + r.Why
		}
		t.rows = append(t.rows, []string{r.Run, r.Kind, state, began, r.Operator, end, object})
	}
	return t
}
