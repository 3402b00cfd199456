package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

// printPlans prints what would be done. What would be refused has no plan, only its
// reason.
func (o *fixOptions) printPlans(answer savedPlans) error {
	answer.Schema, answer.Plans, answer.Left, answer.Waves = plansSchema, some(answer.Plans), some(answer.Left), some(answer.Waves)
	return o.answer(answer, nil, func(out *page) { o.showPlans(out, answer) })
}

// showPlans ends a batch with what it comes to. What is only reported beside
// others is counted there, or listed with -v.
func (o *fixOptions) showPlans(out *page, answer savedPlans) {
	for _, plan := range answer.Plans {
		printPlan(out, plan, o.byHand())
	}
	reported := words.HowMany(answer.Left, func(l leftOut) bool { return l.reported })
	refused := words.HowMany(answer.Left, func(l leftOut) bool { return !l.reported && l.Gate != "" })
	others := len(answer.Plans)+len(answer.Left) > reported
	for _, l := range answer.Left {
		if l.reported && o.volume == "" && !o.verbose && others {
			continue // scan has them, with what to do
		}
		out.line(out.bold(clean(l.Object) + " (" + l.Code + ")"))
		word := "would be refused: " + l.Gate + ": "
		if l.Gate == "" {
			word = "would be left alone: "
		}
		for _, text := range []string{word + l.Why, l.Passes} {
			out.hung("  ", "    ", clean(text), plain)
		}
		out.line("")
	}
	if len(answer.Waves) > 1 {
		out.line("With --yes they go in waves of " + inWords(answer.Waves) + "; without, one after the other.")
	}
	if len(answer.Plans)+len(answer.Left) == 0 {
		out.line("There is nothing to repair.")
	} else if o.volume == "" {
		text := fmt.Sprintf("%d would be repaired, %d refused, %d left for later", len(answer.Plans), refused, len(answer.Left)-reported-refused)
		if reported > 0 {
			text += fmt.Sprintf("; %d %s only reported: pureclean scan says what to do", reported, verb(reported, "is", "are"))
		}
		out.wrapped(text+". Nothing was changed.", plain)
	}
}

// printPlan shows one plan, step by step, and, if byHandWords is set, by which
// commands a person would do about the same. Where each step is asked about these
// are in the answer to "more": the plan has to fit a small screen.
func printPlan(out *page, plan repair.Plan, byHandWords string) {
	out.line(out.bold("plan for " + clean(plan.Object)))
	printSteps(out, plan, byHandWords)
	if name := plan.Typed(); name != "" {
		out.hung("  ", "  ", clean("It can't be undone: the run wants its name again, as --confirm "+quoteShell(name)), plain)
	}
	out.line("")
}

// printSteps lists the steps of a plan.
func printSteps(out *page, plan repair.Plan, byHandWords string) {
	for i, step := range plan.Steps {
		out.hung("  ", "       ", fmt.Sprintf("%d/%d  %s", i+1, len(plan.Steps), clean(step.Say)), plain)
		for _, command := range step.Manual {
			if byHandWords == "" {
				break
			}
			out.line(out.dim("       " + byHandWords + clean(command)))
		}
	}
}

// resultsAnswer is what "fix -o json" prints.
type resultsAnswer struct {
	Schema  string         `json:"schema"`
	Results []resultAnswer `json:"results"`
}

type resultAnswer struct {
	Object    string     `json:"object"`
	Code      string     `json:"code"`
	Run       string     `json:"run"`
	Outcome   string     `json:"outcome"`
	Gate      string     `json:"gate"`
	Why       string     `json:"why"`
	Step      string     `json:"step"`
	Changed   bool       `json:"changed"`
	State     []string   `json:"state"`
	Undoable  bool       `json:"undoable"`
	UndoUntil *time.Time `json:"undo_until"`
	// stopped says where it was stopped in the middle; halted the same of one
	// that left nothing changed.
	stopped, halted string
	// passes is what to do about a refusal.
	passes string
	said   journal.Said
}

// printResults prints how runs ended; done is the word for those that went
// well.
func (o *changing) printResults(done string, rows ...repair.Row) error {
	answer := resultsAnswer{"pureclean/fix/v1", each(rows, resultOf)}
	return o.answer(answer, nil, func(out *page) {
		for _, r := range answer.Results {
			printResult(out, done, r)
		}
	})
}

func resultOf(row repair.Row) resultAnswer {
	r := resultAnswer{
		Object: row.Plan.Object, Code: row.Plan.Code, Run: row.Result.Run, Outcome: string(row.Result.Outcome), Gate: row.Result.Gate,
		Why: row.Result.Why, Step: row.Result.Step, Changed: row.Result.Changed, State: some(row.Result.State),
	}
	r.Undoable, r.UndoUntil = row.Result.Undo.Works, undoUntil(row.Result.Undo)
	r.said = row.Result.Said
	r.stopped, r.halted = stopped(row.Result), halted(row)
	if errors.Is(row.Err, context.Canceled) {
		r.Why = "it was cancelled"
	}
	if row.NotTried != "" {
		r.Outcome, r.Why = string(journal.Declined), row.NotTried
	}
	if as[*repair.RefusedError](row.Err) && !row.Result.Changed && !strings.Contains(r.Why, ". What to do: ") {
		r.passes = refusedBy(row.Plan, row.Err).Passes
	}
	return r
}

