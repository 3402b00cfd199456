package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

const codeMoved = "moved-volume"

// The weakest signs are in the name itself: the last part of it, and the uuid alone.
const (
	byNameAlone = "the last part of its name is the one that LXD gave it"
	byUUIDAlone = "the last part of its name holds the uuid that LXD gave it"
)

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
	// among are the records of which it may be, the first among them, where what
	// is open does not say of which.
	among []*evidence.Record
	// copied is set when it has the name of the record's volume, and an earlier
	// run saw another one under that name: it is a copy of it, or it restored.
	// Nobody is told to give it to LXD in the other's place.
	copied bool
	// content is that of the half of a virtual machine that it is; empty where
	// nothing says which of the two. torn is set where signs contradict each other.
	content string
	torn    bool
	// replaced is set while another volume has the name that LXD looks for.
	replaced bool
}

func (m *move) name() string {
	if m.volume != nil {
		return m.volume.Name
	}
	return m.other.Name
}

// records are those of which it is, or may be.
func (m *move) records() []*evidence.Record {
	if len(m.among) > 0 {
		return m.among
	}
	return []*evidence.Record{m.record}
}

// joinMoves finds the volumes that were moved or renamed.
func (f *facts) joinMoves() {
	f.movedVolumes, f.movedRecords, f.lost = map[*volume]*move{}, map[*evidence.Record][]*move{}, map[*arrayFacts]map[string]*evidence.Record{}
	opened, used := f.openedForOthers(), f.usedSerials()
	for _, a := range f.arrays {
		j := moveJoin{f: f, a: a, lost: f.lostNames(a), opened: opened, used: used, claim: &claim{}}
		j.lostUUIDs = make(map[evidence.UUID]*evidence.Record, len(j.lost))
		for _, record := range j.lost {
			j.lostUUIDs[record.UUID] = record
		}
		for v := range evidence.Refs(a.volumes) {
			if v.pool == nil || (v.LXD.Snapshot && f.remembered(v) == nil && j.lostUUIDs[v.LXD.UUID] == nil) {
				continue
			}
			j.add(move{array: a, volume: v}, v.Name, v.ID, v.Serial, v.LXD)
		}
		for o := range evidence.Refs(a.outside) {
			j.add(move{array: a, other: o}, o.Name, o.ID, o.Serial, o.LXD)
		}
	}
}

// moveJoin finds those of one array. lost are the records, by the name of the
// object that the pod does not have, opened what is open for another record's, used
// what some host uses.
type moveJoin struct {
	f    *facts
	a    *arrayFacts
	lost map[string]*evidence.Record
	// lostUUIDs are the same records, by LXD's uuid.
	lostUUIDs map[evidence.UUID]*evidence.Record
	opened    map[evidence.Serial]*openFor
	used      map[evidence.Serial]bool
	// claim is used again and again: nearly none is one.
	claim *claim
}

// lostNames are the names, without the pod, that LXD's records of an array's
// pools should have there and have not, each with its record.
func (f *facts) lostNames(a *arrayFacts) map[string]*evidence.Record {
	if lost, known := f.lost[a]; known {
		return lost
	}
	lost := map[string]*evidence.Record{}
	for record := range evidence.Refs(f.records.list) {
		pool := f.poolNamed(record.Pool)
		if record.Snapshot || record.UUID.IsZero() || pool == nil || pool.array != a || pool.pod == nil && !pool.podless() {
			continue
		}
		for _, content := range contents(record) {
			name := evidence.Name{Type: record.Type, Content: content, UUID: record.UUID}
			if !isAny(a.named(pool, name)) && spelling(name) != "" {
				lost[spelling(name)] = record
			}
		}
	}
	f.lost[a] = lost
	return lost
}

// podless reports a pool whose pod was asked for, and which the array certainly
// has not under that name.
func (p *poolFacts) podless() bool {
	return p.pod == nil && p.array != nil && p.array.Trouble == "" && p.array.Pods.IsComplete() &&
		slices.ContainsFunc(p.array.Asked, func(pod string) bool { return strings.EqualFold(pod, p.name) })
}

