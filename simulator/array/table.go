package array

import (
	"fmt"
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
	// total says that the aggregate row has it too; in others it is null there.
	total bool
}

// table is the columns of a resource in one version, made ready for encoding.
type table[T any] struct {
	columns []column[T]
	steps   []step[T]
	tail    string
	byPath  map[string]int
}

// step is the text before a value, and the value.
type step[T any] struct {
	text string
	column[T]
}

// newTable picks a version's columns and lays the text between them out.
func newTable[T any](columns []column[T], minor int) *table[T] {
	t := &table[T]{byPath: map[string]int{}}
	var open []string
	text := "{"
	first := true
	for _, c := range columns {
		if c.since > minor {
			continue
		}
		t.byPath[c.path] = len(t.columns)
		t.columns = append(t.columns, c)
		parts := strings.Split(c.path, ".")
		parents := parts[:len(parts)-1]
		same := 0
		for same < len(open) && same < len(parents) && open[same] == parents[same] {
			same++
		}
		text += strings.Repeat("}", len(open)-same)
		if !first {
			text += ","
		}
		for _, p := range parents[same:] {
			text += `"` + p + `":{`
		}
		open, first = slices.Clone(parents), false
		t.steps = append(t.steps, step[T]{text + `"` + parts[len(parts)-1] + `":`, c})
		text = ""
	}
	t.tail = text + strings.Repeat("}", len(open)) + "}"
	return t
}

// append writes one row.
func (t *table[T]) append(b []byte, c *call, row T) []byte {
	for i := range t.steps {
		s := &t.steps[i]
		b = append(b, s.text...)
		b = s.get(c, row).append(b)
	}
	return append(b, t.tail...)
}

// appendTotal writes the aggregate row: identity is null, lists are empty.
func (t *table[T]) appendTotal(b []byte, c *call, row T) []byte {
	for i := range t.steps {
		s := &t.steps[i]
		b = append(b, s.text...)
		v := s.get(c, row)
		switch {
		case s.total:
		case v.kind == list:
			v = listOf()
		default:
			v = nothing()
		}
		b = v.append(b)
	}
	return append(b, t.tail...)
}

// accessor reads what a path of a filter or a sort names.
type accessor[T any] func(*call, T) value

// at finds a path: a column, an object that columns are members of, or
// members of the objects in a list (then a list of these members). Whole says
// that it is an object, which can only be asked whether it is set.
func (t *table[T]) at(path string) (get accessor[T], whole bool, err error) {
	path = strings.ToLower(path)
	if i, ok := t.byPath[path]; ok {
		return t.columns[i].get, false, nil
	}
	var inside []column[T]
	for _, c := range t.columns {
		if strings.HasPrefix(c.path, path+".") {
			inside = append(inside, c)
		}
	}
	if len(inside) > 0 {
		return func(c *call, row T) value {
			members := make([]member, len(inside))
			for i, col := range inside {
				members[i] = member{col.path, col.get(c, row)}
			}
			return objectOf(members...)
		}, true, nil
	}
	if head, tail, ok := strings.Cut(path, "."); ok {
		if i, ok := t.byPath[head]; ok {
			get := t.columns[i].get
			return func(c *call, row T) value {
				var found []value
				for _, e := range get(c, row).elements() {
					for _, m := range e.members() {
						if m.name == tail {
							found = append(found, m.value)
						}
					}
				}
				return listOf(found...)
			}, false, nil
		}
	}
	return nil, false, fmt.Errorf("no field %q", path)
}

// reference is the two columns of a reference to something with an id. The
// array gives a reference to nothing as an object of nulls.
func reference[T any](path string, get func(T) (name, id string)) []column[T] {
	return []column[T]{
		{path: path + ".name", get: func(_ *call, row T) value { n, _ := get(row); return name(n) }},
		{path: path + ".id", get: func(_ *call, row T) value { _, id := get(row); return name(id) }},
	}
}

// answering is the array that answers, which newer versions say in each row.
func answering[T any]() []column[T] {
	return []column[T]{
		{path: "context.name", since: 38, get: func(c *call, _ T) value { return str(c.array.options.Name) }},
		{path: "context.id", since: 38, get: func(c *call, _ T) value { return str(c.array.options.ID) }},
	}
}
