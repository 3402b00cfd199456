package array

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// resource is what one GET lists.
type resource[T ordered] struct {
	path    string
	columns []column[T]
	// rows are all of them, in order; nil rows from narrow mean none.
	rows func(*call) []T
	// named and identified find one by names and ids; nil when the
	// parameter does not exist. Their error is the refusal of an unknown one.
	named, identified func(*call, string) (T, error)
	// local lists rows for names or ids without a value, which some
	// resources take for the local array.
	local func(*call) []T
	// narrow handles the resource's own parameters; handled false leaves the rows to the rest.
	narrow func(*call) (rows []T, handled bool, err error)
	// destroyed is set where the parameter destroyed exists.
	destroyed func(T) bool
	// total makes the aggregate rows; nil where there are none.
	total func(*call, []T) []T
	// tokenSince is the minor version that first gives continuation tokens.
	tokenSince int
	// more are the resource's own parameters.
	more []string
}

// operation makes the GET of a resource.
func (r *resource[T]) operation() operation {
	parameters := []string{"filter", "limit", "offset", "sort", "total_item_count", "continuation_token@" + strconv.Itoa(r.tokenSince), "context_names@38"}
	if r.named != nil {
		parameters = append(parameters, "names")
	}
	if r.identified != nil {
		parameters = append(parameters, "ids")
	}
	if r.destroyed != nil {
		parameters = append(parameters, "destroyed")
	}
	if r.total != nil {
		parameters = append(parameters, "total_only")
	}
	tables := &tableCache[T]{columns: r.columns}
	return operation{parameters: append(parameters, r.more...), run: func(c *call) ([]byte, error) { return r.page(c, tables.of(c.minor)) }}
}

// tableCache keeps a resource's table for each version.
type tableCache[T any] struct {
	mu      sync.Mutex
	columns []column[T]
	tables  map[int]*table[T]
}

func (t *tableCache[T]) of(minor int) *table[T] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tables == nil {
		t.tables = map[int]*table[T]{}
	}
	if t.tables[minor] == nil {
		t.tables[minor] = newTable(t.columns, minor)
	}
	return t.tables[minor]
}

// matched is what a query selects, all pages of it, in the order asked.
type matched[T any] struct {
	rows  []T
	total []byte // encoded aggregate rows
}

// listCache keeps what queries matched, so that the next page costs a page.
// It is good for one state at one time.
type listCache struct {
	mu         sync.Mutex
	state      *state
	generation uint64
	now        time.Time
	entries    map[string]any
}

// maxCachedLists bounds the cache; it is emptied when full.
const maxCachedLists = 64

func (l *listCache) get(c *call, key string) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.check(c)
	return l.entries[key]
}

func (l *listCache) put(c *call, key string, m any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.check(c)
	l.entries[key] = m
}

func (l *listCache) check(c *call) {
	if l.entries == nil || l.state != c.state || l.generation != c.state.generation || !l.now.Equal(c.now) || len(l.entries) >= maxCachedLists {
		l.state, l.generation, l.now, l.entries = c.state, c.state.generation, c.now, map[string]any{}
	}
}

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

func (r *resource[T]) match(c *call, t *table[T]) (*matched[T], error) {
	key := signature(c, r.path)
	if m, ok := c.array.lists.get(c, key).(*matched[T]); ok {
		return m, nil
	}
	rows, err := r.base(c)
	if err != nil {
		return nil, err
	}
	if rows, err = r.narrowed(c, t, rows); err != nil {
		return nil, err
	}
	if rows, err = sorted(c, t, rows); err != nil {
		return nil, err
	}
	m := &matched[T]{rows: rows}
	if r.total != nil {
		m.total = []byte(`,"total":[`)
		for i, row := range r.total(c, rows) {
			if i > 0 {
				m.total = append(m.total, ',')
			}
			m.total = t.appendTotal(m.total, c, row)
		}
		m.total = append(m.total, ']')
	}
	c.array.lists.put(c, key, m)
	return m, nil
}

