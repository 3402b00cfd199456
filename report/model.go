package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/words"
)

// page is what the template sees. All text in it has been made visible; the
// template escapes it.
type page struct {
	Title, Headline, Lead string
	// Doubts is set when a witness could not tell everything.
	Doubts bool
	// Runs are those that are not at their end.
	Runs []string
	// Next is the command to type.
	Next string
	// About is who was asked, in a line.
	About     []about
	Contents  []chapter
	Witnesses []witness
	Pools     []pool
	Groups    []group
	Object    *object
	Time      string
	Version   string
	Note      string
	Style     template.CSS
	// cards counts them, for their ids.
	cards int
}

type witness struct {
	Name, Reason, Hint, Cost string
	Complete                 bool
}

// about is one kind of source and the names of those that were asked.
type about struct{ Kind, Names string }

// chapter is a group in the table of contents.
type chapter struct {
	diagnose.Group
	N       int
	Entries []entry
}

// entry leads to a finding, or to the first of so many of a kind.
type entry struct {
	To, Code, Object, LXD, Size, Age string
	N                                int
}

type pool struct {
	Name, Array, Transport, Used string
	Volumes, Records, Leaked     string
}

type group struct {
	diagnose.Group
	N int
	// Shared are the reasons that keep each of them from being repaired.
	Shared []gate
	Cards  []card
	Rows   []row
}

// object is what an explanation is about.
type object struct {
	Verdict           verdict
	LXD, Serial, WWID string
	Statements        []statement
	Picture           *picture
	Cards             []card
	Gates             *gates
}

type statement struct {
	Witness, Text string
	Known         bool
}

// verdict is a phrase and the class that colours it.
type verdict struct{ Class, Words string }

// card is one finding in full.
type card struct {
	ID, Code, Severity, Object, LXD string
	// Doc is the finding's page.
	Doc                   string
	Facts                 []fact
	Detail, Effect, Cause string
	Reasons               []gate
	Passed                string
	Remedy                []string
	Picture               *picture
	// Same is the card that has the picture of the same volume.
	Same  string
	Gates *gates
}

type fact struct{ Name, Value string }

// row is one finding in one line, where there are too many.
type row struct{ Code, Object, Size, Age, Detail string }

type gates struct {
	Count string
	All   []gate
}

type gate struct{ Result, Class, Gate, Why string }

func newPage(j Judged) *page {
	p := &page{Doubts: !j.Report.Complete, Version: text(j.Version), Note: text(j.Note), Next: j.Resume, Runs: words.Of(j.Runs, text)}
	if !j.Time.IsZero() {
		p.Time = j.Time.UTC().Format("2006-01-02 15:04 UTC")
	}
	for _, w := range j.Report.Witnesses {
		cost := fmt.Sprintf("%.1f s", w.Took.Seconds())
		if w.Requests > 0 {
			cost += ", " + words.Count(w.Requests, "request")
		}
		if w.Recorded {
			cost = "a recording"
		}
		name := cmp.Or(text(w.Title), witnessName(w.Kind, w.Name))
		p.Witnesses = append(p.Witnesses, witness{name, text(w.Reason), text(w.Hint), cost, w.Complete})
	}
	p.About = aboutOf(j.Report.Witnesses)
	for _, s := range j.Report.Pools {
		used := words.KnownSize(s.Used.N, s.Used.Known)
		if s.Quota.N > 0 {
			used += " of " + words.Size(s.Quota.N)
		}
		p.Pools = append(p.Pools, pool{text(s.Name), text(s.Array), words.Transport(s.Mode), used, atLeast(s.Volumes, s.Listed), atLeast(s.Records, s.Recorded), atLeast(s.Leaked, s.Counted)})
	}
	return p
}

// atLeast is a number, which may be too small unless all was counted.
func atLeast(n int, all bool) string {
	switch {
	case all:
		return strconv.Itoa(n)
	case n == 0:
		return "?"
	}
	return "at least " + strconv.Itoa(n)
}

