package array

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// walk follows tokens until no more remain.
func (c *client) walk(path string) (items []row, pages int) {
	c.t.Helper()
	token := ""
	for {
		p := path
		if token != "" {
			p += "&continuation_token=" + strings.ReplaceAll(token, "+", "%2B")
		}
		e := c.page(p)
		items = append(items, e.Items...)
		pages++
		if !e.More {
			if e.Token != nil {
				c.t.Errorf("a token on the last page of %s", path)
			}
			return items, pages
		}
		if e.Token == nil {
			c.t.Fatalf("no token although more remain of %s", path)
		}
		token = *e.Token
	}
}

func (c *client) volumes(n int) []string {
	c.t.Helper()
	var all []string
	for i := range n {
		all = append(all, c.volume(fmt.Sprintf("v%03d", i)).Name)
	}
	return all
}

func TestPages(t *testing.T) {
	for _, tc := range []struct {
		size, volumes int
		limit         string
		pages         int
	}{
		{10, 0, "5", 1}, {10, 4, "2", 2}, {10, 5, "2", 3}, {2, 5, "1000", 3}, {1000, 5, "1000", 1}, {1, 3, "1", 3}, {2, 2, "2", 1},
	} {
		c := start(t, Options{PageSize: tc.size})
		want := c.volumes(tc.volumes)
		got, pages := c.walk("/volumes" + query("limit", tc.limit))
		same(t, fmt.Sprintf("%+v", tc), want, names(got))
		same(t, fmt.Sprintf("pages of %+v", tc), tc.pages, pages)
	}
}

func TestPageWithoutLimit(t *testing.T) {
	for _, tc := range []struct {
		is          PageDefault
		items       int
		more, token bool
	}{
		{PageAndToken, 2, true, true},
		{PageWithoutToken, 2, true, false},
		{Everything, 3, false, false},
	} {
		c := start(t, Options{PageSize: 2, Unverified: Unverified{WithoutLimit: tc.is}})
		c.volumes(3)
		e := c.page("/volumes")
		if len(e.Items) != tc.items || e.More != tc.more || (e.Token != nil) != tc.token {
			t.Errorf("%d: %d items, more %v, token %v", tc.is, len(e.Items), e.More, e.Token)
		}
		if e := c.page("/volumes?limit=2"); e.Token == nil {
			t.Errorf("%d: no token with a limit", tc.is)
		}
	}
}

func TestCounts(t *testing.T) {
	c := start(t, Options{PageSize: 2})
	c.volumes(5)
	must(t, c.array.DestroyVolume("v000"))
	count := func(path string) int {
		t.Helper()
		e := c.page(path)
		if e.Count == nil {
			t.Fatalf("%s: no total_item_count", path)
		}
		return *e.Count
	}
	if e := c.page("/volumes"); e.Count != nil {
		t.Error("total_item_count without asking")
	}
	if e := c.page("/volumes?total_item_count=false"); e.Count != nil {
		t.Error("total_item_count although not wanted")
	}
	same(t, "all", 5, count("/volumes?total_item_count=true"))
	same(t, "live", 4, count("/volumes?total_item_count=true&destroyed=false"))
	same(t, "destroyed", 1, count("/volumes?total_item_count=true&destroyed=true"))
	same(t, "filter", 2, count("/volumes"+query("total_item_count", "true", "filter", "name='v001' or name='v004'")))
	first := c.page("/volumes?limit=2&total_item_count=true")
	same(t, "with a token", 5, count("/volumes?limit=2&total_item_count=true&continuation_token="+*first.Token))
}

func TestOffsetAndSort(t *testing.T) {
	c := start(t, Options{PageSize: 3})
	for _, n := range []string{"b", "D", "a", "c"} {
		c.volume(n)
	}
	same(t, "offset", []string{"a", "c"}, names(c.get("/volumes?offset=2")))
	same(t, "offset and limit", []string{"D"}, names(c.get("/volumes?offset=1&limit=1")))
	same(t, "offset beyond", 0, len(c.get("/volumes?offset=9")))
	same(t, "sort by id", 3, len(c.get("/volumes?sort=id")))
	same(t, "sort", []string{"a", "b", "c"}, names(c.get("/volumes?sort=name")))
	e := c.page("/volumes?sort=name&limit=2")
	if !e.More || e.Token != nil {
		t.Errorf("sorted page: more %v, token %v; want more and no token", e.More, e.Token)
	}
	same(t, "sorted second page", []string{"c", "D"}, names(c.get("/volumes?sort=name&limit=2&offset=2")))
	c.refused("GET", "/volumes?sort=nothing", "", "nothing: Invalid sort field.")
	c.refused("GET", "/volumes?continuation_token=bm9uc2Vuc2U=", "", "bm9uc2Vuc2U=: Invalid continuation token.")
}

// What a list remembers for its next page is forgotten as time passes.
func TestListsFollowTheClock(t *testing.T) {
	c := start(t, Options{})
	c.volumes(1)
	must(t, c.array.DestroyVolume("v000"))
	dying := "/volumes" + query("destroyed", "true")
	same(t, "at once", 1, len(c.get(dying)))
	c.clock.Advance(24 * time.Hour)
	c.login()
	same(t, "a day later", 0, len(c.get(dying)))
}

