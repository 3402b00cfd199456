package lxd

import (
	"cmp"
	"fmt"
	"maps"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// VolumeSpec is what "lxc storage volume create" is told.
type VolumeSpec struct {
	Pool, Project, Name string
	// Content is filesystem, block or iso; "" is filesystem.
	Content string
	Bytes   int64
}

func entity(k volumeKey) string {
	name, snapshot, isSnapshot := strings.Cut(k.name, "/")
	path := fmt.Sprintf("/1.0/storage-pools/%s/volumes/%s/%s", k.pool, k.kind, name)
	if isSnapshot {
		path += "/snapshots/" + snapshot
	}
	return withProject(path, k.project)
}

func withProject(path, project string) string {
	if project == DefaultProject {
		return path
	}
	return path + "?project=" + project
}

func custom(pool, project, name string) volumeKey {
	return volumeKey{pool, projectOr(project), evidence.TypeCustom, name}
}

// volumeFlow is a flow on one volume; simple requests were no operation in
// older versions.
func (m *Member) volumeFlow(description string, simple bool, k volumeKey, do func(*driver, volumeKey) error) error {
	if simple && !m.server.now().keptOperations {
		description = ""
	}
	return m.flow(k.project, description, entity(k), func(r *run) error {
		d, err := r.driver(k.pool)
		if err != nil {
			return err
		}
		return do(d, k)
	})
}

// CreateVolume creates a custom volume: the record, then the volume.
func (m *Member) CreateVolume(spec VolumeSpec) error {
	content := cmp.Or(spec.Content, evidence.ContentFilesystem)
	return m.volumeFlow("Creating storage volume", true, custom(spec.Pool, spec.Project, spec.Name), func(d *driver, k volumeKey) error {
		_, err := d.recorded(d.newRecord(k, content, spec.Bytes), func(v volume) error { return d.createVolume(v, nil) })
		return err
	})
}

// recorded makes what a new record stands for, and if that fails the record goes
// whatever became of it.
func (d *driver) recorded(record Volume, create func(volume) error) (v volume, err error) {
	var u undo
	defer u.onError(&err)
	if err := d.record(&u, record); err != nil {
		return volume{}, err
	}
	if v, err = d.volumeOf(record); err == nil {
		err = create(v)
	}
	return v, err
}

func (m *Member) DeleteVolume(pool, project, name string) error {
	return m.volumeFlow("Deleting storage volume", true, custom(pool, project, name), func(d *driver, k volumeKey) error {
		var used bool
		if d.read(func(db Database) { used = db.used(k) }); used {
			return worded("The storage volume is still in use")
		}
		return d.deleteRecorded(k)
	})
}

// deleteRecorded deletes a volume with its snapshots, and then its record. What
// the array does not have any more, or never had, only loses its record.
func (d *driver) deleteRecorded(k volumeKey) error {
	_, v, err := d.find(k)
	if err != nil {
		return err
	}
	for _, s := range d.snapshotRecords(k) {
		if err := d.deleteRecordedSnapshot(s.key()); err != nil {
			return err
		}
	}
	exists, err := d.hasVolume(v)
	if err != nil {
		return err
	}
	if exists {
		if err := d.deleteVolume(v); err != nil {
			return err
		}
	}
	return d.forget(k)
}

func (d *driver) deleteRecordedSnapshot(k volumeKey) error {
	_, v, err := d.find(k)
	if err != nil {
		return err
	}
	if err := d.deleteSnapshot(v); err != nil && !isNotFound(err) {
		return err
	}
	return d.forget(k)
}

// RenameVolume renames a custom volume; the array's name stays.
func (m *Member) RenameVolume(pool, project, name, to string) error {
	return m.volumeFlow("Updating storage volume", true, custom(pool, project, name), func(d *driver, k volumeKey) error {
		return d.write("rename volume "+name, func(db *Database) error {
			for key, v := range maps.Clone(db.volumes) {
				if key.pool != k.pool || key.project != k.project || key.kind != k.kind || (key.name != name && !strings.HasPrefix(key.name, name+"/")) {
					continue
				}
				delete(db.volumes, key)
				v.Name = to + strings.TrimPrefix(v.Name, name)
				db.volumes[v.key()] = v
			}
			return nil
		})
	})
}

func (m *Member) SnapshotVolume(pool, project, name, snapshot string) error {
	return m.volumeFlow("Creating storage volume snapshot", false, custom(pool, project, name), func(d *driver, k volumeKey) error {
		return d.snapshotRecorded(k, snapshot)
	})
}

func (d *driver) snapshotRecorded(k volumeKey, snapshot string) error {
	parent, _, err := d.find(k)
	if err != nil {
		return err
	}
	record := parent
	record.Name, record.Created = parent.Name+"/"+snapshot, d.clock.Now()
	record.Config = maps.Clone(parent.Config)
	record.Config["volatile.uuid"] = d.freshUUID()
	_, err = d.recorded(record, func(v volume) error { return d.createSnapshot(v, false) })
	return err
}

func (m *Member) DeleteVolumeSnapshot(pool, project, name, snapshot string) error {
	return m.volumeFlow("Deleting storage volume snapshot", false, custom(pool, project, name+"/"+snapshot), (*driver).deleteRecordedSnapshot)
}

func (m *Member) RestoreVolume(pool, project, name, snapshot string) error {
	return m.volumeFlow("Updating storage volume", false, custom(pool, project, name), func(d *driver, k volumeKey) error {
		_, v, err := d.find(k)
		if err != nil {
			return err
		}
		_, s, err := d.find(custom(pool, project, name+"/"+snapshot))
		if err != nil {
			return err
		}
		return d.restoreVolume(v, s)
	})
}

// ExportVolume backs a custom volume up with all its snapshots. Each is
// mounted in turn, a snapshot through a temporary volume; during, which may be
// nil, runs while one is, and is given its full name on the array.
func (m *Member) ExportVolume(pool, project, name string, during func(array string) error) error {
	return m.volumeFlow("Creating custom volume backup", false, custom(pool, project, name), func(d *driver, k volumeKey) error {
		return d.export(k, during)
	})
}

func (d *driver) export(k volumeKey, during func(string) error) error {
	_, v, err := d.find(k)
	if err != nil {
		return err
	}
	var snapshots []volume
	for _, record := range d.snapshotRecords(k) {
		s, err := d.volumeOf(record)
		if err != nil {
			return err
		}
		snapshots = append(snapshots, s)
	}
	return d.backupVolume(v, snapshots, during)
}

// StartExport starts ExportVolume and leaves it in the middle, with the last
// snapshot (or the volume, if it has none) mounted and the operation running,
// until finish is called.
func (m *Member) StartExport(pool, project, name string) (finish func() error, err error) {
	k := custom(pool, project, name)
	if snapshots := m.server.snapshotRecords(k); len(snapshots) > 0 {
		k.name = snapshots[len(snapshots)-1].Name
	}
	return m.hold(k, "Creating custom volume backup")
}

// MountSnapshot mounts a snapshot of a custom volume, as looking into it does,
// until finish is called. No operation tells of it.
func (m *Member) MountSnapshot(pool, project, name, snapshot string) (finish func() error, err error) {
	return m.hold(custom(pool, project, name+"/"+snapshot), "")
}

// hold keeps a volume or a snapshot mounted until finish is called.
func (m *Member) hold(k volumeKey, description string) (finish func() error, err error) {
	volume := k
	volume.name, _, _ = strings.Cut(k.name, "/")
	r, err := m.begin(k.project, description, entity(volume))
	if err != nil {
		return nil, err
	}
	d, v, err := r.driverOf(k)
	if err == nil {
		err = d.up(v)
	}
	if err != nil {
		r.end(err)
		return nil, err
	}
	return func() error {
		err := d.down(v)
		r.end(err)
		return err
	}, nil
}

func (r *run) driverOf(k volumeKey) (*driver, volume, error) {
	d, err := r.driver(k.pool)
	if err != nil {
		return nil, volume{}, err
	}
	_, v, err := d.find(k)
	return d, v, err
}

// CopyVolume copies a custom volume, with its snapshots unless volumeOnly, or
// one of its snapshots ("volume/snapshot"), within the pool.
func (m *Member) CopyVolume(pool, project, name, to string, volumeOnly bool) error {
	return m.volumeFlow("Copying storage volume", false, custom(pool, project, to), func(d *driver, k volumeKey) (err error) {
		var u undo
		defer u.onError(&err)
		c, err := d.prepareCopy(&u, custom(pool, project, name), k, volumeOnly)
		if err != nil {
			return err
		}
		return d.copyVolume(c)
	})
}

// prepareCopy makes the records of a copy, which u takes back.
func (d *driver) prepareCopy(u *undo, from, to volumeKey, volumeOnly bool) (c copied, err error) {
	source, v, err := d.find(from)
	if err != nil {
		return copied{}, err
	}
	record := d.newRecord(to, source.Content, 0)
	record.Config["size"] = source.Config["size"]
	if err := d.record(u, record); err != nil {
		return copied{}, err
	}
	c.source = v
	if c.target, err = d.volumeOf(record); err != nil || volumeOnly || v.isSnapshot() {
		return c, err
	}
	err = d.prepareSnapshots(u, &c, from, to)
	return c, err
}

// prepareSnapshots makes the records of the snapshots that a target lacks.
func (d *driver) prepareSnapshots(u *undo, c *copied, from, to volumeKey) error {
	var snapshots []Volume
	var have map[volumeKey]Volume
	d.read(func(db Database) { snapshots, have = db.snapshotsOf(from), maps.Clone(db.volumes) })
	for _, s := range snapshots {
		record := s
		record.Project, record.Name = to.project, to.name+strings.TrimPrefix(s.Name, from.name)
		if _, there := have[volumeKey{to.pool, to.project, to.kind, record.Name}]; there {
			continue
		}
		record.Config = maps.Clone(s.Config)
		record.Config["volatile.uuid"] = d.freshUUID()
		if err := d.record(u, record); err != nil {
			return err
		}
		pair := [2]volume{}
		for i, r := range []Volume{s, record} {
			var err error
			if pair[i], err = d.volumeOf(r); err != nil {
				return err
			}
		}
		c.snapshots = append(c.snapshots, pair)
	}
	return nil
}

// RefreshVolume makes a custom volume equal to another and gives it those of
// the other's snapshots that it lacks.
func (m *Member) RefreshVolume(pool, project, name, from string) error {
	return m.volumeFlow("Copying storage volume", false, custom(pool, project, name), func(d *driver, k volumeKey) (err error) {
		source := custom(pool, project, from)
		var c copied
		var u undo
		defer u.onError(&err)
		if _, c.source, err = d.find(source); err != nil {
			return err
		}
		if _, c.target, err = d.find(k); err != nil {
			return err
		}
		if err := d.prepareSnapshots(&u, &c, source, k); err != nil {
			return err
		}
		return d.refreshVolume(c)
	})
}
