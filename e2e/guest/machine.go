//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

var _ lxd.Machine = (*machine)(nil)

const (
	lxdDir = "/var/lib/lxd"
	// deviceWait is LXD's, for a device that should come. One that is known
	// not to come is waited for shortly: the clock of LXD's records moves on
	// by the full time.
	deviceWait = 30 * time.Second
	inVain     = 2 * time.Second
)

// machine is the real machine, as LXD uses one: the same programs with the
// same arguments, in the same order.
type machine struct {
	// number is the member's, from 1.
	number int
	// target is the array's name on the pool's transport, and portals are where
	// it is reached.
	target  string
	portals []string
	openers map[int]*exec.Cmd
	guard   *guard
	// daemon is a process that stands for LXD's, since the machine was made.
	daemon *exec.Cmd
	// own is the target that a second machine is to itself over NVMe.
	own *nvmeTarget
	// never is set while no new device comes.
	never bool
	// keeps is set while what LXD takes away stays: devices and sessions.
	keeps bool
	// failed is what could not be done in a call that returns no error.
	failed []error
}

func newMachine(number int) *machine {
	return &machine{number: number, openers: map[int]*exec.Cmd{}}
}

// install makes LXD's directory, and a process of its name.
func (m *machine) install() error {
	const program = lxdDir + "/lxd"
	err := steps("mkdir -p "+lxdDir, "chmod 711 "+lxdDir, "cp /bin/sleep "+program)()
	if err == nil {
		m.daemon = exec.Command(program, "infinity")
		err = m.daemon.Start()
	}
	if err != nil {
		return err
	}
	return os.WriteFile(lxdDir+"/server.uuid", []byte(m.serverUUID()+"\n"), 0o600)
}

// LXDPID is the number of LXD's process. RestartLXD leaves it as it is: the world's
// past is longer than the machine's, and in it LXD is killed and started.
func (m *machine) LXDPID() int { return m.daemon.Process.Pid }
func (m *machine) RestartLXD() {}

func (m *machine) note(err error) {
	if err != nil {
		m.failed = append(m.failed, err)
	}
}

// IQN is of the first machine what e2e/init gave to iscsid.
func (m *machine) IQN() string {
	return fmt.Sprintf("iqn.2004-10.com.ubuntu:01:e2e%09d", m.number)
}

func (m *machine) NQN() string { return "nqn.2014-08.org.nvmexpress:uuid:" + m.serverUUID() }

// serverUUID is LXD's on this member.
func (m *machine) serverUUID() string {
	return fmt.Sprintf("0198ccbf-f421-71bd-9bf0-d71e6af8e3%02d", m.number+7)
}

// Login logs in to the portals with which there is no session. One that
// refuses is left out; all must refuse for it to fail.
func (m *machine) Login(mode string) error {
	if mode == evidence.ModeNVMeTCP {
		return m.connect()
	}
	var failed []error
	for _, portal := range m.portals {
		node := []string{"--mode", "node", "--targetname", m.target, "--portal", portal}
		if _, err := sh("iscsiadm", append(node, "--op", "new")...); err != nil {
			return err
		}
		// 15: there is a session already.
		if _, err := sh("iscsiadm", append(node, "--login")...); err != nil && exitCode(errors.Unwrap(err)) != 15 {
			failed = append(failed, err)
		}
	}
	if len(failed) == len(m.portals) {
		return errors.Join(failed...)
	}
	return nil
}

func (m *machine) connect() error {
	var failed []error
	for _, portal := range m.portals {
		address, service, _ := strings.Cut(portal, ":")
		if slices.ContainsFunc(names("/sys/class/nvme/nvme*"), func(c string) bool {
			return strings.Contains(read("/sys/class/nvme/"+c+"/address"), "traddr="+address+",")
		}) {
			continue
		}
		_, err := sh("nvme", "connect", "--transport", "tcp", "--traddr", address, "--trsvcid", service,
			"--nqn", m.target, "--hostnqn", m.NQN(), "--hostid", m.serverUUID())
		if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) == len(m.portals) {
		return errors.Join(failed...)
	}
	return nil
}

func (m *machine) Logout(mode string) {
	if m.keeps {
		return
	}
	if mode == evidence.ModeNVMeTCP {
		_, err := sh("nvme", "disconnect", "--nqn", m.target)
		m.note(err)
		return
	}
	for _, op := range [][]string{{"--logout"}, {"--op", "delete"}} {
		_, err := sh("iscsiadm", append([]string{"--mode", "node", "--targetname", m.target}, op...)...)
		m.note(err)
	}
}

// RescanFirst scans the first session only, as LXD does. Without a session
// there is nothing to scan.
func (m *machine) RescanFirst() { m.note(m.rescanFirst(commandLimit)) }

