package pure

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

const (
	// pageSize is what is asked for. The array gives what it likes if that
	// is less; 1000 is what it is said to give at most.
	pageSize = 1000
	// maxGrow bounds what is set aside on the array's word alone.
	maxGrow = 1 << 16
	// maxReasons is how many reasons are told before they are counted.
	maxReasons = 3
)

// resource is one kind of object on the array and how to read a list of it.
type resource[R any] struct {
	// path is the resource's, below "/api/2.x/".
	path    string
	columns []column[R]
	// blank is the row before anything was read; nil is the zero R.
	blank func(*R)
	// check tells d about what no single column can see.
	check func(d *decoder, row *R)
	// label names a row to people; empty when it has no name.
	label func(row *R) string
	// identity is what no two rows have in common.
	identity func(row *R) [3]string
	// byOffset is for lists that have no token.
	byOffset bool
	// long lists are read in windows; inOrder is what these are sorted by, and
	// empty for the array's own order.
	long    bool
	inOrder string
	// merge joins a row that comes again with its first; nil means that the
	// pages must not repeat a row.
	merge func(first, again *R)
}

// question is one list to read.
type question[R any] struct {
	*resource[R]
	// filter is in the array's language; empty means everything.
	filter string
	// only are parameters that name what the rows are to be about.
	only url.Values
	// ours picks the rows that were meant, because the array's filters may
	// be looser than asked. What is wrong with the others is not our concern.
	// nil means all.
	ours func(row *R) bool
	// firstBy asks for the first row alone, in that order; empty for all.
	firstBy string
}

// list reads a whole list. It is complete when the array said that nothing
// remains, as many different rows came as it counted itself, and every row
// had what is required. When the counts differ the list is read once more:
// something may have come or gone between the pages. err is the request that
// failed, if one did; the list then has the rows before it.
func list[R any](ctx context.Context, s *session, q question[R]) (evidence.List[R], error) {
	var w walk[R]
	for range 2 {
		s.memory.give(w.taken.Load())
		w = walk[R]{question: q, session: s}
		w.run(ctx)
		if w.err != nil || w.broken == "" || w.endless {
			break
		}
	}
	reasons := w.reasons()
	if len(reasons) == 0 {
		return evidence.Complete(w.items), nil
	}
	return evidence.Incomplete(w.items, s.wire.secrets.Conceal(strings.Join(reasons, "; "))), w.err
}

// walk is one reading of a list, page after page.
type walk[R any] struct {
	question[R]
	session *session
	gathered[R]
	seed  maphash.Seed
	pages int
	total evidence.Count
	// tokens are the hashes of those that led on.
	tokens map[uint64]bool

	// err is the request that failed.
	err error
	// endless is that reading once more would lead nowhere.
	endless bool
	// taken is the memory that was asked for.
	taken atomic.Int64
}

// gathered are the rows that came, and what is wrong with them.
type gathered[R any] struct {
	items []R
	// index finds a row's place in items by the hash of its identity; -1 is
	// a row that is not ours. 64 bits: two rows out of a million share a
	// hash once in 10^7 lists, and the list is then called incomplete.
	index map[uint64]int32
	// rows counts what came, repeated the rows that came again.
	rows, repeated int64
	// Doubts are about rows, broken is why the pages as a whole can't be
	// trusted.
	doubts  []string
	doubted int
	broken  string
}

func (w *walk[R]) reasons() []string {
	var reasons []string
	if w.err != nil {
		reasons = append(reasons, w.err.Error())
	}
	if w.broken != "" {
		reasons = append(reasons, w.broken)
	}
	reasons = append(reasons, w.doubts...)
	if more := w.doubted - len(w.doubts); more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more rows like these", more))
	}
	return reasons
}

