package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// A stretched pod lies on two arrays, which have the same volumes under the
// same serials. Each connects them to its own hosts, so what only one of them
// says of connections is half of it. An array also shows hosts of its peer and
// their connections, as remote ones: what the peer itself says of them counts,
// and where it was not read they are what is known of it.

// peer is another array that a pool's pod lies on, and that told all of it.
type peer struct {
	*arrayFacts
	pod      *evidence.Pod
	bySerial map[evidence.Serial]*volume
}

// isPeer reports that an array's pod is the pod of a pool that lies on another
// array as well.
func (p *poolFacts) isPeer(a *arrayFacts, pod *evidence.Pod) bool {
	return p.pod != nil && p.array != a && strings.EqualFold(p.pod.Name, pod.Name) && p.liesOn(a.ID)
}

func (p *poolFacts) liesOn(array string) bool {
	return slices.ContainsFunc(p.pod.Arrays, func(where evidence.PodArray) bool {
		return array != "" && strings.EqualFold(where.ID, array)
	})
}

// joinPeers gives each pool the peers of its pod, and what strangers have
// there.
func (f *facts) joinPeers() {
	for _, p := range f.pools {
		if p.pod == nil {
			continue
		}
		if len(p.pod.Arrays) == 0 {
			p.unreadPeer = "the array does not say where pod " + p.pod.Name + " lies"
		}
		for _, where := range p.pod.Arrays {
			if strings.EqualFold(where.ID, p.array.ID) {
				continue
			}
			told, why := f.peerOf(p, where)
			if told == nil {
				p.unreadPeer = either(p.unreadPeer, why)
				continue
			}
			p.peers = append(p.peers, told)
		}
		if len(p.pod.Arrays) > 1 {
			f.joinCopies(p)
		}
	}
}

// joinCopies joins the volumes of a stretched pod with what other arrays have
// of them, and keeps an example of a stranger that one of those connects.
func (f *facts) joinCopies(p *poolFacts) {
	bySerial := map[evidence.Serial]*volume{}
	for i := range p.array.volumes {
		if v := &p.array.volumes[i]; v.pool == p {
			bySerial[v.Serial] = v
			v.throughPeers(func(c throughPeer) { p.noteStranger(v, c) })
		}
	}
	for _, a := range f.arrays {
		if a == p.array || !p.liesOn(a.ID) {
			continue
		}
		for v := range evidence.Refs(a.volumes) {
			if v.Serial != "" && v.pool == nil && strings.EqualFold(either(v.Pod, podOf(v.Name)), p.pod.Name) {
				v.copyOf = bySerial[v.Serial]
			}
		}
	}
	for _, a := range p.peers { // of volumes that the pool's array does not list, too
		for _, v := range a.bySerial {
			for row := range v.connections() {
				p.noteStranger(v, throughPeer{a.arrayFacts, row})
			}
		}
	}
}

// peerLines are what the configuration lacks for an array to be read.
func (p *poolFacts) peerLines(where evidence.PodArray) string {
	return "give its url and token_file as pools." + p.name + ".peers." + either(where.Name, "NAME") + " in the configuration"
}

// unreadPeers are the arrays of stretched pods that nobody asked. Those that were
// asked, and did not tell everything, say so themselves.
func (f *facts) unreadPeers() []Witness {
	var all []Witness
	for _, p := range f.pools {
		if p.pod == nil || !p.judged {
			continue
		}
		for _, where := range p.pod.Arrays {
			told := slices.ContainsFunc(f.arrays, func(a *arrayFacts) bool {
				mayBe := a == p.array || wasAsked(a.Array, p.pod.Name)
				return mayBe && where.ID != "" && strings.EqualFold(a.ID, where.ID) || mayBe && a.ID == "" && a.Trouble != ""
			})
			name := either(where.Name, where.ID, "another array")
			if !told && !slices.ContainsFunc(all, func(w Witness) bool { return w.Name == name }) {
				all = append(all, Witness{
					Kind: "array", Name: name, Title: "array " + name,
					Reason: "pod " + p.pod.Name + " is stretched to it, and it was not read", Hint: p.peerLines(where),
				})
			}
		}
	}
	return all
}

