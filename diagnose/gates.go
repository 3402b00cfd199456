package diagnose

// Gate is one reason that must hold before anything is changed.
type Gate struct {
	Name string
	// Title is the question that it asks.
	Title string
	// Classes are those of the remedies that need it.
	Classes []Class
	// PoolWide marks answers that are the same for everything in a pool.
	PoolWide bool
	// Check answers with a sentence that a human can check. It must never
	// pass on evidence that is missing.
	Check func(Subject) (Result, string)
}

// The classes that share a gate.
var (
	every   = []Class{ClassDestroy, ClassSnapshot, ClassDisconnect, ClassHost, ClassArrayHost, ClassWaiting}
	asked   = []Class{ClassDestroy, ClassSnapshot, ClassDisconnect, ClassArrayHost, ClassWaiting}
	onArray = []Class{ClassDestroy, ClassSnapshot, ClassDisconnect}
	removed = []Class{ClassDestroy, ClassSnapshot}
	volumes = []Class{ClassDestroy, ClassDisconnect}
	objects = []Class{ClassArrayHost}
	used    = []Class{ClassDestroy, ClassDisconnect, ClassHost}
	known   = []Class{ClassDestroy, ClassDisconnect, ClassHost, ClassWaiting}
	onHost  = []Class{ClassHost, ClassWaiting}
	byName  = []Class{ClassArrayHost, ClassWaiting}
)

// seenBeforeGate passes by itself, with the next look or a day later.
const seenBeforeGate = "seen-before"

// Gates is the table of all gates, in the order in which they are shown: whom
// we ask, whether they told everything, what LXD says, what the array says,
// what the hosts say, how much it is.
var Gates = []Gate{
	{Name: "array-identity", Title: "Is this the array that the pool is pinned to?", Classes: every, PoolWide: true, Check: arrayIdentity},
	{Name: "pod-ownership", Title: "Does the pod belong to this LXD alone?", Classes: onArray, PoolWide: true, Check: podOwnership},
	{Name: "lists-complete", Title: "Did the array and LXD list everything?", Classes: every, PoolWide: true, Check: listsComplete},
	{Name: "lxd-sees-all", Title: "Does LXD show us everything it has?", Classes: asked, PoolWide: true, Check: lxdSeesAll},
	{Name: "records-not-empty", Title: "Does LXD have any record in this pool?", Classes: onArray, PoolWide: true, Check: recordsNotEmpty},
	{Name: "read-order", Title: "Was LXD read after the array, and every source within minutes?", Classes: every, PoolWide: true, Check: readOrder},
	{Name: "members-online", Title: "Is every member of the cluster online?", Classes: asked, PoolWide: true, Check: membersOnline},
	{Name: "no-operation", Title: "Is LXD idle?", Classes: every, PoolWide: true, Check: noOperation},
	{Name: "no-record", Title: "Does LXD have no record of it, anywhere?", Classes: removed, Check: noRecord},
	{Name: "not-expected", Title: "Does LXD expect no instance to use it?", Classes: volumes, Check: notExpected},
	{Name: "original-kept", Title: "If it is a copy, does the original still exist?", Classes: []Class{ClassDestroy}, Check: originalKept},
	{Name: "explained", Title: "Is it known why it has no record, and has nobody brought it back?", Classes: removed, Check: explained},
	{Name: "old-enough", Title: "Is it older than anything that LXD may still be making?", Classes: onArray, Check: oldEnough},
	{Name: seenBeforeGate, Title: "In a batch: did an earlier run see it as a leftover?", Classes: onArray, Check: seenBefore},
	{Name: "ordinary", Title: "Is it live, ordinary, and named as LXD names its own?", Classes: onArray, Check: ordinary},
	{Name: "not-protected", Title: "Does nobody else snapshot or protect it?", Classes: []Class{ClassDestroy}, Check: notProtected},
	{Name: "connections-ours", Title: "Does every connection belong to a member?", Classes: volumes, Check: connectionsOurs},
	{Name: "not-connected", Title: "Does the array not connect it to this host?", Classes: onHost, Check: notConnected},
	{Name: "hosts-answered", Title: "Has every host that could use it answered?", Classes: known, Check: hostsAnswered},
	{Name: "not-in-use", Title: "Is it not mounted, held, open or swap on any host?", Classes: used, Check: notInUse},
	{Name: "no-io", Title: "Is there no I/O, on the array or on a host?", Classes: used, Check: noIO},
	{Name: "path-identity", Title: "Does every path lead to this volume?", Classes: known, Check: pathIdentity},
	{Name: "name-identity", Title: "Does every name in /dev that says this volume lead to it, and no other?", Classes: known, Check: nameIdentity},
	{Name: "object-ours", Title: "Are all of the array host's initiators one member's?", Classes: objects, Check: objectOurs},
	{Name: "object-idle", Title: "Is nothing connected to the array host, or logged in as it?", Classes: objects, Check: objectIdle},
	{Name: "object-plain", Title: "Has nobody set anything on the array host that LXD never sets?", Classes: objects, Check: objectPlain},
	{Name: "only-waits", Title: "Do only open files use it, of I/O that can't go on?", Classes: []Class{ClassWaiting}, Check: onlyWaits},
	{Name: "asked-for", Title: "Was this very thing asked for by its name, and not a batch?", Classes: byName, Check: askedFor},
	{Name: "share", Title: "Is it a small part of the pool that has no record?", Classes: removed, Check: share},
}
