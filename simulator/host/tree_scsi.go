package host

import (
	"fmt"
	"strings"
)

// hostDir is the SCSI host's directory, the session's is below it.
func (s *session) hostDir() string { return fmt.Sprintf("sys/devices/platform/host%d", s.host) }
func (s *session) dir() string     { return fmt.Sprintf("%s/session%d", s.hostDir(), s.id) }

// device is the SCSI device's directory; the block device's is below it.
func (d *disk) device() string {
	return fmt.Sprintf("%s/target%d:0:0/%s", d.session.dir(), d.session.host, d.hctl())
}

// renderISCSI writes sessions, connections and their SCSI hosts.
func (h *Host) renderISCSI(t tree) {
	for _, class := range []string{"iscsi_session", "iscsi_connection", "iscsi_host", "iscsi_iface"} {
		t.AddDir("sys/class/" + class)
	}
	for _, s := range h.sessions {
		h.renderSession(t, s)
	}
}

func (h *Host) renderSession(t tree, s *session) {
	iqn, _ := s.target.ISCSI()
	address, port := splitPortal(s.portal)
	host := fmt.Sprintf("host%d", s.host)
	t.put(s.hostDir()+"/uevent", "DEVTYPE=scsi_host")
	t.link(s.hostDir()+"/subsystem", "sys/bus/scsi")

	scsiHost := s.hostDir() + "/scsi_host/" + host
	t.class("scsi_host", host, scsiHost, s.hostDir())
	t.puts(scsiHost, "proc_name", "iscsi_tcp", "state", "running", "host_busy", 0, "can_queue", 113,
		"cmd_per_lun", 32, "sg_tablesize", 4096, "unique_id", 0)
	t.blank(scsiHost, "scan", "host_reset", "uevent")

	iscsiHost := s.hostDir() + "/iscsi_host/" + host
	t.class("iscsi_host", host, iscsiHost, s.hostDir())
	t.puts(iscsiHost, "ipaddress", h.ownAddress(address), "hwaddress", "(null)", "netdev", "(null)",
		"initiatorname", "(null)")

	name := fmt.Sprintf("session%d", s.id)
	session := s.dir() + "/iscsi_session/" + name
	t.class("iscsi_session", name, session, s.dir())
	t.blank(s.dir(), "uevent")
	t.puts(session, "targetname", iqn, "state", s.state, "target_state", "SCANNED", "target_id", 0, "tpgt", 1,
		"initiatorname", h.IQN(), "ifacename", "default", "creator", 480,
		"recovery_tmo", int(s.recovery.Seconds()), "abort_tmo", 15, "lu_reset_tmo", 30, "tgt_reset_tmo", 30,
		"erl", 0, "fast_abort", 1, "first_burst_len", 65536, "max_burst_len", 262144, "immediate_data", 1,
		"initial_r2t", 1, "max_outstanding_r2t", 1, "data_pdu_in_order", 0, "data_seq_in_order", 0,
		"username", "(null)", "password", "(null)", "username_in", "(null)", "password_in", "(null)")
	t.blank(session, "uevent")

	name = fmt.Sprintf("connection%d:0", s.id)
	connection := s.dir() + "/" + name + "/iscsi_connection/" + name
	t.class("iscsi_connection", name, connection, s.dir()+"/"+name)
	t.blank(s.dir()+"/"+name, "uevent")
	t.puts(connection, "state", s.conn, "persistent_address", address, "persistent_port", port,
		"ping_tmo", 5, "recv_tmo", 5, "header_digest", 0, "data_digest", 0,
		"max_recv_dlength", 262144, "max_xmit_dlength", 262144)
	if s.conn == connUp {
		t.puts(connection, "address", address, "port", port, "local_port", 35000+s.id)
	} else {
		// They answer ENOTCONN.
		t.blank(connection, "address", "port", "local_port")
	}
	t.blank(connection, "uevent")
}

