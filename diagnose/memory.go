package diagnose

import (
	"sync"

	"github.com/pureclean/pureclean/evidence"
)

// Memory keeps the tables in which lists are looked up from one judgement to the
// next. A list of which the next look has the very same rows, in the very same
// place and not only alike, has the same table; of any other it is made anew. So
// what is judged never differs by it, and no row is older than the world that is
// judged. The zero Memory is empty. Judgements may be asked for at the same time.
type Memory struct {
	mu      sync.Mutex
	seen    kept[evidence.Sighting, map[string]*evidence.Sighting]
	records kept[evidence.Record, *recordFacts]
	arrays  []arrayTables
}

// arrayTables are those of one array; arrays are asked in the same order each time.
type arrayTables struct {
	volumes   kept[evidence.Volume, volumeTable]
	snapshots kept[evidence.Snapshot, uuidTable]
}

// kept is what was made of a list.
type kept[T, V any] struct {
	rows []T
	made V
}

// of is what was made of these very rows, or is made of them now.
func (k *kept[T, V]) of(rows []T, table func([]T) V) V {
	if len(rows) == 0 || !same(rows, k.rows) {
		k.rows, k.made = rows, table(rows)
	}
	return k.made
}

// same reports the very same rows.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Judge is the function of that name.
func (m *Memory) Judge(w evidence.World, p Policy) Report { return judged(m.facts(&w, p)) }

// recall gives facts the tables of their lists.
func (m *Memory) recall(f *facts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	remembered := m.seen.rows
	f.seen = m.seen.of(f.world.Seen, newSightings)
	f.records = m.records.of(f.world.LXD.Records.Items, newRecords)
	if len(m.arrays) != len(f.arrays) || !same(remembered, m.seen.rows) {
		m.arrays = make([]arrayTables, len(f.arrays))
	}
	for i, a := range f.arrays {
		a.volumeTable = m.arrays[i].volumes.of(a.Volumes.Items, f.newVolumeTable)
		a.ofSnapshots = m.arrays[i].snapshots.of(a.Snapshots.Items, newSnapshotTable)
	}
}

// newSightings finds sightings by volume id.
func newSightings(rows []evidence.Sighting) map[string]*evidence.Sighting {
	seen := make(map[string]*evidence.Sighting, len(rows))
	for i := range rows {
		seen[rows[i].VolumeID] = &rows[i]
	}
	return seen
}

// volumeTable finds an array's volumes, and what earlier runs saw of each.
type volumeTable struct {
	byID      map[string]int32
	ofVolumes uuidTable
	sighted   []*evidence.Sighting
}

func (f *facts) newVolumeTable(rows []evidence.Volume) volumeTable {
	t := volumeTable{make(map[string]int32, len(rows)), newUUIDTable(len(rows)), make([]*evidence.Sighting, len(rows))}
	for i := range rows {
		t.byID[rows[i].ID] = int32(i)
		t.ofVolumes.add(rows[i].LXD.UUID, i)
		t.sighted[i] = f.seen[rows[i].ID]
	}
	return t
}

func newSnapshotTable(rows []evidence.Snapshot) uuidTable {
	t := newUUIDTable(len(rows))
	for i := range rows {
		t.add(rows[i].LXD.UUID, i)
	}
	return t
}

// uuidTable finds rows by LXD's UUID: first begins the chain next of those with
// the same one.
type uuidTable struct {
	first map[evidence.UUID]int32
	next  []int32
}

func newUUIDTable(n int) uuidTable {
	return uuidTable{make(map[evidence.UUID]int32, n), make([]int32, n)}
}

// add puts a row in front of the others with its UUID. What has none is not LXD's
// and is never looked up.
func (t uuidTable) add(id evidence.UUID, row int) {
	t.next[row] = none
	if id.IsZero() {
		return
	}
	if first, chained := t.first[id]; chained {
		t.next[row] = first
	}
	t.first[id] = int32(row)
}

// each yields the rows with a UUID.
func (t uuidTable) each(id evidence.UUID) func(yield func(row int32) bool) {
	return func(yield func(int32) bool) {
		row, ok := t.first[id]
		for ; ok && row != none; row = t.next[row] {
			if !yield(row) {
				return
			}
		}
	}
}
