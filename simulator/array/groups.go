package array

import "slices"

func groupColumns() []column[*group] {
	return slices.Concat(
		[]column[*group]{
			{path: "name", get: func(_ *call, g *group) value { return name(g.name) }},
			{path: "is_local", get: func(*call, *group) value { return truth(true) }},
			{path: "host_count", get: func(_ *call, g *group) value { return number(int64(len(g.hosts))) }},
			{path: "connection_count", get: func(_ *call, g *group) value { return number(int64(len(g.shared))) }},
			{path: "destroyed", since: 36, get: func(*call, *group) value { return truth(false) }},
			{path: "time_remaining", since: 36, get: func(*call, *group) value { return nothing() }},
		},
		spaceColumns(plainSpace, func(c *call, g *group) space {
			return memo(c, g, func() (sum space) {
				for _, e := range g.shared {
					sum = sum.plus(e.volume.space())
				}
				return sum
			})
		}),
		answering[*group](),
	)
}

func groupsResource() *resource[*group] {
	return &resource[*group]{
		path: "/host-groups", columns: groupColumns(),
		rows:  func(c *call) []*group { return c.state.groups.rows },
		named: func(c *call, n string) (*group, error) { return c.state.group(n) },
		more:  []string{"destroyed@36"},
		narrow: func(c *call) ([]*group, bool, error) {
			destroyed, _, err := c.flag("destroyed")
			return nil, destroyed, err
		},
	}
}

func groupsEndpoint() endpoint {
	names := []string{"names", "context_names@38"}
	return endpoint{
		"GET": groupsResource().operation(),
		"POST": {parameters: names, run: func(c *call) ([]byte, error) {
			var made []*group
			err := apply(c, "names", "", itself, nil, func(n string) error {
				g, err := c.state.createGroup(n)
				made = append(made, g)
				return err
			})
			if err != nil {
				return nil, err
			}
			return items(c, groupColumns(), made), nil
		}},
		"PATCH": {parameters: names, run: func(c *call) ([]byte, error) {
			var to string
			given, err := c.attribute("name", &to)
			if err != nil {
				return nil, err
			}
			if !given {
				return c.unchanged()
			}
			var changed []*group
			err = apply(c, "names", "", c.state.group, nil, func(g *group) error {
				changed = append(changed, g)
				return c.state.renameGroup(g, to)
			})
			return items(c, groupColumns(), changed), err
		}},
		"DELETE": {parameters: names, run: func(c *call) ([]byte, error) {
			return nil, apply(c, "names", "", c.state.group, nil, c.state.deleteGroup)
		}},
	}
}

// groupMembersEndpoint serves /host-groups/hosts and /hosts/host-groups: a
// row for each host that is in a group.
func groupMembersEndpoint(path string) endpoint {
	columns := slices.Concat([]column[*host]{
		{path: "group.name", get: func(_ *call, h *host) value { return h.group.label() }},
		{path: "member.name", get: func(_ *call, h *host) value { return name(h.name) }},
	}, answering[*host]())
	both := []string{"group_names", "member_names", "context_names@38"}
	list := &resource[*host]{
		path: path, columns: columns, more: both[:2],
		rows: func(c *call) []*host {
			return slices.DeleteFunc(slices.Clone(c.state.hosts.rows), func(h *host) bool { return h.group == nil })
		},
		narrow: func(c *call) (rows []*host, handled bool, err error) {
			if !c.query.Has("group_names") && !c.query.Has("member_names") {
				return nil, false, nil
			}
			inGroups, inMembers := map[*group]bool{}, map[*host]bool{}
			if c.query.Has("group_names") {
				err = apply(c, "group_names", "", c.state.group, nil, func(g *group) error { inGroups[g] = true; return nil })
			}
			if err == nil && c.query.Has("member_names") {
				err = apply(c, "member_names", "", c.state.host, nil, func(h *host) error { inMembers[h] = true; return nil })
			}
			for _, h := range c.state.hosts.rows {
				if h.group != nil && (!c.query.Has("group_names") || inGroups[h.group]) && (!c.query.Has("member_names") || inMembers[h]) {
					rows = append(rows, h)
				}
			}
			return rows, true, err
		},
	}
	// oneGroup is the group of a change, which names one only.
	oneGroup := func(c *call) (found *group, err error) {
		if names, _ := c.list("group_names"); len(names) > 1 {
			return nil, refuseAll(badCombination)
		}
		return found, apply(c, "group_names", "", c.state.group, nil, func(g *group) error { found = g; return nil })
	}
	return endpoint{
		"GET": list.operation(),
		"POST": {parameters: both, run: func(c *call) ([]byte, error) {
			g, err := oneGroup(c)
			if err != nil {
				return nil, err
			}
			var joined []*host
			err = apply(c, "member_names", "", c.state.host, nil, func(h *host) error {
				joined = append(joined, h)
				return c.state.joinGroup(h, g)
			})
			return items(c, columns, joined), err
		}},
		"DELETE": {parameters: both, run: func(c *call) ([]byte, error) {
			g, err := oneGroup(c)
			if err != nil {
				return nil, err
			}
			return nil, apply(c, "member_names", "", c.state.host, nil, func(h *host) error {
				if h.group != g {
					return refuse(notInGroup, h.name)
				}
				return c.state.leaveGroup(h)
			})
		}},
	}
}
