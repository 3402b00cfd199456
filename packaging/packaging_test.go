package packaging

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/sightings"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rulesFile is what Prometheus reads; unknown keys are errors there, too.
type rulesFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

func rules(t *testing.T) rulesFile {
	t.Helper()
	var file rulesFile
	decoder := yaml.NewDecoder(strings.NewReader(string(read(t, "prometheus/pureclean.rules.yml"))))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return file
}

type dashboard struct {
	UID    string  `json:"uid"`
	Panels []panel `json:"panels"`
	Vars   struct {
		List []struct {
			Name  string `json:"name"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID         int    `json:"id"`
	Type       string `json:"type"`
	Title      string `json:"title"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	Grid struct {
		X, Y, W, H int
	} `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

func board(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, "grafana/pureclean.json"), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// expressions are all of them, by the place that they stand in.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, group := range rules(t).Groups {
		for _, rule := range group.Rules {
			all["rule "+rule.Alert] = rule.Expr
		}
	}
	for _, p := range board(t).Panels {
		for _, target := range p.Targets {
			all["panel "+p.Title+" "+target.RefID] = target.Expr
		}
	}
	return all
}

var (
	metricName = regexp.MustCompile(`pureclean_[a-z_]+`)
	selector   = regexp.MustCompile(`(pureclean_[a-z_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
)

// Every metric that a rule or a panel names is one that is written, and every
// one that is written is watched somewhere.
func TestEveryMetricIsKnownAndWatched(t *testing.T) {
	labels := map[string][]string{}
	for _, m := range metrics.Metrics {
		labels[m.Name] = append([]string{"instance"}, m.Labels...)
	}
	used := map[string]bool{}
	for where, expr := range expressions(t) {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s names no metric: %s", where, expr)
		}
		for _, name := range names {
			used[name] = true
			if labels[name] == nil {
				t.Errorf("%s names %s, which is not written", where, name)
			}
		}
		for _, s := range selector.FindAllStringSubmatch(expr, -1) {
			for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(labels[s[1]], m[1]) {
					t.Errorf("%s asks %s for the label %s, which it has not", where, s[1], m[1])
				}
				checkValues(t, where, m[1], m[3])
			}
		}
	}
	for _, m := range metrics.Metrics {
		if !used[m.Name] {
			t.Errorf("%s is in no rule and in no panel", m.Name)
		}
	}
}

// checkValues: a code or severity that is misspelled never alerts.
func checkValues(t *testing.T, where, label, values string) {
	t.Helper()
	for value := range strings.SplitSeq(values, "|") {
		known := true
		switch label {
		case "code":
			known = slices.ContainsFunc(diagnose.Kinds, func(k diagnose.Kind) bool { return k.Code == value })
		case "severity":
			known = slices.ContainsFunc(diagnose.Kinds, func(k diagnose.Kind) bool { return string(k.Severity) == value })
		}
		if !known {
			t.Errorf("%s asks for the %s %q, which there is not", where, label, value)
		}
	}
}

// The alert on warnings leaves out what the alert on leaked volumes counts,
// and nothing else.
func TestLeaksAreAlertedOnOnce(t *testing.T) {
	var leaks []string
	for _, k := range diagnose.Kinds {
		if k.Leaked {
			leaks = append(leaks, k.Code)
		}
	}
	want := `code!~"` + strings.Join(leaks, "|") + `"`
	if expr := expressions(t)["rule PurecleanWarnings"]; !strings.Contains(expr, want) {
		t.Errorf("%s lacks %s", expr, want)
	}
}

func TestRules(t *testing.T) {
	docs := string(read(t, "../docs/monitoring.md"))
	seen := map[string]bool{}
	for _, group := range rules(t).Groups {
		for _, rule := range group.Rules {
			if !strings.HasPrefix(rule.Alert, "Pureclean") || seen[rule.Alert] {
				t.Errorf("the name %s", rule.Alert)
			}
			seen[rule.Alert] = true
			if !slices.Contains([]string{"info", "warning", "critical"}, rule.Labels["severity"]) || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, a summary or a description", rule.Alert)
			}
			if !strings.Contains(docs, "| `"+rule.Alert+"` | "+rule.Labels["severity"]+" |") {
				t.Errorf("docs/monitoring.md does not list %s as %s", rule.Alert, rule.Labels["severity"])
			}
			if !strings.Contains(string(read(t, "prometheus/pureclean.rules_test.yml")), "alertname: "+rule.Alert) {
				t.Errorf("%s is not tried in pureclean.rules_test.yml", rule.Alert)
			}
		}
	}
}

func TestDashboard(t *testing.T) {
	d := board(t)
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		if p.Grid.X+p.Grid.W > 24 || p.Grid.W == 0 || p.Grid.H == 0 {
			t.Errorf("%s does not fit into 24 columns", p.Title)
		}
		for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
			for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	var names []string
	for _, v := range d.Vars.List {
		names = append(names, v.Name)
	}
	for where, expr := range expressions(t) {
		for _, v := range regexp.MustCompile(`\$(\w+)`).FindAllStringSubmatch(expr, -1) {
			if !slices.Contains(names, v[1]) {
				t.Errorf("%s uses the variable %s, which there is not", where, v[1])
			}
		}
	}
}

// TestPromtool gives the panels' expressions to Prometheus's own parser, and
// what a check writes to its linter; .ci/run asks for it.
func TestPromtool(t *testing.T) {
	promtool := os.Getenv("PURECLEAN_PROMTOOL")
	if promtool == "" {
		t.Skip("set PURECLEAN_PROMTOOL to the program's name")
	}
	type rule struct {
		Record string `yaml:"record"`
		Expr   string `yaml:"expr"`
	}
	type group struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	}
	all := group{Name: "panels"}
	for where, expr := range expressions(t) {
		if strings.HasPrefix(where, "panel ") {
			name := regexp.MustCompile(`\W`).ReplaceAllString(where, "_")
			all.Rules = append(all.Rules, rule{name, regexp.MustCompile(`\$\w+`).ReplaceAllString(expr, ".*")})
		}
	}
	data, err := yaml.Marshal(map[string][]group{"groups": {all}})
	if err != nil {
		t.Fatal(err)
	}
	panels := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(panels, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", panels}, {"check", "rules", "prometheus/pureclean.rules.yml"}, {"test", "rules", "prometheus/pureclean.rules_test.yml"}} {
		out, err := exec.Command(promtool, args...).CombinedOutput()
		t.Logf("promtool %s\n%s", strings.Join(args, " "), out)
		if err != nil {
			t.Errorf("promtool %v: %v", args, err)
		}
	}
}

