package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
	"github.com/pureclean/pureclean/words"
)

// knownCauses are why a device comes late or not at all, as LXD's code and
// the kernel's make it so. seen says what here speaks for it, "" for nothing.
var knownCauses = []struct {
	code, what string
	seen       func(p *patient, h *evidence.Host, w *Waits) string
}{
	{
		"dead-portal", "a portal does not answer: LXD waits for its login, and while it does the next volume is not looked for", func(p *patient, h *evidence.Host, w *Waits) string {
			for _, s := range h.Sessions.Items {
				if !s.Live() && p.ours(s.Target) {
					return fmt.Sprintf("session%d to %s is %s", s.ID, evidence.Portal(s.Address, s.Port), cmp.Or(s.State, "in an unknown state"))
				}
			}
			for _, r := range h.Reached {
				if r.Open.IsNot() && p.inUse(r.Portal) {
					return r.Portal + " did not answer just now"
				}
			}
			for _, c := range w.Heard {
				if c.Kind == evidence.ComplaintPortal && strings.Contains(c.Text, "connecting to") {
					return words.Times(c.N) + " in " + c.File
				}
			}
			return ""
		},
	},
	{
		"first-session-only", "LXD scans only the first session that it finds for an array: the others do not see the new volume, and if it is the first that is lost, none does", func(p *patient, h *evidence.Host, _ *Waits) string {
			sessions := words.HowMany(h.Sessions.Items, func(s evidence.Session) bool { return p.ours(s.Target) })
			if n := len(p.degraded(h)); n > 0 && sessions > 1 {
				return have(n, "volume") + " short of a path, though " + words.Count(sessions, "session") + " are there"
			}
			return ""
		},
	},
	{
		"no-map", "multipath makes no map, and LXD 6.8 and later takes nothing else", func(p *patient, h *evidence.Host, w *Waits) string {
			for _, f := range settings.OfHost(h, &p.world.LXD) {
				switch f.Code {
				case "multipath-blacklist":
					return "the blacklist in " + f.Where()
				case "multipath-refused":
					return "multipath refuses its files: " + f.Where() + ", " + f.Value
				}
			}
			for _, t := range h.Tools.Items {
				if t.Name == "multipathd" && (t.Present.IsNot() || t.Running.IsNot()) {
					return "multipathd is not there or does not run"
				}
			}
			if n, last := w.count(evidence.ComplaintNoMap); n > 0 {
				return words.Times(n) + " in " + last.File
			}
			return ""
		},
	},
	{
		"leftover-disks", "disks of earlier volumes are still there: they hold LUN numbers and WWIDs that new volumes get", func(p *patient, h *evidence.Host, _ *Waits) string {
			for _, f := range p.found {
				switch f.Code {
				case "ghost-path", "stale-map", "mixed-map", "ghost-namespace":
					if f.Host == h.Name {
						return f.Code + " " + f.Object
					}
				}
			}
			for _, d := range h.Disks.Items {
				if len(d.Holders) == 0 && d.Serial != "" && len(h.Maps.Items) > 0 {
					return d.Name + " has no map"
				}
			}
			return ""
		},
	},
	{
		"nvme-controller", "an NVMe controller that is not live does not see new namespaces", func(p *patient, h *evidence.Host, _ *Waits) string {
			for _, c := range h.Controllers.Items {
				if c.State != "live" && p.oursNVMe(h, c) {
					return c.Name + " is " + cmp.Or(c.State, "in an unknown state")
				}
			}
			return ""
		},
	},
	{
		"slow-host", "the disk is there in time, and udev and multipathd take the rest: a busy or hung udev, many devices, slow checks", func(_ *patient, h *evidence.Host, w *Waits) string {
			if n, last := w.count(evidence.ComplaintUdev, evidence.ComplaintHung); n > 0 {
				return words.Times(n) + " in " + last.File
			}
			if w.DiskMedian > 0 && w.Median-w.DiskMedian > 5*time.Second {
				return fmt.Sprintf("half of the disks are there within %s, half of the maps within %s", Seconds(w.DiskMedian), Seconds(w.Median))
			}
			return ""
		},
	},
}

// causes lists those that fit.
func (p *patient) causes(h *evidence.Host, w *Waits) []Cause {
	var all []Cause
	for _, c := range knownCauses {
		if seen := c.seen(p, h, w); seen != "" {
			all = append(all, Cause{c.code, c.what, seen})
		}
	}
	return all
}
