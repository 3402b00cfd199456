package devices

import (
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

const (
	// initialPIDNamespace and initialUserNamespace are fixed by the kernel
	// (PROC_PID_INIT_INO, PROC_USER_INIT_INO).
	initialPIDNamespace  = "pid:[4026531836]"
	initialUserNamespace = "user:[4026531837]"
	// capPtrace is the bit of CAP_SYS_PTRACE, without which other users'
	// files are hidden; it also overrules the mount option hidepid.
	capPtrace = 19
)

// allProcesses tells whether the walk saw every process of the machine.
func allProcesses(t hostfs.Tree, s System, p processes) (evidence.Answer, string) {
	status := t.Field("proc/self/status")
	pidNamespace, userNamespace := t.LinkField("proc/self/ns/pid"), t.LinkField("proc/self/ns/user")
	capabilities, known := effectiveCapabilities(status)
	switch {
	case s.Recorded && p.total == 0:
		return evidence.Unknown, "no process was recorded"
	case s.Recorded && p.total == 1:
		return evidence.Unknown, "only one process was recorded"
	case !p.doubts.None() && p.hidden == 0:
		return evidence.Unknown, p.doubts.String()
	case !known || pidNamespace == "" || userNamespace == "":
		return evidence.Unknown, "proc/self does not tell who looked at the processes, and from where"
	case pidNamespace != initialPIDNamespace:
		return evidence.No, "this runs in a container: the processes outside are not visible"
	case userNamespace != initialUserNamespace:
		return evidence.No, "this runs in a user namespace: the files of other processes are not visible"
	case capabilities&(1<<capPtrace) == 0:
		return evidence.No, "this does not run as root: the files of other users' processes are not visible"
	case p.hidden > 0:
		return evidence.No, p.doubts.String()
	case s.Recorded && t.Field("proc/2/comm") != "kthreadd":
		return evidence.Unknown, "some processes were not recorded"
	}
	return evidence.Yes, ""
}

// effectiveCapabilities reads the line CapEff of /proc/PID/status.
func effectiveCapabilities(status string) (uint64, bool) {
	for line := range strings.Lines(status) {
		if value, ok := strings.CutPrefix(line, "CapEff:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			return bits, err == nil
		}
	}
	return 0, false
}
