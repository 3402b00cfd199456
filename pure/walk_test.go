package pure

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rawPage answers every request for a path with the same text.
func rawPage(at, text string) func(http.ResponseWriter, *http.Request, string, int) bool {
	return func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path == at {
			fmt.Fprint(w, text)
		}
		return path == at
	}
}

// many fills the array with n volumes in pages of size.
func (s *stub) many(n, size int) *stub {
	s.fill()
	s.pageSize = size
	s.rows["volumes"] = nil
	for i := range n {
		s.rows["volumes"] = append(s.rows["volumes"], encode(volumeRow("lxd", fmt.Sprintf("u-%d", i), i)))
	}
	return s
}

func TestTokenWalk(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 2001} {
		size := 3
		if n > 100 {
			size = 1000
		}
		s := newStub(t).many(n, size)
		if n == 0 {
			s.rows["volumes"] = []string{}
		}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if !a.Volumes.IsComplete() || len(a.Volumes.Items) != n {
			t.Fatalf("%d volumes: %d, %s", n, len(a.Volumes.Items), a.Volumes.Why())
		}
		for i, v := range a.Volumes.Items {
			if v.Name != fmt.Sprintf("lxd::u-%d", i) {
				t.Fatalf("volume %d is %s", i, v.Name)
			}
		}
		requests := s.requests("volumes")
		if want := max(1, (n+size-1)/size); len(requests) != want {
			t.Errorf("%d volumes took %d requests, want %d", n, len(requests), want)
		}
		for i, r := range requests {
			query, err := url.ParseQuery(r.Query)
			if err != nil {
				t.Fatal(err)
			}
			// Counting slows the array down: only once. The filter stays.
			if (query.Get("total_item_count") == "true") != (i == 0) || (query.Get("continuation_token") == "") != (i == 0) ||
				query.Get("filter") != "pod.name='lxd'" || query.Get("limit") != "1000" || query.Has("offset") || query.Has("sort") {
				t.Errorf("request %d: %s", i, r.Query)
			}
		}
	}
}

func TestOffsetWalk(t *testing.T) {
	s := newStub(t).fill()
	s.pageSize = 3
	s.rows["volumes/performance"] = nil
	for i := range 8 {
		row := goodRows()["volumes/performance"]
		row["id"], row["name"] = fmt.Sprint(i), fmt.Sprintf("lxd::u-%d", i)
		s.rows["volumes/performance"] = append(s.rows["volumes/performance"], encode(row))
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Activity.IsComplete() || len(a.Activity.Items) != 8 {
		t.Fatalf("%d, %s", len(a.Activity.Items), a.Activity.Why())
	}
	var offsets []string
	for _, r := range s.requests("volumes/performance") {
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			t.Fatal(err)
		}
		offsets = append(offsets, query.Get("offset"))
		if query.Get("sort") != "name" || query.Has("continuation_token") || query.Get("filter") != "name='lxd::*'" {
			t.Errorf("asked %s", r.Query)
		}
	}
	if diff := cmp.Diff([]string{"", "3", "6"}, offsets); diff != "" {
		t.Error(diff)
	}
}

// Each of these pages lies in one way. The list must say so, keep what it
// has, and end.
func TestPagesThatLie(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(n int, page map[string]any)
		why  string
		// requests are the most that may be made, a second walk included.
		requests int
	}{
		{"no total", func(_ int, p map[string]any) { delete(p, "total_item_count") }, "does not say how many", 3},
		{"total null", func(_ int, p map[string]any) { p["total_item_count"] = nil }, "does not say how many", 3},
		{"total text", func(_ int, p map[string]any) { p["total_item_count"] = "7" }, "does not say how many", 3},
		{"total too high", func(_ int, p map[string]any) {
			if p["total_item_count"] != nil {
				p["total_item_count"] = 8
			}
		}, "counted 8, but 7 came", 6},
		{"total too low", func(_ int, p map[string]any) {
			if p["total_item_count"] != nil {
				p["total_item_count"] = 6
			}
		}, "counted 6, but 7 came", 6},
		{"a short page", func(n int, p map[string]any) {
			if n%3 == 2 {
				p["items"] = json.RawMessage(`[` + encode(volumeRow("lxd", "u-3", 3)) + `]`)
			}
		}, "counted 7, but 5 came", 6},
		{"ends early", func(_ int, p map[string]any) {
			p["more_items_remaining"], p["continuation_token"] = false, nil
		}, "counted 7, but 3 came", 2},
		{"no more_items_remaining", func(_ int, p map[string]any) { delete(p, "more_items_remaining") }, "does not say whether more remains", 2},
		{"more_items_remaining is null", func(_ int, p map[string]any) { p["more_items_remaining"] = nil }, "does not say whether more remains", 2},
		{"more_items_remaining is text", func(_ int, p map[string]any) { p["more_items_remaining"] = "false" }, "does not say whether more remains", 2},
		{"no token", func(_ int, p map[string]any) { delete(p, "continuation_token") }, "more remains and not where", 2},
		{"the same token", func(_ int, p map[string]any) {
			p["continuation_token"], p["more_items_remaining"] = "from-3", true
		}, "leads back", 6},
		{"an empty page", func(n int, p map[string]any) {
			if n%2 == 0 {
				p["items"], p["more_items_remaining"] = []any{}, true
			}
		}, "is empty and says that more remains", 4},
		{"rows that come again", func(n int, p map[string]any) {
			if n%3 == 2 {
				p["items"] = json.RawMessage(`[` + encode(volumeRow("lxd", "u-0", 0)) + `,` +
					encode(volumeRow("lxd", "u-4", 4)) + `,` + encode(volumeRow("lxd", "u-5", 5)) + `]`)
			}
		}, `"lxd::u-0" came twice`, 6},
		{"always new rows", func(n int, p map[string]any) {
			p["more_items_remaining"], p["continuation_token"] = true, fmt.Sprintf("from-%d", n%7)
			p["items"] = json.RawMessage(`[` + encode(volumeRow("lxd", fmt.Sprintf("u-new-%d", n), n)) + `]`)
		}, "leads back", 24},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t).many(7, 3)
			s.edit = func(path string, n int, page map[string]any) {
				if path == "volumes" {
					c.edit(n, page)
				}
			}
			a := s.open().Observe(t.Context(), []string{"lxd"})
			if a.Volumes.IsComplete() || !strings.Contains(a.Volumes.Why(), c.why) {
				t.Errorf("%v %q, want %q", a.Volumes.IsComplete(), a.Volumes.Why(), c.why)
			}
			if len(a.Volumes.Items) == 0 {
				t.Error("nothing was kept")
			}
			if n := len(s.requests("volumes")); n > c.requests {
				t.Errorf("%d requests", n)
			}
			if a.Trouble != "" || !a.Snapshots.IsComplete() {
				t.Errorf("trouble %q", a.Trouble)
			}
		})
	}
}

