package array

import (
	"net/http"
	"slices"
)

func volumeColumns() []column[*volume] {
	return slices.Concat(
		spaceColumns(effectiveSpace, func(_ *call, v *volume) space { return v.space() }),
		[]column[*volume]{
			col("connection_count", func(v *volume) value { return number(v.connectionCount()) }),
			col("provisioned", func(v *volume) value { return number(v.provisioned) }),
		},
		reference("source", (*volume).shownSource),
		[]column[*volume]{
			col("created", func(v *volume) value { return number(v.created) }),
			col("name", func(v *volume) value { return name(v.name) }),
			fixed[*volume]("priority", number(0)),
			col("id", func(v *volume) value { return name(v.id) }),
			col("destroyed", func(v *volume) value { return truth(v.destroyed) }),
			fixed[*volume]("subtype", str("regular")),
			col("serial", func(v *volume) value { return name(v.serial) }),
			fixed[*volume]("host_encryption_key_status", str("none")),
			col("requested_promotion_state", func(v *volume) value { return name(v.promoted) }),
			col("promotion_status", func(v *volume) value { return name(v.promoted) }),
		},
		reference("pod", func(v *volume) (string, string) { return v.pod.reference() }),
		[]column[*volume]{
			{path: "time_remaining", get: func(c *call, v *volume) value { return v.remaining(c.now) }},
			fixed[*volume]("priority_adjustment.priority_adjustment_operator", str("+")),
			fixed[*volume]("priority_adjustment.priority_adjustment_value", number(0)),
		},
		reference("volume_group", volumeGroup),
		nulls[*volume]("qos.bandwidth_limit", "qos.iops_limit"),
		[]column[*volume]{
			{path: "protocol_endpoint.container_version", since: 33, get: func(*call, *volume) value { return nothing() }},
		},
	)
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

func (s *state) volumeByID(id string) (*volume, error) {
	if v := s.volumeIDs[key(id)]; v != nil {
		return v, nil
	}
	return nil, refuse(noVolume, id)
}

func volumesEndpoint() endpoint {
	r := &resource[*volume]{
		path: "/volumes", columns: volumeColumns(), rows: func(c *call) []*volume { return c.state.volumes.rows }, total: true,
		by: map[string]func(*call, string) ([]*volume, error){
			"names": single((*state).volume), "ids": single((*state).volumeByID),
		},
		destroyed: func(v *volume) bool { return v.destroyed },
	}
	m := mortal[*volume]{volumeColumns, (*state).volume, (*state).volumeByID, (*state).destroyVolume, (*state).recoverVolume, (*state).eradicateVolume}
	return endpoint{
		http.MethodGet:    r.operation(),
		http.MethodPost:   {parameters: []string{"names", "overwrite", "with_default_protection"}, run: postVolumes},
		http.MethodPatch:  m.patch(),
		http.MethodDelete: m.remove(),
	}
}

// postVolumes makes an empty volume or a copy, and overwrites one with a copy.
func postVolumes(c *call) ([]byte, error) {
	s := c.state
	overwrite, _ := c.flag("overwrite")
	var o newVolume
	if _, err := c.attribute("provisioned", &o.bytes); err != nil {
		return nil, err
	}
	var source struct{ Name string }
	copying, err := c.attribute("source", &source)
	if err != nil {
		return nil, err
	}
	if copying && o.bytes != 0 || overwrite && !copying {
		return nil, refuseAll(badCombination)
	}
	if copying {
		if o, err = s.origin(source.Name); err != nil {
			return nil, err
		}
	}
	n, err := the(c, "names", itself)
	if err != nil {
		return nil, err
	}
	var v *volume
	if overwrite {
		v, err = s.overwriteVolume(c.now, n, o)
	} else {
		v, err = s.createVolume(c.now, n, o)
	}
	return item(c, volumeColumns(), v, err)
}
