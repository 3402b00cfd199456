package records

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// place is where a record would be. Type is empty for the volume of an
// instance of either type, and kindInstance for the instance itself, which
// belongs to no pool.
type place struct{ pool, project, kind, name string }

const kindInstance = "instance"

// clash is something that one of LXD's lists lacks although something else
// that LXD says needs it.
type clash struct {
	place
	list string
	why  string
}

const clashHint = "LXD's own lists contradict each other: compare lxc list --all-projects with lxc storage volume list POOL --all-projects, and let LXD finish or delete what is half there"

// same reports that another reading found the same thing lacking.
func (c clash) same(other clash) bool { return c.place == other.place && c.list == other.list }

// clashes compares the records and instances with the other places where LXD
// names the same things: the users of a pool and of a volume, the instances'
// disks, the snapshots of a volume, the volumes of LXD itself. A record too
// few makes a live volume look leaked, an instance too few makes a used one
// look idle, so neither list is trusted on its own word.
func (a *answers) clashes(out evidence.LXD) []clash {
	c := a.newComparison(out)
	for _, pool := range a.pure() {
		var lacking []string
		next := 0 // LXD names most in the order of their records
		for _, user := range pool.UsedBy {
			if next < len(out.Records.Items) && out.Records.Items[next].Pool == pool.Name && isPathOf(user, &out.Records.Items[next]) {
				next++
				continue
			}
			p, ok := placeOf(pool.Name, user)
			if i, listed := c.listed.at(p); listed {
				next = i + 1
			} else if ok && c.lacks(p) {
				lacking = append(lacking, user)
			}
		}
		for _, user := range slices.Sorted(slices.Values(lacking)) {
			p, _ := placeOf(pool.Name, user)
			c.record(p, "pool %q counts %s among its users", pool.Name, user)
		}
	}
	for i := range out.Records.Items {
		r := &out.Records.Items[i]
		if volume, _, snapshot := strings.Cut(r.Name, "/"); snapshot {
			p := place{r.Pool, r.Project, r.Type, volume}
			if before := max(i-1, 0); placeOfRow(&out.Records.Items[before]) != p && c.lacks(p) { // most stand behind it
				c.record(p, "there is a snapshot %q", r.Name)
			}
		}
		if !a.before.has(place{r.Pool, r.Project, r.Type, r.Name}) {
			c.users(r) // else it names its users of then, and the instances are of now
		}
	}
	for inst := range evidence.Refs(out.Instances.Items) {
		for disk := range evidence.Refs(inst.Disks) {
			if p := placeOfDisk(inst, disk); c.lacks(p) {
				c.record(p, "instance %q (project %q) has it as device %q", inst.Name, inst.Project, disk.Device)
			}
		}
	}
	for _, v := range out.DaemonVolumes.Items {
		if p := (place{v.Pool, defaultProject, evidence.TypeCustom, v.Volume}); c.lacks(p) {
			c.record(p, "%s of member %q names it", v.Key, v.Member)
		}
	}
	return c.found
}

// places is a set of places, each with a number, by pool, project and kind and then
// by name: tens of thousands have the first three in common. The zero one is empty.
type places struct {
	names map[place]map[string]int
	// last are the names of what was asked for last, which is mostly what is asked
	// for next.
	last struct {
		of    place
		names map[string]int
	}
	// room is how many there will be about.
	room int
}

func (s *places) of(p place) map[string]int {
	if p.name = ""; s.last.names == nil || s.last.of != p {
		s.last.of, s.last.names = p, s.names[p]
	}
	return s.last.names
}

func (s *places) add(p place, n int) {
	names := s.of(p)
	if names == nil {
		if s.names == nil {
			s.names = map[place]map[string]int{}
		}
		names = make(map[string]int, s.room)
		s.room = 0 // most are alike
		s.last.names, s.names[s.last.of] = names, names
	}
	names[p.name] = n
}

func (s *places) at(p place) (int, bool) {
	n, ok := s.of(p)[p.name]
	return n, ok
}

func (s *places) has(p place) bool {
	_, ok := s.at(p)
	return ok
}

// comparison knows what is listed and collects what is not.
type comparison struct {
	// readable are the pools whose volumes were listed at all.
	readable  map[string]bool
	listed    places
	instances map[place]*evidence.Instance
	// answered is false when the instances could not be listed.
	answered bool
	found    []clash
}

func (a *answers) newComparison(out evidence.LXD) *comparison {
	c := &comparison{
		readable:  map[string]bool{},
		listed:    places{room: len(out.Records.Items)},
		instances: make(map[place]*evidence.Instance, len(out.Instances.Items)),
		answered:  a.instances.err == nil,
	}
	for i, pool := range a.pure() {
		c.readable[pool.Name] = a.volumes[i].err == nil
	}
	for i := range out.Records.Items {
		r := &out.Records.Items[i]
		c.listed.add(place{r.Pool, r.Project, r.Type, r.Name}, i)
		if r.Type == evidence.TypeContainer || r.Type == evidence.TypeVM {
			c.listed.add(place{r.Pool, r.Project, "", r.Name}, i)
		}
	}
	for inst := range evidence.Refs(out.Instances.Items) {
		c.instances[place{"", inst.Project, kindInstance, inst.Name}] = inst
	}
	return c
}

