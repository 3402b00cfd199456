//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/pureclean/pureclean/simulator/array"
)

// lingering is how long a slow array goes on showing a volume.
const lingering = 10 * time.Second

// cut makes the nth portal unreachable until it is released.
func (r *rig) cut(n int) error {
	return r.cutFrom(r.machine, func(cut bool) error {
		if r.nvme != nil {
			return r.nvme.cut(n, cut)
		}
		return r.scsi.cut(n, cut)
	})
}

func (r *rig) cutFrom(m member, do func(cut bool) error) error {
	if err := do(true); err != nil {
		return err
	}
	r.releases = append(r.releases, func() error {
		if err := do(false); err != nil {
			return err
		}
		r.still = false
		return await(120*time.Second, "all paths are up again", m.AllUp)
	})
	return await(90*time.Second, "the path through the portal is down", func() bool { return m.Down() > 0 })
}

// Cut makes the nth portal unreachable from the second machine: over NVMe it is
// its own target, over iSCSI the first one's is behind a route.
func (m *machine) Cut(n int, cut bool) error {
	if m.own != nil {
		return m.own.cut(n, cut)
	}
	if cut {
		return steps("ip route replace blackhole " + hostOf(m.portals[n]))()
	}
	return steps("ip route del blackhole "+hostOf(m.portals[n]), m.routeTo(n))()
}

// Down counts sessions and controllers that are not connected.
func (m *machine) Down() int {
	down := 0
	for _, s := range names("/sys/class/iscsi_session/session*") {
		if read("/sys/class/iscsi_session/"+s+"/state") != "LOGGED_IN" {
			down++
		}
	}
	for _, c := range names("/sys/class/nvme/nvme*") {
		if read("/sys/class/nvme/"+c+"/state") != "live" {
			down++
		}
	}
	return down
}

// AllUp reports that all paths work, as multipathd sees them.
func (m *machine) AllUp() bool {
	status, err := sh("dmsetup", "status", "--target", "multipath")
	return err == nil && m.Down() == 0 && !strings.Contains(status, " F ")
}

func portalCut(r *rig) error { return r.cut(1) }

// portalCutThere cuts the second member off from a portal.
func portalCutThere(r *rig) error {
	return r.cutFrom(r.second, func(cut bool) error { return errorOf(r.second.call("Cut", 1, cut)) })
}

// onlyPathCut leaves the leak with one path, that of the first session, which
// is the only one that LXD scans; and then without.
func onlyPathCut(r *rig) error {
	if err := leakAttached(r); err != nil {
		return err
	}
	leak := r.leaks()[0]
	paths := r.paths(leak)
	if len(paths) != 1 {
		return fmt.Errorf("the leak has the paths %v", paths)
	}
	r.still = true
	at, err := os.Readlink("/sys/block/" + paths[0])
	if err != nil {
		return err
	}
	for n := range r.scsi.portals {
		if strings.Contains(at, "/"+r.scsi.sessionOf(n)+"/") {
			return all(func() error { return r.cut(n) }, func() error { return r.pathsFail(leak) })
		}
	}
	return errors.New("the path belongs to no session")
}

// sessionOf is the session through the nth portal.
func (t *scsiTarget) sessionOf(n int) string {
	address, _, _ := strings.Cut(t.portals[n], ":")
	for _, c := range names("/sys/class/iscsi_connection/connection*") {
		if read("/sys/class/iscsi_connection/"+c+"/persistent_address") == address {
			session, _, _ := strings.Cut(strings.TrimPrefix(c, "connection"), ":")
			return "session" + session
		}
	}
	return "none"
}

// workingPath is a path in device-mapper's status that has not failed. Its group
// may be the active one all the same, as on kernel 6.12.
var workingPath = regexp.MustCompile(`\d+:\d+ A `)

// pathsFail waits until multipathd has seen that no path of the volume works.
// A namespace has gone by then.
func (r *rig) pathsFail(v array.Volume) error {
	return await(90*time.Second, "no path of "+v.Serial+" works", func() bool {
		for _, name := range r.machine.DevicesOf(v.Serial) {
			if strings.HasPrefix(name, "nvme") {
				return false
			}
			if !strings.HasPrefix(name, "dm-") {
				continue
			}
			status, err := sh("dmsetup", "status", "/dev/"+name)
			if err != nil || !strings.Contains(status, " F ") || workingPath.MatchString(status) {
				return false
			}
		}
		return true
	})
}

// queueing lets I/O wait for a path for ever, and takes all from the leak. The
// program that is to wait may do so before the reader has begun: udev looks at what fails.
func queueing(r *rig, program string, reader func(dev string) error) error {
	settings := "defaults {\n\tuser_friendly_names yes\n\tno_path_retry queue\n}\n"
	if err := os.WriteFile("/etc/multipath.conf", []byte(settings), 0o644); err != nil {
		return err
	}
	defer func() { r.still = true }()
	if err := steps("multipathd reconfigure")(); err != nil {
		return err
	}
	return leakAnd(func(r *rig, leak array.Volume) error {
		dev, err := r.device(leak)
		if err != nil {
			return err
		}
		if err := arrayFirst(r, leak); err != nil {
			return err
		}
		if err := reader(dev); err != nil {
			return err
		}
		return await(30*time.Second, program+" waits", func() bool {
			for task := range maps.Values(stuck()) {
				if strings.HasPrefix(task, program+" in ") {
					return true
				}
			}
			return false
		})
	})(r)
}

func queueingReader(r *rig) error {
	return queueing(r, "dd", func(dev string) error {
		cmd := exec.Command("dd", "if="+dev, "of=/dev/null", "bs=4096", "count=1", "iflag=direct")
		if err := cmd.Start(); err != nil {
			return err
		}
		name := strings.TrimPrefix(dev, "/dev/")
		r.releases = append(r.releases, func() error {
			if _, err := sh("multipathd", "disablequeueing", "map", read("/sys/block/"+name+"/dm/name")); err != nil {
				return err
			}
			_ = cmd.Wait() // it could not read
			return nil
		})
		return nil
	})
}

func queueingUdev(r *rig) error {
	return queueing(r, "(udev-worker)", func(dev string) error {
		_, err := sh("udevadm", "trigger", "--action=change", "/sys/block/"+strings.TrimPrefix(dev, "/dev/"))
		return err
	})
}

// rescans does all that may bring a path back, until it is stopped. It leaves
// udev alone: while its workers have the volume open, a repair is refused.
func rescans(r *rig, stop <-chan struct{}) error {
	for n := 0; ; n++ {
		select {
		case <-stop:
			fmt.Printf("   scanned %d times meanwhile\n", n)
			return nil
		case <-time.After(200 * time.Millisecond):
		}
		_ = r.machine.Rescan() // a session may be at work
		if r.scsi != nil && n%8 == 7 {
			_, _ = sh("multipathd", "reconfigure")
		}
	}
}

// slowUdev keeps udev from its work for half a minute, by signals: told so with
// "udevadm control --start-exec-queue", it once did not go on at all.
func slowUdev(_ *rig, stop <-chan struct{}) error {
	if _, err := sh("pkill", "-STOP", "-x", "systemd-udevd"); err != nil {
		return err
	}
	select {
	case <-stop:
	case <-time.After(30 * time.Second):
	}
	_, err := sh("pkill", "-CONT", "-x", "systemd-udevd")
	<-stop
	return err
}
