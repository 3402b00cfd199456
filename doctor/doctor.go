// Package doctor says whether every witness can testify, which settings
// invite leaks and hangs, and how long devices take against LXD's patience.
// Like package diagnose it is made of pure functions: evidence, and what
// diagnose found in it, go in, advice comes out. It looks at nothing itself.
package doctor

import (
	"cmp"
	"slices"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
)

// Report is everything that doctor has to say.
type Report struct {
	// Complete is whether every witness can testify; Doubts says why not.
	Complete  bool
	Doubts    []string
	Witnesses []Witness
	// Advice is grouped by witness, in the order of Witnesses, the worst
	// first.
	Advice []Advice
	// Waits are of the hosts whose logs were read.
	Waits []Waits
}

// WithoutLogs are the machines that were asked, and whose logs were not read:
// one machine's waits say nothing of another's.
func (r Report) WithoutLogs() []string {
	var all []string
	for _, w := range r.Witnesses {
		if w.Kind == "host" && !slices.ContainsFunc(r.Waits, func(of Waits) bool { return of.Host == w.Name }) {
			all = append(all, w.Name)
		}
	}
	return all
}

// Witness is one of those who were asked, as scripts are told of it.
type Witness struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Testifies is whether all that it was asked could be answered; Reason and
	// Hint say why not, and what can be done.
	Testifies bool   `json:"testifies"`
	Reason    string `json:"reason"`
	Hint      string `json:"hint"`
	// Facts are what makes its word worth something, in short phrases.
	Facts []string `json:"facts"`
	// Title is what people are told of it for its name.
	Title string `json:"-"`
}

// Advice is one thing to change, and why, as scripts are told of it.
type Advice struct {
	// Check is the code of the check that found it; it never changes its
	// meaning.
	Check  string          `json:"check"`
	Weight settings.Weight `json:"severity"`
	// Kind and Witness say whose it is.
	Kind    string `json:"kind"`
	Witness string `json:"witness"`
	// Subject is what it is about, Observed what is seen of it now.
	Subject  string `json:"subject"`
	Observed string `json:"observed"`
	// Source is where that comes from, in words; File and Line where it is a
	// line of a file.
	Source string `json:"source"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Why    string `json:"why"`
	// Write are the exact lines to write, Into where they belong, Then the
	// commands to type after that.
	Write []string `json:"write"`
	Into  string   `json:"into"`
	Then  []string `json:"then"`
}

// Weighs reports advice that is more than a hint.
func (a Advice) Weighs() bool { return a.Weight != settings.Hint }

// Counts is how much of the advice weighs, and how much is hints.
func (r Report) Counts() (weighs, hints int) {
	for _, a := range r.Advice {
		if a.Weighs() {
			weighs++
		} else {
			hints++
		}
	}
	return weighs, hints
}

// patient is what the checks look at.
type patient struct {
	world  *evidence.World
	found  []diagnose.Finding
	judged []diagnose.Witness
}

// Examine runs every check. report is what diagnose says of the same world.
func Examine(world evidence.World, report diagnose.Report) Report {
	p := &patient{&world, report.Findings, report.Witnesses}
	r := Report{Complete: report.Complete, Doubts: report.Doubts, Witnesses: p.witnesses()}
	for h := range evidence.Refs(world.Hosts) {
		if h.Log != nil {
			r.Waits = append(r.Waits, p.waits(h))
		}
	}
	r.Advice = []Advice{}
	for check := range evidence.Refs(Checks) {
		check.find(p, func(a Advice) {
			a.Check, a.Kind = cmp.Or(a.Check, check.Code), cmp.Or(a.Kind, check.Kind)
			a.Weight = cmp.Or(a.Weight, check.Weight)
			a.Why = cmp.Or(a.Why, check.Why)
			a.Write, a.Then = append([]string{}, a.Write...), append([]string{}, a.Then...) // null is no list
			r.Advice = append(r.Advice, a)
		})
	}
	order := map[string]int{}
	for i, w := range r.Witnesses {
		order[w.Kind+" "+w.Name] = i
	}
	slices.SortStableFunc(r.Advice, func(a, b Advice) int {
		return cmp.Or(
			cmp.Compare(order[a.Kind+" "+a.Witness], order[b.Kind+" "+b.Witness]),
			cmp.Compare(rank(a.Weight), rank(b.Weight)),
		)
	})
	return r
}

func rank(w settings.Weight) int {
	return slices.Index([]settings.Weight{settings.Critical, settings.Warning, settings.Hint}, w)
}
