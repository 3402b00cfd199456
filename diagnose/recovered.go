package diagnose

import (
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// What a run destroyed and lives again was recovered by somebody, who wants it,
// although nothing uses it or has a record of it yet.

func destroyedByUs(all []evidence.Destroyed) map[string]*evidence.Destroyed {
	known := make(map[string]*evidence.Destroyed, len(all))
	for d := range evidence.Refs(all) {
		if old := known[d.VolumeID]; d.VolumeID != "" && (old == nil || (d.Certain.Is() && !old.Certain.Is())) {
			known[d.VolumeID] = d // else the newest run comes first
		}
	}
	return known
}

// recovered says who destroyed an object that lives, and when; empty when
// nothing tells of it.
func (s Subject) recovered() string {
	id, destroyed := s.id(), evidence.Unknown
	switch {
	case s.snapshot != nil:
		destroyed = s.snapshot.Destroyed
	case s.volume != nil:
		destroyed = s.volume.Destroyed
	}
	if destroyed.Is() || s.array == nil {
		return ""
	}
	if t := s.f.trails[id]; t != nil {
		for _, d := range slices.Backward(t.Deeds.Items) {
			if d.Verb == evidence.DeedRecover && !d.Ours.Is() {
				return either(d.User, "somebody") + " recovered it on " + day(d.At) + ", as the array's audit trail has it"
			}
		}
	}
	switch d := s.f.destroyed[id]; {
	case d == nil || d.ArrayID != s.array.ID:
		return ""
	case !d.Certain.Is():
		return "run " + d.Run + " was stopped while it destroyed it (" + day(d.At) + "), and somebody may have recovered it since"
	default:
		return "run " + d.Run + " destroyed it on " + day(d.At) + ", and somebody has recovered it since"
	}
}

func takenBackByUs(all []evidence.TakenBack) map[string]*evidence.TakenBack {
	known := make(map[string]*evidence.TakenBack, len(all))
	for i := range all {
		if b := &all[i]; b.VolumeID != "" && known[b.VolumeID] == nil {
			known[b.VolumeID] = b // the newest comes first
		}
	}
	return known
}

// takenBack says which run an undo took back of this very object; empty for
// none. Who looks at it alone may repair it again, and is told; a batch, in
// which nobody does, leaves it.
func (s Subject) takenBack() string {
	b := s.f.takenBack[s.id()]
	if b == nil || s.array == nil || b.ArrayID != s.array.ID {
		return ""
	}
	return "run " + b.Run + " " + b.Did + " it, and undo " + b.Undo + " took that back on " + day(b.At)
}

// alone is what a batch is told of what an undo took back.
const alone = ": who took it back may want it, so no batch takes it again; by itself it can be repaired"