// answer is what is read first: the same that scan says at its end.
func (p *page) answer(r diagnose.Report) {
	s := r.Summary
	leaked := words.Leaked(s.LeakedVolumes, s.LeakedBytes, "", 0)
	first := diagnose.Groups[0]
	risks := len(diagnose.Grouped(r.Findings)[0])
	switch {
	case risks == 1:
		p.Headline = "1 of " + words.Count(s.Findings, "finding") + " " + first.One
	case risks > 0:
		p.Headline = fmt.Sprintf("%d of %s %s", risks, words.Count(s.Findings, "finding"), first.Many)
	case s.LeakedVolumes > 0:
		p.Headline = leaked
	case s.Findings > 0 && s.Counted:
		p.Headline = words.Count(s.Findings, "finding") + ", no leaked volume"
	case s.Findings > 0:
		p.Headline = words.Count(s.Findings, "finding") + " in what could be seen"
	case r.Complete && len(p.Runs) > 0:
		p.Headline, p.Lead = "No finding, and a run that is not at its end", "Array, LXD and host agree"+r.In()+"."
	case r.Complete:
		p.Headline, p.Lead = "Nothing is left behind"+r.In(), "Array, LXD and host agree."
	default:
		p.Headline = "Nothing was found in what could be seen"
	}
	if s.LeakedVolumes > 0 {
		unique := words.KnownSize(s.LeakedUnique.N, s.LeakedUnique.Known) + " of it not shared with other volumes"
		if risks > 0 {
			p.Lead = leaked + ", " + unique + "."
		} else {
			p.Lead = unique + "."
		}
		if s.Oldest > 0 {
			p.Lead += " The oldest has been there for " + words.Span(s.Oldest) + "."
		}
	}
}

func (p *page) card(f diagnose.Finding, pictures *pictures) card {
	p.cards++
	c := card{
		ID: fmt.Sprintf("f%d", p.cards), Code: f.Code, Severity: string(f.Severity), Object: text(f.Object), LXD: text(f.LXD.String()),
		Detail: text(f.Detail), Effect: text(f.Effect), Cause: text(f.Cause), Facts: factsOf(f),
		Remedy: words.Of(f.Remedy, text), Reasons: words.Of(f.Reasons(), gateOf),
	}
	if slices.ContainsFunc(diagnose.Kinds, func(k diagnose.Kind) bool { return k.Code == f.Code }) {
		c.Doc = docs + f.Code + ".md"
	}
	if len(f.Gates) > 0 {
		c.Passed = countGates(f.Gates)
	}
	if pictures != nil {
		c.Picture, c.Same = pictures.of(f, c.ID)
	}
	return c
}

// sharedReasons are the reasons of all findings of a group, where they are the
// same: one cause often stands in the way of everything.
func sharedReasons(findings []diagnose.Finding) []gate {
	first := findings[0].Reasons()
	other := func(f diagnose.Finding) bool { return !slices.Equal(f.Reasons(), first) }
	if len(findings) == 1 || slices.ContainsFunc(findings[1:], other) {
		return nil
	}
	return words.Of(first, gateOf)
}

// docs is where the findings' pages are on the web. The page links there and
// loads nothing of it.
const docs = "https://github.com/pureclean/pureclean/blob/main/docs/findings/"

// next is the command that scan ends with: to finish what was begun, else about
// what puts data at risk, else about what can be repaired.
func next(findings []diagnose.Finding) string {
	if len(findings) == 0 {
		return ""
	}
	if i := slices.IndexFunc(findings, func(f diagnose.Finding) bool { return f.Interrupted != "" }); i >= 0 {
		return "pureclean runs --resume " + words.Shell(findings[i].Interrupted)
	}
	first := findings[0]
	if i := slices.IndexFunc(findings, func(f diagnose.Finding) bool { return f.Verdict == diagnose.Safe && f.Pool != "" }); i >= 0 && first.Severity != diagnose.Critical {
		first = findings[i]
	}
	return "pureclean explain --object " + words.Shell(first.Object)
}

// factsOf are the finding's numbers and names.
func factsOf(f diagnose.Finding) []fact {
	var facts []fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, text(value)})
		}
	}
	if f.VolumeID != "" {
		add("size", words.Size(f.Provisioned))
		add("unique", words.KnownSize(f.Unique.N, f.Unique.Known))
	}
	if f.Age > 0 {
		add("age", words.Age(f.Age))
	}
	if f.Volume != f.Object {
		add("volume", f.Volume)
	}
	add("pool", f.Pool)
	if f.Host != f.Object {
		add("host", f.Host)
	}
	return facts
}

// aboutOf names who was asked, array first, for the head of the page.
func aboutOf(all []diagnose.Witness) []about {
	var asked []about
	for _, kind := range []string{"array", "lxd", "host"} {
		shown := strings.Replace(kind, "lxd", "LXD", 1)
		var names []string
		for _, w := range all {
			if w.Kind != kind {
				continue
			}
			name := text(strings.TrimPrefix(w.Title, shown+" "))
			if !w.Complete {
				name += " (not complete)"
			}
			names = append(names, name)
		}
		if len(names) > 0 {
			asked = append(asked, about{shown, some(names)})
		}
	}
	return asked
}