// peerOf is what an array says of a pod that is stretched to it, or why that
// is not everything.
func (f *facts) peerOf(p *poolFacts, where evidence.PodArray) (*peer, string) {
	name := either(where.Name, where.ID, "another array")
	stretched := "pod " + p.pod.Name + " is stretched to " + name + ", "
	why := stretched + "which was not read: " + p.peerLines(where)
	for _, a := range f.arrays {
		switch {
		case a.ID == "" && a.Trouble != "" && wasAsked(a.Array, p.pod.Name): // it may be the one
			why = stretched + "which was not read: " + a.Trouble
			continue
		case where.ID == "" || !strings.EqualFold(a.ID, where.ID):
			continue
		case a.Trouble != "":
			why = stretched + "which was not read: " + a.Trouble
			continue
		}
		doubt := either(a.Pods.Why(), a.Volumes.Why(), a.Snapshots.Why(), a.Connections.Why(), a.Hosts.Why(), a.HostGroups.Why())
		pod := a.pods[strings.ToLower(p.pod.Name)]
		switch {
		case !wasAsked(a.Array, p.pod.Name):
			why = stretched + "which was not asked for it"
		case doubt != "":
			why = stretched + "of which not everything is known: " + doubt
		case pod == nil:
			why = stretched + "which lists no such pod"
		case !pod.Destroyed.IsNot():
			why = "pod " + p.pod.Name + " is not known to be live on " + name
		default:
			told := &peer{arrayFacts: a, pod: pod, bySerial: map[evidence.Serial]*volume{}}
			for v := range evidence.Refs(a.volumes) {
				if strings.EqualFold(either(v.Pod, podOf(v.Name)), pod.Name) && v.Serial != "" {
					told.bySerial[v.Serial] = v
				}
			}
			return told, ""
		}
	}
	return nil, why
}

func wasAsked(a *evidence.Array, pod string) bool {
	return slices.ContainsFunc(a.Asked, func(name string) bool { return strings.EqualFold(name, pod) })
}

// throughPeer is a connection that a peer makes: as the peer itself lists it,
// or as the other array shows it.
type throughPeer struct {
	by  *arrayFacts
	row *evidence.Connection
}

func (c throughPeer) owner() owner { return c.by.owner(c.row.Host) }

// shown is set for what the peer itself did not list.
func (c throughPeer) shown() bool { return c.by.isRemote(c.row) }

// name is what it connects to, and where.
func (c throughPeer) name() string {
	if c.shown() {
		return connectionName(c.row) // which says the array's name itself
	}
	return connectionName(c.row) + " on " + c.by.Name
}

// words are for people: a member's second way is no stranger's.
func (c throughPeer) words() string {
	o := c.owner()
	if o.ours.Is() {
		return c.name() + numberWords(c.row) + ", " + o.member + "'s way to it through the peer"
	}
	return c.name() + numberWords(c.row)
}

// manual is how it is taken away by hand.
func (c throughPeer) manual(v *volume) string {
	host, where := c.row.Host, c.by.Name
	if c.shown() {
		where, host, _ = strings.Cut(c.row.Host, ":")
	}
	if c.row.Group != "" {
		return "on " + where + " it is connected through host group " + c.row.Group
	}
	return "on " + where + ": purevol disconnect --host " + shell(host) + " " + shell(v.Name)
}

// noteStranger keeps an example of a stranger that a peer connects.
func (p *poolFacts) noteStranger(v *volume, c throughPeer) {
	o := c.owner()
	words := v.Name + " is connected to " + quoted(connectionName(c.row)) + " on " + c.by.Name + ": " + o.why
	switch {
	case o.ours.IsNot(), c.row.Group != "" && c.row.Host != "":
		p.foreign = either(p.foreign, words)
	case !o.ours.Is() && !(c.row.Host == "" && c.row.Group != ""):
		if p.unsure == "" {
			p.unsure, p.unsureOf = words, o
		}
	}
}

// throughPeers calls do for each connection that a peer makes of the volume,
// and says why there may be more. What this array shows of a peer is only told
// where the peer itself did not list it.
func (v *volume) throughPeers(do func(throughPeer)) (doubt string) {
	if v.pool == nil {
		return ""
	}
	listed := map[string]bool{}
	for _, a := range v.pool.peers {
		twin := a.bySerial[v.Serial]
		if twin == nil {
			doubt = either(doubt, a.Name+" lists no volume with its serial, though pod "+a.pod.Name+" is stretched to it")
			continue
		}
		for row := range twin.connections() {
			listed[strings.ToLower(row.Host)] = true
			do(throughPeer{a.arrayFacts, row})
		}
		if twin.disagrees() {
			doubt = either(doubt, a.Name+" counts connections of it and does not list them")
		}
		own := map[string]bool{}
		for row := range v.connections() {
			own[strings.ToLower(row.Host)] = true
		}
		for row := range twin.remoteConnections() {
			if !own[remoteHost(row)] {
				doubt = either(doubt, a.Name+" shows a connection to "+row.Host+", which "+v.array.Name+" does not list")
			}
		}
	}
	for row := range v.remoteConnections() {
		if listed[remoteHost(row)] {
			continue
		}
		if v.pool.unreadPeer == "" {
			doubt = either(doubt, v.array.Name+" shows a connection to "+row.Host+", which that array does not list")
		}
		do(throughPeer{v.array, row})
	}
	return doubt
}

