package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// eachDevice calls do for every device of every host, in the host's order.
func (f *facts) eachDevice(do func(*device)) {
	for _, h := range f.hosts {
		for _, serial := range h.serials {
			do(h.devices[serial])
		}
	}
}

// business reports a device that is of one of our pools, or of no volume.
func (d *device) business() bool {
	return d.volume == nil || (d.volume.pool != nil && d.volume.pool.judged)
}

func (f *facts) mixedMaps() []draft {
	var found []draft
	f.eachDevice(func(d *device) {
		why := d.mixed()
		if why == "" || !f.concerned(d) {
			return
		}
		out := f.ofDevice(d)
		out.Detail = why
		if u := d.usage(); len(u.certain) > 0 {
			out.Detail += "; " + list(u.certain)
		} else {
			out.Detail += "; no use of it seen"
		}
		out.Cause = "the array gave the LUN number of a volume that was disconnected to another one while the old paths were still there"
		found = append(found, out)
	})
	return found
}

// concerned reports a device that is, or whose paths lead to, a volume of a
// pool that is asked about, or one that an array of ours made.
func (f *facts) concerned(d *device) bool {
	if d.volume != nil {
		if d.business() {
			return true
		}
	} else if len(f.created(d.serial)) > 0 {
		return true
	}
	for _, disk := range d.disks {
		for _, serial := range identities(disk) {
			other := d.host.devices[serial]
			if other != nil && other.volume != nil && other.business() {
				return true
			}
		}
	}
	return false
}

// inUseWithoutConnection lists what a host uses and can't reach: the array
// has taken the connection away, or the device itself is gone.
func (f *facts) inUseWithoutConnection() []draft {
	var found []draft
	f.eachDevice(func(d *device) {
		uses := d.usage().certain
		if len(uses) == 0 || d.mixed() != "" || !d.business() {
			return
		}
		answer, why := f.connected(d)
		if !answer.IsNot() {
			return
		}
		out := f.ofDevice(d)
		if d.volume != nil {
			out.Object = d.volume.Name
			if d.volume.Destroyed.Is() {
				why = "its volume is destroyed"
			}
		}
		out.Detail = strings.TrimPrefix(out.LXD.String()+", ", ", ") + list(uses) + "; " + why + ": writes fail or hang"
		out.Cause = "somebody disconnected or destroyed it on the array, or LXD unmapped it while it was mounted in another mount namespace"
		if d.volume != nil && len(d.volume.hostNames()) > 0 {
			out.Detail += " (it is connected to " + list(d.volume.hostNames()) + ")"
		}
		found = append(found, out)
	})
	f.judged(func(v *volume) {
		for _, gone := range v.gone {
			out := ofVolume(v)
			out.LXD, out.Host = lxdName(v.record), gone.host.Name
			out.Detail = strings.TrimPrefix(out.LXD.String()+", ", ", ") + useWords(gone.use) + ", from a device that is gone from " + gone.host.Name + ": writes fail"
			out.Cause = "the array took the volume away while it was mounted; a device that comes back later is a new one, the old mount never recovers"
			out.Remedy = []string{"stop what uses " + shell(gone.use.Where) + " and unmount it", "then start it again: LXD maps the volume anew"}
			found = append(found, out)
			return // one finding for all of its mounts
		}
	})
	for _, h := range f.hosts {
		found = append(found, h.strayUses()...)
	}
	return found
}

// strayUses are uses of devices that are gone, of nobody knows which volume,
// if of a Pure volume at all.
func (h *hostFacts) strayUses() []draft {
	var found []draft
	var names []string
	words := map[string][]string{}
	for _, use := range h.stray {
		name := goneName(use)
		if h.disks[name] != nil || slices.Contains(h.strange, name) {
			continue // it is there, only what it is is not known
		}
		if words[name] == nil {
			names = append(names, name)
		}
		words[name] = append(words[name], useWords(use))
	}
	for _, name := range names {
		found = append(found, h.strayUse(name, words[name]))
	}
	return found
}

func (h *hostFacts) strayUse(name string, uses []string) draft {
	out := draft{}
	out.Severity = Warning
	out.Object = name
	out.Host = h.Name
	out.Detail = name + " is gone from " + h.Name + " and still in use: " + list(uses) + "; it is not known which volume it was"
	out.Cause = "the array took the volume away while it was in use"
	out.Remedy = []string{"stop what uses it and unmount it", "then start it again"}
	return out
}

