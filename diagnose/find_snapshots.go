package diagnose

import (
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// eachSnapshot calls do for every snapshot in a pool that is asked about.
func (f *facts) eachSnapshot(do func(s *evidence.Snapshot, of *volume, pool *poolFacts)) {
	for _, a := range f.arrays {
		for i := range a.Snapshots.Items {
			s := &a.Snapshots.Items[i]
			if pool := a.pools[lower(s.Pod)]; pool != nil && pool.judged {
				do(s, a.source(i), pool)
			}
		}
	}
}

// ofSnapshot is a draft about a snapshot.
func ofSnapshot(s *evidence.Snapshot, source *volume, pool *poolFacts) draft {
	d := draft{subject: Subject{array: pool.array, pool: pool, snapshot: s, volume: source}}
	d.Object, d.Volume, d.VolumeID, d.ArrayID, d.Pool = s.Name, s.Name, s.ID, pool.array.ID, pool.name
	d.Serial, d.Created, d.Age = s.Serial, s.Created, age(pool.array, s.Created)
	d.Provisioned, d.Unique = s.Provisioned, s.Bytes
	return d
}

// leakedSnapshots lists snapshots in LXD's naming without a record. Those of
// a volume that has no record itself go with the volume and are told there: what is
// not in LXD's naming is whoever's it is with all its snapshots;
// those that others make (a protection group's schedule) are not LXD's.
func (f *facts) leakedSnapshots() []draft {
	var found []draft
	f.eachSnapshot(func(s *evidence.Snapshot, source *volume, pool *poolFacts) {
		if s.Destroyed.Is() || pool.blind(f) {
			return
		}
		switch {
		case s.Suffix == reverter:
			if source == nil || source.record == nil || source.Destroyed.Is() || f.busyWith(source.record) != nil {
				return
			}
			d := ofSnapshot(s, source, pool)
			d.LXD = lxdName(source.record)
			d.Detail = "LXD's safety copy from before a refresh of " + d.LXD.String() + ", which is over"
			d.Cause = "LXD was stopped while it refreshed the volume; the next refresh removes it"
			d.Remedy = []string{"check that the volume's content is what it should be", "destroy the snapshot" + pool.array.undo()}
			found = append(found, d)
		case s.LXD.IsLXD() && !s.LXD.UUID.IsZero() && f.records.find(pool.name, s.LXD) == nil:
			if source != nil && source.record == nil && (source.code != "" || !source.LXD.IsLXD()) {
				return
			}
			d := ofSnapshot(s, source, pool)
			of, _, _ := strings.Cut(s.Name, ".")
			if source != nil && source.record != nil {
				of = lxdName(source.record).String()
			}
			d.Detail = "no LXD record of this snapshot of " + of
			d.Cause = "LXD likely failed while it made or deleted the snapshot, or copied a volume with its snapshots"
			d.Remedy = []string{"destroy the snapshot" + pool.array.undo()}
			found = append(found, d)
		}
	})
	return found
}
