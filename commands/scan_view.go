package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/words"
)

// scanView is the answer for people: what was asked, the findings grouped by
// what to do with them, what they cost, and the next command to type.
type scanView struct {
	*page
	verbose bool
	// brief is the end alone.
	brief  bool
	report diagnose.Report
	// shown are those of its findings that are listed, hidden says which are not.
	shown  []diagnose.Finding
	hidden string
	// named is set where pools were asked for: what is in none of them is told as that.
	named bool
	// codes is the column behind the findings' codes, in which details begin.
	codes int
	// interrupted is what the journal says of runs that were not finished.
	interrupted []journal.Summary
	// unread is why that is not known.
	unread error
}

func (v scanView) print() {
	for _, f := range v.report.Findings {
		v.codes = max(v.codes, len(f.Code)+2)
	}
	groups := diagnose.Grouped(v.report.Findings)
	if !v.brief {
		v.heads()
		for i, findings := range diagnose.Grouped(v.shown) {
			if len(findings) > 0 {
				v.group(strings.ToUpper(diagnose.Groups[i].Title), findings)
			}
		}
		v.line("")
		v.wrapped(clean(v.hidden), v.warning)
	}
	v.summary(groups)
	v.next(groups)
}

// heads says who was asked.
func (v scanView) heads() {
	const all, part = "all sources complete", "not everything could be seen"
	tail := all
	if !v.report.Complete {
		tail = part
	}
	for _, pool := range v.report.Pools {
		v.headed(clean(pool.Name), fmt.Sprintf(" on %s, %s · %s", clean(pool.Array), words.Transport(pool.Mode), volumesOf(pool)), v.bold)
	}
	var parts []string
	var slowest time.Duration
	for _, witness := range v.report.Witnesses {
		slowest = max(slowest, witness.Took)
		if witness.Kind == "lxd" {
			parts = append(parts, clean(witness.Title))
		}
	}
	parts = append(parts, tail, fmt.Sprintf("%.1f s", slowest.Seconds()))
	v.wrapped(strings.Join(parts, " · "), func(line string) string { return strings.Replace(line, part, v.warning(part), 1) })
	for _, witness := range v.report.Witnesses {
		if !witness.Complete {
			v.doubt(witness)
		}
	}
	for _, run := range v.interrupted {
		v.remark(interruptedWords(run))
	}
	if v.unread != nil {
		v.remark("Whether a repair was interrupted is not known: " + v.unread.Error())
	}
}

func (v scanView) remark(text string) {
	v.hung("! ", "  ", clean(text), v.warning)
}

// volumesOf is how many volumes a pool's pod has, as far as that was listed.
func volumesOf(pool diagnose.PoolSummary) string {
	switch n := count(pool.Volumes, "volume"); {
	case pool.Listed:
		return n
	case pool.Volumes == 0:
		return "volumes not listed"
	default:
		return "at least " + n
	}
}

func (v scanView) doubt(witness diagnose.Witness) {
	v.remark(witnessLine(witness))
	if witness.Hint != "" {
		v.hung("  ", "  ", "hint: "+clean(witness.Hint), plain)
	}
}

// numbersWidth is what the columns beside the object need, besideWidth the same
// without that of the hosts.
const (
	numbersWidth = 37
	besideWidth  = 26
)

// group prints one group: a table, and under each row why it is there. Rows
// stand below their pool where there is more than one.
func (v scanView) group(title string, findings []diagnose.Finding) {
	rows := v.rows(title, findings)
	lines, err := rows.lines()
	if err != nil {
		v.err = err
		return
	}
	v.line("")
	v.line(v.bold(lines[0]))
	shared := ""
	if !v.verbose {
		shared = sharedReason(findings)
		v.because(shared)
	}
	pool := ""
	for i, f := range findings {
		if (len(v.report.Pools) > 1 || v.named) && (i == 0 || f.Pool != pool) {
			pool = f.Pool
			where := "outside the pools:"
			if pool != "" {
				where = "in " + clean(pool) + ":"
			}
			v.line(v.dim(where))
		}
		v.row(f, strings.TrimRight(rows.rows[i][0], " "), lines[i+1])
		v.why(f, shared)
	}
}

