package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// machines are those that must have answered before a device or a volume is
// touched: for what is removed on one host that host; otherwise
// every member, connected or not, because a device that is in use although
// the array no longer connects it is in use all the same.
func (s Subject) machines() []*hostFacts {
	if s.device != nil && s.onHost() {
		return []*hostFacts{s.device.host}
	}
	return s.f.hosts
}

// onHost reports a remedy that changes one host's devices alone.
func (s Subject) onHost() bool { return slices.Contains(onHost, s.class) }

func hostsAnswered(s Subject) (Result, string) {
	if !s.onHost() {
		if !s.f.members.whole {
			return Uncertain, "the members are not all known, so it is not known whom to ask"
		}
		for _, member := range s.f.members.names {
			if s.f.hostOf(member) == nil && !s.f.down(member) {
				return Uncertain, "the devices of member " + member + " were not read" + s.f.whyNotDown(member)
			}
		}
	}
	var names []string
	for _, h := range s.machines() {
		if why := h.silent(); why != "" {
			return Uncertain, h.Name + ": " + why
		}
		names = append(names, h.Name)
	}
	if len(names) == 0 {
		return Uncertain, "no host was read"
	}
	return Pass, list(names) + " answered"
}

// says is a machine's name with what is to be said of it; "" where that is nothing.
func (h *hostFacts) says(why string) string {
	if why == "" {
		return ""
	}
	return h.Name + ": " + why
}

// silent says what keeps a machine's word on its devices from being whole and
// from being its own of just now.
func (h *hostFacts) silent() string {
	if why := h.partial(); why != "" {
		return why
	}
	if h.Recorded {
		return "it is a recording, which proves nothing of now: findings only, nothing is changed on it"
	}
	return ""
}

// partial says what keeps a machine's lists of its devices from being whole.
func (h *hostFacts) partial() string {
	if h.Trouble != "" {
		return h.Trouble
	}
	if h.Name == "" {
		return "it is not known which machine it is"
	}
	for _, part := range []struct{ what, why string }{
		{"SCSI disks", h.Disks.Why()},
		{"multipath maps", h.Maps.Why()},
		{"iSCSI sessions", h.Sessions.Why()},
		{"NVMe subsystems", h.Subsystems.Why()},
		{"NVMe controllers", h.Controllers.Why()},
		{"NVMe namespaces", h.Namespaces.Why()},
	} {
		if part.why != "" {
			return part.what + " are not all known: " + part.why
		}
	}
	return ""
}

// on is the device that a machine has of the subject.
func (s Subject) on(h *hostFacts) *device {
	if s.device != nil && s.onHost() {
		return s.device
	}
	return h.of(s.volume)
}

func notInUse(s Subject) (Result, string) {
	doubt, p := "", s.usedApart()
	if s.volume != nil && !s.onHost() {
		for _, gone := range s.volume.gone {
			return Fail, gone.host.Name + ": " + useWords(gone.use) + ", from a device that is gone"
		}
	}
	for _, h := range s.machines() {
		if d := s.on(h); d != nil {
			u := d.usage()
			if len(u.certain) > 0 && !p.isUser(s, h) {
				return Fail, h.Name + ": " + list(u.certain)
			}
			if len(u.waits) > 0 && !s.cutOff(h) {
				return Fail, h.Name + ": " + list(u.waits)
			}
			doubt = either(doubt, h.says(u.doubt))
		}
		doubt = either(doubt, h.says(h.blindness()))
	}
	if doubt != "" {
		return Uncertain, doubt
	}
	if p != nil {
		return s.inUseApart(p)
	}
	names := each(s.machines(), func(h *hostFacts) string { return h.Name })
	return Pass, "not mounted in any mount namespace, not held, not open, not swap on " + list(names)
}

// cutOff reports that the array certainly does not connect this host, so that
// nothing that waits there for a path will ever get one.
func (s Subject) cutOff(h *hostFacts) bool {
	if s.onHost() {
		return true // or it is no finding: not-connected asks
	}
	if s.volume == nil {
		return false
	}
	connected, _ := s.f.connectedTo(s.volume, h)
	return connected.IsNot()
}

// blindness says why a machine may not see all uses of its devices.
func (h *hostFacts) blindness() string {
	switch {
	case !h.Uses.IsComplete():
		return "uses are not all known: " + h.Uses.Why()
	case !h.AllProcesses.Is():
		return "processes are not all visible: " + either(h.AllProcessesWhy, "no reason was given")
	case len(h.stray) > 0:
		return "something uses a device that is gone, it is not known of which volume (" + useWords(h.stray[0]) + ")"
	case len(h.strange) > 0:
		return "it is not known which volume " + list(h.strange) + " is"
	}
	if zombies := h.zombies(); len(zombies) > 0 {
		return list(zombies) + " has neither controller nor namespace, so somebody still holds a namespace of it"
	}
	return ""
}

