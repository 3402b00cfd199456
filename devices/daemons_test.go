package devices

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// Only what is called lxd counts, and for as long as the machine says. One of
// which it does not say since when is there all the same.
func TestReadDaemons(t *testing.T) {
	stat := func(name, start string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("7 (" + name + ") S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 " + start + " 0 0\n")}
	}
	files := fstest.MapFS{
		"proc/uptime":   {Data: []byte("1000.55 3999.10\n")},
		"proc/700/comm": {Data: []byte("lxd\n")}, "proc/700/stat": stat("lxd", "30000"),
		"proc/701/comm": {Data: []byte("lxcfs\n")}, "proc/701/stat": stat("lxcfs", "100"),
		"proc/702/comm": {Data: []byte("lxd\n")}, "proc/702/stat": stat("a) b (lxd", "90000"),
		"proc/703/comm": {Data: []byte("lxd\n")}, "proc/703/stat": stat("lxd", "200000"),
		"proc/705/comm": {Data: []byte("lxd.debug\n")}, "proc/705/stat": stat("lxd.debug", "30000"),
		"proc/704/comm": {Data: []byte("lxd\n")}, "proc/704/stat": {Data: []byte("704 (lxd) S 1\n")},
	}
	want := []evidence.Daemon{{PID: 700, Running: evidence.CountOf(699)}, {PID: 702, Running: evidence.CountOf(99)}, {PID: 703}, {PID: 704}, {PID: 705, Running: evidence.CountOf(699)}}
	if got := readDaemons(hostfs.Tree{FS: files}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	delete(files, "proc/uptime")
	if got := readDaemons(hostfs.Tree{FS: files}); len(got) != len(want) || slices.ContainsFunc(got, func(d evidence.Daemon) bool { return d.Running.Known }) {
		t.Errorf("without a clock %v", got)
	}
}
