package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// What a volume is the object of. A volume has at most one of these; what its
// connections and devices are is found beside it.
const (
	codeLeakedVolume         = "leaked-volume"
	codeLeakedHalf           = "leaked-half"
	codeLeakedImage          = "leaked-image"
	codeLeakedSnapshotVolume = "leaked-snapshot-volume"
	codeDisappeared          = "disappeared-record"
	codeDestroyedRecorded    = "destroyed-but-recorded"
	codePending              = "pending-eradication"
	codeForeign              = "foreign-volume"
	codeElsewhere            = "foreign-connection"
)

// candidate groups volumes without a record by what their number says of the
// records. Only volumes that should have a record of their own tell that
// records were lost. Images have one that LXD 6.9 replaces at will, temporary
// copies of snapshots never have any.
type candidate string

const (
	candidateVolume candidate = "volumes"
	candidateImage  candidate = "image volumes"
	candidateCopy   candidate = "temporary copies of snapshots"

	candidateSnapshot candidate = "snapshots"
	candidateReverter candidate = "safety copies from before a refresh"
)

var candidates = map[string]candidate{
	codeLeakedVolume:         candidateVolume,
	codeLeakedHalf:           candidateVolume,
	codeDisappeared:          candidateVolume,
	codeElsewhere:            candidateVolume,
	codeLeakedImage:          candidateImage,
	codeLeakedSnapshotVolume: candidateCopy,
}

// candidate is the group of a volume; empty for none. What is left of an image
// whose other half went first is still an image's, so that a batch that takes one
// half makes no more of the volumes.
func (v *volume) candidate() candidate {
	if v.code == codeLeakedHalf && v.LXD.Type == evidence.TypeImage {
		return candidateImage
	}
	return candidates[v.code]
}

// classify settles for every volume whether LXD has a record of it and, if
// not, what it is.
func (f *facts) classify() {
	for v := range f.volumes() {
		if v.pool == nil {
			continue
		}
		if !v.Destroyed.Is() {
			v.pool.live++
			if v.LXD.IsLXD() {
				v.pool.named++
			}
		}
		v.record, v.code = f.codeOf(v)
		f.noteAnother(v)
		v.countVolume()
		if v.code == codeLeakedImage {
			v.pool.images++
		}
		if group := v.candidate(); group != "" && v.code != codeDisappeared && v.code != codeElsewhere && group != candidateCopy {
			v.pool.leaked++
		}
		f.noteStrangers(v)
	}
	for _, a := range f.arrays {
		f.countSnapshots(a)
	}
}

// twins are the live, or perhaps live, other halves of a volume.
func (f *facts) twins(v *volume) []*volume {
	return slices.Collect(filter(v.array.named(v.pool, otherHalf(v.LXD)), func(twin *volume) bool { return !twin.Destroyed.Is() }))
}

// otherHalf is the name of the other half of a volume that has two.
func otherHalf(n evidence.Name) evidence.Name {
	if n.Content == evidence.ContentBlock {
		n.Content = evidence.ContentFilesystem
	} else {
		n.Content = evidence.ContentBlock
	}
	return n
}

func paired(n evidence.Name) bool { return n.Type == evidence.TypeVM || n.Type == evidence.TypeImage }

// codeOf returns LXD's record of a volume and what the volume is.
func (f *facts) codeOf(v *volume) (*evidence.Record, string) {
	if m := f.movedVolumes[v]; m != nil {
		return m.record, codeMoved
	}
	if !v.LXD.IsLXD() || v.LXD.UUID.IsZero() {
		if v.Destroyed.Is() {
			return nil, "" // not LXD's and going: nobody's business
		}
		return nil, codeForeign
	}
	if v.pool.blind(f) {
		return nil, ""
	}
	record := f.records.find(v.pool.name, v.LXD)
	switch {
	case v.LXD.Snapshot && v.Destroyed.Is():
		if record != nil && v.array.Snapshots.IsComplete() {
			if kept, _ := v.originalKept(record); kept != Pass {
				return record, codeDestroyedRecorded
			}
		}
		return nil, codePending // a temporary copy: LXD makes another when it needs one
	case v.LXD.Snapshot && record != nil:
		if f.copyInUse(v, record) {
			return record, ""
		}
		return record, codeLeakedSnapshotVolume
	case record != nil && v.Destroyed.Is():
		return record, codeDestroyedRecorded
	case record != nil:
		return record, ""
	case v.Destroyed.Is():
		return nil, codePending
	case f.elsewhere(v) && f.disappeared(v) == "":
		return nil, codeElsewhere
	case f.isHalf(v) && f.tookTheOther(v):
		return nil, codeLeakedHalf
	case f.disappeared(v) != "":
		return nil, codeDisappeared
	case f.isHalf(v):
		return nil, codeLeakedHalf
	case v.LXD.Type == evidence.TypeImage:
		return nil, codeLeakedImage
	default:
		return nil, codeLeakedVolume
	}
}

// elsewhere reports a volume that is connected to other machines only: it is
// what they use, and not what this LXD left behind.
func (f *facts) elsewhere(v *volume) bool {
	for row := range v.connections() {
		if o := v.array.owner(row.Host); !o.ours.IsNot() || o.member != "" {
			return false
		}
	}
	return v.conns != none
}

