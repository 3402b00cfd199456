package commands

import (
	"cmp"
	"io"
	"strings"

	"github.com/fatih/color"
)

// defaultWidth is assumed where there is no terminal to ask.
const defaultWidth = 80

func (s Streams) width() int {
	if s.Width == nil || !s.OutTerminal {
		return defaultWidth
	}
	return cmp.Or(max(s.Width(), 0), defaultWidth)
}

func (s Streams) height() int {
	if s.Height == nil {
		return 0
	}
	return s.Height()
}

// page is what people read: as wide as there is room, in the colours of where it
// goes, and written until the first error.
type page struct {
	palette
	w     io.Writer
	width int
	err   error
}

// onto is a page that goes where the answer goes.
func (o *common) onto(w io.Writer) *page {
	return &page{palette: colourise(o.Streams, o.color, o.OutTerminal), w: w, width: o.width()}
}

// beside is a page on the standard error, beside the answer.
func (o *common) beside() *page {
	return &page{palette: colourise(o.Streams, o.color, o.ErrTerminal), w: o.Err, width: o.width()}
}

// text prints what people read.
func (o *common) text(people func(out *page)) error {
	return o.print(func(w io.Writer) error {
		out := o.onto(w)
		people(out)
		return out.err
	})
}

// answer prints an answer in the format that was asked for: as data, as rows, of
// which not every answer has any, or as people read it.
func (o *common) answer(data any, rows func() table, people func(out *page)) error {
	switch {
	case o.output.isData():
		return o.print(func(w io.Writer) error { return printData(w, o.output, data) })
	case o.output == formatCSV && rows != nil:
		return o.print(func(w io.Writer) error { return printCSV(w, rows()) })
	}
	return o.text(people)
}

// line prints a line, or several, as they are.
func (p *page) line(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text+"\n")
	}
}

func (p *page) hung(first, rest, text string, paint func(string) string) {
	for _, line := range hung(first, rest, text, p.width) {
		p.line(paint(line))
	}
}

func (p *page) wrapped(text string, paint func(string) string) { p.hung("", "", text, paint) }

// headed prints a head that begins with a name, which alone is painted.
func (p *page) headed(name, rest string, paint func(string) string) {
	for i, line := range wrap(name+rest, p.width) {
		if after, ok := strings.CutPrefix(line, name); ok && i == 0 {
			line = paint(name) + after
		}
		p.line(line)
	}
}

// table prints a table in so many columns; 0 is any width.
func (p *page) table(t table, width int) {
	head, rows, err := t.rowsIn(width)
	if err != nil {
		p.err = err
		return
	}
	p.line(head)
	for _, row := range rows {
		for _, line := range row {
			p.line(line)
		}
	}
}

// colors are the values of --color, the default first.
var colors = []string{"auto", "always", "never"}

// palette colours what a person should see first. Without colour every
// function returns its text.
type palette struct {
	critical, warning, good, dim, bold func(string) string
}

// plain paints nothing.
func plain(text string) string { return text }

// colourise decides for one stream: fatih/color decides once, for stdout.
func colourise(s Streams, when string, terminal bool) palette {
	on := terminal && s.Getenv("NO_COLOR") == "" && s.Getenv("TERM") != "dumb"
	switch when {
	case "always":
		on = true
	case "never":
		on = false
	}
	paint := func(attributes ...color.Attribute) func(string) string {
		if !on {
			return plain
		}
		c := color.New(attributes...)
		c.EnableColor()
		return func(text string) string { return c.Sprint(text) }
	}
	return palette{
		critical: paint(color.FgRed, color.Bold),
		warning:  paint(color.FgYellow),
		good:     paint(color.FgGreen),
		dim:      paint(color.Faint),
		bold:     paint(color.Bold),
	}
}
