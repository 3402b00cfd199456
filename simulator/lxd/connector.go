package lxd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

const deviceWait = 30 * time.Second

// transport is how a pool's volumes reach a member.
type transport struct {
	mode string // as package evidence has it
	nvme bool
	// service is what the array calls it, initiator the member's name in it,
	// and hostName what LXD would name the member's array host.
	service, initiator, hostName string
}

func (r *run) transportOf(p Pool) transport {
	m := r.member
	if p.Config["pure.mode"] == "iscsi" {
		return transport{mode: evidence.ModeISCSI, service: "iscsi", initiator: m.Host.IQN(), hostName: m.Name + "-iscsi"}
	}
	return transport{mode: evidence.ModeNVMeTCP, nvme: true, service: "nvme-tcp", initiator: m.Host.NQN(), hostName: m.Name + "-" + r.behaviour.nvmeSuffix}
}

type device struct {
	// name is the kernel's; empty is no device.
	name   string
	serial string
}

// connect logs in where there is no session yet. Where there is, it only has
// the first one scanned: the others keep not knowing of a new volume. An NVMe
// controller needs no scan.
func (r *run) connect(t transport) error {
	if err := r.host("connect %s", t.mode); err != nil {
		return err
	}
	if !t.nvme {
		r.member.Host.RescanFirst()
	}
	return r.member.Host.Login(t.mode)
}

func (r *run) disconnect(t transport) error {
	if err := r.host("logout %s", t.mode); err != nil {
		return err
	}
	r.member.Host.Logout(t.mode)
	return nil
}

// findDevice looks for a volume's device, for 30 seconds if wait is set.
func (r *run) findDevice(serial string, wait bool) (device, error) {
	if !wait {
		if name := r.present(serial); name != "" {
			return device{name, serial}, nil
		}
		return device{}, worded("Device not found")
	}
	if err := r.host("wait %s", serial); err != nil {
		return device{}, err
	}
	name, ok := r.member.Host.Device(serial)
	if !ok {
		r.clock.Advance(deviceWait)
		if name, ok = r.member.Host.Device(serial); !ok {
			return device{}, context.DeadlineExceeded
		}
	}
	return device{name, serial}, nil
}

// present is the device that a volume's link leads to, without making it a
// map: the map if there is one, an NVMe namespace, or a single disk.
func (r *run) present(serial string) string {
	names := r.member.Host.DevicesOf(serial)
	for _, suits := range []func(string) bool{
		func(n string) bool { return strings.HasPrefix(n, "dm-") },
		func(n string) bool { return strings.HasPrefix(n, "nvme") && !strings.Contains(n, "c") },
		func(n string) bool { return strings.HasPrefix(n, "sd") },
	} {
		if i := slices.IndexFunc(names, suits); i >= 0 {
			return names[i]
		}
	}
	return ""
}

// removeDevice takes an iSCSI device off the member, as the version does it.
// An NVMe namespace goes by itself after the array's disconnect.
func (r *run) removeDevice(t transport, dev device) error {
	if dev.name == "" || t.nvme {
		return nil
	}
	if err := r.host("remove %s", dev.name); err != nil {
		return err
	}
	h := r.member.Host
	if r.behaviour.arrayFirst {
		for _, name := range h.DevicesOf(dev.serial) {
			if strings.HasPrefix(name, "sd") {
				if err := h.DeletePath(name); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := h.RemoveDevice(dev.serial)
	if err != nil {
		// Ten attempts, half a second apart.
		r.clock.Advance(5 * time.Second)
		err = h.RemoveDevice(dev.serial)
	}
	return err
}

// waitGone waits for a device to be gone that was there.
func (r *run) waitGone(t transport, v volume, dev device) error {
	if dev.name == "" || (!t.nvme && !r.behaviour.arrayFirst) {
		return nil
	}
	if err := r.host("wait-gone %s", dev.name); err != nil {
		return err
	}
	if r.member.Host.Gone(dev.serial, dev.name) {
		return nil
	}
	r.clock.Advance(deviceWait)
	if !r.member.Host.Gone(dev.serial, dev.name) {
		return worded("Timeout exceeded waiting for Pure Storage volume %q to disappear on path %q", v.name, dev.name)
	}
	return nil
}

func (r *run) mountPath(v volume) string {
	kind, name := v.directory()
	return r.member.Host.MountPath(v.pool, kind, name)
}

func (r *run) mounted(v volume) bool {
	path := r.mountPath(v)
	return slices.ContainsFunc(r.member.Host.Mounts(), func(m host.Mount) bool { return m.Path == path })
}

func (r *run) mount(v volume, dev device) error {
	if r.mounted(v) {
		return nil
	}
	if err := r.makeDirectory(v); err != nil {
		return err
	}
	if err := r.host("mount %s %s", dev.name, r.mountPath(v)); err != nil {
		return err
	}
	return r.member.Host.Mount(dev.serial, r.mountPath(v), host.LXDNamespace)
}

func (r *run) unmount(v volume) error {
	if err := r.host("unmount %s", r.mountPath(v)); err != nil {
		return err
	}
	return r.member.Host.Unmount(r.mountPath(v))
}

// makeDirectory makes the mount directory of a filesystem. Nothing but
// deleting the volume takes it away again.
func (r *run) makeDirectory(v volume) error {
	if v.content != evidence.ContentFilesystem {
		return nil
	}
	if err := r.host("mkdir %s", r.mountPath(v)); err != nil {
		return err
	}
	kind, name := v.directory()
	r.member.Host.MakeDirectory(v.pool, kind, name)
	return nil
}

func (r *run) removeDirectory(v volume) error {
	if v.content != evidence.ContentFilesystem {
		return nil
	}
	if err := r.host("rmdir %s", r.mountPath(v)); err != nil {
		return err
	}
	if r.mounted(v) {
		return worded("%q: device or resource busy", r.mountPath(v))
	}
	kind, name := v.directory()
	r.member.Host.RemoveDirectory(v.pool, kind, name)
	return nil
}
