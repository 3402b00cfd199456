package diagnose

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Candidate is one thing that a name may mean.
type Candidate struct {
	// Object names it without doubt: explain takes it.
	Object string
	// What it is: "volume of pool p1", "sdb on lxd01".
	What string
}

// AmbiguousError is a name that fits several things.
type AmbiguousError struct {
	Object     string
	Candidates []Candidate
}

func (e *AmbiguousError) Error() string {
	names := each(e.Candidates, func(c Candidate) string { return c.Object + " (" + c.What + ")" })
	return fmt.Sprintf("%q can be %s", e.Object, strings.Join(names, ", or "))
}

// UnknownObjectError is a name that fits nothing that a witness knows.
type UnknownObjectError struct {
	Object string
	// What says what has that name all the same and is too large to be told as
	// one thing, a pool, a member or an array; Instead is what to run then.
	What, Instead string
	// Near are names that look like it.
	Near []string
	// Pool is set when it was looked for in that pool only.
	Pool string
	// Complete is false when a witness could not tell everything, so that
	// the object may exist all the same.
	Complete bool
}

func (e *UnknownObjectError) Error() string {
	if e.What != "" {
		return e.What
	}
	text := fmt.Sprintf("neither the array nor LXD nor a host knows %q", e.Object)
	if e.Pool != "" {
		text += " in pool " + e.Pool + ", and it was looked for there only"
	}
	if !e.Complete {
		text += ", but not all of them could tell everything"
	}
	if len(e.Near) > 0 {
		text += "; there is " + list(e.Near)
	}
	return text
}

// target is what a name means. Exactly one of the fields is set, or several
// that are about the same volume.
type target struct {
	volume   *volume
	snapshot *evidence.Snapshot
	pool     *poolFacts // the snapshot's or the record's
	device   *device
	record   *evidence.Record
	array    *arrayFacts
	host     *evidence.ArrayHost
	dir      *evidence.Directory
	// other is outside the pods; what it is, a volume or a snapshot.
	other *evidence.Other
	what  string
	// use is of a device that is gone, link leads to none that is there.
	use  *evidence.Use
	link *evidence.Link
	// way leads to volumes, and is none.
	way *way
	// machine is the directory's, the use's, the link's and the way's.
	machine *hostFacts
	// all is set when the name is a record's and means all that it stands for,
	// see kin; the target is one of that.
	all *evidence.Record
}

// resolver collects what a name may mean, each thing once.
type resolver struct {
	f       *facts
	want    string      // in lower case
	pool    string      // limits volumes to this pool; empty for all
	array   *arrayFacts // limits everything to what this array has; nil for no limit
	targets []target
	// machine is that of a log's line, whose names of devices are its own.
	machine string
	// named is set where some of its words were looked up.
	named bool
	seen  map[any]bool
	// all is the record whose objects are being added.
	all *evidence.Record
}

func (r *resolver) add(key any, t target) {
	t.all = r.all
	if !r.seen[key] && (r.array == nil || t.array == r.array) {
		r.seen[key] = true
		r.targets = append(r.targets, t)
	}
}

func (r *resolver) addVolume(v *volume) {
	r.add(v, target{volume: v, pool: v.pool, array: v.array, record: v.record})
}

// resolve finds the one thing that a name means.
func (f *facts) resolve(object, pool string) (target, error) {
	r := f.search(object, pool)
	for _, more := range []func(){r.onArrays, r.ledTo, r.partitions, r.stored, r.formerly, r.byPath, r.ways, r.line} {
		if len(r.targets) == 0 {
			more()
		}
	}
	switch len(r.targets) {
	case 1:
		return r.targets[0], nil
	case 0:
		complete := len(f.doubts(f.witnesses())) == 0
		unknown := &UnknownObjectError{Object: object, Near: r.near(), Pool: pool, Complete: complete}
		unknown.What, unknown.Instead = f.inNoPool(object, pool)
		if complete && r.machine != "" && unknown.What == "" {
			unknown.What = "the line is of " + r.machine + ", which has nothing that it names"
			if !r.named {
				unknown.What = "the line is of " + r.machine + ", and nothing in it is understood as a name"
			}
			unknown.Instead = "what was there when it was written may be gone; the name of another machine's is HOST:NAME, such as " + r.machine + ":sdb"
		}
		return target{}, unknown
	}
	e := &AmbiguousError{Object: object}
	for _, t := range r.targets {
		c := t.candidate()
		same := func(other target) bool { return strings.EqualFold(other.candidate().Object, c.Object) }
		if t.array != nil && slices.ContainsFunc(r.targets, func(other target) bool { return other.array != t.array && same(other) }) {
			c.Object = f.onArray(t.array, c.Object)
		}
		if t.machine != nil && strings.EqualFold(c.Object, r.want) {
			c.Object = t.machine.Name + ":" + c.Object // what was typed tells nothing apart
		}
		e.Candidates = append(e.Candidates, c)
	}
	return target{}, e
}

