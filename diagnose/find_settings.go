package diagnose

import (
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// unsafeSettings lists what is known to bring leaks and hangs about. It is
// kept short: a warning that most sites would see is one that nobody reads.
func (f *facts) unsafeSettings() []draft {
	var found []draft
	add := func(object, host, detail, cause, effect string, remedy ...string) {
		d := draft{}
		d.Object, d.Host, d.Detail, d.Cause, d.Effect, d.Remedy = object, host, detail, cause, effect, remedy
		found = append(found, d)
	}
	f.unsafeLXD(add)
	for _, a := range f.arrays {
		if a.EradicationDelay > 0 && a.EradicationDelay < 24*time.Hour {
			add("eradication delay", a.Name, a.Name+" keeps what is destroyed for "+span(a.EradicationDelay)+" only",
				"the array's eradication delay", "what is destroyed by mistake can hardly be recovered in time",
				"set the array's eradication delay to at least a day")
		}
	}
	for _, h := range f.hosts {
		f.unsafeHost(h, add)
	}
	return found
}

type adder func(object, host, detail, cause, effect string, remedy ...string)

func (f *facts) unsafeLXD(add adder) {
	version := f.world.LXD.Version
	images := 0
	for _, p := range f.pools {
		images += p.candidates[candidateImage]
	}
	switch {
	case version == "6.3" || strings.HasPrefix(version, "6.3-"):
		add("LXD "+version, "", "LXD "+version+" leaves a volume behind, connected, whenever a new volume's device does not come within 30 seconds",
			"its roll-back forgets to disconnect the volume (LXD issue 15210, repaired in 6.4 and 5.21.4)", "every slow device is a leaked-volume",
			"upgrade LXD: snap refresh lxd --channel=latest/stable or 5.21/stable")
	case leaksImages(version) && images > 0:
		add("LXD "+version, "", "LXD "+version+" makes one more image volume for each instance that is created from an image; "+copies(images)+" without a record so far",
			"it asks for a new uuid each time and finds no volume of that name", "every launch is a leaked-image",
			"upgrade LXD when a release without this is out; until then remove the copies from time to time")
	}
}

// unsafeHost looks for queueing without a path: I/O to such a device never
// ends, and udev, which reads every device that changes, is its first victim.
func (f *facts) unsafeHost(h *hostFacts, add adder) {
	const effect = "I/O to a device without a path waits for ever, beyond kill -9; udev hangs with it, and then every new device"
	var queueing []string
	for i := range h.Maps.Items {
		m := &h.Maps.Items[i]
		if m.Queueing.Is() && !m.Partition && h.pathless(m) {
			queueing = append(queueing, m.Name)
		}
	}
	if len(queueing) > 0 {
		add(queueing[0], h.Name, list(queueing)+" on "+h.Name+" has no live path and queues I/O",
			"no_path_retry queue or the feature queue_if_no_path", effect,
			"let the waiting I/O fail: multipathd disablequeueing map "+shell(queueing[0]))
	}
	for _, s := range h.Settings.Items {
		if !queues(s) {
			continue
		}
		where := s.File
		if s.Section != "" {
			where += " (" + s.Section + ")"
		}
		add(s.Name, h.Name, s.Name+" "+quoted(s.Value)+" in "+either(where, "the kernel")+" on "+h.Name, "multipath's configuration", effect,
			"write no_path_retry with a number, for example 12, there, and run multipathd reconfigure")
	}
}

func queues(s evidence.Setting) bool {
	if !strings.HasPrefix(s.Name, "multipath ") {
		return false
	}
	return (strings.HasSuffix(s.Name, " no_path_retry") && s.Value == "queue") ||
		(strings.HasSuffix(s.Name, " features") && strings.Contains(s.Value, "queue_if_no_path"))
}

// pathless reports a map none of whose paths is known to work.
func (h *hostFacts) pathless(m *evidence.Map) bool {
	for _, p := range m.Paths {
		if !p.Active.IsNot() && (p.Checker == "" || p.Checker == "ready") {
			return false
		}
	}
	return true
}

func copies(n int) string {
	if n == 1 {
		return "1 copy"
	}
	return strconv.Itoa(n) + " copies"
}
