package host

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The inode numbers of the namespaces, as the kernel gives them at boot and
// after.
const (
	firstMountNS  = 4026531841
	lxdMountNS    = 4026532281
	hiddenMountNS = 4026532346
	firstPIDNS    = 4026531836
	firstUserNS   = 4026531837
)

func (w Where) inode() int {
	switch w {
	case LXDNamespace:
		return lxdMountNS
	case HiddenNamespace:
		return hiddenMountNS
	default:
		return firstMountNS
	}
}

// bindOf is where the first process sees the bind that keeps a namespace;
// empty when nothing keeps it. snapd keeps the snap's at lxd.mnt, and a hidden
// one takes the place of a user's.
func (h *Host) bindOf(w Where) string {
	switch {
	case w == LXDNamespace:
		return "/run/snapd/ns/lxd.mnt"
	case w == HiddenNamespace && h.mountedIn(HiddenNamespace):
		return "/run/snapd/ns/lxd.0.mnt"
	default:
		return ""
	}
}

func (h *Host) mountedIn(w Where) bool {
	return slices.ContainsFunc(h.mounts, func(m *mount) bool { return m.where == w })
}

// firstMounts is what the first process of a small Ubuntu server sees.
const firstMounts = `24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
25 24 0:22 / /proc rw,nosuid,nodev,noexec,relatime shared:2 - proc proc rw
26 24 0:21 / /sys rw,nosuid,nodev,noexec,relatime shared:3 - sysfs sysfs rw
27 24 0:5 / /dev rw,nosuid shared:9 - devtmpfs devtmpfs rw,size=4096k,nr_inodes=499663,mode=755,inode64
28 26 0:6 / /sys/kernel/security rw,nosuid,nodev,noexec,relatime shared:4 - securityfs securityfs rw
29 27 0:23 / /dev/shm rw,nosuid,nodev shared:10 - tmpfs tmpfs rw,inode64
31 27 0:24 / /dev/pts rw,nosuid,noexec,relatime shared:11 - devpts devpts rw,gid=5,mode=620,ptmxmode=000
32 24 0:25 / /run rw,nosuid,nodev shared:12 - tmpfs tmpfs rw,size=801428k,nr_inodes=819200,mode=755,inode64
34 26 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:6 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
42 26 0:33 / /sys/kernel/config rw,nosuid,nodev,noexec,relatime shared:20 - configfs configfs rw
`

// snapMounts is what a process of a snap sees: its base, which is on the
// machine's first loop device, and the host's directories bound into it.
const snapMounts = `600 599 7:0 / / ro,nodev,relatime master:30 - squashfs /dev/loop0 ro,errors=continue
601 600 0:5 / /dev rw,nosuid master:9 - devtmpfs devtmpfs rw,size=4096k,nr_inodes=499663,mode=755,inode64
602 600 0:22 / /proc rw,nosuid,nodev,noexec,relatime master:2 - proc proc rw
603 600 0:21 / /sys rw,nosuid,nodev,noexec,relatime master:3 - sysfs sysfs rw
604 600 0:25 / /run rw,nosuid,nodev master:12 - tmpfs tmpfs rw,size=801428k,nr_inodes=819200,mode=755,inode64
605 600 254:0 /var/snap /var/snap rw,relatime master:1 - ext4 /dev/vda rw,discard
606 600 254:0 / /var/lib/snapd/hostfs rw,relatime master:1 - ext4 /dev/vda rw,discard
`

func (h *Host) mountInfo(w Where) string {
	var out strings.Builder
	parent := 24
	switch {
	case w == FirstNamespace:
		out.WriteString(firstMounts)
		out.WriteString("61 32 0:25 /snapd/ns /run/snapd/ns rw,nosuid,nodev - tmpfs tmpfs rw,size=801428k,nr_inodes=819200,mode=755,inode64\n")
		for i, bound := range []Where{LXDNamespace, HiddenNamespace} {
			if at := h.bindOf(bound); at != "" {
				fmt.Fprintf(&out, "%d 61 0:4 mnt:[%d] %s rw - nsfs nsfs rw\n", 62+i, bound.inode(), at)
			}
		}
	default:
		parent = 605
		out.WriteString(snapMounts)
	}
	for _, m := range h.mounts {
		if m.where == w {
			fmt.Fprintf(&out, "%d %d %s / %s rw,relatime%s - ext4 /dev/%s rw,discard,stripe=8192\n",
				m.id, parent, m.dev(), escapeMount(m.path), h.propagation(m), m.name)
		}
	}
	return out.String()
}

// propagation is the optional field of a mount: shared on the host, private
// in a snap's namespace.
func (h *Host) propagation(m *mount) string {
	if m.where == FirstNamespace {
		return fmt.Sprintf(" shared:%d", m.id)
	}
	return ""
}

// escapeMount writes a path as mountinfo does, where white space ends a
// field.
func escapeMount(s string) string {
	return strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
}

const (
	pidInit       = 1
	pidKthreadd   = 2
	pidISCSI      = 731
	pidMultipathd = 742
	pidLXD        = 1893
	pidSelf       = 4242
)

// shown is a process as /proc shows it.
type shown struct {
	pid   int
	name  string
	state string // R, S, D …
	where Where
	files []*block
	// since is when it was started; zero is with the machine.
	since time.Time
}

func (h *Host) allProcesses() []shown {
	all := []shown{
		{pid: pidInit, name: "systemd", state: "S"},
		{pid: pidKthreadd, name: "kthreadd", state: "S"},
		{pid: pidISCSI, name: "iscsid", state: "S"},
	}
	if h.multipathd {
		// It keeps every path open to check it.
		daemon := shown{pid: pidMultipathd, name: "multipathd", state: "S"}
		for _, m := range h.maps {
			for _, p := range m.paths {
				daemon.files = append(daemon.files, &p.disk.block)
			}
		}
		all = append(all, daemon)
	}
	if h.lxdRuns {
		all = append(all, shown{pid: h.pidLXD(), name: "lxd", state: "S", since: h.lxdSince, where: LXDNamespace})
	}
	all = append(all, shown{pid: pidSelf, name: "pureclean", state: "R"})
	for _, m := range h.maps {
		if m.stuck {
			// It waits for its read of the map and hears no signal.
			all = append(all, shown{pid: 5000 + m.minor, name: "(udev-worker)", state: "D", files: []*block{&m.block}})
		}
	}
	for _, p := range h.processes {
		all = append(all, shown{pid: p.pid, name: p.name, state: "S", where: p.where, files: p.files})
	}
	return all
}
