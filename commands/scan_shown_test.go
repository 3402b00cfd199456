package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/words"
)

// TestListed: what is not listed is the old, what comes last and nothing else;
// what has no age may be new.
func TestListed(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	finding := func(name string, severity diagnose.Severity, age time.Duration, bytes, unique int64) diagnose.Finding {
		return diagnose.Finding{Object: name, Severity: severity, Age: age, Provisioned: bytes, Unique: evidence.CountOf(unique)}
	}
	found := []diagnose.Finding{
		finding("small", diagnose.Info, time.Hour, 1, 0), finding("big", diagnose.Warning, 48*time.Hour, 9, 1), finding("full", diagnose.Warning, 24*time.Hour, 9, 2),
		finding("worst", diagnose.Critical, 2*time.Hour, 2, 0), finding("ageless", diagnose.Info, 0, 0, 0),
	}
	for _, test := range []struct {
		l    listed
		want string
	}{
		{listed{}, "small big full worst ageless"},
		{listed{since: "1d"}, "small full worst ageless"},
		{listed{since: "90m"}, "small ageless"},
		{listed{since: "2026-11-22 12:30"}, "small worst ageless"},
		{listed{since: "2026-11-22T13:30:00+01:00"}, "small worst ageless"},
		{listed{since: "2026-11-22"}, "small worst ageless"},
		{listed{sort: "size"}, "full big worst small ageless"},
		{listed{sort: "age"}, "big full worst small ageless"},
		{listed{sort: "severity"}, "worst big full small ageless"},
		{listed{limit: 2}, "worst big"},
		{listed{limit: 2, sort: "size"}, "full big"},
		{listed{limit: 9}, "worst big full small ageless"},
		{listed{limit: 1, sort: "age", since: "3h"}, "worst"},
	} {
		var names []string
		shown := test.l.of(found, now)
		for _, f := range shown {
			names = append(names, f.Object)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%+v: %s, want %s", test.l, got, test.want)
		}
		if said := test.l.hidden(found, shown); (said == "") != (len(shown) == len(found)) {
			t.Errorf("%+v: %q", test.l, said)
		}
	}
	cut := listed{limit: 1, sort: "age", since: "3h"}
	if said := cut.hidden(found, cut.of(found, now)); said != "4 findings not listed (--since 3h, --limit 1): 2 for you to decide, 2 good to know." {
		t.Error(said)
	}
	if found[0].Object != "small" {
		t.Error("the findings themselves were sorted")
	}
}

