package devices_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// page83 is a device identification page with a T10 designator and an NAA
// one, the way an array gives it.
func page83(t *testing.T, naa string) []byte {
	t.Helper()
	id, err := hex.DecodeString(naa)
	if err != nil {
		t.Fatal(err)
	}
	t10 := append([]byte{2, 1, 0, 8}, "PURE    "...)
	target := []byte{0x51, 0x94, 0, 4, 0, 0, 0, 1} // of the target port: not the volume's
	all := append(append(append([]byte{}, t10...), target...), append([]byte{1, 3, 0, byte(len(id))}, id...)...)
	return append([]byte{0, 0x83, 0, byte(len(all))}, all...)
}

func TestWhichDisksArePures(t *testing.T) {
	scsi := "sys/devices/platform/host0/session1/target0:0:0/0:0:0:1"
	naa := strings.TrimPrefix(serialNo(1).NAA(), "naa.")
	cases := []struct {
		name             string
		change           func(m *machine)
		ours, complete   bool
		serial, wwidPart string
	}{
		{"as it should be", func(*machine) {}, true, true, "01", "naa.6"},
		{"by the vendor, without a WWID", func(m *machine) { m.Remove(scsi + "/wwid") }, true, true, "?", ""},
		{"by the WWID, without a vendor", func(m *machine) { m.Remove(scsi + "/vendor") }, true, true, "01", "naa.6"},
		{"WWID from the page", func(m *machine) {
			m.Remove(scsi + "/wwid")
			m.AddFile(scsi+"/vpd_pg83", page83(t, naa))
		}, true, true, "01", "naa.6"},
		{"WWID of another kind, the page has it", func(m *machine) {
			m.AddFile(scsi+"/wwid", []byte("t10.PURE FlashArray:1234\n"))
			m.AddFile(scsi+"/vpd_pg83", page83(t, naa))
		}, true, true, "01", "naa.6"},
		{"a page that is cut off", func(m *machine) {
			m.Remove(scsi + "/wwid")
			m.AddFile(scsi+"/vpd_pg83", page83(t, naa)[:20])
		}, true, true, "?", ""},
		{"another vendor's", func(m *machine) {
			m.AddFile(scsi+"/vendor", []byte("QEMU\n"))
			m.AddFile(scsi+"/wwid", []byte("naa.5000c500a0b1c2d3\n"))
		}, false, true, "", ""},
		{"another vendor's, without a WWID", func(m *machine) {
			m.AddFile(scsi+"/vendor", []byte("QEMU\n"))
			m.Remove(scsi + "/wwid")
		}, false, true, "", ""},
		{"it shows nothing", func(m *machine) {
			m.Remove(scsi + "/vendor")
			m.Remove(scsi + "/wwid")
		}, false, false, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine()
			m.disk("sda", "8:0", 1)
			c.change(m)
			h := m.observe(t)
			if got := len(h.Disks.Items) == 1; got != c.ours || h.Disks.IsComplete() != c.complete {
				t.Fatalf("ours %v, complete %v (%s)", got, h.Disks.IsComplete(), h.Disks.Why())
			}
			// What uses a disk that may be ours may not have been told.
			if h.Uses.IsComplete() != c.complete || h.Links.IsComplete() != c.complete {
				t.Errorf("uses %q, links %q", h.Uses.Why(), h.Links.Why())
			}
			if c.ours && (short(h.Disks.Items[0].Serial) != c.serial || !strings.HasPrefix(h.Disks.Items[0].WWID, c.wwidPart)) {
				t.Errorf("%+v", h.Disks.Items[0])
			}
		})
	}
}

// Another maker's WWID does not settle it while the vendor, the WWID of the
// kernel or the page can't be read.
func TestUnreadableVendor(t *testing.T) {
	scsi := "sys/devices/platform/host0/session1/target0:0:0/0:0:0:1"
	for name, with := range map[string]map[string][]byte{
		"vendor":   {"wwid": []byte("naa.5000c500a0b1c2d3\n")},
		"wwid":     {"vendor": nil, "vpd_pg83": page83(t, "5000c500a0b1c2d3")},
		"vpd_pg83": {"vendor": nil, "wwid": []byte("t10.PURE FlashArray:1234\n")},
	} {
		m := newMachine()
		m.disk("sda", "8:0", 1)
		for file, data := range with {
			m.AddFile(scsi+"/"+file, data)
		}
		fault := newSpy(m.FS)
		fault.bad, fault.err = scsi+"/"+name, syscall.EIO
		s := m.system()
		s.FS = fault
		if h := observeSystem(t, s); len(h.Disks.Items) != 0 || h.Disks.IsComplete() {
			t.Errorf("without %s: %+v", name, h.Disks)
		}
	}
}

