package evidence

import "time"

// Destroyed is a volume or a snapshot that a run of pureclean destroyed, or may
// have destroyed, and that no undo brought back. It comes from the journal of
// the machine that asks. An array that lists it live says that somebody has
// recovered it; an empty journal is no evidence in either direction.
type Destroyed struct {
	// Run names the run.
	Run     string `json:"run"`
	ArrayID string `json:"array_id"`
	// VolumeID is the id on the array, of a snapshot the snapshot's.
	VolumeID string `json:"volume_id"`
	// At is when, by the clock of the machine with the journal.
	At time.Time `json:"at"`
	// Certain is no where the run was stopped between the request and the
	// look that was to follow.
	Certain Answer `json:"certain"`
	// Final is yes where another run made it final and saw that: it was
	// eradicated, so nobody can have recovered it.
	Final Answer `json:"final,omitzero"`
}

// TakenBack is a volume or a snapshot that a run of pureclean destroyed or
// disconnected, and that an undo brought back: whoever undid it wants it.
type TakenBack struct {
	// Run and Undo name the two runs.
	Run  string `json:"run"`
	Undo string `json:"undo"`
	// Did is what the run had done, in a word: destroyed, or disconnected.
	Did      string `json:"did"`
	ArrayID  string `json:"array_id"`
	VolumeID string `json:"volume_id"`
	// At is when the undo ended, by the clock of the machine with the journal.
	At time.Time `json:"at"`
}
