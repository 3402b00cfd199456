package diagnose

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// A database that was restored from a backup knows nothing of what was made
// after it. Such volumes look leaked: LXD's naming, no record, and in a memory
// that was lost together with the old machine no trace of one. What gives the
// database away is what else does not fit it.

// fingerprint is something that a pool shows when LXD's database is not its
// true history. LXD has one database for all its pools, so any of them makes
// everything without a record doubtful, not only what it is about and not only
// in that pool.
type fingerprint struct {
	name string
	// says is the fingerprint in one phrase, in the plural.
	says string
	// hosts marks what rests on the hosts' words. It is asked only where the
	// hosts must have answered anyway: elsewhere a host that is silent would
	// be good news.
	hosts bool
	// self is set for what may be a use of the very volume that is judged: no
	// proof of how it was made outweighs it.
	self bool
	// check names what shows it. What it needs and does not know counts as
	// shown; that whole lists are missing is lists-complete's to say.
	check func(*facts, *poolFacts) []string
}

// fingerprints is the table of them.
var fingerprints = []fingerprint{
	{
		// A backup has records of what was deleted after it. LXD deletes on the
		// array first and its record last, so one that is killed in between
		// leaves the same; that is rare, the command that removes the record is
		// in the finding, and nobody can tell the two apart.
		name: "missing-volume", says: "records of which the array has nothing", check: (*facts).recordsOfNothing,
	},
	{
		// The same while the array still keeps what was deleted. Somebody who
		// destroyed a recorded volume by hand leaves it too: then the record and
		// the array contradict each other, and who is right is not ours to say.
		// With SafeMode each delete of LXD ends like this and keeps its record,
		// so there it says nothing.
		name: "destroyed-but-recorded", says: "records of what is destroyed", check: (*facts).recordsOfDestroyed,
	},
	{
		// One record that vanished may be a creation that failed while it was
		// seen. That it is one of many that went together can't be excluded: what
		// was made between that sighting and the loss was never seen at all.
		name: "disappeared-record", says: "volumes of which the record was seen and is gone", check: (*facts).recordsThatWent,
	},
	{
		// LXD's database deletes the records of a volume's snapshots together
		// with the volume's: a failure of LXD never leaves one without the other.
		name: "snapshot-recorded", says: "snapshots that have a record while their volume has none", check: (*facts).recordsOfSnapshotsAlone,
	},
	{
		// LXD makes snapshots of what it has a record of. A copy that failed has
		// snapshots as well, one after the other in the same operation; at hours
		// apart, or one long after the volume, something had a record. A copy that
		// took longer than that before it failed looks the same, and nobody can
		// tell the two apart.
		name: "snapshot-taken", says: "volumes without a record of which LXD took snapshots more than ten minutes after they were made", check: (*facts).snapshotsOfUnrecorded,
	},
	{
		// LXD attaches only what it has a record of, refuses to delete what is
		// attached, and makes the record of an instance together with that of its
		// root volume. Only a record that was taken out by hand leaves this, or
		// an LXD that was killed between two rows of its database.
		name: "attached", says: "disks of instances without a record", self: true, check: (*facts).disksWithoutRecord,
	},
	{
		// LXD mounted it there, so it had a record then. A creation that failed
		// while the mount survived in another mount namespace leaves the same,
		// for as long as somebody holds it.
		name: "mounted", says: "volumes without a record that are mounted where LXD mounts its own", hosts: true, self: true, check: (*facts).mountsWithoutRecord,
	},
	// An empty mount directory without a record is none: each creation that
	// fails after the mount leaves one, and so does our own repair of that.
}

// unlikeHistory says why LXD's database may not be the true history of a pool;
// empty when nothing suggests that. hosts asks for what hosts say, too, and
// proven for what counts beside a proof that LXD let go of a volume.
func (f *facts) unlikeHistory(p *poolFacts, hosts, proven bool) string {
	return f.marksOf(p)[doubtKey{hosts, proven}]
}

