package pure

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// A constant number of requests, however many volumes there are.
func TestRequests(t *testing.T) {
	for _, n := range []int{1, 900} {
		s := newStub(t).many(n, 1000)
		r := s.open()
		a := r.Observe(t.Context(), []string{"lxd"})
		if err := r.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.requests("")) != 12 || a.Requests != 11 || r.Requests() != 12 {
			t.Errorf("%d volumes: %d requests, %d told", n, len(s.requests("")), a.Requests)
		}
	}
}

func TestObserveTwice(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	r.Observe(t.Context(), []string{"lxd"})
	a := r.Observe(t.Context(), []string{"lxd"})
	if a.Requests != 9 || s.logins != 1 || a.Trouble != "" || a.Clock.IsZero() {
		t.Errorf("%d requests, %d logins, %q, clock %s", a.Requests, s.logins, a.Trouble, a.Clock)
	}
}

// No more than four at a time, and never fewer than could be.
func TestParallel(t *testing.T) {
	s := newStub(t).fill()
	var mu sync.Mutex
	running, most := 0, 0
	var full sync.WaitGroup
	full.Add(parallel)
	first := parallel
	s.before = func(_ http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path == "login" || path == "api_version" {
			return false
		}
		mu.Lock()
		running++
		most = max(most, running)
		wait := first > 0
		first--
		mu.Unlock()
		if wait { // the first four wait for each other
			full.Done()
			full.Wait()
		}
		mu.Lock()
		running--
		mu.Unlock()
		return false
	}
	if a := s.open().Observe(t.Context(), []string{"lxd"}); a.Trouble != "" || most != parallel {
		t.Errorf("%d at a time, %s", most, a.Trouble)
	}
}

func TestPods(t *testing.T) {
	s := newStub(t).fill()
	pod := func(name, id string) string {
		row := goodRows()["pods"]
		row["name"], row["id"] = name, id
		return encode(row)
	}
	s.rows["pods"] = []string{pod("LXD", "1"), pod("other", "2"), pod("second", "3"), `{"name":"broken"}`}
	s.rows["volumes"] = []string{
		encode(volumeRow("LXD", "u-1", 1)), encode(volumeRow("second", "u-2", 2)),
		encode(volumeRow("lxd-not", "u-3", 3)),           // a looser filter than asked
		`{"id":"4","name":"other::u-4"}`,                 // not ours, so its faults are not either
		`{"id":"5","name":"vol-without-pod","pod":null}`, //
		encode(volumeRow("\u212aLXD", "u-6", 6)),         //
	}
	mixed := volumeRow("LXD", "u-7", 7)
	mixed["name"] = "lxd::u-7" // the same pod, for the array
	s.rows["volumes"] = append(s.rows["volumes"], encode(mixed))
	a := s.open().Observe(t.Context(), []string{"second", "lxd", "LXD", "gone"})
	var volumes, pods []string
	for _, v := range a.Volumes.Items {
		volumes = append(volumes, v.Name)
	}
	for _, p := range a.Pods.Items {
		pods = append(pods, p.Name)
	}
	if diff := cmp.Diff([]string{"LXD::u-1", "second::u-2", "lxd::u-7"}, volumes); diff != "" || !a.Volumes.IsComplete() {
		t.Errorf("%s%s", a.Volumes.Why(), diff)
	}
	if diff := cmp.Diff([]string{"LXD", "second"}, pods); diff != "" || !a.Pods.IsComplete() {
		t.Errorf("%s%s", a.Pods.Why(), diff)
	}
	if diff := cmp.Diff([]string{"gone"}, a.Absent()); diff != "" || a.Trouble != "" {
		t.Errorf("trouble %q%s", a.Trouble, diff)
	}
	query, err := url.ParseQuery(s.requests("volumes")[0].Query)
	if err != nil {
		t.Fatal(err)
	}
	if want := "pod.name='gone' or pod.name='lxd' or pod.name='second'"; query.Get("filter") != want {
		t.Errorf("filter %q", query.Get("filter"))
	}
}

