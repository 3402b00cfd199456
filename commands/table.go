package commands

import (
	"bytes"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// table renders rows under a header as kubectl and lxc users know it: no
// borders, two spaces between columns. It is the only user of tablewriter, which
// breaks no line here: its own wrapping cuts a name that is to be copied whole.
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
	align := tw.MakeAlign(len(t.header), tw.AlignLeft)
	for i, right := range t.right {
		if right {
			align[i] = tw.AlignRight
		}
	}
	w := tablewriter.NewTable(&out,
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Symbols:  tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		}),
		tablewriter.WithAlignment(align),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		// The width of ambiguous characters must not depend on the locale.
		tablewriter.WithEastAsian(tw.Off),
	)
	w.Header(t.header)
	for _, row := range t.rows {
		// tablewriter keeps the slice until Render, so every row is its own.
		if err := w.Append(each(row[:min(len(row), len(t.header))], clean)); err != nil {
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