// TestScanListsLess: the summary and the status are of all that was found,
// whatever is listed.
func TestScanListsLess(t *testing.T) {
	b := newBench(t, worlds.Demo(t))
	status, whole, _ := b.run("", "scan", "-q")
	if status != StatusFindings {
		t.Fatalf("status %d", status)
	}
	for _, args := range [][]string{{"--limit", "1"}, {"--since", "1m"}, {"--sort", "size", "--limit", "2"}} {
		got, out, errs := b.run("", append([]string{"scan"}, args...)...)
		if got != status || !strings.HasSuffix(out, whole) || !strings.Contains(oneSpace(out), " not listed ("+args[0]+" "+args[1]) && args[0] != "--sort" {
			t.Errorf("%v: status %d, want %d\n%s%s", args, got, status, out, errs)
		}
		for line := range strings.Lines(out) {
			line = strings.TrimSpace(noRoom.ReplaceAllString(line, ""))
			if n := len([]rune(line)); n > defaultWidth-2 && strings.Contains(line, "/var/") {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
	}
	for _, format := range []string{"wide", "csv"} {
		if _, out, errs := b.run("", "scan", "--limit", "3", "-o", format); strings.Count(out, "\n") != 4 || !strings.Contains(errs, " not listed (--limit 3): ") {
			t.Errorf("%s\n%s%s", format, out, errs)
		}
	}
	var answer scanAnswer
	_, out, errs := b.run("", "scan", "--limit", "3", "-o", "json")
	if err := json.Unmarshal([]byte(out), &answer); err != nil || len(answer.Findings) != 3 || answer.Hidden != answer.Summary.Findings-3 || answer.Hidden < 20 {
		t.Errorf("%v, %d listed, %d hidden\n%s", err, len(answer.Findings), answer.Hidden, errs)
	}
	for _, args := range [][]string{{"--since", "soon"}, {"--since", "-1h"}, {"--since", "2999-01-01"}, {"--since", "0s"}, {"--limit", "-1"}, {"--sort", "name"}, {"--since", "1d", "-o", "html"}} {
		if status, out, errs := b.run("", append([]string{"scan"}, args...)...); status != StatusUsage || out != "" {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
}

// TestScanVerboseShowsGates: -v says of each finding how many gates pass, and
// every one that does not, and logs nothing.
func TestScanVerboseShowsGates(t *testing.T) {
	b := newBench(t, worlds.Demo(t))
	_, out, errs := b.run("", "scan", "-v")
	text := oneSpace(out)
	all := words.HowMany(diagnose.Gates, func(g diagnose.Gate) bool { return slices.Contains(g.Classes, diagnose.ClassDestroy) })
	for _, says := range []string{fmt.Sprintf("- %d of %d gates pass", all, all), "- pod-ownership fail: another machine uses the pod", "- explained unknown: "} {
		if !strings.Contains(text, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	if strings.Contains(errs, "DEBUG") || strings.Contains(errs, "level=") {
		t.Errorf("-v logs:\n%s", errs)
	}
	_, _, errs = b.run("", "scan", "--debug")
	for _, line := range []string{`msg="asked the array" `, `msg="asked LXD" `, `msg="read a machine" `, "msg=judged "} {
		if _, said, _ := strings.Cut(errs, "level=DEBUG "+line); !strings.Contains(said, "took=") {
			t.Errorf("--debug does not say how long it took: %s\n%s", line, errs)
		}
	}
}

// TestFold: a line that is wider than a terminal is broken, and its colours are
// left as they are.
func TestFold(t *testing.T) {
	for line, want := range map[string][]string{
		"": {""}, "abc": {"abc"}, "abcd": {"abcd"}, "abcde": {"abcd", "e"}, "äöüßäöüß": {"äöüß", "äöüß"},
		"\x1b[1mabcd\x1b[22m": {"\x1b[1mabcd\x1b[22m"}, "\x1b[33mabcdef\x1b[0m": {"\x1b[33mabcd", "ef\x1b[0m"},
	} {
		if got := fold(line, 4); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// What was asked of one pool only is said of that pool.
func TestNothingLeftInOnePool(t *testing.T) {
	w, err := simulator.New(simulator.Options{Transports: []string{evidence.ModeISCSI, evidence.ModeNVMeTCP}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	b := newBench(t, w)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"scan", "--color=never"}, "Nothing is left behind. "},
		{[]string{"scan", "--pool", "nvpool", "--color=never"}, "Nothing is left behind in nvpool. "},
		{[]string{"check", "--pool", "nvpool"}, "0 leaked volumes in nvpool"},
		{[]string{"scan", "--pool", "nvpool", "-o", "html"}, "Nothing is left behind in nvpool"},
	} {
		if status, out, errs := b.run("", c.args...); status != StatusOK || !strings.Contains(out, c.says) {
			t.Errorf("%v: status %d\n%s%s", c.args, status, out, errs)
		}
	}
}

// Beside a run that is not at its end nothing is called well.
func TestNothingFoundBesideARun(t *testing.T) {
	for state, says := range map[journal.State]string{
		journal.Damaged: "Array, LXD and host agree. A run is not at its end: pureclean runs.", journal.Interrupted: "A run is not at its end", "": nothingLeft,
	} {
		var out strings.Builder
		v := scanView{page: onPage(&out, 80), report: diagnose.Report{Complete: true}}
		if state != "" {
			v.interrupted = []journal.Summary{{ID: "c0de", State: state}}
		}
		if v.summary(nil); !strings.Contains(out.String(), says) || state != "" && strings.Contains(out.String(), nothingLeft) {
			t.Errorf("%s: %s", state, out.String())
		}
	}
}

// A page knows the runs as well: beside one it calls nothing well, and what goes on
// with it is what to type.
func TestPageBesideARun(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
	a, volume := b.world.Array, b.leaked("leaked-volume")
	heal := a.Inject(array.Fault{Method: "PATCH", Path: "/volumes", Kind: array.ServerError})
	b.run("", "fix", "--volume", volume, "--yes")
	heal()
	id := b.interrupted()
	page := func(args ...string) string {
		t.Helper()
		_, out, errs := b.run("", append(args, "-o", "html")...)
		said := strings.NewReplacer("<span class=\"whole\">", "", "</span>", "").Replace(out)
		if !strings.Contains(said, "Run "+id+" of "+volume+" was interrupted") || !strings.Contains(said, "pureclean runs --resume "+id) {
			t.Errorf("%v does not know run %s:\n%s%s", args, id, out, errs)
		}
		return said
	}
	page("scan")
	page("explain", volume)
	if _, _, errs := b.run("", "explain", volume); !strings.Contains(oneSpace(errs), "Run "+id+" of "+volume+" was interrupted") {
		t.Errorf("explain does not know run %s:\n%s", id, errs)
	}
	if err := errors.Join(a.DestroyVolume(volume), a.Eradicate(volume), b.world.LXD.Upgrade("6.9")); err != nil {
		t.Fatal(err)
	}
	if said := page("scan"); strings.Contains(said, "Nothing is left behind") || !strings.Contains(said, "a run that is not at its end") {
		t.Error(said)
	}
}
