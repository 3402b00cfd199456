package lxd

import (
	"maps"

	"github.com/pureclean/pureclean/evidence"
)

func (d *driver) image(project, fingerprint string) (Image, error) {
	var image Image
	var ok bool
	d.read(func(db Database) {
		if image, ok = db.images[nameKey{project, fingerprint}]; !ok {
			image, ok = db.images[nameKey{DefaultProject, fingerprint}]
		}
	})
	if !ok {
		return image, worded("Image %q not found", fingerprint)
	}
	return image, nil
}

// ensureImage returns the pool's volume of an image, making it if need be.
func (d *driver) ensureImage(image Image) (volume, error) {
	k := volumeKey{d.pool.Name, DefaultProject, evidence.TypeImage, image.Fingerprint}
	content := evidence.ContentFilesystem
	if image.Type == evidence.TypeVM {
		content = evidence.ContentBlock
	}
	if d.behaviour.freshImage {
		return d.ensureFreshImage(k, content)
	}
	_, v, err := d.find(k)
	if err == nil {
		exists, err := d.hasVolume(v)
		if err != nil || exists {
			return v, err
		}
		// Recorded and gone: LXD starts over with a new record.
		if err := d.forget(k); err != nil {
			return volume{}, err
		}
	}
	return d.recorded(d.newRecord(k, content, 0), func(v volume) error { return d.createVolume(v, d.unpack) })
}

// ensureFreshImage is what LXD 6.9 does: it looks for the image's volume
// under a UUID that it has just made up, so it never finds one and unpacks
// the image again. Then of a container's image it keeps the old record, so
// the new volume has none; of a virtual machine's it replaces the record, so
// the old pair has none.
func (d *driver) ensureFreshImage(k volumeKey, content string) (v volume, err error) {
	record := d.newRecord(k, content, 0)
	v, err = d.volumeOf(record)
	if err != nil {
		return volume{}, err
	}
	exists, err := d.hasVolume(v)
	if err != nil {
		return volume{}, err
	}
	if !exists {
		if err := d.createVolume(v, d.unpack); err != nil {
			return volume{}, err
		}
	}
	var u undo
	defer u.onError(&err)
	u.add(func() { _ = d.deleteVolume(v) })
	_, _, notRecorded := d.find(k)
	if notRecorded == nil && content == evidence.ContentFilesystem {
		return v, nil
	}
	if notRecorded == nil {
		if err := d.forget(k); err != nil {
			return volume{}, err
		}
		record.Config = maps.Clone(record.Config)
	}
	if content == evidence.ContentBlock {
		record.Config["volatile.rootfs.size"] = "4294967296"
	}
	return v, d.record(&u, record)
}

func (d *driver) unpack() error { return d.host("unpack image") }
