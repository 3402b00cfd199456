package witness_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

const elsewhere = "0badc0de-0000-4000-8000-00000000ffff"

// claiming lets the array say that it is another one, in its list of itself.
func claiming(w *simulator.World, o *witness.Options, id string) {
	o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
		if strings.HasSuffix(r.URL.Path, "/arrays") {
			return bytes.ReplaceAll(body, []byte(w.Array.ID()), []byte(id))
		}
		return body
	})
}

func pinning(o *witness.Options, pool, id string) {
	c := o.Config.Pools[pool]
	c.Array.ID = id
	o.Config.Pools[pool] = c
}

// TestPinnedArray: of an array that is not the pinned one nothing is read, and
// its witness says which was pinned and which answered.
func TestPinnedArray(t *testing.T) {
	w := worlds.Demo(t)
	all := w.Pools()
	for name, c := range map[string]struct {
		pins    map[string]string
		claims  string
		trouble []string
	}{
		"the right one":            {pins: map[string]string{all[0]: w.Array.ID()}},
		"in capitals":              {pins: map[string]string{all[0]: strings.ToUpper(w.Array.ID())}},
		"another one":              {pins: map[string]string{all[0]: elsewhere}, trouble: []string{all[0], elsewhere, w.Array.ID(), "not read"}},
		"another one answers":      {pins: map[string]string{all[0]: w.Array.ID()}, claims: elsewhere, trouble: []string{w.Array.ID(), elsewhere, "not read"}},
		"the pin of another pool":  {pins: map[string]string{all[1]: elsewhere}, trouble: []string{all[1], elsewhere, w.Array.ID(), "not read"}},
		"pins that contradict":     {pins: map[string]string{all[0]: w.Array.ID(), all[1]: elsewhere}, trouble: []string{all[0], all[1], "not read"}},
		"one that says who it was": {pins: map[string]string{all[0]: elsewhere}, claims: elsewhere},
	} {
		o := options(w)
		for pool, id := range c.pins {
			pinning(&o, pool, id)
		}
		if c.claims != "" {
			claiming(w, &o, c.claims)
		}
		world, report := ask(t, o)
		said := world.Arrays[0]
		if len(c.trouble) == 0 {
			if said.Trouble != "" || len(said.Volumes.Items) == 0 {
				t.Errorf("%s: %q, %d volumes", name, said.Trouble, len(said.Volumes.Items))
			}
			continue
		}
		for _, part := range c.trouble {
			if !strings.Contains(said.Trouble, part) {
				t.Errorf("%s: %q lacks %q", name, said.Trouble, part)
			}
		}
		if said.ID != "" || len(said.Volumes.Items) > 0 || said.Volumes.IsComplete() || len(said.Lookups) > 0 {
			t.Errorf("%s: something of it was kept: id %q, %d volumes", name, said.ID, len(said.Volumes.Items))
		}
		if report.Complete || len(safe(report)) > 0 || said.Hint == "" {
			t.Errorf("%s: complete %v, safe %v, hint %q", name, report.Complete, safe(report), said.Hint)
		}
	}
}

