package array

import (
	"fmt"
	"slices"
	"strings"
)

// The array's own hardware: two controllers, each with a management port,
// an iSCSI port, an NVMe/TCP port and a Fibre Channel port, and a virtual
// management address. Addresses follow from the array's id, so that two
// arrays in one world differ.

// thing is a row without state: where it stands in its list is its rank.
type thing struct {
	rank
	nic
}

type nic struct {
	name     string
	service  string
	address  string
	portal   string // "address:port" of a data port
	iqn, nqn string
	wwn      string
}

const capacity = 27 << 40

func (c *config) nics() []nic {
	h := hash(c.ID)
	subnet := fmt.Sprintf("10.%d.%d", 1+h%250, h/250%250)
	all := []nic{{name: "vir0", service: "management", address: subnet + ".10"}}
	for controller := range 2 {
		at := func(n int) string { return fmt.Sprintf("%s.%d", subnet, n+controller) }
		all = append(all,
			nic{name: fmt.Sprintf("ct%d.eth0", controller), service: "management", address: at(11)},
			nic{name: fmt.Sprintf("ct%d.eth4", controller), service: "iscsi", address: at(41), portal: at(41) + ":3260", iqn: c.iqn()},
			nic{name: fmt.Sprintf("ct%d.eth14", controller), service: "nvme-tcp", address: at(141), portal: at(141) + ":4420", nqn: c.nqn()},
			nic{name: fmt.Sprintf("CT%d.FC0", controller), service: "scsi-fc", wwn: fmt.Sprintf("52:4A:93:7%X:%02X:%02X:%02X:%d0", h%16, h>>8&0xff, h>>16&0xff, h>>24&0xff, controller)},
		)
	}
	return all
}

func (c *config) iqn() string {
	return "iqn.2010-06.com.purestorage:flasharray." + strings.ToLower(c.serial)
}

func (c *config) nqn() string {
	return "nqn.2010-06.com.purestorage:flasharray." + strings.ToLower(c.serial)
}

func things(nics []nic) []*thing {
	rows := make([]*thing, len(nics))
	for i, n := range nics {
		rows[i] = &thing{rank(i + 1), n}
	}
	return rows
}

// interfacesEndpoint lists Ethernet and Fibre Channel interfaces; LXD looks
// for those that serve its protocol.
func interfacesEndpoint() endpoint {
	columns := []column[*thing]{
		col("name", func(n *thing) value { return name(n.name) }),
		fixed[*thing]("enabled", truth(true)),
		col("interface_type", func(n *thing) value {
			if n.wwn != "" {
				return str("fc")
			}
			return str("eth")
		}),
		col("services", func(n *thing) value { return strs([]string{n.service}) }),
		col("eth.address", func(n *thing) value { return name(n.address) }),
		col("fc.wwn", func(n *thing) value { return name(n.wwn) }),
	}
	r := &resource[*thing]{path: "/network-interfaces", columns: columns, rows: func(c *call) []*thing { return things(c.array.options.nics()) }}
	return r.only()
}

// portsEndpoint lists target ports. Their names are upper case, and LXD asks
// with the lower-case names of the interfaces.
func portsEndpoint() endpoint {
	columns := []column[*thing]{
		col("wwn", func(n *thing) value { return name(n.wwn) }),
		col("name", func(n *thing) value { return name(strings.ToUpper(n.name)) }),
		col("nqn", func(n *thing) value { return name(n.nqn) }),
		col("iqn", func(n *thing) value { return name(n.iqn) }),
		col("portal", func(n *thing) value { return name(n.portal) }),
		fixed[*thing]("failover", nothing()),
	}
	r := &resource[*thing]{path: "/ports", columns: columns, untokened: true, rows: func(c *call) []*thing {
		return things(slices.DeleteFunc(c.array.options.nics(), func(n nic) bool { return n.service == "management" }))
	}}
	return r.only()
}

