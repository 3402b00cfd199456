package commands

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/doctor"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
	"github.com/pureclean/pureclean/words"
)

// doctorView is the answer for people: who can testify, what to change and
// why, grouped by witness and the worst first, how long devices took, and the
// next command to type.
type doctorView struct {
	*page
	verbose bool
	report  doctor.Report
}

func (v doctorView) print() {
	for _, witness := range v.report.Witnesses {
		v.witness(witness)
	}
	for _, group := range together(v.report.Advice) {
		v.line("")
		v.wrapped("FOR "+strings.ToUpper(group.kind)+" "+strings.Join(group.witnesses, ", "), v.bold)
		for _, a := range group.advice {
			v.advice(a)
		}
	}
	for _, waits := range v.report.Waits {
		v.waits(waits)
	}
	if others := v.report.WithoutLogs(); len(others) > 0 {
		v.line("")
		v.wrapped(clean("No logs were read of "+strings.Join(others, ", ")+", and no portal is tried from there: run pureclean doctor on each."), plain)
	}
	v.summary()
}

// advised is what is to be changed at the same witnesses.
type advised struct {
	kind      string
	witnesses []string
	advice    []doctor.Advice
}

// together says once what is advised for several witnesses in the same words.
func together(all []doctor.Advice) []advised {
	var groups []advised
	for i, a := range all {
		same := func(b doctor.Advice) bool {
			b.Witness = a.Witness
			return reflect.DeepEqual(a, b)
		}
		if a.Check == "cannot-testify" || slices.ContainsFunc(all[:i], same) {
			continue // said above, with its hint, or with the first of them
		}
		var witnesses []string
		for _, b := range all[i:] {
			if same(b) && !slices.Contains(witnesses, b.Witness) {
				witnesses = append(witnesses, b.Witness)
			}
		}
		at := slices.IndexFunc(groups, func(g advised) bool { return g.kind == a.Kind && slices.Equal(g.witnesses, witnesses) })
		if at < 0 {
			at, groups = len(groups), append(groups, advised{kind: a.Kind, witnesses: witnesses})
		}
		groups[at].advice = append(groups[at].advice, a)
	}
	return groups
}

// witness is two lines or so: the name and the verdict, and the facts.
func (v doctorView) witness(w doctor.Witness) {
	verdict := v.good("answered everything")
	if !w.Testifies {
		verdict = v.warning("did not answer everything")
	}
	v.line(fmt.Sprintf("%s · %s", v.bold(clean(w.Title)), verdict))
	v.indented(strings.Join(w.Facts, " · "), v.dim)
	if w.Testifies {
		return
	}
	v.hung("! ", "  ", clean(w.Reason), v.warning)
	if w.Hint != "" {
		v.indented("hint: "+w.Hint, plain)
	}
}

// adviceColumn is the column in which an advice's details begin.
const adviceColumn = 10

func (v doctorView) advice(a doctor.Advice) {
	paint := map[settings.Weight]func(string) string{settings.Critical: v.critical, settings.Warning: v.warning}[a.Weight]
	mark := "! "
	if paint == nil {
		paint, mark = v.bold, "- "
	}
	v.hung(mark, "  ", clean(a.Observed), paint)
	if v.verbose {
		v.labelled("check", a.Check+" ("+string(a.Weight)+")")
	}
	v.labelled("from", a.Source)
	v.labelled("why", a.Why)
	into, then := "in", "then"
	if len(a.Write) == 0 {
		into = "do"
	}
	if len(a.Write) == 0 && a.Into == "" {
		then = "do"
	}
	v.exactly("write", a.Write)
	v.labelled(into, a.Into)
	v.exactly(then, a.Then)
}

// exactly prints lines as they are to be written or typed: they are never wrapped.
func (v doctorView) exactly(label string, lines []string) {
	for _, line := range lines {
		v.line(strings.TrimRight(fmt.Sprintf("  %-*s%s", adviceColumn-2, label, tabbed(line)), " "))
		label = ""
	}
}

// tabbed shows a line's own indentation as blanks.
func tabbed(line string) string {
	rest := strings.TrimLeft(line, "\t")
	return strings.Repeat("    ", len(line)-len(rest)) + clean(rest)
}

func (v doctorView) labelled(label, text string) {
	v.hung("  "+v.dim(fmt.Sprintf("%-*s", adviceColumn-2, label)), strings.Repeat(" ", adviceColumn), clean(text), plain)
}

