package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
)

// Patience is how long LXD waits for a device.
const Patience = diagnose.Patience

// Waits is how long devices took to appear on one host.
type Waits struct {
	Host string
	// Logs are what was read. Nothing says why there is nothing to measure;
	// empty when there is.
	Logs    []string
	Nothing string
	// Devices is how many were measured, Late how many took longer than LXD
	// waits.
	Devices, Late int
	// Median, P90 and Slowest are until the device could be used: its
	// multipath map where a log tells of that, the disk elsewhere. DiskMedian
	// is the part until the disk.
	Median, P90, Slowest, DiskMedian time.Duration
	Histogram                        []Bar
	Heard                            []Heard
	// Became are the volumes on whose device LXD gave up, and what became of
	// them.
	Became []Became
	// Causes are which of the known causes fit what is seen; none where
	// nothing was late.
	Causes []Cause
}

// Bar is one bar of the histogram: waits of at most UpTo; 0 is the last, which
// is what came too late.
type Bar struct {
	UpTo time.Duration
	N    int
}

// Became is a volume on whose device LXD gave up, and the finding about it.
type Became struct {
	Code, Object string
	Late         *diagnose.Late
}

// Heard sums up what the logs complain about.
type Heard struct {
	Kind evidence.ComplaintKind
	N    int
	Last time.Time
	// Text is the last of them, and File and Line where it stands.
	Text string
	File string
	Line int
}

// When says when the last was heard; it is empty where the log knows no date.
func (h Heard) When() string {
	if h.Last.Year() <= 1971 {
		return ""
	}
	return ", last " + h.Last.UTC().Format("2006-01-02 15:04")
}

// Cause is one known reason for late devices, and what here speaks for it.
type Cause struct {
	Code string `json:"code"`
	What string `json:"what"`
	Seen string `json:"seen"`
}

var bars = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, Patience}

func (p *patient) waits(h *evidence.Host) Waits {
	w := Waits{Host: h.Name, Logs: h.Log.Read, Heard: heard(h.Log.Complaints.Items)}
	var all, disks []time.Duration
	for _, a := range h.Log.Arrivals.Items {
		if wait, ok := waited(a); ok {
			all = append(all, wait)
		}
		if a.DiskMS.Known && a.Source != "/run/udev/data" {
			disks = append(disks, time.Duration(a.DiskMS.N)*time.Millisecond)
		}
	}
	for _, f := range p.found {
		if f.Late != nil && f.Late.Host == h.Name {
			w.Became = append(w.Became, Became{f.Code, f.Object, f.Late})
		}
	}
	w.Devices = len(all)
	if len(all) == 0 {
		w.Nothing = nothingToMeasure(h)
	} else {
		slices.Sort(all)
		slices.Sort(disks)
		w.Median, w.P90, w.Slowest, w.DiskMedian = percentile(all, 50), percentile(all, 90), all[len(all)-1], percentile(disks, 50)
		w.Histogram = histogram(all)
		w.Late = w.Histogram[len(bars)].N
	}
	if w.Late > 0 || w.P90 >= Patience/2 || w.failed() > 0 {
		w.Causes = p.causes(h, &w)
	}
	return w
}

// waited is how long LXD would have waited for a device: until its map where
// that is told. A disk without a map was not ready.
func waited(a evidence.Arrival) (time.Duration, bool) {
	ms := a.DiskMS
	if a.MapMS.Known {
		ms = a.MapMS
	}
	return time.Duration(ms.N) * time.Millisecond, ms.Known && ms.N >= 0
}

func nothingToMeasure(h *evidence.Host) string {
	switch why := h.Log.Arrivals.Why(); {
	case why != "":
		return why
	case len(h.Disks.Items) == 0 && len(h.Namespaces.Items) > 0:
		return "the kernel logs nothing when an NVMe namespace appears"
	default:
		return "no log tells of a Pure disk that appeared"
	}
}

// percentile is the smallest wait that so many percent do not exceed.
func percentile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)*percent+99)/100-1]
}

