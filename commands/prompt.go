package commands

import (
	"bufio"
	"context"
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
type lines struct{ reader *bufio.Reader }

func newLines(r io.Reader) *lines { return &lines{bufio.NewReader(r)} }

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
		return a.line, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// asker puts repair's questions to a person, or to --yes.
type asker struct {
	o      *changing
	reader *lines
}

// replies are the words that a person may answer with, and their beginnings.
var replies = []struct {
	word  string
	reply repair.Reply
}{
	{"yes", repair.Yes},
	{"no", repair.No},
	{"skip", repair.Skip},
	{"more", repair.More},
	{"quit", repair.Quit},
}

func (a asker) ask(ctx context.Context, q repair.Question) (repair.Reply, error) {
	p := colourise(a.o.Streams, a.o.color, a.o.ErrTerminal)
	if q.More {
		a.more(p, q)
	}
	text := fmt.Sprintf("%d/%d  %s?", q.N, q.Of, clean(q.Step.Say))
	if !q.Until.IsZero() {
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
		return repair.No, &HintedError{Err: usagef("nobody is there to answer: %s", text), Hint: "--yes answers yes to what can be undone, --confirm NAME to the one thing that can't"}
	}
	for {
		for i, line := range wrap(text, a.o.width()-2) {
			if i > 0 {
				line = "     " + line
			}
			fmt.Fprintln(a.o.Err, p.bold(line))
		}
		fmt.Fprint(a.o.Err, "     [y/N/skip/more/quit] ")
		line, err := a.reader.next(ctx)
		if err != nil {
			fmt.Fprintln(a.o.Err)
			return repair.Quit, err
		}
		if line == "" {
			return repair.No, nil
		}
		for _, r := range replies {
			if strings.HasPrefix(r.word, strings.ToLower(line)) {
				return r.reply, nil
			}
		}
		fmt.Fprintf(a.o.Err, "     %q is none of yes, no, skip (this volume), more (show why), quit\n", clean(line))
	}
}

// more shows on what the question rests.
func (a asker) more(p palette, q repair.Question) {
	out := &lineWriter{w: a.o.Err}
	explainView{palette: p, width: a.o.width(), verbose: true, e: diagnose.Explanation{Gates: q.Gates, Verdict: diagnose.Safe}}.gates(out)
	for _, command := range q.Step.Manual {
		out.line("     " + a.o.byHand() + clean(command))
	}
}

// reporter prints how a run goes.
type reporter struct {
	o *changing
	// named puts the run's name before each line, where several are under
	// way.
	named bool
	// now is the clock's, began is when it was first reported.
	now   func() time.Time
	began time.Time
}

func (r *reporter) report(e repair.Event) {
	if r.o.brief {
		return
	}
	p := colourise(r.o.Streams, r.o.color, r.o.ErrTerminal)
	indent := strings.Repeat(" ", 5)
	if r.named {
		indent = e.Run + " "
	}
	out := &strings.Builder{}
	lines := func(paint func(string) string, first, text string) {
		for _, line := range wrap(clean(text), r.o.width()-len(indent)) {
			fmt.Fprintln(out, paint(first+line))
			first = indent
		}
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
	case repair.Counted:
		if e.Of > 1 {
			lines(p.bold, "", progressOf(e.N, e.Of, r.now().Sub(r.began)))
		}
	}
	fmt.Fprint(r.o.Err, out)
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