func (w *walk[R]) run(ctx context.Context) {
	w.index = map[uint64]int32{}
	w.seed = maphash.MakeSeed()
	w.tokens = map[uint64]bool{}
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if w.filter != "" {
		query.Set("filter", w.filter)
	}
	maps.Copy(query, w.only)
	if w.firstBy != "" {
		query.Set("limit", "1")
		query.Set("sort", w.firstBy)
	}
	if w.byOffset {
		query.Set("sort", "name") // or a row could move to a page already read
	}
	if !w.byOffset || w.long {
		query.Set("total_item_count", "true")
	}
	page := w.reader()
	for {
		w.pages++
		n := w.pages
		page.before = w.rows
		if w.err = w.session.get(ctx, w.call(query), page.read); w.err != nil {
			return
		}
		w.take(page)
		// Counting slows the array down, so it counts once.
		query.Del("total_item_count")
		if n == 1 && !w.byOffset {
			w.total = page.envelope.total
			if !w.total.Known {
				w.doubt("the array does not say how many there are")
			}
		}
		w.session.came(page.rows, n == 1, w.total)
		if n == 1 {
			if w.inWindows(ctx, page, query) {
				return
			}
			w.expect(int(min(w.total.N, maxGrow)))
		}
		token := maphash.String(w.seed, page.envelope.token)
		switch {
		case w.broken != "", w.firstBy != "" && page.rows > 0:
			return
		case w.total.N > maxRows:
			w.end("the array counts %d, which is more than an array can have", w.total.N)
			return
		case page.envelope.more.IsNot():
			w.compare()
			return
		case !page.envelope.more.Is():
			w.broken = fmt.Sprintf("page %d does not say whether more remains", n)
			return
		case page.rows == 0:
			w.broken = fmt.Sprintf("page %d is empty and says that more remains", n)
			return
		case w.total.Known && w.rows-w.repeated > w.total.N+pageSize:
			// Some may have come while it was read; these are others.
			w.end("the pages do not end: %d rows so far, and the array counted %d", w.rows, w.total.N)
			return
		case w.rows >= maxRows || n >= maxPages:
			w.end("the pages do not end: %d rows on %d pages so far", w.rows, n)
			return
		case w.byOffset:
			query.Set("offset", strconv.FormatInt(w.rows, 10))
			continue
		case page.envelope.token == "":
			w.broken = fmt.Sprintf("page %d says that more remains and not where", n)
			return
		case len(page.envelope.token) > maxToken:
			w.end("page %d says at great length where the list goes on", n)
			return
		case w.tokens[token]:
			w.broken = fmt.Sprintf("page %d leads back to an earlier one", n)
			return
		}
		w.tokens[token] = true
		query.Set("continuation_token", page.envelope.token)
	}
}

// call asks for a part of the list.
func (w *walk[R]) call(query url.Values) call {
	return call{
		op:    "list " + strings.ReplaceAll(w.path, "/", " "),
		path:  "/api/" + w.session.api.String() + "/" + w.path,
		query: query,
	}
}

func (w *walk[R]) reader() *pageReader[R] {
	return &pageReader[R]{walk: w, decoder: decoder{api: w.session.api, names: map[string]string{}, betrays: w.session.wire.secrets.Betrays}}
}

// end gives a list up for good.
func (w *walk[R]) end(why string, args ...any) {
	w.broken, w.endless = fmt.Sprintf(why, args...), true
}

// expect sets aside room for n rows.
func (w *walk[R]) expect(n int) {
	w.items = slices.Grow(w.items, max(0, n-len(w.items)))
	index := make(map[uint64]int32, n)
	maps.Copy(index, w.index)
	w.index = index
}

// take adds what a page brought.
func (w *walk[R]) take(page *pageReader[R]) {
	w.rows += page.rows
	w.doubted += page.doubted
	w.doubts = append(w.doubts, page.doubts[:min(len(page.doubts), maxReasons-min(maxReasons, len(w.doubts)))]...)
	for i, key := range page.keys {
		kept := page.kept[i]
		at, again := w.index[key]
		if !again {
			w.index[key] = -1
			if kept >= 0 {
				w.index[key] = int32(len(w.items))
				w.items = append(w.items, page.items[kept])
			}
			continue
		}
		w.repeated++
		switch {
		case kept < 0 || at < 0:
		case w.merge != nil:
			w.merge(&w.items[at], &page.items[kept])
			continue
		case w.broken == "":
			w.broken = fmt.Sprintf("%s came twice, so the pages overlap and may leave out another", w.called(&page.items[kept], 0))
		}
	}
}

// compare holds the rows against the array's own count.
func (w *walk[R]) compare() {
	if got := w.rows - w.repeated; w.total.Known && got != w.total.N && w.broken == "" {
		w.broken = fmt.Sprintf("the array counted %d, but %d came", w.total.N, got)
	}
}

