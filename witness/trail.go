package witness

import (
	"context"
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// lookTrail asks the array's audit trail about what of LXD's naming has no record:
// volumes and snapshots. It is read after all others, and only for those: it can tell
// more of what was, and nothing of what is. A look at some volumes asks about those;
// and about a volume's past it asks for that volume, recorded, destroyed or not.
// With one of two halves it asks for the other that is not there: who destroyed
// that says whether LXD was deleting both. LXD's temporary copies of snapshots never
// have a record of their own: whether one was another volume once the trail tells.
func (o Options) lookTrail(ctx context.Context, a *array, said *evidence.Array, lxd *evidence.LXD, part *part) {
	about := part.about(said)
	if a.reader == nil || said.Trouble != "" || !lxd.Records.IsComplete() {
		return // nothing is safe then
	}
	// Few are asked about, so they are found first, and then whether they have a
	// record.
	var volumes, copies, unknown []evidence.Volume
	for v := range evidence.Refs(said.Volumes.Items) {
		if slices.Contains(o.past, v.ID) {
			volumes = slices.Insert(volumes, 0, *v) // not among what is too many
			continue
		}
		if !v.LXD.IsLXD() || v.LXD.UUID.IsZero() || v.Destroyed.Is() || !about(v.ID) {
			continue
		}
		if v.LXD.Snapshot {
			copies = append(copies, *v)
		} else {
			unknown = append(unknown, *v)
		}
	}
	volumes = append(volumes, withoutRecord(unknown, lxd)...)
	volumes = append(volumes, otherHalves(volumes, said)...)
	volumes = append(volumes, copies...)
	unknown = unknown[:0]
	for s := range evidence.Refs(said.Snapshots.Items) {
		if s.LXD.IsLXD() && !s.LXD.UUID.IsZero() && !s.Destroyed.Is() && about(s.SourceID) {
			unknown = append(unknown, evidence.Volume{ID: s.ID, Name: s.Name, LXD: s.LXD})
		}
	}
	for _, s := range withoutRecord(unknown, lxd) {
		volumes = append(volumes, evidence.Volume{ID: s.ID, Name: s.Name})
	}
	if len(volumes) == 0 {
		return
	}
	anew := func(t evidence.Trail) bool {
		return slices.ContainsFunc(volumes, func(v evidence.Volume) bool { return v.ID == t.VolumeID })
	}
	said.Trails = append(slices.DeleteFunc(slices.Clone(said.Trails), anew), a.reader.Trails(ctx, volumes)...)
}

// withoutRecord are those of which LXD has none.
func withoutRecord(volumes []evidence.Volume, lxd *evidence.LXD) []evidence.Volume {
	if len(volumes) == 0 {
		return nil
	}
	unrecorded := setOf(volumes, func(v *evidence.Volume) evidence.UUID { return v.LXD.UUID })
	for record := range evidence.Refs(lxd.Records.Items) {
		delete(unrecorded, record.UUID)
	}
	return slices.DeleteFunc(slices.Clone(volumes), func(v evidence.Volume) bool { return !unrecorded[v.LXD.UUID] })
}

// otherHalves are those of virtual machines that are not there, live.
func otherHalves(volumes []evidence.Volume, said *evidence.Array) []evidence.Volume {
	var names []string
	for v := range evidence.Refs(volumes) {
		if v.LXD.Type == evidence.TypeVM {
			names = append(names, evidence.OtherHalf(v.Name))
		}
	}
	if len(names) == 0 {
		return nil
	}
	live := map[string]bool{}
	for v := range evidence.Refs(said.Volumes.Items) {
		live[v.Name] = !v.Destroyed.Is()
	}
	var all []evidence.Volume
	for _, name := range names {
		if !live[name] {
			all = append(all, evidence.Volume{ID: name, Name: name})
		}
	}
	return all
}
