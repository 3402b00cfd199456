package records

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// doubts are the reasons why a list may lack something, in the order found.
type doubts struct {
	whys []string
	// more counts the reasons beyond most.
	more int
	hint string
}

// most is how many reasons one list spells out: one cause can spoil every row.
const most = 5

func (d *doubts) add(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	switch {
	case slices.Contains(d.whys, why):
	case len(d.whys) == most:
		d.more++
	default:
		d.whys = append(d.whys, why)
	}
}

// copy is the same reasons, to be added to independently.
func (d *doubts) copy() doubts {
	return doubts{whys: slices.Clone(d.whys), more: d.more, hint: d.hint}
}

// fail adds an error as a reason; nil is none.
func (d *doubts) fail(err error) {
	if err == nil {
		return
	}
	d.add("%v", err)
	d.advise(Hint(err))
}

// advise keeps the first thing that the operator can do.
func (d *doubts) advise(hint string) {
	d.hint = cmp.Or(d.hint, hint)
}

// why is all reasons in one sentence, empty when there is none.
func (d *doubts) why() string {
	why := strings.Join(d.whys, "; ")
	if d.more > 0 {
		why += fmt.Sprintf("; and %d more", d.more)
	}
	return why
}

// list makes a list complete only when there is no reason against it.
func list[T any](items []T, d *doubts) evidence.List[T] {
	if len(d.whys) == 0 {
		return evidence.Complete(items)
	}
	return evidence.Incomplete(items, d.why())
}