// ownAddress is the machine's own address on the way to a portal.
func (h *Host) ownAddress(portal string) string {
	return portal[:strings.LastIndexAny(portal, ".:")+1] + "100"
}

// renderDisks writes SCSI devices and their disks.
func (h *Host) renderDisks(t tree) {
	for _, d := range h.disks {
		if !d.gone {
			h.renderDisk(t, d)
		}
	}
}

func (h *Host) renderDisk(t tree, d *disk) {
	dir := d.device()
	target := fmt.Sprintf("%s/target%d:0:0", d.session.dir(), d.session.host)
	t.put(target+"/uevent", "DEVTYPE=scsi_target")
	t.link(target+"/subsystem", "sys/bus/scsi")

	t.link(dir+"/subsystem", "sys/bus/scsi")
	t.link(dir+"/driver", "sys/bus/scsi/drivers/sd")
	t.puts(dir, "vendor", "PURE    ", "model", "FlashArray      ", "rev", "8888", "type", 0, "scsi_level", 7,
		"state", d.state, "wwid", "naa.6"+wwid(d.serial)[2:], "modalias", "scsi:t-0x00",
		"uevent", "DEVTYPE=scsi_device\nDRIVER=sd\nMODALIAS=scsi:t-0x00",
		"access_state", "active/optimized", "preferred_path", 0, "dh_state", "alua",
		"device_blocked", 0, "device_busy", 0, "queue_depth", 32, "queue_type", "simple",
		"timeout", 30, "eh_timeout", 10, "iocounterbits", 32,
		"iorequest_cnt", fmt.Sprintf("%#x", d.checks), "iodone_cnt", fmt.Sprintf("%#x", d.checks),
		"ioerr_cnt", fmt.Sprintf("%#x", d.errors), "iotmo_cnt", "0x0",
		"evt_capacity_change_reported", 0, "evt_inquiry_change_reported", 0, "evt_lun_change_reported", 0,
		"evt_media_change", 0)
	t.blank(dir, "delete", "rescan", "blacklist")
	iqn, _ := d.session.target.ISCSI()
	t.AddFile(dir+"/inquiry", standardInquiry())
	t.AddFile(dir+"/vpd_pg0", []byte{0, 0, 0, 3, 0, 0x80, 0x83})
	t.AddFile(dir+"/vpd_pg80", serialPage(d.serial))
	t.AddFile(dir+"/vpd_pg83", identityPage(d.serial, iqn))

	device := dir + "/scsi_device/" + d.hctl()
	t.class("scsi_device", d.hctl(), device, dir)
	t.blank(device, "uevent")
	scsiDisk := dir + "/scsi_disk/" + d.hctl()
	t.class("scsi_disk", d.hctl(), scsiDisk, dir)
	t.puts(scsiDisk, "cache_type", "write back", "FUA", 1, "thin_provisioning", 1, "provisioning_mode", "unmap",
		"protection_type", 0)
	generic := fmt.Sprintf("sg%d", d.generic)
	t.class("scsi_generic", generic, dir+"/scsi_generic/"+generic, dir)
	t.puts(dir+"/scsi_generic/"+generic, "dev", fmt.Sprintf("%d:%d", majorSG, d.generic),
		"uevent", fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=%s", majorSG, d.generic, generic))
	t.link(dir+"/generic", dir+"/scsi_generic/"+generic)
	t.AddDevice("dev/"+generic, majorSG, uint32(d.generic), true)
	bsg := dir + "/bsg/" + d.hctl()
	t.class("bsg", d.hctl(), bsg, dir)
	t.puts(bsg, "dev", fmt.Sprintf("%d:%d", majorBSG, d.generic),
		"uevent", fmt.Sprintf("MAJOR=%d\nMINOR=%d\nDEVNAME=bsg/%s", majorBSG, d.generic, d.hctl()))
	t.AddDevice("dev/bsg/"+d.hctl(), majorBSG, uint32(d.generic), true)

	t.block(d.sysfs(), &d.block, false)
	t.link(d.sysfs()+"/device", dir)
}
