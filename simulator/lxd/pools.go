package lxd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/canonical/lxd/shared/units"

	"github.com/pureclean/pureclean/evidence"
)

// PoolSpec is what "lxc storage create NAME pure" is told.
type PoolSpec struct {
	Name           string
	Gateway, Token string
	// Mode is iscsi or the version's word for NVMe/TCP, see Server.NVMeMode.
	Mode string
	// VolumeBytes is the size of volumes that are not given one, 0 is 10 GiB.
	VolumeBytes int64
	// Recover attaches a pod that exists (source.recover=true) without
	// asking the array anything.
	Recover bool
}

func (m *Member) CreatePool(spec PoolSpec) error {
	return m.flow("", "Creating storage pool", "/1.0/storage-pools/"+spec.Name, func(r *run) (err error) {
		config := map[string]string{
			"pure.api.token": spec.Token, "pure.gateway": spec.Gateway, "pure.gateway.verify": "false", "pure.mode": spec.Mode,
		}
		if spec.VolumeBytes > 0 {
			config["volume.size"] = bytesText(spec.VolumeBytes)
		}
		pool := Pool{Name: spec.Name, Driver: "pure", Status: "Pending", Config: config}
		var u undo
		defer u.onError(&err)
		err = r.write("create pool "+spec.Name, func(db *Database) error {
			if _, ok := db.pools[spec.Name]; ok {
				return worded("The storage pool already exists")
			}
			db.pools[spec.Name] = pool
			return nil
		})
		if err != nil {
			return err
		}
		u.add(func() {
			_ = r.write("delete pool "+spec.Name, func(db *Database) error { delete(db.pools, spec.Name); return nil })
		})
		d, err := r.driver(spec.Name)
		if err != nil {
			return err
		}
		versions, err := d.array.apiVersions()
		if err != nil {
			return err
		}
		if !slices.Contains(versions, "2.21") {
			return worded("Required API version is not supported by Pure Storage, only %q are supported", versions)
		}
		if !spec.Recover {
			if err := d.array.createPod(spec.Name); err != nil {
				return err
			}
		}
		return r.write("create pool "+spec.Name+" done", func(db *Database) error {
			pool.Status = "Created"
			db.pools[spec.Name] = pool
			return nil
		})
	})
}

// SetPoolConfig changes one key of a pool's configuration.
func (s *Server) SetPoolConfig(pool, key, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.db.pools[pool]
	if !ok {
		return fmt.Errorf("there is no pool %q", pool)
	}
	p.Config = maps.Clone(p.Config)
	p.Config[key] = value
	s.db.pools[pool] = p
	return nil
}

// bytesText writes a size as LXD's configuration does, without rounding it.
func bytesText(n int64) string {
	names := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for n%1024 == 0 && len(names) > 1 {
		n, names = n/1024, names[1:]
	}
	return strconv.FormatInt(n, 10) + names[0]
}

// volumeOf is the volume that a record stands for, its size included: its
// own, the pool's, or LXD's default.
func (d *driver) volumeOf(record Volume) (volume, error) {
	bytes, err := units.ParseByteSizeString(cmp.Or(record.Config["size"], d.pool.Config["volume.size"], bytesText(defaultBytes)))
	if err != nil {
		return volume{}, err
	}
	v := volume{
		volumeKey: record.key(), content: record.Content, uuid: record.UUID(),
		bytes: max(1<<20, (bytes+511)/512*512), // whole sectors, and at least what the array makes
	}
	if parent, _, is := strings.Cut(record.Name, "/"); is {
		d.read(func(db Database) {
			v.parent = db.volumes[volumeKey{record.Pool, record.Project, record.Type, parent}].UUID()
		})
	}
	return v, nil
}

func (d *driver) find(k volumeKey) (Volume, volume, error) {
	var record Volume
	var ok bool
	if d.read(func(db Database) { record, ok = db.volumes[k] }); !ok {
		return Volume{}, volume{}, worded("Storage volume not found")
	}
	v, err := d.volumeOf(record)
	return record, v, err
}

func (d *driver) record(u *undo, v Volume) error {
	k := v.key()
	what := fmt.Sprintf("volume %s/%s/%s", v.Pool, v.Type, v.Name)
	err := d.write("create "+what, func(db *Database) error {
		if _, ok := db.volumes[k]; ok {
			return worded("Volume %q already exists", v.Name)
		}
		db.volumes[k] = v
		return nil
	})
	if err == nil {
		u.add(func() { _ = d.forget(k) })
	}
	return err
}

func (d *driver) forget(k volumeKey) error {
	return d.write(fmt.Sprintf("delete volume %s/%s/%s", k.pool, k.kind, k.name), func(db *Database) error {
		delete(db.volumes, k)
		return nil
	})
}

// newRecord is a record with what LXD puts into every one.
func (d *driver) newRecord(k volumeKey, content string, size int64) Volume {
	config := map[string]string{"volatile.uuid": d.freshUUID()}
	if content == evidence.ContentFilesystem {
		config["block.filesystem"], config["block.mount_options"] = "ext4", "discard"
	}
	if k.kind == evidence.TypeCustom {
		config["size"] = d.pool.Config["volume.size"]
		if size > 0 {
			config["size"] = bytesText(size)
		}
	}
	return Volume{
		Pool: k.pool, Project: k.project, Type: k.kind, Name: k.name, Content: content,
		Created: d.clock.Now(), Config: config,
	}
}
