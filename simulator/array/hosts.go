package array

import (
	"net/http"
	"slices"
)

func hostColumns() []column[*host] {
	return slices.Concat(
		[]column[*host]{
			col("is_local", func(h *host) value { return truth(!h.remote()) }),
			col("name", func(h *host) value { return name(h.name) }),
		},
		spaceColumns(plainSpace, func(c *call, h *host) space {
			return memo(c, h, func() space { return spaceOf(h.connections) })
		}),
		[]column[*host]{
			col("host_group.name", func(h *host) value { return name(h.group.called()) }),
			fixed[*host]("preferred_arrays", listOf()),
			col("iqns", func(h *host) value { return strs(h.iqns) }),
			col("nqns", func(h *host) value { return strs(h.nqns) }),
			col("wwns", func(h *host) value { return strs(h.wwns) }),
			col("connection_count", func(h *host) value { return number(int64(len(h.connections))) }),
			{path: "port_connectivity.status", get: func(c *call, h *host) value { s, _ := h.connectivity(c); return str(s) }},
			{path: "port_connectivity.details", get: func(c *call, h *host) value { _, d := h.connectivity(c); return str(d) }},
			{path: "destroyed", since: 36, get: func(*call, *host) value { return truth(false) }},
			{path: "time_remaining", since: 36, get: func(*call, *host) value { return nothing() }},
		},
		nulls[*host]("personality", "vlan", "chap.host_user", "chap.host_password", "chap.target_user", "chap.target_password"),
	)
}

// called is the group's name; none has none.
func (g *group) called() string {
	if g == nil {
		return ""
	}
	return g.name
}

// connectivity is what was set, or what a host in good health shows.
func (h *host) connectivity(c *call) (status, details string) {
	switch {
	case h.status != "":
		return h.status, h.details
	case len(h.iqns)+len(h.nqns)+len(h.wwns) == 0:
		return "unknown", "Unknown"
	case len(h.nqns) > 0 && !c.array.options.Unverified.NVMeConnectivityKnown:
		return "critical", "None"
	default:
		return "healthy", "Redundant"
	}
}

func spaceOf(rows []*connection) space {
	var sum space
	for _, r := range rows {
		sum = sum.plus(r.volume.space())
	}
	return sum
}

func hostsEndpoint() endpoint {
	r := &resource[*host]{
		path: "/hosts", columns: hostColumns(),
		rows: func(c *call) []*host { return c.state.hosts.rows },
		by:   map[string]func(*call, string) ([]*host, error){"names": single((*state).host)},
	}
	names := []string{"names"}
	return endpoint{
		http.MethodGet:    r.operation(),
		http.MethodPost:   {parameters: names, run: postHosts},
		http.MethodPatch:  {parameters: names, run: patchHosts},
		http.MethodDelete: {parameters: names, run: deleteHosts},
	}
}

// initiators puts those of the body in place of what there is of that kind.
func (c *call) initiators(in *initiators) error {
	for attribute, into := range map[string]*[]string{"iqns": &in.iqns, "nqns": &in.nqns, "wwns": &in.wwns} {
		if _, err := c.attribute(attribute, into); err != nil {
			return err
		}
	}
	return nil
}

func postHosts(c *call) ([]byte, error) {
	var in initiators
	if err := c.initiators(&in); err != nil {
		return nil, err
	}
	n, err := the(c, "names", itself)
	if err != nil {
		return nil, err
	}
	h, err := c.state.createHost(n, in)
	return item(c, hostColumns(), h, err)
}

func patchHosts(c *call) ([]byte, error) {
	if c.body["iqns"] == nil && c.body["nqns"] == nil && c.body["wwns"] == nil {
		return c.unchanged()
	}
	h, err := the(c, "names", (*state).host)
	if err != nil {
		return nil, err
	}
	if h.remote() {
		return nil, refuse(remoteHost, h.name)
	}
	in := initiators{slices.Clone(h.iqns), slices.Clone(h.nqns), slices.Clone(h.wwns)}
	if err := c.initiators(&in); err != nil {
		return nil, err
	}
	return item(c, hostColumns(), h, c.state.changeInitiators(h, in))
}

func deleteHosts(c *call) ([]byte, error) {
	h, err := the(c, "names", (*state).host)
	if err != nil {
		return nil, err
	}
	return nil, c.state.deleteHost(h)
}

func groupsEndpoint() endpoint {
	r := &resource[*group]{path: "/host-groups", rows: func(c *call) []*group { return c.state.groups.rows }}
	r.columns = slices.Concat(
		[]column[*group]{
			col("name", func(g *group) value { return name(g.name) }),
			fixed[*group]("is_local", truth(true)),
			col("host_count", func(g *group) value { return number(int64(len(g.hosts))) }),
			col("connection_count", func(g *group) value { return number(int64(len(g.shared))) }),
			{path: "destroyed", since: 36, get: func(*call, *group) value { return truth(false) }},
			{path: "time_remaining", since: 36, get: func(*call, *group) value { return nothing() }},
		},
		spaceColumns(plainSpace, func(c *call, g *group) space {
			return memo(c, g, func() (sum space) {
				for _, v := range g.shared {
					sum = sum.plus(v.space())
				}
				return sum
			})
		}),
	)
	return r.only()
}
