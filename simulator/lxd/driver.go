package lxd

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// errInUse is no failure: somebody else still uses what was to be unmounted.
var errInUse = worded("In use")

func isNotFound(err error) bool { return errors.Is(err, errNotFound) }

type driver struct {
	*run
	pool      Pool
	transport transport
	array     *client
}

func (r *run) driver(pool string) (*driver, error) {
	var p Pool
	var ok bool
	if r.read(func(db Database) { p, ok = db.pools[pool] }); !ok {
		return nil, worded("Storage pool not found")
	}
	return &driver{run: r, pool: p, transport: r.transportOf(p), array: r.connectTo(p)}, nil
}

// createVolume makes a volume, with a filesystem if it is one, and fills it.
func (d *driver) createVolume(v volume, fill func() error) (err error) {
	var u undo
	defer u.onError(&err)
	name := v.arrayName()
	d.unfinished.Store(v.pool+"::"+name, true)
	if err := d.array.createVolume(v.pool, name, v.bytes); err != nil {
		return err
	}
	// This does not disconnect first. It is refused while the volume is
	// connected, and then the volume stays.
	u.add(func() { _ = d.array.deleteVolume(v.pool, name) })
	if v.content == evidence.ContentFilesystem {
		dev, unmap, err := d.devicePath(v, true)
		if err != nil {
			return err
		}
		u.add(unmap)
		if err := d.host("mkfs %s", dev.name); err != nil {
			return err
		}
		d.member.formatted(dev.serial)
	}
	if v.isPair() {
		half := v.fsHalf()
		if err := d.createVolume(half, nil); err != nil {
			return err
		}
		u.add(func() { _ = d.deleteVolume(half) })
	}
	if err := d.mountTask(v, fill); err != nil {
		return err
	}
	d.unfinished.Delete(v.pool + "::" + name)
	return nil
}

// Unfinished reports a volume of the array, "pod::volume", of which LXD began
// to make the filesystem, did not come to its end, and never used it since.
func (s *Server) Unfinished(volume string) bool {
	_, is := s.unfinished.Load(volume)
	return is
}

