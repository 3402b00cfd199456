package pure

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// endless answers each request for the volumes with another page, which begins
// and ends as page says of the n-th.
func endless(s *stub, page func(n int) (rows, rest string)) *atomic.Int64 {
	var n atomic.Int64
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path != "volumes" {
			return false
		}
		rows, rest := page(int(n.Add(1)))
		fmt.Fprintf(w, `{"items":[%s],"more_items_remaining":true,%s}`, rows, rest)
		return true
	}
	return &n
}

// rows are volumes that never come again.
func rows(page, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = encode(volumeRow("lxd", fmt.Sprintf("u-%d-%d", page, i), page*n+i))
	}
	return strings.Join(all, ",")
}

// TestEndlessLists: rows and tokens that never repeat end, by whatever shows
// first that they would not.
func TestEndlessLists(t *testing.T) {
	for name, c := range map[string]struct {
		page  func(n int) (rows, rest string)
		why   string
		pages int64
	}{
		"more than announced": {func(n int) (string, string) {
			return rows(n, 500), fmt.Sprintf(`"continuation_token":"t%d","total_item_count":7`, n)
		}, "the pages do not end: 1500 rows so far, and the array counted 7", 3},
		"announced beyond reason": {func(n int) (string, string) {
			return rows(n, 2), fmt.Sprintf(`"continuation_token":"t%d","total_item_count":%d`, n, 1<<40)
		}, "the array counts 1099511627776, which is more than an array can have", 1},
		"an endless token": {func(n int) (string, string) {
			return rows(n, 2), fmt.Sprintf(`"continuation_token":"t%d%s","total_item_count":100`, n, strings.Repeat("x", maxToken))
		}, "at great length", 1},
		"a token that comes again, later": {func(n int) (string, string) {
			return rows(n, 2), fmt.Sprintf(`"continuation_token":"t%d","total_item_count":100`, n%7)
		}, "leads back", 16},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t).fill()
			n := endless(s, c.page)
			a := s.open().Observe(t.Context(), []string{"lxd"})
			if a.Volumes.IsComplete() || !strings.Contains(a.Volumes.Why(), c.why) || n.Load() > c.pages+4*parallel { // of each reading, some are windows
				t.Errorf("%d pages, %s", n.Load(), a.Volumes.Why())
			}
			if len(a.Volumes.Items) == 0 {
				t.Error("nothing was kept")
			}
		})
	}
}

// TestListsOfUnknownLength: one that never says how long it is ends when it is
// longer than any that there is.
func TestListsOfUnknownLength(t *testing.T) {
	for name, rows := range map[string]int64{"rows": maxRows, "pages": 1} {
		w := walk[evidence.Volume]{gathered: gathered[evidence.Volume]{rows: rows}}
		s := newStub(t).fill()
		s.many(7, 3)
		s.edit = func(path string, _ int, page map[string]any) {
			if path == "volumes" {
				page["more_items_remaining"], page["continuation_token"] = true, "t"
			}
		}
		r := s.open()
		w.question, w.session = question[evidence.Volume]{resource: &volumes}, r.session
		w.tokens = map[uint64]bool{}
		if name == "pages" {
			w.pages = maxPages - 1
		}
		w.run(t.Context())
		if !strings.Contains(w.broken, "do not end") || !w.endless {
			t.Errorf("%s: %q", name, w.broken)
		}
	}
}

// TestSmallRows: what is kept of an answer is not many times its text. The
// rows are counted and what lives is measured while the answer still comes.
func TestSmallRows(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what is large")
	}
	small := `{"id":"%08d","name":"lxd::%d"},`
	for name, c := range map[string]struct {
		begin  string
		row    func(i int) string
		memory int64
		why    string
		most   int
	}{
		"many rows on a page": {`{"items":[`, func(i int) string { return fmt.Sprintf(small, i, i) }, 0, "one page has more than 10000 rows, and 1000 were asked for", maxPageRows},
		"little memory":       {`{"items":[`, func(i int) string { return fmt.Sprintf(small, i, i) }, 1 << 20, "more than 1 MiB of memory", 2000},
		"lists in a row": {
			`{"items":[{"id":"a","arrays":[`, func(int) string { return `{},` },
			0, "one row of the answer is larger than 4 MiB", 0,
		},
		"members that are not read": {`{"items":[],`, func(i int) string { return fmt.Sprintf(`"k%d":0,`, i) }, 0, "ends in the middle", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t).fill()
			path := "volumes"
			if name == "lists in a row" {
				path = "pods"
			}
			var sent, most atomic.Uint64
			s.before = func(w http.ResponseWriter, _ *http.Request, at string, _ int) bool {
				if at != path {
					return false
				}
				fmt.Fprint(w, c.begin)
				var b strings.Builder
				for i := 0; sent.Load() < 10<<20; i++ {
					if b.WriteString(c.row(i)); b.Len() < 1<<20 {
						continue
					}
					if sent.Load()>>20%3 == 2 {
						runtime.GC() // what lives is meant
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						most.Store(max(most.Load(), m.HeapAlloc))
					}
					sent.Add(uint64(b.Len()))
					if _, err := io.WriteString(w, b.String()); err != nil {
						break
					}
					b.Reset()
				}
				return true
			}
			o := testOptions(&waits{})
			o.Memory, o.Timeout = c.memory, 5*time.Minute // what is large takes long on a busy machine
			r, err := Open(t.Context(), s.access(), o)
			if err != nil {
				t.Fatal(err)
			}
			a := r.Observe(t.Context(), []string{"lxd"})
			why, n := a.Volumes.Why(), len(a.Volumes.Items)
			if path == "pods" {
				why, n = a.Pods.Why(), len(a.Pods.Items)
			}
			if !strings.Contains(why, c.why) || n > c.most {
				t.Errorf("%d rows, %s", n, why)
			}
			if limit := uint64(128 << 20); most.Load() > limit {
				t.Errorf("%d MiB of memory for %d MiB of answer", most.Load()>>20, sent.Load()>>20)
			}
			if a.Hint == "" && !strings.Contains(c.why, "ends") {
				t.Error("no hint")
			}
		})
	}
}

// TestMemoryIsGivenBack: reading twice is not reading twice as much.
func TestMemoryIsGivenBack(t *testing.T) {
	s := newStub(t).many(900, 300)
	o := testOptions(&waits{})
	o.Memory = 1 << 20
	r, err := Open(t.Context(), s.access(), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a := r.Observe(t.Context(), []string{"lxd"}); !a.Volumes.IsComplete() {
			t.Fatal(a.Volumes.Why())
		}
	}
	taken := r.session.memory.taken.Load()
	if taken == 0 || taken > 1<<20 {
		t.Errorf("%d bytes are taken", taken)
	}
	// The counts differ, so it is read a second time.
	s.edit = func(path string, n int, page map[string]any) {
		if path == "volumes" && page["total_item_count"] != nil {
			page["total_item_count"] = 901
		}
	}
	if a := r.Observe(t.Context(), []string{"lxd"}); !strings.Contains(a.Volumes.Why(), "counted 901") {
		t.Error(a.Volumes.Why())
	}
	if again := r.session.memory.taken.Load(); again != taken {
		t.Errorf("%d bytes are taken, %d the first time", again, taken)
	}
}