// onArrays reads a name with an array's name or id in front: what two arrays
// have under one name is told apart by it.
func (r *resolver) onArrays() {
	whole := r.want
	for _, a := range r.f.arrays {
		for _, name := range []string{a.Name, a.ID} {
			rest, ok := strings.CutPrefix(whole, lower(name)+"/")
			if !ok || name == "" || rest == "" {
				continue
			}
			r.want, r.array = rest, a
			r.look()
		}
	}
	r.want, r.array = whole, nil
}

// inNoPool says what has a name that nothing in the pool has which was asked
// about, and what to run then.
func (f *facts) inNoPool(object, pool string) (what, instead string) {
	if pool == "" {
		return "", ""
	}
	switch t, err := f.resolve(object, ""); several := err.(type) { //nolint:errorlint // resolve makes it, and wraps nothing
	case nil:
		c := t.candidate()
		what = c.Object + " (" + c.What + ")"
	case *AmbiguousError:
		what = several.Candidates[0].Object + " (" + several.Candidates[0].What + ") and " + count(len(several.Candidates)-1, "more")
	default:
		return "", ""
	}
	return quoted(object) + " is nothing in pool " + pool + "; it is " + what, "leave --pool out, or name the pool that it is in"
}

// search finds everything that a name fits.
func (f *facts) search(object, pool string) *resolver {
	r := &resolver{f: f, want: strings.ToLower(strings.TrimSpace(object)), pool: pool, seen: map[any]bool{}}
	if strings.Contains(r.want, "/") && strings.HasPrefix(r.want[strings.IndexByte(r.want, ':')+1:], "/") {
		r.want = strings.TrimRight(r.want, "/") // as a shell completes a directory
	}
	if r.want != "" {
		r.look()
	}
	return r
}

// look adds everything that the name fits.
func (r *resolver) look() {
	r.volumes()
	r.snapshots()
	r.records()
	r.recordsByName()
	r.others()
	r.hostObjects()
	r.devices()
	r.paths()
	r.directories()
}

// asked reports a pool that the question is about.
func (r *resolver) asked(p *poolFacts) bool {
	return r.pool == "" || (p != nil && strings.EqualFold(p.name, r.pool))
}

func (r *resolver) volumes() {
	serial, hasSerial := serialIn(r.want)
	uuid, err := evidence.ParseUUID(r.want)
	hasUUID := err == nil && !uuid.IsZero()
	for v := range r.f.volumes() {
		is := v
		if v.copyOf != nil {
			is = v.copyOf // one volume, on two arrays
		}
		if !r.asked(is.pool) {
			continue
		}
		if r.names(v.Name) || (hasSerial && v.Serial == serial) || (v.ID != "" && strings.EqualFold(v.ID, r.want)) || hasUUID && v.LXD.UUID == uuid && v.record == nil {
			r.addVolume(is)
		}
	}
}

// names reports a full name on the array, or the part after the pod or the
// volume group.
func (r *resolver) names(full string) bool {
	if strings.EqualFold(full, r.want) {
		return true
	}
	_, short, ok := strings.Cut(full, "::")
	return (ok && strings.EqualFold(short, r.want)) || strings.EqualFold(leaf(full), r.want)
}

// serialIn reads a serial in the array's or any host's spelling.
func serialIn(s string) (evidence.Serial, bool) {
	if serial, err := evidence.ParseSerial(s); err == nil {
		return serial, true
	}
	s = s[strings.LastIndexByte(s, '/')+1:]
	return evidence.SerialOf(s)
}

