package host

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/simulator/fabric"
)

const (
	live       = "live"
	connecting = "connecting"
)

// controllerLoss is how long a controller tries to come back (ctrl_loss_tmo).
const controllerLoss = 600 * time.Second

// subsystem is the array's NVMe subsystem, if it has a name. It stays as long as
// it has a controller, or a head that somebody holds: then it is a zombie.
type subsystem struct {
	// instance is that of its first controller, and stays taken with it.
	instance    int
	nqn         string
	controllers []*controller
	heads       []*head
}

// controller is a connection to one portal.
type controller struct {
	instance int
	portal   string
	state    string
	lost     time.Time
	// deaf is a controller that missed an announcement.
	deaf  bool
	paths []*nvmePath
}

func (c *controller) name() string { return fmt.Sprintf("nvme%d", c.instance) }

// head is a namespace as the machine's block device. Its number is not the
// NSID, and a namespace that comes back is another head.
type head struct {
	block
	instance int
	nsid     int
}

type nvmePath struct {
	block
	head *head
}

func (h *Host) loginNVMe(v view) error {
	nqn, portals := h.options.Target.NVMe()
	for _, portal := range portals {
		if h.cut[portal] || h.controllerTo(portal) != nil {
			continue
		}
		s := &h.subsystem
		taken := slices.Clone(s.controllers)
		if s.nqn != "" {
			taken = append(taken, &controller{instance: s.instance})
		}
		c := &controller{instance: lowest(0, taken, func(c *controller) int { return c.instance }), portal: portal, state: live}
		if s.nqn == "" {
			s.instance, s.nqn = c.instance, nqn
		}
		s.controllers = append(s.controllers, c)
		h.followController(c, v)
	}
	if slices.ContainsFunc(h.subsystem.controllers, func(c *controller) bool { return c.state == live }) {
		return nil
	}
	return fmt.Errorf("host %s: no portal of %s answers (%s)", h.Name(), nqn, strings.Join(portals, ", "))
}

func (h *Host) controllerTo(portal string) *controller {
	return first(h.subsystem.controllers, func(c *controller) bool { return c.portal == portal })
}

// follow makes the namespaces of all controllers what the array shows. The
// array announces changes, so nobody has to ask.
func (h *Host) follow(v view) {
	for _, c := range h.subsystem.controllers {
		h.followController(c, v)
	}
}

// followController follows one controller. One that is not live hears
// nothing: its namespaces stay until it is back.
func (h *Host) followController(c *controller, v view) {
	if c.state != live || c.deaf {
		return
	}
	for _, p := range slices.Clone(c.paths) {
		i := slices.IndexFunc(v.nvme, func(e fabric.Export) bool {
			return e.NSID == p.head.nsid && e.Serial == p.head.serial
		})
		if i < 0 {
			h.removeNVMePath(c, p)
			continue
		}
		// A new size is announced as well.
		p.bytes, p.head.bytes = v.nvme[i].Bytes, v.nvme[i].Bytes
	}
	for _, e := range v.nvme {
		if slices.ContainsFunc(c.paths, func(p *nvmePath) bool { return p.head.nsid == e.NSID }) || h.hidden(e.Serial) {
			continue
		}
		h.addNVMePath(c, e)
	}
}

// addNVMePath adds a namespace's path, and its head when it is the first. The
// kernel refuses a namespace whose number still belongs to another one.
func (h *Host) addNVMePath(c *controller, e fabric.Export) {
	s := &h.subsystem
	n := first(s.heads, func(o *head) bool { return !o.gone && o.nsid == e.NSID })
	instance := lowest(1, s.heads, func(o *head) int { return o.instance })
	if n != nil {
		if n.serial != e.Serial {
			return
		}
		instance = n.instance
	}
	p := &nvmePath{block: h.newBlock(
		fmt.Sprintf("nvme%dc%dn%d", s.instance, c.instance, instance), majorExt, h.extMinor(), e.Bytes, e.Serial)}
	c.paths = append(c.paths, p)
	if n == nil {
		name := fmt.Sprintf("nvme%dn%d", s.instance, instance)
		n = &head{
			block:    h.newBlock(name, majorExt, h.extMinor(), e.Bytes, e.Serial),
			instance: instance, nsid: e.NSID,
		}
		n.block.dir = s.dir() + "/" + name
		s.heads = append(s.heads, n)
		h.known[e.Serial] = true
	} else {
		p.reads = 0
	}
	p.head = n
}

// removeNVMePath removes a path, and the head with the last one, whatever
// uses it.
func (h *Host) removeNVMePath(c *controller, p *nvmePath) {
	c.paths = slices.DeleteFunc(c.paths, func(o *nvmePath) bool { return o == p })
	for _, other := range h.subsystem.controllers {
		for _, o := range other.paths {
			if o.head == p.head {
				return
			}
		}
	}
	p.head.gone = true
	if h.inUse(&p.head.block) == 0 {
		h.subsystem.heads = slices.DeleteFunc(h.subsystem.heads, func(o *head) bool { return o == p.head })
	}
}

func (h *Host) removeController(c *controller) {
	for _, p := range slices.Clone(c.paths) {
		h.removeNVMePath(c, p)
	}
	s := &h.subsystem
	s.controllers = slices.DeleteFunc(s.controllers, func(o *controller) bool { return o == c })
}

// present are the namespaces that have not gone.
func (s *subsystem) present() []*head {
	return slices.DeleteFunc(slices.Clone(s.heads), func(n *head) bool { return n.gone })
}

func (h *Host) headOf(serial string) *head {
	return first(h.subsystem.heads, func(n *head) bool { return !n.gone && n.serial == serial })
}
