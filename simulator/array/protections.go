package array

import "slices"

func protectionColumns() []column[*protection] {
	g := func(path string, get func(*protection) value) column[*protection] {
		return column[*protection]{path: path, get: func(_ *call, row *protection) value { return get(row) }}
	}
	fixed := func(v value) func(*protection) value { return func(*protection) value { return v } }
	return slices.Concat(
		[]column[*protection]{
			{path: "id", since: 26, get: func(_ *call, g *protection) value { return name(g.id) }},
			g("name", func(g *protection) value { return name(g.name) }),
			g("destroyed", func(g *protection) value { return truth(g.destroyed) }),
			{path: "time_remaining", get: func(c *call, g *protection) value { return g.remaining(c.now) }},
			g("is_local", fixed(truth(true))),
		},
		reference("pod", func(g *protection) (string, string) { return g.pod.reference() }),
		[]column[*protection]{
			{path: "source.name", get: func(c *call, g *protection) value { return g.home(c, true) }},
			{path: "source.id", get: func(c *call, g *protection) value { return g.home(c, false) }},
			g("host_count", fixed(number(0))),
			g("host_group_count", fixed(number(0))),
			g("target_count", fixed(number(0))),
			g("volume_count", func(g *protection) value { return number(int64(len(g.members))) }),
			g("retention_lock", func(g *protection) value {
				if g.ratchet {
					return str("ratcheted")
				}
				return str("unlocked")
			}),
			g("eradication_config.manual_eradication", func(g *protection) value {
				if g.ratchet {
					return str("disabled")
				}
				return str("enabled")
			}),
			g("snapshot_schedule.at", fixed(nothing())),
			g("snapshot_schedule.enabled", fixed(truth(false))),
			g("snapshot_schedule.frequency", fixed(number(3600000))),
			g("replication_schedule.at", fixed(nothing())),
			g("replication_schedule.blackout.end", fixed(nothing())),
			g("replication_schedule.blackout.start", fixed(nothing())),
			g("replication_schedule.enabled", fixed(truth(false))),
			g("replication_schedule.frequency", fixed(number(14400000))),
			g("source_retention.all_for_sec", fixed(number(86400))),
			g("source_retention.days", fixed(number(7))),
			g("source_retention.per_day", fixed(number(4))),
			g("target_retention.all_for_sec", fixed(number(86400))),
			g("target_retention.days", fixed(number(7))),
			g("target_retention.per_day", fixed(number(4))),
		},
		spaceColumns(plainSpace, func(c *call, g *protection) space {
			return memo(c, g, func() (sum space) {
				for _, m := range g.members {
					sum = sum.plus(m.volume.space())
				}
				return sum
			})
		}),
		answering[*protection](),
	)
}

// home is the pod or the array on which the group was made.
func (g *protection) home(c *call, wantName bool) value {
	n, id := c.array.options.Name, c.array.options.ID
	if g.pod != nil {
		n, id = g.pod.name, g.pod.id
	}
	if wantName {
		return name(n)
	}
	return name(id)
}

func (s *state) protectionByID(id string) (*protection, error) {
	for _, g := range s.protections.rows {
		if g.id == key(id) {
			return g, nil
		}
	}
	return nil, refuse(noProtection, id)
}

func protectionsResource() *resource[*protection] {
	return &resource[*protection]{
		path: "/protection-groups", columns: protectionColumns(),
		rows:      func(c *call) []*protection { return c.state.protections.rows },
		named:     func(c *call, n string) (*protection, error) { return c.state.protection(n) },
		destroyed: func(g *protection) bool { return g.destroyed },
		more:      []string{"ids@26"},
		narrow: func(c *call) ([]*protection, bool, error) {
			ids, given := c.list("ids")
			var rows []*protection
			for _, id := range ids {
				g, err := c.state.protectionByID(id)
				if err != nil {
					return nil, false, err
				}
				rows = append(rows, g)
			}
			return rows, given, nil
		},
		total: func(_ *call, rows []*protection) []*protection {
			sum := &protection{}
			for _, g := range rows {
				sum.members = append(sum.members, g.members...)
			}
			return []*protection{sum}
		},
	}
}