// base are the rows before filter: those of names, ids or own parameters, or all.
func (r *resource[T]) base(c *call) ([]T, error) {
	if r.narrow != nil {
		if rows, handled, err := r.narrow(c); err != nil || handled {
			return sortRows(rows), err
		}
	}
	names, byNames := c.list("names")
	ids, byIDs := c.list("ids")
	find := r.named
	switch {
	case byNames && byIDs:
		return nil, refuseAll(badCombination)
	case byIDs:
		names, find = ids, r.identified
	case byNames:
	case c.query.Has("names") || c.query.Has("ids"):
		if r.local == nil {
			return nil, refuse(badParameter, "names")
		}
		return r.local(c), nil
	default:
		return r.rows(c), nil
	}
	var rows []T
	var problems []problem
	for _, n := range names {
		row, err := find(c, n)
		if err != nil {
			problems = append(problems, asRefusal(err).problems...)
			continue
		}
		rows = append(rows, row)
	}
	skip := len(rows) > 0 && c.array.options.Unverified.SkipUnknownNames
	if len(problems) > 0 && !skip {
		return nil, &refusal{400, problems}
	}
	return sortRows(rows), nil
}

// narrowed applies destroyed and filter.
func (r *resource[T]) narrowed(c *call, t *table[T], rows []T) ([]T, error) {
	var tests []predicate[T]
	destroyed, given, err := c.flag("destroyed")
	if err != nil {
		return nil, err
	}
	if given && r.destroyed != nil {
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

// sorted applies sort: fields with commas between, each with - for descending.
func sorted[T ordered](c *call, t *table[T], rows []T) ([]T, error) {
	fields, given := c.list("sort")
	if !given {
		return rows, nil
	}
	type order struct {
		get  accessor[T]
		sign int
	}
	var orders []order
	for _, f := range fields {
		sign := 1
		field, descending := strings.CutSuffix(f, "-")
		if descending {
			sign = -1
		}
		get, _, err := t.at(field)
		if err != nil {
			return nil, refuse(badSort, f)
		}
		orders = append(orders, order{get, sign})
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b T) int {
		for _, o := range orders {
			if n := o.get(c, a).compare(o.get(c, b)); n != 0 {
				return n * o.sign
			}
		}
		return 0
	})
	return rows, nil
}

// window is which page was asked for.
type window struct {
	limit, offset int64
	limited       bool
	after         uint64
	resumed       bool
}

// page answers a GET.
func (r *resource[T]) page(c *call, t *table[T]) ([]byte, error) {
	totalOnly, _, err := c.flag("total_only")
	if err != nil {
		return nil, err
	}
	counted, _, err := c.flag("total_item_count")
	if err != nil {
		return nil, err
	}
	w, err := c.window(r.path)
	if err != nil {
		return nil, err
	}
	m, err := r.match(c, t)
	if err != nil {
		return nil, err
	}
	start := min(w.offset, int64(len(m.rows)))
	if w.resumed {
		start = int64(after(m.rows, w.after))
	}
	end := start
	if !totalOnly {
		end = min(start+w.limit, int64(len(m.rows)))
	}
	if c.fault != nil && c.fault.Kind == LostPage {
		start, end = end, min(end+w.limit, int64(len(m.rows)))
	}
	more := !totalOnly && end < int64(len(m.rows))
	continuation := nothing()
	_, sorting := c.list("sort")
	if more && !sorting && c.minor >= r.tokenSince && end > start &&
		(w.limited || c.array.options.Unverified.WithoutLimit == PageAndToken) {
		continuation = str(makeToken(r.path, c, m.rows[end-1].order()))
	}
	if c.fault != nil && c.fault.Kind == ShortPage {
		end = start + (end-start)/2
		more, continuation = false, nothing()
	}

	b := append(c.array.buffers.take(), `{"continuation_token":`...)
	b = continuation.append(b)
	b = append(b, `,"items":[`...)
	for i, row := range m.rows[start:end] {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.append(b, c, row)
	}
	b = append(b, `],"more_items_remaining":`...)
	b = strconv.AppendBool(b, more)
	b = append(b, `,"total_item_count":`...)
	if counted || w.limited && w.limit == 0 {
		b = strconv.AppendInt(b, int64(len(m.rows)), 10)
	} else {
		b = append(b, "null"...)
	}
	return append(append(b, m.total...), '}'), nil
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

// window reads limit, offset and continuation_token.
func (c *call) window(path string) (w window, err error) {
	if w.limit, w.limited, err = c.count("limit"); err != nil {
		return w, err
	}
	if w.offset, _, err = c.count("offset"); err != nil {
		return w, err
	}
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

func readToken(text, path string, c *call) (uint64, error) {
	bad := refuse(badPageToken, text)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return 0, bad
	}
	query, position, _ := strings.Cut(string(raw), ".")
	if query != strconv.FormatUint(hash(signature(c, path)), 16) {
		return 0, bad
	}
	order, err := strconv.ParseUint(position, 16, 64)
	if err != nil {
		return 0, bad
	}
	return order, nil
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s)) // never fails
	return h.Sum64()
}
