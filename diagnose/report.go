package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// doubtful is what may be lacking, and why.
type doubtful []string

func (d *doubtful) add(what, why string) {
	if why != "" {
		*d = append(*d, what+": "+why)
	}
}

// doubts says which of an array's lists may lack something.
func (a *arrayFacts) doubts() []string {
	var doubts doubtful
	doubts.add("the array", a.Trouble)
	if a.ID == "" && a.Trouble == "" {
		doubts.add("the array", "it did not say which one it is")
	}
	doubts.add("pods", a.Pods.Why())
	doubts.add("volumes", a.Volumes.Why())
	doubts.add("snapshots", a.Snapshots.Why())
	doubts.add("hosts", a.Hosts.Why())
	doubts.add("host groups", a.HostGroups.Why())
	doubts.add("connections", a.Connections.Why())
	doubts.add("protection groups", a.Protections.Why())
	doubts.add("volume performance", a.Activity.Why())
	return doubts
}

// lxdDoubts says which of LXD's lists may lack something.
func lxdDoubts(lxd *evidence.LXD) []string {
	var doubts doubtful
	doubts.add("LXD", lxd.Trouble)
	doubts.add("pools", lxd.Pools.Why())
	doubts.add("volumes", lxd.Records.Why())
	doubts.add("instances", lxd.Instances.Why())
	doubts.add("members", lxd.Members.Why())
	doubts.add("operations", lxd.Operations.Why())
	doubts.add("volumes that LXD itself uses", lxd.DaemonVolumes.Why())
	return doubts
}

// witnesses lists everyone who was asked, and the members that were not.
func (f *facts) witnesses() []Witness {
	var all []Witness
	for _, a := range f.arrays {
		all = append(all, witness("array", a.Source, "array "+a.Name, a.doubts()))
	}
	all = append(all, f.unreadPeers()...)
	if len(f.arrays) == 0 {
		all = append(all, Witness{Kind: "array", Title: "no array", Reason: "no array was asked"})
	}
	lxd := &f.world.LXD
	doubts := lxdDoubts(lxd)
	switch {
	case lxd.Trouble != "":
	case lxd.SeesAll.IsNot():
		doubts = append(doubts, either(lxd.SeesAllWhy, "LXD hides from us what we may not see"))
	case !lxd.SeesAll.Is():
		doubts = append(doubts, either(lxd.SeesAllWhy, "it is not known whether LXD hides anything from us"))
	}
	title := strings.TrimSpace("LXD " + lxd.Version)
	if n := len(lxd.Members.Items); n > 0 {
		title += ", " + count(n, "member")
	}
	all = append(all, witness("lxd", lxd.Source, title, doubts))
	for _, h := range f.hosts {
		w := witness("host", h.Source, "host "+h.Name, h.Doubts())
		w.Recorded = h.Recorded
		all = append(all, w)
	}
	all = append(all, f.fenceWitnesses()...)
	for _, member := range f.members.names {
		if f.hostOf(member) == nil && !slices.Contains(f.policy.Down, member) {
			all = append(all, Witness{
				Kind: "host", Name: member, Title: "host " + member,
				Reason: "its devices were not read", Hint: f.unreadHint(member),
			})
		}
	}
	return all
}

// unreadHint is what can be done about a member of which nothing was read.
func (f *facts) unreadHint(member string) string {
	for _, m := range f.world.LXD.Members.Items {
		if m.Name == member && m.Online.IsNot() {
			return "LXD calls it " + either(strings.ToLower(m.Status), "away") + ": bring it back, or, once it is fenced, state so with --host-down " + member
		}
	}
	return "run pureclean on " + member + " too"
}

// Label is what a witness is called: "host lxd01", and "LXD" where it has no
// name of its own.
func (w Witness) Label() string {
	if strings.EqualFold(w.Kind, w.Name) {
		return w.Name
	}
	return strings.Join(strings.Fields(w.Kind+" "+w.Name), " ")
}

// witness judges one source. When it could not speak at all, that is the one
// reason worth telling.
func witness(kind string, s evidence.Source, title string, doubts []string) Witness {
	w := Witness{
		Kind: kind, Name: s.Name, Title: title, Complete: len(doubts) == 0,
		Reason: strings.Join(doubts, "; "), Hint: s.Hint, Took: s.Took(), Requests: s.Requests,
	}
	if s.Trouble != "" {
		w.Reason = s.Trouble
	}
	return w
}

// doubts lists why the report may not be everything.
func (f *facts) doubts(witnesses []Witness) []string {
	doubts, arrays := []string{}, true
	for _, w := range witnesses {
		if !w.Complete {
			doubts, arrays = append(doubts, w.Label()+": "+w.Reason), arrays && w.Kind != "array"
		}
	}
	for _, p := range f.pools {
		why := f.poolDoubt(p)
		if why == "" && arrays { // else an array's own doubt says it
			why = p.unreadPeer
		}
		if p.judged && why != "" {
			doubts = append(doubts, "pool "+p.name+": "+why)
		}
	}
	return doubts
}

// poolDoubt says why nothing, or not everything, can be said of a pool.
func (f *facts) poolDoubt(p *poolFacts) string {
	switch {
	case p.pool == nil:
		return "LXD lists no pool for the pod " + p.name + " with driver pure, so none of its volumes can be judged"
	case p.array == nil:
		return "no array was asked for it"
	case p.array.Trouble != "":
		return "" // the array's own doubt says it
	case p.pod == nil && p.array.Pods.IsComplete():
		return "the array has no pod of this name"
	case p.blind(f):
		return "none of LXD's records of it could be read, so none of its volumes can be judged"
	default:
		return ""
	}
}

func (f *facts) summaries() []PoolSummary {
	var all []PoolSummary
	for _, p := range f.pools {
		if !p.judged {
			continue
		}
		s := PoolSummary{Name: p.name, Volumes: p.live, Snapshots: p.snapshots, Records: p.records}
		if p.pool != nil {
			s.Mode, s.Array = p.pool.Mode, p.pool.Gateway
		}
		if p.array != nil {
			s.Array, s.ArrayID = either(p.array.Name, s.Array), p.array.ID
		}
		if p.pod != nil {
			s.Quota, s.OfQuota, s.Provisioned, s.Used = p.pod.Quota, p.pod.OfQuota(), p.pod.Provisioned, p.pod.Used
		}
		s.Leaked = p.leaked
		s.Listed = p.pod != nil && p.array.Volumes.IsComplete() && p.array.Snapshots.IsComplete()
		s.Recorded = f.world.LXD.Records.IsComplete()
		s.Counted = p.pod != nil && p.array.Volumes.IsComplete() && !p.blind(f)
		all = append(all, s)
	}
	return all
}
