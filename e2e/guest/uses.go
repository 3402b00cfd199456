//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/simulator/array"
)

// device is what somebody who uses a volume would name.
func (r *rig) device(v array.Volume) (string, error) {
	dev, ok := r.machine.Device(v.Serial)
	if !ok {
		return "", fmt.Errorf("volume %s has no device", v.Serial)
	}
	return "/dev/" + dev, nil
}

// use uses the leak's device until the scenario, or whoever blocked the
// repair, lets go of it.
func (r *rig) use(v array.Volume, take func(dev string) error, let func() error) error {
	dev, err := r.device(v)
	if err != nil {
		return err
	}
	if err := take(dev); err != nil {
		return err
	}
	r.releases = append(r.releases, let)
	return nil
}

// release lets go of all that is used.
func release(r *rig) error {
	err := r.letGo()
	_, unsettled := sh("udevadm", "settle", "--timeout=30")
	return errors.Join(err, unsettled)
}

// letGo is that without waiting for udev.
func (r *rig) letGo() error {
	releases := r.releases
	r.releases = nil
	var failed []error
	for _, let := range slices.Backward(releases) {
		failed = append(failed, let())
	}
	return errors.Join(failed...)
}

// steps runs commands, words separated by blanks, until one fails.
func steps(commands ...string) func() error {
	return func() error {
		for _, command := range commands {
			words := strings.Fields(command)
			if _, err := sh(words[0], words[1:]...); err != nil {
				return err
			}
		}
		return nil
	}
}

// mountedElsewhere mounts the leak in a namespace that only a file keeps, as
// snapd keeps the one of the LXD snap.
func mountedElsewhere(r *rig, leak array.Volume) error {
	const dir, space = "/run/e2e-ns", "/run/e2e-ns/lxd.mnt"
	return r.use(leak, func(dev string) error {
		return steps("mkdir -p "+dir, "mount --bind "+dir+" "+dir, "mount --make-private "+dir, "touch "+space,
			"unshare --mount="+space+" mount -t ext4 "+dev+" /mnt")()
	}, steps("umount "+space, "umount "+dir))
}

// mkfs makes a filesystem. The smallest XFS is larger than the volumes.
var mkfs = map[string]string{
	"ext4": "mkfs.ext4 -q -F -E nodiscard ", "xfs": "mkfs.xfs -q -f -K --unsupported ", "btrfs": "mkfs.btrfs -q -f -K ",
}