// seenUnder is what an earlier run saw with a record under that name, in the
// record's own pod; nil for nothing.
func (f *facts) seenUnder(a *arrayFacts, record *evidence.Record, name string) *evidence.Sighting {
	if f.seenByName == nil {
		f.seenByName = make(map[string]*evidence.Sighting, len(f.world.Seen))
		for i := range f.world.Seen {
			if seen := &f.world.Seen[i]; seen.Name != "" && !seen.Recorded.IsZero() {
				f.seenByName[lower(seen.Name)] = seen
			}
		}
	}
	if seen := f.seenByName[lower(record.Pool+"::"+leaf(name))]; seen != nil && seen.ArrayID == a.ID {
		return seen
	}
	return nil
}

// isLost reports a record of which a volume is not in its place, or the half of
// that content.
func (f *facts) isLost(a *arrayFacts, record *evidence.Record, content string) bool {
	for name, lost := range f.lostNames(a) {
		if lost == record && (content == "" || contentNamed(record, name) == content) {
			return true
		}
	}
	return false
}

// isReplaced reports a record whose names on the array, or that of the half of that
// content, are those of other volumes than this one.
func (j *moveJoin) isReplaced(record *evidence.Record, content, id string, serial evidence.Serial) bool {
	others, itself := false, id == "" || serial == ""
	for v := range j.f.placedAs(record, content) {
		others = others || v.array == j.a
		itself = itself || v.array != j.a || v.ID == "" || v.Serial == "" || strings.EqualFold(v.ID, id) || v.Serial == serial
	}
	return others && !itself
}

// isAtHome reports that a machine has a record's own volume mounted where LXD
// mounts it: what else is mounted there is older.
func (j *moveJoin) isAtHome(record *evidence.Record, h *hostFacts) bool {
	for v := range j.f.placedAs(record, mounted(record)) {
		d := h.of(v)
		if d != nil && slices.ContainsFunc(d.uses, func(use *evidence.Use) bool { return j.f.recordAt(use) == record }) {
			return true
		}
	}
	return false
}

// add asks every sign but the name. A volume that is in LXD's naming itself is
// only taken for another one's while that one is not in its place, or another
// volume is there and it is certain by what it is known that this is the one:
// old mounts and earlier sightings outlive what they are of.
func (j *moveJoin) add(one move, name, id string, serial evidence.Serial, read evidence.Name) {
	c := j.claim
	*c = claim{j, one, name, id, serial, read, one.volume != nil && read.IsLXD()}
	c.byName()
	c.byMounts()
	c.bySighting()
	c.bySnapshots()
	c.byOpeners()
	c.byUUID()
	if c.move.record == nil {
		return
	}
	found := c.move
	m := &found
	m.copied = m.copied && len(m.how) == 1 // what LXD has mounted is what it has
	m.replaced = j.isReplaced(m.record, m.half(), id, serial)
	if m.volume != nil {
		j.f.movedVolumes[m.volume] = m
	}
	for _, record := range m.records() {
		j.f.movedRecords[record] = append(j.f.movedRecords[record], m)
	}
	j.f.moves = append(j.f.moves, m)
}

// claim is what may be a record's volume, by the signs that say so.
type claim struct {
	*moveJoin
	move     move
	name, id string
	serial   evidence.Serial
	// read is what the last part of its name says.
	read     evidence.Name
	inNaming bool
}

// take takes a record for that of the volume, unless another one is, or what is in
// its place forbids it. content is that of the half that it is by this sign, empty
// where that does not tell.
func (c *claim) take(record *evidence.Record, content string, certain bool, how string) {
	m := &c.move
	switch {
	case record == nil, m.record != nil && m.record != record:
		return
	case c.inNaming && !c.f.isLost(c.a, record, content) && !(certain && c.isReplaced(record, content, c.id, c.serial)):
		return
	case m.other != nil && strings.EqualFold(podOf(c.name), record.Pool):
		return // it is where it belongs, in a pod that was not asked for
	}
	m.record = record
	m.torn = m.torn || m.content != "" && content != "" && m.content != content
	m.content = either(m.content, content)
	m.how = including(m.how, how)
}

