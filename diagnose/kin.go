package diagnose

import (
	"iter"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// kin is all that one record of LXD's stands for: its objects on the array
// (a virtual machine and its image have two), its snapshots, and the copies
// that LXD made of these. LXD's delete needs every one of them to go, so
// whoever asks for a record asks for all of it.
type kin struct {
	record *evidence.Record
	// snapshots are the names of those that the array has of its volumes, LXD
	// may have no record of them.
	snapshots map[string]bool
}

// kinOf is that of the record that a target is of.
func (f *facts) kinOf(t target) kin {
	k := kin{record: t.all}
	switch {
	case k.record != nil:
	case t.snapshot != nil && t.pool != nil:
		k.record = f.records.find(t.pool.name, t.snapshot.LXD)
	case t.snapshot != nil:
	case t.volume != nil:
		k.record = t.volume.record
	case t.other != nil:
		k.record = f.recordOf(t.other)
	default:
		k.record = t.record
	}
	if k.record == nil || k.record.Snapshot {
		return k
	}
	k.snapshots = map[string]bool{}
	for _, v := range f.volumesOf(k.record) {
		for s := range v.snapshots() {
			k.snapshots[v.array.ID+" "+s.Name] = true
		}
	}
	return k
}

// volumesOf are a record's volumes, where they belong and where they were moved to
// within the pods.
func (f *facts) volumesOf(record *evidence.Record) []*volume {
	all := slices.Collect(f.placed(record))
	for _, m := range f.movedRecords[record] {
		if m.volume != nil {
			all = append(all, m.volume)
		}
	}
	return all
}

// placed are what has the names of a record's volumes.
func (f *facts) placed(record *evidence.Record) iter.Seq[*volume] { return f.placedAs(record, "") }

// placedAs is the same of one of its volumes, by its content; empty is all.
func (f *facts) placedAs(record *evidence.Record, content string) iter.Seq[*volume] {
	return func(yield func(*volume) bool) {
		pool := f.poolNamed(record.Pool)
		if pool == nil || pool.array == nil {
			return
		}
		for _, c := range contents(record) {
			for v := range pool.array.named(pool, evidence.Name{Snapshot: record.Snapshot, Type: record.Type, Content: c, UUID: record.UUID}) {
				if (content == "" || c == content) && !yield(v) {
					return
				}
			}
		}
	}
}

// has reports a finding about any of it.
func (k kin) has(finding Finding) bool {
	if k.record == nil || finding.Pool != k.record.Pool {
		return false
	}
	own, name := lxdName(k.record), finding.LXD
	if name.Name == "" {
		return k.snapshots[finding.ArrayID+" "+finding.Object]
	}
	if volume, _, inside := strings.Cut(name.Name, "/"); inside && !k.record.Snapshot {
		name.Name = volume
	}
	return name == own
}
