package commands

import (
	"fmt"
	"io"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

// printEnd ends a batch of several: a line for each that was tried, or that a
// gate refused, and what it comes to. What is only reported was listed above.
func (o *fixOptions) printEnd(f format, rows []repair.Row, took time.Duration) error {
	if f != formatTable || len(rows) < 2 {
		return nil
	}
	t := table{header: []string{"RESULT", "SIZE", "RUN", "UNDO UNTIL", "OBJECT"}, right: []bool{1: true}}
	freed := evidence.CountOf(0)
	last := ""
	for _, row := range rows {
		result := endOf(row)
		if result == "" {
			continue
		}
		bytes, until := "", undoWords(row.Result.Undo)
		found := o.found[row.Plan.Object]
		if found.Provisioned > 0 {
			bytes = size(found.Provisioned)
		}
		if result == "done" {
			if row.Result.Undo.Works {
				last = row.Result.Run
			}
			if row.Plan.Class == diagnose.ClassDestroy && !row.Plan.Keeps {
				freed.Known = freed.Known && found.Unique.Known
				freed.N += found.Unique.N
			}
		}
		t.rows = append(t.rows, []string{result, bytes, row.Result.Run, until, row.Plan.Object})
	}
	n := tallyOf(rows)
	text := fmt.Sprintf("%d repaired", n.done)
	if freed.Known && freed.N > 0 {
		text += " (only they hold " + size(freed.N) + ", free once the array eradicates them)"
	}
	text += fmt.Sprintf(", %d refused, %d left alone, %d not finished, in %s.", n.refused, n.left, n.failed, took.Round(time.Second))
	return o.print(func(w io.Writer) error {
		out := &lineWriter{w: w}
		if len(t.rows) > 0 {
			out.line("")
			if out.err == nil {
				out.err = t.print(w)
			}
			out.line("")
		}
		for _, line := range wrap(text, o.width()) {
			out.line(line)
		}
		if last != "" {
			out.line("To take one back: pureclean undo " + last)
		}
		return out.err
	})
}

// endOf is how one of a batch ended, in a word; empty for what nobody would try.
func endOf(row repair.Row) string {
	switch {
	case row.Result.Changed && row.Result.Outcome != journal.Done && row.Result.Outcome != journal.Already:
		return "stopped"
	case row.Result.Gate != "":
		return "refused: " + row.Result.Gate
	case row.NotTried != "" && len(row.Plan.Steps) == 0:
		return ""
	case row.NotTried != "" || row.Result.Outcome == journal.Declined:
		return "left"
	case row.Result.Outcome == journal.Done || row.Result.Outcome == journal.Already:
		return "done"
	}
	return "failed"
}

func undoWords(p repair.Promise) string {
	switch end := undoUntil(p); {
	case end != nil:
		return until(*end)
	case p.Works:
		return "any time"
	}
	return ""
}
