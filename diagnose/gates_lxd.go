package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// reverter is the suffix of the snapshot that LXD makes before it refreshes a
// volume, to go back to.
const reverter = "lxd-reverter-snapshot"

func listsComplete(s Subject) (Result, string) {
	doubts := []string{"no array was read"}
	if s.array != nil {
		doubts = s.array.doubts()
	}
	doubts = append(doubts, lxdDoubts(&s.f.world.LXD)...)
	if len(doubts) > 0 {
		return Uncertain, list(doubts)
	}
	a, lxd := s.array, &s.f.world.LXD
	return Pass, fmt.Sprintf("all of the array's %s and %s, and LXD's %s and %s",
		count(len(a.Volumes.Items), "volume"), count(len(a.Connections.Items), "connection"),
		count(len(lxd.Records.Items), "record"), count(len(lxd.Instances.Items), "instance"))
}

func lxdSeesAll(s Subject) (Result, string) {
	lxd := &s.f.world.LXD
	switch {
	case lxd.SeesAll.Is():
		return Pass, either(lxd.SeesAllWhy, "LXD shows us what only an administrator may see")
	case lxd.SeesAll.IsNot():
		return Fail, either(lxd.SeesAllWhy, "LXD hides from us what we may not see")
	default:
		return Uncertain, either(lxd.SeesAllWhy, "it is not known whether LXD hides anything from us")
	}
}

func recordsNotEmpty(s Subject) (Result, string) {
	switch {
	case s.pool == nil || s.pool.pool == nil:
		return Uncertain, "LXD lists no such pool"
	case s.pool.records == 0:
		return Fail, fmt.Sprintf("LXD has no record at all in pool %s, and its pod has %s in LXD's naming", s.pool.name, count(s.pool.named, "volume"))
	}
	return Pass, "LXD has " + count(s.pool.records, "record") + " in pool " + s.pool.name
}

// readOrder: LXD makes its record first and deletes the volume first, so a
// record that is missing after the volume was seen was missing all the time.
// The other way round every volume that is just being made looks leaked.
func readOrder(s Subject) (Result, string) {
	if s.array == nil {
		return Uncertain, "no array was read"
	}
	a, lxd := s.array.Source, s.f.world.LXD.Source
	switch {
	case a.Began.IsZero() || a.Ended.IsZero() || lxd.Began.IsZero() || lxd.Ended.IsZero():
		return Uncertain, "it is not known when the array and LXD were read"
	case lxd.Began.Before(a.Ended):
		return Uncertain, "LXD was asked before the array had told all of its volumes"
	}
	last := lxd.Ended
	for _, h := range s.f.hosts {
		if h.Recorded {
			continue // the hosts' own gate speaks of those
		}
		if h.Ended.IsZero() || h.Began.Before(a.Began.Add(-s.f.policy.ReadWithin)) {
			return Uncertain, "it is not known that " + h.Name + " was read at about the same time as the array"
		}
		if h.Ended.After(last) {
			last = h.Ended
		}
	}
	if took := last.Sub(a.Began); took > s.f.policy.ReadWithin {
		return Uncertain, "between the first word and the last lie " + span(took) + ", more than " + span(s.f.policy.ReadWithin)
	}
	return Pass, "the array was read first, then LXD, everything within " + span(last.Sub(a.Began)+time.Second)
}

func membersOnline(s Subject) (Result, string) {
	lxd := &s.f.world.LXD
	if why := lxd.Members.Why(); why != "" {
		return Uncertain, "the members are not all known: " + why
	}
	if len(lxd.Members.Items) == 0 {
		return Uncertain, "LXD names no member, not even itself"
	}
	var names []string
	for _, m := range lxd.Members.Items {
		if s.f.down(m.Name) {
			continue // it does nothing
		}
		if m.Online.IsNot() {
			return Fail, "member " + m.Name + " is " + either(m.Status, "not online") + ": what it does is not known" + s.f.whyNotDown(m.Name)
		}
		if !m.Online.Is() {
			return Uncertain, "member " + m.Name + " is not known to be online (" + either(m.Message, m.Status, "no status") + ")"
		}
		names = append(names, m.Name)
	}
	return Pass, list(names) + ": online"
}

