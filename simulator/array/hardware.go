package array

import (
	"fmt"
	"net/http"
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
	port nic
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

// nics lists all interfaces.
func (c *config) nics() []nic {
	h := hash(c.ID)
	subnet := fmt.Sprintf("10.%d.%d", 1+h%250, h/250%250)
	all := []nic{{name: "vir0", service: "management", address: subnet + ".10"}}
	for controller := range 2 {
		last := controller + 1
		all = append(all,
			nic{name: fmt.Sprintf("ct%d.eth0", controller), service: "management", address: fmt.Sprintf("%s.%d", subnet, 10+last)},
			nic{name: fmt.Sprintf("ct%d.eth4", controller), service: "iscsi", address: fmt.Sprintf("%s.%d", subnet, 40+last), iqn: c.iqn()},
			nic{name: fmt.Sprintf("ct%d.eth14", controller), service: "nvme-tcp", address: fmt.Sprintf("%s.%d", subnet, 140+last), nqn: c.nqn()},
			nic{name: fmt.Sprintf("CT%d.FC0", controller), service: "scsi-fc", wwn: fmt.Sprintf("52:4A:93:7%X:%02X:%02X:%02X:%d0", h%16, h>>8&0xff, h>>16&0xff, h>>24&0xff, controller)},
		)
	}
	for i, n := range all {
		switch n.service {
		case "iscsi":
			all[i].portal = n.address + ":3260"
		case "nvme-tcp":
			all[i].portal = n.address + ":4420"
		}
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

// namedThing finds a row by the name of its port, in any case.
func namedThing(rows func(*call) []*thing) func(*call, string) (*thing, error) {
	return func(c *call, n string) (*thing, error) {
		for _, row := range rows(c) {
			if strings.EqualFold(row.port.name, n) {
				return row, nil
			}
		}
		return nil, refuse(noResource, n)
	}
}

func thingColumn(path string, get func(nic) value) column[*thing] {
	return column[*thing]{path: path, get: func(_ *call, t *thing) value { return get(t.port) }}
}

func fixedColumn(path string, v value) column[*thing] {
	return column[*thing]{path: path, get: func(*call, *thing) value { return v }}
}

// interfacesEndpoint lists Ethernet and Fibre Channel interfaces; LXD looks
// for those that serve its protocol.
func interfacesEndpoint() endpoint {
	eth := func(path string, get func(nic) value) column[*thing] {
		return thingColumn(path, func(n nic) value {
			if n.wwn != "" {
				return nothing()
			}
			return get(n)
		})
	}
	columns := slices.Concat([]column[*thing]{
		thingColumn("fc.wwn", func(n nic) value { return name(n.wwn) }),
		eth("eth.subtype", func(n nic) value {
			if n.name == "vir0" {
				return str("vif")
			}
			return str("physical")
		}),
		thingColumn("eth.subinterfaces", func(n nic) value {
			if n.name != "vir0" {
				return listOf()
			}
			return listOf(objectOf(member{"name", str("ct0.eth0")}), objectOf(member{"name", str("ct1.eth0")}))
		}),
		eth("eth.address", func(n nic) value { return name(n.address) }),
		fixedColumn("eth.vlan", nothing()),
		eth("eth.mac_address", func(n nic) value {
			return str(fmt.Sprintf("24:a9:37:%02x:%02x:%02x", hash(n.name)&0xff, hash(n.name)>>8&0xff, hash(n.address)&0xff))
		}),
		eth("eth.netmask", func(nic) value { return str("255.255.255.0") }),
		eth("eth.gateway", func(n nic) value { return str(n.address[:strings.LastIndex(n.address, ".")] + ".1") }),
		eth("eth.mtu", func(n nic) value {
			if n.service == "management" {
				return number(1500)
			}
			return number(9000)
		}),
		fixedColumn("eth.subnet.name", nothing()),
		thingColumn("services", func(n nic) value { return strs([]string{n.service}) }),
		thingColumn("name", func(n nic) value { return name(n.name) }),
		fixedColumn("enabled", truth(true)),
		thingColumn("interface_type", func(n nic) value {
			if n.wwn != "" {
				return str("fc")
			}
			return str("eth")
		}),
		thingColumn("speed", func(n nic) value {
			if n.service == "management" {
				return number(1000000000)
			}
			return number(25000000000)
		}),
	}, answering[*thing]())
	rows := func(c *call) []*thing { return things(c.array.options.nics()) }
	r := &resource[*thing]{path: "/network-interfaces", columns: columns, rows: rows, named: namedThing(rows)}
	return endpoint{"GET": r.operation()}
}

// portsEndpoint lists target ports. Their names are upper case, and LXD asks
// with the lower-case names of the interfaces.
func portsEndpoint() endpoint {
	columns := slices.Concat([]column[*thing]{
		thingColumn("wwn", func(n nic) value { return name(n.wwn) }),
		thingColumn("name", func(n nic) value { return name(strings.ToUpper(n.name)) }),
		thingColumn("nqn", func(n nic) value { return name(n.nqn) }),
		thingColumn("iqn", func(n nic) value { return name(n.iqn) }),
		thingColumn("portal", func(n nic) value { return name(n.portal) }),
		fixedColumn("failover", nothing()),
	}, answering[*thing]())
	rows := func(c *call) []*thing { return things(c.array.options.ports()) }
	r := &resource[*thing]{path: "/ports", columns: columns, rows: rows, named: namedThing(rows), tokenSince: 38}
	return endpoint{"GET": r.operation()}
}

// ports are the interfaces that serve volumes.
func (c *config) ports() []nic {
	return slices.DeleteFunc(c.nics(), func(n nic) bool { return n.service == "management" })
}

func controllersEndpoint() endpoint {
	columns := slices.Concat([]column[*thing]{
		thingColumn("name", func(n nic) value { return name(n.name) }),
		fixedColumn("type", str("array_controller")),
		fixedColumn("status", str("ready")),
		thingColumn("mode", func(n nic) value { return str(n.service) }),
		fixedColumn("model", str("FA-X20R4")),
		{path: "version", get: func(c *call, _ *thing) value { return str(c.array.options.Purity) }},
		{path: "mode_since", since: 30, get: func(*call, *thing) value { return number(1706828892476) }},
	}, answering[*thing]())
	rows := func(*call) []*thing {
		return things([]nic{{name: "CT0", service: "primary"}, {name: "CT1", service: "secondary"}})
	}
	r := &resource[*thing]{path: "/controllers", columns: columns, rows: rows, named: namedThing(rows)}
	return endpoint{"GET": r.operation()}
}

// arraysEndpoint lists the one local array. LXD asks for it by names, which
// is not documented and which pods may name peers in.
func arraysEndpoint() endpoint {
	columns := slices.Concat(
		[]column[*thing]{
			{path: "name", get: func(c *call, _ *thing) value { return str(c.array.options.Name) }},
			{path: "id", get: func(c *call, _ *thing) value { return str(c.array.options.ID) }},
		},
		spaceColumns(effectiveSpace|replicatedSpace, func(c *call, t *thing) space {
			return memo(c, t, func() space { return totalVolume(c, c.state.volumes.rows)[0].space() })
		}),
		[]column[*thing]{
			{path: "space.shared_effective", get: func(*call, *thing) value { return number(0) }},
			fixedColumn("capacity", number(capacity)),
			fixedColumn("parity", ratio(1)),
			{path: "eradication_config.manual_eradication", get: func(c *call, _ *thing) value { return manualEradication(c) }},
			{path: "eradication_config.eradication_delay", get: func(c *call, _ *thing) value { return delayOf(c) }},
			{path: "eradication_config.enabled_delay", since: 26, get: func(c *call, _ *thing) value { return delayOf(c) }},
			{path: "eradication_config.disabled_delay", since: 26, get: func(c *call, _ *thing) value { return delayOf(c) }},
			fixedColumn("console_lock_enabled", truth(false)),
			fixedColumn("encryption.data_at_rest.algorithm", str("AES-256-CTR")),
			fixedColumn("encryption.data_at_rest.enabled", truth(true)),
			fixedColumn("encryption.module_version", str("FA-1.4")),
			{path: "idle_timeout", get: func(c *call, _ *thing) value { return number(c.array.options.IdleTimeout.Milliseconds()) }},
			fixedColumn("ntp_servers", strs([]string{"ntp.example.com"})),
			fixedColumn("os", str("Purity//FA")),
			fixedColumn("scsi_timeout", number(60000)),
			{path: "version", get: func(c *call, _ *thing) value { return str(c.array.options.Purity) }},
			fixedColumn("banner", str("")),
		},
		answering[*thing](),
	)
	local := func(*call) []*thing { return things([]nic{{}}) }
	r := &resource[*thing]{
		path: "/arrays", columns: columns, rows: local, local: local, tokenSince: 38, more: []string{"names"},
		narrow: func(c *call) ([]*thing, bool, error) {
			names, given := c.list("names")
			if !given {
				return local(c), true, nil
			}
			rows := []*thing{}
			for _, n := range names {
				switch {
				case strings.EqualFold(n, c.array.options.Name):
					rows = local(c)
				case !c.state.isPeer(n):
					return nil, false, refuse(noArray, n)
				}
			}
			return rows, true, nil
		},
	}
	return endpoint{"GET": r.operation()}
}

func delayOf(c *call) value { return number(c.state.delay.Milliseconds()) }

// isPeer reports an array that a pod is stretched to.
func (s *state) isPeer(name string) bool {
	for _, p := range s.pods.rows {
		if slices.ContainsFunc(p.arrays, func(a PodArray) bool { return strings.EqualFold(a.Name, name) }) {
			return true
		}
	}
	return false
}

// adminsEndpoint lists the users and what they may do. A user's tokens are
// not among what is told.
func adminsEndpoint() endpoint {
	columns := slices.Concat([]column[*thing]{
		thingColumn("name", func(n nic) value { return name(n.name) }),
		thingColumn("role.name", func(n nic) value { return str(n.service) }),
		fixedColumn("is_local", truth(true)),
		fixedColumn("locked", nothing()),
		fixedColumn("lockout_remaining", nothing()),
	}, answering[*thing]())
	rows := func(*call) []*thing {
		return things([]nic{{name: adminUser, service: "array_admin"}, {name: readOnlyUser, service: "readonly"}})
	}
	r := &resource[*thing]{path: "/admins", columns: columns, rows: rows, named: namedThing(rows)}
	return endpoint{"GET": r.operation()}
}

// endpoints is the whole REST API.
func endpoints() map[string]endpoint {
	return map[string]endpoint{
		"/arrays":                        arraysEndpoint(),
		"/controllers":                   controllersEndpoint(),
		"/ports":                         portsEndpoint(),
		"/network-interfaces":            interfacesEndpoint(),
		"/pods":                          podsEndpoint(),
		"/volumes":                       volumesEndpoint(),
		"/volumes/performance":           {http.MethodGet: volumePerformance()},
		"/volumes/space":                 {http.MethodGet: volumeSpace().operation()},
		"/volumes/protection-groups":     membersEndpoint("/volumes/protection-groups"),
		"/volume-snapshots":              snapshotsEndpoint(),
		"/hosts":                         hostsEndpoint(),
		"/hosts/host-groups":             groupMembersEndpoint("/hosts/host-groups"),
		"/hosts/performance":             {http.MethodGet: hostPerformance().operation()},
		"/hosts/performance/balance":     {http.MethodGet: hostBalance().operation()},
		"/host-groups":                   groupsEndpoint(),
		"/host-groups/hosts":             groupMembersEndpoint("/host-groups/hosts"),
		"/connections":                   connectionsEndpoint(),
		"/protection-groups":             protectionsEndpoint(),
		"/protection-groups/volumes":     membersEndpoint("/protection-groups/volumes"),
		"/container-default-protections": defaultsEndpoint(),
		"/sessions":                      {http.MethodGet: sessionsResource().operation()},
		"/audits":                        {http.MethodGet: auditsResource().operation()},
		"/admins":                        adminsEndpoint(),
	}
}
