package host

import (
	"fmt"
	"strings"
)

// What a FlashArray's controllers say of themselves; the identify structure
// pads with blanks.
const (
	nvmeModel    = "Pure Storage FlashArray"
	nvmeFirmware = "6.6.10"
)

// serial is the subsystem's serial number: the array's, as its NQN ends.
func (s *subsystem) serial() string {
	return strings.ToUpper(s.nqn[strings.LastIndexAny(s.nqn, ".:")+1:])
}

func (s *subsystem) name() string { return fmt.Sprintf("nvme-subsys%d", s.instance) }
func (s *subsystem) dir() string  { return "sys/devices/virtual/nvme-subsystem/" + s.name() }

func (c *controller) dir() string { return "sys/devices/virtual/nvme-fabrics/ctl/" + c.name() }

func (h *Host) renderNVMe(t tree) {
	for _, class := range []string{"nvme", "nvme-subsystem", "nvme-generic"} {
		t.AddDir("sys/class/" + class)
	}
	t.put("sys/module/nvme_core/parameters/multipath", "Y")
	s := &h.subsystem
	if s.nqn == "" {
		return
	}
	t.link("sys/class/nvme-subsystem/"+s.name(), s.dir())
	t.link(s.dir()+"/subsystem", "sys/class/nvme-subsystem")
	t.puts(s.dir(), "subsysnqn", s.nqn, "model", fmt.Sprintf("%-40s", nvmeModel), "serial", fmt.Sprintf("%-20s", s.serial()))
	for _, c := range s.controllers {
		h.renderController(t, s, c)
	}
	for _, n := range s.present() {
		h.renderHead(t, s, n)
	}
}

func (h *Host) renderController(t tree, s *subsystem, c *controller) {
	address, port := splitPortal(c.portal)
	where := fmt.Sprintf("traddr=%s,trsvcid=%s", address, port)
	if c.state == live {
		where += ",src_addr=" + h.ownAddress(address)
	}
	t.link("sys/class/nvme/"+c.name(), c.dir())
	t.link(c.dir()+"/subsystem", "sys/class/nvme")
	t.link(c.dir()+"/device", "sys/devices/virtual/nvme-fabrics/ctl")
	t.link(s.dir()+"/"+c.name(), c.dir())
	t.puts(c.dir(), "address", where, "transport", "tcp", "state", c.state, "cntrltype", "io",
		"dev", fmt.Sprintf("%d:%d", majorNVMe, c.instance), "subsysnqn", s.nqn, "hostnqn", h.NQN(),
		"model", fmt.Sprintf("%-40s", nvmeModel), "serial", fmt.Sprintf("%-20s", s.serial()),
		"ctrl_loss_tmo", int(controllerLoss.Seconds()), "fast_io_fail_tmo", "off")
	t.blank(c.dir(), "rescan_controller")
	t.AddDevice("dev/"+c.name(), majorNVMe, uint32(c.instance), true)
	for _, p := range c.paths {
		dir := c.dir() + "/" + p.name
		t.block(dir, &p.block, true)
		t.link(dir+"/device", c.dir())
		t.namespace(dir, p.head)
		t.put(dir+"/ana_state", "optimized")
	}
}

func (h *Host) renderHead(t tree, s *subsystem, n *head) {
	dir := n.sysfs()
	t.block(dir, &n.block, false)
	t.link(dir+"/device", s.dir())
	t.namespace(dir, n)
	generic := fmt.Sprintf("ng%dn%d", s.instance, n.instance)
	t.put(s.dir()+"/"+generic+"/dev", fmt.Sprintf("%d:%d", majorNG, n.instance-1))
	t.class("nvme-generic", generic, s.dir()+"/"+generic, s.dir())
	t.AddDevice("dev/"+generic, majorNG, uint32(n.instance-1), true)
}

// namespace writes the attributes of a namespace, which head and paths share.
func (t tree) namespace(dir string, n *head) {
	eui := euiOf(n.serial)
	t.puts(dir, "nsid", n.nsid, "wwid", eui, "nguid", dashed(eui), "uuid", dashed(eui))
}

// dashed prints an NGUID as the kernel does, like a UUID.
func dashed(eui string) string {
	d := strings.TrimPrefix(eui, "eui.")
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}