func (w *walk[R]) doubt(why string) {
	w.doubted++
	if len(w.doubts) < maxReasons {
		w.doubts = append(w.doubts, why)
	}
}

// called names a row in a reason.
func (w *walk[R]) called(row *R, n int64) string {
	if label := w.label(row); label != "" {
		return strconv.Quote(label)
	}
	return fmt.Sprintf("row %d", n)
}

// pageReader reads one page, again from the start when the connection breaks.
type pageReader[R any] struct {
	*walk[R]
	decoder
	buffer   []byte
	envelope envelope
	// before is how many rows of the list come before this page.
	before int64
	// failed is that it could not be read, nameless that a row of it has no
	// identity; only windows ask.
	failed, nameless bool

	items []R
	// keys are the identities' hashes of all rows, kept their places in
	// items, -1 for rows that are not ours.
	keys    []uint64
	kept    []int32
	rows    int64
	doubts  []string
	doubted int

	row   *R   // the row being read, the first beyond items
	whole bool // it is an object
	hash  maphash.Hash
}

func (p *pageReader[R]) read(_ http.Header, body io.Reader) (err error) {
	p.items, p.keys, p.kept = p.items[:0], p.keys[:0], p.kept[:0]
	p.rows, p.doubts, p.doubted, p.nameless = 0, nil, 0, false
	p.hash.SetSeed(p.seed)
	p.decoder.kept = 0
	p.envelope, p.buffer, err = readPage(body, p.buffer, p.decodeRow, p.endRow)
	return err
}

// decodeRow reads one row. It is called again when the text was too short.
func (p *pageReader[R]) decodeRow(c *jsonpull.Cursor) {
	p.Cursor, p.problems = c, p.problems[:0]
	n := len(p.items)
	p.items = append(p.items, *new(R))[:n]
	p.row = &p.items[:n+1][n]
	if p.blank != nil {
		p.blank(p.row)
	}
	p.whole = c.Peek() == '{'
	if !p.whole {
		c.Skip()
		return
	}
	decode(&p.decoder, p.columns, p.row, "", &p.shape)
}

// endRow judges the row that was read.
func (p *pageReader[R]) endRow() {
	p.rows++
	if p.rows > maxPageRows {
		p.Err = &pageRowsError{}
		return
	}
	defer p.charge()
	if !p.whole {
		p.doubtRow("is not an object")
		return
	}
	if p.check != nil {
		p.check(&p.decoder, p.row)
	}
	kept := int32(-1)
	if p.ours == nil || p.ours(p.row) {
		kept = int32(len(p.items))
		p.items = p.items[:kept+1]
		if len(p.problems) > 0 {
			p.doubtRow(strings.Join(p.problems, ", "))
		}
	}
	p.keys = append(p.keys, p.key())
	p.kept = append(p.kept, kept)
}

// charge asks for the memory that the row takes.
func (p *pageReader[R]) charge() {
	bytes := int64(rowExtra) + p.decoder.kept
	p.decoder.kept = 0
	if kept := len(p.kept); kept > 0 && p.kept[kept-1] >= 0 {
		bytes += 2 * int64(reflect.TypeFor[R]().Size())
	}
	p.taken.Add(bytes)
	if err := p.session.memory.take(bytes); err != nil && p.Err == nil {
		p.Err = err
	}
}

func (p *pageReader[R]) doubtRow(why string) {
	p.doubted++
	if len(p.doubts) < maxReasons {
		p.doubts = append(p.doubts, p.called(p.row, p.before+p.rows)+" "+why)
	}
}

// key is the hash of the row's identity. A row without one is told from the
// others by its place.
func (p *pageReader[R]) key() uint64 {
	id := p.identity(p.row)
	if id == ([3]string{}) {
		p.nameless = true
		id[0] = fmt.Sprintf("\x00%d", p.before+p.rows)
	}
	p.hash.Reset()
	for _, part := range id {
		_, _ = p.hash.WriteString(part) // never fails
		_ = p.hash.WriteByte(0)
	}
	return p.hash.Sum64()
}

// notAsked says that pods were left out of a list.
func notAsked[R any](l evidence.List[R], why []string) evidence.List[R] {
	for _, reason := range why {
		l = l.Doubt(reason)
	}
	return l
}
