// Package toy has rules with tests and rules without.
package toy

import (
	"errors"
	"time"
)

// Answer is yes, no or unknown.
type Answer int

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// patience is how long anybody waits.
const patience = 10 * time.Second

// most is how many may go.
const most = 5

var errMany = errors.New("too many")

// Allowed is well tested.
func Allowed(known, used bool, n int) (Answer, error) {
	if !known || used {
		return Unknown, nil
	}
	if n > most {
		return No, errMany
	}
	return Yes, nil
}

// Waited has a limit that no test comes near.
func Waited(d time.Duration) bool {
	return d >= patience
}

// Note has a rule that no test sees: nobody tries what is named "b".
func Note(names []string) []string {
	var noted []string
	for _, name := range names {
		if name == "b" {
			continue
		}
		noted = append(noted, name)
	}
	return noted
}

// Forgotten is called by no test.
func Forgotten(names []string) bool {
	for _, bad := range []string{"x", "y"} {
		if len(names) > 0 && names[0] == bad {
			return true
		}
	}
	return false
}

// Smaller is the smaller of two; of two that are the same it does not matter
// which.
func Smaller(a, b int) int {
	if a < b {
		return a
	}
	return b
}