// mostEntries is how many findings the table of contents lists by themselves;
// of more it has a line for each kind, so that it stays one page.
const mostEntries = 40

// contents lists the findings of the groups by the cards and rows that have them.
func (p *page) contents(grouped [][]diagnose.Finding) {
	each := 0
	for _, findings := range grouped {
		each += len(findings)
	}
	for i, findings := range grouped {
		if len(findings) == 0 || each < 2 {
			continue
		}
		c := chapter{Group: diagnose.Groups[i], N: len(findings)}
		at := map[string]int{}
		for n, f := range findings {
			e := entry{To: c.Name, Code: f.Code, Object: text(f.Object), LXD: text(f.LXD.String()), N: 1}
			if g := p.groupOf(c.Name); n < len(g.Cards) {
				e.To = g.Cards[n].ID
			}
			r := rowOf(f)
			e.Size, e.Age = r.Size, r.Age
			if each <= mostEntries {
				c.Entries = append(c.Entries, e)
				continue
			}
			if k, ok := at[f.Code]; ok {
				c.Entries[k].N++
				continue
			}
			at[f.Code] = len(c.Entries)
			c.Entries = append(c.Entries, e)
		}
		p.Contents = append(p.Contents, c)
	}
	for i := range p.Contents {
		for k := range p.Contents[i].Entries {
			if e := &p.Contents[i].Entries[k]; e.N > 1 {
				e.Object, e.LXD, e.Size, e.Age = fmt.Sprintf("%d of them", e.N), "", "", ""
			}
		}
	}
}

func (p *page) groupOf(name string) group {
	return p.Groups[slices.IndexFunc(p.Groups, func(g group) bool { return g.Name == name })]
}

func rowOf(f diagnose.Finding) row {
	r := row{Code: f.Code, Object: text(f.Object), Detail: text(f.Detail)}
	if f.VolumeID != "" {
		r.Size = words.Size(f.Provisioned)
	}
	if f.Age > 0 {
		r.Age = words.Age(f.Age)
	}
	return r
}

// classes are the page's words for how a gate's answer looks.
var classes = map[diagnose.Result]string{
	diagnose.Pass: "yes", diagnose.Fail: "no", diagnose.Uncertain: "unknown", diagnose.Waived: "unknown",
}

func gateOf(g diagnose.GateResult) gate {
	return gate{string(g.Result), classes[g.Result], text(g.Gate), text(g.Why)}
}

// gatesOf lists all gates, those that stand in the way first.
func gatesOf(results []diagnose.GateResult) *gates {
	if len(results) == 0 {
		return nil
	}
	rank := map[diagnose.Result]int{diagnose.Fail: 0, diagnose.Uncertain: 1, diagnose.Waived: 2, diagnose.Pass: 3}
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b diagnose.GateResult) int { return rank[a.Result] - rank[b.Result] })
	return &gates{countGates(results), words.Of(sorted, gateOf)}
}

// countGates is "20 pass, 1 fail, 1 unknown".
func countGates(results []diagnose.GateResult) string {
	var parts []string
	for _, result := range []diagnose.Result{diagnose.Pass, diagnose.Fail, diagnose.Uncertain, diagnose.Waived} {
		if n := words.HowMany(results, func(g diagnose.GateResult) bool { return g.Result == result }); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, result))
		}
	}
	return strings.Join(parts, ", ")
}

func verdictOf(e diagnose.Explanation) verdict {
	switch {
	case e.Verdict == diagnose.Safe:
		return verdict{"yes", "Safe to repair: all " + words.Count(len(e.Gates), "gate") + " passed on this evidence."}
	case e.Verdict == diagnose.Blocked:
		return verdict{"unknown", "Not to be touched now: " + countGates(e.Gates) + "."}
	case len(e.Findings) > 0 && e.Findings[0].Severity == diagnose.Critical:
		return verdict{"no", "Look at this first: data is at risk. pureclean changes nothing here."}
	case len(e.Findings) > 0:
		return verdict{"unknown", "For you to decide: pureclean changes nothing here."}
	default:
		return verdict{"yes", "There is no finding about it."}
	}
}

func witnessName(kind, name string) string {
	if kind == "lxd" {
		kind = "LXD"
	}
	return text(strings.TrimSpace(kind + " " + name))
}

// longest is how much of one text is shown; names and reasons of others may
// have any length.
const longest = 2000

// text makes what others wrote visible, and not endless.
func text(s string) string {
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return words.Visible(s)
}