func (m *machine) rescanFirst(limit time.Duration) error {
	sessions := names("/sys/class/iscsi_session/session*")
	if len(sessions) == 0 {
		return nil
	}
	_, err := shFor(limit, "iscsiadm", "--mode", "session", "--sid", strings.TrimPrefix(sessions[0], "session"), "--rescan")
	return err
}

// Rescan scans all sessions, as an administrator does.
func (m *machine) Rescan() error {
	if len(names("/sys/class/iscsi_session/session*")) == 0 {
		return nil
	}
	_, err := sh("iscsiadm", "--mode", "session", "--rescan")
	return err
}

// Settle scans all sessions, and waits until udev has done what there is to do.
func (m *machine) Settle() error {
	if err := m.Rescan(); err != nil {
		return err
	}
	_, err := sh("udevadm", "settle", "--timeout=30")
	return err
}

// Keep lets what LXD would take away stay, Never no new device come.
func (m *machine) Keep(keep bool)   { m.keeps = keep }
func (m *machine) Never(never bool) { m.never = never }

// Do runs a command, words separated by blanks.
func (m *machine) Do(command string) (string, error) {
	words := strings.Fields(command)
	return sh(words[0], words[1:]...)
}

// Trouble is what could not be done behind LXD's back.
func (m *machine) Trouble() error { return errors.Join(m.failed...) }

// Tell prints what may explain a failure.
func (m *machine) Tell() { tell() }

// Device waits for a volume's device, and has multipath make a map of a disk.
func (m *machine) Device(serial string) (dev string, ok bool) {
	wait, forced := deviceWait, false
	if m.never {
		wait = inVain
	}
	err := await(wait, "there is a device of "+serial, func() bool {
		dev, ok = m.device(serial)
		if strings.HasPrefix(dev, "sd") && !forced {
			// It fails while the disk is on its way into the map.
			_, err := sh("multipath", "/dev/"+dev)
			forced = err == nil
		}
		return ok
	})
	return dev, err == nil
}

// device is where a volume's name leads to: a namespace, a map with a path
// that works, or a disk, which is not enough.
func (m *machine) device(serial string) (dev string, ok bool) {
	lower := strings.ToLower(serial)
	eui := "/dev/disk/by-id/nvme-eui.00" + lower[:14] + "24a937" + lower[14:]
	if to, err := filepath.EvalSymlinks(eui); err == nil {
		return filepath.Base(to), true
	}
	to, err := filepath.EvalSymlinks("/dev/disk/by-id/scsi-3" + "624a9370" + lower)
	if err != nil {
		return "", false
	}
	dev = filepath.Base(to)
	slaves := names("/sys/block/" + dev + "/slaves/*")
	return dev, len(slaves) > 0 && read("/sys/block/"+slaves[0]+"/device/state") == "running"
}

// DevicesOf lists what sysfs shows of a volume.
func (m *machine) DevicesOf(serial string) []string { return m.devices()[strings.ToUpper(serial)] }

// identity is how sysfs spells a FlashArray's volume: of a disk, a map and a
// namespace.
var identity = regexp.MustCompile(`^(?:naa\.|mpath-3|part\d+-mpath-3)624a9370([0-9a-f]{24})$|^eui\.00([0-9a-f]{14})24a937([0-9a-f]{10})$`)

// devices lists what sysfs shows of all volumes, by serial.
func (m *machine) devices() map[string][]string {
	found := map[string][]string{}
	for _, name := range names("/sys/block/*") {
		dir := "/sys/block/" + name
		for _, file := range []string{"/device/wwid", "/wwid", "/dm/uuid"} {
			if part := identity.FindStringSubmatch(read(dir + file)); part != nil {
				serial := strings.ToUpper(part[1] + part[2] + part[3])
				found[serial] = append(found[serial], name)
				break
			}
		}
	}
	return found
}

// Follow has nothing to do: the machine follows by itself.
func (m *machine) Follow() {}

// Gone waits for a device to go, as LXD does.
func (m *machine) Gone(serial, name string) bool {
	return m.keeps || await(deviceWait, name+" has gone", func() bool { return !slices.Contains(m.DevicesOf(serial), name) }) == nil
}

// RemoveDevice flushes the map and deletes its paths.
func (m *machine) RemoveDevice(serial string) error {
	if err := m.FlushMap(serial); err != nil {
		return err
	}
	for _, name := range m.DevicesOf(serial) {
		if err := m.DeletePath(name); err != nil {
			return err
		}
	}
	return nil
}

// unmanaged is what multipath-tools says from 0.9.8 on of a map that multipathd
// does not know: before 0.12 that is one which could not be given to it whole,
// as a path was offline when it was made. Earlier ones ask the kernel instead.
const unmanaged = "device not found"