func protectionsEndpoint() endpoint {
	names := []string{"names", "context_names@38"}
	return endpoint{
		"GET": protectionsResource().operation(),
		"POST": {parameters: names, run: func(c *call) ([]byte, error) {
			var made []*protection
			err := apply(c, "names", "", itself, nil, func(n string) error {
				g, err := c.state.createProtection(n)
				made = append(made, g)
				return err
			})
			if err != nil {
				return nil, err
			}
			return items(c, protectionColumns(), made), nil
		}},
		"PATCH": {parameters: names, run: patchProtections},
		"DELETE": {parameters: names, run: func(c *call) ([]byte, error) {
			return nil, apply(c, "names", "", c.state.protection, nil, c.state.eradicateProtection)
		}},
	}
}

func patchProtections(c *call) ([]byte, error) {
	given := c.attributes("destroyed", "name", "retention_lock")
	switch len(given) {
	case 0:
		return c.unchanged()
	case 1:
	default:
		return nil, refuseAll(badCombination)
	}
	var destroyed bool
	if _, err := c.attribute("destroyed", &destroyed); err != nil {
		return nil, err
	}
	var to, lock string
	if _, err := c.attribute("name", &to); err != nil {
		return nil, err
	}
	if _, err := c.attribute("retention_lock", &lock); err != nil {
		return nil, err
	}
	var changed []*protection
	err := apply(c, "names", "", c.state.protection, nil, func(g *protection) error {
		changed = append(changed, g)
		switch {
		case given[0] == "name":
			return c.state.renameProtection(g, to)
		case given[0] == "retention_lock":
			// Only the vendor's support takes the lock off again.
			if lock != "ratcheted" && (lock != "unlocked" || g.ratchet) {
				return refuse(protectionLocked, g.name)
			}
			g.ratchet = lock == "ratcheted"
			return nil
		case destroyed:
			return c.state.destroyProtection(c.now, g)
		default:
			return c.state.recoverProtection(g)
		}
	})
	return items(c, protectionColumns(), changed), err
}

// membersEndpoint serves /volumes/protection-groups and
// /protection-groups/volumes: a row for each volume in each group.
func membersEndpoint(path string) endpoint {
	columns := slices.Concat([]column[*membership]{
		{path: "group.name", get: func(_ *call, m *membership) value { return str(m.group.name) }},
		{path: "group.id", since: 26, get: func(_ *call, m *membership) value { return str(m.group.id) }},
		{path: "member.name", get: func(_ *call, m *membership) value { return str(m.volume.name) }},
		{path: "member.id", get: func(_ *call, m *membership) value { return str(m.volume.id) }},
		{path: "member.destroyed", get: func(_ *call, m *membership) value { return truth(m.volume.destroyed) }},
	}, answering[*membership]())
	parameters := []string{"group_names", "member_names", "member_ids", "context_names@38"}
	list := &resource[*membership]{
		path: path, columns: columns, more: append(parameters[:3:3], "member_destroyed"),
		rows:   func(c *call) []*membership { return c.state.memberships.rows },
		narrow: narrowMembers,
	}
	return endpoint{
		"GET": list.operation(),
		"POST": {parameters: parameters, run: func(c *call) ([]byte, error) {
			var made []*membership
			err := eachMember(c, func(g *protection, v *volume) error {
				m, err := c.state.joinProtection(g, v)
				made = append(made, m)
				return err
			})
			if err != nil {
				return nil, err
			}
			return items(c, columns, made), nil
		}},
		"DELETE": {parameters: parameters, run: func(c *call) ([]byte, error) {
			return nil, eachMember(c, c.state.leaveProtection)
		}},
	}
}

func eachMember(c *call, do func(*protection, *volume) error) error {
	return apply(c, "group_names", "", c.state.protection, nil, func(g *protection) error {
		return apply(c, "member_names", "member_ids", c.state.volume, c.state.volumeByID, func(v *volume) error { return do(g, v) })
	})
}

