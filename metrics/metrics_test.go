package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

var now = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

// leak is a leaked volume of a pool.
func leak(pool, id string, age time.Duration) diagnose.Finding {
	return diagnose.Finding{
		Code: "leaked-volume", Severity: diagnose.Warning, Pool: pool, Object: pool + "::u-" + id, VolumeID: id, ArrayID: "a1",
		Age: age, Provisioned: 100, Unique: evidence.CountOf(7),
	}
}

// reading is one with a complete report of two pools.
func reading(findings ...diagnose.Finding) Reading {
	summary := diagnose.Summarise(findings)
	summary.Counted = true
	return Reading{
		Version: "1.2.3", Began: now, Ended: now.Add(1500 * time.Millisecond),
		Report: diagnose.Report{
			Complete:  true,
			Findings:  findings,
			Witnesses: []diagnose.Witness{{Kind: "array", Name: "fa1", Complete: true}, {Kind: "lxd", Name: "lxd01", Complete: true}},
			Pools:     []diagnose.PoolSummary{{Name: "p1", Counted: true, Quota: evidence.CountOf(1000), OfQuota: evidence.CountOf(700), Provisioned: evidence.CountOf(900), Used: evidence.CountOf(300)}, {Name: "p2", Counted: true}},
			Summary:   summary,
		},
	}
}