func histogram(sorted []time.Duration) []Bar {
	h := make([]Bar, len(bars)+1)
	for i, limit := range bars {
		h[i].UpTo = limit
	}
	for _, wait := range sorted {
		i := slices.IndexFunc(bars, func(limit time.Duration) bool { return wait <= limit })
		if i < 0 {
			i = len(bars)
		}
		h[i].N++
	}
	return h
}

// complaintOrder is the order of telling.
var complaintOrder = []evidence.ComplaintKind{
	evidence.ComplaintNoDevice, evidence.ComplaintNoMap, evidence.ComplaintPortal, evidence.ComplaintBusy, evidence.ComplaintUdev, evidence.ComplaintHung,
}

func heard(complaints []evidence.Complaint) []Heard {
	var all []Heard
	for _, c := range complaints {
		i := slices.IndexFunc(all, func(h Heard) bool { return h.Kind == c.Kind })
		if i < 0 {
			all = append(all, Heard{Kind: c.Kind})
			i = len(all) - 1
		}
		all[i].N++
		if !c.At.Before(all[i].Last) {
			all[i].Last, all[i].Text, all[i].File, all[i].Line = c.At, c.Text, c.File, c.Line
		}
	}
	slices.SortStableFunc(all, func(a, b Heard) int {
		return cmp.Compare(slices.Index(complaintOrder, a.Kind), slices.Index(complaintOrder, b.Kind))
	})
	return all
}

func (w *Waits) count(kinds ...evidence.ComplaintKind) (n int, last Heard) {
	for _, h := range w.Heard {
		if slices.Contains(kinds, h.Kind) {
			n += h.N
			last = h
		}
	}
	return n, last
}

// failed is how often LXD gave up.
func (w *Waits) failed() int {
	n, _ := w.count(evidence.ComplaintNoDevice, evidence.ComplaintNoMap)
	return n
}

// eachWait asks about the waits of each host whose log was read.
func eachWait(find func(w Waits, advise func(Advice))) func(*patient, func(Advice)) {
	return eachHost(func(p *patient, h *evidence.Host, advise func(Advice)) {
		if h.Log != nil {
			find(p.waits(h), advise)
		}
	})
}

func timeouts(w Waits, advise func(Advice)) {
	n := w.failed()
	if n == 0 {
		return
	}
	_, last := w.count(evidence.ComplaintNoDevice, evidence.ComplaintNoMap)
	a := Advice{
		Subject: "devices that did not come", Observed: "LXD waited for a device in vain " + words.Times(n) + last.When() + ": " + last.Text, Source: place(last.File, last.Line), File: last.File, Line: last.Line,
		Then: []string{"pureclean scan"},
	}
	if len(w.Became) > 0 {
		a.Observed += "; left of it: " + left(w.Became)
	}
	advise(a)
}

// maxLeft is how many volumes a sentence names.
const maxLeft = 3

// left names the volumes on which LXD gave up.
func left(became []Became) string {
	names := words.Of(became[:min(len(became), maxLeft)], func(b Became) string { return b.Object + " (" + b.Code + ")" })
	if more := len(became) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func place(file string, line int) string {
	if line > 0 {
		return fmt.Sprintf("%s, line %d", file, line)
	}
	return file
}

func slow(w Waits, advise func(Advice)) {
	if w.Late == 0 && w.P90 < Patience/2 {
		return
	}
	observed := fmt.Sprintf("%s measured, 90 %% within %s, the slowest %s", words.Count(w.Devices, "device"), Seconds(w.P90), Seconds(w.Slowest))
	if w.Late > 0 {
		observed += fmt.Sprintf(", %d later than LXD waits", w.Late)
	}
	a := Advice{Subject: "device waits", Observed: observed, Source: strings.Join(w.Logs, ", ")}
	if len(w.Causes) > 0 {
		a.Into = "see the causes under device waits"
	}
	advise(a)
}

// Seconds spells a wait.
func Seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