// Unseen says of each machine, in the world's order, why it may have or use
// more of a volume than it shows; "" is nothing. A recording is of another time.
func Unseen(world *evidence.World) []string {
	return each(newFacts(world, Policy{}).hosts, func(h *hostFacts) string { return either(h.silent(), h.blindness()) })
}

// OnlyUdev reports that workers of udev have a volume open, or a device that has
// gone and of which nobody can tell whether it was this one, and that nothing else
// uses it or may, on any machine: they look at a device when it changes or another one
// goes, for a moment. They are known by their names, so it is a reason to look again
// and none to go on.
func OnlyUdev(world *evidence.World, serial evidence.Serial) bool {
	without, looks := *world, false
	without.Hosts = slices.Clone(world.Hosts)
	for h := range evidence.Refs(without.Hosts) {
		open := map[string]int64{}
		h.Uses.Items = slices.DeleteFunc(slices.Clone(h.Uses.Items), func(use evidence.Use) bool {
			passing := use.LikeUdev() && !use.Waits && (use.Serial == serial || use.Serial == "")
			if passing {
				open[use.Device]++
			}
			return passing
		})
		h.Maps.Items = slices.Clone(h.Maps.Items)
		for m := range evidence.Refs(h.Maps.Items) {
			m.OpenCount.N -= open[m.Kernel]
		}
		looks = looks || len(open) > 0
	}
	f := newFacts(&without, Policy{})
	for _, h := range f.hosts {
		if either(h.partial(), h.blindness()) != "" {
			return false
		}
		if d := h.devices[serial]; d != nil {
			if u := d.usage(); len(u.certain)+len(u.waits) > 0 || u.doubt != "" {
				return false
			}
		}
	}
	for v := range f.volumes() {
		if v.Serial == serial && len(v.gone) > 0 {
			return false
		}
	}
	return looks
}

func noIO(s Subject) (Result, string) {
	doubt, p := "", s.usedApart()
	for _, h := range s.machines() {
		d := s.on(h)
		if d == nil || p.isUser(s, h) {
			continue
		}
		for _, part := range d.counters() {
			if !part.Inflight.Known {
				doubt = either(doubt, h.Name+": it is not known whether I/O of "+part.name+" is under way")
			} else if part.Inflight.N > 0 {
				return Fail, h.Name + ": " + count(int(part.Inflight.N), "request") + " of " + part.name + " under way"
			}
		}
	}
	if s.onHost() {
		if doubt != "" {
			return Uncertain, doubt
		}
		return Pass, "no request is under way on " + s.device.host.Name
	}
	v := s.volume
	busy := v.activity()
	switch {
	case p != nil && doubt != "":
		return Uncertain, doubt
	case p != nil:
		return s.ioApart(p, busy)
	case busy.Is():
		return Fail, "the array measured recent I/O of it"
	case doubt != "":
		return Uncertain, doubt
	case v.conns == none && !v.connectedThere() && !v.disagrees() && v.array.Connections.IsComplete():
		// Nothing can reach a volume without a connection, so that nothing
		// was measured is not missed.
		return Pass, "it is connected to nothing, so there can be no I/O"
	case busy.IsNot():
		return Pass, "the array measured no I/O of it, and no request is under way on any host"
	default:
		return Uncertain, "the array has not measured it, which does not mean that it is idle"
	}
}

// counter is what the kernel counts of a part of a device.
type counter struct {
	name string
	evidence.IO
}

// ends are the parts through which all I/O of a device goes to the array.
func (d *device) ends() []counter {
	return append(each(d.disks, func(disk *evidence.Disk) counter { return counter{disk.Name, disk.IO} }),
		each(d.namespaces, func(n *evidence.Namespace) counter { return counter{n.Name, n.IO} })...)
}

func (d *device) counters() []counter {
	of := func(m *evidence.Map) counter { return counter{m.Name, m.IO} }
	return slices.Concat(each(d.maps, of), each(d.parts, of), d.ends())
}

// pathIdentity: what sysfs says of a SCSI device is from when it was added.
// After its LUN number was given to another volume it names the wrong one,
// and only the device's own answer tells. And a path that answers rightly can
// still be part of another volume's map, which is then what uses it.
func pathIdentity(s Subject) (Result, string) {
	doubt, checked := "", []string{}
	for _, h := range s.machines() {
		d := s.on(h)
		if d != nil {
			if why := d.strays(); why != "" {
				return Fail, h.Name + ": " + why
			}
			for _, disk := range d.disks {
				if why := d.differs(disk); why != "" {
					return Fail, h.Name + ": " + why
				}
				doubt = either(doubt, h.says(s.unproven(h, disk)))
				checked = append(checked, disk.Name)
			}
			for _, n := range d.namespaces {
				if n.Name == "" {
					doubt = either(doubt, h.Name+": a namespace of it has no name")
				}
				doubt = either(doubt, h.says(s.deaf(h, n)))
				checked = append(checked, n.Name)
			}
			for _, m := range append(slices.Clone(d.maps), d.parts...) {
				doubt = either(doubt, h.says(h.unlisted(m)))
			}
		}
		if !s.onHost() {
			doubt = either(doubt, s.hidden(h, d))
		}
	}
	if doubt != "" {
		return Uncertain, doubt
	}
	if len(checked) == 0 {
		return Pass, "no host has a device of it"
	}
	return Pass, list(checked) + ": each is this volume and no other"
}

