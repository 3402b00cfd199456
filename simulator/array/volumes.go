package array

import (
	"slices"
)

func volumeColumns() []column[*volume] {
	v := func(path string, get func(*call, *volume) value) column[*volume] {
		return column[*volume]{path: path, get: get}
	}
	return slices.Concat(
		spaceColumns(effectiveSpace, func(_ *call, v *volume) space { return v.space() }),
		[]column[*volume]{
			v("connection_count", func(_ *call, v *volume) value { return number(v.connectionCount()) }),
			{path: "provisioned", total: true, get: func(_ *call, v *volume) value { return number(v.provisioned) }},
		},
		[]column[*volume]{
			v("source.name", func(c *call, v *volume) value { n, _ := v.shownSource(); return name(n) }),
			v("source.id", func(c *call, v *volume) value { _, id := v.shownSource(); return name(id) }),
			v("created", func(_ *call, v *volume) value { return number(v.created) }),
			v("name", func(_ *call, v *volume) value { return name(v.name) }),
			v("priority", func(_ *call, v *volume) value { return number(v.priority) }),
			v("id", func(_ *call, v *volume) value { return name(v.id) }),
			v("destroyed", func(_ *call, v *volume) value { return truth(v.destroyed) }),
			v("subtype", func(_ *call, v *volume) value { return name(v.subtype) }),
			v("serial", func(_ *call, v *volume) value { return name(v.serial) }),
			v("host_encryption_key_status", func(*call, *volume) value { return str("none") }),
			v("requested_promotion_state", func(_ *call, v *volume) value { return name(v.promoted) }),
			v("promotion_status", func(_ *call, v *volume) value { return name(v.promoted) }),
		},
		reference("pod", func(v *volume) (string, string) { return v.pod.reference() }),
		[]column[*volume]{
			v("time_remaining", func(c *call, v *volume) value { return v.remaining(c.now) }),
			v("qos.bandwidth_limit", func(_ *call, v *volume) value { return limit(v.bandwidth) }),
			v("qos.iops_limit", func(_ *call, v *volume) value { return limit(v.iops) }),
			v("priority_adjustment.priority_adjustment_operator", func(_ *call, v *volume) value { return name(v.priorityOperator) }),
			v("priority_adjustment.priority_adjustment_value", func(_ *call, v *volume) value { return number(v.priority) }),
		},
		reference("volume_group", volumeGroup),
		[]column[*volume]{
			{path: "protocol_endpoint.container_version", since: 33, get: func(*call, *volume) value { return nothing() }},
			{path: "workload.name", since: 40, get: func(*call, *volume) value { return nothing() }},
			{path: "workload.id", since: 40, get: func(*call, *volume) value { return nothing() }},
		},
		answering[*volume](),
	)
}

// limit is a quality-of-service limit, null for none.
func limit(n int64) value {
	if n == 0 {
		return nothing()
	}
	return number(n)
}

func (p *pod) reference() (name, id string) {
	if p == nil {
		return "", ""
	}
	return p.name, p.id
}

// shownSource names what the volume was copied from, as long as that exists.
func (v *volume) shownSource() (name, id string) {
	if v.source == nil || v.source.gone {
		return "", ""
	}
	return v.source.name, v.source.id
}

func allVolumes(c *call) []*volume { return c.state.volumes.rows }

func namedVolume(c *call, name string) (*volume, error) { return c.state.volume(name) }

func identifiedVolume(c *call, id string) (*volume, error) { return c.state.volumeByID(id) }

func (s *state) volumeByID(id string) (*volume, error) {
	if v := s.volumeIDs[key(id)]; v != nil {
		return v, nil
	}
	return nil, refuse(noVolume, id)
}

// totalVolume is the aggregate row of volumes.
func totalVolume(_ *call, rows []*volume) []*volume {
	sum := &volume{snapshots: []*snapshot{{}}}
	for _, v := range rows {
		s := v.space()
		sum.provisioned += s.provisioned
		sum.used += s.unique
		sum.written = sum.written || v.written
		sum.snapshots[0].used += s.snapshots
	}
	return []*volume{sum}
}

func volumesResource() *resource[*volume] {
	return &resource[*volume]{
		path: "/volumes", columns: volumeColumns(),
		rows: allVolumes, named: namedVolume, identified: identifiedVolume,
		destroyed: func(v *volume) bool { return v.destroyed }, total: totalVolume,
	}
}

func volumesEndpoint() endpoint {
	return endpoint{
		"GET": volumesResource().operation(),
		"POST": {
			parameters: []string{"names", "overwrite", "with_default_protection", "add_to_protection_group_names", "context_names@38"},
			run:        postVolumes,
		},
		"PATCH":  {parameters: []string{"names", "ids", "truncate", "context_names@38"}, run: patchVolumes},
		"DELETE": {parameters: []string{"names", "ids", "context_names@38"}, run: deleteVolumes},
	}
}

// ref is how a body refers to an object.
type ref struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

