package diagnose

import (
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// The names of a leak and of a volume of LXD's were exchanged: the record is of the
// day on which what has no record was made.
func TestNamesExchangedByTheirDates(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name string
		// record and volume are when the record and what has its name were made,
		// after what has no record was.
		record, volume time.Duration
		set            func(*scene, *evidence.Record)
		want           Result
	}{
		{"each was made with its record", day, day, nil, Pass},
		{"exchanged", time.Minute, day, nil, Uncertain},
		{"exchanged, by clocks that differ", -9 * time.Minute, -day, nil, Uncertain},
		{"brought in by lxd recover", 2 * day, -day, nil, Pass},
		{"an image's record", time.Minute, day, func(_ *scene, r *evidence.Record) { r.Type = evidence.TypeImage }, Pass},
		{"nobody knows when the record was made", time.Minute, day, func(_ *scene, r *evidence.Record) { r.Created = time.Time{} }, Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			detached(s)
			made := last(s).Created.Add(-5 * day)
			kind := evidence.TypeCustom
			v := s.volume("p1", name(kind, "", 130))
			record := s.record(v, "db")
			if c.set != nil {
				c.set(s, record)
			}
			if s.vol(v).LXD.Type = record.Type; !record.Created.IsZero() {
				record.Created = made.Add(c.record)
			}
			s.vol(v).Name, s.vol(v).Created = "p1::"+spell(s.vol(v).LXD), made.Add(c.volume)
			s.array().Volumes.Items[v-1].Created = made
			got := s.explained(t)
			if got.Result != c.want || (c.want != Pass && !strings.Contains(got.Why, "LXD made custom/db (default) on ")) {
				t.Errorf("%s: %s", got.Result, got.Why)
			}
		})
	}
}
