package diagnose

import (
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Severity says how much a finding matters.
type Severity string

// The severities, from harmless to data at risk.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

func (s Severity) rank() int {
	switch s {
	case Critical:
		return 0
	case Warning:
		return 1
	default:
		return 2
	}
}

// Verdict says what may be done about a finding now.
type Verdict string

// The verdicts. Safe means that every gate passed on this evidence; each is
// asked again before every step of a repair.
const (
	Safe       Verdict = "safe"
	Blocked    Verdict = "blocked"
	ReportOnly Verdict = "report-only"
)

// Result is a gate's answer.
type Result string

// The results. Uncertain is spelled "unknown", and is no pass. Waived is an
// operator's explicit word in place of a pass.
const (
	Pass      Result = "pass"
	Fail      Result = "fail"
	Uncertain Result = "unknown"
	Waived    Result = "waived"
)

// GateResult is one gate's answer and a sentence that a human can check.
type GateResult struct {
	Gate   string
	Result Result
	Why    string
	// Mend is what makes it pass here, where that is not what Mend says of
	// the gate.
	Mend string
}

// LXDName is what LXD calls a volume or a snapshot.
type LXDName struct {
	Project string
	Type    string
	Name    string
}

// Finding is one inconsistency.
type Finding struct {
	Code     string
	Severity Severity
	Pool     string
	// Object is what explain takes: the array's full name of a volume or
	// snapshot, else the name of a map, device, array host or directory; where two
	// arrays have a host of one name, "array/name".
	Object string
	// Volume is the array's full name of the volume or snapshot, where it is
	// known, also of a finding whose object is a map, a path or a name.
	Volume   string
	VolumeID string
	ArrayID  string
	Serial   evidence.Serial
	// WWID is the identity as hosts of the pool's transport spell it.
	WWID string
	// Host is set when the finding is about one machine or array host.
	Host string
	LXD  LXDName
	// Connections are the array hosts that the volume is connected to; a
	// connection of a whole group is given as "group NAME".
	Connections []string
	Created     time.Time
	// Age is by the array's clock; 0 when it is not known.
	Age         time.Duration
	Provisioned int64
	Unique      evidence.Count
	// Along counts the live snapshots that go with a volume if it is destroyed.
	Along   int
	Verdict Verdict
	// Gates are those that apply to the remedy of its kind, in the table's
	// order; none for kinds that are only reported.
	Gates []GateResult
	// Detail is one line of what is seen, Cause the likely reason, Effect
	// what it does to the operator.
	Detail string
	Cause  string
	Effect string
	// Remedy is what to do, in order.
	Remedy []string
	// Next is a command to type before pureclean can do the rest, with the
	// machine to type it on; empty for none.
	Next string
	// RunsOn are the members on which LXD uses the volume of a connection that
	// nothing needs; none when it uses it nowhere.
	RunsOn []string
	// Late is what the logs prove of the volume's device, where they were read
	// and prove something.
	Late *Late
	// MountedAs is where LXD mounts its own, below storage-pools, of a volume
	// without a record that is mounted there, or that a virtual machine has it
	// open; empty for none.
	MountedAs string
	// Interrupted names the run of pureclean that was interrupted and left a
	// path offline which keeps this from being repaired; empty for none.
	Interrupted string
}
