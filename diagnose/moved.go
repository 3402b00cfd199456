package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

const codeMoved = "moved-volume"

// move is a volume that LXD has a record of and that is not where LXD looks
// for it: an administrator renamed it, or moved it into a volume group or out
// of its pod. A name is the weakest sign of what a volume is. It is known by
// its serial on a host, by its id on the array, by LXD's uuid in the last part
// of its name, and by its snapshots.
type move struct {
	record *evidence.Record
	array  *arrayFacts
	// volume is set for one that is still in a pod of ours, other for one that
	// is not.
	volume *volume
	other  *evidence.Other
	// how says by what it is known.
	how []string
	// mounts are where hosts have it mounted.
	mounts []string
}

func (m *move) name() string {
	if m.volume != nil {
		return m.volume.Name
	}
	return m.other.Name
}

// joinMoves finds the volumes that were moved or renamed.
func (f *facts) joinMoves() {
	f.movedVolumes, f.movedRecords = map[*volume]*move{}, map[*evidence.Record][]*move{}
	for _, a := range f.arrays {
		j := moveJoin{f: f, a: a, lost: f.lostNames(a)}
		for i := range a.volumes {
			v := &a.volumes[i]
			if v.pool == nil || v.LXD.Snapshot || f.records.find(v.pool.name, v.LXD) != nil {
				continue
			}
			j.add(&move{array: a, volume: v}, v.Name, v.ID, v.Serial, v.LXD.IsLXD())
		}
		for i := range a.Elsewhere.Items {
			o := &a.Elsewhere.Items[i]
			j.add(&move{array: a, other: o}, o.Name, o.ID, o.Serial, false)
		}
	}
}

// moveJoin finds those of one array. lost are the records, by the name of the
// object that the pod does not have.
type moveJoin struct {
	f    *facts
	a    *arrayFacts
	lost map[string]*evidence.Record
}

// lostNames are the names, without the pod, that LXD's records of an array's
// pools should have there and have not, each with its record.
func (f *facts) lostNames(a *arrayFacts) map[string]*evidence.Record {
	lost := map[string]*evidence.Record{}
	for i := range f.records.list {
		record := &f.records.list[i]
		pool := f.poolNamed(record.Pool)
		if record.Snapshot || record.UUID.IsZero() || pool == nil || pool.pod == nil || pool.array != a {
			continue
		}
		for _, content := range contents(record) {
			name := evidence.Name{Type: record.Type, Content: content, UUID: record.UUID}
			found := false
			a.named(pool, name, func(*volume) { found = true })
			if !found && spelling(name) != "" {
				lost[spelling(name)] = record
			}
		}
	}
	return lost
}

// isLost reports a record of which a volume is not in its place.
func (j *moveJoin) isLost(record *evidence.Record) bool {
	for _, lost := range j.lost {
		if lost == record {
			return true
		}
	}
	return false
}

// add asks every sign but the name. A volume that is in LXD's naming itself is
// only taken for another one's while that one is not in its place: old mounts
// and earlier sightings outlive what they are of.
func (j *moveJoin) add(m *move, name, id string, serial evidence.Serial, inNaming bool) {
	claim := func(record *evidence.Record, how string) {
		if record == nil || (m.record != nil && m.record != record) || (inNaming && !j.isLost(record)) {
			return
		}
		m.record = record
		if !slices.Contains(m.how, how) {
			m.how = append(m.how, how)
		}
	}
	claim(j.lost[lower(leaf(name))], "the last part of its name is the one that LXD gave it")
	for _, h := range j.f.hosts {
		d := h.devices[serial]
		if serial == "" || d == nil {
			continue
		}
		for _, use := range d.uses {
			if record := j.f.recordAt(use); record != nil {
				claim(record, h.Name+" has it mounted at LXD's path "+use.Where)
				m.mounts = append(m.mounts, use.Where+" on "+h.Name)
			}
		}
	}
	if seen := j.f.sighting(j.a, id); seen != nil && !seen.Recorded.IsZero() && !strings.EqualFold(seen.Name, name) {
		claim(j.f.recordSeen(seen), "it was "+seen.LXDName+" when it was last seen, on "+day(seen.Recorded))
	}
	if m.volume != nil && !inNaming {
		m.volume.snapshots(func(s *evidence.Snapshot) {
			claim(j.f.recordOfSnapshot(m.volume.pool, s), "its snapshot "+s.Name+" is one of LXD's")
		})
	}
	if m.record == nil {
		return
	}
	if m.volume != nil {
		j.f.movedVolumes[m.volume] = m
	}
	j.f.movedRecords[m.record] = append(j.f.movedRecords[m.record], m)
	j.f.moves = append(j.f.moves, m)
}

// recordAt is the record whose volume LXD mounts at the path of a use. Images
// are mounted before their record is written.
func (f *facts) recordAt(use *evidence.Use) *evidence.Record {
	pool, kind, name, ok := lxdPath(use.Where)
	if use.Kind != evidence.UseMount || !ok {
		return nil
	}
	if f.byDirectory == nil {
		f.byDirectory = make(map[string]*evidence.Record, len(f.records.list))
		for i := range f.records.list {
			record := &f.records.list[i]
			if record.Type != evidence.TypeImage && !record.Snapshot {
				f.byDirectory[record.Pool+"/"+directoryOf(record)] = record
			}
		}
	}
	return f.byDirectory[pool+"/"+kind+"/"+name]
}

// recordSeen is the record under which an earlier run saw a volume. An older
// version wrote down neither the pool nor the project: what fits several
// records then says nothing.
func (f *facts) recordSeen(seen *evidence.Sighting) *evidence.Record {
	var found *evidence.Record
	for i := range f.records.list {
		record := &f.records.list[i]
		name := record.Type + "/" + record.Name
		if record.Type == evidence.TypeImage || (seen.Pod != "" && !strings.EqualFold(record.Pool, seen.Pod)) ||
			(seen.LXDName != name && seen.LXDName != name+" ("+record.Project+")") {
			continue
		}
		if found != nil {
			return nil
		}
		found = record
	}
	return found
}