func noOperation(s Subject) (Result, string) {
	lxd := &s.f.world.LXD
	if len(s.f.operations) > 0 {
		op := s.f.operations[0]
		if op.Running.Is() {
			return Fail, "LXD is busy: " + operationWords(op)
		}
		return Uncertain, "LXD may be busy: " + operationWords(op)
	}
	if why := lxd.Operations.Why(); why != "" {
		return Uncertain, "LXD's operations are not all known: " + why
	}
	return Pass, "no LXD operation is running that could touch a volume"
}

// recorded reports any record with the UUID, of whatever type, in any pool
// and project.
func (f *facts) recorded(id evidence.UUID) bool {
	return isAny(f.records.of(id))
}

func noRecord(s Subject) (Result, string) {
	lxd := &s.f.world.LXD
	name := evidence.Name{}
	switch {
	case s.snapshot != nil && s.snapshot.Suffix == reverter:
		return Pass, "LXD never has a record of this snapshot: it makes it before a refresh and removes it after"
	case s.snapshot != nil:
		name = s.snapshot.LXD
	case s.volume != nil:
		name = s.volume.LXD
	}
	if name.UUID.IsZero() {
		return Uncertain, "its name holds no uuid, so LXD's record of it can't be looked up"
	}
	copyOf := s.volume != nil && s.snapshot == nil && name.Snapshot
	var found, original *evidence.Record
	for r := range s.f.records.of(name.UUID) {
		if copyOf && r.Snapshot {
			original = r
			continue
		}
		found = r
		break
	}
	switch {
	case original != nil && s.volume.record == nil:
		return Fail, "LXD has a record with uuid " + name.UUID.String() + ", of a snapshot that is not this copy's: " + lxdName(original).String()
	case found != nil:
		return Fail, "LXD has a record with uuid " + name.UUID.String() + ": " + lxdName(found).String() + " in pool " + found.Pool
	case !lxd.Records.IsComplete():
		return Uncertain, "none was found, but LXD's records are not all known: " + lxd.Records.Why()
	case !lxd.SeesAll.Is():
		return Uncertain, "none was found, but LXD may hide records from us"
	case s.f.records.nameless != nil:
		return Uncertain, "none was found, but the record of " + lxdName(s.f.records.nameless).String() + " has no uuid and may be its"
	case original != nil:
		return Pass, "LXD keeps no record of its temporary copies; the uuid is that of snapshot " + lxdName(original).String()
	}
	where := "its only project"
	if s.f.records.projects != 1 {
		where = fmt.Sprintf("any of %d projects", s.f.records.projects)
	}
	return Pass, fmt.Sprintf("LXD %s has no record with uuid %s in %s, snapshots included", lxd.Version, name.UUID, where)
}

func notExpected(s Subject) (Result, string) {
	e := s.f.expected(s.volume)
	p := s.apart(&e)
	switch {
	case len(e.paths) > 0:
		return Fail, list(append(e.why(), e.byPath()...))
	case p != nil:
		return s.expectedApart(p, &e)
	case len(e.uses) > 0:
		return Fail, list(e.why())
	case e.doubt != "":
		return Uncertain, e.doubt
	case s.volume.record == nil:
		return Pass, "LXD has no record of it, so LXD expects it on no host"
	case s.volume.record.Snapshot:
		return Pass, "nothing that runs has snapshot " + s.volume.record.Name + " attached"
	default:
		return Pass, "nothing that runs uses " + lxdName(s.volume.record).String()
	}
}

// originalKept: LXD's temporary copy of a snapshot may be the only copy left
// if the snapshot itself is gone from the array while LXD still lists it.
func originalKept(s Subject) (Result, string) {
	if !s.volume.LXD.Snapshot || s.volume.record == nil {
		return Pass, "it is no copy of something that LXD still has"
	}
	return s.volume.originalKept(s.volume.record)
}

