package lxd

import "fmt"

// removal is how a version takes an iSCSI volume's devices off a machine.
type removal int

const (
	// deletePaths deletes the disks. The map goes with the last of them,
	// unless somebody has it open.
	deletePaths removal = iota
	// flushMap flushes the map, once, and leaves the disks: zombies as soon
	// as the array disconnects them.
	flushMap
	// flushAndDelete flushes the map, up to ten times, and deletes the disks.
	flushAndDelete
)

// behaviour is what differs between the versions of LXD, as far as its Pure
// Storage driver and the API around it are concerned.
type behaviour struct {
	lts bool
	// nvme is the value of pure.mode for NVMe/TCP, and the suffix of the
	// array host's name.
	nvme, nvmeSuffix string
	// invertedUndo: after a device did not appear, only a connection that
	// was there before is undone, not the one just made (LXD issue 15210).
	invertedUndo bool
	// arrayFirst: a volume is disconnected before its device is removed.
	arrayFirst bool
	removal    removal
	// freshImage: every look-up of an image makes a new image volume, under a
	// new UUID, before there is any record of it.
	freshImage bool
	// volumeOperations: creating and deleting a custom volume is an
	// operation; before, the request simply took its time.
	volumeOperations bool
	// keptOperations: operations are in the cluster's database, survive the
	// daemon and are listed for members that don't answer.
	keptOperations bool
	// failedTo: errors read "Failed to locate", later "Failed locating".
	failedTo bool
	// lastExtension ends the API extensions of the version, without is what
	// lies before it in later versions only.
	lastExtension string
	without       []string
}

// behaviours are the versions that can be simulated: the first with the
// driver, the long-term one, and the two latest.
var behaviours = map[string]behaviour{
	"6.3": {
		nvme: "nvme", nvmeSuffix: "nvme",
		invertedUndo: true, arrayFirst: true, removal: deletePaths,
		failedTo:      true,
		lastExtension: "client_cert_presence",
	},
	"5.21.7": {
		lts:  true,
		nvme: "nvme", nvmeSuffix: "nvme",
		removal: flushMap, failedTo: true,
		lastExtension: "ovn_nic_acceleration_parent",
		without: []string{
			"daemon_storage_per_project", "auth_bearer_devlxd", "devlxd_volume_management",
			"auth_oidc_sessions", "instance_snapshots_multi_volume", "instance_placement_groups",
		},
	},
	"6.8": {
		nvme: "nvme", nvmeSuffix: "nvme",
		removal:          flushAndDelete,
		volumeOperations: true, keptOperations: true,
		lastExtension: "replicators",
	},
	"6.9": {
		nvme: "nvme/tcp", nvmeSuffix: "nvme-tcp",
		removal:    flushAndDelete,
		freshImage: true, volumeOperations: true, keptOperations: true,
	},
}

func behaviourOf(version string) (behaviour, error) {
	b, ok := behaviours[version]
	if !ok {
		return behaviour{}, fmt.Errorf("LXD %q can't be simulated, only 6.3, 5.21.7, 6.8 and 6.9", version)
	}
	return b, nil
}

// failing words an error as the version does in its log: failing("locating", "locate").
func (b behaviour) failing(gerund, infinitive string) string {
	if b.failedTo {
		return "Failed to " + infinitive
	}
	return "Failed " + gerund
}