func TestTokenOfAnotherQuery(t *testing.T) {
	c := start(t, Options{PageSize: 2})
	c.volumes(5)
	token := *c.page("/volumes?limit=2").Token
	r := c.send("GET", "/volumes"+query("limit", "2", "continuation_token", token, "filter", "name='v*'"), "", nil)
	same(t, "status", 400, r.status)
	// The page's size may change.
	same(t, "next", []string{"v002"}, names(c.get("/volumes"+query("limit", "1", "continuation_token", token))))
}

// What has no token is walked by offset.
func TestNoToken(t *testing.T) {
	c := start(t, Options{PageSize: 2})
	c.volumes(3)
	for _, path := range []string{"/volumes/performance", "/ports"} {
		e := c.page(path + "?limit=2")
		if !e.More || e.Token != nil {
			t.Errorf("%s: more %v, token %v", path, e.More, e.Token)
		}
		if n := len(c.get(path + "?limit=2&offset=2&sort=name")); n == 0 {
			t.Errorf("%s: nothing at offset 2", path)
		}
	}
}

// A walk by token sees every item that is there all along exactly once,
// whatever happens to others meanwhile.
func TestWalkUnderChanges(t *testing.T) {
	c := start(t, Options{PageSize: 3})
	rapid.Check(t, func(rt *rapid.T) {
		for _, v := range c.array.Volumes() {
			if !v.Destroyed {
				must(t, c.array.DestroyVolume(v.Name))
			}
			must(t, c.array.Eradicate(v.Name))
		}
		var stay []string
		for i := range rapid.IntRange(0, 12).Draw(rt, "staying") {
			c.volume(fmt.Sprintf("other-%02d", i))
			stay = append(stay, c.volume(fmt.Sprintf("stay-%02d", i)).ID)
		}
		next := 0
		token := ""
		var seen []string
		for {
			path := "/volumes?limit=3"
			if token != "" {
				path += "&continuation_token=" + token
			}
			e := c.page(path)
			for _, r := range e.Items {
				seen = append(seen, r["id"].(string))
			}
			if !e.More {
				break
			}
			token = *e.Token
			switch rapid.IntRange(0, 3).Draw(rt, "change") {
			case 0:
				c.volume(fmt.Sprintf("new-%02d", next))
				next++
			case 1:
				for _, v := range c.array.Volumes() {
					if strings.HasPrefix(v.Name, "other-") {
						must(t, c.array.DestroyVolume(v.Name))
						must(t, c.array.Eradicate(v.Name))
						break
					}
				}
			case 2:
				for _, v := range c.array.Volumes() {
					if strings.HasPrefix(v.Name, "stay-") {
						must(t, c.array.RelocateVolume(v.Name, fmt.Sprintf("renamed-%02d", next)))
						next++
						break
					}
				}
			}
		}
		for _, id := range stay {
			n := 0
			for _, s := range seen {
				if s == id {
					n++
				}
			}
			if n != 1 {
				rt.Fatalf("%s was seen %d times", id, n)
			}
		}
		slices.Sort(seen)
		if len(slices.Compact(seen)) != len(seen) {
			rt.Fatal("something was seen twice")
		}
	})
}

func TestNamesAndIDs(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::A")
	b := c.volume("b")
	same(t, "names", []string{"lab::A", "b"}, names(c.get("/volumes"+query("names", "b,LAB::a"))))
	same(t, "ids", []string{"b"}, names(c.get("/volumes"+query("ids", b.ID))))
	same(t, "twice", []string{"b"}, names(c.get("/volumes"+query("names", "b,B"))))
	same(t, "with filter", 0, len(c.get("/volumes"+query("names", "b", "filter", "name='x'"))))
	same(t, "with destroyed", 0, len(c.get("/volumes"+query("names", "b", "destroyed", "true"))))
	c.refused("GET", "/volumes"+query("names", "nope"), "", "nope: Volume does not exist.")
	c.refused("GET", "/volumes"+query("names", "b,nope"), "", "nope: Volume does not exist.")
	c.refused("GET", "/volumes"+query("names", "x,y"), "", "x: Volume does not exist.", "y: Volume does not exist.")
	c.refused("GET", "/volumes"+query("names", "l*"), "", "l*: Volume does not exist.")
	for path, message := range map[string]string{
		"/hosts":                         "Host does not exist.",
		"/volume-snapshots":              "No such volume or snapshot.",
		"/protection-groups":             "Protection group does not exist.",
		"/container-default-protections": "Pod does not exist.",
	} {
		c.refused("GET", path+query("names", "nope"), "", "nope: "+message)
	}

	skip := start(t, Options{Unverified: Unverified{SkipUnknownNames: true}})
	skip.volume("b")
	same(t, "known of a mixed list", []string{"b"}, names(skip.get("/volumes"+query("names", "b,nope"))))
	skip.refused("GET", "/volumes"+query("names", "nope"), "", "nope: Volume does not exist.")
}

// The aggregate row stands beside the items and is none of them.
func TestTotals(t *testing.T) {
	c := start(t, Options{PageSize: 2})
	c.volumes(3)
	e := c.page("/volumes?limit=1")
	if len(e.Total) != 1 || len(e.Items) != 1 {
		t.Fatalf("%+v", e)
	}
	equal(t, e.Total[0], "name", nil)
}
