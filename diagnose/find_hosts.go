package diagnose

import (
	"maps"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// eachArrayHost calls do once for every array host of every array with a
// pool that is asked about, in the array's order.
func (f *facts) eachArrayHost(do func(*arrayFacts, *evidence.ArrayHost)) {
	told := map[string]bool{}
	for _, a := range f.arrays {
		if !a.asked() {
			continue
		}
		for object := range evidence.Refs(a.Hosts.Items) {
			key := a.key() + "\x00" + lower(object.Name)
			if !told[key] {
				told[key] = true
				do(a, object)
			}
		}
	}
}

// asked reports an array with a pool that is asked about.
func (a *arrayFacts) asked() bool {
	return isAny(filter(maps.Values(a.pools), func(pool *poolFacts) bool { return pool.judged }))
}

// key tells arrays apart, one of which several pools may name.
func (a *arrayFacts) key() string { return either(a.ID, a.Gateway) }

// hostName is what an array host is called: LXD gives a member the same name on
// each array, and then the array's own stands in front of it.
func (f *facts) hostName(a *arrayFacts, name string) string {
	for _, other := range f.arrays {
		if other.key() != a.key() && other.asked() && other.hosts[lower(name)] != nil {
			return f.onArray(a, name)
		}
	}
	return name
}

// onArray is a name with its array's in front, by which explain takes it; where
// several arrays are called the same, it is the array's id.
func (f *facts) onArray(a *arrayFacts, name string) string {
	same := func(other *arrayFacts) bool { return other.key() != a.key() && strings.EqualFold(other.Name, a.Name) }
	if slices.ContainsFunc(f.arrays, same) {
		return a.ID + "/" + name
	}
	return a.Name + "/" + name
}

func (f *facts) ofArrayHost(a *arrayFacts, object *evidence.ArrayHost) draft {
	d := draft{subject: Subject{array: a, object: object}}
	d.Object, d.Host, d.ArrayID = f.hostName(a, object.Name), object.Name, a.ID
	return d
}

// idleHosts lists array hosts that are named as LXD names them and have no
// connection at all. LXD deletes its own when it takes the last connection
// away, so such a one was left.
func (f *facts) idleHosts() []draft {
	var found []draft
	f.eachArrayHost(func(a *arrayFacts, object *evidence.ArrayHost) {
		server, ok := serverOf(object.Name)
		if !ok || !object.ConnectionCount.IsZero() || a.rows[lower(object.Name)] != 0 || !a.Connections.IsComplete() ||
			object.Group != "" || !object.Local.Is() || object.Destroyed.Is() {
			return
		}
		d := f.ofArrayHost(a, object)
		// Of another machine's object nothing is repaired here.
		d.told = !a.owner(object.Name).ours.Is()
		d.Detail = "no connections; initiators " + list(object.Initiators())
		d.Cause = "LXD could not delete it when it took the last connection away, or its machine was removed; or it is somebody else's, of a like name"
		if f.members.has(server) {
			d.Cause = "LXD could not delete it when it took the last connection away; it uses it again for the next volume"
		}
		idle, used := objectIdle(d.subject)
		plain, set := objectPlain(d.subject)
		switch {
		case !d.told:
			d.Remedy = []string{"if it is not wanted: " + fixArrayHost(d.Object)}
		case idle != Pass:
			d.Remedy = []string{"leave it to whoever runs its machine: " + used}
		case plain != Pass:
			d.Remedy = []string{"leave it to whoever made it: " + set}
		default:
			d.Remedy = []string{"if its machine is gone for good, on " + a.Name + ": purehost delete " + shell(object.Name)}
		}
		found = append(found, d)
	})
	return found
}

// hijackedHosts lists array hosts that carry a member's name and none, or
// not only, of its initiators, and those that hold a member's initiators and
// another machine's, whatever they are called. LXD overwrites the initiators
// of an array host that has the name it wants: a reinstalled machine, or
// another server of the same name, takes over all connections.
func (f *facts) hijackedHosts() []draft {
	var found []draft
	f.eachArrayHost(func(a *arrayFacts, object *evidence.ArrayHost) {
		if object.Local.IsNot() || object.Destroyed.Is() {
			return
		}
		if d, ok := f.misnamed(a, object); ok {
			found = append(found, d)
		} else if d, ok := f.shared(a, object); ok {
			found = append(found, d)
		}
	})
	return found
}

// misnamed judges an object by the member that it is named after.
func (f *facts) misnamed(a *arrayFacts, object *evidence.ArrayHost) (draft, bool) {
	server, ok := serverOf(object.Name)
	if !ok || !f.members.has(server) {
		return draft{}, false
	}
	h := f.hostOf(server)
	if h == nil || !h.shows(object) {
		return draft{}, false
	}
	strangers := those(object.Initiators(), func(initiator string) bool { return !h.initiators[evidence.Initiator(initiator)] })
	if len(strangers) == 0 {
		return draft{}, false
	}
	member, _ := f.members.at(server)
	d := f.ofArrayHost(a, object)
	d.Detail = "it is named after " + member + " and has initiator " + list(strangers) + ", which is not " + member + "'s"
	for _, other := range f.hosts {
		if other != h && other.initiators[evidence.Initiator(strangers[0])] {
			d.Detail += " but " + other.Name + "'s"
		}
	}
	d.Cause = "the machine was reinstalled or got another initiator name, or another server of the same name uses this array"
	return d, true
}

// shared judges an object by the machines whose initiators it holds. What
// nobody has shown is another machine's only when the member whose initiators
// stand beside it has shown all of its own.
func (f *facts) shared(a *arrayFacts, object *evidence.ArrayHost) (draft, bool) {
	o := a.owner(object.Name)
	var names []string
	member, whole := false, true
	for _, h := range o.hosts {
		names = append(names, h.Name)
		member = member || f.memberOf(h) != ""
		whole = whole && h.shows(object)
	}
	strangers := those(object.Initiators(), func(initiator string) bool {
		return !slices.ContainsFunc(o.hosts, func(h *hostFacts) bool { return h.initiators[evidence.Initiator(initiator)] })
	})
	if !member || (len(names) < 2 && (len(strangers) == 0 || !whole)) {
		return draft{}, false
	}
	d := f.ofArrayHost(a, object)
	d.Detail = "it has initiators of " + list(names)
	if whole && len(strangers) > 0 {
		d.Detail = "it has initiators of " + list(append(names, strangers[0])) + ", which is nobody's that answered"
	}
	d.Effect = "each of them sees the volumes of all, and nothing tells which of them a connection is for; nothing that is connected to it is repaired"
	d.Cause = "somebody put several machines into one array host by hand; LXD wants one for each member and transport"
	d.Remedy = []string{"give each machine an array host of its own on the array, one after the other, while nothing of it runs", "connect its volumes again by starting what uses them"}
	return d, true
}

// leftoverDirectories lists empty mount directories that belong to no record.
// While LXD is busy it may just have made one.
func (f *facts) leftoverDirectories() []draft {
	lxd := &f.world.LXD
	if !lxd.Records.IsComplete() || !lxd.SeesAll.Is() || f.records.nameless != nil || len(f.operations) > 0 {
		return nil
	}
	empty := map[string]bool{}
	f.eachDirectory(func(_ *hostFacts, _ *evidence.Directory, _ *poolFacts, key string) { empty[key] = true })
	if len(empty) == 0 {
		return nil
	}
	f.keepWanted(empty)
	var found []draft
	f.eachDirectory(func(h *hostFacts, dir *evidence.Directory, pool *poolFacts, key string) {
		if !empty[key] {
			return
		}
		d := draft{subject: Subject{pool: pool, array: pool.array}}
		d.Object, d.Host, d.Pool = dir.Path, h.Name, pool.name
		d.Detail = "empty, not mounted, and LXD has no record for it"
		d.Cause = "LXD made it for a volume whose creation or deletion then failed"
		d.Remedy = []string{"on " + h.Name + ": rmdir " + shell("/"+strings.TrimPrefix(dir.Path, "/"))}
		found = append(found, d)
	})
	return found
}

// eachDirectory calls do for every directory that is certainly empty and not
// mounted, with POOL/KIND/NAME as LXD would spell it.
func (f *facts) eachDirectory(do func(h *hostFacts, dir *evidence.Directory, pool *poolFacts, key string)) {
	for _, h := range f.hosts {
		for dir := range evidence.Refs(h.Directories.Items) {
			pool := f.poolNamed(dir.Pool)
			if pool == nil || !pool.judged || !dir.Empty.Is() || !dir.Mounted.IsNot() {
				continue
			}
			do(h, dir, pool, directoryKey(dir))
		}
	}
}

func directoryKey(dir *evidence.Directory) string {
	_, kind, name, ok := lxdPath("/" + strings.TrimPrefix(dir.Path, "/"))
	if !ok {
		kind, name = dir.Kind, dir.Name
	}
	return dir.Pool + "/" + kind + "/" + name
}

func (f *facts) poolNamed(name string) *poolFacts {
	return firstThat(f.pools, func(p *poolFacts) bool { return p.pool != nil && p.name == name })
}

// keepWanted takes out of the set the directories that LXD has, or may have,
// for its records: of the volume, of its snapshots, the snapshots' parent, and
// what "lxd recover" mounts by UUID.
func (f *facts) keepWanted(directories map[string]bool) {
	if len(directories) == 0 {
		return
	}
	for i := range f.records.list {
		for _, wanted := range directoriesOf(&f.records.list[i]) {
			delete(directories, wanted)
		}
	}
}

func directoriesOf(record *evidence.Record) []string {
	base := record.Pool + "/" + directoryOf(record)
	kind := record.Pool + "/" + directories[record.Type]
	all := []string{base, kind + "/" + record.UUID.String()}
	if record.Content == evidence.ContentISO {
		all = append(all, base+".iso")
	}
	parent := directoryName(record)
	if record.Snapshot {
		parent, _, _ = strings.Cut(parent, "/")
	}
	return append(all, kind+"-snapshots/"+parent)
}
