package fleet

import (
	"fmt"

	"github.com/pureclean/pureclean/evidence"
)

// conversation is one version of what machines say to each other: a look, and a
// step. It has a number of its own, so that members need not be upgraded at the
// same moment.
type conversation struct {
	version int
	// less takes out of an answer what whoever speaks this version did not look
	// for yet, or meant otherwise: it is not known then. Nil is nothing.
	less func(*evidence.Host)
}

// conversations are those that are understood, the newest last: it, and the one
// before. A new one is due when a word of an answer, of a request or of what is
// said during a step is added, goes or changes its meaning, and when a use of a
// device is looked for that was not before. Then less of the one before says
// what its answers leave open; an older program that knows of fewer uses must
// not make anything safe. What is older than the one before is dropped.
//
// Before the first there is none: programs from before it name no conversation,
// wanted the very same program on both sides, and are refused.
var conversations = []conversation{
	{version: 1},
	// A step can be for several volumes.
	{version: severalFrom},
}

// severalFrom is the first conversation in which one step is for several volumes.
const severalFrom = 2

// newest is the conversation that this program would rather have.
func newest(all []conversation) int { return all[len(all)-1].version }

// understood finds a conversation that somebody speaks; false is one that is
// too old, too new, or of a program that names none.
func understood(all []conversation, version int) (conversation, bool) {
	for _, c := range all[max(0, len(all)-2):] {
		if c.version == version {
			return c, true
		}
	}
	return conversation{}, false
}

// apart says how two programs fail to understand each other.
func apart(all []conversation, version int) string {
	theirs := "names no version of the conversation"
	if version > 0 {
		theirs = fmt.Sprintf("speaks version %d of the conversation", version)
	}
	if len(all) < 2 {
		return fmt.Sprintf("it %s, and this one version %d alone", theirs, newest(all))
	}
	return fmt.Sprintf("it %s, and this one versions %d and %d", theirs, all[len(all)-2].version, newest(all))
}