// placeOfDisk is the record that an instance's disk stands on.
func placeOfDisk(inst *evidence.Instance, disk *evidence.InstanceDisk) place {
	p := place{disk.Pool, disk.Project, disk.Type, cmp.Or(disk.Source, inst.Name)}
	if disk.Snapshot != "" {
		p.name += "/" + disk.Snapshot
	}
	return p
}

// lacks reports a volume that LXD should list and does not. Where the project
// is not known, the doubt about that is enough.
func (c *comparison) lacks(p place) bool {
	return !c.listed.has(p) && c.readable[p.pool] && p.project != ""
}

// record says who demands the volume that LXD does not list.
func (c *comparison) record(p place, who string, args ...any) {
	c.found = append(c.found, clash{p, listRecords, fmt.Sprintf("%s, but LXD lists no %s volume %q (project %q) in pool %q",
		fmt.Sprintf(who, args...), cmp.Or(p.kind, "instance"), p.name, p.project, p.pool)})
}

// instance demands that LXD lists an instance.
func (c *comparison) instance(p place, who string, args ...any) {
	if _, listed := c.instances[p]; !listed && c.answered {
		c.found = append(c.found, clash{p, listInstances, fmt.Sprintf("%s, but LXD lists no instance %q (project %q)",
			fmt.Sprintf(who, args...), p.name, p.project)})
	}
}

// users demands that the instances which LXD counts as users of a volume have
// it as a disk. LXD counts an instance's own devices (not its profiles'), of a
// snapshot those that name the snapshot, and of an instance's volume always
// the instance.
func (c *comparison) users(r *evidence.Record) {
	for _, user := range r.UsedBy {
		p, ok := placeOf("", user)
		if !ok || p.kind != "" || strings.Contains(p.name, "/") {
			continue // a profile, an image, an instance's snapshot, LXD itself
		}
		p.kind = kindInstance
		inst, listed := c.instances[p]
		switch {
		case !listed:
			c.instance(p, "volume %q (project %q) of pool %q is used by it", r.Name, r.Project, r.Pool)
		case !uses(inst, r):
			c.found = append(c.found, clash{p, listInstances, fmt.Sprintf("instance %q (project %q) uses volume %q (project %q) of pool %q, but LXD lists no such disk of it",
				p.name, p.project, r.Name, r.Project, r.Pool)})
		}
	}
}

// uses reports whether an instance has a volume as one of its disks.
func uses(inst *evidence.Instance, r *evidence.Record) bool {
	volume := place{r.Pool, r.Project, r.Type, r.Name}
	for disk := range evidence.Refs(inst.Disks) {
		if disk.Source != "" && disk.Snapshot == "" && disk.Source != r.Name {
			continue // as of most, and seen without more ado
		}
		if placeOfDisk(inst, disk) == volume {
			return true
		}
	}
	return false
}

// paths are the API paths that stand for a volume among the users of a pool,
// with what each part is; "" takes any text.
var paths = []struct {
	parts                []string
	kind, name, snapshot int
	fixed                string
}{
	{parts: []string{"1.0", "storage-pools", "", "volumes", "", ""}, kind: 4, name: 5},
	{parts: []string{"1.0", "storage-pools", "", "volumes", "", "", "snapshots", ""}, kind: 4, name: 5, snapshot: 7},
	{parts: []string{"1.0", "instances", ""}, name: 2},
	{parts: []string{"1.0", "instances", "", "snapshots", ""}, name: 2, snapshot: 4},
	{parts: []string{"1.0", "images", ""}, name: 2, fixed: evidence.TypeImage},
}

// placeOf reads a user of a pool. It is false for users that are no volumes
// (profiles, buckets) and for what can't be read: this is a second opinion.
func placeOf(pool, user string) (place, bool) {
	location, query, _ := strings.Cut(user, "?")
	project := ""
	if query != "" {
		values, err := url.ParseQuery(query)
		if err != nil {
			return place{}, false
		}
		project = values.Get("project")
	}
	var room [maxParts]string
	parts, ok := split(room[:0], strings.TrimPrefix(location, "/"))
	if !ok {
		return place{}, false
	}
	for path := range evidence.Refs(paths) {
		if !slices.EqualFunc(path.parts, parts, func(want, got string) bool { return want == "" || want == got }) {
			continue
		}
		p := place{pool: pool, project: project, kind: path.fixed, name: parts[path.name]}
		if path.kind > 0 {
			p.kind = parts[path.kind]
		}
		if path.snapshot > 0 {
			p.name += "/" + parts[path.snapshot]
		}
		// Images are kept in project default, whoever uses them.
		if p.project == "" || p.kind == evidence.TypeImage {
			p.project = defaultProject
		}
		return p, true
	}
	return place{}, false
}

// maxParts is one more than the longest of paths has.
const maxParts = 9

// split is the path's parts, appended to into as far as there is room: what
// is longer is none of ours. It is false for what can't be unescaped. There
// are several users for every volume, so it makes no garbage.
func split(into []string, path string) (parts []string, ok bool) {
	for more := true; more && len(into) < cap(into); {
		var part string
		if part, path, more = strings.Cut(path, "/"); strings.Contains(part, "%") {
			var err error
			if part, err = url.PathUnescape(part); err != nil {
				return nil, false
			}
		}
		into = append(into, part)
	}
	return into, true
}
