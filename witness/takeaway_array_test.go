package witness_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator/array"
)

// arrayFields are the fields that are read of the array's answers, and what
// must happen when one is missing.
var arrayFields = []struct {
	list, fields string
	want         least
}{
	{"/arrays", "id name version", nothingSafe},
	{"/arrays", "eradication_config eradication_config/manual_eradication eradication_config/enabled_delay", least{}},
	{"/pods", "id name destroyed promotion_status arrays arrays/*/id arrays/*/name arrays/*/status link_source_count link_target_count", nothingSafe},
	{"/pods", "quota_limit time_remaining space space/total_used space/total_provisioned space/used_provisioned", least{}},
	{"/volumes", "id name serial created destroyed connection_count provisioned subtype pod pod/name pod/id", nothingSafe},
	{"/volumes", "time_remaining source source/name source/id space space/unique space/virtual", least{}},
	{"/volumes", "promotion_status", least{stopped: destroy}},
	{"/volume-snapshots", "id name suffix serial created destroyed provisioned pod pod/name source source/name source/id", nothingSafe},
	{"/volume-snapshots", "time_remaining space space/snapshots", least{}},
	{"/hosts", "name is_local iqns nqns wwns connection_count destroyed", nothingSafe},
	{"/hosts", "host_group host_group/name port_connectivity port_connectivity/status", least{}},
	{"/connections", "volume volume/name volume/id host host/name", nothingSafe},
	{"/connections", "host_group host_group/name lun nsid", least{}},
	{"/volumes/performance", "id name", least{told: true, stopped: destroy}},
	// What is connected to nobody has no I/O, so this stops what is connected.
	{"/volumes/performance", "reads_per_sec writes_per_sec read_bytes_per_sec write_bytes_per_sec time mirrored_writes_per_sec", least{}},
	{lookup, "id name serial destroyed", least{}},
}

// envelopes are the fields beside the items. Where there is no count of all
// items, its absence is no news.
var envelopes = []struct {
	list, fields string
	want         least
}{
	{"/arrays", "items more_items_remaining", nothingSafe},
	{"/pods", "items more_items_remaining total_item_count", nothingSafe},
	{"/volumes", "items more_items_remaining total_item_count", nothingSafe},
	{"/volume-snapshots", "items more_items_remaining total_item_count", nothingSafe},
	{"/hosts", "items more_items_remaining total_item_count", nothingSafe},
	{"/host-groups", "items more_items_remaining total_item_count", nothingSafe},
	{"/connections", "items more_items_remaining total_item_count", nothingSafe},
	{"/volumes/protection-groups", "items more_items_remaining total_item_count", nothingSafe},
	{"/volumes/performance", "items more_items_remaining", least{told: true, stopped: destroy}},
	{lookup, "items more_items_remaining total_item_count", least{}},
}

// lookup stands for the question for single serials.
const lookup = "lookup"

// elsewhereList is what is outside the pods.
const elsewhereList = "elsewhere"

// listOf is the list that a request is for.
func listOf(r *http.Request) string {
	if strings.Contains(r.URL.Query().Get("filter"), "serial") {
		return lookup
	}
	if r.URL.Query().Get("filter") == "" && (strings.HasSuffix(r.URL.Path, "/volumes") || strings.HasSuffix(r.URL.Path, "/volume-snapshots")) {
		return elsewhereList
	}
	_, call, _ := strings.Cut(r.URL.Path, "/api/")
	_, list, _ := strings.Cut(call, "/")
	return "/" + list
}

// recordedAnswers are an array's answers by list.
func recordedAnswers(t *testing.T, b *baseline) map[string][]byte {
	t.Helper()
	var mu sync.Mutex
	answers := map[string][]byte{}
	o := near(b.w, func(r *http.Request, body []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		answers[listOf(r)] = body
		return body
	})
	ask(t, o)
	return answers
}

// without looks while an array's answers of one list are changed.
func (b *baseline) without(t *testing.T, list string, path []string, nth int, what change, want least) {
	t.Helper()
	o := near(b.w, func(r *http.Request, body []byte) []byte {
		if listOf(r) != list {
			return body
		}
		return altered(body, path, nth, what)
	})
	b.look(t, list+" "+name(path), o, want)
}

