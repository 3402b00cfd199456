package array

import (
	"slices"
)

// podRow is a pod with what its volumes add up to.
type podRow struct {
	*pod
	space space
}

func podColumns() []column[*podRow] {
	p := func(path string, get func(*podRow) value) column[*podRow] {
		return column[*podRow]{path: path, get: func(_ *call, row *podRow) value { return get(row) }}
	}
	return slices.Concat(
		reference("source", func(*podRow) (string, string) { return "", "" }),
		[]column[*podRow]{
			p("name", func(p *podRow) value { return name(p.name) }),
			p("id", func(p *podRow) value { return name(p.id) }),
		},
		spaceColumns(replicatedSpace, func(_ *call, p *podRow) space { return p.space }),
		[]column[*podRow]{
			p("destroyed", func(p *podRow) value { return truth(p.destroyed) }),
			p("requested_promotion_state", func(p *podRow) value { return name(p.requested) }),
			p("promotion_status", func(p *podRow) value { return name(p.promoted) }),
			p("mediator", func(p *podRow) value { return name(p.mediator) }),
			p("failover_preferences", func(p *podRow) value { return arrayRefs(p.preferences) }),
			p("arrays", func(p *podRow) value { return podArrays(p.arrays) }),
			p("mediator_version", func(*podRow) value { return nothing() }),
			{path: "time_remaining", get: func(c *call, p *podRow) value { return p.remaining(c.now) }},
			p("array_count", func(p *podRow) value { return number(int64(len(p.arrays))) }),
			{path: "eradication_config.manual_eradication", get: func(c *call, _ *podRow) value { return manualEradication(c) }},
			p("link_source_count", func(p *podRow) value { return number(p.linkSources) }),
			p("link_target_count", func(p *podRow) value { return number(p.linkTargets) }),
			{path: "footprint", total: true, get: func(_ *call, p *podRow) value { return number(p.space.physical()) }},
		},
		quotaColumns(),
		answering[*podRow](),
	)
}

// quotaColumns: documented from 2.23 on, shown before as LXD relies on it.
func quotaColumns() []column[*podRow] {
	return []column[*podRow]{{path: "quota_limit", get: func(_ *call, p *podRow) value { return limit(p.quota) }}}
}

func manualEradication(c *call) value {
	if c.state.safeMode {
		return str("all-disabled")
	}
	return str("all-enabled")
}

func arrayRefs(arrays []PodArray) value {
	var all []value
	for _, a := range arrays {
		all = append(all, objectOf(member{"name", name(a.Name)}, member{"id", name(a.ID)}))
	}
	return listOf(all...)
}

func podArrays(arrays []PodArray) value {
	var all []value
	for _, a := range arrays {
		frozen := nothing()
		if !a.Frozen.IsZero() {
			frozen = number(a.Frozen.UnixMilli())
		}
		all = append(all, objectOf(
			member{"name", name(a.Name)}, member{"id", name(a.ID)}, member{"status", name(a.Status)},
			member{"mediator_status", str("online")}, member{"pre_elected", truth(false)},
			member{"frozen_at", frozen}, member{"progress", nothing()}))
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

func (s *state) podByID(id string) (*pod, error) {
	for _, p := range s.pods.rows {
		if p.id == key(id) {
			return p, nil
		}
	}
	return nil, refuse(noPod, id)
}

func podsResource() *resource[*podRow] {
	find := func(by func(*state, string) (*pod, error)) func(*call, string) (*podRow, error) {
		return func(c *call, n string) (*podRow, error) {
			p, err := by(c.state, n)
			if err != nil {
				return nil, err
			}
			return podRows(c.state, p)[0], nil
		}
	}
	return &resource[*podRow]{
		path: "/pods", columns: podColumns(),
		rows:       func(c *call) []*podRow { return podRows(c.state, c.state.pods.rows...) },
		named:      find((*state).pod),
		identified: find((*state).podByID),
		destroyed:  func(p *podRow) bool { return p.destroyed },
		total: func(_ *call, rows []*podRow) []*podRow {
			sum := &podRow{pod: &pod{}}
			for _, p := range rows {
				sum.space = sum.space.plus(p.space)
			}
			return []*podRow{sum}
		},
	}
}

func podsEndpoint() endpoint {
	return endpoint{
		"GET":    podsResource().operation(),
		"POST":   {parameters: []string{"names", "context_names@38"}, run: postPods},
		"PATCH":  {parameters: []string{"names", "ids", "destroy_contents", "quiesce", "skip_quiesce", "abort_quiesce", "promote_from", "context_names@38"}, run: patchPods},
		"DELETE": {parameters: []string{"names", "ids", "eradicate_contents", "context_names@38"}, run: deletePods},
	}
}

func postPods(c *call) ([]byte, error) {
	var source ref
	if copying, err := c.attribute("source", &source); err != nil || copying {
		return nil, refuse(unsupported, "source")
	}
	var quota int64
	if _, err := c.attribute("quota_limit", &quota); err != nil {
		return nil, err
	}
	var made []*pod
	err := apply(c, "names", "", itself, nil, func(n string) error {
		p, err := c.state.createPod(n, quota)
		made = append(made, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	return items(c, podColumns(), podRows(c.state, made...)), nil
}

// patchPods takes destroyed=false and quota_limit together, as LXD sends
// them to bring a pod back.
func patchPods(c *call) ([]byte, error) {
	given := c.attributes("destroyed", "name", "quota_limit", "mediator", "requested_promotion_state")
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
	if len(given) > 1 && (destroyed || slices.Contains(given, "name")) {
		return nil, refuseAll(badCombination)
	}
	var changed []*pod
	err = apply(c, "names", "ids", c.state.pod, c.state.podByID, func(p *pod) error {
		changed = append(changed, p)
		for _, g := range given {
			if err := patchPod(c, p, g, destroyed, contents); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items(c, podColumns(), podRows(c.state, changed...)), nil
}

func patchPod(c *call, p *pod, attribute string, destroyed, contents bool) error {
	switch attribute {
	case "destroyed":
		if destroyed {
			return c.state.destroyPod(c.now, p, contents)
		}
		return c.state.recoverPod(p)
	case "quota_limit":
		var quota int64
		if _, err := c.attribute("quota_limit", &quota); err != nil {
			return err
		}
		return c.state.setQuota(p, quota)
	case "name":
		var n string
		if _, err := c.attribute("name", &n); err != nil {
			return err
		}
		return c.state.renamePod(p, n)
	case "mediator":
		_, err := c.attribute("mediator", &p.mediator)
		return err
	default:
		var promotion string
		if _, err := c.attribute("requested_promotion_state", &promotion); err != nil {
			return err
		}
		if promotion != "promoted" && promotion != "demoted" {
			return refuse(badParameter, p.name)
		}
		c.state.promote(p, promotion, promotion)
		return nil
	}
}

// promote sets what a pod and its volumes are.
func (s *state) promote(p *pod, requested, status string) {
	p.requested, p.promoted = requested, status
	for _, v := range s.volumes.rows {
		if v.pod == p {
			v.promoted = status
		}
	}
}

func deletePods(c *call) ([]byte, error) {
	contents, _, err := c.flag("eradicate_contents")
	if err != nil {
		return nil, err
	}
	return nil, apply(c, "names", "ids", c.state.pod, c.state.podByID, func(p *pod) error { return c.state.eradicatePod(p, contents) })
}
