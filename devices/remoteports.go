package devices

import (
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// readRemotePorts lists the target ports that the Fibre Channel adapters see,
// of all arrays: whose they are follows from their WWPN.
func readRemotePorts(t tree) ([]evidence.RemotePort, doubts) {
	var d doubts
	const dir = "sys/class/fc_remote_ports"
	names, err := t.names(dir)
	d.check("the Fibre Channel remote ports could not be listed", err)
	var ports []evidence.RemotePort
	for _, name := range names {
		wwpn, err := t.text(dir + "/" + name + "/port_name")
		d.check("the port name of "+name, err)
		roles := t.field(dir + "/" + name + "/roles")
		if roles != "" && !strings.Contains(roles, "Target") {
			continue // another host's adapter, or a switch
		}
		adapter, _, _ := strings.Cut(strings.TrimPrefix(name, "rport-"), ":")
		ports = append(ports, evidence.RemotePort{
			Name: name, Adapter: "host" + adapter, WWPN: evidence.Initiator(wwpn), State: t.field(dir + "/" + name + "/port_state"),
			Link: t.field("sys/class/fc_host/host" + adapter + "/port_state"),
		})
	}
	return ports, d
}

// fc reads how long I/O waits on the remote ports that Pure's disks are behind.
// multipathd sets it for those; the kernel's own value is for others.
func (r *settingsReader) fc(disks []evidence.Disk) {
	seen := map[string]bool{}
	for _, d := range disks {
		if d.RemotePort == "" || len(d.Holders) == 0 || seen[d.RemotePort] {
			continue
		}
		seen[d.RemotePort] = true
		r.kernel("fc fast_io_fail_tmo", d.RemotePort, "sys/class/fc_remote_ports/"+d.RemotePort+"/fast_io_fail_tmo")
	}
}
