package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// The states of a disk that matter here. One that is offline keeps its address
// and can't be opened.
const (
	stateRunning = "running"
	stateOffline = "offline"
)

// view is what one look at the host found of one volume.
type view struct {
	serial evidence.Serial
	host   evidence.Host
	maps   []evidence.Map
	parts  []evidence.Map
	// disks are those that say they are the volume, those that answer as it,
	// and the paths of its maps.
	disks      []evidence.Disk
	namespaces []evidence.Namespace
	uses       []evidence.Use
	// unattributed are uses of which it is not known what volume they are of.
	unattributed []evidence.Use
	system       devices.System
}

// usable refuses a serial that is none: an empty one would be that of each
// device that does not say which volume it is.
func usable(serial evidence.Serial) error {
	if parsed, err := evidence.ParseSerial(string(serial)); err != nil || parsed != serial {
		return fmt.Errorf("%q is not the serial of a volume", serial)
	}
	return nil
}

// look reads the host anew.
func (r *Releaser) look(ctx context.Context, serial evidence.Serial) *view {
	return r.viewOf(devices.ObserveVolumes(ctx, r.System, []evidence.Serial{serial}), serial)
}

// viewOf is what was read of one volume.
func (r *Releaser) viewOf(host evidence.Host, serial evidence.Serial) *view {
	v := &view{serial: serial, host: host, system: r.System}
	for _, m := range v.host.Maps.Items {
		switch {
		case m.Serial != serial:
		case m.Partition:
			v.parts = append(v.parts, m)
		default:
			v.maps = append(v.maps, m)
		}
	}
	for _, d := range v.host.Disks.Items {
		if d.Serial == serial || d.Live.Serial == serial || v.isPath(d) {
			v.disks = append(v.disks, d)
		}
	}
	for _, n := range v.host.Namespaces.Items {
		if n.Serial == serial {
			v.namespaces = append(v.namespaces, n)
		}
	}
	var gone []evidence.Use
	for _, use := range v.host.Uses.Items {
		switch {
		case use.Serial == serial || v.has(use.Device):
			v.uses = append(v.uses, use)
		case use.Serial == "":
			gone = append(gone, use)
		}
	}
	v.unattributed = r.unattributedUses(gone)
	return v
}

// unattributedUses are those uses of devices that have gone that may be of the volume:
// all but what is known to be another volume's, and what uses the same device
// as that does, such as the file system behind a mount. Where LXD mounts one
// device for two volumes, it is not known whose it was.
func (r *Releaser) unattributedUses(gone []evidence.Use) []evidence.Use {
	if r.Elsewhere == nil {
		return gone
	}
	elsewhere := map[evidence.Use]bool{}
	for _, use := range gone {
		elsewhere[use] = r.Elsewhere(use)
	}
	var strays []evidence.Use
	for _, use := range gone {
		known, doubt := false, false
		for _, other := range gone {
			if use == other || use.SameGone(other) {
				known = known || elsewhere[other]
				doubt = doubt || !elsewhere[other] && other.AtLXD()
			}
		}
		if doubt || !known {
			strays = append(strays, use)
		}
	}
	return strays
}

// isPath reports a disk under one of the volume's maps.
func (v *view) isPath(d evidence.Disk) bool {
	return slices.ContainsFunc(v.maps, func(m evidence.Map) bool { return m.IsOn(d) })
}

// has reports one of the volume's devices by its kernel name.
func (v *view) has(name string) bool {
	return name != "" && (slices.ContainsFunc(v.maps, func(m evidence.Map) bool { return m.Kernel == name }) ||
		slices.ContainsFunc(v.parts, func(m evidence.Map) bool { return m.Kernel == name }) ||
		slices.ContainsFunc(v.disks, func(d evidence.Disk) bool { return d.Name == name }) ||
		slices.ContainsFunc(v.namespaces, func(n evidence.Namespace) bool { return n.Name == name }))
}

// empty reports that the host has no device of the volume.
func (v *view) empty() bool {
	return len(v.maps)+len(v.parts)+len(v.disks)+len(v.namespaces) == 0
}

// released reports that no map is left and no path can be used.
func (v *view) released() bool {
	return len(v.maps)+len(v.parts) == 0 &&
		!slices.ContainsFunc(v.disks, func(d evidence.Disk) bool { return d.State == stateRunning })
}

// words name what there is: "map mpathi, sdh, sdj".
func (v *view) words() string {
	var words []string
	for _, m := range append(slices.Clone(v.maps), v.parts...) {
		words = append(words, "map "+m.Name)
	}
	for _, d := range v.disks {
		words = append(words, d.Name)
	}
	for _, n := range v.namespaces {
		words = append(words, n.Name)
	}
	if len(words) == 0 {
		return "no device"
	}
	return strings.Join(words, ", ")
}

// targetOf is what proves that a name still means this disk.
func targetOf(d evidence.Disk, serial evidence.Serial) Target {
	return Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: serial}
}

// targets are all disks of the view.
func (v *view) targets() []Target {
	targets := make([]Target, len(v.disks))
	for i, d := range v.disks {
		targets[i] = targetOf(d, d.Serial)
	}
	return targets
}
