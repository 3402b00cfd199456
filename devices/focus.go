package devices

import (
	"slices"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// focus is of which volumes' devices everything is read. Of another volume's
// device only who it is: its name, number and place, what the kernel calls it, what
// it answers itself, and what stands on it. The rest of such a device is not
// known, as its type says.
type focus struct {
	// volumes is nil for all.
	volumes map[evidence.Serial]bool
	// brief are the devices of which only that was read.
	brief map[string]bool
}

// focusOn is a focus on some volumes; on all of them where none is given.
func focusOn(serials []evidence.Serial) *focus {
	f := &focus{brief: map[string]bool{}}
	if len(serials) > 0 {
		f.volumes = map[evidence.Serial]bool{}
		for _, serial := range serials {
			f.volumes[serial] = true
		}
	}
	return f
}

// others reports the serial of another volume. A device without one may be of
// any.
func (f *focus) others(serial evidence.Serial) bool {
	return f.volumes != nil && serial != "" && !f.volumes[serial]
}

// complete reads the rest of each disk that may be of one of the volumes, or lead
// to it, after all: what does not answer as what the kernel calls it, and, once the
// maps are known, what is a path of one that is not another volume's.
func (f *focus) complete(t hostfs.Tree, b blocks, disks []evidence.Disk, maps []evidence.Map) {
	for disk := range evidence.Refs(disks) {
		if !f.brief[disk.Name] {
			continue
		}
		sure := disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial == disk.Serial
		if !sure || slices.ContainsFunc(maps, func(m evidence.Map) bool { return !f.others(m.Serial) && m.IsOn(*disk) }) {
			delete(f.brief, disk.Name)
			one := b.byName[disk.Name]
			disk.Vendor = t.Field(deviceDir(t, one) + "/vendor")
			describeDisk(t, one, disk)
		}
	}
}
