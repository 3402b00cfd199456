package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// paths counts what leads from a host to a volume.
type paths struct {
	live, want int
	why        []string
	// names are those of disks, mapless is set when there are several and
	// nothing joins them.
	names   []string
	mapless bool
}

// degradedPaths lists volumes that LXD knows and the array connects, with
// fewer live paths than the host has sessions or controllers to the array, and
// than the array has portals for the pool.
func (f *facts) degradedPaths() []draft {
	found := f.deviceless()
	for _, d := range f.everyDevice() {
		v := d.volume
		if v == nil || !d.business() || v.record == nil || v.code != "" || d.mixed() != "" {
			continue
		}
		if len(d.ownMaps())+len(d.bare())+len(d.namespaces) == 0 {
			continue // all that is there sits in another volume's map
		}
		if answer, _ := f.connected(d); !answer.Is() || f.staleHere(v, d.host) {
			continue
		}
		p := d.scsiPaths()
		if len(d.namespaces) > 0 {
			p = d.nvmePaths()
		}
		suspended := d.suspended()
		p.mapless = p.mapless && p.live >= p.want && f.expected(v).on(f.memberOf(d.host)).Is()
		if p.live >= p.want && suspended == "" && !p.mapless {
			continue
		}
		out := f.ofDevice(d)
		out.Object = v.Name
		out.Detail = fmt.Sprintf("%s: %s on %s has %d of %d paths", d.lxdWords(), d.object(), d.host.Name, p.live, p.want)
		if len(p.why) > 0 {
			out.Detail += ": " + list(p.why)
		}
		if p.mapless {
			out.Detail = fmt.Sprintf("%s: %s on %s have no map: what uses one of them stops with it", d.lxdWords(), list(p.names), d.host.Name)
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
	}
	return found
}

// staleHere reports a connection of this host that staleConnections tells of.
func (f *facts) staleHere(v *volume, h *hostFacts) bool {
	e := f.expected(v)
	return isAny(filter(v.connections(), func(row *evidence.Connection) bool { return v.array.owner(row.Host).host == h && f.isStale(v, row, e) }))
}

func (d *device) lxdWords() string { return lxdName(d.volume.record).String() }

// scsiPaths counts the device's live disks against the sessions to the
// targets that they are reached through, and over Fibre Channel against the
// remote ports.
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
		p.names = append(p.names, disk.Name)
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
	p.mapless = len(own) > 1 && len(d.ownMaps()) == 0
	if len(own) == 0 {
		targets = d.targets()
	}
	for session := range evidence.Refs(d.host.Sessions.Items) {
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
	if len(targets) == 0 {
		d.remotePaths(&p, own)
	}
	p.want = max(p.want, len(own), 1)
	names := map[string]bool{}
	for target := range targets {
		names[evidence.Initiator(target)] = true
	}
	d.unreachedPaths(&p, names)
	return p
}

// remotePaths counts the remote ports of the array's that the adapters see, as
// scsiPaths counts sessions. The array's are those that it lists, those that
// the volume is reached through, and those whose names are of the same array:
// they differ in their last byte.
func (d *device) remotePaths(p *paths, own []*evidence.Disk) {
	reached, family := map[string]bool{}, map[string]bool{}
	for _, disk := range own {
		reached[disk.RemotePort] = true
	}
	if d.volume != nil && d.volume.array != nil {
		for _, port := range d.volume.array.Ports.Items {
			family[evidence.Initiator(port.WWN)] = port.WWN != ""
		}
	}
	for _, port := range d.host.RemotePorts.Items {
		if reached[port.Name] && evidence.PureWWPN(port.WWPN) && len(port.WWPN) == 16 {
			family[port.WWPN[:14]] = true
		}
	}
	for _, port := range d.host.RemotePorts.Items {
		if port.NVMeOnly {
			continue
		}
		if !reached[port.Name] && !family[port.WWPN] && (len(port.WWPN) != 16 || !family[port.WWPN[:14]]) {
			continue
		}
		p.want++
		switch {
		case !port.Live():
			p.why = append(p.why, fmt.Sprintf("%s to %s is %s", port.Name, port.WWPN, either(port.State, "in an unknown state")))
		case !reached[port.Name]:
			p.why = append(p.why, fmt.Sprintf("no path through %s to %s", port.Name, port.WWPN))
		}
	}
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

// nvmePaths counts the device's live paths against the controllers. Without the
// kernel's own multipath each path is a namespace of its own, and
// device-mapper's map joins them.
func (d *device) nvmePaths() paths {
	var p paths
	seen, subsystems := map[string]bool{}, map[string]bool{}
	own := 0
	for _, n := range d.namespaces {
		subsystems[n.Subsystem] = n.Subsystem != ""
		for _, path := range n.Paths {
			seen[path.Controller] = true
			p.want++
			if path.Name == n.Name {
				own++
				p.names = append(p.names, n.Name)
			}
			switch {
			case !path.Live():
				p.why = append(p.why, path.Controller+": "+wayWords(path))
			case d.failedPath(n.Name):
				p.why = append(p.why, n.Name+" has failed")
			default:
				p.live++
			}
		}
	}
	p.mapless = own > 1 && len(d.ownMaps()) == 0
	p.want = max(p.want, 1)
	for _, c := range d.host.Controllers.Items {
		if subsystems[c.Subsystem] && !seen[c.Name] {
			p.want++
			p.why = append(p.why, "no path through "+c.Name+" ("+either(c.State, "state unknown")+")")
		}
	}
	names := map[string]bool{}
	for name := range subsystems {
		names[evidence.Initiator(d.host.subsystem(name))] = true
	}
	d.unreachedPaths(&p, names)
	return p
}

// failedPath reports that device-mapper has given up a path of the map.
func (d *device) failedPath(name string) bool {
	failed := func(p evidence.Path) bool { return p.Disk == name && p.Active.IsNot() }
	return slices.ContainsFunc(d.ownMaps(), func(m *evidence.Map) bool { return slices.ContainsFunc(m.Paths, failed) })
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
	switch {
	case p.mapless:
		return "multipathd was not running, or passed the disks over, when they appeared"
	case len(p.names) == 0 && len(d.ownMaps()) > 0:
		return "its paths were deleted under the map, by hand or by an unmap that failed half-way; the array still connects it"
	}
	for _, why := range p.why {
		switch {
		case strings.Contains(why, "no path through session"):
			return "LXD scans for the volume through the first session that it finds only; the others did not see it"
		case strings.HasPrefix(why, unreachedWords):
			return "the host has given up its way to one of the array's portals, or never logged in to it; LXD does when it next connects a volume"
		case strings.HasPrefix(why, "session "):
			return "the session to one of the array's portals is down"
		case strings.Contains(why, "no path through rport"):
			return "the LUN was not found through each of the array's ports that the adapters see: no scan since it was connected, or its disk was deleted on the host"
		case strings.HasPrefix(why, "rport-"):
			return "the fabric has lost the way to one of the array's ports"
		}
	}
	if len(d.namespaces) > 0 {
		return "a controller has lost its way to the array"
	}
	return "a path has failed"
}

// targets are the iSCSI targets of the array that made a volume, as far as the
// host's other disks tell; where none does, those of the arrays that it lies
// on.
func (d *device) targets() map[string]bool {
	made, all := map[string]bool{}, map[string]bool{}
	h := d.host
	for i := range h.Sessions.Items {
		if target := h.Sessions.Items[i].Target; d.mayLead(target) {
			all[target] = true
		}
	}
	for disk := range evidence.Refs(h.Disks.Items) {
		session := h.sessions[disk.Session]
		if session != nil && disk.Session != 0 && disk.Serial != "" && disk.Serial.Creator() == d.serial.Creator() {
			made[session.Target] = true
		}
	}
	if len(made) == 0 {
		return all
	}
	return made
}

// mayLead reports a target of the volume's array, or of a peer that has it too.
func (d *device) mayLead(target string) bool {
	v := d.volume
	if v == nil || v.array == nil {
		return evidence.PureTarget(target)
	}
	if evidence.LeadsTo(v.array.Array, target, d.host.arrays) {
		return true
	}
	return v.pool != nil && slices.ContainsFunc(v.pool.peers, func(p *peer) bool { return evidence.LeadsTo(p.Array, target, d.host.arrays) })
}

// deviceless lists volumes that LXD uses on a member to which the array
// connects them, and of which that machine has nothing at all.
func (f *facts) deviceless() []draft {
	var found []draft
	var e expectation
	for v := range f.judged() {
		if v.record == nil || v.code != "" || v.conns == none || v.Serial == "" || f.busyWith(v.record) != nil {
			continue
		}
		f.expectedAgain(&e, v)
		for row := range v.connections() {
			o := v.array.owner(row.Host)
			if o.host == nil || !o.ours.Is() || !e.on(o.member).Is() || !o.host.lacks(v) {
				continue
			}
			out := ofVolume(v)
			out.Host, out.Severity = o.host.Name, Critical
			out.Effect = "reads and writes of it fail, or what needs it can't start"
			seen, cause := o.host.seen(v)
			out.Detail = fmt.Sprintf("%s, %s; connected to %s, and %s has no device of it%s", out.LXD.String(), list(e.why()), row.Host, o.host.Name, seen)
			out.Cause = cause
			out.Remedy = []string{"find out why " + o.host.Name + " does not see it, as pureclean explain degraded-paths says", "then restart what uses it: LXD maps the volume anew"}
			found = append(found, out)
		}
	}
	return found
}

// lacks reports that a machine has nothing of a volume, not even in another
// volume's map or as a mount of something that is gone: those are told
// elsewhere. What it could not list or name it may have.
func (h *hostFacts) lacks(v *volume) bool {
	if h.partial() != "" || len(h.strange) > 0 {
		return false
	}
	d := h.of(v)
	return len(v.goneOn(h)) == 0 && (d == nil || (len(d.maps)+len(d.disks)+len(d.namespaces) == 0 && len(d.usage().certain) == 0))
}

// seen says what a machine has that should have shown it a volume, and what
// that makes the likely cause.
func (h *hostFacts) seen(v *volume) (words, cause string) {
	const cut = "the host has lost its way to the array, or the array host's initiators are not those it logs in with"
	name := v.array.Name
	leads := func(name string) bool { return evidence.LeadsTo(v.array.Array, name, h.arrays) }
	if v.pool.isNVMe() {
		live := howMany(h.Controllers.Items, func(c evidence.Controller) bool {
			// The controllers are all of FlashArrays, whether or not their
			// subsystem could be read.
			nqn := h.subsystem(c.Subsystem)
			return c.State == "live" && (nqn == "" || leads(nqn))
		})
		if live == 0 {
			return ": no NVMe controller of " + name + " is live", cut
		}
		return ", though " + count(live, "NVMe controller") + " of " + name + " " + numbered(live, "is", "are") + " live", "the controllers never showed the namespace: the notice of the new one was lost, or the device was taken away on the host"
	}
	if v.pool.pool == nil || v.pool.pool.Mode != evidence.ModeISCSI {
		live := howMany(h.RemotePorts.Items, func(port evidence.RemotePort) bool { return port.Live() && !port.NVMeOnly && leads(port.WWPN) })
		if live > 0 {
			return ", though " + count(live, "port") + " of " + name + " " + numbered(live, "is", "are") + " up in the fabric", "no scan since it was connected, or its disks were deleted on the host"
		}
		return "", "no path showed the LUN: zoning, or no scan since it was connected"
	}
	live := howMany(h.Sessions.Items, func(s evidence.Session) bool { return s.Live() && leads(s.Target) })
	if live == 0 {
		return ": no iSCSI session to " + name + " is up", cut
	}
	return ", though " + count(live, "iSCSI session") + " to " + name + " " + numbered(live, "is", "are") + " up", "the sessions never showed the LUN: no scan since it was connected, one that came too early, or the disks were deleted on the host"
}

// subsystem is the NQN of a subsystem; "" where that is not known.
func (h *hostFacts) subsystem(name string) string {
	for _, s := range h.Subsystems.Items {
		if s.Name == name {
			return s.NQN
		}
	}
	return ""
}

// wayWords is the state of a controller's way to a namespace.
func wayWords(path evidence.NamespacePath) string {
	words := either(path.State, "in no known state")
	if path.ANA != "" {
		words += " (ANA " + path.ANA + ")"
	}
	return words
}