func printResult(out *page, done string, r resultAnswer) {
	head, paint := done, out.good
	switch journal.Outcome(r.Outcome) {
	case journal.Done, journal.Already:
	case journal.Refused:
		head, paint = "Refused", out.warning
	case journal.Declined:
		head, paint = "Left alone", out.warning
	default:
		head, paint = "Not finished", out.critical
	}
	switch {
	case r.stopped != "":
		head, paint = capital(r.stopped), out.critical
	case r.halted != "":
		head, paint = capital(r.halted), out.warning
	}
	text := head + ": " + clean(r.Object)
	if r.Why != "" {
		text += ": " + clean(r.Why)
	}
	out.wrapped(text, paint)
	for _, state := range r.State {
		out.hung("  - ", "    ", clean(state), plain)
	}
	switch {
	case r.stopped != "":
		out.line("go on:      pureclean runs --resume " + r.Run + r.said.ToResume())
		if r.Undoable {
			out.line("take back:  pureclean undo " + r.Run + r.said.ToUndo())
		}
	case r.UndoUntil != nil:
		out.line(fmt.Sprintf("Undo until %s: pureclean undo --run %s%s", until(*r.UndoUntil), r.Run, r.said.ToUndo()))
	case r.Undoable:
		out.line("Undo: pureclean undo --run " + r.Run + r.said.ToUndo())
	}
	if !r.Changed && head != done {
		out.line("Nothing was changed.")
	}
	if r.passes != "" {
		out.wrapped("What to do: "+clean(r.passes), plain)
	}
}

// undoUntil is when undo stops working; nil when it does not work, or does not
// stop.
func undoUntil(p repair.Promise) *time.Time {
	if !p.Works {
		return nil
	}
	return known(p.Until)
}

// ended is the error with which a command ends whose run ended so. Refused or
// cancelled after something was changed is neither: it is not finished, and
// must not pass for "nothing was changed".
func (o *changing) ended(result repair.Result, err error) error {
	switch {
	case err == nil:
		return o.allDone()
	case !result.Changed:
		return err
	}
	why := stopped(result)
	if result.Stands != "" {
		why += "; " + result.Stands
	}
	switch {
	case errors.Is(err, context.Canceled):
		why += " (it was cancelled)"
	case errors.As(err, new(*repair.DeclinedError)):
		why += " (the answer was no)"
	default:
		why += " (" + err.Error() + ")"
	}
	hint := "go on with pureclean runs --resume " + result.Run + result.Said.ToResume()
	if result.Undo.Works {
		hint += ", take back with pureclean undo " + result.Run + result.Said.ToUndo()
	}
	return withHint(errors.New(why), hint)
}

// stopped says where a run was stopped in the middle; empty when it was not.
func stopped(result repair.Result) string {
	switch {
	case !result.Changed || result.Outcome == journal.Done:
		return ""
	case result.Done == 0:
		return fmt.Sprintf("stopped in step 1 of %d", result.Of)
	default:
		return fmt.Sprintf("stopped after step %d of %d", result.Done, result.Of)
	}
}

// halted says where a run was stopped of which nothing has stayed: it was
// cancelled, or a no came after steps that were taken back then.
func halted(row repair.Row) string {
	cancelled := errors.Is(row.Err, context.Canceled)
	takenBack := row.Result.Outcome == journal.Declined && len(row.Result.State) > 0
	switch {
	case row.Result.Changed || row.Result.Of == 0 || !cancelled && !takenBack:
		return ""
	case row.Result.Done > 0:
		return fmt.Sprintf("stopped after step %d of %d", row.Result.Done, row.Result.Of)
	case cancelled:
		return fmt.Sprintf("stopped before step 1 of %d", row.Result.Of)
	}
	return ""
}

// batchStatus is how a batch ends.
func (o *changing) batchStatus(rows []repair.Row, c choice) error {
	n := tallyOf(rows)
	switch {
	case n.failed > 0:
		return withHint(fmt.Errorf("%s failed; %d repaired, %d left alone", count(n.failed, "repair"), n.done, n.left+n.refused),
			"pureclean runs lists what was done; --resume finishes an interrupted run")
	case c.doubt != nil:
		return c.doubt
	case n.left+n.refused == 0:
		return o.allDone()
	case n.done == 0:
		for _, row := range rows {
			switch {
			case errors.As(row.Err, new(*repair.DeclinedError)):
				return &repair.DeclinedError{Step: "all of them"}
			case row.Err != nil:
				return refusal(rows)
			}
		}
		if len(c.plans) == 0 {
			return errFindings
		}
		return &repair.DeclinedError{Step: "all of them"}
	default:
		return errFindings
	}
}

// inWords are the sizes of waves, those that follow each other and are the same
// told once.
func inWords(waves []int) string {
	var parts []string
	for i := 0; i < len(waves); {
		n := 1
		for i+n < len(waves) && waves[i+n] == waves[i] {
			n++
		}
		part := strconv.Itoa(waves[i])
		if n > 1 {
			part += fmt.Sprintf(" (%d times)", n)
		}
		parts = append(parts, part)
		i += n
	}
	return strings.Join(parts, ", ")
}

// tally counts how the rows of a batch ended.
type tally struct{ done, refused, left, failed int }

func tallyOf(rows []repair.Row) tally {
	n := tally{}
	for _, row := range rows {
		switch {
		case row.Result.Outcome == journal.Refused && !row.Result.Changed:
			n.refused++
		case row.NotTried != "":
			n.left++
		case row.Result.Outcome == journal.Done || row.Result.Outcome == journal.Already:
			n.done++
		case row.Result.Outcome == journal.Declined && !row.Result.Changed:
			n.left++
		default:
			n.failed++
		}
	}
	return n
}
