package repair

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// nameless says whether a host has no name of a volume left in /dev: whoever
// finds one takes what it leads to for the volume. A run confirms the same
// before it destroys.
func nameless(host *evidence.Host, serial evidence.Serial) (evidence.Answer, string) {
	var left []diagnose.Name
	for _, n := range diagnose.NamesOf(host) {
		if n.Says == serial {
			left = append(left, n)
		}
	}
	if len(left) == 0 {
		if why := host.Links.Why(); why != "" {
			return evidence.Unknown, "the names in /dev are not all known: " + why
		}
		return evidence.Yes, ""
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
	return evidence.No, why
}
