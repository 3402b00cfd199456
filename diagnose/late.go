package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Patience is how long LXD waits for a device; no setting changes it
// (lxd/storage/block and the connectors of its drivers).
const Patience = 30 * time.Second

const (
	// beforehand is how long LXD takes at most between the array's making a
	// volume and its own waiting: it connects the volume and logs in.
	beforehand = 30 * time.Second
	// slack is by how much two clocks that agree may still differ, and for
	// what a log cuts off of a second.
	slack = 5 * time.Second
)

// Late is what a host's logs prove of a volume: that LXD waited for its device
// in vain, and when the device came after all.
type Late struct {
	Host string
	// GaveUp is when LXD's patience ended, Came when there was a disk, a map or
	// a namespace of the volume; zero when no log tells.
	GaveUp, Came time.Time
	// Text is LXD's line, File and Line where it stands.
	Text, File string
	Line       int
}

// After is for how long LXD had given up when the device came; 0 when that is
// not known.
func (l *Late) After() time.Duration {
	if l.Came.IsZero() {
		return 0
	}
	return l.Came.Sub(l.GaveUp)
}

// Delay spells After, and is empty when that is not known.
func (l *Late) Delay() string {
	switch d := l.After(); {
	case l.Came.IsZero():
		return ""
	case d < 10*time.Minute: // anybody counts seconds
		return fmt.Sprintf("%.0f s", max(d.Seconds(), 1))
	default:
		return span(d)
	}
}

// words say it as a cause.
func (l *Late) words() string {
	where := l.File
	if l.Line > 0 {
		where += fmt.Sprintf(", line %d", l.Line)
	}
	if l.Came.IsZero() {
		return fmt.Sprintf("LXD gave up waiting for its device at %s (timeout %d s; %s)", l.GaveUp.UTC().Format("2006-01-02 15:04:05"), Patience/time.Second, where)
	}
	return fmt.Sprintf("its device came %s after LXD had given up (timeout %d s; %s)", l.Delay(), Patience/time.Second, where)
}

// inVain is LXD's word that it waited for a volume's device until its time was
// up. What else it may say ends earlier and proves no wait.
var inVain = regexp.MustCompile(`^Failed(?: locating| to locate) device for volume "([^"]+)": .*context deadline exceeded`)

// wait is one such line.
type wait struct {
	host *hostFacts
	said *evidence.Complaint
	// name is the volume's, as LXD calls it where it stores volumes.
	name string
}

// joinLate finds out for which volumes LXD waited in vain. A log knows a volume
// by a name that the array does not have, so the two are joined by time: what
// has no record was made by the array just before LXD began to wait. A line
// that fits two volumes, or a volume that fits two lines, proves nothing, and
// neither does a line about a volume that LXD has.
func (f *facts) joinLate() {
	waits := f.waits()
	if len(waits) == 0 || !f.world.LXD.Records.IsComplete() {
		return
	}
	fits := map[*volume][]wait{}
	who := f.subjects(waits)
	for _, w := range waits {
		if v := who.meant(w); v != nil {
			fits[v] = append(fits[v], w)
		}
	}
	f.late = map[*volume]*Late{}
	for v, waits := range fits {
		if v.record == nil && len(waits) > 1 {
			continue
		}
		// Of a volume that LXD has the last wait counts.
		last := slices.MaxFunc(waits, func(a, b wait) int { return a.said.At.Compare(b.said.At) })
		if l, ok := last.late(v); ok {
			f.late[v] = l
		}
	}
}

// lateOf is what is proven of a finding's volume. A finding about another
// machine did not come of it.
func (f *facts) lateOf(v *volume, host string) *Late {
	l := f.late[v]
	if l != nil && host != l.Host && slices.ContainsFunc(f.hosts, func(h *hostFacts) bool { return h.Name == host }) {
		return nil
	}
	return l
}

// waits are the lines of all logs that say when and for what LXD gave up.
func (f *facts) waits() []wait {
	var all []wait
	for _, h := range f.hosts {
		if h.Log == nil {
			continue
		}
		for c := range evidence.Refs(h.Log.Complaints.Items) {
			m := inVain.FindStringSubmatch(c.Text)
			if m != nil && c.Kind == evidence.ComplaintNoDevice && c.At.Year() > 1971 {
				all = append(all, wait{h, c, m[1]})
			}
		}
	}
	return all
}

