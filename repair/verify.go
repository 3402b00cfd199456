package repair

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Target is what Verify is asked about: its name, or its id and serial.
type Target struct {
	Name   string
	ID     string
	Serial evidence.Serial
}

// Proof answers one question: is it really gone, everywhere?
type Proof struct {
	// Gone is yes when each line is.
	Gone  evidence.Answer
	Lines []ProofLine
}

// ProofLine is what one witness says.
type ProofLine struct {
	Witness string
	Gone    evidence.Answer
	Why     string
}

// Verify asks this reading of all witnesses whether a volume is gone: not
// live and not connected on any array, without a record in LXD, without a
// device on any host. A destroyed volume counts as gone; until when it could
// come back is in the line.
//
// Of a machine that is down nothing is asked: when the array connects nothing
// to it, nothing is there after its next start.
func Verify(world evidence.World, target Target, fences ...diagnose.Fence) Proof {
	p := Proof{Gone: evidence.Yes}
	add := func(witness string, gone evidence.Answer, why string) {
		p.Lines = append(p.Lines, ProofLine{witness, gone, why})
		p.Gone = p.Gone.And(gone)
	}
	var name evidence.Name
	for i := range world.Arrays {
		a := &world.Arrays[i]
		gone, why, volume := goneFrom(a, target)
		if volume != nil {
			name = volume.LXD
			if target.Serial == "" {
				target.Serial = volume.Serial
			}
		}
		add("array "+a.Name, gone, why)
	}
	if len(world.Arrays) == 0 {
		add("array", evidence.Unknown, "no array was asked")
	}
	gone, why := unrecorded(&world.LXD, name)
	add("LXD", gone, why)
	for i := range world.Hosts {
		gone, why := evidence.Unknown, "the volume's serial is not known, so no device can be told to be its"
		if target.Serial != "" {
			gone, why = confirmNoDevice(subject{world: &world, serial: target.Serial}, Step{Member: world.Hosts[i].Name})
			if left, which := nameless(&world.Hosts[i], target.Serial); !left.Is() && !gone.IsNot() {
				gone, why = gone.And(left), why+"; "+which
			}
		}
		add("host "+world.Hosts[i].Name, gone, why)
	}
	for _, m := range world.LXD.Members.Items {
		if slices.ContainsFunc(fences, func(f diagnose.Fence) bool { return f.Holds && f.Member == m.Name }) {
			add("host "+m.Name, evidence.Yes, "it is down by your word, and starts without a device of what nothing is connected to")
			continue
		}
		if !slices.ContainsFunc(world.Hosts, func(h evidence.Host) bool { return h.Name == m.Name }) {
			add("host "+m.Name, evidence.Unknown, "its devices were not read")
		}
	}
	if len(world.Hosts) == 0 {
		add("host", evidence.Unknown, "no host was read")
	}
	return p
}

func goneFrom(a *evidence.Array, target Target) (evidence.Answer, string, *evidence.Volume) {
	if a.Trouble != "" {
		return evidence.Unknown, a.Trouble, nil
	}
	for i := range a.Volumes.Items {
		v := &a.Volumes.Items[i]
		same := (target.ID != "" && v.ID == target.ID) || (target.ID == "" && target.Name != "" && strings.EqualFold(v.Name, target.Name)) ||
			(target.Serial != "" && v.Serial == target.Serial)
		if !same {
			continue
		}
		s := find(&evidence.World{Arrays: []evidence.Array{*a}}, a.ID, v.ID, v.Serial)
		switch {
		case len(s.rows) > 0:
			return evidence.No, v.Name + " is connected to " + s.rows[0].Host + s.rows[0].Group, v
		case v.Destroyed.Is() && v.Remaining > 0 && !a.Clock.IsZero():
			return evidence.Yes, v.Name + " is destroyed; it can be recovered until " + stamp(a.Deadline(v.Remaining)), v
		case v.Destroyed.Is():
			return evidence.Yes, v.Name + " is destroyed", v
		case v.Destroyed.IsNot():
			return evidence.No, v.Name + " is there", v
		}
		return evidence.Unknown, "it is not known whether " + v.Name + " is destroyed", v
	}
	if why := a.Volumes.Why(); why != "" {
		return evidence.Unknown, "not listed, but the volumes are not all known: " + why, nil
	}
	return evidence.Yes, "it has no such volume, live or destroyed", nil
}

func unrecorded(lxd *evidence.LXD, name evidence.Name) (evidence.Answer, string) {
	switch {
	case lxd.Trouble != "":
		return evidence.Unknown, lxd.Trouble
	case name.IsLXD():
		for _, record := range lxd.Records.Items {
			if record.UUID == name.UUID && record.Snapshot == name.Snapshot {
				if name.Snapshot {
					return evidence.Yes, "it was a copy of snapshot " + record.Name + ", of which LXD keeps the record"
				}
				return evidence.No, fmt.Sprintf("it has a record: %s/%s in project %s", record.Type, record.Name, record.Project)
			}
		}
	}
	if why := lxd.Records.Why(); why != "" {
		return evidence.Unknown, "LXD's records are not all known: " + why
	}
	if !lxd.SeesAll.Is() {
		return evidence.Unknown, "LXD may hide records from us"
	}
	if !name.IsLXD() {
		return evidence.Yes, "LXD has no record that points to it: its name is not known any more, or not LXD's"
	}
	return evidence.Yes, "LXD has no record of it"
}
