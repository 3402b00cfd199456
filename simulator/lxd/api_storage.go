package lxd

import (
	"cmp"
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
	note := func(project, url string, devices map[string]map[string]string) {
		for _, d := range devices {
			if d["type"] == "disk" && d["pool"] != "" && d["source"] != "" {
				k := volumeKey{d["pool"], q.db.holder(project, "features.storage.volumes"), evidence.TypeCustom, d["source"]}
				if d["source.snapshot"] != "" {
					// It is then the snapshot that is used, and not the volume.
					k.name += "/" + d["source.snapshot"]
				}
				if !slices.Contains(used[k], url) {
					used[k] = append(used[k], url)
				}
			}
		}
	}
	for _, i := range q.sortedInstances() {
		note(i.Project, i.entity(), i.Devices)
	}
	for _, p := range q.sortedProfiles() {
		note(p.Project, withProject("/1.0/profiles/"+p.Name, p.Project), p.Devices)
	}
	// LXD looks at the configuration of the member that answers, and no other.
	for _, k := range q.daemonVolumesLocked(q.at) {
		used[k] = append(used[k], "/1.0")
	}
	return used
}

func (q asked) sortedInstances() []Instance {
	return slices.SortedFunc(maps.Values(q.db.instances), func(a, b Instance) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Name, b.Name))
	})
}

func (q asked) sortedProfiles() []Profile {
	return slices.SortedFunc(maps.Values(q.db.profiles), func(a, b Profile) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Name, b.Name))
	})
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
	return list(q, all, func(p Pool) string { return "/1.0/storage-pools/" + p.Name }, q.poolObject), nil
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

func (q asked) storageVolumes(rest []string) (any, error) {
	if len(rest) > 1 {
		return nil, notFound("Page")
	}
	return q.volumeList(q.usage(), func(v Volume) bool { return len(rest) == 0 || v.Type == rest[0] }), nil
}

func (q asked) volumeList(used map[volumeKey][]string, wanted func(Volume) bool) any {
	all := slices.DeleteFunc(sortedVolumes(q.db.volumes), func(v Volume) bool { return !wanted(v) || !q.seesVolume(v) })
	url := func(v Volume) string { return entity(volumeKey{v.Pool, v.Project, v.Type, v.Name}) }
	return list(q, all, url, func(v Volume) api.StorageVolume { return q.volumeObject(v, used) })
}

// seesVolume also finds, without all-projects, the custom volumes that a
// project shares with the default one.
func (q asked) seesVolume(v Volume) bool {
	if q.faults.names(HideProject, v.Project) {
		return false
	}
	if v.Type == evidence.TypeCustom && !q.all {
		return v.Project == q.db.holder(q.project, "features.storage.volumes")
	}
	return q.all || v.Type == evidence.TypeImage || v.Project == q.project
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
		object.UsedBy = append(object.UsedBy, used[volumeKey{v.Pool, v.Project, v.Type, v.Name}]...)
	case evidence.TypeImage:
		if q.hasImage(v.Name) {
			object.UsedBy = append(object.UsedBy, "/1.0/images/"+v.Name)
		} else {
			object.UsedBy = append(object.UsedBy, entity(volumeKey{v.Pool, v.Project, v.Type, v.Name}))
		}
	default:
		url := "/1.0/instances/" + name
		if isSnapshot {
			url += "/snapshots/" + snapshot
		}
		object.UsedBy = append(object.UsedBy, withProject(url, v.Project))
	}
	return object
}

func (q asked) hasImage(fingerprint string) bool {
	for k := range q.db.images {
		if k.name == fingerprint {
			return true
		}
	}
	return false
}

func (q asked) instances(rest []string) (any, error) {
	if len(rest) > 0 {
		i, ok := q.db.instances[nameKey{q.project, rest[0]}]
		if !ok || !q.sees(i.Project) || len(rest) > 1 {
			return nil, notFound("Instance")
		}
		return q.instanceObject(i), nil
	}
	all := slices.DeleteFunc(q.sortedInstances(), func(i Instance) bool { return !q.sees(i.Project) })
	return list(q, all, Instance.entity, q.instanceObject), nil
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
	expanded := q.db.devices(i)
	object := api.Instance{
		Name: i.Name, Status: code.String(), StatusCode: code, CreatedAt: i.Created.UTC(), LastUsedAt: lastUsed(i.LastUsed),
		Location: q.location(i.Member), Type: i.Type, Project: i.Project, Architecture: "x86_64",
		Profiles: slices.Clone(i.Profiles), Config: maps.Clone(i.Config), Devices: i.Devices,
		ExpandedConfig: maps.Clone(i.Config), ExpandedDevices: expanded,
	}
	if object.Devices == nil {
		object.Devices = map[string]map[string]string{}
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

func (q asked) profiles([]string) (any, error) {
	all := slices.DeleteFunc(q.sortedProfiles(), func(p Profile) bool { return !q.sees(p.Project) })
	url := func(p Profile) string { return withProject("/1.0/profiles/"+p.Name, p.Project) }
	return list(q, all, url, func(p Profile) api.Profile {
		devices := p.Devices
		if devices == nil {
			devices = map[string]map[string]string{}
		}
		return api.Profile{Name: p.Name, Project: p.Project, Config: map[string]string{}, Devices: devices, UsedBy: []string{}}
	}), nil
}

func (q asked) images([]string) (any, error) {
	all := slices.SortedFunc(maps.Values(q.db.images), func(a, b Image) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	all = slices.DeleteFunc(all, func(i Image) bool { return !q.sees(i.Project) })
	url := func(i Image) string { return withProject("/1.0/images/"+i.Fingerprint, i.Project) }
	return list(q, all, url, func(i Image) api.Image {
		image := api.Image{
			Aliases: []api.ImageAlias{}, Architecture: "x86_64", Filename: i.Alias + ".tar.gz", Fingerprint: i.Fingerprint,
			Type: i.Type, CreatedAt: i.Uploaded.UTC(), UploadedAt: i.Uploaded.UTC(), ExpiresAt: time.Unix(0, 0).UTC(),
			LastUsedAt: i.Uploaded.UTC(), Properties: map[string]string{"description": i.Alias, "os": "Ubuntu", "release": i.Alias}, Profiles: []string{"default"}, Project: i.Project,
		}
		if i.Alias != "" {
			image.Aliases = append(image.Aliases, api.ImageAlias{Name: i.Alias})
		}
		return image
	}), nil
}