// rows is the table of a group. Names are padded so that the columns of all
// groups stand below each other.
func (v scanView) rows(title string, findings []diagnose.Finding) table {
	width := v.nameWidth()
	t := table{header: []string{fmt.Sprintf("%-*s", width, title), "SIZE", "UNIQUE", "AGE", "CONNECTED"}, right: []bool{1: true, 2: true, 3: true}}
	for _, f := range findings {
		name := v.name(f)
		if len([]rune(clean(name))) > width {
			name = "" // it gets a line of its own, whole
		}
		t.rows = append(t.rows, []string{name, sizeOrDash(f, evidence.CountOf(f.Provisioned)), sizeOrDash(f, f.Unique), findingAge(f), shortened(connected(f), max(v.width-width-besideWidth, 11))})
	}
	return t
}

// nameWidth is that of the longest name that leaves room for the numbers.
func (v scanView) nameWidth() int {
	limit, width := max(v.width-numbersWidth, 24), 0
	for _, f := range v.report.Findings {
		if n := len([]rune(clean(v.name(f)))); n <= limit {
			width = max(width, n)
		}
	}
	return width
}

func (v scanView) row(f diagnose.Finding, name, line string) {
	paint := v.paint(f)
	if name != "" {
		name = clean(name)
		v.line(paint(name) + strings.TrimPrefix(line, name))
		return
	}
	v.line(paint(clean(v.name(f))))
	if strings.TrimSpace(line) != "" {
		v.line(line)
	}
}

// name is the object's, without its pool, which stands above it.
func (v scanView) name(f diagnose.Finding) string {
	if short, ok := strings.CutPrefix(f.Object, f.Pool+"::"); ok {
		return short
	}
	return f.Object
}

// why prints the finding's code, what is seen, and what keeps it from being
// repaired.
func (v scanView) why(f diagnose.Finding, shared string) {
	width, codes, label := v.width-2-v.codes, v.codes, f.Code
	if width < 24 { // then below its code
		v.line("  " + v.dim(f.Code))
		width, codes, label = max(v.width-4, 24), 2, ""
	}
	if f.Detail == "" && label != "" {
		v.line("  " + v.dim(label))
	}
	beside := "  " + v.dim(fmt.Sprintf("%-*s", codes, label))
	v.hung(beside, strings.Repeat(" ", 2+codes), shortPaths(clean(f.Detail), width), plain)
	if v.verbose {
		v.gates(f)
		return
	}
	// One reason is enough to know that it stays; explain has them all.
	if first := firstReason(f); first != shared {
		v.because(first)
	}
}

// gates says how many of a finding's gates pass, and each that does not.
func (v scanView) gates(f diagnose.Finding) {
	if len(f.Gates) == 0 {
		return
	}
	pass := words.HowMany(f.Gates, func(g diagnose.GateResult) bool { return g.Result == diagnose.Pass })
	v.because(fmt.Sprintf("%d of %d gates pass", pass, len(f.Gates)))
	for _, gate := range f.Gates {
		if gate.Result != diagnose.Pass {
			v.because(fmt.Sprintf("%s %s: %s", gate.Gate, gate.Result, gate.Why))
		}
	}
}

func (v scanView) because(reason string) {
	v.hung("  - ", "    ", shortPaths(clean(reason), v.width-4), v.dim)
}

// firstReason is the first of the gates that keep a finding from being repaired:
// of those that failed, or where none did of those that could not tell.
func firstReason(f diagnose.Finding) string {
	if all := f.Reasons(); len(all) > 0 {
		return all[0].Gate + ": " + all[0].Why
	}
	return ""
}

