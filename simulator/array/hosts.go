package array

import (
	"slices"
)

func hostColumns() []column[*host] {
	h := func(path string, get func(*host) value) column[*host] {
		return column[*host]{path: path, get: func(_ *call, row *host) value { return get(row) }}
	}
	chap := func(i int) func(*host) value {
		return func(h *host) value {
			if i%2 == 1 && h.chap[i] != "" {
				return str("****")
			}
			return name(h.chap[i])
		}
	}
	return slices.Concat(
		[]column[*host]{
			h("is_local", func(h *host) value { return truth(!h.remote()) }),
			h("name", func(h *host) value { return name(h.name) }),
		},
		spaceColumns(plainSpace, func(c *call, h *host) space {
			return memo(c, h, func() space { return spaceOf(h.connections) })
		}),
		[]column[*host]{
			h("host_group.name", func(h *host) value { return h.group.label() }),
			h("personality", func(h *host) value { return name(h.personality) }),
			h("preferred_arrays", func(h *host) value { return arrayRefs(h.preferred) }),
			h("iqns", func(h *host) value { return strs(h.iqns) }),
			h("nqns", func(h *host) value { return strs(h.nqns) }),
			h("wwns", func(h *host) value { return strs(h.wwns) }),
			h("connection_count", func(h *host) value { return number(int64(len(h.connections))) }),
			h("vlan", func(h *host) value { return name(h.vlan) }),
			h("chap.host_user", chap(0)),
			h("chap.host_password", chap(1)),
			h("chap.target_user", chap(2)),
			h("chap.target_password", chap(3)),
			{path: "port_connectivity.status", get: func(c *call, h *host) value { s, _ := h.connectivity(c); return str(s) }},
			{path: "port_connectivity.details", get: func(c *call, h *host) value { _, d := h.connectivity(c); return str(d) }},
			{path: "destroyed", since: 36, get: func(*call, *host) value { return truth(false) }},
			{path: "time_remaining", since: 36, get: func(*call, *host) value { return nothing() }},
			{path: "qos.bandwidth_limit", since: 50, get: func(*call, *host) value { return nothing() }},
			{path: "qos.iops_limit", since: 50, get: func(*call, *host) value { return nothing() }},
		},
		answering[*host](),
	)
}

