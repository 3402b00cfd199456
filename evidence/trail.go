package evidence

import "time"

// Trail is what an array's audit trail tells of one volume. The zero Trail
// tells nothing, and an array that has no trail for us gives none.
type Trail struct {
	// VolumeID is a volume's or snapshot's id; the name of a volume that the
	// array does not have any more.
	VolumeID string `json:"volume_id"`
	// Deeds are the commands that name the volume, or its id, the oldest
	// first. Whether refused ones are among them differs.
	Deeds List[Deed] `json:"deeds"`
	// Since is how far back the array's trail reaches, by its clock: no row of
	// any volume's is older. It is asked for where the volume's making is not
	// among the deeds; zero where it is not known.
	Since time.Time `json:"since,omitzero"`
}

// Deed is one command of an array's audit trail.
type Deed struct {
	// At is when, by the array's clock.
	At time.Time `json:"at"`
	// Verb is what it did, one of the words below; any other word of the
	// array's is DeedOther.
	Verb string `json:"verb"`
	// User ran it, through Interface: "REST", "CLI" or "GUI".
	User      string `json:"user"`
	Interface string `json:"interface"`
	// Hosts are the array hosts, or host groups, that a connect or disconnect
	// names. That none can be read there says nothing of whose they were.
	Hosts []string `json:"hosts,omitempty"`
	// Ours is yes where the journal here says that a run of pureclean did it.
	Ours Answer `json:"ours"`
}

// The words of Deed.Verb.
const (
	DeedCreate     = "create"
	DeedConnect    = "connect"
	DeedDisconnect = "disconnect"
	DeedDestroy    = "destroy"
	DeedRecover    = "recover"
	DeedEradicate  = "eradicate"
	// DeedCopy is a copy from it or over it, or a snapshot of it.
	DeedCopy   = "copy"
	DeedRename = "rename"
	DeedOther  = "other"
)
