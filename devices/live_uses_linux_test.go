package devices_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/kernel"
	"github.com/pureclean/pureclean/evidence"
)

// holdsEnv makes the test binary a process that uses the device of that path
// in one way, until it is killed.
const holdsEnv = "PURECLEAN_TEST_HOLDS"

// holdForEver is such a process.
func holdForEver() {
	way, path, _ := strings.Cut(os.Getenv(holdsEnv), " ")
	fmt.Println(holders[way](path))
	for {
		_ = unix.Pause()
	}
}

func openRead(path string) (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) }

var holders = map[string]func(path string) error{
	"open": func(path string) error {
		_, err := openRead(path)
		return err
	},
	"thread": func(path string) error {
		opened := make(chan error)
		go func() {
			runtime.LockOSThread()
			err := unix.Unshare(unix.CLONE_FILES)
			if err == nil {
				_, err = openRead(path)
			}
			opened <- err
			for { // not in the runtime, which would make its poller here
				_ = unix.Pause()
			}
		}()
		return <-opened
	},
	"memory": func(path string) error {
		fd, err := openRead(path)
		if err != nil {
			return err
		}
		_, err = unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
		return errors.Join(err, unix.Close(fd))
	},
	"flight": func(path string) error {
		fd, err := openRead(path)
		if err != nil {
			return err
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return errors.Join(err, unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(fd), nil, 0), unix.Close(fd))
	},
}

// realProc is a machine of the tests with this machine's real processes.
type realProc struct{ fs.FS }

func (p realProc) of(name string) fs.FS {
	if name == "proc" || strings.HasPrefix(name, "proc/") {
		return os.DirFS("/")
	}
	return p.FS
}

func (p realProc) Open(name string) (fs.File, error)          { return p.of(name).Open(name) }
func (p realProc) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(p.of(name), name) }
func (p realProc) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(p.of(name), name) }
func (p realProc) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(p.of(name), name) }
func (p realProc) ReadLink(name string) (string, error)       { return fs.ReadLink(p.of(name), name) }

// loopDevice is a real block device that nothing else uses.
func loopDevice(t *testing.T) (path, number string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root makes loop devices")
	}
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", file).Output()
	if err != nil {
		t.Skipf("no loop device can be made here: %v", err)
	}
	path = strings.TrimSpace(string(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", path).Run() })
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return path, fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
}

// Real processes hold a real block device in each of the ways that their own
// list of open files does not show, and each is seen.
func TestRealHolders(t *testing.T) {
	if os.Getenv(holdsEnv) != "" {
		holdForEver()
	}
	path, number := loopDevice(t)
	m := newMachine()
	m.disk("sda", number, 1)
	s := m.system()
	s.FS, s.Kernel = realProc{m.FS}, kernel.Live()
	for _, way := range []string{"open", "thread", "memory", "flight"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestRealHolders$")
		cmd.Env = append(os.Environ(), holdsEnv+"="+way+" "+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "<nil>\n" {
			t.Fatalf("%s: %q, %v", way, line, err)
		}
		h := devices.Observe(t.Context(), s)
		seen := slices.ContainsFunc(h.Uses.Items, func(u evidence.Use) bool { return u.PID == cmd.Process.Pid && u.Device == "sda" }) ||
			strings.Contains(h.Uses.Why(), fmt.Sprintf("(pid %d)", cmd.Process.Pid))
		if !seen {
			t.Errorf("%s: not seen: %v, %s", way, usesOf(h), h.Uses.Why())
		}
		_, _ = cmd.Process.Kill(), cmd.Wait()
	}
}
