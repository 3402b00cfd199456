package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// portrayHosts adds every machine that is connected to a volume or has a
// device of it.
func (f *facts) portrayHosts(p *Portrait, v *volume) {
	told := map[*evidence.Connection]bool{}
	for _, h := range f.hosts {
		var rows []*evidence.Connection
		for row := range v.connections() {
			if o := v.array.owner(row.Host); slices.Contains(o.hosts, h) || f.machineOf(o) == h {
				rows, told[row] = append(rows, row), true
			}
		}
		d := h.of(v)
		if len(rows) == 0 && !v.throughPeersTo(h) && !d.visible() && len(v.goneOn(h)) == 0 && f.misnomers(h, v.Serial) == "" {
			p.without(h)
			continue
		}
		p.Hosts = append(p.Hosts, f.portrayHost(v, h, d, rows))
		p.Strays = append(p.Strays, f.straysOf(d)...)
	}
	var silent []string
	for row := range v.connections() {
		if told[row] {
			continue
		}
		o := v.array.owner(row.Host)
		host := HostPortrait{
			Name: either(o.member, connectionName(row)), Unread: true,
			Tie: Tie{evidence.Unknown, "connected to " + connectionWords(row) + ": " + either(o.why, "it is not known whose it is")},
			Use: Tie{evidence.Unknown, "its devices were not read"},
		}
		if o.ours.IsNot() {
			host.Tie.Agrees = evidence.No
		}
		silent = append(silent, lower(o.member))
		p.Hosts = append(p.Hosts, host)
	}
	for _, member := range f.members.names {
		if f.hostOf(member) == nil && !slices.Contains(silent, lower(member)) {
			p.Unread = append(p.Unread, member)
		}
	}
}

func (f *facts) portrayHost(v *volume, h *hostFacts, d *device, rows []*evidence.Connection) HostPortrait {
	host := HostPortrait{Name: h.Name, Unread: h.partial() != ""}
	connected, why := f.connectedTo(v, h)
	if d != nil {
		host.Devices = d.portraits()
		if connected.Is() && len(host.Devices) > 0 {
			host.Devices[0].Paths = append(host.Devices[0].Paths, d.absent()...)
		}
	}
	how := each(rows, connectionWords)
	v.throughPeers(func(c throughPeer) {
		if slices.Contains(c.owner().hosts, h) {
			how = append(how, c.words())
		}
	})
	switch {
	case connected.Is() && d.visible():
		host.Tie = Tie{evidence.Yes, "connected to " + list(how)}
	case connected.Is() && h.partial() != "":
		host.Tie = Tie{evidence.Unknown, "connected to " + list(how) + "; " + h.partial()}
	case connected.Is():
		host.Tie = Tie{evidence.No, "connected to " + list(how) + ", and no device here"}
	case connected.IsNot():
		host.Tie = Tie{evidence.No, "the array does not connect it here"}
	default:
		host.Tie = Tie{evidence.Unknown, why}
	}
	if why := f.misnomers(h, v.Serial); why != "" {
		host.Tie = Tie{evidence.No, host.Tie.Words + "; " + why}
	}
	host.Use = f.useTie(v, h, d, connected)
	if v.record != nil && v.code == "" && host.Use.Agrees.Is() && len(rows) > 0 {
		e := f.expected(v)
		if slices.ContainsFunc(rows, func(row *evidence.Connection) bool { return f.isStale(v, row, e) }) {
			host.Use = Tie{evidence.No, "connected here, and nothing uses it"}
		}
	}
	return host
}

// straysOf are the volumes to which a device's paths lead and that are not its
// own.
func (f *facts) straysOf(d *device) []Stray {
	if d == nil {
		return nil
	}
	var serials []evidence.Serial
	paths := map[evidence.Serial][]string{}
	for _, disk := range d.everyPath() {
		for _, serial := range identities(disk) {
			if serial == d.serial {
				continue
			}
			if paths[serial] == nil {
				serials = append(serials, serial)
			}
			paths[serial] = append(paths[serial], disk.Name)
		}
	}
	var strays []Stray
	for _, serial := range serials {
		s := Stray{
			Words: list(paths[serial]) + " on " + d.host.Name + " leads here instead",
			Array: Panel{Witness: "the array", Title: "not known which volume", Lines: []string{"of serial " + string(serial)}},
		}
		for _, a := range f.created(serial) {
			switch found := a.lookups[serial]; {
			case found == nil:
			case found.Found.Is():
				s.Array = Panel{Witness: a.Name, Has: evidence.Yes, Title: either(found.Name, "a volume"), Lines: []string{"serial " + string(serial), "outside LXD's pods"}}
			case found.Found.IsNot():
				s.Array = Panel{Witness: a.Name, Has: evidence.No, Title: "no volume", Lines: []string{"of serial " + string(serial)}}
			}
		}
		if v := f.volumeOf(serial); v != nil {
			s.Array = arrayPanel(v)
			record := "no record in LXD is known"
			if v.record != nil {
				record = "LXD's " + lxdName(v.record).String()
			}
			s.Array.Lines = append(s.Array.Lines, record)
		}
		strays = append(strays, s)
	}
	return strays
}

