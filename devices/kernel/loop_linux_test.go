package kernel

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestLoopDevice: only the kernel's own word on the file counts, and only of the
// loop device that was meant.
func TestLoopDevice(t *testing.T) {
	for what, c := range map[string]struct {
		name, node string
		info       unix.LoopInfo64
		err        error
		want       string
		fails      bool
	}{
		"on a file":                   {name: "loop3", node: "7:3", info: unix.LoopInfo64{Device: 0xfd00, Inode: 131}},
		"on a disk":                   {name: "loop3", node: "7:3", info: unix.LoopInfo64{Device: 6, Inode: 377, Rdevice: 0x810}, want: "8:16"},
		"on a disk of a large number": {name: "loop3", node: "7:3", info: unix.LoopInfo64{Device: 6, Inode: 377, Rdevice: 0x10303 | 0x12300000}, want: "259:74499"},
		"its file can't be asked":     {name: "loop3", node: "7:3", fails: true},
		"the node is another's":       {name: "loop3", node: "7:4", info: unix.LoopInfo64{Inode: 1}, fails: true},
		"it is on nothing":            {name: "loop3", node: "7:3", err: unix.ENXIO, fails: true},
		"no loop device":              {name: "loop3/../sda", node: "7:3", info: unix.LoopInfo64{Inode: 1}, fails: true},
	} {
		closed := 0
		l := &live{
			timeout:   defaultTimeout,
			attribute: func(string) (string, error) { return "7:3", nil },
			openLoop: func(string) (*loopDevice, error) {
				return &loopDevice{
					dev: c.node, status: func() (*unix.LoopInfo64, error) { return &c.info, c.err }, close: func() { closed++ },
				}, nil
			},
		}
		dev, err := l.LoopDevice(t.Context(), c.name)
		if dev != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", what, dev, err)
		}
		if closed != 1 && c.name == "loop3" {
			t.Errorf("%s: closed %d times", what, closed)
		}
	}
}
