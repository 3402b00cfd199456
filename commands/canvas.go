package commands

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// What a terminal is told. The alternate screen keeps what was there before;
// lines are cut at the edge instead of wrapped, so that rows can be counted.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// canvas is a terminal that is drawn again and again.
type canvas struct {
	out     io.Writer
	resized <-chan os.Signal
	stop    func()
	open    bool
}

func openCanvas(s Streams) *canvas {
	c := &canvas{out: s.Out, stop: func() {}, open: true}
	if s.Resized != nil {
		c.resized, c.stop = s.Resized()
	}
	fmt.Fprint(s.Out, enterScreen)
	return c
}

// close gives the terminal back as it was.
func (c *canvas) close() {
	if c.open {
		c.open = false
		c.stop()
		fmt.Fprint(c.out, leaveScreen)
	}
}

// show draws lines over what was there, without a flicker.
func (c *canvas) show(lines []string) error {
	var b bytes.Buffer
	b.WriteString(cursorHome)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		// Cleared first: behind a line as wide as the terminal the cursor still
		// stands on its last column.
		b.WriteString(clearLine + line)
	}
	b.WriteString(clearBelow)
	if _, err := c.out.Write(b.Bytes()); err != nil {
		return &outputError{err}
	}
	return nil
}

// mostChanges are shown above the answer; the rest is counted.
const mostChanges = 5

// draw draws the last look: a line about the watching, what changed, and as
// much of the answer as there are rows.
func (w *watcher) draw(looking bool) error {
	if w.screen == nil {
		return nil
	}
	var b bytes.Buffer
	out := w.o.onto(&b)
	head := fmt.Sprintf("%s every %s · ", w.name, span(w.every.String()))
	switch {
	case looking:
		head += "looking ..."
	case w.seen:
		head += "look " + fmt.Sprint(w.looks) + " at " + clock(w.at)
	default:
		head += "not seen yet"
	}
	out.line(out.bold(head) + out.dim(" · Ctrl-C ends"))
	if w.o.inDemo() {
		out.line(out.warning(demoWords))
	}
	if w.seen {
		out.wrapped(w.last.summary, plain)
		for _, warning := range w.last.warnings {
			out.wrapped(clean(warning), out.warning)
		}
	}
	if w.failure != nil {
		out.wrapped("! the last look failed: "+outcome(w.failure).Message+"; it is tried again", out.warning)
	}
	for i, c := range w.changes {
		if i == 0 {
			out.line(out.dim("changed at " + clock(w.when) + ":"))
		}
		if i == mostChanges {
			out.line(fmt.Sprintf("and %d more", len(w.changes)-i))
			break
		}
		out.hung("", "  ", c.line(), out.bold)
	}
	out.line("")
	if w.seen {
		w.last.print(out)
	}
	if out.err != nil {
		return out.err
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, fold(strings.TrimRight(line, "\n"), out.width)...)
	}
	if rows := w.o.height(); rows > 2 && len(lines) > rows {
		hidden := len(lines) - rows + 1
		lines = append(lines[:rows-1], out.dim(fmt.Sprintf("… %s below; a taller window shows more", count(hidden, "line"))))
	}
	return w.screen.show(lines)
}

// fold breaks a line that is wider than the terminal: a name that is longer
// than it. What colours it takes no room.
func fold(line string, width int) []string {
	var lines []string
	used, from := 0, 0
	for i := 0; i < len(line); {
		if at := noRoom.FindStringIndex(line[i:]); at != nil && at[0] == 0 {
			i += at[1]
			continue
		}
		if used == width {
			lines = append(lines, line[from:i])
			used, from = 0, i
		}
		_, n := utf8.DecodeRuneInString(line[i:])
		i += n
		used++
	}
	return append(lines, line[from:])
}

// leave prints the last look once more, where it stays.
func (w *watcher) leave() error {
	if !w.seen {
		return nil
	}
	w.warner.warn(w.o.Err, w.last.warnings)
	return w.o.text(w.last.print)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }
