package array

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// resource is what one GET lists.
type resource[T ordered] struct {
	path    string
	columns []column[T]
	// rows are all of them, in order.
	rows func(*call) []T
	// by are the parameters that name objects, such as "ids", and the rows of
	// one such name. Their error is the refusal of an unknown one.
	by map[string]func(c *call, name string) ([]T, error)
	// destroyed is set where the parameter destroyed exists.
	destroyed func(T) bool
	// total says that the answer has an aggregate row.
	total bool
	// untokened lists have no continuation tokens in the versions served.
	untokened bool

	// last are the rows that the last query matched, all pages in the order
	// asked, so that the next page costs a page.
	mu   sync.Mutex
	last []T
	key  string
}

func (r *resource[T]) operation() operation {
	parameters := []string{"filter", "limit", "offset", "sort", "total_item_count"}
	for p := range r.by {
		parameters = append(parameters, p)
	}
	if !r.untokened {
		parameters = append(parameters, "continuation_token")
	}
	if r.destroyed != nil {
		parameters = append(parameters, "destroyed")
	}
	return operation{parameters: parameters, run: func(c *call) ([]byte, error) { return r.page(c, newTable(r.columns, c.minor)) }}
}

// only makes the endpoint of a resource that nobody changes.
func (r *resource[T]) only() endpoint { return endpoint{http.MethodGet: r.operation()} }

// signature is the query without what only says which page.
func signature(c *call, path string) string {
	q := url.Values{}
	for k, v := range c.query {
		if k != "limit" && k != "offset" && k != "continuation_token" && k != "total_item_count" {
			q[k] = v
		}
	}
	return strconv.Itoa(c.minor) + path + "?" + q.Encode()
}

func (r *resource[T]) match(c *call, t *table[T]) ([]T, error) {
	key := fmt.Sprint(c.state.generation, c.now.UnixNano(), signature(c, r.path))
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.key == key {
		return r.last, nil
	}
	rows, err := r.base(c)
	if err != nil {
		return nil, err
	}
	if rows, err = r.narrowed(c, t, rows); err != nil {
		return nil, err
	}
	if c.query.Has("sort") {
		// No list is sorted by anything else here.
		by := c.query.Get("sort")
		get := t.at(by)
		if get == nil || (by != "name" && by != "time" && by != "id") {
			return nil, refuse(badSort, by)
		}
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b T) int {
			one, other := get(c, a), get(c, b)
			return cmp.Or(strings.Compare(strings.ToLower(one.s), strings.ToLower(other.s)), cmp.Compare(one.n, other.n))
		})
	}
	r.key, r.last = key, rows
	return rows, nil
}

// base are the rows before filter: those of the objects that are named, or all.
func (r *resource[T]) base(c *call) ([]T, error) {
	for parameter, find := range r.by {
		names, named := c.list(parameter)
		if !named {
			continue
		}
		rows := []T{}
		var problems []problem
		for _, n := range names {
			found, err := find(c, n)
			if err != nil {
				problems = append(problems, asRefusal(err).problems...)
				continue
			}
			rows = append(rows, found...)
		}
		skip := len(problems) < len(names) && c.array.options.Unverified.SkipUnknownNames
		if len(problems) > 0 && !skip {
			return nil, &refusal{http.StatusBadRequest, problems}
		}
		return sortRows(rows), nil
	}
	return r.rows(c), nil
}

func (r *resource[T]) narrowed(c *call, t *table[T], rows []T) ([]T, error) {
	var tests []predicate[T]
	if destroyed, given := c.flag("destroyed"); given && r.destroyed != nil {
		tests = append(tests, func(_ *call, row T) bool { return r.destroyed(row) == destroyed })
	}
	filters := c.query["filter"]
	if len(filters) > 1 && c.array.options.Unverified.LastFilterOnly {
		filters = filters[len(filters)-1:]
	}
	for _, f := range filters {
		test, err := parseFilter(f, t)
		if err != nil {
			return nil, refuseAll(badFilter + err.Error())
		}
		tests = append(tests, test)
	}
	if len(tests) == 0 {
		return rows, nil
	}
	kept := []T{}
	for _, row := range rows {
		if !slices.ContainsFunc(tests, func(test predicate[T]) bool { return !test(c, row) }) {
			kept = append(kept, row)
		}
	}
	return kept, nil
}

type window struct {
	limit, offset int64
	limited       bool
	after         uint64
	resumed       bool
}

// aggregate stands where the array adds its rows up. Nobody reads it, and it
// must not be taken for a row.
const aggregate = `,"total":[{"id":null,"name":null}]`

func (r *resource[T]) page(c *call, t *table[T]) ([]byte, error) {
	counted, _ := c.flag("total_item_count")
	w, err := c.window(r.path)
	if err != nil {
		return nil, err
	}
	rows, err := r.match(c, t)
	if err != nil {
		return nil, err
	}
	start := min(w.offset, int64(len(rows)))
	if w.resumed {
		start = int64(after(rows, w.after))
	}
	end := min(start+w.limit, int64(len(rows)))
	if c.fault != nil && c.fault.Kind == LostPage {
		start, end = end, min(end+w.limit, int64(len(rows)))
	}
	more := end < int64(len(rows))
	continuation := nothing()
	if more && !c.query.Has("sort") && !r.untokened && end > start &&
		(w.limited || c.array.options.Unverified.WithoutLimit == PageAndToken) {
		continuation = str(makeToken(r.path, c, rows[end-1].order()))
	}
	if c.fault != nil && c.fault.Kind == ShortPage {
		end = start + (end-start)/2
		more, continuation = false, nothing()
	}

	b := append(c.array.buffers.take(), `{"continuation_token":`...)
	b = continuation.append(b)
	b = append(b, `,"items":[`...)
	for i, row := range rows[start:end] {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.append(b, c, row)
	}
	b = append(b, `],"more_items_remaining":`...)
	b = strconv.AppendBool(b, more)
	b = append(b, `,"total_item_count":`...)
	if counted {
		b = strconv.AppendInt(b, int64(len(rows)), 10)
	} else {
		b = append(b, "null"...)
	}
	if r.total {
		b = append(b, aggregate...)
	}
	return append(b, '}'), nil
}

// buffers are bodies to write into again: a page is up to a megabyte, and
// making one anew each time has the garbage collector look at the whole world.
type buffers struct{ pool sync.Pool }

func (p *buffers) take() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 4096)
}

// give returns a body that nobody reads any more.
func (p *buffers) give(b []byte) {
	if cap(b) > 0 {
		p.pool.Put(&b)
	}
}

func (c *call) window(path string) (w window, err error) {
	w.limit, w.limited = c.count("limit")
	w.offset, _ = c.count("offset")
	size := int64(c.array.options.PageSize)
	switch {
	case w.limited:
		w.limit = min(w.limit, size)
	case c.array.options.Unverified.WithoutLimit == Everything:
		w.limit = 1 << 40
	default:
		w.limit = size
	}
	if text := c.query.Get("continuation_token"); text != "" {
		w.resumed = true
		w.after, err = readToken(text, path, c)
	}
	return w, err
}

// makeToken says where a walk stands: after a rank, in one query. It is
// opaque to clients.
func makeToken(path string, c *call, order uint64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%x.%x", hash(signature(c, path)), order))
}

func readToken(text, path string, c *call) (order uint64, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	query, position, _ := strings.Cut(string(raw), ".")
	if err == nil {
		order, err = strconv.ParseUint(position, 16, 64)
	}
	if err != nil || query != strconv.FormatUint(hash(signature(c, path)), 16) {
		return 0, refuse(badPageToken, text)
	}
	return order, nil
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// single makes a find that may be in resource.by of one that gives one row.
func single[T any](find func(*state, string) (T, error)) func(*call, string) ([]T, error) {
	return rowsOf(find, func(row T) []T { return []T{row} })
}

// rowsOf makes one of rows that belong to an object that is named.
func rowsOf[O, T any](find func(*state, string) (O, error), rows func(O) []T) func(*call, string) ([]T, error) {
	return func(c *call, name string) ([]T, error) {
		object, err := find(c.state, name)
		if err != nil {
			return nil, err
		}
		return rows(object), nil
	}
}
