package diagnose

// Kind is one thing that can be found. Its page is docs/findings/CODE.md, which
// explain CODE prints.
type Kind struct {
	Code     string
	Severity Severity
	// Meaning is the finding in one sentence.
	Meaning string
	// Class says what the remedy changes, and so which gates apply.
	Class Class
	// Leaked marks volumes that should have a record and have none; they are
	// added up. Temporary copies never have one.
	Leaked bool
	// Effect is what it does to the operator who leaves it alone.
	Effect string
	// Remedy is what to do, in general; a finding may have better words.
	Remedy []string
	// Check lists every occurrence. It sees the indexed evidence only.
	Check func(*facts) []draft
}

// Class is what a remedy changes.
type Class string

// The classes.
const (
	// ClassReport changes nothing: the operator decides.
	ClassReport Class = "report"
	// ClassDestroy disconnects a volume and destroys it.
	ClassDestroy Class = "destroy"
	// ClassSnapshot destroys a snapshot.
	ClassSnapshot Class = "snapshot"
	// ClassDisconnect takes a connection away and keeps the volume.
	ClassDisconnect Class = "disconnect"
	// ClassHost removes devices on one host and leaves the array alone.
	ClassHost Class = "host"
	// ClassArrayHost deletes an array host.
	ClassArrayHost Class = "array-host"
	// ClassWaiting ends the I/O that waits in one map of one host.
	ClassWaiting Class = "waiting"
)

