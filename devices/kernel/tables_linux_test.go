package kernel

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
)

// A real thread with a file table of its own is told from one that shares it.
func TestSameFiles(t *testing.T) {
	tids, unblock := make(chan int), make(chan struct{})
	defer close(unblock)
	// hold runs one more thread until the test ends, never the process's first
	// one: that is the one compared with, and its files are the whole test's.
	var hold func(own bool)
	hold = func(own bool) {
		runtime.LockOSThread() // never unlocked: the thread ends
		if unix.Gettid() == os.Getpid() {
			go hold(own)
			<-unblock
			return
		}
		if own {
			if err := unix.Unshare(unix.CLONE_FILES); err != nil {
				t.Errorf("unshare: %v", err)
			}
		}
		tids <- unix.Gettid()
		<-unblock
	}
	thread := func(own bool) int {
		go hold(own)
		return <-tids
	}
	kernel, _ := Live().(devices.TableKernel)
	same, err := kernel.SameFiles(os.Getpid(), thread(false))
	if err != nil {
		t.Skipf("the kernel does not say here: %v", err)
	}
	if other, err := kernel.SameFiles(os.Getpid(), thread(true)); !same || other || err != nil {
		t.Errorf("shared: %v, its own: %v, %v", same, other, err)
	}
	if _, err := kernel.SameFiles(os.Getpid(), 1<<22); err == nil {
		t.Error("a thread that is not there has the same files")
	}
}
