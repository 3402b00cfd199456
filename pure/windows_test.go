package pure

import (
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// asked are the queries for a list.
func (s *stub) asked(path string) []url.Values {
	var all []url.Values
	for _, r := range s.requests(path) {
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, query)
	}
	return all
}

func volumeNames(l evidence.List[evidence.Volume]) []string {
	var all []string
	for _, v := range l.Items {
		all = append(all, v.Name)
	}
	slices.Sort(all)
	return all
}

// A long list is read in windows that share a row with each other; for a shorter
// one the walk is as short.
func TestWindows(t *testing.T) {
	for _, c := range []struct{ volumes, windows int }{{9, 0}, {11, 5}, {12, 6}, {13, 6}, {14, 7}, {100, 50}} {
		s := newStub(t).many(c.volumes, 3)
		slices.Reverse(s.rows["volumes"])
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if !a.Volumes.IsComplete() || len(slices.Compact(volumeNames(a.Volumes))) != c.volumes || len(a.Volumes.Items) != c.volumes {
			t.Errorf("%d volumes: %d, %s", c.volumes, len(a.Volumes.Items), a.Volumes.Why())
		}
		if !slices.IsSortedFunc(a.Volumes.Items, func(a, b evidence.Volume) int { return strings.Compare(a.Name, b.Name) }) && c.windows > 0 {
			t.Errorf("%d volumes are not in the order of their names", c.volumes)
		}
		offsets := map[string]bool{}
		for _, query := range s.asked("volumes") {
			if !query.Has("offset") {
				continue
			}
			offsets[query.Get("offset")] = true
			if query.Get("sort") != "id" || query.Get("limit") != "3" || query.Get("filter") != "pod.name='lxd'" ||
				query.Has("continuation_token") || query.Has("total_item_count") {
				t.Errorf("asked %v", query)
			}
		}
		if len(offsets) != c.windows || c.windows > 0 && (len(s.requests("volumes")) != c.windows+1 || !offsets[fmt.Sprint(2*c.windows-2)]) {
			t.Errorf("%d volumes: %d requests, windows at %v", c.volumes, len(s.requests("volumes")), slices.Sorted(maps.Keys(offsets)))
		}
	}
}

// Lists without ids are read in the array's own order, and what has no token in
// that of ids.
func TestWindowsOfOtherLists(t *testing.T) {
	for path, order := range map[string]string{"connections": "", "volumes/protection-groups": "", "volume-snapshots": "id", "volumes/performance": "id"} {
		s := newStub(t).fill()
		s.pageSize, s.rows[path] = 3, nil
		for i := range 30 {
			row, id := goodRows()[path], fmt.Sprintf("vol-id-%02d", i)
			switch path {
			case "connections":
				row["volume"] = object{"name": "lxd::" + id, "id": id}
			case "volumes/protection-groups":
				row["member"] = object{"name": "lxd::" + id, "id": id}
			default:
				row["id"] = id
			}
			s.rows[path] = append(s.rows[path], encode(row))
		}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		got := map[string]int{
			"connections": len(a.Connections.Items), "volumes/protection-groups": len(a.Protections.Items),
			"volume-snapshots": len(a.Snapshots.Items), "volumes/performance": len(a.Activity.Items),
		}[path]
		asked := s.asked(path)
		if a.Trouble != "" || got != 30 || len(asked) != 16 || asked[9].Get("sort") != order || !asked[9].Has("offset") {
			t.Errorf("%s: %d rows, %d requests like %v, %s", path, got, len(asked), asked[len(asked)-1], a.Trouble)
		}
	}
}

// Where windows don't add up, the list is what the walk makes of it.
func TestWindowsThatDoNotAddUp(t *testing.T) {
	inWindow := func(r *http.Request) bool { return r.URL.Query().Has("offset") }
	for name, c := range map[string]struct {
		before func(s *stub, w http.ResponseWriter, r *http.Request) bool
		edit   func(n int, page map[string]any)
		why    string
	}{
		"no sorting": {before: func(_ *stub, w http.ResponseWriter, r *http.Request) bool {
			if inWindow(r) {
				refuse(w, 400, `{"errors":[{"context":"id","message":"Invalid sort field."}]}`)
			}
			return inWindow(r)
		}},
		"no offset": {before: func(_ *stub, _ http.ResponseWriter, r *http.Request) bool {
			query := r.URL.Query()
			query.Del("offset")
			r.URL.RawQuery = query.Encode()
			return false
		}},
		"one more row": {before: func(s *stub, _ http.ResponseWriter, r *http.Request) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !inWindow(r) && len(s.rows["volumes"]) > 30 {
				s.rows["volumes"] = s.rows["volumes"][:30]
			} else if inWindow(r) && len(s.rows["volumes"]) == 30 {
				s.rows["volumes"] = append(s.rows["volumes"], encode(volumeRow("lxd", "u-30", 30)))
			}
			return false
		}},
		"fewer rows": {edit: func(n int, page map[string]any) {
			if n == 4 {
				page["items"] = []any{}
			}
		}},
		"no end": {edit: func(n int, page map[string]any) {
			if n > 1 && n <= 16 { // the fifteen windows
				page["more_items_remaining"] = true
			}
		}},
		"an earlier end": {edit: func(n int, page map[string]any) {
			if n == 4 {
				page["more_items_remaining"] = false
			}
		}},
		"rows that are none": {edit: func(n int, page map[string]any) {
			if n == 2 {
				page["items"] = []int{1, 2, 3}
			}
		}},
		"a wrong count": {edit: func(_ int, page map[string]any) {
			if page["total_item_count"] != nil {
				page["total_item_count"] = 25
			}
		}, why: "the array counted 25, but 30 came"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t).many(30, 3)
			s.before = func(w http.ResponseWriter, r *http.Request, path string, _ int) bool {
				return path == "volumes" && c.before != nil && c.before(s, w, r)
			}
			s.edit = func(path string, n int, page map[string]any) {
				if path == "volumes" && c.edit != nil {
					c.edit(n, page)
				}
			}
			a := s.open().Observe(t.Context(), []string{"lxd"})
			if a.Volumes.IsComplete() != (c.why == "") || !strings.Contains(a.Volumes.Why(), c.why) || len(a.Volumes.Items) != 30 {
				t.Errorf("%d volumes, %q", len(a.Volumes.Items), a.Volumes.Why())
			}
			walked := slices.ContainsFunc(s.asked("volumes"), func(q url.Values) bool { return q.Has("continuation_token") })
			if !walked {
				t.Error("the windows were believed")
			}
		})
	}
}

