package kernel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"
)

const marker = "pureclean-test-marker"

// needNamespaces skips where this process may not make mount namespaces.
func needNamespaces(t *testing.T) {
	t.Helper()
	out, err := exec.Command("unshare", "--mount", "true").CombinedOutput()
	if err != nil {
		t.Skipf("making a mount namespace is not permitted here (needs root and util-linux): %v: %s", err, out)
	}
}

// The namespace of a process, which shows a mount that ours does not.
func TestMountInfoOfAnotherNamespace(t *testing.T) {
	needNamespaces(t)
	// The child ends when its standard input does.
	child := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs `+marker+` "$1" && echo ready && cat`, "sh", t.TempDir())
	child.Stderr = os.Stderr
	hold, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = hold.Close()
		_ = child.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	before := ownNamespace(t)
	info, err := Live().MountInfo(t.Context(), fmt.Sprintf("/proc/%d/ns/mnt", child.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(info), "- tmpfs "+marker) {
		t.Errorf("the child's mount is missing in:\n%s", info)
	}
	nobodyMoved(t, before)
}

// The namespace that no process is in, kept alive by an nsfs bind only: how
// snapd keeps the one in which LXD mounts volumes.
func TestMountInfoOfABoundNamespace(t *testing.T) {
	needNamespaces(t)
	if dir := os.Getenv("PURECLEAN_TEST_BOUND"); dir != "" {
		insideBoundNamespace(t, dir)
		return
	}
	// All mounts are made in a namespace that goes with this process.
	child := exec.Command("unshare", "--mount", "--propagation", "private",
		os.Args[0], "-test.run=^TestMountInfoOfABoundNamespace$", "-test.v")
	child.Env = append(os.Environ(), "PURECLEAN_TEST_BOUND="+t.TempDir())
	out, err := onOneCPU(t, child.CombinedOutput)
	if err != nil || !strings.Contains(string(out), "--- PASS: TestMountInfoOfABoundNamespace") {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// onOneCPU runs a command and its children on one processor. The kernel binds
// only a namespace that is younger than the one it is bound in, and since
// 6.18 tells that by numbers that each processor gives out on its own.
func onOneCPU(t *testing.T, run func() ([]byte, error)) ([]byte, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.SchedSetaffinity(0, &before); err != nil {
			t.Error(err)
		}
	}()
	return run()
}

func insideBoundNamespace(t *testing.T, dir string) {
	bound := filepath.Join(dir, "lxd.mnt")
	for _, dir := range []string{filepath.Join(dir, "volume"), filepath.Join(dir, "empty")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(bound, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Without /proc, as a namespace may be made.
	out, err := exec.Command("unshare", "--mount="+bound, "--propagation", "private", "sh", "-c",
		`mount -t tmpfs `+marker+` "$1"/volume && umount -l /proc`, "sh", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := ownNamespace(t)
	for range 3 {
		info, err := Live().MountInfo(t.Context(), bound)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(info), "- tmpfs "+marker) {
			t.Errorf("the hidden mount is missing in:\n%s", info)
		}
		nobodyMoved(t, before)
	}
}

func ownNamespace(t *testing.T) string {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	return own
}

// nobodyMoved checks that this process, and whatever thread runs its
// goroutines, is still where it was.
func nobodyMoved(t *testing.T, want string) {
	t.Helper()
	if got := ownNamespace(t); got != want {
		t.Errorf("the process is in %s and was in %s", got, want)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			got, err := os.Readlink("/proc/thread-self/ns/mnt")
			if err != nil || got != want {
				t.Errorf("a thread is in %s and was in %s (%v)", got, want, err)
			}
		})
	}
	all.Wait()
}

func TestSpareThreadIsNeverTheFirst(t *testing.T) {
	const many = 50
	var all, together sync.WaitGroup
	together.Add(many)
	var mu sync.Mutex
	threads := map[int]bool{}
	for range many {
		all.Go(func() {
			onSpareThread(func() {
				mu.Lock()
				threads[unix.Gettid()] = true
				mu.Unlock()
				// All at once, so that each needs a thread of its own.
				together.Done()
				together.Wait()
			})
		})
	}
	all.Wait()
	if len(threads) != many {
		t.Errorf("%d threads for %d", len(threads), many)
	}
	if threads[unix.Getpid()] {
		t.Error("the first thread was one of them")
	}
}

func TestMountInfoErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	before := ownNamespace(t)
	for _, test := range []struct {
		name, path string
		is         error
	}{
		{"missing", filepath.Join(dir, "missing"), fs.ErrNotExist},
		{"a plain file", file, unix.EINVAL},
		{"a fifo, which must not be waited for", fifo, unix.EINVAL},
		{"another kind of namespace", "/proc/self/ns/net", unix.EINVAL},
	} {
		t.Run(test.name, func(t *testing.T) {
			info, err := Live().MountInfo(t.Context(), test.path)
			if err == nil || info != nil || errors.Is(err, context.DeadlineExceeded) ||
				!strings.Contains(err.Error(), test.path) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%q, %v", info, err)
			}
		})
	}
	nobodyMoved(t, before)
}

func TestMountInfoWithoutRights(t *testing.T) {
	l := &live{timeout: defaultTimeout, enter: func(string) ([]byte, error) {
		return nil, fmt.Errorf("setns: %w", unix.EPERM)
	}}
	_, err := l.MountInfo(t.Context(), "/run/snapd/ns/lxd.mnt")
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "/run/snapd/ns/lxd.mnt can be entered only by root") {
		t.Error(err)
	}
}

func TestMountInfoIsNeverEmpty(t *testing.T) {
	l := &live{timeout: defaultTimeout, enter: func(string) ([]byte, error) { return nil, nil }}
	if info, err := l.MountInfo(t.Context(), "/x"); err == nil || info != nil {
		t.Errorf("%q, %v", info, err)
	}
}

func TestArrivedTellsNamespacesApart(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	descriptor := func(path string) int {
		fd, err := open(path, unix.O_RDONLY|unix.O_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	self := descriptor("/proc/thread-self")
	if err := arrived(descriptor("/proc/thread-self/ns/mnt"), self); err != nil {
		t.Error(err)
	}
	if err := arrived(descriptor("/proc/thread-self/ns/net"), self); err == nil {
		t.Error("took a network namespace for the thread's mount namespace")
	}
	// What can't be looked at is no namespace.
	if err := arrived(-1, self); !errors.Is(err, unix.EBADF) {
		t.Errorf("no namespace: %v", err)
	}
	if err := arrived(descriptor("/proc/thread-self/ns/mnt"), -1); !errors.Is(err, unix.EBADF) {
		t.Errorf("no thread: %v", err)
	}
}

func TestMountInfoThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unblock := make(chan struct{})
		entered := 0
		l := &live{timeout: defaultTimeout, enter: func(path string) ([]byte, error) {
			if entered++; path == "/hangs" {
				<-unblock
			}
			return nil, io.EOF
		}}
		for range 3 {
			if _, err := l.MountInfo(t.Context(), "/hangs"); !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errStillOut) {
				t.Error(err)
			}
		}
		synctest.Wait()
		if entered != 1 {
			t.Errorf("%d threads hang", entered)
		}
		if _, err := l.MountInfo(t.Context(), "/other"); !errors.Is(err, io.EOF) {
			t.Errorf("another namespace: %v", err)
		}
		close(unblock)
		synctest.Wait()
		if _, err := l.MountInfo(t.Context(), "/hangs"); !errors.Is(err, io.EOF) {
			t.Errorf("after it came back: %v", err)
		}
	})
}

// What is not read to its end says nothing of what is mounted.
func TestReadAt(t *testing.T) {
	path := t.TempDir()
	file := filepath.Join(path, "mountinfo")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, mountInfoLimit+1)); err != nil {
		t.Fatal(err)
	}
	dir, err := open(path, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(dir)
	for _, name := range []string{".", "mountinfo", "missing"} {
		if data, err := readAt(dir, name); err == nil || data != nil {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}