func (v doctorView) indented(text string, paint func(string) string) {
	v.hung("  ", "  ", clean(text), paint)
}

// barWidth is the longest bar of a histogram.
const barWidth = 30

func (v doctorView) waits(w doctor.Waits) {
	v.line("")
	v.line(v.bold(clean("DEVICE WAITS ON " + w.Host)))
	if w.Nothing != "" {
		v.indented("Nothing to measure: "+w.Nothing+".", plain)
	} else {
		late := "none of them later than LXD waits"
		if w.Late > 0 {
			late = v.warning(fmt.Sprintf("%d of them later than LXD waits", w.Late))
		}
		v.indented(fmt.Sprintf("%s, by %s. LXD gives up after %s.", count(w.Devices, "device"), strings.Join(w.Logs, ", "), doctor.Seconds(doctor.Patience)), plain)
		v.indented(fmt.Sprintf("Half were there within %s, 90 %% within %s, the slowest after %s; ", doctor.Seconds(w.Median), doctor.Seconds(w.P90), doctor.Seconds(w.Slowest))+late+".", plain)
		v.histogram(w.Histogram)
	}
	for _, h := range w.Heard {
		v.indented(heardWords[h.Kind]+": "+words.Times(h.N)+h.When(), plain)
	}
	for _, b := range w.Became {
		came := ""
		if delay := b.Late.Delay(); delay != "" {
			came = ", the device came " + delay + " later"
		}
		v.indented(fmt.Sprintf("%s: LXD gave up at %s%s (%s)", b.Object, b.Late.GaveUp.UTC().Format("2006-01-02 15:04:05"), came, b.Code), plain)
	}
	if len(w.Causes) > 0 {
		v.line("  What fits:")
	}
	for _, cause := range w.Causes {
		v.hung("  - ", "    ", clean(cause.What+" ("+cause.Seen+")"), plain)
	}
}

var heardWords = map[evidence.ComplaintKind]string{
	evidence.ComplaintNoDevice: "LXD waited for a device in vain",
	evidence.ComplaintNoMap:    "LXD got no multipath map",
	evidence.ComplaintPortal:   "a connection to a portal failed",
	evidence.ComplaintBusy:     "LXD could not remove a device",
	evidence.ComplaintUdev:     "udev was held up by a device",
	evidence.ComplaintHung:     "a process hung, by the kernel's word",
}

func (v doctorView) histogram(bars []doctor.Bar) {
	most := 1
	for _, bar := range bars {
		most = max(most, bar.N)
	}
	longest := min(barWidth, max(v.width-24, 5))
	from := time.Duration(0)
	for _, bar := range bars {
		label := fmt.Sprintf("%d-%d s", int(from.Seconds()), int(bar.UpTo.Seconds()))
		paint := plain
		if bar.UpTo == 0 {
			label, paint = fmt.Sprintf("over %d s", int(from.Seconds())), v.critical
		}
		length := (bar.N*longest + most - 1) / most
		number := ""
		if bar.N > 0 {
			number = fmt.Sprint(" ", bar.N)
		}
		v.line(strings.TrimRight(fmt.Sprintf("  %10s  %s%s", label, paint(strings.Repeat("#", length)), number), " "))
		from = bar.UpTo
	}
}

func (v doctorView) summary() {
	v.line("")
	weighs, hints := v.report.Counts()
	silent := words.HowMany(v.report.Advice, func(a doctor.Advice) bool { return a.Check == "cannot-testify" })
	weighs -= silent
	text := ""
	switch {
	case weighs == 0 && silent > 0:
		text = "Nothing is wrong in what could be seen."
	case weighs == 0 && hints == 0:
		text = v.good("Nothing to change.")
	case weighs == 0:
		text = v.good("Nothing is wrong.") + " " + count(hints, "hint") + "."
	case hints == 0:
		text = fmt.Sprintf("%s to change.", count(weighs, "thing"))
	default:
		text = fmt.Sprintf("%s to change, %s.", count(weighs, "thing"), count(hints, "hint"))
	}
	if silent > 0 {
		text += " " + v.warning("Not everything could be seen: see above.")
	}
	v.line(text)
	v.line("next:  " + clean(v.next()))
}

// next is the first command of ours that the advice names.
func (v doctorView) next() string {
	for _, a := range v.report.Advice {
		for _, command := range a.Then {
			if a.Weighs() && strings.HasPrefix(command, "pureclean ") {
				return command
			}
		}
	}
	return "pureclean scan"
}
