package diagnose

import (
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Portrait is one volume, or what is left of one, as each witness has it and
// where they contradict each other: what a picture of it needs. It is for
// showing only. Findings and gates judge.
type Portrait struct {
	// Key is the same for everything that is about the same volume.
	Key string
	// Record is what LXD has, Array what the array has; RecordTie says
	// whether the two agree.
	Record    Panel
	RecordTie Tie
	Array     Panel
	// Hosts are the machines that have it or are connected to it.
	Hosts []HostPortrait
	// Strays are the other volumes to which paths of its devices lead.
	Strays []Stray
	// Elsewhere are the machines that answered and have neither a connection
	// nor a device of it, Unread those that did not answer.
	Elsewhere []string
	Unread    []string
}

// Panel is what one witness has.
type Panel struct {
	Witness string
	Has     evidence.Answer
	// Title is the witness's own name for it, Lines what it says of it.
	Title string
	Lines []string
}

// Tie is what should hold between two witnesses: yes, they agree; no, they
// contradict each other; or it could not be told.
type Tie struct {
	Agrees evidence.Answer
	Words  string
}

// Stray is a volume that is read and written under the name of another one.
type Stray struct {
	Words string
	Array Panel
}

// HostPortrait is one machine's part.
type HostPortrait struct {
	Name string
	// Unread is set when its devices were not all read: that none is shown
	// means nothing then.
	Unread bool
	// Tie is between the array's connections and this machine's devices.
	Tie     Tie
	Devices []DevicePortrait
	// Use says what uses the devices, and whether that is as it should be.
	Use Tie
}

// DevicePortrait is a map, a disk without a map, or a namespace.
type DevicePortrait struct {
	Kind string
	Name string
	// Note is what is special about it.
	Note  string
	Paths []PathPortrait
}

// PathPortrait is one way to the array.
type PathPortrait struct {
	Name string
	// Live is no when something says that nothing gets through, or that the
	// path leads to another volume.
	Live  evidence.Answer
	Words string
}

// Gallery draws portraits of what is in one world.
type Gallery struct {
	f         *facts
	snapshots map[string]snapshotAt
}

type snapshotAt struct {
	array *arrayFacts
	index int
}

// NewGallery reads the world once.
func NewGallery(w evidence.World, p Policy) *Gallery {
	g := &Gallery{f: newFacts(&w, p), snapshots: map[string]snapshotAt{}}
	for _, a := range g.f.arrays {
		for i := range a.Snapshots.Items {
			g.snapshots[a.ID+"/"+a.Snapshots.Items[i].ID] = snapshotAt{a, i}
		}
	}
	return g
}

// Finding is the portrait of what a finding is about; false for what is no
// volume, such as a setting.
func (g *Gallery) Finding(finding Finding) (Portrait, bool) {
	return g.portrait(finding.ArrayID, finding.VolumeID, finding.Serial, finding.Pool, finding.LXD, finding.Code == "missing-volume")
}

// Explanation is the portrait of what was explained.
func (g *Gallery) Explanation(e Explanation) (Portrait, bool) {
	for _, a := range g.f.arrays {
		if p, ok := g.portrait(a.ID, e.VolumeID, e.Serial, e.Pool, e.LXD, e.VolumeID == ""); ok && (e.VolumeID == "" || p.Array.Has.Is()) {
			return p, true
		}
	}
	return g.portrait("", "", e.Serial, e.Pool, e.LXD, true)
}

// portrait finds what the ids name: a volume, a snapshot, a device without a
// volume, or, where it is asked for, a record without one.
func (g *Gallery) portrait(array, id string, serial evidence.Serial, pool string, name LXDName, record bool) (Portrait, bool) {
	for _, a := range g.f.arrays {
		if a.ID != array || id == "" {
			continue
		}
		if i, ok := a.byID[id]; ok {
			return g.f.portrayVolume(&a.volumes[i]), true
		}
	}
	if at, ok := g.snapshots[array+"/"+id]; ok && id != "" {
		return g.f.portraySnapshot(at.array, at.index), true
	}
	if serial != "" && id == "" {
		return g.f.portrayDevices(serial)
	}
	if record && name.Name != "" {
		for i := range g.f.records.list {
			if r := &g.f.records.list[i]; r.Pool == pool && lxdName(r) == name {
				return g.f.portrayRecord(r), true
			}
		}
	}
	return Portrait{}, false
}

func (f *facts) lxdWitness() string { return strings.TrimSpace("LXD " + f.world.LXD.Version) }

func (f *facts) portrayVolume(v *volume) Portrait {
	p := Portrait{Key: "volume " + v.array.ID + " " + v.ID}
	p.Record, p.RecordTie = f.recordPanel(v)
	p.Array = arrayPanel(v)
	if v.disagrees() {
		p.Array.Lines = append(p.Array.Lines, "the array counts other connections of it than it lists")
	}
	if v.busy.Is() {
		p.Array.Lines = append(p.Array.Lines, "recent I/O")
	}
	f.portrayHosts(&p, v)
	return p
}

// arrayPanel is the array's side of a volume.
func arrayPanel(v *volume) Panel {
	return Panel{Witness: v.array.Name, Has: evidence.Yes, Title: v.Name, Lines: []string{
		join(size(v.Provisioned), destroyedWords(v.array, v.Destroyed, v.Remaining), made(v.Created)),
		"serial " + either(string(v.Serial), "not known"),
	}}
}

// recordPanel is LXD's side of a volume.
func (f *facts) recordPanel(v *volume) (Panel, Tie) {
	panel := Panel{Witness: f.lxdWitness()}
	if v.record != nil {
		panel.Has, panel.Title = evidence.Yes, lxdName(v.record).String()
		panel.Lines = []string{"uuid " + v.record.UUID.String()}
		switch {
		case v.code == codeLeakedSnapshotVolume:
			return panel, Tie{evidence.No, "a copy of the snapshot that LXD left behind"}
		case v.LXD.Snapshot:
			return panel, Tie{evidence.Yes, "a copy of the snapshot, in use"}
		case v.Destroyed.Is():
			return panel, Tie{evidence.No, "LXD has a record, the array has destroyed it"}
		case !v.Destroyed.IsNot():
			return panel, Tie{evidence.Unknown, "not known whether the array has destroyed it"}
		}
		return panel, Tie{evidence.Yes, "the same uuid" + halfWords(v.LXD)}
	}
	switch {
	case v.pool == nil:
		panel.Title = "not asked"
		return panel, Tie{evidence.Unknown, "it is outside LXD's pods"}
	case v.code == codeForeign:
		panel.Has, panel.Title = evidence.No, "no record"
		return panel, Tie{evidence.No, "in LXD's pod, and the name is not LXD's"}
	}
	result, why := noRecord(Subject{f: f, class: ClassDestroy, array: v.array, pool: v.pool, volume: v})
	if result != Pass {
		panel.Title = "not known whether there is a record"
		return panel, Tie{evidence.Unknown, why}
	}
	panel.Has, panel.Title, panel.Lines = evidence.No, "no record", []string{"of uuid " + v.LXD.UUID.String()}
	switch {
	case v.Destroyed.Is():
		return panel, Tie{evidence.Yes, "destroyed on the array, no record in LXD"}
	case v.code == codeDisappeared:
		return panel, Tie{evidence.No, "LXD had a record and has lost it"}
	default:
		return panel, Tie{evidence.No, "the array has it, LXD does not know it"}
	}
}

func (f *facts) portraySnapshot(a *arrayFacts, index int) Portrait {
	s, source := &a.Snapshots.Items[index], a.source(index)
	pool := a.pools[lower(s.Pod)]
	p := Portrait{Key: "snapshot " + a.ID + " " + s.ID}
	p.Array = Panel{Witness: a.Name, Has: evidence.Yes, Title: s.Name, Lines: []string{
		join("snapshot", destroyedWords(a, s.Destroyed, s.Remaining), made(s.Created)),
		"of " + either(s.SourceName, "a volume that is not known"),
	}}
	p.Record = Panel{Witness: f.lxdWitness()}
	if source != nil && source.record != nil {
		p.Record.Lines = []string{"of " + lxdName(source.record).String()}
	}
	if pool != nil {
		if record := f.records.find(pool.name, s.LXD); record != nil {
			p.Record.Has, p.Record.Title = evidence.Yes, lxdName(record).String()
			p.RecordTie = Tie{evidence.AnswerOf(!s.Destroyed.Is()), "the same uuid"}
			if s.Destroyed.Is() {
				p.RecordTie.Words = "LXD has a record, the array has destroyed it"
			}
			return p
		}
	}
	result, why := noRecord(Subject{f: f, class: ClassSnapshot, array: a, pool: pool, snapshot: s, volume: source})
	switch {
	case result != Pass:
		p.Record.Title, p.RecordTie = "not known whether there is a record", Tie{evidence.Unknown, why}
	case s.Destroyed.Is():
		p.Record.Has, p.Record.Title, p.RecordTie = evidence.No, "no record", Tie{evidence.Yes, "destroyed on the array, no record in LXD"}
	default:
		p.Record.Has, p.Record.Title, p.RecordTie = evidence.No, "no record", Tie{evidence.No, "the array has it, LXD does not know it"}
	}
	return p
}

// portrayRecord is the portrait of a record without anything on the array.
func (f *facts) portrayRecord(r *evidence.Record) Portrait {
	p := Portrait{Key: "record " + r.Pool + " " + r.UUID.String() + " " + lxdName(r).String()}
	p.Record = Panel{Witness: f.lxdWitness(), Has: evidence.Yes, Title: lxdName(r).String(), Lines: []string{"uuid " + r.UUID.String(), "in pool " + r.Pool}}
	p.Array = Panel{Witness: "the array", Title: "not known whether there is a volume"}
	p.RecordTie = Tie{evidence.Unknown, "not everything could be read"}
	pool := f.poolNamed(r.Pool)
	if pool == nil || pool.array == nil {
		return p
	}
	p.Array.Witness = pool.array.Name
	if pool.pod == nil || !pool.array.Volumes.IsComplete() {
		return p
	}
	if missing := f.missing(r, pool); len(missing) > 0 {
		p.Array.Has, p.Array.Title, p.Array.Lines = evidence.No, "no "+missing[0], []string{"of this uuid, live or destroyed"}
		p.RecordTie = Tie{evidence.No, "LXD has a record, the array has nothing"}
	}
	return p
}

// portrayDevices is the portrait of devices whose volume no pod of ours has.
func (f *facts) portrayDevices(serial evidence.Serial) (Portrait, bool) {
	p := Portrait{Key: "serial " + string(serial)}
	p.Record = Panel{Witness: f.lxdWitness(), Title: "not asked", Lines: []string{"LXD knows no serials"}}
	p.RecordTie = Tie{evidence.Unknown, "without a volume there is no uuid to ask for"}
	p.Array = Panel{Witness: "the array"}
	for _, h := range f.hosts {
		d := h.devices[serial]
		if d == nil {
			p.without(h)
			continue
		}
		if d.volume != nil {
			return f.portrayVolume(d.volume), true
		}
		if makers := f.created(serial); len(makers) > 0 {
			p.Array.Witness = makers[0].Name
		}
		answer, why := f.connectedElsewhere(d)
		host := HostPortrait{Name: h.Name, Unread: h.partial() != "", Devices: d.portraits(), Tie: Tie{evidence.Unknown, why}, Use: f.useTie(nil, h, d, answer)}
		p.Array.Has, p.Array.Title = evidence.Unknown, "not known whether there is a volume"
		if answer.IsNot() {
			p.Array.Has, p.Array.Title = evidence.No, "no volume"
			host.Tie = Tie{evidence.No, "a device, and no volume behind it"}
		}
		p.Hosts = append(p.Hosts, host)
	}
	p.Array.Lines = []string{"of serial " + string(serial)}
	return p, len(p.Hosts) > 0
}

// without notes a machine that has no part in it.
func (p *Portrait) without(h *hostFacts) {
	if h.partial() != "" {
		p.Unread = append(p.Unread, either(h.Name, "a machine without a name"))
		return
	}
	p.Elsewhere = append(p.Elsewhere, h.Name)
}
