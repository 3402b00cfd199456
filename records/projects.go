package records

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

const defaultProject = "default"

// projectRow is what is read of a project.
type projectRow struct {
	Name   string
	Config map[string]string
	// Pools are those of which the project uses a volume. That it uses them
	// is said by every volume, so the rest of what it uses is not kept.
	Pools []string
}

// readProject reads a project piece by piece, as a pool is read.
func readProject(p *puller) projectRow {
	var row projectRow
	if p.stream.Next() != '{' {
		p.nothing()
		return row
	}
	p.stream.Members(func(key string) {
		switch key {
		case "name":
			row.Name = p.text()
		case "config":
			row.Config = whole((*pulled).settings)(p)
		case "used_by":
			if row.Pools = nil; p.stream.Next() != '[' {
				p.nothing()
				return
			}
			last := "" // how the path of a volume of the latest pool begins, as nearly all do
			p.stream.Elements(func() {
				user := p.textUnless(last)
				if pool, ok := poolOf(user); ok && !slices.Contains(row.Pools, pool) {
					row.Pools = append(row.Pools, pool)
					if begins := "/1.0/storage-pools/" + pool + "/"; strings.HasPrefix(user, begins) {
						last = begins
					}
				}
			})
		default:
			p.skip()
		}
	})
	return row
}

// poolOf is the pool whose volume an API path stands for.
func poolOf(user string) (string, bool) {
	below, ok := strings.CutPrefix(user, "/")
	if !ok {
		return "", false
	}
	_, below, _ = strings.Cut(below, "/")
	below, ok = strings.CutPrefix(below, "storage-pools/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(below, "/")
	pool, err := url.PathUnescape(name)
	return pool, err == nil
}

func (r *Reader) projects(ctx context.Context) reply[[]projectRow] {
	return getRows(ctx, r, "/1.0/projects?recursion=1", 0, readProject)
}

// projectDoubts says when not all projects are known. Project default can't be
// deleted, so a list without it is not whole.
func (a *answers) projectDoubts(d *doubts) {
	if a.projects.err != nil {
		d.add("the projects are not known: %v", a.projects.err)
		d.advise(Hint(a.projects.err))
	} else if _, shown := a.project[defaultProject]; !shown {
		d.add("LXD does not list project default, so it does not list all projects")
		d.advise(Hint(errForbidden))
	}
}

// on are the spellings of true in LXD's configuration.
var on = map[string]bool{"1": true, "true": true, "yes": true, "on": true}

// volumeProject says which project holds the custom volumes that instances of
// a project use: its own when it has the feature features.storage.volumes,
// else project default. False when the project is not shown to us.
func (a *answers) volumeProject(name string) (string, bool) {
	if name == defaultProject {
		return defaultProject, true
	}
	row, found := a.project[name]
	switch {
	case !found || row.Config == nil:
		return "", false
	case on[strings.ToLower(row.Config["features.storage.volumes"])]:
		return name, true
	default:
		return defaultProject, true
	}
}

// poolsInUse are the pools whose volumes projects count as theirs.
func (a *answers) poolsInUse() []string {
	var pools []string
	for _, row := range a.projects.value {
		pools = append(pools, row.Pools...)
	}
	slices.Sort(pools)
	return slices.Compact(pools)
}

// hiddenPools are the pools that LXD leaves out of the list because project
// default, for which we ask, has a limit of 0 for them.
func (a *answers) hiddenPools() []string {
	var hidden []string
	for key, value := range a.project[defaultProject].Config {
		if pool, ok := strings.CutPrefix(key, "limits.disk.pool."); ok && value == "0" {
			hidden = append(hidden, pool)
		}
	}
	slices.Sort(hidden)
	return hidden
}