// staleMaps lists maps that nothing is behind any more and nothing uses.
func (f *facts) staleMaps() []draft {
	return f.orphans(func(d *device, why string) []draft {
		var found []draft
		for _, m := range d.ownMaps() {
			out := f.ofDevice(d)
			out.Object = m.Name
			out.Detail = either(d.volumeName(), "serial "+string(d.serial)) + ": " + why + "; " + d.words() + d.state()
			if m.Queueing.Is() {
				out.Effect = "it queues I/O for ever: whatever reads it, udev above all, hangs beyond kill -9"
			}
			out.Cause = "the volume was disconnected on the array before its device was removed from the host"
			var disks []string
			for _, disk := range d.disks {
				disks = append(disks, disk.Name)
			}
			out.Remedy = []string{"flush map " + m.Name + " by its uuid, when nothing has it open", "delete its paths: " + list(disks), "look again: a scan may have brought them back"}
			found = append(found, out)
		}
		return found
	})
}

// ghostPaths lists SCSI disks without a map that nothing is behind any more.
// Paths of a map go with their map.
func (f *facts) ghostPaths() []draft {
	return f.orphans(func(d *device, why string) []draft {
		bare := d.bare()
		if len(bare) == 0 || len(d.ownMaps()) > 0 {
			return nil
		}
		var names []string
		for _, disk := range bare {
			names = append(names, disk.Name)
		}
		out := f.ofDevice(d)
		out.Object = bare[0].Name
		out.Detail = either(d.volumeName(), "serial "+string(d.serial)) + ": " + why + "; " + list(names) + " without a map" + d.state()
		out.Cause = "the volume was disconnected on the array before its paths were deleted; LXD up to 6.7 and 5.21 leaves them when it unmaps, and a rescan can bring them back"
		out.Remedy = []string{"delete " + list(names) + " after checking again that each is serial " + string(d.serial), "look again: a scan may have brought them back"}
		return []draft{out}
	})
}

func (f *facts) ghostNamespaces() []draft {
	return f.orphans(func(d *device, why string) []draft {
		if len(d.namespaces) == 0 {
			return nil
		}
		out := f.ofDevice(d)
		out.Object = d.namespaces[0].Name
		out.Detail = either(d.volumeName(), "serial "+string(d.serial)) + ": " + why + "; " + d.words() + d.state()
		out.Cause = "the controllers did not hear that the namespace went: they were not connected at that moment, or the notice was lost"
		var controllers []string
		for _, path := range d.namespaces[0].Paths {
			controllers = append(controllers, path.Controller)
		}
		out.Remedy = []string{"let the live ones of " + list(controllers) + " read their namespaces again (rescan_controller); it is harmless", "look again"}
		return []draft{out}
	})
}

// orphans calls do for every idle device that has certainly lost its volume.
func (f *facts) orphans(do func(d *device, why string) []draft) []draft {
	var found []draft
	f.eachDevice(func(d *device) {
		if len(d.usage().certain) > 0 || d.mixed() != "" || d.intruded() {
			return
		}
		if why, lost := f.orphaned(d); lost {
			found = append(found, do(d, why)...)
		}
	})
	return found
}

// intruded reports a device of which all that is there sits in another
// volume's map: that map is the finding.
func (d *device) intruded() bool {
	for _, disk := range d.disks {
		if disk.Serial == d.serial || d.mapped(disk) {
			continue
		}
		return true
	}
	return false
}

func (d *device) volumeName() string {
	if d.volume == nil {
		return ""
	}
	return d.volume.Name
}

// paths counts what leads from a host to a volume.
type paths struct {
	live, want int
	why        []string
}

// degradedPaths lists volumes that LXD knows and the array connects, with
// fewer live paths than the host has sessions or controllers to the array.
func (f *facts) degradedPaths() []draft {
	var found []draft
	f.eachDevice(func(d *device) {
		v := d.volume
		if v == nil || !d.business() || v.record == nil || v.code != "" || d.mixed() != "" {
			return
		}
		if len(d.ownMaps())+len(d.bare())+len(d.namespaces) == 0 {
			return // all that is there sits in another volume's map
		}
		if answer, _ := f.connected(d); !answer.Is() || f.staleHere(v, d.host) {
			return
		}
		p := d.scsiPaths()
		if len(d.namespaces) > 0 {
			p = d.nvmePaths()
		}
		suspended := d.suspended()
		if p.live >= p.want && suspended == "" {
			return
		}
		out := f.ofDevice(d)
		out.Object = v.Name
		out.Detail = fmt.Sprintf("%s: %s on %s has %d of %d paths", d.lxdWords(), d.object(), d.host.Name, p.live, p.want)
		if len(p.why) > 0 {
			out.Detail += ": " + list(p.why)
		}
		if suspended != "" {
			out.Detail += "; " + suspended + " is suspended, all I/O waits"
		}
		out.Cause = d.pathCause(p)
		if p.live == 0 || suspended != "" {
			out.Severity = Critical
			out.Effect = "reads and writes fail or wait until a path comes back"
		}
		found = append(found, out)
	})
	return found
}

