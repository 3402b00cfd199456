package lxd

import (
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

const reverterSnapshot = "lxd-reverter-snapshot"

// createSnapshot snapshots a volume, both halves of a pair unless half is set.
func (d *driver) createSnapshot(v volume, half bool) (err error) {
	var u undo
	defer u.onError(&err)
	if err := d.makeDirectory(v); err != nil {
		return err
	}
	if err := d.array.createSnapshot(v.pool, v.parentVolume().arrayName(), v.arrayName()); err != nil {
		return err
	}
	u.add(func() { _ = d.deleteSnapshot(v) })
	if v.isPair() && !half {
		return d.createSnapshot(v.fsHalf(), true)
	}
	return nil
}

// deleteSnapshot first deletes a temporary volume that bears the snapshot's
// name. It does not disconnect it: while that volume is connected the
// snapshot can't be deleted, and nor can the volume that it is of.
func (d *driver) deleteSnapshot(v volume) error {
	_, err := d.array.volume(v.pool, v.arrayName())
	if err == nil {
		err = d.array.deleteVolume(v.pool, v.arrayName())
	}
	if err != nil && !isNotFound(err) {
		return err
	}
	if err := d.array.deleteSnapshot(v.pool, v.parentVolume().arrayName(), v.arrayName()); err != nil {
		return err
	}
	if err := d.removeDirectory(v); err != nil {
		return err
	}
	if v.isPair() {
		return d.deleteSnapshot(v.fsHalf())
	}
	return nil
}

// mountSnapshot mounts a snapshot through a temporary volume made from it,
// which no record tells of.
func (d *driver) mountSnapshot(v volume) (err error) {
	var u undo
	defer u.onError(&err)
	halves := []volume{v}
	if v.isPair() {
		halves = append(halves, v.fsHalf())
	}
	for _, h := range halves {
		if err := d.array.copyVolume(h.pool, h.parentVolume().arrayName()+"."+h.arrayName(), h.pool, h.arrayName()); err != nil {
			return err
		}
		u.add(func() { _ = d.array.deleteVolume(h.pool, h.arrayName()) })
	}
	return d.mountVolume(v)
}

// unmountSnapshot deletes the temporary volume, but only when it was this call
// that unmounted it; of a pair the second is kept when the first can't go.
func (d *driver) unmountSnapshot(v volume) (ours bool, err error) {
	ours, err = d.unmountVolume(v)
	if err != nil || !ours {
		return false, err
	}
	if err := d.array.deleteVolume(v.pool, v.arrayName()); err != nil {
		return true, err
	}
	if v.isPair() {
		return true, d.array.deleteVolume(v.pool, v.fsHalf().arrayName())
	}
	return true, nil
}

func (d *driver) restoreVolume(v, snapshot volume) error {
	ours, err := d.unmountVolume(v)
	if err != nil {
		return err
	}
	if ours {
		defer func() { _ = d.mountVolume(v) }()
	}
	return d.array.copyVolume(v.pool, v.arrayName()+"."+snapshot.arrayName(), v.pool, v.arrayName())
}

// copied is a source with the snapshots that are copied along, in pairs.
type copied struct {
	source, target volume
	snapshots      [][2]volume
}

// fsHalf is of an image that is copied for an instance: there are no snapshots.
func (c copied) fsHalf() copied { return copied{source: c.source.fsHalf(), target: c.target.fsHalf()} }

// from is the array's name of the source: a volume, or "volume.suffix".
func (c copied) from() string {
	if c.source.isSnapshot() {
		return c.source.parentVolume().arrayName() + "." + c.source.arrayName()
	}
	return c.source.arrayName()
}

// finishCopy sets what LXD sets on the root of a filesystem, and asks for the
// size, which is the source's: none is changed here.
func (d *driver) finishCopy(c copied) error {
	if c.target.content == evidence.ContentFilesystem {
		if err := d.mountTask(c.target, nil); err != nil {
			return err
		}
	}
	_, err := d.array.volume(c.target.pool, c.target.arrayName())
	return err
}

// copyVolume makes a volume as a copy of another. Snapshots come first: each
// is copied into the new volume, of which then a snapshot is taken.
func (d *driver) copyVolume(c copied) (err error) {
	var u undo
	defer u.onError(&err)
	if c.target.isPair() {
		half := c.fsHalf()
		if err := d.copyVolume(half); err != nil {
			return err
		}
		u.add(func() { _ = d.deleteVolume(half.target) })
	}
	deleteTarget := func() { _ = d.deleteVolume(c.target) }
	for i, s := range c.snapshots {
		if err := d.array.copyVolume(c.source.pool, c.source.arrayName()+"."+s[0].arrayName(), c.target.pool, c.target.arrayName()); err != nil {
			return err
		}
		if i == 0 {
			u.add(deleteTarget)
		}
		if err := d.createSnapshot(s[1], true); err != nil {
			return err
		}
	}
	if err := d.array.copyVolume(c.source.pool, c.from(), c.target.pool, c.target.arrayName()); err != nil {
		return err
	}
	if len(c.snapshots) == 0 {
		u.add(deleteTarget)
	}
	return d.finishCopy(c)
}

// refreshVolume overwrites a volume with another, and with those of its
// snapshots that it lacks. A snapshot of the state before is its safety net;
// when LXD is killed it stays, until the next refresh.
func (d *driver) refreshVolume(c copied) (err error) {
	var u undo
	defer u.onError(&err)
	pool, name := c.target.pool, c.target.arrayName()
	if err := d.array.deleteSnapshot(pool, name, reverterSnapshot); err != nil && !isNotFound(err) {
		return err
	}
	if err := d.array.createSnapshot(pool, name, reverterSnapshot); err != nil {
		return err
	}
	u.add(func() {
		_ = d.array.copyVolume(pool, name+"."+reverterSnapshot, pool, name)
		_ = d.array.deleteSnapshot(pool, name, reverterSnapshot)
	})
	for _, s := range c.snapshots {
		if err := d.array.copyVolume(c.source.pool, c.source.arrayName()+"."+s[0].arrayName(), pool, name); err != nil {
			return err
		}
		if err := d.createSnapshot(s[1], true); err != nil {
			return err
		}
		u.add(func() { _ = d.deleteSnapshot(s[1]) })
	}
	if err := d.array.copyVolume(c.source.pool, c.from(), pool, name); err != nil {
		return err
	}
	if err := d.finishCopy(c); err != nil {
		return err
	}
	_ = d.array.deleteSnapshot(pool, name, reverterSnapshot)
	return nil
}

// backupVolume reads a volume and all its snapshots, one after the other, each
// through a mount of its own. during runs while one is mounted.
func (d *driver) backupVolume(v volume, snapshots []volume, during func(array string) error) error {
	if len(snapshots) > 0 {
		have, err := d.array.snapshots(v.pool, v.arrayName())
		if err != nil {
			return err
		}
		for _, s := range snapshots {
			if !slices.Contains(have, s.arrayName()) {
				return worded("Snapshot %q expected but not in storage", s.arrayName())
			}
		}
	}
	for _, one := range append(slices.Clone(snapshots), v) {
		err := d.mountTask(one, func() error {
			if during == nil {
				return nil
			}
			return during(full(one.pool, one.arrayName()))
		})
		if err != nil {
			return err
		}
	}
	return nil
}