func (v *volume) originalKept(record *evidence.Record) (Result, string) {
	result, why := Uncertain, "snapshot "+record.Name+" was not found on the array: this copy may be the only one"
	for snap := range v.array.snapshotsNamed(v.pool, v.LXD) {
		switch {
		case snap.Destroyed.IsNot():
			return Pass, "the snapshot itself, " + snap.Name + ", is on the array"
		case snap.Destroyed.Is():
			result, why = Fail, "the snapshot itself, "+snap.Name+", is destroyed: this copy may be the only one"
		default:
			why = "it is not known whether the snapshot itself, " + snap.Name + ", is destroyed"
		}
	}
	return result, why
}

func explained(s Subject) (Result, string) {
	if s.snapshot != nil && s.snapshot.Suffix == reverter && s.f.policy.Batch {
		return Fail, "LXD's refresh of the volume may have been cut short, and this is what the volume was before: whether it is still wanted its content shows, so no batch takes it; by itself it can be repaired"
	}
	result, why := recordLost(s)
	if result != Pass || s.f.hasRecord(s) {
		return result, why
	}
	if hand := either(s.madeByHand(), s.misnamed()); hand != "" {
		return Fail, hand
	}
	var said []string
	undone := s.takenBack()
	if undone != "" && s.f.policy.Batch {
		return Fail, undone + alone
	}
	proof := s.letGo()
	if wanted := s.recovered(); wanted != "" {
		if !s.f.policy.EvenIfRecovered || s.f.policy.Batch {
			return Fail, wanted + "; if nobody wants it after all, state so with --even-if-recovered"
		}
		result, said = Waived, append(said, "you say that it may go although "+wanted)
	}
	doubt := s.f.unlikeHistory(s.pool, s.class == ClassDestroy, proof != "")
	if doubt == "" && proof == "" {
		doubt = either(s.madeAndKept(), s.seenMounted(), s.otherTaken(), s.droppedWithMember(), s.connectedSomewhere(), s.unlikeElsewhere(), s.mayBeLost())
	}
	if s.volume != nil && s.snapshot == nil {
		if doubt = either(doubt, s.volume.another); doubt == "" {
			doubt = s.exchanged()
		}
	}
	switch {
	case doubt != "" && (!s.f.policy.DatabaseIsCurrent || s.f.policy.Batch):
		return Uncertain, doubt + orState
	case doubt != "":
		result, said = Waived, append(said, "you say that LXD's database is current; "+doubt)
	default:
		why = either(proof, s.since(), s.untold(why))
	}
	if undone != "" {
		said, why = append(said, undone), why+"; "+undone
	}
	if result == Waived {
		why = strings.Join(said, "; ")
	}
	return result, why
}

// hasRecord reports what LXD itself knows. Its temporary copies of snapshots
// have no record of their own.
func (f *facts) hasRecord(s Subject) bool {
	if s.snapshot != nil {
		return !s.snapshot.LXD.UUID.IsZero() && f.recorded(s.snapshot.LXD.UUID)
	}
	return s.volume.record != nil && !s.volume.LXD.Snapshot
}

// recordLost says whether this very object had a record that LXD then lost.
func recordLost(s Subject) (Result, string) {
	switch {
	case s.f.hasRecord(s):
		return Pass, "LXD has its record"
	case s.snapshot != nil:
		if m := s.f.movedVolumes[s.volume]; m != nil && s.volume != nil {
			return Fail, "it is a snapshot of " + m.name() + ", which somebody renamed or moved: whoever did that may want it"
		}
		if seen := s.f.sighting(s.array, s.snapshot.ID); seen != nil && !seen.Recorded.IsZero() {
			return Fail, "LXD had a record of it on " + day(seen.Recorded) + " and has none now"
		}
		return Pass, "no earlier run remembers a record of it"
	}
	why := s.f.disappeared(s.volume)
	switch {
	case why == "":
		return Pass, "there is no sign that LXD had a record of it and lost it"
	case s.f.tookTheOther(s.volume):
		return Pass, "by the array's audit trail LXD deleted its other half, so it was deleting both (" + why + ")"
	}
	return Fail, why
}