// staleHere reports a connection of this host that staleConnections tells of.
func (f *facts) staleHere(v *volume, h *hostFacts) bool {
	e, stale := f.expected(v), false
	v.connections(func(row *evidence.Connection) {
		stale = stale || (v.array.owner(row.Host).host == h && f.isStale(v, row, e))
	})
	return stale
}

func (d *device) lxdWords() string { return lxdName(d.volume.record).String() }

// scsiPaths counts the device's live disks against the sessions to the
// targets that they are reached through. Without iSCSI sessions (Fibre
// Channel) only paths that are there and dead can be seen.
func (d *device) scsiPaths() paths {
	var p paths
	own := d.bare()
	if maps := d.ownMaps(); len(maps) > 0 {
		own = nil
		for _, path := range maps[0].Paths {
			if disk := d.host.path(path); disk != nil {
				own = append(own, disk)
			} else {
				p.why = append(p.why, either(path.Disk, path.Dev)+" is gone")
			}
		}
	}
	targets, reached := map[string]bool{}, map[int]bool{}
	for _, disk := range own {
		if session := d.host.sessions[disk.Session]; session != nil && disk.Session != 0 {
			targets[session.Target] = true
			reached[session.ID] = true
		}
		if why := d.dead(disk); why != "" {
			p.why = append(p.why, why)
			continue
		}
		p.live++
	}
	for i := range d.host.Sessions.Items {
		session := &d.host.Sessions.Items[i]
		if !targets[session.Target] {
			continue
		}
		p.want++
		if !session.Live() {
			p.why = append(p.why, fmt.Sprintf("session %d to %s is %s", session.ID, session.Address, strings.TrimSpace(session.State+" "+session.ConnState)))
		} else if !reached[session.ID] {
			p.why = append(p.why, fmt.Sprintf("no path through session %d to %s", session.ID, session.Address))
		}
	}
	p.want = max(p.want, len(own), 1)
	return p
}

// dead says why a disk is no live path; empty when nothing says so.
func (d *device) dead(disk *evidence.Disk) string {
	if disk.State != "" && disk.State != "running" {
		return disk.Name + " is " + disk.State
	}
	if disk.Live.Kind == evidence.IdentityGone {
		return disk.Name + " says that its LUN is gone"
	}
	if disk.Bytes.IsZero() {
		return disk.Name + " has size 0: it was scanned again while its LUN was gone"
	}
	for _, m := range d.ownMaps() {
		for _, path := range m.Paths {
			if d.host.path(path) != disk {
				continue
			}
			switch path.Checker {
			case "", "ready", "ghost", "shaky", "delayed", "undef":
				if path.Active.IsNot() {
					return disk.Name + " has failed"
				}
			default:
				return disk.Name + " is " + path.Checker
			}
		}
	}
	return ""
}

func (d *device) nvmePaths() paths {
	var p paths
	n := d.namespaces[0]
	seen := map[string]bool{}
	for _, path := range n.Paths {
		seen[path.Controller] = true
		if path.Live() {
			p.live++
			continue
		}
		p.why = append(p.why, path.Controller+" is "+strings.TrimSpace(path.State+" "+path.ANA))
	}
	p.want = max(len(n.Paths), 1)
	for _, c := range d.host.Controllers.Items {
		if c.Subsystem == n.Subsystem && n.Subsystem != "" && !seen[c.Name] {
			p.want++
			p.why = append(p.why, "no path through "+c.Name+" ("+either(c.State, "state unknown")+")")
		}
	}
	return p
}

func (d *device) suspended() string {
	for _, m := range d.ownMaps() {
		if m.Suspended.Is() {
			return m.Name
		}
	}
	return ""
}

func (d *device) pathCause(p paths) string {
	for _, why := range p.why {
		switch {
		case strings.Contains(why, "no path through session"):
			return "LXD scans for the volume through the first session that it finds only; the others did not see it"
		case strings.HasPrefix(why, "session "):
			return "the session to one of the array's portals is down"
		}
	}
	if len(d.namespaces) > 0 {
		return "a controller has lost its way to the array"
	}
	return "a path has failed"
}
