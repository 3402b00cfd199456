package diagnose

import (
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// exchanged says that by the dates a volume without a record is what LXD made for
// a record that it has, and that another volume has that record's name: somebody
// exchanged the names. LXD writes a record and makes its volume in one breath. A
// date that fits nothing else proves nothing: what lxd recover brought in, and what
// came from a backup, has a record of another day than its volume.
func (s Subject) exchanged() string {
	if s.snapshot != nil || s.volume.Created.IsZero() {
		return ""
	}
	for _, m := range s.f.misdated() {
		if atOneTime(m.record.Created, s.volume.Created) { // so it is another volume's
			return "LXD made " + lxdName(m.record).String() + " on " + day(m.record.Created) + ", when this was made, and " + m.volume.Name +
				", which has its name, was made at another time: their names may have been exchanged"
		}
	}
	return ""
}

// misdate is a record, and a volume that has its name and was made at another time.
type misdate struct {
	record *evidence.Record
	volume *volume
}

// misdated are all of them, looked for once: each leftover is held against them.
func (f *facts) misdated() []misdate {
	if f.misdates != nil {
		return f.misdates
	}
	f.misdates = []misdate{}
	for record := range evidence.Refs(f.records.list) {
		if record.Snapshot || record.Created.IsZero() || record.Type == evidence.TypeImage {
			continue
		}
		for v := range f.placed(record) {
			if !v.Created.IsZero() && !atOneTime(record.Created, v.Created) {
				f.misdates = append(f.misdates, misdate{record, v})
			}
		}
	}
	return f.misdates
}

// atOneTime reports a record and a volume that may have been made together, by two
// clocks.
func atOneTime(record, volume time.Time) bool {
	return volume.Sub(record).Abs() <= making+evidence.ClockTolerance
}
