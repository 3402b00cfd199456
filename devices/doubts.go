package devices

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// maxReasons is how many reasons a list gives in full: an operator reads
// three, not three hundred.
const maxReasons = 3

// doubts collects why a list may lack something.
type doubts struct{ reasons []string }

func (d *doubts) add(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if !slices.Contains(d.reasons, reason) {
		d.reasons = append(d.reasons, reason)
	}
}

// check adds a doubt for an error, with what was being read.
func (d *doubts) check(what string, err error) {
	if err != nil {
		d.add("%s: %v", what, err)
	}
}

func (d *doubts) merge(other doubts) {
	for _, reason := range other.reasons {
		d.add("%s", reason)
	}
}

func (d *doubts) none() bool { return len(d.reasons) == 0 }

func (d *doubts) String() string {
	if len(d.reasons) <= maxReasons {
		return strings.Join(d.reasons, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(d.reasons[:maxReasons], "; "), len(d.reasons)-maxReasons)
}

// listOf is a complete list when there is no doubt.
func listOf[T any](items []T, d doubts) evidence.List[T] {
	if items == nil {
		items = []T{}
	}
	if d.none() {
		return evidence.Complete(items)
	}
	return evidence.Incomplete(items, d.String())
}
