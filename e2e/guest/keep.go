//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The first argument of a process that is to keep a device in use, and how.
const (
	holdWord   = "hold"
	threadWord = "hold-in-a-thread"
	mapWord    = "hold-in-memory"
	sentWord   = "hold-on-the-way"
)

// keepers take a device into use; what they return is kept alive.
var keepers = map[string]func(path string) (any, error){
	holdWord: func(path string) (any, error) { return os.OpenFile(path, os.O_RDWR, 0) },
	// The leader's list of open files does not have it.
	threadWord: func(path string) (any, error) {
		opened := make(chan error)
		go func() {
			runtime.LockOSThread()
			err := unix.Unshare(unix.CLONE_FILES)
			if err == nil {
				_, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
			}
			opened <- err
			for { // not in the runtime, which would make its poller here
				_ = unix.Pause()
			}
		}()
		return nil, <-opened
	},
	// No list of open files has it.
	mapWord: func(path string) (any, error) {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		memory, err := unix.Mmap(fd, 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
		return memory, errors.Join(err, unix.Close(fd))
	},
	// It lies in a socket, sent and not received.
	sentWord: func(path string) (any, error) {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			return nil, err
		}
		return pair, errors.Join(unix.Sendmsg(pair[0], []byte{0}, unix.UnixRights(fd), nil, 0), unix.Close(fd))
	},
}

// keep keeps a device in use until it is killed.
func keep(take func(string) (any, error), path string) int {
	kept, err := take(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println()
	for {
		time.Sleep(time.Hour)
		runtime.KeepAlive(kept)
	}
}