// copyInUse reports LXD's temporary copy of a snapshot that LXD needs, or may
// need, just now.
func (f *facts) copyInUse(v *volume, record *evidence.Record) bool {
	probe := *v
	probe.record = record
	e := f.expected(&probe)
	return len(e.members) > 0 || f.busyWith(record) != nil
}

// isHalf reports a volume whose twin is certainly not there. The filesystem
// half of an image looks like the only volume of a container's image, so it
// is never taken for a half.
func (f *facts) isHalf(v *volume) bool {
	if !paired(v.LXD) || !v.array.Volumes.IsComplete() {
		return false
	}
	if v.LXD.Type == evidence.TypeImage && v.LXD.Content != evidence.ContentBlock {
		return false
	}
	return len(f.twins(v)) == 0 && !f.twinElsewhere(v)
}

// twinElsewhere reports that the other half of a volume was moved, or may have
// been: then LXD was not deleting it.
func (f *facts) twinElsewhere(v *volume) bool {
	return !v.array.Elsewhere.IsComplete() || f.movedTwin(v) != ""
}

// movedTwin is the name under which the other half of a volume is now; empty where
// there is none. It has its old name in another place, or is what an earlier run
// saw under that name, or has this half's uuid in another kind of name, or a name
// that is not LXD's in the same pod and was made together with this half.
func (f *facts) movedTwin(v *volume) string {
	name := spelling(otherHalf(v.LXD))
	is := func(id, full string) bool {
		seen := f.sighting(v.array, id)
		return strings.EqualFold(leaf(full), name) || (seen != nil && strings.EqualFold(leaf(seen.Name), name))
	}
	for _, o := range v.array.Elsewhere.Items {
		if is(o.ID, o.Name) {
			return o.Name
		}
	}
	for o := range evidence.Refs(v.array.volumes) {
		together := !o.LXD.IsLXD() && o.pool == v.pool && o.Created.Sub(v.Created).Abs() <= making
		own := o != v && o.LXD.IsLXD() && o.LXD.UUID == v.LXD.UUID
		if !o.Destroyed.Is() && (is(o.ID, o.Name) || together || own) {
			return o.Name
		}
	}
	return ""
}

// disappeared says why the missing record of a volume looks lost and not
// deleted; empty when nothing suggests that.
func (f *facts) disappeared(v *volume) string {
	if seen := f.remembered(v); seen != nil {
		name := either(seen.LXDName, "a record")
		return "LXD had " + name + " for it on " + seen.Recorded.UTC().Format("2006-01-02 15:04") + " UTC"
	}
	if v.LXD.Snapshot {
		return "" // such a volume never has a record of its own
	}
	if v.LXD.Type != evidence.TypeContainer && v.LXD.Type != evidence.TypeVM {
		return ""
	}
	if v.LXD.Type == evidence.TypeVM && len(f.twins(v)) == 0 {
		if moved := f.movedTwin(v); moved != "" {
			return "its other half is, or may be, " + moved + " now: LXD was not deleting it"
		}
	}
	for row := range v.connections() {
		if server, ok := f.former(v.array, row.Host); ok {
			return "it is connected to " + row.Host + ", and " + server + " is no member any more: LXD drops the records of a member that is removed by force"
		}
	}
	return ""
}

// remembered is an earlier run's sighting of a record that a volume has not any
// more; nil for none. A temporary copy never had one of its own, and LXD gives an
// image's record to a newer copy: that explains what had the name then that it has
// now, and nothing that had another.
func (f *facts) remembered(v *volume) *evidence.Sighting {
	seen := f.sighting(v.array, v.ID)
	switch {
	case seen == nil, seen.Recorded.IsZero():
		return nil
	case seen.Name != "" && !strings.EqualFold(leaf(seen.Name), leaf(v.Name)):
		return seen
	case v.LXD.Snapshot, v.LXD.Type == evidence.TypeImage && f.replaced(v, seen):
		return nil
	}
	return seen
}

// replaced reports an image whose record LXD gave to a newer copy.
func (f *facts) replaced(v *volume, seen *evidence.Sighting) bool {
	return isAny(filter(evidence.Refs(f.records.list), func(record *evidence.Record) bool {
		return record.Pool == v.pool.name && record.Type == evidence.TypeImage && record.Name != "" && strings.Contains(seen.LXDName, record.Name)
	}))
}

func (f *facts) sighting(a *arrayFacts, id string) *evidence.Sighting {
	if seen := f.seen[id]; seen != nil && id != "" && seen.ArrayID == a.ID {
		return seen
	}
	return nil
}

// noteStrangers keeps, for the pool, an example of a connection to a machine
// that is not a member: another LXD may use the pod, and then everything that
// it has looks leaked to us.
func (f *facts) noteStrangers(v *volume) {
	if v.pool.foreign != "" {
		return
	}
	for row := range v.connections() {
		o := v.array.owner(row.Host)
		if o.ours.Is() || (row.Host == "" && row.Group != "") || (v.pool.unsure != "" && !o.ours.IsNot()) {
			continue
		}
		words := v.Name + " is connected to " + quoted(connectionName(row)) + ": " + o.why
		if o.ours.IsNot() {
			v.pool.foreign = either(v.pool.foreign, words)
		}
		if v.pool.unsure == "" {
			v.pool.unsure, v.pool.unsureOf = words, o
		}
	}
}