// unlikeElsewhere says the same by what another pool shows, or may show where it
// was not read. It says nothing of what never had a record, of what LXD makes
// again, and of a half of what LXD was deleting.
func (s Subject) unlikeElsewhere() string {
	switch {
	case s.snapshot != nil && s.snapshot.Suffix == reverter:
		return ""
	case s.snapshot == nil && (s.madeAgain() || s.f.tookTheOther(s.volume)):
		return ""
	}
	for _, p := range s.f.pools {
		switch {
		case p.pool == nil || p == s.pool:
		case !p.wasRead() && p.name != "" && p.records == 0 && s.f.world.LXD.Records.IsComplete():
			// One that LXD never came to the end of making, perhaps.
		case !p.wasRead():
			return "LXD's database may be older than the volumes, and pool " + p.name + ", which may show that, was not read: ask about all pools, and let its array answer, or delete the pool in LXD if its array is gone for good"
		default:
			if doubt := s.f.unlikeHistory(p, s.class == ClassDestroy, false); doubt != "" {
				return doubt
			}
		}
	}
	return ""
}

// wasRead reports that an array was asked for the pool's pod and told all.
func (p *poolFacts) wasRead() bool {
	return p.array != nil && wasAsked(p.array.Array, p.name) && p.array.Volumes.IsComplete() && p.array.Snapshots.IsComplete()
}

// marksOf are a pool's fingerprints in words, by which of them count.
func (f *facts) marksOf(p *poolFacts) map[doubtKey]string {
	if p == nil || p.array == nil {
		return nil
	}
	if p.unlike != nil {
		return p.unlike
	}
	p.unlike = make(map[doubtKey]string, 4)
	said := make([]string, len(fingerprints))
	for i, mark := range fingerprints {
		if names := mark.check(f, p); len(names) > 0 {
			said[i] = fmt.Sprintf("%s (%s)", mark.says, list(names))
		}
	}
	unread := p.unreadable()
	for _, key := range []doubtKey{{}, {hosts: true}, {proven: true}, {hosts: true, proven: true}} {
		var marks []string
		for i, mark := range fingerprints {
			if said[i] != "" && (key.hosts || !mark.hosts) && (mark.self || !key.proven) {
				marks = append(marks, said[i])
			}
		}
		if len(unread) > 0 && !key.proven {
			marks = append(marks, "objects of which nothing can be told ("+list(unread)+")")
		}
		p.unlike[key] = listed(marks)
	}
	return p.unlike
}

// doubtKey is which of the fingerprints count.
type doubtKey struct{ hosts, proven bool }

// listed makes one sentence of what was found.
func listed(marks []string) string {
	if len(marks) == 0 {
		return ""
	}
	return "LXD's database may be older than the volumes: there are " + list(marks)
}

// unreadable lists what no record, snapshot or device can be joined to, so that
// it may be what gives the database away.
func (p *poolFacts) unreadable() []string {
	var names []string
	for v := range evidence.Refs(p.array.volumes) {
		if v.pool == p && (v.ID == "" || v.Serial == "" || v.LXD.IsLXD() == v.LXD.UUID.IsZero()) {
			names = append(names, quoted(v.Name))
		}
	}
	for s := range evidence.Refs(p.array.Snapshots.Items) {
		if s.LXD.IsLXD() == s.LXD.UUID.IsZero() && p.array.pools[lower(s.Pod)] == p {
			names = append(names, quoted(s.Name))
		}
	}
	return names
}

// unrecorded are the pool's volumes that should have a record and have none. Of a
// name that is known in part only it is not excluded.
func (p *poolFacts) unrecorded() iter.Seq[*volume] {
	return filter(evidence.Refs(p.array.volumes), func(v *volume) bool {
		return v.pool == p && v.record == nil && !v.Destroyed.Is() && !v.LXD.Snapshot && (v.LXD.IsLXD() || !v.LXD.UUID.IsZero())
	})
}

