package pure

import "github.com/pureclean/pureclean/evidence"

// unify makes the rows that name a volume use the volume's own text for it.
// Each list was read by itself, so the same ids and names came up to six
// times: with many volumes that is a seventh of all that is kept.
func unify(a *evidence.Array) {
	volumes := make(map[string]*evidence.Volume, len(a.Volumes.Items))
	for i := range a.Volumes.Items {
		volumes[a.Volumes.Items[i].ID] = &a.Volumes.Items[i]
	}
	same := func(id, name *string) {
		// Nothing that was said is changed, only where it is kept.
		if v := volumes[*id]; v != nil && v.Name == *name {
			*id, *name = v.ID, v.Name
		}
	}
	for i := range a.Snapshots.Items {
		same(&a.Snapshots.Items[i].SourceID, &a.Snapshots.Items[i].SourceName)
	}
	for i := range a.Connections.Items {
		same(&a.Connections.Items[i].VolumeID, &a.Connections.Items[i].VolumeName)
	}
	for i := range a.Protections.Items {
		same(&a.Protections.Items[i].VolumeID, &a.Protections.Items[i].VolumeName)
	}
	for i := range a.Activity.Items {
		same(&a.Activity.Items[i].VolumeID, &a.Activity.Items[i].VolumeName)
	}
}
