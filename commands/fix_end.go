package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

// printEnd ends a batch of several: a line for each that was tried, or that a
// gate refused, why those are left that are, and what it comes to, which is last.
// With whys, nothing of that was told before.
func (o *fixOptions) printEnd(rows []repair.Row, took time.Duration, whys bool) error {
	if o.output != formatTable || len(rows) < 2 {
		return nil
	}
	t := table{header: []string{"RESULT", "SIZE", "RUN", "OBJECT"}, right: []bool{1: true}}
	freed := evidence.CountOf(0)
	last, end := "", time.Time{}
	for _, row := range rows {
		result := endOf(row)
		if result == "" {
			continue
		}
		bytes, found := "", o.found[row.Plan.Object]
		if found.Provisioned > 0 {
			bytes = size(found.Provisioned)
		}
		if undo := row.Result.Undo; result == "done" && undo.Works {
			last = row.Result.Run + row.Result.Said.ToUndo()
			if end.IsZero() || !undo.Until.IsZero() && undo.Until.Before(end) {
				end = undo.Until
			}
		}
		if result == "done" && row.Plan.Class == diagnose.ClassDestroy && !row.Plan.Keeps {
			freed.Known = freed.Known && found.Unique.Known
			freed.N += found.Unique.N
		}
		t.rows = append(t.rows, []string{result, bytes, row.Result.Run, row.Plan.Object})
	}
	n := tallyOf(rows)
	text := fmt.Sprintf("%d repaired", n.done)
	if freed.Known && freed.N > 0 {
		text += " (only they hold " + size(freed.N) + ", free once the array eradicates them)"
	}
	text += fmt.Sprintf(", %d refused, %d left alone, %d not finished, in %s.", n.refused, n.left, n.failed, took.Round(time.Second))
	if where := haltedIn(rows); where != "" {
		text = capital(where) + ". " + text
	}
	return o.text(func(out *page) {
		if len(t.rows) > 0 {
			out.line("")
			out.table(t, out.width)
			out.line("")
		}
		if whys && !o.brief {
			o.printWhys(out, rows)
		}
		out.wrapped(text, plain)
		switch {
		case last != "" && end.IsZero():
			out.line("To take one back: pureclean undo " + last)
		case last != "":
			out.line("To take one back: pureclean undo " + last + " (until " + until(end) + ")")
		}
	})
}

// endOf is how one of a batch ended, in a word; empty for what nobody would try.
func endOf(row repair.Row) string {
	switch {
	case row.Result.Changed && row.Result.Outcome != journal.Done && row.Result.Outcome != journal.Already, errors.Is(row.Err, context.Canceled):
		return "stopped"
	case row.Result.Gate != "":
		return "gate " + row.Result.Gate
	case row.NotTried != "" && len(row.Plan.Steps) == 0:
		return ""
	case row.NotTried != "" || row.Result.Outcome == journal.Declined:
		return "left"
	case row.Result.Outcome == journal.Done || row.Result.Outcome == journal.Already:
		return "done"
	}
	return "failed"
}

// why is a reason for which some of a batch were left.
type why struct {
	result, gate, text, passes string
	// n are left for it, of a gate also those with other words.
	n, others int
}

// printWhys says once each why rows are left, and all there is of what did not
// go well.
func (o *fixOptions) printWhys(out *page, rows []repair.Row) {
	var all []why
	var broken []repair.Row
	reported := 0
	for _, row := range rows {
		result := endOf(row)
		switch {
		case result == "done" || halted(row) != "" && result == "stopped":
			continue
		case result == "":
			reported++
			continue
		case result == "stopped" || result == "failed":
			broken = append(broken, row)
			continue
		}
		w := whyOf(result, row)
		i := slices.IndexFunc(all, func(other why) bool {
			return other.result == w.result && other.passes == w.passes && (w.gate != "" || other.text == w.text)
		})
		switch {
		case i < 0:
			all = append(all, w)
		default:
			all[i].n++
			if all[i].text != w.text {
				all[i].others++
			}
		}
	}
	para := func(text string) { out.hung("", "  ", clean(text), plain) }
	for _, w := range all {
		text := fmt.Sprintf("%s (%d): ", w.result, w.n)
		if w.others > 0 {
			text += "of the first, "
		}
		text += w.text
		if w.passes != "" {
			text += ". What to do: " + w.passes
		}
		para(text)
	}
	if reported > 0 {
		para(fmt.Sprintf("%d more %s only reported: pureclean scan says why, and what to do", reported, verb(reported, "is", "are")))
	}
	if len(all) > 0 || reported > 0 {
		out.line("")
	}
	for _, row := range broken {
		printResult(out, repaired, resultOf(row))
	}
}

// whyOf is why a row is left that was not repaired.
func whyOf(result string, row repair.Row) why {
	w := why{result: result, text: cmp.Or(row.NotTried, row.Result.Why), n: 1}
	var refused *repair.RefusedError
	switch {
	case errors.As(row.Err, &refused):
		left := refusedBy(row.Plan, row.Err)
		w.gate, w.text, w.passes = left.Gate, left.Why, left.Passes
	case errors.As(row.Err, new(*repair.DeclinedError)):
		w.text = "the answer was no"
	}
	return w
}

// undoWords is until when a run can be undone; empty when it can't be.
func undoWords(p repair.Promise) string {
	switch end := undoUntil(p); {
	case end != nil:
		return until(*end)
	case p.Perhaps:
		return "perhaps"
	case p.Works:
		return "any time"
	}
	return ""
}
