package diagnose

import "slices"

// Group is what a person does with the findings in it.
type Group struct {
	// Name is a word for it, Title a heading, Words what it means.
	Name  string
	Title string
	Words string
	// One and Many go on with a number of findings in a sentence.
	One, Many string
	takes     func(Finding) bool
}

// Groups are all groups in the order of reading; a finding is in the first
// that takes it. I/O that waits is never called safe to end: its gates pass,
// and what was to be written is lost for good.
var Groups = []Group{
	{
		"first", "Look at this first", "Data is at risk. Nothing here is touched by pureclean.",
		"puts data at risk", "put data at risk",
		func(f Finding) bool { return f.Severity == Critical },
	},
	{
		"safe", "Safe to repair", "Every gate passed on this evidence. Each is asked again before every step.",
		"safe to repair", "safe to repair",
		func(f Finding) bool { return f.Verdict == Safe && f.Code != codeWaiting },
	},
	{
		"unknown", "Could not tell if it is safe", "No gate failed, and not all could be answered. Unknown is never safe.",
		"that could not be judged", "that could not be judged",
		func(f Finding) bool { return f.Verdict == Blocked && !f.failed() },
	},
	{
		"blocked", "Not safe to repair now", "At least one gate failed.",
		"not safe to repair now", "not safe to repair now",
		func(f Finding) bool { return f.Verdict == Blocked },
	},
	{
		"decide", "For you to decide", "pureclean reports these and changes nothing by itself.",
		"for you to decide", "for you to decide",
		func(f Finding) bool { return f.Severity == Warning },
	},
	{
		"know", "Good to know", "Nothing has to be done.",
		"good to know", "good to know",
		func(Finding) bool { return true },
	},
}

// Grouped sorts findings into Groups: one list for each, in their order.
func Grouped(findings []Finding) [][]Finding {
	groups := make([][]Finding, len(Groups))
	for _, f := range findings {
		i := slices.IndexFunc(Groups, func(g Group) bool { return g.takes(f) })
		groups[i] = append(groups[i], f)
	}
	return groups
}

func (f Finding) failed() bool {
	return slices.ContainsFunc(f.Gates, func(g GateResult) bool { return g.Result == Fail })
}

// Reasons are the gates that keep a finding from being repaired: those that
// failed, or where none did those that could not tell.
func (f Finding) Reasons() []GateResult {
	if f.Verdict != Blocked {
		return nil
	}
	decisive := Uncertain
	if f.failed() {
		decisive = Fail
	}
	return those(f.Gates, func(gate GateResult) bool { return gate.Result == decisive })
}

// Blocker is the reason that is to be dealt with first: a later batch passes
// seen-before by itself, so that is named only where nothing else is in the way.
func (f Finding) Blocker() (GateResult, bool) {
	all := append(f.Reasons(), those(f.Gates, GateResult.blocks)...)
	if f.Verdict != Blocked || len(all) == 0 {
		return GateResult{}, false
	}
	i := slices.IndexFunc(all, func(g GateResult) bool { return g.Gate != seenBeforeGate })
	return all[max(i, 0)], true
}
