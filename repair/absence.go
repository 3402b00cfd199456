package repair

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// goneFrom is what one array says.
func (s *sought) goneFrom(a *evidence.Array) (evidence.Answer, string) {
	var destroyed, doubts []string
	for _, r := range s.rows {
		if r.array != a {
			continue
		}
		switch at := s.connected(r); {
		case at != "":
			return evidence.No, r.name + " is connected to " + at
		case r.destroyed.IsNot():
			return evidence.No, r.name + " is there"
		case !r.destroyed.Is():
			doubts = append(doubts, "it is not known whether "+r.name+" is destroyed")
		case r.until != "":
			destroyed = append(destroyed, r.name+" is destroyed; it can be recovered until "+r.until)
		default:
			destroyed = append(destroyed, r.name+" is destroyed")
		}
	}
	for _, fit := range s.fits {
		if fit.ArrayID == a.ID && fit.ID == "" && fit.Name == "" && fit.Serial == "" && fit.Host == "" && fit.Record == nil {
			return evidence.No, fit.Object + " is there (" + fit.What + ")"
		}
	}
	if a.Trouble != "" {
		return evidence.Unknown, a.Trouble
	}
	for _, r := range s.unsure {
		if r.array == a && len(destroyed) == 0 && !r.destroyed.Is() {
			doubts = append(doubts, r.name+" has the same name of LXD's: it may be it, moved there, or a copy of it")
		}
	}
	if len(doubts) > 0 {
		return evidence.Unknown, strings.Join(doubts, "; ")
	}
	if len(destroyed) > 0 {
		return evidence.Yes, strings.Join(destroyed, "; ")
	}
	return s.absentFrom(a)
}

// connected is what the array connects a row to.
func (s *sought) connected(r row) string {
	for _, c := range r.array.Connections.Items {
		if !r.snapshot && ((c.VolumeID != "" && c.VolumeID == r.id) || (c.VolumeID == "" && strings.EqualFold(c.VolumeName, r.name))) {
			return c.Host + c.Group
		}
	}
	return ""
}

// absentFrom says whether an array that shows nothing of it has nothing: all
// of its lists were read, and it was asked by something that it could know.
func (s *sought) absentFrom(a *evidence.Array) (evidence.Answer, string) {
	for _, list := range []struct{ what, why string }{
		{"the volumes of the pods", a.Volumes.Why()},
		{"the snapshots of the pods", a.Snapshots.Why()},
		{"the volumes elsewhere", a.Elsewhere.Why()},
		{"the snapshots elsewhere", a.ElsewhereSnapshots.Why()},
	} {
		if list.why != "" {
			return evidence.Unknown, "not listed, but " + list.what + " are not all known: " + list.why
		}
	}
	if len(s.names)+len(s.ids)+len(s.serials) == 0 {
		return evidence.Unknown, "it can't be asked: neither a name, nor an id, nor a serial is known"
	}
	for serial := range s.serials {
		if !s.made(serial) {
			return evidence.Unknown, "it has no volume with serial " + string(serial) + ", and another array, which was not asked, made it"
		}
	}
	if why := s.mayHaveLeft(a); why != "" {
		return evidence.Unknown, why
	}
	return evidence.Yes, "it has no such volume or snapshot, in the pods or elsewhere, live or destroyed"
}

// mayHaveLeft says why what an array has not may live on another one: a pod that
// is stretched there, and taken off here, takes its volumes along, and their
// serials keep the digits of the array that made them. Not so what a run
// eradicated, or the array's own audit trail says was; and not what was last
// known here as good as gone, in a pod that has not left.
func (s *sought) mayHaveLeft(a *evidence.Array) string {
	if len(s.serials) == 0 || s.eradicated(a) {
		return ""
	}
	if s.lastHere || slices.ContainsFunc(s.world.Destroyed, func(d evidence.Destroyed) bool {
		return d.Certain.Is() && s.ids[strings.ToLower(d.VolumeID)] && strings.EqualFold(d.ArrayID, a.ID)
	}) {
		return s.podHasLeft(a)
	}
	return "it has no such volume or snapshot, and nothing says that it was eradicated: it may have moved to another array with its pod"
}

// eradicated reports what nobody can have recovered: a run saw it eradicated, or
// that is the last that the audit trail has of it.
func (s *sought) eradicated(a *evidence.Array) bool {
	if slices.ContainsFunc(s.world.Destroyed, func(d evidence.Destroyed) bool {
		return d.Final.Is() && s.ids[strings.ToLower(d.VolumeID)]
	}) {
		return true
	}
	return slices.ContainsFunc(a.Trails, func(t evidence.Trail) bool {
		n := len(t.Deeds.Items)
		return s.ids[strings.ToLower(t.VolumeID)] && t.Deeds.IsComplete() && n > 0 && t.Deeds.Items[n-1].Verb == evidence.DeedEradicate
	})
}

// podHasLeft says why the pod that it was in may have left the array, "" where
// it is here. Of what was in none nobody can tell.
func (s *sought) podHasLeft(a *evidence.Array) string {
	if why := a.Pods.Why(); why != "" || len(s.names) == 0 {
		return "it has no such volume or snapshot, but whether its pod is here is not known: " + cmp.Or(why, "nothing says in which it was")
	}
	for name := range s.names {
		pod, _, inPod := strings.Cut(name, "::")
		if !inPod {
			return "it has no such volume or snapshot; " + name + " was in no pod, and may have moved to another array in one"
		}
		if !slices.ContainsFunc(a.Pods.Items, func(p evidence.Pod) bool { return strings.EqualFold(p.Name, pod) && s.isAtHome(a, p) }) {
			return "it has no such volume or snapshot, and pod " + pod + " is not here, or another one: it may have moved to another array with it"
		}
	}
	return ""
}

