package array

// space is what a volume, or all of something's volumes, occupy. The model
// is plain: nothing is shared and nothing is reduced.
type space struct{ provisioned, unique, written, snapshots int64 }

// superblock is the least that a filesystem takes.
const superblock = 1 << 20

func (v *volume) space() space {
	s := space{provisioned: v.provisioned, unique: v.used, written: v.used}
	if v.written {
		s.written = max(v.used, superblock)
	}
	for _, n := range v.snapshots {
		s.snapshots += n.used
	}
	return s
}

func (s space) plus(t space) space {
	return space{s.provisioned + t.provisioned, s.unique + t.unique, s.written + t.written, s.snapshots + t.snapshots}
}

func (s space) physical() int64 { return s.unique + s.snapshots }

// spaceKind says which members the space of a resource has.
type spaceKind uint8

const (
	plainSpace     spaceKind = 0
	effectiveSpace spaceKind = 1 << iota
	snapshotSpace
	replicatedSpace
)

func spaceColumns[T any](k spaceKind, get func(*call, T) space) []column[T] {
	col := func(name string, since int, f func(space) value) column[T] {
		return column[T]{path: "space." + name, since: since, get: func(c *call, row T) value { return f(get(c, row)) }}
	}
	none := func(space) value { return nothing() }
	// What is shared is nobody's: only the array and its pods, which have all of
	// it, answer with a number.
	shared := none
	if k&replicatedSpace != 0 {
		shared = func(space) value { return number(0) }
	}
	columns := []column[T]{
		col("data_reduction", 0, func(space) value { return ratio(1) }),
		col("shared", 0, shared),
		col("snapshots", 0, func(s space) value { return number(s.snapshots) }),
		col("system", 0, none),
		col("thin_provisioning", 0, func(s space) value { return ratio(share(s.provisioned-s.unique, s.provisioned)) }),
		col("total_physical", 0, func(s space) value { return number(s.physical()) }),
		col("total_provisioned", 0, func(s space) value { return number(s.provisioned) }),
		col("total_reduction", 0, func(s space) value { return ratio(max(1, share(s.provisioned, s.physical()))) }),
		col("total_used", 26, func(s space) value { return number(s.unique + s.snapshots) }),
		col("unique", 0, func(s space) value { return number(s.unique) }),
		col("used_provisioned", 23, func(s space) value { return number(s.provisioned) }),
		col("virtual", 0, func(s space) value { return number(s.written) }),
	}
	if k&effectiveSpace != 0 {
		columns = append(columns,
			col("unique_effective", 0, func(s space) value { return number(s.unique) }),
			col("snapshots_effective", 0, func(s space) value { return number(s.snapshots) }),
			col("total_effective", 0, func(s space) value { return number(s.physical()) }))
	}
	if k&snapshotSpace != 0 {
		columns = append(columns, col("snapshots_effective", 0, func(s space) value { return number(s.snapshots) }))
	}
	if k&replicatedSpace != 0 {
		columns = append(columns, col("replication", 0, func(space) value { return number(0) }))
	}
	return columns
}

// share is a part of a whole, 0 of nothing.
func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