// recordOf is LXD's record of something outside the pods, of what was moved
// there.
func (f *facts) recordOf(other *evidence.Other) *evidence.Record {
	for _, m := range f.moves {
		if m.other == other {
			return m.record
		}
	}
	return nil
}

// recordOfSnapshot is the record of the volume of which LXD made a snapshot.
func (f *facts) recordOfSnapshot(pool *poolFacts, s *evidence.Snapshot) *evidence.Record {
	if !s.LXD.IsLXD() || pool == nil {
		return nil
	}
	snapshot := f.records.find(pool.name, s.LXD)
	if snapshot == nil {
		return nil
	}
	return f.parentOf(snapshot)
}

// parentOf is the record of the volume that a snapshot's record belongs to.
func (f *facts) parentOf(snapshot *evidence.Record) *evidence.Record {
	volume, _, _ := strings.Cut(snapshot.Name, "/")
	for i := range f.records.list {
		record := &f.records.list[i]
		if !record.Snapshot && record.Name == volume && record.Type == snapshot.Type && record.Project == snapshot.Project && record.Pool == snapshot.Pool {
			return record
		}
	}
	return nil
}

// movedVolumesFound lists them.
func (f *facts) movedVolumesFound() []draft {
	var found []draft
	for _, m := range f.moves {
		pool := f.poolNamed(m.record.Pool)
		if pool == nil || !pool.judged {
			continue
		}
		d := draft{subject: Subject{array: m.array, pool: pool}}
		if m.volume != nil {
			d = ofVolume(m.volume)
		} else {
			d.Object, d.VolumeID, d.ArrayID = m.other.Name, m.other.ID, m.array.ID
			d.Serial, d.WWID = m.other.Serial, wwid(m.other.Serial, pool.isNVMe())
		}
		d.Pool, d.LXD = pool.name, lxdName(m.record)
		d.Detail = d.LXD.String() + " is " + m.name() + " now, where LXD does not look for it"
		if len(m.mounts) > 0 {
			d.Detail += "; mounted at " + list(m.mounts)
		}
		d.Cause = "somebody renamed or moved it on the array: " + strings.Join(m.how, "; ")
		d.Effect = m.effect()
		d.Remedy = m.remedy(f, pool)
		found = append(found, d)
	}
	return found
}

func (m *move) destroyed() bool {
	if m.volume != nil {
		return !m.volume.Destroyed.IsNot()
	}
	return !m.other.Destroyed.IsNot()
}

func (m *move) effect() string {
	if m.destroyed() {
		return "it is destroyed: its data will be lost when the array's eradication timer runs out"
	}
	return ""
}

// remedy brings the volume back to where LXD looks for it.
func (m *move) remedy(f *facts, pool *poolFacts) []string {
	var steps []string
	if m.destroyed() {
		steps = append(steps, "purevol recover "+shell(m.name()))
	}
	own := ""
	for name, record := range f.lostNames(m.array) {
		if record == m.record && (own == "" || name == leaf(m.name())) {
			own = name
		}
	}
	if own == "" {
		return append(steps, "another volume has the name that LXD looks for: find out which of the two holds the data, before anything else",
			"do not delete the record, nor either of the two")
	}
	name, pod := m.name(), pool.pod.Name
	last := leaf(name)
	if !strings.EqualFold(name, pod+"::"+last) {
		steps = append(steps, "purevol move "+shell(name)+" "+shell(pod))
	}
	if !strings.EqualFold(last, own) {
		steps = append(steps, "purevol rename "+shell(pod+"::"+last)+" "+shell(pod+"::"+own))
	}
	return append(steps, "do not delete the record: LXD finds the volume by it again")
}

// mayStillBe says why a record of which the pod has nothing may have its
// volume all the same; empty when that is certainly gone. While it may, nobody
// is told to delete the record.
func (f *facts) mayStillBe(record *evidence.Record, pool *poolFacts) string {
	if why := pool.array.Elsewhere.Why(); why != "" {
		return "what the array has outside of the pod is not all known: " + why
	}
	for _, h := range f.hosts {
		for i := range h.Uses.Items {
			use := &h.Uses.Items[i]
			mountedPool, kind, name, ok := lxdPath(use.Where)
			if ok && mountedPool == record.Pool && kind+"/"+name == directoryOf(record) {
				return h.Name + " has something mounted at its path " + use.Where
			}
		}
		if why := either(h.partial(), h.Uses.Why()); why != "" {
			return "it is not known what " + h.Name + " has of it: " + why
		}
	}
	for _, member := range f.members.names {
		if f.hostOf(member) == nil && !f.down(member) {
			return "the devices of " + member + " were not read"
		}
	}
	for _, seen := range f.seen {
		if seen.ArrayID != pool.array.ID && !seen.Recorded.IsZero() && f.recordSeen(seen) == record {
			return "an earlier run saw it on array " + seen.ArrayID
		}
	}
	for i := range pool.array.volumes {
		v := &pool.array.volumes[i]
		if v.pool == pool && v.code == codeForeign && f.sameAge(v.Created, record.Created) {
			return v.Name + " is not in LXD's naming, was made at the same time, and may be it under another name"
		}
	}
	return ""
}

// sameAge reports a volume that may have been made for a record: LXD writes
// the record right before. The two have clocks of their own.
func (f *facts) sameAge(volume, record time.Time) bool {
	return volume.IsZero() || record.IsZero() || volume.Sub(record).Abs() < time.Hour
}