// sharedReason is the reason that all findings of a group have, so that it is
// said once.
func sharedReason(findings []diagnose.Finding) string {
	shared := firstReason(findings[0])
	if slices.ContainsFunc(findings, func(f diagnose.Finding) bool { return firstReason(f) != shared }) {
		return ""
	}
	return shared
}

func (v scanView) paint(f diagnose.Finding) func(string) string {
	switch {
	case f.Severity == diagnose.Critical:
		return v.critical
	case f.Severity == diagnose.Warning:
		return v.warning
	default:
		return plain
	}
}

func connected(f diagnose.Finding) string {
	if len(f.Connections) < 2 {
		return connectedTo(f)
	}
	if slices.ContainsFunc(f.Connections, func(name string) bool { return strings.Contains(name, " on ") }) {
		return count(len(f.Connections), "connection") // of a stretched pod: two may be of one host
	}
	return count(len(f.Connections), "host")
}

// nothingLeaked may be said of a complete look alone, as may nothingLeft.
const (
	nothingLeaked = "No volume is leaked."
	nothingLeft   = "Nothing is left behind."
)

// ofPools puts into a sentence of what pools it is, where not of all.
func (v scanView) ofPools(sentence string) string {
	return strings.TrimSuffix(sentence, ".") + v.report.In() + "."
}

// summary is the answer in one sentence: what there is, by what to do about it.
func (v scanView) summary(groups [][]diagnose.Finding) {
	s, text := v.report.Summary, ""
	switch {
	case s.LeakedVolumes > 0:
		text = words.Leaked(s.LeakedVolumes, s.LeakedBytes, words.KnownSize(s.LeakedUnique.N, s.LeakedUnique.Known), s.Oldest) + "."
	case s.Findings > 0 && v.report.Complete:
		text = v.ofPools(nothingLeaked)
	case s.Findings > 0:
		text = "That is not everything: see above."
	case v.report.Complete && v.unread == nil && len(v.interrupted) > 0:
		v.line(v.ofPools("Array, LXD and host agree.") + " A run is not at its end: pureclean runs.")
	case v.report.Complete && v.unread == nil:
		v.line(v.good(v.ofPools(nothingLeft)) + " Array, LXD and host agree.")
	default:
		v.line("Nothing was found in what could be seen. That is not everything: see above.")
	}
	if s.Findings == 0 {
		return
	}
	v.wrapped(text, plain)
	text = count(s.Findings, "finding")
	if !v.report.Complete {
		text += " in what could be seen"
	}
	var parts []string
	for i, findings := range groups {
		if n := len(findings); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, verb(n, diagnose.Groups[i].One, diagnose.Groups[i].Many)))
		}
	}
	for i, line := range wrap(text+": "+strings.Join(parts, ", ")+".", v.width) {
		if i == 0 && len(groups[0]) > 0 {
			line = v.critical(line)
		}
		v.line(line)
	}
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// next names the command to type: what was begun is finished first, then comes
// what puts data at risk, then what can be repaired.
func (v scanView) next(groups [][]diagnose.Finding) {
	all := slices.Concat(groups...)
	if len(v.interrupted) > 0 && v.interrupted[0].State != journal.Damaged {
		v.line("next:  pureclean runs --resume " + quoteShell(v.interrupted[0].ID) + v.interrupted[0].Said.ToResume())
		return
	}
	if len(all) == 0 {
		return
	}
	if i := slices.IndexFunc(all, func(f diagnose.Finding) bool { return f.Interrupted != "" }); i >= 0 {
		// What was begun comes first: the rest waits for it, or is in its way.
		v.line("next:  pureclean runs --resume " + quoteShell(all[i].Interrupted))
		return
	}
	first := all[0]
	if i := slices.IndexFunc(all, func(f diagnose.Finding) bool { return f.Verdict == diagnose.Safe && f.Pool != "" }); i >= 0 && len(groups[0]) == 0 {
		first = all[i]
	}
	v.line("next:  pureclean explain --object " + quoteShell(first.Object))
	if first.Verdict == diagnose.Safe {
		v.line("       " + clean(first.FixCommand()))
	}
}
