package array

import (
	"cmp"
	"slices"
)

// series holds a resource's rows in the order of their creation. A page is a
// piece of the slice, and a token finds its place again by binary search.
type series[T ordered] struct{ rows []T }

func (s *series[T]) add(row T) { s.rows = append(s.rows, row) }

func (s *series[T]) remove(row T) {
	if i := after(s.rows, row.order()-1); i < len(s.rows) && s.rows[i].order() == row.order() {
		s.rows = slices.Delete(s.rows, i, i+1)
	}
}

func after[T ordered](rows []T, order uint64) int {
	i, _ := slices.BinarySearchFunc(rows, order, func(row T, order uint64) int {
		if row.order() <= order {
			return -1
		}
		return 1
	})
	return i
}

func sortRows[T ordered](rows []T) []T {
	slices.SortFunc(rows, func(a, b T) int { return cmp.Compare(a.order(), b.order()) })
	return slices.CompactFunc(rows, func(a, b T) bool { return a.order() == b.order() })
}

// catalogue is a series whose rows have names, which the array takes in any case.
type catalogue[T ordered] struct {
	series[T]
	names map[string]T
	none  string // the refusal of a name that is not there
}

func newCatalogue[T ordered](none string) catalogue[T] {
	return catalogue[T]{names: map[string]T{}, none: none}
}

func (c *catalogue[T]) put(name string, row T) {
	c.add(row)
	c.names[key(name)] = row
}

func (c *catalogue[T]) drop(name string, row T) {
	c.remove(row)
	delete(c.names, key(name))
}

func (c *catalogue[T]) has(name string) bool {
	_, there := c.names[key(name)]
	return there
}

func (c *catalogue[T]) find(name string) (T, error) {
	row, there := c.names[key(name)]
	if !there {
		return row, refuse(c.none, name)
	}
	return row, nil
}

// rank is the serial number of a row, embedded in every object.
type rank uint64

func (r rank) order() uint64 { return uint64(r) }
