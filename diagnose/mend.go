package diagnose

// mends says of each gate what makes it pass, for the operator whose finding it
// holds back. Most are answers that change with the world, and none is a switch.
var mends = map[string]string{
	"array-identity":    "let the pool's gateway lead to the pinned array, or pin the one that it is (pools.NAME.array.id)",
	"pod-ownership":     "take away what another machine has connected in the pod, or wait until every array of it answers",
	"lists-complete":    "let the array and LXD list everything: pureclean doctor says what is in the way",
	"lxd-sees-all":      "run it as an administrator of LXD",
	"records-not-empty": "find out whether LXD's database was lost; pureclean repairs nothing in a pool without a record",
	"read-order":        "run it again",
	"members-online":    "bring the member back, or give --host-down for a machine that is switched off",
	"no-operation":      "run it again when LXD is idle",
	"no-record":         "it belongs to a record of LXD: delete it through LXD if it is not wanted",
	"not-expected":      "stop what LXD is to use it for",
	"original-kept":     "nothing: it may be the only copy; look for what became of the original",
	"explained":         "look for what became of the record (pureclean explain disappeared-record); for one volume, state what you know with --database-is-current or --even-if-recovered",
	"old-enough":        "wait until it is old enough; for one volume, --min-age lowers what is needed",
	"seen-before":       "run the batch again, where a time is named after that: this look has been remembered; or repair it by itself with --volume",
	"ordinary":          "nothing: it is not what LXD makes, so it is left to you",
	"not-protected":     "take it out of its protection group if nobody wants its snapshots",
	"connections-ours":  "find out whose machine it is, and disconnect it by hand when that is known to be gone",
	"not-connected":     "nothing: the array connects it to this host",
	"hosts-answered":    "let every host that could use it answer: by ssh, or with --host-evidence or --host-down",
	"not-in-use":        "stop what uses it",
	"no-io":             "run it again when nothing reads or writes it",
	"path-identity":     "let every path answer as this volume: pureclean explain says which does not",
	"name-identity":     "let udev make the names of the disks anew: udevadm trigger --action=change, as pureclean explain prints it",
	"object-ours":       "nothing: it is not a member's; delete it by hand when its machine is known to be gone",
	"object-idle":       "disconnect and log out what uses it",
	"object-plain":      "nothing: somebody has set it up by hand; delete it by hand",
	"asked-for":         "ask for it alone: pureclean fix --volume NAME --confirm NAME",
	"only-waits":        "stop what uses it, or connect the volume again: then its I/O goes on",
	"share":             "find out whether records are missing; then repair one by one with --volume, or set safety.max_share",
}

// Mend is what makes a gate pass; what is no gate of the table is explained by
// the commands that look.
func Mend(gate string) string {
	if mend, ok := mends[gate]; ok {
		return mend
	}
	return "pureclean explain --object NAME says what was seen"
}
