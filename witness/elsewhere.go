package witness

import (
	"context"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/records"
)

// lookElsewhere reads what the array has outside the pods. That a volume is
// not in its pod does not say that it is gone: an administrator may have moved
// it. So the whole array is read where something is missing from the pods, and
// wherever the question is about one object.
func (o Options) lookElsewhere(ctx context.Context, a *array, said *evidence.Array, world *evidence.World, whole bool) {
	if a.reader == nil || (!whole && !lacks(said, world)) {
		return
	}
	said.Elsewhere = a.reader.Elsewhere(ctx, setOf(said.Volumes.Items, func(v *evidence.Volume) string { return v.ID }))
	untold(ctx, said, "volumes", said.Elsewhere.Why())
	if whole {
		said.ElsewhereSnapshots = a.reader.ElsewhereSnapshots(ctx, setOf(said.Snapshots.Items, func(s *evidence.Snapshot) string { return s.ID }))
		untold(ctx, said, "snapshots", said.ElsewhereSnapshots.Why())
	}
	for other := range evidence.Refs(said.Elsewhere.Items) {
		other.LXD = leafName(other.Name)
	}
	for other := range evidence.Refs(said.ElsewhereSnapshots.Items) {
		other.LXD, _ = records.ParseName(other.Name[strings.LastIndexByte(other.Name, '.')+1:])
	}
}

// leftPods reports that something which is sought is in no pod of any array.
func (o Options) leftPods(arrays []evidence.Array) bool {
	left := slices.Clone(o.sought)
	for i := range arrays {
		left = slices.DeleteFunc(left, func(id string) bool {
			return slices.ContainsFunc(arrays[i].Volumes.Items, func(v evidence.Volume) bool { return v.ID == id }) ||
				slices.ContainsFunc(arrays[i].Snapshots.Items, func(s evidence.Snapshot) bool { return s.ID == id })
		})
	}
	return len(left) > 0
}

// untold is the trouble of an array whose other volumes or snapshots are not
// all known: what is missing from the pods may be among them.
func untold(ctx context.Context, said *evidence.Array, what, why string) {
	if why != "" {
		said.Trouble = joined(said.Trouble, "its "+what+" outside the pods are not all known: "+why)
		said.Hint = lateHint(ctx, said.Trouble, "try again; pureclean scan -v shows the requests and their answers")
	}
}

// leafName reads the last part of a full name, behind the pod and the group.
func leafName(full string) evidence.Name {
	name, _ := records.ParseName(full[strings.LastIndexAny(full, ":/")+1:])
	return name
}

// lacks reports that a pod does not have something that it should have, or had
// when it was last looked at.
func lacks(said *evidence.Array, world *evidence.World) bool {
	type object struct {
		pod  string
		name evidence.Name
	}
	objects, ids := make(map[object]bool, len(said.Volumes.Items)), make(map[string]bool, len(said.Volumes.Items)+len(said.Snapshots.Items))
	for v := range evidence.Refs(said.Volumes.Items) {
		objects[object{strings.ToLower(v.Pod), v.LXD}] = true
		ids[v.ID] = true
	}
	for s := range evidence.Refs(said.Snapshots.Items) {
		ids[s.ID] = true
	}
	asked := setOf(said.Asked, func(pod *string) string { return strings.ToLower(*pod) })
	for record := range evidence.Refs(world.LXD.Records.Items) {
		pod := strings.ToLower(record.Pool)
		if !asked[pod] || record.Snapshot {
			continue
		}
		names, err := records.ArrayNames(*record)
		if err != nil {
			continue // it can't be joined to anything
		}
		for _, name := range names {
			if !objects[object{pod, name}] {
				return true
			}
		}
	}
	for name := range objects {
		other, paired := twin(name.name)
		if paired && !objects[object{name.pod, other}] {
			return true
		}
	}
	return slices.ContainsFunc(world.Seen, func(seen evidence.Sighting) bool {
		return seen.ArrayID == said.ID && !seen.Recorded.IsZero() && asked[strings.ToLower(seen.Pod)] && !ids[seen.VolumeID]
	})
}

// twin is the other volume of a virtual machine, or of its image: the half
// without which the one is called a leaked half.
func twin(name evidence.Name) (evidence.Name, bool) {
	if name.Type != evidence.TypeVM && (name.Type != evidence.TypeImage || name.Content != evidence.ContentBlock) {
		return evidence.Name{}, false
	}
	if name.Content == evidence.ContentBlock {
		name.Content = evidence.ContentFilesystem
	} else {
		name.Content = evidence.ContentBlock
	}
	return name, true
}
