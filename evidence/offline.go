package evidence

// LeftOffline is a path that a run of pureclean set offline and, being
// interrupted, left so. It comes from the journal of the machine that asks,
// explains to people why a path does not answer, and is no evidence: nothing
// is judged by it.
type LeftOffline struct {
	// Run names the run.
	Run string `json:"run"`
	// Host is the machine that the path is on, Boot its boot id then.
	Host string `json:"host"`
	Boot string `json:"boot"`
	// Disk is the kernel's name, Seq the diskseq, which no other disk gets in
	// that boot, Serial the volume's that it was added for.
	Disk   string `json:"disk"`
	Seq    Count  `json:"seq"`
	Serial Serial `json:"serial"`
}