func TestTables(t *testing.T) {
	name := regexp.MustCompile(`^pureclean(_[a-z]+)+$`)
	seen := map[string]bool{}
	for _, m := range Metrics {
		if !name.MatchString(m.Name) || seen[m.Name] || m.Help == "" || strings.HasSuffix(m.Help, ".") || m.Samples == nil {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
		if strings.Contains(m.Name, "age") && !strings.HasSuffix(m.Name, "_seconds") {
			t.Errorf("%s: times are in seconds", m.Name)
		}
	}
	labels, flags := map[string]bool{}, map[string]bool{}
	for _, f := range Figures {
		if labels[f.Label] || metric(f.Metric) == nil || f.Meaning == "" || !slices.Contains([]string{"", "B", "s"}, f.Unit) {
			t.Errorf("%+v", f)
		}
		if f.Settable && flags[f.Flag] {
			t.Errorf("two figures have the flag --warning%s", f.Flag)
		}
		labels[f.Label] = true
		flags[f.Flag] = flags[f.Flag] || f.Settable
		if f.Where != nil && f.Metric != allFindings {
			t.Errorf("%s chooses among what has no severity", f.Label)
		}
	}
	if got := metric(allFindings).Labels; !slices.Equal(got, []string{"code", "severity", "pool"}) {
		t.Errorf("Figures rely on the order of the labels %v", got)
	}
}

func TestJudge(t *testing.T) {
	risk := diagnose.Finding{Code: "mixed-map", Severity: diagnose.Critical, Pool: "p1", Object: "mpatha"}
	stale := diagnose.Finding{Code: "stale-map", Severity: diagnose.Warning, Object: "mpathb"}
	idle := diagnose.Finding{Code: "idle-host", Severity: diagnose.Info, Object: "h"}
	var six []diagnose.Finding
	for i := range 6 {
		six = append(six, leak("p1", fmt.Sprint(i), time.Hour))
	}
	incomplete := func(r *Reading) { r.Report.Complete = false }
	limits := func(label, warning, critical string) func(map[string]Thresholds) {
		return func(all map[string]Thresholds) {
			i := slices.IndexFunc(Figures, func(f Figure) bool { return f.Label == label })
			var l Thresholds
			var err [2]error
			if warning != "" {
				l.Warning, err[0] = Figures[i].ParseRange(warning)
			}
			if critical != "" {
				l.Critical, err[1] = Figures[i].ParseRange(critical)
			}
			if err := errors.Join(err[:]...); err != nil {
				t.Fatal(err)
			}
			all[label] = l
		}
	}
	for _, test := range []struct {
		name     string
		findings []diagnose.Finding
		change   func(*Reading)
		limits   func(map[string]Thresholds)
		want     Status
	}{
		{name: "nothing", want: OK},
		{name: "info alone", findings: []diagnose.Finding{idle}, want: OK},
		{name: "one leak", findings: six[:1], want: Warning},
		{name: "five leaks", findings: six[:5], want: Warning},
		{name: "six leaks", findings: six, want: Critical},
		{name: "a finding that is worse than its kind", findings: []diagnose.Finding{{Code: "degraded-paths", Severity: diagnose.Critical}}, want: Critical},
		{name: "one that is better", findings: []diagnose.Finding{{Code: "in-use-without-connection", Severity: diagnose.Warning}}, want: Warning},
		{name: "leaks that are allowed", findings: six, limits: limits("leaked", "10", "20"), want: OK},
		{name: "another warning", findings: []diagnose.Finding{stale}, want: Warning},
		{name: "another warning beside leaks that are allowed", findings: append([]diagnose.Finding{stale}, six...), limits: limits("leaked", "10", "20"), want: Warning},
		{name: "an accepted warning", findings: []diagnose.Finding{stale}, change: func(r *Reading) { r.Ignored = []string{"stale-map"} }, want: OK},
		{name: "accepted leaks", findings: six, change: func(r *Reading) { r.Ignored = []string{"leaked-volume"} }, want: OK},
		{name: "data at risk", findings: []diagnose.Finding{risk, stale}, want: Critical},
		{name: "bytes", findings: six[:3], limits: limits("bytes", "", "299"), want: Critical},
		{name: "bytes below", findings: six[:3], limits: limits("bytes", "", "300"), want: Warning},
		{name: "age", findings: six[:1], limits: limits("oldest", "", "30m"), want: Critical},
		{name: "younger", findings: six[:1], limits: limits("oldest", "", "1h"), want: Warning},
		{name: "incomplete", change: incomplete, want: Unknown},
		{name: "incomplete and a warning", findings: six[:1], change: incomplete, want: Unknown},
		{name: "incomplete and critical", findings: []diagnose.Finding{risk}, change: incomplete, want: Critical},
		{name: "a failure", change: func(r *Reading) { r.Report, r.Failure = diagnose.Report{}, "no" }, want: Unknown},
		{name: "interrupted", change: func(r *Reading) { r.Runs.Interrupted = 1 }, want: Warning},
		{name: "no journal", change: func(r *Reading) { r.Runs.Trouble = "permission denied" }, want: Unknown},
		{name: "no journal, and a warning", findings: six[:1], change: func(r *Reading) { r.Runs.Trouble = "permission denied" }, want: Unknown},
		{name: "no journal, and data at risk", findings: []diagnose.Finding{risk}, change: func(r *Reading) { r.Runs.Trouble = "permission denied" }, want: Critical},
	} {
		r, thresholds := reading(test.findings...), Defaults()
		if test.change != nil {
			test.change(&r)
		}
		if test.limits != nil {
			test.limits(thresholds)
		}
		v := Judge(&r, thresholds)
		if v.Status != test.want {
			t.Errorf("%s: %s, want %s: %s", test.name, v.Status, test.want, v.Line("x"))
		}
		p, err := parsePlugin(v.Line(test.name))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if p.service != "PURECLEAN" || p.status != test.want.String() || p.text != test.name || len(p.perf) != len(Figures) {
			t.Errorf("%s: %+v", test.name, p)
		}
	}
}

func TestLine(t *testing.T) {
	r := reading(leak("p1", "1", 2*time.Hour), leak("p2", "2", 26*time.Hour))
	v := Judge(&r, Defaults())
	want := "PURECLEAN WARNING - text | leaked=2;0;5;0 bytes=200B;;;0 unique=14B;;;0 oldest=93600s;;;0 critical=0;;0;0 warning=0;0;;0 interrupted=0;0;;0 time=1.5s;;;0"
	if got := v.Line("text"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What nobody could say is U, and not 0.
	failed := Reading{Failure: "no", Runs: Runs{Trouble: "no"}, Began: now, Ended: now}
	v = Judge(&failed, Defaults())
	want = "PURECLEAN UNKNOWN - no | leaked=U;0;5;0 bytes=U;;;0 unique=U;;;0 oldest=U;;;0 critical=U;;0;0 warning=U;0;;0 interrupted=U;0;;0 time=0s;;;0"
	if got := v.Line("no"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// A name can't begin performance data of its own.
	p, err := parsePlugin(v.Line("p|leaked=0 ok"))
	if err != nil || len(p.perf) != len(Figures) {
		t.Errorf("%+v, %v", p, err)
	}
}

// families reads a textfile as Prometheus does.
func families(t *testing.T, text []byte) map[string]map[string]float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	all := map[string]map[string]float64{}
	for name, family := range parsed {
		all[name] = map[string]float64{}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := strings.Join(labels, ",")
			if _, twice := all[name][key]; twice {
				t.Errorf("%s{%s} is there twice", name, key)
			}
			all[name][key] = m.GetGauge().GetValue()
		}
	}
	return all
}

func TestTextfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pureclean.prom")
	file, err := OpenTextfile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := reading(leak("p1", "1", 2*time.Hour), leak("p1", "2", time.Hour), diagnose.Finding{Code: "stale-map", Severity: diagnose.Info, Object: "mpathb"})
	r.Runs = Runs{Interrupted: 1, Undoable: []Deadline{{"7f3a", "p1::u-9", now.Add(time.Hour)}}}
	r.Ignored = []string{"idle-host"}
	if err := file.Write(r); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := families(t, text)
	for _, m := range Metrics {
		if all[m.Name] == nil {
			t.Errorf("%s is not there", m.Name)
		}
	}
	ended := float64(r.Ended.UnixMilli()) / 1000
	for _, want := range []struct {
		name, labels string
		value        float64
	}{
		{"pureclean_build_info", "version=1.2.3", 1},
		{complete, "", 1},
		{"pureclean_witness_complete", "kind=array,name=fa1", 1},
		{checkTime, "", ended},
		{lastSuccess, "", ended},
		{duration, "", 1.5},
		{allFindings, "code=leaked-volume,severity=warning,pool=p1", 2},
		{allFindings, "code=leaked-volume,severity=warning,pool=p2", 0},
		{allFindings, "code=stale-map,severity=info,pool=", 1},
		{allFindings, "code=stale-map,severity=warning,pool=", 0},
		{leaked, "pool=p1", 2},
		{leaked, "pool=p2", 0},
		{leakedBytes, "pool=p1", 200},
		{leakedUnique, "pool=p1", 14},
		{oldest, "pool=p1", 7200},
		{oldest, "pool=p2", 0},
		{"pureclean_pool_quota_bytes", "pool=p1", 1000},
		{"pureclean_pool_of_quota_bytes", "pool=p1", 700},
		{"pureclean_pool_provisioned_bytes", "pool=p1", 900},
		{"pureclean_pool_used_bytes", "pool=p1", 300},
		{"pureclean_undo_deadline_timestamp_seconds", "run=7f3a,object=p1::u-9", float64(now.Add(time.Hour).Unix())},
		{interruption, "", 1},
	} {
		if got, ok := all[want.name][want.labels]; !ok || got != want.value {
			t.Errorf("%s{%s} is %v (there: %v), want %v", want.name, want.labels, got, ok, want.value)
		}
	}
	if _, ok := all["pureclean_pool_quota_bytes"]["pool=p2"]; ok {
		t.Error("a pool without a quota has one of 0")
	}
	for labels := range all[allFindings] {
		if strings.Contains(labels, "idle-host") {
			t.Error("an ignored finding is counted")
		}
	}
}

