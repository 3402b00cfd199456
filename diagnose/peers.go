package diagnose

import (
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// A stretched pod lies on two arrays, which have the same volumes under the
// same serials. Each connects them to its own hosts, so what only one of them
// says of connections is half of it.

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
	for _, where := range p.pod.Arrays {
		if array != "" && strings.EqualFold(where.ID, array) {
			return true
		}
	}
	return false
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
			for _, v := range told.bySerial {
				f.notePeer(p, told, v)
			}
		}
	}
}

// peerOf is what an array says of a pod that is stretched to it, or why that
// is not everything.
func (f *facts) peerOf(p *poolFacts, where evidence.PodArray) (*peer, string) {
	name := either(where.Name, where.ID, "another array")
	why := "pod " + p.pod.Name + " is stretched to " + name + ", which was not read"
	for _, a := range f.arrays {
		if where.ID == "" || !strings.EqualFold(a.ID, where.ID) || a.Trouble != "" {
			continue
		}
		doubt := ""
		for _, part := range []string{a.Pods.Why(), a.Volumes.Why(), a.Connections.Why(), a.Hosts.Why(), a.HostGroups.Why()} {
			doubt = either(doubt, part)
		}
		pod := a.pods[strings.ToLower(p.pod.Name)]
		switch {
		case !wasAsked(a.Array, p.pod.Name):
			why = "pod " + p.pod.Name + " is stretched to " + name + ", which was not asked for it"
		case doubt != "":
			why = "pod " + p.pod.Name + " is stretched to " + name + ", of which not everything is known: " + doubt
		case pod == nil:
			why = "pod " + p.pod.Name + " is stretched to " + name + ", which lists no such pod"
		case !pod.Destroyed.IsNot():
			why = "pod " + p.pod.Name + " is not known to be live on " + name
		default:
			told := &peer{arrayFacts: a, pod: pod, bySerial: map[evidence.Serial]*volume{}}
			for i := range a.volumes {
				v := &a.volumes[i]
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
	for _, name := range a.Asked {
		if strings.EqualFold(name, pod) {
			return true
		}
	}
	return false
}

// notePeer keeps an example of a stranger that a peer connects.
func (f *facts) notePeer(p *poolFacts, a *peer, v *volume) {
	v.connections(func(row *evidence.Connection) {
		o := a.owner(row.Host)
		words := v.Name + " is connected to " + quoted(connectionName(row)) + " on " + a.Name + ": " + o.why
		switch {
		case o.ours.IsNot(), row.Group != "" && row.Host != "":
			p.foreign = either(p.foreign, words)
		case !o.ours.Is() && !(row.Host == "" && row.Group != ""):
			p.unsure = either(p.unsure, words)
		}
	})
}

// onPeers calls do for each connection that a peer which was read makes of the
// volume, and says why there may be more.
func (v *volume) onPeers(do func(a *peer, row *evidence.Connection)) (doubt string) {
	if v.pool == nil {
		return ""
	}
	for _, a := range v.pool.peers {
		twin := a.bySerial[v.Serial]
		if twin == nil {
			doubt = either(doubt, a.Name+" lists no volume with its serial, though pod "+a.pod.Name+" is stretched to it")
			continue
		}
		twin.connections(func(row *evidence.Connection) { do(a, row) })
		if twin.disagrees() {
			doubt = either(doubt, a.Name+" counts connections of it and does not list them")
		}
	}
	return doubt
}

// peerConnections leaves it to pod-ownership that a peer was not read. It says what connects a volume on a peer: nothing of it is cut
// from here, so any of it is in the way.
func peerConnections(v *volume) (Result, string) {
	result, why := Pass, ""
	doubt := v.onPeers(func(a *peer, row *evidence.Connection) {
		if result == Pass {
			result, why = Fail, "it is connected to "+connectionName(row)+" on "+a.Name+", to which its pod is stretched: disconnect it there first"
		}
	})
	if result == Pass && doubt != "" {
		return Uncertain, doubt
	}
	return result, why
}

// peersTo adds to an answer what peers connect to a host.
func peersTo(v *volume, h *hostFacts, answer evidence.Answer, why string) (evidence.Answer, string) {
	if answer.Is() {
		return answer, why
	}
	doubt := v.onPeers(func(a *peer, row *evidence.Connection) {
		o := a.owner(row.Host)
		switch {
		case answer.Is() || (row.Host == "" && row.Group != ""):
		case o.has(h):
			answer, why = evidence.Yes, connectionName(row)+" on "+a.Name
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

// peerWords says of each connection on a peer which it is.
func (v *volume) peerWords() []string {
	var words []string
	v.onPeers(func(a *peer, row *evidence.Connection) {
		words = append(words, "connected to "+connectionName(row)+" on "+a.Name)
	})
	return words
}

func (o owner) has(h *hostFacts) bool {
	for _, host := range o.hosts {
		if host == h {
			return true
		}
	}
	return false
}