// recordsOfNothing lists records of which the array has nothing at all, live
// or destroyed. Of a virtual machine it has perhaps one half: that is LXD's own
// delete that failed between the two, while a backup brings back both.
func (f *facts) recordsOfNothing(p *poolFacts) []string {
	if !p.array.Volumes.IsComplete() || !p.array.Snapshots.IsComplete() {
		return nil
	}
	var names []string
	for record := range evidence.Refs(f.records.list) {
		if record.Pool != p.name || record.UUID.IsZero() || f.young(record) || (record.Snapshot && record.Type == evidence.TypeImage) {
			continue
		}
		if !p.has(record) {
			names = append(names, lxdName(record).String())
		}
	}
	return names
}

// has reports that the pool's pod has something of a record's UUID, whatever
// its content.
func (p *poolFacts) has(record *evidence.Record) bool {
	if record.Snapshot {
		for s := range p.array.snapshotsOfUUID(record.UUID) {
			if p.array.pools[lower(s.Pod)] == p {
				return true
			}
		}
		return false
	}
	for v := range p.array.ofUUID(record.UUID) {
		if v.pool == p && !v.LXD.Snapshot {
			return true
		}
	}
	return false
}

func (f *facts) recordsOfDestroyed(p *poolFacts) []string {
	if p.array.safeMode() != "" {
		return nil
	}
	var names []string
	records := func(id evidence.UUID, snapshot bool) {
		for record := range f.records.of(id) {
			if name := lxdName(record).String(); record.Pool == p.name && record.Snapshot == snapshot && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for i := range p.array.volumes {
		if v := &p.array.volumes[i]; v.pool == p && !v.LXD.UUID.IsZero() && !v.Destroyed.IsNot() {
			records(v.LXD.UUID, false)
		}
	}
	for i := range p.array.Snapshots.Items {
		if s := &p.array.Snapshots.Items[i]; !s.LXD.UUID.IsZero() && !s.Destroyed.IsNot() && p.array.pools[lower(s.Pod)] == p {
			records(s.LXD.UUID, true)
		}
	}
	return names
}

func (f *facts) recordsThatWent(p *poolFacts) []string {
	var names []string
	for v := range p.unrecorded() {
		if seen := f.remembered(v); seen != nil && v.code != codeLeakedHalf {
			names = append(names, either(seen.LXDName, v.Name))
		}
	}
	return names
}

func (f *facts) recordsOfSnapshotsAlone(p *poolFacts) []string {
	var names []string
	for i := range f.records.list {
		record := &f.records.list[i]
		if record.Pool != p.name || !record.Snapshot {
			continue
		}
		parent := diskOf(record, parentOf(record))
		if i > 0 && diskOf(&f.records.list[i-1], f.records.list[i-1].Name) == parent && !parent.snapshot {
			continue // LXD lists most of them behind it
		}
		if parent.snapshot || !f.records.has(parent) {
			names = append(names, lxdName(record).String())
		}
	}
	for v := range p.unrecorded() {
		for s := range v.snapshots() {
			if !s.LXD.UUID.IsZero() && f.recorded(s.LXD.UUID) {
				names = append(names, s.Name)
			}
		}
	}
	return names
}

// attempt is how long LXD may have been making one volume with its snapshots: the
// array copies at once, and LXD does not come back to one that failed.
const attempt = 10 * time.Minute

func (f *facts) snapshotsOfUnrecorded(p *poolFacts) []string {
	var names []string
	for v := range p.unrecorded() {
		later, found := "", false
		for s := range v.snapshots() {
			known := !s.Created.IsZero() && !v.Created.IsZero()
			named := s.LXD.IsLXD() || !s.LXD.UUID.IsZero()
			if named && (!known || s.Created.Sub(v.Created).Abs() > attempt) {
				later, found = s.Name, true
			}
		}
		if found {
			names = append(names, either(later, "one of "+v.Name))
		}
	}
	return names
}

func (f *facts) disksWithoutRecord(p *poolFacts) []string {
	known := func(d disk) bool { return d.pool == p.name && f.records.has(d) }
	var names []string
	for inst := range evidence.Refs(f.world.LXD.Instances.Items) {
		if len(inst.Disks) == 0 {
			// LXD refuses an instance without a root disk.
			names = append(names, "those of "+quoted(inst.Name)+", which are not known")
		}
		for d := range evidence.Refs(inst.Disks) {
			if (d.Pool == p.name || d.Pool == "") && !known(diskFor(inst, d)) {
				names = append(names, d.Device+" of "+inst.Name)
			}
		}
	}
	for _, d := range f.world.LXD.DaemonVolumes.Items {
		key := disk{pool: p.name, project: "default", kind: evidence.TypeCustom, name: d.Volume}
		if (d.Pool == p.name || d.Pool == "") && !known(key) {
			names = append(names, d.Key+" of "+either(d.Member, "LXD"))
		}
	}
	return names
}

// diskFor is what a disk device is of.
func diskFor(inst *evidence.Instance, d *evidence.InstanceDisk) disk {
	key := disk{pool: d.Pool, project: d.Project, kind: d.Type, name: d.Source}
	if d.Source == "" {
		key.name = inst.Name
	}
	if d.Snapshot != "" {
		key.name, key.snapshot = key.name+"/"+d.Snapshot, true
	}
	return key
}

func diskOf(record *evidence.Record, name string) disk {
	return disk{pool: record.Pool, project: record.Project, kind: record.Type, name: name, snapshot: record.Snapshot && name == record.Name}
}

// parentOf is the name of the volume that a snapshot's record is of.
func parentOf(record *evidence.Record) string {
	name, _, _ := strings.Cut(record.Name, "/")
	return name
}

func (f *facts) mountsWithoutRecord(p *poolFacts) []string {
	found := map[string]bool{}
	for v := range p.unrecorded() {
		maps.Copy(found, f.mountsOf(v))
	}
	// A device with two volumes' paths is mounted for one that has a record.
	f.keepWanted(found)
	return slices.Sorted(maps.Keys(found))
}

const unknownPath = "a path that is not known"

// mountsOf are the places of LXD's at which a volume is, or may be, mounted.
func (f *facts) mountsOf(v *volume) map[string]bool {
	found := map[string]bool{}
	for _, d := range f.devices(v) {
		for _, use := range d.uses {
			pool, kind, name, lxd := lxdPath(use.Where)
			switch {
			case use.Kind != evidence.UseMount && use.Kind != "":
			case use.Where == "":
				found[unknownPath] = true
			case lxd && pool == v.pool.name:
				found[pool+"/"+kind+"/"+name] = true
			}
		}
	}
	return found
}

// inMachine stands for a place where a virtual machine has the volume open: a
// block volume is mounted nowhere.
const inMachine = "a virtual machine"

// mountedAs is the place of LXD's at which a volume without a record is mounted, or
// inMachine; empty for none.
func (f *facts) mountedAs(v *volume) string {
	if v.record != nil || v.LXD.Snapshot || v.pool == nil {
		return ""
	}
	found := f.mountsOf(v)
	delete(found, unknownPath)
	f.keepWanted(found)
	if len(found) == 0 && slices.ContainsFunc(f.devices(v), func(d *device) bool { return d.inVirtualMachine() != nil }) {
		return inMachine
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}

// seenMounted says that an earlier look saw it, or its other half, mounted where
// LXD mounts its own, without a record: it had one, then, and the database that
// has none may be the wrong one. That the mount has ended since, with its machine
// perhaps, changes nothing of that.
func (s Subject) seenMounted() string {
	if s.volume == nil || s.snapshot != nil || s.volume.LXD.Snapshot {
		return ""
	}
	for _, v := range append([]*volume{s.volume}, s.f.twins(s.volume)...) {
		if seen := s.f.sighting(v.array, v.ID); seen != nil && !seen.Mounted.IsZero() {
			how := " was mounted on " + day(seen.Mounted) + " where LXD mounts its own (" + seen.Where + ")"
			if seen.Where == inMachine {
				how = " was open in a virtual machine on " + day(seen.Mounted)
			}
			return "LXD's database may be older than the volumes: without a record, " + v.Name + how
		}
	}
	return ""
}