func TestDiskFields(t *testing.T) {
	m := newMachine()
	m.disk("sdaa", "65:160", 3)
	dir := m.dir("sdaa")
	m.AddFile(dir+"/diskseq", []byte("42\n"))
	m.AddFile(dir+"/stat", []byte("  10 0 80 5  7 0 56 3 0 8 8 0 0 0 0 0 0\n"))
	m.AddFile(dir+"/inflight", []byte("       2        3\n"))
	h := m.observe(t)
	want := evidence.Disk{
		Name: "sdaa", Dev: "65:160", Seq: evidence.CountOf(42), HCTL: "0:0:0:3", Transport: "iscsi", Session: 1,
		Serial: serialNo(3), WWID: serialNo(3).NAA(), State: "running", Bytes: evidence.CountOf(131072 * 512), Vendor: "PURE",
		Live:    evidence.Identity{Kind: evidence.IdentityKnown, Serial: serialNo(3)},
		Holders: []string{},
		IO:      evidence.IO{Reads: evidence.CountOf(10), Writes: evidence.CountOf(7), Inflight: evidence.CountOf(5)},
	}
	diffOne(t, want, h.Disks.Items)

	// Counters that were told to stand still are no counters.
	m.AddFile(dir+"/queue/iostats", []byte("0\n"))
	want.IO = evidence.IO{Inflight: evidence.CountOf(5)}
	diffOne(t, want, m.observe(t).Disks.Items)

	// Nor are those of which that can't be read.
	m.AddFile(dir+"/queue/iostats", []byte("1\n"))
	fault := newSpy(m.FS)
	fault.bad, fault.err = dir+"/queue/iostats", syscall.EIO
	s := m.system()
	s.FS = fault
	diffOne(t, want, observeSystem(t, s).Disks.Items)
}

func TestFibreChannelDisk(t *testing.T) {
	m := newMachine()
	scsi := "devices/pci0000:00/0000:00:02.0/host7/rport-7:0-2/target7:0:1/7:0:1:254"
	m.block("sdq", "65:0", scsi+"/block/sdq")
	m.AddFile("sys/"+scsi+"/wwid", []byte(serialNo(1).NAA()+"\n"))
	m.AddFile("sys/"+scsi+"/state", []byte("blocked\n"))
	m.AddFile("sys/class/fc_host/host7/port_name", []byte("0x21000024FF123456\n"))
	m.AddFile("sys/class/fc_host/host7/port_state", []byte("Online\n"))
	for name, port := range map[string][4]string{
		"rport-7:0-2": {"0x524a937123456700", "Blocked", "FCP Target", "off"},
		"rport-7:0-3": {"0x524A937123456710", "Online", "FCP Target", "off"},
		"rport-7:0-0": {"0x20fa00051e0a0b0c", "Online", "Fabric Port, Directory Server", ""},
	} {
		dir := "sys/class/fc_remote_ports/" + name
		m.AddFile(dir+"/port_name", []byte(port[0]+"\n"))
		m.AddFile(dir+"/port_state", []byte(port[1]+"\n"))
		m.AddFile(dir+"/roles", []byte(port[2]+"\n"))
		m.AddFile(dir+"/fast_io_fail_tmo", []byte(port[3]+"\n"))
	}
	m.AddFile("sys/"+scsi+"/block/sdq/holders/dm-3", nil)
	h := m.observe(t)
	// Of the switch nothing is told.
	want := []evidence.RemotePort{
		{Name: "rport-7:0-2", Adapter: "host7", WWPN: "524a937123456700", State: "Blocked", Link: "Online"},
		{Name: "rport-7:0-3", Adapter: "host7", WWPN: "524a937123456710", State: "Online", Link: "Online"},
	}
	if !slices.Equal(want, h.RemotePorts.Items) {
		t.Errorf("%+v", h.RemotePorts.Items)
	}
	// The kernel's own value for a port without a volume is no fault.
	var waits []string
	for _, s := range h.Settings.Items {
		if s.Name == "fc fast_io_fail_tmo" {
			waits = append(waits, s.Section+" "+s.Value)
		}
	}
	if strings.Join(waits, ",") != "rport-7:0-2 off" {
		t.Errorf("%q", waits)
	}
	if len(h.Disks.Items) != 1 {
		t.Fatal(h.Disks)
	}
	d := h.Disks.Items[0]
	if d.Transport != "fc" || d.RemotePort != "rport-7:0-2" || d.HCTL != "7:0:1:254" || d.Session != 0 {
		t.Errorf("%+v", d)
	}
	if len(h.WWPNs.Items) != 1 || h.WWPNs.Items[0] != "21000024ff123456" {
		t.Errorf("WWPNs %v", h.WWPNs.Items)
	}
}

// A host whose sysfs has links in /sys/block to directories in a flat place,
// and a "device" link from there, is read the same.
func TestDiskByItsDeviceLink(t *testing.T) {
	m := newMachine()
	m.block("sda", "8:0", "devices/flat/sda")
	m.AddLink("sys/devices/flat/sda/device", "../../platform/host3/session12/target3:0:0/3:0:0:1")
	m.AddFile("sys/devices/platform/host3/session12/target3:0:0/3:0:0:1/vendor", []byte("PURE\n"))
	h := m.observe(t)
	if len(h.Disks.Items) != 1 || h.Disks.Items[0].Session != 12 || h.Disks.Items[0].HCTL != "3:0:0:1" {
		t.Errorf("%+v", h.Disks.Items)
	}
}