func (r *resolver) snapshots() {
	serial, hasSerial := serialIn(r.want)
	for _, a := range r.f.arrays {
		for i := range a.Snapshots.Items {
			s := &a.Snapshots.Items[i]
			pool := a.pools[lower(s.Pod)]
			if v := a.source(i); v != nil && v.copyOf != nil && v.copyOf.array.listsSnapshot(s.Name) {
				continue // one snapshot, on two arrays
			}
			if r.asked(pool) && (r.names(s.Name) || (hasSerial && s.Serial == serial) || (s.ID != "" && strings.EqualFold(s.ID, r.want))) {
				r.add(s, target{snapshot: s, volume: a.source(i), pool: pool, array: a})
			}
		}
	}
}

// lxdTypes are volume types as they stand in a path of LXD's.
var lxdTypes = []string{evidence.TypeContainer, evidence.TypeVM, evidence.TypeImage, evidence.TypeCustom}

// records reads [POOL/[PROJECT/]]TYPE/NAME[/SNAPSHOT], optionally with the
// project behind it in brackets as our tables print it, and bare names.
func (r *resolver) records() {
	pool, project, kind, name := r.asLXD()
	for record := range evidence.Refs(r.f.records.list) {
		if !strings.EqualFold(record.Name, name) || (kind != "" && record.Type != kind) ||
			(pool != "" && !strings.EqualFold(record.Pool, pool)) || (project != "" && !strings.EqualFold(record.Project, project)) ||
			(r.pool != "" && !strings.EqualFold(record.Pool, r.pool)) {
			continue
		}
		r.record(record)
	}
}

// asLXD reads what is wanted as a name of LXD's; all but the name may be empty.
func (r *resolver) asLXD() (pool, project, kind, name string) {
	want, project, _ := strings.Cut(strings.TrimSuffix(r.want, ")"), " (")
	parts := strings.Split(want, "/")
	at := slices.IndexFunc(parts, func(p string) bool { return slices.Contains(lxdTypes, p) })
	name = want
	if at >= 0 && at <= 2 && at+1 < len(parts) {
		kind, name = parts[at], strings.Join(parts[at+1:], "/")
		if at >= 1 {
			pool = parts[0]
		}
		if at == 2 {
			project = parts[1]
		}
	}
	return pool, project, kind, name
}

// formerly finds what LXD called so when earlier runs looked, or still has a
// directory for: the record is gone, and people have its name.
func (r *resolver) formerly() {
	pool, project, kind, name := r.asLXD()
	if r.f.world == nil {
		return
	}
	kinds := []string{kind}
	if kind == "" {
		kinds = lxdTypes // a name alone, as people say it
	}
	for _, kind := range kinds {
		r.formerlyA(pool, project, kind, name)
	}
}

// formerlyA is the same of one type.
func (r *resolver) formerlyA(pool, project, kind, name string) {
	for seen := range evidence.Refs(r.f.world.Seen) {
		was := LXDName{Project: either(project, "default"), Type: kind, Name: name}.String()
		if !strings.EqualFold(seen.LXDName, was) && (project != "" || !strings.EqualFold(seen.LXDName, kind+"/"+name)) {
			continue
		}
		for v := range r.f.volumes() {
			if v.array.ID == seen.ArrayID && v.ID == seen.VolumeID && v.ID != "" && v.pool != nil && r.asked(v.pool) && (pool == "" || strings.EqualFold(v.pool.name, pool)) {
				r.addVolume(v)
			}
		}
	}
	for _, p := range r.f.pools {
		where := lower(MountDirectory(&evidence.Record{Pool: p.name, Project: either(project, "default"), Type: kind, Name: name}))
		if len(r.targets) > 0 || !r.asked(p) || pool != "" && !strings.EqualFold(p.name, pool) {
			continue
		}
		for _, h := range r.f.hosts {
			for i := range h.Directories.Items {
				if dir := &h.Directories.Items[i]; strings.HasSuffix(lower(dir.Path), where) {
					r.add(dir, target{dir: dir, machine: h, pool: p})
				}
			}
		}
	}
}

