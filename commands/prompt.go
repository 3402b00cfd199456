package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

// Questions, and what follows from them, go to stderr: stdout is for data.
// The default of every question is no.

// lines reads answers without keeping a cancelled command waiting.
type lines struct {
	reader *bufio.Reader
	// entered is told that a line came, which the terminal has shown; nil is
	// nobody.
	entered func()
}

func newLines(r io.Reader) *lines { return &lines{reader: bufio.NewReader(r)} }

// next returns one answer. The goroutine that waits for a line that never
// comes ends with the process.
func (l *lines) next(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := l.reader.ReadString('\n')
		answers <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case a := <-answers:
		if l.entered != nil {
			l.entered()
		}
		return a.line, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// asker puts repair's questions to a person, or to --yes.
type asker struct {
	o *changing
	// several is set while more than one volume is to be repaired: then no is
	// about one, and quit about all that follow.
	several *bool
}

// replies are the words that a person may answer with, and their beginnings.
// no and quit are the same where there is only one volume.
var replies = []struct {
	word  string
	reply repair.Reply
	said  string
}{
	{"yes", repair.Yes, ""},
	{"no", repair.No, "left at that; on to the next volume"},
	{"quit", repair.Quit, "left at that; nothing more is begun"},
	{"?", repair.More, ""},
}

func (a asker) ask(ctx context.Context, q repair.Question) (repair.Reply, error) {
	out := a.o.beside()
	if q.More {
		a.more(out, q)
	}
	text := fmt.Sprintf("%d/%d  %s?", q.N, q.Of, clean(q.Step.Say))
	if with := repair.GoesWith(q.Plan, q.N); len(with) > 0 {
		text += fmt.Sprintf(" (%s with it)", goWith(with))
	}
	switch {
	case q.Until.IsZero() && q.Undoable:
		text += " (can be undone)"
	case !q.Until.IsZero():
		text += " (can be undone until " + q.Until.UTC().Format("2006-01-02 15:04 UTC") + ")"
	}
	switch {
	case !repair.Irrevocable(q.Step.Kind):
		if a.o.yes {
			return repair.Yes, nil
		}
	case a.o.typed != "" && a.o.typed == q.Plan.Object:
		return repair.Yes, nil // the name, typed twice, is the answer
	}
	if a.o.noInput || !a.o.InTerminal || !a.o.ErrTerminal {
		return repair.No, withHint(usagef("no terminal to ask on: %s", text), "--yes answers yes to what can be undone, --confirm NAME to the one thing that can't")
	}
	choices, none := "[y/N/?]", "y (do it), n (stop here), ? (why, and by hand)"
	if *a.several {
		choices, none = "[y/N/?/q]", "y (do it), n (on to the next volume), ? (why, and by hand), q (stop)"
	}
	for {
		out.hung("", "     ", text, out.bold)
		fmt.Fprint(a.o.Err, "     "+choices+" ")
		line, err := a.o.answers().next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			// Nobody is there any more. A line without its end is no answer.
			fmt.Fprintln(a.o.Err, "\n     no answer: nothing more is done")
			return repair.Quit, nil
		case err != nil:
			fmt.Fprintln(a.o.Err)
			return repair.Quit, err
		case line == "":
			line = "no"
		}
		for _, r := range replies {
			if !strings.HasPrefix(r.word, strings.ToLower(line)) {
				continue
			}
			if r.said != "" && *a.several {
				fmt.Fprintln(a.o.Err, "     "+r.said)
			}
			return r.reply, nil
		}
		out.hung("     ", "     ", fmt.Sprintf("%q is none of %s", clean(line), none), plain)
	}
}

// goWith names steps that are not asked about by themselves.
func goWith(steps []string) string {
	return strings.Join(steps, " and ") + map[bool]string{true: " goes", false: " go"}[len(steps) == 1]
}

// more shows on what the question rests.
func (a asker) more(out *page, q repair.Question) {
	explainView{page: out, verbose: true, e: diagnose.Explanation{Gates: q.Gates, Verdict: diagnose.Safe}}.gates()
	for _, command := range q.Step.Manual {
		out.line("     " + a.o.byHand() + clean(command))
	}
}

