package host

import (
	"fmt"
	"strings"
)

func (s *session) hostDir() string { return fmt.Sprintf("sys/devices/platform/host%d", s.host) }
func (s *session) dir() string     { return fmt.Sprintf("%s/session%d", s.hostDir(), s.id) }

// device is the SCSI device's directory; the block device's is below it.
func (d *disk) device() string {
	return fmt.Sprintf("%s/target%d:0:0/%s", d.session.dir(), d.session.host, d.hctl())
}

func (h *Host) renderISCSI(t tree) {
	for _, class := range []string{"iscsi_session", "iscsi_connection"} {
		t.AddDir("sys/class/" + class)
	}
	for _, s := range h.sessions {
		h.renderSession(t, s)
	}
}

func (h *Host) renderSession(t tree, s *session) {
	iqn, _ := s.target.ISCSI()
	address, port := splitPortal(s.portal)
	name := fmt.Sprintf("session%d", s.id)
	session := s.dir() + "/iscsi_session/" + name
	t.class("iscsi_session", name, session, s.dir())
	t.puts(session, "targetname", iqn, "state", s.state, "initiatorname", h.IQN(), "ifacename", "default",
		"recovery_tmo", int(s.recovery.Seconds()))

	name = fmt.Sprintf("connection%d:0", s.id)
	connection := s.dir() + "/" + name + "/iscsi_connection/" + name
	t.class("iscsi_connection", name, connection, s.dir()+"/"+name)
	t.puts(connection, "persistent_address", address, "persistent_port", port)
	if s.live() {
		t.puts(connection, "state", "up", "address", address, "port", port)
	} else {
		t.put(connection+"/state", "failed")
		t.blank(connection, "address", "port") // they answer ENOTCONN
	}
}

// ownAddress is the machine's own address on the way to a portal.
func (h *Host) ownAddress(portal string) string {
	return portal[:strings.LastIndexAny(portal, ".:")+1] + "100"
}

func (h *Host) renderDisks(t tree) {
	for _, d := range h.present() {
		h.renderDisk(t, d)
	}
}

func (h *Host) renderDisk(t tree, d *disk) {
	dir := d.device()
	t.link(dir+"/subsystem", "sys/bus/scsi")
	t.link(dir+"/driver", "sys/bus/scsi/drivers/sd")
	t.puts(dir, "vendor", "PURE    ", "model", "FlashArray      ", "type", 0, "state", d.state, "wwid", "naa.6"+wwid(d.serial)[2:])
	t.blank(dir, "delete", "rescan")
	iqn, _ := d.session.target.ISCSI()
	t.AddFile(dir+"/vpd_pg80", serialPage(d.serial))
	t.AddFile(dir+"/vpd_pg83", identityPage(d.serial, iqn))

	t.class("scsi_device", d.hctl(), dir+"/scsi_device/"+d.hctl(), dir)
	generic := fmt.Sprintf("sg%d", d.generic)
	t.class("scsi_generic", generic, dir+"/scsi_generic/"+generic, dir)
	t.put(dir+"/scsi_generic/"+generic+"/dev", fmt.Sprintf("%d:%d", majorSG, d.generic))
	t.AddDevice("dev/"+generic, majorSG, uint32(d.generic), true)
	bsg := dir + "/bsg/" + d.hctl()
	t.class("bsg", d.hctl(), bsg, dir)
	t.put(bsg+"/dev", fmt.Sprintf("%d:%d", majorBSG, d.generic))
	t.AddDevice("dev/bsg/"+d.hctl(), majorBSG, uint32(d.generic), true)

	t.block(d.sysfs(), &d.block, false)
	t.link(d.sysfs()+"/device", dir)
}
