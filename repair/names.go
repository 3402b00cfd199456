package repair

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// nameLeft says which name of a volume a host still has in /dev, "" for none:
// whoever finds one takes what it leads to for the volume. A run confirms the
// same before it destroys.
func nameLeft(host *evidence.Host, serial evidence.Serial) string {
	var left []diagnose.Name
	for _, n := range diagnose.NamesOf(host) {
		if n.Says == serial {
			left = append(left, n)
		}
	}
	if len(left) == 0 {
		return ""
	}
	told := left[0]
	for _, n := range left {
		if told.Right.Is() && !n.Right.Is() {
			told = n
		}
	}
	why := "its name " + told.Path + " is still there and " + strings.TrimPrefix(told.Why, "it is ")
	if len(left) > 1 {
		why += fmt.Sprintf(" (%d names)", len(left))
	}
	return why
}
