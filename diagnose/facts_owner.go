package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// owner says whose an array host is. That follows from the
// initiators, never from the name: LXD looks its array host up by initiator,
// and old names stay when a mode or a machine's name changes.
type owner struct {
	// host is the testimony of the machine that has one of the initiators,
	// hosts of all such machines.
	host  *hostFacts
	hosts []*hostFacts
	// member is LXD's name of that machine, or of the machine that the object
	// is named after while nobody has shown its initiators.
	member string
	// ours is yes only for exactly one member's own initiators, and no only
	// when it is certain that another machine has them.
	ours evidence.Answer
	why  string
	// silent is the member that would have to show its initiators before it
	// is known whose it is.
	silent string
	// fenced is set for the object of a machine that is down for certain.
	fenced bool
}

// suffixes are what LXD appends to a server's name, by its modes; "-nvme" is
// what releases up to 6.8 wrote.
var suffixes = []string{"-iscsi", "-nvme-tcp", "-nvme-fc", "-nvme", "-scsi-fc"}

// serverOf is the server that an array host is named after.
func serverOf(host string) (string, bool) {
	for _, suffix := range suffixes {
		if server, ok := strings.CutSuffix(strings.ToLower(host), suffix); ok && server != "" {
			return server, true
		}
	}
	return "", false
}

func (f *facts) joinOwners(a *arrayFacts) {
	for _, object := range a.hosts {
		object.owner = f.ownerOf(object.ArrayHost)
	}
}

// owner finds whose the array host of that name is.
func (a *arrayFacts) owner(name string) owner {
	if object := a.hosts[strings.ToLower(name)]; object != nil {
		return object.owner
	}
	return owner{why: "the array does not list host " + quoted(name)}
}

func (f *facts) ownerOf(object *evidence.ArrayHost) owner {
	initiators := object.Initiators()
	if len(initiators) == 0 || slices.Contains(initiators, "") {
		return owner{why: object.Name + " has no initiators, or one that can't be read"}
	}
	var machines []*hostFacts
	var strangers []string
	for _, initiator := range initiators {
		found := false
		for _, h := range f.hosts {
			if h.initiators[evidence.Initiator(initiator)] {
				machines, found = including(machines, h), true
			}
		}
		if !found {
			strangers = append(strangers, initiator)
		}
	}
	o := owner{hosts: machines}
	if len(machines) > 0 {
		o.host = machines[0]
		o.member = f.memberOf(machines[0])
	}
	switch {
	case !object.Local.Is() && !object.Local.IsNot():
		o.why = "it is not known whether " + object.Name + " is this array's own host"
	case len(machines) > 1:
		o.why = object.Name + " has initiators of both " + machines[0].Name + " and " + machines[1].Name
	case len(machines) == 1 && len(strangers) == 0:
		f.belongs(&o, object, machines[0])
	case len(machines) == 1:
		o.why = object.Name + " has initiator " + strangers[0] + " beside those of " + machines[0].Name
		if machines[0].shows(object) {
			o.ours = evidence.No
		}
	default:
		f.stranger(&o, object)
	}
	return o
}

// belongs settles an array host whose initiators are all one machine's.
func (f *facts) belongs(o *owner, object *evidence.ArrayHost, h *hostFacts) {
	switch {
	case o.member != "":
		o.ours = evidence.Yes
		o.why = object.Name + " is " + o.member + " (" + object.Initiators()[0] + ")"
	case f.members.whole:
		o.ours = evidence.No
		o.why = object.Name + " is " + h.Name + ", which is no member"
	default:
		o.why = object.Name + " is " + h.Name + ", and LXD's members are not all known"
	}
}

// stranger settles an array host whose initiators nobody showed. It is
// certainly not ours only when every member has shown all of its own.
func (f *facts) stranger(o *owner, object *evidence.ArrayHost) {
	silent := ""
	for _, member := range f.members.names {
		h := f.hostOf(member)
		if h == nil || !h.shows(object) {
			silent = member
			break
		}
	}
	named, _ := serverOf(object.Name)
	switch {
	case silent == "" && f.members.whole:
		o.ours = evidence.No
		o.why = object.Name + " belongs to no member: " + object.Initiators()[0]
	case f.members.has(named):
		o.member, _ = f.members.at(named)
		if h := f.hostOf(o.member); h != nil && h.shows(object) {
			o.silent = silent
			o.why = object.Name + " is named after " + o.member + " and has none of its initiators; it may be " + either(silent, "a member that is not known") + "'s"
			return
		}
		o.silent = o.member
		o.why = object.Name + " is " + o.member + " by its name only, " + o.member + " has not shown its initiators"
	case silent != "":
		o.silent = silent
		o.why = object.Name + " (" + object.Initiators()[0] + ") may be " + silent + ", which has not shown its initiators"
	default:
		o.why = object.Name + " (" + object.Initiators()[0] + ") is known to nobody, and LXD's members are not all known"
	}
}

// shows reports that a machine has shown all initiators of the kinds that a
// array host carries.
func (h *hostFacts) shows(object *evidence.ArrayHost) bool {
	return (len(object.IQNs) == 0 || whole(h.IQNs)) &&
		(len(object.NQNs) == 0 || whole(h.NQNs)) &&
		(len(object.WWNs) == 0 || whole(h.WWPNs))
}

func whole(initiators evidence.List[string]) bool {
	return initiators.IsComplete() && !slices.Contains(initiators.Items, "")
}

// hostOf is the testimony of a member's machine.
func (f *facts) hostOf(member string) *hostFacts {
	return firstThat(f.hosts, func(h *hostFacts) bool { return member != "" && strings.EqualFold(h.Name, member) })
}

// memberOf is LXD's name of a machine, empty when it is no member.
func (f *facts) memberOf(h *hostFacts) string {
	if !f.members.has(h.Name) {
		return ""
	}
	member, _ := f.members.at(h.Name)
	return member
}

// former reports an array host named as LXD names those of its servers, after
// a server that this LXD does not have, with initiators that are not ours. A
// server that is certainly no cluster never had another member: there it is
// another LXD's.
func (f *facts) former(a *arrayFacts, name string) (string, bool) {
	server, ok := serverOf(name)
	return server, ok && !f.world.LXD.Clustered.IsNot() && f.members.whole && !f.members.has(server) && a.owner(name).ours.IsNot()
}