// When everything could last be seen survives what goes wrong later, and
// everything else that is not known is not there.
func TestTheLastSuccessSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pureclean.prom")
	at := func(r Reading, ended time.Time) map[string]map[string]float64 {
		t.Helper()
		file, err := OpenTextfile(path)
		if err != nil {
			t.Fatal(err)
		}
		r.Ended = ended
		if err := file.Write(r); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return families(t, text)
	}
	failed := Reading{Failure: "no", Runs: Runs{Trouble: "no"}, Began: now}
	doubted := reading()
	doubted.Report.Complete = false

	if got := at(failed, now)[lastSuccess][""]; got != 0 {
		t.Errorf("never was at %v", got)
	}
	good := now.Add(time.Hour)
	if got := at(reading(), good)[lastSuccess][""]; got != float64(good.Unix()) {
		t.Errorf("success was at %v", got)
	}
	for i, r := range []Reading{failed, doubted, failed} {
		later := good.Add(time.Duration(i+1) * time.Hour)
		all := at(r, later)
		if all[complete][""] != 0 || all[lastSuccess][""] != float64(good.Unix()) || all[checkTime][""] != float64(later.Unix()) {
			t.Errorf("%d: %v %v %v", i, all[complete], all[lastSuccess], all[checkTime])
		}
		if !r.Looked() && (len(all[leaked]) > 0 || len(all[allFindings]) > 0 || len(all[interruption]) > 0) {
			t.Errorf("%d: a failed check counts %v", i, all)
		}
	}
}

