package devices

import (
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// userHz is the unit of times in /proc/PID/stat, which is the same on every
// machine that LXD runs on.
const userHz = 100

// startColumn is where the start of a process stands in its stat, counted from
// behind its name: the 22nd column of all.
const startColumn = 19

// readDaemons lists the processes that may be LXD's daemon: LXD says its
// number, this machine for how long it has been running.
func readDaemons(t hostfs.Tree) []evidence.Daemon {
	names, err := t.Names("proc")
	if err != nil {
		return nil // the walk over the processes says so
	}
	up, _, _ := strings.Cut(t.Field("proc/uptime"), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil || seconds <= 0 {
		return nil
	}
	var found []evidence.Daemon
	for _, name := range names {
		pid, err := strconv.ParseInt(name, 10, 64)
		if err != nil || t.Field("proc/"+name+"/comm") != "lxd" {
			continue
		}
		// The name in stat may hold blanks and brackets of its own.
		stat := t.Field("proc/" + name + "/stat")
		columns := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
		if len(columns) <= startColumn {
			continue
		}
		start, err := strconv.ParseInt(columns[startColumn], 10, 64)
		if running := int64(seconds) - start/userHz - 1; err == nil && start > 0 && running > 0 {
			found = append(found, evidence.Daemon{PID: pid, Running: evidence.CountOf(running)})
		}
	}
	return found
}
