package array

import (
	"net/http"
	"slices"
)

func snapshotColumns() []column[*snapshot] {
	return slices.Concat(
		[]column[*snapshot]{
			col("name", func(n *snapshot) value { return str(n.name()) }),
			col("suffix", func(n *snapshot) value { return name(n.suffix) }),
			col("id", func(n *snapshot) value { return name(n.id) }),
			col("serial", func(n *snapshot) value { return name(n.serial) }),
			col("created", func(n *snapshot) value { return number(n.created) }),
			col("destroyed", func(n *snapshot) value { return truth(n.destroyed) }),
			{path: "time_remaining", get: func(c *call, n *snapshot) value { return n.remaining(c.now) }},
			col("provisioned", func(n *snapshot) value { return number(n.provisioned) }),
		},
		reference("source", func(n *snapshot) (string, string) { return n.volume.name, n.volume.id }),
		reference("pod", func(n *snapshot) (string, string) { return n.volume.pod.reference() }),
		nulls[*snapshot]("volume_group.name", "volume_group.id"),
		spaceColumns(snapshotSpace, func(_ *call, n *snapshot) space {
			return space{provisioned: n.provisioned, snapshots: n.used}
		}),
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

func snapshotsEndpoint() endpoint {
	taken := func(v *volume) []*snapshot { return v.snapshots }
	r := &resource[*snapshot]{
		path: "/volume-snapshots", columns: snapshotColumns(), total: true,
		rows: func(c *call) []*snapshot { return c.state.snapshots.rows },
		by: map[string]func(*call, string) ([]*snapshot, error){
			"names": single((*state).snapshot), "ids": single((*state).snapshotByID),
			"source_names": rowsOf((*state).volume, taken), "source_ids": rowsOf((*state).volumeByID, taken),
		},
		destroyed: func(n *snapshot) bool { return n.destroyed },
	}
	m := mortal[*snapshot]{snapshotColumns, (*state).snapshot, (*state).snapshotByID, (*state).destroySnapshot, (*state).recoverSnapshot, (*state).eradicateSnapshot}
	return endpoint{
		http.MethodGet:    r.operation(),
		http.MethodPost:   {parameters: []string{"source_names"}, run: postSnapshots},
		http.MethodPatch:  m.patch(),
		http.MethodDelete: m.remove(),
	}
}

func postSnapshots(c *call) ([]byte, error) {
	var suffix string
	if _, err := c.attribute("suffix", &suffix); err != nil {
		return nil, err
	}
	v, err := the(c, "source_names", (*state).volume)
	if err != nil {
		return nil, err
	}
	n, err := c.state.createSnapshot(c.now, v, suffix)
	return item(c, snapshotColumns(), n, err)
}
