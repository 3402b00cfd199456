package metrics

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
)

// Zero of what was not read is no number: it would end an alert. What was seen is
// told as the least that there is, and a pool that was read keeps its own.
func TestWhatWasNotReadIsNotZero(t *testing.T) {
	for _, c := range []struct {
		name        string
		findings    []diagnose.Finding
		p1, p2      bool // could be counted
		there, gone []string
		perf        []string
	}{
		{
			name: "all", p1: true, p2: true,
			there: []string{leaked + `{pool="p1"} 0`, leakedBytes + `{pool="p2"} 0`, leakedUnique + `{pool="p2"} 0`, oldest + `{pool="p1"} 0`},
			perf:  []string{"leaked=0;", "bytes=0B", "unique=0B", "oldest=0s"},
		},
		{
			name: "one pool", p2: true,
			there: []string{leaked + `{pool="p2"} 0`, leakedBytes + `{pool="p2"} 0`, leakedUnique + `{pool="p2"} 0`, oldest + `{pool="p2"} 0`},
			gone:  []string{leaked + `{pool="p1"}`, leakedBytes + `{pool="p1"}`, leakedUnique + `{pool="p1"}`, oldest + `{pool="p1"}`, allFindings + `{`},
			perf:  []string{"leaked=U;", "bytes=U", "unique=U", "oldest=U", "critical=U", "warning=U"},
		},
		{
			name: "none",
			gone: []string{leaked + "{", leakedBytes + "{", leakedUnique + "{", oldest + "{", allFindings + "{"},
			perf: []string{"leaked=U;", "bytes=U", "unique=U", "oldest=U", "critical=U", "warning=U"},
		},
		{
			name: "a part of it", findings: []diagnose.Finding{leak("p1", "1", time.Hour)},
			there: []string{leaked + `{pool="p1"} 1`, leakedBytes + `{pool="p1"} 100`, oldest + `{pool="p1"} 3600`, allFindings + `{code="leaked-volume",severity="warning",pool="p1"} 1`},
			gone:  []string{leaked + `{pool="p2"}`, allFindings + `{code="leaked-volume",severity="warning",pool="p2"}`, allFindings + `{code="stale-map"`},
			perf:  []string{"leaked=1;", "bytes=100B", "unique=7B", "oldest=3600s", "critical=U", "warning=U"},
		},
	} {
		r := reading(c.findings...)
		r.Report.Complete = c.p1 && c.p2
		r.Report.Summary.Counted, r.Report.Pools[0].Counted, r.Report.Pools[1].Counted = c.p1 && c.p2, c.p1, c.p2
		var text bytes.Buffer
		expose(&text, &r)
		v := Judge(&r, Defaults())
		line := v.Line("x")
		for _, want := range c.there {
			if !strings.Contains(text.String(), "\n"+want+"\n") {
				t.Errorf("%s: %s is not there:\n%s", c.name, want, &text)
			}
		}
		for _, not := range c.gone {
			if strings.Contains(text.String(), "\n"+not) {
				t.Errorf("%s: %s is there", c.name, not)
			}
		}
		for _, want := range c.perf {
			if !strings.Contains(line, want) {
				t.Errorf("%s: %s is not in %s", c.name, want, line)
			}
		}
	}
}

// A leaked volume of which nobody says when it was made has no age, and none of 0.
func TestAgeThatIsNotKnown(t *testing.T) {
	r := reading(leak("p1", "1", 0))
	v := Judge(&r, Defaults())
	if age := v.Get("oldest"); age.Known {
		t.Errorf("%+v", age)
	}
	for _, s := range agesByPool(&r) {
		if s.Labels[0] == "p1" {
			t.Errorf("%+v", s)
		}
	}
}
