package array

import (
	"slices"
)

func connectionColumns() []column[*connection] {
	return slices.Concat(
		[]column[*connection]{
			{path: "host.name", get: func(_ *call, r *connection) value {
				if r.host == nil {
					return nothing()
				}
				return str(r.host.name)
			}},
			{path: "lun", get: func(_ *call, r *connection) value { return number(int64(r.lun)) }},
			{path: "nsid", since: 27, get: func(_ *call, r *connection) value {
				if r.host == nil || len(r.host.nqns) == 0 {
					return nothing()
				}
				return number(r.volume.nsid)
			}},
			{path: "volume.name", get: func(_ *call, r *connection) value { return str(r.volume.name) }},
			{path: "volume.id", get: func(_ *call, r *connection) value { return str(r.volume.id) }},
			{path: "host_group.name", get: func(_ *call, r *connection) value { return r.group.label() }},
		},
		reference("protocol_endpoint", func(*connection) (string, string) { return "", "" }),
		answering[*connection](),
	)
}

func connectionsResource() *resource[*connection] {
	return &resource[*connection]{
		path: "/connections", columns: connectionColumns(),
		rows:   func(c *call) []*connection { return c.state.connections.rows },
		more:   []string{"volume_names", "volume_ids", "host_names", "host_group_names", "protocol_endpoint_names", "protocol_endpoint_ids"},
		narrow: narrowConnections,
	}
}

// narrowConnections lists the rows of the named volumes, hosts and groups;
// several parameters must all hold.
func narrowConnections(c *call) (rows []*connection, handled bool, err error) {
	if c.query.Has("protocol_endpoint_names") || c.query.Has("protocol_endpoint_ids") {
		return nil, false, refuse(unsupported, "protocol_endpoint")
	}
	narrow := func(found []*connection) {
		if handled {
			found = slices.DeleteFunc(slices.Clone(found), func(r *connection) bool { return !slices.Contains(rows, r) })
		}
		rows, handled = found, true
	}
	if c.query.Has("volume_names") || c.query.Has("volume_ids") {
		var found []*connection
		err = apply(c, "volume_names", "volume_ids", c.state.volume, c.state.volumeByID, func(v *volume) error {
			found = append(found, v.connections...)
			return nil
		})
		narrow(found)
	}
	if err == nil && c.query.Has("host_names") {
		var found []*connection
		err = apply(c, "host_names", "", c.state.host, nil, func(h *host) error {
			found = append(found, h.connections...)
			return nil
		})
		narrow(found)
	}
	if err == nil && c.query.Has("host_group_names") {
		var found []*connection
		err = apply(c, "host_group_names", "", c.state.group, nil, func(g *group) error {
			for _, e := range g.shared {
				for _, r := range e.volume.connections {
					if r.group == g {
						found = append(found, r)
					}
				}
			}
			return nil
		})
		narrow(found)
	}
	return rows, handled, err
}

func connectionsEndpoint() endpoint {
	parameters := []string{"volume_names", "volume_ids", "host_names", "host_group_names", "context_names@38"}
	return endpoint{
		"GET":    connectionsResource().operation(),
		"POST":   {parameters: parameters, run: postConnections},
		"DELETE": {parameters: parameters, run: deleteConnections},
	}
}

// ends checks the parameters of a change: volumes, and hosts or groups, and
// only one of them with several names.
func ends(c *call) (groups bool, err error) {
	byName, _ := c.list("volume_names")
	byID, _ := c.list("volume_ids")
	hosts, _ := c.list("host_names")
	named, groups := c.list("host_group_names")
	if groups && len(hosts) > 0 || len(byName)+len(byID) > 1 && len(hosts)+len(named) > 1 {
		return false, refuseAll(badCombination)
	}
	return groups, nil
}

func postConnections(c *call) ([]byte, error) {
	groups, err := ends(c)
	if err != nil {
		return nil, err
	}
	var lun int
	if given, err := c.attribute("lun", &lun); err != nil {
		return nil, err
	} else if given && (lun < 1 || lun > maxLUN) {
		return nil, refuse(badParameter, "lun")
	}
	var made []*connection
	s := c.state
	err = apply(c, "volume_names", "volume_ids", s.volume, s.volumeByID, func(v *volume) error {
		if groups {
			return apply(c, "host_group_names", "", s.group, nil, func(g *group) error {
				rows, err := s.connectGroup(v, g, lun)
				made = append(made, rows...)
				return err
			})
		}
		return apply(c, "host_names", "", s.host, nil, func(h *host) error {
			row, err := s.connectHost(v, h, lun)
			if err == nil {
				made = append(made, row)
			}
			return err
		})
	})
	return items(c, connectionColumns(), made), err
}

func deleteConnections(c *call) ([]byte, error) {
	groups, err := ends(c)
	if err != nil {
		return nil, err
	}
	s := c.state
	return nil, apply(c, "volume_names", "volume_ids", s.volume, s.volumeByID, func(v *volume) error {
		if groups {
			return apply(c, "host_group_names", "", s.group, nil, func(g *group) error { return s.disconnectGroup(v, g) })
		}
		return apply(c, "host_names", "", s.host, nil, func(h *host) error { return s.disconnectHost(v, h) })
	})
}