// reporter prints how a run goes.
type reporter struct {
	o *changing
	// batch says of each volume what it is, before anything is done to it.
	batch bool
	// named puts the run's name before each line, where several are under
	// way.
	named bool
	// of is how many a batch tries, and ended how many of them have ended.
	of, ended int
	// found are what was to be repaired, by its object's name.
	found map[string]diagnose.Finding
	// now is the clock's, began is when it was first reported.
	now   func() time.Time
	began time.Time
}

func (r *reporter) report(e repair.Event) {
	if e.Phase == repair.Counted {
		r.of, r.ended = e.Of, e.N
	}
	if e.Phase == repair.Planned && r.batch {
		r.found[e.Plan.Object] = *e.Finding
		r.planned(e)
	}
	if r.o.brief {
		return
	}
	took := time.Duration(0) // where each step is asked about, it is no measure
	if r.o.yes && !r.began.IsZero() {
		took = r.now().Sub(r.began)
	}
	r.o.progress.repairing(e, took)
	var told strings.Builder
	p := r.o.beside()
	p.w = &told // it is written in one piece: several may speak at the same time
	indent := strings.Repeat(" ", 5)
	if r.named {
		indent = e.Run + " "
	}
	lines := func(paint func(string) string, first, text string) {
		p.hung(first, indent, clean(text), paint)
	}
	switch e.Phase {
	case repair.Acts:
		if r.o.verbose || r.o.ErrTerminal {
			lines(p.dim, indent, e.Text)
		}
	case repair.Waits:
		lines(p.dim, indent, e.Text)
	case repair.Ended:
		paint, first := p.good, ""
		if e.Outcome != journal.Done && e.Outcome != journal.Already {
			paint = p.warning
		}
		if r.named {
			first = indent
		}
		lines(paint, first, fmt.Sprintf("%d/%d  %s: %s", e.N, e.Of, e.Step.Say, e.Outcome))
		lines(plain, indent, e.Text)
	case repair.RolledB:
		lines(p.warning, indent, "taken back: "+e.Text)
	case repair.Begins:
		if r.began.IsZero() {
			r.began = r.now()
		}
	case repair.Over:
	case repair.Counted:
		// Where each step is asked about, how fast the answers come is no measure.
		if e.Of > 1 && e.N > 0 && r.o.yes {
			lines(p.bold, "", progressOf(e.N, e.Of, r.now().Sub(r.began)))
		}
	}
	fmt.Fprint(r.o.Err, told.String())
}

// planned says which volume of a batch comes now; where it is asked about, also
// why it is a leftover and what would be done.
func (r *reporter) planned(e repair.Event) {
	what := clean(e.Plan.Object) + " (" + e.Plan.Code
	if e.Finding.Provisioned > 0 {
		what += ", " + size(e.Finding.Provisioned)
	}
	what += ")"
	out := r.o.beside()
	switch {
	case r.o.yes && r.o.brief:
		return
	case r.named:
		out.line(out.bold(e.Run + " " + what))
		return
	}
	out.line("")
	out.wrapped(fmt.Sprintf("%d of %d: %s", r.ended+1, max(r.of, r.ended+1), what), out.bold)
	if r.o.yes || r.o.brief {
		return
	}
	for _, line := range inTwoLines(e.Finding.Detail, out.width-2) {
		out.line("  " + line)
	}
	printSteps(out, *e.Plan, r.o.byHandIf(r.o.verbose))
	out.line("")
}

// inTwoLines is the beginning of a text that may be longer: a question that
// follows it has to fit the same small screen.
func inTwoLines(text string, width int) []string {
	lines := wrap(clean(text), width)
	if len(lines) > 2 {
		lines = []string{lines[0], shortened(strings.Join(lines[1:], " "), width)}
	}
	return lines
}

// until spells the end of an undo window.
func until(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// progressOf says how far a batch is, how fast it goes, and how long it takes
// if that goes on. The first goes alone, and would be too slow a measure.
func progressOf(n, of int, took time.Duration) string {
	text := fmt.Sprintf("%d of %d", n, of)
	if n < 2 || took <= 0 {
		return text
	}
	each := took / time.Duration(n)
	text += ", " + each.Round(time.Second/10).String() + " each"
	if left := of - n; left > 0 {
		text += ", about " + (each * time.Duration(left)).Round(time.Second).String() + " left"
	}
	return text
}
