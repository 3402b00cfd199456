package lxd

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canonical/lxd/shared/api"

	"github.com/pureclean/pureclean/evidence"
)

// usage is who uses which custom volume, by the devices that name it directly.
func (q asked) usage() map[volumeKey][]string {
	used := map[volumeKey][]string{}
	for _, i := range q.db.sortedInstances() {
		for _, d := range i.disks() {
			k := d.volume
			if d.snapshot != "" {
				// It is then the snapshot that is used, and not the volume.
				k.name += "/" + d.snapshot
			}
			if !slices.Contains(used[k], i.entity()) {
				used[k] = append(used[k], i.entity())
			}
		}
	}
	return used
}

func (q asked) storagePools(rest []string) (any, error) {
	if len(rest) > 0 {
		p, ok := q.db.pools[rest[0]]
		if !ok {
			return nil, notFound("Storage pool")
		}
		if len(rest) > 1 {
			return q.poolVolumes(p.Name, rest[1:])
		}
		return q.poolObject(p), nil
	}
	all := slices.SortedFunc(maps.Values(q.db.pools), func(a, b Pool) int { return strings.Compare(a.Name, b.Name) })
	return objects(all, q.poolObject), nil
}

func (q asked) poolObject(p Pool) api.StoragePool {
	pool := api.StoragePool{Name: p.Name, Driver: p.Driver, Status: p.Status, Config: maps.Clone(p.Config), UsedBy: []string{}, Locations: []string{}}
	if q.faults.find(NotAdmin) != nil {
		pool.Config = nil
	}
	for _, m := range q.members {
		pool.Locations = append(pool.Locations, q.location(m.Name))
	}
	for k := range q.db.volumes {
		if k.pool != p.Name || q.faults.names(HideProject, k.project) {
			continue
		}
		switch {
		case k.kind == evidence.TypeImage:
			pool.UsedBy = append(pool.UsedBy, "/1.0/images/"+k.name)
		case k.kind == evidence.TypeCustom:
			pool.UsedBy = append(pool.UsedBy, entity(k))
		case !strings.Contains(k.name, "/"):
			pool.UsedBy = append(pool.UsedBy, withProject("/1.0/instances/"+k.name, k.project))
		}
	}
	slices.Sort(pool.UsedBy)
	return pool
}

func (q asked) poolVolumes(pool string, rest []string) (any, error) {
	snapshot := len(rest) == 5 && rest[3] == "snapshots"
	if rest[0] != "volumes" || (len(rest) > 3 && !snapshot) {
		return nil, notFound("Page")
	}
	if snapshot {
		return q.volumeSnapshot(volumeKey{pool, q.project, rest[1], rest[2] + "/" + rest[4]})
	}
	used := q.usage()
	if len(rest) == 3 {
		v, ok := q.db.volumes[volumeKey{pool, q.project, rest[1], rest[2]}]
		if !ok || !q.sees(v.Project) {
			return nil, notFound("Storage volume")
		}
		return q.volumeObject(v, used), nil
	}
	return q.volumeList(used, func(v Volume) bool {
		return v.Pool == pool && (len(rest) == 1 || v.Type == rest[1])
	}), nil
}

// volumeSnapshot is a snapshot alone: LXD calls it by the last part of its name,
// and does not say whose it is or who uses it.
func (q asked) volumeSnapshot(k volumeKey) (any, error) {
	v, ok := q.db.volumes[k]
	if !ok || !q.sees(v.Project) {
		return nil, notFound("Storage volume")
	}
	_, name, _ := strings.Cut(v.Name, "/")
	return api.StorageVolumeSnapshot{
		Name: name, Description: v.Description, ContentType: v.Content, CreatedAt: v.Created.UTC(), ExpiresAt: &time.Time{}, Config: maps.Clone(v.Config),
	}, nil
}

func (q asked) volumeList(used map[volumeKey][]string, wanted func(Volume) bool) any {
	all := slices.DeleteFunc(sortedVolumes(q.db.volumes), func(v Volume) bool { return !wanted(v) || !q.sees(v.Project) })
	if !q.deep {
		return objects(all, func(v Volume) string { return entity(v.key()) })
	}
	return objects(all, func(v Volume) api.StorageVolume { return q.volumeObject(v, used) })
}

func (q asked) volumeObject(v Volume, used map[volumeKey][]string) api.StorageVolume {
	object := api.StorageVolume{
		Name: v.Name, Description: v.Description, Type: v.Type, Pool: v.Pool, ContentType: v.Content,
		Project: v.Project, CreatedAt: v.Created.UTC(), Config: maps.Clone(v.Config), UsedBy: []string{},
	}
	if q.faults.names(NoUUID, v.Name) {
		delete(object.Config, "volatile.uuid")
	}
	name, snapshot, isSnapshot := strings.Cut(v.Name, "/")
	switch v.Type {
	case evidence.TypeCustom:
		object.UsedBy = append(object.UsedBy, used[v.key()]...)
	case evidence.TypeImage:
		object.UsedBy = append(object.UsedBy, "/1.0/images/"+v.Name)
	default:
		url := "/1.0/instances/" + name
		if isSnapshot {
			url += "/snapshots/" + snapshot
		}
		object.UsedBy = append(object.UsedBy, withProject(url, v.Project))
	}
	return object
}

func (q asked) instances([]string) (any, error) {
	all := slices.DeleteFunc(q.db.sortedInstances(), func(i Instance) bool { return !q.sees(i.Project) })
	return objects(all, q.instanceObject), nil
}

func (q asked) instanceObject(i Instance) api.Instance {
	code := api.Stopped
	if i.Running {
		code = api.Running
	}
	if m, err := q.onLocked(i.Member); err != nil || !m.up {
		// What runs on a member that doesn't answer is not known.
		code = api.Error
	}
	object := api.Instance{
		Name: i.Name, Status: code.String(), StatusCode: code, CreatedAt: i.Created.UTC(), LastUsedAt: lastUsed(i.LastUsed),
		Location: q.location(i.Member), Type: i.Type, Project: i.Project, Architecture: "x86_64",
		Profiles: []string{"default"}, Config: maps.Clone(i.Config), Devices: i.Devices,
		ExpandedConfig: maps.Clone(i.Config), ExpandedDevices: i.Devices,
	}
	if object.Config == nil {
		object.Config = map[string]string{}
	}
	return object
}

// lastUsed: LXD gives what was never used the time 0.
func lastUsed(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}
