package pure

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// A walk can ask for a page only when the one before it has come, so a long list
// takes as long as all its pages together. It is therefore read in windows, side by
// side: each request says at which row its window begins.
//
// No row that was there all the time is left out: each window but the first begins
// with the row with which the one before it ended, and the rows between two such
// rows came in one answer, in an order in which rows don't change places. What comes
// or goes in between moves the rows behind it: then two windows don't meet, a row
// comes twice, or there are not as many as the array counted. In that case nothing
// of the windows is kept, and the walk goes on; so it does where an array sorts or
// counts otherwise than expected.

// minWindows is for how many windows a list is long.
const minWindows = 5

// inWindows reads the whole list in windows as large as its first page, and
// reports whether they add up to it.
func (w *walk[R]) inWindows(ctx context.Context, first *pageReader[R], query url.Values) bool {
	size, total := first.rows, first.envelope.total
	if !w.long || w.broken != "" || size < 2 || !total.Known || total.N > maxRows {
		return false
	}
	n := (total.N + size - 3) / (size - 1) // neighbours share a row
	if n < minWindows || n > maxPages {
		return false
	}
	all := &walk[R]{question: w.question, session: w.session, seed: w.seed, total: total}
	all.expect(int(min(total.N, maxGrow)))
	if !all.readWindows(ctx, query, int(n), size) {
		w.session.memory.give(all.taken.Load())
		return false
	}
	w.session.memory.give(w.taken.Swap(all.taken.Load()))
	w.gathered = all.gathered
	if w.inOrder != "" {
		// In the order of the other lists, which are held against this one.
		w.items = sorted(w.items, w.label)
	}
	return true
}

// sorted returns the rows in the order of their labels. Rows are large: their places
// are sorted, and each row is copied once.
func sorted[R any](rows []R, label func(*R) string) []R {
	places := make([]int32, len(rows))
	for i := range places {
		places[i] = int32(i)
	}
	slices.SortFunc(places, func(a, b int32) int {
		return cmp.Or(strings.Compare(label(&rows[a]), label(&rows[b])), cmp.Compare(a, b))
	})
	inOrder := make([]R, len(rows))
	for i, place := range places {
		inOrder[i] = rows[place]
	}
	return inOrder
}

// readWindows reads n windows and takes them in their order.
func (w *walk[R]) readWindows(ctx context.Context, query url.Values, n int, size int64) bool {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	free := make(chan *pageReader[R], parallel)
	for range parallel {
		free <- w.reader()
	}
	came := make([]chan *pageReader[R], n)
	for i := range came {
		came[i] = make(chan *pageReader[R], 1)
	}
	var begun atomic.Int64
	var group sync.WaitGroup
	for range parallel {
		group.Go(func() {
			for page := range free {
				i := begun.Add(1) - 1
				if i >= int64(n) {
					return
				}
				page.before = i * (size - 1)
				page.failed = w.session.get(ctx, w.call(w.window(query, page.before, size)), page.read) != nil
				came[i] <- page
			}
		})
	}
	good := true
	var edge uint64
	for i := range came {
		page := <-came[i]
		good = page.fills(size, i == n-1) && (i == 0 || page.keys[0] == edge)
		if !good {
			break
		}
		edge = page.keys[len(page.keys)-1]
		if i > 0 {
			page.rows, page.keys, page.kept = page.rows-1, page.keys[1:], page.kept[1:]
		}
		w.take(page)
		w.session.came(page.rows, false, w.total)
		free <- page
	}
	stop()
	close(free)
	group.Wait()
	w.compare()
	return good && w.broken == ""
}

// window is the query for size rows from a place on.
func (w *walk[R]) window(query url.Values, from, size int64) url.Values {
	q := maps.Clone(query)
	q.Set("limit", strconv.FormatInt(size, 10))
	q.Set("offset", strconv.FormatInt(from, 10))
	if w.inOrder != "" {
		q.Set("sort", w.inOrder)
	}
	return q
}

// fills reports whether a page is a whole window, and each row of it as it has to
// be. The walk says what is wrong with a list of which one is not. A row without
// identity is known by its place alone, so nothing shows that two windows meet in it.
func (p *pageReader[R]) fills(size int64, last bool) bool {
	if p.failed || p.doubted > 0 || p.nameless || p.rows == 0 {
		return false
	}
	if last {
		return p.envelope.more.IsNot()
	}
	return p.envelope.more.Is() && p.rows == size
}
