package records

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// What an instance names by a path may be a volume, and LXD keeps no account of it.
func TestPathsOfInstances(t *testing.T) {
	const wwn = "/dev/disk/by-id/wwn-0x624a93702f0e3a7d9cecd05100011015"
	for _, c := range []struct {
		name   string
		device object
		config object
		want   []string
	}{
		{"a disk", object{"type": "disk", "source": wwn}, nil, []string{"x " + wwn}},
		{"a disk through the snap's own view", object{"type": "disk", "source": evidence.SnapHostFS + wwn}, nil, []string{"x " + evidence.SnapHostFS + wwn}},
		{"a disk by a long way", object{"type": "disk", "source": "/srv/../dev/sdb"}, nil, []string{"x /srv/../dev/sdb"}},
		{"a disk in a process's view", object{"type": "disk", "source": "/proc/1/root" + wwn}, nil, []string{"x /proc/1/root" + wwn}},
		{"a disk in a process's view, by its kernel's name", object{"type": "disk", "source": "/proc/self/root/dev/sdb"}, nil, []string{"x /proc/self/root/dev/sdb"}},
		{"a link that has the disk's name", object{"type": "disk", "source": "/srv/disks/wwn-0x624a93702f0e3a7d9cecd05100011015"}, nil, []string{"x /srv/disks/wwn-0x624a93702f0e3a7d9cecd05100011015"}},
		{"LXD's own directory", object{"type": "disk", "source": "/var/lib/lxd/storage-pools/fast/custom/web_data"}, nil, []string{"x /var/lib/lxd/storage-pools/fast/custom/web_data"}},
		{"another directory", object{"type": "disk", "source": "/srv/mail"}, nil, nil},
		{"a volume of a pool", object{"type": "disk", "pool": "fast", "source": "data"}, nil, nil},
		{"a block device", object{"type": "unix-block", "source": "/dev/sdb", "path": "/dev/xvda"}, nil, []string{"x /dev/sdb"}},
		{"a block device by its own name", object{"type": "unix-block", "path": "/dev/sdb"}, nil, []string{"x /dev/sdb"}},
		{"a block device by its number", object{"type": "unix-block", "path": "/dev/sdb", "major": "8", "minor": "32"}, nil, []string{"x 8:32"}},
		{"a block device by both", object{"type": "unix-block", "source": "/dev/sdb", "major": "8", "minor": "32"}, nil, []string{"x 8:32", "x /dev/sdb"}},
		{"a block device by half a number", object{"type": "unix-block", "path": "/dev/sdb", "minor": "32"}, nil, []string{"x :32"}},
		{"a block device that says nothing", object{"type": "unix-block"}, nil, []string{"x "}},
		{"a character device", object{"type": "unix-char", "path": "/dev/sg3"}, nil, nil},
		{"QEMU's", nil, object{"raw.qemu": "-drive file=" + wwn + ",if=none -drive file=/dev/dm-3,format=raw"}, []string{"raw.qemu /dev/disk/by-id/wwn-0x624a93702f0e3a7d9cecd05100011015", "raw.qemu /dev/dm-3"}},
		{"QEMU's, in a process's view", nil, object{"raw.qemu": "-drive file=/proc/1/root" + wwn}, []string{"raw.qemu /proc/1/root" + wwn}},
		{"QEMU's configuration", nil, object{"raw.qemu.conf": "[drive]\nfile = \"/dev/mapper/mpathc\"\n"}, []string{"raw.qemu.conf /dev/mapper/mpathc"}},
		{"liblxc's", nil, object{"raw.lxc": "lxc.mount.entry = /dev/mapper/mpathc mnt none bind\nlxc.cgroup2.devices.allow = b 252:3 rwm"}, []string{"raw.lxc /dev/mapper/mpathc", "raw.lxc 252:3"}},
		{"what is no block device", nil, object{"raw.lxc": "lxc.mount.entry = /dev/kvm dev/kvm none bind\nlxc.mount.entry = /dev/dri/card0 dev/dri/card0 none bind\nlxc.cgroup2.devices.allow = c 10:232 rwm"}, nil},
		{"what may only be opened", nil, object{"raw.apparmor": "/dev/sdb rw,"}, nil},
		{"somebody's note", nil, object{"user.disk": "its data is on " + wwn + "."}, []string{"user.disk " + wwn}},
		{"a guest's own settings", nil, object{"user.user-data": "fs_setup: [{device: /dev/sdb}]", "cloud-init.user-data": "device: /dev/sdb"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			metadata := cluster(t)
			db := row(t, metadata[atInstances], "db")
			if c.device != nil {
				db["expanded_devices"].(object)["x"] = c.device
			}
			if c.config != nil {
				db["expanded_config"] = c.config
			}
			out, _ := observe(t, metadata)
			var got []string
			for _, inst := range out.Instances.Items {
				for _, p := range inst.Paths {
					if inst.Name != "db" {
						t.Errorf("%s has %v", inst.Name, p)
					}
					got = append(got, p.Device+" "+p.Path)
				}
			}
			want := append([]string{}, c.want...)
			if diff := cmp.Diff(want, append([]string{}, got...)); diff != "" {
				t.Error(diff)
			}
			if why := out.Instances.Why(); why != "" {
				t.Error(why)
			}
		})
	}
}
