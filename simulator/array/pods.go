package array

import (
	"net/http"
	"slices"
)

// podRow is a pod with what its volumes add up to.
type podRow struct {
	*pod
	space space
}

func podColumns() []column[*podRow] {
	return slices.Concat(
		[]column[*podRow]{
			col("name", func(p *podRow) value { return name(p.name) }),
			col("id", func(p *podRow) value { return name(p.id) }),
		},
		spaceColumns(replicatedSpace, func(_ *call, p *podRow) space { return p.space }),
		[]column[*podRow]{
			fixed[*podRow]("destroyed", truth(false)),
			col("requested_promotion_state", func(p *podRow) value { return name(p.requested) }),
			col("promotion_status", func(p *podRow) value { return name(p.promoted) }),
			fixed[*podRow]("mediator", str("purestorage")),
			fixed[*podRow]("failover_preferences", listOf()),
			col("arrays", func(p *podRow) value { return podArrays(p.arrays) }),
			col("array_count", func(p *podRow) value { return number(int64(len(p.arrays))) }),
			{path: "eradication_config.manual_eradication", get: func(c *call, _ *podRow) value { return manualEradication(c) }},
			col("link_source_count", func(p *podRow) value { return number(p.linkSources) }),
			col("link_target_count", func(p *podRow) value { return number(p.linkTargets) }),
			col("footprint", func(p *podRow) value { return number(p.space.physical()) }),
		},
		nulls[*podRow]("source.name", "source.id", "mediator_version", "time_remaining", "quota_limit"),
	)
}

func manualEradication(c *call) value {
	if c.state.safeMode {
		return str("all-disabled")
	}
	return str("all-enabled")
}

func podArrays(arrays []PodArray) value {
	var all []value
	for _, a := range arrays {
		all = append(all, objectOf(
			member{"name", name(a.Name)}, member{"id", name(a.ID)}, member{"status", name(a.Status)},
			member{"mediator_status", str("online")}, member{"pre_elected", truth(false)},
			member{"frozen_at", nothing()}, member{"progress", nothing()}))
	}
	return listOf(all...)
}

// podRows adds up the volumes of each pod in one pass.
func podRows(s *state, pods ...*pod) []*podRow {
	sums := map[*pod]space{}
	for _, v := range s.volumes.rows {
		if v.pod != nil {
			sums[v.pod] = sums[v.pod].plus(v.space())
		}
	}
	rows := make([]*podRow, len(pods))
	for i, p := range pods {
		rows[i] = &podRow{p, sums[p]}
	}
	return rows
}

func podsEndpoint() endpoint {
	r := &resource[*podRow]{
		path: "/pods", columns: podColumns(), total: true,
		rows: func(c *call) []*podRow { return podRows(c.state, c.state.pods.rows...) },
	}
	return endpoint{
		http.MethodGet:  r.operation(),
		http.MethodPost: {parameters: []string{"names"}, run: postPods},
	}
}

func postPods(c *call) ([]byte, error) {
	n, err := the(c, "names", itself)
	if err != nil {
		return nil, err
	}
	p, err := c.state.createPod(n)
	if err != nil {
		return nil, err
	}
	return item(c, podColumns(), podRows(c.state, p)[0], nil)
}