func TestSuccessIn(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, lastSuccess + " 12.5\n": 12500, "# " + lastSuccess + " 12\n": 0, lastSuccess + " NaN\n": 0, lastSuccess + " +Inf": 0, lastSuccess + " -1": 0, lastSuccess + " x": 0, lastSuccess: 0,
		lastSuccess + " 99999999999999999999\n": 0,
	} {
		got := int64(0)
		if at := successIn([]byte(text)); !at.IsZero() {
			got = at.UnixMilli()
		}
		if got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

// Names are given by others: none may break the file or forge a series.
func TestHostileLabels(t *testing.T) {
	names := []string{
		"a\"} 1\npureclean_complete 1\n#", `back\slash\n`, "new\nline", "\x1b[2J", "nul\x00", "bad\xff", "bad\xfe", "héllo 世界", "", "} 0", "'|;$(id)", "\u202e", strings.Repeat("x", 5000),
	}
	r := reading()
	for i, name := range names {
		f := leak(name, fmt.Sprint(i), time.Hour)
		r.Report.Findings = append(r.Report.Findings, f)
		r.Report.Pools = append(r.Report.Pools, diagnose.PoolSummary{Name: name, Quota: evidence.CountOf(1), OfQuota: evidence.CountOf(1), Used: evidence.CountOf(1), Provisioned: evidence.CountOf(1)})
		r.Report.Witnesses = append(r.Report.Witnesses, diagnose.Witness{Kind: "host", Name: name}, diagnose.Witness{Kind: "host", Name: name, Complete: true})
		r.Runs.Undoable = append(r.Runs.Undoable, Deadline{"7f3a", name, now})
	}
	r.Version = names[0]
	r.Report.Complete = false
	var text bytes.Buffer
	expose(&text, &r)
	all := families(t, text.Bytes())
	if diff := cmp.Diff(map[string]float64{"": 0}, all[complete]); diff != "" {
		t.Errorf("forged: %s", diff)
	}
	for _, name := range names {
		name = strings.ToValidUTF8(name, "\uFFFD")
		if got, ok := all["pureclean_witness_complete"]["kind=host,name="+name]; !ok || got != 0 {
			t.Errorf("%q: %v, %v", name, got, ok)
		}
		if _, ok := all["pureclean_undo_deadline_timestamp_seconds"]["run=7f3a,object="+name]; !ok {
			t.Errorf("%q has no deadline", name)
		}
	}
	v := Judge(&r, Defaults())
	if p, err := parsePlugin(v.Line("fine")); err != nil || p.text != "fine" {
		t.Error(p, err)
	}
}

// A file that is not ours is somebody's.
func TestTextfileRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("target", ""), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		write("passwd", "root:x:0:0:root:/root:/bin/bash\n"),
		write("other.prom", "# HELP node_load1 1m load average.\n"),
		write("passwd", "x") + "/pureclean.prom",
		filepath.Join(dir, "absent", "pureclean.prom"),
		dir, link, os.DevNull,
	} {
		if _, err := OpenTextfile(path); err == nil {
			t.Errorf("%s is taken", path)
		}
	}
	for _, path := range []string{write("empty.prom", ""), filepath.Join(dir, "new.prom")} {
		if _, err := OpenTextfile(path); err != nil {
			t.Error(err)
		}
	}
}

// Whoever reads while a check writes sees the file before or the file after,
// and a write that fails leaves the one before and nothing beside it.
func TestTextfileIsReplacedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pureclean.prom")
	file, err := OpenTextfile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write(reading()); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Write(reading(leak("p1", "1", time.Hour))); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil || os.SameFile(before, after) {
		t.Errorf("the file itself was written to: %v", err)
	}
	var old bytes.Buffer
	if _, err := old.ReadFrom(reader); err != nil {
		t.Fatal(err)
	}
	if got := families(t, old.Bytes())[leaked]["pool=p1"]; got != 0 {
		t.Errorf("whoever had it open reads %v", got)
	}
	// A directory in its place can't be replaced by a file.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := file.Write(reading()); err == nil {
		t.Error("no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestPromtool gives a textfile to Prometheus's own linter; .ci/run asks for it.
func TestPromtool(t *testing.T) {
	promtool := os.Getenv("PURECLEAN_PROMTOOL")
	if promtool == "" {
		t.Skip("set PURECLEAN_PROMTOOL to the program's name")
	}
	failed := Reading{Failure: "no", Runs: Runs{Trouble: "no"}, Began: now, Ended: now}
	good := reading(leak("p1", "1", time.Hour), leak(`evil"} 1`+"\n", "2", time.Hour))
	good.Runs.Undoable = []Deadline{{"7f3a", "p1::u-9", now}}
	for _, r := range []Reading{good, failed} {
		var text bytes.Buffer
		expose(&text, &r)
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = &text
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("promtool check metrics: %v\n%s", err, out)
		}
	}
}
