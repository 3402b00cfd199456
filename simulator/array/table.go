package array

import (
	"slices"
	"strings"
)

// ordered is a row of a resource. Its order never changes and grows with
// every new row, so it is where a continuation token stands.
type ordered interface{ order() uint64 }

// column is one member of a resource's rows. A path with a dot is a member
// of a member; columns of one member must stand together.
type column[T any] struct {
	path string
	get  func(*call, T) value
	// since is the minor version of REST 2 that first has it.
	since int
}

// table is the columns of a resource in one version, made ready for encoding.
type table[T any] struct {
	steps []step[T]
	tail  string
}

type step[T any] struct {
	text string
	column[T]
}

// newTable picks a version's columns and lays the text between them out.
func newTable[T any](columns []column[T], minor int) *table[T] {
	t := &table[T]{}
	var open []string
	text := "{"
	for _, c := range columns {
		if c.since > minor {
			continue
		}
		parts := strings.Split(c.path, ".")
		parents := parts[:len(parts)-1]
		same := 0
		for same < len(open) && same < len(parents) && open[same] == parents[same] {
			same++
		}
		text += strings.Repeat("}", len(open)-same)
		if len(t.steps) > 0 {
			text += ","
		}
		for _, p := range parents[same:] {
			text += `"` + p + `":{`
		}
		open = slices.Clone(parents)
		t.steps = append(t.steps, step[T]{text + `"` + parts[len(parts)-1] + `":`, c})
		text = ""
	}
	t.tail = text + strings.Repeat("}", len(open)) + "}"
	return t
}

func (t *table[T]) append(b []byte, c *call, row T) []byte {
	for i := range t.steps {
		s := &t.steps[i]
		b = append(b, s.text...)
		b = s.get(c, row).append(b)
	}
	return append(b, t.tail...)
}

// at reads what a filter or a sort names; nil is no column.
func (t *table[T]) at(path string) func(*call, T) value {
	for i := range t.steps {
		if t.steps[i].path == path {
			return t.steps[i].get
		}
	}
	return nil
}

// col is a column of which the row alone says everything.
func col[T any](path string, get func(T) value) column[T] {
	return column[T]{path: path, get: func(_ *call, row T) value { return get(row) }}
}

// fixed is a column that is the same in every row.
func fixed[T any](path string, v value) column[T] {
	return column[T]{path: path, get: func(*call, T) value { return v }}
}

// nulls are columns that nothing here has a value for.
func nulls[T any](paths ...string) []column[T] {
	var columns []column[T]
	for _, path := range paths {
		columns = append(columns, fixed[T](path, nothing()))
	}
	return columns
}

// reference is the two columns of a reference to something with an id. The
// array gives a reference to nothing as an object of nulls.
func reference[T any](path string, get func(T) (name, id string)) []column[T] {
	return []column[T]{
		col(path+".name", func(row T) value { n, _ := get(row); return name(n) }),
		col(path+".id", func(row T) value { _, id := get(row); return name(id) }),
	}
}
