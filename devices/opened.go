package devices

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// opened is what the name leads to that a loop device, swap or an export was
// given, some time ago and maybe in another mount namespace. The zero value is what is certainly no block device of this machine.
type opened struct {
	// device is the kernel's name of the block device.
	device string
	// gone is what a device was called that is no longer there.
	gone string
	// unclear is set where it may be a device and nothing says which.
	unclear bool
}

// opens tells what a name leads to. What is called by a name outside of /dev can
// be a device just as well: one that mknod made, or one that is seen from
// another mount namespace, whose names begin at a root of their own.
func (b *blocks) opens(t hostfs.Tree, remote []string, name string) (opened, error) {
	node, deleted := strings.CutSuffix(name, deletedSuffix)
	device, err := b.nodeName(t, node)
	if err != nil {
		return opened{unclear: true}, err
	}
	if _, exists := b.byName[device]; exists {
		// A node that was removed: its name may be another device's by now.
		return opened{device: device, unclear: deleted}, nil
	}
	if blockName.MatchString(device) {
		return opened{gone: device}, nil
	}
	if deleted || !path.IsAbs(node) || isBelow(node, remote) {
		return opened{unclear: true}, nil
	}
	return b.opensNode(t, strings.TrimPrefix(path.Clean(node), "/")), nil
}

// opensNode asks the file for its kind, and a node for its number.
func (b *blocks) opensNode(t hostfs.Tree, name string) opened {
	info, err := fs.Stat(t.FS, name)
	if err != nil {
		return opened{unclear: true}
	}
	if info.Mode().IsRegular() {
		return opened{}
	}
	number, isDevice, err := numberOf(info)
	if err != nil || !isDevice || number.character {
		return opened{unclear: true}
	}
	return b.opensNumber(number.dev, path.Base(name))
}

// opensNumber is the device of a number, which holds in every mount namespace.
func (b *blocks) opensNumber(dev, called string) opened {
	if device, known := b.byDev[dev]; known {
		return opened{device: device}
	}
	return opened{gone: called}
}

// isBelow reports a name below one of the mount points.
func isBelow(name string, mounts []string) bool {
	return slices.ContainsFunc(mounts, func(mount string) bool { return strings.HasPrefix(name, mount) })
}