// half is the content of the half that it is, by all signs.
func (m *move) half() string {
	if m.torn {
		return ""
	}
	return m.content
}

// mounted is the content of what LXD mounts of a record: of a virtual machine the
// configuration, whose disk is mounted nowhere.
func mounted(record *evidence.Record) string {
	if slices.Contains(contents(record), evidence.ContentFilesystem) {
		return evidence.ContentFilesystem
	}
	return ""
}

// contentNamed is the content of what has that name among a record's objects;
// empty where none has.
func contentNamed(record *evidence.Record, name string) string {
	if record == nil || record.UUID.IsZero() {
		return ""
	}
	for _, content := range contents(record) {
		if spelling(evidence.Name{Snapshot: record.Snapshot, Type: record.Type, Content: content, UUID: record.UUID}) == lower(name) {
			return content
		}
	}
	return ""
}

func (c *claim) byName() {
	if len(c.lost) == 0 {
		return
	}
	named := c.lost[lower(leaf(c.name))]
	if named == nil {
		return
	}
	c.take(named, contentNamed(named, leaf(c.name)), false, byNameAlone)
	seen := c.f.seenUnder(c.a, named, c.name)
	c.move.copied = seen != nil && c.id != "" && seen.VolumeID != c.id
}

// byUUID is for what has LXD's uuid, and a name that LXD would not give it: as
// another type, or another half. LXD looks for a name, and so has nothing of it.
func (c *claim) byUUID() {
	lost := c.lostUUIDs[c.read.UUID]
	if c.move.record != nil || lost == nil || c.read.UUID.IsZero() || contentNamed(lost, leaf(c.name)) != "" {
		return
	}
	c.take(lost, "", false, byUUIDAlone)
	c.move.copied = c.id != ""
	for name, record := range c.lost {
		if record == lost {
			// What an earlier run saw under the name had another id than this.
			seen := c.f.seenUnder(c.a, lost, name)
			c.move.copied = c.move.copied && seen != nil && seen.VolumeID != c.id
		}
	}
}

// usedSerials are the serials of devices that a host uses.
func (f *facts) usedSerials() map[evidence.Serial]bool {
	used := map[evidence.Serial]bool{}
	for _, h := range f.hosts {
		for serial, d := range h.devices {
			if len(d.uses) > 0 {
				used[serial] = true
			}
		}
	}
	return used
}

func (c *claim) byMounts() {
	if c.serial == "" || !c.used[c.serial] {
		return
	}
	for _, h := range c.f.hosts {
		d := h.devices[c.serial]
		if d == nil {
			continue
		}
		for _, use := range d.uses {
			record := c.f.recordAt(use)
			if record == nil {
				continue
			}
			c.take(record, mounted(record), !c.isAtHome(record, h), h.Name+" has it mounted at LXD's path "+use.Where)
			if c.move.record == record {
				c.move.mounts = append(c.move.mounts, use.Where+" on "+h.Name)
			}
		}
	}
}

func (c *claim) bySighting() {
	seen := c.f.sighting(c.a, c.id)
	if seen == nil || seen.Recorded.IsZero() || strings.EqualFold(seen.Name, c.name) || (seen.Name == "" && c.inNaming && len(c.lost) == 0) {
		return
	}
	record := c.f.recordSeen(seen)
	content := contentNamed(record, leaf(seen.Name))
	c.take(record, content, content != "", "it was "+seen.LXDName+" when it was last seen, on "+day(seen.Recorded))
}

// bySnapshots: LXD gives a snapshot's name the ending of its half. What is in LXD's
// naming is asked by that alone.
func (c *claim) bySnapshots() {
	if c.move.volume == nil {
		return
	}
	own := c.move.volume.LXD
	for s := range c.move.volume.snapshots() {
		if c.inNaming && s.LXD.Content == own.Content {
			continue // as nearly all are, and a record takes time to find
		}
		record := c.f.recordOfSnapshot(c.move.volume.pool, s)
		if !c.inNaming || record != nil && record.UUID == own.UUID {
			c.take(record, s.LXD.Content, c.inNaming, "its snapshot "+s.Name+" is one of LXD's")
		}
	}
}