// hasVolume counts a destroyed volume as there: the array names it too.
func (d *driver) hasVolume(v volume) (bool, error) {
	_, err := d.array.volume(v.pool, v.arrayName())
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// deleteVolume disconnects this member's host, only this one, and deletes.
// Devices that are still there are left to themselves.
func (d *driver) deleteVolume(v volume) error {
	exists, err := d.hasVolume(v)
	if err != nil || !exists {
		return err
	}
	host, err := d.array.currentHost(d.transport)
	if err == nil {
		err = d.array.disconnectVolume(v.pool, v.arrayName(), host.Name)
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	if err := d.array.deleteVolume(v.pool, v.arrayName()); err != nil {
		return err
	}
	if v.isPair() {
		if err := d.deleteVolume(v.fsHalf()); err != nil {
			return err
		}
	}
	if v.content == evidence.ContentFilesystem {
		return d.removeDirectory(v)
	}
	return nil
}

// mapVolume connects the volume to this member and the member to the array.
// unmap is for a caller that fails later.
func (d *driver) mapVolume(v volume) (unmap func(), err error) {
	var u undo
	defer u.onError(&err)
	host, forget, err := d.array.ensureHost(d.transport)
	if err != nil {
		return nil, err
	}
	u.add(forget)
	made, err := d.array.connectVolume(v.pool, v.arrayName(), host)
	if err != nil {
		return nil, err
	}
	if made {
		u.add(func() { _ = d.array.disconnectVolume(v.pool, v.arrayName(), host) })
	}
	if err := d.array.findTarget(d.transport); err != nil {
		return nil, err
	}
	if err := d.connect(d.transport); err != nil {
		return nil, err
	}
	if made != d.behaviour.invertedUndo {
		return func() { _ = d.unmapVolume(v) }, nil
	}
	return nil, nil
}

// unmapVolume takes the volume's device and connection away from this member,
// and after the last one the sessions and the array host too. It stops at
// the first step that fails.
func (d *driver) unmapVolume(v volume) error {
	host, err := d.array.currentHost(d.transport)
	if err != nil {
		return err
	}
	disconnect := func() error { return d.array.disconnectVolume(v.pool, v.arrayName(), host.Name) }
	if d.behaviour.arrayFirst {
		if err := disconnect(); err != nil {
			return err
		}
	}
	// An error of this look-up is taken for "there is no device".
	dev, _, _ := d.devicePath(v, false)
	if err := d.removeDevice(d.transport, dev); err != nil {
		return err
	}
	if !d.behaviour.arrayFirst {
		if err := disconnect(); err != nil {
			return err
		}
	}
	if err := d.waitGone(d.transport, v, dev); err != nil {
		return err
	}
	// The count is from before the disconnect.
	if host.ConnectionCount > 1 {
		return nil
	}
	if err := d.array.findTarget(d.transport); err != nil {
		return err
	}
	if err := d.disconnect(d.transport); err != nil {
		return err
	}
	return d.array.deleteHost(host.Name)
}

// devicePath finds the volume's device on this member, mapping the volume if
// asked to. unmap is for a caller that fails later.
func (d *driver) devicePath(v volume, mapIt bool) (dev device, unmap func(), err error) {
	var u undo
	defer u.onError(&err)
	if mapIt {
		unmap, err := d.mapVolume(v)
		if err != nil {
			return device{}, nil, err
		}
		u.add(unmap)
	}
	found, err := d.array.volume(v.pool, v.arrayName())
	if err != nil {
		return device{}, nil, err
	}
	dev, err = d.findDevice(found.Serial, mapIt)
	if err != nil {
		err = fmt.Errorf("%s device for volume %q: %w", d.behaviour.locating, v.storageName(), err)
		if machine, ok := d.member.Host.(interface{ Logged(program, text string) }); ok {
			machine.Logged("lxd.daemon[731]", fmt.Sprintf(`time=%q level=warning msg="Failure for operation" class=task err=%q`, d.clock.Now().UTC().Format(time.RFC3339), err.Error()))
		}
		return device{}, nil, err
	}
	return dev, u.keep(), nil
}

// mountKey is under what a daemon counts the users of a volume.
type mountKey struct {
	volumeKey
	content string
}

// users counts who has the volume mounted, as far as this daemon remembers.
func (d *driver) users(v volume, change int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deadLocked() {
		return 0
	}
	key := mountKey{v.volumeKey, v.content}
	d.member.mounts[key] = max(0, d.member.mounts[key]+change)
	return d.member.mounts[key]
}

// mountVolume mounts a filesystem, and only maps what is a block device.
func (d *driver) mountVolume(v volume) (err error) {
	var u undo
	defer u.onError(&err)
	dev, unmap, err := d.devicePath(v, d.users(v, 0) == 0)
	if err != nil {
		return err
	}
	u.add(unmap)
	switch {
	case v.content == evidence.ContentFilesystem:
		if err := d.mount(v, dev); err != nil {
			return err
		}
	case v.isPair():
		if err := d.mountVolume(v.fsHalf()); err != nil {
			return err
		}
	}
	d.users(v, 1)
	return nil
}

// unmountVolume reports whether it was this call that ended the last use.
// What is not mounted is not unmapped either: after a reboot the connection
// stays.
func (d *driver) unmountVolume(v volume) (ours bool, err error) {
	left := d.users(v, -1)
	if v.content == evidence.ContentFilesystem {
		if !d.mounted(v) {
			return false, nil
		}
		if left > 0 {
			return false, errInUse
		}
		if err := d.unmount(v); err != nil {
			return false, err
		}
		return true, d.unmapVolume(v)
	}
	if v.isPair() {
		if ours, err = d.unmountVolume(v.fsHalf()); err != nil {
			return false, err
		}
	}
	if dev, _, _ := d.devicePath(v, false); dev.name == "" {
		return ours, nil
	}
	if left > 0 {
		return false, errInUse
	}
	return true, d.unmapVolume(v)
}

// mountTask runs a task with the volume mounted. An error of the task hides
// that of the unmount after it.
func (d *driver) mountTask(v volume, task func() error) error {
	if err := d.up(v); err != nil {
		return err
	}
	var taskErr error
	if task != nil {
		taskErr = task()
	}
	return cmp.Or(taskErr, d.down(v))
}

// up mounts a volume or a snapshot; down ends that use of it, which may not be
// the last.
func (d *driver) up(v volume) error {
	if v.isSnapshot() {
		return d.mountSnapshot(v)
	}
	return d.mountVolume(v)
}

func (d *driver) down(v volume) (err error) {
	if v.isSnapshot() {
		_, err = d.unmountSnapshot(v)
	} else {
		_, err = d.unmountVolume(v)
	}
	if errors.Is(err, errInUse) {
		return nil
	}
	return err
}
