package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Unreached are the ports of an array that LXD logs in to for one of the pools
// and to which a host has no session or controller, though it has some of the
// same target. LXD logs in to each of them; what the kernel has given up is
// made again only by its next login. Where the pools are not all known any
// port may be meant.
func Unreached(a *evidence.Array, pools evidence.List[evidence.Pool], h *evidence.Host) []evidence.Port {
	if !h.Sessions.IsComplete() || !h.Controllers.IsComplete() {
		return nil
	}
	reached, talks, unclear := map[string]bool{}, map[string]bool{}, map[string]bool{}
	offered := map[string]bool{}
	for _, port := range a.Ports.Items {
		offered[portKey(either(port.IQN, port.NQN), port.Portal)] = true
	}
	add := func(name, address, port string, live bool) {
		key := portKey(name, evidence.Portal(address, port))
		name = evidence.Initiator(name)
		talks[name], reached[key] = true, true
		// By a host name, and from behind a portal that is none of the array's,
		// it may lead to any of them.
		if !evidence.IsAddress(address) || live && !offered[key] {
			unclear[name] = true
		}
	}
	for _, s := range h.Sessions.Items {
		add(s.Target, s.Address, s.Port, s.Live())
	}
	subsystems := map[string]string{}
	for _, s := range h.Subsystems.Items {
		subsystems[s.Name] = s.NQN
	}
	for _, c := range h.Controllers.Items {
		add(subsystems[c.Subsystem], c.Address, c.Port, c.State == "live")
	}
	var all []evidence.Port
	for _, port := range a.Ports.Items {
		name := evidence.Initiator(either(port.IQN, port.NQN))
		if name == "" || port.Portal == "" || !talks[name] || unclear[name] || reached[portKey(name, port.Portal)] || !Wanted(a, port, pools) {
			continue
		}
		all = append(all, port)
	}
	return all
}

func portKey(name, portal string) string {
	return evidence.Initiator(name) + " " + evidence.Portal(evidence.SplitPortal(portal))
}

// Wanted reports a port that LXD uses for one of the pools. Where not all are
// known any may be.
func Wanted(a *evidence.Array, port evidence.Port, pools evidence.List[evidence.Pool]) bool {
	return !pools.IsComplete() || slices.ContainsFunc(pools.Items, func(pool evidence.Pool) bool { return UsesPort(a, port, pool) })
}

// UsesPort reports whether LXD logs in to the port for a pool: it is one of the
// pool's array and transport, and pure.target does not leave it out. A pool
// whose transport is not known may be of any.
func UsesPort(a *evidence.Array, port evidence.Port, pool evidence.Pool) bool {
	of := func(asked string) bool { return strings.EqualFold(asked, pool.Name) }
	if pool.Gateway != a.Gateway && !slices.ContainsFunc(a.Asked, of) {
		return false
	}
	carries, known := map[string]bool{
		evidence.ModeISCSI: port.IQN != "", evidence.ModeNVMeTCP: port.NQN != "", evidence.ModeNVMeFC: false, evidence.ModeFC: false,
	}[pool.Mode]
	if known && !carries {
		return false
	}
	address := func(portal string) string {
		address, _ := evidence.SplitPortal(portal)
		return address
	}
	return len(pool.Targets) == 0 || slices.ContainsFunc(pool.Targets, func(target string) bool { return address(target) == address(port.Portal) })
}

// unreachedPaths counts the portals that the array offers to the volume's pool
// and that the host is not logged in to, of the targets that the device is
// reached through: what the kernel has given up leaves no session behind that
// could be counted.
func (d *device) unreachedPaths(p *paths, targets map[string]bool) {
	v := d.volume
	if v == nil || v.array == nil || v.pool == nil || v.pool.pool == nil {
		return
	}
	own := evidence.Complete([]evidence.Pool{*v.pool.pool})
	for _, port := range Unreached(v.array.Array, own, d.host.Host) {
		if targets[evidence.Initiator(either(port.IQN, port.NQN))] {
			p.want++
			p.why = append(p.why, unreachedWords+port.Portal+" ("+port.Name+")")
		}
	}
}

const unreachedWords = "nothing leads to the array's portal "
