package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Fit is one thing that a name fits. What is not known of it is zero.
type Fit struct {
	Candidate
	// ArrayID and ID say which object of an array it is, Name is its full name
	// there; Serial is the volume's, also of a device.
	ArrayID, ID, Name string
	Serial            evidence.Serial
	// Record is LXD's.
	Record *evidence.Record
	// Host is the machine that has it, of what an array and LXD don't know.
	Host string
}

// Fits lists everything that a name fits, in every place: nothing is chosen.
// What it is that explain takes, see Explain.
func Fits(w evidence.World, p Policy, object string) []Fit {
	f := newFacts(&w, p)
	r := f.search(object, "")
	if len(r.targets) == 0 {
		r.links()
	}
	var fits []Fit
	for _, t := range r.targets {
		fit := t.fit()
		if t.other != nil {
			fit.Record = f.recordOf(t.other)
		}
		fits = append(fits, fit)
	}
	return fits
}

func (t target) fit() Fit {
	fit := Fit{Candidate: t.candidate(), Record: t.record}
	if t.array != nil {
		fit.ArrayID = t.array.ID
	}
	switch {
	case t.snapshot != nil:
		fit.ID, fit.Name, fit.Serial = t.snapshot.ID, t.snapshot.Name, t.snapshot.Serial
	case t.volume != nil:
		fit.ID, fit.Name, fit.Serial = t.volume.ID, t.volume.Name, t.volume.Serial
		if t.volume.LXD.Snapshot {
			fit.Record = nil // the snapshot's, of which this is a copy
		}
	case t.other != nil:
		fit.ID, fit.Name, fit.Serial = t.other.ID, t.other.Name, t.other.Serial
	case t.device != nil:
		fit.Serial, fit.Host = t.device.serial, t.device.host.Name
	case t.dir != nil, t.use != nil, t.link != nil:
		fit.Host = t.machine.Name
	}
	return fit
}

// ArrayNames are the names of the array objects that a record stands for,
// without the pod; of a snapshot, the suffixes.
func ArrayNames(record *evidence.Record) []string {
	var names []string
	for _, content := range contents(record) {
		name := spelling(evidence.Name{Snapshot: record.Snapshot, Type: record.Type, Content: content, UUID: record.UUID})
		if name != "" && !record.UUID.IsZero() {
			names = append(names, name)
		}
	}
	return names
}

// MountDirectory is where LXD mounts what a record is of, below its directory.
func MountDirectory(record *evidence.Record) string {
	return "/storage-pools/" + record.Pool + "/" + directoryOf(record)
}

// leaf is the last part of a full name, behind the pod and the volume group.
func leaf(name string) string { return name[strings.LastIndexAny(name, ":/")+1:] }

// others adds what the array has outside the pods.
func (r *resolver) others() {
	if r.pool != "" {
		return
	}
	serial, hasSerial := serialIn(r.want)
	for _, a := range r.f.arrays {
		add := func(list []evidence.Other, what string) {
			for o := range evidence.Refs(list) {
				if r.names(o.Name) || (hasSerial && o.Serial == serial) || (o.ID != "" && strings.EqualFold(o.ID, r.want)) {
					r.add(o, target{other: o, what: what, array: a})
				}
			}
		}
		add(a.outside, "volume")
		add(a.ElsewhereSnapshots.Items, "snapshot")
	}
}

// recordsByName reads the array's name of an object that the array may not have, and
// finds LXD's record of it.
func (r *resolver) recordsByName() {
	pod, _, inPod := strings.Cut(r.want, "::")
	name := leaf(r.want)
	suffix := name[strings.LastIndexByte(name, '.')+1:]
	id, err := evidence.ParseUUID(r.want)
	for record := range evidence.Refs(r.f.records.list) {
		if (inPod && !strings.EqualFold(pod, record.Pool)) || (r.pool != "" && !strings.EqualFold(record.Pool, r.pool)) {
			continue
		}
		if err == nil && record.UUID == id {
			r.record(record)
			continue
		}
		for _, own := range ArrayNames(record) {
			if (!record.Snapshot && own == name) || (record.Snapshot && own == suffix && suffix != name) {
				// What the array has under that name is meant, and not the half beside it.
				if !r.has(record) {
					r.record(record)
				}
				break
			}
		}
	}
}

// has reports that an object of a record was found by its own name, or what has
// that name in its place.
func (r *resolver) has(record *evidence.Record) bool {
	return slices.ContainsFunc(r.targets, func(t target) bool {
		inPlace := t.volume != nil && strings.EqualFold(t.volume.Pod, record.Pool) && slices.Contains(ArrayNames(record), lower(leaf(t.volume.Name)))
		return t.all == nil && (inPlace || r.f.kinOf(t).record == record)
	})
}

// paths finds what is used at a path.
func (r *resolver) paths() {
	for _, h := range r.f.hosts {
		for use := range evidence.Refs(h.Uses.Items) {
			if lower(use.Where) != r.wantOn(h) || use.Where == "" || !r.speaksOf(h) {
				continue
			}
			found := false
			for _, d := range h.all {
				if slices.Contains(d.uses, use) {
					found = true
					r.addDevice(d)
				}
			}
			if !found && r.pool == "" {
				r.add(use, target{use: use, machine: h})
			}
		}
	}
}

// links finds a link that leads to no device.
func (r *resolver) links() {
	for _, h := range r.f.hosts {
		for i := range h.Links.Items {
			if link := &h.Links.Items[i]; lower(link.Path) == r.want {
				r.add(link, target{link: link, machine: h})
			}
		}
	}
}