func (m *machine) FlushMap(serial string) error {
	if m.keeps {
		return nil
	}
	for _, name := range m.DevicesOf(serial) {
		if !strings.HasPrefix(name, "dm-") {
			continue
		}
		var err error
		for range 10 {
			out, failed := sh("multipath", "-f", "/dev/"+name)
			if err = failed; err == nil {
				break
			}
			if strings.Contains(out, unmanaged) {
				// As an administrator has to.
				_, _ = sh("multipathd", "add", "map", read("/sys/block/"+name+"/dm/name"))
			}
			time.Sleep(500 * time.Millisecond)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) DeletePath(name string) error {
	if m.keeps || !strings.HasPrefix(name, "sd") {
		return nil
	}
	// While udev still reads the map, multipathd can't take it away with its
	// last path, and a map without paths stays: LXD 6.3 is not our subject.
	if _, err := sh("udevadm", "settle", "--timeout=30"); err != nil {
		return err
	}
	if err := write("/sys/block/"+name+"/device/delete", "1"); err != nil {
		return err
	}
	return await(30*time.Second, name+" has gone", func() bool { return !exists("/sys/block/" + name) })
}

// Mount mounts a volume, and first makes a filesystem if there is none.
func (m *machine) Mount(serial, where string, _ host.Where) error {
	dev, ok := m.Device(serial)
	if !ok {
		return fmt.Errorf("volume %s has no device to mount", serial)
	}
	if _, err := sh("blkid", "-p", "/dev/"+dev); err != nil {
		if _, err := sh("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0", "/dev/"+dev); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(where, 0o711); err != nil {
		return err
	}
	_, err := sh("mount", "-t", "ext4", "/dev/"+dev, where)
	return err
}

func (m *machine) Unmount(where string) error {
	_, err := sh("umount", where)
	return err
}

// Mounts are those of our own namespace below LXD's directory.
func (m *machine) Mounts() []host.Mount {
	var found []host.Mount
	for line := range strings.Lines(read("/proc/self/mountinfo") + "\n") {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasPrefix(fields[4], lxdDir+"/") {
			continue
		}
		name := ""
		if to, err := os.Readlink("/sys/dev/block/" + fields[2]); err == nil {
			name = filepath.Base(to)
		}
		found = append(found, host.Mount{Device: name, Dev: fields[2], Path: fields[4], Gone: name == ""})
	}
	return found
}

func (m *machine) MountPath(pool, kind, name string) string {
	return filepath.Join(lxdDir, "storage-pools", pool, kind, name)
}

func (m *machine) MakeDirectory(pool, kind, name string) {
	m.note(os.MkdirAll(m.MountPath(pool, kind, name), 0o711))
}

func (m *machine) RemoveDirectory(pool, kind, name string) {
	m.note(os.Remove(m.MountPath(pool, kind, name)))
}

// Open starts a process that keeps a volume's device open. pid is what the
// records call it, not its number.
func (m *machine) Open(serial, name string, pid int) error {
	dev, ok := m.Device(serial)
	if !ok {
		return fmt.Errorf("volume %s has no device to open", serial)
	}
	holder, err := holdAs(holdWord, name, "/dev/"+dev)
	if err == nil {
		m.openers[pid] = holder
	}
	return err
}

func (m *machine) Close(pid int) {
	if holder := m.openers[pid]; holder != nil {
		delete(m.openers, pid)
		m.note(unhold(holder))
	}
}

// InUse asks the kernel: what is mounted or held can't be opened exclusively.
func (m *machine) InUse(serial string) bool {
	for _, name := range m.DevicesOf(serial) {
		out, err := sh("dmsetup", "info", "-c", "--noheadings", "-o", "open", "/dev/"+name)
		if open, bad := strconv.Atoi(strings.TrimSpace(out)); err == nil && bad == nil && open > 0 {
			return true
		}
		if strings.HasPrefix(name, "nvme") && (len(names("/sys/fs/*/"+name)) > 0 || len(names("/sys/block/"+name+"/holders/*")) > 0) {
			return true
		}
	}
	return false
}

// holdAs starts this program as one that keeps a file in use, under the name and in
// one of the ways of keepers.
func holdAs(word, name, path string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Args = []string{name, word, path}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	// It says so when it has it.
	if _, err := out.Read(make([]byte, 1)); err != nil {
		return nil, fmt.Errorf("%s did not open %s: %w", name, path, err)
	}
	return cmd, nil
}

// unhold ends a process that was started by holdAs.
func unhold(cmd *exec.Cmd) error {
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait() // it was killed
	return nil
}