// waitedFor is what lines can be about.
type waitedFor struct {
	// named are the records of the lines' names, volumes those of a record.
	named   map[string][]*evidence.Record
	volumes map[*evidence.Record][]*volume
	// unrecorded are the volumes without a record.
	unrecorded []*volume
}

func (f *facts) subjects(waits []wait) waitedFor {
	c := waitedFor{named: map[string][]*evidence.Record{}, volumes: map[*evidence.Record][]*volume{}}
	for _, w := range waits {
		c.named[w.name] = nil
	}
	for r := range evidence.Refs(f.records.list) {
		if name := storageName(r); !r.Snapshot {
			if all, ok := c.named[name]; ok {
				c.named[name] = append(all, r)
				c.volumes[r] = nil
			}
		}
	}
	for v := range f.volumes() {
		switch _, named := c.volumes[v.record]; {
		case v.copyOf != nil || v.pool == nil || !v.LXD.IsLXD():
		case v.record == nil:
			c.unrecorded = append(c.unrecorded, v)
		case named && !v.LXD.Snapshot:
			c.volumes[v.record] = append(c.volumes[v.record], v)
		}
	}
	return c
}

// meant is the one volume that a line can be about, or nil.
func (c waitedFor) meant(w wait) *volume {
	var found []*volume
	recorded := false
	for _, r := range c.named[w.name] {
		// A volume that was made under the same name since is another.
		if r.Created.IsZero() || !r.Created.After(w.said.At.Add(slack)) {
			found, recorded = append(found, c.volumes[r]...), true
		}
	}
	if !recorded {
		found = those(c.unrecorded, func(v *volume) bool { return madeFor(v, w) })
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

// storageName is the name under which LXD stores a volume: with its project,
// without which only images and instances of the default project go.
func storageName(r *evidence.Record) string {
	instance := r.Type == evidence.TypeContainer || r.Type == evidence.TypeVM
	if r.Type == evidence.TypeImage || instance && (r.Project == "" || r.Project == "default") {
		return r.Name
	}
	return either(r.Project, "default") + "_" + r.Name
}

// madeFor reports that the array made a volume when LXD, which gave up at the
// time of the line, began to wait. An array that may hide a volume of the same
// moment proves nothing, nor does one whose clock is not known or far off. What
// the clock of a recorded host was is not known at all: its log is taken at its
// word.
func madeFor(v *volume, w wait) bool {
	skew := v.array.Skew(v.array.Clock)
	if w.host.Recorded {
		skew = 0
	}
	if v.array.Clock.IsZero() || skew.Abs() > evidence.ClockTolerance || !v.array.Volumes.IsComplete() {
		return false
	}
	switch prefixed := strings.Contains(w.name, "_"); {
	case v.LXD.Type == evidence.TypeCustom && !prefixed, v.LXD.Type == evidence.TypeImage && prefixed:
		return false
	}
	took := w.said.At.Sub(v.Created.Add(-skew))
	return took >= Patience-slack && took <= Patience+beforehand
}

// late looks up when the device came. A device that was there in time
// contradicts the line; one that came later counts where no restart of the
// machine can lie between the two, because then every device comes once more.
func (w wait) late(v *volume) (*Late, bool) {
	l := &Late{Host: w.host.Name, GaveUp: w.said.At, Text: w.said.Text, File: w.said.File, Line: w.said.Line}
	since := w.said.At.Add(-Patience - beforehand - slack)
	for a := range evidence.Refs(w.host.Log.Arrivals.Items) {
		came := a.At.Add(time.Duration(a.DiskMS.N) * time.Millisecond)
		if a.MapMS.Known {
			came = a.At.Add(time.Duration(a.MapMS.N) * time.Millisecond)
		}
		switch {
		case v.Serial == "" || a.Serial != v.Serial || came.Before(since):
		case !came.After(w.said.At):
			return nil, false
		case a.Source != w.said.File && !(w.host.Log.Started.Year() > 1971 && w.host.Log.Started.Before(w.said.At)):
		case l.Came.IsZero() || came.Before(l.Came):
			l.Came = came
		}
	}
	return l, true
}