func oldEnough(s Subject) (Result, string) {
	created, image := time.Time{}, false
	switch {
	case s.snapshot != nil:
		created = s.snapshot.Created
	case s.volume != nil:
		created, image = s.volume.Created, s.volume.LXD.Type == evidence.TypeImage
	}
	clock := s.array.Clock
	switch {
	case created.Year() < 2000: // or never
		return Uncertain, "the array does not say when it was made"
	case clock.IsZero():
		return Uncertain, "the array's clock is not known"
	case clock.Before(created):
		return Uncertain, "by the array's own clock it was made in the future"
	}
	p, old := s.f.policy, clock.Sub(created)
	words := "it is " + span(old) + " old by the array's clock"
	if ours := s.array.Ended.Sub(created); s.array.Skew(clock).Abs() > evidence.ClockTolerance && ours >= 0 && ours < old {
		// The array's clock may have been set ahead since it was made.
		old, words = ours, "it is "+span(ours)+" old by this machine's clock, with which the array's disagrees"
	}
	if old < p.minAge(image) {
		return Fail, words + ", " + span(p.minAge(image)) + " are needed"
	}
	if usual := p.usualAge(image); old < usual {
		return Waived, words + "; the usual " + span(usual) + " were waived"
	}
	return Pass, words
}

func seenBefore(s Subject) (Result, string) {
	if !s.f.policy.Batch {
		return Pass, "it was asked for by itself; only a batch needs an earlier sighting"
	}
	if s.class == ClassDisconnect {
		return unusedBefore(s)
	}
	seen := s.f.sighting(s.array, s.id())
	switch {
	case seen == nil || seen.Leaked.IsZero():
		return Fail, "no earlier check or fix saw it as a leftover (scan remembers nothing): run the batch again"
	case !seen.Leaked.Before(s.array.Began):
		return Uncertain, "it was first seen as a leftover in this very run"
	}
	if result, why := s.notOld(seen); result != Pass {
		return result, why
	}
	return Pass, "first seen as a leftover on " + day(seen.Leaked)
}

// notOld holds what is remembered of a leftover against how it is now. A memory
// that was restored with its machine tells of a time after which LXD may have had
// it, and makes batches wait.
func (s Subject) notOld(seen *evidence.Sighting) (Result, string) {
	now := evidence.Moment{At: s.array.Began, ArrayClock: s.array.Clock}
	written, provisioned := evidence.CountOf(0), int64(0)
	if s.snapshot != nil {
		provisioned = s.snapshot.Provisioned
	} else {
		written, provisioned = s.volume.Written, s.volume.Provisioned
	}
	need := s.f.policy.BatchMinAge
	_, gap, ok := now.Since(seen.Last)
	same, known := SameDatabase(s.f.world, now.At, gap)
	switch {
	case seen.Last.At.IsZero():
		return Fail, "what an earlier version remembers of it as a leftover does not count: run the batch again after " + day(now.At.Add(need))
	case !ok:
		return Uncertain, "it is not known how long ago it was last seen as a leftover"
	case gap > evidence.SightingGap:
		return Fail, "it was last seen as a leftover on " + day(seen.Last.At) + ", and what was since then nobody remembers: run the batch again after " + day(now.At.Add(need))
	case !known:
		return Uncertain, "it is not known whether LXD has been running since it was last seen as a leftover"
	case !same:
		return Fail, "LXD was started since it was last seen as a leftover on " + day(seen.Last.At) + ", and may have another database: run the batch again after " + day(now.At.Add(need))
	case !seen.Written.Known || !written.Known:
		return Uncertain, "it is not known what was written to it since it was seen as a leftover"
	case written != seen.Written || provisioned != seen.Provisioned:
		return Fail, "it was written to, or resized, since it was seen as a leftover: run the batch again after " + day(now.At.Add(need))
	}
	if seen.Again.At.IsZero() {
		return Pass, ""
	}
	switch least, _, ok := now.Since(seen.Again); {
	case !ok:
		return Uncertain, "it is not known for how long it is a leftover again"
	case least < need:
		return Fail, "it counts as a leftover only since " + day(seen.Again.At) + " (LXD was started, it was written to, or nobody looked for days); a batch waits for " + span(need) + ": run it again after " + day(now.At.Add(need-least))
	}
	return Pass, ""
}

