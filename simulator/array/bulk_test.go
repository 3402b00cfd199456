package array

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// bulk makes a world of the size that the benchmark measures.
func bulk(t testing.TB, volumes, hosts, each int) *Array {
	t.Helper()
	a := New(Options{})
	a.Batch(func() {
		ok := a.CreatePod("lab") == nil
		for h := range hosts {
			ok = ok && a.CreateHost(fmt.Sprintf("node%d-iscsi", h), []string{fmt.Sprintf("iqn.2026-01.com.example:node%d", h)}, nil, nil) == nil
		}
		for i := range volumes {
			name := fmt.Sprintf("lab::u-%032x", i)
			_, err := a.CreateVolume(name, gib, VolumeOptions{Used: int64(i)})
			ok = ok && err == nil
			for c := range each {
				ok = ok && a.Connect(fmt.Sprintf("node%d-iscsi", (i+c*hosts/each)%hosts), name, 0) == nil
			}
		}
		if !ok {
			t.Fatal("the world could not be built")
		}
	})
	return a
}

// ask gets a list without a network.
func ask(t testing.TB, a *Array, token, path string) []byte {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/2.21"+path, nil)
	r.Header.Set("x-auth-token", token)
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func login(t testing.TB, a *Array) string {
	t.Helper()
	r := httptest.NewRequest("POST", "/api/2.21/login", nil)
	r.Header.Set("api-token", a.Token())
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w.Header().Get("x-auth-token")
}

// A page must cost a page: the benchmark's floor is measured against this.
func TestLargeWorld(t *testing.T) {
	const volumes = 20_000
	a := bulk(t, volumes, 64, 3)
	c := &client{t: t, array: a}
	token := login(t, a)
	for path, want := range map[string]int{
		"/volumes" + query("limit", "1000", "total_item_count", "true", "filter", "pod.name='lab'", "destroyed", "false"): volumes,
		"/connections" + query("limit", "1000", "total_item_count", "true"):                                               3 * volumes,
	} {
		n, next := 0, ""
		for {
			p := path
			if next != "" {
				p += "&continuation_token=" + next
			}
			body := ask(t, a, token, p)
			// Reading the page would cost more than making it: count and look for the token only.
			e := c.envelope(reply{body: cutItems(body)})
			if e.Count == nil || *e.Count != want {
				t.Fatalf("%s: total_item_count %v, want %d", path, e.Count, want)
			}
			n += 1000
			if !e.More {
				break
			}
			next = *e.Token
		}
		same(t, path, want, n)
	}
}

// cutItems removes the items of an answer.
func cutItems(body []byte) []byte {
	text := string(body)
	start := len(`{"continuation_token":`)
	for i := start; i < len(text); i++ {
		if text[i] == '[' {
			for j := len(text) - 1; j > i; j-- {
				const end = `],"more_items_remaining"`
				if j+len(end) <= len(text) && text[j:j+len(end)] == end {
					return []byte(text[:i+1] + text[j:])
				}
			}
		}
	}
	return body
}

// Everything may happen at once; the race detector looks at this.
func TestConcurrentUse(t *testing.T) {
	c := start(t, Options{PageSize: 3})
	must(t, c.array.CreateHost("h", []string{iqn1}, nil, nil))
	c.array.OnChange(func() { c.array.Exports(iqn1) })
	var wg sync.WaitGroup
	run := func(f func(i int)) {
		wg.Go(func() {
			for i := range 20 {
				f(i)
			}
		})
	}
	for w := range 2 {
		run(func(i int) { c.do("POST", "/volumes"+query("names", fmt.Sprintf("v%d-%d", w, i)), "") })
		run(func(int) { c.get("/volumes?sort=name&total_item_count=true") })
		run(func(int) { c.get("/connections" + query("filter", "volume.name='x*'")) })
	}
	run(func(i int) {
		name := fmt.Sprintf("x%d", i)
		_, err := c.array.CreateVolume(name, gib, VolumeOptions{})
		if err == nil {
			err = c.array.Connect("h", name, 0)
		}
		if err != nil {
			t.Error(err)
		}
	})
	run(func(int) { c.get("/pods") })
	run(func(int) { c.clock.Advance(time.Second) })
	run(func(int) { c.array.Volumes(); c.array.Requests(); c.array.Sessions() })
	wg.Wait()
	same(t, "volumes", 60, len(c.array.Volumes()))
	same(t, "exports", 20, len(c.array.Exports(iqn1)))
}

// The worlds of the benchmark: ten times as much must cost ten times as much,
// and a page the same.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{20_000, 200_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				bulk(b, n, n*64/20_000, 3)
			}
		})
	}
}

func BenchmarkPage(b *testing.B) {
	for _, n := range []int{20_000, 200_000} {
		a := bulk(b, n, n*64/20_000, 3)
		token := login(b, a)
		for _, path := range []string{"/volumes", "/connections", "/volumes/performance", "/hosts"} {
			b.Run(fmt.Sprintf("%d%s", n, path), func(b *testing.B) {
				for b.Loop() {
					b.SetBytes(int64(len(ask(b, a, token, path+"?limit=1000"))))
				}
			})
		}
	}
}