// A name that could say more in a filter than it should is never sent.
func TestPodNamesAreNotTrusted(t *testing.T) {
	for _, bad := range []string{"x' or name='*", "", "a b", "--'", "p\u00f6d", "x::y", strings.Repeat("x", 64), "a\n", `a\`} {
		s := newStub(t).fill()
		a := s.open().Observe(t.Context(), []string{"lxd", bad})
		for _, r := range s.requests("") {
			query, err := url.ParseQuery(r.Query)
			if err != nil {
				t.Fatal(err)
			}
			if f := query.Get("filter"); f != "" && f != "pod.name='lxd'" && f != "name='lxd::*'" {
				t.Errorf("%q: filter %q", bad, f)
			}
		}
		for name, list := range map[string]interface {
			IsComplete() bool
			Why() string
		}{"pods": a.Pods, "volumes": a.Volumes, "snapshots": a.Snapshots, "activity": a.Activity} {
			if list.IsComplete() || !strings.Contains(list.Why(), fmt.Sprintf("pod %q was not asked for", bad)) {
				t.Errorf("%q: %s are complete: %s", bad, name, list.Why())
			}
		}
		if len(a.Volumes.Items) != 1 || len(a.Pods.Items) != 1 || !a.Connections.IsComplete() || a.Absent() != nil {
			t.Errorf("%q: %+v", bad, a.Volumes.Items)
		}
	}
}

func TestNoPods(t *testing.T) {
	s := newStub(t).fill()
	a := s.open().Observe(t.Context(), nil)
	if !a.Volumes.IsComplete() || !a.Pods.IsComplete() || len(a.Volumes.Items)+len(a.Pods.Items)+len(a.Activity.Items) != 0 {
		t.Errorf("%+v %+v", a.Volumes, a.Pods)
	}
	if len(s.requests("volumes")) != 0 || !a.Connections.IsComplete() || len(a.Connections.Items) != 1 {
		t.Error("without a filter it asked for the volumes of the whole array")
	}
}

func TestManyPods(t *testing.T) {
	s := newStub(t).fill()
	pods := []string{"lxd"}
	for i := range maxFilterPods {
		pods = append(pods, fmt.Sprintf("pod-%d", i))
	}
	s.rows["volumes"] = append(s.rows["volumes"], encode(volumeRow("other", "u-2", 2)))
	a := s.open().Observe(t.Context(), pods)
	if strings.Contains(s.requests("volumes")[0].Query, "filter") || len(a.Volumes.Items) != 1 || !a.Volumes.IsComplete() {
		t.Errorf("asked %s, %+v", s.requests("volumes")[0].Query, a.Volumes)
	}
}

// One list that fails is incomplete, with its reason; the others are whole.
func TestOneListFails(t *testing.T) {
	for path := range goodRows() {
		s := newStub(t).fill()
		s.before = func(w http.ResponseWriter, _ *http.Request, at string, _ int) bool {
			if at == path {
				refuse(w, 403, `{"message":"You cannot consume this service"}`)
			}
			return at == path
		}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		for other := range goodRows() {
			ok, why := complete(a, other)
			switch {
			case other == path && (ok || !strings.Contains(why, "You cannot consume this service")):
				t.Errorf("%s: %v, %q", path, ok, why)
			case other != path && other != "arrays" && !ok:
				t.Errorf("%s failed and %s is incomplete: %s", path, other, why)
			}
		}
		if !strings.HasPrefix(a.Trouble, "could not read ") || !strings.Contains(a.Hint, "readonly") {
			t.Errorf("%s: trouble %q, hint %q", path, a.Trouble, a.Hint)
		}
		if (a.ID == "") != (path == "arrays") {
			t.Errorf("%s: array id %q", path, a.ID)
		}
	}
}

func TestTheArrayGoesAway(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	s.Server.CloseClientConnections()
	s.Server.Listener.Close()
	a := r.Observe(t.Context(), []string{"lxd"})
	if !strings.HasPrefix(a.Trouble, "nothing could be read: ") || !strings.Contains(a.Hint, "nothing listens") || a.Name != s.URL {
		t.Errorf("trouble %q, hint %q, name %q", a.Trouble, a.Hint, a.Name)
	}
	for path := range goodRows() {
		if ok, why := complete(a, path); ok || why == "" {
			t.Errorf("%s: %v %q", path, ok, why)
		}
	}
	if !a.Clock.IsZero() && a.Clock.Year() != 2026 {
		t.Errorf("clock %s", a.Clock)
	}
}

func TestAFleetIsNotAnArray(t *testing.T) {
	for _, rows := range [][]string{{}, {encode(goodRows()["arrays"]), `{"id":"2","name":"fa-2","version":"6.9"}`}} {
		s := newStub(t).fill()
		s.rows["arrays"] = rows
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if a.ID != "" || !strings.Contains(a.Trouble, "should describe itself once") || !a.Volumes.IsComplete() {
			t.Errorf("%d rows: id %q, trouble %q", len(rows), a.ID, a.Trouble)
		}
	}
}

func TestClock(t *testing.T) {
	for _, c := range []struct {
		name  string
		dates map[string]string // by path
		want  string
	}{
		{"the earliest", map[string]string{"hosts": "Sun, 22 Nov 2026 10:59:58 GMT", "pods": "Sun, 22 Nov 2026 11:00:03 GMT"}, "2026-11-22T10:59:58Z"},
		{"nonsense is not heard", map[string]string{"hosts": "yesterday", "pods": "Thu, 01 Jan 1970 00:00:00 GMT"}, "2026-11-22T11:00:00Z"},
		{"two clocks", map[string]string{"hosts": "Sun, 22 Nov 2026 10:30:00 GMT"}, ""},
	} {
		s := newStub(t).fill()
		s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
			if date := c.dates[path]; date != "" {
				w.Header().Set("Date", date)
			}
			return false
		}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		got := ""
		if !a.Clock.IsZero() {
			got = a.Clock.Format(time.RFC3339)
		}
		if got != c.want || (c.want == "") != strings.Contains(a.Trouble, "disagree about the time by 30m") {
			t.Errorf("%s: %s, trouble %q", c.name, got, a.Trouble)
		}
	}
	s := newStub(t).fill()
	s.before = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
		w.Header()["Date"] = nil
		return false
	}
	if a := s.open().Observe(t.Context(), []string{"lxd"}); !a.Clock.IsZero() || !a.Volumes.IsComplete() {
		t.Errorf("no Date: %s", a.Clock)
	}
	// A refusal may come from something in front of the array.
	s = newStub(t).fill()
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path == "hosts" {
			w.Header().Set("Date", "Sun, 22 Nov 2026 09:00:00 GMT")
			refuse(w, 400, "")
		}
		return path == "hosts"
	}
	if a := s.open().Observe(t.Context(), []string{"lxd"}); a.Clock.Hour() != 11 {
		t.Errorf("after a refusal: %s", a.Clock)
	}
}

func TestLookup(t *testing.T) {
	const boot, gone, destroyed = "AAAA11112222333300000001", "AAAA11112222333300000002", "AAAA11112222333300000003"
	ask := []evidence.Serial{boot, gone, destroyed, gone, "", "nonsense", "aaaa11112222333300000001"}
	want := []evidence.Lookup{
		{Serial: boot, Found: evidence.Yes, VolumeID: "boot", Name: "boot-lun", Destroyed: evidence.No},
		{Serial: gone, Found: evidence.No},
		{Serial: destroyed, Found: evidence.Yes, VolumeID: "old", Name: "old-lun", Destroyed: evidence.Yes},
		{Serial: ""},
		{Serial: "nonsense"},
		{Serial: "aaaa11112222333300000001"},
	}
	unknown := func(except ...int) []evidence.Lookup {
		out := make([]evidence.Lookup, len(want))
		for i, w := range want {
			out[i] = evidence.Lookup{Serial: w.Serial}
		}
		for _, i := range except {
			out[i] = want[i]
		}
		return out
	}
	outside := []string{
		`{"id":"boot","name":"boot-lun","serial":"` + strings.ToLower(boot) + `","destroyed":false}`,
		`{"id":"old","name":"old-lun","serial":"` + destroyed + `","destroyed":true}`,
	}
	ours := []string{encode(volumeRow("lxd", "u-1", 1)), encode(volumeRow("lxd", "u-2", 2))}
	type filter func(rows []string, query string) []string
	honest := func(rows []string, query string) []string {
		var out []string
		for _, row := range rows {
			for _, part := range strings.Split(query, "'") {
				if len(part) == 24 && strings.Contains(strings.ToLower(row), strings.ToLower(part)) {
					out = append(out, row)
				}
			}
		}
		return out
	}
	for _, c := range []struct {
		name     string
		rows     []string
		filter   filter
		want     []evidence.Lookup
		requests int
	}{
		{"with two known volumes", append(outside, ours...), honest, want, 1},
		{"a filter that is ignored", append(outside, ours...), func(rows []string, _ string) []string { return rows }, want, 1},
		{"a filter that brings nothing", append(outside, ours...), func([]string, string) []string { return nil }, want, 2},
		{"a filter that stops at the first term", append(outside, ours...), func(rows []string, q string) []string {
			return honest(rows, strings.Split(q, " or ")[0])
		}, want, 2},
		{"a filter that only knows the last term", append(outside, ours...), func(rows []string, q string) []string {
			terms := strings.Split(q, " or ")
			return honest(rows, terms[len(terms)-1])
		}, want, 2},
		{"with one known volume", append(outside, ours[0]), honest, want, 1},
		{"a row without a serial", append(append([]string{}, outside...), `{"id":"x","name":"x","destroyed":false}`), honest, unknown(0, 2), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t).fill()
			s.rows["volumes"] = nil
			for _, row := range c.rows {
				if strings.Contains(row, "lxd::") {
					s.rows["volumes"] = append(s.rows["volumes"], row)
				}
			}
			if s.rows["volumes"] == nil {
				s.rows["volumes"] = []string{}
			}
			r := s.open()
			if a := r.Observe(t.Context(), []string{"lxd"}); !a.Volumes.IsComplete() {
				t.Fatal(a.Volumes.Why())
			}
			before := len(s.requests("volumes"))
			s.before = func(_ http.ResponseWriter, q *http.Request, path string, _ int) bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				if path == "volumes" {
					s.rows["volumes"] = append([]string{}, c.rows...)
					if f := q.URL.Query().Get("filter"); f != "" {
						s.rows["volumes"] = append([]string{}, c.filter(c.rows, f)...)
					}
				}
				return false
			}
			got := r.Lookup(t.Context(), ask)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if n := len(s.requests("volumes")) - before; n != c.requests {
				t.Errorf("%d requests", n)
			}
		})
	}

	// An array that does not answer has not said no.
	s := newStub(t).fill()
	r := s.open()
	s.before = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
		refuse(w, 400, "")
		return true
	}
	if diff := cmp.Diff(unknown(), r.Lookup(t.Context(), ask)); diff != "" {
		t.Error(diff)
	}
	if got := r.Lookup(t.Context(), nil); len(got) != 0 {
		t.Errorf("asked for nothing: %v", got)
	}
}

func TestLookupOfManySerials(t *testing.T) {
	s := newStub(t).many(3, 1000)
	r := s.open()
	r.Observe(t.Context(), []string{"lxd"})
	for _, n := range []int{maxFilterSerials + 1, maxAskedSerials + 1} {
		var ask []evidence.Serial
		for i := range n {
			ask = append(ask, evidence.Serial(fmt.Sprintf("BBBB11112222333300%06X", i)))
		}
		before := len(s.requests("volumes"))
		for _, answer := range r.Lookup(t.Context(), ask) {
			if answer.Found != evidence.No {
				t.Fatalf("%+v", answer)
			}
		}
		requests := s.requests("volumes")[before:]
		filtered := strings.Contains(requests[0].Query, "filter")
		if filtered != (n <= maxAskedSerials) || filtered && len(requests) != 2 {
			t.Errorf("%d serials: %d requests, filtered %v", n, len(requests), filtered)
		}
		for _, q := range requests {
			if len(q.Query) > 4000 {
				t.Errorf("a query of %d bytes", len(q.Query))
			}
		}
	}
}
