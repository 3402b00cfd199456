package diagnose

import (
	"slices"
	"strconv"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
)

const codeUnsafe = "unsafe-setting"

// unsafeSettings lists what is known to bring leaks and hangs about. It is
// kept short: a warning that most sites would see is one that nobody reads.
func (f *facts) unsafeSettings() []draft {
	var found []draft
	add := func(object, host, detail, cause, effect string, remedy ...string) *draft {
		d := draft{}
		d.Object, d.Host, d.Detail, d.Cause, d.Effect, d.Remedy = object, host, detail, cause, effect, remedy
		found = append(found, d)
		return &found[len(found)-1]
	}
	f.unsafeLXD(add)
	for _, a := range f.arrays {
		if a.EradicationDelay > 0 && a.EradicationDelay < 24*time.Hour {
			add("eradication delay", a.Name, a.Name+" keeps what is destroyed for "+span(a.EradicationDelay)+" only",
				"the array's eradication delay", "what is destroyed by mistake can hardly be recovered in time",
				"set the array's eradication delay to at least a day")
		}
	}
	f.wrongClocks(add)
	f.splitHosts(add)
	for _, h := range f.hosts {
		f.unsafeHost(h, add)
	}
	return found
}

// adder adds a finding, and gives it back for what more there is to say of it.
type adder func(object, host, detail, cause, effect string, remedy ...string) *draft

func (f *facts) unsafeLXD(add adder) {
	version := f.world.LXD.Version
	images := 0
	for _, p := range f.pools {
		images += p.images
	}
	for _, bug := range settings.BugsOf(version) {
		detail := "LXD " + version + " " + bug.What
		switch {
		case !bug.Scan || bug.Images && images == 0:
			continue
		case bug.Images:
			detail += "; " + strconv.Itoa(images) + " " + numbered(images, "copy", "copies") + " without a record so far"
		}
		add("LXD "+version, "", detail, bug.Cause, bug.Effect, bug.Upgrade)
	}
}

// ArrayClock is the object of the finding that an array's clock is off.
const ArrayClock = "array clock"

// wrongClocks finds arrays whose time is not this machine's: their ages and
// deadlines can't be read as they stand.
func (f *facts) wrongClocks(add adder) {
	for _, a := range f.arrays {
		off := a.Skew(a.Clock)
		if off.Abs() <= evidence.ClockTolerance {
			continue
		}
		way := "ahead of"
		if off < 0 {
			way = "behind"
		}
		detail := "the clock of " + a.Name + " is " + longSpan(off.Abs()) + " " + way + " this machine's"
		future := howMany(a.Volumes.Items, func(v evidence.Volume) bool { return v.Created.After(a.Clock) })
		if future > 0 {
			detail += "; by it " + count(future, "volume") + " will only be made, so their age is not known"
		}
		add(ArrayClock, a.Name, detail, "the array or this machine follows no NTP server, or another one",
			"ages are not what they seem, and deadlines are told by this machine's clock",
			"let the array and this machine follow the same NTP servers")
	}
}

// longSpan is span, in years where it takes any.
func longSpan(d time.Duration) string {
	if years := int(d / (365 * 24 * time.Hour)); years >= 2 {
		return count(years, "year")
	}
	return span(d)
}

// SplitHost is the cause of the finding that a machine is several array hosts.
const SplitHost = "somebody made a second array host for the machine's other port or initiator name"

