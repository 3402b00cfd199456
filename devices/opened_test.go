package devices_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
)

// loopKernel knows what loop devices are on.
type loopKernel struct {
	devices.Kernel
	on map[string]string
}

func (k loopKernel) LoopDevice(_ context.Context, loop string) (string, error) {
	dev, known := k.on[loop]
	if !known {
		return "", errors.New("it does not say")
	}
	return dev, nil
}

// What opened a device may call it by any name: one that mknod made, or one of
// another mount namespace. Its number tells, or else each device is in doubt.
// What is a file for certain is no doubt.
func TestOpenedByAnotherName(t *testing.T) {
	loop := func(m *machine, file string) {
		m.AddFile(m.block("loop3", "7:3", "devices/virtual/block/loop3")+"/loop/backing_file", []byte(file+"\n"))
	}
	node := func(m *machine) { m.AddDevice("srv/disk0", 8, 0, false) }
	const (
		core  = "sys/kernel/config/target/core/"
		nvmet = "sys/kernel/config/nvmet/subsystems/nqn.x/"
		scst  = "sys/kernel/scst_tgt/devices/"
		swaps = "Filename Type Size Used Priority\n"
	)
	for _, c := range []struct {
		name string
		add  func(m *machine)
		// says is what the kernel says of loop3, "?" for that it does not.
		says string
		want []string
	}{
		{"a loop device of another mount namespace", func(m *machine) { loop(m, "/disk0") }, "?", []string{"unclear of sda is 01: loop device loop3 (/disk0)"}},
		{"the same, and the kernel says on what", func(m *machine) { loop(m, "/disk0") }, "8:0", []string{"loop of sda is 01: loop3"}},
		{"the same, called as a file is here", func(m *machine) { loop(m, "/disk0"); m.AddFile("disk0", nil) }, "8:0", []string{"loop of sda is 01: loop3"}},
		{"the same, called as another device is here", func(m *machine) {
			loop(m, "/dev/vdb")
			m.block("vdb", "253:16", "devices/virtual/block/vdb")
		}, "8:0", []string{"loop of sda is 01: loop3"}},
		{"a loop device on a file of another mount namespace", func(m *machine) { loop(m, "/var/lib/snapd/snaps/x.snap") }, "", []string{}},
		{"a loop device on a file that was deleted", func(m *machine) { loop(m, "/srv/x.img (deleted)") }, "", []string{}},
		{"a loop device on a file", func(m *machine) { loop(m, "/srv/x.img"); m.AddFile("srv/x.img", nil) }, "?", []string{}},
		{"a loop device on a file that can't be seen", func(m *machine) { loop(m, "/srv/x.img (deleted)") }, "?", []string{"unclear of sda is 01: loop device loop3 (/srv/x.img (deleted))"}},
		{"a loop device on a server's file", func(m *machine) {
			loop(m, "/net/x.img")
			m.AddFile("net/x.img", nil)
			m.AddFile("proc/self/mountinfo", []byte("24 1 0:20 / / rw - overlay overlay rw\n50 24 0:50 / /net rw - nfs4 srv:/ rw\n"))
		}, "?", []string{"unclear of sda is 01: loop device loop3 (/net/x.img)"}},
		{"a loop device on a node that was made", func(m *machine) { loop(m, "/srv/disk0"); node(m) }, "?", []string{"loop of sda is 01: loop3"}},
		{"a loop device on what is no file", func(m *machine) { loop(m, "/srv"); m.AddDir("srv") }, "?", []string{"unclear of sda is 01: loop device loop3 (/srv)"}},
		{"a loop device on a device that has gone", func(m *machine) { loop(m, "/dev/sdq (deleted)") }, "?", []string{"loop of sdq is ?: loop3"}},
		{"the same by its number", func(m *machine) { loop(m, "/disk0") }, "65:0", []string{"loop of disk0 is ?: loop3"}},
		{"a loop device on a node that was removed", func(m *machine) { loop(m, "/dev/sda (deleted)") }, "?", []string{"loop of sda is 01: loop3", "unclear of sda is 01: loop device loop3 (/dev/sda (deleted))"}},
		{"a loop device on what nothing names", func(m *machine) { loop(m, "") }, "?", []string{"unclear of sda is 01: loop device loop3"}},
		{"the same, and the kernel says on what it is", func(m *machine) { loop(m, "") }, "8:0", []string{"loop of sda is 01: loop3"}},
		{"the same, and it is a file", func(m *machine) { loop(m, "") }, "", []string{}},
		{"a loop device on nothing", func(m *machine) { m.block("loop3", "7:3", "devices/virtual/block/loop3") }, "?", []string{}},

		{"swap", func(m *machine) { m.AddFile("proc/swaps", []byte(swaps+"/srv/disk0 partition 65532 0 -2\n")) }, "", []string{"unclear of sda is 01: /srv/disk0"}},
		{"swap on a node that was made", func(m *machine) {
			m.AddFile("proc/swaps", []byte(swaps+"/srv/disk0 partition 65532 0 -2\n"))
			node(m)
		}, "", []string{"swap of sda is 01: /srv/disk0", "system of sda is 01: swap"}},
		{"a swap file", func(m *machine) { m.AddFile("proc/swaps", []byte(swaps+"/swap.img file 65532 0 -2\n")) }, "", []string{}},

		{"nvmet", func(m *machine) { m.AddFile(nvmet+"namespaces/1/device_path", []byte("/srv/disk0\n")) }, "", []string{"unclear of sda is 01: nqn.x/namespaces/1 (/srv/disk0)"}},
		{"nvmet, a node that was made", func(m *machine) {
			m.AddFile(nvmet+"namespaces/1/device_path", []byte("/srv/disk0\n"))
			node(m)
		}, "", []string{"export of sda is 01: nqn.x/namespaces/1"}},
		{"nvmet, a file", func(m *machine) {
			m.AddFile(nvmet+"namespaces/1/device_path", []byte("/srv/x.img\n"))
			m.AddFile("srv/x.img", nil)
		}, "", []string{}},
		{"nvmet, not enabled", func(m *machine) {
			m.AddFile(nvmet+"namespaces/1/device_path", []byte("/srv/disk0\n"))
			m.AddFile(nvmet+"namespaces/1/enable", []byte("0\n"))
		}, "", []string{}},
		{"nvmet, never given a name", func(m *machine) {
			m.AddFile(nvmet+"namespaces/1/device_path", []byte("(null)\n"))
			m.AddFile(nvmet+"passthru/device_path", []byte("(null)\n"))
		}, "", []string{}},
		{"nvmet, a whole controller", func(m *machine) { m.AddFile(nvmet+"passthru/device_path", []byte("/srv/ctl\n")) }, "", []string{"unclear of sda is 01: nqn.x/passthru (/srv/ctl)"}},
		{"nvmet, a whole controller of the machine's own, by its name", func(m *machine) {
			m.AddFile(nvmet+"passthru/device_path", []byte("/dev/nvme7\n"))
			m.AddFile("sys/class/nvme/nvme7/dev", []byte("240:7\n"))
		}, "", []string{}},
		{"nvmet, a whole controller of the machine's own", func(m *machine) {
			m.AddFile(nvmet+"passthru/device_path", []byte("/srv/ctl\n"))
			m.AddDevice("srv/ctl", 240, 7, true)
			m.AddFile("sys/class/nvme/nvme7/dev", []byte("240:7\n"))
		}, "", []string{}},

		{"LIO, a file back-end", func(m *machine) {
			m.AddFile(core+"fileio_0/x/info", []byte("Status: ACTIVATED\n        TCM FILEIO ID: 0        File: /srv/disk0  Size: 67108864  Mode: O_DSYNC Async: 0\n"))
		}, "", []string{"unclear of sda is 01: fileio_0/x (/srv/disk0)"}},
		{"LIO, by its own number", func(m *machine) {
			m.AddFile(core+"iblock_7/x/udev_path", []byte("/srv/disk0\n"))
			m.AddFile(core+"iblock_7/x/info", []byte("Status: ACTIVATED\n        iBlock device: sda  UDEV PATH: /srv/disk0  readonly: 0\n        Major: 8 Minor: 0  CLAIMED: IBLOCK\n"))
		}, "", []string{"export of sda is 01: iblock_7/x"}},
		{"LIO, another device by its number", func(m *machine) {
			m.block("vdb", "253:16", "devices/virtual/block/vdb")
			m.AddFile(core+"iblock_7/x/udev_path", []byte("/srv/disk0\n"))
			m.AddFile(core+"iblock_7/x/info", []byte("Major: 253 Minor: 16  CLAIMED: IBLOCK\n"))
		}, "", []string{}},
		{"LIO, by name alone", func(m *machine) { m.AddFile(core+"iblock_7/x/udev_path", []byte("/srv/disk0\n")) }, "", []string{"unclear of sda is 01: iblock_7/x (/srv/disk0)"}},
		{"LIO, by its address", func(m *machine) {
			m.AddFile(core+"pscsi_7/x/info", []byte("SCSI Device Bus Location: Channel ID: 0 Target ID: 0 LUN: 1 Host ID: 0\n"))
		}, "", []string{"export of sda is 01: pscsi_7/x"}},
		{"LIO, by an address without its host", func(m *machine) {
			m.AddFile(core+"pscsi_7/x/info", []byte("SCSI Device Bus Location: Channel ID: 0 Target ID: 0 LUN: 1 Host ID: PHBA Mode\n"))
		}, "", []string{"unclear of sda is 01: pscsi_7/x"}},

		{"SCST, by its address", func(m *machine) { m.AddFile(scst+"0:0:0:1/type", []byte("0 - Direct-access device\n")) }, "", []string{"export of sda is 01: SCST 0:0:0:1"}},
		{"SCST, by name", func(m *machine) { m.AddFile(scst+"d0/filename", []byte("/srv/disk0\n[key]\n")) }, "", []string{"unclear of sda is 01: SCST d0 (/srv/disk0)"}},

		{"an io_uring, a device that has gone", func(m *machine) {
			m.process(300, "fio", firstNamespace)
			m.open(300, 3, "anon_inode:[io_uring]")
			m.AddFile("proc/300/fdinfo/3", []byte("UserFiles:\t1\n    0: /dev/sdq (deleted)\n"))
		}, "", []string{"opener of sdq is ?: io_uring, /dev/sdq (deleted) by fio"}},
		{"an io_uring, a node that was made", func(m *machine) {
			node(m)
			m.process(300, "fio", firstNamespace)
			m.open(300, 3, "anon_inode:[io_uring]")
			m.AddFile("proc/300/fdinfo/3", []byte("UserFiles:\t1\n    0: /srv/disk0\n"))
		}, "", []string{"opener of sda is 01: io_uring, /srv/disk0 by fio"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := withDisk()
			c.add(m)
			if err := m.Err(); err != nil {
				t.Fatal(err)
			}
			s, k := m.system(), loopKernel{m.kernel, map[string]string{}}
			if c.says != "?" {
				k.on["loop3"] = c.says
			}
			s.Kernel = k
			if diff := cmp.Diff(c.want, usesOf(observeSystem(t, s))); diff != "" {
				t.Error(diff)
			}
		})
	}
}