// A volume that comes or goes between two pages makes the counts differ, once.
func TestListThatChangesIsReadAgain(t *testing.T) {
	s := newStub(t).many(7, 3)
	s.edit = func(path string, n int, page map[string]any) {
		if path == "volumes" && n == 1 {
			page["total_item_count"] = 8
		}
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Volumes.IsComplete() || len(a.Volumes.Items) != 7 || len(s.requests("volumes")) != 6 {
		t.Errorf("%d volumes after %d requests: %s", len(a.Volumes.Items), len(s.requests("volumes")), a.Volumes.Why())
	}
}

// The array may give fewer rows than asked for on any page.
func TestUnevenPages(t *testing.T) {
	s := newStub(t).fill()
	pages := []string{
		`{"items":[%s],"more_items_remaining":true,"continuation_token":"a","total_item_count":3}`,
		`{"items":[%s],"more_items_remaining":true,"continuation_token":"b","total_item_count":null}`,
		`{"items":[%s],"more_items_remaining":false,"continuation_token":"c"}`,
	}
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, n int) bool {
		if path == "volumes" {
			fmt.Fprintf(w, pages[n-1], encode(volumeRow("lxd", fmt.Sprintf("u-%d", n), n)))
		}
		return path == "volumes"
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Volumes.IsComplete() || len(a.Volumes.Items) != 3 {
		t.Errorf("%d, %s", len(a.Volumes.Items), a.Volumes.Why())
	}
}

func TestSessionEndsInTheMiddleOfAList(t *testing.T) {
	s := newStub(t).many(7, 3)
	s.before = func(_ http.ResponseWriter, _ *http.Request, path string, n int) bool {
		if path == "volumes" && n == 2 {
			s.endSessions()
		}
		return false
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Volumes.IsComplete() || len(a.Volumes.Items) != 7 || s.logins != 2 || len(s.requests("volumes")) != 4 {
		t.Errorf("%d volumes, %d logins, %d requests, %s", len(a.Volumes.Items), s.logins, len(s.requests("volumes")), a.Volumes.Why())
	}
}

// A connection that breaks in the middle of a page: the page is read again,
// and what was read of it before counts for nothing.
func TestConnectionBreaksInTheMiddleOfAPage(t *testing.T) {
	s := newStub(t).many(7, 3)
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, n int) bool {
		if path != "volumes" || n != 2 {
			return false
		}
		w.Header().Set("Content-Length", "100000")
		fmt.Fprintf(w, `{"items":[%s,{},{"id":`, encode(volumeRow("lxd", "u-3", 3)))
		return true
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Volumes.IsComplete() || len(a.Volumes.Items) != 7 || len(s.requests("volumes")) != 4 {
		t.Errorf("%d volumes, %d requests, %s", len(a.Volumes.Items), len(s.requests("volumes")), a.Volumes.Why())
	}
}

// A list whose later page fails keeps its earlier pages, and says why.
func TestLaterPageFails(t *testing.T) {
	s := newStub(t).many(7, 3)
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, n int) bool {
		if path != "volumes" || n != 3 {
			return false
		}
		refuse(w, 400, `{"errors":[{"context":null,"message":"Invalid continuation token."}]}`)
		return true
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if a.Volumes.IsComplete() || len(a.Volumes.Items) != 6 || !strings.Contains(a.Volumes.Why(), "Invalid continuation token.") {
		t.Errorf("%d volumes, %s", len(a.Volumes.Items), a.Volumes.Why())
	}
	if !strings.Contains(a.Trouble, "could not read volumes") {
		t.Errorf("trouble %q", a.Trouble)
	}
}

// Volumes that differ in nothing but a missing id are still different rows.
func TestRowsWithoutIdentity(t *testing.T) {
	s := newStub(t).fill()
	s.rows["volumes"] = []string{`{"name":"lxd::a"}`, `{"name":"lxd::b"}`, `{}`, `{}`}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if len(a.Volumes.Items) != 4 || strings.Contains(a.Volumes.Why(), "twice") || a.Volumes.IsComplete() {
		t.Errorf("%d, %s", len(a.Volumes.Items), a.Volumes.Why())
	}
}