func TestTakingArrayFieldsAway(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	answers := recordedAnswers(t, b)
	for _, row := range arrayFields {
		for field := range strings.FieldsSeq(row.fields) {
			path := append([]string{"items", "*"}, strings.Split(field, "/")...)
			n := occurrences(answers[row.list], path)
			if n == 0 {
				t.Errorf("%s has no %s to take away", row.list, field)
			}
			b.without(t, row.list, path, -1, remove, row.want)
			b.without(t, row.list, path, -1, twist, least{})
			// One row without its serial is as bad as all; one volume without
			// its I/O concerns that volume only, and the list of pods has
			// those of others too.
			one := row.want
			if row.list == "/volumes/performance" || row.list == "/volumes" && field == "promotion_status" || row.list == "/pods" && field != "name" {
				one = least{}
			}
			b.without(t, row.list, path, n/2, remove, one)
		}
	}
}

func TestTakingArrayRowsAway(t *testing.T) {
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	answers := recordedAnswers(t, b)
	for _, row := range envelopes {
		for field := range strings.FieldsSeq(row.fields) {
			b.without(t, row.list, []string{field}, -1, remove, row.want)
			b.without(t, row.list, []string{field}, -1, twist, least{})
		}
		rows := []string{"items", "*"}
		want := row.want
		if row.list == "/volumes/performance" {
			want = least{} // there is no count; what it is about is unknown
		}
		for _, nth := range places(occurrences(answers[row.list], rows), 20) {
			b.without(t, row.list, rows, nth, remove, want)
		}
	}
}

// faultKinds are ways in which an array fails to answer.
var faultKinds = []array.Fault{
	{Kind: array.Drop},
	{Kind: array.Unauthorized},
	{Kind: array.Forbidden},
	{Kind: array.TooMany},
	{Kind: array.ServerError},
	{Kind: array.HalfBody},
	{Kind: array.Reply, Body: "<html>Sign in</html>"},
	{Kind: array.Reply, Body: "{}"},
	{Kind: array.Reply, Body: `{"items":null,"more_items_remaining":false,"total_item_count":null,"continuation_token":null}`},
	{Kind: array.WrongType},
	{Kind: array.Lie},
}

// lies says what must happen when a list is empty that was not.
var lies = map[string]least{
	"/api_version": nothingSafe,
	"/login":       nothingSafe,
	"/arrays":      nothingSafe,
	"/pods":        {told: true, stopped: ofArray},
	"/volumes":     nothingSafe,
	"/hosts":       nothingSafe,
	"/connections": nothingSafe,
	// Nothing is known of anybody's I/O.
	"/volumes/performance": {},
	// They are empty.
	"/host-groups": {}, "/volumes/protection-groups": {},
}

func TestArrayFailsInOneList(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	for _, list := range []string{
		"/api_version", "/login", "/arrays", "/pods", "/volumes", "/volume-snapshots", "/hosts", "/host-groups",
		"/connections", "/volumes/protection-groups", "/volumes/performance",
	} {
		for _, fault := range faultKinds {
			if fault.Kind == array.Lie && list == "/volume-snapshots" {
				continue // nothing else that is asked would give it away
			}
			want := nothingSafe
			switch {
			case fault.Kind == array.Lie:
				// Nothing at all, and a count of none. Where other lists
				// name what is missing it is noticed.
				want = lies[list]
			case list == "/volumes/performance":
				want = least{told: true, stopped: destroy}
			case fault.Kind == array.WrongType && (list == "/api_version" || list == "/login"), fault.Kind == array.HalfBody && list == "/login":
				want = least{} // what is wrong there is not read
			}
			b.fault(t, list, fault, want)
		}
	}
	// Only the question for single serials fails.
	for _, fault := range faultKinds {
		fault.Query = map[string]string{"filter": "*serial*"}
		// All volumes are read instead.
		b.fault(t, "/volumes", fault, least{})
		undo := b.w.Array.Inject(at("/volumes", fault))
		fault.Query = map[string]string{"filter": ""}
		if want := (least{told: true, stopped: []diagnose.Class{diagnose.ClassHost}}); fault.Kind != array.Lie {
			b.fault(t, "/volumes", fault, want)
		}
		undo()
	}
}

func at(list string, fault array.Fault) array.Fault {
	fault.Path = list
	return fault
}

// fault looks while calls for a list go wrong.
func (b *baseline) fault(t *testing.T, list string, fault array.Fault, want least) {
	t.Helper()
	undo := b.w.Array.Inject(at(list, fault))
	defer undo()
	b.look(t, strings.Join([]string{list, string(fault.Kind), fault.Body}, " "), options(b.w), want)
}

