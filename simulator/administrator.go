package simulator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/simulator/lxd"
)

// This file is what administrators do behind LXD's back, and what the world
// keeps of it to know what lives: a volume by its serial, which no name and no
// record can change.

// truth is what no record says.
type truth struct {
	// lost are the serials of volumes, and of snapshots with a dot and their
	// suffix, that had a record until a database was restored without it.
	lost map[string]bool
	// held are the serials of volumes that somebody wants or uses where no
	// record of ours and no machine of the world shows it.
	held map[string]bool
	// known is LXD's name of a volume that was given another, by serial.
	known map[string]string
}

// RestoreDatabase puts a backup of LXD's database in place of all records, as
// lxd.Server does. What loses its record by it lives on.
func (w *World) RestoreDatabase(backup lxd.Database) {
	before := w.recordedSerials()
	w.LXD.RestoreDatabase(backup)
	after := w.recordedSerials()
	for serial := range before {
		w.truth.lost[serial] = true
	}
	for serial := range after {
		delete(w.truth.lost, serial)
	}
}

// recordedSerials are those of all volumes and snapshots that LXD has a
// record of.
func (w *World) recordedSerials() map[string]bool {
	all := map[string]bool{}
	for _, v := range w.Array.Volumes() {
		if v.Destroyed {
			continue
		}
		known := w.knownAs(v.Name, v.Serial)
		// An image's volume is what LXD unpacks again from the image that it
		// keeps in a file, and one that it never came to the end of is empty.
		if recorded(w.LXD, known) && !w.LXD.Unfinished(known) && !strings.Contains(known, "::i-") {
			all[v.Serial] = true
		}
		for _, s := range v.Snapshots {
			if suffix := suffixOf(s); w.snapshotRecorded(known + "." + suffix) {
				all[v.Serial+"."+suffix] = true
			}
		}
	}
	return all
}

func suffixOf(snapshot string) string { return snapshot[strings.LastIndex(snapshot, ".")+1:] }

// knownAs is the name by which LXD knows a volume.
func (w *World) knownAs(name, serial string) string { return cmp.Or(w.truth.known[serial], name) }

// Relocate gives a volume another full name on the array, behind LXD's back.
func (w *World) Relocate(name, to string) error {
	v, _ := w.Array.Volume(name)
	if err := w.Array.RelocateVolume(name, to); err != nil {
		return err
	}
	if _, again := w.truth.known[v.Serial]; !again {
		w.truth.known[v.Serial] = name
	}
	return nil
}

// Hold marks a volume as wanted, whatever the records say, until Let.
func (w *World) Hold(serial string) { w.truth.held[serial] = true }

func (w *World) Let(serial string) { delete(w.truth.held, serial) }

// LiveSnapshot reports whether a snapshot of the array, by its full name, must
// not be deleted: LXD has a record of it, or lost it with a restored database.
func (w *World) LiveSnapshot(snapshot string) bool {
	volume, suffix := snapshot[:max(0, strings.LastIndex(snapshot, "."))], suffixOf(snapshot)
	if v, ok := w.Array.Volume(volume); ok {
		if w.truth.lost[v.Serial+"."+suffix] {
			return true
		}
		volume = w.knownAs(v.Name, v.Serial)
	}
	return w.snapshotRecorded(volume + "." + suffix)
}

func (w *World) snapshotRecorded(snapshot string) bool {
	for _, l := range w.everyLXD() {
		for _, record := range l.Volumes() {
			volume, _, is := strings.Cut(record.Name, "/")
			parent, there := l.Volume(record.Pool, record.Project, record.Type, volume)
			if is && there && slices.Contains(lxd.ArrayNames(record, parent), snapshot) {
				return true
			}
		}
	}
	return false
}