// Kinds is the table of everything that can be found, in the order in which
// findings of equal severity are shown.
var Kinds = []Kind{
	{
		Code: "mixed-map", Severity: Critical, Class: ClassReport,
		Meaning: "the paths of one device lead to different volumes",
		Effect:  "reads and writes reach the wrong volume: data is at risk",
		Remedy: []string{
			"stop what uses the device, before anything else",
			"do not flush, rescan or remove anything until the users are known",
			"then follow what pureclean explain mixed-map says",
		},
		Check: (*facts).mixedMaps,
	},
	{
		Code: "misleading-name", Severity: Critical, Class: ClassReport,
		Meaning: "a name in /dev says one volume and leads to another volume's disk",
		Effect:  "LXD finds its devices by these names: it would use the other volume's disk for this one, and not find the other; data is at risk",
		Remedy: []string{
			"find out what uses the disk by the wrong name, and stop it",
			"have udev look at the disk again: udevadm trigger --action=change /sys/block/DISK",
		},
		Check: (*facts).misleadingNames,
	},
	{
		Code: "destroyed-but-recorded", Severity: Critical, Class: ClassReport,
		Meaning: "LXD has a record, and the array has destroyed the object: its data will be lost",
		Effect:  "the data is gone for good when the array's eradication timer runs out",
		Remedy:  []string{"recover it on the array, unless it was meant to go"},
		Check:   (*facts).destroyedButRecorded,
	},
	{
		Code: "in-use-without-connection", Severity: Critical, Class: ClassReport,
		Meaning: "a host, or by LXD an instance that runs there, uses the volume, and the array does not connect it to that host",
		Effect:  "reads and writes fail or hang; what has not been written is lost",
		Remedy:  []string{"find out who took the connection away; connect the volume again or stop what uses it"},
		Check:   (*facts).inUseWithoutConnection,
	},
	{
		Code: "disappeared-record", Severity: Critical, Class: ClassReport,
		Meaning: "the volume had a record of LXD, and the record is gone without a trace of a deletion",
		Effect:  "the volume may hold the only copy of somebody's data, and LXD no longer knows it",
		Remedy: []string{
			"do not delete it: look for a restored database or a member that was removed by force",
			"lxd recover (LXD 6.6 and later) can bring the record back",
		},
		Check: eachOf(codeDisappeared, (*facts).lostItsRecord),
	},
	{
		Code: codeMoved, Severity: Critical, Class: ClassReport,
		Meaning: "LXD has a record, and its volume has another name on the array, or is in another place",
		Effect:  "what runs goes on, the next start or mount fails, and LXD's delete removes the record and leaves the volume",
		Remedy:  []string{"move or rename it back on the array; do not delete the record"},
		Check:   (*facts).movedVolumesFound,
	},
	{
		Code: "missing-volume", Severity: Warning, Class: ClassReport,
		Meaning: "LXD has a record, and the array has no such object",
		Effect:  "LXD can't start or mount it",
		Remedy:  []string{"restore it from a backup, or delete the record through LXD"},
		Check:   (*facts).missingVolumes,
	},
	{
		Code: "degraded-paths", Severity: Warning, Class: ClassReport,
		Meaning: "a volume in use has fewer live paths than it should have, or no device at all",
		Effect:  "the next path that fails stops the volume",
		Remedy:  []string{"bring the missing path back: pureclean explain degraded-paths says how"},
		Check:   (*facts).degradedPaths,
	},
	{
		Code: "hijacked-host", Severity: Warning, Class: ClassReport,
		Meaning: "an array host has a member's name or initiators, and another machine's initiators",
		Effect:  "another machine sees this member's volumes, or this member can't see its own",
		Remedy:  []string{"find the machine with these initiators; give each machine a name of its own on the array"},
		Check:   (*facts).hijackedHosts,
	},
	{
		Code: "foreign-connection", Severity: Warning, Class: ClassReport,
		Meaning: "a volume of the pool is connected to something that is not a member of this LXD",
		Effect:  "another machine can write to the volume; nothing in this pool is deleted while that is so",
		Remedy:  []string{"find out whose it is; disconnect it by hand when its machine is known to be gone"},
		Check:   (*facts).foreignConnections,
	},
	{
		Code: "leaked-volume", Severity: Warning, Class: ClassDestroy, Leaked: true,
		Meaning: "a volume in LXD's naming of which LXD has no record",
		Effect:  "it takes space and quota until it is removed, and LXD can't delete it",
		Remedy:  []string{"remove its devices", "disconnect it", "confirm that it is detached everywhere", "destroy it"},
		Check:   eachOf(codeLeakedVolume, (*facts).leaked),
	},
	{
		Code: "leaked-half", Severity: Warning, Class: ClassDestroy, Leaked: true,
		Meaning: "one of a virtual machine's or image's two volumes, without the other and without a record",
		Effect:  "it takes space and quota until it is removed, and LXD can't delete it",
		Remedy:  []string{"remove its devices", "disconnect it", "confirm that it is detached everywhere", "destroy it"},
		Check:   eachOf(codeLeakedHalf, (*facts).leaked),
	},
	{
		Code: "leaked-image", Severity: Info, Class: ClassDestroy, Leaked: true,
		Meaning: "a copy of an image of which LXD has no record",
		Effect:  "it takes space and quota until it is removed, and LXD never uses it again",
		Remedy:  []string{"disconnect it", "confirm that it is detached everywhere", "destroy it"},
		Check:   eachOf(codeLeakedImage, (*facts).leaked),
	},
	{
		Code: "leaked-snapshot-volume", Severity: Warning, Class: ClassDestroy,
		Meaning: "a temporary copy that LXD made of a snapshot and left behind",
		Effect:  "LXD can't delete the snapshot, nor what it is a snapshot of, while the copy is connected",
		Remedy:  []string{"remove its devices", "disconnect it", "confirm that it is detached everywhere", "leave the volume to LXD, which deletes it together with the snapshot"},
		Check:   eachOf(codeLeakedSnapshotVolume, (*facts).leaked),
	},
	{
		Code: "leaked-snapshot", Severity: Info, Class: ClassSnapshot,
		Meaning: "a snapshot on the array in LXD's naming of which LXD has no record",
		Effect:  "it keeps the blocks that its volume has since changed",
		Remedy:  []string{"destroy the snapshot"},
		Check:   (*facts).leakedSnapshots,
	},
	{
		Code: "stale-connection", Severity: Warning, Class: ClassDisconnect,
		Meaning: "a volume is connected to a member on which nothing uses it",
		Effect:  "LXD on another member can't delete the volume: the array refuses while it is connected",
		Remedy:  []string{"remove its devices on that host", "disconnect it from that host"},
		Check:   (*facts).staleConnections,
	},
	{
		Code: "stale-map", Severity: Warning, Class: ClassHost,
		Meaning: "a multipath map whose volume is gone, destroyed or no longer connected to this host",
		Effect:  "what opens it can hang; it is in the way when the LUN number is used again",
		Remedy:  []string{"remove the map and its paths on the host; the array is not touched"},
		Check:   (*facts).staleMaps,
	},
	{
		Code: "ghost-path", Severity: Warning, Class: ClassHost,
		Meaning: "a SCSI path without a map whose volume is gone, destroyed or no longer connected to this host",
		Effect:  "it is in the way when the LUN number is used again: LXD's next volume may not appear",
		Remedy:  []string{"delete the path on the host; the array is not touched"},
		Check:   (*facts).ghostPaths,
	},
	{
		Code: "ghost-namespace", Severity: Warning, Class: ClassHost,
		Meaning: "an NVMe namespace whose volume is gone, destroyed or no longer connected to this host",
		Effect:  "what opens it waits until the controllers give up",
		Remedy:  []string{"let the controllers read their namespaces again; the array is not touched"},
		Check:   (*facts).ghostNamespaces,
	},
	{
		Code: codeWaiting, Severity: Warning, Class: ClassWaiting,
		Meaning: "processes wait in a multipath map without a path, to which the array gives none any more",
		Effect:  "kill -9 does not end them, and nothing of the map can be removed while they are there",
		Remedy:  []string{"end the I/O that waits, in this map alone: whoever waits gets an error, and what is not written yet is lost"},
		Check:   (*facts).waitingIO,
	},
	{
		Code: "idle-host", Severity: Info, Class: ClassArrayHost,
		Meaning: "an array host, named as LXD names them, without any connection",
		Effect:  "none for volumes; a reinstalled machine of the same name takes the object over",
		Remedy:  []string{"delete the array host if its machine no longer uses it"},
		Check:   (*facts).idleHosts,
	},
	{
		Code: "leftover-directory", Severity: Info, Class: ClassReport,
		Meaning: "an empty mount directory of a volume that LXD has no record of",
		Effect:  "none; it shows where a volume was once mounted",
		Remedy:  []string{"rmdir it: that refuses if it is not empty after all"},
		Check:   (*facts).leftoverDirectories,
	},
	{
		Code: "pending-eradication", Severity: Info, Class: ClassReport,
		Meaning: "a volume in LXD's naming, destroyed and without a record: its space returns by itself",
		Effect:  "its space and its name stay taken until the array's eradication timer runs out",
		Remedy:  []string{"wait, or recover it if it was destroyed by mistake"},
		Check:   eachOf(codePending, (*facts).isPending),
	},
	{
		Code: "foreign-volume", Severity: Info, Class: ClassReport,
		Meaning: "a volume in LXD's pod whose name is not LXD's",
		Effect:  "none for LXD; it counts against the pod's quota, and LXD destroys it together with the pool",
		Remedy:  []string{"never touched by pureclean; move it out of the pod, LXD wants the pod for itself"},
		Check:   eachOf(codeForeign, (*facts).isForeign),
	},
	{
		Code: codeUnsafe, Severity: Warning, Class: ClassReport,
		Meaning: "a setting or version that causes leaks or hangs",
		Effect:  "it brings the other findings about",
		Remedy:  []string{"change the setting"},
		Check:   (*facts).unsafeSettings,
	},
}

// KindOf finds a kind by its code; false where none has it.
func KindOf(code string) (Kind, bool) {
	for i := range Kinds {
		if Kinds[i].Code == code {
			return Kinds[i], true
		}
	}
	return Kind{}, false
}
