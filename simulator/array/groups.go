package array

import "slices"

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
