package devices

import (
	"errors"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// Only a walk in which nothing is in doubt, by one who sees all, saw every
// process.
func TestAllProcesses(t *testing.T) {
	doubtful := processes{total: 9}
	doubtful.doubts.Add("a descriptor is on its way")
	hidden := processes{total: 9, hidden: 1, why: errors.New("denied")}
	hidden.doubts.Add("the open files of 1 of 9 processes could not be read")
	for _, c := range []struct {
		name, why string
		change    func(tree *treefs.FS)
		recorded  bool
		found     processes
		want      evidence.Answer
	}{
		{"all", "", nil, false, processes{total: 9}, evidence.Yes},
		{"all of a recording", "", nil, true, processes{total: 9}, evidence.Yes},
		{"none was recorded", "no process", nil, true, processes{}, evidence.Unknown},
		{"one was recorded", "only one", nil, true, processes{total: 1}, evidence.Unknown},
		{"one runs", "", nil, false, processes{total: 1}, evidence.Yes},
		{"a doubt, and nothing hidden", "on its way", nil, false, doubtful, evidence.Unknown},
		{"a process is hidden", "1 of 9", nil, false, hidden, evidence.No},
		{"no pid namespace", "proc/self", func(tree *treefs.FS) { tree.Remove("proc/self/ns/pid") }, false, processes{total: 9}, evidence.Unknown},
		{"no user namespace", "proc/self", func(tree *treefs.FS) { tree.Remove("proc/self/ns/user") }, false, processes{total: 9}, evidence.Unknown},
		{"no capabilities", "proc/self", func(tree *treefs.FS) { tree.AddFile("proc/self/status", []byte("CapEff:\tx\n")) }, false, processes{total: 9}, evidence.Unknown},
		{"the kernel's own were not recorded", "some", func(tree *treefs.FS) { tree.Remove("proc/2") }, true, processes{total: 9}, evidence.Unknown},
	} {
		tree := treefs.New()
		tree.AddFile("proc/self/status", []byte("CapEff:\t000001ffffffffff\n"))
		tree.AddLink("proc/self/ns/pid", initialPIDNamespace)
		tree.AddLink("proc/self/ns/user", initialUserNamespace)
		tree.AddFile("proc/2/comm", []byte("kthreadd\n"))
		if c.change != nil {
			c.change(tree)
		}
		got, why := allProcesses(hostfs.Tree{FS: tree}, System{Recorded: c.recorded}, c.found)
		if got != c.want || !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, got, why, c.want, c.why)
		}
	}
}
