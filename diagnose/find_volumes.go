package diagnose

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
)

// volumes are those of all arrays.
func (f *facts) volumes() iter.Seq[*volume] {
	return func(yield func(*volume) bool) {
		for _, a := range f.arrays {
			for v := range evidence.Refs(a.volumes) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// judged are the volumes in pools that are asked about.
func (f *facts) judged() iter.Seq[*volume] {
	return filter(f.volumes(), func(v *volume) bool { return v.pool != nil && v.pool.judged })
}

// eachOf makes the check of a kind that is one volume of a code each; tell says what
// is seen of it.
func eachOf(code string, tell func(f *facts, v *volume, d *draft)) func(*facts) []draft {
	return func(f *facts) []draft {
		var found []draft
		for v := range f.judged() {
			if v.code == code {
				d := ofVolume(v)
				tell(f, v, &d)
				found = append(found, d)
			}
		}
		return found
	}
}

// wantedFirst is what comes before anything else about what LXD mounted itself.
const wantedFirst = "find out first what became of its record (pureclean explain disappeared-record), and stop and unmount nothing before that is known: an instance may run from it"

// leaked tells of a volume that LXD left behind.
func (f *facts) leaked(v *volume, d *draft) {
	d.Detail = f.leakWords(v)
	d.Cause = f.leakCause(v)
	d.Effect = f.leakEffect(v)
	d.Remedy = f.destroySteps(v)
	if d.MountedAs = f.mountedAs(v); d.MountedAs != "" {
		way := "LXD mounts its own there"
		if d.MountedAs == inMachine {
			way = "a virtual machine has it open"
		}
		d.Cause = way + ", so it had a record: its database was likely restored from an older state, edited, or a member was removed by force; or LXD lost it while it could not unmount it"
		d.Remedy = append([]string{wantedFirst}, d.Remedy...)
	}
	if f.atRest(v) {
		d.told, d.Severity = true, Info
		d.Remedy = []string{
			"leave it to LXD, which writes over it when it mounts the snapshot again and deletes it together with the snapshot",
			"if the snapshot is not wanted any more: " + f.deleteCommand(v.record),
		}
	}
}

// atRest reports LXD's temporary copy of a snapshot that it has a record of,
// with nothing in the way of LXD's own delete: no connection, and no device.
// A destroyed copy would be in the way, see docs/findings.
func (f *facts) atRest(v *volume) bool {
	return v.code == codeLeakedSnapshotVolume && v.record != nil &&
		v.conns == none && !v.disagrees() && v.array.Connections.IsComplete() && len(f.devices(v)) == 0
}

// leakWords is one line of what is seen of a volume that LXD left behind.
func (f *facts) leakWords(v *volume) string {
	words := "no LXD record"
	switch {
	case v.code == codeLeakedHalf:
		words = "no LXD record, and its other half is gone"
	case v.record != nil:
		words = "copy of snapshot " + v.record.Name + ", " + f.sight().unused()
	case v.LXD.Snapshot:
		words = "copy of a snapshot of which LXD has no record either"
	}
	return words + "; " + f.whereWords(v)
}

// whereWords says what a volume is connected to and what hosts have of it.
func (f *facts) whereWords(v *volume) string {
	var parts []string
	hosts := v.hostNames()
	devices := f.devices(v)
	switch {
	case len(hosts) > 0:
		parts = append(parts, "connected to "+list(hosts))
	case !v.array.Connections.IsComplete():
		parts = append(parts, "not known whether it is connected")
	default:
		parts = append(parts, "not connected")
	}
	for _, d := range devices {
		if words := d.words(); words != "" {
			parts = append(parts, words+d.state())
		}
		if words := d.strays(); words != "" {
			parts = append(parts, words+" on "+d.host.Name)
		}
	}
	if len(devices) == 0 && len(hosts) > 0 {
		parts = append(parts, f.noDevice()...)
	}
	return strings.Join(parts, "; ")
}

// noDevice says where there is no device of a volume, and where nobody looked.
func (f *facts) noDevice() []string {
	var parts []string
	sight := f.sight()
	if len(sight.whole) > 0 {
		parts = append(parts, "no device on "+list(sight.whole))
	}
	if unread := sight.unread(); unread != "" {
		parts = append(parts, unread)
	}
	return parts
}

// state says whether the device is in use, as far as that is known.
func (d *device) state() string {
	u := d.usage()
	switch {
	case len(u.certain) > 0:
		return ", " + list(u.certain)
	case len(u.waits) > 0:
		return ", " + list(u.waits)
	case u.doubt != "" || d.host.partial() != "" || d.host.blindness() != "":
		return ", no use of it seen"
	default:
		return ", idle"
	}
}

// leakCause tells the likely story from what was left behind. Nobody saw it
// happen, so it says "likely" wherever more than one story fits.
func (f *facts) leakCause(v *volume) string {
	version := f.world.LXD.Version
	devices := f.devices(v)
	if late := f.late[v]; late != nil && v.code != codeLeakedHalf {
		return late.words() + "; " + f.afterwards(v)
	}
	switch {
	case v.code == codeLeakedHalf:
		return "LXD deleted the other half first and failed on this one, likely because it was connected to another member; its next try found the volume gone and removed the record"
	case v.code == codeLeakedImage && settings.HasBug(version, "lxd-image-copies"):
		return "LXD " + version + " makes a new copy of the image for each instance that is created from it, and keeps the record of one copy only"
	case v.code == codeLeakedImage:
		return "LXD was likely stopped while it unpacked the image: it creates the volume before the record"
	case v.LXD.Snapshot:
		return "LXD was likely stopped, or an unmount failed, while it exported, copied or mounted the snapshot; it keeps no record of such copies"
	case len(devices) > 0 && len(devices[0].ownMaps()) > 0:
		return "LXD could not take the volume's device away (likely the map was in use, or the array did not answer), and removed the record all the same"
	case v.conns != none && len(devices) > 0:
		return "the device likely came after LXD had given up waiting for it (30 seconds); the array then refused to delete a connected volume, and LXD removed the record all the same"
	case v.conns != none:
		return "LXD created and connected it, and its device did not come within 30 seconds or the roll-back failed; the array refuses to delete a connected volume, and LXD removed the record all the same"
	case len(devices) > 0:
		return "LXD lost it while it was mapped; its connection was taken away later, and the device on the host stayed"
	case v.LXD.Type == evidence.TypeContainer || v.LXD.Type == evidence.TypeVM:
		return "LXD likely failed while it created or deleted the instance, after the volume was made and before or after its record"
	default:
		return "the array made it, and LXD likely never got the answer; or the array refused a request during LXD's roll-back"
	}
}

// afterwards is how a volume stayed for whose device LXD waited in vain.
func (f *facts) afterwards(v *volume) string {
	if v.conns != none {
		return "the array then refused to delete a connected volume, and LXD removed the record all the same"
	}
	return "LXD's roll-back disconnected it and then failed, and LXD removed the record all the same"
}

func (f *facts) leakEffect(v *volume) string {
	if v.code != codeLeakedSnapshotVolume || v.record == nil {
		return ""
	}
	if v.conns == none {
		return "it takes space; LXD removes it when the snapshot is deleted, if nothing connects it until then"
	}
	return "LXD can't delete snapshot " + v.record.Name + " while this copy is connected (\"existing connections\")"
}

// destroySteps is the order that neither hangs a host nor brings the device
// back: SCSI devices go before the connection, NVMe namespaces after it.
func (f *facts) destroySteps(v *volume) []string {
	var before, steps []string
	for _, d := range f.devices(v) {
		if words := d.words(); words != "" && len(d.namespaces) == 0 {
			before = append(before, "remove "+words)
		}
	}
	steps = append(steps, before...)
	steps = append(steps, each(v.hostNames(), func(name string) string { return "disconnect it from " + name })...)
	steps = append(steps, "confirm that no host has a device of it")
	if v.code == codeLeakedSnapshotVolume {
		// LXD deletes the copy together with the snapshot, and fails on one
		// that is destroyed already for as long as the array keeps it.
		return append(steps, "leave the volume to LXD, which deletes it together with snapshot "+v.record.Name)
	}
	return append(steps, "destroy it"+v.array.undo())
}

// undo says for how long a destroyed object can be recovered.
func (a *arrayFacts) undo() string {
	if a.EradicationDelay <= 0 {
		return ""
	}
	return " (recoverable for " + span(a.EradicationDelay) + ")"
}

func (f *facts) lostItsRecord(v *volume, d *draft) {
	d.Detail = f.disappeared(v) + "; " + f.whereWords(v)
	d.Cause = "LXD's database was likely restored from an older state, edited, or a member was removed by force"
	if seen := f.sighting(v.array, v.ID); seen != nil && !seen.Recorded.IsZero() && len(f.devices(v)) == 0 && v.conns == none {
		d.Cause = "the record was removed without the volume: a restored or edited database, or a delete that failed half-way"
	}
}

func (f *facts) isForeign(v *volume, d *draft) {
	d.Detail = "its name is not one that LXD gives; " + f.whereWords(v)
	d.Cause = "somebody made it by hand or with another tool"
}

func (f *facts) isPending(v *volume, d *draft) {
	what := "no LXD record"
	if v.LXD.Snapshot {
		what = "LXD keeps no record of such a copy"
	}
	d.Detail = "destroyed, " + what + "; " + v.array.until(v.Remaining, "its space returns")
	d.Cause = either(f.destroyedBy(v), "LXD or an operator destroyed it") + "; " + either(v.array.safeMode(), "it was not eradicated")
	d.Remedy = []string{"wait: " + v.array.until(v.Remaining, "its space returns"), "or bring it back: purevol recover " + shell(v.Name)}
}

// destroyedBy names the run of pureclean that destroyed a volume, where what is left
// of its time fits that: somebody may have recovered it and destroyed it again.
func (f *facts) destroyedBy(v *volume) string {
	d := f.destroyed[v.ID]
	if d == nil || d.ArrayID != v.array.ID || !d.Certain.Is() || v.Remaining <= 0 || v.array.EradicationDelay <= 0 || v.array.Clock.IsZero() {
		return ""
	}
	when := v.array.Deadline(v.Remaining).Add(-v.array.EradicationDelay)
	if when.Sub(d.At).Abs() > evidence.ClockTolerance {
		return ""
	}
	return "run " + d.Run + " of pureclean destroyed it on " + day(d.At) + " (pureclean runs says until when that can be undone)"
}

// safeMode says that the array lets nobody eradicate, if it does.
func (a *arrayFacts) safeMode() string {
	if a.ManualEradication == "all-disabled" {
		return "SafeMode lets nobody eradicate it before its time"
	}
	return ""
}

// until says when a timer of the array runs out.
func (a *arrayFacts) until(remaining time.Duration, what string) string {
	switch {
	case remaining <= 0:
		return "the array does not say when " + what
	case a.Clock.IsZero():
		return what + " in " + span(remaining)
	case a.Skew(a.Clock).Abs() > evidence.ClockTolerance:
		return what + " in " + span(remaining) + " (the array's clock is wrong)"
	default:
		return what + " at " + day(a.Deadline(remaining))
	}
}

func (f *facts) destroyedButRecorded() []draft {
	found := eachOf(codeDestroyedRecorded, func(f *facts, v *volume, d *draft) {
		f.isDestroyed(d, v.record, v.Remaining, v.pool)
		if v.record.Type == evidence.TypeImage {
			d.Severity, d.Effect = Info, imageEffect
			d.Detail = d.LXD.String() + " is destroyed on the array: " + v.array.until(v.Remaining, "it is gone")
		}
		if v.LXD.Snapshot {
			d.Detail = "a copy of " + d.LXD.String() + ", which may be the only one, is destroyed: " + v.array.until(v.Remaining, "its data will be lost")
			d.Cause = "LXD had no record of the snapshot when its temporary copy was destroyed, or the snapshot was lost on the array since"
		}
	})(f)
	f.eachSnapshot(func(s *evidence.Snapshot, source *volume, pool *poolFacts) {
		if !s.Destroyed.Is() || !s.LXD.IsLXD() {
			return
		}
		record := f.records.find(pool.name, s.LXD)
		if record == nil {
			return
		}
		if source != nil && source.Destroyed.Is() {
			return // it goes and comes back with its volume
		}
		d := ofSnapshot(s, source, pool)
		d.LXD = lxdName(record)
		f.isDestroyed(&d, record, s.Remaining, pool)
		found = append(found, d)
	})
	return found
}

// isDestroyed tells of a record whose object the array has destroyed.
func (f *facts) isDestroyed(d *draft, record *evidence.Record, remaining time.Duration, pool *poolFacts) {
	d.Detail = d.LXD.String() + " is destroyed on the array: " + pool.array.until(remaining, "its data will be lost")
	d.Cause = either(pool.array.stuck(), "somebody destroyed it on the array, or LXD's delete was refused after the first of its two steps")
	d.Remedy = f.recoverSteps("purevol recover "+shell(d.Object), record, pool)
}

// stuck explains LXD's deletes on an array that lets nobody eradicate: the
// destroy succeeds, the eradication is refused, the record stays, and each
// later try fails because the volume is destroyed already.
func (a *arrayFacts) stuck() string {
	if a.ManualEradication == "all-disabled" {
		return "LXD's delete destroyed it and was then refused its eradication (SafeMode), so LXD kept the record; or somebody destroyed it on the array"
	}
	return ""
}

func (f *facts) recoverSteps(command string, record *evidence.Record, pool *poolFacts) []string {
	wanted, meant := "if it is still wanted: "+command, "if it was deleted on purpose: "
	switch there, _ := f.stillThere(record, pool); {
	case record.Type == evidence.TypeImage:
		return []string{"bring it back: " + command, "or let LXD unpack it anew: wait until the array has eradicated it, then " + f.deleteCommand(record)}
	case len(there) > 0:
		return append([]string{wanted}, f.takenAlong(record, there)...)
	}
	return []string{wanted, meant + "wait until the array has eradicated it, then " + f.deleteCommand(record)}
}

// imageEffect: an image's volume is a copy that LXD unpacks from a file of its
// own.
const imageEffect = "no data is lost: the image itself is a file of LXD's, and this its copy in the pool; creating instances from it there may fail until the record of the copy is gone"

// stillThere are the array's names of what is live, and of what is destroyed, of
// what a record is of: of a virtual machine one half, where the other is not there.
func (f *facts) stillThere(record *evidence.Record, pool *poolFacts) (live, destroyed []string) {
	add := func(name string, gone evidence.Answer) {
		if gone.Is() {
			destroyed = append(destroyed, name)
		} else {
			live = append(live, name)
		}
	}
	for _, content := range contents(record) {
		name := evidence.Name{Snapshot: record.Snapshot, Type: record.Type, Content: content, UUID: record.UUID}
		if record.Snapshot {
			for s := range pool.array.snapshotsNamed(pool, name) {
				add(s.Name, s.Destroyed)
			}
			continue
		}
		for v := range pool.array.named(pool, name) {
			add(v.Name, v.Destroyed)
		}
	}
	return live, destroyed
}

// takenAlong says what LXD's delete takes with it, and how to keep that.
func (f *facts) takenAlong(record *evidence.Record, there []string) []string {
	steps := []string{"do not delete it while " + list(there) + " is wanted, which is there"}
	if f.otherInstance(record) == "" {
		steps[0] += ": " + f.deleteCommand(record) + " deletes that, too"
	}
	for _, name := range there {
		pod, _, _ := strings.Cut(name, "::")
		steps = append(steps, "keep a copy first: purevol copy "+shell(name)+" "+shell(pod+"::rescue-"+strings.ReplaceAll(record.Name, "/", "-")))
	}
	return steps
}

// otherInstance says why LXD's delete of the instance that has the name of a record
// would delete another one; empty where the record is of that instance, or LXD has
// none of that name. A record of an instance's volume may be left alone, and the
// instance of its name be of the other type, or have its disk in another pool.
func (f *facts) otherInstance(record *evidence.Record) string {
	if record.Type != evidence.TypeContainer && record.Type != evidence.TypeVM {
		return ""
	}
	inst := f.use.instances[place{record.Project, parentOf(record)}]
	if inst == nil {
		return ""
	}
	is := "the instance " + quoted(inst.Name) + " that LXD has is another one, and is deleted by that name: "
	if inst.Type != record.Type {
		return is + "it is a " + either(inst.Type, "something else")
	}
	for i := range inst.Disks {
		if d := &inst.Disks[i]; d.Source == "" && d.Pool == record.Pool {
			return ""
		} else if d.Source == "" && d.Pool != "" {
			return is + "its disk is in pool " + d.Pool
		}
	}
	return is + "in which pool its disk is, is not known"
}

// deleteCommand is the command with which LXD removes what a record is of, or why
// there is none.
func (f *facts) deleteCommand(record *evidence.Record) string {
	if other := f.otherInstance(record); other != "" {
		return "ask LXD's support how to remove the record alone; " + other
	}
	project := ""
	if record.Project != "" && record.Project != "default" {
		project = " --project " + shell(record.Project)
	}
	switch record.Type {
	case evidence.TypeContainer, evidence.TypeVM:
		return "lxc delete " + shell(record.Name) + project
	case evidence.TypeImage:
		// Not the image itself, which is a file of LXD's and may have no other copy.
		return "lxc storage volume delete " + shell(record.Pool) + " " + shell("image/"+record.Name) + project
	default:
		return "lxc storage volume delete " + shell(record.Pool) + " " + shell(record.Name) + project
	}
}

// recent is how long a record may be without its volume: LXD writes the
// record first, and the array was read before LXD.
const recent = 10 * time.Minute

// missingVolumes lists records whose array object is certainly not there.
func (f *facts) missingVolumes() []draft {
	pools := map[string]*poolFacts{}
	for _, p := range f.pools {
		if p.judged && p.pool != nil && p.pod != nil && p.array.Volumes.IsComplete() {
			pools[p.name] = p
		}
	}
	var found []draft
	for record := range evidence.Refs(f.records.list) {
		pool := pools[record.Pool]
		if pool == nil || record.UUID.IsZero() || f.young(record) || f.busyWith(record) != nil {
			continue
		}
		missing := f.missing(record, pool)
		if len(missing) == 0 || f.isMoved(record) {
			continue
		}
		d := draft{subject: Subject{array: pool.array, pool: pool}}
		d.Pool, d.ArrayID, d.LXD = pool.name, pool.array.ID, lxdName(record)
		d.Object = record.Pool + "/" + record.Type + "/" + record.Name
		d.Detail = d.LXD.String() + ": the array has no " + missing[0] + " with uuid " + record.UUID.String()
		d.Cause = "LXD was stopped after it had deleted the volume and before the record, or somebody eradicated it on the array"
		d.Remedy = []string{
			"restore it from a backup",
			"or, if it is not wanted any more: " + f.deleteCommand(record),
		}
		there, destroyed := f.stillThere(record, pool)
		switch {
		case record.Type == evidence.TypeImage:
			d.Severity, d.Effect = Info, imageEffect
			d.Remedy = []string{"let LXD unpack it anew: " + f.deleteCommand(record)}
		case len(there) > 0:
			if !record.Snapshot {
				d.Severity = Critical // what is left of it goes with LXD's own delete
			}
			d.Detail += "; its other half is there: " + list(there)
			d.Cause = "somebody eradicated it on the array, or LXD was stopped after it had deleted one half and before the other"
			d.Remedy = append([]string{"restore the missing half from a backup, under the same name"}, f.takenAlong(record, there)...)
		case len(destroyed) > 0:
			d.Detail += "; its other half is destroyed, and can be recovered: " + list(destroyed)
			d.Remedy = []string{"do not delete the record while that is wanted: destroyed-but-recorded says until when purevol recover " + shell(destroyed[0]) + " brings it back"}
		}
		if why := f.mayStillBe(record, pool); why != "" {
			d.Detail += "; it may be elsewhere: " + why
			d.Cause = "somebody renamed or moved it on the array, or eradicated it there; or LXD was stopped after it had deleted the volume and before the record"
			d.Remedy = []string{"find out first whether it is gone: " + why, "do not delete the record before that is known"}
		}
		found = append(found, d)
	}
	return found
}

// isMoved reports a record whose volume is elsewhere; its snapshots go with it.
func (f *facts) isMoved(record *evidence.Record) bool {
	if record.Snapshot {
		record = f.parentOf(record)
	}
	return record != nil && slices.ContainsFunc(f.movedRecords[record], func(m *move) bool { return !m.copied })
}

func (f *facts) young(record *evidence.Record) bool {
	read := f.world.LXD.Began
	return !record.Created.IsZero() && !read.IsZero() && read.Sub(record.Created) < recent
}

// missing says what a record should have on the array and has not, not even
// destroyed.
func (f *facts) missing(record *evidence.Record, pool *poolFacts) []string {
	switch {
	case directories[record.Type] == "":
		return nil // a type that is new to us: it can't be joined
	case record.Type == evidence.TypeImage && record.Snapshot:
		return nil // LXD makes no snapshots of images
	case record.Snapshot && !pool.array.Snapshots.IsComplete(), record.Content == "" && record.Type != evidence.TypeVM:
		return nil
	}
	var missing []string
	for _, content := range contents(record) {
		name := evidence.Name{Snapshot: record.Snapshot, Type: record.Type, Content: content, UUID: record.UUID}
		found := isAny(pool.array.named(pool, name))
		if record.Snapshot {
			found = isAny(pool.array.snapshotsNamed(pool, name))
		}
		if !found {
			missing = append(missing, objectWords(record, content))
		}
	}
	return missing
}

func objectWords(record *evidence.Record, content string) string {
	what := "volume"
	if record.Snapshot {
		what = "snapshot"
	}
	if len(contents(record)) > 1 {
		return content + " " + what
	}
	return what
}