// splitHosts looks for members whose initiators of one transport are in several
// array hosts of one array. NVMe is left out: the machine's own NQN may well
// have an object beside that of LXD's.
func (f *facts) splitHosts(add adder) {
	kinds := []struct {
		mode string
		of   func(*evidence.ArrayHost) []string
	}{
		{evidence.ModeISCSI, func(h *evidence.ArrayHost) []string { return h.IQNs }},
		{evidence.ModeFC, func(h *evidence.ArrayHost) []string { return h.WWNs }},
	}
	for _, kind := range kinds {
		type place struct {
			array string
			host  *hostFacts
		}
		objects := map[place][]string{}
		f.eachArrayHost(func(a *arrayFacts, object *evidence.ArrayHost) {
			if object.Local.IsNot() || object.Destroyed.Is() || !a.serves(kind.mode) {
				return
			}
			for _, h := range f.hosts {
				mine := func(initiator string) bool { return h.initiators[evidence.Initiator(initiator)] }
				if f.memberOf(h) != "" && slices.ContainsFunc(kind.of(object), mine) {
					at := place{a.key(), h}
					objects[at] = append(objects[at], f.hostName(a, object.Name))
				}
			}
		})
		for _, a := range f.arrays {
			for _, h := range f.hosts {
				at := place{a.key(), h}
				names := objects[at]
				delete(objects, at) // several pools may name one array
				if len(names) < 2 {
					continue
				}
				slices.Sort(names)
				add(names[0], h.Name, h.Name+"'s initiators are in "+strconv.Itoa(len(names))+" array hosts, "+list(names),
					SplitHost,
					"LXD connects a volume to the first that has one of them, so the other paths never see it; and what it left on one it never looks for on the other",
					"put all of "+h.Name+"'s initiators into one array host, while nothing is connected to the other").ArrayID = a.ID
			}
		}
	}
}

// serves reports an array with a pool of that transport that is asked about.
func (a *arrayFacts) serves(mode string) bool {
	for _, pool := range a.pools {
		if pool.judged && pool.pool != nil && pool.pool.Mode == mode {
			return true
		}
	}
	return false
}

// unsafeHost looks for queueing without a path: I/O to such a device never
// ends, and udev, which reads every device that changes, is its first victim.
func (f *facts) unsafeHost(h *hostFacts, add adder) {
	const effect = "I/O to a device without a path waits for ever, beyond kill -9; udev hangs with it, and then every new device"
	queueing := slices.Collect(filter(evidence.Refs(h.Maps.Items), func(m *evidence.Map) bool {
		return m.Queueing.Is() && !m.Partition && h.pathless(m)
	}))
	if len(queueing) > 0 {
		head := queueing[0]
		called := each(queueing, func(m *evidence.Map) string { return m.Name + inParentheses(f.nameOf(m.Serial)) })
		d := add(head.Name, h.Name, list(called)+" on "+h.Name+" has no live path and queues I/O",
			"no_path_retry queue or the feature queue_if_no_path", effect,
			"let the waiting I/O fail: multipathd disablequeueing map "+shell(head.Name))
		d.Volume, d.Serial = f.nameOf(head.Serial), head.Serial
	}
	for _, fault := range settings.OfHost(h.Host, &f.world.LXD) {
		if !fault.Scan {
			continue
		}
		where := fault.File
		if fault.Section != "" {
			where += " (" + fault.Section + ")"
		}
		add("multipath "+fault.Name, h.Name, "multipath "+fault.Name+" "+quoted(fault.Value)+" in "+either(where, "the kernel")+" on "+h.Name, "multipath's configuration", effect,
			"write no_path_retry with a number, for example 12, there, and run multipathd reconfigure; pureclean doctor shows the line")
	}
}

// queues reports the finding of maps that queue without a path, of which the
// target has one.
func (f *facts) queues(t target, finding Finding) bool {
	if finding.Code != codeUnsafe || finding.Serial == "" {
		return false
	}
	devices := []*device{t.device}
	if t.volume != nil {
		devices = f.devices(t.volume)
	}
	return slices.ContainsFunc(devices, func(d *device) bool {
		return d != nil && d.host.Name == finding.Host && slices.ContainsFunc(d.ownMaps(), func(m *evidence.Map) bool {
			return m.Queueing.Is() && !m.Partition && d.host.pathless(m)
		})
	})
}

// pathless reports a map none of whose paths is known to work.
func (h *hostFacts) pathless(m *evidence.Map) bool {
	return !slices.ContainsFunc(m.Paths, func(p evidence.Path) bool {
		return !p.Active.IsNot() && (p.Checker == "" || p.Checker == "ready")
	})
}
