package hostfs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// maxReasons is how many reasons a list gives in full: an operator reads
// three, not three hundred.
const maxReasons = 3

// Doubts collects why a list may lack something.
type Doubts struct{ reasons []string }

// Add adds a reason, once.
func (d *Doubts) Add(format string, args ...any) {
	reason := fmt.Sprintf(format, args...)
	if !slices.Contains(d.reasons, reason) {
		d.reasons = append(d.reasons, reason)
	}
}

// Check adds a doubt for an error, with what was being read.
func (d *Doubts) Check(what string, err error) {
	if err != nil {
		d.Add("%s: %v", what, err)
	}
}

// Merge adds another's reasons.
func (d *Doubts) Merge(other Doubts) {
	for _, reason := range other.reasons {
		d.Add("%s", reason)
	}
}

// None reports that there is no doubt.
func (d *Doubts) None() bool { return len(d.reasons) == 0 }

// String names the first reasons, and how many there are more.
func (d *Doubts) String() string {
	if len(d.reasons) <= maxReasons {
		return strings.Join(d.reasons, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(d.reasons[:maxReasons], "; "), len(d.reasons)-maxReasons)
}

// ListOf is a complete list when there is no doubt.
func ListOf[T any](items []T, d Doubts) evidence.List[T] {
	if items == nil {
		items = []T{}
	}
	if d.None() {
		return evidence.Complete(items)
	}
	return evidence.Incomplete(items, d.String())
}
