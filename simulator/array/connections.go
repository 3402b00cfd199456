package array

import (
	"net/http"
	"slices"
)

func connectionColumns() []column[*connection] {
	return slices.Concat(
		[]column[*connection]{
			col("host.name", func(r *connection) value { return str(r.host.name) }),
			col("lun", func(r *connection) value { return number(int64(r.lun)) }),
			{path: "nsid", since: 27, get: func(_ *call, r *connection) value {
				if len(r.host.nqns) == 0 {
					return nothing()
				}
				return number(r.volume.nsid)
			}},
			col("volume.name", func(r *connection) value { return str(r.volume.name) }),
			col("volume.id", func(r *connection) value { return str(r.volume.id) }),
			col("host_group.name", func(r *connection) value { return name(r.group.called()) }),
		},
		nulls[*connection]("protocol_endpoint.name", "protocol_endpoint.id"),
	)
}

func connectionsEndpoint() endpoint {
	r := &resource[*connection]{
		path: "/connections", columns: connectionColumns(),
		rows: func(c *call) []*connection { return c.state.connections.rows },
		by: map[string]func(*call, string) ([]*connection, error){
			"volume_ids":   rowsOf((*state).volumeByID, func(v *volume) []*connection { return v.connections }),
			"volume_names": rowsOf((*state).volume, func(v *volume) []*connection { return v.connections }),
		},
	}
	ends := []string{"volume_names", "host_names"}
	return endpoint{
		http.MethodGet:    r.operation(),
		http.MethodPost:   {parameters: ends, run: postConnections},
		http.MethodDelete: {parameters: ends, run: deleteConnections},
	}
}

// ends are the volume and the host of a change.
func ends(c *call) (*volume, *host, error) {
	v, err := the(c, "volume_names", (*state).volume)
	if err != nil {
		return nil, nil, err
	}
	h, err := the(c, "host_names", (*state).host)
	return v, h, err
}

func postConnections(c *call) ([]byte, error) {
	var lun int
	if _, err := c.attribute("lun", &lun); err != nil {
		return nil, err
	}
	v, h, err := ends(c)
	if err != nil {
		return nil, err
	}
	made, err := c.state.connectHost(v, h, lun)
	return item(c, connectionColumns(), made, err)
}

func deleteConnections(c *call) ([]byte, error) {
	v, h, err := ends(c)
	if err != nil {
		return nil, err
	}
	return nil, c.state.disconnectHost(v, h)
}
