package devices

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// markWaiting marks the workers of udev that wait for a path of a map that
// has none.
func markWaiting(t tree, h *evidence.Host, uses []evidence.Use) {
	for i, use := range uses {
		if use.Kind != evidence.UseOpener || !t.isUdev(use) {
			continue
		}
		uses[i].Waits = slices.ContainsFunc(h.Maps.Items, func(m evidence.Map) bool {
			own := use.Device == m.Kernel || slices.ContainsFunc(partsOf(m, h.Maps.Items), func(p evidence.Map) bool { return p.Kernel == use.Device })
			return !m.Partition && own && m.Queueing.Is() && dead(m)
		})
	}
}

// isUdev goes by the program too: any process can take any name.
func (t tree) isUdev(use evidence.Use) bool {
	if use.Process != "(udev-worker)" && use.Process != "systemd-udevd" {
		return false
	}
	exe := path.Base(strings.TrimSuffix(t.linkField(fmt.Sprintf("proc/%d/exe", use.PID)), deletedSuffix))
	return exe == "." || exe == "udevadm" || exe == "systemd-udevd"
}

// dead reports a map through which nothing can flow, for certain.
func dead(m evidence.Map) bool {
	return !slices.ContainsFunc(m.Paths, func(p evidence.Path) bool { return !p.Active.IsNot() })
}

// partsOf are the partitions' maps of one map.
func partsOf(m evidence.Map, all []evidence.Map) []evidence.Map {
	var parts []evidence.Map
	for _, p := range all {
		if p.Partition && strings.HasSuffix(p.UUID, "-"+m.UUID) {
			parts = append(parts, p)
		}
	}
	return parts
}
