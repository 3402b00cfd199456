package devices

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// markWaiting marks the workers of udev that wait for a path of a map that
// has none.
func (s System) markWaiting(h *evidence.Host, uses []evidence.Use) {
	for i, use := range uses {
		if !s.IsUdev(use) {
			continue
		}
		uses[i].Waits = slices.ContainsFunc(h.Maps.Items, func(m evidence.Map) bool {
			own := use.Device == m.Kernel || slices.ContainsFunc(h.Maps.Items, func(p evidence.Map) bool { return p.Kernel == use.Device && p.PartitionOf(m) })
			return !m.Partition && own && m.Queueing.Is() && m.Dead()
		})
	}
}

// IsUdev reports a use by a worker of udev, which looks at each device that
// appears or changes. It goes by the program too: any process can take any name.
// One whose program can't be read is none.
func (s System) IsUdev(use evidence.Use) bool {
	if !use.LikeUdev() {
		return false
	}
	link, err := hostfs.Tree{FS: s.FS}.Link(fmt.Sprintf("proc/%d/exe", use.PID))
	if err != nil {
		return false
	}
	exe := path.Base(strings.TrimSuffix(link, deletedSuffix))
	return exe == "." || exe == "udevadm" || exe == "systemd-udevd"
}