func postVolumes(c *call) ([]byte, error) {
	s := c.state
	overwrite, _, err := c.flag("overwrite")
	if err != nil {
		return nil, err
	}
	protected, chosen, err := c.flag("with_default_protection")
	if err != nil {
		return nil, err
	}
	groups, grouped := c.list("add_to_protection_group_names")
	if overwrite && (chosen || grouped) {
		return nil, refuseAll(badCombination)
	}
	o := newVolume{protected: protected || !chosen}
	if _, err := c.attribute("provisioned", &o.bytes); err != nil {
		return nil, err
	}
	if _, err := c.attribute("subtype", &o.subtype); err != nil {
		return nil, err
	}
	switch o.subtype {
	case "", "regular", "protocol_endpoint":
	default:
		return nil, refuse(badParameter, o.subtype)
	}
	var source ref
	copying, err := c.attribute("source", &source)
	if err != nil {
		return nil, err
	}
	switch {
	case copying && o.bytes != 0, overwrite && !copying:
		return nil, refuseAll(badCombination)
	case copying && source.Name == "":
		v, err := s.volumeByID(source.ID)
		if err != nil {
			return nil, err
		}
		source.Name = v.name
	}
	if copying {
		if o.source, o.snapshot, err = s.origin(source.Name); err != nil {
			return nil, err
		}
	}
	for _, g := range groups {
		found, err := s.protection(g)
		if err != nil {
			return nil, err
		}
		o.groups = append(o.groups, found)
	}
	var made []*volume
	err = apply(c, "names", "", itself, nil, func(n string) (err error) {
		var v *volume
		if overwrite {
			v, err = s.overwriteVolume(c.now, n, o.source, o.snapshot)
		} else {
			v, err = s.createVolume(c.now, n, o)
		}
		if err == nil {
			made = append(made, v)
		}
		return err
	})
	return items(c, volumeColumns(), made), err
}

func patchVolumes(c *call) ([]byte, error) {
	s := c.state
	given := c.attributes("destroyed", "name", "provisioned", "pod", "qos", "priority_adjustment", "requested_promotion_state")
	switch {
	case len(given) == 0:
		return c.unchanged()
	case len(given) > 1 && (slices.Contains(given, "destroyed") || slices.Contains(given, "name") || slices.Contains(given, "pod")):
		return nil, refuseAll(badCombination)
	}
	truncate, _, err := c.flag("truncate")
	if err != nil {
		return nil, err
	}
	if truncate && !slices.Contains(given, "provisioned") {
		return nil, refuseAll(badCombination)
	}
	var changed []*volume
	err = apply(c, "names", "ids", s.volume, s.volumeByID, func(v *volume) error {
		changed = append(changed, v)
		for _, g := range given {
			if err := volumePatches[g](c, v, truncate); err != nil {
				return err
			}
		}
		return nil
	})
	return items(c, volumeColumns(), changed), err
}

// volumePatches change one attribute each.
var volumePatches = map[string]func(c *call, v *volume, truncate bool) error{
	"destroyed": func(c *call, v *volume, _ bool) error {
		var destroyed bool
		if _, err := c.attribute("destroyed", &destroyed); err != nil {
			return err
		}
		if destroyed {
			return c.state.destroyVolume(c.now, v)
		}
		return c.state.recoverVolume(v)
	},
	"name": func(c *call, v *volume, _ bool) error {
		var name string
		if _, err := c.attribute("name", &name); err != nil {
			return err
		}
		return c.state.renameVolume(v, name)
	},
	"provisioned": func(c *call, v *volume, truncate bool) error {
		var bytes int64
		if _, err := c.attribute("provisioned", &bytes); err != nil {
			return err
		}
		return c.state.resizeVolume(c.now, v, bytes, truncate)
	},
	"pod": func(c *call, v *volume, _ bool) error {
		var to ref
		if _, err := c.attribute("pod", &to); err != nil {
			return err
		}
		if to.Name == "" {
			return c.state.moveVolume(v, nil)
		}
		p, err := c.state.pod(to.Name)
		if err != nil {
			return err
		}
		return c.state.moveVolume(v, p)
	},
	"qos": func(c *call, v *volume, _ bool) error {
		var qos struct {
			Bandwidth *int64 `json:"bandwidth_limit"`
			IOPS      *int64 `json:"iops_limit"`
		}
		if _, err := c.attribute("qos", &qos); err != nil {
			return err
		}
		if v.destroyed {
			return refuse(volumeDestroyed, v.name)
		}
		if qos.Bandwidth != nil {
			v.bandwidth = *qos.Bandwidth
		}
		if qos.IOPS != nil {
			v.iops = *qos.IOPS
		}
		return nil
	},
	"priority_adjustment": func(c *call, v *volume, _ bool) error {
		var adjust struct {
			Operator string `json:"priority_adjustment_operator"`
			Value    int64  `json:"priority_adjustment_value"`
		}
		if _, err := c.attribute("priority_adjustment", &adjust); err != nil {
			return err
		}
		if v.destroyed {
			return refuse(volumeDestroyed, v.name)
		}
		v.priorityOperator, v.priority = adjust.Operator, adjust.Value
		return nil
	},
	"requested_promotion_state": func(c *call, v *volume, _ bool) error {
		var state string
		if _, err := c.attribute("requested_promotion_state", &state); err != nil {
			return err
		}
		switch {
		case v.destroyed:
			return refuse(volumeDestroyed, v.name)
		case state != "promoted" && state != "demoted":
			return refuse(badParameter, v.name)
		}
		v.promoted = state
		return nil
	},
}

func deleteVolumes(c *call) ([]byte, error) {
	return nil, apply(c, "names", "ids", c.state.volume, c.state.volumeByID, c.state.eradicateVolume)
}
