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
		reference("source", func(*podRow) (string, string) { return "", "" }),
		[]column[*podRow]{
			col("name", func(p *podRow) value { return name(p.name) }),
			col("id", func(p *podRow) value { return name(p.id) }),
		},
		spaceColumns(replicatedSpace, func(_ *call, p *podRow) space { return p.space }),
		[]column[*podRow]{
			col("destroyed", func(p *podRow) value { return truth(p.destroyed) }),
			col("requested_promotion_state", func(p *podRow) value { return name(p.requested) }),
			col("promotion_status", func(p *podRow) value { return name(p.promoted) }),
			fixed[*podRow]("mediator", str("purestorage")),
			fixed[*podRow]("failover_preferences", listOf()),
			col("arrays", func(p *podRow) value { return podArrays(p.arrays) }),
			fixed[*podRow]("mediator_version", nothing()),
			{path: "time_remaining", get: func(c *call, p *podRow) value { return p.remaining(c.now) }},
			col("array_count", func(p *podRow) value { return number(int64(len(p.arrays))) }),
			{path: "eradication_config.manual_eradication", get: func(c *call, _ *podRow) value { return manualEradication(c) }},
			col("link_source_count", func(p *podRow) value { return number(p.linkSources) }),
			col("link_target_count", func(p *podRow) value { return number(p.linkTargets) }),
			col("footprint", func(p *podRow) value { return number(p.space.physical()) }),
			// Documented from 2.23 on, shown before as LXD relies on it.
			col("quota_limit", func(p *podRow) value {
				if p.quota == 0 {
					return nothing()
				}
				return number(p.quota)
			}),
		},
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
		by: map[string]func(*call, string) ([]*podRow, error){"names": func(c *call, name string) ([]*podRow, error) {
			p, err := c.state.pod(name)
			if err != nil {
				return nil, err
			}
			return podRows(c.state, p), nil
		}},
	}
	return endpoint{
		http.MethodGet:    r.operation(),
		http.MethodPost:   {parameters: []string{"names"}, run: postPods},
		http.MethodPatch:  {parameters: []string{"names", "destroy_contents"}, run: patchPods},
		http.MethodDelete: {parameters: []string{"names", "eradicate_contents"}, run: deletePods},
	}
}

func postPods(c *call) ([]byte, error) {
	var quota int64
	if _, err := c.attribute("quota_limit", &quota); err != nil {
		return nil, err
	}
	n, err := the(c, "names", itself)
	if err != nil {
		return nil, err
	}
	p, err := c.state.createPod(n, quota)
	if err != nil {
		return nil, err
	}
	return item(c, podColumns(), podRows(c.state, p)[0]), nil
}

// patchPods takes destroyed=false and quota_limit together, as LXD sends
// them to bring a pod back.
func patchPods(c *call) ([]byte, error) {
	given := c.attributes("destroyed", "quota_limit")
	if len(given) == 0 {
		return c.unchanged()
	}
	contents, _, err := c.flag("destroy_contents")
	if err != nil {
		return nil, err
	}
	var destroyed bool
	if _, err := c.attribute("destroyed", &destroyed); err != nil {
		return nil, err
	}
	p, err := the(c, "names", (*state).pod)
	if err != nil {
		return nil, err
	}
	quota := p.quota
	if _, err := c.attribute("quota_limit", &quota); err != nil {
		return nil, err
	}
	switch {
	case destroyed:
		err = c.state.destroyPod(c.now, p, contents)
	case slices.Contains(given, "destroyed"):
		err = c.state.recoverPod(p)
	case p.destroyed:
		err = refuse(podDestroyed, p.name)
	}
	if err != nil {
		return nil, err
	}
	p.quota = quota
	return item(c, podColumns(), podRows(c.state, p)[0]), nil
}

func deletePods(c *call) ([]byte, error) {
	contents, _, err := c.flag("eradicate_contents")
	if err != nil {
		return nil, err
	}
	p, err := the(c, "names", (*state).pod)
	if err != nil {
		return nil, err
	}
	return nil, c.state.eradicatePod(p, contents)
}
