package lxd

import "fmt"

// behaviour is what differs between the versions of LXD, as far as its Pure
// Storage driver and the API around it are concerned.
type behaviour struct {
	// nvme is the value of pure.mode for NVMe/TCP, and the suffix of the
	// array host's name.
	nvme, nvmeSuffix string
	// invertedUndo: after a device did not appear, only a connection that
	// was there before is undone, not the one just made (LXD issue 15210).
	invertedUndo bool
	// arrayFirst: a volume is disconnected before its device is removed, and
	// then its disks are deleted: the map goes with the last of them, unless
	// somebody has it open. Later the map is flushed first.
	arrayFirst bool
	// freshImage: every look-up of an image makes a new image volume, under a
	// new UUID, before there is any record of it.
	freshImage bool
	// keptOperations: operations are in the cluster's database, survive the
	// daemon and are listed for members that don't answer. Creating and deleting
	// a custom volume is one; before, the request simply took its time.
	keptOperations bool
	// locating begins the error about a device that does not appear.
	locating string
	// lastExtension ends the API extensions of the version.
	lastExtension string
}

// behaviours are the versions that can be simulated: the first with the
// driver, and the latest.
var behaviours = map[string]behaviour{
	"6.3": {nvme: "nvme", nvmeSuffix: "nvme", invertedUndo: true, arrayFirst: true, locating: "Failed to locate", lastExtension: "client_cert_presence"},
	"6.9": {nvme: "nvme/tcp", nvmeSuffix: "nvme-tcp", locating: "Failed locating", freshImage: true, keptOperations: true},
}

func behaviourOf(version string) (behaviour, error) {
	b, ok := behaviours[version]
	if !ok {
		return behaviour{}, fmt.Errorf("LXD %q can't be simulated, only 6.3 and 6.9", version)
	}
	return b, nil
}