// TestAnotherArrayIsDoubted without any pin: by the serials of LXD's volumes,
// by what hosts have mounted, and by what was seen earlier.
func TestAnotherArrayIsDoubted(t *testing.T) {
	w := worlds.Demo(t)
	pool := w.Pool()
	for name, c := range map[string]struct {
		change func(*witness.Options)
		why    string
	}{
		"its pods": {func(o *witness.Options) { o.Seen = nil; claiming(w, o, elsewhere) }, "that the pod lies on " + w.Array.ID()},
		"serials": {func(o *witness.Options) {
			o.Seen = nil
			o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
				if strings.HasSuffix(r.URL.Path, "/arrays") || strings.HasSuffix(r.URL.Path, "/pods") {
					return bytes.ReplaceAll(body, []byte(w.Array.ID()), []byte(elsewhere))
				}
				return body
			})
		}, "the serials of all that LXD has there"},
		"memory": {func(o *witness.Options) {
			o.Seen = []evidence.Sighting{{ArrayID: elsewhere, Pod: pool, VolumeID: "v"}}
		}, "earlier runs saw the pod on array " + elsewhere},
		"devices": {func(o *witness.Options) { o.Seen = nil; claimingAll(w, o) }, "lxd01 has a volume with serial"},
	} {
		o := options(w)
		c.change(&o)
		world, report := ask(t, o)
		said := world.Arrays[0]
		if !strings.Contains(said.Trouble, "may not be the array of pool "+pool+": it says that it is "+said.ID+", and "+c.why) || !strings.Contains(said.Hint, "array.id: "+said.ID) {
			t.Errorf("%s: trouble %q, hint %q", name, said.Trouble, said.Hint)
		}
		if report.Complete || len(safe(report)) > 0 {
			t.Errorf("%s: complete %v, safe %v", name, report.Complete, safe(report))
		}
		// The operator's word ends the doubt.
		for _, p := range w.Pools() {
			pinning(&o, p, said.ID)
		}
		if world, _ := ask(t, o); world.Arrays[0].Trouble != "" {
			t.Errorf("%s, pinned: trouble %q", name, world.Arrays[0].Trouble)
		}
	}
}

// claimingAll lets everything that the array says be of another one: the
// devices of the hosts, and they alone, are still of the right one.
func claimingAll(w *simulator.World, o *witness.Options) {
	digits := func(id string) []byte { return []byte(strings.ToUpper(strings.ReplaceAll(id, "-", ""))[:16]) }
	o.Array.Wrap = rewriting(func(_ *http.Request, body []byte) []byte {
		body = bytes.ReplaceAll(body, []byte(w.Array.ID()), []byte(elsewhere))
		return bytes.ReplaceAll(body, digits(w.Array.ID()), digits(elsewhere))
	})
}

// TestAPodThatCameFromElsewhere is no other array: the volumes that were made
// before have serials of the array that made them.
func TestAPodThatCameFromElsewhere(t *testing.T) {
	w := worlds.Demo(t)
	pool := w.Pool()
	for name, change := range map[string]func(*witness.Options){
		// The pod is stretched to the array that made the volumes.
		"stretched": func(o *witness.Options) {
			o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
				switch {
				case strings.HasSuffix(r.URL.Path, "/arrays"):
					return bytes.ReplaceAll(body, []byte(w.Array.ID()), []byte(elsewhere))
				case strings.HasSuffix(r.URL.Path, "/pods"):
					return bytes.ReplaceAll(body, []byte(`"arrays":[{`), []byte(`"arrays":[{"id":"`+elsewhere+`","name":"peer","status":"online"},{`))
				}
				return body
			})
		},
		// Earlier runs saw it on both.
		"seen on both": func(o *witness.Options) {
			o.Seen = []evidence.Sighting{{ArrayID: elsewhere, Pod: pool, VolumeID: "v"}, {ArrayID: w.Array.ID(), Pod: pool, VolumeID: "w"}}
		},
	} {
		o := options(w)
		o.Seen = nil
		change(&o)
		if world, _ := ask(t, o); world.Arrays[0].Trouble != "" {
			t.Errorf("%s: trouble %q", name, world.Arrays[0].Trouble)
		}
	}
}

// TestDoorsLeadToOneArray: who goes through the door again finds the array
// that was seen behind it, or none.
func TestDoorsLeadToOneArray(t *testing.T) {
	w := worlds.Demo(t)
	_, doors, err := witness.AskAndRemember(t.Context(), options(w))
	if err != nil || doors[w.Array.ID()].ID != w.Array.ID() {
		t.Errorf("%v, the door leads to %q", err, doors[w.Array.ID()].ID)
	}
}
