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

// daemonName is how the names of LXD's processes begin: the snap runs lxd, or
// lxd.debug where somebody has put one.
const daemonName = "lxd"

// readDaemons lists the processes that may be LXD's daemon: LXD says its
// number, this machine for how long it has been running. One that has only just
// been started, or does not say since when it runs, is there all the same.
func readDaemons(t hostfs.Tree) []evidence.Daemon {
	names, err := t.Names("proc")
	if err != nil {
		return nil // the walk over the processes says so
	}
	up, _, _ := strings.Cut(t.Field("proc/uptime"), " ")
	seconds, err := strconv.ParseFloat(up, 64)
	if err != nil {
		seconds = 0 // since when anything runs is not known then
	}
	var found []evidence.Daemon
	for _, name := range names {
		pid, err := strconv.ParseInt(name, 10, 64)
		if err != nil || !strings.HasPrefix(t.Field("proc/"+name+"/comm"), daemonName) {
			continue
		}
		found = append(found, evidence.Daemon{PID: pid, Running: running(t.Field("proc/"+name+"/stat"), int64(seconds))})
	}
	return found
}

// running is for how many seconds a process has been, by its stat and the
// machine's uptime; less than one is not known.
func running(stat string, uptime int64) evidence.Count {
	// The name in stat may hold blanks and brackets of its own.
	columns := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(columns) <= startColumn {
		return evidence.Count{}
	}
	start, err := strconv.ParseInt(columns[startColumn], 10, 64)
	if n := uptime - start/userHz - 1; err == nil && start > 0 && n > 0 {
		return evidence.CountOf(n)
	}
	return evidence.Count{}
}