// unusedBefore asks for how long nothing has used a connection. LXD starts
// instances by itself, without an operation, and connects their volumes before
// their devices come: what was connected a moment ago looks like what nobody
// took away. How old a connection is the array does not say. A machine that has
// just started may have seen it by a clock that was set later, so the array's clock
// has to tell of the same time.
func unusedBefore(s Subject) (Result, string) {
	if s.connection == "" {
		return Uncertain, "it is not known of which connection"
	}
	if undone := s.takenBack(); undone != "" {
		return Fail, undone + alone
	}
	first := evidence.StaleSighting{}
	if seen := s.f.sighting(s.array, s.volume.ID); seen != nil {
		first = seen.StaleSince(s.connection)
	}
	if why := s.otherConnection(first); why != "" {
		return Fail, why
	}
	need, old, byArray := s.f.policy.BatchMinAge, s.array.Began.Sub(first.Since), s.array.Clock.Sub(first.ArrayClock)
	if byArray < old-evidence.ClockTolerance {
		old = byArray // this machine's clock was set meanwhile
	}
	if again := s.connectedAgain(first); !again.IsZero() {
		old = min(old, s.array.Clock.Sub(again))
	}
	switch {
	case first.Since.IsZero():
		if s.array.Began.IsZero() {
			return Fail, "no earlier check or fix saw its connection to " + s.connection + " unused"
		}
		return Fail, "no check or fix before this saw its connection to " + s.connection + " unused, and a batch takes what was first seen so " + span(need) + " ago: run it again after " + day(s.array.Began.Add(need))
	case old < 0 || first.ArrayClock.IsZero():
		return Uncertain, "it is not known for how long its connection to " + s.connection + " is unused"
	case old < need:
		return Fail, "its connection to " + s.connection + " was first seen unused " + span(old) + " ago, and a batch takes what was " + span(need) + " ago: run it again after " + day(s.array.Began.Add(need-old))
	}
	return Pass, "its connection to " + s.connection + " was first seen unused on " + day(s.array.Began.Add(-old))
}

// otherConnection says why what was seen unused may not be the connection that there is
// now; empty where it is. Where an array tells the past of the volume, that says
// when it was connected; a LUN is given again as soon as it is free.
func (s Subject) otherConnection(first evidence.StaleSighting) string {
	if first.Since.IsZero() {
		return ""
	}
	again := ", so it may not be as old as what an earlier check or fix saw: a batch takes what was seen unused for " + span(s.f.policy.BatchMinAge)
	now := evidence.Moment{At: s.array.Began, ArrayClock: s.array.Clock}
	if _, gap, ok := now.Since(first.Last); !ok || gap > evidence.ConnectionGap {
		return "nothing shows that anybody looked at its connection to " + s.connection + " in the last " + span(evidence.ConnectionGap) + again + ", by looks that are no more than that apart"
	}
	same := func(row *evidence.Connection) bool {
		return strings.EqualFold(row.Host, s.connection) && row.LUN == first.LUN && row.NSID == first.NSID
	}
	if !isAny(filter(s.volume.connections(), same)) {
		return "its connection to " + s.connection + " is another one now" + again
	}
	trail := s.f.trailOf(s.volume.ID)
	if trail == nil {
		return ""
	}
	if !trail.Deeds.IsComplete() {
		return "when it was connected the array's audit trail could not tell in full" + again
	}
	if at := s.connectedAgain(first); at.After(first.Last.ArrayClock) {
		return "by the array's audit trail it was connected on " + day(at) + again
	}
	return ""
}

// connectedAgain is when, by the array's audit trail, the connection was made last
// since it was first seen unused; zero where that does not say. From then on it has
// an age of its own, if anybody looked at it since.
func (s Subject) connectedAgain(first evidence.StaleSighting) time.Time {
	at := time.Time{}
	if trail := s.f.trailOf(s.volume.ID); trail != nil {
		for _, d := range trail.Deeds.Items {
			if d.Verb == evidence.DeedConnect && d.At.After(first.ArrayClock) && d.At.After(at) && !s.namesOthers(d.Hosts) {
				at = d.At
			}
		}
	}
	return at
}

// namesOthers reports that hosts are told, and none of them is the connection's.
func (s Subject) namesOthers(hosts []string) bool {
	return len(hosts) > 0 && !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, s.connection) })
}

// orState ends a doubt about LXD's records that the operator can answer for one object.
const orState = "; settle that, or state for one of them that the database is current: --database-is-current"

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
