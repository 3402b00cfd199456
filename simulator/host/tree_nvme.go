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

// renderNVMe writes the subsystem, its controllers, heads and paths.
func (h *Host) renderNVMe(t tree) {
	for _, class := range []string{"nvme", "nvme-subsystem", "nvme-generic", "nvme-fabrics"} {
		t.AddDir("sys/class/" + class)
	}
	t.put("sys/module/nvme_core/parameters/multipath", "Y")
	t.link("sys/devices/virtual/nvme-fabrics/ctl/subsystem", "sys/class/nvme-fabrics")
	t.blank("sys/devices/virtual/nvme-fabrics/ctl", "uevent")
	s := &h.subsystem
	if s.nqn == "" {
		return
	}
	t.link("sys/class/nvme-subsystem/"+s.name(), s.dir())
	t.link(s.dir()+"/subsystem", "sys/class/nvme-subsystem")
	t.puts(s.dir(), "subsysnqn", s.nqn, "model", fmt.Sprintf("%-40s", nvmeModel), "serial", fmt.Sprintf("%-20s", s.serial()),
		"firmware_rev", nvmeFirmware, "iopolicy", "numa", "subsystype", "nvm")
	t.blank(s.dir(), "uevent")
	for _, c := range s.controllers {
		h.renderController(t, s, c)
	}
	for _, n := range s.heads {
		if !n.gone {
			h.renderHead(t, s, n)
		}
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
	t.puts(c.dir(), "address", where, "transport", "tcp", "state", c.state, "cntlid", c.cntlid, "cntrltype", "io",
		"dctype", "none", "dev", fmt.Sprintf("%d:%d", majorNVMe, c.instance), "subsysnqn", s.nqn,
		"hostnqn", h.NQN(), "hostid", h.options.ServerUUID,
		"model", fmt.Sprintf("%-40s", nvmeModel), "serial", fmt.Sprintf("%-20s", s.serial()), "firmware_rev", nvmeFirmware,
		"ctrl_loss_tmo", int(controllerLoss.Seconds()), "reconnect_delay", 10, "fast_io_fail_tmo", "off", "kato", 5,
		"queue_count", 3, "sqsize", 127, "numa_node", -1,
		"uevent", fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=%s\nNVME_TRTYPE=tcp\nNVME_TRADDR=%s\nNVME_TRSVCID=%s\n"+
			"NVME_HOST_TRADDR=none\nNVME_HOST_IFACE=none", majorNVMe, c.instance, c.name(), address, port))
	t.blank(c.dir(), "delete_controller", "rescan_controller", "reset_controller")
	t.AddDevice("dev/"+c.name(), majorNVMe, uint32(c.instance), true)
	for _, p := range c.paths {
		dir := c.dir() + "/" + p.name
		t.block(dir, &p.block, true)
		t.link(dir+"/device", c.dir())
		t.namespace(dir, p.head, &p.block)
		t.puts(dir, "ana_state", "optimized", "ana_grpid", 1)
	}
}

func (h *Host) renderHead(t tree, s *subsystem, n *head) {
	dir := n.sysfs()
	shown := n.block
	if !h.headCounts() {
		shown.reads, shown.writes = 0, 0
	}
	t.block(dir, &shown, false)
	t.put(dir+"/range", 0)
	t.link(dir+"/device", s.dir())
	t.namespace(dir, n, &n.block)
	generic := fmt.Sprintf("ng%dn%d", s.instance, n.instance)
	t.puts(s.dir()+"/"+generic, "dev", fmt.Sprintf("%d:%d", majorNG, n.instance-1),
		"uevent", fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=%s", majorNG, n.instance-1, generic))
	t.class("nvme-generic", generic, s.dir()+"/"+generic, s.dir())
	t.AddDevice("dev/"+generic, majorNG, uint32(n.instance-1), true)
}

// namespace writes the attributes of a namespace, which head and paths share.
func (t tree) namespace(dir string, n *head, b *block) {
	eui := euiOf(n.serial)
	t.puts(dir, "nsid", n.nsid, "wwid", eui, "nguid", dashed(eui), "uuid", dashed(eui), "csi", 0,
		"metadata_bytes", 0, "nuse", b.bytes/512, "passthru_err_log_enabled", "off")
}

// dashed prints an NGUID as the kernel does, like a UUID.
func dashed(eui string) string {
	d := strings.TrimPrefix(eui, "eui.")
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}
