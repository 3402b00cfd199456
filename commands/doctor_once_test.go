package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/doctor"
)

// TestDoctorSaysOnce: what is advised for several machines in the same words
// stands there once, below all of them.
func TestDoctorSaysOnce(t *testing.T) {
	advice := func(host, what string) doctor.Advice {
		return doctor.Advice{Check: "setting", Kind: "host", Witness: host, Observed: what, Source: "a file", Write: []string{"no"}}
	}
	report := doctor.Report{Advice: []doctor.Advice{
		{Check: "lxd-bug", Kind: "lxd", Witness: "lxd01", Observed: "it leaks"},
		{Check: "cannot-testify", Kind: "host", Witness: "lxd01", Observed: "it is silent"},
		advice("lxd01", "all have it"), advice("lxd01", "two have it"), advice("lxd01", "one has it"),
		advice("lxd02", "all have it"),
		advice("lxd03", "all have it"), advice("lxd03", "two have it"),
	}}
	var out strings.Builder
	doctorView{page: onPage(&out, 80), report: report}.print()
	var got []string
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "FOR ") || strings.HasPrefix(line, "- ") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	want := "FOR LXD lxd01|- it leaks|FOR HOST lxd01, lxd02, lxd03|- all have it|FOR HOST lxd01, lxd03|- two have it|FOR HOST lxd01|- one has it"
	if strings.Join(got, "|") != want {
		t.Errorf("%q\n%s", got, out.String())
	}
}
