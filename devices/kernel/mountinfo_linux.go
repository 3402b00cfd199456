package kernel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// mountInfoLimit bounds a namespace's mountinfo; a mount takes about 150
// bytes.
const mountInfoLimit = 64 << 20

// MountInfo implements devices.Kernel. The namespace is entered by one thread
// that ends with the question; no other thread sees it.
func (l *live) MountInfo(ctx context.Context, path string) ([]byte, error) {
	info, err := ask(ctx, l, "mount namespace "+path, func() ([]byte, error) {
		return l.enter(path)
	})
	if err == nil && len(info) == 0 {
		err = errors.New("it shows no mount, not even its root")
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("the mount namespace at %s can be entered only by root: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the mount namespace at %s can't be read: %w", path, err)
	}
	return info, nil
}

func mountInfoOf(path string) (info []byte, err error) {
	onSpareThread(func() { info, err = enterAndRead(path) })
	return info, err
}

// onSpareThread runs f on a thread that ends afterwards, whatever f did to
// it, and waits. Never on the process's first thread: that one can't end, and
// all of /proc/self would show what f made of it.
func onSpareThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// Keeps the first thread busy, so that the next try gets another.
			onSpareThread(f)
			runtime.UnlockOSThread()
			return
		}
		f() // still locked when the goroutine ends, which ends the thread
	}()
	<-done
}

// enterAndRead moves the calling thread into the mount namespace and reads
// its mountinfo. The thread is of no other use afterwards.
func enterAndRead(path string) ([]byte, error) {
	namespace, err := open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(namespace)
	// The thread's own directory, opened beforehand: the namespace may have
	// no /proc, or one that somebody else arranged. The self of /proc is the
	// process and would show the namespace that the other threads are in.
	self, err := open("/proc/thread-self", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(self)
	// Threads share their root and working directory, and the kernel moves
	// nobody who shares.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return nil, fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Setns(namespace, unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("setns: %w", err)
	}
	if err := arrived(namespace, self); err != nil {
		return nil, err
	}
	return readAt(self, "mountinfo")
}

// arrived checks that the thread is in the namespace that was opened.
func arrived(namespace, self int) error {
	var want, got unix.Stat_t
	if err := unix.Fstat(namespace, &want); err != nil {
		return fmt.Errorf("stat the namespace: %w", err)
	}
	if err := unix.Fstatat(self, "ns/mnt", &got, 0); err != nil {
		return fmt.Errorf("stat the thread's namespace: %w", err)
	}
	if want.Dev != got.Dev || want.Ino != got.Ino {
		return fmt.Errorf("the thread is in namespace %d and not in %d", got.Ino, want.Ino)
	}
	return nil
}

func readAt(dir int, name string) ([]byte, error) {
	fd, err := openAt(dir, name, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, mountInfoLimit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > mountInfoLimit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, mountInfoLimit)
	}
	return data, nil
}
