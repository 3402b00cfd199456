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
// that says whether LXD was deleting both.
func (o Options) lookTrail(ctx context.Context, a *array, said *evidence.Array, lxd *evidence.LXD, part *part) {
	about := part.about(said)
	if a.reader == nil || said.Trouble != "" || !lxd.Records.IsComplete() {
		return // nothing is safe then
	}
	recorded := make(map[evidence.UUID]bool, len(lxd.Records.Items))
	for _, record := range lxd.Records.Items {
		recorded[record.UUID] = true
	}
	var volumes []evidence.Volume
	live := map[string]bool{}
	for _, v := range said.Volumes.Items {
		live[v.Name] = !v.Destroyed.Is()
		if slices.Contains(o.past, v.ID) {
			volumes = slices.Insert(volumes, 0, v) // not among what is too many
			continue
		}
		if v.LXD.IsLXD() && !v.LXD.UUID.IsZero() && !v.LXD.Snapshot && !v.Destroyed.Is() && !recorded[v.LXD.UUID] && about(v.ID) {
			volumes = append(volumes, v)
		}
	}
	for _, v := range slices.Clone(volumes) {
		if other := evidence.OtherHalf(v.Name); v.LXD.Type == evidence.TypeVM && !live[other] {
			volumes = append(volumes, evidence.Volume{ID: other, Name: other})
		}
	}
	for _, s := range said.Snapshots.Items {
		if s.LXD.IsLXD() && !s.LXD.UUID.IsZero() && !s.Destroyed.Is() && !recorded[s.LXD.UUID] && about(s.SourceID) {
			volumes = append(volumes, evidence.Volume{ID: s.ID, Name: s.Name})
		}
	}
	if len(volumes) == 0 {
		return
	}
	anew := func(t evidence.Trail) bool {
		return slices.ContainsFunc(volumes, func(v evidence.Volume) bool { return v.ID == t.VolumeID })
	}
	said.Trails = append(slices.DeleteFunc(slices.Clone(said.Trails), anew), a.reader.Trails(ctx, volumes)...)
}
