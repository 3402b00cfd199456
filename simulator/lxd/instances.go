package lxd

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// InstanceSpec is what "lxc init" and "lxc launch" are told.
type InstanceSpec struct {
	Project, Name string
	Type          string
	Pool          string
	// Image is a fingerprint in LXD's store; "" makes an empty instance.
	Image string
}

func (i Instance) entity() string { return withProject("/1.0/instances/"+i.Name, i.Project) }

// instanceFlow is a flow on one instance. LXD hands it on to the member where
// the instance is.
func (m *Member) instanceFlow(project, name, description string, do func(*run, Instance) error) error {
	i, ok := m.server.Instance(project, name)
	if !ok {
		return worded("Instance not found")
	}
	at, err := m.server.On(i.Member)
	if err != nil {
		return err
	}
	return at.flow(i.Project, description, i.entity(), func(r *run) error { return do(r, i) })
}

// CreateInstance creates an instance and leaves it stopped. LXD writes the
// record of the instance, then that of its volume, then makes the volume.
func (m *Member) CreateInstance(spec InstanceSpec) error {
	i := Instance{
		Project: projectOr(spec.Project), Name: spec.Name, Type: cmp.Or(spec.Type, evidence.TypeContainer), Member: m.Name,
		Created: m.server.clock.Now(), Config: map[string]string{},
		Devices: map[string]map[string]string{"root": {"type": "disk", "path": "/", "pool": spec.Pool}},
	}
	if spec.Image != "" {
		i.Config["volatile.base_image"] = spec.Image
	}
	return m.flow(i.Project, "Creating instance", withProject("/1.0/projects/"+i.Project, DefaultProject), func(r *run) error {
		i.Config["volatile.uuid"] = r.freshUUID()
		key := nameKey{i.Project, i.Name}
		err := r.write("create instance "+i.Name, func(db *Database) error {
			if _, ok := db.instances[key]; ok {
				return worded("Instance %q already exists", i.Name)
			}
			db.instances[key] = i
			return nil
		})
		if err != nil {
			return err
		}
		if err = r.createRoot(i, spec.Image); err != nil {
			_ = r.write("delete instance "+i.Name, func(db *Database) error { delete(db.instances, key); return nil })
		}
		return err
	})
}

func (r *run) createRoot(i Instance, fingerprint string) error {
	root, d, err := r.root(i)
	if err != nil {
		return err
	}
	content := evidence.ContentFilesystem
	if i.Type == evidence.TypeVM {
		content = evidence.ContentBlock
	}
	v, err := d.recorded(d.newRecord(root.volume, content, 0), func(v volume) error { return d.fillRoot(i, v, fingerprint) })
	if err != nil {
		return err
	}
	// The instance's backup file is written into the volume. If that fails
	// the whole instance is deleted again, in the usual way.
	if err := d.mountTask(v, func() error { return d.host("write backup.yaml of %s", i.Name) }); err != nil {
		if d.deleteVolume(v) == nil {
			_ = d.forget(root.volume)
		}
		return err
	}
	return nil
}

func (d *driver) fillRoot(i Instance, v volume, fingerprint string) error {
	if fingerprint == "" {
		return d.createVolume(v, nil)
	}
	image, err := d.image(i.Project, fingerprint)
	if err != nil {
		return err
	}
	source, err := d.ensureImage(image)
	if err != nil {
		return err
	}
	return d.copyVolume(copied{source: source, target: v})
}

func (r *run) root(i Instance) (disk, *driver, error) {
	root := i.disks()[0]
	d, err := r.driver(root.volume.pool)
	return root, d, err
}

func (m *Member) Launch(spec InstanceSpec) error {
	if err := m.CreateInstance(spec); err != nil {
		return err
	}
	return m.StartInstance(spec.Project, spec.Name)
}

type attachment struct {
	*driver
	disk disk
	v    volume
}

