package array

import (
	"net/http"
	"slices"
)

func protectionColumns() []column[*protection] {
	return slices.Concat(
		[]column[*protection]{
			{path: "id", since: 26, get: func(_ *call, g *protection) value { return name(g.id) }},
			col("name", func(g *protection) value { return name(g.name) }),
			col("destroyed", func(g *protection) value { return truth(g.destroyed) }),
			{path: "time_remaining", get: func(c *call, g *protection) value { return g.remaining(c.now) }},
			fixed[*protection]("is_local", truth(true)),
		},
		reference("pod", func(g *protection) (string, string) { return g.pod.reference() }),
		[]column[*protection]{
			col("volume_count", func(g *protection) value { return number(int64(len(g.members))) }),
		},
	)
}

func protectionsEndpoint() endpoint {
	r := &resource[*protection]{
		path: "/protection-groups", columns: protectionColumns(), total: true,
		rows: func(c *call) []*protection { return c.state.protections.rows },
		by:   map[string]func(*call, string) ([]*protection, error){"names": single((*state).protection)},
	}
	m := mortal[*protection]{
		columns: protectionColumns, find: (*state).protection, destroy: (*state).destroyProtection,
		recover: func(*state, *protection) error { return refuseAll(unsupported) }, eradicate: (*state).eradicateProtection,
	}
	return endpoint{http.MethodGet: r.operation(), http.MethodPatch: m.patch(), http.MethodDelete: m.remove()}
}

// membersEndpoint lists a row for each volume in each protection group.
func membersEndpoint() endpoint {
	r := &resource[*membership]{
		path: "/volumes/protection-groups",
		rows: func(c *call) []*membership { return c.state.memberships.rows },
		by: map[string]func(*call, string) ([]*membership, error){
			"member_ids": rowsOf((*state).volumeByID, func(v *volume) []*membership { return v.memberships }),
		},
	}
	r.columns = []column[*membership]{
		col("group.name", func(m *membership) value { return str(m.group.name) }),
		{path: "group.id", since: 26, get: func(_ *call, m *membership) value { return str(m.group.id) }},
		col("member.name", func(m *membership) value { return str(m.volume.name) }),
		col("member.id", func(m *membership) value { return str(m.volume.id) }),
		col("member.destroyed", func(m *membership) value { return truth(m.volume.destroyed) }),
	}
	return r.only()
}

// defaultsEndpoint serves the default protections of pods. The array's own are
// no row here.
func defaultsEndpoint() endpoint {
	columns := []column[*pod]{
		col("name", func(p *pod) value { return name(p.name) }),
		col("id", func(p *pod) value { return name(p.id) }),
		fixed[*pod]("type", str("pod")),
		col("default_protections", func(p *pod) value {
			if p.auto == "" {
				return listOf()
			}
			return listOf(objectOf(member{"name", str(p.auto)}, member{"type", str("protection_group")}))
		}),
	}
	r := &resource[*pod]{
		path: "/container-default-protections", columns: columns,
		rows: func(c *call) []*pod { return c.state.pods.rows },
		by:   map[string]func(*call, string) ([]*pod, error){"names": single((*state).pod)},
	}
	return endpoint{
		http.MethodGet: r.operation(),
		// LXD takes all away, and nobody here sets others.
		http.MethodPatch: {parameters: []string{"names"}, run: func(c *call) ([]byte, error) {
			p, err := the(c, "names", (*state).pod)
			if err == nil {
				p.auto = ""
			}
			return item(c, columns, p, err)
		}},
	}
}
