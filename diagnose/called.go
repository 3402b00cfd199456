package diagnose

import (
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// volumeOf is the volume of a serial, on whichever array; of two, that of a
// pool. Nil where no array lists it.
func (f *facts) volumeOf(serial evidence.Serial) *volume {
	if serial == "" {
		return nil
	}
	if f.bySerial == nil {
		f.bySerial = map[evidence.Serial]*volume{}
		for v := range f.volumes() {
			if old := f.bySerial[v.Serial]; old == nil || old.pool == nil {
				f.bySerial[v.Serial] = v
			}
		}
	}
	return f.bySerial[serial]
}

// nameOf is the array's full name of the volume of a serial; empty where no
// array lists it.
func (f *facts) nameOf(serial evidence.Serial) string {
	if v := f.volumeOf(serial); v != nil {
		return v.Name
	}
	return ""
}

// calledToo names the other volumes that a device's paths lead to.
func (f *facts) calledToo(d *device) string {
	words := ""
	var told []evidence.Serial
	for _, disk := range d.everyPath() {
		for _, serial := range identities(disk) {
			if name := f.nameOf(serial); serial != d.serial && name != "" && !slices.Contains(told, serial) {
				told = append(told, serial)
				words += " (" + string(serial) + " is " + name + ")"
			}
		}
	}
	return words
}

// everyPath lists the disks below the device's own maps, and those that say
// that they are its.
func (d *device) everyPath() []*evidence.Disk {
	var all []*evidence.Disk
	for _, m := range d.ownMaps() {
		for _, p := range m.Paths {
			if disk := d.host.path(p); disk != nil {
				all = append(all, disk)
			}
		}
	}
	return including(all, d.disks...)
}

func inParentheses(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}
