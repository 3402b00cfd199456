package diagnose

import (
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// What shows that LXD let go of a volume, whatever its database says now. A
// database from a backup has no record of what was made after it, and nothing
// need show that: then a volume that LXD made and kept looks like one that LXD
// failed to make. Three things tell them apart.
//
// The array's audit trail shows that LXD tried to destroy it. Or it shows that
// LXD never came to the end of making it, and the array holds nothing of it: LXD
// connects a filesystem to make it, and disconnects it again before it calls it
// made. That it was not disconnected is not enough: an LXD that is killed right
// after it made the filesystem keeps the record, and what uses the volume then
// finds it connected. Or LXD's daemon has been running since before it was made:
// nobody can put another database under a daemon that runs. But records also
// disappear while it runs: those of a member's instances, when the member is
// removed by force (ClearNode; they are to be recovered), and those that somebody
// deletes by hand (lxd sql). So it proves nothing of an instance's volume in a cluster, nor of
// what the trail shows in use, or under another name, after it was made; and another LXD in
// the pod makes volumes that this one never had a record of (see another.go).

const (
	// atOnce is how far the array's own row of a creation may be from the time
	// that it gives the volume.
	atOnce = 5 * time.Second
	// making is longer than LXD takes from a filesystem volume's creation to
	// its first connection.
	making = 10 * time.Minute
	// startMargin is for the readings by which LXD's start and the age of a
	// volume are compared.
	startMargin = time.Minute
	// deleting is longer than LXD takes from destroying a volume to eradicating
	// it, which it asks for in the same breath.
	deleting = time.Minute
)

// past is what an audit trail tells of one volume from its creation on.
type past struct {
	// made is its creation; zero where the trail does not reach back to it.
	made evidence.Deed
	// later are the commands since, the oldest first.
	later []evidence.Deed
	// why says what of it is not known, unmade that it should have the making
	// and has not, short that it does not reach back to it.
	why, unmade, short string
}

// isLXDs reports a command of whoever made the volume, who may be LXD.
func (p past) isLXDs(d evidence.Deed) bool {
	return !d.Ours.Is() && d.User != "" && d.User == p.made.User && d.Interface == rest && p.made.Interface == rest
}

// rest is the interface through which LXD does everything.
const rest = "REST"

func (s Subject) past() (past, bool) {
	if s.snapshot != nil || s.volume.Created.IsZero() {
		return past{}, false
	}
	t := s.f.trailOf(s.volume.ID)
	if t == nil {
		return past{}, false
	}
	p := past{why: t.Deeds.Why()}
	if t.VolumeID == "" {
		p.why = either(p.why, "of which volume it tells")
	}
	for _, d := range t.Deeds.Items {
		age := d.At.Sub(s.volume.Created)
		switch {
		case d.At.IsZero() || d.Verb == "":
			p.why = either(p.why, "of a command it does not say what it did, or when")
		case age < -atOnce: // of an earlier volume of that name
		case (d.Verb == evidence.DeedCreate || d.Verb == evidence.DeedCopy || d.Verb == evidence.DeedOther) && age <= atOnce && p.made.At.IsZero():
			p.made = d // made, or copied
		default:
			p.later = append(p.later, d)
		}
	}
	since := t.Since
	for _, d := range t.Deeds.Items {
		if since.IsZero() || (d.At.Before(since) && !d.At.IsZero()) {
			since = d.At
		}
	}
	switch made := s.volume.Created; {
	case !p.made.At.IsZero() && p.made.Interface == "":
		p.why = either(p.why, "through what it was made")
	case !p.made.At.IsZero():
	case !since.IsZero() && since.Before(made.Add(-atOnce)):
		p.unmade = "the array's audit trail reaches back to " + day(since) + ", before it was made, and has nothing of its making: it was made under another name, or by somebody of whom the trail does not tell"
	case t.Since.IsZero():
		p.why = either(p.why, "how far back it reaches")
	default:
		p.short = "the array's audit trail reaches back to " + day(since) + " only, so that it says nothing of its making"
	}
	return p, true
}

// trailOf is what is told of a volume or a snapshot; nil for nothing. A trail of
// which it is not known whose it is may be anybody's.
func (f *facts) trailOf(id string) *evidence.Trail {
	if t := f.trails[id]; t != nil {
		return t
	}
	return f.trails[""]
}

// letGo says by what the array's audit trail proves that LXD let go of this
// very volume; empty where it does not.
func (s Subject) letGo() string {
	p, told := s.past()
	if !told || p.why != "" || p.made.At.IsZero() || p.made.Interface != "REST" || p.made.User == "" {
		return ""
	}
	var tried time.Time
	made, kept := s.volume.Created, false
	unfinished := p.made.Verb == evidence.DeedCreate && s.volume.LXD.Content == evidence.ContentFilesystem && s.volume.SourceID == "" && s.volume.SourceName == "" &&
		s.volume.Written == evidence.CountOf(0)
	for _, d := range p.later {
		if d.Ours.Is() {
			continue
		}
		switch d.Verb {
		case evidence.DeedDestroy:
			if tried = d.At; !p.isLXDs(d) {
				return "" // whoever it was, it was not LXD
			}
			kept = kept || d.At.Sub(made) > making && s.volume.Written != evidence.CountOf(0)
		case evidence.DeedDisconnect:
			if unfinished = false; d.At.Sub(tried) > making {
				tried = time.Time{} // it was in use, through a connection that had stayed
			}
		case evidence.DeedConnect:
			tried = time.Time{} // it was taken into use again
			// LXD keeps the record of what it could not delete.
			kept = kept || d.At.Sub(made) > making
			unfinished = unfinished && !kept
		default:
			return "" // it was recovered, renamed, snapshotted: somebody had a use for it
		}
	}
	says := "the array's audit trail has it: " + p.made.User + ", who made it on " + day(p.made.At) + ", "
	switch {
	case !tried.IsZero() && !kept:
		return says + "tried to destroy it on " + day(tried) + " and did not succeed"
	case unfinished:
		return says + "never came to its end: a filesystem is connected while LXD makes it, and disconnected when it is made, and nothing was written to it"
	}
	return ""
}

// madeAndKept says why a volume may be one that LXD made and kept; empty where
// there is no trail of its making, or where LXD's daemon knows better.
func (s Subject) madeAndKept() string {
	if s.snapshot != nil {
		return s.snapshotKept()
	}
	p, told := s.past()
	switch {
	case !told, s.f.tookTheOther(s.volume):
		// LXD was deleting that of which it destroyed the other half.
		return ""
	case p.why != "":
		return "the array's audit trail of it could not be read in full: " + p.why
	case p.unmade != "":
		return p.unmade
	case p.short != "", s.madeAgain():
		return s.hadUse(p)
	case s.ranSince() != "":
		return either(s.hadUse(p), s.madeHere(p))
	}
	return "LXD's database may be older than this volume: by the array's audit trail " + either(p.made.User, "somebody") + " made it on " + day(p.made.At) +
		", nothing shows that LXD took it back, and LXD's daemon was started after that"
}

// madeAgain reports what LXD makes again when it needs it: it unpacks an image's
// volume from the file that it keeps, and has no record of its temporary copies.
// That it made and kept one says nothing of its database. That it was something
// else once, by another name, or was used, says so of these as of any other.
func (s Subject) madeAgain() bool {
	return s.volume.LXD.Type == evidence.TypeImage || s.volume.LXD.Snapshot
}

// madeByHand says that somebody made it at the array, in LXD's naming, and that LXD
// did not: to bring it in, or to keep it. It is no leftover of LXD's.
func (s Subject) madeByHand() string {
	made := evidence.Deed{}
	if s.snapshot == nil {
		p, _ := s.past()
		made = p.made
	} else if t := s.f.trailOf(s.snapshot.ID); t != nil && !s.snapshot.Created.IsZero() {
		for _, d := range t.Deeds.Items {
			if d.Verb != evidence.DeedDestroy && d.At.Sub(s.snapshot.Created).Abs() <= atOnce {
				made = d
			}
		}
	}
	if made.At.IsZero() || made.Interface == rest || made.Interface == "" {
		return ""
	}
	return "by the array's audit trail " + either(made.User, "somebody") + " made it by hand (" + made.Interface + ") on " + day(made.At) + ": it is no leftover of LXD's; who does not want it destroys it by hand"
}

// misnamed says that LXD did not name a snapshot like this: it gives a snapshot the
// type of its volume, and that of a virtual machine's half the ending of that half.
func (s Subject) misnamed() string {
	if s.snapshot == nil || s.volume == nil || !s.snapshot.LXD.IsLXD() || !s.volume.LXD.IsLXD() {
		return ""
	}
	made, of := s.snapshot.LXD, s.volume.LXD
	if made.Type == of.Type && made.Content == of.Content {
		return ""
	}
	return "LXD gives no snapshot of " + s.volume.Name + " such a name: somebody renamed it or the volume, and may want it"
}

// untold adds to a word that nothing shows of a lost record what was not told.
func (s Subject) untold(why string) string {
	if s.snapshot != nil {
		return why
	}
	p, _ := s.past()
	if p.short == "" {
		return why
	}
	return why + "; " + p.short + ", and LXD was started since"
}

// hadUse says by what the trail shows that a volume was used, or was another one,
// after it was made; empty where it does not. Who failed to make a volume has no
// use for it, and is not at work on it for longer than making it takes. What LXD
// connects once and leaves connected, somebody disconnects later.
func (s Subject) hadUse(p past) string {
	connects := 0
	for _, d := range p.later {
		told := d.User != "" && p.made.User != "" && d.Interface != "" && p.made.Interface != ""
		maker := !told || (d.User == p.made.User && d.Interface == p.made.Interface)
		lxd := maker && (d.Interface == "REST" || d.Interface == "")
		late := d.At.Sub(s.volume.Created) > making
		if d.Verb == evidence.DeedConnect && lxd && !d.Ours.Is() {
			connects++
		}
		switch {
		case s.madeAgain() && lxd && told && s.daily(d, late):
		case d.Ours.Is(), d.Verb == evidence.DeedDestroy, d.Verb == evidence.DeedEradicate, d.Verb == evidence.DeedRecover: // see recovered
		case d.Verb == evidence.DeedConnect, d.Verb == evidence.DeedDisconnect:
			if late && lxd && (d.Verb == evidence.DeedConnect || connects > 1 || s.volume.Written != evidence.CountOf(0)) {
				return "by the array's audit trail LXD had it connected on " + day(d.At) + ", when it had long been made: it had a record then, and nothing shows that LXD took it back"
			}
		case late, !maker, !told:
			return "by the array's audit trail " + either(d.User, "somebody") + " renamed, copied or changed it on " + day(d.At) + ": it may be what LXD has a record of under another name"
		}
	}
	return ""
}

// droppedWithMember says that LXD may have dropped the record of an instance's
// volume with a member; empty where it can't have. LXD does that while it runs,
// when a member is removed by force, so that the instances can be recovered.
func (s Subject) droppedWithMember() string {
	kind := ""
	switch v := s.volume; {
	case s.snapshot != nil && (v == nil || v.record == nil) && s.snapshot.Suffix != reverter:
		kind = s.snapshot.LXD.Type
	case s.snapshot == nil && !v.LXD.Snapshot && !s.f.tookTheOther(v):
		// LXD was deleting that of which it took the other half, and makes
		// another temporary copy when it needs one.
		kind = v.LXD.Type
	}
	if s.f.world.LXD.Clustered.IsNot() || (kind != evidence.TypeContainer && kind != evidence.TypeVM) {
		return ""
	}
	return "LXD drops the records of a member's instances when the member is removed by force, and nothing shows that it let go of this one"
}

// daily reports a command that shows no record of an image or of a temporary
// copy, because LXD gives it in its daily work: it copies images, takes longer to
// unpack one than to make anything else, and uses a snapshot's copy when it needs it.
func (s Subject) daily(d evidence.Deed, late bool) bool {
	switch d.Verb {
	case evidence.DeedCopy, evidence.DeedDisconnect:
		return true
	case evidence.DeedConnect:
		return !late || (s.volume.LXD.Snapshot && s.volume.record != nil)
	}
	return false
}

// tookTheOther says that by the array's audit trail LXD, which made this half of a
// virtual machine, took the other one away, and has had no use for this one since.
// Anybody may destroy one of them, a run of ours on another machine too; LXD alone
// destroys and eradicates in one breath. Of what it deletes it takes the disk
// first, so that a disk is left only by a making that it took back.
func (f *facts) tookTheOther(v *volume) bool {
	t := f.trails[evidence.OtherHalf(v.Name)]
	if v.LXD.Type != evidence.TypeVM || v.LXD.Snapshot || t == nil || !t.Deeds.IsComplete() || f.otherHalf(v) != nil {
		return false
	}
	p, told := Subject{f: f, array: v.array, pool: v.pool, volume: v}.past()
	if !told || p.why != "" || !p.isLXDs(p.made) {
		return false
	}
	took := p.deletedBy(t.Deeds.Items)
	if took.IsZero() || (v.LXD.Content == evidence.ContentBlock && took.Sub(v.Created) > making) {
		return false
	}
	for _, d := range p.later {
		moved := d.Verb == evidence.DeedConnect || d.Verb == evidence.DeedDisconnect
		switch {
		case d.Ours.Is():
		case d.Verb == evidence.DeedRename, !moved && !p.isLXDs(d):
			return false // it may be another one under its name
		case d.At.After(took) && d.Verb != evidence.DeedDisconnect && d.Verb != evidence.DeedDestroy:
			return false // it was taken into use again
		}
	}
	return true
}

// deletedBy is when LXD, which made this volume, deleted the one of which the deeds
// are told; zero where it did not, or where that was made or used again since.
func (p past) deletedBy(deeds []evidence.Deed) time.Time {
	var tried, took time.Time
	for _, d := range deeds {
		switch d.Verb {
		case evidence.DeedConnect, evidence.DeedDisconnect:
		case evidence.DeedDestroy:
			if tried, took = d.At, (time.Time{}); !p.isLXDs(d) {
				tried = time.Time{}
			}
		case evidence.DeedEradicate:
			if p.isLXDs(d) && !tried.IsZero() && d.At.Sub(tried) <= deleting {
				took = d.At
			}
		default:
			tried, took = time.Time{}, time.Time{} // it was recovered, renamed, made anew
		}
	}
	return took
}

// otherHalf is what has the other half's name, destroyed or not; nil for nothing.
func (f *facts) otherHalf(v *volume) *volume {
	var found *volume
	for twin := range v.array.named(v.pool, otherHalf(v.LXD)) {
		found = twin
	}
	return found
}

// otherTaken says that somebody took the other half of a virtual machine away, and
// that nothing shows that it was LXD; empty where it was LXD, or where nobody tells.
func (s Subject) otherTaken() string {
	v := s.volume
	if s.snapshot != nil || v.code != codeLeakedHalf || v.LXD.Type != evidence.TypeVM || s.f.tookTheOther(v) {
		return ""
	}
	name := evidence.OtherHalf(v.Name)
	if s.f.otherHalf(v) != nil {
		return "its other half, " + name + ", is destroyed, and nothing shows that it was LXD that did it, which would have deleted both"
	}
	t := s.f.trails[name]
	switch {
	case t == nil:
		return ""
	case !t.Deeds.IsComplete():
		return "the array's audit trail of its other half, " + name + ", could not be read in full: " + t.Deeds.Why()
	case len(t.Deeds.Items) == 0:
		return "" // there was none, or it was long ago
	}
	last := t.Deeds.Items[len(t.Deeds.Items)-1]
	return "its other half, " + name + ", is gone, and the array's audit trail does not show that LXD deleted it (last by " + either(last.User, "somebody") + " on " + day(last.At) + ")"
}

// snapshotKept is the same of a snapshot: the array is asked for it in one
// request, so that no trail tells one that LXD made from one of which it never
// heard the answer.
func (s Subject) snapshotKept() string {
	if s.f.trailOf(s.snapshot.ID) == nil || s.snapshot.Suffix == reverter || s.ranSince() != "" {
		return ""
	}
	return "LXD's database may be older than this snapshot: nothing shows that LXD took it back, and LXD's daemon was started after it was made"
}

// ranSince says that every LXD has been running since before the object was
// made; empty where that is not known.
func (s Subject) ranSince() string {
	created := time.Time{}
	switch {
	case s.snapshot != nil:
		created = s.snapshot.Created
	case s.volume != nil:
		created = s.volume.Created
	}
	a := s.array
	if a == nil || created.IsZero() || a.Clock.IsZero() || a.Clock.Before(created) {
		return ""
	}
	age := a.Clock.Sub(created)
	if a.Skew(a.Clock).Abs() > evidence.ClockTolerance {
		// The array's clock may have been set since.
		if age = a.Ended.Sub(created); age < 0 {
			return ""
		}
	}
	if same, _ := SameDatabase(s.f.world, a.Began, age); !same {
		return ""
	}
	return "LXD has been running since before it was made, with the same database, and has no record of it"
}

// SameDatabase reports whether every LXD had certainly been running since a look that
// was so long before a time, and so with the database that it had then; nothing is
// known where one does not tell. The database is with those that are online.
func SameDatabase(world *evidence.World, at time.Time, ago time.Duration) (same, known bool) {
	members := &world.LXD.Members
	same = true
	for _, m := range members.Items {
		if m.Online.IsNot() {
			continue
		}
		running, told := runningAt(world, m, at)
		if !told {
			return false, false
		}
		same, known = same && running > ago+startMargin, true
	}
	known = known && members.IsComplete()
	return known && same, known
}

// runningAt is for how long a member's LXD had been running at a time.
func runningAt(world *evidence.World, m evidence.Member, at time.Time) (time.Duration, bool) {
	for i := range world.Hosts {
		h := &world.Hosts[i]
		if m.Name == "" || m.PID == 0 || h.Recorded || !strings.EqualFold(h.Name, m.Name) {
			continue
		}
		for _, d := range h.Daemons {
			if d.PID == m.PID && d.Running.Known {
				return time.Duration(d.Running.N)*time.Second - max(0, h.Ended.Sub(at)), true
			}
		}
		return 0, false
	}
	return 0, false
}
