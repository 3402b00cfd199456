package metrics

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page has the two tables as they are, and no row more.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	row := func(cells ...string) string {
		text := "|"
		for _, cell := range cells {
			if text += " "; cell != "" {
				text += cell + " "
			}
			text += "|"
		}
		return text
	}
	tables := map[string][]string{}
	for _, f := range Figures {
		tables["## Performance data"] = append(tables["## Performance data"],
			row("`"+f.Label+"`", f.Unit, f.Meaning, f.Default.Warning.String(), f.Default.Critical.String()))
	}
	for _, m := range Metrics {
		labels := ""
		for _, l := range m.Labels {
			labels += fmt.Sprintf(" `%s`", l)
		}
		tables["## Prometheus"] = append(tables["## Prometheus"], row("`"+m.Name+"`", strings.TrimSpace(labels), m.Help))
	}
	for title, want := range tables {
		_, section, found := strings.Cut(string(data), title+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var got []string
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "| `") {
				got = append(got, strings.TrimSuffix(line, "\n"))
			}
		}
		if !found || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("docs/monitoring.md, %s, must have\n%s\nand has\n%s", title, strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
	}
	for _, f := range Figures {
		if f.Settable && f.Flag != "" && !strings.Contains(string(data), "`--warning"+f.Flag+"`") {
			t.Errorf("docs/monitoring.md does not name --warning%s", f.Flag)
		}
	}
}