// record adds the array's objects of a record, or the record alone when the
// array has none. Of a virtual machine's two volumes the root disk stands for
// both.
func (r *resolver) record(record *evidence.Record) {
	r.all = record
	defer func() { r.all = nil }()
	pool := r.f.poolNamed(record.Pool)
	found := false
	if pool != nil && pool.array != nil {
		for _, content := range contents(record) {
			name := evidence.Name{Snapshot: record.Snapshot, Type: record.Type, Content: content, UUID: record.UUID}
			if found {
				break
			}
			if !record.Snapshot {
				for v := range pool.array.named(pool, name) {
					found = true
					r.addVolume(v)
				}
				continue
			}
			for i := range pool.array.Snapshots.Items {
				if s := &pool.array.Snapshots.Items[i]; s.LXD == name && lower(s.Pod) == lower(pool.pod.Name) {
					found = true
					r.add(s, target{snapshot: s, volume: pool.array.source(i), pool: pool, array: pool.array, record: record})
				}
			}
		}
	}
	moves := slices.SortedStableFunc(slices.Values(r.f.movedRecords[record]), func(a, b *move) int { return strings.Compare(b.name(), a.name()) })
	for _, m := range moves {
		if found && len(contents(record)) == 2 {
			break // the root disk, whose name is the longer one, stands for both here as well
		}
		found = true
		if m.volume != nil {
			r.addVolume(m.volume)
		} else {
			r.add(m.other, target{other: m.other, what: "volume", array: m.array})
		}
	}
	if !found {
		r.add(record, target{record: record, pool: pool})
	}
}

func (r *resolver) hostObjects() {
	if r.pool != "" {
		return
	}
	r.f.eachArrayHost(func(a *arrayFacts, object *evidence.ArrayHost) {
		initiator := slices.ContainsFunc(object.Initiators(), func(i string) bool { return evidence.Initiator(i) == evidence.Initiator(r.want) })
		if strings.EqualFold(object.Name, r.want) || initiator {
			r.add(object, target{host: object, array: a})
		}
	})
}

// devices reads sdX, dm-N, a map's name, nvmeXnY, major:minor or a path in
// /dev; with "HOST:" in front when several hosts have one of the name.
func (r *resolver) devices() {
	want, machine := r.want, ""
	for _, h := range r.f.hosts {
		if rest, ok := strings.CutPrefix(r.want, lower(h.Name)+":"); ok && h.Name != "" {
			machine, want = h.Name, rest
		}
	}
	for _, place := range []string{"/dev/mapper/", "/dev/", "/sys/block/", "/sys/class/block/"} {
		want = strings.TrimPrefix(want, place)
	}
	serial, hasSerial := serialIn(want)
	for _, h := range r.f.hosts {
		if machine != "" && h.Name != machine {
			continue
		}
		if d := h.devices[serial]; d != nil && hasSerial {
			r.addDevice(d)
		}
		if !r.speaksOf(h) {
			continue
		}
		for _, d := range h.called(want) {
			r.addDevice(d)
		}
		for i := range h.Disks.Items {
			// A kernel message names the disk by its SCSI address.
			if disk := &h.Disks.Items[i]; disk.HCTL == want && want != "" {
				for _, serial := range identities(disk) {
					if d := h.devices[serial]; d != nil {
						r.addDevice(d)
					}
				}
			}
		}
		for link := range evidence.Refs(h.Links.Items) {
			if d := h.devices[link.Serial]; d != nil && (lower(link.Path) == r.want || lower(strings.TrimPrefix(link.Path, "/dev/")) == want) {
				r.addDevice(d)
			}
		}
	}
}

// ledTo adds the volume that a name in /dev says; when nobody knows that one,
// what the name leads to.
func (r *resolver) ledTo() {
	want := strings.TrimPrefix(r.want, "/dev/")
	var is []*device
	for _, h := range r.f.hosts {
		for _, n := range h.names {
			if lower(strings.TrimPrefix(n.Path, "/dev/")) != want {
				continue
			}
			for v := range r.f.volumes() {
				if v.Serial == n.Says && r.asked(v.pool) {
					r.addVolume(v)
				}
			}
			for _, serial := range n.Is {
				if d := h.devices[serial]; d != nil && r.speaksOf(h) {
					is = append(is, d)
				}
			}
		}
	}
	for _, d := range is {
		if len(r.targets) == 0 || r.targets[0].device != nil {
			r.addDevice(d)
		}
	}
}

// partitionName is the kernel's name of one, or the number of one of an sd's first
// fifteen; with the disk's in it.
var (
	partitionName   = regexp.MustCompile(`^(.*[/:])?(sd[a-z]+|nvme\d+n\d+p)\d+$`)
	partitionNumber = regexp.MustCompile(`^(.+:)?(8|6[5-9]|7[01]|12[89]|13[0-5]):(\d+)$`)
)

