package commands

import (
	"bytes"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// table renders rows under a header as kubectl and lxc users know it: no
// borders, two spaces between columns. It is the only user of tablewriter.
type table struct {
	header []string
	// right marks the columns of numbers.
	right []bool
	rows  [][]string
}

// lines returns the rendered header and rows, one line each, without trailing
// spaces.
func (t table) lines() ([]string, error) {
	var out bytes.Buffer
	align := make([]tw.Align, len(t.header))
	for i := range align {
		align[i] = tw.AlignLeft
		if i < len(t.right) && t.right[i] {
			align[i] = tw.AlignRight
		}
	}
	w := tablewriter.NewTable(&out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		// The width of ambiguous characters must not depend on the locale.
		tablewriter.WithEastAsian(tw.Off),
	)
	w.Configure(func(c *tablewriter.Config) {
		c.Header.Alignment.PerColumn = align
		c.Row.Alignment.PerColumn = align
	})
	w.Header(t.header)
	for _, row := range t.rows {
		// tablewriter keeps the slice until Render, so every row is its own.
		cells := make([]string, len(t.header))
		for i := range cells {
			if i < len(row) {
				cells[i] = clean(row[i])
			}
		}
		if err := w.Append(cells); err != nil {
			return nil, err
		}
	}
	if err := w.Render(); err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines, nil
}

// rowsIn are its header and its rows in so many columns: where a row is wider,
// what stands in its last one has lines of its own. 0 is any width.
func (t table) rowsIn(width int) (head string, rows [][]string, err error) {
	lines, err := t.lines()
	if err != nil || len(lines) != len(t.rows)+1 {
		return strings.Join(lines, "\n"), nil, err
	}
	last := len(t.header) - 1
	short, alone := table{header: t.header, right: t.right}, make([]string, len(t.rows))
	for i, row := range t.rows {
		if row = slices.Clone(row); width > 0 && len([]rune(lines[i+1])) > width && len(row) > last {
			alone[i], row[last] = clean(row[last]), ""
		}
		short.rows = append(short.rows, row)
	}
	if lines, err = short.lines(); err != nil {
		return "", nil, err
	}
	for i, line := range lines[1:] {
		rows = append(rows, append([]string{line}, hung("  ", "  ", alone[i], width)...))
	}
	return lines[0], rows, nil
}
