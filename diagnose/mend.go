package diagnose

import (
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// mends says of each gate what makes it pass, for the operator whose finding it
// holds back. Most are answers that change with the world, and none is a switch.
var mends = map[string]string{
	"array-identity":    "let the pool's gateway lead to the pinned array, or pin the one that it is (pools.NAME.array.id)",
	"pod-ownership":     "let every array of the pod answer, and find out who else uses the pod",
	"lists-complete":    "let the array and LXD list everything: pureclean doctor says what is in the way",
	"lxd-sees-all":      "run it as an administrator of LXD",
	"records-not-empty": "find out whether LXD's database was lost; pureclean repairs nothing in a pool without a record",
	"read-order":        "run it again",
	"members-online":    "bring the member back, or give --host-down for a machine that is switched off",
	"no-operation":      "run it again when LXD is idle",
	"no-record":         "it belongs to a record of LXD: delete it through LXD if it is not wanted",
	"not-expected":      "stop what LXD is to use it for; an instance that names it by a path has to lose that device",
	"original-kept":     "nothing: it may be the only copy; look for what became of the original",
	"explained":         "look for what became of the record (pureclean explain disappeared-record)",
	"old-enough":        "wait until it is old enough; for one volume, --min-age lowers what is needed",
	"seen-before":       "this look has been remembered, so that a later batch takes it while checks go on (pureclean-check.timer); or repair it by itself with --volume",
	"ordinary":          "nothing: it is not what LXD makes, so it is left to you",
	"not-protected":     "take it out of its protection group if nobody wants its snapshots",
	"connections-ours":  "find out whose machine it is, and disconnect it by hand when that is known to be gone",
	"not-connected":     "nothing: the array connects it to this host",
	"hosts-answered":    "let every host that could use it answer: by ssh, or with --host-evidence or --host-down",
	"not-in-use":        "stop what uses it",
	"no-io":             "run it again when nothing reads or writes it",
	"path-identity":     "let every path answer as this volume: pureclean explain says which does not",
	"name-identity":     "let udev make the names of the disks anew: udevadm trigger --action=change, as pureclean explain prints it",
	"object-ours":       "nothing: it is not a member's",
	"object-idle":       "disconnect and log out what uses it",
	"object-plain":      "nothing: somebody has set it up by hand; delete it by hand",
	"asked-for":         "ask for it alone: pureclean fix --volume NAME --confirm NAME",
	"only-waits":        "stop what uses it, or connect the volume again: then its I/O goes on",
	"share":             "find out whether records are missing; where none is, set pools.NAME.max_share or safety.max_share in the configuration",
}

// mendsHere say it for what a gate is asked about: which member is away, and
// that what may be a member's is never to be taken away.
var mendsHere = map[string]func(Subject, Result) string{
	"members-online": func(s Subject, _ Result) string {
		for _, m := range s.f.world.LXD.Members.Items {
			if m.Online.IsNot() && !s.f.down(m.Name) {
				return backOrFenced(m.Name)
			}
		}
		return ""
	},
	"explained": func(s Subject, result Result) string {
		lost, _ := recordLost(s)
		switch batch := s.f.policy.Batch; {
		case batch && s.snapshot != nil && s.snapshot.Suffix == reverter:
			return "when the volume's content is what it should be, repair it by itself with --volume"
		case result == Uncertain:
			return "look for what became of the record (pureclean explain disappeared-record); for one volume, state what you know: --volume NAME --database-is-current"
		case lost != Pass:
			return "look for what became of the record (pureclean explain disappeared-record)"
		case s.madeByHand() != "" || s.misnamed() != "":
			return "nothing: LXD did not leave it, so it is left to you"
		case batch && s.takenBack() != "":
			return "if nobody wants it after all, repair it by itself with --volume"
		case s.recovered() != "":
			return "ask whoever recovered it; for one volume, state what you know: --volume NAME --even-if-recovered"
		}
		return ""
	},
	"not-in-use": func(s Subject, _ Result) string {
		if s.volume != nil && s.class == ClassDestroy && s.f.mountedAs(s.volume) != "" {
			return wantedFirst
		}
		_, words := s.freeing()
		return words
	},
	"share": func(s Subject, result Result) string {
		if alone, _ := s.share(false); result != Fail || alone != Pass {
			return ""
		}
		return "repair them one by one, each with --volume"
	},
	"asked-for": func(s Subject, _ Result) string {
		if s.object != nil {
			return "ask for it alone: " + fixArrayHost(s.f.hostName(s.array, s.object.Name))
		}
		if s.device != nil {
			if m, _ := s.device.waiters(); m != nil {
				return "ask for it alone: " + fixWaiting(s.device, m)
			}
		}
		return ""
	},
	"pod-ownership": func(s Subject, result Result) string {
		switch p := s.pool; {
		case p == nil || p.pod == nil:
			return ""
		case result == Fail && p.foreign != "":
			return "find out whose machine that is: it may be another LXD's, and the pod with it; when it is known to be gone, disconnect it by hand"
		case result == Fail && p.pod.Promotion == "demoted":
			return "repair it where the pod is promoted"
		case result == Fail:
			return "recover the pod first, if it is wanted"
		case p.unsure != "":
			return s.f.letShow(p.unsureOf)
		case p.another != "" && unread(p) == "":
			return "find out who that is; that no other LXD has anything in the pod is stated for one volume: --volume NAME --database-is-current"
		}
		return ""
	},
	"connections-ours": func(s Subject, result Result) string {
		for row := range s.volume.connections() {
			if o := s.volume.array.owner(row.Host); result == Uncertain && row.Group == "" && o.ours == evidence.Unknown && s.f.letShow(o) != "" {
				return s.f.letShow(o)
			}
		}
		return ""
	},
}

// letShow is how it is found out whose an array host is, where a member has not
// shown its initiators; empty where that is not what is missing.
func (f *facts) letShow(o owner) string {
	h := f.hostOf(o.silent)
	switch {
	case o.silent == "" || o.ours != evidence.Unknown:
		return ""
	case h != nil && h.Trouble == "":
		return "let pureclean read the initiators of " + o.silent + ", as root"
	case o.silent != o.member: // a word that it is down is about the objects of its name
		return "bring " + o.silent + " back, or let it answer: until then it may be its"
	}
	for _, m := range f.world.LXD.Members.Items {
		if m.Name == o.silent && m.Online.IsNot() {
			return backOrFenced(o.silent)
		}
	}
	mend := "let " + o.silent + " answer, by ssh or with --host-evidence"
	if h != nil && h.Hint != "" {
		mend = "let " + o.silent + " answer (" + h.Trouble + "): " + h.Hint
	}
	if !strings.Contains(mend, "--host-down") {
		mend += "; if it is down, fence it and state so with --host-down " + shell(o.silent)
	}
	return mend
}

func backOrFenced(member string) string {
	return "bring " + member + " back, or fence it and state so with --host-down " + shell(member) + ": until then it may run what is connected to it"
}

// Mend is what makes a gate pass; empty for what is no gate of the table.
func Mend(gate string) string { return mends[gate] }