func (r *run) attachments(i Instance) ([]attachment, error) {
	var all []attachment
	for _, disk := range i.disks() {
		a, err := r.attachment(disk)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func (r *run) attachment(disk disk) (attachment, error) {
	k := disk.volume
	if disk.snapshot != "" {
		k.name += "/" + disk.snapshot
	}
	d, v, err := r.driverOf(k)
	return attachment{driver: d, disk: disk, v: v}, err
}

// pid is that of an instance's virtual machine process, the same every time.
func (i Instance) pid() int {
	n := 20000
	for _, c := range i.Project + "/" + i.Name {
		n = (n*31 + int(c)) % 30000
	}
	return 20000 + n
}

// attach mounts a disk for an instance that runs or is about to. A virtual
// machine's process opens what is a block device.
func (a attachment) attach(i Instance) (err error) {
	if err := a.up(a.v); err != nil {
		return err
	}
	a.unfinished.Delete(a.v.pool + "::" + a.v.arrayName())
	if i.Type != evidence.TypeVM || a.v.content == evidence.ContentFilesystem {
		return nil
	}
	var u undo
	defer u.onError(&err)
	u.add(func() { _ = a.down(a.v) })
	if err := a.host("open %s for %s", a.v.name, i.Name); err != nil {
		return err
	}
	return a.open(i)
}

func (a attachment) open(i Instance) error {
	found, err := a.array.volume(a.v.pool, a.v.arrayName())
	if err != nil {
		return err
	}
	return a.member.Host.Open(found.Serial, "qemu-system-x86", i.pid())
}

func (r *run) setInstance(i Instance, what string, change func(*Instance)) error {
	return r.write(what+" instance "+i.Name, func(db *Database) error {
		key := nameKey{i.Project, i.Name}
		now, ok := db.instances[key]
		if !ok {
			return worded("Instance not found")
		}
		change(&now)
		db.instances[key] = now
		return nil
	})
}

// StartInstance starts an instance on its member: every disk is mounted.
func (m *Member) StartInstance(project, name string) error {
	return m.instanceFlow(project, name, "Starting instance", func(r *run, i Instance) error {
		if i.Running {
			return worded("The instance is already running")
		}
		if err := r.start(i); err != nil {
			return err
		}
		return r.setInstance(i, "start", func(now *Instance) { now.Running, now.LastUsed = true, r.clock.Now() })
	})
}

func (r *run) start(i Instance) (err error) {
	var u undo
	defer u.onError(&err)
	all, err := r.attachments(i)
	if err != nil {
		return err
	}
	for _, a := range all {
		if err := a.attach(i); err != nil {
			return worded("device %q: %w", a.disk.device, err)
		}
		u.add(func() { _ = a.down(a.v) })
	}
	return nil
}

// StopInstance stops an instance. That a disk can't be unmounted does not
// keep it from being stopped.
func (m *Member) StopInstance(project, name string) error {
	return m.instanceFlow(project, name, "Stopping instance", func(r *run, i Instance) error {
		if !i.Running {
			return worded("The instance is already stopped")
		}
		err := r.stop(i)
		if errors.Is(err, ErrKilled) {
			return err
		}
		return cmp.Or(r.setInstance(i, "stop", func(now *Instance) { now.Running = false }), err)
	})
}

func (r *run) stop(i Instance) error {
	if err := r.host("stop %s", i.Name); err != nil {
		return err
	}
	r.member.Host.Close(i.pid())
	all, err := r.attachments(i)
	if err != nil {
		return err
	}
	var failed error
	for _, a := range slices.Backward(all) {
		if err := a.down(a.v); err != nil && failed == nil {
			failed = worded("device %q: %w", a.disk.device, err)
		}
	}
	return failed
}

// AttachVolume adds a disk device to an instance; volume is that of a custom
// volume, or "volume/snapshot". path is where a container sees it.
func (m *Member) AttachVolume(project, name, device, pool, volume, path string) error {
	return m.instanceFlow(project, name, "Updating instance", func(r *run, i Instance) error {
		source, snapshot, _ := strings.Cut(volume, "/")
		config := map[string]string{"type": "disk", "pool": pool, "source": source}
		if path != "" {
			config["path"] = path
		}
		if snapshot != "" {
			config["source.snapshot"] = snapshot
		}
		a, err := r.attachment(disk{device: device, volume: custom(pool, i.Project, source), snapshot: snapshot})
		if err != nil {
			return err
		}
		if i.Running {
			if err := a.attach(i); err != nil {
				return worded("device %q: %w", device, err)
			}
		}
		return r.setInstance(i, "update", func(now *Instance) {
			now.Devices = maps.Clone(now.Devices)
			now.Devices[device] = config
		})
	})
}

func (m *Member) DetachVolume(project, name, device string) error {
	return m.instanceFlow(project, name, "Updating instance", func(r *run, i Instance) error {
		all, err := r.attachments(i)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(all, func(a attachment) bool { return a.disk.device == device })
		if n < 0 {
			return worded("Device %q doesn't exist", device)
		}
		if i.Running {
			// A virtual machine gives up a disk only with its process; here
			// the process gives up all and takes the others again.
			if err := all[n].detachFrom(i, all); err != nil {
				return err
			}
		}
		return r.setInstance(i, "update", func(now *Instance) {
			now.Devices = maps.Clone(now.Devices)
			delete(now.Devices, device)
		})
	})
}

func (a attachment) detachFrom(i Instance, all []attachment) error {
	if i.Type == evidence.TypeVM && a.v.content != evidence.ContentFilesystem {
		a.member.Host.Close(i.pid())
		for _, other := range all {
			if other.disk == a.disk || other.v.content == evidence.ContentFilesystem {
				continue
			}
			if err := other.open(i); err != nil {
				return err
			}
		}
	}
	return a.down(a.v)
}

// DeleteInstance deletes an instance that is stopped: its snapshots, its
// volume, and last its record.
func (m *Member) DeleteInstance(project, name string) error {
	return m.instanceFlow(project, name, "Deleting instance", func(r *run, i Instance) error {
		if i.Running {
			return worded("Instance is running")
		}
		root, d, err := r.root(i)
		if err != nil {
			return err
		}
		recorded := false
		r.read(func(db Database) { _, recorded = db.volumes[root.volume] })
		if recorded {
			if err := d.deleteRecorded(root.volume); err != nil {
				return err
			}
		}
		return r.write("delete instance "+i.Name, func(db *Database) error {
			delete(db.instances, nameKey{i.Project, i.Name})
			return nil
		})
	})
}

func (m *Member) SnapshotInstance(project, name, snapshot string) error {
	return m.rootFlow(project, name, "Snapshotting instance", func(d *driver, k volumeKey) error { return d.snapshotRecorded(k, snapshot) })
}

// BackupInstance exports an instance with its snapshots, see ExportVolume.
func (m *Member) BackupInstance(project, name string, during func(array string) error) error {
	return m.rootFlow(project, name, "Backing up instance", func(d *driver, k volumeKey) error { return d.export(k, during) })
}

// rootFlow is a flow on an instance's root volume.
func (m *Member) rootFlow(project, name, description string, do func(*driver, volumeKey) error) error {
	return m.instanceFlow(project, name, description, func(r *run, i Instance) error {
		root, d, err := r.root(i)
		if err != nil {
			return err
		}
		return do(d, root.volume)
	})
}

// MoveInstance moves an instance to another member. A stopped one only
// changes its record, as all members share the pool; so does one on a member
// that is down, and nobody tells the array. A virtual machine that runs is
// migrated: the target mounts its disks before the source lets go.
func (m *Member) MoveInstance(project, name, to string) error {
	target, err := m.server.On(to)
	if err != nil {
		return err
	}
	i, ok := m.server.Instance(project, name)
	if at, err := m.server.On(i.Member); ok && err == nil && !at.Up() {
		return m.flow(i.Project, "Migrating instance", i.entity(), func(r *run) error {
			return r.setInstance(i, "move", func(now *Instance) { now.Member, now.Running = to, false })
		})
	}
	return m.instanceFlow(project, name, "Migrating instance", func(r *run, i Instance) error {
		move := func(now *Instance) { now.Member = to }
		if !i.Running {
			return r.setInstance(i, "move", move)
		}
		if i.Type != evidence.TypeVM {
			return worded("Migration of running containers isn't supported")
		}
		there, err := target.begin(i.Project, "", "")
		if err != nil {
			return err
		}
		if err := there.start(i); err != nil {
			return err
		}
		if err := r.setInstance(i, "move", move); err != nil {
			return err
		}
		return r.stop(i)
	})
}
