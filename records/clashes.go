package records

import (
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
		for _, user := range slices.Sorted(slices.Values(pool.UsedBy)) {
			if p, ok := placeOf(pool.Name, user); ok {
				c.record(p, "pool %q counts %s among its users", pool.Name, user)
			}
		}
	}
	for _, r := range out.Records.Items {
		if volume, _, snapshot := strings.Cut(r.Name, "/"); snapshot {
			c.record(place{r.Pool, r.Project, r.Type, volume}, "there is a snapshot %q", r.Name)
		}
		c.users(r)
	}
	for _, inst := range out.Instances.Items {
		for _, disk := range inst.Disks {
			c.record(placeOfDisk(inst, disk), "instance %q (project %q) has it as device %q", inst.Name, inst.Project, disk.Device)
		}
	}
	for _, v := range out.DaemonVolumes.Items {
		c.record(place{v.Pool, defaultProject, evidence.TypeCustom, v.Volume}, "%s of member %q names it", v.Key, v.Member)
	}
	return c.found
}

// comparison knows what is listed and collects what is not.
type comparison struct {
	// readable are the pools whose volumes were listed at all.
	readable  map[string]bool
	listed    map[place]bool
	instances map[place]evidence.Instance
	// answered is false when the instances could not be listed.
	answered bool
	found    []clash
}

func (a *answers) newComparison(out evidence.LXD) *comparison {
	c := &comparison{
		readable:  map[string]bool{},
		listed:    make(map[place]bool, len(out.Records.Items)),
		instances: make(map[place]evidence.Instance, len(out.Instances.Items)),
		answered:  a.instances.err == nil,
	}
	for i, pool := range a.pure() {
		c.readable[pool.Name] = a.volumes[i].err == nil
	}
	for _, r := range out.Records.Items {
		c.listed[place{r.Pool, r.Project, r.Type, r.Name}] = true
		if r.Type == evidence.TypeContainer || r.Type == evidence.TypeVM {
			c.listed[place{r.Pool, r.Project, "", r.Name}] = true
		}
	}
	for _, inst := range out.Instances.Items {
		c.instances[place{"", inst.Project, kindInstance, inst.Name}] = inst
	}
	return c
}

// placeOfDisk is the record that an instance's disk stands on.
func placeOfDisk(inst evidence.Instance, disk evidence.InstanceDisk) place {
	p := place{disk.Pool, disk.Project, disk.Type, disk.Source}
	if disk.Source == "" {
		p.name = inst.Name
	}
	if disk.Snapshot != "" {
		p.name += "/" + disk.Snapshot
	}
	return p
}

// record demands that LXD lists a volume. Where the project is not known, the
// doubt about that is enough.
func (c *comparison) record(p place, who string, args ...any) {
	if !c.readable[p.pool] || c.listed[p] || p.project == "" {
		return
	}
	kind := p.kind
	if kind == "" {
		kind = "instance"
	}
	c.found = append(c.found, clash{p, listRecords, fmt.Sprintf("%s, but LXD lists no %s volume %q (project %q) in pool %q",
		fmt.Sprintf(who, args...), kind, p.name, p.project, p.pool)})
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
func (c *comparison) users(r evidence.Record) {
	volume := place{r.Pool, r.Project, r.Type, r.Name}
	for _, user := range r.UsedBy {
		p, ok := placeOf("", user)
		if !ok || p.kind != "" || strings.Contains(p.name, "/") {
			continue // a profile, an image, an instance's snapshot, LXD itself
		}
		p.kind = kindInstance
		inst, listed := c.instances[p]
		has := slices.ContainsFunc(inst.Disks, func(disk evidence.InstanceDisk) bool { return placeOfDisk(inst, disk) == volume })
		switch {
		case !listed:
			c.instance(p, "volume %q (project %q) of pool %q is used by it", r.Name, r.Project, r.Pool)
		case !has:
			c.found = append(c.found, clash{p, listInstances, fmt.Sprintf("instance %q (project %q) uses volume %q (project %q) of pool %q, but LXD lists no such disk of it",
				p.name, p.project, r.Name, r.Project, r.Pool)})
		}
	}
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
	values, err := url.ParseQuery(query)
	if err != nil {
		return place{}, false
	}
	parts := strings.Split(strings.TrimPrefix(location, "/"), "/")
	for i, part := range parts {
		if parts[i], err = url.PathUnescape(part); err != nil {
			return place{}, false
		}
	}
	for _, path := range paths {
		if !slices.EqualFunc(path.parts, parts, func(want, got string) bool { return want == "" || want == got }) {
			continue
		}
		p := place{pool: pool, project: values.Get("project"), kind: path.fixed, name: parts[path.name]}
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
