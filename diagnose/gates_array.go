package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

func arrayIdentity(s Subject) (Result, string) {
	if s.array == nil {
		return Uncertain, "no array that was read made the volume"
	}
	a := s.array
	if a.ID == "" {
		return Uncertain, "the array did not say which one it is"
	}
	pinned := ""
	for _, pool := range s.f.pools {
		if pool.array != a || (s.pool != nil && pool != s.pool) {
			continue
		}
		if pin := s.f.policy.Pins[pool.name]; pin != "" {
			pinned = pin
			if !strings.EqualFold(pin, a.ID) {
				return Fail, "pool " + pool.name + " is pinned to array " + pin + ", " + a.Name + " is " + a.ID
			}
		}
	}
	if pinned == "" {
		return Pass, a.Name + " (" + a.ID + ") is where LXD's gateway " + a.Gateway + " leads; no array is pinned"
	}
	return Pass, a.Name + " is the pinned array " + a.ID
}

func podOwnership(s Subject) (Result, string) {
	p := s.pool
	switch {
	case p == nil || p.pool == nil:
		return Uncertain, "LXD lists no pool of that name"
	case p.pod == nil:
		return Uncertain, "the array lists no pod " + p.name
	case p.foreign != "":
		return Fail, "another machine uses the pod: " + p.foreign
	case p.pod.Destroyed.Is():
		return Fail, "pod " + p.pod.Name + " is destroyed"
	case p.pod.Promotion == "demoted":
		return Fail, "pod " + p.pod.Name + " is demoted: it is the copy of a pod elsewhere"
	case !p.pod.Destroyed.IsNot():
		return Uncertain, "it is not known whether pod " + p.pod.Name + " is destroyed"
	case p.pod.Promotion != "promoted":
		return Uncertain, "pod " + p.pod.Name + " is " + either(p.pod.Promotion, "not known to be promoted")
	case p.pool.Status != "Created":
		return Uncertain, "LXD calls the pool " + quoted(p.pool.Status) + ", not Created"
	case p.unsure != "":
		return Uncertain, p.unsure
	}
	if why := unread(p); why != "" {
		return Uncertain, why
	}
	why := "pod " + p.pod.Name + " lies on " + s.array.Name + " alone, and every connection of it is a member's"
	if len(p.pod.Arrays) > 1 {
		why = "pod " + p.pod.Name + " is stretched, and all of its arrays were read"
	}
	switch links := p.pod.Links; {
	case !links.Known:
		return Uncertain, "it is not known whether pod " + p.pod.Name + " is replicated"
	case links.N > 0:
		why += fmt.Sprintf("; it is replicated over %s, what is destroyed is destroyed there too", count(int(links.N), "link"))
	}
	if p.another == "" || !slices.Contains(removed, s.class) {
		return Pass, why // what another LXD has in the pod is connected to its own hosts
	}
	if s.f.policy.DatabaseIsCurrent && !s.f.policy.Batch {
		return Waived, "you say that LXD's database is current, and no other LXD has anything in the pod; " + p.another
	}
	return Uncertain, "the pod may be another LXD's, too: " + p.another + orState
}

// unread says which of a pod's arrays did not testify.
func unread(p *poolFacts) string {
	if len(p.pod.Arrays) == 0 {
		return "the array does not say where pod " + p.pod.Name + " lies"
	}
	ours := false
	for _, where := range p.pod.Arrays {
		if where.Status != "online" {
			return "pod " + p.pod.Name + " on " + where.Name + " is " + either(where.Status, "in an unknown state")
		}
		if strings.EqualFold(where.ID, p.array.ID) && p.array.Trouble != "" {
			return "not everything that " + p.array.Name + " says of pod " + p.pod.Name + " is known"
		}
		ours = ours || strings.EqualFold(where.ID, p.array.ID)
	}
	if !ours {
		return "pod " + p.pod.Name + " does not lie on " + p.array.Name
	}
	return p.unreadPeer
}

// ordinary looks at the object itself. Its name is spelled again from what was
// read from it: a name that was misread must not join it to the wrong record.
func ordinary(s Subject) (Result, string) {
	if m := s.f.inPlaceOf(s.volume); m != nil {
		return Uncertain, lxdName(m.record).String() + " is, or may be, " + m.name() + " now: what it is that has its name is not known"
	}
	if s.snapshot != nil {
		return ordinarySnapshot(s.snapshot)
	}
	v := s.volume
	switch {
	case !v.LXD.IsLXD() || v.LXD.UUID.IsZero():
		return Fail, v.Name + " is not a name that LXD gives"
	case v.Destroyed.Is():
		return Fail, "it is already destroyed"
	case !v.Destroyed.IsNot():
		return Uncertain, "it is not known whether it is destroyed"
	case v.Subtype != "regular":
		return Uncertain, "its subtype is " + either(v.Subtype, "not known")
	case v.Promotion == "demoted":
		return Fail, "it is demoted: the copy of a volume elsewhere"
	case v.Promotion != "promoted":
		return Uncertain, "it is " + either(v.Promotion, "not known to be promoted")
	case !strings.EqualFold(v.Name, v.Pod+"::"+spelling(v.LXD)):
		return Uncertain, "its name " + quoted(v.Name) + " is not what pod " + quoted(v.Pod) + " and uuid " + v.LXD.UUID.String() + " make"
	case v.ID == "" || v.Serial == "":
		return Uncertain, "the array gives it no id or no serial, so no host's device can be told to be its"
	}
	return Pass, "it is live, regular and promoted, with serial " + string(v.Serial)
}