// isAtHome reports a pod that lies on the array, and is the one of that name
// that earlier looks saw.
func (s *sought) isAtHome(a *evidence.Array, p evidence.Pod) bool {
	another := slices.ContainsFunc(s.world.Seen, func(seen evidence.Sighting) bool {
		return strings.EqualFold(seen.ArrayID, a.ID) && strings.EqualFold(seen.Pod, p.Name) && seen.PodID != "" && !strings.EqualFold(seen.PodID, p.ID)
	})
	return !another && p.Destroyed.IsNot() && slices.ContainsFunc(p.Arrays, func(at evidence.PodArray) bool { return strings.EqualFold(at.ID, a.ID) })
}

// made reports a serial that an array which was read gave away, or of which
// an array which was read is known to have had the volume. The serial begins
// with digits of the id of the array that made the volume.
func (s *sought) made(serial evidence.Serial) bool {
	return slices.ContainsFunc(s.world.Arrays, func(a evidence.Array) bool {
		digits := strings.ToUpper(strings.ReplaceAll(a.ID, "-", ""))
		return a.Trouble == "" && (s.arrays[strings.ToLower(a.ID)] || (len(digits) >= 16 && digits[:16] == serial.Creator()))
	})
}

// unrecorded is what LXD says.
func (s *sought) unrecorded() (evidence.Answer, string) {
	lxd := &s.world.LXD
	if len(s.records) > 0 {
		record := s.records[0]
		return evidence.No, fmt.Sprintf("it has a record: %s/%s in project %s", record.Type, record.Name, record.Project)
	}
	switch {
	case lxd.Trouble != "":
		return evidence.Unknown, lxd.Trouble
	case lxd.Records.Why() != "":
		return evidence.Unknown, "LXD's records are not all known: " + lxd.Records.Why()
	case !lxd.SeesAll.Is():
		return evidence.Unknown, "LXD may hide records from us"
	}
	for object := range s.lxd {
		for _, record := range lxd.Records.Items {
			if object.name.Snapshot && !object.suffix && record.UUID == object.name.UUID {
				return evidence.Yes, "it was a copy of snapshot " + record.Name + ", of which LXD keeps the record"
			}
		}
	}
	if len(s.lxd) > 0 {
		return evidence.Yes, "LXD has no record of it"
	}
	// Nothing says under which name LXD would have it.
	if record := s.lonely(); record != nil {
		return evidence.Unknown, fmt.Sprintf("nothing says what LXD would call it, and LXD's %s/%s in project %s has nothing on the array: it may be its record", record.Type, record.Name, record.Project)
	}
	return evidence.Yes, "each of LXD's records has its own volume or snapshot on the array"
}

// lonely is a record of which the pods have nothing.
func (s *sought) lonely() *evidence.Record {
	have := map[string]bool{}
	for a := range evidence.Refs(s.world.Arrays) {
		for j := range a.Volumes.Items {
			have[strings.ToLower(a.Volumes.Items[j].Name)] = true
		}
		for snapshot := range evidence.Refs(a.Snapshots.Items) {
			have[strings.ToLower(snapshot.Pod+"::."+snapshot.Suffix)] = true
		}
	}
	for record := range evidence.Refs(s.world.LXD.Records.Items) {
		names := diagnose.ArrayNames(record)
		between := "::"
		if record.Snapshot {
			between = "::."
		}
		if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !have[strings.ToLower(record.Pool+between+name)] }) {
			return record
		}
	}
	return nil
}

// goneOn is what one host says; unseen is what diagnose.Unseen says of it.
func (s *sought) goneOn(h *evidence.Host, unseen string) (evidence.Answer, string) {
	for _, fit := range s.fits {
		if fit.Host == h.Name && fit.Host != "" {
			return evidence.No, fit.Object + " is there (" + fit.What + ")"
		}
	}
	for serial := range s.serials {
		g := hostDevices{host: h}
		g.fill(serial)
		if !g.empty() {
			return evidence.No, h.Name + " has " + devicesNamed(g.names())
		}
		if left := nameLeft(h, serial); left != "" {
			return evidence.No, left
		}
		for _, use := range h.Uses.Items {
			if use.Serial == serial {
				return evidence.No, "it is in use on " + h.Name + ": " + string(use.Kind) + " " + use.Where
			}
		}
	}
	for _, record := range s.records {
		for _, use := range h.Uses.Items {
			if use.Kind == evidence.UseMount && strings.HasSuffix(use.Where, diagnose.MountDirectory(record)) {
				return evidence.No, "it is mounted on " + h.Name + " at " + use.Where
			}
		}
	}
	if len(s.serials) == 0 {
		return evidence.Unknown, "the volume's serial is not known, so no device can be told to be its"
	}
	if why := hidden(h); why != "" {
		return evidence.Unknown, why
	}
	if unseen != "" {
		return evidence.Unknown, h.Name + ": " + unseen
	}
	return evidence.Yes, "no device of it on " + h.Name
}

// hidden says why a host may have more of a volume than it shows.
func hidden(h *evidence.Host) string {
	if why := (hostDevices{host: h}).doubt(); why != "" {
		return why
	}
	if why := h.Links.Why(); why != "" {
		return h.Name + ": " + why
	}
	for _, d := range h.Disks.Items {
		if d.Serial == "" && d.Live.Serial == "" {
			return d.Name + " on " + h.Name + " does not say which volume it is"
		}
	}
	for _, m := range h.Maps.Items {
		if m.Serial == "" {
			return m.Name + " on " + h.Name + " does not say which volume it is"
		}
	}
	for _, n := range h.Namespaces.Items {
		if n.Serial == "" {
			return n.Name + " on " + h.Name + " does not say which volume it is"
		}
	}
	return ""
}
