package lxd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

const DefaultProject = "default"

// Project is a project; each here has all features of its own.
type Project struct {
	Name, Description string
	Config            map[string]string
}

type Pool struct {
	Name, Driver, Status string
	Config               map[string]string
}

type Volume struct {
	Pool, Project string
	// Type and Content are LXD's words, as package evidence has them.
	Type, Content string
	Name          string
	Description   string
	Created       time.Time
	// Config holds volatile.uuid, from which the array's name is made.
	Config map[string]string
}

func (v Volume) key() volumeKey { return volumeKey{v.Pool, v.Project, v.Type, v.Name} }

func (v Volume) UUID() string { return v.Config["volatile.uuid"] }

func (v Volume) IsSnapshot() bool { return strings.Contains(v.Name, "/") }

// Instance is the record of an instance, and whether it runs.
type Instance struct {
	Project, Name string
	Type          string
	// Member is where it is, or runs.
	Member            string
	Running           bool
	Created, LastUsed time.Time
	Config            map[string]string
	Devices           map[string]map[string]string
}

// Image is an image in LXD's store; whether a pool has a volume of it is
// another matter.
type Image struct {
	Project, Fingerprint, Alias string
	Type                        string
	Uploaded                    time.Time
}

type volumeKey struct{ pool, project, kind, name string }

type nameKey struct{ project, name string }

// Database is what LXD has recorded. Values are never changed in place, so a
// copy of the maps is a copy of everything.
type Database struct {
	projects  map[string]Project
	pools     map[string]Pool
	volumes   map[volumeKey]Volume
	instances map[nameKey]Instance
	images    map[nameKey]Image
}

func newDatabase() Database {
	db := Database{
		projects:  map[string]Project{},
		pools:     map[string]Pool{},
		volumes:   map[volumeKey]Volume{},
		instances: map[nameKey]Instance{},
		images:    map[nameKey]Image{},
	}
	db.projects[DefaultProject] = Project{
		Name:        DefaultProject,
		Description: "Default LXD project",
		Config: map[string]string{
			"features.images": "true", "features.networks": "true", "features.networks.zones": "true",
			"features.profiles": "true", "features.storage.buckets": "true", "features.storage.volumes": "true",
		},
	}
	return db
}

func (db Database) clone() Database {
	return Database{
		projects: maps.Clone(db.projects), pools: maps.Clone(db.pools), volumes: maps.Clone(db.volumes),
		instances: maps.Clone(db.instances), images: maps.Clone(db.images),
	}
}

// snapshotsOf lists the snapshots of a volume, in the order they were made.
func (db Database) snapshotsOf(k volumeKey) []Volume {
	var found []Volume
	for key, v := range db.volumes {
		if key.pool == k.pool && key.project == k.project && key.kind == k.kind && strings.HasPrefix(key.name, k.name+"/") {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b Volume) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Name, b.Name))
	})
	return found
}

func (s *Server) snapshotRecords(k volumeKey) []Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.snapshotsOf(k)
}

// disk is a disk device of an instance, joined to the volume behind it.
type disk struct {
	device   string
	volume   volumeKey
	snapshot string
}

func (d disk) isRoot() bool { return d.volume.kind != evidence.TypeCustom }

// disks are an instance's disks in the order in which they are mounted: the
// root first, then by the device's name.
func (i Instance) disks() []disk {
	var all []disk
	for _, name := range slices.Sorted(maps.Keys(i.Devices)) {
		d := i.Devices[name]
		switch {
		case d["type"] != "disk" || d["pool"] == "":
		case d["path"] == "/" && d["source"] == "":
			all = append([]disk{{device: name, volume: volumeKey{d["pool"], i.Project, i.Type, i.Name}}}, all...)
		default:
			all = append(all, disk{device: name, volume: volumeKey{d["pool"], i.Project, evidence.TypeCustom, d["source"]}, snapshot: d["source.snapshot"]})
		}
	}
	return all
}

func (db Database) used(k volumeKey) bool {
	for _, i := range db.instances {
		if slices.ContainsFunc(i.disks(), func(d disk) bool { return d.volume == k }) {
			return true
		}
	}
	return false
}

func sortedVolumes(volumes map[volumeKey]Volume) []Volume {
	return slices.SortedFunc(maps.Values(volumes), func(a, b Volume) int {
		return cmp.Or(strings.Compare(a.Pool, b.Pool), strings.Compare(a.Project, b.Project),
			strings.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
}

// SnapshotDatabase returns a copy of all records, as a backup of the database
// holds them.
func (s *Server) SnapshotDatabase() Database {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.clone()
}

// RestoreDatabase puts a backup in place of all records. The array and the
// hosts are as they were: what was made since has no record any more.
func (s *Server) RestoreDatabase(backup Database) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db = backup.clone()
	// Nobody can put a database under a daemon that runs.
	for _, m := range s.members {
		if m.up {
			m.restarted()
		}
	}
}

func (s *Server) Volumes() []Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	return sortedVolumes(s.db.volumes)
}

// Volume returns one record, of a snapshot when name is "volume/snapshot".
func (s *Server) Volume(pool, project, kind, name string) (Volume, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.db.volumes[volumeKey{pool, projectOr(project), kind, name}]
	return v, ok
}

func (s *Server) Instance(project, name string) (Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.db.instances[nameKey{projectOr(project), name}]
	return i, ok
}

func (s *Server) Instances() []Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.db.sortedInstances()
}

func (db Database) sortedInstances() []Instance {
	return slices.SortedFunc(maps.Values(db.instances), func(a, b Instance) int {
		return cmp.Or(strings.Compare(a.Project, b.Project), strings.Compare(a.Name, b.Name))
	})
}

// PutVolume writes a record without any flow, as "lxd sql" would; a record
// without volatile.uuid gets one. It is for worlds of many thousand records.
func (s *Server) PutVolume(v Volume) Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.Project = projectOr(v.Project)
	config := map[string]string{}
	maps.Copy(config, v.Config)
	if config["volatile.uuid"] == "" {
		config["volatile.uuid"] = s.newUUID()
	}
	v.Config = config
	if v.Created.IsZero() {
		v.Created = s.clock.Now()
	}
	s.db.volumes[v.key()] = v
	return v
}

// PutInstance writes an instance's record without any flow.
func (s *Server) PutInstance(i Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.Project = projectOr(i.Project)
	s.db.instances[nameKey{i.Project, i.Name}] = i
}

// ForgetVolume deletes a record and nothing else, as "lxd sql" would.
func (s *Server) ForgetVolume(pool, project, kind, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := volumeKey{pool, projectOr(project), kind, name}
	if _, ok := s.db.volumes[k]; !ok {
		return fmt.Errorf("no record of volume %s/%s/%s", pool, kind, name)
	}
	delete(s.db.volumes, k)
	return nil
}

// CreateProject records a project with the default one's configuration and this.
func (s *Server) CreateProject(name string, config map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.db.projects[DefaultProject].Config)
	maps.Copy(all, config)
	s.db.projects[name] = Project{Name: name, Config: all}
}

func (s *Server) AddImage(i Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.Project = projectOr(i.Project)
	if i.Uploaded.IsZero() {
		i.Uploaded = s.clock.Now()
	}
	s.db.images[nameKey{i.Project, i.Fingerprint}] = i
}

func projectOr(project string) string { return cmp.Or(project, DefaultProject) }
