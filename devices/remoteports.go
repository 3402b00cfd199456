package devices

import (
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// readRemotePorts lists the target ports that the Fibre Channel adapters see,
// of all arrays: whose they are follows from their WWPN.
func readRemotePorts(t hostfs.Tree) ([]evidence.RemotePort, hostfs.Doubts) {
	var d hostfs.Doubts
	const dir = "sys/class/fc_remote_ports"
	names, err := t.Names(dir)
	d.Check("the Fibre Channel remote ports could not be listed", err)
	var ports []evidence.RemotePort
	for _, name := range names {
		wwpn, err := t.Text(dir + "/" + name + "/port_name")
		d.Check("the port name of "+name, err)
		roles := t.Field(dir + "/" + name + "/roles")
		if roles != "" && !strings.Contains(roles, "Target") {
			continue // another host's adapter, or a switch
		}
		adapter, _, _ := strings.Cut(strings.TrimPrefix(name, "rport-"), ":")
		ports = append(ports, evidence.RemotePort{
			Name: name, Adapter: "host" + adapter, WWPN: evidence.Initiator(wwpn), State: t.Field(dir + "/" + name + "/port_state"),
			Link: t.Field("sys/class/fc_host/host" + adapter + "/port_state"), NVMeOnly: roles != "" && !strings.Contains(roles, "FCP Target"),
		})
	}
	return ports, d
}
