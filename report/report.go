// Package report turns a judgement into one page of HTML for a ticket or a
// hand-over: what was found, what to do with it, and of each volume a picture
// of the three witnesses. The page holds no script and loads nothing, reads in
// the light, in the dark, on a phone and on paper, and shows names that others
// chose as what they are.
//
// Everything goes through html/template, the words in the pictures too. Like
// diagnose it knows no clock, no network and no file: the same judgement gives
// the same bytes.
package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
)

//go:embed page.tmpl parts.tmpl style.css
var files embed.FS

// Judged is what a page is made of.
type Judged struct {
	World  evidence.World
	Policy diagnose.Policy
	Report diagnose.Report
	// Time is when the last witness had spoken, Version this program's.
	Time    time.Time
	Version string
	// Note stands above everything: what a reader must not overlook.
	Note string
	// Runs says which runs are not at their end, and Resume is the command that
	// goes on with the first of them: beside one nothing is called well.
	Runs   []string
	Resume string
}

// Scan writes the page of all findings.
func Scan(w io.Writer, j Judged) error {
	p := newPage(j)
	p.Title = "What LXD left behind"
	p.answer(j.Report)
	pictures := newPictures(j)
	grouped := diagnose.Grouped(j.Report.Findings)
	full := share(grouped)
	for i, findings := range grouped {
		if len(findings) == 0 {
			continue
		}
		g := group{Group: diagnose.Groups[i], N: len(findings), Shared: sharedReasons(findings)}
		for n, f := range findings {
			if n < full[i] {
				c := p.card(f, pictures)
				if g.Shared != nil {
					c.Reasons = nil // said once, above
				}
				g.Cards = append(g.Cards, c)
			} else {
				g.Rows = append(g.Rows, rowOf(f))
			}
		}
		p.Groups = append(p.Groups, g)
	}
	p.contents(grouped)
	if p.Next == "" {
		p.Next = next(slices.Concat(grouped...))
	}
	return p.write(w)
}

// Explain writes the page of one object.
func Explain(w io.Writer, j Judged, e diagnose.Explanation) error {
	p := newPage(j)
	p.Title = text(e.Object)
	p.Headline, p.Lead = text(e.Object), text(strings.TrimPrefix(strings.TrimPrefix(e.What, e.Object+" "), "is "))
	o := &object{Verdict: verdictOf(e), LXD: text(e.LXD.String()), Serial: text(string(e.Serial)), WWID: text(e.WWID)}
	for _, s := range e.Statements {
		o.Statements = append(o.Statements, statement{witnessName(s.Kind, s.Name), text(s.Text), s.Known})
	}
	pictures := newPictures(j)
	if portrait, ok := pictures.gallery.Explanation(e); ok {
		o.Picture = draw(portrait, "object")
	}
	gated := false
	for _, f := range e.Findings {
		c := p.card(f, nil)
		if c.Object == p.Headline {
			c.Object, c.LXD = "", "" // the heading says it
		}
		c.Reasons, c.Passed = nil, "" // this is the explanation, with all gates
		c.Gates = gatesOf(f.Gates)
		gated = gated || c.Gates != nil
		o.Cards = append(o.Cards, c)
	}
	if !gated {
		o.Gates = gatesOf(e.Gates)
	}
	if e.Verdict == diagnose.Safe && e.VolumeID != "" && p.Next == "" {
		p.Next = "pureclean fix --volume " + words.Shell(e.Object)
	}
	if j.Resume == "" && slices.ContainsFunc(e.Findings, func(f diagnose.Finding) bool { return f.Interrupted != "" }) {
		p.Next = next(e.Findings)
	}
	p.Object = o
	return p.write(w)
}

// mostCards is how many findings are shown in full, with a picture where there
// is one. What is beyond is listed, a line for each: a page of five thousand
// pictures opens in no browser. leastCards are kept for each group.
const mostCards, leastCards = 200, 10

// share says how many findings of each group are shown in full.
func share(groups [][]diagnose.Finding) []int {
	left := mostCards
	for _, findings := range groups {
		left -= min(len(findings), leastCards)
	}
	shares := make([]int, len(groups))
	for i, findings := range groups {
		shares[i] = min(len(findings), leastCards)
		more := min(len(findings)-shares[i], left)
		shares[i] += more
		left -= more
	}
	return shares
}

func (p *page) write(w io.Writer) error {
	style, err := files.ReadFile("style.css")
	if err != nil {
		return err
	}
	p.Style = template.CSS(style)
	t, err := template.New("page.tmpl").Funcs(template.FuncMap{"prose": prose, "whole": whole}).ParseFS(files, "*.tmpl")
	if err != nil {
		return fmt.Errorf("the report's template: %w", err)
	}
	return t.ExecuteTemplate(w, "page.tmpl", p)
}