func narrowMembers(c *call) (rows []*membership, handled bool, err error) {
	destroyed, byState, err := c.flag("member_destroyed")
	if err != nil {
		return nil, false, err
	}
	byGroup := c.query.Has("group_names")
	byMember := c.query.Has("member_names") || c.query.Has("member_ids")
	if !byState && !byGroup && !byMember {
		return nil, false, nil
	}
	rows = c.state.memberships.rows
	groups, volumes := map[*protection]bool{}, map[*volume]bool{}
	if byGroup {
		if err := apply(c, "group_names", "", c.state.protection, nil, func(g *protection) error { groups[g] = true; return nil }); err != nil {
			return nil, false, err
		}
	}
	if byMember {
		if err := apply(c, "member_names", "member_ids", c.state.volume, c.state.volumeByID, func(v *volume) error { volumes[v] = true; return nil }); err != nil {
			return nil, false, err
		}
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(m *membership) bool {
		return byGroup && !groups[m.group] || byMember && !volumes[m.volume] || byState && m.volume.destroyed != destroyed
	})
	return rows, true, nil
}

// defaultRow is one container: the local array (no pod) or a pod.
type defaultRow struct {
	rank
	pod   *pod
	names []string
}

func defaultRows(s *state) []*defaultRow {
	rows := []*defaultRow{{rank: 1, names: s.defaults}}
	for _, p := range s.pods.rows {
		// The array itself comes first, so pods stand one rank higher.
		rows = append(rows, &defaultRow{p.rank + 1, p, p.defaults})
	}
	return rows
}

func defaultsEndpoint() endpoint {
	columns := slices.Concat(
		reference("", func(r *defaultRow) (string, string) { return r.pod.reference() }),
		[]column[*defaultRow]{
			{path: "type", get: func(_ *call, r *defaultRow) value {
				if r.pod == nil {
					return nothing()
				}
				return str("pod")
			}},
			{path: "default_protections", get: func(_ *call, r *defaultRow) value {
				var all []value
				for _, n := range r.names {
					all = append(all, objectOf(member{"name", str(n)}, member{"type", str("protection_group")}))
				}
				return listOf(all...)
			}},
		},
		answering[*defaultRow](),
	)
	columns[0].path, columns[1].path = "name", "id"
	find := func(by func(*state, string) (*pod, error)) func(*call, string) (*defaultRow, error) {
		return func(c *call, n string) (*defaultRow, error) {
			p, err := by(c.state, n)
			if err != nil {
				return nil, err
			}
			return &defaultRow{p.rank + 1, p, p.defaults}, nil
		}
	}
	list := &resource[*defaultRow]{
		path: "/container-default-protections", columns: columns,
		rows:       func(c *call) []*defaultRow { return defaultRows(c.state) },
		named:      find((*state).pod),
		identified: find((*state).podByID),
		local:      func(c *call) []*defaultRow { return defaultRows(c.state)[:1] },
		destroyed:  func(r *defaultRow) bool { return r.pod != nil && r.pod.destroyed },
	}
	return endpoint{
		"GET": list.operation(),
		"PATCH": {parameters: []string{"names", "ids", "context_names@38"}, run: func(c *call) ([]byte, error) {
			return patchDefaults(c, columns)
		}},
	}
}

func patchDefaults(c *call, columns []column[*defaultRow]) ([]byte, error) {
	var to []ref
	given, err := c.attribute("default_protections", &to)
	if err != nil {
		return nil, err
	}
	if !given {
		return c.unchanged()
	}
	names := []string{}
	for _, r := range to {
		g, err := c.state.protection(r.Name)
		if err != nil {
			return nil, err
		}
		names = append(names, g.name)
	}
	if !c.query.Has("names") && !c.query.Has("ids") {
		return nil, refuse(missingParameter, "names")
	}
	_, byName := c.list("names")
	_, byID := c.list("ids")
	if !byName && !byID {
		c.state.defaults = names
		return items(c, columns, []*defaultRow{{names: names}}), nil
	}
	var changed []*defaultRow
	err = apply(c, "names", "ids", c.state.pod, c.state.podByID, func(p *pod) error {
		p.defaults = names
		changed = append(changed, &defaultRow{p.rank + 1, p, names})
		return nil
	})
	return items(c, columns, changed), err
}
