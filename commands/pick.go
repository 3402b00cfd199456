package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/repair"
)

// picker lets a person choose from a list: "1", "2,5-7", "all", "/text", "q".
// Nothing is chosen by Enter, or by the end of the input.
type picker struct {
	o *common
	// title is said above the list.
	title string
	rows  []string
	// one takes one number only.
	one bool
}

// canPick reports somebody at a terminal to choose.
func (o *common) canPick() bool { return o.InTerminal && o.ErrTerminal }

// pick returns the rows that were chosen, in the order of the list.
func (k picker) pick(ctx context.Context) ([]int, error) {
	shown := k.holding("") // all
	k.list(shown)
	for {
		hint := "1, 2,5-7, all, /text, q"
		if k.one {
			hint = "a number, /text, q"
		}
		fmt.Fprint(k.o.Err, k.o.beside().bold("which? ")+"["+hint+"] ")
		line, err := k.o.answers().next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			fmt.Fprintln(k.o.Err)
			return nil, &repair.DeclinedError{Step: "nothing was chosen", Reply: repair.Quit}
		case err != nil:
			fmt.Fprintln(k.o.Err)
			return nil, err
		case line == "":
		case strings.EqualFold(line, "q") || strings.EqualFold(line, "quit"):
			return nil, &repair.DeclinedError{Step: "nothing was chosen", Reply: repair.Quit}
		case line[0] == '/':
			shown = k.holding(strings.TrimSpace(line[1:]))
			k.list(shown)
		default:
			chosen, why := k.chosen(line, shown)
			if why == "" {
				return chosen, nil
			}
			fmt.Fprintln(k.o.Err, "  "+why)
		}
	}
}

// list shows as many rows as fit above the question.
func (k picker) list(shown []int) {
	fmt.Fprintln(k.o.Err, k.o.beside().bold(k.title))
	fits := len(shown)
	if height := k.o.height(); height > 6 {
		fits = min(fits, height-4)
	}
	for _, i := range shown[:fits] {
		fmt.Fprintf(k.o.Err, "%3d  %s\n", i+1, shortened(clean(k.rows[i]), k.o.width()-5))
	}
	if more := len(shown) - fits; more > 0 {
		fmt.Fprintf(k.o.Err, "     and %d more; /text shows those that hold a text\n", more)
	}
	if len(shown) == 0 {
		fmt.Fprintln(k.o.Err, "     none holds that; / shows all")
	}
}

// shortened cuts a line at the end: the name stands at its beginning.
func shortened(text string, width int) string {
	if letters := []rune(text); len(letters) > width && width > 1 {
		return string(letters[:width-1]) + "…"
	}
	return text
}

// holding are the rows with a text in them.
func (k picker) holding(text string) []int {
	var all []int
	for i, row := range k.rows {
		if strings.Contains(strings.ToLower(row), strings.ToLower(text)) {
			all = append(all, i)
		}
	}
	return all
}

// chosen reads "2,5-7" or "all", which are those that are shown.
func (k picker) chosen(line string, shown []int) (all []int, why string) {
	if strings.EqualFold(line, "all") && !k.one {
		if len(shown) == 0 {
			return nil, "there is nothing to choose here"
		}
		return shown, ""
	}
	for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r == ' ' }) {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.Atoi(first)
		b, wrong := strconv.Atoi(last)
		if err != nil || wrong != nil || a < 1 || a > b || b > len(k.rows) {
			return nil, fmt.Sprintf("%q is no number from 1 to %d", part, len(k.rows))
		}
		for i := a - 1; i < b; i++ {
			if !slices.Contains(shown, i) {
				return nil, fmt.Sprintf("%d is not shown; / shows all", i+1)
			}
			if !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	}
	slices.Sort(all)
	switch {
	case len(all) == 0:
		return nil, "say which"
	case k.one && len(all) > 1:
		return nil, "one at a time"
	}
	return all, ""
}
