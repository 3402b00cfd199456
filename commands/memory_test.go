package commands

import (
	"testing"
	"testing/fstest"
)

func TestSpareMemory(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	meminfo := file("MemTotal:       16384000 kB\nMemFree:         1000 kB\nMemAvailable:    8388608 kB\n")
	group, unlimited := file("0::/system.slice/pureclean-check.service\n"), file("max\n")
	const dir = "sys/fs/cgroup/system.slice/pureclean-check.service/"
	for name, c := range map[string]struct {
		root fstest.MapFS
		want int64
	}{
		"nothing known":    {fstest.MapFS{}, 0},
		"a kernel":         {fstest.MapFS{"proc/meminfo": meminfo}, 4 << 30},
		"hardly any":       {fstest.MapFS{"proc/meminfo": file("MemAvailable: 1000 kB\n")}, leastMemory},
		"a strange kernel": {fstest.MapFS{"proc/meminfo": file("MemAvailable: many\n")}, 0},
		"a group without a limit": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": group, dir + "memory.max": unlimited, dir + "memory.current": file("1000\n"),
		}, 4 << 30},
		"a group with one": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": group, dir + "memory.max": file("2147483648\n"), dir + "memory.current": file("1073741824\n"),
		}, 512 << 20},
		"a group that is full": {fstest.MapFS{
			"proc/meminfo": meminfo, "proc/self/cgroup": group, dir + "memory.max": file("2147483648\n"), dir + "memory.current": file("2147483649\n"),
		}, leastMemory},
	} {
		if got := spareMemory(c.root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
