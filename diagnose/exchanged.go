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
	for record := range evidence.Refs(s.f.records.list) {
		if record.Snapshot || record.Created.IsZero() || record.Type == evidence.TypeImage || !atOneTime(record.Created, s.volume.Created) {
			continue
		}
		other := ""
		for v := range s.f.placed(record) {
			if v != s.volume && !v.Created.IsZero() && !atOneTime(record.Created, v.Created) {
				other = v.Name
			}
		}
		if other != "" {
			return "LXD made " + lxdName(record).String() + " on " + day(record.Created) + ", when this was made, and " + other +
				", which has its name, was made at another time: their names may have been exchanged"
		}
	}
	return ""
}

// atOneTime reports a record and a volume that may have been made together, by two
// clocks.
func atOneTime(record, volume time.Time) bool {
	return volume.Sub(record).Abs() <= making+evidence.ClockTolerance
}