// partitions finds the device that a partition is of: those of a disk are no
// devices of their own here, and hold what the volume holds.
func (r *resolver) partitions() {
	asked := r.want
	if m := partitionName.FindStringSubmatch(asked); m != nil {
		r.want = m[1] + strings.TrimSuffix(m[2], "p")
	} else if m := partitionNumber.FindStringSubmatch(asked); m != nil {
		n, err := strconv.Atoi(m[3])
		if err != nil {
			return
		}
		r.want = m[1] + m[2] + ":" + strconv.Itoa(n-n%16)
	}
	if r.want != asked {
		r.devices()
	}
	r.want = asked
}

// called lists the devices that a name in lower case means. A map stands for
// the volume that it is named after, whatever its paths lead to; a disk that
// carries two identities stands for both.
func (h *hostFacts) called(name string) []*device {
	var all, own []*device
	for known, devices := range h.named {
		if lower(known) != name && unmangled(lower(known)) != unmangled(name) {
			continue
		}
		for _, d := range devices {
			all = including(all, d)
			is := func(m *evidence.Map) bool {
				return unmangled(lower(m.Name)) == unmangled(name) || lower(m.Kernel) == name
			}
			if slices.ContainsFunc(d.ownMaps(), is) {
				own = including(own, d)
			}
		}
	}
	if len(own) > 0 {
		all = own
	}
	slices.SortFunc(all, func(a, b *device) int { return strings.Compare(string(a.serial), string(b.serial)) })
	return all
}

// addDevice adds the volume of a device, or the device itself when no pool of
// ours has the volume.
func (r *resolver) addDevice(d *device) {
	if d.volume != nil {
		if r.asked(d.volume.pool) {
			r.addVolume(d.volume)
		}
		return
	}
	if r.pool == "" {
		r.add(d, target{device: d})
	}
}

// wantOn is what is looked for on a machine, whose name may stand in front of a
// path: members have the same ones.
func (r *resolver) wantOn(h *hostFacts) string {
	if path, ok := strings.CutPrefix(r.want, lower(h.Name)+":/"); ok && h.Name != "" {
		return "/" + path
	}
	return r.want
}

func (r *resolver) directories() {
	for _, h := range r.f.hosts {
		for dir := range evidence.Refs(h.Directories.Items) {
			// What is mounted there was found by the mount.
			mounted := slices.ContainsFunc(h.Uses.Items, func(u evidence.Use) bool { return u.Where == dir.Path })
			if lower(dir.Path) == r.wantOn(h) && !mounted && r.speaksOf(h) && (r.pool == "" || strings.EqualFold(dir.Pool, r.pool)) {
				r.add(dir, target{dir: dir, machine: h, pool: r.f.poolNamed(dir.Pool)})
			}
		}
	}
}

// serial is what the devices of a target carry; empty for what has none.
func (t target) serial() evidence.Serial {
	switch {
	case t.snapshot != nil:
		return ""
	case t.volume != nil:
		return t.volume.Serial
	case t.device != nil:
		return t.device.serial
	}
	return ""
}

// candidate names a target so that explain takes it back.
func (t target) candidate() Candidate {
	switch {
	case t.snapshot != nil:
		return Candidate{t.snapshot.Name, "snapshot"}
	case t.volume != nil:
		what := "volume"
		if t.record != nil {
			what = lxdName(t.record).String()
		}
		return Candidate{t.volume.Name, what}
	case t.record != nil:
		return Candidate{t.record.Pool + "/" + t.record.Project + "/" + t.record.Type + "/" + t.record.Name, "LXD's record"}
	case t.host != nil:
		return Candidate{t.host.Name, "array host on " + t.array.Name}
	case t.dir != nil:
		return Candidate{t.dir.Path, "directory on " + t.machine.Name}
	case t.other != nil:
		return Candidate{t.other.Name, t.what + " outside the pods of LXD"}
	case t.use != nil:
		return Candidate{t.use.Where, "used on " + t.machine.Name + ", from a device that is gone"}
	case t.link != nil:
		return Candidate{t.link.Path, "link on " + t.machine.Name}
	case t.way != nil:
		return Candidate{t.way.object, t.way.what}
	default:
		return Candidate{t.device.host.Name + ":" + t.device.object(), "device of " + string(t.device.serial)}
	}
}