// unproven says why it is not proven which volume a disk leads to.
func (s Subject) unproven(h *hostFacts, disk *evidence.Disk) string {
	live := disk.Live.Kind
	if disk.Name == "" {
		return "a path has no name"
	}
	if s.onHost() {
		// The array says that this host is not connected. A path that could
		// be asked and did not say "gone" contradicts it.
		asked := disk.State == "running" || disk.State == ""
		if live == evidence.IdentityGone || (live == evidence.IdentityUnknown && !asked) {
			return ""
		}
		if live == evidence.IdentityKnown {
			return disk.Name + " still answers, although the array connects nothing there"
		}
		return disk.Name + " is running and did not say which volume it is (" + either(disk.Live.Why, "not asked") + ")"
	}
	if live != evidence.IdentityUnknown {
		return ""
	}
	if connected, _ := s.f.connectedTo(s.volume, h); connected.IsNot() && disk.State != "running" && disk.State != "" {
		return ""
	}
	return disk.Name + " did not say which volume it is (" + either(disk.Live.Why, "not asked") + ")" + s.f.becauseOf(h, disk)
}

// deaf says which controller would not hear that the array takes a namespace
// away: the device would stay, with nothing behind it.
func (s Subject) deaf(h *hostFacts, n *evidence.Namespace) string {
	if s.cutOff(h) {
		return ""
	}
	for _, p := range n.Paths {
		if p.State != "live" {
			return "controller " + p.Controller + " is " + either(p.State, "in no known state") + " and would not see " + n.Name + " go"
		}
	}
	return ""
}

// unlisted says that a map is not named after its volume, or has a path that
// is no disk in the list. Maps are removed by their uuid.
func (h *hostFacts) unlisted(m *evidence.Map) string {
	if serial, ok := evidence.SerialOf(m.UUID); !ok || serial != m.Serial || m.Name == "" {
		return "map " + quoted(m.Name) + " has the uuid " + quoted(m.UUID) + ", which is not volume " + quoted(string(m.Serial))
	}
	if m.Partition {
		return ""
	}
	for _, p := range m.Paths {
		if h.path(p) == nil {
			return "path " + either(p.Disk, p.Dev, "without a name") + " of " + m.Name + " is not among the disks"
		}
	}
	return ""
}

// hidden says whether one of a host's other disks may lead to the volume: one
// that does not answer, on a host that is connected, at the volume's LUN.
func (s Subject) hidden(h *hostFacts, d *device) string {
	disk := s.hiddenDisk(h, d)
	if disk == nil {
		return ""
	}
	return h.Name + ": " + disk.Name + " did not say which volume it is (" + either(disk.Live.Why, "not asked") + "), and it may be this one" + s.f.becauseOf(h, disk)
}

func (s Subject) hiddenDisk(h *hostFacts, d *device) *evidence.Disk {
	connected, _ := s.f.connectedTo(s.volume, h)
	if connected.IsNot() {
		return nil
	}
	if s.volume.onlyNVMe() {
		return nil // no SCSI disk can lead to it
	}
	luns := map[int64]bool{}
	for row := range s.volume.connections() {
		luns[row.LUN] = true
	}
	s.volume.throughPeers(func(c throughPeer) { luns[c.row.LUN] = true })
	if s.volume.pool != nil && s.volume.pool.unreadPeer != "" {
		luns[0] = true // a peer may show it at any
	}
	for disk := range evidence.Refs(h.Disks.Items) {
		if (disk.Live.Kind == evidence.IdentityKnown && disk.Live.Serial != "") || disk.Live.Kind == evidence.IdentityGone || (d != nil && slices.Contains(d.disks, disk)) {
			continue
		}
		if at, known := evidence.LUN(disk.HCTL); known && !luns[0] && len(luns) > 0 && !luns[at] {
			continue
		}
		return disk
	}
	return nil
}

// onlyNVMe reports a volume of an NVMe pool that is connected to nothing but
// hosts without SCSI initiators.
func (v *volume) onlyNVMe() bool {
	only := v.pool.isNVMe()
	for row := range v.connections() {
		only = only && v.array.isOnlyNVMe(row)
	}
	v.throughPeers(func(c throughPeer) { only = only && c.by.isOnlyNVMe(c.row) })
	return only
}

func (a *arrayFacts) isOnlyNVMe(row *evidence.Connection) bool {
	object := a.hosts[lower(row.Host)]
	return object != nil && len(object.NQNs) > 0 && len(object.IQNs)+len(object.WWNs) == 0
}

func lower(s string) string { return strings.ToLower(s) }
