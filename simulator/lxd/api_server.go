package lxd

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/canonical/lxd/shared/api"
)

// recordedServer is what a real LXD 6.9 answered to GET /1.0: its API
// extensions in the order in which they came to be, and its environment.
//
//go:embed data/server.json
var recordedServer []byte

// recorded is that answer, read once: every look asks for it.
var recorded = sync.OnceValues(func() (server api.Server, err error) {
	err = json.Unmarshal(recordedServer, &server)
	return server, err
})

func (b behaviour) extensions(all []string) []string {
	if b.lastExtension != "" {
		all = all[:slices.Index(all, b.lastExtension)+1]
	}
	return slices.Clone(all)
}

// serverInfo is GET /1.0, of the member that is asked for.
func (q asked) serverInfo() (any, error) {
	m := q.at
	if q.target != "" {
		var err error
		if m, err = q.onLocked(q.target); err != nil {
			return nil, notFound("Cluster member")
		}
		if !m.up {
			return nil, &problem{http.StatusServiceUnavailable, fmt.Sprintf("Failed connecting to %q: no route to host", m.Name)}
		}
	}
	server, err := recorded()
	if err != nil {
		return nil, err
	}
	server.APIExtensions = slices.DeleteFunc(q.behaviour.extensions(server.APIExtensions), func(e string) bool {
		return q.faults.names(HideExtension, e)
	})
	server.Config = nil
	if q.faults.find(NotAdmin) == nil {
		server.Config = map[string]any{"volatile.uuid": q.uuid}
	}
	e := &server.Environment
	e.ServerPid = 0 // a real machine has no process of ours
	if machine, ok := m.Host.(processes); ok {
		e.ServerPid = machine.LXDPID()
	}
	e.Project, e.ServerName, e.ServerVersion = q.project, m.Name, q.version
	e.ServerClustered = q.clustered
	e.InstanceTypes = []string{"container", "virtual-machine"}
	return server, nil
}

func (s *Server) clusterMember(m *Member) api.ClusterMember {
	return api.ClusterMember{
		ServerName: m.Name, URL: "https://" + m.Name + ":8443", Database: true,
		Status: m.status, Message: m.message, Architecture: "x86_64",
		Roles: []string{"database"}, FailureDomain: "default", Config: map[string]string{}, Groups: []string{"default"},
	}
}

func (q asked) cluster([]string) (any, error) {
	if !q.clustered {
		return nil, worded("Server is not clustered")
	}
	return objects(q.members, q.clusterMember), nil
}

// objects is what LXD answers for many: all but volumes are asked for with
// recursion=1.
func objects[T, U any](all []T, object func(T) U) []U {
	shown := []U{}
	for _, one := range all {
		shown = append(shown, object(one))
	}
	return shown
}

// sees reports whether the caller asks for, and may view, a project's things.
func (q asked) sees(project string) bool {
	return (q.all || project == q.project) && !q.faults.names(HideProject, project)
}

func (q asked) projects([]string) (any, error) {
	object := func(p Project) api.Project {
		return api.Project{Name: p.Name, Description: p.Description, Config: p.Config, UsedBy: q.usersOf(p.Name)}
	}
	all := slices.SortedFunc(maps.Values(q.db.projects), func(a, b Project) int { return strings.Compare(a.Name, b.Name) })
	all = slices.DeleteFunc(all, func(p Project) bool { return q.faults.names(HideProject, p.Name) })
	return objects(all, object), nil
}

func (q asked) usersOf(project string) []string {
	used := []string{}
	for _, v := range sortedVolumes(q.db.volumes) {
		if v.Project == project {
			used = append(used, entity(v.key()))
		}
	}
	for _, i := range q.db.sortedInstances() {
		if i.Project == project {
			used = append(used, i.entity())
		}
	}
	return used
}

func (q asked) operationObject(o *operation) api.Operation {
	op := api.Operation{
		ID: o.id, Class: o.class, Description: o.description, CreatedAt: o.created, UpdatedAt: o.updated,
		Status: o.status.String(), StatusCode: o.status, Resources: map[string][]string{}, Metadata: map[string]any{},
		Err: o.err, Location: q.location(o.location),
	}
	if o.entity != "" && q.behaviour.keptOperations {
		op.Metadata["entity_url"] = o.entity
	}
	return op
}

func (q asked) operationList([]string) (any, error) {
	byStatus := map[string][]api.Operation{}
	for _, o := range q.listedLocked() {
		if q.sees(o.project) {
			status := strings.ToLower(o.status.String())
			byStatus[status] = append(byStatus[status], q.operationObject(o))
		}
	}
	return byStatus, nil
}