func (g *group) label() value {
	if g == nil {
		return nothing()
	}
	return str(g.name)
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

func hostsResource() *resource[*host] {
	return &resource[*host]{
		path: "/hosts", columns: hostColumns(),
		rows:  func(c *call) []*host { return c.state.hosts.rows },
		named: func(c *call, n string) (*host, error) { return c.state.host(n) },
		more:  []string{"destroyed@36"},
		narrow: func(c *call) ([]*host, bool, error) {
			// None of the hosts here is ever destroyed.
			destroyed, _, err := c.flag("destroyed")
			return nil, destroyed, err
		},
	}
}

func hostsEndpoint() endpoint {
	names := []string{"names", "context_names@38"}
	return endpoint{
		"GET":    hostsResource().operation(),
		"POST":   {parameters: names, run: postHosts},
		"PATCH":  {parameters: names, run: patchHosts},
		"DELETE": {parameters: names, run: deleteHosts},
	}
}

// hostBody is what a host can be given besides initiators and a group.
func hostBody(c *call, h *host) error {
	var chap struct {
		HostUser       *string `json:"host_user"`
		HostPassword   *string `json:"host_password"`
		TargetUser     *string `json:"target_user"`
		TargetPassword *string `json:"target_password"`
	}
	if _, err := c.attribute("chap", &chap); err != nil {
		return err
	}
	for i, s := range []*string{chap.HostUser, chap.HostPassword, chap.TargetUser, chap.TargetPassword} {
		if s != nil {
			h.chap[i] = *s
		}
	}
	var preferred []ref
	if given, err := c.attribute("preferred_arrays", &preferred); err != nil {
		return err
	} else if given {
		h.preferred = nil
		for _, p := range preferred {
			h.preferred = append(h.preferred, PodArray{Name: p.Name, ID: p.ID})
		}
	}
	if _, err := c.attribute("personality", &h.personality); err != nil {
		return err
	}
	_, err := c.attribute("vlan", &h.vlan)
	return err
}

func postHosts(c *call) ([]byte, error) {
	var in initiators
	for attribute, into := range map[string]*[]string{"iqns": &in.iqns, "nqns": &in.nqns, "wwns": &in.wwns} {
		if _, err := c.attribute(attribute, into); err != nil {
			return nil, err
		}
	}
	var probe host // so that a bad body makes no host
	if err := hostBody(c, &probe); err != nil {
		return nil, err
	}
	var made []*host
	err := apply(c, "names", "", itself, nil, func(n string) error {
		h, err := c.state.createHost(n, in, false)
		if err != nil {
			return err
		}
		made = append(made, h)
		return hostBody(c, h)
	})
	return items(c, hostColumns(), made), err
}

func patchHosts(c *call) ([]byte, error) {
	replace := c.attributes("iqns", "nqns", "wwns")
	modify := c.attributes("add_iqns", "add_nqns", "add_wwns", "remove_iqns", "remove_nqns", "remove_wwns")
	other := c.attributes("chap", "personality", "preferred_arrays", "vlan")
	group, rename := c.attributes("host_group"), c.attributes("name")
	switch {
	case len(replace)+len(modify)+len(other)+len(group)+len(rename) == 0:
		return c.unchanged()
	case len(replace) > 0 && len(modify) > 0:
		return nil, refuseAll(badCombination)
	}
	var to ref
	if _, err := c.attribute("host_group", &to); err != nil {
		return nil, err
	}
	var newName string
	if _, err := c.attribute("name", &newName); err != nil {
		return nil, err
	}
	var probe host
	if err := hostBody(c, &probe); err != nil {
		return nil, err
	}
	var changed []*host
	err := apply(c, "names", "", c.state.host, nil, func(h *host) error {
		if h.remote() {
			return refuse(remoteHost, h.name)
		}
		in, err := patchedInitiators(c, h)
		if err != nil {
			return err
		}
		if err := c.state.checkInitiators(h, in); err != nil {
			return err
		}
		if len(group) > 0 {
			if err := c.state.assign(h, to.Name); err != nil {
				return err
			}
		}
		if len(rename) > 0 {
			if err := c.state.renameHost(h, newName); err != nil {
				return err
			}
		}
		c.state.setInitiators(h, in)
		changed = append(changed, h)
		return hostBody(c, h)
	})
	return items(c, hostColumns(), changed), err
}

// assign puts a host into the group of a name, or out of any with none.
func (s *state) assign(h *host, name string) error {
	if name == "" {
		if h.group == nil {
			return nil
		}
		return s.leaveGroup(h)
	}
	g, err := s.group(name)
	if err != nil {
		return err
	}
	return s.joinGroup(h, g)
}

// patchedInitiators are a host's after replacing, adding and removing.
func patchedInitiators(c *call, h *host) (initiators, error) {
	var in initiators
	for _, part := range []struct {
		kind string
		has  []string
		into *[]string
	}{{"iqns", h.iqns, &in.iqns}, {"nqns", h.nqns, &in.nqns}, {"wwns", h.wwns, &in.wwns}} {
		*part.into = slices.Clone(part.has)
		if _, err := c.attribute(part.kind, part.into); err != nil {
			return in, err
		}
		var added, removed []string
		if _, err := c.attribute("add_"+part.kind, &added); err != nil {
			return in, err
		}
		if _, err := c.attribute("remove_"+part.kind, &removed); err != nil {
			return in, err
		}
		*part.into = slices.DeleteFunc(append(*part.into, added...), func(n string) bool {
			return slices.ContainsFunc(removed, func(r string) bool { return initiatorKey(r) == initiatorKey(n) })
		})
	}
	return in, nil
}

func deleteHosts(c *call) ([]byte, error) {
	return nil, apply(c, "names", "", c.state.host, nil, c.state.deleteHost)
}
