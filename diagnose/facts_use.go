package diagnose

import (
	"iter"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// expectations say on which members LXD uses a volume just now, from what it
// says of instances and of its own configuration.
type expectations struct {
	instances map[place]*evidence.Instance
	// attached finds the attachments of all volumes, or snapshots, of one name:
	// nearly always it is one.
	attached    index[string]
	attachments []attachment
	daemon      map[disk][]string // members by volume
	// doubt says why a use may be missing from the above; unsure the same of
	// custom volumes alone, as LXD uses no other for itself.
	doubt, unsure string
}

type place struct{ project, name string }

// disk names a volume or, as "volume/snapshot", a snapshot.
type disk struct {
	pool, project, kind, name string
	snapshot                  bool
}

type attachment struct {
	instance *evidence.Instance
	disk     *evidence.InstanceDisk
}

// named is what it is of, with the name of a snapshot behind its volume's.
func (a *attachment) named() string {
	if a.disk.Snapshot != "" {
		return a.disk.Source + "/" + a.disk.Snapshot
	}
	return a.disk.Source
}

// isOf reports the attachment of a volume or snapshot, whose name it has.
func (a *attachment) isOf(key disk) bool {
	d := a.disk
	return d.Pool == key.pool && d.Project == key.project && either(d.Type, evidence.TypeCustom) == key.kind && (d.Snapshot != "") == key.snapshot
}

// expectation is where LXD uses one volume.
type expectation struct {
	// members are those on which it is used; uses says by what.
	members []string
	uses    []use
	// paths are the instances that have it by a path, running or not.
	paths []*pathUse
	// doubt is set when it may also be used elsewhere.
	doubt string
}

// use is why a volume is expected on a member. Nearly all volumes are where
// they should be, so it is not put into words before somebody asks.
type use struct {
	// before and after stand around the instance, if there is one.
	before   string
	instance *evidence.Instance
	after    string
}

func (u use) words() string {
	if u.instance == nil {
		return u.before + u.after
	}
	return u.before + instanceWords(u.instance) + u.after
}

// why says by what a volume is used, in the order of members.
func (e expectation) why() []string {
	return each(e.uses, use.words)
}

func newExpectations(f *facts) expectations {
	lxd := &f.world.LXD
	disks := 0
	for i := range lxd.Instances.Items {
		disks += len(lxd.Instances.Items[i].Disks)
	}
	e := expectations{
		instances:   make(map[place]*evidence.Instance, len(lxd.Instances.Items)),
		attachments: make([]attachment, 0, disks),
		daemon:      map[disk][]string{},
	}
	doubt := func(why string) { e.doubt = either(e.doubt, why) }
	if why := lxd.Instances.Why(); why != "" {
		doubt("LXD's instances are not all known: " + why)
	}
	if why := lxd.DaemonVolumes.Why(); why != "" {
		e.unsure = "the volumes that LXD itself uses are not all known: " + why
	}
	for inst := range evidence.Refs(lxd.Instances.Items) {
		if inst.Name == "" || inst.Project == "" || (len(inst.Disks) == 0 && !inst.Running.IsNot()) {
			// Every instance has a root disk, in some pool.
			doubt("of instance " + quoted(inst.Name) + " it is not known which disks it has")
		}
		e.instances[place{inst.Project, inst.Name}] = inst
		if inst.Running.IsNot() {
			continue
		}
		for j := range inst.Disks {
			e.attach(inst, &inst.Disks[j], doubt)
		}
	}
	e.attached = newIndex[string](len(e.attachments))
	for i := range slices.Backward(e.attachments) { // so that chains begin with the first
		e.attached.add(e.attachments[i].named(), i)
	}
	for _, d := range lxd.DaemonVolumes.Items {
		if d.Pool == "" || d.Volume == "" || d.Member == "" {
			e.unsure = either(e.unsure, "a volume that LXD itself uses ("+d.Key+") is not fully known")
		}
		key := disk{pool: d.Pool, project: "default", kind: evidence.TypeCustom, name: d.Volume}
		e.daemon[key] = append(e.daemon[key], d.Member)
	}
	return e
}

// attach notes a disk device of a running instance.
func (e *expectations) attach(inst *evidence.Instance, d *evidence.InstanceDisk, doubt func(string)) {
	if d.Source == "" {
		return // the root disk: it follows its instance
	}
	if d.Pool == "" || d.Project == "" {
		doubt("of disk " + quoted(d.Device) + " of instance " + quoted(inst.Name) + " the volume is not known")
	}
	e.attachments = append(e.attachments, attachment{inst, d})
}

// attachedTo are the disks that the volume or snapshot is of running instances, in
// LXD's order.
func (e *expectations) attachedTo(key disk) iter.Seq[*attachment] {
	return func(yield func(*attachment) bool) {
		for a := range chained(e.attachments, e.attached.next, e.attached.first(key.name)) {
			if a.isOf(key) && !yield(a) {
				return
			}
		}
	}
}

// expected says on which members LXD uses a volume. A volume without a record
// is expected where an instance has it by a path: LXD does not know it.
func (f *facts) expected(v *volume) expectation {
	var e expectation
	f.expectedAgain(&e, v)
	return e
}

// expectedAgain is expected for whoever asks for one volume after another: it
// uses again what the last answer took.
func (f *facts) expectedAgain(e *expectation, v *volume) {
	e.members, e.uses, e.paths, e.doubt = e.members[:0], e.uses[:0], e.paths[:0], ""
	if v.record != nil {
		f.expectedOf(e, v.record)
	}
	f.usedByPath(e, v)
}

// expectedOf is what LXD has an account of.
func (f *facts) expectedOf(e *expectation, record *evidence.Record) {
	if record.Name == "" || record.Project == "" {
		e.doubt = "LXD's record of it has no name"
		return
	}
	e.doubt = f.use.doubt
	if record.Type != evidence.TypeContainer && record.Type != evidence.TypeVM {
		e.doubt = either(e.doubt, f.use.unsure)
	}
	key := disk{record.Pool, record.Project, record.Type, record.Name, record.Snapshot}
	switch {
	case record.Snapshot:
		for a := range f.use.attachedTo(key) {
			f.expect(e, use{"the snapshot is attached to ", a.instance, " as device " + a.disk.Device})
		}
	case record.Type == evidence.TypeContainer || record.Type == evidence.TypeVM:
		inst := f.use.instances[place{record.Project, record.Name}]
		if inst != nil && !inst.Running.IsNot() {
			f.expect(e, use{instance: inst})
		}
		fallthrough // the disk of one virtual machine can be attached to another
	default:
		for a := range f.use.attachedTo(key) {
			f.expect(e, use{"attached to ", a.instance, " as device " + a.disk.Device})
		}
		for _, member := range f.use.daemon[key] {
			f.expectOn(e, member, use{before: "LXD on " + member + " uses it for itself"})
		}
		f.usedBy(e, record)
	}
	if op := f.busyWith(record); op != nil && e.doubt == "" {
		e.doubt = "LXD is busy: " + operationWords(op)
	}
}

// usedBy adds what the record itself names as its users. Snapshots name none.
func (f *facts) usedBy(e *expectation, record *evidence.Record) {
	for _, user := range record.UsedBy {
		if user == "/1.0" {
			if member, known := f.members.at(f.world.LXD.Server); known {
				f.expectOn(e, member, use{before: "LXD on " + member + " says that it uses it for itself"})
			} else {
				e.doubt = "LXD itself uses it, it is not known on which member"
			}
			continue
		}
		path, query, _ := strings.Cut(user, "?")
		name, ok := strings.CutPrefix(path, "/1.0/instances/")
		if !ok || strings.Contains(name, "/") {
			continue
		}
		project := "default"
		for pair := range strings.SplitSeq(query, "&") {
			if value, found := strings.CutPrefix(pair, "project="); found {
				project = value
			}
		}
		if inst := f.use.instances[place{project, name}]; inst != nil && !inst.Running.IsNot() {
			f.expect(e, use{"LXD says that ", inst, " uses it"})
		}
	}
}

func (f *facts) expect(e *expectation, u use) {
	if member, known := f.members.at(u.instance.Location); known {
		f.expectOn(e, member, u)
		return
	}
	e.doubt = "it is not known where instance " + quoted(u.instance.Name) + " runs"
}

func (f *facts) expectOn(e *expectation, member string, u use) {
	if !slices.Contains(e.members, member) {
		e.members = append(e.members, member)
		e.uses = append(e.uses, u)
	}
}

// on reports whether LXD uses the volume on a member.
func (e expectation) on(member string) evidence.Answer {
	switch {
	case slices.ContainsFunc(e.members, func(m string) bool { return strings.EqualFold(m, member) }):
		return evidence.Yes
	case e.doubt != "":
		return evidence.Unknown
	default:
		return evidence.No
	}
}

func instanceWords(inst *evidence.Instance) string {
	state := "running"
	if !inst.Running.Is() {
		state = "not known to be stopped"
	}
	if inst.Location != "" && inst.Location != "none" {
		state += " on " + inst.Location
	}
	return inst.Type + " " + inst.Name + " (" + state + ")"
}

func operationWords(op *evidence.Operation) string {
	words := quoted(either(op.Description, "an operation without a description"))
	if op.Location != "" && op.Location != "none" {
		words += " on " + op.Location
	}
	if len(op.Entities) > 0 {
		words += " of " + list(op.Entities)
	}
	if !op.Running.Is() {
		words += " (it is not known to have ended)"
	}
	return words
}
