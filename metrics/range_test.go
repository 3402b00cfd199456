package metrics

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The examples of the plugins' development guidelines, and what is next to them.
func TestRange(t *testing.T) {
	for _, test := range []struct {
		text   string
		alerts []float64
		quiet  []float64
		prints string
	}{
		{"10", []float64{-1, 10.5, 11}, []float64{0, 10}, "10"},
		{"0", []float64{-1, 1}, []float64{0}, "0"},
		{"10:", []float64{9.9, -1}, []float64{10, 1e18}, "10:"},
		{"~:10", []float64{10.1}, []float64{-1e18, 10}, "~:10"},
		{"10:20", []float64{9, 21}, []float64{10, 15, 20}, "10:20"},
		{"@10:20", []float64{10, 15, 20}, []float64{9, 21}, "@10:20"},
		{"@5", []float64{0, 5}, []float64{-1, 6}, "@5"},
		{":10", []float64{11, -1}, []float64{0, 10}, "10"},
		{"~:", nil, []float64{-1e300, 0, 1e300}, "~:"},
		{"0:", []float64{-1}, []float64{0, 1}, "0:"},
		{"-10:-5", []float64{-11, -4, 0}, []float64{-10, -5}, "-10:-5"},
		{"1e3", []float64{1001}, []float64{1000}, "1000"},
	} {
		r, err := parseRange(test.text, parseNumber)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		for _, value := range test.alerts {
			if !r.alerts(value) {
				t.Errorf("%q does not alert on %v", test.text, value)
			}
		}
		for _, value := range test.quiet {
			if r.alerts(value) {
				t.Errorf("%q alerts on %v", test.text, value)
			}
		}
		if r.String() != test.prints {
			t.Errorf("%q prints as %q, want %q", test.text, r, test.prints)
		}
	}
	if (Range{}).alerts(0) || (Range{}).alerts(-1) || (Range{}).String() != "" {
		t.Error("no range alerts")
	}
}

func TestRangeRefuses(t *testing.T) {
	for _, text := range []string{
		"", "@", ":", "@:", "~", "@~", "10:~", "20:10", "x", "10:x", "NaN", "inf", "10:inf", "0x10", "1_0", "10 20", " 10", "10|20", "10;", "~~:1", "::", "1:2:3", "@@1",
	} {
		if r, err := parseRange(text, parseNumber); err == nil {
			t.Errorf("%q is taken for %q", text, r)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, test := range []struct {
		parse func(string) (float64, error)
		text  string
		want  float64
	}{
		{parseBytes, "0", 0},
		{parseBytes, "123", 123},
		{parseBytes, "10GiB", 10 << 30},
		{parseBytes, "1.5TiB", 1.5 * (1 << 40)},
		{parseBytes, "2TB", 2e12},
		{parseBytes, "7B", 7},
		{parseAge, "90", 90},
		{parseAge, "36h", 36 * 3600},
		{parseAge, "7d", 7 * 86400},
		{parseAge, "1h30m", 5400},
	} {
		if got, err := test.parse(test.text); err != nil || got != test.want {
			t.Errorf("%q is %v, %v; want %v", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"", "GiB", "10 GiB", "10Gib", "10GiBB", "infB", "7d"} {
		if n, err := parseBytes(text); err == nil {
			t.Errorf("%q is a size of %v", text, n)
		}
	}
	for _, text := range []string{"", "d", "7x", "10GiB", "1.5d", "inf"} {
		if n, err := parseAge(text); err == nil {
			t.Errorf("%q is an age of %v", text, n)
		}
	}
	bytes := &Figures[1]
	if r, err := bytes.ParseRange("@1KiB:2KiB"); err != nil || r.String() != "@1024:2048" {
		t.Errorf("a range of sizes prints as %q, %v", r, err)
	}
}

// What is printed means what was meant.
func TestRangePrintsWhatItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Range{set: true, inside: rapid.Bool().Draw(t, "inside")}
		ends := rapid.SliceOfN(rapid.Float64Range(-1e15, 1e15), 2, 2).Draw(t, "ends")
		r.low, r.high = min(ends[0], ends[1]), max(ends[0], ends[1])
		switch rapid.IntRange(0, 3).Draw(t, "open") {
		case 1:
			r.low = math.Inf(-1)
		case 2:
			r.high = math.Inf(1)
		case 3:
			r.low, r.high = 0, max(r.high, 0)
		}
		again, err := parseRange(r.String(), parseNumber)
		if err != nil || again != r {
			t.Fatalf("%+v prints as %q and is read as %+v, %v", r, r, again, err)
		}
	})
}
