package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Fence is what became of the operator's word that a member's machine is
// down: switched off, or cut off from the array. It stands in for the
// machine's own testimony, so it counts only where both others agree: LXD
// shows the member offline or not at all, and the array shows that nothing of
// the machine is logged in and that nothing it is connected to is in use.
type Fence struct {
	Member string
	// Holds is set when the word counts; Why says why it does, or not.
	Holds bool
	Why   string
	// Objects are the machine's array hosts.
	Objects []FencedObject
}

// FencedObject is an array host of a machine that is down.
type FencedObject struct{ ArrayID, Name string }

// Fences judges the operator's words in Policy.Down, in their order.
func Fences(w evidence.World, p Policy) []Fence {
	if len(p.Down) == 0 {
		return nil
	}
	return newFacts(&w, p).fences
}

// joinFences judges the words, and gives the machines' array hosts to them.
func (f *facts) joinFences() {
	for _, member := range f.policy.Down {
		fence, objects := f.fence(member)
		f.fences = append(f.fences, fence)
		for _, object := range objects {
			object.owner = owner{member: member, ours: evidence.Yes, fenced: true, why: object.Name + " is " + member + ", which you say is down"}
		}
		if !fence.Holds {
			f.tellOwners(member)
		}
	}
}

// tellOwners adds to what is said of a machine's array hosts why the word
// does not count.
func (f *facts) tellOwners(member string) {
	for _, a := range f.arrays {
		for _, object := range a.hosts {
			if o := &object.owner; strings.EqualFold(o.member, member) && o.ours == evidence.Unknown {
				o.why += f.whyNotDown(member)
			}
		}
	}
}

// down reports a member of which the word counts.
func (f *facts) down(member string) bool {
	return slices.ContainsFunc(f.fences, func(fence Fence) bool { return fence.Holds && fence.Member == member })
}

// whyNotDown says why the word of a member does not count.
func (f *facts) whyNotDown(member string) string {
	for _, fence := range f.fences {
		if strings.EqualFold(fence.Member, member) && !fence.Holds {
			return "; that it is down is not taken for granted: " + fence.Why
		}
	}
	return ""
}

func (f *facts) fence(name string) (Fence, []*arrayHost) {
	refused := func(why string) (Fence, []*arrayHost) { return Fence{Member: name, Why: why}, nil }
	shown, why := f.goneForLXD(name)
	if why != "" {
		return refused(why)
	}
	if h := f.hostOf(name); h != nil && !h.Recorded && h.Boot != "" {
		return refused("it answered just now, so it is up")
	}
	if len(f.arrays) == 0 {
		return refused("no array was read")
	}
	fence := Fence{Member: name, Holds: true}
	var objects []*arrayHost
	for _, a := range f.arrays {
		found, why := f.silentObjects(a, name)
		if why != "" {
			return refused(why)
		}
		for _, object := range found {
			objects = append(objects, object)
			fence.Objects = append(fence.Objects, FencedObject{a.ID, object.Name})
		}
	}
	if len(objects) == 0 && shown == "" {
		return refused("neither LXD nor the array knows a machine of this name")
	}
	fence.Why = either(shown, "LXD does not list it") + ", and the array sees nothing of it"
	return fence, objects
}

// goneForLXD says how LXD shows a member that is away, empty when not at all,
// or why it can't be taken for being away.
func (f *facts) goneForLXD(name string) (shown, why string) {
	if !f.members.whole {
		return "", "LXD's members are not all known"
	}
	for _, m := range f.world.LXD.Members.Items {
		switch {
		case m.Name != name && strings.EqualFold(m.Name, name):
			return "", "LXD spells it " + quoted(m.Name)
		case m.Name == name && m.Online.IsNot():
			return "LXD shows it " + either(m.Status, "offline"), ""
		case m.Name == name:
			return "", "LXD does not show it offline but " + either(m.Status, "with no status")
		}
	}
	return "", ""
}

// silentObjects are the array hosts of an array that are named after a member
// and whose initiators no machine has shown, if the array sees nothing of
// them; or why that is not certain.
func (f *facts) silentObjects(a *arrayFacts, name string) (found []*arrayHost, why string) {
	for _, doubt := range []string{a.Trouble, a.Hosts.Why(), a.Connections.Why(), a.Activity.Why()} {
		if doubt != "" {
			return nil, "array " + a.Name + ": " + doubt
		}
	}
	for i := range a.Hosts.Items {
		object := a.hosts[strings.ToLower(a.Hosts.Items[i].Name)]
		if server, ok := serverOf(object.Name); !ok || !strings.EqualFold(server, name) {
			continue
		}
		if why := f.notSilent(object, name); why != "" {
			return nil, why
		}
		for row := range evidence.Refs(a.Connections.Items) {
			if !strings.EqualFold(row.Host, object.Name) {
				continue
			}
			if why := f.notIdle(a, object, row); why != "" {
				return nil, why
			}
		}
		found = append(found, object)
	}
	return found, ""
}

// notSilent says why an array host may be another machine's, or alive. What
// the array says of logged-in paths is no proof for NVMe, where it may say
// none of a living host; but without it there is no proof either.
func (f *facts) notSilent(object *arrayHost, name string) string {
	if !object.Local.Is() {
		return object.Name + " is not this array's own host"
	}
	if len(object.owner.hosts) > 0 {
		return object.Name + " has initiators of " + object.owner.hosts[0].Name
	}
	for _, member := range f.members.names {
		if slices.Contains(f.policy.Down, member) {
			continue
		}
		if h := f.hostOf(member); h == nil || !h.shows(object.ArrayHost) {
			return object.Name + " may be " + member + ", which has not shown its initiators"
		}
	}
	if words := strings.Fields(object.Connectivity); len(words) == 0 || !strings.EqualFold(words[len(words)-1], "none") {
		return "the array does not say that nothing of " + object.Name + " is logged in: " + either(object.Connectivity, "it says nothing")
	}
	return ""
}

// notIdle says why a connection of an array host may be in use. I/O that
// another machine makes does not count where the object can make none: without
// a session SCSI has no path.
func (f *facts) notIdle(a *arrayFacts, object *arrayHost, row *evidence.Connection) string {
	i, ok := a.byID[row.VolumeID]
	if !ok {
		return "it is connected to " + row.VolumeName + ", of which the array measured nothing for us"
	}
	v := &a.volumes[i]
	switch {
	case v.busy.IsNot():
		return ""
	case v.busy.Is() && len(object.NQNs) == 0 && f.usedBySomebody(v):
		return ""
	case v.busy.Is():
		return "the array measured I/O of " + v.Name + ", which is connected to " + object.Name
	}
	return "it is not known whether there is I/O of " + v.Name + ", which is connected to " + object.Name
}

// usedBySomebody reports a volume that a machine which answered uses.
func (f *facts) usedBySomebody(v *volume) bool {
	return slices.ContainsFunc(f.hosts, func(h *hostFacts) bool {
		d := h.of(v)
		return d != nil && !h.Recorded && h.silent() == "" && len(d.usage().certain) > 0
	})
}

// fenceWitnesses are the machines that the operator answers for.
func (f *facts) fenceWitnesses() []Witness {
	var all []Witness
	for _, fence := range f.fences {
		w := Witness{Kind: "host", Name: fence.Member, Title: "host " + fence.Member + ", stated to be down", Complete: fence.Holds}
		if !fence.Holds {
			w.Reason, w.Hint = "that it is down is not taken for granted: "+fence.Why, "fence it, wait until LXD and the array show it, and try again"
		}
		all = append(all, w)
	}
	return all
}
