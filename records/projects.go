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
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	UsedBy []string          `json:"used_by"`
}

func (r *Reader) projects(ctx context.Context) reply[[]projectRow] {
	return get[[]projectRow](ctx, r, "/1.0/projects?recursion=1")
}

// projectDoubts says when not all projects are known. Project default can't be
// deleted, so a list without it is not whole.
func (a *answers) projectDoubts(d *doubts) {
	if a.projects.err != nil {
		d.add("the projects are not known: %v", a.projects.err)
		d.advise(Hint(a.projects.err))
	} else if _, shown := a.project[defaultProject]; !shown {
		d.add("LXD does not list project default, so it does not list all projects")
		d.advise(Hint(ErrForbidden))
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
		for _, user := range row.UsedBy {
			parts := strings.Split(user, "/")
			if len(parts) < 4 || parts[2] != "storage-pools" {
				continue
			}
			if pool, err := url.PathUnescape(parts[3]); err == nil {
				pools = append(pools, pool)
			}
		}
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
