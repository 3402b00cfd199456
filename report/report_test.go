package report_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/report"
	"github.com/pureclean/pureclean/simulator"
)

var update = flag.Bool("update", false, "write the golden files anew")

// harmless checks what holds of every page, whatever is in it.
func harmless(t *testing.T, page string) []element {
	t.Helper()
	for _, r := range page {
		if r != '\n' && (r < ' ' || (r >= 0x7f && r < 0xa0) || strings.ContainsRune("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff\ufffd", r)) {
			t.Fatalf("the page holds %U as such", r)
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("html/template refused a value")
	}
	all := elements(t, page)
	ids := map[string]bool{}
	policy := ""
	for _, e := range all {
		switch e.name {
		case "script", "iframe", "object", "embed", "link", "base", "form", "img", "image", "foreignObject", "audio", "video", "animate", "set":
			t.Errorf("the page has a <%s>", e.name)
		case "style":
			if strings.Contains(e.text, "url(") || strings.Contains(e.text, "@import") {
				t.Error("the style loads something")
			}
		case "meta":
			if strings.EqualFold(e.attributes["http-equiv"], "Content-Security-Policy") {
				policy = e.attributes["content"]
			} else if e.attributes["http-equiv"] != "" {
				t.Errorf("<meta http-equiv=%q>", e.attributes["http-equiv"])
			}
		}
		for name, value := range e.attributes {
			if strings.HasPrefix(strings.ToLower(name), "on") || name == "src" || name == "style" {
				t.Errorf("<%s %s=%q>", e.name, name, value)
			}
			if page, ok := strings.CutPrefix(value, "https://github.com/pureclean/pureclean/blob/main/docs/findings/"); ok && name == "href" {
				if _, err := os.Stat("../docs/findings/" + page); err != nil || e.name != "a" || e.text+".md" != page {
					t.Errorf("<%s> %q leads to %q", e.name, e.text, value)
				}
				continue
			}
			if name == "href" && !strings.HasPrefix(value, "#") {
				t.Errorf("<%s> leads to %q", e.name, value)
			}
		}
		if id := e.attributes["id"]; id != "" {
			if ids[id] {
				t.Errorf("the id %q is there twice", id)
			}
			ids[id] = true
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'unsafe-inline'") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
	for _, e := range all {
		if link, ok := strings.CutPrefix(e.attributes["href"], "#"); ok && !ids[link] {
			t.Errorf("a link to #%s, which is not there", link)
		}
		for _, id := range strings.Fields(e.attributes["aria-labelledby"]) {
			if !ids[id] {
				t.Errorf("a name from #%s, which is not there", id)
			}
		}
	}
	readable(t, all)
	return all
}

// readable: headings go down one level at a time, pictures have a title and a
// description, and what is drawn lies inside.
func readable(t *testing.T, all []element) {
	t.Helper()
	level := 0
	for i, e := range all {
		if len(e.name) == 2 && e.name[0] == 'h' && e.name[1] >= '1' && e.name[1] <= '6' {
			next := int(e.name[1] - '0')
			if next > level+1 {
				t.Errorf("<h%d> %q follows <h%d>", next, e.text, level)
			}
			if strings.TrimSpace(e.text) == "" {
				t.Errorf("an empty <%s>", e.name)
			}
			level = next
		}
		if e.is("picture") {
			if all[i+1].name != "title" || all[i+2].name != "desc" || len(all[i+2].text) < 20 {
				t.Errorf("a picture without a title and a description: %q, %q", all[i+1].text, all[i+2].text)
			}
			inside(t, all[i:])
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(all), func(e element) bool { return e.name != "h1" })); n != 1 {
		t.Errorf("%d <h1>", n)
	}
}

// inside: no text of a picture is wider than the picture, in the widest of
// the usual fonts, and no line stands on another.
func inside(t *testing.T, all []element) {
	t.Helper()
	number := func(e element, name string) int {
		n, err := strconv.Atoi(e.attributes[name])
		if err != nil {
			t.Errorf("<%s %s=%q>", e.name, name, e.attributes[name])
		}
		return n
	}
	width, height := number(all[0], "width"), number(all[0], "height")
	taken := map[int]string{}
	for _, e := range all[1:] {
		switch {
		case e.is("picture"):
			return
		case e.name != "text":
			continue
		}
		x, y := number(e, "x"), number(e, "y")
		if end := x + len([]rune(e.text))*7; end > width {
			t.Errorf("%q ends at %d of %d", e.text, end, width)
		}
		if y > height-3 || y < 10 {
			t.Errorf("%q stands at %d of %d", e.text, y, height)
		}
		for near := y - 11; near <= y+11; near++ {
			if other, there := taken[near]; there {
				t.Errorf("%q and %q stand on each other", other, e.text)
			}
		}
		taken[y] = e.text
	}
}

// TestEveryScenario: the page of each is sound, and has every finding once.
func TestEveryScenario(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweep over all scenarios")
	}
	for _, s := range simulator.Scenarios() {
		j := scenario(t, s)
		all := harmless(t, scan(t, j))
		var shown []string
		drawn, titles := 0, map[string]bool{}
		for i, e := range all {
			if e.is("finding") {
				shown = append(shown, codeAndObject(all[i:]))
			}
			if e.is("picture") {
				drawn++
				if titles[all[i+1].text] {
					t.Errorf("%s: %q is drawn twice", s.Name, all[i+1].text)
				}
				titles[all[i+1].text] = true
			}
		}
		var want []string
		volumes := map[string]bool{}
		for _, f := range j.Report.Findings {
			want = append(want, f.Code+" "+f.Object)
			if f.VolumeID != "" {
				volumes[f.VolumeID] = true
			}
		}
		slices.Sort(shown)
		slices.Sort(want)
		if diff := cmp.Diff(want, shown); diff != "" {
			t.Errorf("%s: findings (-want +shown):\n%s", s.Name, diff)
		}
		if drawn < len(volumes) {
			t.Errorf("%s: %d pictures of %d volumes", s.Name, drawn, len(volumes))
		}
		for _, f := range j.Report.Findings {
			if _, err := diagnose.Explain(j.World, j.Policy, f.Object, ""); err == nil {
				explained(t, j, f.Object)
			}
		}
	}
}

// codeAndObject are what a card's two headings say.
func codeAndObject(card []element) string {
	code := slices.IndexFunc(card, func(e element) bool { return e.is("code") })
	object := slices.IndexFunc(card, func(e element) bool { return e.name == "h3" })
	if object == code { // what is about nothing
		return card[code].text + " "
	}
	return card[code].text + " " + card[object].text
}

// explained: the page of an object has the gates of every verdict.
func explained(t *testing.T, j report.Judged, object string) {
	t.Helper()
	page, e := explain(t, j, object)
	all := harmless(t, page)
	var want, shown []string
	add := func(gates []diagnose.GateResult) {
		for _, g := range gates {
			want = append(want, fmt.Sprint(g.Gate, " ", g.Result, " ", g.Why))
		}
	}
	gated := false
	for _, f := range e.Findings {
		add(f.Gates)
		gated = gated || len(f.Gates) > 0
		if !strings.Contains(page, f.Code) {
			t.Errorf("%s: %s is not there", object, f.Code)
		}
	}
	if !gated {
		add(e.Gates)
	}
	for i, el := range all {
		if el.is("gate") {
			var words []string
			for _, part := range all[i+1:] {
				if part.is("gate") {
					break
				}
				if part.name == "strong" || part.is("result") || part.is("why") {
					words = append(words, part.text)
				}
			}
			shown = append(shown, strings.Join(words[:3], " "))
		}
	}
	slices.Sort(want)
	slices.Sort(shown)
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("%s: gates (-want +shown):\n%s", object, diff)
	}
	text := all[0].text
	for _, s := range e.Statements {
		if !strings.Contains(text, s.Text) {
			t.Errorf("%s: %s's words are missing: %q", object, s.Kind, s.Text)
		}
	}
}

// TestHostileNames: whatever somebody calls a volume, a host or a mount, it
// stays text, and what would reorder or hide text is made visible.
func TestHostileNames(t *testing.T) {
	hostile := []string{
		`</title></svg></style><script>alert(1)</script>`,
		`"><img src=x onerror=alert(1)>`,
		`' onload='alert(1)`,
		`{{.Style}} --> ]]> <!-- `,
		"\u202egpj.exe\u2066 \x1b[2J\x00\x07\u2028 \xff\xfe",
		"javascript:alert(1)",
		strings.Repeat("很长的名字", 900),
		strings.Repeat("x", 5000),
		"",
		"   ",
		"a&b;&lt;c&#x41;",
	}
	for _, bad := range hostile {
		j := demoJudged(t)
		spoil(&j.World, bad)
		j.Version, j.Report = bad, diagnose.Judge(j.World, j.Policy)
		for i := range j.Report.Witnesses {
			j.Report.Witnesses[i].Reason, j.Report.Witnesses[i].Hint = bad, bad
		}
		page := scan(t, j)
		all := harmless(t, page)
		shown := 0
		for _, e := range all {
			if e.is("finding") {
				shown++
			}
		}
		if shown != len(j.Report.Findings) {
			t.Errorf("%.40q: %d findings of %d", bad, shown, len(j.Report.Findings))
		}
		if strings.Contains(bad, "\u202e") && !strings.Contains(page, `\u202egpj.exe\u2066`) {
			t.Errorf("%q is not shown as what it is", bad)
		}
		if strings.Contains(bad, "<script>") && !strings.Contains(all[0].text, "<script>alert(1)</script>") {
			t.Errorf("%q is not shown", bad)
		}
		for i := range 4 {
			if serial := string(j.World.Arrays[0].Volumes.Items[i].Serial); serial != "" {
				if e, err := diagnose.Explain(j.World, j.Policy, serial, ""); err == nil {
					var b strings.Builder
					if err := report.Explain(&b, j, e); err != nil {
						t.Fatal(err)
					}
					harmless(t, b.String())
				}
			}
		}
	}
}

// spoil gives everything that others may name a hostile name.
func spoil(w *evidence.World, bad string) {
	w.LXD.Version, w.LXD.Name = bad, bad
	for i := range w.LXD.Records.Items {
		r := &w.LXD.Records.Items[i]
		r.Name += bad
		r.Project += bad
	}
	for i := range w.Arrays {
		a := &w.Arrays[i]
		a.Name = bad
		for j := range a.Volumes.Items {
			a.Volumes.Items[j].Name += bad
		}
		for j := range a.Snapshots.Items {
			a.Snapshots.Items[j].Name += bad
		}
		for j := range a.Hosts.Items {
			a.Hosts.Items[j].Name += bad
		}
		for j := range a.Connections.Items {
			a.Connections.Items[j].Host += bad
		}
	}
	for i := range w.Hosts {
		h := &w.Hosts[i]
		h.Name += bad
		for j := range h.Uses.Items {
			h.Uses.Items[j].Where += bad
			h.Uses.Items[j].Process = bad
		}
		for j := range h.Maps.Items {
			h.Maps.Items[j].Name += bad
		}
		for j := range h.Disks.Items {
			h.Disks.Items[j].State = bad
		}
		for j := range h.Sessions.Items {
			h.Sessions.Items[j].Address = bad
		}
		for j := range h.Directories.Items {
			h.Directories.Items[j].Path += bad
		}
	}
}

// many is the demo's judgement with its first repairable finding n times.
func many(t *testing.T, n int) report.Judged {
	t.Helper()
	j := demoJudged(t)
	i := slices.IndexFunc(j.Report.Findings, func(f diagnose.Finding) bool { return f.Code == "leaked-volume" && f.Pool == "purepool" })
	model := j.Report.Findings[i]
	a := &j.World.Arrays[0]
	volume := a.Volumes.Items[slices.IndexFunc(a.Volumes.Items, func(v evidence.Volume) bool { return v.ID == model.VolumeID })]
	row := a.Connections.Items[slices.IndexFunc(a.Connections.Items, func(c evidence.Connection) bool { return c.VolumeID == model.VolumeID })]
	volumes, rows := slices.Clone(a.Volumes.Items), slices.Clone(a.Connections.Items)
	for k := range n {
		v, c, f := volume, row, model
		v.ID, v.Name = fmt.Sprintf("copy-%d", k), fmt.Sprintf("%s-%d", volume.Name, k)
		v.Serial = evidence.Serial(fmt.Sprintf("%s%08X", volume.Serial[:16], 0xf0000000+k))
		c.VolumeID, c.VolumeName = v.ID, v.Name
		f.VolumeID, f.Object, f.Serial = v.ID, v.Name, v.Serial
		volumes, rows, j.Report.Findings = append(volumes, v), append(rows, c), append(j.Report.Findings, f)
	}
	a.Volumes, a.Connections = evidence.Complete(volumes), evidence.Complete(rows)
	return j
}

// TestSizes: a page that is mailed stays small, and one of a disaster opens.
func TestSizes(t *testing.T) {
	for _, c := range []struct{ findings, most, pictures int }{
		{200, 1_500_000, 150},
		{5000, 4_000_000, 150},
	} {
		j := many(t, c.findings)
		page := scan(t, j)
		all := harmless(t, page)
		shown, drawn := 0, 0
		for _, e := range all {
			if e.is("finding") {
				shown++
			}
			if e.is("picture") {
				drawn++
			}
		}
		t.Logf("%d findings: %d bytes, %d pictures", shown, len(page), drawn)
		if len(page) > c.most || shown != len(j.Report.Findings) || drawn < c.pictures || drawn > 210 {
			t.Errorf("%d findings: %d bytes, %d shown, %d pictures", len(j.Report.Findings), len(page), shown, drawn)
		}
		if shown > 250 && !strings.Contains(all[0].text, "more, without pictures") {
			t.Error("it is not said what was left out")
		}
	}
}

// TestHead: what puts data at risk leads, and who was asked stands with it.
func TestHead(t *testing.T) {
	j := demoJudged(t)
	critical := len(diagnose.Grouped(j.Report.Findings)[0])
	page := scan(t, j)
	head := page[:strings.Index(page, "</header>")]
	for _, want := range []string{
		fmt.Sprintf("<h1>%d of %d findings put data at risk</h1>", critical, len(j.Report.Findings)),
		"<span>array</span> fa-sim", "<span>LXD</span> 6.9, 1 member", "<span>host</span> lxd01",
	} {
		if !strings.Contains(head, want) {
			t.Errorf("%s is missing: %s", want, head[strings.Index(head, "<main>"):])
		}
	}
	j.World.Hosts[0].Name, j.World.Hosts[0].Disks = "", j.World.Hosts[0].Disks.Doubt("cut short")
	j.Report = diagnose.Judge(j.World, j.Policy)
	page = scan(t, j)
	if !strings.Contains(page[:strings.Index(page, "</header>")], "(not complete)") {
		t.Error("a source that is not complete looks complete")
	}
}

// TestContents: each finding has a line that leads to it, and of very many each
// kind has one, so that the table stays a page.
func TestContents(t *testing.T) {
	for n, most := range map[int]int{0: 40, 5000: 40} {
		j := many(t, n)
		lines, links := 0, map[string]bool{}
		all := harmless(t, scan(t, j))
		at := slices.IndexFunc(all, func(e element) bool { return e.is("contents") })
		for _, e := range all[at:] {
			if e.name == "section" {
				break
			}
			if e.name == "td" && strings.HasPrefix(all[at+1].name, "table") && e.is("of") {
				lines++
			}
			if e.name == "a" {
				links[e.attributes["href"]] = true
			}
		}
		if lines > most || (n == 0 && lines != len(j.Report.Findings)) || len(links) < lines {
			t.Errorf("%d findings: %d lines, %d links", len(j.Report.Findings), lines, len(links))
		}
	}
}

// Ports are chosen anew for each world; the style is a file of its own.
var (
	port  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	style = regexp.MustCompile(`(?s)<style>.*</style>`)
)

// TestGolden shows every change of a page. Run it with -update when it is
// meant, and look at the page in a browser.
func TestGolden(t *testing.T) {
	find := func(name string) report.Judged {
		s, ok := simulator.Find(name)
		if !ok {
			t.Fatalf("there is no scenario %s", name)
		}
		return scenario(t, s)
	}
	leak := find("device-too-late-iscsi")
	i := slices.IndexFunc(leak.Report.Findings, func(f diagnose.Finding) bool { return f.Code == "leaked-volume" })
	page, _ := explain(t, leak, leak.Report.Findings[i].Object)
	for name, page := range map[string]string{
		"scan.html":    scan(t, find("lun-reused")),
		"healthy.html": scan(t, find(simulator.Scenarios()[0].Name)),
		"explain.html": page,
	} {
		page = style.ReplaceAllString(port.ReplaceAllString(page, "array.example"), "<style></style>")
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), page); diff != "" {
			t.Errorf("%s (-want +got), go test ./report -run Golden -update if it is meant:\n%s", name, diff)
		}
	}
}

// The same judgement gives the same bytes.
func TestSameTwice(t *testing.T) {
	j := demoJudged(t)
	first := scan(t, j)
	for range 3 {
		if again := scan(t, j); again != first {
			t.Fatal(cmp.Diff(first, again))
		}
	}
}

// What could not be seen is said before anything else.
func TestDoubts(t *testing.T) {
	j := demoJudged(t)
	j.World.LXD.Records = j.World.LXD.Records.Doubt("the answer was cut short")
	j.Report = diagnose.Judge(j.World, j.Policy)
	page := scan(t, j)
	alarm, findings := strings.Index(page, "Not everything could be seen."), strings.Index(page, `class="totals"`)
	if alarm < 0 || alarm > findings {
		t.Errorf("the warning stands at %d, the totals at %d", alarm, findings)
	}
	if !strings.Contains(page, "the answer was cut short") {
		t.Error("the reason is missing")
	}
	if strings.Contains(scan(t, demoJudged(t)), "Not everything could be seen.") {
		t.Error("a complete look is doubted")
	}
}
