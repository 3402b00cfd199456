package repair

import (
	"slices"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Proof answers one question: is it really gone, everywhere?
type Proof struct {
	// Gone is yes when each line is.
	Gone  evidence.Answer
	Lines []ProofLine
}

// ProofLine is what one witness says, as scripts are told of it.
type ProofLine struct {
	Witness string          `json:"witness"`
	Gone    evidence.Answer `json:"gone"`
	Why     string          `json:"why"`
}

// Verify asks this reading of all witnesses whether a volume or snapshot is
// gone: not live and not connected on any array, in the pods or elsewhere,
// without a record in LXD, without a device, a link or a mount on any host. A
// destroyed one counts as gone; until when it could come back is in the line.
//
// What can't be looked up is never gone: a witness that has to be asked by
// something that is not known says so.
//
// A stretched pod lies on two arrays: what is in it is gone only when both were
// asked for it.
//
// Of a machine that is down nothing is asked: when the array connects nothing
// to it, nothing is there after its next start.
func Verify(world evidence.World, target Target, fences ...diagnose.Fence) Proof {
	p := Proof{Gone: evidence.Yes}
	add := func(witness string, gone evidence.Answer, why string) {
		p.Lines = append(p.Lines, ProofLine{witness, gone, why})
		p.Gone = p.Gone.And(gone)
	}
	s := seek(&world, target)
	for i := range world.Arrays {
		gone, why := s.goneFrom(&world.Arrays[i])
		add("array "+world.Arrays[i].Name, gone, why)
	}
	if len(world.Arrays) == 0 {
		add("array", evidence.Unknown, "no array was asked")
	}
	for _, silent := range s.silentPeers() {
		add("array "+silent.name, evidence.Unknown, silent.why)
	}
	gone, why := s.unrecorded()
	add("LXD", gone, why)
	unseen := diagnose.Unseen(&world)
	for i := range world.Hosts {
		gone, why := s.goneOn(&world.Hosts[i], unseen[i])
		add("host "+world.Hosts[i].Name, gone, why)
	}
	for _, m := range world.LXD.Members.Items {
		if slices.ContainsFunc(fences, func(f diagnose.Fence) bool { return f.Holds && f.Member == m.Name }) {
			add("host "+m.Name, evidence.Yes, "you state that it is down; it starts without a device of what is not connected")
			continue
		}
		if hostNamed(&world, m.Name) == nil {
			add("host "+m.Name, evidence.Unknown, "its devices were not read")
		}
	}
	if len(world.Hosts) == 0 {
		add("host", evidence.Unknown, "no host was read")
	}
	return p
}
