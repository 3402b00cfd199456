package host

import "fmt"

func (h *Host) renderMaps(t tree) {
	for _, m := range h.maps {
		dir := m.sysfs()
		t.block(dir, &m.block, false)
		t.puts(dir+"/dm", "name", m.title, "uuid", m.uuid, "suspended", digit(m.suspended))
		t.AddLink("dev/mapper/"+m.title, "../"+m.name)
		for _, p := range m.paths {
			t.hold(&p.disk.block, &m.block)
		}
		if m.base != nil {
			t.hold(m.base, &m.block)
		}
	}
	t.AddDevice("dev/mapper/control", 10, 236, true)
}

// renderRoot writes the machine's own disk, and the snap's.
func (h *Host) renderRoot(t tree) {
	const pci = "sys/devices/pci0000:00/0000:00:03.0/virtio0"
	root := block{name: "vda", major: majorVirtio, seq: 1, bytes: 20 << 30, reads: 2398, writes: 3925}
	t.block(pci+"/block/vda", &root, false)
	t.link(pci+"/block/vda/device", pci)
	t.puts(pci, "vendor", "0x1af4", "device", "0x0002")
	t.link(pci+"/driver", "sys/bus/virtio/drivers/virtio_blk")
	t.link(pci+"/subsystem", "sys/bus/virtio")
	t.AddDevice("dev/null", 1, 3, true)
	const dir = "sys/devices/virtual/block/loop0"
	base := block{name: "loop0", major: majorLoop, seq: 2, bytes: 64 << 20, reads: 812}
	t.block(dir, &base, false)
	t.put("var/lib/snapd/snaps/core24_1196.snap", "")
	t.put(dir+"/loop/backing_file", "/var/lib/snapd/snaps/core24_1196.snap")
}

// renderUses writes what uses devices and shows in sysfs: loop devices, live
// filesystems and exports.
func (h *Host) renderUses(t tree) {
	for _, l := range h.loops {
		dir := l.sysfs()
		t.block(dir, &l.block, false)
		t.put(dir+"/loop/backing_file", nodePath(l.backing))
	}
	for _, m := range h.mounts {
		// A superblock lives in whatever namespace it is mounted, and outlives
		// its device.
		t.AddDir("sys/fs/ext4/" + m.name)
	}
	for i, e := range h.exports {
		core := fmt.Sprintf("sys/kernel/config/target/core/iblock_%d/%s", i, e.name)
		t.puts(core, "enable", 1, "udev_path", "/dev/"+e.name)
		t.put(core+"/control", "")
	}
}

// nodePath is a device's node as a file that keeps it open names it.
func nodePath(b *block) string {
	if b.gone {
		return "/dev/" + b.name + " (deleted)"
	}
	return "/dev/" + b.name
}
