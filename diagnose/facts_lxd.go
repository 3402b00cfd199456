package diagnose

import (
	"iter"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// recordFacts is LXD's records by UUID.
type recordFacts struct {
	list   []evidence.Record
	byUUID index[evidence.UUID]
	inPool map[string]int
	// byName is made on demand.
	byName index[string]
	// projects counts the distinct ones.
	projects int
	// nameless is a record that can't be joined to the array, if any.
	nameless *evidence.Record
}

func newRecords(lxd *evidence.LXD) recordFacts {
	r := recordFacts{
		list:   lxd.Records.Items,
		byUUID: newIndex[evidence.UUID](len(lxd.Records.Items)),
		inPool: map[string]int{},
	}
	projects := map[string]bool{}
	for i := range r.list {
		record := &r.list[i]
		r.inPool[record.Pool]++
		projects[record.Project] = true
		if record.UUID.IsZero() || record.Pool == "" {
			r.nameless = record
		}
		r.byUUID.add(record.UUID, i)
	}
	r.projects = len(projects)
	return r
}

// of are the records with the UUID, in any pool and project.
func (r *recordFacts) of(id evidence.UUID) iter.Seq[*evidence.Record] {
	return chained(r.list, r.byUUID.next, r.byUUID.first(id))
}

// has reports a record of just that volume or snapshot.
func (r *recordFacts) has(d disk) bool {
	names := r.names()
	for record := range chained(r.list, names.next, names.first(d.name)) { // without garbage
		if diskOf(record, record.Name) == d {
			return true
		}
	}
	return false
}

// called are the records of that name. Names are hashed alone: tens of thousands
// have all the rest in common.
func (r *recordFacts) called(name string) iter.Seq[*evidence.Record] {
	names := r.names()
	return chained(r.list, names.next, names.first(name))
}

func (r *recordFacts) names() *index[string] {
	if r.byName.firsts == nil {
		r.byName = newIndex[string](len(r.list))
		for i := range r.list {
			r.byName.add(r.list[i].Name, i)
		}
	}
	return &r.byName
}

// find returns the pool's record that an array name stands for. A virtual
// machine and its image have two names, of one UUID.
func (r *recordFacts) find(pool string, name evidence.Name) *evidence.Record {
	for record := range r.of(name.UUID) {
		if record.Pool == pool && record.Snapshot == name.Snapshot && record.Type == name.Type && slices.Contains(contents(record), name.Content) {
			return record
		}
	}
	return nil
}

// contents lists the contents of a record's array objects. A record that does
// not say what it holds stands for anything.
func contents(record *evidence.Record) []string {
	switch {
	case record.Type == evidence.TypeVM, record.Type == evidence.TypeImage && record.Content == evidence.ContentBlock:
		return []string{evidence.ContentBlock, evidence.ContentFilesystem}
	case record.Content == "":
		return []string{evidence.ContentBlock, evidence.ContentFilesystem, evidence.ContentISO}
	default:
		return []string{record.Content}
	}
}

// memberFacts are the servers of the cluster.
type memberFacts struct {
	names []string
	// spelled finds the member whose name is spelled just so, as LXD does
	// when it says where an instance is.
	spelled map[string]string
	// only is the sole member of a server without a cluster.
	only string
	// whole is set when the list is complete and every name is known.
	whole bool
}

func newMembers(lxd *evidence.LXD) memberFacts {
	m := memberFacts{whole: lxd.Members.IsComplete() && len(lxd.Members.Items) > 0, spelled: map[string]string{}}
	for _, member := range lxd.Members.Items {
		m.whole = m.whole && member.Name != ""
		m.names = append(m.names, member.Name)
	}
	for _, name := range m.names {
		if member, known := m.at(name); known {
			m.spelled[name] = member
		}
	}
	if lxd.Clustered.IsNot() && len(m.names) == 1 {
		m.only = m.names[0]
	}
	return m
}

// at is the member that LXD calls location; false when it can't be told.
func (m memberFacts) at(location string) (string, bool) {
	if m.only != "" {
		return m.only, true
	}
	if member, known := m.spelled[location]; known {
		return member, true
	}
	for _, name := range m.names {
		if name != "" && strings.EqualFold(name, location) {
			return name, true
		}
	}
	return "", false
}

func (m memberFacts) has(name string) bool {
	return name != "" && slices.ContainsFunc(m.names, func(n string) bool { return strings.EqualFold(n, name) })
}

// harmless are the descriptions of operations that touch no volume. Everything
// else may, and a description that is new to us does too.
var harmless = []string{
	"Executing command",
	"Showing console",
	"Synchronizing operations",
	"Expiring log files",
	"Updating instance types",
	"Pruning resolved warnings",
	"Renewing server certificate",
}

// mayChange reports an operation that is not known to be over and may make,
// map, copy or remove a volume. LXD's locks are inside its process and can't
// be taken from outside, so this is all the fence there is.
func mayChange(op *evidence.Operation) bool {
	return !op.Running.IsNot() && op.Class != "token" && !slices.Contains(harmless, op.Description)
}

// concerns reports an operation that works, or may work, on the volume of a
// record. Old servers don't say what an operation works on.
func concerns(op *evidence.Operation, record *evidence.Record) bool {
	if len(op.Entities) == 0 {
		return true
	}
	volume, _, _ := strings.Cut(record.Name, "/")
	return slices.ContainsFunc(op.Entities, func(entity string) bool {
		path, _, _ := strings.Cut(entity, "?")
		return slices.Contains(strings.Split(path, "/"), volume)
	})
}

// busyWith returns an operation that works, or may work, on a record.
func (f *facts) busyWith(record *evidence.Record) *evidence.Operation {
	return firstThat(f.operations, func(op *evidence.Operation) bool { return concerns(op, record) })
}

// lxdName is what LXD calls a record.
func lxdName(record *evidence.Record) LXDName {
	if record == nil {
		return LXDName{}
	}
	return LXDName{Project: record.Project, Type: record.Type, Name: record.Name}
}

// String is "custom/fs1 (default)"; empty for none.
func (n LXDName) String() string {
	if n.Name == "" {
		return ""
	}
	return n.Type + "/" + n.Name + " (" + n.Project + ")"
}
