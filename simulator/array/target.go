package array

import (
	"slices"

	"github.com/pureclean/pureclean/simulator/fabric"
)

var _ fabric.Target = (*Array)(nil)

// Exports lists the volumes connected to the host that has the initiator, in
// the order of their LUNs. A destroyed volume is not shown to anyone, whatever
// rows it still has.
func (a *Array) Exports(initiator string) []fabric.Export {
	a.mu.RLock()
	defer a.mu.RUnlock()
	h := a.state.initiators[key(initiator)]
	if h == nil {
		return nil
	}
	var all []fabric.Export
	for _, c := range h.connections {
		if !c.volume.destroyed {
			all = append(all, fabric.Export{Serial: c.volume.serial, LUN: c.lun, NSID: int(c.volume.nsid), Bytes: c.volume.provisioned})
		}
	}
	slices.SortFunc(all, func(x, y fabric.Export) int { return x.LUN - y.LUN })
	return all
}

func (a *Array) ISCSI() (iqn string, portals []string) {
	return a.options.iqn(), a.portals("iscsi")
}

func (a *Array) NVMe() (nqn string, portals []string) {
	return a.options.nqn(), a.portals("nvme-tcp")
}

func (a *Array) portals(service string) []string {
	var all []string
	for _, n := range a.options.nics() {
		if n.service == service {
			all = append(all, n.portal)
		}
	}
	return all
}
