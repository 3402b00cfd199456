package repair

import (
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Target is what Verify is asked about: any of its name, its id and its
// serial, and everything that what was typed fits.
type Target struct {
	Name   string
	ID     string
	Serial evidence.Serial
	// ArrayID is the array that is known to have had it, whoever made it.
	ArrayID string
	// LastHere is set where a look of the same command, a moment ago, still saw it.
	LastHere bool
	// LXD is what the name says if it follows LXD's naming; Suffix is set when
	// it is the name of an array's snapshot.
	LXD    evidence.Name
	Suffix bool
	Fits   []diagnose.Fit
}

// row is a volume or a snapshot of an array.
type row struct {
	array     *evidence.Array
	id, name  string
	serial    evidence.Serial
	destroyed evidence.Answer
	lxd       evidence.Name
	snapshot  bool
	// until is when a destroyed one can't come back any more.
	until string
}

// sought is a target with everything that the witnesses' own words add to it:
// a row of the array tells the serial and LXD's uuid, the uuid the record, the
// record the names of its other half.
type sought struct {
	world   *evidence.World
	names   map[string]bool // full names in lower case
	ids     map[string]bool
	serials map[evidence.Serial]bool
	arrays  map[string]bool // that had it
	// lastHere is Target.LastHere.
	lastHere bool
	lxd      map[lxdObject]bool
	records  []*evidence.Record
	fits     []diagnose.Fit
	rows     []row
	unsure   []row // of the same last part of the name, and perhaps it
}

// lxdObject is what LXD's naming says of an array's object. A volume that is
// named like a snapshot is LXD's temporary copy of it.
type lxdObject struct {
	name   evidence.Name
	suffix bool
}

func seek(world *evidence.World, t Target) *sought {
	s := &sought{
		world: world, names: map[string]bool{}, ids: map[string]bool{}, serials: map[evidence.Serial]bool{},
		arrays: map[string]bool{}, lxd: map[lxdObject]bool{}, fits: t.Fits, lastHere: t.LastHere,
	}
	s.add(t.Name, t.ID, t.Serial)
	s.arrays[strings.ToLower(t.ArrayID)] = t.ArrayID != ""
	if t.LXD.IsLXD() {
		s.lxd[lxdObject{t.LXD, t.Suffix}] = true
	}
	for _, fit := range t.Fits {
		s.add(fit.Name, fit.ID, fit.Serial)
		if fit.Record != nil {
			s.addRecord(fit.Record)
		}
	}
	all := rowsOf(world)
	for before := -1; before != s.known(); {
		before = s.known()
		for _, r := range all {
			if s.is(r) {
				s.add(r.name, r.id, r.serial)
				s.arrays[strings.ToLower(r.array.ID)] = true
				if r.lxd.IsLXD() {
					s.lxd[lxdObject{r.lxd, r.snapshot}] = true
				}
			}
		}
		s.joinRecords()
	}
	for _, r := range all {
		switch {
		case s.is(r):
			s.rows = append(s.rows, r)
		case r.lxd.IsLXD() && s.lxd[lxdObject{r.lxd, r.snapshot}]:
			s.unsure = append(s.unsure, r)
		}
	}
	return s
}

// known counts what is known, to see when nothing is added any more.
func (s *sought) known() int {
	return len(s.names) + len(s.ids) + len(s.serials) + len(s.lxd) + len(s.records)
}

func (s *sought) add(name, id string, serial evidence.Serial) {
	if name != "" {
		s.names[strings.ToLower(name)] = true
	}
	if id != "" {
		s.ids[strings.ToLower(id)] = true
	}
	if serial != "" {
		s.serials[serial] = true
	}
}

// is reports a row that is certainly the target.
func (s *sought) is(r row) bool {
	return s.names[strings.ToLower(r.name)] || (r.id != "" && s.ids[strings.ToLower(r.id)]) || (r.serial != "" && s.serials[r.serial])
}

// joinRecords finds LXD's records by the uuid in the names. LXD keeps no
// record of a temporary copy: the snapshot's is not its.
func (s *sought) joinRecords() {
	for record := range evidence.Refs(s.world.LXD.Records.Items) {
		for object := range s.lxd {
			if record.UUID == object.name.UUID && record.Snapshot == object.name.Snapshot && object.suffix == record.Snapshot {
				s.addRecord(record)
			}
		}
	}
	for _, seen := range s.world.Seen {
		if seen.VolumeID == "" || !s.ids[strings.ToLower(seen.VolumeID)] || seen.LXDName == "" {
			continue
		}
		for record := range evidence.Refs(s.world.LXD.Records.Items) {
			if strings.EqualFold(record.Pool, seen.Pod) && record.Type+"/"+record.Name+" ("+record.Project+")" == seen.LXDName {
				s.addRecord(record)
			}
		}
	}
}

func (s *sought) addRecord(record *evidence.Record) {
	same := func(r *evidence.Record) bool {
		return r.Pool == record.Pool && r.Project == record.Project && r.Type == record.Type && r.Name == record.Name
	}
	if !slices.ContainsFunc(s.records, same) {
		s.records = append(s.records, record)
	}
}

// rowsOf are all volumes and snapshots that arrays told of, in the pods and
// elsewhere.
func rowsOf(world *evidence.World) []row {
	var all []row
	for a := range evidence.Refs(world.Arrays) {
		for v := range evidence.Refs(a.Volumes.Items) {
			r := row{array: a, id: v.ID, name: v.Name, serial: v.Serial, destroyed: v.Destroyed, lxd: v.LXD}
			all = append(all, r.recoverable(v.Remaining))
		}
		for v := range evidence.Refs(a.Snapshots.Items) {
			r := row{array: a, id: v.ID, name: v.Name, serial: v.Serial, destroyed: v.Destroyed, lxd: v.LXD, snapshot: true}
			all = append(all, r.recoverable(v.Remaining))
		}
		for _, v := range a.Elsewhere.Items {
			all = append(all, row{array: a, id: v.ID, name: v.Name, serial: v.Serial, destroyed: v.Destroyed, lxd: v.LXD})
		}
		for _, v := range a.ElsewhereSnapshots.Items {
			all = append(all, row{array: a, id: v.ID, name: v.Name, serial: v.Serial, destroyed: v.Destroyed, lxd: v.LXD, snapshot: true})
		}
		for _, v := range a.Lookups {
			if v.Found.Is() {
				all = append(all, row{array: a, id: v.VolumeID, name: v.Name, serial: v.Serial, destroyed: v.Destroyed})
			}
		}
	}
	return all
}

// recoverable says until when a destroyed row can come back.
func (r row) recoverable(remaining time.Duration) row {
	if remaining > 0 && !r.array.Clock.IsZero() {
		r.until = stamp(r.array.Deadline(remaining))
	}
	return r
}
