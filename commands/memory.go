package commands

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// leastMemory is what is taken on the smallest machine: enough for an estate
// of tens of thousands of volumes.
const leastMemory = 128 << 20

// spareMemory is how many bytes the rows of all arrays may take: half of what
// this machine, or the control group that a service manager put us into, can
// give without pushing others out; 0 when it does not say.
func spareMemory(root fs.FS) int64 {
	free := min(available(root), groupRoom(root))
	if free == math.MaxInt64 {
		return 0
	}
	return max(free/2, leastMemory)
}

// available is the kernel's own estimate (proc/meminfo, in KiB).
func available(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return math.MaxInt64
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 53); err == nil {
			return n << 10
		}
	}
	return math.MaxInt64
}

// groupRoom is what the control group may still take (version 2).
func groupRoom(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return math.MaxInt64
	}
	for line := range strings.Lines(string(text)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::/")
		if !ok {
			continue
		}
		limit, limited := number(root, path.Join("sys/fs/cgroup", group, "memory.max"))
		used, known := number(root, path.Join("sys/fs/cgroup", group, "memory.current"))
		if limited && known {
			return max(0, limit-used)
		}
	}
	return math.MaxInt64
}

// number is a file's one number; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
