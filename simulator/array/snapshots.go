package array

import "slices"

func snapshotColumns() []column[*snapshot] {
	n := func(path string, get func(*snapshot) value) column[*snapshot] {
		return column[*snapshot]{path: path, get: func(_ *call, row *snapshot) value { return get(row) }}
	}
	return slices.Concat(
		[]column[*snapshot]{
			{path: "name", get: func(_ *call, n *snapshot) value {
				if n.volume == nil {
					return nothing()
				}
				return str(n.name())
			}},
			n("suffix", func(n *snapshot) value { return name(n.suffix) }),
			n("id", func(n *snapshot) value { return name(n.id) }),
			n("serial", func(n *snapshot) value { return name(n.serial) }),
			n("created", func(n *snapshot) value { return number(n.created) }),
			n("destroyed", func(n *snapshot) value { return truth(n.destroyed) }),
			{path: "time_remaining", get: func(c *call, n *snapshot) value { return n.remaining(c.now) }},
			{path: "provisioned", total: true, get: func(_ *call, n *snapshot) value { return number(n.provisioned) }},
		},
		reference("source", func(n *snapshot) (string, string) {
			if n.volume == nil {
				return "", ""
			}
			return n.volume.name, n.volume.id
		}),
		reference("pod", func(n *snapshot) (string, string) {
			if n.volume == nil {
				return "", ""
			}
			return n.volume.pod.reference()
		}),
		reference("volume_group", func(*snapshot) (string, string) { return "", "" }),
		spaceColumns(snapshotSpace, func(_ *call, n *snapshot) space {
			return space{provisioned: n.provisioned, snapshots: n.used}
		}),
		answering[*snapshot](),
	)
}

func (s *state) snapshotByID(id string) (*snapshot, error) {
	for _, n := range s.snapshots.rows {
		if n.id == key(id) {
			return n, nil
		}
	}
	return nil, refuse(noVolumeOrSnapshot, id)
}

func snapshotsResource() *resource[*snapshot] {
	return &resource[*snapshot]{
		path: "/volume-snapshots", columns: snapshotColumns(),
		rows:       func(c *call) []*snapshot { return c.state.snapshots.rows },
		named:      func(c *call, n string) (*snapshot, error) { return c.state.snapshot(n) },
		identified: func(c *call, id string) (*snapshot, error) { return c.state.snapshotByID(id) },
		destroyed:  func(n *snapshot) bool { return n.destroyed },
		total: func(_ *call, rows []*snapshot) []*snapshot {
			sum := &snapshot{}
			for _, n := range rows {
				sum.provisioned += n.provisioned
				sum.used += n.used
			}
			return []*snapshot{sum}
		},
		more: []string{"source_names", "source_ids"},
		narrow: func(c *call) (rows []*snapshot, handled bool, err error) {
			if !c.query.Has("source_names") && !c.query.Has("source_ids") {
				return nil, false, nil
			}
			if c.query.Has("names") || c.query.Has("ids") {
				return nil, false, refuseAll(badCombination)
			}
			err = apply(c, "source_names", "source_ids", c.state.volume, c.state.volumeByID, func(v *volume) error {
				rows = append(rows, v.snapshots...)
				return nil
			})
			return rows, true, err
		},
	}
}

func snapshotsEndpoint() endpoint {
	return endpoint{
		"GET":    snapshotsResource().operation(),
		"POST":   {parameters: []string{"source_names", "source_ids", "suffix", "context_names@38"}, run: postSnapshots},
		"PATCH":  {parameters: []string{"names", "ids", "context_names@38"}, run: patchSnapshots},
		"DELETE": {parameters: []string{"names", "ids", "context_names@38"}, run: deleteSnapshots},
	}
}

// postSnapshots takes the suffix from the body, or, as some clients send it,
// from the query.
func postSnapshots(c *call) ([]byte, error) {
	suffix := c.query.Get("suffix")
	if _, err := c.attribute("suffix", &suffix); err != nil {
		return nil, err
	}
	var made []*snapshot
	err := apply(c, "source_names", "source_ids", c.state.volume, c.state.volumeByID, func(v *volume) error {
		n, err := c.state.createSnapshot(c.now, v, suffix)
		made = append(made, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return items(c, snapshotColumns(), made), nil
}

func patchSnapshots(c *call) ([]byte, error) {
	given := c.attributes("destroyed", "name")
	switch len(given) {
	case 0:
		return c.unchanged()
	case 2:
		return nil, refuseAll(badCombination)
	}
	var destroyed bool
	if _, err := c.attribute("destroyed", &destroyed); err != nil {
		return nil, err
	}
	var suffix string
	if _, err := c.attribute("name", &suffix); err != nil {
		return nil, err
	}
	var changed []*snapshot
	err := apply(c, "names", "ids", c.state.snapshot, c.state.snapshotByID, func(n *snapshot) error {
		changed = append(changed, n)
		switch {
		case given[0] == "name":
			return c.state.renameSnapshot(n, suffix)
		case destroyed:
			return c.state.destroySnapshot(c.now, n)
		default:
			return c.state.recoverSnapshot(n)
		}
	})
	return items(c, snapshotColumns(), changed), err
}

func deleteSnapshots(c *call) ([]byte, error) {
	return nil, apply(c, "names", "ids", c.state.snapshot, c.state.snapshotByID, c.state.eradicateSnapshot)
}
