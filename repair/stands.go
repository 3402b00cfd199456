package repair

import (
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// stands says how the object of a run is, by what was seen last, for whoever
// stopped in the middle: "the volume is disconnected and not destroyed". What
// was not seen is not said.
func (r *run) stands(unclear bool) string {
	const unknown = "how it is now is not known"
	s := r.latest.subject
	switch {
	case r.plan.Class == diagnose.ClassSnapshot:
		if s.snapshot == nil || unclear {
			return unknown
		}
		return "the snapshot is " + state3(s.snapshot.Destroyed, "destroyed")
	case r.plan.ID == "":
		return ""
	case s.volume == nil || s.array == nil || unclear:
		return unknown
	}
	return "the volume is " + r.connectedWords(s) + " and " + state3(s.volume.Destroyed, "destroyed")
}

// connectedWords are what it is connected to, on all arrays that have it.
func (r *run) connectedWords(s subject) string {
	var hosts []string
	for _, row := range s.rows {
		hosts = append(hosts, row.Host)
	}
	switch {
	case len(hosts) > 0:
		return "connected to " + strings.Join(hosts, ", ")
	case !s.array.Connections.IsComplete() || !s.volume.ConnectionCount.IsZero() || s.unreadCopies() != "":
		return "disconnected or not, which is not known,"
	}
	return "disconnected"
}

func state3(is evidence.Answer, word string) string {
	switch {
	case is.Is():
		return word
	case is.IsNot():
		return "not " + word
	}
	return word + " or not, which is not known"
}
