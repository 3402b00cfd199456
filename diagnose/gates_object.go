package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// The gates of an array host. LXD names its own after its servers,
// and so does other software; deleted, an object does not come back with what
// somebody had set on it. So it must be a member's, idle, and as LXD makes it.

// objectOurs: LXD makes an object again only for a machine that is a member. Of
// a machine that was one there is no proof: its name is no identity.
func objectOurs(s Subject) (Result, string) {
	if s.array == nil || s.object == nil {
		return Uncertain, "the array lists no such array host"
	}
	switch o := s.array.owner(s.object.Name); {
	case o.ours.Is() && o.host.Recorded:
		return Uncertain, "what is known of " + o.host.Name + " is a recording"
	case o.ours.Is():
		return Pass, o.why
	case o.ours.IsNot():
		if idle, _ := objectIdle(s); idle != Pass {
			return Fail, o.why
		}
		return Fail, o.why + "; delete it by hand if you know that its machine is gone"
	default:
		return Uncertain, o.why
	}
}

func objectIdle(s Subject) (Result, string) {
	o := s.object
	if s.array == nil || o == nil {
		return Uncertain, "the array lists no such array host"
	}
	for _, row := range s.array.Connections.Items {
		if strings.EqualFold(row.Host, o.Name) {
			return Fail, "it is connected to " + row.VolumeName
		}
	}
	switch {
	case o.Destroyed.Is():
		return Fail, "it is already destroyed"
	case o.Local.IsNot():
		return Fail, "it is another array's"
	case o.Group != "":
		return Fail, "it is in host group " + o.Group
	case !o.Local.Is():
		return Uncertain, "it is not known whether it is this array's own"
	case !s.array.Connections.IsComplete():
		return Uncertain, "the array's connections are not all known: " + s.array.Connections.Why()
	case !o.ConnectionCount.IsZero():
		return Uncertain, fmt.Sprintf("the array counts %s connections of it and lists none", o.ConnectionCount)
	case o.Connectivity == "":
		return Uncertain, "the array does not say whether anything is logged in as it"
	}
	return loggedIn(o.Connectivity)
}

// loggedIn judges an array's word on logged-in paths, such as "healthy
// Redundant", "critical Single Controller", "critical None" and "unknown
// Unknown". Whatever else there may be is somebody who is logged in.
func loggedIn(connectivity string) (Result, string) {
	words := strings.Fields(strings.ToLower(connectivity))
	switch {
	case slices.Contains(words, "unknown"):
		return Uncertain, "the array can't tell whether anything is logged in as it: " + connectivity
	case !slices.Contains(words, "none") || slices.Contains(words, "healthy"):
		return Fail, "something is logged in as it: the array calls it " + connectivity
	}
	return Pass, "it has no connection, and nothing is logged in as it"
}

func objectPlain(s Subject) (Result, string) {
	if s.object == nil {
		return Uncertain, "the array lists no such array host"
	}
	for _, setting := range []struct {
		name string
		set  evidence.Answer
	}{
		{"CHAP", s.object.CHAP},
		{"a personality", s.object.Personality},
		{"preferred arrays", s.object.Preferred},
		{"a VLAN", s.object.VLAN},
	} {
		switch setting.set {
		case evidence.No:
		case evidence.Yes:
			return Fail, "somebody has set " + setting.name + " on it, which LXD never does"
		default:
			return Uncertain, "the array does not say whether it has " + setting.name
		}
	}
	if transports := len(s.object.IQNs) + len(s.object.NQNs) + len(s.object.WWNs); transports > max(len(s.object.IQNs), len(s.object.NQNs), len(s.object.WWNs)) {
		return Fail, "it has initiators of several transports, and LXD makes an object for each"
	}
	return Pass, "it has initiators of one transport, no CHAP, no personality, no preferred arrays and no VLAN"
}

func askedFor(s Subject) (Result, string) {
	if s.f.policy.Batch {
		return Fail, "what can't be undone is done one by one only"
	}
	return Pass, "it is not part of a batch"
}