// TestTakingArrayPagesAway makes the array give three rows at a time, and
// lets each page of each list go wrong: where long lists are read in windows, and
// where the array can't sort them and they are read page by page.
func TestTakingArrayPagesAway(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	b.w.Array.ResetRequests()
	for _, windows := range []bool{true, false} {
		counted := map[string]int{}
		o := options(b.w)
		o.Array.Wrap = b.threeRows(windows, counted)
		_, report := ask(t, o)
		b.check(t, "small pages", report, least{})
		if now := safe(report); len(now) != len(b.safe) || !report.Complete {
			t.Fatalf("with small pages %d are safe and not %d", len(now), len(b.safe))
		}
		if counted["/volumes"] < 10 || counted["/connections"] < 5 || counted["/hosts"] < 2 || counted["/pods"] < 2 || counted[elsewhereList] < 10 {
			t.Fatalf("the lists have too few pages: %v", counted)
		}
		for list, n := range counted {
			b.pagesGoWrong(t, list, n, windows)
		}
	}
}

// withoutToken are the lists that are asked for from a place on in any case.
var withoutToken = []string{"/volumes/performance", "/arrays", "/ports", "/audits"}

// threeRows makes each page three rows long, and counts the pages of each list.
// Without windows the array refuses to sort what has tokens.
func (b *baseline) threeRows(windows bool, counted map[string]int) func(http.RoundTripper) http.RoundTripper {
	var mu sync.Mutex
	return func(http.RoundTripper) http.RoundTripper {
		next := b.w.Direct()
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			query := r.URL.Query()
			if r.Method != http.MethodGet || !query.Has("limit") {
				return next.RoundTrip(r)
			}
			r = r.Clone(r.Context())
			query.Set("limit", "3")
			list := listOf(r)
			refused := !windows && query.Has("offset") && !slices.Contains(withoutToken, list)
			if refused {
				query.Set("sort", "nothing")
			}
			r.URL.RawQuery = query.Encode()
			if mu.Lock(); list != lookup && !refused {
				counted[list]++
			}
			mu.Unlock()
			return next.RoundTrip(r)
		})
	}
}

// pagesGoWrong lets each of n pages of a list go wrong, and those after it as
// often as they are asked for.
func (b *baseline) pagesGoWrong(t *testing.T, list string, n int, windows bool) {
	t.Helper()
	many := windows || list == "/volumes" || list == elsewhereList
	if many {
		// Each page of each list once; the many of this one in turn.
		n = min(n, 12)
	}
	for page := range n {
		for i, kind := range []array.FaultKind{array.ServerError, array.HalfBody, array.LostPage, array.ShortPage} {
			if many && page%4 != i && page > 0 {
				continue
			}
			want := nothingSafe
			if list == "/volumes/performance" || list == "/audits" {
				want = least{}
			}
			path := list
			query := map[string]string{}
			switch list {
			case elsewhereList:
				path = "/volumes"
				query["filter"] = ""
				want = least{told: true, stopped: []diagnose.Class{diagnose.ClassHost}}
			case "/volumes":
				query["filter"] = "pod*"
			}
			if n == 1 && (kind == array.LostPage || kind == array.ShortPage) {
				want = least{} // one page without or with few rows
			}
			if kind == array.LostPage && page == n-1 {
				want = least{told: want.told} // there is none after it
			}
			fault := array.Fault{Path: path, Query: query, Kind: kind, Skip: page}
			if !windows {
				fault.Times = 9
				if !slices.Contains(withoutToken, list) {
					query["sort"] = "" // the windows are refused anyway
				}
			}
			o := options(b.w)
			o.Array.Wrap = b.threeRows(windows, map[string]int{})
			undo := b.w.Array.Inject(fault)
			b.look(t, fmt.Sprint(list, " ", kind, " page ", page), o, want)
			undo()
		}
	}
}

// TestArrayHangs asks an array that never answers one question.
func TestArrayHangs(t *testing.T) {
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	for _, list := range []string{"/api_version", "/login", "/volumes", "/connections", "/volumes/performance"} {
		undo := b.w.Array.Inject(array.Fault{Path: list, Kind: array.Delay})
		o := options(b.w)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		began := time.Now()
		world, report := askIn(ctx, t, o)
		cancel()
		undo()
		b.check(t, list+" hangs", report, nothingSafe)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s hung, and it took %s", list, took)
		}
		if len(world.Arrays) != 1 || world.Arrays[0].Trouble == "" {
			t.Errorf("%s hung, and the array has no trouble", list)
		}
	}
}