// remoteHost is the name that a peer has for the host of its own connection.
func remoteHost(row *evidence.Connection) string {
	_, host, _ := strings.Cut(row.Host, ":")
	return lower(host)
}

// peerConnections judges what connects a volume on peers, and says of members'
// connections there that they are; it leaves it to pod-ownership that a peer
// was not read. What is destroyed is disconnected there as well, through the
// peer itself. Of a volume that stays only one connection is cut, and while a
// peer connects it too, its device would come back.
func peerConnections(s Subject) (result Result, why string, ours []string) {
	v := s.volume
	result = Pass
	doubt := v.throughPeers(func(c throughPeer) {
		o := c.owner()
		first := "it is connected to " + c.words() + ": disconnect it there first (" + c.manual(v) + ")"
		switch {
		case result == Fail:
		case c.shown() || s.class != ClassDestroy:
			result, why = Fail, first
		case c.row.Group != "":
			result, why = Fail, "it is connected through host group "+c.row.Group+" of "+c.by.Name+", which LXD never makes"
		case o.ours.IsNot():
			result, why = Fail, c.name()+": "+o.why
		case !o.ours.Is():
			result, why = Uncertain, c.name()+": "+either(o.why, "it is not known whose it is")
		case result == Pass:
			ours = append(ours, c.words())
		}
	})
	if result == Pass && doubt != "" {
		return Uncertain, doubt, ours
	}
	return result, why, ours
}

// connectedThere reports that peers connect it, or may.
func (v *volume) connectedThere() bool {
	there := false
	doubt := v.throughPeers(func(throughPeer) { there = true })
	return there || doubt != ""
}

// throughPeersTo reports that a peer connects it to a host.
func (v *volume) throughPeersTo(h *hostFacts) bool {
	there := false
	v.throughPeers(func(c throughPeer) { there = there || slices.Contains(c.owner().hosts, h) })
	return there
}

// activity is whether there was I/O of late, over any of its arrays.
func (v *volume) activity() evidence.Answer {
	all := v.busy
	v.throughPeers(func(c throughPeer) {
		busy := evidence.Unknown
		for _, a := range v.pool.peers {
			if twin := a.bySerial[v.Serial]; a.arrayFacts == c.by && twin != nil {
				busy = twin.busy
			}
		}
		switch {
		case all.Is() || busy.Is():
			all = evidence.Yes
		case !busy.IsNot():
			all = evidence.Unknown
		}
	})
	return all
}

// peersTo adds to an answer what peers connect to a host.
func peersTo(v *volume, h *hostFacts, answer evidence.Answer, why string) (evidence.Answer, string) {
	if answer.Is() {
		return answer, why
	}
	doubt := v.throughPeers(func(c throughPeer) {
		o := c.owner()
		switch {
		case answer.Is() || (c.row.Host == "" && c.row.Group != ""):
		case slices.Contains(o.hosts, h):
			answer, why = evidence.Yes, c.name()
		case o.host == nil && !o.fenced && !o.ours.IsNot() && answer.IsNot():
			answer, why = evidence.Unknown, either(o.why, "a connection names no host")
		}
	})
	if v.pool != nil {
		doubt = either(v.pool.unreadPeer, doubt)
	}
	if answer.IsNot() && doubt != "" {
		return evidence.Unknown, doubt
	}
	return answer, why
}

// peerWords says of each connection on a peer which it is, and what is not
// known of them.
func (v *volume) peerWords() []string {
	var words []string
	doubt := v.throughPeers(func(c throughPeer) { words = append(words, "connected to "+c.words()) })
	if v.pool != nil {
		doubt = either(v.pool.unreadPeer, doubt)
	}
	if doubt != "" {
		words = append(words, doubt)
	}
	return words
}

// listsSnapshot reports a snapshot that the array lists by this name.
func (a *arrayFacts) listsSnapshot(name string) bool {
	return isAny(filter(evidence.Refs(a.Snapshots.Items), func(s *evidence.Snapshot) bool { return strings.EqualFold(s.Name, name) }))
}
