package array

import (
	"strings"
	"testing"
)

// filterRow is a row of the filter's own tests.
type filterRow struct {
	rank
	label string
	on    bool
	pod   string
	tags  []string
}

func filterTable() *table[*filterRow] {
	return newTable([]column[*filterRow]{
		col("name", func(r *filterRow) value { return name(r.label) }),
		col("enabled", func(r *filterRow) value { return truth(r.on) }),
		col("pod.name", func(r *filterRow) value { return name(r.pod) }),
		col("services", func(r *filterRow) value { return strs(r.tags) }),
	}, 21)
}

func TestFilter(t *testing.T) {
	rows := []*filterRow{
		{label: "alpha", on: true, pod: "Lab", tags: []string{"iscsi"}},
		{label: "beta", tags: []string{"management", "iscsi"}},
		{label: "Gamma-1", on: true, pod: "lab2"},
	}
	for filter, want := range map[string]string{
		"name='alpha'":                    "alpha",
		"name='ALPHA'":                    "alpha",
		"name='*a'":                       "alpha beta",
		"name='g*-1'":                     "Gamma-1",
		"name='a*a*a'":                    "",
		"name=''":                         "",
		"name='*'":                        "alpha beta Gamma-1",
		"enabled='true'":                  "alpha Gamma-1",
		"enabled='False'":                 "beta",
		"enabled='maybe'":                 "",
		"pod.name":                        "alpha Gamma-1",
		"pod.name='lab'":                  "alpha",
		"services='ISCSI'":                "alpha beta",
		"contains(name,'AMM')":            "Gamma-1",
		"name='alpha' or pod.name='lab2'": "alpha Gamma-1",
		"name='x' or contains(name,'et') or name='alpha'": "alpha beta",
	} {
		match, err := parseFilter(filter, filterTable())
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var got []string
		for _, r := range rows {
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
		"", " ", "unknown='x'", "unknown", "name='x", "name=", "name='x' and name='y'", "name='x' or ", "(name='x')", "not name",
		"name=='x'", "name!='x'", "name='x' name='y'", "contains(name)", "contains(name,'x'", "contains(unknown,'x')",
		"name='it's'", `name='a\b'`, "name=x", "pod='lab'", "services[0]='x'", "name='x';", "'name'='x'",
	} {
		if _, err := parseFilter(filter, filterTable()); err == nil {
			t.Errorf("%q is accepted", filter)
		}
	}
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

	last := start(t, Options{Unverified: Unverified{LastFilterOnly: true}})
	last.volume("ab")
	same(t, "last filter", []string{"ab"}, names(last.get("/volumes"+query("filter", "name='x'", "filter", "name='*b'"))))
}
