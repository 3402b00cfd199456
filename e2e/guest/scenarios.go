//go:build linux

package main

import "github.com/pureclean/pureclean/simulator/array"

// leaked is what pureclean calls a leak.
const leaked = "leaked-volume"

// Why a scenario can't exist on one of the transports.
const (
	noMaps       = "the kernel joins the paths of a namespace itself; there is no map"
	noNumber     = "the kernel compares a namespace's identity at each scan, and makes another device of it"
	noWaiting    = "a namespace without a path is gone, and with it what would wait"
	noOffline    = "no path of a namespace is set offline"
	counted      = "device-mapper counts who has a map open"
	noController = "a session has no controller"
)

// used is a leak that somebody uses, which blocks its repair until it is let go.
func used(name, what string, short []string, use func(*rig, array.Volume) error) scenario {
	return scenario{name: name, what: what, short: short, happen: leakAnd(use), code: leaked, blocked: "not-in-use", cure: release}
}

// scenarios are all there are.
func scenarios() []scenario {
	return []scenario{
		// The longest, so that nobody waits for it in the end.
		{
			name: "many-maps", what: "two hundred other volumes are connected to the machine",
			alone: true, happen: manyMaps, code: leaked,
		},
		{
			name: "leak-on-both", what: "a leak is connected to both members, and each has a map, or a namespace, of it",
			cluster: true, short: transports, happen: leakOnBoth, code: leaked,
		},
		{
			name: "stale-elsewhere", what: "a container was moved while the array did not answer: it runs on the second member, and the first is still connected",
			cluster: true, happen: moved, own: staleHere,
		},
		{
			name: "mounted-elsewhere", what: "the leak is mounted on the second member, and the first has nothing of it",
			cluster: true, happen: mountedThere, code: leaked, blocked: "not-in-use", cure: release,
		},
		{
			name: "lun-reused-elsewhere", what: "on the second member a mounted map leads to the next volume, which the first has never seen",
			cluster: true, nvme: noNumber, version: "6.3", happen: numberReused(1), code: leaked, blocked: "not-in-use", also: []string{"mixed-map"},
		},
		{
			name: "member-refuses", what: "the second member has no ssh server, and a map of the leak",
			cluster: true, happen: silent("pkill -x "+sshd, "/usr/sbin/sshd -h "+keyFile), code: leaked, blocked: "hosts-answered",
			unseen: "nothing answers on its ssh port", cure: release,
		},
		{
			name: "member-hangs", what: "the second member's ssh server says nothing, and the member has a map of the leak",
			cluster: true, happen: silent("pkill -STOP -x "+sshd, "pkill -CONT -x "+sshd), code: leaked, blocked: "hosts-answered",
			unseen: "no answer in time", cure: release,
		},
		{
			name: "member-off", what: "the second member lost its power with a map of the leak",
			cluster: true, happen: off, code: leaked, blocked: "members-online",
		},
		{
			name: "two-operators", what: "two leaks are connected to both members, and both repair everything at the same time",
			cluster: true, happen: seenByBoth, own: bothAtOnce,
		},
		{
			name: "ssh-lost", what: "three leaks are connected to both members, and the second loses its ssh in a step of each kind",
			cluster: true, happen: leaksAmongOthers("data", "more", "third"), own: sshLost,
		},
		{
			name: "portal-cut-elsewhere", what: "a portal is down for the second member, and both have a map of the leak",
			cluster: true, happen: then(leakOnBoth, (*rig).settle, portalCutThere), code: leaked, blocked: "path-identity", cure: release, also: []string{"degraded-paths"},
		},
		{
			name: "migrating", what: "a virtual machine is being migrated: its volume is open on both members",
			cluster: true, happen: migrating(false),
		},
		{
			name: "migration-died", what: "the same, and LXD was killed in the middle and runs again",
			cluster: true, happen: migrating(true),
		},
		{
			name: "evacuated", what: "the second member is evacuated, and has a map of the leak",
			cluster: true, happen: evacuated, code: leaked,
		},
		{
			name: "healthy", what: "containers and volumes come and go, and nothing fails",
			short: onISCSI, happen: healthy,
		},
		{
			name: "leak-with-map", what: "a new volume is not let go: it leaks, with a map and two paths, or a namespace",
			short: transports, happen: leakAttached, code: leaked,
		},
		{
			name: "lun-reused", what: "a mounted volume is cut off, and the next volume gets its number: the mounted map leads to the next one",
			short: onISCSI, nvme: noNumber, version: "6.3", happen: numberReused(0), code: leaked, blocked: "not-in-use", also: []string{"mixed-map"},
		},
		{
			name: "names-left", what: "the leak is disconnected, the next volume gets its number, and udev's names of the leak lead to that one's disk",
			short: onISCSI, nvme: noNumber, version: "6.3", happen: namesLeft, code: leaked, blocked: "name-identity", cure: udevLooks,
			also: []string{"misleading-name"}, check: namesRight,
		},
		used("in-other-namespace", "the leak is mounted in a mount namespace that only a file keeps, as snapd's", onISCSI, mountedElsewhere),
		used("in-no-namespace", "the leak is mounted in no namespace: only an open file keeps the mount", onNVMe, mountedNowhere("ext4")),
		used("in-no-namespace-xfs", "the same, with an XFS", nil, mountedNowhere("xfs")),
		used("in-no-namespace-btrfs", "the same, with a Btrfs", nil, mountedNowhere("btrfs")),
		used("held-by-lvm", "a logical volume lies on the leak", onISCSI, heldByLVM),
		used("held-by-crypt", "dm-crypt lies on the leak", onNVMe, heldByCrypt),
		used("held-by-loop", "a loop device lies on the leak", nil, heldByLoop),
		used("open", "a process has the leak open and does nothing", onNVMe, opened),
		{
			name: "path-open", what: "a process has one path of the leak open, past the map",
			short: onISCSI, nvme: noMaps, happen: leakAnd(pathOpened), code: leaked, blocked: "not-in-use", cure: release,
		},
		used("open-in-a-thread", "a thread with open files of its own has the leak open", nil, heldAs(threadWord)),
		used("in-memory", "a process has mapped the leak into its memory and closed it", nil, heldAs(mapWord)),
		used("on-the-way", "an open descriptor of the leak was sent to a socket, and nobody received it", nil, heldAs(sentWord)),
		{
			name: "claimed-out-of-sight", what: "the leak is mounted in no namespace, with a filesystem of which sysfs knows nothing",
			short: onNVMe, iscsi: counted, happen: leakAnd(mountedNowhere("vfat")), code: leaked, unseen: "is claimed exclusively", cure: release,
		},
		used("swap", "the machine swaps on the leak", nil, swapped),
		{
			name: "only-path-cut", what: "the only path of the leak is down: multipath sees the same as after a disconnect, and it is none",
			nvme: noMaps, happen: onlyPathCut, code: leaked, blocked: "path-identity", cure: release,
		},
		{
			name: "portal-cut", what: "one of the portals is down",
			short: onISCSI, happen: then(leakAttached, (*rig).settle, portalCut), code: leaked, blocked: "path-identity", cure: release, also: []string{"degraded-paths"},
		},
		{
			name: "healthy-portal-cut", what: "one of the portals is down, and nothing leaked",
			happen: then(healthy, (*rig).settle, portalCut), also: []string{"degraded-paths"},
		},
		{
			name: "cut-off-in-use", what: "an administrator disconnects a mounted volume on the array",
			short: onNVMe, happen: cutOffInUse, also: []string{"in-use-without-connection"},
		},
		{
			name: "array-first", what: "an administrator disconnects the leak on the array before he looks at the machine",
			short: onISCSI, happen: leakAnd(arrayFirst), code: leaked,
		},
		{
			name: "queueing-reader", what: "the same, I/O waits for ever for a path, and somebody's does",
			short: onISCSI, nvme: noWaiting, happen: queueingReader, code: leaked, blocked: "not-in-use", cure: release,
		},
		{
			name: "queueing-udev", what: "the same, and it is udev whose I/O waits",
			nvme: noWaiting, happen: queueingUdev, code: leaked,
		},
		{
			name: "rescans", what: "somebody scans all sessions and has multipathd look again, all the time",
			happen: leakAttached, code: leaked, during: rescans,
		},
		{
			name: "number-given-away", what: "in the middle of the repair, LXD creates and mounts the volume that gets the leak's number",
			short: onISCSI, nvme: noNumber, happen: leakAttached, code: leaked, during: numberGivenAway, check: givenAwayLives,
		},
		{
			name: "taken-again", what: "in the middle of the repair, LXD takes the copy that leaked into use again",
			short: onISCSI, nvme: noOffline, happen: leakCopy, code: "leaked-snapshot-volume", during: takenAgain, stopped: "it is not so: the array connects it", check: takenAgainLives,
		},
		{
			name: "leak-no-device", what: "the device of a new volume never appears, and LXD 6.3 can't take the volume back",
			version: "6.3", happen: leakHidden, code: leaked,
		},
		{
			name: "leak-late-device", what: "the same, and the device appears after LXD gave up",
			short: onNVMe, version: "6.3", happen: leakLate, code: leaked,
		},
		{
			name: "sessions-without-luns", what: "the same, and there is no other volume: the sessions stay with nothing behind them",
			version: "6.3", happen: leakAlone, code: leaked,
		},
		{
			name: "suspended", what: "the leak's map is suspended: whatever reads it waits for ever",
			nvme: noMaps, happen: leakAnd(suspended), code: leaked, blocked: "not-in-use", cure: release,
		},
		{
			name: "partitions", what: "the leak has partitions, which nobody uses",
			happen: leakAnd(partitioned), code: leaked,
		},
		{
			name: "multipathd-stopped", what: "multipathd does not run",
			nvme: noMaps, happen: leakAnd(withoutMultipathd), code: leaked,
		},
		{
			name: "udev-slow", what: "udev does not come to its work for half a minute",
			short: onNVMe, happen: leakAttached, code: leaked, during: slowUdev,
		},
		{
			name: "controller-lost", what: "a controller is lost and tries to connect again",
			short: onNVMe, iscsi: noController, happen: then(leakAttached, (*rig).settle, portalCut), code: leaked, blocked: "path-identity", cure: release, also: []string{"degraded-paths"},
		},
		{
			name: "array-slow", what: "the array goes on showing a volume for ten seconds after it was disconnected",
			happen: slowArray, code: leaked,
		},
	}
}
