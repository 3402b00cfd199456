package release

import (
	"context"
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// prove looks once more, right before something is written: that nothing
// speaks against it now, and that these still are the disks that they were.
func (r *Releaser) prove(ctx context.Context, serial evidence.Serial, expect Expect, targets ...Target) error {
	v, err := r.ready(ctx, serial, expect, atOnce)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if !slices.ContainsFunc(v.disks, func(d evidence.Disk) bool { return targetOf(d, d.Serial) == target }) {
			return v.refuse(Reason{CodeChanged, target.Name + " is another disk than the one that was looked at, or has gone"})
		}
	}
	return nil
}

// stateOf is what became of a disk: its state, and whether it has gone. The
// disk goes first, its SCSI device only after the cache was written: until
// then nothing else can be added at its address, and it has not gone.
func (r *Releaser) stateOf(target Target) (state string, gone evidence.Answer) {
	t := hostfs.Tree{FS: r.System.FS}
	scsi := "sys/class/scsi_device/" + target.HCTL
	names, err := t.Names(scsi + "/device/block")
	switch there := t.Exists(scsi); {
	case err != nil || there == evidence.Unknown:
		return "", evidence.Unknown
	case there.IsNot() && !r.isDisk(target):
		return "", evidence.Yes
	case there.Is() && slices.Equal(names, []string{target.Name}) && r.isDisk(target):
		return t.Field(scsi + "/device/state"), evidence.No
	case there.Is() && len(names) > 0 && !r.isDisk(target):
		return "", evidence.Yes // another disk has its address
	default:
		return "", evidence.Unknown
	}
}

// isDisk reports whether the name still means the very disk. What can't be
// read counts as yes.
func (r *Releaser) isDisk(target Target) bool {
	t := hostfs.Tree{FS: r.System.FS}
	dir, err := t.Follow("sys/block/" + target.Name)
	if err != nil {
		return true
	}
	if t.Exists(dir).IsNot() {
		return false
	}
	seq := t.Count(dir + "/diskseq")
	return !seq.Known || seq.N == target.Seq
}

// mapNow is what device-mapper says of one map, and of what its partitions
// add to its open count; nil when there is none.
func (r *Releaser) mapNow(ctx context.Context, uuid string) (*devices.DM, int64, error) {
	dms, err := r.System.Maps(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("what became of the map %s is not known: %w", uuid, err)
	}
	var found *devices.DM
	parts := int64(0)
	for i := range dms {
		switch {
		case dms[i].UUID == uuid:
			found = &dms[i]
		case dms[i].PartitionOf(uuid) && dms[i].OpenCount == 0:
			parts++
		}
	}
	return found, parts, nil
}

func (r *Releaser) mapExists(ctx context.Context, uuid string) (bool, error) {
	// The write's own deadline may be what ended it.
	dm, _, err := r.mapNow(context.WithoutCancel(ctx), uuid)
	return dm != nil, err
}

// openersOf counts who has a map open besides its idle partitions.
func (r *Releaser) openersOf(ctx context.Context, uuid string) (int64, error) {
	dm, parts, err := r.mapNow(ctx, uuid)
	if err != nil || dm == nil {
		return 0, err
	}
	return dm.OpenCount - parts, nil
}

// queues reports whether I/O to a map waits for a path; a map that has gone
// does not.
func (r *Releaser) queues(ctx context.Context, uuid string) (bool, error) {
	dm, _, err := r.mapNow(context.WithoutCancel(ctx), uuid)
	if err != nil || dm == nil {
		return false, err
	}
	return dm.Queues()
}
