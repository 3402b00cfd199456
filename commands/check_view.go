package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/words"
)

// checkView is a check's answer for people.
type checkView struct {
	reading *metrics.Reading
	verdict metrics.Verdict
	// trouble is why the textfile could not be written.
	trouble error
	notes   []string
}

// maxDetails bounds what is printed below the line: monitoring systems cut
// off what is longer than some kilobytes.
const maxDetails = 40

func (v checkView) line() string {
	counted := func(n int, noun, what string) string {
		if n == 0 {
			return ""
		}
		return count(n, noun) + " " + what
	}
	first, last := v.doubt(), ""
	if v.verdict.Status == metrics.Critical {
		first, last = last, first
	}
	looked, runs := v.reading.Looked(), v.reading.Runs
	parts := []string{first}
	if looked {
		parts = append(parts, v.codes("critical", "finding", diagnose.Critical), v.leaked(), v.codes("other", "warning", diagnose.Warning))
	}
	if looked && runs.Trouble != "" {
		parts = append(parts, "whether a repair was interrupted is not known: "+runs.Trouble)
	}
	parts = append(parts, counted(runs.Interrupted, "interrupted run", "(pureclean runs)"), counted(runs.Damaged, "damaged run", "(pureclean runs)"),
		counted(len(runs.UnderWay), "run", "under way"), last)
	if v.trouble != nil && looked {
		parts = append(parts, v.trouble.Error())
	}
	return v.verdict.Line(strings.Join(slices.DeleteFunc(parts, func(text string) bool { return text == "" }), "; "))
}

// doubt is why not everything could be seen.
func (v checkView) doubt() string {
	switch {
	case !v.reading.Looked():
		return v.reading.Failure
	case !v.reading.Complete():
		e := incomplete(v.reading.Report)
		return hinted(e.Error(), e.Hint)
	default:
		return ""
	}
}

func (v checkView) leaked() string {
	n := v.verdict.Get("leaked")
	if !n.Known {
		return ""
	}
	if n.Value == 0 {
		return words.Leaked(0, 0, "", 0) + v.reading.Report.In()
	}
	oldest := time.Duration(v.verdict.Get("oldest").Value) * time.Second
	return words.Leaked(int(n.Value), int64(v.verdict.Get("bytes").Value), "", oldest)
}

// codes names the findings of a severity, those aside that are counted as
// leaked: "2 critical findings: mixed-map, disappeared-record (3)".
func (v checkView) codes(adjective, noun string, severity diagnose.Severity) string {
	counts, total := map[string]int{}, 0
	for _, f := range v.reading.Findings() {
		if f.Severity == severity {
			counts[f.Code]++
		}
	}
	var names []string
	for i := range diagnose.Kinds {
		k := &diagnose.Kinds[i]
		n := counts[k.Code]
		if k.Leaked || n == 0 {
			continue
		}
		total += n
		name := k.Code
		if n > 1 {
			name = fmt.Sprintf("%s (%d)", k.Code, n)
		}
		names = append(names, name)
	}
	if total == 0 {
		return ""
	}
	return count(total, adjective+" "+noun) + ": " + strings.Join(names, ", ")
}

// details are the lines below the first.
func (v checkView) details() []string {
	var lines []string
	if !v.reading.Complete() {
		for _, doubt := range v.reading.Report.Doubts {
			lines = append(lines, "could not tell: "+doubt)
		}
	}
	findings := v.reading.Findings()
	for i, f := range findings {
		if len(lines) >= maxDetails {
			lines = append(lines, fmt.Sprintf("and %s: pureclean scan", count(len(findings)-i, "more finding")))
			break
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s: %s", f.Severity, f.Code, f.Object, f.Detail))
	}
	lines = append(lines, v.reading.Runs.UnderWay...)
	for _, d := range v.reading.Runs.Undoable {
		lines = append(lines, fmt.Sprintf("run %s of %s can be undone until %s", d.Run, d.Object, until(d.Until)))
	}
	return words.Of(append(lines, v.notes...), metrics.Plain)
}