// The example is what is in force: with the "#" taken away it says the
// defaults, key by key, and it names every key.
func TestExampleConfiguration(t *testing.T) {
	if _, err := config.Load("config.yaml"); err != nil {
		t.Error(err)
	}
	text := regexp.MustCompile(`(?m)^#(\S.*|  .*)$`).ReplaceAllString(string(read(t, "config.yaml")), "$1")
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(path)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if want := config.Default(); got.Safety != want.Safety || got.StateDir != want.StateDir {
		t.Errorf("%+v, and the defaults are %+v", got, want)
	}
	if len(got.Pools) != 1 || len(got.Members) != 1 {
		t.Errorf("pools and members: %+v", got)
	}
	keys(t, text, reflect.TypeFor[config.Config]())
}

// keys looks for every key of a type in a text.
func keys(t *testing.T, text string, of reflect.Type) {
	t.Helper()
	for of.Kind() == reflect.Map || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		field := of.Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if key == "-" || key == "" {
			continue
		}
		if !regexp.MustCompile(`(?m)(^|[ {])` + key + `:`).MatchString(text) {
			t.Errorf("config.yaml does not show the key %s", key)
		}
		keys(t, text, field.Type)
	}
}

// The service writes nothing but its state and the textfile, and what it is
// refused is explained beside what it is allowed.
func TestService(t *testing.T) {
	text := string(read(t, "systemd/pureclean-check.service"))
	for _, line := range []string{
		"ProtectSystem=strict", "NoNewPrivileges=yes", "LoadCredential=pure-api-token", "StateDirectory=pureclean", "StateDirectoryMode=0700",
		"ProtectProc=default", "DevicePolicy=closed", "SuccessExitStatus=1 2",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the line %s is missing", line)
		}
	}
	// Each of these would take a witness's sight, or open a door.
	for _, line := range []string{"PrivateDevices=yes", "ProtectProc=invisible", "PrivateUsers=yes", "PrivateNetwork=yes", "ProtectClock=yes", "DynamicUser=yes", "[Install]"} {
		if strings.Contains(text, "\n"+line) {
			t.Errorf("the line %s is there", line)
		}
	}
	if !strings.Contains(string(read(t, "systemd/tmpfiles.conf")), "\nd "+config.Default().StateDir+" 0700 root root -\n") {
		t.Error("tmpfiles.conf does not make the state directory")
	}
}

// A purge takes all that the program has made below its state directory, and
// leaves the journal.
func TestPurge(t *testing.T) {
	script := string(read(t, "scripts/postrm.sh"))
	for _, repaired := range []bool{true, false} {
		root := t.TempDir()
		state := filepath.Join(root, "lib")
		book, err := journal.Open(state)
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Hold(journal.Holder{}); err != nil {
			t.Fatal(err)
		}
		if repaired {
			run, err := book.Create(journal.Record{Kind: journal.KindFix}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			_ = run.Close()
		}
		_ = book.Close()
		if err := sightings.Remember(t.Context(), state, evidence.World{}, diagnose.Report{}); err != nil {
			t.Fatal(err)
		}
		// What a kill leaves while that is written.
		if err := os.WriteFile(filepath.Join(state, "."+sightings.File+"-4711"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		text := script
		for path, here := range map[string]string{"/var/lib/pureclean": state, "/var/cache/pureclean": root + "/cache", "/etc/pureclean": root + "/etc", "/run/systemd/system": root + "/none"} {
			if !strings.Contains(text, path) {
				t.Fatalf("it does not say %s", path)
			}
			text = strings.ReplaceAll(text, path, here)
		}
		cmd := exec.Command("sh", "-s", "purge")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var left []string
		entries, err := os.ReadDir(state)
		for _, entry := range entries {
			left = append(left, entry.Name())
		}
		if repaired != (err == nil) || repaired && !slices.Equal(left, []string{"runs"}) {
			t.Errorf("repaired %v: it left %q, %v", repaired, left, err)
		}
	}
}