// recordAt is the record whose volume LXD mounts at the path of a use. Images
// are mounted before their record is written.
func (f *facts) recordAt(use *evidence.Use) *evidence.Record {
	pool, kind, name, ok := lxdPath(use.Where)
	if use.Kind != evidence.UseMount || !ok {
		return nil
	}
	return f.recordIn(pool, kind, name)
}

// recordIn is the record whose volume LXD mounts in a directory of a pool.
func (f *facts) recordIn(pool, kind, name string) *evidence.Record {
	for rest, more := name, true; more; _, rest, more = strings.Cut(rest, "_") { // the project may stand before it
		for record := range f.records.called(rest) {
			if record.Type != evidence.TypeImage && !record.Snapshot && record.Pool == pool &&
				directories[record.Type] == kind && directoryName(record) == name {
				return record
			}
		}
	}
	return nil
}

// recordSeen is the record under which an earlier run saw a volume. An older
// version wrote down neither the pool nor the project: what fits several
// records then says nothing.
func (f *facts) recordSeen(seen *evidence.Sighting) *evidence.Record {
	var found *evidence.Record
	for record := range evidence.Refs(f.records.list) {
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

// isCopied reports something outside the pods that only has the name of a
// record's volume.
func (f *facts) isCopied(other *evidence.Other) bool {
	return slices.ContainsFunc(f.moves, func(m *move) bool { return m.other == other && m.copied })
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
	var found *evidence.Record
	for record := range f.records.called(parentOf(snapshot)) {
		if !record.Snapshot && record.Type == snapshot.Type && record.Project == snapshot.Project && record.Pool == snapshot.Pool {
			found = record // of two it is the first that LXD lists, which comes last
		}
	}
	return found
}

// movedVolumesFound lists them, once for each record of which one may be.
func (f *facts) movedVolumesFound() []draft {
	var found []draft
	pods := map[*poolFacts]string{}
	for _, m := range f.moves {
		for _, record := range m.records() {
			pool := f.poolNamed(record.Pool)
			if pool == nil || !pool.judged || m.copied {
				continue // a copy is told with the record that has no volume
			}
			pod, known := pods[pool]
			if !known {
				pod = f.renamedPod(pool)
				pods[pool] = pod
			}
			found = append(found, f.movedVolume(m, record, pool, pod))
		}
	}
	return found
}

// movedVolume is the finding. pod is what the pool's pod is called now, if that was
// renamed.
func (f *facts) movedVolume(m *move, record *evidence.Record, pool *poolFacts, pod string) draft {
	d := draft{subject: Subject{array: m.array, pool: pool}}
	if m.volume != nil {
		d = ofVolume(m.volume)
	} else {
		d.Object, d.VolumeID, d.ArrayID = m.other.Name, m.other.ID, m.array.ID
		d.Serial, d.WWID = m.other.Serial, wwid(m.other.Serial, pool.isNVMe())
	}
	is := " is "
	if len(m.among) > 0 {
		is = " may be "
	}
	d.Pool, d.LXD = pool.name, lxdName(record)
	d.Detail = d.LXD.String() + is + m.name() + " now, where LXD does not look for it"
	if len(m.mounts) > 0 {
		d.Detail += "; mounted at " + list(m.mounts)
	}
	d.Cause = "somebody renamed or moved it on the array: " + strings.Join(m.how, "; ")
	d.Effect = m.effect()
	if m.hasTheOthersName(record) {
		d.Detail = d.LXD.String() + ": its " + m.half() + " half has the name of the other half, " + m.name()
		d.Cause = "somebody exchanged or changed their names on the array: " + strings.Join(m.how, "; ")
	}
	if pod == "" || !strings.EqualFold(podOf(m.name()), pod) {
		d.Remedy = m.remedy(f, pool)
	} else {
		d.Cause = "somebody renamed the pod: the array has no pod " + pool.name + ", and most of what LXD has there is in " + pod
		d.Remedy = append(m.recovery(), "purepod rename "+shell(pod)+" "+shell(pool.name), "do not delete the record: LXD finds the volume by it again")
	}
	return d
}

// renamedPod is the pod that a pool's pod is called now: LXD's pool has none of
// its own, and more than half of what LXD has there is in this one, which is no
// other pool's. Empty for none.
func (f *facts) renamedPod(pool *poolFacts) string {
	if !pool.podless() {
		return ""
	}
	lost, in := 0, map[string]int{}
	for _, record := range f.lostNames(pool.array) {
		if record.Pool == pool.name {
			lost++
		}
	}
	for _, m := range f.moves {
		if pod := podOf(m.name()); m.record.Pool == pool.name && !m.copied && pod != "" && f.poolNamed(pod) == nil {
			in[pod]++
		}
	}
	for pod, n := range in {
		if 2*n > lost {
			return pod
		}
	}
	return ""
}

func (m *move) destroyed() bool {
	if m.volume != nil {
		return !m.volume.Destroyed.IsNot()
	}
	return !m.other.Destroyed.IsNot()
}

func (m *move) effect() string {
	switch {
	case m.destroyed():
		return "it is destroyed: its data will be lost when the array's eradication timer runs out"
	case m.replaced:
		return "what runs goes on; the next start or mount takes the other volume, which has its name now, for it, and LXD's delete deletes that one"
	}
	return ""
}

// recovery comes before anything else where the volume is destroyed.
func (m *move) recovery() []string {
	if m.destroyed() {
		return []string{"purevol recover " + shell(m.name())}
	}
	return nil
}

// remedy brings the volume back to where LXD looks for it.
func (m *move) remedy(f *facts, pool *poolFacts) []string {
	steps := m.recovery()
	if pool.pod == nil {
		return append(steps, "find out what has become of pod "+pool.name+", which the array does not have: LXD looks for the volume there", "do not delete the record")
	}
	own, others := m.ownName(f.lostNames(m.array))
	switch {
	case own != "" && len(others) > 0:
		return append(steps, "find out first which half of "+lxdName(m.record).String()+" it is: LXD looks for "+own+", the "+contentNamed(m.record, own)+" half, and "+list(others)+", the other one",
			"rename it only when that is known: LXD would take the disk for the configuration", "do not delete the record")
	case m.hasTheOthersName(m.record):
		return append(steps, "do not start or delete "+lxdName(m.record).String()+" before each half has its own name again: LXD would take the disk for the configuration",
			"rename both on the array, by way of a third name: the disk is the one whose name ends with -b", "do not delete the record")
	case own == "":
		return append(steps, "another volume has the name that LXD looks for: find out which of the two holds the data, before anything else",
			"do not delete the record, nor either of the two")
	}
	if len(m.how) == 1 && (m.how[0] == byNameAlone || m.how[0] == byUUIDAlone) {
		steps = append(steps, "make sure that it is the volume itself and no copy of it: only its name says so")
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

// hasTheOthersName reports a half of a virtual machine that has the name of the
// other one.
func (m *move) hasTheOthersName(record *evidence.Record) bool {
	named := contentNamed(record, leaf(m.name()))
	return m.volume != nil && m.half() != "" && named != "" && named != m.half()
}

// ownName is the name under which LXD looks for it, and the names beside it, where
// nothing says which half of a virtual machine it is. Empty where something else
// has that name.
func (m *move) ownName(lost map[string]*evidence.Record) (own string, others []string) {
	if last := lower(leaf(m.name())); lost[last] == m.record {
		return last, nil
	}
	var all []string
	for name, record := range lost {
		if record == m.record && (m.half() == "" || contentNamed(record, name) == m.half()) {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	slices.Sort(all)
	return all[0], all[1:]
}

// mayStillBe says why a record of which the pod has nothing may have its
// volume all the same; empty when that is certainly gone. While it may, nobody
// is told to delete the record.
func (f *facts) mayStillBe(record *evidence.Record, pool *poolFacts) string {
	if why := either(f.copiesOf(record), f.renamedSnapshot(record)); why != "" {
		return why
	}
	if why := pool.array.Elsewhere.Why(); why != "" {
		return "what the array has outside of the pod is not all known: " + why
	}
	for _, h := range f.hosts {
		for use := range evidence.Refs(h.Uses.Items) {
			mountedPool, kind, name, ok := lxdPath(use.Where)
			if ok && mountedPool == record.Pool && kind+"/"+name == directoryOf(record) {
				return h.Name + " has something mounted at its path " + use.Where
			}
		}
		if why := either(h.silent(), h.Uses.Why()); why != "" {
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
	for v := range evidence.Refs(pool.array.volumes) {
		if v.pool == pool && v.record == nil && v.code != codePending && f.sameAge(v.Created, record.Created) {
			return v.Name + " has no record, was made at the same time, and may be it under another name"
		}
	}
	return ""
}

// copiesOf says what has the name of a record's volume and is not what LXD had;
// empty for nothing.
func (f *facts) copiesOf(record *evidence.Record) string {
	if record.Snapshot {
		record = f.parentOf(record)
	}
	copies := those(f.movedRecords[record], func(m *move) bool { return m.copied })
	if len(copies) == 0 {
		return ""
	}
	return list(each(copies, (*move).name)) + " has its name and is another volume than an earlier run saw: a copy of it, or it restored"
}

// renamedSnapshot says what may be a snapshot of LXD's under another name: one
// of the same volume that has no record, and its uuid or its age.
func (f *facts) renamedSnapshot(record *evidence.Record) string {
	parent := f.parentOf(record)
	if !record.Snapshot || parent == nil {
		return ""
	}
	var names []string
	for _, v := range f.volumesOf(parent) {
		for s := range v.snapshots() {
			recorded := s.LXD.IsLXD() && v.pool != nil && f.records.find(v.pool.name, s.LXD) != nil
			if !recorded && s.Suffix != reverter && (s.LXD.UUID == record.UUID || f.sameAge(s.Created, record.Created)) {
				names = append(names, s.Name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return list(names) + " is a snapshot of the same volume, has no record, has its uuid or was made at the same time, and may be it under another name"
}

// mayBeLost says of which record something without one may be, under another name: of
// one that lacks its volume or snapshot, or a half of it, and was made at the same
// time. Empty for none. An image is unpacked again, whatever becomes of its volume.
func (s Subject) mayBeLost() string {
	made, lost := time.Time{}, []*evidence.Record(nil)
	switch {
	case s.snapshot != nil:
		made, lost = s.snapshot.Created, s.f.lostSnapshots(s.pool)
	case s.volume != nil && !s.volume.LXD.Snapshot:
		made = s.volume.Created
		for _, record := range s.f.lostNames(s.array) {
			if record.Pool == s.pool.name && record.Type != evidence.TypeImage {
				lost = append(lost, record)
			}
		}
	}
	var names []string
	for _, record := range lost {
		of := s.snapshot == nil || s.volume == nil || s.volume.record == nil || s.f.parentOf(record) == s.volume.record
		if of && s.f.sameAge(made, record.Created) && !s.f.isMoved(record) {
			names = including(names, lxdName(record).String())
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "the array lacks " + list(names) + ", or half of it, and this was made at the same time: it may be that under another name"
}

// lostSnapshots are LXD's records of snapshots in a pool of which the array lacks the
// snapshot, or one half.
func (f *facts) lostSnapshots(p *poolFacts) []*evidence.Record {
	if p.lostSnapshots == nil {
		p.lostSnapshots = []*evidence.Record{}
		for record := range evidence.Refs(f.records.list) {
			if record.Snapshot && record.Pool == p.name && !record.UUID.IsZero() && len(f.missing(record, p)) > 0 {
				p.lostSnapshots = append(p.lostSnapshots, record)
			}
		}
	}
	return p.lostSnapshots
}

// sameAge reports a volume that may have been made for a record: LXD writes
// the record right before. The two have clocks of their own.
func (f *facts) sameAge(volume, record time.Time) bool {
	return volume.IsZero() || record.IsZero() || volume.Sub(record).Abs() < time.Hour
}
