package host

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

func euiOf(serial string) string { return evidence.Serial(serial).EUI() }

// devLink is one link below /dev that udev made for a device. Several devices
// may claim one name: the highest priority wins, and of equals the last.
type devLink struct {
	name     string
	device   *block
	priority int
}

// links are the links that all devices claim, and go by what udev knew when
// it looked.
func (h *Host) links() []devLink {
	var all []devLink
	claim := func(b *block, priority int, names ...string) {
		for _, name := range names {
			all = append(all, devLink{name, b, priority})
		}
	}
	for _, d := range h.present() {
		claim(&d.block, 0,
			"disk/by-id/scsi-"+wwid(d.udev), "disk/by-id/wwn-0x"+wwid(d.udev)[1:],
			"disk/by-id/scsi-SPURE_FlashArray_"+d.udev, "disk/by-id/scsi-1PURE_FlashArray:"+d.udev,
			"disk/by-path/"+h.byPath(d), fmt.Sprintf("disk/by-diskseq/%d", d.seq))
	}
	for _, m := range h.maps {
		claim(&m.block, 50, "disk/by-id/dm-name-"+m.title, "disk/by-id/dm-uuid-"+m.uuid, "mapper/"+m.title)
		suffix := ""
		if m.partition > 0 {
			suffix = fmt.Sprintf("-part%d", m.partition)
		}
		if m.multipath() || m.partition > 0 {
			claim(&m.block, 50, "disk/by-id/scsi-"+wwid(m.serial)+suffix, "disk/by-id/wwn-0x"+wwid(m.serial)[1:]+suffix)
		}
	}
	for _, n := range h.subsystem.present() {
		array := "disk/by-id/nvme-" + strings.ReplaceAll(nvmeModel, " ", "_") + "_" + h.subsystem.serial()
		claim(&n.block, 0, "disk/by-id/nvme-"+euiOf(n.serial), array, fmt.Sprintf("%s_%d", array, n.nsid),
			fmt.Sprintf("disk/by-diskseq/%d", n.seq))
	}
	return all
}

func (h *Host) byPath(d *disk) string {
	address, port := splitPortal(d.session.portal)
	iqn, _ := d.session.target.ISCSI()
	return fmt.Sprintf("ip-%s:%s-iscsi-%s-lun-%d", address, port, iqn, d.lun)
}

// renderLinks writes the links below /dev, and udev's notes on each device.
func (h *Host) renderLinks(t tree) {
	winners := map[string]devLink{}
	claims := map[*block][]string{}
	for _, l := range h.links() {
		claims[l.device] = append(claims[l.device], l.name)
		if w, taken := winners[l.name]; !taken || l.priority >= w.priority {
			winners[l.name] = l
		}
	}
	for name, l := range winners {
		t.AddLink("dev/"+name, relative(path.Dir("dev/"+name), "dev/"+l.device.name))
	}
	for _, d := range h.present() {
		multipath := slices.Contains(h.wwids, d.udev)
		h.renderUdev(t, &d.block, claims[&d.block],
			"SCSI_VENDOR=PURE", "SCSI_MODEL=FlashArray", "SCSI_IDENT_SERIAL="+d.udev,
			"ID_VENDOR=PURE", "ID_MODEL=FlashArray", "ID_BUS=scsi", "ID_SERIAL="+wwid(d.udev),
			"ID_SERIAL_SHORT="+wwid(d.udev)[1:], "ID_SCSI_SERIAL="+d.udev, "ID_WWN=0x"+wwid(d.udev)[1:17],
			"ID_WWN_WITH_EXTENSION=0x"+wwid(d.udev)[1:], "DM_MULTIPATH_DEVICE_PATH="+digit(multipath),
			"ID_PATH="+h.byPath(d))
	}
	for _, m := range h.maps {
		properties := []string{"DM_NAME=" + m.title, "DM_UUID=" + m.uuid, "DM_SUSPENDED=0", "DM_UDEV_RULES=1"}
		if m.multipath() {
			properties = append(properties, "MPATH_DEVICE_READY="+digit(m.active() > 0), "DM_TYPE=scsi",
				"DM_WWN=0x"+wwid(m.serial)[1:], "DM_SERIAL="+wwid(m.serial))
		}
		h.renderUdev(t, &m.block, claims[&m.block], properties...)
	}
	for _, n := range h.subsystem.present() {
		h.renderUdev(t, &n.block, claims[&n.block],
			"DM_MULTIPATH_DEVICE_PATH=0", "ID_SERIAL_SHORT="+h.subsystem.serial(), "ID_WWN="+euiOf(n.serial),
			"ID_MODEL="+nvmeModel, "ID_REVISION="+nvmeFirmware, fmt.Sprintf("ID_NSID=%d", n.nsid))
	}
}

func (h *Host) renderUdev(t tree, b *block, links []string, properties ...string) {
	var out strings.Builder
	for _, l := range links {
		fmt.Fprintf(&out, "S:%s\n", l)
	}
	fmt.Fprintf(&out, "I:%d\n", 1000000*b.seq)
	for _, p := range properties {
		fmt.Fprintf(&out, "E:%s\n", p)
	}
	out.WriteString("G:systemd\nQ:systemd\nV:1\n")
	t.AddFile("run/udev/data/b"+b.dev(), []byte(out.String()))
}