// Rows without identity are known by their places, and so all windows seem to meet.
func TestWindowsOfRowsWithoutIdentity(t *testing.T) {
	s := newStub(t).many(30, 3)
	for i := range s.rows["volumes"] {
		s.rows["volumes"][i] = fmt.Sprintf(`{"name":"other::%d"}`, i)
	}
	s.open().Observe(t.Context(), []string{"lxd"})
	if !slices.ContainsFunc(s.asked("volumes"), func(q url.Values) bool { return q.Has("continuation_token") }) {
		t.Error("the windows were believed")
	}
}

// What an array counts sets nothing aside: windows that are many are not begun.
func TestTooManyWindows(t *testing.T) {
	s := newStub(t).many(2, 2)
	r := s.open()
	for total, begun := range map[int64]bool{maxPages: true, maxPages + 2: false, maxRows: false, maxRows + 1: false} {
		w := &walk[evidence.Volume]{question: question[evidence.Volume]{resource: &volumes}, session: r.session, seed: maphash.MakeSeed()}
		before := len(s.requests("volumes"))
		first := &pageReader[evidence.Volume]{rows: 2, envelope: envelope{total: evidence.CountOf(total)}}
		if w.inWindows(t.Context(), first, url.Values{}) || (len(s.requests("volumes")) > before) != begun {
			t.Errorf("%d rows: %d requests", total, len(s.requests("volumes"))-before)
		}
	}
}

// TestNoRowIsLeftOut: volumes come and go between the windows, in such a way that
// their number often stays; whatever was there all the time is in the list.
func TestNoRowIsLeftOut(t *testing.T) {
	believed, dropped := 0, 0
	for seed := range uint64(100) {
		s := newStub(t).many(40, 4) // its own: a request that was given up may still arrive
		random := rand.New(rand.NewPCG(seed, 1))
		volume := func(name string, place int) string {
			row := volumeRow("lxd", name, place)
			row["id"] = fmt.Sprintf("%04d", place)
			return encode(row)
		}
		always := map[string]bool{}
		rows := make([]string, 40)
		for i, place := range random.Perm(40) { // by id they are in another order than by name
			name := fmt.Sprintf("u-%d", i)
			rows[i] = volume(name, 10*place)
			always[fmt.Sprintf("%04d", 10*place)] = true
		}
		left, changed := 1+random.IntN(3), false
		s.rows["volumes"] = rows
		s.before = func(_ http.ResponseWriter, r *http.Request, path string, _ int) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			if path != "volumes" || !r.URL.Query().Has("offset") || left == 0 || random.IntN(4) > 0 {
				return false
			}
			left--
			changed = true
			rows := slices.Clone(s.rows["volumes"])
			if random.IntN(4) > 0 {
				gone := random.IntN(len(rows))
				delete(always, rowID(rows[gone]))
				rows = slices.Delete(rows, gone, gone+1)
			}
			if random.IntN(4) > 0 {
				rows = append(rows, volume(fmt.Sprintf("u-new-%d", left), random.IntN(40)*10+1+left))
			}
			s.rows["volumes"] = rows
			return false
		}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if !a.Volumes.IsComplete() {
			t.Errorf("seed %d: %s", seed, a.Volumes.Why())
		}
		for _, v := range a.Volumes.Items {
			delete(always, v.ID)
		}
		if len(always) > 0 {
			t.Errorf("seed %d: %v were there all the time", seed, slices.Sorted(maps.Keys(always)))
		}
		walked := slices.ContainsFunc(s.asked("volumes"), func(q url.Values) bool { return q.Has("continuation_token") })
		switch {
		case walked:
			dropped++
		case changed:
			believed++
		}
	}
	if believed < 10 || dropped < 10 {
		t.Errorf("windows between which something changed were believed %d times, and dropped %d times", believed, dropped)
	}
}