// mountedNowhere leaves the leak mounted in no namespace at all: a mount is
// copied to an open file, and unmounted. What the kernel shows of the
// filesystem itself is all that is left.
func mountedNowhere(filesystem string) func(*rig, array.Volume) error {
	return func(r *rig, leak array.Volume) error {
		var tree int
		return r.use(leak, func(dev string) error {
			make := steps(mkfs[filesystem] + dev)
			if filesystem == "vfat" {
				make = func() error { return fat(dev) }
			}
			err := make()
			if err == nil {
				err = steps("mount -t " + filesystem + " " + dev + " /mnt")()
			}
			if err != nil {
				return err
			}
			tree, err = unix.OpenTree(unix.AT_FDCWD, "/mnt", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			return errors.Join(err, steps("umount /mnt")())
		}, func() error { return unix.Close(tree) })
	}
}

func heldByLVM(r *rig, leak array.Volume) error {
	return r.use(leak, func(dev string) error {
		return steps("pvcreate -q -ff -y "+dev, "vgcreate -q e2e "+dev, "lvcreate -q -y -Wn -l 4 -n data e2e")()
	}, steps("vgchange -q -an e2e"))
}

func heldByCrypt(r *rig, leak array.Volume) error {
	return r.use(leak, func(dev string) error {
		if err := os.WriteFile("/run/e2e-key", []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
			return err
		}
		return steps("cryptsetup open --type plain --cipher aes-cbc-plain --key-size 256 --key-file /run/e2e-key " + dev + " e2e-secret")()
	}, steps("cryptsetup close e2e-secret"))
}

func heldByLoop(r *rig, leak array.Volume) error {
	return r.use(leak, func(dev string) error { return steps("losetup /dev/loop7 " + dev)() }, steps("losetup -d /dev/loop7"))
}

func swapped(r *rig, leak array.Volume) error {
	dev, err := r.device(leak)
	if err != nil {
		return err
	}
	return r.use(leak, func(string) error { return steps("mkswap "+dev, "swapon "+dev)() }, steps("swapoff "+dev))
}

// paths are the disks that lead to a volume.
func (r *rig) paths(v array.Volume) []string {
	return slices.DeleteFunc(r.machine.DevicesOf(v.Serial), func(name string) bool { return !strings.HasPrefix(name, "sd") })
}

func opened(r *rig, leak array.Volume) error {
	dev, err := r.device(leak)
	if err != nil {
		return err
	}
	return r.heldBy(holdWord, "backup", dev)
}

// heldAs keeps the leak in use where no process's own list of files shows it.
func heldAs(word string) func(*rig, array.Volume) error {
	return func(r *rig, leak array.Volume) error {
		dev, err := r.device(leak)
		if err != nil {
			return err
		}
		// A path that is no map's, for of a map device-mapper counts the openers.
		for _, name := range r.paths(leak) {
			dev = "/dev/" + name
		}
		return r.heldBy(word, "backup", dev)
	}
}

// fat is a filesystem of which sysfs knows nothing: twelve-bit FAT, sectors of
// 4096 bytes, which is what the namespaces have.
func fat(dev string) error {
	image := make([]byte, 9*4096)
	copy(image, []byte{
		0xeb, 0x3c, 0x90, 'e', '2', 'e', ' ', ' ', ' ', ' ', ' ',
		0, 0x10, // bytes in a sector
		1, 1, 0, 2, // sectors in a cluster, reserved; tables
		0, 2, 0, 0x10, // entries in the root; sectors
		0xf8, 2, 0, 1, 0, 1, 0,
	})
	copy(image[510:], []byte{0x55, 0xaa})
	for _, table := range []int{1, 3} {
		copy(image[table*4096:], []byte{0xf8, 0xff, 0xff})
	}
	file, err := os.OpenFile(dev, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(image)
	return errors.Join(err, file.Sync(), file.Close())
}

func pathOpened(r *rig, leak array.Volume) error {
	paths := r.paths(leak)
	if len(paths) == 0 {
		return errors.New("the leak has no path")
	}
	return r.heldBy(holdWord, "smartctl", "/dev/"+paths[0])
}

func (r *rig) heldBy(word, name, dev string) error {
	holder, err := holdAs(word, name, dev)
	if err != nil {
		return err
	}
	r.releases = append(r.releases, func() error { return unhold(holder) })
	return nil
}

// partitioned makes two partitions, with their maps where there is a map.
func partitioned(r *rig, leak array.Volume) error {
	dev, err := r.device(leak)
	if err != nil {
		return err
	}
	table := exec.Command("sfdisk", "--quiet", "--label", "gpt", dev)
	table.Stdin = strings.NewReader(",16M\n,16M\n")
	if out, err := table.CombinedOutput(); err != nil {
		return fmt.Errorf("sfdisk: %w: %s", err, out)
	}
	if r.nvme != nil {
		return nil
	}
	return steps("kpartx -a "+dev, "udevadm settle --timeout=30")()
}

// suspended lets udev alone while whatever it reads there would wait.
func suspended(r *rig, leak array.Volume) error {
	r.still = true
	return r.use(leak, func(dev string) error { return steps("dmsetup suspend --nolockfs --noflush " + dev)() },
		func() error {
			r.still = false
			for _, name := range r.machine.DevicesOf(leak.Serial) {
				if strings.HasPrefix(name, "dm-") {
					return steps("dmsetup resume /dev/" + name)()
				}
			}
			return nil
		})
}

func withoutMultipathd(_ *rig, _ array.Volume) error {
	if _, err := sh("pkill", "-x", "multipathd"); err != nil {
		return err
	}
	return await(20*time.Second, "multipathd has ended", func() bool {
		_, err := sh("pgrep", "-x", "multipathd")
		return err != nil
	})
}