func ordinarySnapshot(snap *evidence.Snapshot) (Result, string) {
	suffix := reverter
	if snap.LXD.IsLXD() {
		suffix = spelling(snap.LXD)
	}
	switch {
	case snap.Destroyed.Is():
		return Fail, "it is already destroyed"
	case !snap.Destroyed.IsNot():
		return Uncertain, "it is not known whether it is destroyed"
	case !strings.EqualFold(snap.Suffix, suffix):
		return Fail, quoted(snap.Suffix) + " is not a name that LXD gives"
	case snap.SourceName == "" || !strings.EqualFold(snap.Name, snap.SourceName+"."+suffix) || !strings.EqualFold(podOf(snap.Name), snap.Pod):
		return Uncertain, "its name " + quoted(snap.Name) + " is not what its volume " + quoted(snap.SourceName) + " and its suffix make"
	case snap.ID == "":
		return Uncertain, "the array gives it no id"
	}
	return Pass, "it is a live snapshot of " + snap.SourceName
}

// spelling is the array's name of an LXD name, without the pod.
func spelling(n evidence.Name) string {
	text := ""
	if n.Snapshot {
		text = "s"
	}
	text += letters[n.Type] + "-" + n.UUID.Hex()
	switch n.Content {
	case evidence.ContentFilesystem:
		return text
	case evidence.ContentBlock:
		return text + "-b"
	case evidence.ContentISO:
		return text + "-i"
	default:
		return ""
	}
}

var letters = map[string]string{
	evidence.TypeContainer: "c",
	evidence.TypeVM:        "v",
	evidence.TypeImage:     "i",
	evidence.TypeCustom:    "u",
}

// podOf is the pod in a full name.
func podOf(name string) string {
	pod, _, ok := strings.Cut(name, "::")
	if !ok {
		return ""
	}
	return pod
}

func connectionsOurs(s Subject) (Result, string) {
	v := s.volume
	result, why, ours := Pass, "", []string{}
	for row := range v.connections() {
		o := v.array.owner(row.Host)
		switch {
		case result == Fail:
		case row.Group != "":
			result, why = Fail, "it is connected through host group "+row.Group+", which LXD never makes"
		case o.ours.IsNot():
			result, why = Fail, o.why
		case !o.ours.Is():
			result, why = Uncertain, o.why
		case result == Pass:
			ours = append(ours, o.why)
		}
	}
	elsewhere, there, theirs := peerConnections(s)
	switch {
	case result == Fail:
		return result, why
	case elsewhere == Fail || result == Pass && elsewhere != Pass:
		return elsewhere, there
	case result != Pass:
		return result, why
	case v.disagrees():
		return Uncertain, fmt.Sprintf("the array counts connections to %s and lists %d", v.ConnectionCount.String()+" hosts", len(ours))
	case !v.array.Connections.IsComplete():
		return Uncertain, "the array's connections are not all known: " + v.array.Connections.Why()
	case len(ours)+len(theirs) == 0:
		return Pass, "it is connected to nothing"
	}
	if p := s.usedApart(); p != nil {
		if result, why := s.connectedApart(p); result != Pass {
			return result, why
		}
	}
	return Pass, "connected to " + list(v.hostNames()) + " only: " + strings.Join(append(ours, theirs...), "; ")
}

func notConnected(s Subject) (Result, string) {
	answer, why := s.f.connected(s.device)
	switch {
	case answer.IsNot():
		return Pass, why
	case answer.Is():
		return Fail, "the array connects it to this host: " + why
	default:
		return Uncertain, why
	}
}

func notProtected(s Subject) (Result, string) {
	v := s.volume
	if v.prots != none {
		return Fail, "it is in protection group " + v.array.Protections.Items[v.prots].Group
	}
	var foreign, recorded []string
	own := 0
	for snap := range v.snapshots() {
		switch {
		case snap.Destroyed.Is():
		case !snap.LXD.IsLXD() && snap.Suffix != reverter:
			foreign = append(foreign, snap.Name)
		case snap.LXD.IsLXD() && s.f.recorded(snap.LXD.UUID):
			recorded = append(recorded, snap.Name)
		default:
			own++
		}
	}
	switch {
	case len(foreign) > 0:
		return Fail, "somebody else made its snapshot " + list(foreign)
	case len(recorded) > 0:
		return Fail, "LXD has a record of its snapshot " + list(recorded)
	case !v.array.Protections.IsComplete():
		return Uncertain, "protection groups are not all known: " + v.array.Protections.Why()
	case !v.array.Snapshots.IsComplete():
		return Uncertain, "snapshots are not all known: " + v.array.Snapshots.Why()
	case own > 0:
		return Pass, "it is in no protection group; " + count(own, "snapshot") + " that LXD made of it and has no record of would go with it"
	}
	return Pass, "it is in no protection group and has no snapshot"
}