func controllersEndpoint() endpoint {
	columns := []column[*thing]{
		col("name", func(n *thing) value { return name(n.name) }),
		fixed[*thing]("type", str("array_controller")),
		fixed[*thing]("status", str("ready")),
		col("mode", func(n *thing) value { return str(n.service) }),
		fixed[*thing]("model", str("FA-X20R4")),
		fixed[*thing]("version", str(purity)),
		{path: "mode_since", since: 30, get: func(*call, *thing) value { return number(1706828892476) }},
	}
	r := &resource[*thing]{path: "/controllers", columns: columns, rows: func(*call) []*thing {
		return things([]nic{{name: "CT0", service: "primary"}, {name: "CT1", service: "secondary"}})
	}}
	return r.only()
}

func arraysEndpoint() endpoint {
	columns := slices.Concat(
		[]column[*thing]{
			{path: "name", get: func(c *call, _ *thing) value { return str(c.array.options.Name) }},
			{path: "id", get: func(c *call, _ *thing) value { return str(c.array.options.ID) }},
		},
		spaceColumns(effectiveSpace|replicatedSpace, func(c *call, t *thing) space {
			return memo(c, t, func() (sum space) {
				for _, v := range c.state.volumes.rows {
					sum = sum.plus(v.space())
				}
				return sum
			})
		}),
		[]column[*thing]{
			{path: "space.shared_effective", get: func(*call, *thing) value { return number(0) }},
			fixed[*thing]("capacity", number(capacity)),
			fixed[*thing]("parity", ratio(1)),
			{path: "eradication_config.manual_eradication", get: func(c *call, _ *thing) value { return manualEradication(c) }},
			{path: "eradication_config.eradication_delay", get: func(c *call, _ *thing) value { return delayOf(c) }},
			{path: "eradication_config.enabled_delay", since: 26, get: func(c *call, _ *thing) value { return delayOf(c) }},
			{path: "eradication_config.disabled_delay", since: 26, get: func(c *call, _ *thing) value { return delayOf(c) }},
			fixed[*thing]("os", str("Purity//FA")),
			fixed[*thing]("version", str(purity)),
		},
	)
	r := &resource[*thing]{
		path: "/arrays", columns: columns, untokened: true,
		rows: func(*call) []*thing { return things([]nic{{}}) },
	}
	return r.only()
}

func delayOf(c *call) value { return number(c.state.delay.Milliseconds()) }

// adminsEndpoint lists the users and what they may do. A user's tokens are
// not among what is told.
func adminsEndpoint() endpoint {
	columns := []column[*thing]{
		col("name", func(n *thing) value { return name(n.name) }),
		col("role.name", func(n *thing) value { return str(n.service) }),
		fixed[*thing]("is_local", truth(true)),
		fixed[*thing]("locked", nothing()),
		fixed[*thing]("lockout_remaining", nothing()),
	}
	r := &resource[*thing]{path: "/admins", columns: columns, rows: func(*call) []*thing {
		return things([]nic{{name: adminUser, service: "array_admin"}, {name: readOnlyUser, service: "readonly"}})
	}}
	return r.only()
}

// endpoints is what is asked for of the REST API: by LXD, by pureclean, and by
// the vendor's exporter of metrics.
func endpoints() map[string]endpoint {
	return map[string]endpoint{
		"/arrays":                        arraysEndpoint(),
		"/controllers":                   controllersEndpoint(),
		"/ports":                         portsEndpoint(),
		"/network-interfaces":            interfacesEndpoint(),
		"/pods":                          podsEndpoint(),
		"/volumes":                       volumesEndpoint(),
		"/volumes/performance":           volumePerformance(),
		"/volumes/protection-groups":     membersEndpoint(),
		"/volume-snapshots":              snapshotsEndpoint(),
		"/hosts":                         hostsEndpoint(),
		"/hosts/performance":             hostPerformance(),
		"/host-groups":                   groupsEndpoint(),
		"/connections":                   connectionsEndpoint(),
		"/protection-groups":             protectionsEndpoint(),
		"/container-default-protections": defaultsEndpoint(),
		"/audits":                        auditsEndpoint(),
		"/admins":                        adminsEndpoint(),
	}
}