// useTie says what uses a device. A use is as it should be when the array
// connects the volume to this machine and LXD knows it. v is nil for a device
// without a volume.
func (f *facts) useTie(v *volume, h *hostFacts, d *device, connected evidence.Answer) Tie {
	var u usage
	if d != nil {
		u = d.usage()
	}
	certain := u.certain
	if v != nil {
		for _, gone := range v.goneOn(h) {
			certain = append(certain, useWords(gone)+", from a device that is gone")
		}
	}
	switch doubt := either(u.doubt, h.partial(), h.blindness()); {
	case len(certain) > 0 && v != nil && v.record == nil:
		return Tie{evidence.No, list(certain)}
	case len(certain) > 0:
		return Tie{connected, list(certain)}
	case doubt != "":
		return Tie{evidence.Unknown, "no use seen; " + doubt}
	default:
		return Tie{evidence.Yes, "nothing uses it"}
	}
}

// goneOn lists uses on a machine of a device of the volume that is gone.
func (v *volume) goneOn(h *hostFacts) []*evidence.Use {
	var uses []*evidence.Use
	for _, gone := range v.gone {
		if gone.host == h {
			uses = append(uses, gone.use)
		}
	}
	return uses
}

// visible reports a device of which something is there.
func (d *device) visible() bool {
	return d != nil && len(d.disks)+len(d.maps)+len(d.namespaces)+len(d.uses) > 0
}

// portraits lists what there is of a device.
func (d *device) portraits() []DevicePortrait {
	var all []DevicePortrait
	for _, m := range d.maps {
		p := DevicePortrait{Kind: "map", Name: m.Name, Note: mapNote(m)}
		if m.Serial != d.serial {
			p.Note = join("the map of another volume", p.Note)
		}
		for _, path := range m.Paths {
			disk := d.host.path(path)
			if disk == nil {
				p.Paths = append(p.Paths, PathPortrait{either(path.Disk, path.Dev), evidence.No, "is gone"})
				continue
			}
			p.Paths = append(p.Paths, d.pathPortrait(disk))
		}
		all = append(all, p)
	}
	for _, disk := range d.disks {
		if !d.mapped(disk) {
			all = append(all, DevicePortrait{Kind: "disk", Name: disk.Name, Note: "no map", Paths: []PathPortrait{d.pathPortrait(disk)}})
		}
	}
	for _, n := range d.namespaces {
		p := DevicePortrait{Kind: "namespace", Name: n.Name}
		for _, path := range n.Paths {
			p.Paths = append(p.Paths, PathPortrait{path.Controller, evidence.AnswerOf(path.Live()), strings.TrimSpace(path.State + " " + path.ANA)})
		}
		if len(n.Paths) == 0 {
			p.Note = "no path"
		}
		all = append(all, p)
	}
	return all
}

// absent are the sessions and controllers that should lead to the volume and
// do not.
func (d *device) absent() []PathPortrait {
	var p paths
	switch {
	case len(d.namespaces) > 0:
		p = d.nvmePaths()
	case len(d.ownMaps())+len(d.bare()) > 0:
		p = d.scsiPaths()
	}
	missing := those(p.why, func(why string) bool { return strings.HasPrefix(why, "no path ") })
	return each(missing, func(why string) PathPortrait { return PathPortrait{why, evidence.No, ""} })
}

func mapNote(m *evidence.Map) string {
	var notes []string
	for _, note := range []struct {
		answer evidence.Answer
		words  string
	}{{m.Suspended, "suspended"}, {m.Deferred, "goes when it is closed"}, {m.Queueing, "waits for ever without a path"}} {
		if note.answer.Is() {
			notes = append(notes, note.words)
		}
	}
	if len(m.Paths) == 0 {
		notes = append(notes, "no path")
	}
	return join(notes...)
}

// pathPortrait is one disk. What leads to another volume is worse than dead.
func (d *device) pathPortrait(disk *evidence.Disk) PathPortrait {
	p := PathPortrait{Name: disk.Name, Live: evidence.Yes, Words: either(disk.State, "state not known")}
	if disk.State == "" {
		p.Live = evidence.Unknown
	}
	why := either(d.differs(disk), d.dead(disk))
	if why != "" {
		p.Live, p.Words = evidence.No, strings.TrimPrefix(why, disk.Name+" ")
	}
	if session := d.host.sessions[disk.Session]; session != nil && disk.Session != 0 && why == "" {
		p.Words += ", " + session.Address
		if !session.Live() {
			p.Live, p.Words = evidence.No, "session to "+session.Address+" is "+strings.TrimSpace(session.State+" "+session.ConnState)
		}
	}
	return p
}
