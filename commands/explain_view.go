package commands

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// explainView is one object as a person reads it: what it is, what each
// witness says, why, and what may be done.
type explainView struct {
	*page
	verbose bool
	// brief is what it is, and what to type.
	brief bool
	e     diagnose.Explanation
	// next says what to type now.
	next bool
	// share shows how much of its pool one would be destroyed with.
	share bool
}

// labelWidth is the column in which the witnesses' names stand.
const labelWidth = 9

func (v explainView) print() {
	v.wrapped(clean(v.e.What), v.bold)
	if v.e.Healthy {
		v.field("verdict", v.good("healthy")+": LXD has a record of it, and nothing about it is out of place")
	}
	if !v.brief {
		v.body()
	}
	v.nextLine()
}

// body is what each witness says, why, and what may be done.
func (v explainView) body() {
	if len(v.e.Statements) > 0 {
		v.line("")
	}
	for _, s := range v.e.Statements {
		label := s.Kind
		switch {
		case s.Kind == "host" && s.Name != "":
			label = s.Name
		case s.Kind == "lxd":
			label = "LXD"
		}
		text := clean(s.Text)
		if !s.Known {
			text = v.warning("not known: ") + text
		}
		v.field(clean(label), text)
	}
	for i, f := range v.e.Findings {
		detail := f.Detail
		if i >= v.e.Itself && !strings.Contains(detail, f.Object) {
			detail = f.Object + ": " + detail // of the same record, and not what was shown
		}
		v.line("")
		v.field("finding", v.findingPaint(f)(f.Code)+"  "+clean(detail))
	}
	if len(v.e.Findings) > 0 || v.verbose {
		v.line("")
	}
	v.field("cause", clean(v.e.Cause))
	v.field("effect", clean(v.e.Effect))
	v.gates()
	v.field("remedy", clean(strings.Join(v.e.Remedy, "; ")))
}

// nextLine is the command to type now.
func (v explainView) nextLine() {
	fix, other := "", ""
	for _, f := range v.e.Findings {
		if f.Verdict == diagnose.Safe && f.Interrupted == "" {
			fix = cmp.Or(fix, f.FixCommand())
		}
	}
	for _, f := range v.e.Findings {
		if (f.Verdict != diagnose.Safe || f.Interrupted != "") && f.Next != fix {
			other = cmp.Or(other, f.Next)
		}
	}
	for _, command := range []string{fix, other} {
		if v.next && command != "" {
			v.line("\nnext:  " + clean(command))
		}
	}
}

func (v explainView) findingPaint(f diagnose.Finding) func(string) string {
	if f.Severity == diagnose.Critical {
		return v.critical
	}
	return v.warning
}

// field prints a label and its text, wrapped beside it; nothing without a text.
func (v explainView) field(label, text string) {
	indent := strings.Repeat(" ", 2+labelWidth)
	first := indent
	if n := len([]rune(label)); n < labelWidth {
		first = "  " + v.dim(label) + strings.Repeat(" ", labelWidth-n)
	} else {
		v.line("  " + v.dim(label))
	}
	v.hung(first, indent, text, plain)
}

func (v explainView) gates() {
	if len(v.e.Gates) == 0 || v.e.Itself == 0 && !v.verbose {
		return // nobody asked whether what is well may go
	}
	results := map[diagnose.Result]int{}
	for _, g := range v.e.Gates {
		results[g.Result]++
	}
	text := fmt.Sprintf("%d pass, %d fail, %d unknown", results[diagnose.Pass], results[diagnose.Fail], results[diagnose.Uncertain])
	if n := results[diagnose.Waived]; n > 0 {
		text += fmt.Sprintf(", %d waived", n)
	}
	if !v.verbose {
		text += "   (-v shows them all)"
	}
	paint := v.good
	if v.e.Verdict != diagnose.Safe {
		paint = v.warning
	}
	v.field("gates", paint(text))
	indent := strings.Repeat(" ", 2+labelWidth)
	beside := indent + strings.Repeat(" ", 9)
	for _, g := range v.e.Gates {
		if g.Result == diagnose.Pass && !v.verbose && !(v.share && g.Gate == "share") {
			continue
		}
		mark := map[diagnose.Result]string{
			diagnose.Pass: v.good("pass   "), diagnose.Fail: v.critical("fail   "),
			diagnose.Uncertain: v.warning("unknown"), diagnose.Waived: v.warning("waived "),
		}[g.Result]
		v.line(indent + mark + "  " + g.Gate)
		v.hung(beside, beside, clean(g.Why), v.dim)
	}
}

// explainAnswer is what "explain -o json" prints.
type explainAnswer struct {
	Schema     string            `json:"schema"`
	Time       time.Time         `json:"time"`
	Complete   bool              `json:"complete"`
	Doubts     []string          `json:"doubts"`
	Witnesses  []witnessAnswer   `json:"witnesses"`
	Object     string            `json:"object"`
	What       string            `json:"what"`
	Pool       string            `json:"pool"`
	VolumeID   string            `json:"volume_id"`
	Serial     string            `json:"serial"`
	WWID       string            `json:"wwid"`
	LXD        lxdAnswer         `json:"lxd"`
	Statements []statementAnswer `json:"statements"`
	Findings   []findingAnswer   `json:"findings"`
	Verdict    string            `json:"verdict"`
	Gates      []gateAnswer      `json:"gates"`
	Cause      string            `json:"cause"`
	Effect     string            `json:"effect"`
	Remedy     []string          `json:"remedy"`
}

type statementAnswer struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Known bool   `json:"known"`
	Text  string `json:"text"`
}

func explainAnswerOf(world evidence.World, report diagnose.Report, e diagnose.Explanation) explainAnswer {
	statements := each(e.Statements, func(s diagnose.Statement) statementAnswer { return statementAnswer{s.Kind, s.Name, s.Known, s.Text} })
	return explainAnswer{
		Schema: "pureclean/explain/v1", Time: lastWord(world).UTC(), Complete: report.Complete,
		Doubts: some(report.Doubts), Witnesses: witnessAnswers(report),
		Object: e.Object, What: e.What, Pool: e.Pool, VolumeID: e.VolumeID, Serial: string(e.Serial), WWID: e.WWID,
		LXD: lxdAnswer{e.LXD.Project, e.LXD.Type, e.LXD.Name}, Statements: statements,
		Findings: findingAnswers(e.Findings), Verdict: string(e.Verdict), Gates: gateAnswers(e.Gates),
		Cause: e.Cause, Effect: e.Effect, Remedy: some(e.Remedy),
	}
}
