package array

import (
	"strings"
	"testing"
)

// filterRow is a row of the filter's own tests.
type filterRow struct {
	rank
	label   string
	size    int64
	on      bool
	share   float64
	pod     string
	tags    []string
	friends []string
}

func filterTable() *table[*filterRow] {
	return newTable([]column[*filterRow]{
		{path: "name", get: func(_ *call, r *filterRow) value { return name(r.label) }},
		{path: "size", get: func(_ *call, r *filterRow) value { return number(r.size) }},
		{path: "enabled", get: func(_ *call, r *filterRow) value { return truth(r.on) }},
		{path: "share", get: func(_ *call, r *filterRow) value { return ratio(r.share) }},
		{path: "pod.name", get: func(_ *call, r *filterRow) value { return name(r.pod) }},
		{path: "pod.id", get: func(_ *call, r *filterRow) value { return name(r.pod) }},
		{path: "services", get: func(_ *call, r *filterRow) value { return strs(r.tags) }},
		{path: "arrays", get: func(_ *call, r *filterRow) value {
			var all []value
			for _, f := range r.friends {
				all = append(all, objectOf(member{"name", str(f)}, member{"id", nothing()}))
			}
			return listOf(all...)
		}},
	}, 21)
}

var filterRows = []*filterRow{
	{label: "alpha", size: 100, on: true, share: 0.5, pod: "Lab", tags: []string{"iscsi"}, friends: []string{"fa1", "fa2"}},
	{label: "beta", size: 200, share: 1.5, tags: []string{"management", "iscsi"}},
	{label: "Gamma-1", size: 300, on: true, pod: "lab2", friends: []string{"fa1"}},
}

func TestFilter(t *testing.T) {
	for filter, want := range map[string]string{
		"name='alpha'":                        "alpha",
		"name='ALPHA'":                        "alpha",
		"NAME = 'alpha'":                      "alpha",
		"name!='alpha'":                       "beta Gamma-1",
		"name='*a'":                           "alpha beta",
		"name='*A*'":                          "alpha beta Gamma-1",
		"name='g*-1'":                         "Gamma-1",
		"name='a*a*a'":                        "",
		"name!='*eta'":                        "alpha Gamma-1",
		"name>'alpha'":                        "beta Gamma-1",
		"name<='beta'":                        "alpha beta",
		"size>100":                            "beta Gamma-1",
		"size>='200'":                         "beta Gamma-1",
		"size<200 or size>200":                "alpha Gamma-1",
		"size=200.0":                          "beta",
		"share<1":                             "alpha Gamma-1",
		"enabled='true'":                      "alpha Gamma-1",
		"enabled=true":                        "alpha Gamma-1",
		"enabled='False'":                     "beta",
		"enabled":                             "alpha Gamma-1",
		"not enabled":                         "beta",
		"not(enabled)":                        "beta",
		"pod":                                 "alpha Gamma-1",
		"pod.name":                            "alpha Gamma-1",
		"not pod":                             "beta",
		"pod.name='lab'":                      "alpha",
		"pod.name!='lab'":                     "beta Gamma-1",
		"pod.name>'a'":                        "alpha Gamma-1",
		"services='ISCSI'":                    "alpha beta",
		"services[all]='iscsi'":               "alpha",
		"services[any]='management'":          "beta",
		"services!='iscsi'":                   "Gamma-1",
		"services":                            "alpha beta",
		"arrays.name='fa2'":                   "alpha",
		"arrays[any].name='fa1'":              "alpha Gamma-1",
		"arrays[all].name='fa1'":              "Gamma-1",
		"contains(name,'AMM')":                "Gamma-1",
		"contains(services, 'nag')":           "beta",
		"name='alpha' and size=100":           "alpha",
		"name='alpha' and size=200":           "",
		"name='alpha' or name='beta'":         "alpha beta",
		"enabled and size<200 or name='beta'": "alpha beta",
		"enabled and (size<200 or size>250)":  "alpha Gamma-1",
		"not(name='alpha' or name='beta')":    "Gamma-1",
		"not not enabled":                     "alpha Gamma-1",
		"size='none'":                         "",
		"size!='none'":                        "",
		"enabled!='maybe'":                    "",
		"name=''":                             "",
		"name='*'":                            "alpha beta Gamma-1",
	} {
		match, err := parseFilter(filter, filterTable())
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got []string
		for _, r := range filterRows {
			if match(nil, r) {
				got = append(got, r.label)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
}

func TestBadFilter(t *testing.T) {
	for _, filter := range []string{
		"", " ", "unknown='x'", "unknown", "name='x", "name=", "name='x' and", "and name='x'", "(name='x'", "name='x')",
		"name=='x'", "name='x' name='y'", "tags('k','v')", "contains(name)", "contains(name,'x'", "contains(unknown,'x')",
		"name='it's'", `name='a\b'`, "name=x", "name*'x'", "pod='lab'", "services[0]='x'", "name='x';", "!name", "name ! 'x'",
		"name=('a','b')", "'name'='x'", "name = name", "size=!1", strings.Repeat("(", 1000) + "name" + strings.Repeat(")", 1000),
		strings.Repeat("not ", 1000) + "name",
	} {
		if _, err := parseFilter(filter, filterTable()); err == nil {
			t.Errorf("%.40q is accepted", filter)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add("enabled='true' and (not services='iscsi' or contains(name,'x'))")
	f.Fuzz(func(t *testing.T, filter string) {
		match, err := parseFilter(filter, filterTable())
		if (match == nil) == (err == nil) {
			t.Fatalf("%q: neither or both of a predicate and an error", filter)
		}
		for _, r := range filterRows {
			if match != nil {
				match(nil, r)
			}
		}
	})
}

func TestFilterOverHTTP(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	for _, n := range []string{"lab::a", "lab::b", "c"} {
		c.volume(n)
	}
	same(t, "pod.name", []string{"lab::a", "lab::b"}, names(c.get("/volumes"+query("filter", "pod.name='lab'"))))
	same(t, "repeated filters", []string{"lab::b"}, names(c.get("/volumes"+query("filter", "pod.name='lab'", "filter", "name='*b'"))))
	c.refused("GET", "/volumes"+query("filter", "pod.nam='lab'"), "", `null: Invalid filter: no field "pod.nam"`)
	c.refused("GET", "/volumes"+query("filter", ""), "", `null: Invalid filter: expected a field, found "end of filter"`)

	last := start(t, Options{Unverified: Unverified{LastFilterOnly: true}})
	last.volume("ab")
	same(t, "last filter", []string{"ab"}, names(last.get("/volumes"+query("filter", "name='x'", "filter", "name='*b'"))))
}
