package doctor

import "github.com/pureclean/pureclean/settings"

// Check is one question that doctor asks.
type Check struct {
	// Code names it; Kind is the witness that it is about; Question is what is
	// asked, for people.
	Code, Kind, Question string
	// Weight and Why are its advice's, where that does not say its own.
	Weight settings.Weight
	Why    string
	find   func(*patient, func(Advice))
}

// The kinds of witnesses.
const (
	array = "array"
	lxd   = "lxd"
	host  = "host"
)

// Checks are all questions. What is asked of single settings is in
// settings.Rules, and of LXD's versions in settings.Bugs.
var Checks = []Check{
	{
		Code: "cannot-testify", Question: "did each source answer everything it was asked?", Weight: settings.Critical,
		Why: "until it can, nothing that depends on it is called safe, and findings may be missing", find: (*patient).silent,
	},

	{
		Code: "array-role", Kind: array, Question: "what may the token's user do?", Weight: settings.Hint,
		Why: "scan and explain work with it, fix does not; LXD itself needs array_admin, for it sets default protections", find: eachArray((*patient).role),
	},
	{
		Code: "array-tls", Kind: array, Question: "is it proven that this is the array?", Weight: settings.Warning,
		Why: "whoever stands between could read the token and answer in the array's place", find: eachArray((*patient).tls),
	},
	{
		Code: "array-certificate", Kind: array, Question: "how long is its certificate good?", Weight: settings.Warning,
		Why: "LXD and pureclean stop talking to the array on that day, unless they do not verify", find: eachArray((*patient).certificate),
	},
	{
		Code: "clock", Question: "do the clocks agree?", Weight: settings.Warning,
		Why: "logs can't be compared, certificates expire at the wrong time, and LXD's cluster wants clocks that agree", find: (*patient).clocks,
	},
	{
		Code: "array-eradication-delay", Kind: array, Question: "how long is what was destroyed kept?", Weight: settings.Warning,
		find: eradication,
	},
	{
		Code: "array-safemode", Kind: array, Question: "may LXD eradicate?", Weight: settings.Warning,
		Why:  "LXD destroys a volume and then eradicates it; the second is refused, its record stays, and every retry fails until the array's timer ends",
		find: eachArray((*patient).safeMode),
	},
	{
		Code: "array-quota", Kind: array, Question: "is the pod's quota nearly used?", Weight: settings.Warning,
		Why: "when it is full, new volumes fail, and writes may; what LXD left behind counts too", find: eachArray((*patient).quota),
	},
	{
		Code: "name-collision", Kind: array, Question: "does another cluster use these names?", Weight: settings.Critical,
		find: (*patient).collisions,
	},

	{Code: "lxd-bug", Kind: lxd, Question: "does this version of LXD leak?", find: (*patient).bugs},

	{
		Code: "shared-initiator", Kind: host, Question: "has each machine an initiator of its own?", Weight: settings.Critical,
		Why: "the array takes both machines for one: each sees, and can write to, the other's volumes", find: (*patient).shared,
	},
	{
		Code: "split-host", Kind: host, Question: "does an array have each machine as one host?", Weight: settings.Warning,
		find: splitHosts,
	},
	{
		Code: "tool-missing", Kind: host, Question: "is what LXD runs installed and running?", Weight: settings.Critical,
		find: eachHost((*patient).tools),
	},
	{Code: "setting", Kind: host, Question: "which settings invite leaks or hangs?", find: eachHost((*patient).settings)},
	{
		Code: "map-queues", Kind: host, Question: "does I/O wait for ever now?", Weight: settings.Critical,
		find: queueingMaps,
	},
	{
		Code: "session-lost", Kind: host, Question: "is every session and controller up?", Weight: settings.Warning,
		Why: "its volumes have a path less; and LXD, which looks only at the first session of an array, may look at this one", find: eachHost((*patient).lostSessions),
	},
	{
		Code: "session-twice", Kind: host, Question: "is there one session per portal?", Weight: settings.Warning,
		Why: "each disk comes twice through one portal: two paths that fail together", find: eachHost((*patient).doubleSessions),
	},
	{
		Code: "portal-without-session", Kind: host, Question: "is there a session to every portal?", Weight: settings.Warning,
		Why: "volumes on this host have a path less than the array offers", find: eachHost((*patient).portals),
	},
	{
		Code: "portal-closed", Kind: host, Question: "does every portal answer? (--live)", Weight: settings.Warning,
		Why: "LXD waits for its login up to 30 seconds, and does not look for the next volume meanwhile: that one times out", find: eachHost((*patient).closed),
	},
	{
		Code: "fewer-paths", Kind: host, Question: "has every volume all its paths?", Weight: settings.Warning,
		Why: "when the paths that are left fail, the volume stops; on iSCSI, LXD scans only the first session that it finds, so a new volume often has one", find: eachHost((*patient).fewerPaths),
	},
	{
		Code: "device-timeouts", Kind: host, Question: "did LXD wait for a device in vain?", Weight: settings.Warning,
		Why: "LXD gives up after 30 seconds, always; each time may have left a volume, a connection or a device behind", find: eachWait(timeouts),
	},
	{
		Code: "slow-devices", Kind: host, Question: "do devices come well within LXD's 30 seconds?", Weight: settings.Warning,
		Why: "LXD gives up after 30 seconds, which can't be changed: what comes later is a failed create, and a leftover if the roll-back fails too", find: eachWait(slow),
	},
}
